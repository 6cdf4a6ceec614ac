"""Cleaning steps and normal forms, as SQL over whole columns.

A *reading* turns a cell's text into a field's type, or into null where it cannot be read. A *normal
form* is what two values are compared on; what is written keeps the customer's spelling. The rules
for phone numbers come from the phonenumbers library's data, country by country, so that a million
numbers are normalised by one join instead of a million calls (reference: matching.md section 5.1).
"""

from __future__ import annotations

from functools import cache
from typing import Final

import phonenumbers

from crmkit.database import Database
from crmkit.entities import Field, FieldType, Form
from crmkit.sql import Query, join, sql

ERROR_CELLS: Final = [
    "#N/A",
    "#REF!",
    "#VALUE!",
    "#NAME?",
    "#DIV/0!",
    "#NULL!",
    "#NUM!",
    "#SPILL!",
    "#CALC!",
    "#GETTING_DATA",
]
"""What a spreadsheet shows where a formula failed; never a value, and never just a blank."""

YES: Final = [
    "1",
    "true",
    "yes",
    "y",
    "ja",
    "j",
    "x",
    "sant",
    "sann",
    "wahr",
    "sand",
    "waar",
    "oui",
]
NO: Final = [
    "0",
    "false",
    "no",
    "n",
    "nee",
    "nei",
    "nein",
    "nej",
    "usant",
    "usann",
    "falskt",
    "falsch",
    "falsk",
    "onwaar",
    "non",
]

_HIGH_SPACES: Final = "\u00a0\u200b\ufeff"
_SPACES: Final = f" \t\r\n{_HIGH_SPACES}"

# Small words that belong to the last name, in the languages of the six countries.
PARTICLES: Final = r"(?:van|von|de|der|den|het|ter|ten|te|la|le|du|af|av|zu|zum|zur|'t|op|in)"

ZIP_LENGTHS: Final = {"NO": 4, "DK": 4, "SE": 5, "DE": 5, "FI": 5}
"""Countries whose zip codes are digits of one length: a shorter one has lost its leading zeros."""


_CODES: Final = "EUR|NOK|SEK|DKK|ISK|GBP|USD|CHF|PLN|CZK|HUF|RON|BGN|CAD|AUD|NZD|JPY|CNY|INR|SGD|HKD|ZAR|TRY|BRL"
_CURRENCY: Final = rf"(?:\p{{Sc}}|%|kr\.?|{_CODES})"
_SHOWN_CURRENCY: Final = rf"\p{{Sc}}|kr|{_CODES}"
_SIGNS: Final = {
    "€": ["EUR"],
    "£": ["GBP"],
    "$": ["USD", "CAD", "AUD", "NZD", "SGD", "HKD"],
    "¥": ["JPY", "CNY"],
    "₹": ["INR"],
    "₺": ["TRY"],
    "KR": ["NOK", "SEK", "DKK", "ISK"],
}
"""The currencies that a sign stands for; one that is not here stands for any."""
_MINUS: Final = "-\u2212\u2013"

# A number's digits without sign and currency, and how it can be read.
_SPACED: Final = "[0-9]{1,3}(?:[ \u00a0\u2009\u202f][0-9]{3})+|[0-9]{1,3}(?:['\u2019][0-9]{3})+"
_NUMBERS: Final = {
    # With spaces or apostrophes between thousands, or in a spreadsheet's notation of tiny numbers.
    "plain": rf"(?:[0-9]+|{_SPACED})|[0-9](?:\.[0-9]+)?[eE][+-]?[0-9]+",
    # Three digits behind one sign: thousands, or decimals.
    "either": "[1-9][0-9]{0,2}[.,][0-9]{3}",
    ".": rf"(?:[0-9]*|{_SPACED}|[0-9]{{1,3}}(?:,[0-9]{{3}})+)\.[0-9]+|[0-9]{{1,3}}(?:,[0-9]{{3}}){{2,}}",
    ",": rf"(?:[0-9]*|{_SPACED}|[0-9]{{1,3}}(?:\.[0-9]{{3}})+),[0-9]+|[0-9]{{1,3}}(?:\.[0-9]{{3}}){{2,}}",
}


def number_kind(cell: Query) -> Query:
    """How a cell's number can be read: `.` or `,` stands before its decimals, it is `plain` (neither
    matters) or `either` (1.234 is one thousand or one); null when it is no number.
    """
    digits = _digits(cell)
    cases = join(
        " ",
        (
            sql(
                "when regexp_full_match({digits}, {pattern}) then {kind}",
                digits=digits,
                pattern=pattern,
                kind=kind,
            )
            for kind, pattern in _NUMBERS.items()
        ),
    )
    return sql("case {cases} end", cases=cases)


