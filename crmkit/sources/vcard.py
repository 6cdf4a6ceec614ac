"""vCards 2.1, 3.0 and 4.0 as phones, mail programs and address books write them.

Read line by line, so that a file may be larger than memory, and tolerant: a card that has no end, or
whose properties cannot be read, is set aside with its reason and its text; the cards around it are
read. vobject, the library that is kept up, refuses half of the exports that were tried (reference:
source-formats.md section 3).
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

from crmkit.sources import encodings

_LINE_END: Final = re.compile(rb"\r+\n?|\n")
"""Some programs write CR CR LF."""

_LONGEST_LINE: Final = 32_000_000
_LARGEST_CARD: Final = 20_000_000
"""Bytes; a row must fit into what DuckDB takes of a line, with every character in three bytes."""

_LONG_HEAD: Final = 200
_MOST_TEXT: Final = 20_000
"""Characters that are kept of a card that is set aside."""

_BASE64: Final = re.compile(rb"[A-Za-z0-9+/=\s]+")
_HEAD: Final = re.compile(rb'([^:"]*(?:"[^"]*"[^:"]*)*):')
_PARAMETER: Final = re.compile(r';([^;"]*(?:"[^"]*"[^;"]*)*)')
_ESCAPE: Final = re.compile(r'\\([\\,;:"nN])')
_PIECE: Final = re.compile(r"\\.|[^\\;]+|;|\\", re.DOTALL)
_CHARSETS: Final = re.compile(
    r"(utf|us-ascii|ascii|iso|latin|windows|cp|koi8|big5|gb|euc|shift|sjis|mac)[\w-]*",
    re.IGNORECASE,
)
"""Of Python's codecs, those that are a character set."""

_STRUCTURED: Final = frozenset(("N", "ADR", "ORG"))

BINARY: Final = frozenset(("PHOTO", "LOGO", "SOUND", "KEY"))
"""Pictures, sounds and keys: no CRM field takes them."""


@dataclass(frozen=True, slots=True)
class Property:
    """One line of a card.

    Attributes:
        name: In capitals.
        group: Binds a label to it: `item1` of `item1.TEL` and `item1.X-ABLabel`.
        types: `work`, `voice`, ...: what TYPE says, and bare words in 2.1.
        preferred: Marked as the one to use.
        text: Its value, decoded.
        parts: Of a name, an address or an organisation, which have several.
    """

    name: str
    group: str
    types: tuple[str, ...]
    preferred: bool
    text: str
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """One card of a file.

    Attributes:
        number: As the file counts cards, from 1.
        reason: Why it cannot be read; empty when it can.
        text: As it stands in the file, when it cannot be read.
        unread: Lines of it that are no property.
    """

    number: int
    properties: tuple[Property, ...] = ()
    reason: str = ""
    text: str = ""
    unread: tuple[str, ...] = ()


@dataclass
class Found:
    """What was met while reading, for the notes.

    Attributes:
        left_out: How many pictures and the like, by their names.
        outside: Lines outside any card, and the number of the first one.
        not_utf8: Values in another encoding than they should be in.
        notes: What else there is to say.
        encoding: What values are in that do not say it rightly themselves, where the user said so;
            else UTF-8, or Windows-1252 where they are no UTF-8.
    """

    left_out: Counter[str] = field(default_factory=Counter)
    outside: int = 0
    first_outside: int = 0
    not_utf8: int = 0
    notes: list[str] = field(default_factory=list)
    encoding: str = ""


def looks_like_cards(path: Path) -> bool:
    """Whether a file's first line begins a card; where its name says so, a later one may."""
    with path.open("rb") as file:
        start = file.read(65_536)
    if b"\x00" in start:
        start = start.replace(b"\x00", b"").lstrip(b"\xff\xfe")
    bare = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    if path.suffix.lower() in (".vcf", ".vcard"):
        return bool(re.search(rb"(^|[\r\n])BEGIN:VCARD", bare, re.IGNORECASE))
    return bare[:11].upper() == b"BEGIN:VCARD"


