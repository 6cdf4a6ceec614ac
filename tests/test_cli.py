"""The commands of the shell that write, without a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crmkit import __version__
from crmkit.cli import app
from crmkit.entities import PERSON
from crmkit.erp.model import Actors, Request
from crmkit.erp.sample import make_sample_erp
from crmkit.workspace import Workspace
from tests.crm_kit import first_batch, new_workspace
from tests.outlook_service import OutlookService
from tests.test_backup import ready

runner = CliRunner()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = new_workspace(tmp_path / "workspace")
    first_batch(made, "Acme", lambda: ready(made, "Acme").commit())
    return made


def test_the_version_is_told() -> None:
    told = runner.invoke(app, ["--version"])

    assert f"crmkit {__version__}\n" == told.stdout
    assert 0 == told.exit_code


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


def test_an_erp_is_imported_without_a_file(workspace: Workspace, tmp_path: Path) -> None:
    """The description names the connection; without one of that name, nothing is done."""
    given = ["--workspace", str(workspace.path), "--commit"]
    workspace.erp.add("Sample", make_sample_erp(tmp_path / "erp.sqlite"))
    session = workspace.new_import()
    session.load_erp(Request(connection="Sample", actors=Actors.SUPPLIERS))
    session.save_description("Suppliers")

    done = runner.invoke(app, ["import", "Suppliers", *given])
    again = runner.invoke(app, ["import", "Suppliers", *given])
    workspace.erp.remove("Sample")
    gone = runner.invoke(app, ["import", "Suppliers", *given])

    assert done.exit_code == 0, done.output
    assert workspace.record_counts()[0] == ("Companies", 3)
    assert json.loads(again.stdout)["batch"]["written"]["company"]["changed"] == 0
    assert gone.exit_code == 1
    assert "There is no such ERP connection." in gone.stderr


def test_a_description_of_a_file_needs_one(workspace: Workspace) -> None:
    session = ready(workspace, "Beta")
    session.save_description("List")

    result = runner.invoke(app, ["import", "List", "--workspace", str(workspace.path)])

    assert result.exit_code == 1
    assert "Name the file to import." in result.stderr


def test_contacts_of_an_account_are_imported_without_a_file(
    workspace: Workspace, outlook_service: OutlookService
) -> None:
    """With the sign-in that the keychain has; without one, it says where to sign in."""
    given = ["--workspace", str(workspace.path), "--commit"]
    outlook = workspace.outlook()
    outlook.sign_in(lambda _: None)
    session = workspace.new_import()
    session.load_outlook(outlook, ["Contacts"])
    session.settings = session.settings.with_rule(PERSON, match_key="erp_key")
    session.save_description("Contacts")

    done = runner.invoke(app, ["import", "Contacts", *given])
    outlook.sign_out()
    out = runner.invoke(app, ["import", "Contacts", *given])

    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["batch"]["written"]["person"]["new"] == 3
    assert out.exit_code == 1
    assert "Nobody is signed in to Outlook." in out.stderr
