"""VAT and organisation numbers: whether their length and check digits are right.

python-stdnum knows the rules of all countries, and judges. It takes 15 to 90 seconds for a million
numbers, so those of the commonest countries, in their usual spelling, are computed in SQL by the same
rules (`test_company_numbers.py` proves that both say the same).
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
    "NO": "[0-9]{9}(?:MVA)?",
    "SE": "[0-9]{10}(?:01)?",
    "DK": "[1-9][0-9]{7}",
    "FI": "[0-9]{8}",
    "DE": "[1-9][0-9]{8}",
    "NL": "[0-9]{9}B(?:[1-9][0-9]|0[1-9])",
    "BE": "0?[0-9]{9}|1[0-9]{9}",
    "PL": "[0-9]{10}",
    "GB": "[0-9]{9}(?:[0-9]{3})?",
    "IE": "[0-9]{7}[A-W]{1,2}",
    "FR": "[0-9]{9}|[0-9]{11}|[0-9]{14}",
    "CH": "[0-9]{9}|E[0-9]{9}(?:MWST|TVA|IVA|TPV)?",
    "AT": "U[0-9]{8}",
    "LU": "[0-9]{8}",
    "IT": "[0-9]{11}",
    "ES": "[A-HJNP-SU-W][0-9]{7}[0-9A-J]",
    "PT": "[1-9][0-9]{8}",
}
"""A whole number, without the country's letters in front."""

_COUNTS: Final = {"SE": 10, "DK": 8, "FI": 8, "BE": 10, "PL": 10, "LU": 8, "IT": 11}
"""How many digits from the left are computed with, where that is all of a number; else nine."""

_WEIGHTS: Final = {
    "NO": (3, 2, 7, 6, 5, 4, 3, 2, 1),
    "DK": (2, 7, 6, 5, 4, 3, 2, 1),
    "FI": (7, 9, 10, 5, 8, 4, 2, 1),
    "PL": (6, 5, 7, 2, 3, 4, 5, 6, 7, -1),
    "CH": (5, 4, 3, 2, 7, 6, 5, 4, 1),
}
"""Of the digits from left to right: their sum is a multiple of eleven."""

_NL_WEIGHTS: Final = (9, 8, 7, 6, 5, 4, 3, 2, -1)
_GB_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 1)
_IE_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2)
_PT_WEIGHTS: Final = (9, 8, 7, 6, 5, 4, 3, 2)


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
    # What has a digit in third place, or in fourth behind three letters, names its country, or one
    # without rules.
    named = sql(
        "({s}.compact >= 'A' and (substr({s}.compact, 3, 1) between '0' and '9'"
        " or regexp_matches({s}.compact, '^[A-Z]{3}[0-9]')))",
        s=seen,
    )
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
    spelt = sql("{s}.spelt", s=seen)
    cases = [
        sql(
            "when {code} then case when regexp_full_match({spelt}, {pattern})"
            " then cast({digits} as bigint) end",
            code=code,
            spelt=spelt,
            pattern=pattern,
            digits=_computed_with(code, spelt),
        )
        for code, pattern in _SPELT.items()
    ]
    return sql(
        "struct_pack(text := {s}.text, country := {s}.country, by := {s}.by,"
        " number := case {s}.by {cases} end)",
        s=seen,
        cases=join(" ", cases),
    )


def _computed_with(country: str, spelt: Query) -> Query:
    """The digits of a number that are computed with, and as digits the letters that check."""
    match country:
        case "NL":
            return sql("left({n}, 9) || right({n}, 2)", n=spelt)
        case "FR":
            # With a digit in front, 14 digits stay 14 where they begin with zeros.
            return sql("'1' || {n}", n=spelt)
        case "AT":
            return sql("substr({n}, 2)", n=spelt)
        case "CH":
            return sql("left(ltrim({n}, 'E'), 9)", n=spelt)
        case "ES":
            return sql("translate(substr({n}, 2), 'JABCDEFGHI', '0123456789')", n=spelt)
        case "IE":
            # Of the letters that check, W is zero, and so is a second one that is not there.
            first, second = (
                sql("printf('%02d', (greatest(unicode({n}[{i}]), 64) - 64) % 23)", n=spelt, i=i)
                for i in (8, 9)
            )
            return sql("left({n}, 7) || {first} || {second}", n=spelt, first=first, second=second)
        case _:
            return sql("left({n}, {count})", n=spelt, count=_COUNTS.get(country, 9))


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
    return _SUMS[country](number)


def _dutch(number: Query) -> Query:
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


def _swedish(number: Query) -> Query:
    return sql("{sum} % 10 = 0", sum=_doubled(number, 10))