def read_cards(path: Path, found: Found, on_bytes: Callable[[int], None]) -> Iterator[Card]:
    """All cards of a file; as many as it has lines BEGIN:VCARD.

    Args:
        found: Gets what is met on the way.
        on_bytes: Told how many bytes were read.
    """
    number = 0
    # A card can stand inside another one: as its agent, which 2.1 allows.
    unfinished: list[_Unfinished] = []
    encoding = found.encoding or encodings.find_encoding(path)[0]
    wide = encoding if encoding.startswith(("utf-16", "utf-32")) else ""
    if wide:
        # Its lines come as UTF-8.
        found.encoding = ""
    for line_number, line in enumerate(_lines(path, on_bytes, wide), start=1):
        word = line.strip().upper() if line[:1] in (b"B", b"b", b"E", b"e") else b""
        if word == b"BEGIN:VCARD":
            if unfinished and not unfinished[-1].expects_agent:
                yield _set_aside(unfinished.pop(), "it has no end: another card begins inside it")
            number += 1
            unfinished.append(_Unfinished(number))
        elif word == b"END:VCARD" and unfinished:
            done = unfinished.pop()
            if unfinished:
                owner = unfinished[-1].number
                yield _set_aside(done, f"it is part of card {owner}, as its agent")
            else:
                yield _read_card(done, found)
        elif unfinished:
            unfinished[-1].add(line)
        elif line.strip():
            found.outside += 1
            found.first_outside = found.first_outside or line_number
    while unfinished:
        yield _set_aside(unfinished.pop(), "the file ends before the card does")


@dataclass
class _Unfinished:
    number: int
    lines: list[bytes] = field(default_factory=list)
    size: int = 0

    @property
    def expects_agent(self) -> bool:
        filled = next((line for line in reversed(self.lines) if line.strip()), b"")
        return filled.strip().upper() == b"AGENT:"

    def add(self, line: bytes) -> None:
        self.size += len(line) + 1
        if self.size <= _LARGEST_CARD:
            self.lines.append(line)


def _lines(path: Path, on_bytes: Callable[[int], None], wide: str) -> Iterator[bytes]:
    """A file's lines in whatever encoding each of them is; UTF-8 where the file is in a wide one."""
    rest = b""
    for piece in _wide_pieces(path, wide) if wide else encodings.pieces_of(path):
        lines = _LINE_END.split(rest + piece)
        # The last one may go on in the next piece.
        rest = lines.pop()
        if len(rest) > _LONGEST_LINE:
            lines.append(rest)
            rest = b""
        for line in lines:
            yield line.removeprefix(b"\xef\xbb\xbf")
        on_bytes(len(piece))
    yield rest.removeprefix(b"\xef\xbb\xbf")


def _wide_pieces(path: Path, encoding: str) -> Iterator[bytes]:
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        while piece := file.read(1 << 20):
            yield piece.encode("utf-8", errors="replace")


def _set_aside(card: _Unfinished, reason: str) -> Card:
    lines = [b"BEGIN:VCARD"]
    size = 0
    for line in card.lines:
        size += len(line)
        if size > _MOST_TEXT:
            lines.append(b"...")
            break
        lines.append(line)
    return Card(card.number, reason=reason, text=_decoded(b"\n".join(lines), "", Found()))


def _read_card(card: _Unfinished, found: Found) -> Card:
    if card.size > _LARGEST_CARD:
        return _set_aside(card, "it is larger than 20 MB")
    old = any(line[:11].upper() == b"VERSION:2.1" for line in card.lines)
    properties, unread = [], []
    for line in _whole_lines(card.lines, old=old):
        head, colon, value = line.partition(b":")
        if b'"' in head and (quoted := _HEAD.match(line)):
            head, value = quoted[1], line[quoted.end() :]
        if not colon:
            unread.append(_decoded(line, "", found).strip())
            continue
        name, property_ = _read_property(head, value, found, old=old)
        if property_ is None:
            found.left_out[name if name in BINARY else "other data"] += 1
        else:
            properties.append(property_)
    if not properties and not unread:
        return _set_aside(card, "it is empty")
    return Card(card.number, tuple(properties), unread=tuple(unread))


