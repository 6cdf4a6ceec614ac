"""What a workspace keeps of people outside the CRM, and when it goes."""

from __future__ import annotations

import contextlib
import csv
import logging
import os
import shutil
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crmkit import private
from crmkit.cli import app
from crmkit.crm import Preferences
from crmkit.entities import PERSON
from crmkit.errors import SettingsError, SourceError, StorageError
from crmkit.private import LeftKind
from crmkit.session import ImportSession
from crmkit.settings import Action
from crmkit.ui.handling import Handler, keep_log
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace
from tests.test_spreadsheet import book, protect

DAY = 86_400


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path / "workspace")


@pytest.fixture
def log(workspace: Workspace) -> Iterator[Path]:
    """The workspace's log file, as the dashboard keeps it."""
    logger = logging.getLogger("crmkit")
    before = list(logger.handlers)
    keep_log(workspace.path)
    yield workspace.path / "crmkit.log"
    for handler in [h for h in logger.handlers if h not in before]:
        logger.removeHandler(handler)
        handler.close()


def uploaded(session: ImportSession, *, held_back: bool = True) -> Path:
    """A file in the import's upload folder: two persons, of whom the second is held back."""
    path = session.upload_folder / "people.csv"
    rows = [
        ["Company name", "First name", "Last name", "E-mail"],
        ["Acme AS", "Quirina", "Hansen", "info@acme.example"],
    ]
    if held_back:
        rows.append(["#N/A", "Zebedeus", "Berg", "zebedeus@acme.example"])
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def committed(workspace: Workspace) -> ImportSession:
    session = workspace.new_import()
    session.load(uploaded(session))
    session.preview()
    session.commit()
    return session


def age(path: Path, days: float) -> None:
    at = time.time() - days * DAY
    os.utime(path, (at, at))


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def holding(folder: Path, text: str) -> list[str]:
    """The files in a folder that have a text somewhere in their bytes."""
    return [name for name in files(folder) if text.encode() in (folder / name).read_bytes()]


def test_a_commit_leaves_only_the_rows_held_back(workspace: Workspace) -> None:
    session = workspace.new_import()
    session.load(uploaded(session))
    session.preview()
    assert "imports/" in holding(workspace.path, "Quirina")[0]

    session.commit()

    assert [f"{session.id}.rest.duckdb"] == files(workspace.path / "imports")
    assert [] == files(workspace.path / "uploads")
    assert ["crm.duckdb"] == holding(workspace.path, "Quirina")
    assert [f"imports/{session.id}.rest.duckdb"] == holding(workspace.path, "Zebedeus")


def test_what_the_result_offers_is_there_after_the_rows_are_gone(workspace: Workspace) -> None:
    session = workspace.new_import()
    session.load(uploaded(session))
    session.preview()
    described, _ = session.describe("Monthly")
    before = (session.held_back(), session.held_back_page())

    session.commit()

    again = workspace.open_import(session.id)
    assert "result" == again.step
    assert before == (again.held_back(), again.held_back_page())
    text = again.export_held_back(ending="csv").read_text(encoding="utf-8-sig")
    assert text.startswith("Company name,First name,Last name,E-mail,")
    assert "Zebedeus" in text
    assert described == workspace.description(again.save_description("Monthly").path)


def test_what_needs_the_rows_says_that_they_are_gone(workspace: Workspace) -> None:
    session = committed(workspace)

    with pytest.raises(SourceError, match="deleted when it was imported"):
        _ = session.staged
    assert not session.has_source


def test_what_was_chosen_for_an_import_stays_as_it_was_when_it_is_in_the_crm(
    workspace: Workspace,
) -> None:
    session = committed(workspace)
    before = (session.mapping, session.settings, session.subject)

    with pytest.raises(SettingsError, match="is in the CRM"):
        session.settings = session.settings.with_rule(PERSON, action=Action.SKIP)
    with pytest.raises(SettingsError, match="is in the CRM"):
        session.mapping = session.mapping.with_constant("person.position", "Contact person")
    with pytest.raises(SettingsError, match="is in the CRM"):
        session.subject = "product"

    again = workspace.open_import(session.id)
    assert before == (again.mapping, again.settings, again.subject)


def test_history_and_undo_need_no_rows(workspace: Workspace) -> None:
    session = committed(workspace)
    batch = session.batch
    assert batch is not None

    assert "2" == workspace.history("person", 1)["rows"][0]
    workspace.undo(batch.id)
    assert dict(workspace.record_counts())["Persons"] == 0


