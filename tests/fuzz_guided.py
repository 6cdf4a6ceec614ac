"""The half of `make fuzz` that is led by coverage: an input that reaches new code is changed further.

It calls what parses bytes in Python, in its own process: files of contacts, delimited text, and audit
files and documents. `python -m tests.fuzz_guided SECONDS SEED FOLDER NAME`; needs atheris.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import atheris

# Only what is imported here is watched: nothing of crmkit may be imported before.
with atheris.instrument_imports(include=["crmkit.sources", "crmkit.workbook_child"]):
    from crmkit.limits import Limits
    from crmkit.sources import address_book, delimited
    from crmkit.workbook_child import business_xml
    from crmkit.workbook_child.task import FaultError, Task
    from tests.crm_kit import silent
    from tests.fuzz import LIMITS, Findings, seeds

_LONGEST = 16_384


def contacts(path: Path) -> None:
    """vCard, jCard, LDIF, saved answers of Microsoft and Google."""
    source = address_book.inspect(path)
    if source is not None:
        address_book.write_text(source, header_row=0, folder=path.parent, progress=silent)


def text(path: Path) -> None:
    """Encoding, delimiter and records of a text file."""
    source = replace(delimited.inspect(path), limits=LIMITS)
    delimited.has_quoted_cells(path, source.delimiter)
    delimited.write_text(source, header_row=1, width=4, folder=path.parent, progress=silent)


def document(path: Path) -> None:
    """Audit files, trade documents and xCard."""
    task = Task(str(path), False, Limits(), encoding="utf-8", target=str(path.parent / "rows.csv"))
    # It tells its progress on the standard output, for the process that asked.
    with contextlib.redirect_stdout(io.StringIO()):
        for table in business_xml.inspect(replace(task, target=""))["tables"]:
            aside = str(path.parent / "aside.csv")
            business_xml.write(replace(task, sheet=table["name"], aside=aside))


READERS: tuple[tuple[Callable[[Path], None], str, frozenset[str]], ...] = (
    (contacts, ".vcf", frozenset({".vcf", ".json", ".ldif"})),
    (text, ".csv", frozenset({".csv", ".txt", ".tsv"})),
    (document, ".xml", frozenset({".xml"})),
)
"""Each with an ending, and with the endings of its seeds. A run's first byte says which."""


def main() -> None:
    """Fuzz until the time is over, when libFuzzer ends the process."""
    seconds, seed, keep, name = sys.argv[1:]
    Path(keep).mkdir(parents=True, exist_ok=True)
    findings = Findings(Path(keep), name)
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    corpus = folder / "corpus"
    corpus.mkdir()
    endings = frozenset().union(*(each for _, _, each in READERS))
    for number, (content, suffix, _) in enumerate(seeds(endings)):
        for which, (_, _, endings) in enumerate(READERS):
            if suffix in endings and len(content) < _LONGEST:
                (corpus / str(number)).write_bytes(bytes([which]) + content)

    def one(data: bytes) -> None:
        reader, suffix, _ = READERS[data[0] % len(READERS) if data else 0]
        path = folder / f"any{suffix}"
        path.write_bytes(data[1:])
        findings.read(lambda: reader(path), data[1:], suffix, FaultError)

    given = [f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={_LONGEST}", "-timeout=60"]
    given += ["-rss_limit_mb=2000", f"-artifact_prefix={keep}/{name}-", str(corpus)]
    atheris.Setup([sys.argv[0], *given], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
