"""The check digits that SQL computes are those of python-stdnum, which judges."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmkit.company_numbers import is_company_number, stages
from crmkit.database import Database, in_memory
from crmkit.sql import sql

COUNTRIES = (
    *(
        "NO",
        "SE",
        "DK",
        "FI",
        "DE",
        "NL",
        "BE",
        "PL",
        "GB",
        "IE",
        "FR",
        "CH",
        "AT",
        "LU",
        "IT",
        "ES",
    ),
    "PT",
)
_SHAPES = {
    "NO": r"(NO ?)?[0-9]{9}( ?MVA)?",
    "SE": r"(SE)?[0-9]{6}-?[0-9]{4}(01)?",
    "DK": r"(DK-?)?[0-9]{8}",
    "FI": r"(FI)?[0-9]{7}-?[0-9]",
    "DE": r"(DE ?)?[0-9]{3} ?[0-9]{3} ?[0-9]{3}",
    "NL": r"(NL)?[0-9]{9}\.?B[0-9]{2}",
    "BE": r"(BE ?)?[01]?[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}",
    "PL": r"(PL)?[0-9]{3}-?[0-9]{3}-?[0-9]{2}-?[0-9]{2}",
    "GB": r"(GB)?[0-9]{3} ?[0-9]{4} ?[0-9]{2}([0-9]{3})?",
    "IE": r"(IE)?[0-9]{7}[A-X]{1,2}",
    "FR": r"(FR)?[0-9A-Z]{2} ?[0-9]{9}|[0-9]{9}|[0-9]{14}",
    "CH": r"(CHE-?|CH|E)?[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}( ?(MWST|TVA|IVA|TPV|MVA|VAT))?",
    "AT": r"(AT)?U[0-9]{8}",
    "LU": r"(LU)?[0-9]{8}",
    "IT": r"(IT)?[0-9]{8}(00[0-9]|100|101|12[01]|888|999)",
    "ES": r"(ES)?-?[A-Z0-9][0-9]{7}[0-9A-Z]",
    "PT": r"(PT)?[0-9]{9}",
}


def in_sql(db: Database, texts: list[str], country: str) -> list[bool | None]:
    query = sql(
        "select t as value, place from (select unnest({texts}) as t, unnest(range({n})) as place)",
        texts=texts,
        n=len(texts),
    )
    for stage in stages(sql("{c}", c=country)):
        query = sql("select {stage} as value, place from ({q})", stage=stage(sql("value")), q=query)
    rows = db.rows(sql("select value.right from ({q}) order by place", q=query))
    return [found for (found,) in rows]


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _ends(country: str) -> list[str]:
    """All ends of a number, each digit or letter that checks in every place."""
    match country:
        case "NL":
            return [f"{end:03}B01" for end in range(1_000)]
        case "IE":
            two = [a + b for a in _LETTERS for b in ("", *_LETTERS)]
            return [f"{end}{letters}" for end in (3, 8) for letters in two]
        case "ES":
            return [f"{end:02}{last}" for end in range(100) for last in "0123456789" + _LETTERS]
        case "IT":
            return [
                f"{province:03}{last}"
                for province in (0, 1, 12, 99, 100, 101, 119, 120, 121, 122, 888, 999)
                for last in range(10)
            ]
        case _:
            return [f"{end:03}" for end in range(1_000)]


_BEGINS = ("000000", "923609", "109999", "555555", "888013", "1000001", "0999999")
_DIGITS = {"DK": 5, "FI": 5, "LU": 5, "AT": 5, "IT": 7, "ES": 5, "FR": 6, "GB": 6} | dict.fromkeys(
    ("NO", "DE", "NL", "CH", "PT", "IE"), 6
)
"""How many digits stand before the ends; else seven."""


@pytest.mark.parametrize("country", COUNTRIES)
def test_every_last_digits_of_a_number_are_judged_alike(db: Database, country: str) -> None:
    """Of some beginnings all thousand ends: each digit and each remainder occurs."""
    before = {"AT": "ATU", "CH": "CHE", "ES": "ESB"}.get(country, "")
    count = _DIGITS.get(country, 7)
    texts = [
        f"{before}{begin:0>{count}.{count}}{end}" for begin in _BEGINS for end in _ends(country)
    ]

    found = in_sql(db, texts, country)

    wrong = [
        (text, said)
        for text, said in zip(texts, found, strict=True)
        if said is not None and said is not is_company_number(text, country)
    ]
    assert [] == wrong
    assert len([said for said in found if said]) > 40


@pytest.mark.parametrize(
    ("country", "begins"),
    [
        ("FR", ("FR00000041", "FR58000041", "FR40303265", "FR83404833", "FR0A123456")),
        ("FR", ("35600000000", "35600000013", "73282932000", "00000000100", "35600000100")),
        ("GB", ("GB980780", "GB100000", "GB999999", "GB099999", "98078068400"[:9])),
        ("CH", ("CHE107787", "CHE-999.999.", "100155")),
    ],
    ids=["French VAT", "French places", "British", "Swiss"],
)
def test_numbers_with_more_than_one_rule_are_judged_alike(
    db: Database, country: str, begins: tuple[str, ...]
) -> None:
    """French VAT numbers, Monaco's among them, and places of business, the post's among them."""
    texts = [f"{begin}{end:03}" for begin in begins for end in range(1_000)]
    texts += ["356 000 000 00048", "35600000000049", "GB 980 7806 84 001", "CHE-107.787.577 IVA"]

    found = in_sql(db, texts, country)

    judged = [is_company_number(text, country) for text in texts]
    assert [] == [
        (text, said)
        for text, said, right in zip(texts, found, judged, strict=True)
        if said is not None and said is not right
    ]
    assert len([said for said in found if said]) > 2


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    texts=st.lists(
        st.one_of(
            *(st.from_regex(shape, fullmatch=True) for shape in _SHAPES.values()),
            st.text(alphabet="0123456789NOSEDKBLATUMVCHFRI .-/ß", max_size=16),
        ),
        min_size=1,
        max_size=40,
    ),
    country=st.sampled_from((*COUNTRIES, "CZ", "US", "")),
)
def test_what_sql_says_is_what_the_judge_says(texts: list[str], country: str) -> None:
    with in_memory() as db:
        found = in_sql(db, texts, country)

    for text, said in zip(texts, found, strict=True):
        assert said is None or said is is_company_number(text, country), (text, country)


def test_usual_spellings_need_no_judge(db: Database) -> None:
    texts = ["923609016", "NO 923 609 016 MVA", "SE556036079301", "DK24256790", "DE 136 695 976"]
    texts += ["BE0428759497", "FI20774740", "NL004495445B01", "PL5260001246"]
    texts += ["GB 980 7806 84", "IE6388047V", "FR 40 303 265 045", "CHE-107.787.577 MWST"]
    texts += ["ATU13585627", "LU15027442", "IT00743110157", "ESB58378431", "PT501964843"]

    assert [True] * 18 == in_sql(db, texts, "NO")
    assert [False] == in_sql(db, ["NO 923 609 017 MVA"], "NO")
