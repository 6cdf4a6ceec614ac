"""Contacts of Outlook as Microsoft Graph answers them, one row for each contact."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from crmkit.sources.answers import (
    listed,
    objects,
    parts,
    plain,
    read_answers,
    shown,
    starts_with,
    text,
)
from crmkit.sources.contact import Address, Contact, Label, Row, read_label

FOLDER: Final = "@crmkit.folder"
"""Key of the contact folder's name, which is added to each answer that is fetched."""

_LOOK: Final = re.compile(
    r'"@odata\.context"\s*:\s*"[^"]*[/#]contacts\b|"@crmkit\.folder"'
    r'|"value"\s*:\s*\[\s*\{.*"(emailAddresses|businessPhones)"',
    re.DOTALL,
)
_PLAIN: Final = {
    "displayName": "Full name",
    "title": "Prefix",
    "givenName": "First name",
    "middleName": "Middle name",
    "surname": "Last name",
    "generation": "Suffix",
    "nickName": "Nickname",
    "companyName": "Company",
    "department": "Department",
    "jobTitle": "Job title",
    "profession": "Role",
    "initials": "Initials",
    "assistantName": "Assistant's name",
    "manager": "Manager",
    "officeLocation": "Office location",
    "spouseName": "Spouse",
    "fileAs": "File as",
    "gender": "Gender",
    "yomiGivenName": "First name (phonetic)",
    "yomiSurname": "Last name (phonetic)",
    "yomiCompanyName": "Company (phonetic)",
}
_PHONES: Final = {"businessPhones": "work", "homePhones": "home", "mobilePhone": "mobile"}
_ADDRESSES: Final = {"businessAddress": "work", "homeAddress": "home", "otherAddress": ""}
_EMAILS: Final = ("primaryEmailAddress", "secondaryEmailAddress", "tertiaryEmailAddress")
_LISTS: Final = {"categories": "Categories", "children": "Children", "imAddresses": "Chat"}
_READ: Final = {
    *_PLAIN, *_PHONES, *_ADDRESSES, *_EMAILS, *_LISTS, "emailAddresses", "phones",
    "businessHomePage", "personalWebPage",
    "personalNotes", "birthday", "id",
    # The service's own housekeeping.
    "changeKey", "createdDateTime", "lastModifiedDateTime", "parentFolderId", "flag", "photo",
    "extensions", "singleValueExtendedProperties", "multiValueExtendedProperties",
}  # fmt: skip


def looks_like_graph(path: Path) -> bool:
    """Whether a file holds contacts as Microsoft Graph answers them."""
    return starts_with(path, _LOOK)


def read_contacts(path: Path, on_bytes: Callable[[int], None]) -> Iterator[Row]:
    """All contacts of a file."""
    number = 0
    for answer in read_answers(path, on_bytes):
        for item in listed(answer, "value"):
            number += 1
            if not isinstance(item, dict):
                yield Row(number, None, "it is no contact of Outlook", shown(item))
                continue
            contact = contact_of(item)
            contact.put("Folder", text(answer, FOLDER))
            contact.finish()
            reason = "" if _says_something(contact) else "it is empty"
            yield Row(number, contact, reason, shown(item) if reason else "")


def contact_of(item: dict[str, Any]) -> Contact:
    """One contact."""
    contact = Contact()
    company = text(item, "companyName").strip()
    named = any(text(item, key).strip() for key in ("givenName", "middleName", "surname"))
    shown_name = text(item, "displayName").strip()
    contact.is_company = not named and bool(company) and shown_name in ("", company)
    for key, base in _PLAIN.items():
        if not (contact.is_company and key == "displayName"):
            contact.put(base, text(item, key))
    _put_emails(contact, item, shown_name)
    for key, kind in _PHONES.items():
        for number in listed(item, key) or [item.get(key)]:
            contact.phone(plain(number), Label(kind))
    for phone in objects(item, "phones"):
        contact.phone(text(phone, "number"), read_label([text(phone, "type")]))
    for key, kind in _ADDRESSES.items():
        contact.address(_address(parts(item, key)), Label(kind))
    contact.web_page(text(item, "businessHomePage"), Label("work"))
    contact.web_page(text(item, "personalWebPage"), Label("home"))
    contact.birthday(text(item, "birthday"))
    contact.notes(text(item, "personalNotes"))
    for key, base in _LISTS.items():
        contact.put(base, ", ".join(filter(None, map(plain, listed(item, key)))))
    for key in item:
        if key not in _READ and not key.startswith("@"):
            contact.put(_words(key), text(item, key))
    contact.key("Outlook", _key(text(item, "id")))
    return contact


def _put_emails(contact: Contact, item: dict[str, Any], shown_name: str) -> None:
    for email in [*listed(item, "emailAddresses"), *(item.get(key) for key in _EMAILS)]:
        if isinstance(email, dict):
            # Its name is mostly the contact's, or the address again.
            known = {"", shown_name, text(email, "address")}
            own = text(email, "name").strip()
            contact.email(text(email, "address"), Label(own="" if own in known else own))


def _key(contact_id: str) -> str:
    """A contact's key in the CRM. IDs of Outlook differ in capitals only, which keys do not count."""
    return sha256(contact_id.encode(errors="replace")).hexdigest()[:32] if contact_id else ""


def _address(given: dict[str, Any]) -> Address:
    return Address(
        street=text(given, "street").replace("\r\n", "\n"),
        po_box=text(given, "postOfficeBox"),
        zip_code=text(given, "postalCode"),
        city=text(given, "city"),
        state=text(given, "state"),
        country=text(given, "countryOrRegion"),
    )


def _says_something(contact: Contact) -> bool:
    return any(
        not heading.base.endswith("Outlook key") and heading.base != "Folder"
        for heading in contact.cells
    )


def _words(key: str) -> str:
    """`weddingAnniversary` as "Wedding anniversary"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", key).capitalize()[:60]
