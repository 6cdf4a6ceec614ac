"""What `make fuzz` counts as a finding, and what it does without atheris."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from crmkit.errors import SourceError
from tests.fuzz import Findings

ROOT = Path(__file__).resolve().parents[1]


def refuse() -> None:
    raise SourceError("This file is damaged.")


def test_a_message_is_no_finding(tmp_path: Path) -> None:
    findings = Findings(tmp_path, "1")

    findings.read(refuse, b"x", ".csv")

    assert (1, 1, 0) == (findings.runs, findings.refused, len(findings))
    assert [] == list(tmp_path.iterdir())


def test_of_each_kind_of_failure_the_first_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    findings = Findings(tmp_path, "1")

    for content in (b"first", b"second"):
        findings.read(lambda: int("x"), content, ".csv")
    findings.read(lambda: "x".index("y"), b"other", ".csv")

    assert 2 == len(findings)
    assert [b"first", b"other"] == [path.read_bytes() for path in sorted(tmp_path.iterdir())]
    assert "ValueError" in capsys.readouterr().out


@pytest.mark.slow
def test_without_atheris_it_says_so_in_a_line_and_goes_on(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['atheris'] = None; from tests import fuzz;"
        " sys.argv[1:] = ['--seconds', '2', '--keep', 'kept']; sys.exit(fuzz.main())"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    first, *_, last = done.stdout.splitlines()
    assert "atheris is not installed, so nothing is led by coverage." == first
    assert re.match(r"[1-9]\d* runs from \d+ seeds", last)
