"""Customers of a real Tryton in the dashboard: imported, described, and imported again after a change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from crmkit import serve
from crmkit.serve import Running, Service
from crmkit.workspace import Workspace
from tests.browser.conftest import served
from tests.browser.test_dashboard import next_step, visit
from tests.erp_servers import Tryton

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]


@pytest.fixture
def dashboard(
    tryton: Tryton, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """The dashboard on an empty CRM, with Tryton's folder among those that may be read."""
    Workspace.create(tmp_path / "workspace")
    service = Service(
        workspace=tmp_path / "workspace", folders=[tryton.folder], token="erp-test-4711"
    )
    with served(service, serve.dashboard_command, tmp_path_factory) as running:
        yield running


def start(page: Page) -> None:
    page.get_by_role("button", name="New import").click()
    page.get_by_role("button", name="ERP database", exact=True).click()


def to_result(page: Page) -> None:
    next_step(page, "Map the columns")
    next_step(page, "Import settings")
    next_step(page, "Preview")
    expect(page.get_by_role("grid").get_by_role("row").nth(1)).to_be_visible()
    page.get_by_role("button", name="Import …").click()
    page.get_by_role("button", name="Import now").click()
    expect(page.get_by_text("Counted in the CRM")).to_be_visible()


def test_customers_of_tryton_are_imported_and_two_changes_are_found(
    page: Page, dashboard: Running, tryton: Tryton, tmp_path: Path, screenshots: Path
) -> None:
    visit(page, dashboard)
    start(page)
    page.get_by_label("Connection name:").fill("Our Tryton")
    page.get_by_label("Database URL:").fill("sqlite:////etc/erp.sqlite")
    page.get_by_role("button", name="Connect and save").click()
    expect(page.get_by_text("This database file cannot be opened from here.")).to_be_visible()
    page.get_by_label("Database URL:").fill(tryton.url)
    page.get_by_role("button", name="Connect and save").click()
    expect(page.get_by_text("Our Tryton is connected.")).to_be_visible()

    page.get_by_label("Take:").select_option("Customers and suppliers with their contact persons")
    page.get_by_label("Name contains:").fill("ØRJE")
    page.get_by_role("button", name="Show rows").click()
    expect(page.get_by_role("cell", name="Ørje Fish 2", exact=True).first).to_be_visible()
    expect(page.get_by_label("Contact persons are:")).to_have_value("Employee")
    page.screenshot(path=screenshots / "erp-rows.png", full_page=True)
    page.get_by_label("Name contains:").fill("")
    page.get_by_role("button", name="Take all").click()
    expect(page.get_by_text("160 rows, ")).to_be_visible()

    to_result(page)
    workspace = Workspace.open(tmp_path / "workspace")
    first = workspace.batches()[0]
    assert (130, 60) == (first.written["company"]["new"], first.written["person"]["new"])
    page.get_by_label("Save as description:").fill("Parties")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved as “Parties”")).to_be_visible()

    tryton.work("change")
    page.get_by_role("button", name="Home").click()
    start(page)
    page.get_by_label("Like the description:").select_option("Parties")
    page.get_by_role("button", name="Take all").click()
    expect(page.get_by_text("160 rows, ")).to_be_visible()
    to_result(page)

    second = workspace.batches()[0]
    assert second.id != first.id
    assert {"new": 0, "changed": 2} == {what: second.count(what) for what in ("new", "changed")}