def _belgian(number: Query) -> Query:
    return sql("({n} // 100 + {n} % 100) % 97 = 0 and {n} > 0", n=number)


def _german(number: Query) -> Query:
    check = sql("5")
    for digit in _digits(number, 9):
        # Zero counts as ten.
        check = sql("((((({c}) + 9) % 10 + 1) * 2 % 11 + {d}) % 10)", c=check, d=digit)
    return sql("{check} = 1", check=check)


def _british(number: Query) -> Query:
    # Numbers from 100 on may have been given anew, by two other sums.
    return sql(
        "({sum} % 97 = 0 or {n} >= 100000000 and {sum} % 97 in (42, 55))",
        n=number,
        sum=_sum(_weighed(number, _GB_WEIGHTS)),
    )


def _irish(number: Query) -> Query:
    return sql(
        "({sum} + 9 * ({n} % 100)) % 23 = {n} // 100 % 100",
        n=number,
        sum=_sum(_weighed(sql("({n} // 10000)", n=number), _IE_WEIGHTS)),
    )


def _french(number: Query) -> Query:
    """A SIREN, a SIRET (a place of business of one), or a VAT number, in front of which stands a 1."""
    # Numbers of Monaco, with zeros, are in no French register. The places of the post have a sum of
    # their own, but for its head office.
    siren = sql("({n} % 1000000000)", n=number)
    of_place = sql("({n} // 100000 % 1000000000)", n=number)
    return sql(
        """
        case
            when {n} < 2000000000 then {siren_sum} % 10 = 0
            when {n} < 200000000000 then ({siren} < 1000000 or {siren_sum} % 10 = 0)
                and ({siren} * 100 + 12) % 97 = {n} // 1000000000 % 100
            else {of_place_sum} % 10 = 0 and case
                when {of_place} = 356000000 and {n} <> 135600000000048 then {plain_sum} % 5 = 0
                else {place_sum} % 10 = 0 end
        end
        """,
        n=number,
        siren=siren,
        siren_sum=_doubled(siren, 9),
        of_place=of_place,
        of_place_sum=_doubled(of_place, 9),
        place_sum=_doubled(number, 14),
        plain_sum=_sum(_digits(number, 14)),
    )


def _austrian(number: Query) -> Query:
    return sql(
        "({sum} + {n} % 10) % 10 = 6", n=number, sum=_doubled(sql("({n} // 10)", n=number), 7)
    )


def _luxembourgish(number: Query) -> Query:
    return sql("{n} // 100 % 89 = {n} % 100", n=number)


def _italian(number: Query) -> Query:
    # The three digits before the last are the province.
    return sql(
        "{n} >= 10000 and ({n} // 10 % 1000 between 1 and 100"
        " or {n} // 10 % 1000 in (120, 121, 888, 999)) and {sum} % 10 = 0",
        n=number,
        sum=_doubled(number, 11),
    )


def _spanish(number: Query) -> Query:
    return sql("{sum} % 10 = 0", sum=_doubled(number, 8))


def _portuguese(number: Query) -> Query:
    return sql(
        "(11 - {sum} % 11) % 11 % 10 = {n} % 10",
        n=number,
        sum=_sum(_weighed(sql("({n} // 10)", n=number), _PT_WEIGHTS)),
    )


_SUMS: Final[dict[str, Callable[[Query], Query]]] = {
    "SE": _swedish,
    "DE": _german,
    "NL": _dutch,
    "BE": _belgian,
    "GB": _british,
    "IE": _irish,
    "FR": _french,
    "AT": _austrian,
    "LU": _luxembourgish,
    "IT": _italian,
    "ES": _spanish,
    "PT": _portuguese,
}
"""Whether the digits of a number are right, in the countries that have a rule of their own."""


def _digits(number: Query, count: int) -> list[Query]:
    return [
        sql("({n} // {power} % 10)", n=number, power=10**place) for place in reversed(range(count))
    ]


def _weighed(number: Query, weights: tuple[int, ...]) -> list[Query]:
    digits = _digits(number, len(weights))
    return [sql("{w} * {d}", w=w, d=digit) for w, digit in zip(weights, digits, strict=True)]


def _sum(terms: list[Query]) -> Query:
    return sql("({terms})", terms=join(" + ", terms))


def _doubled(number: Query, count: int) -> Query:
    """The sum of Luhn, but for its tens: every second digit, from the right, is doubled."""
    # Both digits of a doubled digit are added: 2d, and 1 from 5 on, or 11d // 5.
    return _sum(
        [
            sql("{d} * 11 // 5", d=digit) if (count - place) % 2 == 0 else digit
            for place, digit in enumerate(_digits(number, count))
        ]
    )
