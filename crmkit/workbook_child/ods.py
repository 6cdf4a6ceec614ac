"""The sheets of an OpenDocument spreadsheet, element by element: what calamine does not tell of them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from lxml import etree

from crmkit.workbook_child.zip_parts import SAFE, contains, pieces, tree

Corners: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
"""The first and the last of merged cells, each as row and column from 0: what calamine gives."""

_WIDEST: Final = 16_384
_CELLS: Final = ("table-cell", "covered-table-cell")


@dataclass(frozen=True)
class Row:
    """A row of a sheet.

    Attributes:
        sheet: The name of its sheet.
        number: From 1.
        repeated: How many rows in a row are like it.
        element: With its cells; it is emptied when the next row is asked for.
        columns: The style of each column's cells that say none.
    """

    sheet: str
    number: int
    repeated: int
    element: Any
    columns: list[str] = field(repr=False)

    def style(self, column: int, cell: Any) -> str:
        """The name of a cell's style: its own, its row's, or its column's."""
        return (
            attribute(cell, "style-name")
            or attribute(self.element, "default-cell-style-name")
            or (self.columns[column] if column < len(self.columns) else "")
        )


def rows(archive: zipfile.ZipFile, sheet: str = "") -> Iterator[Row]:
    """The rows of all sheets, or of one."""
    name, number, columns = "", 1, list[str]()
    with archive.open("content.xml") as file:
        for event, element in etree.iterparse(file, events=("start", "end"), **SAFE):
            kind = etree.QName(element).localname
            if kind == "table" and event == "start":
                name, number, columns = attribute(element, "name"), 1, []
            elif kind == "table-column" and event == "end":
                repeated = min(_count(element, "number-columns-repeated"), _WIDEST - len(columns))
                columns += [attribute(element, "default-cell-style-name")] * repeated
            elif kind == "table-row" and event == "end":
                row = Row(name, number, _count(element, "number-rows-repeated"), element, columns)
                if sheet in ("", name):
                    yield row
                number += row.repeated
                element.clear()


def cells(row: Row) -> Iterator[tuple[int, int, Any]]:
    """The cells of a row: the column of each from 0, how often it is repeated, and its element."""
    column = 0
    for cell in row.element:
        if etree.QName(cell).localname in _CELLS:
            repeated = _count(cell, "number-columns-repeated")
            yield column, repeated, cell
            column += repeated


def merges(archive: zipfile.ZipFile, sheet: str = "") -> dict[str, list[Corners]]:
    """The merged cells of each sheet, or of one.

    Merged cells are one that spans others, which stand behind and below it as covered ones
    (rule: OpenDocument 1.3, part 3, section 19.681).
    """
    found: dict[str, list[Corners]] = {}
    if not contains(pieces(archive, "content.xml"), b"-spanned"):
        return found
    for row in rows(archive, sheet):
        top = row.number - 1
        for left, _, cell in cells(row):
            down, across = (
                _count(cell, "number-rows-spanned"),
                _count(cell, "number-columns-spanned"),
            )
            if down > 1 or across > 1:
                corners = ((top, left), (top + down - 1, left + across - 1))
                found.setdefault(row.sheet, []).append(corners)
    return found


def padded_styles(archive: zipfile.ZipFile) -> set[str]:
    """The styles of cells that show whole numbers with at least two digits, and so with zeros."""
    formats: set[str] = set()
    styles: dict[str, tuple[str, str]] = {}
    for element in _style_elements(archive):
        kind, name = etree.QName(element).localname, attribute(element, "name")
        if kind == "number-style" and _pads(element):
            formats.add(name)
        elif kind == "style" and attribute(element, "family") == "table-cell":
            above = attribute(element, "parent-style-name")
            styles[name] = (attribute(element, "data-style-name"), above)

    def format_of(style: str) -> str:
        seen = set()
        while style in styles and style not in seen:
            seen.add(style)
            format_, style = styles[style]
            if format_:
                return format_
        return ""

    return {style for style in styles if format_of(style) in formats}


def _style_elements(archive: zipfile.ZipFile) -> Iterator[Any]:
    if "styles.xml" in archive.namelist():
        yield from tree(archive.read("styles.xml")).iter("{*}number-style", "{*}style")
    with archive.open("content.xml") as file:
        for _, element in etree.iterparse(file, events=("end",), **SAFE):
            kind = etree.QName(element).localname
            if kind in ("number-style", "style"):
                yield element
            elif kind == "automatic-styles":
                # The sheets come after it.
                return


def _pads(style: Any) -> bool:
    numbers = [part for part in style if etree.QName(part).localname == "number"]
    return len(numbers) == 1 and (
        _count(numbers[0], "min-integer-digits") > 1
        and attribute(numbers[0], "decimal-places") in ("", "0")
        and attribute(numbers[0], "grouping") != "true"
    )


def attribute(element: Any, name: str) -> str:
    """An attribute by its name without its namespace; empty when there is none."""
    return next(
        (value for key, value in element.attrib.items() if etree.QName(key).localname == name), ""
    )


def _count(element: Any, name: str) -> int:
    text = attribute(element, name)
    return max(1, int(text)) if text.isascii() and text.isdigit() else 1
