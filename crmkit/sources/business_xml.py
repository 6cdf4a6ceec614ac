"""Audit files and trade documents in XML: SAF-T, XAF, JPK and UBL, each table inside as a sheet.

They are read in a process of its own (see `workbook_child`), in one pass and without keeping the file
in memory.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from crmkit.errors import SourceError
from crmkit.limits import LABELS, USUAL, Limits
from crmkit.progress import Progress
from crmkit.sources import encodings, spreadsheet
from crmkit.sources.address_book import Written
from crmkit.sources.model import Sheet, Source, SourceKind

_STATED: Final = re.compile(r"\s*<\?xml[^>]*?\bencoding\s*=\s*[\"']([\w.-]+)")
_BEGINS: Final = re.compile(
    r"\s*<(\?xml|!--|!DOCTYPE|([\w.-]+:)?(AuditFile|auditfile|JPK|vcards?)[\s>])"
)
_KNOWN: Final = "SAF-T, XAF, JPK, UBL and xCard"


@dataclass(frozen=True)
class Heading:
    """A column, from left to right by its rank."""

    text: str
    known_as: str
    rank: int


def looks_like_xml(start: bytes) -> bool:
    """Whether a file begins as XML does."""
    return bool(_BEGINS.match(_decoded(start)))


def inspect(path: Path, *, encoding: str = "", country: str = "", limits: Limits = USUAL) -> Source:
    """An audit file's or a document's tables.

    Args:
        encoding: Where the user knows it better.
        country: Where the file probably comes from, as ISO code.

    Raises:
        SourceError: It is of another kind, damaged, too intricate, or has no such table.
    """
    encoding, note = _encoding(path, encoding, country)
    found = _run(path, limits, lambda _: None, encoding=encoding)
    notes = (note,) if note else ()
    if found["program"] == "vCard" and found["tables"]:
        return Source(
            path,
            SourceKind.XCARD,
            found["description"],
            (Sheet("", visible=True, rows=0, columns=0),),
            encoding,
            notes=notes,
            program=found["program"],
        )
    sheets = tuple(
        Sheet(
            table["name"],
            visible=True,
            rows=table["rows"],
            columns=0,
            holds="product" if table["product"] else "company",
        )
        for table in found["tables"]
    )
    if not sheets:
        raise SourceError(
            "There are no customers, suppliers or products in this file.",
            where=f"{path.name}, {found['description']}",
            mend="Export it with master data, or choose another file.",
        )
    return Source(
        path,
        SourceKind.XML,
        found["description"],
        sheets,
        encoding,
        notes=notes,
        program=found["program"],
        keyed=True,
    )


def write_text(source: Source, sheet: str, folder: Path, progress: Progress) -> Written:
    """Read a table and write two files for DuckDB: its rows, and what is set aside."""
    # In a zip of several files, a table is named with its file.
    table = sheet.removeprefix(f"{source.member}: ")
    rows, aside = folder / "rows.csv", folder / "aside.csv"
    done = _run(
        source.path,
        source.limits,
        lambda share: progress(share, f"Reading the {table.lower()}"),
        encoding=source.encoding,
        sheet=table,
        target=str(rows),
        aside=str(aside),
    )
    ranks = {place: rank for rank, (_, _, place) in enumerate(done["columns"])}
    by_place = sorted(done["columns"], key=lambda column: column[2])
    return Written(
        rows,
        aside,
        tuple(Heading(text, known_as, ranks[place]) for text, known_as, place in by_place),
        blank=0,
        rejected=done["rejected"],
        notes=(source.description, *done["notes"]),
    )


def as_lines(source: Source, folder: Path, progress: Progress) -> Source:
    """The contacts of an xCard file as jCards, one a line."""
    cards = folder / "cards.jsonl"
    _run(
        source.path,
        source.limits,
        lambda share: progress(share, "Reading the contacts"),
        kind="cards",
        encoding=source.encoding,
        target=str(cards),
    )
    return replace(source, path=cards)


def _run(path: Path, limits: Limits, report: Any, **task: Any) -> Any:
    message = spreadsheet.last_message(
        path, limits, report, {"kind": "business", "sparse": False, **task}
    )
    fault, detail = message.get("fault"), str(message.get("detail", ""))
    if fault is None:
        return message["result"]
    if fault == "unknown":
        raise SourceError(
            f"This file is an XML document whose first element is “{detail}”, which is not known here.",
            where=path.name,
            mend=f"Of XML, {_KNOWN} are read. Export the data as .xlsx or .csv and choose that file.",
        )
    if fault == "definitions":
        raise SourceError(
            "This XML file brings definitions of its own (DOCTYPE), which are not read: they can make"
            " a small file grow without end, or fetch others.",
            where=path.name,
            mend="Export it again without them; no audit file or invoice needs any.",
        )
    if fault == "xml":
        raise SourceError(
            "This XML file is damaged.",
            where=f"{path.name}, {detail}",
            mend="Export or download it again; if it stays so, ask the maker of the program.",
        )
    if fault in LABELS:
        raise limits.refusal(
            fault,
            where=path.name,
            mend="Export it again with master data only, or as .xlsx or .csv",
        )
    raise SourceError(
        "This XML file is too intricate or too large to read.",
        where=f"{path.name}{f', {detail}' if detail else ''}",
        mend="Export it again with master data only, or as .xlsx or .csv.",
    )


def _encoding(path: Path, chosen: str, country: str) -> tuple[str, str]:
    """What a file is in, and a note where that is not what it states."""
    if chosen:
        return encodings.check_encoding(chosen), ""
    with path.open("rb") as file:
        found = _STATED.match(_decoded(file.read(1024)))
    stated = found[1] if found else "utf-8"
    actual, _ = encodings.find_encoding(path, country)
    if _agree(path, _codec(stated), actual):
        # UTF-8 and the like are told from one another by their marks, old encodings only so.
        return (actual if actual.startswith("utf") else _codec(stated)), ""
    named = "Windows-1252" if actual == "cp1252" else actual.removesuffix("-sig").upper()
    return actual, f"the file states the encoding {stated} but is in {named}, and was read so"


def _agree(path: Path, stated: str, actual: str) -> bool:
    """Whether a file can be in the encoding that it states."""
    if actual.startswith("utf-8"):
        return stated == "utf-8" or (
            bool(stated) and not stated.startswith("utf") and _is_ascii(path)
        )
    if actual.startswith("utf"):
        return stated.startswith(actual[:6])
    return bool(stated) and not stated.startswith("utf")


def _codec(stated: str) -> str:
    """Python's name of an encoding; empty when it has none."""
    try:
        return codecs.lookup(stated).name
    except LookupError:
        return ""


def _is_ascii(path: Path) -> bool:
    return all(piece.isascii() for piece in encodings.pieces_of(path))


def _decoded(start: bytes) -> str:
    wide = start.startswith((b"\xff\xfe", b"\xfe\xff"))
    return start.decode("utf-16" if wide else "utf-8-sig", errors="replace")
