"""Contacts of Gmail as the People API answers them, one row for each contact."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from crmkit.sources.answers import listed, objects, parts, read_answers, shown, starts_with, text
from crmkit.sources.contact import Address, Contact, Row, read_label

_LOOK: Final = re.compile(
    r'"resourceName"\s*:\s*"(people|contactGroups)/|"connections"\s*:\s*\[\s*\{'
)
_NAMES: Final = {
    "honorificPrefix": "Prefix",
    "givenName": "First name",
    "middleName": "Middle name",
    "familyName": "Last name",
    "honorificSuffix": "Suffix",
    "phoneticGivenName": "First name (phonetic)",
    "phoneticFamilyName": "Last name (phonetic)",
}
_ORGANIZATION: Final = {
    "name": "Company",
    "title": "Job title",
    "department": "Department",
    "jobDescription": "Job description",
    "location": "Office location",
    "domain": "Company domain",
}
_LISTS: Final = {
    "nicknames": "Nickname",
    "occupations": "Role",
    "fileAses": "File as",
    "interests": "Interest",
    "skills": "Skill",
    "genders": "Gender",
}
_LABELLED: Final = {"relations": ("Related", "person"), "imClients": ("Chat", "username")}


def looks_like_people(path: Path) -> bool:
    """Whether a file holds contacts as the People API answers them."""
    return starts_with(path, _LOOK)


def read_contacts(path: Path, on_bytes: Callable[[int], None]) -> Iterator[Row]:
    """All contacts of a file; the names of their groups stand in an answer before them."""
    number = 0
    groups: dict[str, str] = {}
    for answer in read_answers(path, on_bytes):
        for group in objects(answer, "contactGroups"):
            name = text(group, "formattedName") or text(group, "name")
            groups[text(group, "resourceName")] = name
        for person in listed(answer, "connections"):
            number += 1
            if not isinstance(person, dict):
                yield Row(number, None, "it is no contact of Gmail", shown(person))
                continue
            contact = contact_of(person, groups)
            contact.finish()
            reason = "" if _says_something(contact) else "it is empty"
            yield Row(number, contact, reason, shown(person) if reason else "")


def contact_of(person: dict[str, Any], groups: dict[str, str]) -> Contact:
    """One contact.

    Args:
        groups: Resource name -> name.
    """
    contact = Contact()
    names = _primary_first(person, "names")
    organizations = _primary_first(person, "organizations")
    name = names[0] if names else {}
    shown_name = (text(name, "displayName") or text(name, "unstructuredName")).strip()
    companies = {text(item, "name").strip() for item in organizations} - {""}
    named = any(text(name, key).strip() for key in ("givenName", "middleName", "familyName"))
    contact.is_company = bool(companies) and not named and shown_name in {"", *companies}
    if not contact.is_company:
        contact.put("Full name", shown_name)
    for key, base in _NAMES.items():
        contact.put(base, text(name, key))
    for item in organizations:
        for key, base in _ORGANIZATION.items():
            contact.put(base, text(item, key))
    _put_lists(contact, person)
    _put_others(contact, person)
    for birthday in _primary_first(person, "birthdays")[:1]:
        contact.birthday(_date(parts(birthday, "date")) or text(birthday, "text"))
    for note in _primary_first(person, "biographies"):
        contact.notes(text(note, "value"))
    labels = (groups.get(id_) or id_.removeprefix("contactGroups/") for id_ in groups_of(person))
    contact.put("Categories", ", ".join(sorted(labels)))
    contact.key("Google", text(person, "resourceName").removeprefix("people/"))
    return contact


def _put_lists(contact: Contact, person: dict[str, Any]) -> None:
    for email in _primary_first(person, "emailAddresses"):
        contact.email(text(email, "value"), read_label([text(email, "type")]))
    for phone in _primary_first(person, "phoneNumbers"):
        contact.phone(text(phone, "value"), read_label([text(phone, "type")]))
    for address in _primary_first(person, "addresses"):
        contact.address(_address(address), read_label([text(address, "type")]))
    for page in _primary_first(person, "urls"):
        contact.web_page(text(page, "value"), read_label([text(page, "type")]))


def _put_others(contact: Contact, person: dict[str, Any]) -> None:
    """What has a column of its own for each kind, and no field of a CRM."""
    for key, base in _LISTS.items():
        for item in _primary_first(person, key):
            contact.put(base, text(item, "value"))
    for key, (base, of) in _LABELLED.items():
        for item in _primary_first(person, key):
            kind = text(item, "formattedProtocol") or text(item, "type") or "other"
            contact.put(f"{base} ({kind.lower()})"[:60], text(item, of))
    for event in _primary_first(person, "events"):
        kind = (text(event, "type") or "other").lower()
        contact.put(f"Date ({kind})"[:60], _date(parts(event, "date")))
    for own in objects(person, "userDefined"):
        contact.put(text(own, "key")[:60] or "Custom field", text(own, "value"))
    for own in _primary_first(person, "externalIds"):
        contact.put(f"ID ({(text(own, 'type') or 'other').lower()})"[:60], text(own, "value"))


def _primary_first(person: dict[str, Any], key: str) -> list[dict[str, Any]]:
    return sorted(objects(person, key), key=lambda item: not parts(item, "metadata").get("primary"))


def _address(given: dict[str, Any]) -> Address:
    return Address(
        street=text(given, "streetAddress"),
        extra=text(given, "extendedAddress"),
        po_box=text(given, "poBox"),
        zip_code=text(given, "postalCode"),
        city=text(given, "city"),
        state=text(given, "region"),
        country=text(given, "country") or text(given, "countryCode"),
        whole=text(given, "formattedValue"),
    )


def _date(given: dict[str, Any]) -> str:
    """A date as ISO; without its year it is --MM-DD."""
    year, month, day = (given.get(key) for key in ("year", "month", "day"))
    if not isinstance(month, int) or not isinstance(day, int):
        return ""
    return f"{year:04}-{month:02}-{day:02}" if isinstance(year, int) else f"--{month:02}-{day:02}"


def groups_of(person: dict[str, Any]) -> set[str]:
    """The resource names of the groups that a contact is in."""
    found = {
        text(parts(membership, "contactGroupMembership"), "contactGroupResourceName")
        for membership in _primary_first(person, "memberships")
    }
    return found - {""}


def _says_something(contact: Contact) -> bool:
    return any(
        not heading.base.endswith("Google key") and heading.base != "Categories"
        for heading in contact.cells
    )