def number(cell: Query, sign: Query) -> Query:
    """A cell's number; null when it cannot be read.

    Args:
        sign: What stands before the decimals where the cell itself does not show it; null for not
            known, and then such a cell is null.
    """
    return sql("try_cast({plain} as double)", plain=plain_number(cell, sign))


def plain_number(cell: Query, sign: Query) -> Query:
    """A cell's number as text, with a minus before it and a point before its decimals."""
    kind = number_kind(cell)
    digits = sql(
        "regexp_replace({digits}, {spaces}, '', 'g')",
        digits=_digits(cell),
        spaces="[ \u00a0\u2009\u202f'\u2019]",
    )
    plain = sql(
        """
        case case {kind} when 'either' then {sign} when 'plain' then '.' else {kind} end
            when '.' then replace({digits}, ',', '')
            when ',' then replace(replace({digits}, '.', ''), ',', '.')
        end
        """,
        kind=kind,
        sign=sign,
        digits=digits,
    )
    return sql(
        "(case when regexp_matches({cell}, {negative}) then '-' else '' end || {plain})",
        cell=cell,
        # Before the number, or behind it, but "100,-" is no negative price.
        negative=rf"(?i)^(?:{_CURRENCY}|[{_SPACES}])*[{_MINUS}]"
        rf"|[0-9][{_SPACES}]*[{_MINUS}](?:{_CURRENCY}|[{_SPACES}])*$",
        plain=plain,
    )


def _digits(cell: Query) -> Query:
    """A number without its sign, its currency or percent sign, and the dash of "100,-"."""
    ends = rf"(?:{_CURRENCY}|[{_SPACES}]|[{_MINUS}])"
    return sql(
        "regexp_replace(regexp_replace({cell}, {before}, ''), {behind}, '')",
        cell=cell,
        before=rf"(?i)^{ends}+",
        behind=rf"(?i)(?:[.,]\s*[{_MINUS}]+)?{ends}*$",
    )


def currency_clash(cell: Query, currency: Query) -> Query:
    """Whether a price shows a currency that is not the one given; a sign may stand for several."""
    shown = sql(
        "upper(regexp_extract({cell}, {sign}, 0))", cell=cell, sign=f"(?i){_SHOWN_CURRENCY}"
    )
    cases = join(
        " ",
        (
            sql(
                "when {sign} then not list_contains({codes}, {currency})",
                sign=sign,
                codes=codes,
                currency=currency,
            )
            for sign, codes in (
                (sql("{shown} = {s}", shown=shown, s=sign), codes) for sign, codes in _SIGNS.items()
            )
        ),
    )
    return sql(
        "coalesce(case {cases} when regexp_full_match({shown}, {codes}) then {shown} <> {currency} end,"
        " false)",
        cases=cases,
        shown=shown,
        codes=_CODES,
        currency=currency,
    )


def cleaned(cell: Query, *, plain: bool = False, blanks: bool = True) -> Query:
    """A cell without surrounding spaces (no-break ones too); null when nothing is left.

    Args:
        plain: No such cell is `odd`.
        blanks: Whether cells may have blanks other than spaces.
    """
    # Trimming costs ten times as much as seeing that there is nothing to trim, and so does a pattern.
    edges = [] if plain else [sql("{cell} < '!' or ends_with({cell}, ' ')", cell=cell)]
    if blanks:
        high = (sql("starts_with({cell}, {space})", cell=cell, space=s) for s in _HIGH_SPACES)
        edges.append(
            sql(
                "({cell} >= {first} and ({high}))",
                cell=cell,
                first=min(_HIGH_SPACES),
                high=join(" or ", high),
            )
        )
        edges += [sql("ends_with({cell}, {space})", cell=cell, space=s) for s in _SPACES[1:]]
    if not edges:
        return sql("nullif({cell}, '')", cell=cell)
    return sql(
        "nullif(case when {edges} then trim({cell}, {spaces}) else {cell} end, '')",
        cell=cell,
        edges=join(" or ", edges),
        spaces=_SPACES,
    )


def odd(cell: Query) -> Query:
    """Whether a cell may have to be trimmed or be an error: it begins before `$`, or ends with a space."""
    return sql("({cell} < '$' or ends_with({cell}, ' '))", cell=cell)


def has_blanks(text: Query) -> Query:
    """Whether a text has a blank other than a space, anywhere."""
    blanks = (sql("contains({text}, {blank})", text=text, blank=blank) for blank in _SPACES[1:])
    return sql("({blanks})", blanks=join(" or ", blanks))


