"""Contacts from an account in a real browser: sign in at a service on this machine, fetch, preview."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from crmkit import serve
from crmkit.samples import SAMPLES
from crmkit.serve import Running, Service
from tests.browser.conftest import served as serving
from tests.browser.test_dashboard import to_preview, visit
from tests.google_service import GoogleService, person
from tests.outlook_service import Folder, OutlookService, people
from tests.services import served

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where both services have their certificate."""
    return tmp_path_factory.mktemp("services")


@pytest.fixture(scope="module")
def outlook(folder: Path) -> Iterator[OutlookService]:
    service = OutlookService()
    service.root.contacts = people(1, 4)
    service.root.inside["folder-a"] = Folder("Customers", people(100, 120))
    with served(service, folder):
        yield service


@pytest.fixture(scope="module")
def google(folder: Path) -> Iterator[GoogleService]:
    service = GoogleService()
    service.people = [person(number, *(["77"] if number > 7 else [])) for number in range(1, 10)]
    with served(service, folder):
        yield service


@pytest.fixture(scope="module")
def dashboard(
    outlook: OutlookService,
    google: GoogleService,
    folder: Path,
    sample_workspace: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    """The dashboard, whose Outlook and Gmail are the services on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (outlook.environment() | google.environment(folder)).items():
            patch.setenv(name, value)
        # Nothing of a test goes into the keychain of whoever runs it.
        patch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
        service = Service(workspace=sample_workspace, folders=[SAMPLES], token="invented")
        with serving(service, serve.dashboard_command, tmp_path_factory) as running:
            yield running


@pytest.mark.timeout(300)
def test_contacts_come_from_outlook_to_the_preview(
    page: Page, dashboard: Running, outlook: OutlookService, screenshots: Path
) -> None:
    visit(page, dashboard)
    page.get_by_role("button", name="New import").click()
    page.get_by_role("button", name="Outlook", exact=True).click()
    expect(page.get_by_text("This machine has no keychain")).to_be_visible()
    page.get_by_role("button", name="Sign in to Outlook").click()
    expect(page.get_by_text("K7QX2M9PT", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="https://microsoft.com/devicelogin")).to_be_visible()
    page.screenshot(path=screenshots / "outlook-code.png")

    # The user allows it on another device; the page goes on by itself.
    outlook.approved = True
    expect(page.get_by_label("Contacts (4)")).to_be_checked()
    page.get_by_label("Contacts/Customers (120)").check()
    page.screenshot(path=screenshots / "outlook-folders.png")
    page.get_by_role("button", name="Fetch contacts").click()
    expect(page.get_by_text("outlook-contacts.jsonl: 124 rows")).to_be_visible()
    page.screenshot(path=screenshots / "outlook-source.png")

    to_preview(page)
    expect(page.get_by_text("Bergb").first).to_be_visible()
    page.screenshot(path=screenshots / "outlook-preview.png")


@pytest.mark.timeout(300)
def test_contacts_come_from_gmail_when_the_browser_comes_back(
    page: Page, dashboard: Running, google: GoogleService, screenshots: Path
) -> None:
    visit(page, dashboard)
    page.get_by_role("button", name="New import").click()
    page.get_by_role("button", name="Gmail", exact=True).click()
    page.get_by_role("button", name="Sign in to Gmail").click()
    link = page.get_by_role("link", name="Open the sign-in of Google")
    expect(link).to_be_visible()
    expect(page.get_by_label("Address it arrived at:")).to_be_visible()
    page.screenshot(path=screenshots / "gmail-link.png")

    # The user allows it, and Google sends the browser back to this machine.
    with urllib.request.urlopen(google.arrival(link.get_attribute("href")), timeout=30) as arrived:
        assert b"Go back to crmkit" in arrived.read()
    page.get_by_label("All contacts (9)").uncheck()
    page.get_by_label("Kunder (2)").check()
    page.get_by_role("button", name="Fetch contacts").click()

    expect(page.get_by_text("gmail-contacts.jsonl: 2 rows")).to_be_visible()
