"""How a text file's bytes are read as characters.

The ladder: byte order mark, UTF-32 and UTF-16 by their zero bytes, UTF-8 when the whole file is
valid or nearly so, else the old code page under which its words make sense, and of several the one
that was usual in the country (reference: source-formats.md sections 1.5 and 6).
"""

from __future__ import annotations

import codecs
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from crmkit.errors import SourceError

PIECE: Final = 1 << 24
"""Bytes that are looked at in one go."""

REPLACEMENT: Final = "\ufffd"
"""Stands for bytes that are no character in the file's encoding."""

CHOICES: Final = (
    "utf-8", "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "iso8859-15", "cp437",
    "cp850", "cp852", "cp866", "koi8-r", "mac-roman", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "shift_jis", "big5",
)  # fmt: skip
"""What a user can choose where the finding is wrong; any other encoding of Python works too."""

_WESTERN: Final = ("æøåäöüßéèêëïçàâôîœñ", "áéíóúñüãõâêôàç", "àèéìòùç", "áéíóúýðþæö")
"""Letters beyond ASCII of languages that stand together in one list of customers."""

_CENTRAL: Final = ("ąćęłńóśźżéäöü", "áčďéěíňóřšťúůýžľĺŕäô", "áéíóöőúüű", "ăâîșțşţ", "čćžšđ")

_PAGES: Final = {
    "cp1252": _WESTERN,
    "cp1250": _CENTRAL,
    "cp1251": ("абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґјљњћђџ",),
    "cp1253": ("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋ",),
    "cp1254": ("çğıiöşüâîû",),
    "cp1257": ("āčēģīķļņšūž", "ąčęėįšųūž", "äöõüšž"),
    "cp850": _WESTERN,
    "cp437": _WESTERN,
    "mac-roman": _WESTERN,
    "cp852": _CENTRAL,
    "koi8-r": ("абвгдежзийклмнопрстуфхцчшщъыьэюяё",),
    "cp866": ("абвгдежзийклмнопрстуфхцчшщъыьэюяё",),
}
"""Old encodings with one byte a character, the likely ones first, and the letters they were made for."""

_USUAL_IN: Final = {
    "cp1250": "PL CZ SK HU SI HR RO BA AL RS",
    "cp1251": "RU UA BY BG MK KZ",
    "cp1253": "GR CY",
    "cp1254": "TR AZ",
    "cp1257": "LT LV EE",
}

_LATIN: Final = frozenset(
    sign for sign in map(chr, range(0xC0, 0x250)) if "LATIN" in unicodedata.name(sign, "")
)
_TYPOGRAPHY: Final = frozenset("€£©®™°§–—‘’“”„‚…•«»·×½¼¾²³±´`¨ \xa0ªº¿¡")
_INSIDE_WORDS: Final = "’‘–·"
_BEYOND_ASCII: Final = re.compile(rb"[\x80-\xff][^\n\r]{0,200}")
_BEFORE: Final = 200
"""Bytes of a line before the first letter beyond ASCII; a line can be a whole file."""

_ENOUGH: Final = 100_000
_MARGIN: Final = 0.1
"""How much better another code page must read to be taken instead of the usual one."""

