"""Google Contacts as CSV: numbered groups of columns whose labels differ from row to row.

"Phone 1 - Value" is a mobile number in one row and one at work in the next, as "Phone 1 - Label" (or
"Type", until 2023) says. So the groups are turned into columns by kind, as of any address book.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from crmkit.sources import delimited
from crmkit.sources.contact import Address, Contact, Row, read_label
from crmkit.sources.model import Source, is_blank

_GROUP: Final = re.compile(
    r"(e-?mail|phone|address|organi[sz]ation|website|im|relation|event|custom field|language|jot)"
    r" (\d{1,4}) - (.+)",
    re.IGNORECASE,
)
_SEPARATOR: Final = " ::: "
_PLAIN: Final = {
    "name": "Full name",
    "given name": "First name",
    "first name": "First name",
    "additional name": "Middle name",
    "middle name": "Middle name",
    "family name": "Last name",
    "last name": "Last name",
    "name prefix": "Prefix",
    "name suffix": "Suffix",
    "nickname": "Nickname",
    "organization name": "Company",
    "organization title": "Job title",
    "organization department": "Department",
    "occupation": "Role",
}
_NAMES: Final = (
    "given name",
    "first name",
    "additional name",
    "middle name",
    "family name",
    "last name",
)
_LABELS: Final = ("group membership", "labels")


def is_google(headers: Sequence[str]) -> bool:
    """Whether these are the headers of Google Contacts."""
    groups = [found for header in headers if (found := _GROUP.fullmatch(header.strip()))]
    labels = {found[3].lower() for found in groups}
    plain = {header.strip().casefold() for header in headers}
    return (
        "value" in labels and bool({"type", "label"} & labels) and bool({*_NAMES, "name"} & plain)
    )


def read_rows(source: Source, header_row: int, on_bytes: Callable[[int], None]) -> Iterator[Row]:
    """All records below the headers."""
    with (
        source.path.open("rb") as raw,
        io.TextIOWrapper(raw, encoding=source.encoding, errors="replace", newline="") as file,
    ):
        records = delimited.records_of(source, file)
        columns: list[_Column] = []
        done = 0
        for record in records:
            if record.number % 1_000 == 0:
                on_bytes(raw.tell() - done)
                done = raw.tell()
            if record.number < header_row:
                continue
            if record.number == header_row:
                columns = [_Column.of(header) for header in record.cells]
                continue
            beyond = record.cells[len(columns) :]
            reason = record.reason
            if not reason and not all(map(is_blank, beyond)):
                reason = f"it has more cells than the {len(columns)} columns of the table"
            if reason:
                yield Row(record.number, None, reason, records.text.rstrip("\r\n"))
            elif all(map(is_blank, record.cells)):
                yield Row(record.number, None)
            else:
                yield Row(record.number, _contact(columns, record.cells))


@dataclass(frozen=True, slots=True)
class _Column:
    """A column's header, and the group that it belongs to."""

    header: str
    group: tuple[str, int] | None = None
    part: str = ""

    @classmethod
    def of(cls, header: str) -> _Column:
        header = " ".join(header.removeprefix("\ufeff").split())
        found = _GROUP.fullmatch(header)
        if not found:
            return cls(header)
        kind = found[1].lower().replace("email", "e-mail").replace("organisation", "organization")
        return cls(header, (kind, int(found[2])), found[3].lower())


def _contact(columns: Sequence[_Column], cells: Sequence[str]) -> Contact:
    groups: dict[tuple[str, int], dict[str, str]] = {}
    plain: dict[str, tuple[str, str]] = {}
    for column, cell in zip(columns, cells, strict=False):
        if is_blank(cell):
            continue
        if column.group:
            groups.setdefault(column.group, {})[column.part] = cell
        else:
            plain[column.header.casefold()] = (column.header, cell)
    contact = Contact()
    companies = {
        parts.get("name", "").strip()
        for (kind, _), parts in groups.items()
        if kind == "organization"
    }
    companies.add(plain.get("organization name", ("", ""))[1].strip())
    shown = plain.get("name", ("", ""))[1].strip()
    named = any(name in plain for name in _NAMES)
    contact.is_company = not named and bool(companies - {""}) and shown in {"", *companies}
    for key, (header, cell) in plain.items():
        _put_plain(contact, key, header, cell)
    for (kind, _), parts in sorted(groups.items(), key=lambda item: item[0][1]):
        _put_group(contact, kind, parts)
    contact.finish()
    return contact


def _put_plain(contact: Contact, key: str, header: str, cell: str) -> None:
    if key in _PLAIN:
        if not (contact.is_company and key == "name"):
            contact.put(_PLAIN[key], cell)
    elif key == "birthday":
        contact.birthday(cell)
    elif key == "notes":
        contact.notes(cell)
    elif key in _LABELS:
        # A star marks the groups that Google made.
        labels = [label.strip().lstrip("* ") for label in cell.split(_SEPARATOR)]
        contact.put("Categories", ", ".join(label for label in labels if label))
    else:
        contact.put(header[:60], cell)


def _put_group(contact: Contact, kind: str, parts: dict[str, str]) -> None:
    """One numbered group; a cell may hold several values, which share the label."""
    said = (parts.get("label") or parts.get("type") or "").strip()
    if kind == "address":
        _put_addresses(contact, parts, said)
        return
    if kind == "organization":
        _put_organization(contact, parts)
        return
    for value in parts.get("value", "").split(_SEPARATOR):
        _put_value(contact, kind, value.strip(), said, parts.get("service", ""))


def _put_value(contact: Contact, kind: str, value: str, said: str, service: str) -> None:
    label = read_label([said])
    shown = said.lstrip("* ").lower() or "other"
    match kind:
        case "e-mail":
            contact.email(value, label, preferred=said.startswith("*"))
        case "phone":
            contact.phone(value, label)
        case "website":
            contact.web_page(value, label)
        case "im":
            contact.put(f"Chat ({service.lower() or shown})"[:60], value)
        case "relation":
            contact.put(f"Related ({shown})"[:60], value)
        case "event":
            contact.put(f"Date ({shown})"[:60], value)
        case "custom field":
            contact.put(said[:60] or "Custom field", value)
        case other:
            contact.put(other.capitalize(), value)


def _put_organization(contact: Contact, parts: dict[str, str]) -> None:
    fields = {"name": "Company", "title": "Job title", "department": "Department"}
    for part, cell in parts.items():
        if part in fields:
            contact.put(fields[part], cell)
        elif part not in ("type", "label"):
            contact.put(f"Organization {part}"[:60], cell)


def _put_addresses(contact: Contact, parts: dict[str, str], said: str) -> None:
    known = {
        "street": "street",
        "extended address": "extra",
        "po box": "po_box",
        "postal code": "zip_code",
        "city": "city",
        "region": "state",
        "country": "country",
        "formatted": "whole",
    }
    columns = {
        name: [value.strip() for value in parts.get(part, "").split(_SEPARATOR)]
        for part, name in known.items()
    }
    for values in zip_longest(*columns.values(), fillvalue=""):
        address = Address(**dict(zip(columns, values, strict=True)))
        contact.address(address, read_label([said]))
