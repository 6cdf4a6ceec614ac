"""Settings and decisions in a real browser: what is chosen on the screen ends in the CRM."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from playwright.sync_api import Page, expect

from crmkit.workspace import Workspace

pytestmark = pytest.mark.browser

SLOW = 90_000  # ms; a comparison makes two plans, beside whatever else the machine does

MakeFile = Callable[[str, Sequence[Sequence[str]]], Path]


@pytest.fixture
def make_file(tmp_path: Path) -> MakeFile:
    """Write a workbook with headers in its first row."""

    def make(name: str, rows: Sequence[Sequence[str]]) -> Path:
        book = openpyxl.Workbook()
        sheet: Any = book.active
        for row in rows:
            sheet.append(list(row))
        path = tmp_path / name
        book.save(path)
        return path

    return make


@pytest.fixture
def page(home: Page) -> Page:
    """The module's page: each test is an import of its own."""
    return home


def upload(page: Page, path: Path) -> None:
    page.get_by_role("button", name="New import").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a file").click()
    chooser.value.set_files(path)
    expect(page.get_by_text(re.compile(f"{path.name}: \\d+ rows?"))).to_be_visible()


def next_step(page: Page, heading: str) -> None:
    button = page.get_by_role("button", name="Next")
    expect(button).to_be_enabled()
    button.click()
    expect(page.get_by_role("heading", name=heading)).to_be_visible()


def to_settings(page: Page) -> None:
    next_step(page, "Map the columns")
    next_step(page, "Import settings")


def to_preview(page: Page) -> None:
    next_step(page, "Preview")
    expect(page.get_by_role("grid").get_by_role("row").nth(1)).to_be_visible()


def look_at(page: Page, text: str) -> None:
    """Put the row with a text into focus."""
    page.get_by_role("grid").get_by_text(text, exact=True).first.click()


def commit(page: Page) -> None:
    button = page.get_by_role("button", name="Import …")
    expect(button).to_be_enabled()
    button.click()
    page.get_by_role("button", name="Import now").click()
    expect(page.get_by_text("Counted in the CRM")).to_be_visible()


def companies(workspace: Workspace, name: str) -> list[tuple[Any, ...]]:
    """Id, department and category of the companies of a name, by id."""
    frame = workspace.query(
        "select company.id, company.department, category.name as category from crm.company"
        " left join crm.list_item as category on category.id = company.category_id"
        f" where company.name = '{name}' and company.deleted_at is null order by company.id"
    )
    return [tuple(row) for row in frame.itertuples(index=False)]


@pytest.mark.timeout(300)
def test_a_known_job_is_one_click_and_its_consequences_are_shown(
    page: Page, sample_workspace: Path, screenshots: Path
) -> None:
    page.get_by_role("button", name="New import").click()
    page.get_by_label("On this machine:").fill("samples/customers-update.xlsx")
    page.get_by_role("button", name="Open", exact=True).click()
    expect(page.get_by_text("customers-update.xlsx: 118 rows")).to_be_visible()
    to_settings(page)
    expect(page.get_by_text("Chosen: Add what is missing.")).to_be_visible()

    page.get_by_role("button", name="Bring old data up to date").click()

    expect(page.get_by_text("Chosen: Bring old data up to date.")).to_be_visible()
    expect(page.get_by_label("Action:").first).to_have_value("Replace - overwrite existing")
    header = page.get_by_role("columnheader", name="Company: Merge, Person: Merge")
    expect(header).to_be_visible(timeout=SLOW)
    overwritten = page.get_by_role("row").filter(has_text="Company: Name, overwritten")
    expect(overwritten.get_by_role("cell").nth(1)).to_have_text("4")
    expect(overwritten.get_by_role("cell").nth(2)).to_have_text("0")
    page.screenshot(path=screenshots / "settings.png", full_page=True)

    page.get_by_label("Company, compare with:").select_option("Skip - do not import")
    header = page.get_by_role("columnheader", name="Company: Skip, Person: Merge")
    expect(header).to_be_visible(timeout=SLOW)
    newest = Workspace.open(sample_workspace).unfinished()[0]
    chosen = Workspace.open(sample_workspace).open_import(newest.id, take_over=True).settings
    assert {rule.action.value for rule in chosen.rules.values()} == {"replace"}


