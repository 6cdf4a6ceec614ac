"""Outlook on the source screen: a code, folders to tick, and contacts."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmkit.crm import Preferences
from crmkit.ui.desk import Desk
from crmkit.ui.outlook import OutlookOrigin
from crmkit.ui.source import SourcePanel
from tests.crm_kit import new_workspace
from tests.keyrings import MemoryKeyring
from tests.outlook_service import OutlookService


@pytest.fixture
def panel(tmp_path: Path, outlook_service: OutlookService) -> SourcePanel:
    workspace = new_workspace(tmp_path / "workspace", preferences=Preferences())
    panel = SourcePanel(Desk(workspace, workspace.new_import(), strict=False))
    panel.origin.value = next(o for o in panel.origins if isinstance(o, OutlookOrigin))
    return panel


def outlook(panel: SourcePanel) -> OutlookOrigin:
    assert isinstance(panel.origin.value, OutlookOrigin)
    return panel.origin.value


def sign_in(panel: SourcePanel) -> None:
    outlook(panel)._sign_in.click()
    assert panel.desk.wait(30)


def said(panel: SourcePanel) -> str:
    notice = panel.desk.message.notice
    return notice.message if notice else ""


def ticked(panel: SourcePanel) -> list[str]:
    return [name for name, tick in outlook(panel)._ticks.items() if tick.value]


def test_the_default_folder_is_ticked_and_all_are_offered(panel: SourcePanel) -> None:
    sign_in(panel)

    assert ["Contacts"] == ticked(panel)
    assert ["Contacts (3)", "Contacts/Customers (250)", "Contacts/Customers/Sweden (2)"] == [
        tick.description for tick in outlook(panel)._ticks.values()
    ][:3]


def test_what_is_ticked_is_fetched(panel: SourcePanel) -> None:
    sign_in(panel)
    outlook(panel)._ticks["Contacts/Customers/Sweden"].value = True
    outlook(panel)._fetch.click()
    assert panel.desk.wait(30)

    assert "outlook-contacts.jsonl: 5 rows" in panel._found.value


def test_an_ended_sign_in_is_told_and_what_was_ticked_stays_so(
    panel: SourcePanel, outlook_service: OutlookService
) -> None:
    sign_in(panel)
    outlook(panel)._ticks["Contacts"].value = False
    outlook(panel)._ticks["Contacts/Customers"].value = True
    outlook_service.refreshing = False
    outlook_service.valid.clear()
    outlook(panel)._fetch.click()
    assert panel.desk.wait(30)

    assert "The sign-in to Outlook has ended" in said(panel)
    sign_in(panel)
    assert ["Contacts/Customers"] == ticked(panel)


def test_waiting_for_the_code_can_be_cancelled(
    panel: SourcePanel, outlook_service: OutlookService
) -> None:
    outlook_service.approved = False
    outlook(panel)._sign_in.click()
    panel.desk.cancel()
    assert panel.desk.wait(30)

    assert "" == outlook(panel)._told.value
    assert "Stopped." == said(panel)
    assert {} == outlook(panel)._ticks


def test_signing_out_takes_the_folders_away(panel: SourcePanel, keyring: MemoryKeyring) -> None:
    sign_in(panel)
    assert keyring.kept

    outlook(panel)._sign_out.click()

    assert {} == outlook(panel)._ticks
    assert {} == keyring.kept


def test_the_registration_is_kept_in_the_workspace(
    panel: SourcePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CRMKIT_GRAPH_CLIENT_ID")
    sign_in(panel)
    assert "client id" in said(panel)

    outlook(panel).show()
    assert outlook(panel)._registration.head.opened
    outlook(panel)._client.value, outlook(panel)._tenant.value = " client-1 ", ""
    outlook(panel)._keep()

    app = panel.desk.workspace.outlook().app
    assert ("client-1", "common") == (app.client_id, app.tenant)
    assert not outlook(panel)._registration.head.opened