def _whole_lines(lines: list[bytes], *, old: bool) -> Iterator[bytes]:
    """Lines that were broken for their length are put together again."""
    pieces: list[bytes] = []
    quoted = encoded = False
    for line in lines:
        if not line.strip():
            # Ends the base64 text of a picture.
            encoded = False
            continue
        if quoted and pieces[-1].rstrip(b" \t").endswith(b"="):
            pieces[-1] = pieces[-1].rstrip(b" \t")[:-1]
            pieces.append(line)
            continue
        if pieces and line[:1] in (b" ", b"\t"):
            pieces.append(line if old and not encoded else line[1:])
            continue
        if encoded and b":" not in line and _BASE64.fullmatch(line):
            pieces.append(line)
            continue
        if pieces:
            yield b"".join(pieces)
        pieces = [line]
        head = line.partition(b":")[0].upper()
        quoted = b"QUOTED-PRINTABLE" in head
        encoded = b"BASE64" in head or b"ENCODING=B" in head
    if pieces:
        yield b"".join(pieces)


def _read_property(
    head: bytes, value: bytes, found: Found, *, old: bool
) -> tuple[str, Property | None]:
    """A property's name, and the property; None where its value is no text."""
    # Cards of a program have the same few heads, again and again.
    read = _read_head if len(head) <= _LONG_HEAD else _read_head.__wrapped__
    name, group, types, given = read(head)
    if name in BINARY or value[:5].lower() == b"data:":
        return name, None
    encoding = given.get("ENCODING", "").upper()
    if encoding in ("BASE64", "B"):
        try:
            value = binascii.a2b_base64(value)
        except binascii.Error:
            return name, None

    def decoded(raw: bytes) -> str:
        plain = quopri.decodestring(raw) if encoding == "QUOTED-PRINTABLE" else raw
        return _decoded(plain, given.get("CHARSET", ""), found)

    preferred = "pref" in types or given.get("PREF", "") == "1"
    if name not in _STRUCTURED:
        plain = _unescaped(decoded(value), old=old).strip()
        return name, Property(name, group, types, preferred, plain)
    if encoding == "QUOTED-PRINTABLE":
        # Before decoding: an encoded semicolon is one of the text.
        texts = [decoded(piece) for piece in value.split(b";")]
    else:
        texts = _parts(decoded(value))
    parts = tuple(_unescaped(part, old=old).strip() for part in texts)
    return name, Property(name, group, types, preferred, "; ".join(parts), parts)


@lru_cache(maxsize=1_000)
def _read_head(head: bytes) -> tuple[str, str, tuple[str, ...], dict[str, str]]:
    """What stands before the colon: name, group, types, and everything else by its name."""
    text = _decoded(head, "", Found())
    group, _, name = text.partition(";")[0].strip().upper().rpartition(".")
    types, given = _parameters(text)
    types += [given[key] for key in ("X-SERVICE-TYPE", "LABEL") if key in given]
    return name, group, tuple(types), given


def _parameters(head: str) -> tuple[list[str], dict[str, str]]:
    types: list[str] = []
    given: dict[str, str] = {}
    for parameter in _PARAMETER.findall(head):
        key, equals, values = parameter.partition("=")
        key, values = key.strip().upper(), values.strip().strip('"')
        if equals and key != "TYPE":
            given[key] = values
        elif equals:
            types += [item.strip().lower() for item in values.split(",")]
        # Bare words in 2.1: types and encodings alike.
        elif key in ("QUOTED-PRINTABLE", "BASE64", "B"):
            given["ENCODING"] = key
        else:
            types.append(key.lower())
    return types, given


def _parts(text: str) -> list[str]:
    """What stands between semicolons that are not escaped."""
    if "\\" not in text:
        return text.split(";")
    parts = [""]
    for piece in _PIECE.findall(text):
        if piece == ";":
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def _unescaped(text: str, *, old: bool) -> str:
    if "\\" not in text:
        return text.replace("\r\n", "\n")

    def plain(escape: re.Match[str]) -> str:
        char = escape[1]
        if char in "nN":
            # 2.1 has no such escape, and paths have such folders.
            return escape[0] if old else "\n"
        return char

    return _ESCAPE.sub(plain, text).replace("\r\n", "\n")


def _decoded(raw: bytes, charset: str, found: Found) -> str:
    """Text in the encoding that is stated, else in the user's, else in UTF-8 or that of Windows."""
    if raw.isascii() and not charset:
        return raw.decode("ascii")
    stated = [charset] if _CHARSETS.fullmatch(charset) else []
    for encoding in (*stated, found.encoding or "utf-8"):
        try:
            return raw.decode(encoding)
        except (LookupError, ValueError):
            continue
    if found.encoding:
        return raw.decode(found.encoding, errors="replace")
    found.not_utf8 += 1
    return raw.decode("cp1252", errors="replace")
