"""VAT and organisation numbers: whether their length and check digits are right.

python-stdnum knows the rules of all countries, and judges. It takes 15 seconds for a million numbers,
so those of the commonest countries, in their usual spelling, are computed in SQL by the same rules
(`test_company_numbers.py` proves that both say the same).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import stdnum.exceptions
from stdnum import get_cc_module

from crmkit.sql import Query, join, sql

_ALSO: Final = {
    "NO": ("orgnr",),
    "SE": ("orgnr",),
    "FI": ("ytunnus",),
    "CH": ("uid",),
    "FR": ("siren", "siret"),
    "DE": ("stnr",),
}
"""Numbers of companies beside the VAT number, by country, as python-stdnum calls them."""


def is_company_number(text: str, country: str) -> bool | None:
    """Whether a text is a number of a company; None for a country whose rules are not known."""
    compact = re.sub(r"[^0-9A-Z]", "", text.upper())
    if prefix := re.match(r"(?:EL|[A-Z]{2})(?=[A-Z]?[0-9])", compact):
        named = "GR" if prefix[0] == "EL" else prefix[0]
        if _rules(named):
            country = named
    rules = _rules(country)
    if not rules:
        return None
    # "MVA" marks a Norwegian number as registered, with and without the country.
    spellings = {compact, compact.removeprefix(country)}
    spellings |= {spelling.removesuffix("MVA") for spelling in spellings}
    return any(_holds(rule, spelling) for rule in rules for spelling in spellings)


@cache
def _rules(country: str) -> tuple[Any, ...]:
    # Without "MVA" a Norwegian VAT number is the organisation's.
    named = _ALSO.get(country, ()) if country == "NO" else ("vat", *_ALSO.get(country, ()))
    found = [get_cc_module(country.lower(), what) for what in named]
    return tuple(module for module in found if module is not None)


def _holds(rule: Any, text: str) -> bool:
    try:
        rule.validate(text)
    except stdnum.exceptions.ValidationError:
        return False
    return True


# --- the same in SQL -------------------------------------------------------------------------

_SPELT: Final = {
    "NO": (9, "[0-9]{9}(?:MVA)?"),
    "SE": (10, "[0-9]{10}(?:01)?"),
    "DK": (8, "[1-9][0-9]{7}"),
    "FI": (8, "[0-9]{8}"),
    "DE": (9, "[1-9][0-9]{8}"),
    "NL": (9, "[0-9]{9}B(?:[1-9][0-9]|0[1-9])"),
    "BE": (10, "0?[0-9]{9}|1[0-9]{9}"),
    "PL": (10, "[0-9]{10}"),
}
"""How many digits are checked, and the whole number, without the country's letters in front."""

_WEIGHTS: Final = {
    "NO": (3, 2, 7, 6, 5, 4, 3, 2, 1),
    "DK": (2, 7, 6, 5, 4, 3, 2, 1),
    "FI": (7, 9, 10, 5, 8, 4, 2, 1),
    "PL": (6, 5, 7, 2, 3, 4, 5, 6, 7, -1),
}
"""Of the digits from left to right: their sum is a multiple of eleven."""

_NL_WEIGHTS: Final = (9, 8, 7, 6, 5, 4, 3, 2, -1)


def stages(country: Query) -> tuple[Callable[[Query], Query], ...]:
    """What SQL makes of a text, one over the other: no stage computes anything twice.

    Args:
        country: Two letters, of a number that names none; null where nobody knows.

    Returns:
        The first stage takes the text. The last gives a struct of `text`, `country` as given, and
        `right`: whether it is a number of a company, null where only `is_company_number` can say.
    """
    return (
        lambda text: sql(
            "struct_pack(text := {t}, country := {country}, compact := {compact})",
            t=text,
            country=country,
            compact=_compact(text),
        ),
        _by_country,
        _numbered,
        _judged,
    )


