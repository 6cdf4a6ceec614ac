"""Selections and the way back in a real browser; the CRM is looked at afterwards."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Page, expect

from crmkit.batches import Batch
from crmkit.workspace import Workspace
from tests.browser.test_dashboard import next_step

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def imported(workspace: Workspace, path: Path, rows: list[list[str]]) -> Batch:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    session = workspace.new_import()
    session.load(path)
    session.preview()
    return session.commit()


def back(page: Page) -> Page:
    """Go Home, which shows what was imported beside it."""
    page.get_by_role("button", name="Home", exact=True).click()
    return page


def open_batch(page: Page, batch: Batch) -> None:
    line = page.locator(".ck-line").filter(has_text=f"Batch {batch.id}:")
    line.get_by_role("button", name="Open", exact=True).click()
    expect(page.get_by_text("Counted in the CRM")).to_be_visible()


def import_now(page: Page) -> None:
    """Import once the preview is there: until then the button has nothing to ask about."""
    expect(page.get_by_role("grid").get_by_role("row").nth(1)).to_be_visible()
    page.get_by_role("button", name="Import …").click()
    page.get_by_role("button", name="Import now").click()


def test_a_held_back_export_is_mended_and_imported_again(
    home: Page, sample_workspace: Path, tmp_path: Path
) -> None:
    workspace = Workspace.open(sample_workspace)
    rows = [["Company name", "Code"], ["Mended One", "=A1"], ["#N/A", "=B1"]]
    batch = imported(workspace, tmp_path / "wanting.csv", rows)
    page = back(home)
    open_batch(page, batch)

    page.get_by_role("button", name="List", exact=True).click()
    expect(page.get_by_text("Mend the formula in the file.")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Rows as Excel").click()
    saved = tmp_path / "held-back.xlsx"
    download.value.save_as(saved)
    book = openpyxl.load_workbook(saved)
    sheet = book.active
    assert sheet is not None
    sheet["A2"] = "Mended Two"
    book.save(saved)
    page.get_by_role("button", name="Home").click()
    page.get_by_role("button", name="New import").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a file").click()
    chooser.value.set_files(saved)
    expect(page.get_by_text("held-back.xlsx: 1 row")).to_be_visible()
    next_step(page, "Map the columns")
    next_step(page, "Import settings")
    next_step(page, "Preview")
    import_now(page)
    expect(page.get_by_text("Counted in the CRM")).to_be_visible()

    found = workspace.query(
        "select name, code from crm.company where name like 'Mended%' order by id"
    )
    assert found.values.tolist() == [["Mended One", "=A1"], ["Mended Two", "=B1"]]


def test_a_selection_is_deleted_and_the_delete_is_undone(
    home: Page, sample_workspace: Path, tmp_path: Path, screenshots: Path
) -> None:
    workspace = Workspace.open(sample_workspace)
    rows = [["Company name", "First name"], ["Passing One", "Pia"], ["Passing Two", "Per"]]
    batch = imported(workspace, tmp_path / "passing.csv", rows)
    before = workspace.record_counts()
    page = back(home)
    open_batch(page, batch)

    page.get_by_role("button", name="Open", exact=True).first.click()
    expect(page.get_by_role("grid").get_by_text("Passing Two")).to_be_visible()
    page.get_by_role("columnheader", name="Company name").click()
    page.get_by_role("columnheader", name="Company name").click()
    first = page.locator('.ck-grid-body .ck-grid-row[aria-rowindex="2"]')
    expect(first).to_contain_text("Passing Two")
    page.screenshot(path=screenshots / "selection.png", full_page=True)
    page.get_by_role("button", name="Delete the members").click()
    expect(page.get_by_text("Deleted: 2 companies, 2 persons.")).to_be_visible()
    page.get_by_role("button", name="Delete now").click()
    expect(page.get_by_text(re.compile(r"Batch \d+: delete: Companies new"))).to_be_visible()
    assert dict(workspace.record_counts())["Companies"] == dict(before)["Companies"] - 2

    page.get_by_role("button", name="Undo this batch").click()
    expect(page.get_by_text(re.compile("Brought back: 2 companies, 2 persons"))).to_be_visible()
    page.get_by_role("button", name="Undo now").click()
    expect(page.get_by_text(re.compile(r"Batch \d+: undo of batch"))).to_be_visible()
    assert workspace.record_counts() == before


def test_a_field_is_set_for_all_members(home: Page, sample_workspace: Path, tmp_path: Path) -> None:
    workspace = Workspace.open(sample_workspace)
    batch = imported(workspace, tmp_path / "coded.csv", [["Company name"], ["Coded One"]])
    page = back(home)
    open_batch(page, batch)
    page.get_by_role("button", name="Open", exact=True).first.click()

    page.get_by_label("Set for all:").select_option("Code")
    page.get_by_label("Value:").fill("C-1")
    page.get_by_role("button", name="Preview setting it").click()
    expect(page.get_by_role("heading", name="Preview")).to_be_visible()
    import_now(page)
    expect(page.get_by_text("Counted in the CRM")).to_be_visible()

    found = workspace.query("select code from crm.company where name = 'Coded One'")
    assert found["code"].tolist() == ["C-1"]
