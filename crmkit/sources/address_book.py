"""Address books: files of contacts that are turned into a table, one row for each contact.

vCard, jCard, LDIF, Google's CSV and the answers of Outlook and Gmail are read here in one pass, and
only as much of a file is in memory as one contact or answer needs. Address books that are a table already (Outlook, Thunderbird, LinkedIn) are read
like any other table, and `programs` knows their columns.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

from crmkit.progress import Progress
from crmkit.sources import card, encodings, google, graph, jcard, ldif, people, pst, vcard
from crmkit.sources.contact import MORE, MOST_COLUMNS, Heading, Row
from crmkit.sources.model import NumberedRow, Sheet, Source, SourceKind, some
from crmkit.sources.vcard import Found

WITHOUT_HEADERS: Final = (
    SourceKind.VCARD,
    SourceKind.JCARD,
    SourceKind.LDIF,
    SourceKind.GRAPH,
    SourceKind.PEOPLE,
    SourceKind.PST,
    SourceKind.XCARD,
)
"""What has contacts and no row of headers."""

KINDS: Final = (*WITHOUT_HEADERS, SourceKind.GOOGLE)
"""What is read here."""

_FIRST: Final = 30
_EVERY: Final = 500
_STEP: Final = 1 << 20
"""Contacts, and bytes, between two reports of progress."""

_MOST_TEXT: Final = 20_000


class Column(Protocol):
    """What a column is called, and where it stands among the others."""

    @property
    def text(self) -> str: ...

    @property
    def known_as(self) -> str: ...

    @property
    def rank(self) -> Any: ...


@dataclass(frozen=True)
class Written:
    """What was written for DuckDB.

    Attributes:
        rows: The numbers of the rows and their cells, which are fewer where a contact came before
            the first one that has a column.
        aside: Number, reason and text of what could not be read.
        headings: The columns in the order of the cells.
    """

    rows: Path
    aside: Path
    headings: tuple[Column, ...]
    blank: int
    rejected: int
    notes: tuple[str, ...]


def inspect(path: Path, *, encoding: str = "") -> Source | None:
    """A file of contacts, told by its content; None when it is something else.

    Args:
        encoding: Of the values of vCards that do not say it, where the user knows better than the
            finding.

    Raises:
        SourceError: It begins as one but cannot be read, or there is no such encoding.
    """
    if vcard.looks_like_cards(path):
        encoding = encodings.check_encoding(encoding) if encoding else ""
        cards = Source(path, SourceKind.VCARD, "vCard contacts", (), encoding, program="vCard")
        note = encodings.doubt(path, encoding)
        return _with_first_rows(replace(cards, notes=(note,) if note else ()))
    if jcard.looks_like_jcards(path):
        return _with_first_rows(
            Source(path, SourceKind.JCARD, "contacts as JSON (jCard)", (), program="vCard")
        )
    if ldif.looks_like_ldif(path):
        return _with_first_rows(
            Source(path, SourceKind.LDIF, "contacts as LDIF", (), program="Thunderbird")
        )
    if graph.looks_like_graph(path):
        return _with_first_rows(
            Source(path, SourceKind.GRAPH, "contacts from Outlook", (), program="Outlook")
        )
    if pst.looks_like_pst(path):
        return _with_first_rows(
            Source(path, SourceKind.PST, "contacts of an Outlook data file", (), program="Outlook")
        )
    if people.looks_like_people(path):
        return _with_first_rows(
            Source(path, SourceKind.PEOPLE, "contacts from Gmail", (), program="Google Contacts")
        )
    return None


def as_google(source: Source) -> Source:
    """A text file with the headers of Google Contacts."""
    return replace(
        source,
        kind=SourceKind.GOOGLE,
        description=f"Google contacts, {source.description}",
        program="Google Contacts",
    )


def write_text(source: Source, *, header_row: int, folder: Path, progress: Progress) -> Written:
    """Read all contacts and write two files for DuckDB: the rows, and what is set aside."""
    rows, aside = folder / "contacts.csv", folder / "aside.csv"
    columns: dict[Heading, int] = {}
    found = Found(encoding=source.encoding if source.kind is SourceKind.VCARD else "")
    blank = blank_since = rejected = done = 0
    size = max(source.path.stat().st_size, 1)

    def on_bytes(count: int) -> None:
        nonlocal done
        # None at all: something is waited for, and the user may want to stop it.
        if not count or done // _STEP != (done + count) // _STEP:
            progress(min(done / size, 1.0), "Reading the contacts")
        done += count

    with (
        rows.open("w", encoding="utf-8", errors="replace", newline="") as rows_file,
        aside.open("w", encoding="utf-8", errors="replace", newline="") as aside_file,
    ):
        write_row = csv.writer(rows_file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow
        write_aside = csv.writer(aside_file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow
        for count, row in enumerate(_rows(source, header_row, found, on_bytes)):
            if count % _EVERY == 0:
                progress(min(done / size, 1.0), "Reading the contacts")
            if row.reason:
                rejected += 1
                write_aside((row.number, row.reason, row.text.replace("\x00", "")[:_MOST_TEXT]))
            elif row.contact is None:
                blank_since += 1
            else:
                # Blank lines at the end of a file are no rows.
                blank, blank_since = blank + blank_since, 0
                write_row((row.number, *_placed(row.contact.cells, columns)))
    return Written(rows, aside, tuple(columns), blank, rejected, tuple(_notes(source, found)))


def _placed(cells: dict[Heading, str], columns: dict[Heading, int]) -> list[str]:
    """A contact's cells where their columns are; new columns are added as long as there is room."""
    more = []
    placed = [""] * len(columns)
    for heading, text in cells.items():
        position = columns.get(heading)
        if position is None:
            if len(columns) >= MOST_COLUMNS:
                more.append(f"{heading.text}: {text}")
                continue
            position = columns[heading] = len(columns)
            placed.append("")
        placed[position] = text
    if more:
        position = columns.setdefault(MORE, len(columns))
        placed += [""] * (position + 1 - len(placed))
        placed[position] = "\n".join(more)
    return placed


