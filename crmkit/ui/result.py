"""Result: what an import added and changed, counted in the CRM, and its selections."""

from __future__ import annotations

from typing import Any

import ipywidgets as w

from crmkit.selections import Selection
from crmkit.ui import markup
from crmkit.ui.desk import Desk, Panel, button
from crmkit.ui.widgets import Downloader, Grid, GridColumn
from crmkit.workspace import Batch, Workspace


class SelectionRows:
    """The members of a selection, for the grid."""

    def __init__(self, workspace: Workspace, selection: Selection) -> None:
        self._workspace = workspace
        self._selection = selection
        self._search = ""

    def order(self, sort: tuple[str, bool] | None, search: str) -> int:
        del sort
        self._search = search
        return self._workspace.selection_count(self._selection.id, search=search)

    def page(self, offset: int, limit: int) -> list[dict[str, Any]]:
        _, rows = self._workspace.selection_page(
            self._selection.id, offset=offset, limit=limit, search=self._search
        )
        return [
            {"id": row[0], **{f"v{number}": _text(value) for number, value in enumerate(row)}}
            for row in rows
        ]

    def check(self, row_id: int, *, checked: bool) -> None:
        """Members have no check box."""


class ResultPanel(Panel):
    """What came of the import."""

    title = "Result"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._counts = w.HTML()
        self._selections = w.VBox()
        self._list = w.VBox()
        self._download = Downloader()
        self.body.children = [self._counts, self._selections, self._download, self._list]

    def ready(self) -> bool:
        return False

    def show(self) -> None:
        batch = self.desk.session.batch
        if batch is None:
            self._counts.value = markup.paragraph("This import is not in the CRM yet.")
            self._selections.children = []
            return
        self.show_batch(batch)

    def show_batch(self, batch: Batch) -> None:
        """Show any batch, also one of another import."""
        workspace = self.desk.workspace
        selections = workspace.selections(batch.id)
        # What the import was about: also where nothing of it was written.
        about = {selection.entity for selection in selections}
        self._list.children = []
        self._counts.value = markup.paragraph(
            f"Batch {batch.id}: {batch.source}, {batch.committed_at:%d.%m.%Y %H:%M}, by {batch.committed_by}."
            + (f" Backup before it: {batch.backup}." if batch.backup else " No backup was made."),
            style="ck-lead",
        ) + markup.table(
            ("Counted in the CRM", "Added", "Changed"),
            (
                (
                    entity.plural["en"],
                    batch.written[entity.id]["new"],
                    batch.written[entity.id]["changed"],
                )
                for entity in workspace.schema.entities
                if entity.id in about
            ),
        )
        if batch.price_list is not None:
            chosen = workspace.price_list(batch.price_list)
            self._counts.value += markup.paragraph(
                f"Price list {chosen.label}: it holds {chosen.products:,} products now."
            )
        found = [selection for selection in selections if selection.members]
        self._selections.children = [
            w.HTML("<h3>Selections</h3>"),
            *(self._line(selection) for selection in found),
        ]

    def _line(self, selection: Selection) -> w.HBox:
        label = w.HTML(markup.paragraph(f"{selection.name}: {selection.members:,}"))
        line = w.HBox(
            [
                label,
                button("Open", lambda: self._open(selection), self.desk),
                button("Excel", lambda: self._export(selection, "xlsx"), self.desk),
                button("CSV", lambda: self._export(selection, "csv"), self.desk),
            ]
        )
        line.add_class("ck-line")
        return line

    def _open(self, selection: Selection) -> None:
        headers, _ = self.desk.workspace.selection_page(selection.id, limit=1)
        columns = [
            GridColumn(f"v{number}", header, width=170, sortable=False)
            for number, header in enumerate(headers)
        ]
        grid = Grid(
            columns,
            SelectionRows(self.desk.workspace, selection),
            label=selection.name,
            handler=self.desk.handler,
        )
        self._list.children = [w.HTML(f"<h3>{markup.escape(selection.name)}</h3>"), grid]

    def _export(self, selection: Selection, ending: str) -> None:
        self.desk.run(
            lambda _: self.desk.workspace.export_selection(selection.id, ending=ending),
            self._download.offer,
        )


def _text(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | bool) else str(value)
