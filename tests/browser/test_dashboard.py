"""The dashboard in a real browser, from a file to selections; the CRM is looked at afterwards.

The pictures of the tour in the README come from here.
"""

from __future__ import annotations

import getpass
import os
import re
import signal
import zipfile
from pathlib import Path

import openpyxl
import psutil
import pytest
from playwright.sync_api import Page, expect

from crmkit.samples import SAMPLES
from crmkit.serve import Running
from crmkit.workspace import Workspace

pytestmark = pytest.mark.browser

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "tour"


def visit(page: Page, running: Running) -> None:
    page.goto(running.link)
    expect(page.get_by_role("heading", name="crmkit")).to_be_visible()


def picture(page: Page, screenshots: Path, name: str) -> None:
    """Take a picture; it becomes the README's when CRMKIT_TOUR says so."""
    folder = PICTURES if os.environ.get("CRMKIT_TOUR") else screenshots
    folder.mkdir(parents=True, exist_ok=True)
    page.evaluate("window.scrollTo(0, 0)")
    page.screenshot(path=folder / f"{name}.png")


def choose_file(page: Page, name: str) -> None:
    page.get_by_label("On this machine:").fill(f"samples/{name}")
    page.get_by_role("button", name="Open", exact=True).click()


def start_import(page: Page, name: str, rows: int) -> None:
    page.get_by_role("button", name="New import").click()
    choose_file(page, name)
    expect(page.get_by_text(f"{name}: {rows} rows")).to_be_visible()


def next_step(page: Page, heading: str) -> None:
    button = page.get_by_role("button", name="Next")
    expect(button).to_be_enabled()
    button.click()
    expect(page.get_by_role("heading", name=heading)).to_be_visible()


def to_preview(page: Page) -> None:
    next_step(page, "Map the columns")
    next_step(page, "Import settings")
    next_step(page, "Preview")
    expect(page.get_by_role("grid").get_by_role("row").nth(3)).to_be_visible()


