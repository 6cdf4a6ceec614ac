"""Does one task and says how it went."""

from __future__ import annotations

import csv
import errno
import json
import math
import sys
import zipfile
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from python_calamine import CalamineError, PasswordError

from crmkit.limits import Limits
from crmkit.workbook_child import books, business_xml, formats, markup, outlook_data, values
from crmkit.workbook_child.task import (
    FaultError,
    Page,
    Rows,
    Task,
    check_cells,
    is_zip,
    opened,
    say,
)

_EVERY: Final = 2_000
"""Rows between two reports of progress."""

_WIDE: Final = 256
"""Columns from which only those with content are written."""

_SHOWN_MERGES: Final = 500


def main() -> None:
    """Do the tasks that come in by the standard input, all on one file, until it ends."""
    kept = _Kept()
    for line in sys.stdin:
        asked = json.loads(line)
        _do(Task(**{**asked, "limits": Limits(**asked["limits"])}), kept)


@dataclass
class _Kept:
    """What the first task on a workbook leaves for the second.

    Attributes:
        content: What had to be deciphered.
        page: The largest sheet, which is probably the one to be written.
    """

    content: bytes | None = None
    page: Page | None = None


def _do(task: Task, kept: _Kept) -> None:
    _limit(task)
    try:
        say(result=_done(task, kept))
    except FaultError as fault:
        say(fault=fault.fault, detail=str(fault))
    except PasswordError:
        say(fault="protected")
    except MemoryError:
        say(fault="memory_mb")
    except OSError as error:
        say(fault="memory_mb" if error.errno == errno.ENOMEM else "damaged", detail=str(error))
    except zlib.error as error:
        # -4 is its word for a lack of memory.
        say(fault="memory_mb" if "-4" in str(error) else "damaged", detail=str(error))
    except CalamineError as error:
        # It has a limit of its own for the rectangle around all cells.
        large = "Cell limit exceeded" in str(error)
        say(fault="million_cells" if large else "damaged", detail=str(error))
    except ImportError:
        raise
    except Exception as error:  # noqa: BLE001 - several readers and any bytes
        say(fault="damaged", detail=f"{type(error).__name__}: {error}")


def _done(task: Task, kept: _Kept) -> dict[str, Any]:
    if task.kind == "business":
        return business_xml.write(task) if task.target else business_xml.inspect(task)
    if task.kind == "cards":
        return business_xml.write_cards(task)
    if task.kind == "outlook":
        return outlook_data.write(task)
    if task.kind == "workbook" and kept.page is None:
        kept.content = books.deciphered(task)
    return _write(task, kept) if task.target else _inspect(task, kept)


def _pages(task: Task, content: bytes | None) -> Iterator[Page]:
    if task.kind == "workbook":
        return books.open_pages(task, content)
    return markup.open_pages(task)


def _inspect(task: Task, kept: _Kept) -> dict[str, Any]:
    pages = []
    for page in _pages(task, kept.content):
        first_rows = [(number, _cut(values.texts(row))) for number, row in page.first_rows()]
        pages.append(
            {
                "name": page.name,
                "visible": page.visible,
                "rows": page.height,
                "columns": page.width,
                "merges": page.merges[:_SHOWN_MERGES],
                "first_rows": first_rows,
            }
        )
        if kept.page is None or page.height * page.width > kept.page.height * kept.page.width:
            kept.page = page
        del page  # or it would be in memory beside the next one
    deciphered = kept.content is not None
    return {"pages": pages, "format": _format(task, kept.content), "deciphered": deciphered}


def _write(task: Task, kept: _Kept) -> dict[str, Any]:
    if kept.page is None or kept.page.name != task.sheet:
        # Two large sheets are never in memory beside each other.
        kept.page = None
        kept.page = next(page for page in _pages(task, kept.content) if page.name == task.sheet)
    page = kept.page
    second = formats.second_opinion(task, kept.content)
    headers: deque[tuple[int, list[str]]] = deque(maxlen=max(task.header_rows, 1))
    columns = list(range(page.width))
    if page.width > _WIDE:
        columns = sorted(_filled_columns(page.rows()))
    if len(columns) > task.limits.columns:
        raise FaultError("columns", f"{len(columns):,}")
    check_cells(task, page.height * len(columns))
    empty = set(range(page.width))
    blank = 0
    with Path(task.target).open("w", encoding="utf-8", newline="") as file:
        write_row = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow
        for done, (number, row) in enumerate(page.rows()):
            if done % _EVERY == 0:
                say(progress=done / max(page.height, 1))
            cells = values.texts(row)
            second.correct(number, cells, row, page.first_column)
            if number <= task.header_row:
                headers.append((number, cells))
                continue
            if not any(_filled(cells)):
                blank += 1
                continue
            if empty:
                empty -= {column for column, filled in enumerate(_filled(cells)) if filled}
            if len(columns) != len(cells):
                cells = [cells[column] if column < len(cells) else "" for column in columns]
            write_row([number, *cells])
    first = task.header_row - task.header_rows + 1
    above = [cells for number, cells in headers if first <= number <= task.header_row]
    return {
        "header_rows": above,
        "merges": [merge for merge in page.merges if first <= merge[0] <= task.header_row],
        "merged_below": sum(merge[0] > task.header_row for merge in page.merges),
        "columns": columns,
        "filled": sorted({*range(page.width)} - empty),
        "first_column": page.first_column,
        "blank": blank,
        "errors": second.errors,
        "formatted": second.formatted,
        "unsure": second.unsure,
    }


def _format(task: Task, content: bytes | None) -> str:
    """What kind of workbook it is, for people."""
    if task.kind != "workbook":
        return {"html": "web page with tables", "xml": "Excel 2003 XML workbook"}[task.kind]
    if not is_zip(task.path, content):
        return "old Excel workbook (xls)"
    with zipfile.ZipFile(opened(task.path, content)) as archive:
        names = set(archive.namelist())
        if "xl/workbook.bin" in names:
            return "Excel binary workbook (xlsb)"
        if "xl/vbaProject.bin" in names:
            return "Excel workbook with macros (xlsm)"
    return "OpenDocument spreadsheet" if "content.xml" in names else "Excel workbook"


def _filled(cells: list[str]) -> Iterator[bool]:
    return (cell != "" and not cell.isspace() for cell in cells)


def _filled_columns(rows: Rows) -> set[int]:
    filled: set[int] = set()
    for _, row in rows:
        filled.update(column for column, value in enumerate(row) if value not in (None, ""))
    return filled


def _cut(cells: list[str]) -> list[str]:
    """A row up to its last filled cell."""
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _limit(task: Task) -> None:
    """Keep to the limits where the system can; elsewhere only the parent's clock does."""
    if sys.platform == "win32":
        return
    import resource  # not on Windows

    memory, seconds = task.limits.memory_mb << 20, task.limits.seconds
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    with suppress(ValueError, OSError):
        # Each task has its own; what went before is not taken from it.
        used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used) + seconds, most))
    with suppress(ValueError, OSError):
        # An abort is expected here; it must not leave a copy of the memory on the disk.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
