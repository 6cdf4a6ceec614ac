"""Sources: recognised by content, each answers what is in it and gives its rows as text."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from crmkit.errors import SourceError
from crmkit.limits import USUAL, Limits
from crmkit.progress import Progress
from crmkit.sources import (
    address_book,
    archive,
    business_xml,
    delimited,
    google,
    others,
    programs,
    spreadsheet,
)
from crmkit.sources.erp_workbook import as_erp_workbook
from crmkit.sources.layout import find_header_row, find_header_rows
from crmkit.sources.model import Landed, Layout, NumberedRow, Sheet, Source, SourceKind
from crmkit.sources.spreadsheet import kept_open

__all__ = [
    "WITHOUT_HEADERS",
    "Landed",
    "Layout",
    "NumberedRow",
    "Progress",
    "Sheet",
    "Source",
    "SourceKind",
    "as_laid_out",
    "detect_layout",
    "first_rows",
    "inspect",
    "kept_open",
    "unpacked",
]

WITHOUT_HEADERS: Final = (*address_book.WITHOUT_HEADERS, SourceKind.XML)
"""Files whose tables have no row of headers to choose."""

_WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How a file begins that is a zip (xlsx, xlsb, ods) or an OLE container (xls, protected xlsx)."""

_NOTES: Final = re.compile(
    r"read ?me|^(notes?|info\w*|instruc\w*|help|about|legend\w*|explanation|guide|cover)$"
    r"|lees ?mij|toelichting|uitleg|lies ?mich|hinweise?|erl[aä]uterung|anleitung|les ?meg|veiledning"
    r"|l[aä]s ?mig|instruktion\w*|l[aæ]s ?mig|vejledning",
    re.IGNORECASE,
)
"""Names of sheets that explain the table on another one, in six languages."""


def inspect(
    path: Path,
    *,
    encoding: str = "",
    delimiter: str = "",
    quote: str = "",
    sheet: str | None = None,
    password: str = "",
    country: str = "",
    limits: Limits = USUAL,
) -> Source:
    """What a file is, by its content and not its name.

    Args:
        encoding, delimiter, quote: Of a text file, where the user knows better: what its bytes mean,
            what stands between cells, and what around them. The encoding of a web page and of
            vCards, too.
        sheet: Of a zip, the file inside to look at; the likeliest when None.
        password: Opens a protected workbook.
        country: Where the file probably comes from, as ISO code: of several old encodings that make
            sense, the one that was usual there is taken.
        limits: What reading it may cost.

    Raises:
        PasswordError: It is protected, and the password is missing or wrong.
        SourceError: It is not there, cannot be read, is protected, or holds nothing.
    """
    if not os.path.isfile(path):  # noqa: PTH113 - a name too long for a file is none
        raise SourceError(
            "There is no such file.", where=str(path), mend="Check the name, or upload the file."
        )
    if archive.is_archive(path):
        return _inspect_archive(
            path,
            sheet,
            encoding=encoding,
            delimiter=delimiter,
            quote=quote,
            country=country,
            limits=limits,
        )
    source = _inspect_file(
        path,
        encoding=encoding,
        delimiter=delimiter,
        quote=quote,
        password=password,
        country=country,
        limits=limits,
    )
    return replace(source, limits=limits)


def _inspect_archive(
    path: Path,
    sheet: str | None,
    *,
    encoding: str,
    delimiter: str,
    quote: str,
    country: str,
    limits: Limits,
) -> Source:
    members = archive.members(path)
    member = _member_of(members, sheet)
    with archive.unpacked(path, member, limits) as inside:
        try:
            source = _inspect_file(
                inside,
                encoding=encoding,
                delimiter=delimiter,
                quote=quote,
                country=country,
                limits=limits,
            )
        except SourceError as error:
            raise SourceError(
                error.message, where=f"{path.name}, {member}", mend=error.mend
            ) from error
    if source.kind is SourceKind.SPREADSHEET:
        raise SourceError(
            "What is in this zip is a workbook.",
            where=f"{path.name}, {member}",
            mend="Unpack it and choose the workbook itself.",
        )
    inner = source.sheets
    if source.kind is not SourceKind.XML:
        inner = (replace(inner[0], name=member),)
    elif len(members) > 1:
        inner = tuple(replace(table, name=f"{member}: {table.name}") for table in inner)
    others = [Sheet(name, visible=True, rows=0, columns=0) for name in members if name != member]
    return replace(source, path=path, member=member, sheets=(*inner, *others), limits=limits)


def _member_of(members: Sequence[str], sheet: str | None) -> str:
    """The file in a zip that a sheet is, or is a table of; the likeliest when it is none."""
    if sheet is not None and sheet in members:
        return sheet
    named = (member for member in members if sheet and sheet.startswith(f"{member}: "))
    return next(named, members[0])


