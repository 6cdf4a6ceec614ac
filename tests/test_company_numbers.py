"""The check digits that SQL computes are those of python-stdnum, which judges."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmkit.company_numbers import is_company_number, stages
from crmkit.database import Database, in_memory
from crmkit.sql import sql

COUNTRIES = ("NO", "SE", "DK", "FI", "DE", "NL", "BE", "PL")
_SHAPES = {
    "NO": r"(NO ?)?[0-9]{9}( ?MVA)?",
    "SE": r"(SE)?[0-9]{6}-?[0-9]{4}(01)?",
    "DK": r"(DK-?)?[0-9]{8}",
    "FI": r"(FI)?[0-9]{7}-?[0-9]",
    "DE": r"(DE ?)?[0-9]{3} ?[0-9]{3} ?[0-9]{3}",
    "NL": r"(NL)?[0-9]{9}\.?B[0-9]{2}",
    "BE": r"(BE ?)?[01]?[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}",
    "PL": r"(PL)?[0-9]{3}-?[0-9]{3}-?[0-9]{2}-?[0-9]{2}",
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


@pytest.mark.parametrize("country", COUNTRIES)
def test_every_last_digits_of_a_number_are_judged_alike(db: Database, country: str) -> None:
    """Of some beginnings all thousand ends: each digit and each remainder occurs."""
    length = {"NO": 9, "DK": 8, "FI": 8, "DE": 9, "NL": 9}.get(country, 10)
    behind = "B01" if country == "NL" else ""
    texts = [
        f"{begin:0>{length - 3}}{end:03}{behind}"
        for begin in ("000000", "923609", "109999", "555555", "888013", "1000001"[: length - 3])
        for end in range(1_000)
    ]

    found = in_sql(db, texts, country)

    wrong = [
        (text, said)
        for text, said in zip(texts, found, strict=True)
        if said is not None and said is not is_company_number(text, country)
    ]
    assert [] == wrong
    assert len([said for said in found if said]) > 50


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    texts=st.lists(
        st.one_of(
            *(st.from_regex(shape, fullmatch=True) for shape in _SHAPES.values()),
            st.text(alphabet="0123456789NOSEDKBLATUMV .-/ß", max_size=16),
        ),
        min_size=1,
        max_size=40,
    ),
    country=st.sampled_from((*COUNTRIES, "FR", "US", "")),
)
def test_what_sql_says_is_what_the_judge_says(texts: list[str], country: str) -> None:
    with in_memory() as db:
        found = in_sql(db, texts, country)

    for text, said in zip(texts, found, strict=True):
        assert said is None or said is is_company_number(text, country), (text, country)


def test_usual_spellings_need_no_judge(db: Database) -> None:
    texts = ["923609016", "NO 923 609 016 MVA", "SE556036079301", "DK24256790", "DE 136 695 976"]
    texts += ["BE0428759497", "FI20774740", "NL004495445B01", "5260001246", "NO 923 609 017 MVA"]

    assert [*[True] * 9, False] == in_sql(db, [*texts[:8], f"PL{texts[8]}", texts[9]], "NO")
