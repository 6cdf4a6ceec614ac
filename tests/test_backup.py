"""Backups before every write: whole, proved, kept in number and size, and never half of one."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from crmkit.backup import Backup, backup, backups, prune
from crmkit.errors import BackupError, CancelledError, StalePlanError
from crmkit.processes import mark
from crmkit.session import ImportSession
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace

AT = datetime(2026, 1, 2, 3, 4, 5)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path / "workspace")


def ready(workspace: Workspace, *names: str) -> ImportSession:
    """An import of some companies that waits at its preview."""
    path = workspace.path / "list.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["Company name"], *([name] for name in names)])
    session = workspace.new_import()
    session.load(path)
    session.preview()
    return session


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def sized(folder: Path, *sizes: int) -> list[str]:
    """Backups of these sizes in bytes, the oldest first."""
    folder.mkdir()
    for day, size in enumerate(sizes, start=1):
        (folder / f"crm-202601{day:02}-030405-ab12.duckdb").write_bytes(b"x" * size)
    return files(folder)


def test_every_write_is_backed_up_and_says_before_what(workspace: Workspace) -> None:
    """Imports, deletions and undos alike."""
    ready(workspace, "Acme").commit()
    (added,) = [s for s in workspace.selections() if s.kind == "new" and s.members]
    workspace.delete_members(workspace.delete_preview(added.id))
    workspace.undo(2)

    assert [item.before for item in workspace.backups()] == [
        f"batch 3, {workspace.batch(3).source}",
        f"batch 2, {workspace.batch(2).source}",
        "batch 1, list.csv",
    ]
    assert all(item.size for item in workspace.backups())


def test_an_import_that_changes_no_record_needs_none(workspace: Workspace) -> None:
    """The same file every night must not push out the backups of what did change something."""
    ready(workspace, "Acme").commit()

    batch = ready(workspace, "Acme").commit()

    assert (2, "", 0) == (batch.id, batch.backup, batch.count("new") + batch.count("changed"))
    assert ["batch 1, list.csv"] == [item.before for item in workspace.backups()]


def test_no_write_starts_without_a_backup(workspace: Workspace) -> None:
    session = ready(workspace, "Acme")
    (workspace.path / "backups").rmdir()
    (workspace.path / "backups").write_text("a file where the folder should be")

    with pytest.raises(BackupError) as raised:
        session.commit()

    assert "nothing was changed" in raised.value.message
    assert raised.value.mend
    assert workspace.batches() == ()


def test_the_user_may_write_without_one(workspace: Workspace) -> None:
    imported = ready(workspace, "Acme").commit(back_up=False)
    undone = workspace.undo(imported.id, back_up=False)

    assert (imported.backup, undone.backup) == ("", "")
    assert undone.undoes == imported.id
    assert workspace.backups() == ()


def test_a_copy_that_holds_something_else_is_refused(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that writes something else than it was given."""
    session = ready(workspace, "Acme")
    other = new_workspace(workspace.path.parent / "other")
    ready(other, "Beta").commit()
    copyfile = __import__("shutil").copyfile
    monkeypatch.setattr("shutil.copyfile", lambda _, target: copyfile(other.crm_path, target))

    with pytest.raises(BackupError):
        session.commit()

    assert files(workspace.path / "backups") == []
    assert workspace.batches() == ()


def test_a_half_written_copy_is_no_backup_and_goes_with_the_next(workspace: Workspace) -> None:
    folder = workspace.path / "backups"
    # Of a process that ended before this one began.
    *host, pid, _ = mark().split("-")
    dead = "-".join([*host, pid, "1"])
    for left in (f"crm-20260101-000000-ab12.duckdb.{dead}.part",):
        (folder / left).write_bytes(b"half")

    assert workspace.backups() == ()
    copy = backup(workspace.crm_path, folder, at=AT, label="ab12")
    assert files(folder) == [copy.name]


def test_files_of_other_names_are_no_backups_and_stay(tmp_path: Path) -> None:
    sized(tmp_path / "backups", 1)
    for own in ("crm-before-the-move.duckdb", "crm-20269999-000000-ab12.duckdb", "notes.txt"):
        (tmp_path / "backups" / own).write_text("mine")

    prune(tmp_path / "backups", keep=1, megabytes=1)

    assert [Backup("crm-20260101-030405-ab12.duckdb", datetime(2026, 1, 1, 3, 4, 5), 1)] == list(
        backups(tmp_path / "backups")
    )
    assert len(files(tmp_path / "backups")) == 4


def test_the_oldest_beyond_the_number_go(tmp_path: Path) -> None:
    names = sized(tmp_path / "backups", 1, 1, 1, 1)

    prune(tmp_path / "backups", keep=2, megabytes=1)

    assert names[2:] == files(tmp_path / "backups")


def test_the_oldest_beyond_the_size_go(tmp_path: Path) -> None:
    names = sized(tmp_path / "backups", 400_000, 500_000, 500_000)

    prune(tmp_path / "backups", keep=10, megabytes=1)

    assert names[1:] == files(tmp_path / "backups")


def test_the_newest_stays_whatever_its_size(tmp_path: Path) -> None:
    names = sized(tmp_path / "backups", 1, 2_000_000)

    prune(tmp_path / "backups", keep=0, megabytes=1)

    assert names[1:] == files(tmp_path / "backups")


def test_the_preferences_say_how_many_are_kept(workspace: Workspace) -> None:
    workspace.preferences = replace(workspace.preferences, keep_backups=2)

    for name in ("Acme", "Beta", "Gamma"):
        ready(workspace, name).commit()

    assert [item.before for item in workspace.backups()] == [
        "batch 3, list.csv",
        "batch 2, list.csv",
    ]


def test_work_that_was_stopped_leaves_no_backup(workspace: Workspace) -> None:
    """Else an import that is stopped ten times would push out what is worth keeping."""
    session = ready(workspace, "Acme")

    def stop(fraction: float, text: str) -> None:
        del text
        if fraction > 0.1:
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        session.commit(progress=stop)

    assert workspace.backups() == ()


def test_work_that_was_refused_leaves_no_backup(workspace: Workspace) -> None:
    ready(workspace, "Acme").commit()
    ready(workspace, "Beta").commit()

    with pytest.raises(StalePlanError):
        workspace.undo(2, revision=workspace.revision - 1)

    assert len(workspace.backups()) == 2
