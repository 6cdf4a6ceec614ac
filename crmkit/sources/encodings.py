"""How a text file's bytes are read as characters.

The ladder: byte order mark, UTF-32 and UTF-16 by their zero bytes, UTF-8 when the whole file is
valid or nearly so, else Windows-1252 (reference: source-formats.md sections 1.5 and 6).
"""

from __future__ import annotations

import codecs
import io
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
    "cp850", "mac-roman", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "shift_jis", "big5",
)  # fmt: skip
"""What a user can choose where the finding is wrong; any other encoding of Python works too."""

_MARKS: Final = (
    # UTF-32 first: its little-endian mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def find_encoding(path: Path) -> tuple[str, str]:
    """A text file's encoding, and a note where it is not certain."""
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
    note = "the encoding is not stated in the file and was taken to be Windows-1252"
    return "cp1252", note if not good else f"{note}; some places look like UTF-8"


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


def pieces_of(path: Path) -> Iterator[bytes]:
    """A file's bytes, piece by piece."""
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _by_zeros(start: bytes) -> str:
    """UTF-16 or UTF-32 without a mark: letters of Europe leave every other byte zero."""
    zeros = [start[place::4].count(0) / max(len(start[place::4]), 1) for place in range(4)]
    few, many = 0.1, 0.5
    shapes = {
        "utf-32-le": (0, 1, 1, 1),
        "utf-32-be": (1, 1, 1, 0),
        "utf-16-le": (0, 1, 0, 1),
        "utf-16-be": (1, 0, 1, 0),
    }
    for name, shape in shapes.items():
        if all(
            share > many if zero else share < few for share, zero in zip(zeros, shape, strict=True)
        ):
            return name
    return ""


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
