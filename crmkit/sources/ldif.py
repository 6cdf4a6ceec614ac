"""LDIF, as Thunderbird and directories export address books."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from crmkit.sources import encodings
from crmkit.sources.contact import Address, Contact, Label

_BEGINS: Final = re.compile(rb"\s*(version:\s*\d+\s+)?(#[^\n]*\n\s*)*dn::?[ \t]", re.IGNORECASE)
_LARGEST: Final = 20_000_000
"""Characters of one record; a picture may be in it."""

_PLAIN: Final = {
    "cn": "Full name",
    "displayname": "Full name",
    "givenname": "First name",
    "sn": "Last name",
    "surname": "Last name",
    "mozillanickname": "Nickname",
    "xmozillanickname": "Nickname",
    "o": "Company",
    "company": "Company",
    "organizationname": "Company",
    "ou": "Department",
    "department": "Department",
    "title": "Job title",
    "employeetype": "Role",
}
_PHONES: Final = {
    "telephonenumber": Label("work"),
    "homephone": Label("home"),
    "mobile": Label("mobile"),
    "cellphone": Label("mobile"),
    "pager": Label("pager"),
    "pagerphone": Label("pager"),
    "fax": Label("", fax=True),
    "facsimiletelephonenumber": Label("", fax=True),
}
_EMAILS: Final = ("mail", "mozillasecondemail", "xmozillasecondemail")
_WEB: Final = {
    "mozillaworkurl": Label("work"),
    "workurl": Label("work"),
    "mozillahomeurl": Label("home"),
    "homeurl": Label("home"),
    "labeleduri": Label(),
}
_WORK: Final = {
    "street": ("street", "streetaddress"),
    "extra": ("mozillaworkstreet2",),
    "po_box": ("postofficebox",),
    "zip_code": ("postalcode",),
    "city": ("l", "locality"),
    "state": ("st", "region"),
    "country": ("co", "c", "countryname"),
}
_HOME: Final = {
    "street": ("mozillahomestreet", "homestreet"),
    "extra": ("mozillahomestreet2",),
    "zip_code": ("mozillahomepostalcode",),
    "city": ("mozillahomelocalityname",),
    "state": ("mozillahomestate",),
    "country": ("mozillahomecountryname",),
}
_BIRTH: Final = ("birthyear", "birthmonth", "birthday")
_TECHNICAL: Final = frozenset((
    "objectclass", "dn", "modifytimestamp", "changetype", "jpegphoto", "thumbnailphoto",
    "usercertificate", "usersmimecertificate", "mozillausehtmlmail", "xmozillausehtmlmail",
))  # fmt: skip


@dataclass
class Record:
    """One record of a file.

    Attributes:
        number: As the file counts records, from 1.
        unread: Lines that are no attribute.
        size: Characters so far; more than the largest are not kept.
    """

    number: int
    values: dict[str, list[str]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    size: int = 0

    def take(self, *names: str) -> str:
        """The first value under one of some names, which is then done with."""
        taken = [value for name in names for value in self.values.pop(name, [])]
        return taken[0] if taken else ""


def looks_like_ldif(path: Path) -> bool:
    """Whether a file begins with a record of LDIF."""
    with path.open("rb") as file:
        return bool(_BEGINS.match(file.read(4096).removeprefix(b"\xef\xbb\xbf")))


def read_records(path: Path, on_bytes: Callable[[int], None]) -> Iterator[Record]:
    """All records of a file; as many as it has lines that begin with `dn:`."""
    record: Record | None = None
    count = 0
    for line in _whole_lines(path, on_bytes):
        name, colon, value = line.partition(":")
        name = name.partition(";")[0].strip().lower()
        if colon and name == "dn":
            if record:
                yield record
            count += 1
            record = Record(count)
        if not record or not line.strip() or line.startswith("#"):
            continue
        record.size += len(line)
        if record.size > _LARGEST:
            continue
        text = _value(value) if colon else None
        if text is None or not re.fullmatch(r"[a-z][\w.-]*", name, re.ASCII):
            record.unread.append(line)
        else:
            record.values.setdefault(name, []).append(text)
    if record:
        yield record


def contact_of(record: Record) -> tuple[Contact, str]:
    """The contact that a record describes; where it is none, why not."""
    contact = Contact()
    if record.size > _LARGEST:
        return contact, "it is larger than 20 MB"
    classes = {value.lower() for value in record.values.get("objectclass", [])}
    if classes & {"groupofnames", "groupofuniquenames", "group"}:
        return contact, "it is a list of contacts and not a contact"
    names = [record.values.get(name, [""])[0] for name in ("givenname", "sn")]
    companies = [record.values.get(name, [""])[0] for name in ("o", "company")]
    shown = record.values.get("cn", [""])[0]
    contact.is_company = not any(names) and any(companies) and shown in ("", *companies)
    work = Address(**{part: record.take(*known) for part, known in _WORK.items()})
    home = Address(**{part: record.take(*known) for part, known in _HOME.items()})
    contact.address(work, Label("work"))
    contact.address(home, Label("home"))
    year, month, day = (record.take(name) for name in _BIRTH)
    if month and day:
        contact.birthday(f"{year or '-'}-{month:0>2}-{day:0>2}")
    for name, values in record.values.items():
        for value in values:
            _put(contact, name, value)
    for line in record.unread:
        contact.put("Unread line", line)
    if not contact.finish():
        return contact, "it has no name, no e-mail address and nothing else of a contact"
    return contact, ""


def _put(contact: Contact, name: str, value: str) -> None:
    if name in _PLAIN:
        if not (contact.is_company and _PLAIN[name] == "Full name"):
            contact.put(_PLAIN[name], value)
    elif name in _PHONES:
        contact.phone(value, _PHONES[name])
    elif name in _EMAILS:
        contact.email(value, Label(), preferred=name == "mail")
    elif name in _WEB:
        contact.web_page(value, _WEB[name])
    elif name in ("description", "info"):
        contact.notes(value)
    elif name not in _TECHNICAL:
        contact.put(name[:60], value)


def _whole_lines(path: Path, on_bytes: Callable[[int], None]) -> Iterator[str]:
    """Lines, each with those that go on with a space."""
    encoding, _ = encodings.find_encoding(path)
    whole: list[str] = []
    size = 0
    with path.open(encoding=encoding, errors="replace") as file:
        for line in iter(lambda: file.readline(_LARGEST), ""):
            on_bytes(len(line))
            bare = line.rstrip("\n").removeprefix("\ufeff")
            if bare.startswith(" ") and whole:
                # One piece too many shows that there was more.
                if size <= _LARGEST:
                    whole.append(bare[1:])
                size += len(bare)
                continue
            if whole:
                yield "".join(whole)
            whole, size = [bare], len(bare)
    yield "".join(whole)


def _value(text: str) -> str | None:
    """What stands behind the colon; two colons say base64. None when it is no text."""
    if not text.startswith(":"):
        return text.strip()
    try:
        return base64.b64decode(text[1:].strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
