"""Where a table begins and ends: its headers below any title, and the notes below its last row."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from crmkit.sources.model import BLANKS, Merge, NumberedRow

_VALUE = re.compile(r"[\d\s.,:/+-]+|.*@.*\..*|(https?://|www\.).*", re.IGNORECASE)
_ASIDE: Final = re.compile(r"[(\[].*[)\]]", re.DOTALL)

_FORMAT_MARKS: Final = ("EXTF", "DTVF")
"""How DATEV's line of the format begins, which is full of values and stands above the headers."""

_NOTE: Final = re.compile(
    r"(sub|grand )?total\b|sum\b|count\b|source\b|notes?\b|page \d|printed|exported|generated|created"
    r"|end of|copyright|©|\*|=+$|-+$|_+$"
    r"|(sub)?totaal\b|bron\b|opmerking|pagina|afgedrukt|geëxporteerd"
    r"|summe\b|gesamt|quelle\b|hinweis|anmerkung|seite \d|gedruckt|exportiert|erstellt"
    r"|totalt?\b|i alt\b|samlet|kilde\b|merknad|merk\b|bemærk|side \d|skrevet ut|eksportert|udskrevet"
    r"|summa\b|källa\b|anm\b|obs\b|sida \d|utskriven|exporterad",
    re.IGNORECASE,
)
"""How notes and totals below a table begin, in six languages."""

_SENTENCE: Final = re.compile(r"(\S+\s+){4,}\S+")

TAIL: Final = 60
"""Rows at the end of a table among which notes are looked for."""


