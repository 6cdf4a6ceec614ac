"""`crmkit import` as a scheduler runs it: a process, its exit code, its summary, and the CRM after it."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from crmkit.entities import COMPANY
from crmkit.jobs import Exit
from crmkit.settings import Action, Settings
from crmkit.workspace import Workspace
from tests.crm_kit import first_batch, new_workspace

ROOT = Path(__file__).resolve().parents[1]
HEADERS = ("Company", "Number", "City", "Employees")
ROWS = [
    ("Acme AS", "1001", "Oslo", "10"),
    ("Beta BV", "1002", "Utrecht", "20"),
    ("Gamma AB", "1003", "Lund", "30"),
]


def book(path: Path, rows: list[tuple[str, ...]], headers: tuple[str, ...] = HEADERS) -> Path:
    made = openpyxl.Workbook()
    for row in (headers, *rows):
        made.active.append(row)
    made.save(path)
    return path


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace where a list was imported by hand, and its description saved."""
    workspace = new_workspace(tmp_path / "my-customer")
    january = book(tmp_path / "january.xlsx", ROWS)

    def imported() -> None:
        session = workspace.new_import()
        session.load(january)
        for column, target in (("c1", "company.name"), ("c2", "company.number")):
            session.mapping = session.mapping.with_target(column, target)
        session.mapping = session.mapping.with_target("c3", "company.postal.city")
        session.mapping = session.mapping.with_target("c4", None)
        session.settings = Settings().with_rule(COMPANY, match_key="number", action=Action.REPLACE)
        session.preview()
        session.commit(back_up=False)
        session.save_description("Customers")

    first_batch(workspace, ROWS, imported)
    return workspace