def _rows(
    source: Source, header_row: int, found: Found, on_bytes: Callable[[int], None]
) -> Iterator[Row]:
    match source.kind:
        case SourceKind.VCARD:
            yield from _of_cards(vcard.read_cards(source.path, found, on_bytes), found)
        case SourceKind.JCARD:
            yield from _of_cards(jcard.read_cards(source.path, found), found)
        case SourceKind.XCARD:
            yield from _of_cards(jcard.read_lines(source.path, found, on_bytes), found)
        case SourceKind.LDIF:
            for record in ldif.read_records(source.path, on_bytes):
                contact, reason = ldif.contact_of(record)
                text = "\n".join(f"{k}: {v}" for k, vs in record.values.items() for v in vs)
                yield Row(record.number, contact, reason, text if reason else "")
        case SourceKind.GRAPH:
            yield from graph.read_contacts(source.path, on_bytes)
        case SourceKind.PST:
            yield from pst.read_contacts(source.path, on_bytes, found.notes, limits=source.limits)
        case SourceKind.PEOPLE:
            yield from people.read_contacts(source.path, on_bytes)
        case _:
            yield from google.read_rows(source, header_row, on_bytes)


def _of_cards(cards: Iterator[vcard.Card], found: Found) -> Iterator[Row]:
    for item in cards:
        if item.reason:
            yield Row(item.number, None, item.reason, item.text)
            continue
        contact, reason = card.contact_of(item, found)
        text = "\n".join(f"{one.name}: {one.text}" for one in item.properties) if reason else ""
        yield Row(item.number, contact, reason, text)


def _with_first_rows(source: Source) -> Source:
    found = Found(encoding=source.encoding)
    rows = list(itertools.islice(_rows(source, 0, found, _ignore), _FIRST))
    columns: dict[Heading, int] = {}
    first: tuple[NumberedRow, ...] = tuple(
        (row.number, tuple(_placed(row.contact.cells, columns)))
        for row in rows
        if row.contact is not None and not row.reason
    )
    return replace(
        source, sheets=(Sheet("", visible=True, rows=0, columns=len(columns), first_rows=first),)
    )


def _ignore(count: int) -> None:
    del count


def _notes(source: Source, found: Found) -> Iterator[str]:
    yield source.description
    yield from found.notes
    if found.left_out:
        listed = some([f"{name} ({count:,})" for name, count in found.left_out.most_common()], 8)
        yield f"what a CRM has no field for is left out: {listed}"
    if found.outside:
        yield (
            f"lines that stand outside any card are not read: {found.outside:,}, the first one is"
            f" line {found.first_outside:,}"
        )
    if found.not_utf8:
        yield (
            f"values that are not in the encoding that they should be in: {found.not_utf8:,}; they were"
            " taken to be Windows-1252"
        )
