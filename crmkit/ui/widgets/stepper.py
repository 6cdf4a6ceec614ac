"""The steps of the import, and where the user is among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import traitlets

from crmkit.ui.handling import Handler
from crmkit.ui.widgets.base import Component, Event, script, style


class StepState(StrEnum):
    """What the user can do with a step."""

    DONE = "done"
    OPEN = "open"
    LOCKED = "locked"  # something before it is missing
    STALE = "stale"  # done, but something before it has changed since


@dataclass(frozen=True)
class Step:
    """One step of the way."""

    key: str
    label: str
    state: StepState = StepState.LOCKED


class Stepper(Component):
    """Shows the steps in a row and lets the user go to any that is not locked.

    Args:
        steps: In the order of the work.
        current: Key of the step on the screen.
        label: The name of the row for a screen reader.
        on_choose: Is given the key of the step the user asks for. The stepper itself does not
            move: set `current` when the step is shown.
    """

    _esm = script("stepper")
    _css = style("stepper")
    _steps: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    _current = traitlets.Unicode().tag(sync=True)
    _label = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        steps: Sequence[Step] = (),
        *,
        current: str = "",
        label: str = "Steps of the import",
        on_choose: Callable[[str], None] | None = None,
        handler: Handler | None = None,
    ) -> None:
        super().__init__(handler=handler, _label=label)
        self.on_choose = on_choose
        self.steps = tuple(steps)
        self.current = current

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps, in order; set it to change their states."""
        return self.__steps

    @steps.setter
    def steps(self, steps: Sequence[Step]) -> None:
        self.__steps = tuple(steps)
        self._steps = [asdict(step) for step in self.__steps]

    @property
    def current(self) -> str:
        """The key of the step on the screen."""
        return str(self._current)

    @current.setter
    def current(self, key: str) -> None:
        self._current = key

    def receive(self, event: Event) -> None:
        """Pass on the step the user asks for, when it can be entered."""
        open_keys = {step.key for step in self.steps if step.state is not StepState.LOCKED}
        key = event.content.get("key")
        if event.kind == "choose" and key in open_keys and self.on_choose is not None:
            self.on_choose(str(key))
