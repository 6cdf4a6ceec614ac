"""Result: what a batch did, counted in the CRM, its selections, and the way back."""

from __future__ import annotations

import functools
from collections.abc import Collection

import ipywidgets as w

from crmkit.batches import Batch, BatchKind
from crmkit.entities import Schema
from crmkit.errors import StorageError
from crmkit.private import import_path
from crmkit.selections import OWN, Selection
from crmkit.session import ImportSession
from crmkit.ui import backups, markup
from crmkit.ui.descriptions import DescriptionSaver
from crmkit.ui.desk import Desk, Panel, button
from crmkit.ui.handling import NoticeLevel
from crmkit.ui.selections import SelectionView
from crmkit.ui.widgets import Downloader
from crmkit.undo import UndoPreview

_COUNTS = {"new": "Added", "changed": "Changed", "removed": "Removed", "back": "Brought back"}
_SHOWN = 50


class ResultPanel(Panel):
    """What came of the import, or of any batch."""

    title = "Result"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._counts = w.HTML()
        self._selections = w.VBox()
        self._list = w.VBox()
        self._undo = w.VBox()
        self._download = Downloader()
        self.body.children = [
            self._counts,
            self._undo,
            self._selections,
            self._download,
            self._list,
        ]

    def ready(self) -> bool:
        return False

    def show(self) -> None:
        batch = self.desk.session.batch
        if batch is None:
            taken_out = self.desk.session.taken_out
            self._counts.value = markup.paragraph(
                "This import is no longer in the CRM: a backup from before it was restored. Take it up"
                " again on Home."
                if taken_out
                else "This import is not in the CRM yet."
            )
            self._selections.children = []
            self._undo.children = []
            return
        self.show_batch(batch)

    def show_batch(self, batch: Batch) -> None:
        """Show any batch, also one of another import."""
        workspace = self.desk.workspace
        self._list.children = []
        everything = workspace.selections()
        # What the import was about: also where nothing of it was written.
        about = {s.entity for s in everything if s.batch_id == batch.id}
        self._counts.value = _told(batch, workspace.schema, about)
        if batch.price_list is not None:
            chosen = workspace.price_list(batch.price_list)
            self._counts.value += markup.paragraph(
                f"Price list {chosen.label}: it holds {chosen.products:,} products now."
            )
        self._undo.children = (
            [button("Undo this batch …", lambda: self._ask_undo(batch), self.desk)]
            if batch.undone_by is None and batch.kind.can_be_undone
            else []
        )
        of_batch = [s for s in everything if s.batch_id == batch.id and s.members]
        own = [s for s in everything if s.kind == OWN and s.members]
        self._selections.children = [
            w.HTML("<h3>Selections</h3>"),
            *(self._line(selection) for selection in of_batch),
            *self._held_back_line(batch),
            *self._saver(batch),
            *([w.HTML("<h3>Your own selections</h3>")] if own else []),
            *(self._line(selection) for selection in own),
        ]

    # --- selections ------------------------------------------------------------------------

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

    def _session_of(self, batch: Batch) -> ImportSession | None:
        """The import that became a batch, as long as its file is there."""
        if batch.kind is not BatchKind.IMPORT:
            return None
        if not import_path(self.desk.workspace.path, batch.import_id).exists():
            return None
        try:
            return self.desk.workspace.open_import(batch.import_id)
        except StorageError:
            # Somebody else's, on a team's dashboard.
            return None

    def _saver(self, batch: Batch) -> list[w.Widget]:
        session = self._session_of(batch)
        return [] if session is None else [DescriptionSaver(self.desk, session).widget]

    def _held_back_line(self, batch: Batch) -> list[w.Widget]:
        session = self._session_of(batch)
        if session is None:
            return []
        count = session.held_back()
        if not count:
            return []
        line = w.HBox(
            [
                w.HTML(markup.paragraph(f"Rows held back, to mend and import again: {count:,}")),
                button("List", lambda: self._list_held_back(session, count), self.desk),
                button("Rows as Excel", lambda: self._export_held_back(session, "xlsx"), self.desk),
                button("Rows as CSV", lambda: self._export_held_back(session, "csv"), self.desk),
            ]
        )
        line.add_class("ck-line")
        return [line]

    def _open(self, selection: Selection) -> None:
        view = SelectionView(self.desk, selection, show_batch=self.show_batch)
        self._list.children = [view.widget]

    def _export(self, selection: Selection, ending: str) -> None:
        export = self.desk.workspace.export_selection
        self.desk.export(functools.partial(export, selection.id, ending=ending), self._download)

    def _export_held_back(self, session: ImportSession, ending: str) -> None:
        export = functools.partial(session.export_held_back, ending=ending)
        self.desk.export(export, self._download)

    def _list_held_back(self, session: ImportSession, count: int) -> None:
        headers, rows = session.held_back_page(limit=_SHOWN)
        more = f"The first {_SHOWN} of {count:,}; the file has all." if count > _SHOWN else ""
        # The reason first: a wide file would hide it.
        table = markup.table(
            (headers[0], headers[-1], *headers[1:-1]), ((r[0], r[-1], *r[1:-1]) for r in rows)
        )
        self._list.children = [
            w.HTML(f"<h3>Rows held back</h3>{table}{markup.paragraph(more, style='ck-hint')}")
        ]

    # --- the way back ----------------------------------------------------------------------

    def _ask_undo(self, batch: Batch) -> None:
        self.desk.run(
            lambda _: self.desk.workspace.undo_preview(batch.id),
            lambda preview: self._show_undo(batch, preview),
        )

    def _show_undo(self, batch: Batch, preview: UndoPreview) -> None:
        def undo() -> None:
            self._undo.children = []
            backups.write(
                self.desk,
                lambda progress, back_up: self.desk.workspace.undo(
                    batch.id, revision=preview.revision, back_up=back_up, progress=progress
                ),
                self._undone,
                asked=self._undo,
                ended=lambda: self.show_batch(batch),
            )

        yes = button("Undo now", undo, self.desk, primary=True)
        yes.disabled = not preview.changes_anything
        no = button("Not now", lambda: self.show_batch(batch), self.desk)
        text = told_undo(preview, self.desk.workspace.schema)
        box = w.VBox([w.HTML(text), w.HBox([yes, no])])
        box.add_class("ck-ask")
        self._undo.children = [box]

    def _undone(self, batch: Batch) -> None:
        self.desk.tell(f"Batch {batch.undoes} is undone.", level=NoticeLevel.SUCCESS)
        self.show_batch(batch)


