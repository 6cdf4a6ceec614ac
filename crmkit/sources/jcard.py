"""jCard: vCards as JSON (RFC 7095), one or a list of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from crmkit.errors import SourceError
from crmkit.sources.vcard import BINARY, Card, Found, Property

_LARGEST: Final = 30_000_000
"""Bytes; JSON is read in one go."""


def looks_like_jcards(path: Path) -> bool:
    """Whether a file begins as a jCard or a list of them."""
    with path.open("rb") as file:
        start = file.read(4096).lstrip(b"\xef\xbb\xbf")
    bare = b"".join(start.split())
    return bare.startswith((b'["vcard",', b'[["vcard",', b'["vcards",'))


def read_cards(path: Path, found: Found) -> Iterator[Card]:
    """All cards of a file.

    Raises:
        SourceError: It is not JSON, or too large.
    """
    if path.stat().st_size > _LARGEST:
        raise SourceError(
            "This file is too large to be read as jCards.",
            where=path.name,
            mend="Export the contacts as vCards (.vcf) instead.",
        )
    try:
        whole = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise SourceError(
            "This file begins as contacts in JSON, but is damaged.",
            where=path.name,
            mend="Export the contacts again, as vCards (.vcf) if you can.",
        ) from error
    if whole[0] == "vcard":
        whole = [whole]
    cards = whole[1:] if whole[0] == "vcards" else whole
    for number, card in enumerate(cards, start=1):
        try:
            yield _read_card(number, card, found)
        except RecursionError:
            yield Card(number, reason="it is nested too deeply")


def read_lines(path: Path, found: Found, on_bytes: Callable[[int], None]) -> Iterator[Card]:
    """All cards of a file of our own that has one on each line, whatever its size."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            on_bytes(len(line))
            yield _read_card(number, json.loads(line), found)


def _read_card(number: int, card: Any, found: Found) -> Card:
    match card:
        case ["vcard", [*items], *_]:
            properties, unread = [], []
            for item in items:
                property_ = _read_property(item)
                if property_ is None:
                    unread.append(_shown(item))
                elif property_.name in BINARY:
                    found.left_out[property_.name] += 1
                else:
                    properties.append(property_)
            return Card(number, tuple(properties), unread=tuple(unread))
    return Card(number, reason="it is no jCard", text=_shown(card))


def _read_property(item: Any) -> Property | None:
    match item:
        case [str(name), dict(parameters), str(), *values] if values:
            types = _texts(parameters.get("type", []))
            parts = tuple(_text(part) for part in values[0]) if _is_list(values[0]) else ()
            text = "; ".join(parts) if parts else ", ".join(_text(value) for value in values)
            if name.lower() == "org" and not parts:
                parts = (text,)
            return Property(
                name.upper(),
                _text(parameters.get("group", "")),
                tuple(word.strip().lower() for word in types),
                "pref" in types or _text(parameters.get("pref", "")) == "1",
                text,
                parts,
            )
    return None


def _texts(value: Any) -> list[str]:
    return [_text(item) for item in value] if _is_list(value) else [_text(value)]


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _text(value: Any) -> str:
    """A value as text; a list, as of several street lines, in one."""
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    return value if isinstance(value, str) else json.dumps(value)


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:20_000]