def test_a_crash_between_commit_and_deletion_is_made_up_for(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ImportSession, "_let_rows_go", lambda _, **__: None)
        session = committed(workspace)
    assert [f"{session.id}.duckdb"] == files(workspace.path / "imports")

    Workspace.open(workspace.path)

    assert [f"{session.id}.rest.duckdb"] == files(workspace.path / "imports")
    assert 1 == workspace.open_import(session.id).held_back()


def test_a_crash_while_the_rows_are_deleted_is_made_up_for(
    workspace: Workspace, tmp_path: Path
) -> None:
    """As long as the rows are there, so may be the uploaded file: the rows go last."""
    session = workspace.new_import()
    session.load(uploaded(session))
    session.preview()
    rows, upload = session.path, session.upload_folder
    kept = tmp_path / "kept"
    shutil.copytree(upload, kept)
    shutil.copy(rows, tmp_path)
    session.commit()
    shutil.copytree(kept, upload)
    shutil.copy(tmp_path / rows.name, rows)

    Workspace.open(workspace.path)

    assert [f"{session.id}.rest.duckdb"] == files(workspace.path / "imports")
    assert [] == list((workspace.path / "uploads").iterdir())
    assert 1 == workspace.open_import(session.id).held_back()


def test_discarding_deletes_rows_and_uploads(workspace: Workspace) -> None:
    session = workspace.new_import()
    session.load(uploaded(session))
    (session.upload_folder / "inner").mkdir()

    workspace.discard(session.id)

    assert [] == holding(workspace.path, "Quirina")
    assert [] == list((workspace.path / "uploads").iterdir())


def test_an_import_that_is_imported_again_after_a_restore_keeps_its_mapping(
    workspace: Workspace, tmp_path: Path
) -> None:
    session = workspace.new_import()
    path = uploaded(session).rename(tmp_path / "people.csv")
    session.load(path)
    session.mapping = session.mapping.with_target("c4", None)
    session.settings = session.settings.with_rule(PERSON, action=Action.SKIP)
    chosen = session.mapping
    session.preview()
    batch = session.commit()
    workspace.restore(batch.backup)

    again = workspace.open_import(session.id)
    assert ("source", True, False) == (again.step, again.taken_out, again.has_source)
    again.load(path)

    assert chosen == again.mapping
    assert Action.SKIP is again.settings.rule(PERSON).action
    again.preview()
    again.commit()
    assert [f"{session.id}.rest.duckdb"] == files(workspace.path / "imports")
    assert () == workspace.unfinished()


def test_imports_that_nobody_used_go_by_themselves(workspace: Workspace) -> None:
    workspace.preferences = Preferences(keep_import_days=3)
    old, new = workspace.new_import(), workspace.new_import()
    for session in (old, new):
        session.load(uploaded(session))
    rest = committed(workspace)
    age(old.path, 3.1)
    age(rest.path, 3.1)
    age(new.path, 2.9)

    Workspace.open(workspace.path)

    assert [f"{new.id}.duckdb"] == files(workspace.path / "imports")
    assert [f"{new.id}/people.csv"] == files(workspace.path / "uploads")
    with pytest.raises(StorageError, match="not there any more"):
        workspace.open_import(rest.id)


def test_what_is_left_is_listed_with_its_rows(workspace: Workspace) -> None:
    rest = committed(workspace)
    rest.export_held_back()
    open_one = workspace.new_import()
    open_one.load(uploaded(open_one, held_back=False))
    age(open_one.path, 40)
    stray = workspace.path / "uploads" / "stray"
    stray.mkdir()

    found = {item.kind: item for item in workspace.private_data()}

    assert set(LeftKind) == set(found)
    assert (rest.id, "people.csv", 1, False) == (
        found[LeftKind.HELD_BACK].name,
        found[LeftKind.HELD_BACK].source,
        found[LeftKind.HELD_BACK].rows,
        found[LeftKind.HELD_BACK].old,
    )
    assert (open_one.id, 1, True) == (
        found[LeftKind.UNFINISHED].name,
        found[LeftKind.UNFINISHED].rows,
        found[LeftKind.UNFINISHED].old,
    )
    assert f"held-back-{rest.id}.xlsx" == found[LeftKind.EXPORT].name
    assert all(item.size for item in found.values() if item.kind is not LeftKind.UPLOAD)


