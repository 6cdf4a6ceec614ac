"""Gmail on the source screen: a link to sign in, groups to tick, and contacts."""

from __future__ import annotations

import html
import re
import time
from pathlib import Path

import pytest

from crmkit.crm import Preferences
from crmkit.errors import SettingsError
from crmkit.ui.desk import Desk
from crmkit.ui.gmail import GmailOrigin
from crmkit.ui.source import SourcePanel
from tests.crm_kit import new_workspace
from tests.google_service import GoogleService


@pytest.fixture
def panel(tmp_path: Path, google_service: GoogleService) -> SourcePanel:
    workspace = new_workspace(tmp_path / "workspace", preferences=Preferences())
    panel = SourcePanel(Desk(workspace, workspace.new_import(), strict=False))
    panel.origin.value = next(o for o in panel.origins if isinstance(o, GmailOrigin))
    return panel


def gmail(panel: SourcePanel) -> GmailOrigin:
    assert isinstance(panel.origin.value, GmailOrigin)
    return panel.origin.value


def sign_in(panel: SourcePanel, service: GoogleService) -> None:
    """Follow the link and paste the address, as where the browser is on another machine."""
    gmail(panel)._sign_in.click()
    until = time.monotonic() + 30
    while not (found := re.search(r'href="([^"]+)"', gmail(panel)._told.value)):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert "" == gmail(panel).aside.layout.display
    gmail(panel)._pasted.value = service.arrival(html.unescape(found[1]))
    assert panel.desk.wait(30)


def test_what_is_ticked_is_fetched(panel: SourcePanel, google_service: GoogleService) -> None:
    sign_in(panel, google_service)
    ticks = gmail(panel)._ticks

    assert ["All contacts (5)", "My Contacts (5)", "Kunder (2)"] == [
        tick.description for tick in ticks.values()
    ]
    assert "none" == gmail(panel).aside.layout.display
    ticks["All contacts"].value, ticks["Kunder"].value = False, True
    gmail(panel)._fetch.click()
    assert panel.desk.wait(30)

    assert "gmail-contacts.jsonl: 2 rows" in panel._found.value


def test_nothing_ticked_is_told(panel: SourcePanel, google_service: GoogleService) -> None:
    sign_in(panel, google_service)
    gmail(panel)._ticks["All contacts"].value = False
    gmail(panel)._fetch.click()

    notice = panel.desk.message.notice
    assert notice is not None
    assert "Nothing is ticked." == notice.message


def test_the_file_of_the_registration_goes_to_its_place(
    panel: SourcePanel,
    google_service: GoogleService,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.delenv("CRMKIT_GOOGLE_CLIENT")
    session = panel.desk.session
    uploaded = google_service.client_file(session.upload_folder)

    gmail(panel).show()
    assert gmail(panel)._registration.head.opened
    gmail(panel)._take(uploaded)

    assert panel.desk.workspace.google_client.exists()
    assert not gmail(panel)._registration.head.opened
    assert [] == list(session.upload_folder.iterdir())


def test_a_wrong_file_of_the_registration_is_not_kept(
    panel: SourcePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CRMKIT_GOOGLE_CLIENT")
    uploaded = panel.desk.session.upload_folder / "client.json"
    uploaded.write_text("{}", encoding="utf-8")

    with pytest.raises(SettingsError):
        gmail(panel)._take(uploaded)

    assert not uploaded.exists()
    assert not panel.desk.workspace.google_client.exists()
