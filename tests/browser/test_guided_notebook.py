"""The guided notebook in JupyterLab: its cells run, and its panels work there too."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from crmkit.serve import Running
from crmkit.workspace import Workspace

pytestmark = pytest.mark.browser

_IDLE = """() => {
  const panel = window.jupyterapp?.shell?.currentWidget;
  return panel?.sessionContext?.session?.kernel?.status === 'idle';
}"""


_RUN_ABOVE_COMMIT = """() => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = notebook.widgets.findIndex(
    cell => cell.model.sharedModel.getSource().includes('session.commit()'));
  return window.jupyterapp.commands.execute('notebook:run-all-above');
}"""


def test_the_guided_notebook_runs_and_its_panels_answer(
    page: Page, lab: Running, sample_workspace: Path, screenshots: Path
) -> None:
    page.goto(f"{lab.address}lab/tree/guided-import.ipynb?token={lab.token}&reset")
    page.wait_for_function(_IDLE, timeout=60_000)
    page.evaluate(_RUN_ABOVE_COMMIT)
    output = page.locator(".jp-OutputArea")

    grid = output.get_by_role("grid").first
    grid.scroll_into_view_if_needed(timeout=60_000)
    grid.get_by_role("gridcell").nth(2).click()
    expect(output.get_by_text("Outcome").first).to_be_visible()
    page.screenshot(path=screenshots / "guided-notebook.png")
    mapping = output.get_by_label("Company name", exact=True).first
    mapping.scroll_into_view_if_needed()
    expect(mapping).to_have_value(":company.name")
    mapping.select_option(":company.code")
    expect(output.get_by_text("chosen by you").first).to_be_visible()
    mapping.select_option(":company.name")
    assert len(Workspace.open(sample_workspace).batches()) == 1  # what made the sample CRM

    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")

    expect(output.get_by_text("Counted in the CRM")).to_be_visible(timeout=60_000)
    batch = Workspace.open(sample_workspace).batches()[0]
    assert batch.source == "customers-update.xlsx"
    expect(output.get_by_text(f"This import is in the CRM as batch {batch.id}")).to_be_visible()
    expect(output.get_by_role("grid")).to_have_count(0)
    mapping = output.get_by_label("Company name", exact=True).first
    mapping.select_option(":company.code")
    expect(output.get_by_text("what was chosen for it stays as it was")).to_be_visible()
    page.screenshot(path=screenshots / "guided-notebook-imported.png")
