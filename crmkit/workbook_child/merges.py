"""Merged cells of binary workbooks, which calamine does not tell."""

from __future__ import annotations

import zipfile
from typing import TypeAlias

from crmkit.workbook_child import xlsb
from crmkit.workbook_child.task import Task, is_zip, opened

Corners: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
"""The first and the last of merged cells, each as row and column from 0: what calamine gives."""


def merged_cells(task: Task, content: bytes | None) -> dict[str, list[Corners]]:
    """The merged cells of each sheet of a task where calamine knows of none."""
    if not is_zip(task.path, content):
        return {}
    try:
        with zipfile.ZipFile(opened(task.path, content)) as archive:
            if "xl/workbook.bin" in archive.namelist():
                return _xlsb_merges(archive, task.sheet)
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
