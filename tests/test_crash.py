"""Killed at any point, the program leaves all of its work or none, and no litter; `make crash` has more."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="FORKS: only Linux forks safely"),
]


OPERATIONS = ("land", "commit", "settle", "undo", "restore")


def test_a_killed_process_leaves_all_or_nothing() -> None:
    """A few runs of `make crash`: what must hold is in `tests/crash/checks.py`."""
    count = ["--points", "1", "--times", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash", *count, "--only", *OPERATIONS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^10 runs\n0 faults", done.stdout, re.MULTILINE)


def test_several_processes_at_once_make_what_one_would(tmp_path: Path) -> None:
    """Imports, undos and restores of three processes, one of which is killed: replayed from the log, cell for cell."""
    count = ["--each", "3", "--kills", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash", "--together", "3", *count],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^0 faults", done.stdout, re.MULTILINE)
