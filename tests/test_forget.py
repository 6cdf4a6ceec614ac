"""One person is forgotten everywhere, and nobody else."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crmkit.batches import BatchKind
from crmkit.cli import app
from crmkit.entities import COMPANY, PERSON
from crmkit.errors import SettingsError, StalePlanError
from crmkit.session import ImportSession
from crmkit.settings import Action, Settings
from crmkit.undo import KeptReason
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace

HEADERS = ["Company name", "First name", "Last name", "E-mail", "Mobile phone"]
QUIRINA = ["Acme AS", "Quirina", "Zwartveen", "quirina@acme.example", "+47 481 22 333"]
BO = ["Acme AS", "Bo", "Berg", "bo@acme.example", "+47 481 22 334"]
WORDS = ["Quirina", "Zwartveen", "quirina@acme.example", "48122333"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with two persons of one company, which is batch 1."""
    workspace = new_workspace(tmp_path_factory.mktemp("made") / "workspace")
    imported(workspace, [QUIRINA, BO])
    return workspace.path


@pytest.fixture
def workspace(made: Path, tmp_path: Path) -> Workspace:
    shutil.copytree(made, tmp_path / "workspace")
    return Workspace.open(tmp_path / "workspace")


@pytest.fixture
def empty(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path / "empty")


def write(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADERS, *rows])
    return path


def loaded(workspace: Workspace, rows: list[list[str]], name: str = "people.csv") -> ImportSession:
    session = workspace.new_import()
    session.load(write(session.upload_folder / name, rows))
    session.settings = (
        Settings()
        .with_rule(COMPANY, match_key="name", action=Action.MERGE)
        .with_rule(PERSON, match_key="email", action=Action.REPLACE)
    )
    return session


def imported(workspace: Workspace, rows: list[list[str]]) -> ImportSession:
    session = loaded(workspace, rows)
    session.preview()
    session.commit()
    return session


def holding(folder: Path, *texts: str) -> list[str]:
    """The files in a folder with one of these texts in their bytes, whatever the case."""
    sought = [text.lower().encode() for text in texts]
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and any(text in path.read_bytes().lower() for text in sought)
    )


def persons(workspace: Workspace) -> list[str]:
    frame = workspace.query("select first_name from crm.person order by id")
    return list(frame["first_name"])


def test_no_file_of_the_workspace_holds_a_forgotten_person(workspace: Workspace) -> None:
    """Added, changed twice, deleted and brought back, in selections, exports, imports and decisions."""
    changed = [*QUIRINA[:4], "+47 481 22 999"]
    session = loaded(workspace, [changed, BO])
    session.decide_cell("person", 2, "person.last_name", "Zwartveentje")
    session.preview()
    batch = session.commit()
    for selection in workspace.selections():
        workspace.export_selection(selection.id, ending="csv")
    waiting = loaded(workspace, [["Beta", "Q.", "Zwartveen", "Quirina@Acme.example", ""], BO])
    waiting.preview()
    by_phone = loaded(workspace, [["Beta", "", "Zwartveen", "", "0047 48122333"]], "phones.csv")
    by_phone.preview()
    assert len(holding(workspace.path, *WORDS)) > 6

    preview = workspace.forget_preview(1)
    workspace.forget(1, revision=preview.crm.revision, backups=True)

    assert [] == holding(workspace.path, *WORDS, "Zwartveentje")
    assert ["Bo"] == persons(workspace)
    assert batch.id in preview.crm.batches
    assert holding(workspace.path, "bo@acme.example")


def test_the_preview_says_where_the_person_is(workspace: Workspace, tmp_path: Path) -> None:
    selection = next(s for s in workspace.selections() if (s.entity, s.kind) == ("person", "new"))
    export = workspace.export_selection(selection.id)
    workspace.write_template()
    other = workspace.new_import()
    other.load(write(tmp_path / "outside.csv", [BO, QUIRINA]))
    loaded(workspace, [BO])
    copy = workspace.back_up(datetime(2026, 1, 2), "test")
    locked = workspace.new_import()
    write(locked.upload_folder / "not-read-yet.csv", [QUIRINA])

    preview = workspace.forget_preview(1)

    assert "Quirina Zwartveen, Acme AS" == preview.crm.label
    assert (1, 1) == (preview.crm.children["email"], preview.crm.children["phone"])
    assert 1 == preview.crm.selections
    assert [(other.id, 1)] == [(item.import_id, item.rows) for item in preview.files.imports]
    assert (export.name,) == preview.files.exports
    assert (copy,) == preview.files.backups
    assert (str(tmp_path / "outside.csv"),) == preview.files.outside
    assert (f"{locked.id}/not-read-yet.csv",) == preview.files.unread
    assert any("1 row of the import of outside.csv" in line for line in preview.lines)
    assert ["Quirina", "Bo"] == persons(workspace)


def test_what_is_not_chosen_stays_and_is_named(workspace: Workspace) -> None:
    selection = next(s for s in workspace.selections() if s.entity == "person" and s.members)
    workspace.export_selection(selection.id, ending="csv")
    workspace.forget(2, exports=False)

    assert [*holding(workspace.path / "exports", "bo@acme.example")] == [
        f"batch-{selection.batch_id}-person-new.csv"
    ]


def test_others_keep_everything(workspace: Workspace) -> None:
    imported(workspace, [QUIRINA, [*BO[:4], "+47 481 22 000"]])
    waiting = loaded(workspace, [QUIRINA, BO])
    before = workspace.history("person", 2)

    workspace.forget(1)

    assert before.equals(workspace.history("person", 2))
    again = workspace.open_import(waiting.id)
    assert ["Bo"] == list(again.first_rows()["First name"])
    assert 1 == again.staged.row_count
    again.preview()
    again.commit()