def test_purging_deletes_what_was_chosen(workspace: Workspace) -> None:
    rest = committed(workspace)
    rest.export_held_back()
    rest.export_held_back(ending="csv")
    chosen = [item for item in workspace.private_data() if not item.name.endswith(".xlsx")]

    workspace.purge(chosen)

    assert [f"held-back-{rest.id}.xlsx"] == [item.name for item in workspace.private_data()]
    assert ["crm.duckdb", f"exports/held-back-{rest.id}.xlsx"] == files(workspace.path)


def test_the_command_lists_and_purges(workspace: Workspace) -> None:
    rest = committed(workspace)
    rest.export_held_back(ending="csv")
    where = ["--workspace", str(workspace.path)]
    run = CliRunner().invoke

    listed = run(app, ["private", *where]).output
    assert f"{rest.id}  rest of an import  people.csv  1 row" in listed
    assert f"held-back-{rest.id}.csv  export" in listed

    assert "Nothing to delete." in run(app, ["purge", "--old", *where]).output
    assert run(app, ["purge", "--all", *where], input="n\n").exit_code == 1
    assert 3 == len(workspace.private_data())
    assert "Deleted: 2." in run(app, ["purge", "--all", "--yes", *where]).output
    (backup,) = workspace.private_data()
    assert "Deleted: 1." in run(app, ["purge", backup.name, "--yes", *where]).output
    assert () == workspace.private_data()


def test_a_damaged_crm_that_was_set_aside_is_listed_and_purged(workspace: Workspace) -> None:
    copy = workspace.back_up(datetime(2026, 1, 2), "test")
    workspace.crm_path.write_bytes(b"damaged")
    Workspace(workspace.path).restore(copy)

    (aside,) = [item for item in workspace.private_data() if item.name.startswith("unreadable-")]
    workspace.purge([aside])

    assert [copy] == files(workspace.path / "backups")


@pytest.mark.parametrize("name", ["nothing", "../crm.duckdb", ".."])
def test_only_what_is_listed_is_purged(workspace: Workspace, name: str) -> None:
    result = CliRunner().invoke(app, ["purge", name, "--yes", "--workspace", str(workspace.path)])

    assert isinstance(result.exception, SettingsError)
    assert workspace.crm_path.exists()


@pytest.mark.parametrize("password", ["Zwartwater-7", "wrong-Zwartwater"], ids=["right", "wrong"])
def test_no_file_holds_the_password_of_a_workbook(
    workspace: Workspace, password: str, log: Path
) -> None:
    """Neither the import that it opened, nor the log of the one that it did not open."""
    session = workspace.new_import()
    rows = [["Company name", "Last name"], ["Acme AS", "Hansen"], ["#N/A", "Berg"]]
    path = protect(book(session.upload_folder / "people.xlsx", *rows), "Zwartwater-7")

    def load() -> None:
        session.load(path, password=password)

    Handler(strict=False).guard(load)()
    assert (password == "Zwartwater-7") == session.has_source
    assert (password != "Zwartwater-7") == log.exists()
    assert [] == holding(workspace.path, password)
    if session.has_source:
        session.preview()
        session.commit()
        session.export_held_back()
        assert [] == holding(workspace.path, password)


def test_a_large_file_goes_at_once_and_its_space_soon_after(tmp_path: Path) -> None:
    path = tmp_path / "large.duckdb"
    with path.open("wb") as file:
        file.truncate(100 << 20)  # without content, it takes no space

    private.delete([path, tmp_path / "is not there"])

    assert not path.exists()
    patience = time.monotonic() + 30
    while (held := handles_on(path)) and time.monotonic() < patience:
        time.sleep(0.05)
    assert [] == held


def unreadable(path: Path) -> bool:
    path.chmod(0)
    try:
        path.read_bytes()
    except PermissionError:
        return True
    return False


def test_a_large_file_that_cannot_be_read_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large.duckdb"
    with path.open("wb") as file:
        file.truncate(100 << 20)
    if not unreadable(path):
        # The superuser reads every file: the system's refusal is put in its place.
        def refuse(*_: object) -> int:
            raise PermissionError

        monkeypatch.setattr(os, "open", refuse)

    private.delete([path])

    assert not path.exists()


def handles_on(path: Path) -> list[str]:
    """This process's handles on a file, deleted or not; only Linux tells them."""
    found = []
    for handle in Path("/proc/self/fd").glob("*"):
        with contextlib.suppress(FileNotFoundError):  # the one of this very look
            found.append(str(handle.readlink()))
    return [target for target in found if target.startswith(str(path))]
