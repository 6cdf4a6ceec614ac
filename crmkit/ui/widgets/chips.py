"""Chips that filter: one for each status, with its count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import traitlets

from crmkit.ui.handling import Handler
from crmkit.ui.widgets.base import Component, Event, script, style


@dataclass(frozen=True)
class Chip:
    """One choice of a filter.

    Attributes:
        count: How many rows it shows; None when that is not known.
        status: A record status, for its icon and colour; empty for none.
    """

    value: str
    label: str
    count: int | None = None
    status: str = ""


class FilterChips(Component):
    """A row of chips of which one, or none, is chosen; choosing it again takes it back.

    Args:
        chips: In the order shown.
        label: What they filter, shown in front of them.
        selected: The value chosen at first; None for all.
        on_choose: Is given the value, or None when all rows are wanted.
        all_label: The words of the chip for all rows.
    """

    _esm = script("chips")
    _css = style("chips")
    _chips: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    _selected = traitlets.Unicode(None, allow_none=True).tag(sync=True)
    _label = traitlets.Unicode().tag(sync=True)
    _all_label = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        chips: Sequence[Chip] = (),
        *,
        label: str,
        selected: str | None = None,
        on_choose: Callable[[str | None], None] | None = None,
        all_label: str = "All",
        handler: Handler | None = None,
    ) -> None:
        super().__init__(handler=handler, _label=label, _all_label=all_label)
        self.on_choose = on_choose
        self.chips = tuple(chips)
        self.selected = selected

    @property
    def chips(self) -> tuple[Chip, ...]:
        """The chips, in order; set it to change the counts."""
        return self.__chips

    @chips.setter
    def chips(self, chips: Sequence[Chip]) -> None:
        self.__chips = tuple(chips)
        self._chips = [asdict(chip) for chip in self.__chips]

    @property
    def selected(self) -> str | None:
        """The value chosen, or None for all; setting it does not call `on_choose`."""
        return None if self._selected is None else str(self._selected)

    @selected.setter
    def selected(self, value: str | None) -> None:
        self._selected = value

    def receive(self, event: Event) -> None:
        """Keep the user's choice and pass it on."""
        value = event.content.get("value")
        if event.kind != "choose" or value not in (None, *(chip.value for chip in self.chips)):
            return
        self.selected = value
        if self.on_choose is not None:
            self.on_choose(value)
