"""A second look at a workbook: what calamine does not say.

It shows a failed formula as an empty cell, and a number without its format: 0167 as 167, 25% as 0.25.
Read beside it, row by row, and only where a workbook has such cells at all
(reference: source-formats.md sections 1.5 and 3).
"""

from __future__ import annotations

import re
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from crmkit.workbook_child import ods, xlsb
from crmkit.workbook_child.task import Task, is_zip, opened
from crmkit.workbook_child.values import Format, day, find_format, shows_day
from crmkit.workbook_child.zip_parts import contains, elements, pieces, tree

_BUILT_IN: Final = {9: "0%", 10: "0.00%", **dict.fromkeys((14, 15, 16, 17, 22), "yyyy-mm-dd")}
"""Excel's own number formats that matter here; it writes only their numbers into a file."""

_STYLE: Final = re.compile(rb'<c [^>]*?\bs="(\d+)"')
_ZEROS: Final = re.compile(r"0\d+")
_MOST_REPEATED: Final = 100_000


@dataclass(frozen=True)
class Remark:
    """What a cell shows instead of its value.

    Attributes:
        column: From 0, as the sheet counts.
        error: The text of a failed formula.
        format: How its number is shown.
        shown: What it shows, where the file says so.
    """

    column: int
    error: str = ""
    format: Format | None = None
    shown: str = ""


Remarks: TypeAlias = Iterator[tuple[int, list[Remark]]]


class SecondOpinion:
    """Corrects rows in the order of the sheet, and counts what it corrected."""

    def __init__(self, remarks: Remarks) -> None:
        self._remarks = remarks
        self._next: tuple[int, list[Remark]] | None = (0, [])
        self.errors = 0
        self.formatted = 0
        self.unsure = False

    def correct(self, number: int, cells: list[str], values: list[Any], first_column: int) -> None:
        """Put what the cells of a row show in their place."""
        while self._next is not None and self._next[0] < number:
            self._next = self._read()
        if self._next is None or self._next[0] != number:
            return
        for remark in self._next[1]:
            place = remark.column - first_column
            if not 0 <= place < len(cells):
                continue
            if remark.error:
                cells[place] = remark.error
                self.errors += 1
                continue
            shown = remark.format.text(values[place]) if remark.format else remark.shown
            if shown is not None and shown != cells[place]:
                cells[place] = shown
                self.formatted += 1

    def _read(self) -> tuple[int, list[Remark]] | None:
        try:
            return next(self._remarks, None)
        except (MemoryError, ImportError):
            raise
        except Exception:  # noqa: BLE001 - several readers and any bytes: the first opinion stands
            self.unsure = True
            return None


def second_opinion(task: Task, content: bytes | None) -> SecondOpinion:
    """What there is to correct in the sheet of a task."""
    if task.kind != "workbook":
        return SecondOpinion(iter(()))
    if is_zip(task.path, content):
        return SecondOpinion(_zip_remarks(task, content))
    return SecondOpinion(_xls_remarks(task, content))


def _zip_remarks(task: Task, content: bytes | None) -> Remarks:
    with zipfile.ZipFile(opened(task.path, content)) as archive:
        names = archive.namelist()
        if "xl/workbook.xml" in names:
            yield from _xlsx_remarks(archive, task.sheet)
        elif "xl/workbook.bin" in names:
            yield from _xlsb_remarks(archive, task.sheet)
        elif "content.xml" in names:
            yield from _ods_remarks(archive, task.sheet)


# --- xlsx ------------------------------------------------------------------------------------


def _xlsx_remarks(archive: zipfile.ZipFile, sheet: str) -> Remarks:
    part = _part_of(archive, sheet)
    formats = _cell_formats(archive)
    used = {style for style in _styles_in(archive, part) if style in formats} if formats else set()
    if not used and not contains(pieces(archive, part), b't="e"'):
        return
    with archive.open(part) as file:
        number = 0
        for row in elements(file, "row"):
            number = int(row.get("r") or number + 1)
            remarks = list(_xlsx_row(row, formats))
            if remarks:
                yield number, remarks


def _xlsx_row(row: Any, formats: dict[int, Format]) -> Iterator[Remark]:
    column = -1
    for cell in row:
        reference = cell.get("r")
        column = _column(reference) if reference else column + 1
        kind = cell.get("t", "n")
        if kind == "e":
            yield Remark(column, error=str(cell.findtext("{*}v") or "#ERROR"))
        elif kind == "n" and (style := formats.get(int(cell.get("s", 0)))):
            yield Remark(column, format=style)


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """The name of the file that holds a sheet."""
    book = tree(archive.read("xl/workbook.xml"))
    relations = tree(archive.read("xl/_rels/workbook.xml.rels"))
    targets = {relation.get("Id"): relation.get("Target", "") for relation in relations}
    for found in book.iterfind("{*}sheets/{*}sheet"):
        if found.get("name") == sheet:
            identity = next(value for key, value in found.attrib.items() if key.endswith("}id"))
            target = targets[identity]
            return target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    raise KeyError(sheet)