def told_undo(preview: UndoPreview, schema: Schema) -> str:
    """What an undo does, in plain words, with what is kept."""
    names = {entity.id: entity.plural["en"].lower() for entity in schema.entities}

    def told(counts: dict[str, int]) -> str:
        return ", ".join(f"{n:,} {names[key]}" for key, n in counts.items() if n) or "none"

    parts = [
        f"Removed: {told(preview.removed)}.",
        f"Brought back: {told(preview.back)}.",
        f"Restored to what they were: {told(preview.restored)} ({preview.cells:,} cells).",
        f"Left alone: {preview.kept_count:,}.",
        "A backup is made first. List items that nothing uses any more go too.",
    ]
    kept = [
        f"{names[kept.entity]}: {kept.label} (ID {kept.record_id})"
        f"{', ' + kept.field if kept.field else ''}: {kept.reason.label}"
        for kept in preview.kept[:_SHOWN]
    ]
    if preview.kept_count > len(kept):
        kept.append(f"and {preview.kept_count - len(kept):,} more")
    return markup.paragraph(" ".join(parts), style="ck-lead") + markup.bullets(kept)


def _told(batch: Batch, schema: Schema, about: Collection[str]) -> str:
    state = f" It is undone by batch {batch.undone_by}." if batch.undone_by else ""
    shown = [what for what in _COUNTS if any(what in c for c in batch.written.values())]
    return markup.paragraph(
        f"Batch {batch.id}: {batch.source}, {batch.committed_at:%d.%m.%Y %H:%M}, by {batch.committed_by}."
        + (f" Backup before it: {batch.backup}." if batch.backup else " No backup was made.")
        + state,
        style="ck-lead",
    ) + markup.table(
        ("Counted in the CRM", *(_COUNTS[what] for what in shown)),
        (
            (entity.plural["en"], *(batch.written[entity.id].get(what, 0) for what in shown))
            for entity in schema.entities
            if entity.id in about or any(batch.written[entity.id].values())
        ),
    )
