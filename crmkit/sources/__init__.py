"""Sources: recognised by content, each answers what is in it and gives its rows as text."""

from __future__ import annotations

from pathlib import Path

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

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How a file begins that is a zip (xlsx, xlsb, ods) or an OLE container (xls, protected xlsx)."""


def inspect(path: Path) -> Source:
    """What a file is, by its content and not its name.

    Raises:
        SourceError: It is not there, cannot be read, is protected, or holds nothing.
    """
    if not path.is_file():
        raise SourceError(
            "There is no such file.", where=str(path), mend="Check the name, or upload the file."
        )
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(_WORKBOOKS):
        return spreadsheet.inspect(path)
    if path.suffix.lower() in (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"):
        raise SourceError(
            "This file is not a workbook, although its name says so.",
            where=path.name,
            mend="Open it in a spreadsheet program and save it as .xlsx, or rename it to .csv.",
        )
    return delimited.inspect(path)


def first_rows(source: Source, sheet: str, count: int = 30) -> tuple[NumberedRow, ...]:
    """The first rows of a sheet with their numbers as the file counts, each cell as text."""
    if source.kind is SourceKind.SPREADSHEET:
        return spreadsheet.first_rows(source, sheet, count)
    return delimited.first_rows(source, count)


def detect_layout(source: Source, sheet: str | None = None) -> Layout:
    """The sheet to read and the row of its headers.

    Args:
        sheet: A sheet's name; the first visible one with content when None, else a hidden one.

    Raises:
        SourceError: There is no such sheet, or it has no cells.
    """
    filled = [item for item in source.sheets if item.rows or source.kind is SourceKind.DELIMITED]
    if sheet is None:
        chosen = next((item for item in filled if item.visible), filled[0])
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