def test_a_value_that_is_mapped_to_an_item_ends_in_the_crm(
    page: Page, sample_workspace: Path, screenshots: Path, make_file: MakeFile
) -> None:
    file = make_file(
        "categories.xlsx",
        [
            ("Company name", "Category"),
            ("Solvang Testing AS", "Custommer"),
            ("Fjellro Testing AS", "Klient"),
            ("Havblikk Testing AS", "Klient"),
        ],
    )
    upload(page, file)
    to_settings(page)
    lists = page.get_by_role("button", name=re.compile("^Lists"))
    expect(lists).to_contain_text("2 values that the CRM does not have")
    lists.click()
    expect(lists).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_label("Custommer means")).to_have_value(":Customer")
    expect(page.get_by_text("Suggested; not used until you confirm it")).to_be_visible()
    page.screenshot(path=screenshots / "value-map.png", full_page=True)

    page.get_by_role("button", name="Confirm Customer for Custommer").click()
    page.get_by_label("Klient means").select_option(label="Supplier")

    expect(page.get_by_text("Chosen by you")).to_have_count(2)
    expect(lists).to_contain_text("every value has its item")
    to_preview(page)
    commit(page)
    workspace = Workspace.open(sample_workspace)
    assert [row[2] for row in companies(workspace, "Solvang Testing AS")] == ["Customer"]
    assert [row[2] for row in companies(workspace, "Fjellro Testing AS")] == ["Supplier"]
    names = set(workspace.query("select name from crm.list_item where list = 'category'")["name"])
    assert not {"Custommer", "Klient"} & names


def test_an_ambiguous_match_is_resolved_and_committed(
    page: Page, sample_workspace: Path, screenshots: Path, make_file: MakeFile
) -> None:
    workspace = Workspace.open(sample_workspace)
    name = str(
        workspace.query(
            "select name from crm.company group by name having count(*) = 2 order by name"
        )["name"][0]
    )
    first, second = companies(workspace, name)
    file = make_file("ambiguous.xlsx", [("Company name", "Department"), (name, "Chosen by hand")])
    upload(page, file)
    to_settings(page)
    to_preview(page)
    look_at(page, name)
    expect(page.get_by_role("button", name="None of these - add it")).to_be_visible()
    page.screenshot(path=screenshots / "ambiguous.png", full_page=True)

    page.get_by_role("button", name=re.compile(f"It is .*ID {second[0]}\\b")).click()

    expect(page.get_by_text(f"You said that it is the record with ID {second[0]}.")).to_be_visible()
    expect(page.get_by_text("1 decision is part of this import")).to_be_visible()
    page.screenshot(path=screenshots / "decided.png", full_page=True)
    commit(page)
    after = companies(workspace, name)
    assert [row[1] for row in after] == [first[1], "Chosen by hand"]


def test_a_cell_set_by_hand_survives_a_reload_and_is_written(
    page: Page, sample_workspace: Path, make_file: MakeFile
) -> None:
    file = make_file(
        "by-hand.xlsx",
        [("Company name", "Department"), ("Lysning Testing AS", "Salse"), ("Other AS", "Sales")],
    )
    upload(page, file)
    to_settings(page)
    to_preview(page)
    look_at(page, "Lysning Testing AS")
    page.get_by_label("Company, field:").select_option("Department")
    expect(page.get_by_label("Outcome:")).to_have_value("Salse")

    page.get_by_label("Outcome:").fill("Sales")
    page.get_by_role("button", name="Set", exact=True).click()

    line = page.get_by_role("row", name=re.compile("^Department"))
    expect(line.get_by_role("cell").last).to_contain_text("Sales")
    page.reload()
    expect(page.get_by_text("1 decision is part of this import")).to_be_visible()
    look_at(page, "Lysning Testing AS")
    expect(line.get_by_role("cell").last).to_contain_text("Sales")
    commit(page)
    rows = companies(Workspace.open(sample_workspace), "Lysning Testing AS")
    assert [row[1] for row in rows] == ["Sales"]


def test_many_rows_are_decided_at_once_and_undone(page: Page, make_file: MakeFile) -> None:
    file = make_file(
        "many.xlsx",
        [("Company name",), *((f"Mange Testing {number} AS",) for number in range(1, 13))],
    )
    upload(page, file)
    to_settings(page)
    to_preview(page)
    page.get_by_label("Search").fill("Testing 1")  # 1, 10, 11 and 12
    expect(page.get_by_text("4 rows")).to_be_visible()

    page.get_by_label("decide:").select_option("Leave the rows out")
    page.get_by_role("button", name="Decide …").click()
    expect(page.get_by_text("For the 4 rows shown: Leave the rows out?")).to_be_visible()
    page.get_by_role("button", name="Yes, decide").click()

    expect(page.get_by_role("button", name=re.compile("left out"))).to_contain_text("4")
