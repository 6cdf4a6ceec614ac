"""What happened to a record, and the log of all batches."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from crmkit import workbooks
from crmkit.batches import Batch
from crmkit.entities import COMPANY
from crmkit.errors import SettingsError
from crmkit.settings import Action, ChildAction, Settings
from crmkit.sql import sql
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace

START = "Company name,Department,City,Phone\nAcme,IT,Oslo,22334455\nAcme,IT,Oslo,22334455\n"
UPDATE = "Company name,Department,City,Phone\nBeta,,,\nAcme,Law,Bergen,22334466\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Acme was added from rows 2 and 3, then changed in row 3 of another file."""
    workspace = new_workspace(tmp_path_factory.mktemp("made") / "workspace")
    imported(workspace, "start.csv", START)
    imported(
        workspace,
        "update.csv",
        UPDATE,
        Settings(phones=ChildAction.REPLACE).with_rule(COMPANY, action=Action.REPLACE),
    )
    return workspace.path


@pytest.fixture
def workspace(made: Path, tmp_path: Path) -> Workspace:
    """A copy of it, of the test's own."""
    return Workspace.open(shutil.copytree(made, tmp_path / "workspace"))


def imported(
    workspace: Workspace, title: str, text: str, settings: Settings | None = None
) -> Batch:
    path = workspace.path / title
    path.write_text(text, encoding="utf-8")
    session = workspace.new_import()
    session.load(path)
    if settings:
        session.settings = settings
    session.preview()
    return session.commit()


def done(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    """What was done, without the empty cells of pandas."""
    columns = ["batch", "what", "field", "before", "after", "source", "rows"]
    plain = frame[columns].astype(object).where(frame[columns].notna(), None)
    return list(plain.itertuples(index=False, name=None))


def test_a_record_says_what_every_batch_did_to_it(workspace: Workspace) -> None:
    """The newest first, with the cells before and after, and the rows that they came from."""
    assert done(workspace.history("company", 1)) == [
        (2, "added", "Telephone", None, "22334466", "update.csv", "3"),
        (2, "changed", "Department", "IT", "Law", "update.csv", "3"),
        (2, "changed", "Postal address: City", "Oslo", "Bergen", "update.csv", "3"),
        (2, "removed", "Telephone", "22334455", None, "update.csv", "3"),
        (1, "added", "", None, None, "start.csv", "2, 3"),
        (1, "added", "Telephone", None, "22334455", "start.csv", "2, 3"),
    ]


def test_an_undo_is_part_of_the_history(workspace: Workspace) -> None:
    workspace.undo(2)
    workspace.undo(1)

    kinds = workspace.history("company", 1)[["batch", "kind", "what", "field"]]

    assert (4, "undo", "removed", "") in list(kinds.itertuples(index=False, name=None))
    assert (3, "undo", "changed", "Department") in list(kinds.itertuples(index=False, name=None))
    assert (3, "undo", "brought back", "Telephone") in list(
        kinds.itertuples(index=False, name=None)
    )


def test_a_record_that_a_batch_left_alone_has_no_entry_of_it(workspace: Workspace) -> None:
    imported(workspace, "again.csv", "Company name\nAcme\n")

    assert 3 not in set(workspace.history("company", 1)["batch"])
    assert workspace.history("company", 99).empty


def test_rows_of_the_source_outlive_the_imports_file(workspace: Workspace) -> None:
    workspace.discard(workspace.batch(1).import_id)

    assert done(workspace.history("company", 1))[-1][-1] == "2, 3"


def test_the_log_says_who_wrote_what_from_where_and_how(workspace: Workspace) -> None:
    session = workspace.new_import()
    path = workspace.path / "third.csv"
    path.write_text("Company name,Department\nAcme,Oil\nGamma,Gas\n", encoding="utf-8")
    session.load(path)
    session.preview()
    session.decide_action("company", [2], Action.SKIP)
    session.preview()
    session.commit()
    workspace.undo(3)

    log = workspace.log()
    undo, third, *_ = log.to_dict("records")

    assert list(log["batch"]) == [4, 3, 2, 1]
    assert (undo["kind"], undo["undoes"], undo["companies removed"]) == ("undo", 3, 1)
    assert third["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (third["source"], third["rows"], third["by"]) == (
        "third.csv",
        2,
        workspace.batch(3).committed_by,
    )
    assert (third["companies added"], third["companies changed"]) == (1, 0)
    (decision,) = json.loads(third["decisions"])
    assert (decision["entity"], decision["row_no"], decision["value"]) == ("company", 2, "skip")
    assert json.loads(third["settings"])["blanks_clear"] is False
    assert "company.department" in third["mapping"]
    assert third["backup"] in {item.name for item in workspace.backups()}


def test_a_restored_backup_is_in_the_log_with_what_went(workspace: Workspace) -> None:
    name = next(b.name for b in workspace.backups() if b.before.startswith("batch 2,"))

    workspace.restore(name)

    restored, first = workspace.log().to_dict("records")
    assert (restored["kind"], restored["source"]) == ("restore", f"backup {name}")
    assert json.loads(restored["settings"]) == {
        "batches_gone": [{"batch": 2, "source": "update.csv"}]
    }
    assert first["batch"] == 1


@pytest.mark.parametrize("ending", ["xlsx", "csv"])
def test_the_log_is_exported(workspace: Workspace, ending: str) -> None:
    path = workspace.export_log(ending=ending)

    if ending == "xlsx":
        book = openpyxl.load_workbook(path)
        assert book.active is not None
        header, *rows = list(book.active.iter_rows(values_only=True))
    else:
        header, *rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    log = workspace.log()
    assert list(log.columns) == list(header)
    assert [str(row[0]) for row in rows] == ["2", "1"]
    assert list(log["mapping"]) == [row[header.index("mapping")] for row in rows]


def test_a_cell_that_a_workbook_cannot_hold_says_that_it_was_cut(workspace: Workspace) -> None:
    long = "x" * 40_000
    with workspace.writing() as db:
        db.run(sql("update crm.batch set source = {long} where id = 1", long=long))

    book = openpyxl.load_workbook(workspace.export_log()).active
    text = workspace.export_log(ending="csv").read_text(encoding="utf-8-sig")

    assert book is not None
    cells = [cell for row in book.iter_rows(values_only=True) for cell in row]
    (cut,) = [c for c in cells if isinstance(c, str) and c.startswith("xxx")]
    assert len(cut) == workbooks.LONGEST_CELL
    assert cut.endswith(workbooks.CUT)
    assert long in text


def test_there_is_nothing_to_undo_in_a_restored_backup(workspace: Workspace) -> None:
    batch = workspace.restore(workspace.backups()[0].name)

    with pytest.raises(SettingsError) as raised:
        workspace.undo(batch.id)

    assert batch.backup in raised.value.mend
