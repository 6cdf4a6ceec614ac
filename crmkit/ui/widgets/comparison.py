"""One record side by side: what the CRM has, what the source says, what it will be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import traitlets

from crmkit.ui.handling import Handler
from crmkit.ui.widgets.base import Component, script, style


@dataclass(frozen=True)
class ComparedField:
    """One field of a record; None is an empty cell.

    Attributes:
        origin: Where the incoming value comes from, when rows were brought together.
    """

    label: str
    existing: str | None
    incoming: str | None
    outcome: str | None
    changed: bool
    origin: str = ""


@dataclass(frozen=True)
class ComparedSection:
    """One record of the row in focus, for instance its company.

    Attributes:
        status: new, changed, unchanged, skipped, held_back or problem.
        match_reason: Why it is, or is not, a record that the CRM has.
        action_reason: Why it is added, changed or left as it is.
        problems: What is wrong with it, each in a sentence.
        together: Which rows of the file are this one record, when there are several.
        decided: What the user decided about it, each in a sentence.
        notes: What is worth knowing and no problem, each in a sentence.
    """

    title: str
    status: str
    match_reason: str = ""
    action_reason: str = ""
    problems: tuple[str, ...] = ()
    fields: tuple[ComparedField, ...] = ()
    together: str = ""
    decided: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Comparison(Component):
    """Shows existing | incoming | outcome, field by field, for each record of a row.

    Args:
        empty: What to say as long as no row is chosen.
        label: The name of the area for a screen reader.
    """

    _esm = script("comparison")
    _css = style("comparison")
    _sections: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    _empty = traitlets.Unicode().tag(sync=True)
    _label = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        sections: Sequence[ComparedSection] = (),
        *,
        empty: str = "Choose a row to see what happens to it.",
        label: str = "The row in focus",
        handler: Handler | None = None,
    ) -> None:
        super().__init__(handler=handler, _empty=empty, _label=label)
        self.sections = tuple(sections)

    @property
    def sections(self) -> tuple[ComparedSection, ...]:
        """The records shown; set it to show another row, or to () for none."""
        return self.__sections

    @sections.setter
    def sections(self, sections: Sequence[ComparedSection]) -> None:
        self.__sections = tuple(sections)
        self._sections = [asdict(section) for section in self.__sections]
