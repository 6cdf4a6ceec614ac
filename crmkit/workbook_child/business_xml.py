"""The tables of an audit file or a trade document in XML: what there is, and one of them as text."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from crmkit.workbook_child import elements, parties, xcard
from crmkit.workbook_child.elements import Element, Facts, Format, Reader, walk
from crmkit.workbook_child.jpk import JPK
from crmkit.workbook_child.parties import OTHER_NAMES, SEEN, Found, Row
from crmkit.workbook_child.saft import SAFT, country_of
from crmkit.workbook_child.task import FaultError, Task, say
from crmkit.workbook_child.ubl import CATALOGUE, NAMESPACE, UBL
from crmkit.workbook_child.xaf import XAF

_EVERY: Final = 1_000
_MOST_OTHERS: Final = 20
_LONGEST: Final = 2_000
_AND_MORE: Final = "..."
_NAMELESS: Final = ("Name", "Number", "VAT number", "Product name", "Product code")
_CONTACT_NAMES: Final = ("Contact: first name", "Contact: last name", "Contact: full name")
_LISTED: Final = ("Role",)
"""Columns in which different values of one party stand side by side."""

OTHER_VALUES: Final = "Other values"


def format_of(root: str, namespace: str) -> Format:
    """The format of a file, by the name and the namespace of its first element.

    Raises:
        FaultError: It is none that is known.
    """
    known = {"AuditFile": SAFT, "auditfile": XAF, "JPK": JPK}
    if namespace == xcard.NAMESPACE:
        return xcard.XCARD
    if namespace.startswith(NAMESPACE):
        return CATALOGUE if root == "Catalogue" else UBL
    if root not in known:
        raise FaultError("unknown", root)
    return known[root]


def inspect(task: Task) -> dict[str, Any]:
    """What a file is, and its tables with how many rows each has."""
    facts = Facts()
    count: Counter[str] = Counter()
    for table, _ in _rows(task, facts):
        count[table] += 1
    kind = format_of(facts.root, facts.namespace)
    return {
        "program": kind.program,
        "description": kind.describe(facts),
        "tables": [
            {"name": table, "rows": count[table], "product": table in kind.products}
            for table in kind.tables
            if count[table]
        ],
    }


def write(task: Task) -> dict[str, Any]:
    """Write the rows of a table: number and cells; what is set aside goes into a file beside."""
    facts = Facts()
    found = Found(facts)
    columns: dict[str, int] = {}
    kind = None
    gathered = Gathered()
    rejected = numbers = present = 0
    with (
        Path(task.target).open("w", encoding="utf-8", newline="") as rows_file,
        Path(task.aside).open("w", encoding="utf-8", newline="") as aside_file,
    ):
        write_row = csv.writer(rows_file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow
        write_aside = csv.writer(aside_file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow

        def land(row: Row, shown: str, times: int = 1) -> None:
            nonlocal rejected, numbers
            numbers += 1
            if any(row.cells.get(header) for header in (*_NAMELESS, *_CONTACT_NAMES)):
                write_row((numbers, *_placed(row.cells, columns)))
                return
            rejected += 1
            often = f"; it stands {times:,} times in the file" if times > 1 else ""
            write_aside((numbers, f"it has neither a name nor a number{often}", shown))

        for table, element in _rows(task, facts):
            if table != task.sheet:
                continue
            kind = kind or format_of(facts.root, facts.namespace)
            found.country = country_of(facts) if kind is SAFT else "PL" if kind is JPK else ""
            present += 1
            shown = elements.short(element)
            for row in kind.rows[table](element, found):
                if table in kind.distinct:
                    gathered.add(row, shown)
                else:
                    land(row, shown)
        for entry in gathered.entries.values():
            land(entry.row(), entry.shown, entry.times)
    order = sorted(columns, key=parties.rank)
    return {
        "columns": [[header, parties.known_as(header), columns[header]] for header in order],
        "rejected": rejected,
        "present": present,
        "notes": [*gathered.notes(present), *found.notes()],
    }


def write_cards(task: Task) -> dict[str, Any]:
    """Write the contacts of an xCard file as jCards."""
    with _reader(task) as reader:
        return {"present": xcard.write_cards(reader, Facts(), Path(task.target))}


@dataclass
class Entry:
    """A party or product that stands in several rows.

    Attributes:
        shown: Its first row as it stands in the file.
    """

    first: Row
    shown: str
    times: int = 1
    others: dict[str, list[str]] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Another row about the same: it fills what is empty, and what differs is kept beside."""
        self.times += 1
        for header, words in row.cells.items():
            there = self.first.cells.setdefault(header, words)
            if there.casefold() == words.casefold():
                continue
            listed = self.others.setdefault(header, [])
            if words not in listed and len(listed) <= _MOST_OTHERS:
                # One too many says that there are more.
                listed.append(words if len(listed) < _MOST_OTHERS else _AND_MORE)

    def row(self) -> Row:
        """All that is known about it, and how often it was seen."""
        row = Row(self.first.found, dict(self.first.cells))
        differing = []
        for header, words in self.others.items():
            if header in _LISTED:
                row.cells[header] = ", ".join([row.cells[header], *words])
            elif header in ("Name", "Product name"):
                row.put(OTHER_NAMES, "; ".join(words))
            else:
                differing += [f"{header}: {word}" for word in words]
        others = "; ".join(differing)
        row.put(OTHER_VALUES, others if len(others) <= _LONGEST else others[:_LONGEST] + _AND_MORE)
        row.cells[SEEN] = str(self.times)
        return row


