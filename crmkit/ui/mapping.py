"""Mapping: which column goes into which field."""

from __future__ import annotations

import functools
from typing import Final

import ipywidgets as w

from crmkit import mapping as mappings
from crmkit.entities import Schema
from crmkit.offered_steps import OfferedStep
from crmkit.ui import markup
from crmkit.ui.descriptions import DescriptionChoice
from crmkit.ui.desk import Desk, Panel, button
from crmkit.ui.steps import StepsEditor
from crmkit.ui.widgets import MappingRow, MappingTable, Target, TargetGroup


class MappingPanel(Panel):
    """Say, column by column, where the source goes in the CRM."""

    title = "Map the columns"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._described = DescriptionChoice(desk, on_applied=self.show)
        self._needed = w.HTML()
        self._table = MappingTable(
            on_change=self._change, on_clean=self._clean, handler=desk.handler
        )
        self._steps = StepsEditor(desk, on_change=self._cleaned, on_close=self._close_steps)
        self._offered = w.VBox()
        self._field = w.Dropdown(layout=w.Layout(width="320px"))
        self._value = w.Text(placeholder="The same value for every row")
        self._constants = w.VBox()
        suggest = button(
            "Suggest again", self._suggest, desk, tooltip="Forget the choices made here"
        )
        self._forget = button(
            "Forget earlier choices",
            self._forget_earlier,
            desk,
            tooltip="Suggest without what was chosen in earlier imports, from now on",
        )
        self.body.children = [
            self._described.widget,
            self._needed,
            self._table,
            self._steps.widget,
            self._offered,
            w.HTML("<h3>The same value for all rows</h3>"),
            w.HBox([self._field, self._value, button("Set", self._set_constant, desk)]),
            self._constants,
            w.HBox([suggest, self._forget]),
        ]

    def ready(self) -> bool:
        session = self.desk.session
        if not session.has_source:
            return False
        schema = session.schema
        needed = mappings.requirements(session.mapping, schema)
        met = all(item.met or not item.blocks for item in needed)
        return met and not mappings.faults(session.mapping, session.staged, schema)

    def show(self) -> None:
        session = self.desk.session
        schema = session.schema
        self._described.show()
        self._table.groups = _groups(schema)
        self._show_rows()
        if self._steps.column:
            self._steps.close()
        self._field.options = [
            (target.label, target.id) for target in schema.targets() if not target.field.composed
        ]
        self._refresh(schema)

    def _show_rows(self) -> None:
        session = self.desk.session
        mapping = session.mapping
        chosen = {entry.column: entry for entry in mapping.columns}
        rows = max(session.staged.row_count, 1)
        filed = [
            MappingRow(
                column=column.id,
                header=column.header,
                filled_percent=100 * column.filled / rows,
                distinct=column.distinct,
                samples=column.samples,
                target=chosen[column.id].target,
                confidence=chosen[column.id].confidence,
                reason=chosen[column.id].reason,
                steps=len(mapping.steps.get(column.id, ())),
            )
            for column in session.staged.columns
        ]
        made = [
            MappingRow(
                column=column.id,
                header=column.header,
                filled_percent=0,
                distinct=0,
                samples=tuple(
                    trial.after for trial in session.try_steps(column.id, count=4) if trial.after
                ),
                target=chosen[column.id].target,
                reason=chosen[column.id].reason,
                steps=len(mapping.steps.get(column.id, ())),
                note="not in the file",
            )
            for column in mapping.made
        ]
        self._table.rows = (*filed, *made)
        self._forget.layout.display = (
            ""
            if any(c.subject == session.subject for c in session.workspace.header_choices())
            else "none"
        )

    def _refresh(self, schema: Schema) -> None:
        session = self.desk.session
        mapping = session.mapping
        self._table.conflicts = mappings.faults(mapping, session.staged, schema)
        lines = "".join(
            f'<li class="{"ck-met" if item.met else "ck-missing"}">'
            f"{_plain(item.label)}: {'mapped' if item.met else 'missing. ' + _plain(item.hint)}</li>"
            for item in mappings.requirements(mapping, schema)
        )
        self._needed.value = f'<ul class="ck-needed" aria-label="Required fields">{lines}</ul>'
        headers = {column.id: column.header for column in session.staged.columns}
        self._offered.children = [
            w.HBox(
                [
                    w.HTML(markup.paragraph(_calls_for(headers[offered.column], offered))),
                    button(
                        _TAKEN[offered.step.kind],
                        functools.partial(self._take, offered),
                        self.desk,
                        tooltip=f"Adds the cleaning step: {offered.step.title}",
                    ),
                ]
            )
            for offered in session.offered_steps()
        ]
        self._constants.children = [
            w.HBox(
                [
                    w.HTML(markup.paragraph(f"{schema.target(c.target).label} = {c.value}")),
                    button("Remove", functools.partial(self._remove_constant, c.target), self.desk),
                ]
            )
            for c in mapping.constants
        ]

    def _change(self, column: str, target: str | None) -> None:
        session = self.desk.session
        session.mapping = session.mapping.with_target(column, target)
        self._refresh(session.schema)
        self.desk.on_change()

    def _clean(self, column: str) -> None:
        """Open the steps of a column, or close them."""
        if self._steps.column == column:
            self._steps.close()
            return
        self._steps.open(column)
        self._table.cleaning = column

    def _close_steps(self) -> None:
        self._table.cleaning = ""

    def _cleaned(self) -> None:
        self._show_rows()
        self._refresh(self.desk.session.schema)
        self.desk.on_change()

    def _take(self, offered: OfferedStep) -> None:
        self.desk.session.take_step(offered)
        if self._steps.column:
            self._steps.close()
        self._cleaned()

    def _set_constant(self) -> None:
        session = self.desk.session
        if not self._value.value.strip():
            self.desk.tell("Type the value that all rows shall have.")
            return
        session.mapping = session.mapping.with_constant(
            self._field.value, self._value.value.strip()
        )
        self._value.value = ""
        self._refresh(session.schema)
        self.desk.on_change()

    def _remove_constant(self, target: str) -> None:
        session = self.desk.session
        session.mapping = session.mapping.without_constant(target)
        self._refresh(session.schema)
        self.desk.on_change()

    def _suggest(self) -> None:
        session = self.desk.session
        session.mapping = session.suggest_mapping()
        self.show()
        self.desk.on_change()

    def _forget_earlier(self) -> None:
        session = self.desk.session
        session.workspace.forget_header_choices(session.subject)
        self._suggest()


def _calls_for(header: str, offered: OfferedStep) -> str:
    cells = "1 cell" if offered.cells == 1 else f"{offered.cells:,} cells"
    says = {
        "null_words": "says that it is empty" if offered.cells == 1 else "say that they are empty",
        "mojibake": f"{'has' if offered.cells == 1 else 'have'} letters that were read wrongly",
    }[offered.step.kind]
    return f"{header}: {cells} {says} ({', '.join(offered.samples)})."


_TAKEN: Final = {"null_words": "Empty them", "mojibake": "Mend them"}


def _groups(schema: Schema) -> tuple[TargetGroup, ...]:
    return tuple(
        TargetGroup(
            entity.labels["en"],
            tuple(
                Target(
                    target.id,
                    target.labels["en"],
                    required=target.field.id in (*entity.needs, *entity.expected)
                    and target.slot is None,
                    multiple=target.multiple,
                )
                for target in schema.targets()
                if target.entity.id == entity.id
            ),
        )
        for entity in schema.entities
    )


def _plain(text: str) -> str:
    return markup.escape(text)
