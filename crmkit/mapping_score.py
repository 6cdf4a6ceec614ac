"""Counts how many columns the suggestions map right, over tables whose truth is known.

    python -m crmkit.mapping_score tests/data/headers --real ../shared/data

A corpus is a folder of TOML files: `tuned/`, `held_out/` and `later/` hold whole tables by language,
`real.toml` the truth for files that others wrote. Right is a column on a field that its truth names, or left open
where the truth has none; wrong is any other field; open is a field that was not suggested.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from crmkit import sources, staging, suggestions
from crmkit.database import in_memory
from crmkit.entities import SCHEMA
from crmkit.errors import SourceError

PARTS: Final = ("tuned", "held_out", "later", "real")
_NONE: Final = "-"


@dataclass(frozen=True)
class Table:
    """A table of the corpus.

    Attributes:
        part: `tuned`, `held_out`, `later` or `real`.
        kind: `contact`, `company`, `person`, `product`, or `other` for none of these.
        truth: Header -> the targets that are right, `-` for none; a header that is missing has none.
        path: The file.
    """

    name: str
    part: str
    language: str
    kind: str
    truth: dict[str, frozenset[str]]
    path: Path
    sheet: str | None = None


@dataclass(frozen=True)
class Answer:
    """What was suggested for one column, beside its truth."""

    table: Table
    header: str
    truth: frozenset[str]
    given: str
    reason: str

    @property
    def verdict(self) -> str:
        """`right`, `wrong` or `open`."""
        if (self.given or _NONE) in self.truth:
            return "right"
        return "wrong" if self.given else "open"

    @property
    def has_field(self) -> bool:
        """Whether the column must go somewhere."""
        return _NONE not in self.truth


@dataclass(frozen=True)
class Score:
    """Columns by what became of them; `fields` and `found` count those that must go somewhere."""

    columns: int
    right: int
    wrong: int
    open: int
    fields: int
    found: int

    @property
    def right_share(self) -> float:
        return self.right / self.columns if self.columns else 1.0

    @property
    def wrong_share(self) -> float:
        return self.wrong / self.columns if self.columns else 0.0

    @property
    def found_share(self) -> float:
        return self.found / self.fields if self.fields else 1.0


def score(answers: list[Answer]) -> Score:
    """Count some answers."""
    verdicts = [answer.verdict for answer in answers]
    with_field = [answer for answer in answers if answer.has_field]
    return Score(
        columns=len(answers),
        right=verdicts.count("right"),
        wrong=verdicts.count("wrong"),
        open=verdicts.count("open"),
        fields=len(with_field),
        found=sum(answer.verdict == "right" for answer in with_field),
    )


def corpus(folder: Path, written: Path, *, part: str) -> Iterator[Table]:
    """The tables of one part of a corpus; their rows are written as text files into a folder."""
    for source in sorted((folder / part).glob("*.toml")):
        for name, given in _read(source).items():
            headers, truths, *rows = zip(*given["columns"], strict=True)
            path = written / f"{name}.csv"
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([headers, *rows])
            truth = {h: _targets(t) for h, t in zip(headers, truths, strict=True)}
            yield Table(name, part, source.stem, given["kind"], truth, path)


def real_files(folder: Path, files: Path) -> Iterator[Table]:
    """The files that others wrote and whose truth the corpus has, as far as they are there."""
    for name, given in _read(folder / "real.toml").items():
        if not (files / name).is_file():
            continue
        truth = {header: _targets(text) for header, text in given.get("columns", {}).items()}
        sheet = given.get("sheet")
        yield Table(name, "real", "real", given["kind"], truth, files / name, sheet)


def answers(table: Table) -> list[Answer]:
    """What the suggestions say about every column of a table.

    Raises:
        SourceError: It cannot be read, or its headers are not those of its truth.
    """
    source = sources.inspect(table.path)
    layout = sources.detect_layout(source, table.sheet)
    schema = SCHEMA.subject("product" if table.kind == "product" else "company")
    with in_memory() as db:
        staged = staging.land(db, source, layout, progress=lambda _fraction, _text: None)
        mapping = suggestions.suggest(db, staged, schema)
    truth = table.truth
    if staged.reshaped:
        # Its columns are no longer the file's: any field that the file has is right.
        every = frozenset({_NONE}).union(*truth.values())
        truth = {column.header: every for column in staged.columns}
    elif missing := truth.keys() - {column.header for column in staged.columns}:
        raise SourceError(
            f"These headers of the truth are not in the file: {', '.join(sorted(missing))}.",
            where=table.name,
            mend="Mend the truth, or see why the file is read otherwise.",
        )
    return [
        Answer(
            table,
            column.header,
            truth.get(column.header, frozenset({_NONE})),
            entry.target or "",
            entry.reason,
        )
        for column, entry in zip(staged.columns, mapping.columns, strict=True)
    ]


def measure(folder: Path, files: Path, *, part: str) -> list[Answer]:
    """The answers for one part of a corpus.

    Raises:
        SourceError: A file of the corpus cannot be read, or its headers are not those of its truth.
    """
    with tempfile.TemporaryDirectory(prefix="crmkit-") as temporary:
        tables = (
            real_files(folder, files)
            if part == "real"
            else corpus(folder, Path(temporary), part=part)
        )
        return [answer for table in tables for answer in answers(table)]


def main() -> None:
    """Print the score of each part, by language and by kind, and on demand every fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path, help="folder of the corpus")
    parser.add_argument("--real", type=Path, default=Path(), help="folder of the real files")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument(
        "--faults", action="store_true", help="list what is not right; not held out"
    )
    arguments = parser.parse_args()
    heads = ["part", "tables of", "columns", "right", "wrong", "open", "right %", "fields found %"]
    sys.stdout.write(_line(heads))
    for part in arguments.parts:
        found = measure(arguments.corpus, arguments.real, part=part)
        for label, some in _groups(found):
            counted = score(some)
            numbers = [counted.columns, counted.right, counted.wrong, counted.open]
            shares = [f"{100 * s:.1f}" for s in (counted.right_share, counted.found_share)]
            sys.stdout.write(_line([part, label, *map(str, numbers), *shares]))
        if arguments.faults and part != "held_out":
            for answer in found:
                if answer.verdict != "right":
                    sys.stdout.write(_fault(answer))


def _groups(found: list[Answer]) -> Iterator[tuple[str, list[Answer]]]:
    for language in dict.fromkeys(answer.table.language for answer in found):
        yield language, [answer for answer in found if answer.table.language == language]
    for kind in dict.fromkeys(answer.table.kind for answer in found):
        yield kind, [answer for answer in found if answer.table.kind == kind]
    yield "all", found


def _fault(answer: Answer) -> str:
    return (
        f"    {answer.verdict}: {answer.table.name}, {answer.header}: "
        f"{answer.given or 'open'} for {' / '.join(sorted(answer.truth))} ({answer.reason})\n"
    )


def _line(cells: list[str]) -> str:
    return "  ".join(f"{cell:>14}" for cell in cells) + "\n"


def _targets(text: str) -> frozenset[str]:
    return frozenset(text.split(" / "))


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
