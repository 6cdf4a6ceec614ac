"""Reads a workbook in a process of its own, so that a hostile file costs a message and no kernel.

Run by `spreadsheet` as a file and not as a module: it imports nothing of ours and starts in 50 ms. Its
only argument is a `Task` as JSON. It writes lines of JSON: progress, and at last a result or a fault.

calamine shows a failed formula as an empty cell; a workbook that has any is read by openpyxl too, so
that the error is seen (reference: source-formats.md section 3).
"""

from __future__ import annotations

import csv
import itertools
import json
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

_EVERY: Final = 2_000
"""Rows between two reports of progress."""

_FIRST_ROWS: Final = 30
_WIDE: Final = 256
"""Columns from which only those with content are given."""

_MANY_CELLS: Final = 30_000_000
"""Cells in the rectangle around all content that are too many for memory, unless they are filled."""

_DIMENSION: Final = re.compile(rb'<dimension ref="[A-Z]+(\d+):([A-Z]+)(\d+)"')

Rows = Iterator[tuple[int, list[str]]]


@dataclass(frozen=True)
class Task:
    """What to do.

    Attributes:
        sparse: Read only the cells that are there, slowly; for a sheet with cells far apart.
        sheet, header_row, target: To write the rows of this sheet below its headers to this file.
        memory_mb, seconds: Limits, where the system keeps them.
    """

    path: str
    sparse: bool
    memory_mb: int
    seconds: int
    sheet: str = ""
    header_row: int = 0
    target: str = ""


@dataclass(frozen=True)
class Page:
    """A sheet that is open: its rows with their numbers, each cell as text."""

    name: str
    visible: bool
    height: int
    width: int
    first_column: int
    sheet: Any

    def rows(self) -> Rows:
        """Rows from the first used one on."""
        if isinstance(self.sheet, CalamineSheet):
            top = (self.sheet.start or (0, 0))[0]
            for offset, row in enumerate(self.sheet.to_python(skip_empty_area=True)):
                yield top + offset + 1, [_text(value) for value in row]
        else:
            for number, row in enumerate(self.sheet.iter_rows(values_only=True), start=1):
                if row:
                    yield number, [_text(value) for value in row]

    def first_rows(self) -> Rows:
        """The first ones only."""
        if isinstance(self.sheet, CalamineSheet):
            top = (self.sheet.start or (0, 0))[0]
            for offset, row in enumerate(self.sheet.to_python(nrows=_FIRST_ROWS)):
                yield top + offset + 1, [_text(value) for value in row]
        else:
            yield from itertools.islice(self.rows(), _FIRST_ROWS)


def main() -> None:
    """Do the task of the command line."""
    task = Task(**json.loads(sys.argv[1]))
    _limit(task)
    try:
        if not task.sparse and _is_sparse(task.path):
            _say(fault="sparse")
            return
        _say(result=_write(task) if task.target else _inspect(task))
    except PasswordError:
        _say(fault="protected")
    except MemoryError:
        _say(fault="memory")
    except (CalamineError, OSError, zipfile.BadZipFile, KeyError, ValueError, SyntaxError) as error:
        _say(fault="damaged", detail=str(error))


def _inspect(task: Task) -> list[dict[str, Any]]:
    return [
        {
            "name": page.name,
            "visible": page.visible,
            "rows": page.height,
            "columns": page.width,
            "first_rows": [(number, _cut(cells)) for number, cells in page.first_rows()],
        }
        for page in _pages(task)
    ]


def _write(task: Task) -> dict[str, Any]:
    page = next(page for page in _pages(task) if page.name == task.sheet)
    errors = _error_cells(task)
    columns = list(range(page.width))
    if page.width > _WIDE:
        columns = sorted(_filled_columns(page.rows()))
    headers = [""] * len(columns)
    blank = 0
    with Path(task.target).open("w", encoding="utf-8", newline="") as file:
        write_row = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow
        for done, (number, row) in enumerate(page.rows()):
            if done % _EVERY == 0:
                _say(progress=done / max(page.height, 1))
            if number < task.header_row:
                continue
            for column, text in errors.get(number, {}).items():
                row[column - page.first_column] = text
            cells = row
            if len(columns) != len(row):
                cells = [row[column] if column < len(row) else "" for column in columns]
            if number == task.header_row:
                headers = cells
                continue
            if not any(cell and not cell.isspace() for cell in cells):
                blank += 1
                continue
            write_row([number, *cells])
    return {
        "headers": headers,
        "positions": [page.first_column + column for column in columns],
        "blank": blank,
        "errors": sum(len(found) for found in errors.values()),
    }


