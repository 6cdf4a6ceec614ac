"""The suggestions are as good as they were, on tables whose truth is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmkit.mapping_score import Answer, Table, corpus, measure, score
from tests.test_sources import REAL, real_files

CORPUS = Path(__file__).parent / "data" / "headers"


def test_the_corpus_is_large_and_of_six_languages(tmp_path: Path) -> None:
    tables = [
        table for part in ("tuned", "held_out") for table in corpus(CORPUS, tmp_path, part=part)
    ]

    assert len(tables) >= 60
    assert {table.language for table in tables} == {"en", "nl", "no", "de", "sv", "da"}
    assert {table.kind for table in tables} == {"contact", "company", "person", "product"}
    held_out = sum(table.part == "held_out" for table in tables)
    assert held_out >= len(tables) // 3


@pytest.mark.parametrize(
    ("part", "right", "wrong", "found"),
    [("tuned", 0.99, 0.005, 0.99), ("held_out", 0.95, 0.01, 0.95), ("later", 0.97, 0.005, 0.955)],
)
def test_the_score_does_not_fall(part: str, right: float, wrong: float, found: float) -> None:
    reached = score(measure(CORPUS, REAL, part=part))

    assert reached.right_share >= right
    assert reached.wrong_share <= wrong
    assert reached.found_share >= found


@real_files
def test_the_score_on_real_files_does_not_fall() -> None:
    reached = score(measure(CORPUS, REAL, part="real"))

    assert reached.columns > 300
    assert reached.right_share >= 0.99
    assert reached.wrong_share <= 0.005


@pytest.mark.parametrize(
    ("given", "truth", "verdict"),
    [
        ("company.name", {"company.name"}, "right"),
        ("", {"-"}, "right"),
        ("company.name", {"-"}, "wrong"),
        ("person.email", {"company.email"}, "wrong"),
        ("", {"company.email"}, "open"),
    ],
)
def test_an_answer_is_right_wrong_or_open(given: str, truth: set[str], verdict: str) -> None:
    table = Table("a", "tuned", "en", "company", {}, Path("a.csv"))

    assert Answer(table, "Header", frozenset(truth), given, "").verdict == verdict
