"""Cleaning steps in a real browser: opened by keyboard, tried on samples, mended, and previewed."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from crmkit.serve import Running
from tests.browser.test_dashboard import next_step, start_import, visit

pytestmark = pytest.mark.browser


@pytest.mark.timeout(300)
def test_a_column_is_cleaned_step_by_step(page: Page, voila: Running, screenshots: Path) -> None:
    visit(page, voila)
    start_import(page, "customers-update.xlsx", 118)
    next_step(page, "Map the columns")
    clean = page.get_by_role("button", name="Clean Company name")
    expect(clean).to_have_attribute("aria-expanded", "false")

    clean.focus()
    page.keyboard.press("Enter")
    expect(clean).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("heading", name="Clean “Company name”")).to_be_visible()
    trials = page.get_by_role("table").filter(has_text="After the steps")
    expect(trials).to_contain_text("unchanged")

    page.get_by_label("Add a step:").select_option("Small and capital letters")
    page.get_by_role("button", name="Add step").press("Enter")
    page.get_by_label("Write as:").select_option("CAPITALS")
    expect(
        trials.get_by_role("cell", name="GULBRANDSEN MASKIN LIE ASA", exact=True)
    ).to_be_visible()
    expect(page.get_by_role("button", name="Clean Company name, 1 step")).to_be_visible()

    page.get_by_label("Add a step:").select_option("SQL expression")
    page.get_by_role("button", name="Add step").click()
    expression = page.get_by_label("Expression:")
    expression.fill("getenv('HOME')")
    expression.press("Tab")
    expect(page.get_by_text("“getenv” cannot be used here")).to_be_visible()
    page.screenshot(path=screenshots / "cleaning-refused.png")
    expression.fill("value || ' (' || \"City\" || ')'")
    expression.press("Tab")
    expect(page.get_by_text("“getenv” cannot be used here")).to_have_count(0)
    expect(trials).to_contain_text("GULBRANDSEN MASKIN LIE ASA (")
    up, down = (page.get_by_role("button", name=name, exact=True) for name in ("Up", "Down"))
    up.nth(1).press("Enter")
    expect(trials).to_contain_text("GULBRANDSEN MASKIN LIE ASA (LIE)")
    # The step is the first one now, whose Up cannot be pressed: its Down has the focus.
    expect(down.nth(0)).to_be_focused()
    page.keyboard.press("Enter")
    expect(trials).not_to_contain_text("(LIE)")
    expect(up.nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(trials).to_contain_text("GULBRANDSEN MASKIN LIE ASA (LIE)")
    expect(down.nth(0)).to_be_focused()
    page.screenshot(path=screenshots / "cleaning-steps.png")
    page.get_by_role("button", name="Done", exact=True).click()
    expect(page.get_by_role("heading", name="Clean “Company name”")).to_be_hidden()

    page.get_by_role("button", name="Clean City").click()
    page.get_by_role("button", name="Copy the column").click()
    copied = page.get_by_label("City (copy)", exact=True)
    copied.select_option(":company.code")
    expect(page.get_by_role("button", name="Clean City (copy)")).to_be_visible()
    copied.select_option(label="(leave out)")

    next_step(page, "Import settings")
    next_step(page, "Preview")
    grid = page.get_by_role("grid")
    expect(grid.get_by_role("row").nth(3)).to_be_visible()
    expect(grid.get_by_text("Gulbrandsen Maskin Lie ASA").first).to_be_visible()
    grid.get_by_role("gridcell").nth(2).click()
    expect(page.get_by_text("GULBRANDSEN MASKIN LIE ASA (").first).to_be_visible()


@pytest.mark.timeout(300)
def test_what_cells_call_for_is_taken_by_a_click(
    page: Page, voila: Running, tmp_path: Path
) -> None:
    path = tmp_path / "list.csv"
    path.write_text("Company,City\nFjell Nord AS,BodÃ¸\nElv Nord AS,n/a\n", encoding="utf-8")
    visit(page, voila)
    page.get_by_role("button", name="New import").click()
    page.locator("input[type=file]").set_input_files(path)
    expect(page.get_by_text("list.csv: 2 rows")).to_be_visible()
    next_step(page, "Map the columns")

    expect(page.get_by_text("City: 1 cell has letters that were read wrongly")).to_be_visible()
    page.get_by_role("button", name="Mend them").click()
    page.get_by_role("button", name="Empty them").click()
    expect(page.get_by_role("button", name="Clean City, 2 steps")).to_be_visible()
    expect(page.get_by_text("City: 1 cell")).to_have_count(0)

    next_step(page, "Import settings")
    next_step(page, "Preview")
    page.get_by_role("grid").get_by_text("Fjell Nord AS").click()
    expect(page.get_by_text("Bodø")).to_have_count(2)
