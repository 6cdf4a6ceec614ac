"""xCard: vCards as XML (RFC 6351), turned into jCards, one a line, which are read like all others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from crmkit.workbook_child.elements import (
    Element,
    Facts,
    Format,
    Reader,
    children,
    find,
    local,
    text,
    walk,
)

NAMESPACE: Final = "urn:ietf:params:xml:ns:vcard-4.0"
_TABLE: Final = "Contacts"
_PARTS: Final = {
    "n": ("surname", "given", "additional", "prefix", "suffix"),
    "adr": ("pobox", "ext", "street", "locality", "region", "code", "country"),
}
"""Properties that have parts, in the order of a vCard."""


def write_cards(reader: Reader, facts: Facts, target: Path) -> int:
    """Write every card as a jCard on a line of its own; how many they are."""
    count = 0
    with target.open("w", encoding="utf-8", newline="") as file:
        for _, element in walk(reader, lambda *_: XCARD, facts):
            file.write(json.dumps(["vcard", list(_properties(element))]) + "\n")
            count += 1
    return count


def _properties(card: Element) -> Iterator[list[Any]]:
    for child in card:
        if local(child) == "group":
            for inner in child:
                if local(inner):
                    yield _property(inner, child.get("name") or "")
        elif local(child):
            yield _property(child, "")


def _property(element: Element, group: str) -> list[Any]:
    name = local(element)
    given = find(element, "parameters")
    parameters: dict[str, Any] = {
        local(parameter): [text(value) for value in parameter] or [text(parameter)]
        for parameter in (() if given is None else given)
        if local(parameter)
    }
    if "pref" in parameters:
        parameters["pref"] = parameters["pref"][0]
    if group:
        parameters["group"] = group
    if name in _PARTS:
        parts = [[text(one) for one in children(element, part)] for part in _PARTS[name]]
        return [name, parameters, "text", [", ".join(filter(None, part)) for part in parts]]
    values = [text(value) for value in element if local(value) not in ("", "parameters")]
    if name == "org" and len(values) > 1:
        return [name, parameters, "text", values]
    return [name, parameters, "text", *(values or [text(element)])]


XCARD: Final = Format(
    program="vCard",
    tables=(_TABLE,),
    table_of=lambda path: _TABLE if len(path) <= 2 else "",
    may_be_row="vcard".__eq__,
    facts={},
    describe=lambda _: "contacts as XML (xCard)",
    rows={},
)
