"""What every source is described by."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from crmkit.limits import USUAL, Limits

NumberedRow = tuple[int, tuple[str, ...]]
Merge = tuple[int, int, int, int]
"""Merged cells: first row, first column, last row, last column; columns as in a sheet's rows, from 0."""

BLANKS: Final = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
    "\u2008\u2009\u200a\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""Characters that show nothing: a cell of only these is blank."""


class SourceKind(StrEnum):
    """What kind of source a file is."""

    SPREADSHEET = "spreadsheet"
    DELIMITED = "delimited"
    VCARD = "vcard"
    JCARD = "jcard"
    LDIF = "ldif"
    GOOGLE = "google"
    XML = "xml"
    XCARD = "xcard"
    GRAPH = "graph"
    PEOPLE = "people"
    PST = "pst"


@dataclass(frozen=True)
class Sheet:
    """One table of a source; a delimited file has a single one without a name.

    Attributes:
        rows: How many there are; 0 for a delimited file, which is not counted beforehand.
        first_rows: The first ones with their numbers as the file counts; blank ones too.
        merges: The first merged cells.
        holds: What its rows are, where the format says it: "company" (with persons) or "product".
    """

    name: str
    visible: bool
    rows: int
    columns: int
    first_rows: tuple[NumberedRow, ...] = ()
    merges: tuple[Merge, ...] = ()
    holds: str = ""


@dataclass(frozen=True)
class Source:
    """A file that can be read.

    Attributes:
        description: What it is, for people: "Excel workbook", "text, separated by semicolons".
        encoding, delimiter: Of a delimited file.
        quote: What stands around cells of a delimited file.
        spaced: A delimited file has spaces between a delimiter and a quoted cell.
        notes: What was found while recognising it, for people.
        program: What wrote it, where that was recognised: "Outlook", "Google Contacts", "vCard", ...
        member: The file inside a zip that is read; its sheets are all that could be.
        markup: A spreadsheet is a web page ("html") or Excel 2003 XML ("xml").
        password: Opens a protected workbook; it is kept nowhere.
        keyed: Its records have keys of the books or the ERP that they come from.
        limits: What reading it may cost.
    """

    path: Path
    kind: SourceKind
    description: str
    sheets: tuple[Sheet, ...]
    encoding: str = ""
    delimiter: str = ""
    spaced: bool = False
    quote: str = '"'
    notes: tuple[str, ...] = ()
    program: str | None = None
    member: str = ""
    markup: str = ""
    password: str = field(default="", repr=False)
    keyed: bool = False
    limits: Limits = USUAL


@dataclass(frozen=True)
class Layout:
    """Which sheet is read, and where its table begins.

    Attributes:
        header_row: Its number as the file counts, from 1; 0 when there are no headers. Of headers
            over several rows it is the last one.
        header_rows: How many rows the headers take.
        keep_notes: Rows below the table that look like notes or totals are read like the others.
    """

    sheet: str
    header_row: int
    header_rows: int = 1
    keep_notes: bool = False

    @property
    def first_header_row(self) -> int:
        """The first row of the headers; 0 when there are none."""
        return max(self.header_row - self.header_rows + 1, min(self.header_row, 1))


@dataclass(frozen=True)
class Landed:
    """What a reader put into its table, row by row as text.

    Attributes:
        headers: The header cells as they stand, one for each column that is landed.
        positions: Where these columns are in the file, from 0.
        written: Of a spreadsheet: how many cells were written of each row.
        places: Of a spreadsheet: where these columns are among the cells that were written, from 0.
        blank_rows: Rows without any text, which are not landed.
        notes: What else was found, for people.
        known_as: What the program that wrote it calls each column in English, where that is known.
    """

    headers: tuple[str, ...]
    positions: tuple[int, ...]
    blank_rows: int
    notes: tuple[str, ...] = ()
    known_as: tuple[str, ...] = ()
    written: int = 0
    places: tuple[int, ...] = ()


def is_blank(text: str) -> bool:
    """Whether a cell shows nothing."""
    return not text.strip(BLANKS)


def some(items: list[str], count: int = 3) -> str:
    """The first few of a list for a note, and that there are more."""
    return ", ".join(items[:count]) + (", ..." if len(items) > count else "")
