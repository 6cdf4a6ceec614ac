"""The commands of the shell that write, without a server."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from crmkit.cli import app
from crmkit.workspace import Workspace
from tests.test_backup import ready

runner = CliRunner()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace.create(tmp_path / "workspace")
    ready(made, "Acme").commit()
    return made


def test_backups_are_listed_and_restored(workspace: Workspace) -> None:
    given = ["--workspace", str(workspace.path)]
    (item,) = workspace.backups()

    listed = runner.invoke(app, ["backups", *given])
    asked = runner.invoke(app, ["restore", item.name, *given], input="n\n")
    kept = workspace.record_counts()
    done = runner.invoke(app, ["restore", item.name, *given, "--yes"])

    assert f"{item.name}  " in listed.stdout
    assert "before batch 1, list.csv" in listed.stdout
    assert "Batch 1, list.csv, will not be in the CRM any more." in asked.stdout
    assert kept[0] == ("Companies", 1)
    assert done.exit_code == 0, done.output
    assert workspace.record_counts()[0] == ("Companies", 0)


def test_a_damaged_crm_is_restored_from_the_shell(workspace: Workspace) -> None:
    (item,) = workspace.backups()
    workspace.crm_path.write_bytes(b"not a database" * 1000)

    done = runner.invoke(app, ["restore", item.name, "--workspace", str(workspace.path), "--yes"])

    assert "the CRM cannot be read" in done.stdout
    assert workspace.record_counts()[0] == ("Companies", 0)
