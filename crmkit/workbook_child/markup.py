"""Tables of web pages and of Excel 2003 XML, which programs like to save under an Excel name."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lxml import etree

from crmkit.workbook_child.task import FIRST_ROWS, Merge, Page, Rows, Task, check_cells
from crmkit.workbook_child.values import find_format, number

_SS: Final = "{urn:schemas-microsoft-com:office:spreadsheet}"
_WIDEST: Final = 16_384
_TALLEST: Final = 1_048_576
_LINES: Final = frozenset({"br", "p", "div", "li", "tr"})


@dataclass
class MarkupPage:
    """A table that was read whole."""

    name: str
    found: list[tuple[int, list[str]]]
    merges: tuple[Merge, ...]
    visible: bool = True
    first_column: int = 0

    def __post_init__(self) -> None:
        self.height = len(self.found)
        self.width = max((len(cells) for _, cells in self.found), default=0)

    def rows(self) -> Rows:
        yield from ((number, list(cells)) for number, cells in self.found)

    def first_rows(self) -> Rows:
        yield from itertools.islice(self.rows(), FIRST_ROWS)


def open_pages(task: Task) -> Iterator[Page]:
    """The tables to look at: all, or the one that is asked for."""
    pages = _web_pages(task) if task.kind == "html" else _xml_pages(task)
    yield from (page for page in pages if task.sheet in ("", page.name))


# --- web pages -------------------------------------------------------------------------------


def _web_pages(task: Task) -> Iterator[MarkupPage]:
    parser = etree.HTMLParser(
        encoding=task.encoding or None, no_network=True, huge_tree=False, remove_comments=True
    )
    root = etree.fromstring(Path(task.path).read_bytes(), parser)
    if root is None:
        return
    for count, table in enumerate(root.iter("table"), start=1):
        found, merges = _web_rows(table, task)
        caption = table.find("caption")
        named = _web_text(caption) if caption is not None else ""
        # The number keeps two tables of one name apart.
        yield MarkupPage(f"Table {count}{f': {named}' if named else ''}", found, merges)


def _web_rows(table: Any, task: Task) -> tuple[list[tuple[int, list[str]]], tuple[Merge, ...]]:
    found, merges = [], []
    count = 0
    # Column -> the last row that a cell above reaches down to.
    taken: dict[int, int] = {}
    rows = itertools.chain(
        *(
            part.iterfind("tr") if part.tag in ("thead", "tbody", "tfoot") else [part]
            for part in table
        )
    )
    lines = (row for row in rows if row.tag == "tr")
    for line, row in enumerate(lines, start=1):
        cells: list[str] = []
        for cell in row:
            if cell.tag not in ("td", "th"):
                continue
            while taken.get(len(cells), 0) >= line:
                cells.append("")
            place, across = len(cells), _span(cell, "colspan", _WIDEST - len(cells))
            down = _span(cell, "rowspan", _TALLEST)
            cells += [_web_text(cell), *[""] * (across - 1)]
            if across > 1 or down > 1:
                merges.append((line, place, line + down - 1, place + across - 1))
            taken.update(dict.fromkeys(range(place, place + across), line + down - 1))
        count += len(cells)
        check_cells(task, count)
        found.append((line, cells))
    return found, tuple(merges)


def _span(cell: Any, name: str, most: int) -> int:
    text = str(cell.get(name, "")).strip()
    return max(1, min(int(text), most)) if text.isascii() and text.isdigit() else 1


def _web_text(cell: Any) -> str:
    """The text that a cell shows, without that of a table inside it, which is read by itself."""
    pieces: list[str] = []

    def add(text: str | None) -> None:
        pieces.append(re.sub(r"\s+", " ", text or ""))

    def walk(element: Any) -> None:
        add(element.text)
        for part in element:
            if isinstance(part.tag, str) and part.tag not in ("table", "script", "style"):
                if part.tag in _LINES:
                    pieces.append("\n")
                walk(part)
            add(part.tail)

    walk(cell)
    lines = (line.strip() for line in "".join(pieces).split("\n"))
    return "\n".join(line for line in lines if line)


# --- Excel 2003 XML --------------------------------------------------------------------------


def _xml_pages(task: Task) -> Iterator[MarkupPage]:
    styles: dict[str, str] = {}
    found: list[tuple[int, list[str]]] = []
    merges: list[Merge] = []
    visible = True
    count = 0
    events = etree.iterparse(
        task.path,
        events=("end",),
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        load_dtd=False,
    )
    for _, element in events:
        kind = etree.QName(element).localname
        if kind == "Style":
            formats = (part.get(f"{_SS}Format", "") for part in element.iter(f"{_SS}NumberFormat"))
            styles[element.get(f"{_SS}ID", "")] = next(formats, "")
        elif kind == "Row" and element.tag == f"{_SS}Row":
            last = found[-1][0] if found else 0
            line = _place(element.get(f"{_SS}Index"), last + 1, _TALLEST)
            found.append((line, _xml_cells(element, line, styles, merges)))
            count += len(found[-1][1])
            check_cells(task, count)
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
        elif kind == "Visible":
            visible = not (element.text or "").startswith("Sheet")
        elif kind == "Worksheet":
            yield MarkupPage(element.get(f"{_SS}Name", "Sheet"), found, tuple(merges), visible)
            found, merges, visible = [], [], True
            element.clear()


def _xml_cells(row: Any, line: int, styles: dict[str, str], merges: list[Merge]) -> list[str]:
    cells: list[str] = []
    for cell in row.iterfind(f"{_SS}Cell"):
        place = _place(cell.get(f"{_SS}Index"), len(cells) + 1, _WIDEST) - 1
        cells += [""] * (place - len(cells))
        across = _place(cell.get(f"{_SS}MergeAcross"), 0, _WIDEST - place - 1)
        down = _place(cell.get(f"{_SS}MergeDown"), 0, _TALLEST)
        if across or down:
            merges.append((line, place, line + down, place + across))
        style = styles.get(cell.get(f"{_SS}StyleID") or row.get(f"{_SS}StyleID") or "", "")
        cells += [_xml_text(cell, style), *[""] * across]
    return cells


def _xml_text(cell: Any, style: str) -> str:
    data = cell.find(f"{_SS}Data")
    if data is None:
        return ""
    text = "".join(data.itertext())
    kind = data.get(f"{_SS}Type", "String")
    if kind == "Boolean":
        return {"1": "TRUE", "0": "FALSE"}.get(text.strip(), text)
    if kind == "DateTime":
        day, _, time = text.strip().partition("T")
        time = time.rstrip("Z").removesuffix(".000")
        return day if time in ("", "00:00:00") else f"{day} {time}"
    if kind == "Number":
        try:
            value = float(text)
        except ValueError:
            return text
        shown = find_format("0%" if style == "Percent" else style)
        return (shown.text(value) if shown else None) or number(value)
    return text


def _place(text: str | None, otherwise: int, most: int) -> int:
    text = (text or "").strip()
    return max(0, min(int(text), most)) if text.isascii() and text.isdigit() else otherwise
