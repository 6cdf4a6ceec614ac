"""A team's dashboard in the browser: signing in, one's own imports, sharing, and a tab that is closed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from crmkit import serve
from crmkit.samples import SAMPLES
from crmkit.serve import Running, Service, Team
from crmkit.users import add_user
from tests.browser.conftest import served
from tests.browser.test_serve_browser import eventually, kernels, ready

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

PASSWORD = "correct horse 7"


@pytest.fixture(scope="module")
def team(sample_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    users = tmp_path_factory.mktemp("users") / "users.json"
    for name in ("ann", "bo"):
        add_user(users, name, PASSWORD)
    service = Service(
        workspace=sample_workspace, folders=[SAMPLES], team=Team(users, upload_megabytes=1)
    )
    with served(service, serve.team_command, tmp_path_factory) as running:
        yield running


def sign_in(page: Page, team: Running, name: str) -> None:
    page.goto(team.address)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    ready(page)


def test_each_sees_their_own_imports_and_shared_ones(
    team: Running, page: Page, browser: Browser, tmp_path: Path, screenshots: Path
) -> None:
    page.goto(team.address)
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill("wrong horse 77")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("Name or password is wrong.")
    page.screenshot(path=screenshots / "team-sign-in.png")
    sign_in(page, team, "ann")

    page.get_by_role("button", name="New import").click()
    large = tmp_path / "large.csv"
    large.write_bytes(b"Company name\n" + b"Acme AS\n" * 150_000)
    page.locator("input[type=file]").set_input_files(large)
    expect(page.get_by_text("1 MB").first).to_be_visible()
    small = tmp_path / "anns-list.csv"
    small.write_text("Company name\nAcme AS\n", encoding="utf-8")
    page.locator("input[type=file]").set_input_files(small)
    expect(page.get_by_text("anns-list.csv: 1 row,")).to_be_visible()
    import_address = page.url
    page.get_by_role("button", name="Home").click()
    expect(page.get_by_text("anns-list.csv, at step source")).to_be_visible()

    context = browser.new_context()
    try:
        other = context.new_page()
        sign_in(other, team, "bo")
        expect(other.get_by_text("anns-list.csv")).to_have_count(0)
        other.goto(import_address)
        expect(other.get_by_text("or it is somebody else's")).to_be_visible()

        page.get_by_role("button", name="Share", exact=True).click()
        expect(page.get_by_role("button", name="Keep to myself")).to_be_visible()
        other.goto(team.address)
        expect(other.get_by_text("anns-list.csv, at step source")).to_be_visible()
        expect(other.get_by_text("shared by ann")).to_be_visible()

        assert eventually(lambda: len(kernels(team)) == 2)
        other.close(run_before_unload=True)
        assert eventually(lambda: len(kernels(team)) == 1)
    finally:
        context.close()
