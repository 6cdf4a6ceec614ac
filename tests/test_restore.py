"""The way back to a backup: atomic, itself undoable, and nothing of the later CRM is mistaken."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final

import pytest

from crmkit import crm, restore
from crmkit.batches import BatchKind
from crmkit.database import opened
from crmkit.errors import CancelledError, SettingsError, StalePlanError, StorageError
from crmkit.sql import sql
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace
from tests.test_backup import files, ready

posix = pytest.mark.skipif(os.name != "posix", reason="kills itself by signal and forks")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Acme is in the oldest backup but one, Beta came later."""
    workspace = new_workspace(tmp_path_factory.mktemp("made") / "workspace")
    ready(workspace, "Acme").commit()
    ready(workspace, "Beta").commit()
    return workspace.path


@pytest.fixture
def workspace(made: Path, tmp_path: Path) -> Workspace:
    """A copy of it, of the test's own."""
    return Workspace.open(shutil.copytree(made, tmp_path / "workspace"))


def companies(workspace: Workspace) -> list[tuple[int, str]]:
    frame = workspace.query("select id, name from crm.company where deleted_at is null order by id")
    return list(frame.itertuples(index=False, name=None))


def before_beta(workspace: Workspace) -> str:
    return next(item.name for item in workspace.backups() if item.before.startswith("batch 2,"))


def test_the_preview_says_what_would_change(workspace: Workspace) -> None:
    preview = workspace.restore_preview(before_beta(workspace))

    assert (preview.now["company"], preview.then["company"]) == (2, 1)
    assert preview.batches == ((2, "list.csv"),)
    assert preview.revision == workspace.revision
    assert companies(workspace) == [(1, "Acme"), (2, "Beta")]


def test_a_restore_brings_back_what_was_and_is_a_batch(workspace: Workspace) -> None:
    batch = workspace.restore(before_beta(workspace))

    assert companies(workspace) == [(1, "Acme")]
    assert batch.kind is BatchKind.RESTORE
    assert [b.id for b in workspace.batches()] == [3, 1]
    assert files(workspace.path)[:2] == ["backups", "crm.duckdb"]


def test_a_restore_can_itself_be_taken_back(workspace: Workspace) -> None:
    batch = workspace.restore(before_beta(workspace))

    workspace.restore(batch.backup)

    assert companies(workspace) == [(1, "Acme"), (2, "Beta")]
    assert [b.id for b in workspace.batches()] == [4, 2, 1]


def test_ids_are_not_given_twice(workspace: Workspace) -> None:
    """A list that was exported before with the ID 2 must not find another company."""
    workspace.restore(before_beta(workspace))

    ready(workspace, "Gamma").commit()

    assert companies(workspace) == [(1, "Acme"), (3, "Gamma")]


def test_a_preview_of_the_later_crm_is_refused(workspace: Workspace) -> None:
    session = ready(workspace, "Gamma")
    before = workspace.revision

    workspace.restore(before_beta(workspace))

    assert workspace.revision > before
    assert not session.preview_is_fresh
    with pytest.raises(StalePlanError):
        session.commit()


def test_a_preview_of_the_crm_that_was_backed_up_is_refused_too(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "workspace")
    waiting = ready(workspace, "Gamma")
    ready(workspace, "Acme").commit()

    workspace.restore(workspace.backups()[0].name)

    with pytest.raises(StalePlanError):
        waiting.commit()


def test_an_import_that_is_no_longer_in_the_crm_says_so_and_can_be_imported_again(
    workspace: Workspace,
) -> None:
    beta = workspace.batch(2).import_id
    workspace.restore(before_beta(workspace))

    (item,) = workspace.unfinished()
    assert (item.id, item.taken_out) == (beta, True)

    session = workspace.open_import(beta)
    assert (session.step, session.taken_out) == ("source", True)
    assert [i.taken_out for i in workspace.unfinished()] == [True]
    session.load(session.source_path)
    session.preview()
    session.commit()
    assert companies(workspace) == [(1, "Acme"), (3, "Beta")]
    assert workspace.unfinished() == ()
    assert not session.taken_out