def _cell_formats(archive: zipfile.ZipFile) -> dict[int, Format]:
    """The styles of cells whose numbers show other digits."""
    if "xl/styles.xml" not in archive.namelist():
        return {}
    styles = tree(archive.read("xl/styles.xml"))
    codes: dict[int, str] = dict(_BUILT_IN)
    for found in styles.iterfind("{*}numFmts/{*}numFmt"):
        codes[int(found.get("numFmtId", -1))] = found.get("formatCode", "")
    formats = {}
    for index, style in enumerate(styles.iterfind("{*}cellXfs/{*}xf")):
        if shown := find_format(codes.get(int(style.get("numFmtId", 0)), "")):
            formats[index] = shown
    return formats


def _styles_in(archive: zipfile.ZipFile, part: str) -> set[int]:
    found: set[bytes] = set()
    end = b""
    for piece in pieces(archive, part):
        found.update(_STYLE.findall(end + piece))
        end = piece[-200:]
    return {int(style) for style in found}


def _column(reference: str) -> int:
    column = 0
    for letter in reference:
        if not letter.isalpha():
            break
        column = column * 26 + ord(letter.upper()) - 64
    return column - 1


# --- xlsb ------------------------------------------------------------------------------------


def _xlsb_remarks(archive: zipfile.ZipFile, sheet: str) -> Remarks:
    book = xlsb.Workbook(archive)
    codes = [style if isinstance(style, str) else _BUILT_IN.get(style, "") for style in book.styles]
    formats = {style: shown for style, code in enumerate(codes) if (shown := find_format(code))}
    days = {style for style, code in enumerate(codes) if shows_day(code)}
    for number, cells in book.cells(sheet, formats.keys() | days):
        remarks = []
        for cell in cells:
            if cell.error:
                remarks.append(Remark(cell.column, error=cell.error))
            elif cell.style in formats:
                remarks.append(Remark(cell.column, format=formats[cell.style]))
            elif cell.whole is not None:
                # A day that is kept this way comes as a number from calamine.
                iso = day(cell.whole, since_1904=book.since_1904)
                remarks += [Remark(cell.column, shown=iso)] if iso else []
        if remarks:
            yield number, remarks


# --- ods -------------------------------------------------------------------------------------


def _ods_remarks(archive: zipfile.ZipFile, sheet: str) -> Remarks:
    padded = ods.padded_styles(archive)
    for row in ods.rows(archive, sheet):
        remarks = list(_ods_row(row, padded))
        for place in range(min(row.repeated, _MOST_REPEATED) if remarks else 0):
            yield row.number + place, remarks


def _ods_row(row: ods.Row, padded: set[str]) -> Iterator[Remark]:
    for column, repeated, cell in ods.cells(row):
        kinds = {value for key, value in cell.attrib.items() if key.endswith("}value-type")}
        shown = "".join(cell[0].itertext()).strip() if len(cell) else ""
        remark: dict[str, Any] = {}
        if "error" in kinds and shown:
            remark = {"error": shown}
        elif "percentage" in kinds:
            remark = {"format": Format(percent=True)}
        elif "float" in kinds and (
            _ZEROS.fullmatch(shown)
            # The same formats count as in the other workbooks: whole numbers that are no debts.
            or (row.style(column, cell) in padded and ods.attribute(cell, "value").isdecimal())
        ):
            remark = {"shown": shown}
        for place in range(min(repeated, _MOST_REPEATED) if remark else 0):
            yield Remark(column + place, **remark)


# --- xls -------------------------------------------------------------------------------------


def _xls_remarks(task: Task, content: bytes | None) -> Remarks:
    import xlrd  # only for old workbooks

    book = xlrd.open_workbook(
        None if content is not None else task.path,
        file_contents=content,
        formatting_info=True,
        on_demand=True,
        # It writes what it finds odd to the standard output, where the parent listens.
        logfile=sys.stderr,
    )
    page = book.sheet_by_name(task.sheet)
    for row in range(page.nrows):
        remarks = []
        for column, kind in enumerate(page.row_types(row)):
            if kind == xlrd.XL_CELL_ERROR:
                code = page.cell_value(row, column)
                error = xlrd.error_text_from_code.get(code, "#ERROR")
                remarks.append(Remark(column, error=error))
            elif kind == xlrd.XL_CELL_NUMBER:
                style = book.xf_list[page.cell_xf_index(row, column)]
                known = book.format_map.get(style.format_key)
                if known and (shown := find_format(known.format_str)):
                    remarks.append(Remark(column, format=shown))
        if remarks:
            yield row + 1, remarks
