"""A file full of markup and of signs that turn the text around, on every screen of a real browser."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Page, expect

from crmkit.entities import COMPANY
from crmkit.selections import Combination
from crmkit.settings import Action
from crmkit.workspace import Workspace
from tests.browser.test_dashboard import next_step

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

RUN = "window.hacked=1"
IMAGE = f"<img src=x onerror={RUN}>"
SCRIPT = f"<script>{RUN}</script>"
BREAK = f"\"'><svg onload={RUN}>"
TURNED = "\u202eSA emcA\u202c"
"""Between the marks, a browser writes from right to left: Acme AS."""

FILE = f"{IMAGE} &amp; list.csv"


def rows(*, department: str) -> list[list[str]]:
    return [
        ["Company name", "Department", "Category", "First name", f"{IMAGE} header"],
        [f"{IMAGE} one", department, f"{SCRIPT} category, {department}", f"{BREAK} Ann", IMAGE],
        [f"{SCRIPT} two", department, "", f"{IMAGE} Bo", SCRIPT],
        [TURNED, department, "", "Cas", "\u2066bidi"],
        ["#N/A", IMAGE, "", "Dan", SCRIPT],
    ]


@pytest.fixture(scope="module")
def sample_workspace(made_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One such list is in the CRM with a selection of its own, and one waits with a decision."""
    folder = tmp_path_factory.mktemp("hostile")
    shutil.copytree(made_workspace, folder / "workspace")
    workspace = Workspace.open(folder / "workspace")
    path = folder / FILE
    for department in (f"{IMAGE} north", f"{BREAK} south"):
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows(department=department))
        session = workspace.new_import()
        session.load(path)
        session.settings = session.settings.with_rule(COMPANY, action=Action.REPLACE)
        session.preview()
        if department.startswith(IMAGE):
            session.commit()
            first, second = [s for s in workspace.selections() if s.entity == "company"][:2]
            workspace.combine_selections(
                first.id, second.id, how=Combination.UNION, title=f"{IMAGE} mine"
            )
    session.decide_cell("company", 3, "company.department", f"{SCRIPT} by hand")
    session.preview()
    session.step = "source"
    session.release()
    return folder / "workspace"


@pytest.fixture
def watched(home: Page) -> Iterator[Page]:
    """A page on which nothing of the file runs."""
    dialogs: list[str] = []

    def note(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    home.on("dialog", note)
    yield home
    assert_harmless(home)
    assert dialogs == []
    home.remove_listener("dialog", note)


def assert_harmless(page: Page) -> None:
    """Nothing ran, and nothing of the file became an element."""
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[src='x'], svg[onload], [onerror]").count() == 0
    assert RUN not in " ".join(page.locator("script").all_inner_texts())


def shown(page: Page, text: str) -> None:
    """A text is on the screen, letter by letter, and did nothing."""
    expect(page.get_by_text(text).locator("visible=true").first).to_be_visible()
    assert_harmless(page)


def open_all(page: Page) -> None:
    """Open every part that is closed, by its element: one that was opened is not found as closed."""
    closed = page.locator("button[aria-expanded=false]").locator("visible=true")
    for part in closed.element_handles():
        part.click()


def test_an_import_shows_it_on_every_screen(watched: Page) -> None:
    page = watched
    shown(page, f"{FILE}, at step source")
    page.get_by_role("button", name="Continue").click()
    shown(page, f"{FILE}: 4 rows")

    next_step(page, "Map the columns")
    shown(page, f"{IMAGE} header")
    shown(page, f"{IMAGE} one")
    page.get_by_role("button", name=f"Clean {IMAGE} header").click()
    shown(page, f"Clean “{IMAGE} header”")

    next_step(page, "Import settings")
    open_all(page)
    shown(page, f"{SCRIPT} category")

    next_step(page, "Preview")
    grid = page.get_by_role("grid")
    expect(grid.get_by_text(f"{IMAGE} one")).to_be_visible()
    grid.get_by_text(f"{IMAGE} one").click()
    shown(page, f"{BREAK} south")
    page.get_by_role("button", name="History of company").click()
    expect(page.get_by_role("table").get_by_text(FILE).first).to_be_visible()
    open_all(page)
    shown(page, f"{SCRIPT} by hand")
    page.get_by_label("Search").fill("no such <b>text</b>")
    shown(page, "Nothing contains these words.")


def test_the_result_and_its_selections_show_it(watched: Page) -> None:
    page = watched
    shown(page, f": {FILE},")
    page.locator(".ck-line").filter(has_text=f": {FILE},").get_by_role(
        "button", name="Open", exact=True
    ).click()
    expect(page.get_by_text("Counted in the CRM")).to_be_visible()
    shown(page, f"{IMAGE} mine: ")

    page.get_by_role("button", name="List", exact=True).click()
    shown(page, "Rows held back")
    lines = page.locator(".ck-line").filter(has_text="Companies new in")
    lines.get_by_role("button", name="Open", exact=True).first.click()
    grid = page.get_by_role("grid")
    expect(grid.get_by_text(f"{IMAGE} one")).to_be_visible()
    grid.get_by_text(f"{IMAGE} one").click()
    page.get_by_role("button", name="History of company").click()
    expect(page.get_by_role("table").get_by_text(f"batch 2, {FILE}").first).to_be_visible()
    page.get_by_role("button", name="Undo this batch …").click()
    shown(page, "Removed: ")
    page.get_by_role("button", name="Home").click()
    page.get_by_role("button", name="Backups").click()
    shown(page, f"before batch 2, {FILE}")
    page.get_by_role("button", name="Restore …").first.click()
    shown(page, f"2 ({FILE})")


def test_a_message_shows_it(watched: Page) -> None:
    page = watched
    page.get_by_role("button", name="New import").click()
    page.get_by_label("On this machine:").fill(f"samples/{IMAGE}.csv")
    page.get_by_role("button", name="Open", exact=True).click()

    expect(page.get_by_role("alert").first).to_be_visible()
    shown(page, f"{IMAGE}.csv")