def test_an_import_that_is_in_the_crm_again_is_not_unfinished(workspace: Workspace) -> None:
    beta = workspace.batch(2).import_id
    batch = workspace.restore(before_beta(workspace))
    workspace.open_import(beta)

    workspace.restore(batch.backup)

    assert workspace.unfinished() == ()
    assert workspace.open_import(beta).step == "result"


def test_a_crm_that_was_written_since_the_preview_is_left_alone(workspace: Workspace) -> None:
    name = before_beta(workspace)
    preview = workspace.restore_preview(name)
    ready(workspace, "Gamma").commit()
    kept = workspace.backups()

    with pytest.raises(StalePlanError):
        workspace.restore(name, revision=preview.revision)

    assert len(companies(workspace)) == 3
    assert kept == workspace.backups()


def test_a_busy_crm_is_waited_for(workspace: Workspace) -> None:
    name = before_beta(workspace)
    held, free = threading.Event(), threading.Event()

    def hold() -> None:
        with opened(workspace.crm_path):
            held.set()
            free.wait(10)

    other = threading.Thread(target=hold)
    preview = workspace.restore_preview(name)
    other.start()
    held.wait(10)
    threading.Timer(0.5, free.set).start()
    with opened(workspace.path / "backups" / name, read_only=True) as db:
        assert db.value(sql("select count(*) from company")) == 1
    started = time.monotonic()

    workspace.restore(name, revision=preview.revision)

    other.join()
    assert time.monotonic() - started > 0.3
    assert companies(workspace) == [(1, "Acme")]


def test_a_restore_that_is_stopped_leaves_the_crm_and_no_backup(workspace: Workspace) -> None:
    def stop(fraction: float, text: str) -> None:
        del text
        if fraction:
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        workspace.restore(before_beta(workspace), progress=stop)

    assert len(companies(workspace)) == 2
    assert len(workspace.backups()) == 2


@pytest.mark.parametrize("name", ["../crm.duckdb", "crm.duckdb", "", "/etc/passwd"])
def test_only_a_listed_backup_is_restored(workspace: Workspace, name: str) -> None:
    with pytest.raises(SettingsError) as raised:
        workspace.restore(name)

    assert before_beta(workspace) in raised.value.mend


def test_a_backup_that_is_given_up_meanwhile_is_no_longer_listed(workspace: Workspace) -> None:
    chosen = before_beta(workspace)

    def give_up(_share: float, _text: str) -> None:
        (workspace.path / "backups" / chosen).unlink(missing_ok=True)

    with pytest.raises(SettingsError, match=r"no such backup.*Choose one of"):
        workspace.restore(chosen, progress=give_up)

    assert companies(workspace) == [(1, "Acme"), (2, "Beta")]


def test_a_damaged_backup_is_refused(workspace: Workspace) -> None:
    name = before_beta(workspace)
    (workspace.path / "backups" / name).write_bytes(b"not a database" * 1000)

    with pytest.raises(StorageError) as raised:
        workspace.restore(name)

    assert raised.value.where == name
    assert len(companies(workspace)) == 2


def test_a_backup_of_an_older_format_is_upgraded(workspace: Workspace) -> None:
    name = before_beta(workspace)
    with opened(workspace.path / "backups" / name) as db:
        db.run(sql("drop table header_choice"))
        db.run(sql("update meta set format = 3"))

    workspace.restore(name)

    assert companies(workspace) == [(1, "Acme")]
    with workspace.reading() as db:
        assert crm.check_format(db)
    ready(workspace, "Gamma").commit()