@dataclass
class Gathered:
    """Rows without master data, brought together: by tax number, else by name and address."""

    entries: dict[tuple[str, ...], Entry] = field(default_factory=dict)

    def add(self, row: Row, shown: str) -> None:
        """A row of the file."""
        key = _key(row.cells)
        if entry := self.entries.get(key):
            entry.add(row)
        else:
            self.entries[key] = Entry(row, shown)

    def notes(self, present: int) -> list[str]:
        """How many rows became how many."""
        if not self.entries:
            return []
        return [
            (
                f"{present:,} mentions are {len(self.entries):,} different ones, by tax number or code,"
                f" else by name and address; “{SEEN}” says how often each stands in the file"
            )
        ]


def _key(cells: dict[str, str]) -> tuple[str, ...]:
    if number := re.sub(r"[^A-Z0-9]", "", cells.get("VAT number", "").upper()):
        return "tax", number.removesuffix("MVA")
    if code := cells.get("Product code"):
        return "code", code
    parts = [header for header in cells if header.startswith("Postal address: ")]
    return "name", *(
        cells.get(header, "").casefold() for header in ("Name", "Product name", *sorted(parts))
    )


def _rows(task: Task, facts: Facts) -> Iterator[tuple[str, Element]]:
    with _reader(task) as reader:
        for done, item in enumerate(walk(reader, format_of, facts)):
            if done % _EVERY == 0:
                say(progress=reader.share)
            yield item


@contextmanager
def _reader(task: Task) -> Iterator[Reader]:
    path = Path(task.path)
    with path.open("rb") as file:
        yield Reader(file, path.stat().st_size, task.encoding)


def _placed(cells: dict[str, str], columns: dict[str, int]) -> list[str]:
    """Cells where their columns are; new columns are added as long as there is room."""
    placed = [""] * len(columns)
    more = []
    for header, words in cells.items():
        if header not in columns and len(columns) >= parties.MOST_COLUMNS:
            more.append(f"{header}: {words}")
            continue
        place = columns.setdefault(header, len(columns))
        placed += [""] * (place + 1 - len(placed))
        placed[place] = words
    if more:
        place = columns.setdefault(parties.MORE, len(columns))
        placed += [""] * (place + 1 - len(placed))
        placed[place] = "\n".join(more)
    return placed
