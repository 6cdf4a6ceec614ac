"""Contacts from an account in a real browser: sign in at a service on this machine, fetch, preview."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from crmkit import serve
from crmkit.samples import SAMPLES
from crmkit.serve import Running, Service
from tests.browser.conftest import served as serving
from tests.browser.test_dashboard import to_preview, visit
from tests.outlook_service import Folder, OutlookService, people
from tests.services import served

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def outlook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OutlookService]:
    service = OutlookService()
    service.root.contacts = people(1, 4)
    service.root.inside["folder-a"] = Folder("Customers", people(100, 120))
    with served(service, tmp_path_factory.mktemp("service")):
        yield service


@pytest.fixture(scope="module")
def dashboard(
    outlook: OutlookService, sample_workspace: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """The dashboard, whose Outlook is the service on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in outlook.environment().items():
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
