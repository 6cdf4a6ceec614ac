"""What a killed process left behind goes with the next open; what a living one works with stays."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from crmkit.errors import InUseError
from crmkit.processes import has_ended, mark, part_of, spill_folder
from crmkit.session import ImportSession
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path / "workspace")


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text("Company name,City\nAcme AS,Oslo\n", encoding="utf-8")
    return path


def in_another_process(code: str, *arguments: str) -> str:
    """What a process that has ended since printed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def of_a_dead_process(path: Path) -> Path:
    return Path(
        in_another_process(
            "import sys; from pathlib import Path; from crmkit.processes import part_of\n"
            "print(part_of(Path(sys.argv[1])))",
            str(path),
        )
    )


def test_a_process_knows_itself_and_one_that_has_ended() -> None:
    ended = in_another_process("from crmkit.processes import mark; print(mark())")

    assert not has_ended(mark())
    assert has_ended(ended)
    assert not has_ended("")
    assert not has_ended(ended.replace(ended.split("-")[1], "elsewhere"))


def test_a_number_that_another_process_got_since_has_ended() -> None:
    *host, pid, started = mark().split("-")

    assert str(os.getpid()) == pid
    assert has_ended("-".join([*host, pid, str(int(started) - 3600)]))


@pytest.mark.skipif(os.name != "posix", reason="ZOMBIES: only POSIX keeps what nobody asked for")
def test_a_process_whose_parent_did_not_ask_for_its_end_has_ended() -> None:
    """As of a server that starts others and does not look after them at once."""
    code = (
        "import sys; from crmkit.processes import mark; print(mark(), flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    marked = process.stdout.readline()
    alive = not has_ended(marked)

    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    assert alive
    assert has_ended(marked)
    process.communicate()


def test_parts_of_dead_processes_go_and_those_of_living_ones_stay(workspace: Workspace) -> None:
    dead = of_a_dead_process(workspace.path / "exports" / "log.xlsx")
    alive = part_of(workspace.path / "exports" / "log.csv")
    spilled = spill_folder(workspace.path)
    for path in (dead, alive):
        path.write_text("half", encoding="utf-8")
    spilled.mkdir()

    Workspace.open(workspace.path)

    assert not dead.exists()
    assert alive.exists()
    assert spilled.exists()


def test_temporary_folders_of_dead_processes_go(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They hold rows of the file that was being read."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / of_a_dead_process(tmp_path / "crmkit").name.replace("crmkit.", "crmkit-")
    left.mkdir()
    (left / "rows.csv").write_text("Acme AS", encoding="utf-8")
    foreign = tmp_path / "crmkit-notes"
    foreign.mkdir()

    Workspace.open(workspace.path)

    assert not left.exists()
    assert foreign.exists()


_SERVE_AND_WAIT = """
import sys
from pathlib import Path
from crmkit import serve
def files(service, port, folder):
    return [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
running = serve.start(serve.Service(workspace=Path(sys.argv[1])), files)
print(running.folder, running.process.pid, flush=True)
sys.stdin.readline()
"""


def test_a_servers_folder_goes_when_the_server_has_ended_too(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who started it can be killed before it: then it still needs its settings."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    starter = subprocess.Popen(
        [sys.executable, "-c", _SERVE_AND_WAIT, str(workspace.path)],
        env={**os.environ, "TMPDIR": str(tmp_path), "TEMP": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout is not None
    folder, pid = starter.stdout.readline().split()
    starter.kill()
    starter.communicate()

    Workspace.open(workspace.path)
    outlived = Path(folder).exists()
    server = psutil.Process(int(pid))
    server.kill()
    psutil.wait_procs([server])
    Workspace.open(workspace.path)

    assert outlived
    assert not Path(folder).exists()


def test_an_import_without_a_file_goes_with_its_process(workspace: Workspace, people: Path) -> None:
    code = (
        "import sys; from crmkit.workspace import Workspace\n"
        "session = Workspace.open(sys.argv[1]).new_import()\n"
        "(session.upload_folder / 'people.csv').touch()\n"
        "print(session.id)"
    )
    gone = in_another_process(code, str(workspace.path))
    mine = workspace.new_import()
    (mine.upload_folder / "people.csv").touch()
    loaded = workspace.new_import()
    loaded.load(people)

    Workspace.open(workspace.path)

    kept = {path.stem for path in (workspace.path / "imports").glob("*")}
    assert {mine.id, loaded.id} == kept
    assert gone not in kept
    assert [mine.id] == [path.name for path in (workspace.path / "uploads").glob("*")]


def test_an_import_that_is_worked_on_is_left_alone(workspace: Workspace, people: Path) -> None:
    session = workspace.new_import()
    with session.writing():
        Workspace.open(workspace.path)

    session.load(people)

    assert [session.id] == [item.id for item in workspace.unfinished()]


_OPEN_AND_WAIT = """
import sys
from crmkit.workspace import Workspace
session = Workspace.open(sys.argv[1]).open_import(sys.argv[2])
print("open", flush=True)
sys.stdin.readline()
try:
    session.step = "settings"
except Exception as error:
    print(type(error).__name__, error, flush=True)
sys.stdin.readline()
"""


def opened_elsewhere(session: ImportSession) -> subprocess.Popen[str]:
    """Another process that has the import open, until a line is sent to it."""
    session.release()
    process = subprocess.Popen(
        [sys.executable, "-c", _OPEN_AND_WAIT, str(session.workspace.path), session.id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "open"
    return process


def test_an_import_that_is_open_elsewhere_says_so(workspace: Workspace, people: Path) -> None:
    session = workspace.new_import()
    session.load(people)
    with opened_elsewhere(session) as process:
        (listed,) = workspace.unfinished()
        with pytest.raises(InUseError) as opening:
            workspace.open_import(session.id)
        with pytest.raises(InUseError):
            workspace.discard(session.id)
        with pytest.raises(InUseError) as changing:
            session.step = "settings"
        process.kill()

    assert "open in another window" in opening.value.message
    assert "people.csv" in opening.value.where
    assert "continued in another window" in changing.value.message
    assert listed.held_by in opening.value.where


def test_a_process_that_died_leaves_no_lock(workspace: Workspace, people: Path) -> None:
    session = workspace.new_import()
    session.load(people)
    with opened_elsewhere(session) as process:
        process.kill()

    assert [""] == [item.held_by for item in workspace.unfinished()]
    workspace.open_import(session.id).preview()


def test_an_import_is_taken_over_from_a_living_process(workspace: Workspace, people: Path) -> None:
    session = workspace.new_import()
    session.load(people)
    with opened_elsewhere(session) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        taken = workspace.open_import(session.id, take_over=True)
        process.stdin.write("\n")
        process.stdin.flush()
        told = process.stdout.readline()
        process.kill()

    taken.preview()
    assert told.startswith("InUseError This import was continued in another window")