def test_a_batch_that_touched_the_person_is_undone_for_the_others(workspace: Workspace) -> None:
    batch = workspace.batch(1)
    workspace.forget(1)

    preview = workspace.undo_preview(batch.id)
    assert [(1, KeptReason.FORGOTTEN)] == [(k.record_id, k.reason) for k in preview.kept]
    assert {"company": 1, "person": 1, "product": 0} == preview.removed
    undone = workspace.undo(batch.id)
    assert undone.written["person"]["removed"] == 1
    workspace.undo(undone.id)
    assert ["Bo"] == persons(workspace)


def test_the_log_says_that_it_was_done_and_nothing_else(workspace: Workspace) -> None:
    done = workspace.forget(1)

    assert BatchKind.FORGET is done.kind
    assert "person 1 forgotten" == workspace.log()["source"][0]
    assert {"person": 1} == json.loads(workspace.log()["settings"][0])
    with pytest.raises(SettingsError, match="does not come back"):
        workspace.undo(done.id)
    with pytest.raises(SettingsError, match="no such person"):
        workspace.forget_preview(1)


def test_a_person_who_comes_again_is_a_new_one(workspace: Workspace) -> None:
    workspace.forget(1)

    batch = imported(workspace, [QUIRINA, BO]).batch

    assert batch is not None
    assert 1 == batch.written["person"]["new"]
    assert ["Bo", "Quirina"] == persons(workspace)
    assert [3] == list(
        workspace.query("select id from crm.person where first_name = 'Quirina'")["id"]
    )


def test_a_restored_backup_does_not_bring_the_person_back(workspace: Workspace) -> None:
    copy = workspace.back_up(datetime(2026, 1, 2), "test")
    workspace.forget(1)

    assert 1 == workspace.restore_preview(copy).forgotten
    workspace.restore(copy)

    assert ["Bo"] == persons(workspace)
    assert "crm.duckdb" not in holding(workspace.path, *WORDS)
    assert [1] == json.loads(workspace.log()["settings"][0])["forgotten_again"]


def test_a_restore_of_a_damaged_crm_does_not_bring_the_person_back(workspace: Workspace) -> None:
    """The numbers of those who were forgotten stand beside the CRM, too."""
    copy = workspace.back_up(datetime(2026, 1, 2), "test")
    workspace.forget(1)
    workspace.crm_path.write_bytes(b"damaged")

    Workspace(workspace.path).restore(copy)

    assert ["Bo"] == persons(Workspace.open(workspace.path))


def test_the_description_kept_for_the_result_forgets_too(empty: Workspace) -> None:
    workspace = empty
    session = loaded(workspace, [QUIRINA, BO])
    for row, text in ((2, "Quirinatje"), (3, "Boudewijn")):
        session.decide_cell("person", row, "person.first_name", text)
    session.preview()
    session.commit()
    session.save_description("Monthly")

    preview = workspace.forget_preview(1)
    assert ("Monthly",) == preview.files.descriptions
    workspace.forget(1, backups=True)

    assert [] == holding(workspace.path, *WORDS)
    again = workspace.open_import(session.id).save_description("Again")
    assert [{"person.email": "bo@acme.example"}] == [d.key for d in again.description.decisions]
    assert ["Boudewijn"] == [d.value for d in workspace.description("Monthly").decisions]


def test_a_preview_of_another_state_is_refused(workspace: Workspace) -> None:
    preview = workspace.forget_preview(1)
    waiting = loaded(workspace, [QUIRINA])
    workspace.preferences = workspace.preferences

    with pytest.raises(StalePlanError):
        workspace.forget(1, revision=preview.crm.revision)

    assert ["Quirina", "Bo"] == persons(workspace)
    assert 1 == len(workspace.open_import(waiting.id).first_rows())


def test_persons_are_found_by_name_address_and_id(workspace: Workspace) -> None:
    labels = [(1, "Quirina Zwartveen, Acme AS (ID 1)")]
    assert labels == workspace.find_persons("zwart")
    assert labels == workspace.find_persons("QUIRINA@")
    assert labels == workspace.find_persons("1")
    assert [] == workspace.find_persons("")
    assert [] == workspace.find_persons("nobody")


def test_the_command_asks_and_forgets(workspace: Workspace) -> None:
    where = ["--workspace", str(workspace.path)]
    run = CliRunner().invoke

    asked = run(app, ["forget", "quirina@acme", *where], input="n\n")
    assert "From the CRM go Quirina Zwartveen, Acme AS (ID 1)" in asked.output
    assert ["Quirina", "Bo"] == persons(workspace)
    several = run(app, ["forget", "acme.example", *where])
    assert isinstance(several.exception, SettingsError)
    done = run(app, ["forget", "1", "--yes", *where])
    assert "Person 1 is forgotten, batch 2." in done.output
    assert ["Bo"] == persons(workspace)


def test_a_visitor_is_not_told_what_another_imports(workspace: Workspace) -> None:
    """But the person goes from there, too."""
    ann, bo = (Workspace.open(workspace.path, visitor=name) for name in ("ann", "bo"))
    session = loaded(ann, [QUIRINA, BO], "secret-project.csv")

    assert any("secret-project" in line for line in ann.forget_preview(1).lines)
    assert not any("secret-project" in line for line in bo.forget_preview(1).lines)
    bo.forget(1)

    assert ["Bo"] == list(ann.open_import(session.id).first_rows()["First name"])
    assert [] == list((workspace.path / "uploads" / session.id).iterdir())