def find_header_row(rows: Sequence[NumberedRow]) -> int:
    """The number of the row that most looks like headers; 0 when none does.

    Headers fill most of the table's width with different words, and no numbers, dates or addresses.
    """
    filled = [(number, [cell.strip() for cell in cells]) for number, cells in rows]
    # A few rows may be wider than the table: those with a delimiter too many.
    widths = sorted(sum(bool(cell) for cell in cells) for _, cells in filled)
    widths = [width for width in widths if width]
    width = widths[-min(max(2, len(widths) // 5), len(widths))] if widths else 0
    for place, (number, cells) in enumerate(filled):
        words = [cell for cell in cells if cell]
        if len(words) < max(1, 0.6 * width) or words[0] in _FORMAT_MARKS:
            continue
        if not _are_headers(words):
            # The first wide row holds values: the table has no headers.
            return 0
        return _fuller_headers(filled[place:]) or number
    return 0


def find_header_rows(rows: Sequence[NumberedRow], merges: Sequence[Merge] = ()) -> tuple[int, int]:
    """The last row of the headers, and how many rows they take: two only where something says so.

    That is a cell merged over both rows; a cell merged over several columns above words of their
    own; words that occur twice under different ones; or a second row of remarks in brackets.
    """
    row = find_header_row(rows)
    if not row:
        return 0, 1
    cells = {number: [cell.strip() for cell in found] for number, found in rows}
    if _groups(cells, row - 1, merges) or _tells_apart(cells, row - 1):
        return row, 2
    # There must be rows left below.
    if max(cells) > row + 1 and (_groups(cells, row, merges) or _are_asides(cells, row + 1)):
        return row + 1, 2
    return row, 1


def join_headers(rows: Sequence[Sequence[str]], merges: Sequence[Merge] = ()) -> list[str]:
    """One header for each column: what stands above it, joined as "Address / City".

    Args:
        rows: The rows of the headers; a cell above that stands for several columns is spread.
        merges: Merged cells, with rows counted from the first of these, from 0. Without any in the
            rows above, a cell stands for the columns to its right that have none.
    """
    width = max((len(row) for row in rows), default=0)
    spread = [[" ".join(cell.split()) for cell in row] + [""] * (width - len(row)) for row in rows]
    across = [merge for merge in merges if merge[3] > merge[1] and 0 <= merge[0] < len(rows)]
    for top, left, _, right in across:
        spread[top][left : right + 1] = [spread[top][left]] * (min(right + 1, width) - left)
    if not across and not any(merge[2] > merge[0] for merge in merges):
        for above, below in itertools.pairwise(spread):
            for column in range(1, width):
                if not above[column] and below[column]:
                    above[column] = above[column - 1]
    return [_joined([row[column] for row in spread]) for column in range(width)]


def find_notes(
    tail: Sequence[tuple[int, Sequence[str | None]]], before: Sequence[Sequence[str | None]]
) -> int:
    """The row from which on a table's end is notes and totals, and no records; 0 when there are none.

    They fill few cells, and something else speaks against a record: how they begin, a sentence, or
    words in a column of numbers. Few cells alone do not: a record can be little more than a name.

    Args:
        tail: The last rows that are not blank, with their numbers.
        before: Rows above them.
    """
    bare = [(number, [_bare(cell) for cell in cells]) for number, cells in tail]
    rows = [(number, cells) for number, cells in bare if any(cells)]
    above = [[_bare(cell) for cell in cells] for cells in before]
    usual = _usual_width([*above, *(cells for _, cells in rows)])
    end = len(rows)
    while end and _may_be_note(rows[end - 1][1], usual):
        end -= 1
    body = [*above, *(cells for _, cells in rows[:end])]
    if usual < 2 or len(body) < 2:
        return 0
    values = [column for column in range(len(body[0])) if _holds_values(body, column)]
    last = rows[end - 1][0]
    for place, (number, cells) in enumerate(rows[end:], start=end):
        if _NOTE.match(next(filter(None, cells))):
            return number
        if _is_prose(cells, values, apart=number > last + 1):
            # A text over several rows can begin with a single word.
            first = place
            while first > end and _follows(rows[first - 1], rows[first][0]):
                first -= 1
            return rows[first][0]
        last = number
    return 0


def _are_headers(words: Sequence[str]) -> bool:
    looks_like_values = sum(bool(_VALUE.fullmatch(word)) for word in words)
    different = len({word.casefold() for word in words})
    return looks_like_values <= 0.2 * len(words) and different >= 0.6 * len(words)


def _fuller_headers(rows: Sequence[tuple[int, list[str]]]) -> int:
    """A row of headers with more cells, further down but above the first row with any values.

    Notes above a table can be as wide as it nearly is.
    """
    first = sum(map(bool, rows[0][1]))
    found = 0
    for number, cells in rows[1:]:
        words = [cell for cell in cells if cell]
        if any(map(_VALUE.fullmatch, words)):
            return found
        if len(words) > first and _are_headers(words):
            first, found = len(words), number
    return 0


def _groups(cells: dict[int, list[str]], row: int, merges: Sequence[Merge]) -> bool:
    """Whether merged cells make this row and the next one headers together."""
    above, below = cells.get(row), cells.get(row + 1)
    if not above or not below:
        return False
    words = [cell for cell in below if cell]
    if not words or not _are_headers(words):
        return False
    grouped: set[int] = set()
    groups = 0
    for top, left, bottom, right in merges:
        if top != row or not any(above[left : right + 1]):
            continue
        if bottom == row + 1 and left == right:
            return True
        if bottom == row and sum(map(bool, below[left : right + 1])) > 1:
            groups += 1
            grouped.update(range(left, right + 1))
    # A word of a note above the table stands over headers that are whole without it.
    alone = sum(
        bool(over and under) and column not in grouped
        for column, (over, under) in enumerate(zip(above, below, strict=False))
    )
    rest = any(cell for column, cell in enumerate(below) if column not in grouped)
    # A title over the whole table stands alone.
    return groups > alone and (groups > 1 or rest)


def _tells_apart(cells: dict[int, list[str]], row: int) -> bool:
    """Whether words that occur twice in the next row stand under different ones in this row."""
    above, below = cells.get(row), cells.get(row + 1)
    if not above or not below or sum(map(bool, above)) < 2:
        return False
    words = Counter(cell.casefold() for cell in below if cell)
    twice = [word for word, count in words.items() if count > 1]
    joined = Counter(header.casefold() for header in join_headers([above, below]) if header)
    return len(twice) > 1 and max(joined.values()) == 1


def _are_asides(cells: dict[int, list[str]], row: int) -> bool:
    """Whether a row has nothing but remarks in brackets, for most columns."""
    words = [cell for cell in cells.get(row, ()) if cell]
    above = sum(map(bool, cells.get(row - 1, ())))
    return len(words) >= max(2, above / 2) and all(map(_ASIDE.fullmatch, words))


def _joined(parts: Sequence[str]) -> str:
    header = ""
    for part in dict.fromkeys(part for part in parts if part):
        if not header:
            header = part
        else:
            header += f" {part}" if part.startswith(("(", "[")) else f" / {part}"
    return header


def _bare(cell: str | None) -> str:
    return (cell or "").strip(BLANKS)


def _usual_width(rows: Sequence[Sequence[str]]) -> int:
    """How many cells a row in the middle has filled."""
    widths = sorted(width for row in rows if (width := sum(map(bool, row))))
    return widths[len(widths) // 2] if widths else 0


def _may_be_note(cells: Sequence[str], usual: int) -> bool:
    words = [cell for cell in cells if cell]
    most = usual / 2 if _NOTE.match(words[0]) else min(2, max(1, usual // 3))
    return len(words) <= most


def _holds_values(body: Sequence[Sequence[str]], column: int) -> bool:
    filled = [cells[column] for cells in body if cells[column]]
    return len(filled) >= max(2, 0.8 * len(body)) and all(map(_is_value, filled))


def _is_value(text: str) -> bool:
    return bool(_VALUE.fullmatch(text)) or text in ("TRUE", "FALSE")


def _is_prose(cells: Sequence[str], values: Sequence[int], *, apart: bool) -> bool:
    if any(cells[column] and not _is_value(cells[column]) for column in values):
        return True
    words = [cell for cell in cells if cell]
    if len(words) > 1 or not _SENTENCE.match(words[0]):
        return False
    # A company can have a long name, and be known by nothing else.
    return apart or not cells[0] or words[0].endswith((".", ":", "!", "?"))


def _follows(row: tuple[int, Sequence[str]], number: int) -> bool:
    """Whether a row with a single word stands directly above another one."""
    return row[0] + 1 == number and sum(map(bool, row[1])) == 1
