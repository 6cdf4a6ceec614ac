"""What others wrote since a preview was made: by whom, to which of its records, and how."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from crmkit.batches import BatchKind
from crmkit.entities import COMPANY
from crmkit.errors import StalePlanError
from crmkit.meanwhile import Meanwhile
from crmkit.session import ImportSession
from crmkit.settings import Action, Settings
from crmkit.workspace import Workspace
from tests.crm_kit import first_batch, new_workspace

HEADER = "Company name,Number,City,Telephone\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace with three companies."""
    workspace = new_workspace(tmp_path / "workspace")
    rows = "Acme,1,Oslo,\nBeta,2,Bergen,\nGamma,3,Moss,\n"
    first_batch(workspace, rows, lambda: previewed(workspace, rows).commit())
    return workspace


def previewed(workspace: Workspace, rows: str) -> ImportSession:
    path = workspace.path.parent / f"file-{len(list(workspace.path.parent.iterdir()))}.csv"
    path.write_text(HEADER + rows, encoding="utf-8")
    session = workspace.new_import()
    session.load(path)
    session.settings = Settings().with_rule(COMPANY, match_key="number", action=Action.REPLACE)
    session.preview()
    return session


def since(session: ImportSession) -> Meanwhile:
    found = session.meanwhile()
    assert found is not None
    return found


def test_nothing_happened(workspace: Workspace) -> None:
    assert previewed(workspace, "Acme,1,Oslo,\n").meanwhile() is None


def test_the_records_that_another_batch_changed_are_named(workspace: Workspace) -> None:
    """Only those that the plan is about: Gamma changed too, and Delta was added."""
    session = previewed(workspace, "Acme,1,Lund,\nBeta,2,Bergen,\n")
    previewed(workspace, "Acme,1,Hamar,\nGamma,3,Skien,\nDelta,4,Bodo,\n").commit()

    with pytest.raises(StalePlanError):
        session.commit()
    (batch,) = since(session).batches

    assert (2, BatchKind.IMPORT, {"company": 1}) == (
        batch.id,
        batch.kind,
        batch.touched,
    )
    ((label, done),) = [(example.label, example.done) for example in batch.examples]
    assert "Acme" == label
    assert done.endswith("City: Oslo → Hamar")
    assert not since(session).otherwise
    (told,) = since(session).told(session.schema)
    assert "changed 1 company of this import (Acme:" in told


def test_a_phone_that_was_added_counts(workspace: Workspace) -> None:
    session = previewed(workspace, "Acme,1,Lund,\n")
    previewed(workspace, "Acme,1,Oslo,22 33 44 55\n").commit()

    (batch,) = since(session).batches

    assert 1 == batch.touched["company"]
    assert "Acme" == batch.examples[0].label


def test_an_undo_is_told_too(workspace: Workspace) -> None:
    session = previewed(workspace, "Acme,1,Lund,\n")
    workspace.undo(1)

    (batch,) = since(session).batches

    assert BatchKind.UNDO is batch.kind
    assert "removed" == batch.examples[0].done


def test_a_restore_puts_everything_in_doubt(workspace: Workspace) -> None:
    previewed(workspace, "Delta,4,Bodo,\n").commit()
    session = previewed(workspace, "Acme,1,Lund,\n")
    workspace.restore(workspace.backups()[-1].name)

    (batch,) = since(session).batches

    assert BatchKind.RESTORE is batch.kind
    assert "put another state of the CRM" in since(session).told(session.schema)[0]


def test_preferences_are_told_apart_from_batches(workspace: Workspace) -> None:
    session = previewed(workspace, "Acme,1,Lund,\n")
    workspace.preferences = replace(workspace.preferences, country="NL")

    assert ((), True) == (since(session).batches, since(session).otherwise)


def test_a_new_preview_has_nothing_to_tell(workspace: Workspace) -> None:
    session = previewed(workspace, "Acme,1,Lund,\n")
    previewed(workspace, "Acme,1,Hamar,\n").commit()

    session.preview()

    assert session.meanwhile() is None
    assert 1 == session.commit().written["company"]["changed"]