_MARKS: Final = (
    # UTF-32 first: its little-endian mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def find_encoding(path: Path, country: str = "") -> tuple[str, str]:
    """A text file's encoding, and a note where it is not certain.

    Args:
        country: Where the file probably comes from, as ISO code.
    """
    with path.open("rb") as file:
        start = file.read(4096)
    marked = next((name for mark, name in _MARKS if start.startswith(mark)), "")
    if marked and marked != "utf-8-sig":
        return marked, ""
    if wide := _by_zeros(start):
        return wide, ""
    if _is_utf8(path):
        return marked or "utf-8", ""
    good, bad = _try_utf8(path)
    if marked or good >= bad:
        return marked or "utf-8", (
            f"{bad} {'place is' if bad == 1 else 'places are'} not valid UTF-8, although the rest"
            f" of the file is; they show as {REPLACEMENT}"
        )
    page = _find_page(path, country)
    named = "Windows-1252" if page == "cp1252" else page
    note = f"the encoding is not stated in the file and was taken to be {named}"
    return page, note if not good else f"{note}; some places look like UTF-8"


def check_encoding(encoding: str) -> str:
    """An encoding that a user chose, under Python's name for it.

    Raises:
        SourceError: There is none of this name.
    """
    try:
        name = codecs.lookup(encoding).name
        # Some codecs of Python do not give text.
        io.TextIOWrapper(io.BytesIO(), encoding=name)
    except (LookupError, ValueError) as error:
        raise SourceError(
            "This encoding is not known.",
            where=encoding,
            mend=f"Choose one of: {', '.join(CHOICES)}.",
        ) from error
    return name


def doubt(path: Path, encoding: str) -> str:
    """A note where a file is not UTF-8 although that was chosen; other choices cannot be told so."""
    if encoding not in ("utf-8", "utf-8-sig") or _is_utf8(path):
        return ""
    return "UTF-8 was chosen as the encoding, which is not valid for all of the file"


def pieces_of(path: Path) -> Iterator[bytes]:
    """A file's bytes, piece by piece."""
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _by_zeros(start: bytes) -> str:
    """UTF-16 or UTF-32 without a mark: in most alphabets, half of the bytes or more are often zero."""
    zeros = [start[place::4].count(0) / max(len(start[place::4]), 1) for place in range(4)]
    few, many = 0.02, 0.15
    shapes = {
        "utf-32-le": (0, 1, 1, 1),
        "utf-32-be": (1, 1, 1, 0),
        "utf-16-le": (0, 1, 0, 1),
        "utf-16-be": (1, 0, 1, 0),
    }
    for name, shape in shapes.items():
        if all(
            share > many if zero else share <= few for share, zero in zip(zeros, shape, strict=True)
        ):
            return name
    return ""


def _find_page(path: Path, country: str) -> str:
    """The code page under which the words beyond ASCII make most sense."""
    usual = next((page for page, those in _USUAL_IN.items() if country in those.split()), "cp1252")
    sample = b"\n".join(_lines_beyond_ascii(path))
    best, best_score = usual, _sense(sample, usual) + _MARGIN
    for page in _PAGES:
        if (score := _sense(sample, page)) > best_score:
            best, best_score = page, score
    return best


def _lines_beyond_ascii(path: Path) -> Iterator[bytes]:
    size = 0
    for piece in pieces_of(path):
        end = 0
        for found in _BEYOND_ASCII.finditer(piece):
            before = piece[max(found.start() - _BEFORE, end) : found.start()]
            line = before.replace(b"\r", b"\n").rpartition(b"\n")[2] + found[0]
            yield line
            end = found.end()
            size += len(line)
            if size > _ENOUGH:
                return


def _sense(sample: bytes, page: str) -> float:
    """How much sense a code page makes of the characters beyond ASCII, from -1 to 1."""
    text = sample.decode(page, errors="replace")
    letters: Counter[str] = Counter()
    signs = wrong = 0
    for before, sign, after in zip(f" {text}", text, f"{text[1:]} ", strict=False):
        if sign < "\x80":
            continue
        neighbours = [near for near in (before, after) if near.isalpha()]
        if sign in _TYPOGRAPHY and (len(neighbours) < 2 or sign in _INSIDE_WORDS):
            signs += 1
        elif (
            not sign.isalpha()
            # A small letter before a capital one, or two alphabets in one word.
            or (sign.isupper() and before.islower())
            or (sign not in _LATIN and any(near < "\x80" for near in neighbours))
        ):
            wrong += 1
        else:
            letters[sign.lower()] += 1
    total = letters.total() + signs + wrong
    if not total:
        return 0.0
    known = max(sum(letters[sign] for sign in set(alphabet)) for alphabet in _PAGES[page])
    return (known + signs - wrong) / total


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    pending = False
    try:
        for piece in pieces_of(path):
            # Most files are ASCII for the most part, which is seen without decoding.
            if piece.isascii() and not pending:
                continue
            decoder.decode(piece)
            pending = bool(decoder.getstate()[0])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _try_utf8(path: Path) -> tuple[int, int]:
    """How many characters beyond ASCII read well as UTF-8, and how many places do not."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    good = bad = 0
    for piece in pieces_of(path):
        if piece.isascii() and not decoder.getstate()[0]:
            continue
        text = decoder.decode(piece)
        beyond = len(text) - len(text.encode("ascii", errors="ignore"))
        wrong = text.count(REPLACEMENT)
        good, bad = good + beyond - wrong, bad + wrong
    bad += decoder.decode(b"", final=True).count(REPLACEMENT)
    return good, bad