@pytest.mark.parametrize(
    "content", [b"", b"not a database" * 1000, None], ids=["empty", "no database", "gone"]
)
def test_a_crm_that_cannot_be_read_is_replaced_and_kept(
    workspace: Workspace, content: bytes | None
) -> None:
    """Its ids and revisions are unknown, so the new ones begin far above."""
    name = before_beta(workspace)
    stale = ready(workspace, "Gamma")
    if content is None:
        workspace.crm_path.unlink()
    else:
        workspace.crm_path.write_bytes(content)
    damaged = Workspace(workspace.path)
    assert len(damaged.backups()) == 2

    damaged.restore(name)

    assert companies(workspace) == [(1, "Acme")]
    kept = list((workspace.path / "backups").glob("unreadable-*"))
    assert [content] == [path.read_bytes() for path in kept] or content is None
    with pytest.raises(StalePlanError):
        stale.commit()
    ready(workspace, "Gamma").commit()
    assert companies(workspace)[-1] == (1_000_002, "Gamma")


def test_a_disk_that_cannot_be_written_leaves_the_crm(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = before_beta(workspace)

    def full(part: Path, crm_path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(restore, "_take_place", full)
    with pytest.raises(StorageError) as raised:
        workspace.restore(name)

    assert "as it was" in raised.value.message
    assert len(companies(workspace)) == 2
    assert len(Workspace.open(workspace.path).batches()) == 2


# --- killed in the middle -------------------------------------------------------------------

_DRIVER: Final = """
import os, signal, sys
from pathlib import Path
import crmkit.workspace, crmkit.backup, crmkit.restore
from crmkit.workspace import Workspace

FILES = {crmkit.backup.__file__, crmkit.restore.__file__}
name, *runs = sys.argv[1:]

def run(folder, limit):
    '''Restore, with the backup before it, and die at one of the lines; tell how many there were.'''
    count = 0
    def trace(frame, event, argument):
        nonlocal count
        if frame.f_code.co_filename not in FILES:
            return None
        if event == "line":
            count += 1
            if count == limit:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace
    sys.settrace(trace)
    Workspace(Path(folder)).restore(name)
    sys.settrace(None)
    print(count, flush=True)

for given in runs:
    folder, limit = given.rsplit(":", 1)
    # Nothing of DuckDB runs in this process, so that it can be forked.
    child = os.fork()
    if not child:
        run(folder, int(limit))
        os._exit(0)
    os.waitpid(child, 0)
"""


def killed_at(name: str, runs: list[tuple[Path, int]]) -> list[str]:
    given = [f"{folder}:{line}" for folder, line in runs]
    done = subprocess.run(
        [sys.executable, "-c", _DRIVER, name, *given],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout.split()


@posix
@pytest.mark.slow
def test_a_process_that_is_killed_leaves_the_old_crm_or_the_new_one(
    workspace: Workspace, tmp_path: Path
) -> None:
    """Killed at a line of the backup before a restore, or of the restore: all or nothing."""
    name = before_beta(workspace)
    listed = {item.name for item in workspace.backups()}

    def copied(number: int) -> Path:
        return Path(shutil.copytree(workspace.path, tmp_path / f"killed-{number}"))

    (lines,) = killed_at(name, [(copied(0), 0)])
    chosen = sorted(random.Random(6).sample(range(1, int(lines) + 1), 6))
    runs = [(copied(line), line) for line in chosen]
    assert killed_at(name, runs) == []

    outcomes = set()
    for folder, line in runs:
        after = Workspace.open(folder)
        found = companies(after)
        restored = after.batches()[0].kind is BatchKind.RESTORE
        assert found == ([(1, "Acme")] if restored else [(1, "Acme"), (2, "Beta")]), line
        outcomes.add(restored)
        for item in after.backups():
            if item.name not in listed:
                # The one that was being made: whole, or not there.
                with opened(folder / "backups" / item.name, read_only=True) as db:
                    assert db.value(sql("select count(*) from company")) == 2, line
        after.restore(name)
        assert companies(after) == [(1, "Acme")]
        assert not list(folder.rglob("*.part*")), line
    assert outcomes == {True, False}
