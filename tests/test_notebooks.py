"""The notebooks run from top to bottom, on a fresh sample workspace, and are stored without outputs."""

from __future__ import annotations

import os
import re
import threading
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from crmkit.workspace import Workspace
from tests.google_service import GoogleService
from tests.outlook_service import OutlookService

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"


def run(name: str, workspace: Path) -> nbformat.NotebookNode:
    return execute(nbformat.read(NOTEBOOKS / name, as_version=4), workspace)


def execute(notebook: nbformat.NotebookNode, workspace: Path) -> nbformat.NotebookNode:
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOKS)}})
    os.environ["CRMKIT_WORKSPACE"] = str(workspace)
    try:
        client.execute()
    finally:
        del os.environ["CRMKIT_WORKSPACE"]
    return notebook


@pytest.mark.slow
def test_the_guided_notebook_imports_the_sample(tmp_path: Path) -> None:
    """Every cell runs, and the CRM has the batch afterwards."""
    run("guided-import.ipynb", tmp_path / "workspace")

    workspace = Workspace.open(tmp_path / "workspace")
    newest = workspace.batches()[0]
    assert newest.source == "customers-update.xlsx"
    assert newest.written["company"]["new"] > 0
    assert newest.written["company"]["changed"] > 0
    assert (workspace.path / "backups" / newest.backup).exists()


@pytest.mark.slow
def test_the_notebook_of_outlook_and_gmail_imports_from_both(
    tmp_path: Path,
    outlook_service: OutlookService,
    google_service: GoogleService,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The code was used on another device; the address that is printed is opened here."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    notebook = nbformat.read(NOTEBOOKS / "outlook-and-gmail.ipynb", as_version=4)
    browser = threading.Thread(target=sign_in, args=(notebook, google_service), daemon=True)
    browser.start()

    execute(notebook, tmp_path / "workspace")

    browser.join()
    gmail, outlook = Workspace.open(tmp_path / "workspace").batches()[:2]
    assert ("gmail-contacts.jsonl", 5) == (gmail.source, gmail.written["person"]["new"])
    assert ("outlook-contacts.jsonl", 3) == (outlook.source, outlook.written["person"]["new"])


def test_a_notebook_shows_the_message_of_what_is_wrong_and_not_our_code(tmp_path: Path) -> None:
    code = "from crmkit.workspace import Workspace\nWorkspace.open('no-such-folder')"
    cell = nbformat.v4.new_code_cell(code, metadata={"tags": ["raises-exception"]})
    notebook = nbformat.read(NOTEBOOKS / "guided-import.ipynb", as_version=4)
    notebook.cells = [cell]

    execute(notebook, tmp_path / "workspace")

    (shown,) = cell.outputs[0].traceback
    assert shown.startswith("UnreadableError: This workspace file does not exist.")
    assert "no-such-folder" in shown


def sign_in(notebook: nbformat.NotebookNode, service: GoogleService) -> None:
    """Open the address that the notebook prints, as soon as it does."""
    (cell,) = (cell for cell in notebook.cells if cell.id == "gmail-sign-in")
    until = time.monotonic() + 120
    while not (found := re.search(r"https://\S+", str(cell.outputs))):
        assert time.monotonic() < until
        time.sleep(0.1)
    address = found[0].split("\\n")[0]
    with urllib.request.urlopen(service.arrival(address), timeout=30) as page:
        page.read()


@pytest.mark.slow
def test_the_dashboard_notebook_says_when_there_is_no_workspace(tmp_path: Path) -> None:
    """A workspace that cannot be opened is a message, not a traceback."""
    notebook = run("dashboard.ipynb", tmp_path / "nowhere")

    assert all(output.output_type != "error" for cell in notebook.cells for output in cell.outputs)


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.name)
def test_notebooks_are_stored_without_outputs(path: Path) -> None:
    """Outputs would be a customer's data in the repository."""
    notebook = nbformat.read(path, as_version=4)

    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


@pytest.mark.slow
def test_the_erp_notebook_finds_what_changed(tmp_path: Path) -> None:
    """Its sample ERP is imported, changed in one record, and imported again from the description."""
    run("erp.ipynb", tmp_path / "workspace")

    second, first = Workspace.open(tmp_path / "workspace").batches()[:2]
    assert (4, 5) == (first.written["company"]["new"], first.written["person"]["new"])
    assert {"new": 0, "changed": 1} == {what: second.count(what) for what in ("new", "changed")}
