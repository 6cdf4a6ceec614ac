"""Answers of a web service, saved as they came: one JSON document, or one on each line.

What the import fetches is written one answer to a line, so that only one is in memory at a time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from crmkit.errors import SourceError

_START: Final = 65_536
_LARGEST: Final = 60_000_000
"""Bytes of one answer, which is read in one go. A service sends a tenth of it at most."""


def starts_with(path: Path, pattern: re.Pattern[str]) -> bool:
    """Whether a file begins as a JSON object in which a pattern is found early."""
    with path.open("rb") as file:
        text = file.read(_START).decode("utf-8-sig", errors="replace").lstrip()
    return text.startswith("{") and pattern.search(text) is not None


def read_answers(path: Path, on_bytes: Callable[[int], None]) -> Iterator[dict[str, Any]]:
    """All answers of a file.

    Raises:
        SourceError: One is damaged or too large.
    """
    for number, document in enumerate(_documents(path), start=1):
        on_bytes(len(document))
        answer = _parse(document)
        if answer is None:
            raise SourceError(
                "This file begins as contacts in JSON, but is damaged.",
                where=f"{path.name}, answer {number:,}",
                mend="Fetch the contacts again, or save the whole answer of the service.",
            )
        yield answer


def _documents(path: Path) -> Iterator[bytes]:
    """The text of each answer: the lines of a file, or all of it when its first line is none."""
    with path.open("rb") as file:
        line = file.readline(_LARGEST + 1)
        if _parse(line) is None:
            line += file.read(_LARGEST)
        while line:
            if len(line) > _LARGEST:
                raise SourceError(
                    "This file is too large to be read as one answer of a service.",
                    where=path.name,
                    mend="Fetch the contacts with crmkit, or save the answers one on each line.",
                )
            if line.strip():
                yield line
            line = file.readline(_LARGEST + 1)


def _parse(text: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(text.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def listed(answer: dict[str, Any], key: str) -> list[Any]:
    """A list of an answer or a contact; empty when it is missing or something else."""
    value = answer.get(key)
    return value if isinstance(value, list) else []


def objects(answer: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [item for item in listed(answer, key) if isinstance(item, dict)]


def parts(item: dict[str, Any], key: str) -> dict[str, Any]:
    """An object inside another; empty when it is missing or something else."""
    value = item.get(key)
    return value if isinstance(value, dict) else {}


def text(item: dict[str, Any], key: str) -> str:
    """A value as text; what is no plain value is empty."""
    return plain(item.get(key))


def plain(value: Any) -> str:
    """A plain value as text: nothing for lists, objects and null."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, str | int | float) else ""


def shown(value: Any) -> str:
    """A piece of an answer as it stands, for rows that are set aside."""
    return json.dumps(value, ensure_ascii=False)