def test_from_a_file_to_selections(home: Page, sample_workspace: Path, screenshots: Path) -> None:
    workspace = Workspace.open(sample_workspace)
    before = dict(workspace.record_counts())
    page = home
    expect(page.get_by_text("The CRM holds 200 companies and 400 persons.")).to_be_visible()
    picture(page, screenshots, "1-home")

    start_import(page, "customers-update.xlsx", 118)
    expect(
        page.get_by_role("cell", name="Row", exact=True).or_(
            page.get_by_role("columnheader", name="Row")
        )
    ).to_be_visible()
    picture(page, screenshots, "2-source")
    next_step(page, "Map the columns")
    expect(page.get_by_label("Company name", exact=True)).to_have_value(":company.name")
    picture(page, screenshots, "3-mapping")
    page.get_by_label("Company name", exact=True).select_option(label="(leave out)")
    page.get_by_label("Company number", exact=True).select_option(label="(leave out)")
    page.get_by_label("VAT no.", exact=True).select_option(label="(leave out)")
    expect(page.get_by_text("Company: Name: missing.")).to_be_visible()
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    page.get_by_label("VAT no.", exact=True).select_option(":company.vat_number")
    page.get_by_label("Company number", exact=True).select_option(":company.number")
    page.get_by_label("Company name", exact=True).select_option(":company.name")

    next_step(page, "Import settings")
    comparing = page.get_by_text("Comparing …")
    expect(comparing).to_be_hidden()
    page.get_by_label("Duplicate match:").first.select_option("VAT number")
    # A second choice waits in the browser until the first has arrived; a click would overtake it.
    expect(comparing).to_be_visible()
    page.get_by_label("Duplicate match:").first.select_option("Number")
    expect(comparing).to_be_hidden()
    picture(page, screenshots, "4-settings")
    next_step(page, "Preview")
    grid = page.get_by_role("grid")
    expect(grid.get_by_role("row").nth(3)).to_be_visible()
    page.get_by_label("Search").fill("script")
    expect(grid.get_by_text("<script>alert(1)</script>")).to_be_visible()
    page.get_by_label("Search").fill("")
    expect(page.get_by_text("118 rows")).to_be_visible()
    page.get_by_role("button", name=re.compile("^changed")).first.click()
    expect(grid.get_by_role("row").nth(1)).to_contain_text("Changed")
    grid.get_by_role("gridcell").nth(2).click()
    expect(page.get_by_text(re.compile("Matched on Number 1"))).to_be_visible()
    picture(page, screenshots, "5-preview")

    page.get_by_role("button", name="Import …").click()
    page.get_by_role("button", name="Import now").click()
    expect(page.get_by_text("Counted in the CRM")).to_be_visible()
    picture(page, screenshots, "6-result")

    batch = workspace.batches()[0]
    after = dict(workspace.record_counts())
    assert batch.source == "customers-update.xlsx"
    assert batch.written["company"]["new"] == after["Companies"] - before["Companies"] > 0
    assert batch.written["person"]["new"] == after["Persons"] - before["Persons"] > 0
    assert (sample_workspace / "backups" / batch.backup).exists()

    page.get_by_role("button", name="Open", exact=True).first.click()
    expect(page.get_by_role("grid").get_by_text("Nordlys Handel AS")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Excel").first.click()
    saved = screenshots / "selection.xlsx"
    download.value.save_as(saved)
    rows = openpyxl.load_workbook(saved).active
    assert rows is not None
    assert rows.max_row == batch.written["company"]["new"] + 1
    page.get_by_role("button", name="Home").click()
    expect(page.get_by_text("Batch 2: customers-update.xlsx")).to_be_visible()


def test_a_row_left_out_stays_so_after_a_reload_and_from_home(
    home: Page, sample_workspace: Path
) -> None:
    """A reload comes back to the same place, and so does Home."""
    page = home
    start_import(page, "companies-only.xlsx", 12)
    to_preview(page)
    left_out = page.get_by_role("button", name=re.compile("left out"))

    page.get_by_role("grid").get_by_role("checkbox").first.click()
    expect(left_out).to_be_visible()
    assert "import=" in page.url

    page.reload()
    expect(page.get_by_role("heading", name="Preview")).to_be_visible()
    expect(page.get_by_role("grid").get_by_role("row").nth(3)).to_be_visible()
    expect(left_out).to_be_visible()

    page.get_by_role("button", name="Home").click()
    line = page.locator(".ck-line").filter(has_text="companies-only.xlsx, at step preview")
    # The kernel of the page before may still have it.
    line.get_by_role("button", name=re.compile("Continue|Take over")).click()
    expect(page.get_by_role("heading", name="Preview")).to_be_visible()
    expect(left_out).to_be_visible()

    newest = Workspace.open(sample_workspace).unfinished()[0]
    assert Workspace.open(sample_workspace).open_import(newest.id, take_over=True).left_out() == 1


def test_an_import_that_is_open_elsewhere_is_taken_over(
    home: Page, voila: Running, screenshots: Path
) -> None:
    """Home says who has it; it goes on here, and the other window is told when it wants to go on."""
    page = home
    start_import(page, "companies-only.xlsx", 12)
    next_step(page, "Map the columns")
    here = page.context.new_page()
    visit(here, voila)
    line = here.locator(".ck-line").filter(has_text="companies-only.xlsx, at step mapping")
    who = rf"open in another window or program \({re.escape(getpass.getuser())}, since \d{{4}}-"
    expect(line).to_contain_text(re.compile(who))
    picture(here, screenshots, "take-over-home")

    line.get_by_role("button", name="Take over").click()
    expect(here.get_by_role("heading", name="Map the columns")).to_be_visible()
    next_step(here, "Import settings")
    page.get_by_role("button", name="Next").click()

    told = page.get_by_text("This import was continued in another window or program.")
    expect(told).to_be_in_viewport()
    expect(page.get_by_text("Go on there. What you did here last was not kept.")).to_be_visible()
    expect(page.get_by_role("heading", name="Map the columns")).to_be_visible()
    page.screenshot(path=screenshots / "take-over-told.png")
    picture(here, screenshots, "take-over-here")
    next_step(here, "Preview")
    here.close(run_before_unload=True)


def upload(page: Page, file: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a file").click()
    chooser.value.set_files(file)


def test_bad_files_get_a_message_and_a_good_one_is_uploaded_after_them(
    home: Page, tmp_path: Path
) -> None:
    page = home
    page.get_by_role("button", name="New import").click()

    for name, message in (
        ("not-a-workbook.xlsx", "This file is not a workbook"),
        ("password-protected.xlsx", "protected with a password"),
        ("empty-sheet.xlsx", "no cells with content"),
    ):
        choose_file(page, name)
        expect(page.get_by_role("alert").get_by_text(message)).to_be_visible()
        expect(page.get_by_text("Traceback")).to_have_count(0)
    page.get_by_label("On this machine:").fill("/etc/passwd")
    page.get_by_role("button", name="Open", exact=True).click()
    expect(page.get_by_text("This file cannot be opened from here.")).to_be_visible()

    # What counts is the content, whatever the name.
    letter = tmp_path / "customers.docx"
    with zipfile.ZipFile(letter, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", "<document/>")
    upload(page, letter)
    expect(page.get_by_text("This file is a Word document")).to_be_visible()
    table = tmp_path / "customers.export"
    table.write_text("Company name;City\nQuirina Invented AS;Oslo\n", encoding="utf-8")
    upload(page, table)
    expect(page.get_by_text("customers.export: 1 row")).to_be_visible()

    upload(page, SAMPLES / "header-on-row-6.xlsx")
    expect(page.get_by_text("header-on-row-6.xlsx: 7 rows")).to_be_visible()
    expect(page.get_by_role("cell", name="End of the list")).to_be_visible()
    expect(page.get_by_label("Header row:")).to_have_value("6")


def test_a_dead_kernel_says_so(home: Page, voila: Running) -> None:
    for process in psutil.Process(voila.process.pid).children(recursive=True):
        process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)

    lost = home.get_by_role("alert").get_by_text("connection to the program was lost")
    expect(lost).to_be_visible(timeout=20_000)
    home.goto("about:blank")


def test_without_the_token_nobody_gets_in(page: Page, voila: Running) -> None:
    for query in ("", "?token=wrong"):
        page.goto(f"{voila.address}{query}")
        expect(page.get_by_role("button", name="New import")).to_have_count(0)
        expect(page.get_by_label("Password or token:")).to_be_visible()
