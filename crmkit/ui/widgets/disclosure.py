"""The head of a part that is closed at first: what it is about, and what is chosen in it."""

from __future__ import annotations

from collections.abc import Callable

import traitlets

from crmkit.ui.handling import Handler
from crmkit.ui.widgets.base import Component, Event, script, style


class Disclosure(Component):
    """A button that opens and closes what stands below it.

    The accordion of ipywidgets cannot be reached with the keyboard, and says nothing of its state.

    Args:
        title: What the part is about.
        summary: What is chosen in it, in a few words; seen while it is closed, too.
        on_toggle: Is given whether it is open now.
    """

    _esm = script("disclosure")
    _css = style("disclosure")
    title = traitlets.Unicode().tag(sync=True)
    summary = traitlets.Unicode().tag(sync=True)
    opened = traitlets.Bool(default_value=False).tag(sync=True)

    def __init__(
        self,
        title: str,
        *,
        summary: str = "",
        on_toggle: Callable[[bool], None] | None = None,
        handler: Handler | None = None,
    ) -> None:
        super().__init__(handler=handler, title=title, summary=summary)
        self.on_toggle = on_toggle

    def receive(self, event: Event) -> None:
        """Open or close."""
        if event.kind != "toggle":
            return
        self.opened = not self.opened
        if self.on_toggle is not None:
            self.on_toggle(self.opened)
