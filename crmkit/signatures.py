"""Recognises the export of a known program by its headers, and says where each column goes.

The exports are in `signatures.toml`. One is recognised when all its marks are there and the file has
no more headers beside it than a program's own fields explain.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from crmkit.headers import key

BY_LABEL: Final = "by label"
"""The target of a column whose field the column before it names: "Phone 1 - Label" says "Mobile"."""

_ENOUGH: Final = 0.5
_TELLING: Final = ("vCard", "Outlook", "Thunderbird", "LinkedIn", "business XML")
"""Programs whose columns are known by a name in English beside their headers."""


@dataclass(frozen=True)
class Signature:
    """An export of a known program.

    Attributes:
        program: Its name, for people.
        marks: Headers that it always has.
        fields: Header -> target; empty where the column has no field here.
    """

    program: str
    marks: frozenset[str]
    fields: dict[str, str]

    def target(self, header: str) -> str | None:
        """Where a column goes: a target, empty for none, None when the export does not have it."""
        squeezed = key(header)
        found = self.fields.get(squeezed)
        return self.fields.get(_numbered(squeezed)) if found is None else found


def recognise(headers: Iterable[str], subject: str) -> Signature | None:
    """The export that these headers are of; None when they are of none.

    Args:
        subject: What the file holds: `company` (with persons) or `product`.
    """
    listed = list(headers)
    present = {key(header) for header in listed}
    best: tuple[int, Signature] | None = None
    for signature in _signatures():
        subjects = {target.split(".")[0] for target in signature.fields.values()}
        if ("product" in subjects) != (subject == "product") or not signature.marks <= present:
            continue
        known = sum(signature.target(header) is not None for header in listed)
        if known >= _ENOUGH * len(listed) and (best is None or known > best[0]):
            best = known, signature
    return best[1] if best else None


def told(name: str) -> str | None:
    """Where a column goes that its reader calls so in English, whatever its header is.

    Empty for a column without a field here, None for one that none of those programs has.
    """
    found = (s.target(name) for s in _signatures() if s.program in _TELLING)
    return next((target for target in found if target is not None), None)


@cache
def _signatures() -> tuple[Signature, ...]:
    text = resources.files("crmkit").joinpath("signatures.toml").read_text(encoding="utf-8")
    return tuple(
        Signature(
            given["program"],
            frozenset(key(mark) for mark in given["marks"]),
            {
                key(header.replace("#", " 0 ")): target
                for target, listed in given["fields"].items()
                for header in listed
            },
        )
        for given in tomllib.loads(text).values()
    )


def _numbered(squeezed: str) -> str:
    """A header with 0 for its first number, as the table has it for any."""
    return re.sub(r"\d+", "0", squeezed, count=1)
