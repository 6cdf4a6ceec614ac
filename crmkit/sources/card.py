"""What the properties of a card mean: a contact of a vCard, in whatever form it was written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from crmkit.sources.contact import Address, Contact, plain_label, read_label
from crmkit.sources.vcard import Card, Found, Property

_TECHNICAL: Final = frozenset((
    "VERSION", "PRODID", "REV", "CLASS", "PROFILE", "SOURCE", "MAILER", "SORT-STRING", "AGENT",
    "CLIENTPIDMAP", "UID", "X-ABUID", "X-ABADR", "X-ABLABEL", "X-ABSHOWAS", "KIND", "XML", "GEO",
    "TZ", "X-IMAGEHASH", "X-IMAGETYPE", "X-SHARED-PHOTO-DISPLAY-PREF",
    "X-ADDRESSBOOKSERVER-KIND",
))  # fmt: skip
"""Of the program that wrote the card and not of the contact."""

_PLAIN: Final = {
    "TITLE": "Job title",
    "ROLE": "Role",
    "NICKNAME": "Nickname",
    "GENDER": "Gender",
    "LANG": "Language",
    "CATEGORIES": "Categories",
    "ANNIVERSARY": "Anniversary",
}
_NAME_PARTS: Final = ("Last name", "First name", "Middle name", "Prefix", "Suffix")
_CHATS: Final = {
    "X-SKYPE": "skype", "X-SKYPE-USERNAME": "skype", "X-JABBER": "jabber", "X-AIM": "aim",
    "X-ICQ": "icq", "X-MSN": "msn", "X-YAHOO": "yahoo", "X-QQ": "qq", "X-GTALK": "gtalk",
    "X-GOOGLE-TALK": "gtalk",
}  # fmt: skip
_LABELLED: Final = {"X-ABDATE": "Date", "X-ABRELATEDNAMES": "Related", "RELATED": "Related"}
_EXTENSION: Final = re.compile(r";ext=([^;]+)", re.IGNORECASE)


def contact_of(card: Card, found: Found) -> tuple[Contact, str]:
    """The contact that a card describes; where it is none, why not."""
    by_name: dict[str, list[Property]] = {}
    for item in card.properties:
        by_name.setdefault(item.name, []).append(item)
    kinds = [
        item.text.strip().lower()
        for name in ("KIND", "X-ADDRESSBOOKSERVER-KIND")
        for item in by_name.get(name, ())
    ]
    contact = Contact()
    if "group" in kinds:
        return contact, "it is a list of contacts and not a contact"
    named = any(part for item in by_name.get("N", ()) for part in item.parts)
    contact.is_company = _is_company(by_name, kinds, named=named)
    labels = {item.group: item.text for item in by_name.get("X-ABLABEL", ()) if item.group}
    countries = {
        item.group: item.text.strip().upper()
        for item in by_name.get("X-ABADR", ())
        if item.group and len(item.text.strip()) == 2
    }
    _put_names(contact, by_name)
    for item in card.properties:
        if item.name == "LABEL" and "ADR" not in by_name:
            contact.address(Address(whole=item.text), read_label(item.types))
            continue
        _put(contact, item, labels.get(item.group, ""), countries.get(item.group, ""), found)
    for line in card.unread:
        contact.put("Unread line", line)
    if not contact.finish():
        return contact, "it has no name, no e-mail address and nothing else of a contact"
    return contact, ""


def _is_company(by_name: dict[str, list[Property]], kinds: Sequence[str], *, named: bool) -> bool:
    """Said by the card, or seen: no name but that of the company."""
    shown_as = [item.text.strip().upper() for item in by_name.get("X-ABSHOWAS", ())]
    if "COMPANY" in shown_as or {"org", "organization"} & set(kinds):
        return True
    companies = {item.parts[0].casefold() for item in by_name.get("ORG", ()) if item.parts}
    full = [item.text.casefold() for item in by_name.get("FN", ()) if item.text]
    return not named and bool(companies - {""}) and all(name in companies for name in full)


def _put_names(contact: Contact, by_name: dict[str, list[Property]]) -> None:
    for item in by_name.get("N", ())[:1]:
        for base, part in zip(_NAME_PARTS, item.parts, strict=False):
            contact.put(base, _listed(part))
    full = [item.text for item in by_name.get("FN", ()) if item.text]
    companies = [item for item in by_name.get("ORG", ()) if any(item.parts)]
    for item in companies:
        # Further parts are units: the innermost stands last.
        contact.put("Company", item.parts[0])
        contact.put("Department", ", ".join(part for part in item.parts[1:] if part))
    if not contact.is_company:
        for name in full:
            contact.put("Full name", name)
    elif full and not companies:
        contact.put("Company", full[0])


def _put(contact: Contact, item: Property, own_label: str, country: str, found: Found) -> None:
    label = read_label([own_label] if own_label else item.types)
    match item.name:
        case "N" | "FN" | "ORG":
            # Read together, before the others.
            pass
        case "TEL":
            contact.phone(_phone(item.text), label)
        case "EMAIL":
            contact.email(_without("mailto:", item.text), label, preferred=item.preferred)
        case "ADR":
            contact.address(_address(item, country), label)
        case "URL":
            contact.web_page(item.text, label)
        case "BDAY":
            contact.birthday(item.text)
        case "NOTE":
            contact.notes(item.text)
        case "LABEL":
            # The whole address, which the parts beside it say already.
            found.left_out["LABEL"] += 1
        case name if name not in _TECHNICAL and name:
            base, text = _other(
                item, plain_label(own_label).lower() or label.own or label.kind or "other"
            )
            contact.put(base[:60], text)


def _other(item: Property, label: str) -> tuple[str, str]:
    """The column of anything else, and what stands in it."""
    name, text = item.name, item.text
    if name in _PLAIN:
        return _PLAIN[name], _listed(text) if name in ("CATEGORIES", "NICKNAME") else text
    if name in _CHATS:
        return f"Chat ({_CHATS[name]})", text
    if name in _LABELLED:
        return f"{_LABELLED[name]} ({label})", text
    if name == "IMPP":
        service, colon, account = text.partition(":")
        return f"Chat ({service if colon else label})", account if colon else text
    return name, text


def _address(item: Property, country: str) -> Address:
    parts = [*item.parts, *[""] * 7][:7]
    return Address(
        po_box=parts[0],
        extra=parts[1],
        street=parts[2],
        city=parts[3],
        state=parts[4],
        zip_code=parts[5],
        country=parts[6] or country,
    )


def _phone(text: str) -> str:
    return _EXTENSION.sub(r" ext. \1", _without("tel:", text))


def _without(scheme: str, text: str) -> str:
    return text[len(scheme) :] if text.lower().startswith(scheme) else text


def _listed(text: str) -> str:
    """A list as a person writes it: with a space behind each comma."""
    return ", ".join(piece.strip() for piece in text.split(",") if piece.strip())
