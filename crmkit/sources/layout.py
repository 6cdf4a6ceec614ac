"""Where a table begins: the row of its headers, below any title and notes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crmkit.sources.model import NumberedRow

_VALUE = re.compile(r"[\d\s.,:/+-]+|.*@.*\..*|(https?://|www\.).*", re.IGNORECASE)


def find_header_row(rows: Sequence[NumberedRow]) -> int:
    """The number of the row that most looks like headers; 0 when none does.

    Headers fill most of the table's width with different words, and no numbers, dates or addresses.
    """
    filled = [(number, [cell.strip() for cell in cells]) for number, cells in rows]
    # A few rows may be wider than the table: those with a delimiter too many.
    widths = sorted(sum(bool(cell) for cell in cells) for _, cells in filled)
    widths = [width for width in widths if width]
    width = widths[-min(max(2, len(widths) // 5), len(widths))] if widths else 0
    for number, cells in filled:
        words = [cell for cell in cells if cell]
        if not words or len(words) < max(1, 0.6 * width):
            continue
        looks_like_values = sum(bool(_VALUE.fullmatch(word)) for word in words)
        different = len({word.casefold() for word in words})
        if looks_like_values > 0.2 * len(words) or different < 0.6 * len(words):
            # The first wide row holds values: the table has no headers.
            return 0
        return number
    return 0
