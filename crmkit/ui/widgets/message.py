"""One line that tells the user what happened."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import traitlets

from crmkit.ui.handling import Handler, Notice
from crmkit.ui.widgets.base import Component, Event, script, style


class Message(Component):
    """Shows a notice until the user closes it or another one comes.

    Example:
        >>> message = Message()
        >>> handler = Handler(message.show)
    """

    _esm = script("message")
    _css = style("message")
    _notice: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)

    def __init__(self, *, handler: Handler | None = None) -> None:
        super().__init__(handler=handler)
        self._shown: Notice | None = None
        self._count = 0

    @property
    def notice(self) -> Notice | None:
        """The notice on the screen."""
        return self._shown

    def show(self, notice: Notice) -> None:
        """Show a notice in place of the one before."""
        self._shown = notice
        # Counted, so that a screen reader says the same notice again when it happens again.
        self._count += 1
        self._notice = {**asdict(notice), "count": self._count}

    def clear(self) -> None:
        """Take the notice away."""
        self._shown = None
        self._notice = {}

    def receive(self, event: Event) -> None:
        """Take the notice away when the user closes it."""
        if event.kind == "close":
            self.clear()
