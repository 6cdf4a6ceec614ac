"""An account on the internet as the source: sign in, tick what to fetch, fetch it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ipywidgets as w

from crmkit import keychain
from crmkit.errors import SourceError
from crmkit.sources import Progress
from crmkit.staging import StagedTable
from crmkit.ui import markup
from crmkit.ui.desk import Desk, button
from crmkit.ui.handling import NoticeLevel
from crmkit.ui.origin import Load, Origin


@dataclass(frozen=True)
class Offered:
    """Something to tick: a folder or a group.

    Attributes:
        name: What it is called, and known by.
        count: How many contacts are in it; None when the service does not say.
        ticked: Before anybody chose.
    """

    name: str
    count: int | None = None
    ticked: bool = False


class AccountOrigin(Origin):
    """What signing in and ticking looks like for every service.

    Attributes:
        setup: Where a service asks how crmkit is known to it.
    """

    def __init__(self, desk: Desk, load: Load) -> None:
        super().__init__(desk, load)
        self.setup = w.VBox()
        self.aside = w.VBox()
        self._ticks: dict[str, w.Checkbox] = {}
        self._sign_in = button(f"Sign in to {self.title}", self._begin, desk, primary=True)
        self._sign_out = button(
            "Sign out", self._leave, desk, tooltip="Forget the sign-in, in the keychain too"
        )
        self._told = w.HTML()
        self._list = w.VBox()
        self._fetch = button("Fetch contacts", self._load_chosen, desk, primary=True)
        self._chosen = w.VBox([w.HTML(self._heading()), self._list, self._fetch])
        self._chosen.add_class("ck-rule")
        self._hint = w.HTML()
        self.widget.children = [
            self.setup,
            w.HBox([self._sign_in, self._sign_out]),
            self._told,
            self.aside,
            self._hint,
            self._chosen,
        ]

    # --- what a service brings -------------------------------------------------------------

    @abstractmethod
    def asks(self) -> str:
        """What is ticked, as a question."""

    @abstractmethod
    def sign_in(self, show: Callable[[str], None], progress: Progress) -> Sequence[Offered]:
        """Sign in, and say what there is to tick.

        Args:
            show: Is given HTML that tells the user how to sign in, in his browser.
        """

    @abstractmethod
    def sign_out(self) -> None:
        """Forget the sign-in."""

    @abstractmethod
    def fetch(self, chosen: list[str], progress: Progress) -> StagedTable:
        """Fetch what was ticked into the import."""

    # --- the screen ------------------------------------------------------------------------

    def show(self) -> None:
        self._chosen.layout.display = "" if self._ticks else "none"
        self._sign_out.layout.display = "" if self._ticks else "none"
        self._hint.value = (
            ""
            if keychain.is_available()
            else markup.paragraph(
                "This machine has no keychain: the sign-in is kept nowhere, and asked for again"
                " the next time.",
                style="ck-hint",
            )
        )

    def _heading(self) -> str:
        return f"<h3>{markup.escape(self.asks())}</h3>"

    def _begin(self) -> None:
        def show(html: str) -> None:
            self._told.value = html

        def end() -> None:
            self._told.value = ""
            self.show()

        def done(offered: Sequence[Offered]) -> None:
            self._offer(offered)
            end()

        self.desk.run(lambda progress: self.sign_in(show, progress), done, ended=end)

    def _offer(self, offered: Sequence[Offered]) -> None:
        """Show what there is; what was ticked before stays so, as after signing in again."""
        before = {name: tick.value for name, tick in self._ticks.items()}
        self._ticks = {
            item.name: w.Checkbox(
                value=before.get(item.name, item.ticked),
                description=item.name + ("" if item.count is None else f" ({item.count:,})"),
                indent=False,
                layout=w.Layout(width="auto"),
            )
            for item in offered
        }
        self._list.children = list(self._ticks.values())

    def _load_chosen(self) -> None:
        chosen = [name for name, tick in self._ticks.items() if tick.value]
        if not chosen:
            raise SourceError("Nothing is ticked.", mend="Tick what you want to import.")
        self.load(lambda progress: self.fetch(chosen, progress))

    def _leave(self) -> None:
        self.sign_out()
        self._ticks = {}
        self._list.children = []
        self.show()
        self.desk.tell(f"You are signed out of {self.title}.", level=NoticeLevel.INFO)


def link(address: str, text: str = "") -> str:
    """A link that opens in a tab of its own; an address that is no web page is only shown."""
    shown = markup.escape(text or address)
    if not address.startswith(("https://", "http://")):
        return shown
    return (
        f'<a href="{markup.escape(address)}" target="_blank" rel="noopener noreferrer">{shown}</a>'
    )
