"""Spreadsheets: xlsx, xlsm, xls, xlsb and ods, read by calamine.

calamine shows a failed formula as an empty cell; a workbook that has any is read by openpyxl too, so
that the error is seen (reference: source-formats.md section 3).
"""

from __future__ import annotations

import csv
import itertools
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

import openpyxl
from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from crmkit.errors import SourceError
from crmkit.sources.model import Landed, Layout, NumberedRow, Progress, Sheet, Source, SourceKind

_EVERY: Final = 2_000
"""Rows between two reports of progress."""


def inspect(path: Path) -> Source:
    """A workbook's sheets.

    Raises:
        SourceError: It is not a workbook, is protected, or has no table.
    """
    with _open(path) as workbook:
        sheets = []
        for metadata in workbook.sheets_metadata:
            if metadata.typ is not SheetTypeEnum.WorkSheet:
                continue
            sheet = workbook.get_sheet_by_name(metadata.name)
            visible = metadata.visible is SheetVisibleEnum.Visible
            sheets.append(Sheet(metadata.name, visible, sheet.height, sheet.width))
    if not any(sheet.rows for sheet in sheets):
        raise SourceError(
            "This workbook has no cells with content.",
            where=path.name,
            mend="Choose another file, or fill the sheet and save it.",
        )
    return Source(path, SourceKind.SPREADSHEET, "Excel workbook", tuple(sheets))


def first_rows(source: Source, sheet: str, count: int) -> tuple[NumberedRow, ...]:
    """The first rows of a sheet with their numbers, as text; blank ones too."""
    with _open(source.path) as workbook:
        rows = _rows(workbook.get_sheet_by_name(sheet))
        return tuple((number, tuple(cells)) for number, cells in itertools.islice(rows, count))


def write_text(source: Source, layout: Layout, target: Path, progress: Progress) -> Landed:
    """Write a sheet's rows below its header to a CSV file: row number, then the cells as text."""
    with _open(source.path) as workbook:
        sheet = workbook.get_sheet_by_name(layout.sheet)
        errors = _error_cells(source.path, layout.sheet)
        first_column = (sheet.start or (0, 0))[1]
        rows = _rows(sheet)
        headers: tuple[str, ...] = ()
        blank = 0
        total = max(sheet.height, 1)
        with target.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            for done, (number, cells) in enumerate(rows):
                if done % _EVERY == 0:
                    progress(done / total, "Reading the rows")
                if number < layout.header_row:
                    continue
                if number == layout.header_row:
                    headers = tuple(cells)
                    continue
                for column, text in errors.get(number, {}).items():
                    cells[column - first_column] = text
                if not any(cell and not cell.isspace() for cell in cells):
                    blank += 1
                    continue
                writer.writerow([number, *cells])
    notes = []
    if errors:
        count = sum(len(found) for found in errors.values())
        notes.append(
            f"{count} {'cell holds' if count == 1 else 'cells hold'} the error of a formula"
        )
    return Landed(headers or ("",) * sheet.width, first_column, blank, tuple(notes))


def _open(path: Path) -> CalamineWorkbook:
    try:
        return CalamineWorkbook.from_path(str(path))
    except PasswordError as error:
        raise _protected(path) from error
    except (CalamineError, OSError, zipfile.BadZipFile) as error:
        if path.read_bytes().find("EncryptedPackage".encode("utf-16-le")) >= 0:
            raise _protected(path) from error
        raise SourceError(
            "This file is not a workbook, or it is damaged.",
            where=path.name,
            mend="Open it in Excel and save it as .xlsx, then try again.",
        ) from error


def _protected(path: Path) -> SourceError:
    return SourceError(
        "This workbook is protected with a password.",
        where=path.name,
        mend="Open it in Excel, save a copy without password, and choose the copy.",
    )


def _rows(sheet: CalamineSheet) -> Iterator[tuple[int, list[str]]]:
    """Rows of the used range with their numbers as Excel counts, each cell as text."""
    top = (sheet.start or (0, 0))[0]
    for offset, row in enumerate(sheet.to_python(skip_empty_area=True)):
        yield top + offset + 1, [_text(value) for value in row]


def _text(value: Any) -> str:
    """A cell as text: whole numbers without .0, dates as ISO, nothing rounded that shows."""
    if isinstance(value, str):
        return value.replace("_x000D_", "")
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        # 15 digits are what a spreadsheet shows; the rest is the noise of binary fractions.
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"
    if isinstance(value, datetime):
        midnight = value.time() == time()
        return value.date().isoformat() if midnight else value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return str(value)


def _error_cells(path: Path, sheet: str) -> dict[int, dict[int, str]]:
    """Row number -> column -> error text; only for a workbook that has errors at all."""
    if not _has_errors(path):
        return {}
    found: dict[int, dict[int, str]] = {}
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        for row in book[sheet].iter_rows():
            for cell in row:
                if cell.data_type == "e" and cell.row and cell.column:
                    found.setdefault(cell.row, {})[cell.column - 1] = str(cell.value)
    finally:
        book.close()
    return found


def _has_errors(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/sheet")]
        return any(
            _contains(_pieces(archive, name), b't="e"') for name in sheets if name.endswith(".xml")
        )


def _pieces(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    with archive.open(name) as file:
        while piece := file.read(1 << 20):
            yield piece


def _contains(pieces: Iterable[bytes], sought: bytes) -> bool:
    end = b""
    for piece in pieces:
        if sought in end + piece:
            return True
        end = piece[-len(sought) :]
    return False
