"""ERP keys: a record is known by what other systems call it, whatever its name becomes."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmkit.entities import COMPANY, PERSON
from crmkit.session import ImportSession
from crmkit.settings import Action
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace

HEADERS = "Company ERP key,Company name,Person ERP key,Person first name,Person last name\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path / "workspace")


def load(workspace: Workspace, rows: str, *, keyed: bool = True) -> ImportSession:
    path = workspace.path / "actors.csv"
    path.write_text(HEADERS + rows, encoding="utf-8")
    session = workspace.new_import()
    session.load(path)
    if keyed:
        for entity in (COMPANY, PERSON):
            session.settings = session.settings.with_rule(
                entity, match_key="erp_key", action=Action.REPLACE
            )
    return session


def run(workspace: Workspace, rows: str, *, keyed: bool = True) -> dict[str, dict[str, int]]:
    session = load(workspace, rows, keyed=keyed)
    session.preview()
    return session.commit().written


def keys(workspace: Workspace, entity: str) -> list[tuple[str, str]]:
    frame = workspace.query(
        f"select r.name, k.value from crm.external_key as k join crm.{entity} as r"
        f" on r.id = k.{entity}_id where k.deleted_at is null order by all"
    )
    return list(frame.itertuples(index=False, name=None))


def test_keys_find_their_columns(workspace: Workspace) -> None:
    session = load(workspace, "T:1,Acme,T:9,Ada,Berg\n")

    assert [
        *("company.erp_key", "company.name", "person.erp_key"),
        *("person.first_name", "person.last_name"),
    ] == [column.target for column in session.mapping.columns]


def test_a_record_is_known_by_its_key_under_another_name(workspace: Workspace) -> None:
    run(workspace, "T:1,Acme,T:9,Ada,Berg\nT:2,Beta,,,\n")

    written = run(workspace, "T:1,Acme Nordic,T:9,Ada,Dahl\nT:2,Beta,,,\n")

    assert {"new": 0, "changed": 1} == {k: written["company"][k] for k in ("new", "changed")}
    assert {"new": 0, "changed": 1} == {k: written["person"][k] for k in ("new", "changed")}
    assert [("Acme Nordic", "T:1"), ("Beta", "T:2")] == keys(workspace, "company")


def test_the_same_number_of_another_system_is_another_record(workspace: Workspace) -> None:
    run(workspace, "T:1,Acme,,,\n")

    written = run(workspace, "O:1,Beta,,,\n")

    assert 1 == written["company"]["new"]


def test_a_record_that_is_known_otherwise_gets_its_key(workspace: Workspace) -> None:
    """A CRM that has the customers already: once by name, from then on by key."""
    run(workspace, ",Acme,,,\n", keyed=False)
    run(workspace, "T:1,Acme,,,\n", keyed=False)
    run(workspace, "O:7,Acme,,,\n", keyed=False)

    assert [("Acme", "O:7"), ("Acme", "T:1")] == keys(workspace, "company")


def test_undo_takes_the_keys_back(workspace: Workspace) -> None:
    run(workspace, "T:1,Acme,,,\n")

    workspace.undo(workspace.batches()[0].id)

    assert [] == keys(workspace, "company")
