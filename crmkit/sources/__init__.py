"""Sources: recognised by content, each answers what is in it and gives its rows as text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from crmkit.errors import SourceError
from crmkit.sources import delimited, spreadsheet
from crmkit.sources.layout import find_header_row
from crmkit.sources.model import Landed, Layout, NumberedRow, Progress, Sheet, Source, SourceKind

__all__ = [
    "Landed",
    "Layout",
    "NumberedRow",
    "Progress",
    "Sheet",
    "Source",
    "SourceKind",
    "detect_layout",
    "first_rows",
    "inspect",
]

_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How a file begins that is a zip (xlsx, xlsb, ods) or an OLE container (xls, protected xlsx)."""

_OTHERS: Final = {
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"\x1f\x8b": "a packed file (gzip)",
    b"7z\xbc\xaf": "a packed file (7z)",
    b"Rar!": "a packed file (rar)",
    b"BZh": "a packed file (bzip2)",
    b"\xfd7zXZ": "a packed file (xz)",
    b"(\xb5/\xfd": "a packed file (zstd)",
    b"SQLite format 3": "a SQLite database",
    b"!BDN": "an Outlook data file (.pst)",
    b"{\\rtf": "a text document (RTF)",
    b"BEGIN:VCARD": "a list of vCards",
    b"BEGIN:VCALENDAR": "a calendar",
    b"<!doctype html": "a web page",
    b"<html": "a web page",
    b"<table": "a web page",
    b"<?xml": "an XML document",
    b"PAR1": "a Parquet file",
    b"MZ": "a program",
    b"\x7fELF": "a program",
}
"""How files begin that are no table of ours, and what they are called."""


_NOTES: Final = re.compile(
    r"read ?me|^(notes?|info\w*|instruc\w*|help|about|legend\w*|explanation|guide|cover)$"
    r"|lees ?mij|toelichting|uitleg|lies ?mich|hinweise?|erl[aä]uterung|anleitung|les ?meg|veiledning"
    r"|l[aä]s ?mig|instruktion\w*|l[aæ]s ?mig|vejledning",
    re.IGNORECASE,
)
"""Names of sheets that explain the table on another one, in six languages."""


def inspect(path: Path, *, encoding: str = "", delimiter: str = "") -> Source:
    """What a file is, by its content and not its name.

    Args:
        encoding, delimiter: Of a text file, where the user knows better.

    Raises:
        SourceError: It is not there, cannot be read, is protected, or holds nothing.
    """
    if not path.is_file():
        raise SourceError(
            "There is no such file.", where=str(path), mend="Check the name, or upload the file."
        )
    with path.open("rb") as file:
        start = file.read(64)
    if start.startswith(_WORKBOOKS):
        return spreadsheet.inspect(path)
    bare = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    for signature, kind in _OTHERS.items():
        if bare[: len(signature)].lower() == signature.lower():
            raise SourceError(
                f"This file is {kind}, which cannot be read as a table.",
                where=path.name,
                mend="Save or export the data as .xlsx or .csv and choose that file.",
            )
    if path.suffix.lower() in (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"):
        raise SourceError(
            "This file is not a workbook, although its name says so.",
            where=path.name,
            mend="Open it in a spreadsheet program and save it as .xlsx, or rename it to .csv.",
        )
    return delimited.inspect(path, encoding=encoding, delimiter=delimiter)


def first_rows(source: Source, sheet: str, count: int = 30) -> tuple[NumberedRow, ...]:
    """The first rows of a sheet with their numbers as the file counts, each cell as text."""
    if source.kind is SourceKind.SPREADSHEET:
        return spreadsheet.first_rows(source, sheet, count)
    return delimited.first_rows(source, count)


def detect_layout(source: Source, sheet: str | None = None) -> Layout:
    """The sheet to read and the row of its headers.

    Args:
        sheet: A sheet's name; the first visible one that looks like a table when None.

    Raises:
        SourceError: There is no such sheet, or it has no cells.
    """
    filled = [item for item in source.sheets if item.rows or source.kind is SourceKind.DELIMITED]
    if sheet is None:
        chosen = _likeliest(filled)
    else:
        found = [item for item in source.sheets if item.name == sheet]
        if not found:
            known = ", ".join(item.name for item in source.sheets)
            raise SourceError(
                "There is no such sheet.", where=sheet, mend=f"Choose one of: {known}."
            )
        chosen = found[0]
    if chosen not in filled:
        raise SourceError(
            "This sheet is empty.",
            where=f"{source.path.name}, sheet {chosen.name}",
            mend="Choose another sheet.",
        )
    return Layout(chosen.name, find_header_row(first_rows(source, chosen.name)))


def _likeliest(sheets: list[Sheet]) -> Sheet:
    """The first visible sheet with a table; one named as notes, or with a single column, comes later."""

    def doubts(sheet: Sheet) -> tuple[bool, bool, bool]:
        table = sheet.columns > 1 and sheet.rows > 1 and find_header_row(sheet.first_rows) > 0
        return not sheet.visible, bool(_NOTES.search(sheet.name)), not table

    # Of equals, the first one.
    return min(sheets, key=doubts)
