"""Outlook data files (.pst, .ost): their contacts are read in a process of its own (`workbook_child`).

That process writes them as Microsoft Graph would answer them, so that from there on they are read as
those of the account would be.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from crmkit.errors import SourceError
from crmkit.limits import LABELS, USUAL, Limits
from crmkit.sources import graph
from crmkit.sources.contact import Row
from crmkit.sources.spreadsheet import last_message

log = logging.getLogger(__name__)

_BEGINS: Final = b"!BDN"


def looks_like_pst(path: Path) -> bool:
    """Whether a file is an Outlook data file."""
    with path.open("rb") as file:
        return file.read(len(_BEGINS)) == _BEGINS


def read_contacts(
    path: Path,
    on_bytes: Callable[[int], None],
    notes: list[str],
    *,
    limits: Limits = USUAL,
) -> Iterator[Row]:
    """All contacts of a file; what else is in its folders of contacts is noted.

    Raises:
        SourceError: It cannot be read, has no contacts, or the optional part is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="crmkit-") as folder:
        target = Path(folder) / "contacts.jsonl"
        found = _run(path, limits, lambda _: on_bytes(0), kind="outlook", target=str(target))
        if not found["contacts"] + found["unread"] and found["damaged"]:
            raise _damaged(path)
        if not found["contacts"] + found["unread"]:
            raise SourceError(
                "There are no contacts in this Outlook data file.",
                where=f"{path.name}, {found['folders']} folders of contacts",
                mend="Choose another file, or export the contacts from Outlook as .csv.",
            )
        if count := found["lists"]:
            notes.append(f"distribution lists are not imported: {count:,}")
        if count := found["damaged"]:
            notes.append(f"folders that are damaged are not read: {count:,}")
        yield from graph.read_contacts(target, lambda _: on_bytes(0))
        on_bytes(path.stat().st_size)


def _run(path: Path, limits: Limits, report: Callable[[float], None], **task: str) -> Any:
    if find_spec("pypff") is None:
        raise SourceError(
            "Outlook data files need a part of crmkit that is not installed.",
            where=path.name,
            mend="Install it with: pip install libpff-python. Or export the contacts from Outlook"
            " as .csv.",
        )
    message = last_message(path, limits, report, {**task, "sparse": False})
    match message.get("fault"):
        case None:
            return message["result"]
        case str(limit) if limit in LABELS:
            raise limits.refusal(
                limit,
                where=path.name,
                mend="Export the contacts from Outlook as .csv and choose that file",
            )
        case fault:
            log.info("%s: %s, %s", path.name, fault, message.get("detail"))
            raise _damaged(path)


def _damaged(path: Path) -> SourceError:
    return SourceError(
        "This Outlook data file is damaged.",
        where=path.name,
        mend="Let Outlook's Inbox Repair tool mend it, or export the contacts as .csv.",
    )