def _pages(task: Task) -> Iterator[Page]:
    """The sheets to look at: all, or the one that is asked for."""
    if task.sparse:
        yield from _sparse_pages(task)
        return
    book = CalamineWorkbook.from_path(task.path)
    for metadata in book.sheets_metadata:
        if metadata.typ is not SheetTypeEnum.WorkSheet or task.sheet not in ("", metadata.name):
            continue
        sheet = book.get_sheet_by_name(metadata.name)
        visible = metadata.visible is SheetVisibleEnum.Visible
        first = (sheet.start or (0, 0))[1]
        yield Page(metadata.name, visible, sheet.height, sheet.width, first, sheet)


def _sparse_pages(task: Task) -> Iterator[Page]:
    import openpyxl  # takes longer than reading most workbooks without it

    book = openpyxl.load_workbook(task.path, read_only=True, data_only=True)
    for page in book.worksheets:
        if task.sheet not in ("", page.title):
            continue
        page.reset_dimensions()
        height = width = 0
        for row in page.iter_rows(values_only=True):
            if any(value is not None for value in row):
                height, width = height + 1, max(width, len(row))
        yield Page(page.title, page.sheet_state == "visible", height, width, 0, page)


def _is_sparse(path: str) -> bool:
    """Whether an xlsx has a sheet whose cells lie far apart, as one stray cell in the last row."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not re.fullmatch(r"xl/worksheets/[^/]+\.xml", info.filename):
                continue
            with archive.open(info) as file:
                found = _DIMENSION.search(file.read(4096))
            if not found:
                continue
            top, letters, bottom = int(found[1]), found[2], int(found[3])
            width = 0
            for letter in letters:
                width = width * 26 + letter - 64
            cells = (bottom - top + 1) * width
            # A filled cell takes some 20 bytes and more.
            if cells > _MANY_CELLS and cells > info.file_size / 4:
                return True
    return False


def _filled_columns(rows: Rows) -> set[int]:
    filled: set[int] = set()
    for _, cells in rows:
        filled.update(column for column, cell in enumerate(cells) if cell and not cell.isspace())
    return filled


def _cut(cells: list[str]) -> list[str]:
    """A row up to its last filled cell."""
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _text(value: Any) -> str:
    """A cell as text: whole numbers without .0, dates as ISO, nothing rounded that shows."""
    if isinstance(value, str):
        return value.replace("_x000D_", "") if "_x000D_" in value else value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, datetime):
        midnight = value.time() == time()
        return value.date().isoformat() if midnight else value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return str(value)


def _number(value: float) -> str:
    """A number in full: never as 1E+15, and without the noise of binary fractions."""
    if value.is_integer() and abs(value) <= 2**53:
        return str(int(value))
    # 15 digits are what a spreadsheet shows of a fraction.
    text = repr(value) if value.is_integer() else f"{value:.15g}"
    return format(Decimal(text), "f") if "e" in text else text


def _error_cells(task: Task) -> dict[int, dict[int, str]]:
    """Row number -> column -> error text; only for a workbook that has errors at all."""
    if task.sparse or not _has_errors(task.path):
        return {}
    import openpyxl  # takes longer than reading most workbooks without it

    found: dict[int, dict[int, str]] = {}
    book = openpyxl.load_workbook(task.path, read_only=True, data_only=True)
    for row in book[task.sheet].iter_rows():
        for cell in row:
            if cell.data_type == "e" and cell.row and cell.column:
                found.setdefault(cell.row, {})[cell.column - 1] = str(cell.value)
    book.close()
    return found


def _has_errors(path: str) -> bool:
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


def _limit(task: Task) -> None:
    """Keep to the limits where the system can; elsewhere only the parent's clock does."""
    if sys.platform == "win32":
        return
    import resource  # not on Windows

    memory = task.memory_mb << 20
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (task.seconds, task.seconds))
    with suppress(ValueError, OSError):
        # An abort is expected here; it must not leave a copy of the memory on the disk.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _say(**message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
