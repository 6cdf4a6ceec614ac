"""Merged cells of binary workbooks and OpenDocument spreadsheets, which calamine does not tell."""

from __future__ import annotations

import zipfile

from crmkit.workbook_child import ods, xlsb
from crmkit.workbook_child.ods import Corners
from crmkit.workbook_child.task import Task, is_zip, opened


def merged_cells(task: Task, content: bytes | None) -> dict[str, list[Corners]]:
    """The merged cells of each sheet of a task where calamine knows of none."""
    if not is_zip(task.path, content):
        return {}
    try:
        with zipfile.ZipFile(opened(task.path, content)) as archive:
            names = archive.namelist()
            if "xl/workbook.bin" in names:
                return _xlsb_merges(archive, task.sheet)
            if "xl/workbook.xml" not in names and "content.xml" in names:
                return ods.merges(archive, task.sheet)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - any bytes; the second look at the cells says that it is unsure
        return {}
    return {}


def _xlsb_merges(archive: zipfile.ZipFile, sheet: str) -> dict[str, list[Corners]]:
    book = xlsb.Workbook(archive)
    sheets = [sheet] if sheet else book.sheets
    return {
        name: [((top, left), (bottom, right)) for top, left, bottom, right in book.merges(name)]
        for name in sheets
    }
