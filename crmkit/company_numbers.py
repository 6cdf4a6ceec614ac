"""VAT and organisation numbers: whether their length and check digits are right.

python-stdnum knows the rules of all countries, and judges. It takes 15 seconds for a million numbers,
so those of the commonest countries, in their usual spelling, are computed in SQL by the same rules
(`test_company_numbers.py` proves that both say the same).
"""

from __future__ import annotations

import re
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
    "NO": ("[0-9]{9}", "(MVA)?"),
    "SE": ("[0-9]{10}", "(01)?"),
    "DK": ("[1-9][0-9]{7}", ""),
    "FI": ("[0-9]{8}", ""),
    "DE": ("[1-9][0-9]{8}", ""),
    "NL": ("[0-9]{9}", "B([1-9][0-9]|0[1-9])"),
    "BE": ("(0?[0-9]{9}|1[0-9]{9})", ""),
    "PL": ("[0-9]{10}", ""),
}
"""The digits that are checked, and what stands behind them; the country's letters may be in front."""

_WEIGHTS: Final = {
    "NO": (3, 2, 7, 6, 5, 4, 3, 2, 1),
    "DK": (2, 7, 6, 5, 4, 3, 2, 1),
    "FI": (7, 9, 10, 5, 8, 4, 2, 1),
    "PL": (6, 5, 7, 2, 3, 4, 5, 6, 7, -1),
}
"""Of the digits from left to right: their sum is a multiple of eleven."""

_NL_WEIGHTS: Final = (9, 8, 7, 6, 5, 4, 3, 2, -1)


def checked(text: Query, country: str) -> Query:
    """Whether a text is a number of a company; null where only `is_company_number` can say.

    Args:
        country: Of a number that names none.
    """
    cases = [sql("when {code} then {holds}", code=code, holds=_spelt(code)) for code in _SPELT]
    compact = _once(
        _compact(text),
        sql("c"),
        sql(
            "case coalesce(nullif(regexp_extract(c, '^([A-Z]{2})[0-9]', 1), ''), {country}) {cases} end",
            country=country,
            cases=join(" ", cases),
        ),
    )
    if country not in _SPELT or country == "NL":
        return compact
    # Most are nothing but digits, which need no spelling out.
    return sql(
        "case when regexp_full_match({t}, {digits}) then {holds} else {compact} end",
        t=text,
        digits=_SPELT[country][0],
        holds=_once(sql("cast({t} as bigint)", t=text), sql("n"), _holds_in_sql(country, sql("n"))),
        compact=compact,
    )


def _compact(text: Query) -> Query:
    """A text without spaces and signs; null where it has others, or letters beyond ASCII, whose
    capitals SQL and Python see differently.
    """
    plain = sql("upper({t})", t=text)
    for sign in " .-/":
        plain = sql("replace({plain}, {sign}, '')", plain=plain, sign=sign)
    return sql(
        "case when regexp_full_match({t}, '[A-Za-z0-9 ./-]{1,40}') then {plain} end",
        t=text,
        plain=plain,
    )


def _spelt(country: str) -> Query:
    """Whether the compact text `c` is a number of a country; null where it is spelt otherwise."""
    digits, behind = _SPELT[country]
    return sql(
        "case when regexp_full_match(c, {pattern}) then {holds} end",
        pattern=f"({country})?{digits}{behind}",
        holds=_once(
            sql(
                "cast(substr(c, case when starts_with(c, {country}) then 3 else 1 end, {count})"
                " || {more} as bigint)",
                country=country,
                more=sql("right(c, 2)") if country == "NL" else sql("''"),
                count=8 if country in ("DK", "FI") else 9 if country in ("NO", "DE", "NL") else 10,
            ),
            sql("n"),
            _holds_in_sql(country, sql("n")),
        ),
    )


def _once(value: Query, called: Query, query: Query) -> Query:
    """A query over a value that is computed once, although the query names it many times."""
    return sql(
        "list_transform([{value}], lambda {called}: {query})[1]",
        value=value,
        called=called,
        query=query,
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
