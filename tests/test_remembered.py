"""A workspace remembers where a header was sent by hand, until it is told to forget."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from crmkit.session import ImportSession
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path / "workspace")


def loaded(workspace: Workspace, path: Path, headers: list[str], row: list[str]) -> ImportSession:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([headers, row])
    session = workspace.new_import()
    session.load(path)
    return session


def targets(session: ImportSession) -> list[str | None]:
    return [entry.target for entry in session.mapping.columns]


@pytest.fixture
def taught(workspace: Workspace, tmp_path: Path) -> Workspace:
    """A workspace where “Klasse” went to the category, and “Fax” was left out."""
    headers = ["Company", "Klasse", "Fax"]
    session = loaded(workspace, tmp_path / "a.csv", headers, ["Acme", "Customer", "22110099"])
    session.mapping = session.mapping.with_target("c2", "company.category").with_target("c3", None)
    session.preview()
    session.commit(back_up=False)
    return workspace


def test_a_choice_is_followed_in_the_next_file(taught: Workspace, tmp_path: Path) -> None:
    session = loaded(taught, tmp_path / "b.csv", ["KLASSE", "Fax", "Company"], ["A", "2211", "B"])

    assert targets(session) == ["company.category", None, "company.name"]
    assert "chosen here before" in session.mapping.columns[0].reason
    assert session.suggest_mapping() == session.mapping


def test_a_choice_is_of_one_kind_of_file(taught: Workspace, tmp_path: Path) -> None:
    session = loaded(taught, tmp_path / "b.csv", ["Klasse", "SKU", "Name"], ["A", "1", "Desk"])
    session.subject = "product"

    assert targets(session) == [None, "product.code", "product.name"]


def test_a_later_choice_takes_the_place_of_an_earlier_one(
    taught: Workspace, tmp_path: Path
) -> None:
    session = loaded(taught, tmp_path / "b.csv", ["Company", "Klasse"], ["B", "IT"])
    session.mapping = session.mapping.with_target("c2", "company.business")
    session.preview()
    session.commit(back_up=False)

    assert [(c.header, c.target) for c in taught.header_choices()] == [
        ("Fax", ""),
        ("Klasse", "company.business"),
    ]


def test_what_was_only_suggested_is_not_remembered(taught: Workspace) -> None:
    assert "Company" not in {choice.header for choice in taught.header_choices()}


def test_choices_are_forgotten_one_by_one_or_all(taught: Workspace, tmp_path: Path) -> None:
    taught.forget_header_choices("company", "fax")
    assert [choice.header for choice in taught.header_choices()] == ["Klasse"]

    taught.forget_header_choices("company")
    assert taught.header_choices() == ()
    session = loaded(taught, tmp_path / "b.csv", ["Company", "Klasse"], ["B", "A"])
    assert targets(session) == ["company.name", None]


def test_a_made_column_is_not_remembered(workspace: Workspace, tmp_path: Path) -> None:
    """It is in no other file."""
    session = loaded(workspace, tmp_path / "a.csv", ["Company", "Klasse"], ["Acme", "A"])
    made = session.make_column("Both", ["Company", "Klasse"])
    session.mapping = session.mapping.with_target(made, "company.info")
    session.preview()
    session.commit(back_up=False)

    assert workspace.header_choices() == ()
