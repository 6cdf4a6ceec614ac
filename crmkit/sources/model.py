"""What every source is described by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

Progress = Callable[[float, str], None]
NumberedRow = tuple[int, tuple[str, ...]]


class SourceKind(StrEnum):
    """What kind of source a file is."""

    SPREADSHEET = "spreadsheet"
    DELIMITED = "delimited"


@dataclass(frozen=True)
class Sheet:
    """One table of a source; a delimited file has a single one without a name."""

    name: str
    visible: bool
    rows: int
    columns: int


@dataclass(frozen=True)
class Source:
    """A file that can be read.

    Attributes:
        description: What it is, for people: "Excel workbook", "text, separated by semicolons".
        encoding, delimiter: Of a delimited file.
    """

    path: Path
    kind: SourceKind
    description: str
    sheets: tuple[Sheet, ...]
    encoding: str = ""
    delimiter: str = ""


@dataclass(frozen=True)
class Layout:
    """Which sheet is read, and where its table begins.

    Attributes:
        header_row: Its number as the file counts, from 1; 0 when there are no headers.
    """

    sheet: str
    header_row: int


@dataclass(frozen=True)
class Landed:
    """What a reader put into its table, row by row as text.

    Attributes:
        headers: The header cells as they stand, one for each column from the first used one on.
        first_column: Position of the first column in the file, from 0.
        blank_rows: Rows without any text, which are not landed.
        notes: What else was found, for people.
    """

    headers: tuple[str, ...]
    first_column: int
    blank_rows: int
    notes: tuple[str, ...] = ()
