"""Contacts of an Outlook data file (.pst, .ost), written as Microsoft Graph would answer them."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TextIO
from uuid import UUID

from crmkit.workbook_child.task import FaultError, Task, say

try:
    import pypff  # an optional part: the parent says what to install
except ImportError:
    pypff = None

_EVERY: Final = 100
"""Contacts in one answer, and between two reports of progress."""

_CLASS: Final = 0x001A
_FOLDER_CLASS: Final = 0x3613
_SEARCH_KEY: Final = 0x300B
_BIRTHDAY: Final = 0x3A42

_PLAIN: Final = {
    0x3001: "displayName", 0x3A45: "title", 0x3A06: "givenName", 0x3A44: "middleName",
    0x3A11: "surname", 0x3A05: "generation", 0x3A4F: "nickName", 0x3A0A: "initials",
    0x3A16: "companyName", 0x3A18: "department", 0x3A17: "jobTitle", 0x3A46: "profession",
    0x3A19: "officeLocation", 0x3A30: "assistantName", 0x3A4E: "manager", 0x3A48: "spouseName",
    0x3A51: "businessHomePage", 0x3A50: "personalWebPage", 0x1000: "personalNotes",
    0x3A0C: "language", 0x3A0D: "location",
}  # fmt: skip
"""Fixed properties, and what Graph calls them."""

_PHONES: Final = {
    0x3A08: "business", 0x3A1B: "business", 0x3A57: "main", 0x3A1C: "mobile", 0x3A09: "home",
    0x3A2F: "home", 0x3A24: "businessFax", 0x3A25: "homeFax", 0x3A23: "fax", 0x3A21: "pager",
    0x3A1A: "main", 0x3A1E: "car", 0x3A1D: "radio", 0x3A02: "callback", 0x3A2E: "assistant",
    0x3A1F: "other", 0x3A2C: "telex",
}  # fmt: skip

_PARTS: Final = ("street", "city", "state", "postalCode", "countryOrRegion", "postOfficeBox")
_ADDRESSES: Final = {
    "homeAddress": (0x3A5D, 0x3A59, 0x3A5C, 0x3A5B, 0x3A5A, 0x3A5E),
    "otherAddress": (0x3A63, 0x3A5F, 0x3A62, 0x3A61, 0x3A60, 0x3A64),
}
_MAILING: Final = (0x3A29, 0x3A27, 0x3A28, 0x3A2A, 0x3A26, 0x3A2B)
"""The address that letters go to: one of the three, again."""

# Named properties have another number in every file; these are their names. Of each e-mail address:
# the address, and where that is one of Exchange's own, what was typed.
_CONTACT: Final = "00062004-0000-0000-c000-000000000046"
_EMAILS: Final = ((0x8083, 0x8084), (0x8093, 0x8094), (0x80A3, 0x80A4))
_WORK: Final = (0x8045, 0x8046, 0x8047, 0x8048, 0x8049, 0x804A)
_CHAT: Final = 0x8062
_CATEGORIES: Final = "Keywords"
_FIRST_NAMED: Final = 0x8000

_ADDRESS: Final = re.compile(r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+")
_DATE, _TEXTS = 0x0040, 0x101F

Named = dict[int | str, int]
"""Name of a property -> its number in this file."""


def write(task: Task) -> dict[str, int]:
    """Write all contacts to the task's target, one answer to a line, and count them.

    What is no contact stands as a text among them, so that it is set aside with its reason.
    """
    if pypff is None:
        raise FaultError("missing")
    file = pypff.file()
    file.open(task.path)
    try:
        with Path(task.target).open("w", encoding="utf-8", errors="replace") as target:
            return _write_folders(file, target)
    finally:
        file.close()


def _write_folders(file: Any, target: TextIO) -> dict[str, int]:
    named = _named(file)
    counts = {"contacts": 0, "lists": 0, "unread": 0, "folders": 0, "damaged": 0}
    for path, folder in _contact_folders(file.get_root_folder(), (), counts):
        counts["folders"] += 1
        page: list[Any] = []
        for number in range(folder.number_of_sub_messages):
            page += _item(folder, number, named, counts)
            if len(page) >= _EVERY:
                _write_page(target, path, page)
                page = []
                say(progress=0.5)
        _write_page(target, path, page)
    return counts


def _write_page(target: TextIO, path: str, page: list[Any]) -> None:
    answer = {"@crmkit.folder": path, "value": page}
    target.write(json.dumps(answer, ensure_ascii=False) + "\n")


def _contact_folders(
    folder: Any, above: tuple[str, ...], counts: dict[str, int]
) -> Iterator[tuple[str, Any]]:
    for number in range(folder.number_of_sub_folders):
        try:
            inside = folder.get_sub_folder(number)
            path = (*above, inside.name or "")
            kind = str(_texts(inside).get(_FOLDER_CLASS, ""))
        except OSError:
            # The others can be read.
            counts["damaged"] += 1
            continue
        if kind.startswith("IPF.Contact"):
            # The first name is that of the file itself.
            yield "/".join(path[1:]) or path[0], inside
        yield from _contact_folders(inside, path, counts)


def _item(folder: Any, number: int, named: Named, counts: dict[str, int]) -> list[Any]:
    try:
        values = _texts(folder.get_sub_message(number))
    except OSError:
        counts["unread"] += 1
        return ["an item of the Outlook data file that is damaged"]
    kind = str(values.get(_CLASS, ""))
    if kind.startswith("IPM.DistList"):
        counts["lists"] += 1
        return []
    counts["contacts"] += 1
    return [_contact(values, named)]


def _contact(values: dict[int, Any], named: Named) -> dict[str, Any]:
    def text(number: int | None) -> str:
        found = values.get(number) if number is not None else None
        return found if isinstance(found, str) else ""

    def address(numbers: tuple[int | None, ...]) -> dict[str, str]:
        return {part: text(number) for part, number in zip(_PARTS, numbers, strict=True)}

    contact: dict[str, Any] = {name: text(number) for number, name in _PLAIN.items()}
    contact["phones"] = [
        {"type": kind, "number": text(number)} for number, kind in _PHONES.items() if text(number)
    ]
    for key, numbers in _ADDRESSES.items():
        contact[key] = address(numbers)
    work = address(tuple(named.get(name) for name in _WORK))
    mailing = address(_MAILING)
    known = (contact["homeAddress"], contact["otherAddress"])
    contact["businessAddress"] = work if any(work.values()) or mailing in known else mailing
    contact["emailAddresses"] = [{"address": found} for found in _emails(values, named)]
    contact["imAddresses"] = [text(named.get(_CHAT))]
    categories = values.get(named.get(_CATEGORIES, -1))
    contact["categories"] = categories if isinstance(categories, list) else []
    contact["birthday"] = text(_BIRTHDAY)
    contact["id"] = text(_SEARCH_KEY)
    return contact


def _emails(values: dict[int, Any], named: Named) -> list[str]:
    """The addresses under their names; where the file does not tell its names, by their look."""
    slots = [[named.get(name, -1) for name in slot] for slot in _EMAILS]
    if not any(number >= 0 for slot in slots for number in slot):
        slots = [[number] for number in sorted(values) if number >= _FIRST_NAMED]
    found = []
    for slot in slots:
        texts = [value for number in slot if isinstance(value := values.get(number), str)]
        found += [text for text in texts if _ADDRESS.fullmatch(text)][:1]
    return list(dict.fromkeys(found))


def _texts(item: Any) -> dict[int, Any]:
    """The properties that are text, a list of texts, a date, or the key of the item."""
    found: dict[int, Any] = {}
    for number in range(item.number_of_record_sets):
        for entry in item.get_record_set(number).entries:
            key, kind = entry.entry_type, entry.value_type
            with suppress(OSError, ValueError, UnicodeError, struct.error):
                if kind in (0x001E, 0x001F):
                    found[key] = entry.get_data_as_string() or ""
                elif kind == _TEXTS:
                    found[key] = _list_of_texts(entry.data)
                elif kind == _DATE and key == _BIRTHDAY:
                    # It is midnight where it was typed: half a day later it is that day everywhere.
                    day = entry.get_data_as_datetime() + timedelta(hours=12)
                    found[key] = day.date().isoformat()
                elif key == _SEARCH_KEY:
                    found[key] = entry.data.hex()
    return found


def _list_of_texts(data: bytes) -> list[str]:
    (count,) = struct.unpack_from("<I", data)
    starts = struct.unpack_from(f"<{count}I", data, 4)
    ends = (*starts[1:], len(data))
    return [
        data[start:end].decode("utf-16-le").rstrip("\0")
        for start, end in zip(starts, ends, strict=True)
    ]


def _named(file: Any) -> Named:
    """Which number each named property has, from the map that the file carries.

    The map is three streams: sets of names, their texts, and for each name its set and number.
    """
    streams: dict[int, bytes] = {}
    found: Named = {}
    with suppress(OSError, AttributeError, struct.error, UnicodeError):
        names = file.get_name_to_id_map()
        for number in range(names.number_of_record_sets):
            for entry in names.get_record_set(number).entries:
                if entry.entry_type in (2, 3, 4):
                    streams[entry.entry_type] = entry.data or b""
        for name, which, place in struct.iter_unpack("<IHH", streams.get(3, b"")):
            if which & 1:
                (length,) = struct.unpack_from("<I", streams[4], name)
                text = streams[4][name + 4 : name + 4 + length].decode("utf-16-le")
                found[text] = _FIRST_NAMED + place
            elif _set(streams, which >> 1) == _CONTACT:
                found[name] = _FIRST_NAMED + place
    return found


def _set(streams: dict[int, bytes], which: int) -> str:
    """The set that a name is of, as a GUID; the first three have no entry."""
    start = (which - 3) * 16
    data = streams.get(2, b"")[start : start + 16] if start >= 0 else b""
    return str(UUID(bytes_le=data)) if len(data) == 16 else ""
