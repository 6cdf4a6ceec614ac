"""Values that a list does not have: which of its items each of them means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import traitlets

from crmkit.ui.handling import Handler
from crmkit.ui.widgets.base import Component, Event, script, style

_MOST_SHOWN: Final = 200
"""A column mapped to the wrong list has a value for each row; nobody maps thousands by hand."""


@dataclass(frozen=True)
class MappedValue:
    """One value of the source.

    Attributes:
        rows: How many rows have it.
        item: What the user chose for it; empty for as it is.
        suggestion: An item spelled nearly so, to be confirmed; empty for none.
    """

    text: str
    rows: int
    item: str = ""
    suggestion: str = ""


class ValueMap(Component):
    """A table of values, each with the items of a list to choose from.

    Args:
        label: The name of the list.
        on_choose: Is given value -> item for the values that the user chose for; an empty item
            is "as it is".
    """

    _esm = script("value_map")
    _css = style("value_map")
    _label = traitlets.Unicode().tag(sync=True)
    _items: traitlets.List[str] = traitlets.List().tag(sync=True)
    _rows: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    _left_off = traitlets.Int(0).tag(sync=True)
    as_it_is = traitlets.Unicode("As it is").tag(sync=True)

    def __init__(
        self,
        *,
        label: str,
        on_choose: Callable[[Mapping[str, str]], None],
        handler: Handler | None = None,
    ) -> None:
        super().__init__(handler=handler, _label=label)
        self.on_choose = on_choose
        self.values: tuple[MappedValue, ...] = ()

    def show(self, values: Sequence[MappedValue], items: Sequence[str], *, as_it_is: str) -> None:
        """Show values with their choices.

        Args:
            as_it_is: What happens to a value for which no item is chosen.
        """
        self.values = tuple(values)
        with self.hold_trait_notifications():
            self._items = list(items)
            self.as_it_is = as_it_is
            self._rows = [asdict(value) for value in self.values[:_MOST_SHOWN]]
            self._left_off = max(len(self.values) - _MOST_SHOWN, 0)

    def receive(self, event: Event) -> None:
        """Pass on one choice, or that all suggestions are taken."""
        if event.kind == "confirm_all":
            taken = {v.text: v.suggestion for v in self.values if v.suggestion and not v.item}
            if taken:
                self.on_choose(taken)
        elif event.kind == "choose":
            text, item = event.content.get("text"), event.content.get("item")
            if text in {value.text for value in self.values} and item in ("", *self._items):
                self.on_choose({str(text): str(item)})
