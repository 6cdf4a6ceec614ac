"""The history of the record in focus: asked for by button, shown as a table below it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import ipywidgets as w

from crmkit.ui import markup
from crmkit.ui.desk import Desk, button
from crmkit.ui.private import ForgetPerson

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 200
_ROWS = 10


class History:
    """A button for each known record in focus, and what happened to the one that was asked for.

    Args:
        forgotten: Called when a person in focus was forgotten.
    """

    def __init__(self, desk: Desk, *, forgotten: Callable[[], None] = lambda: None) -> None:
        self._desk = desk
        self._forgotten = forgotten
        self._buttons = w.HBox()
        self._table = w.HTML()
        self._forget = ForgetPerson(desk, forgotten=self._gone)
        # Who is meant is in focus already.
        self._forget.search.layout.display = "none"
        self._forget.widget.layout.display = "none"
        self.widget = w.VBox([self._buttons, self._table, self._forget.widget])

    def show(self, records: Sequence[tuple[str, int]]) -> None:
        """Offer the history of these records: entity's id and the record's."""
        self._table.value = ""
        self._forget.widget.layout.display = "none"
        schema = self._desk.workspace.schema
        self._buttons.children = [
            button(
                f"History of {schema.entity(entity).labels['en'].lower()} {record_id}",
                functools.partial(self._look, entity, record_id),
                self._desk,
            )
            for entity, record_id in records
        ] + [
            button(
                f"Forget person {record_id} …",
                functools.partial(self._ask_forget, record_id),
                self._desk,
                tooltip="Delete for good: from the CRM, its log, imports and exports",
            )
            for entity, record_id in records
            if entity == "person"
        ]

    def _ask_forget(self, person_id: int) -> None:
        self._forget.widget.layout.display = ""
        self._forget.ask(person_id)

    def _gone(self) -> None:
        self._buttons.children = []
        self._forget.widget.layout.display = "none"
        self._forgotten()

    def _look(self, entity: str, record_id: int) -> None:
        def shown(frame: pd.DataFrame) -> None:
            self._table.value = told_history(frame)

        self._desk.run(lambda _: self._desk.workspace.history(entity, record_id), shown)


def told_history(frame: pd.DataFrame) -> str:
    """A record's history as a table, the newest first."""
    if frame.empty:
        return markup.paragraph("No batch touched this record.", style="ck-hint")
    shown = frame.head(_SHOWN).astype(object)
    shown = shown.where(shown.notna(), None)
    rows = [
        (
            f"{row['at']:%d.%m.%Y %H:%M}",
            row["by"],
            row["what"],
            row["field"],
            row["before"],
            row["after"],
            f"batch {row['batch']}, {row['source']}"
            + (f", row {row['rows']}" if row["rows"] else ""),
        )
        for row in shown.to_dict("records")
    ]
    more = len(frame) - len(rows)
    return markup.table(
        ("When", "By", "What", "Field", "Before", "After", "From"), rows, caption="History"
    ) + (
        markup.paragraph(f"And {more:,} more: `workspace.history` has all.", style="ck-hint")
        if more > 0
        else ""
    )


def _from(rows: str) -> str:
    """The rows of the source; a company of hundreds of persons is in as many."""
    if not rows:
        return ""
    first, *more = rows.split(", ")
    listed = ", ".join([first, *more[: _ROWS - 1]])
    left = len(more) + 1 - _ROWS
    return f", row {listed}" + (f" and {left:,} more" if left > 0 else "")
