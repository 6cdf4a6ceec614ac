"""Which column goes into which field, one row for each column of the source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import traitlets

from crmkit.ui.handling import Handler
from crmkit.ui.widgets.base import Component, Event, script, style

CHOSEN_BY_USER: Final = "chosen by you"


@dataclass(frozen=True)
class Target:
    """A field of the CRM that a column can go into.

    Attributes:
        required: The import needs it.
        multiple: Several columns may go into it.
    """

    id: str
    label: str
    required: bool = False
    multiple: bool = False


@dataclass(frozen=True)
class TargetGroup:
    """The fields of one entity."""

    label: str
    targets: tuple[Target, ...]


@dataclass(frozen=True)
class MappingRow:
    """A column of the source and the field it goes into.

    Attributes:
        column: Identifies it in the staged table.
        filled_percent: 0 to 100.
        distinct: How many different values it holds.
        target: The id of a target, or None when the column is left out.
        confidence: 0 to 1; None when nothing was suggested or the user has chosen.
        reason: Why it was suggested, or "chosen by you".
        steps: How many cleaning steps it has.
        note: Shown instead of how much is filled; for a column that is not in the file.
    """

    column: str
    header: str
    filled_percent: float
    distinct: int
    samples: tuple[str, ...] = ()
    target: str | None = None
    confidence: float | None = None
    reason: str = ""
    steps: int = 0
    note: str = ""


class MappingTable(Component):
    """Lets the user say, column by column, where the source goes in the CRM.

    Args:
        rows: In the order of the source.
        groups: The fields to choose from, in groups.
        label: The name of the table for a screen reader.
        on_change: Is given the column and the id of its new target, or None when it is left out;
            `rows` holds the change already.
        on_clean: Is given the column whose cleaning steps are asked for; a button in each row when
            it is there.
    """

    _esm = script("mapping_table")
    _css = style("mapping_table")
    _rows: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    _groups: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    _conflicts: traitlets.Dict[str, str] = traitlets.Dict().tag(sync=True)
    _label = traitlets.Unicode().tag(sync=True)
    _cleans = traitlets.Bool().tag(sync=True)
    cleaning = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        rows: Sequence[MappingRow] = (),
        groups: Sequence[TargetGroup] = (),
        *,
        label: str = "Columns of the file",
        on_change: Callable[[str, str | None], None] | None = None,
        on_clean: Callable[[str], None] | None = None,
        handler: Handler | None = None,
    ) -> None:
        super().__init__(handler=handler, _label=label, _cleans=on_clean is not None)
        self.on_change = on_change
        self.on_clean = on_clean
        self.groups = tuple(groups)
        self.rows = tuple(rows)
        self.conflicts = {}

    @property
    def rows(self) -> tuple[MappingRow, ...]:
        """The columns and where they go; set it to show another mapping."""
        return self.__rows

    @rows.setter
    def rows(self, rows: Sequence[MappingRow]) -> None:
        self.__rows = tuple(rows)
        self._rows = [asdict(row) for row in self.__rows]

    @property
    def groups(self) -> tuple[TargetGroup, ...]:
        """The fields to choose from."""
        return self.__groups

    @groups.setter
    def groups(self, groups: Sequence[TargetGroup]) -> None:
        self.__groups = tuple(groups)
        self._groups = [asdict(group) for group in self.__groups]

    @property
    def conflicts(self) -> dict[str, str]:
        """Column -> what is wrong with its mapping, shown in its row."""
        return dict(self._conflicts)

    @conflicts.setter
    def conflicts(self, conflicts: Mapping[str, str]) -> None:
        self._conflicts = dict(conflicts)

    def receive(self, event: Event) -> None:
        """Keep the field that the user chose for a column, and pass it on; open its steps."""
        column, target = event.content.get("column"), event.content.get("target")
        known = {target.id for group in self.groups for target in group.targets}
        columns = {row.column for row in self.rows}
        if event.kind == "clean" and column in columns and self.on_clean is not None:
            self.on_clean(str(column))
            return
        if event.kind != "map" or column not in columns or not (target is None or target in known):
            return
        self.rows = tuple(
            replace(row, target=target, confidence=None, reason=CHOSEN_BY_USER)
            if row.column == column
            else row
            for row in self.rows
        )
        if self.on_change is not None:
            self.on_change(str(column), target)