def _inspect_file(
    path: Path,
    *,
    encoding: str,
    delimiter: str,
    quote: str,
    country: str,
    password: str = "",
    limits: Limits,
) -> Source:
    with path.open("rb") as file:
        start = file.read(4096)
    if start.startswith(_WORKBOOKS):
        return _named(spreadsheet.inspect(path, password=password, limits=limits))
    if markup := spreadsheet.markup_of(start):
        return _named(spreadsheet.inspect(path, markup=markup, encoding=encoding, limits=limits))
    if found := address_book.inspect(path, encoding=encoding):
        return found
    if business_xml.looks_like_xml(start):
        return business_xml.inspect(path, encoding=encoding, country=country, limits=limits)
    others.refuse(path, start)
    suffix = path.suffix.lower()
    if suffix in (".vcf", ".vcard", ".json", ".jsonl", ".ldif") and path.stat().st_size:
        raise SourceError(
            "There are no contacts in this file, although its name says so.",
            where=path.name,
            mend="Export the contacts again, as vCards (.vcf) or as .csv.",
        )
    source = delimited.inspect(
        path, encoding=encoding, delimiter=delimiter, quote=quote, country=country
    )
    if suffix not in (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"):
        return _named(source)
    # Programs save their text exports under an Excel name, so that Excel opens them.
    if source.sheets[0].columns < 2:
        raise SourceError(
            "This file is not a workbook, although its name says so.",
            where=path.name,
            mend="Open it in a spreadsheet program and save it as .xlsx, or rename it to .csv.",
        )
    note = "the file is text, although its name says workbook"
    return _named(replace(source, notes=(note, *source.notes)))


def _named(source: Source) -> Source:
    """A table, with the program that wrote it where its headers tell."""
    if source.kind is SourceKind.SPREADSHEET and (found := as_erp_workbook(source)):
        return found
    for sheet in source.sheets:
        headers = dict(sheet.first_rows).get(find_header_row(sheet.first_rows), ())
        if source.kind is SourceKind.DELIMITED and google.is_google(headers):
            return address_book.as_google(source)
        if known := programs.recognise(headers):
            return replace(source, program=known.program)
    return source


@contextmanager
def unpacked(source: Source) -> Iterator[Source]:
    """A source with its file outside any zip, for the length of a block."""
    if not source.member:
        yield source
        return
    with archive.unpacked(source.path, source.member, source.limits) as inside:
        yield replace(source, path=inside)


def first_rows(source: Source, sheet: str, count: int = 30) -> tuple[NumberedRow, ...]:
    """The first rows of a sheet with their numbers as the file counts, each cell as text."""
    if source.kind is SourceKind.SPREADSHEET:
        return spreadsheet.first_rows(source, sheet, count)
    if source.kind in WITHOUT_HEADERS:
        return source.sheets[0].first_rows[:count]
    with unpacked(source) as file:
        return delimited.first_rows(file, count)


def detect_layout(source: Source, sheet: str | None = None, *, holds: str = "") -> Layout:
    """The sheet to read and the row of its headers.

    Args:
        sheet: A sheet's name; the first visible one that looks like a table when None.
        holds: What the user has chosen that the file holds. An audit file opens with its products
            only where they were asked for.

    Raises:
        SourceError: There is no such sheet, or it has no cells.
    """
    if source.kind in address_book.WITHOUT_HEADERS:
        return Layout(source.member, 0)
    if source.kind is SourceKind.XML:
        return _layout_of_xml(source, sheet, holds)
    if source.member:
        return Layout(source.member, find_header_row(first_rows(source, source.member)))
    uncounted = source.kind in (SourceKind.DELIMITED, SourceKind.GOOGLE)
    filled = [item for item in source.sheets if item.rows or uncounted]
    chosen = _likeliest(filled) if sheet is None else _sheet_of(source, sheet)
    if chosen not in filled:
        raise SourceError(
            "This sheet is empty.",
            where=f"{source.path.name}, sheet {chosen.name}",
            mend="Choose another sheet.",
        )
    return Layout(chosen.name, *find_header_rows(first_rows(source, chosen.name), chosen.merges))


def _layout_of_xml(source: Source, sheet: str | None, holds: str) -> Layout:
    """The table that is asked for, else the first one, or the first one of products where those are."""
    if sheet is None or sheet == source.member:
        tables = [item for item in source.sheets if item.holds]
        asked = [item for item in tables if item.holds == holds == "product"]
        return Layout((asked or tables)[0].name, 0)
    return Layout(_sheet_of(source, sheet).name, 0)


def _sheet_of(source: Source, name: str) -> Sheet:
    found = [item for item in source.sheets if item.name == name]
    if not found:
        known = ", ".join(item.name for item in source.sheets)
        raise SourceError("There is no such sheet.", where=name, mend=f"Choose one of: {known}.")
    return found[0]


def as_laid_out(source: Source, layout: Layout) -> Source:
    """A source under a layout that the user chose: without Google's headers it is a plain table."""
    if source.kind is not SourceKind.GOOGLE:
        return source
    rows = first_rows(source, layout.sheet, max(layout.header_row, 1))
    if google.is_google(dict(rows).get(layout.header_row, ())):
        return source
    return replace(source, kind=SourceKind.DELIMITED, program=None)


def _likeliest(sheets: list[Sheet]) -> Sheet:
    """The first visible sheet with a table; one named as notes, or with a single column, comes later.

    Of an ERP workbook, the first one of actors: its lists are no records.
    """

    def doubts(sheet: Sheet) -> tuple[bool, bool, bool, bool]:
        table = sheet.columns > 1 and sheet.rows > 1 and find_header_row(sheet.first_rows) > 0
        known = any(item.holds for item in sheets) and not sheet.holds
        return known, not sheet.visible, bool(_NOTES.search(sheet.name)), not table

    # Of equals, the first one.
    return min(sheets, key=doubts)
