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


def test_the_guided_notebook_runs_and_its_panels_answer(
    page: Page, lab: Running, sample_workspace: Path, screenshots: Path
) -> None:
    page.goto(f"{lab.address}lab/tree/guided-import.ipynb?token={lab.token}&reset")
    page.wait_for_function(_IDLE, timeout=60_000)
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    output = page.locator(".jp-OutputArea")

    expect(output.get_by_text("Counted in the CRM")).to_be_visible(timeout=60_000)
    batch = Workspace.open(sample_workspace).batches()[0]
    assert batch.source == "customers-update.xlsx"

    mapping = output.get_by_label("Company name", exact=True).first
    mapping.scroll_into_view_if_needed()
    expect(mapping).to_have_value(":company.name")
    mapping.select_option(":company.code")
    expect(output.get_by_text("chosen by you").first).to_be_visible()
    grid = output.get_by_role("grid").first
    grid.scroll_into_view_if_needed()
    grid.get_by_role("gridcell").nth(2).click()
    expect(output.get_by_text("Outcome").first).to_be_visible()
    page.screenshot(path=screenshots / "guided-notebook.png")
