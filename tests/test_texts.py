"""What is looked for in a cell depends on what the file's cells hold; what becomes of it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmkit.incoming import IssueCode
from tests.crm_kit import Kit, Row

_PLAIN: list[Row] = [
    {"company.name": "Acme AS", "company.department": "Oslo"},
    {"company.name": "Blå Bølge AS", "company.department": "Bodø"},
]


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        " Bergen",
        "Bergen ",
        "\tBergen",
        "Bergen\t",
        "\nBergen",
        "Bergen\r\n",
        "\u00a0Bergen",
        "Bergen\u00a0",
        "\u200bBergen",
        "Bergen\ufeff",
        " \u00a0 Bergen \t ",
    ],
)
@pytest.mark.parametrize("column", ["company.name", "company.department"])
def test_blanks_around_the_only_cell_that_has_some_are_taken_off(
    kit: Kit, text: str, column: str
) -> None:
    odd = {"company.name": "Carl AS", "company.department": "Moss"} | {column: text}

    kit.load([*_PLAIN, odd])

    _, _, company = kit.records("company")
    assert "Bergen" == company[column.removeprefix("company.")]


@pytest.mark.parametrize("text", ["\u00a0", " \t ", "\u200b\ufeff"])
def test_the_only_cell_of_blanks_is_empty(kit: Kit, text: str) -> None:
    kit.load([*_PLAIN, {"company.name": "Carl AS", "company.department": text}])

    assert [None] == [company["department"] for company in kit.records("company")[2:]]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("#N/A", IssueCode.ERROR_CELL),
        (" #ref! ", IssueCode.ERROR_CELL),
        ("\u00a0#VALUE!", IssueCode.ERROR_CELL),
        ("x" * 220, IssueCode.TOO_LONG),
        ("ø" * 220, IssueCode.TOO_LONG),
    ],
)
def test_the_only_cell_that_cannot_be_used_is_told(kit: Kit, text: str, code: IssueCode) -> None:
    outcome = kit.load([*_PLAIN, {"company.name": "Carl AS", "company.department": text}])

    assert [(4, code)] == outcome.codes()
    assert [None] == [company["department"] for company in kit.records("company")[2:]]


def test_a_part_of_a_name_can_be_the_error(kit: Kit) -> None:
    """The cell itself does not begin as one."""
    outcome = kit.load([{"person.full_name": "Ann Berg"}, {"person.full_name": "Bo #N/A"}])

    assert [(3, IssueCode.ERROR_CELL)] == outcome.codes()


def test_texts_of_many_bytes_are_measured_in_characters(kit: Kit) -> None:
    outcome = kit.load([*_PLAIN, {"company.name": "Carl AS", "company.department": "ø" * 200}])

    assert not outcome.issues


def test_how_many_rows_other_records_have_changes_none(kit: Kit, tmp_path: Path) -> None:
    """Records with several rows are read in another way where they are most of the file."""
    several: list[Row] = [
        {
            "company.name": company,
            "company.number": number,
            "company.department": department,
            "company.phone": phone,
            "company.email": email,
            "person.last_name": person,
        }
        for company, number, department, phone, email, person in (
            ("Acme AS", "1", "", "22 33 44 55", "post@acme.example", "Berg"),
            ("ACME AS", "1", "Oslo", "+47 22334455", "sales@acme.example", "Dahl"),
            ("Acme AS", "1", "Moss", "", "POST@acme.example", "Eide"),
            ("Beta AS", "2", "West", "23 00 00 01", "", "Foss"),
            ("Beta AS", "2", "West", "23 00 00 02", "", "Gran"),
        )
    ]
    alone: list[Row] = [
        several[0] | {"company.name": f"Alone {n}", "company.number": f"9{n}", "company.email": ""}
        for n in range(5)
    ]
    (tmp_path / "others").mkdir()
    others = Kit(tmp_path / "others")

    here, there = kit.load(several), others.load([*several, *alone])

    assert kit.records("company") == others.records("company")[:2]
    assert kit.records("person") == others.records("person")[:5]
    for child, owner in (("phone", "company"), ("email", "company")):
        assert kit.children(child, owner) == [
            row for row in others.children(child, owner) if row[0] in (1, 2)
        ]
    assert here.issues == [issue for issue in there.issues if issue["row_no"] <= 6]
    assert here.issues
