"""A selection on the screen: its list, and what can be done with its members."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import ipywidgets as w

from crmkit.batches import Batch
from crmkit.deletion import DeletePreview, Dependents
from crmkit.entities import Schema
from crmkit.selections import Combination, Selection
from crmkit.session import ImportSession
from crmkit.ui import backups, markup
from crmkit.ui.desk import Desk, button
from crmkit.ui.handling import NoticeLevel
from crmkit.ui.history import History
from crmkit.ui.widgets import Downloader, Grid, GridColumn, GridKind
from crmkit.workspace import Workspace

_WIDE = {"description_width": "140px"}


class SelectionRows:
    """The members of a selection, for the grid; those that are ticked are `chosen`."""

    def __init__(self, workspace: Workspace, selection: Selection) -> None:
        self._workspace = workspace
        self._selection = selection
        self._search = ""
        self._sort, self._descending = 0, False
        self.chosen: set[int] = set()

    def order(self, sort: tuple[str, bool] | None, search: str) -> int:
        column, self._descending = sort or ("v0", False)
        # The first column of the grid is the box; it has no order of its own.
        self._sort = int(column[1:]) if column[1:].isdigit() else 0
        self._search = search
        return self._workspace.selection_count(self._selection.id, search=search)

    def page(self, offset: int, limit: int) -> list[dict[str, Any]]:
        _, rows = self._workspace.selection_page(
            self._selection.id,
            offset=offset,
            limit=limit,
            search=self._search,
            sort=self._sort,
            descending=self._descending,
        )
        return [
            {
                "id": row[0],
                "chosen": row[0] in self.chosen,
                **{f"v{number}": _text(value) for number, value in enumerate(row)},
            }
            for row in rows
        ]

    def check(self, row_id: int, *, checked: bool) -> None:
        (self.chosen.add if checked else self.chosen.discard)(row_id)


class SelectionView:
    """One selection: the list with search, order and boxes, and below it each action with its preview.

    Args:
        show_batch: Called with a batch that was written from here.
    """

    def __init__(
        self, desk: Desk, selection: Selection, *, show_batch: Callable[[Batch], None]
    ) -> None:
        self._desk, self._show_batch = desk, show_batch
        self._selection = selection
        self._title = w.HTML()
        self._rows = SelectionRows(desk.workspace, selection)
        self._download = Downloader()
        self._asked = w.VBox()
        headers, _ = desk.workspace.selection_page(selection.id, limit=1)
        columns = [
            GridColumn("chosen", "Choose", GridKind.CHECK, 84, sortable=False),
            *(GridColumn(f"v{n}", header, width=170) for n, header in enumerate(headers)),
        ]
        self._history = History(desk, forgotten=self._somebody_gone)
        self._grid = Grid(
            columns,
            self._rows,
            label=selection.name,
            on_focus_row=lambda record_id: self._history.show([(selection.entity, record_id)]),
            handler=desk.handler,
        )
        self.widget = w.VBox(
            [
                self._title,
                self._grid,
                self._history.widget,
                w.HBox(
                    [
                        button("Excel", lambda: self._export("xlsx"), desk),
                        button("CSV", lambda: self._export("csv"), desk),
                        button("Take chosen out of the selection", self._take_out, desk),
                        self._download,
                    ]
                ),
                self._adding(),
                self._combining(),
                self._setting(),
                self._deleting(),
                self._asked,
            ]
        )
        self._refresh(selection)

    def _refresh(self, selection: Selection) -> None:
        self._selection = selection
        self._title.value = f"<h3>{markup.escape(selection.name)}</h3>" + markup.paragraph(
            f"{selection.members:,} members.", style="ck-hint"
        )

    def _members_changed(self, selection: Selection) -> None:
        self._rows.chosen.clear()
        self._refresh(selection)
        self._grid.refresh()
        self._asked.children = []

    def _somebody_gone(self) -> None:
        self._members_changed(self._desk.workspace.selection(self._selection.id))

    # --- members ---------------------------------------------------------------------------

    def _export(self, ending: str) -> None:
        export = self._desk.workspace.export_selection
        self._desk.export(
            functools.partial(export, self._selection.id, ending=ending), self._download
        )

    def _take_out(self) -> None:
        chosen = sorted(self._rows.chosen)
        if not chosen:
            self._desk.tell("No member is chosen.", mend="Tick the boxes of some members first.")
            return
        self._desk.run(
            lambda _: self._desk.workspace.remove_members(self._selection.id, chosen),
            self._members_changed,
        )

    def _adding(self) -> w.Widget:
        search = w.Text(description="Add records:", placeholder="part of a name", style=_WIDE)
        found = w.SelectMultiple(options=[], rows=5, layout={"display": "none", "width": "420px"})
        found.description = "Found:"
        found.style = _WIDE

        def show(records: list[tuple[int, str]]) -> None:
            found.options = [(label, number) for number, label in records]
            found.layout.display = "" if records else "none"
            if not records:
                self._desk.tell("No other record contains this.", level=NoticeLevel.INFO)

        def find() -> None:
            text = search.value
            self._desk.run(
                lambda _: self._desk.workspace.find_others(self._selection.id, text), show
            )

        def added(selection: Selection) -> None:
            found.options, found.layout.display = [], "none"
            self._members_changed(selection)

        def add() -> None:
            ids = list(found.value)
            self._desk.run(
                lambda _: self._desk.workspace.add_members(self._selection.id, ids), added
            )

        line = w.HBox(
            [
                search,
                button("Find", find, self._desk),
                button("Add the records marked", add, self._desk),
            ]
        )
        return w.VBox([line, found])

    def _combining(self) -> w.Widget:
        selections = [
            (f"{s.name} ({s.members:,})", s.id)
            for s in self._desk.workspace.selections()
            if s.entity == self._selection.entity and s.id != self._selection.id and s.members
        ]
        if not selections:
            return w.HBox([])
        other = w.Dropdown(
            options=selections, description="Combine with:", style=_WIDE, layout={"width": "480px"}
        )
        how = w.Dropdown(options=[(c.label, c) for c in Combination], description="Take:")
        title = w.Text(description="New name:")

        def made(selection: Selection) -> None:
            self._desk.tell(
                f"“{selection.name}” has {selection.members:,} members.", level=NoticeLevel.SUCCESS
            )
            view = SelectionView(self._desk, selection, show_batch=self._show_batch)
            self.widget.children = view.widget.children

        def combine() -> None:
            second, chosen, name = other.value, how.value, title.value
            self._desk.run(
                lambda _: self._desk.workspace.combine_selections(
                    self._selection.id, second, how=chosen, title=name
                ),
                made,
            )

        return w.HBox([other, how, title, button("Combine", combine, self._desk)])

    # --- a field for all -------------------------------------------------------------------

    def _setting(self) -> w.Widget:
        targets = self._desk.workspace.settable(self._selection.id)
        if not targets:
            return w.HBox([])
        field = w.Dropdown(
            options=[(target.labels["en"], target.id) for target in targets],
            description="Set for all:",
            style=_WIDE,
        )
        value = w.Text(description="Value:", placeholder="blank clears the field")

        def opened(session: ImportSession) -> None:
            self._desk.resume(session.id)

        def preview() -> None:
            target, text = field.value, value.value
            self._desk.run(
                lambda _: self._desk.workspace.new_import_from_selection(
                    self._selection.id, target, text
                ),
                opened,
            )

        return w.HBox([field, value, button("Preview setting it …", preview, self._desk)])

    # --- delete ----------------------------------------------------------------------------

    def _deleting(self) -> w.Widget:
        return w.HBox([button("Delete the members …", lambda: self._ask_delete(None), self._desk)])

    def _ask_delete(self, dependents: Dependents | None) -> None:
        workspace = self._desk.workspace
        self._desk.run(
            lambda _: workspace.delete_preview(self._selection.id, dependents or Dependents.DELETE),
            self._show_delete,
        )

    def _show_delete(self, preview: DeletePreview) -> None:
        schema = self._desk.workspace.schema
        belonging = [e for e in schema.entities if e.parent == self._selection.entity]
        parts: list[w.Widget] = [w.HTML(markup.paragraph(told_delete(preview, schema)))]
        if belonging and len(preview.choices) > 1:
            what = belonging[0].plural["en"]
            choice = w.Dropdown(
                options=[
                    (f"{what} are deleted too", Dependents.DELETE),
                    (f"{what} stay without it", Dependents.KEEP),
                ],
                value=preview.dependents,
                description="What belongs to them:",
                style=_WIDE,
            )
            choice.observe(
                self._desk.handler.guard(lambda change: self._ask_delete(change["new"])), "value"
            )
            parts.append(choice)

        def delete() -> None:
            self._asked.children = []
            backups.write(
                self._desk,
                lambda progress, back_up: self._desk.workspace.delete_members(
                    preview, back_up=back_up, progress=progress
                ),
                self._show_batch,
                asked=self._asked,
            )

        def close() -> None:
            self._asked.children = []

        yes = button("Delete now", delete, self._desk, primary=True)
        yes.disabled = not preview.removed[self._selection.entity]
        parts.append(w.HBox([yes, button("Not now", close, self._desk)]))
        box = w.VBox(parts)
        box.add_class("ck-ask")
        self._asked.children = [box]


def told_delete(preview: DeletePreview, schema: Schema) -> str:
    """What a deletion does, in plain words."""
    names = {table.id: table.labels["en"] for table in schema.children}
    names |= {entity.id: entity.plural["en"] for entity in schema.entities}

    def told(counts: dict[str, int]) -> str:
        return ", ".join(f"{n:,} {names[key].lower()}" for key, n in counts.items() if n)

    text = f"Deleted: {told(preview.removed) or 'nothing'}."
    if what := told(preview.children):
        text += f" With them go, by kind: {what}."
    if what := told(preview.released):
        text += f" Kept, without what they belonged to: {what}."
    return f"{text} A backup is made first, and it can be undone."


def _text(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | bool) else str(value)
