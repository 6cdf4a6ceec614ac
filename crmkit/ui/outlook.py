"""Outlook as the source: a code to sign in with on Microsoft's page, then folders of contacts."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace

import ipywidgets as w

from crmkit.accounts.outlook import CLIENT_VARIABLE, DeviceCode, Outlook
from crmkit.accounts.web import nobody
from crmkit.sources import Progress
from crmkit.staging import StagedTable
from crmkit.ui import markup
from crmkit.ui.account_origin import AccountOrigin, Offered, link
from crmkit.ui.desk import Desk, button
from crmkit.ui.handling import NoticeLevel
from crmkit.ui.origin import Load
from crmkit.ui.parts import Part

_STYLE = {"description_width": "90px"}


class OutlookOrigin(AccountOrigin):
    """Contacts of an Outlook account."""

    title = "Outlook"

    def __init__(self, desk: Desk, load: Load) -> None:
        super().__init__(desk, load)
        self._outlook: Outlook | None = None
        self._client = w.Text(
            description="Client id:", style=_STYLE, layout=w.Layout(width="460px")
        )
        self._tenant = w.Text(description="Tenant:", style=_STYLE, layout=w.Layout(width="460px"))
        self._registration = Part("How crmkit is registered with Microsoft", desk)
        self._registration.body.children = [
            w.HTML(
                markup.paragraph(
                    "Once for your organisation; docs/live-sources.md has every step.",
                    style="ck-hint",
                )
            ),
            self._client,
            self._tenant,
            button("Keep", self._keep, desk, tooltip="Keep them in this workspace's preferences"),
        ]
        self.setup.children = [self._registration.widget]

    def show(self) -> None:
        super().show()
        kept = self.desk.workspace.preferences
        given = os.environ.get(CLIENT_VARIABLE)
        self._client.value, self._client.disabled = given or kept.outlook_client_id, bool(given)
        self._tenant.value = kept.outlook_tenant
        if not self._client.value:
            self._registration.turn(to_open=True)  # nobody can sign in before

    def asks(self) -> str:
        return "Which folders?"

    def sign_in(self, show: Callable[[str], None], progress: Progress) -> Sequence[Offered]:
        outlook = self._outlook or self.desk.workspace.outlook()
        outlook.sign_in(lambda code: show(_how(code)), progress)
        self._outlook = outlook
        folders = outlook.folders(progress)
        return [
            Offered(folder.path, folder.count, ticked=number == 0)
            for number, folder in enumerate(folders)
        ]

    def sign_out(self) -> None:
        if self._outlook is not None:
            self._outlook.sign_out()

    def fetch(self, chosen: list[str], progress: Progress) -> StagedTable:
        if self._outlook is None:
            raise nobody(self.title)
        return self.desk.session.load_outlook(self._outlook, chosen, progress=progress)

    def _keep(self) -> None:
        workspace = self.desk.workspace
        workspace.preferences = replace(
            workspace.preferences,
            outlook_client_id=self._client.value.strip(),
            outlook_tenant=self._tenant.value.strip() or "common",
        )
        self._outlook = None
        self._registration.turn(to_open=False)
        self.desk.tell("The registration is kept in this workspace.", level=NoticeLevel.SUCCESS)


def _how(code: DeviceCode) -> str:
    return (
        f"<p>Open {link(code.address)}, on any device, and type this code:"
        f' <strong class="ck-lead">{markup.escape(code.code)}</strong></p>'
        + markup.paragraph(
            "This page goes on by itself when you have allowed crmkit to read your contacts.",
            style="ck-hint",
        )
    )
