"""What the child process is asked to do, and how it answers."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from crmkit.limits import Limits

Rows: TypeAlias = Iterator[tuple[int, list[Any]]]
Merge: TypeAlias = tuple[int, int, int, int]
"""Merged cells: first row, first column, last row, last column. Rows count from 1, columns from 0 in
the cells of a page."""

FIRST_ROWS = 30


@dataclass(frozen=True)
class Task:
    """What to do.

    Attributes:
        kind: "workbook", "html", "xml" for Excel 2003 XML, "business" for audit files and the like,
            "cards" for the contacts of one, or "outlook" for Outlook data files.
        sparse: Read only the cells that are there, slowly; for a sheet with cells far apart.
        encoding: Of a web page that does not say it; what an XML file is in, whatever it states.
        sheet, header_row, header_rows, target: To write the rows of this sheet below its headers to
            this file. The last row of the headers, and how many they are.
        aside: The file for rows that cannot be read.
        password: Opens a protected workbook. It comes through a pipe, and nobody writes it down.
        limits: What it may cost; memory and time where the system keeps them.
    """

    path: str
    sparse: bool
    limits: Limits
    kind: str = "workbook"
    encoding: str = ""
    password: str = field(default="", repr=False)
    sheet: str = ""
    header_row: int = 0
    header_rows: int = 1
    target: str = ""
    aside: str = ""


class Page(Protocol):
    """A sheet that is open."""

    name: str
    visible: bool
    height: int
    width: int
    first_column: int
    merges: tuple[Merge, ...]

    def rows(self) -> Rows:
        """All rows from the first used one on, with their numbers."""

    def first_rows(self) -> Rows:
        """The first ones only."""


class FaultError(Exception):
    """What keeps a file from being read, by a word that the parent knows.

    Args:
        fault: "protected", "password", "locked", "damaged", "missing", "sparse", or the name of the
            limit that would be broken; of an XML file "xml", "unknown", "definitions" or "intricate".
        detail: For the log; of an XML file for the user.
    """

    def __init__(self, fault: str, detail: str = "") -> None:
        super().__init__(detail)
        self.fault = fault


def check_cells(task: Task, count: int) -> None:
    """Raise when there are more cells than may be read.

    Raises:
        FaultError: There are.
    """
    if count > task.limits.million_cells * 1_000_000:
        raise FaultError("million_cells", f"{count:,}")


def opened(path: str, content: bytes | None) -> Any:
    """What a reader takes: the path, or the content where it had to be deciphered."""
    return path if content is None else io.BytesIO(content)


def is_zip(path: str, content: bytes | None) -> bool:
    """Whether a file is a zip by how it begins; an old workbook can have a zip inside."""
    if content is not None:
        return content.startswith(b"PK")
    with Path(path).open("rb") as file:
        return file.read(2) == b"PK"


def is_ole(path: str) -> bool:
    """Whether a file is an OLE container: an old workbook, or a protected one."""
    with Path(path).open("rb") as file:
        return file.read(4) == b"\xd0\xcf\x11\xe0"


def say(**message: Any) -> None:
    """Tell the parent something."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()
