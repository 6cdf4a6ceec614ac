"""Gmail as the source: a sign-in in the browser, then groups of contacts."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import ipywidgets as w

from crmkit.accounts.gmail import CLIENT_VARIABLE, Gmail, read_client
from crmkit.accounts.web import nobody
from crmkit.sources import Progress
from crmkit.staging import StagedTable
from crmkit.ui import markup
from crmkit.ui.account_origin import AccountOrigin, Offered, link
from crmkit.ui.desk import Desk
from crmkit.ui.handling import NoticeLevel
from crmkit.ui.origin import Load
from crmkit.ui.parts import Part
from crmkit.ui.widgets import Uploader

_LIMIT = 100_000
"""Bytes; Google's file has some hundred."""


class GmailOrigin(AccountOrigin):
    """Contacts of a Google account."""

    title = "Gmail"

    def __init__(self, desk: Desk, load: Load) -> None:
        super().__init__(desk, load)
        self._gmail: Gmail | None = None
        self._pasted = w.Text(
            placeholder="http://127.0.0.1:…",
            description="Address it arrived at:",
            style={"description_width": "initial"},
            layout=w.Layout(width="620px"),
            continuous_update=False,
        )
        self.aside.children = [self._pasted]
        self._registration = _Registration(desk, self._take)
        self.setup.children = [self._registration.widget]

    def show(self) -> None:
        super().show()
        self.aside.layout.display = "none"
        if not (os.environ.get(CLIENT_VARIABLE) or self.desk.workspace.google_client.exists()):
            self._registration.turn(to_open=True)  # nobody can sign in before

    def asks(self) -> str:
        return "Which groups?"

    def sign_in(self, show: Callable[[str], None], progress: Progress) -> Sequence[Offered]:
        gmail = self._gmail or self.desk.workspace.gmail()

        def show_link(address: str) -> None:
            self._pasted.value = ""
            self.aside.layout.display = ""
            show(_how(address))

        gmail.sign_in(show_link, progress, pasted=lambda: str(self._pasted.value))
        self._gmail = gmail
        return [
            Offered(group.name, group.count, ticked=number == 0)
            for number, group in enumerate(gmail.groups(progress))
        ]

    def sign_out(self) -> None:
        if self._gmail is not None:
            self._gmail.sign_out()

    def fetch(self, chosen: list[str], progress: Progress) -> StagedTable:
        if self._gmail is None:
            raise nobody(self.title)
        return self.desk.session.load_gmail(self._gmail, chosen, progress=progress)

    def _take(self, path: Path) -> None:
        """Put the file of the registration where it belongs."""
        try:
            read_client(path)
            path.replace(self.desk.workspace.google_client)
        finally:
            path.unlink(missing_ok=True)
        self._gmail = None
        self._registration.turn(to_open=False)
        self.desk.tell("The registration is kept in this workspace.", level=NoticeLevel.SUCCESS)


class _Registration(Part):
    """How crmkit is registered with Google: a file to upload, once."""

    def __init__(self, desk: Desk, take: Callable[[Path], None]) -> None:
        super().__init__("How crmkit is registered with Google", desk)
        self._take = take

    def opened(self) -> None:
        for child in self.body.children:
            child.close()
        if os.environ.get(CLIENT_VARIABLE):
            self.body.children = [
                w.HTML(_hint(f"The file is the one that {CLIENT_VARIABLE} names."))
            ]
            return
        if self.desk.workspace.visitor:
            # Whoever gives the file says where the others sign in.
            self.body.children = [
                w.HTML(_hint("Whoever looks after crmkit here has registered it."))
            ]
            return
        there = self.desk.workspace.google_client.exists()
        self.body.children = [
            w.HTML(
                _hint(
                    "Once for your organisation; docs/live-sources.md has every step. "
                    + (
                        "The file is there; another one takes its place."
                        if there
                        else "The file that Google gives at the end goes here."
                    )
                )
            ),
            Uploader(
                self.desk.session.upload_folder,
                on_file=self._take,
                accept=(".json",),
                limit_bytes=_LIMIT,
                handler=self.desk.handler,
            ),
        ]


def _hint(text: str) -> str:
    return markup.paragraph(text, style="ck-hint")


def _how(address: str) -> str:
    return (
        f"<p>{link(address, 'Open the sign-in of Google')} in this browser, and allow crmkit to see"
        " your contacts. This page then goes on by itself.</p>"
        + _hint(
            "Where the browser says at the end that it cannot reach 127.0.0.1, crmkit runs on"
            " another machine: copy the whole address from the browser to here."
        )
    )
