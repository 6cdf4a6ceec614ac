"""A cell's value as text: nothing rounded that shows, and shown as the workbook shows it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

_QUOTED: Final = re.compile(r'"([^"]*)"|\\(.)|_.|\*.|\[[^\]]*\]')
_DAY: Final = re.compile("[yd]|mmm", re.IGNORECASE)
_RETURN: Final = "_x000D_"
"""How workbooks write the first half of a line break of Windows."""
_LAST_DAY: Final = 2_956_000
"""Some years before the end of 9999, whichever day the count begins with."""
_PLACES: Final = re.compile(r"[0 \-/()+]+")


@dataclass(frozen=True)
class Format:
    """A number format that shows other digits than the number has.

    Attributes:
        percent: The number is shown a hundred times as large, with a percent sign.
        mask: Places for digits ("0") and signs between them; the places say how many digits show.
    """

    percent: bool = False
    mask: tuple[tuple[str, bool], ...] = ()

    def text(self, value: Any) -> str | None:
        """A number as the format shows it; None when the format does not change it."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        if self.percent:
            return f"{number(float(f'{value * 100:.15g}'))}%"
        if value < 0 or not float(value).is_integer() or value > 2**53:
            return None
        digits = str(int(value))
        places = sum(is_digit for _, is_digit in self.mask)
        digits = digits.rjust(places, "0")
        more, shown = len(digits) - places, []
        for sign, is_digit in self.mask:
            if not is_digit:
                shown.append(sign)
                continue
            # The first place takes all digits that have no place of their own.
            shown.append(digits[: more + 1])
            digits, more = digits[more + 1 :], 0
        return "".join(shown)


@lru_cache(maxsize=1_000)
def find_format(code: str) -> Format | None:
    """What a number format does to digits; None for one that shows the number itself."""
    section = code.split(";")[0]
    bare = _QUOTED.sub("", section)
    if "%" in bare and re.search("[0#?]", bare):
        return Format(percent=True)
    if not _PLACES.fullmatch(bare) or bare.count("0") < 2:
        return None
    mask: list[tuple[str, bool]] = []
    end = 0
    for found in _QUOTED.finditer(section):
        mask += [(sign, sign == "0") for sign in section[end : found.start()]]
        # What is quoted is no place for a digit, even where it is a zero.
        mask += [(sign, False) for sign in found[1] or found[2] or ""]
        end = found.end()
    mask += [(sign, sign == "0") for sign in section[end:]]
    return Format(mask=tuple(mask))


def shows_day(code: str) -> bool:
    """Whether a number format shows a number as a day."""
    return bool(_DAY.search(_QUOTED.sub("", code.split(";")[0])))


def day(serial: int, *, since_1904: bool) -> str | None:
    """A day that is kept as a count of days, as ISO; None where a workbook shows no day for it."""
    if not 1 <= serial <= _LAST_DAY:
        return None
    # Excel counts a 29 February 1900, which there was not.
    first = date(1904, 1, 1) if since_1904 else date(1899, 12, 30 if serial > 60 else 31)
    return (first + timedelta(days=serial)).isoformat()


def texts(row: list[Any]) -> list[str]:
    """A row's cells as text. Most are: those are not asked what they are, which takes longer."""
    return [
        value if value.__class__ is str and _RETURN not in value else text(value) for value in row
    ]


def text(value: Any) -> str:
    """A cell as text: whole numbers without .0, dates as ISO."""
    if isinstance(value, str):
        return value.replace(_RETURN, "")
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, datetime):
        midnight = value.time() == time()
        return value.date().isoformat() if midnight else value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return str(value)


def number(value: float) -> str:
    """A number in full: never as 1E+15, and without the noise of binary fractions."""
    if value.is_integer() and abs(value) <= 2**53:
        return str(int(value))
    # 15 digits are what a spreadsheet shows of a fraction.
    found = repr(value) if value.is_integer() else f"{value:.15g}"
    return format(Decimal(found), "f") if "e" in found else found