def _compact(text: Query) -> Query:
    """A text in capitals without spaces and signs."""
    # Most are nothing but digits, and seeing that is cheaper than taking away what is not there.
    return sql(
        "case when regexp_full_match({t}, '[0-9]*') then {t}"
        " else translate(upper({t}), ' .-/', '') end",
        t=text,
    )


def _by_country(seen: Query) -> Query:
    """Whose rules count, and the number without its country."""
    # What begins with a letter and has a digit in third place names its country, or one without rules.
    named = sql("({s}.compact >= 'A' and substr({s}.compact, 3, 1) between '0' and '9')", s=seen)
    return sql(
        """
        struct_pack(
            text := {s}.text,
            country := {s}.country,
            by := case when {named} then left({s}.compact, 2) else {s}.country end,
            spelt := case when {named} then substr({s}.compact, 3) else {s}.compact end)
        """,
        s=seen,
        named=named,
    )


def _numbered(seen: Query) -> Query:
    """The digits as a number; null where a number of this country is spelt otherwise."""
    cases = [
        sql(
            "when {code} then case when regexp_full_match({s}.spelt, {pattern})"
            " then cast(left({s}.spelt, {count}) || {behind} as bigint) end",
            code=code,
            s=seen,
            pattern=pattern,
            count=count,
            behind=sql("right({s}.spelt, 2)", s=seen) if code == "NL" else sql("''"),
        )
        for code, (count, pattern) in _SPELT.items()
    ]
    return sql(
        "struct_pack(text := {s}.text, country := {s}.country, by := {s}.by,"
        " number := case {s}.by {cases} end)",
        s=seen,
        cases=join(" ", cases),
    )


def _judged(seen: Query) -> Query:
    number = sql("{s}.number", s=seen)
    cases = [
        sql("when {code} then {holds}", code=code, holds=_holds_in_sql(code, number))
        for code in _SPELT
    ]
    return sql(
        "struct_pack(text := {s}.text, country := {s}.country, right := case {s}.by {cases} end)",
        s=seen,
        cases=join(" ", cases),
    )


def _holds_in_sql(country: str, number: Query) -> Query:
    """Whether the digits of a number are right."""
    if weights := _WEIGHTS.get(country):
        return sql("{sum} % 11 = 0", sum=_sum(_weighed(number, weights)))
    if country == "NL":
        # Behind the digits stand two more. Since 2020 a number need not pass by its digits, but by
        # the whole, in which NL and B are 2321 and 11.
        digits = sql("({n} // 100)", n=number)
        return sql(
            "{digits} > 0 and ({sum} % 11 = 0"
            " or (({digits} + 2321000000000) % 97 * 10000 + 1100 + {n} % 100) % 97 = 1)",
            digits=digits,
            sum=_sum(_weighed(digits, _NL_WEIGHTS)),
            n=number,
        )
    if country == "SE":
        doubled = [
            sql("(2 * {d} - 9 * cast({d} > 4 as integer))", d=digit) if place % 2 == 0 else digit
            for place, digit in enumerate(_digits(number, 10))
        ]
        return sql("{sum} % 10 = 0", sum=_sum(doubled))
    if country == "BE":
        return sql("({n} // 100 + {n} % 100) % 97 = 0 and {n} > 0", n=number)
    check = sql("5")
    for digit in _digits(number, 9):
        # Zero counts as ten.
        check = sql("((((({c}) + 9) % 10 + 1) * 2 % 11 + {d}) % 10)", c=check, d=digit)
    return sql("{check} = 1", check=check)


def _digits(number: Query, count: int) -> list[Query]:
    return [
        sql("({n} // {power} % 10)", n=number, power=10**place) for place in reversed(range(count))
    ]


def _weighed(number: Query, weights: tuple[int, ...]) -> list[Query]:
    digits = _digits(number, len(weights))
    return [sql("{w} * {d}", w=w, d=digit) for w, digit in zip(weights, digits, strict=True)]


def _sum(terms: list[Query]) -> Query:
    return sql("({terms})", terms=join(" + ", terms))
