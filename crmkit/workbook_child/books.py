"""Sheets of xlsx, xlsm, xls, xlsb and ods files."""

from __future__ import annotations

import io
import itertools
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msoffcrypto
from msoffcrypto.exceptions import (
    DecryptionError,
    FileFormatError,
    InvalidKeyError,
    ParseError,
)
from python_calamine import (
    CalamineSheet,
    CalamineWorkbook,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from crmkit.workbook_child.merges import merged_cells
from crmkit.workbook_child.ods import Corners
from crmkit.workbook_child.task import (
    FIRST_ROWS,
    FaultError,
    Merge,
    Page,
    Rows,
    Task,
    is_ole,
    is_zip,
    opened,
)

_MANY_CELLS: Final = 30_000_000
"""Cells in the rectangle around all content that are too many for memory, unless they are filled."""

_DIMENSION: Final = re.compile(rb'<dimension ref="[A-Z]+(\d+):([A-Z]+)(\d+)"')

_EVERYBODYS_PASSWORD: Final = "VelvetSweatshop"  # noqa: S105 - what Excel itself tries on old files
"""Excel opens a workbook with this one without asking."""


def deciphered(task: Task) -> bytes | None:
    """The content of a workbook that is protected with a password; None when it is not.

    Raises:
        FaultError: There is no password, a wrong one, or one that cannot be tried.
    """
    if not is_ole(task.path):
        if _is_locked_ods(task.path):
            raise FaultError("locked")
        return None
    with Path(task.path).open("rb") as file:
        try:
            office: Any = msoffcrypto.OfficeFile(file)
            if not office.is_encrypted():
                return None
        except (FileFormatError, ParseError, OSError, ValueError):
            # No workbook that it knows: calamine says what is wrong with it.
            return None
        content = io.BytesIO()
        try:
            office.load_key(password=task.password or _EVERYBODYS_PASSWORD)
            office.decrypt(content)
        except InvalidKeyError as error:
            raise FaultError("password" if task.password else "protected") from error
        except DecryptionError as error:
            raise FaultError("password" if task.password else "protected", str(error)) from error
    return content.getvalue()


def open_pages(task: Task, content: bytes | None) -> Iterator[Page]:
    """The sheets to look at: all, or the one that is asked for.

    Raises:
        FaultError: The cells lie so far apart that they have to be read one by one.
    """
    _check_unpacked(task, content)
    if task.sparse:
        if not _is_xlsx(task, content):
            # Others cannot be read cell by cell: they are as large as they were.
            raise FaultError("memory_mb")
        yield from _sparse_pages(task, content)
        return
    if _is_sparse(task.path, content):
        raise FaultError("sparse")
    with CalamineWorkbook.from_object(opened(task.path, content)) as book:
        merges = merged_cells(task, content)
        for metadata in book.sheets_metadata:
            if metadata.typ is not SheetTypeEnum.WorkSheet or task.sheet not in ("", metadata.name):
                continue
            yield CalaminePage(
                metadata.name,
                metadata.visible is SheetVisibleEnum.Visible,
                # In no variable here: a large sheet would stay in memory beside the next one.
                sheet=book.get_sheet_by_name(metadata.name),
                merges=merges.get(metadata.name, []),
            )


class CalaminePage:
    """A sheet as calamine gives it: the rectangle around all its cells."""

    def __init__(
        self,
        name: str,
        visible: bool,  # noqa: FBT001
        *,
        sheet: CalamineSheet,
        merges: Sequence[Corners],
    ) -> None:
        self.name, self.visible = name, visible
        self._sheet = sheet
        self._top, self.first_column = sheet.start or (0, 0)
        self.height, self.width = sheet.height, sheet.width
        left = self.first_column
        self.merges: tuple[Merge, ...] = tuple(
            (top + 1, first - left, bottom + 1, min(last - left, self.width - 1))
            for (top, first), (bottom, last) in sheet.merged_cell_ranges or merges
            # Beside the cells with content, merged cells are only lines around nothing.
            if left <= first < left + self.width
        )

    def rows(self) -> Rows:
        # It gives the rows above the first cell, too. All rows at once would take more memory than
        # the sheet.
        below = itertools.islice(self._sheet.iter_rows(), self._top, None)
        yield from enumerate(below, start=self._top + 1)

    def first_rows(self) -> Rows:
        yield from itertools.islice(self.rows(), FIRST_ROWS)


@dataclass
class SparsePage:
    """A sheet as openpyxl reads it, row by row, with only the cells that are there."""

    name: str
    visible: bool
    height: int
    width: int
    sheet: Any
    first_column: int = 0
    merges: tuple[Merge, ...] = ()

    def rows(self) -> Rows:
        for number, row in enumerate(self.sheet.iter_rows(values_only=True), start=1):
            if row:
                yield number, list(row)

    def first_rows(self) -> Rows:
        yield from itertools.islice(self.rows(), FIRST_ROWS)


def _sparse_pages(task: Task, content: bytes | None) -> Iterator[Page]:
    import openpyxl  # takes longer than reading most workbooks without it

    book = openpyxl.load_workbook(opened(task.path, content), read_only=True, data_only=True)
    for page in book.worksheets:
        if task.sheet not in ("", page.title):
            continue
        page.reset_dimensions()
        height = width = 0
        for row in page.iter_rows(values_only=True):
            if any(value is not None for value in row):
                height, width = height + 1, max(width, len(row))
        yield SparsePage(page.title, page.sheet_state == "visible", height, width, page)


def _is_xlsx(task: Task, content: bytes | None) -> bool:
    with zipfile.ZipFile(opened(task.path, content)) as archive:
        return "xl/workbook.xml" in archive.namelist()


def _check_unpacked(task: Task, content: bytes | None) -> None:
    """Raise when the parts of a workbook are said to be larger than may be read; memory and time are
    the limits of those that lie.
    """
    if not is_zip(task.path, content):
        return
    with zipfile.ZipFile(opened(task.path, content)) as archive:
        size = sum(info.file_size for info in archive.infolist())
    if size > task.limits.unpacked_mb << 20:
        raise FaultError("unpacked_mb", f"{size:,}")


def _is_sparse(path: str, content: bytes | None) -> bool:
    """Whether an xlsx has a sheet whose cells lie far apart, as one stray cell in the last row."""
    if not is_zip(path, content):
        return False
    with zipfile.ZipFile(opened(path, content)) as archive:
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


def _is_locked_ods(path: str) -> bool:
    with (
        suppress(zipfile.BadZipFile, KeyError, OSError, NotImplementedError),
        zipfile.ZipFile(path) as archive,
    ):
        return b"encryption-data" in archive.read("META-INF/manifest.xml")
    return False