def run(folder: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, summary and standard error of `crmkit import`."""
    done = subprocess.run(
        [sys.executable, "-m", "crmkit.cli", "import", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert "Traceback" not in done.stderr + done.stdout
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def companies(workspace: Workspace) -> list[tuple[str, str]]:
    frame = workspace.query("select number, name from crm.company order by number")
    return list(frame.itertuples(index=False, name=None))


def test_next_months_file_changes_exactly_what_changed(
    tmp_path: Path, workspace: Workspace
) -> None:
    """Imported in Python, saved; two rows change; the command finds two changed records."""
    rows = [("Acme Norge AS", *ROWS[0][1:]), (*ROWS[1][:2], "Amsterdam", "20"), ROWS[2]]
    book(tmp_path / "february.xlsx", rows)
    before = companies(workspace)

    code, dry, progress = run(
        tmp_path, "Customers", "february.xlsx", "--workspace", "my-customer", "--dry-run"
    )

    assert (0, "done", "dry-run", False) == (code, dry["status"], dry["mode"], dry["committed"])
    assert {"changed": 2, "unchanged": 1} == {
        status: count for status, count in dry["records"]["company"].items() if count
    }
    assert "%" in progress
    assert before == companies(workspace)
    assert () == workspace.unfinished()
    assert 1 == len(workspace.batches())

    code, done, _ = run(
        tmp_path, "customers", "february.xlsx", "--workspace", "my-customer", "--commit"
    )

    assert (0, True) == (code, done["committed"])
    assert {"new": 0, "changed": 2} == done["batch"]["written"]["company"]
    assert done["batch"]["written"] == workspace.batch(done["batch"]["id"]).written
    assert 2 == next(
        s["members"]
        for s in done["selections"]
        if (s["entity"], s["kind"]) == ("company", "changed")
    )
    assert "Acme Norge AS" == companies(workspace)[0][1]

    code, again, _ = run(
        tmp_path, "Customers", "february.xlsx", "--workspace", "my-customer", "--commit"
    )

    assert 0 == code
    assert {"new": 0, "changed": 0} == again["batch"]["written"]["company"]


def test_drift_writes_nothing_until_it_is_accepted(tmp_path: Path, workspace: Workspace) -> None:
    headers = ("Company", "Number", "Place", "Turnover")
    book(tmp_path / "march.xlsx", [("Acme Norge AS", "1001", "Moss", "1")], headers)
    call = ("Customers", "march.xlsx", "--workspace", "my-customer", "--commit")

    code, told, progress = run(tmp_path, *call)

    assert (Exit.DRIFT, "drift", False) == (code, told["status"], told["committed"])
    kinds = [(c["kind"], *c["names"]) for c in told["drift"]["changes"]]
    assert [
        ("gone", "City"),
        ("note", "Employees"),
        ("new", "Place"),
        ("new", "Turnover"),
    ] == kinds
    assert "The column “City” is gone." in progress
    assert "records" not in told
    assert "Acme AS" == companies(workspace)[0][1]
    assert () == workspace.unfinished()

    code, told, _ = run(tmp_path, *call, "--accept-drift")

    assert (0, True) == (code, told["committed"])
    assert "Acme Norge AS" == companies(workspace)[0][1]


def test_rows_held_back_are_written_beside_and_strict_writes_nothing_else(
    tmp_path: Path, workspace: Workspace
) -> None:
    rows = [*ROWS, ("", "1009", "Moss", ""), ("Delta AS", "1004", "Moss", "")]
    book(tmp_path / "april.xlsx", rows)
    call = ("Customers", "april.xlsx", "--workspace", "my-customer", "--held-back", "back.xlsx")

    code, told, _ = run(tmp_path, *call, "--commit", "--strict")

    assert (Exit.HELD_BACK, "held_back", False) == (code, told["status"], told["committed"])
    assert (1, "back.xlsx") == (told["rows_held_back"], told["held_back_file"])
    assert told["issues"] or told["rows_held_back"]
    assert 3 == len(companies(workspace))
    lines = list(openpyxl.load_workbook(tmp_path / "back.xlsx").active.iter_rows(values_only=True))
    assert HEADERS == lines[0][:4]
    assert "1009" == str(lines[1][1])
    assert 2 == len(lines)

    code, told, _ = run(tmp_path, *call, "--commit")

    assert (0, True) == (code, told["committed"])
    assert ("1004", "Delta AS") in companies(workspace)
    assert 4 == len(companies(workspace))


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("Nothing", "january.xlsx", "--workspace", "my-customer"), 1, "Known are: Customers."),
        (("Customers", "none.xlsx", "--workspace", "my-customer"), 1, "no such file"),
        (("Customers", "january.xlsx", "--workspace", "nowhere"), 1, "nowhere"),
        (("broken.yaml", "january.xlsx", "--workspace", "my-customer"), 1, "Line 2"),
        (("Customers", "broken.yaml", "--workspace", "my-customer", "--commit"), 3, "is gone"),
        (("Customers", "--workspace", "my-customer"), 1, "Name the file to import"),
        (("Customers", "january.xlsx", "--held-back", "x.pdf"), 2, ".xlsx or .csv"),
        (("Customers", "january.xlsx", "--held-back", "january.xlsx"), 2, "file to import"),
    ],
    ids=["description", "file", "workspace", "broken", "other", "missing", "ending", "itself"],
)
def test_what_goes_wrong_is_told_and_nothing_is_written(
    tmp_path: Path, workspace: Workspace, arguments: tuple[str, ...], code: int, told: str
) -> None:
    (tmp_path / "broken.yaml").write_text("version: 1\nx: 1,2\ny: 2,3\n", encoding="utf-8")

    found, summary, progress = run(tmp_path, *arguments)

    assert code == found
    assert told in re.sub(r"[\s│]+", " ", progress)
    assert summary.get("committed", False) is False
    assert summary.get("exit_code", 2) == code
    assert 1 == len(workspace.batches())
    assert () == workspace.unfinished()


_HOLD = """
import sys
from pathlib import Path
from crmkit.workspace import Workspace
with Workspace(Path(sys.argv[1])).writing():
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_job_waits_for_another_and_ends_when_it_is_told_to(
    tmp_path: Path, workspace: Workspace
) -> None:
    """SIGTERM, as from a scheduler: exit code 130, and nothing is written or left behind."""
    book(tmp_path / "february.xlsx", [*ROWS, ("Delta AS", "1004", "Moss", "")])
    call = ["import", "Customers", "february.xlsx", "--workspace", "my-customer", "--commit"]
    with (
        subprocess.Popen(
            [sys.executable, "-c", _HOLD, str(workspace.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as holder,
        subprocess.Popen(
            [sys.executable, "-m", "crmkit.cli", *call],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as job,
    ):
        assert job.stderr is not None
        for line in job.stderr:
            if "Waiting for another import to finish" in line:
                break
        job.send_signal(signal.SIGTERM)
        out, err = job.communicate(timeout=60)
        holder.kill()

    told = json.loads(out)
    assert (Exit.STOPPED, 130) == (told["exit_code"], job.returncode), err
    assert ("stopped", False) == (told["status"], told["committed"])
    assert 3 == len(companies(workspace))
    assert () == Workspace.open(workspace.path).unfinished()


def test_the_commands_of_the_nightly_job_run(tmp_path: Path, workspace: Workspace) -> None:
    """Each command of docs/nightly.md runs as it stands, on a file at its place."""
    book(tmp_path / "customers.xlsx", ROWS)
    text = (ROOT / "docs" / "nightly.md").read_text(encoding="utf-8")
    found = re.findall(r"crmkit import ([^\n>]+)", text)

    assert 4 == len(found)
    for line in dict.fromkeys(re.sub(r"(/srv/export/|C:\\export\\)", "", call) for call in found):
        code, told, _ = run(tmp_path, *shlex.split(line))
        assert 0 == code, told


def test_every_exit_code_is_documented() -> None:
    text = (ROOT / "docs" / "nightly.md").read_text(encoding="utf-8")

    assert [] == [code for code in Exit if f"\n| {int(code)} |" not in text]