def reading(cell: Query, field: Field, sign: Query | None = None) -> Query:
    """A cleaned cell as its field's type; null when it cannot be read.

    Args:
        sign: For a number: what stands before the decimals where the cell does not show it.
    """
    if field.type is FieldType.BOOLEAN:
        return sql(
            "case when list_contains({yes}, lower({cell})) then true"
            " when list_contains({no}, lower({cell})) then false end",
            cell=cell,
            yes=YES,
            no=NO,
        )
    if field.type is FieldType.DATE:
        return _date(cell)
    if field.type is FieldType.NUMBER:
        return number(cell, sign or sql("cast(null as varchar)"))
    if field.type is FieldType.ID:
        return sql("try_cast({cell} as integer)", cell=cell)
    return cell


def normal_form(value: Query, form: Form) -> Query:
    """What two values are compared on; for PHONE, `value` must stand beside a `dialling` row."""
    match form:
        case Form.NAME:
            return name_key(value)
        case Form.CODE:
            return sql(
                "nullif(lower(case when regexp_matches({value}, '\\s')"
                " then regexp_replace({value}, '\\s+', '', 'g') else {value} end), '')",
                value=value,
            )
        case Form.VAT:
            return _vat_key(value)
        case Form.EMAIL:
            return sql("nullif(lower({value}), '')", value=_trimmed(value))
        case Form.LINK:
            return _link_key(value)
        case Form.PHONE:
            return _phone_key(value)
        case Form.ID:
            return sql("cast({value} as varchar)", value=value)


def name_key(value: Query) -> Query:
    """A name without regard to case, surrounding and repeated spaces."""
    # Most names have nothing to collapse or compose, and looking is a third of the cost of doing it.
    # What is written with these letters alone is composed already.
    return sql(
        "nullif(lower(case when regexp_matches({value}, {untidy})"
        " then nfc_normalize(trim(regexp_replace({value}, '[\\s\u00a0]+', ' ', 'g')))"
        " else {value} end), '')",
        value=value,
        untidy="[^ -~\u00a1-\u02ff]|  |^ | $",
    )


def _trimmed(value: Query) -> Query:
    """A value without spaces around it. Seeing that there are none is a tenth of the trimming."""
    return sql(
        "case when {value} < '!' or ends_with({value}, ' ') then trim({value}) else {value} end",
        value=value,
    )


def vat_country(value: Query) -> Query:
    """The country that a VAT number's own prefix names, or null: two known ones must be the same."""
    return sql(
        "nullif(regexp_extract(upper(trim({value})), '^([A-Z]{2})[^A-Z]*[A-Z]?[0-9]', 1), '')",
        value=value,
    )


def split_name(value: Query) -> dict[str, Query]:
    """A full name's first, middle and last name.

    "Last, First Middle" is turned round; particles (van, de, von, af) open the last name; with
    three or more words, what stands between the first and the last is the middle name.
    """
    turned = sql(
        "regexp_replace({value}, '^\\s*([^,]+?)\\s*,\\s*([^,]+?)\\s*$', '\\2 \\1')", value=value
    )
    tidy = sql("trim(regexp_replace({turned}, '\\s+', ' ', 'g'))", turned=turned)
    last = sql(
        "regexp_extract({tidy}, {pattern}, 1)",
        tidy=tidy,
        pattern=rf"(?i)\s((?:{PARTICLES}\s+)*\S+)$",
    )
    before_last = sql(
        "trim(left({tidy}, case when {last} = '' then 0 else length({tidy}) - length({last}) end))",
        tidy=tidy,
        last=last,
    )
    return {
        "first_name": sql("nullif(split_part({rest}, ' ', 1), '')", rest=before_last),
        "middle_name": sql(
            "nullif(trim(substr({rest}, length(split_part({rest}, ' ', 1)) + 1)), '')",
            rest=before_last,
        ),
        # A single word is a last name: that is the one a list of persons is sorted by.
        "last_name": sql(
            "nullif(case when {last} = '' then {tidy} else {last} end, '')", last=last, tidy=tidy
        ),
    }


def is_email(value: Query) -> Query:
    """Whether a text has the shape of an e-mail address."""
    return sql(
        "regexp_full_match({value}, '[^@\\s<>,;]+@[^@\\s<>,;]+\\.[^@\\s<>,;.]+')", value=value
    )


