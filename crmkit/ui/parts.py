"""Pieces that several panels are made of: a part that is closed at first, and labelled controls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as w

from crmkit.ui.desk import Desk
from crmkit.ui.widgets import Disclosure

_STYLE = {"description_width": "200px"}


class Part:
    """A head that says what is in it, and a body that is closed at first."""

    def __init__(self, title: str, desk: Desk) -> None:
        self.desk = desk
        self.head = Disclosure(title, on_toggle=self._toggle, handler=desk.handler)
        self.body = w.VBox()
        self.body.add_class("ck-part")
        self.body.layout.display = "none"
        self.widget = w.VBox([self.head, self.body])

    def opened(self) -> None:
        """Make what is only worth making for somebody who looks."""

    def turn(self, *, to_open: bool) -> None:
        """Open or close it without a click."""
        if self.head.opened != to_open:
            self.head.opened = to_open
            self._toggle(to_open)

    def _toggle(self, is_open: bool) -> None:  # noqa: FBT001  the widget's callback
        if is_open:
            self.opened()
        self.body.layout.display = "" if is_open else "none"


def dropdown(label: str, options: Sequence[Any], value: Any = None) -> w.Dropdown:
    """A list to choose from, with its label."""
    # A layout of its own: a control is hidden through it.
    layout = w.Layout(width="520px", max_width="100%")
    made = w.Dropdown(description=label, options=options, layout=layout, style=_STYLE)
    if value is not None:
        made.value = value
    return made


def check(label: str) -> w.Checkbox:
    """A box to tick, with its label."""
    return w.Checkbox(description=label, indent=False, layout=w.Layout(width="100%"))


def offer(control: w.Dropdown, options: Sequence[Any], *, keep: bool = False) -> None:
    """Give a list other options; the first is chosen, or what was, where it is kept and still there.

    A list that was empty would go on showing nothing, though its options can be seen.
    """
    chosen = control.value
    control.options = options
    control.index = 0 if options else None
    if keep and chosen in {value for _, value in options}:
        control.value = chosen
