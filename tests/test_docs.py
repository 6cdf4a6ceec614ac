"""What the README says is run: its Python as it stands, its commands by name."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_readmes_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example imports the sample into a fresh sample workspace."""
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    monkeypatch.setenv("CRMKIT_WORKSPACE", str(tmp_path / "workspace"))

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "'company': {'new': " in done.stdout


def test_the_commands_of_the_readme_are_there() -> None:
    """Each make target that the README names exists, and so does each command of crmkit."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"make (\w+)", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    help_text = subprocess.run(
        [sys.executable, "-m", "crmkit.cli", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for command in set(
        re.findall(
            r"crmkit (app|lab|import|backups|restore|private|purge|forget|serve-dashboard|user)\b",
            README,
        )
    ):
        assert command in help_text


def test_the_pictures_of_the_tour_are_there() -> None:
    """The tour's pictures are made by the browser test with CRMKIT_TOUR=1."""
    pictures = re.findall(r"\(docs/tour/([\w-]+\.png)\)", README)

    assert len(pictures) == 6
    assert all((ROOT / "docs" / "tour" / name).exists() for name in pictures)


def test_every_dependency_has_its_reason() -> None:
    """A dependency that nobody can explain leaves."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    decisions = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8").casefold()
    fixed = {"duckdb", "ipywidgets", "jupyterlab", "openpyxl", "pandas", "voila"}
    for requirement in project["dependencies"]:
        name = re.split(r"[<>=\[]", requirement)[0].casefold()
        assert name in fixed or f"**{name}**" in decisions, name
