"""Letters that were read in a wrong encoding (mojibake): "BjÃ¸rn" is "Bjørn", in UTF-8, read as Windows-1252.

A text may have been read so twice ("BjÃƒÂ¸rn"), and right letters may stand beside wrong ones, so it is
mended letter by letter, and only where that gives a letter or a sign of Europe's languages.
"""

from __future__ import annotations

from typing import Final

from crmkit.sql import Query, sql

_SIGNS: Final = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
"""What Windows-1252 has besides Latin-1; the rest of a letter that was read twice is among them."""

_LETTERS: Final = (*(chr(code) for code in range(0x80, 0x180)), *_SIGNS)

_RIGHT: Final = {letter + sign for letter in "ÄÅ" for sign in "\u00a0’”“–—"}
"""Where such a letter is the last of a Scandinavian word, which may be meant: it stays."""


def _wrong(letter: str) -> set[str]:
    """How a letter shows when its bytes in UTF-8 are read one by one."""
    raw = letter.encode()
    # Windows-1252 has no letter for five bytes, which programs then read as Latin-1 does.
    as_windows = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in raw)
    return {raw.decode("latin-1"), as_windows}


def _mends() -> dict[str, str]:
    """What is wrong, and what is right for it."""
    mends = {wrong: letter for letter in _LETTERS for wrong in sorted(_wrong(letter))}
    right = {wrong: mends.pop(wrong) for wrong in sorted(_RIGHT & mends.keys())}
    # Behind what begins a letter that was read twice, they are no end of a word.
    for first in "ÂÃÄÅ":
        for start in sorted(_wrong(first)):
            mends |= {start + wrong: first + letter for wrong, letter in right.items()}
    return mends


_MENDS: Final = _mends()


def _pattern() -> str:
    """A regular expression (RE2) that finds any of them, the longer ones first."""
    behind: dict[str, list[str]] = {}
    for wrong in sorted(_MENDS, key=len, reverse=True):
        behind.setdefault(wrong[:-1], []).append(rf"\x{{{ord(wrong[-1]):x}}}")
    return "|".join(f"{before}[{''.join(last)}]" for before, last in behind.items())


_PATTERN: Final = _pattern()
_FIRST: Final = "".join(sorted({wrong[0] for wrong in _MENDS}))


def is_broken(text: Query) -> Query:
    """Whether a text has letters that were read wrongly."""
    return sql("regexp_matches({text}, {pattern})", text=text, pattern=_PATTERN)


def mended(text: Query) -> Query:
    """A text in which letters that were read wrongly once are right."""
    # Nearly all texts have none, and to see that costs little.
    return sql(
        """
        case when {broken} then array_to_string(list_transform(
            regexp_extract_all({text}, {pieces}),
            lambda piece: coalesce({right}[list_position({wrong}, piece)], piece)), '')
        else {text} end
        """,
        broken=is_broken(text),
        text=text,
        pieces=rf"(?s){_PATTERN}|[^{_FIRST}]+|.",
        wrong=list(_MENDS),
        right=list(_MENDS.values()),
    )