@cache
def numbering_plans() -> tuple[tuple[str, str, str, tuple[int, ...]], ...]:
    """For each country its ISO code, calling code, trunk prefix and the lengths of its numbers."""
    plans = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        data = phonenumbers.PhoneMetadata.metadata_for_region(region)
        if data is None or data.fixed_line is None or data.mobile is None:
            continue
        # Only the shortest mobile length: the longer ones belong to machines' SIM cards.
        lengths = sorted({*data.fixed_line.possible_length, min(data.mobile.possible_length)})
        plans.append((region, str(data.country_code), data.national_prefix or "", tuple(lengths)))
    return tuple(plans)


def make_dialling(db: Database) -> None:
    """Make the table `dialling`: per country its calling code, trunk prefix and number lengths."""
    plans = numbering_plans()
    db.run(
        sql(
            "create or replace table dialling as"
            " select unnest({isos}) as iso, unnest({codes}) as code, unnest({trunks}) as trunk,"
            " unnest(cast({lengths} as integer[][])) as lengths",
            isos=[iso for iso, _, _, _ in plans],
            codes=[code for _, code, _, _ in plans],
            trunks=[trunk for _, _, trunk, _ in plans],
            lengths=[str(list(lengths)) for _, _, _, lengths in plans],
        )
    )


def _phone_key(value: Query) -> Query:
    # "(0)" and an extension are not part of the international number.
    plain = sql(
        "regexp_replace(regexp_replace({value}, '\\(0\\)', ''), '(?i)(ext|x|#).*$', '')",
        value=value,
    )
    digits = sql(
        # Most numbers are digits with a few signs, and taking those away is far cheaper.
        "(case when regexp_full_match({value}, '\\+?[0-9 ./-]+') then {simple}"
        " else regexp_replace({plain}, '[^0-9]', '', 'g') end)",
        value=value,
        simple=_without(value, "+ ./-"),
        plain=plain,
    )
    return dialled(
        value,
        digits=digits,
        code=sql("dialling.code"),
        trunk=sql("dialling.trunk"),
        lengths=sql("dialling.lengths"),
    )


def dialled(value: Query, *, digits: Query, code: Query, trunk: Query, lengths: Query) -> Query:
    """A phone number's digits in E.164, as dialled in the country of this code and trunk prefix.

    Args:
        value: The number as written, which shows whether it begins with a plus.
    """
    return sql(
        """
        case
            when {digits} = '' then null
            when starts_with(ltrim({value}), '+') then '+' || {digits}
            when starts_with({digits}, '00') then '+' || {digits}[3:]
            when {code} is null then {digits}
            when {trunk} <> '' and starts_with({digits}, {trunk})
                then '+' || {code} || {digits}[length({trunk}) + 1:]
            when starts_with({digits}, {code})
                and not list_contains({lengths}, length({digits}))
                and list_contains({lengths}, length({digits}) - length({code}))
                then '+' || {digits}
            else '+' || {code} || {digits}
        end
        """,
        value=value,
        digits=digits,
        code=code,
        trunk=trunk,
        lengths=lengths,
    )


def _without(value: Query, signs: str) -> Query:
    for sign in signs:
        value = sql("replace({value}, {sign}, '')", value=value, sign=sign)
    return value


def _vat_key(value: Query) -> Query:
    plain = sql(
        "(case when regexp_full_match({value}, '[A-Za-z0-9]*') then upper({value})"
        " else regexp_replace(upper({value}), '[^A-Z0-9]', '', 'g') end)",
        value=value,
    )
    # The Norwegian suffix MVA marks a registered number; it is the same number without it.
    return sql(
        "nullif(case when regexp_full_match({plain}, '[0-9]*') then {plain} else"
        " regexp_replace({plain}, '^(?:[A-Z]{2})?([A-Z]?[0-9].*?)(?:MVA)?$', '\\1') end, '')",
        plain=plain,
    )


def _link_key(value: Query) -> Query:
    return sql(
        "nullif(rtrim(regexp_replace(lower({value}), '^(?:https?://)?(?:www\\.)?', ''), '/'), '')",
        value=_trimmed(value),
    )


def _date(cell: Query) -> Query:
    # Day first is the order of all six countries; a US date that fits no such day is an issue.
    formats = ("%Y-%m-%d", "%d.%m.%Y", "%d-%m-%Y", "%d/%m/%Y", "%Y%m%d", "%Y-%m-%d %H:%M:%S")
    attempts = join(
        ", ", (sql("try_strptime({cell}, {format})", cell=cell, format=text) for text in formats)
    )
    return sql("cast(coalesce({attempts}) as date)", attempts=attempts)
