"""Preview: what every row will do, before anything is written."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import ipywidgets as w

from crmkit import workbooks
from crmkit.batches import Batch
from crmkit.errors import StalePlanError
from crmkit.meanwhile import Meanwhile
from crmkit.plan import Balance, Status
from crmkit.preview import Also, RecordDetail, RowFilter
from crmkit.progress import Progress
from crmkit.session import ImportSession, Preview
from crmkit.staging import Column
from crmkit.ui import backups, markup
from crmkit.ui.decisions import DecisionList, RowDecisions, ShownDecisions
from crmkit.ui.desk import Desk, Panel, button
from crmkit.ui.handling import NoticeLevel
from crmkit.ui.history import History
from crmkit.ui.widgets import (
    Chip,
    ComparedField,
    ComparedSection,
    Comparison,
    Downloader,
    FilterChips,
    Grid,
    GridColumn,
    GridKind,
)

_PAUSE = 0.8
"""Seconds after the last check box or decision before the preview is made anew."""


class PreviewRows:
    """The rows of a preview, for the grid: order once, then pages by position."""

    def __init__(self, preview: Preview, panel: PreviewPanel) -> None:
        self.preview = preview
        self._panel = panel
        self.shown = RowFilter()

    def order(self, sort: tuple[str, bool] | None, search: str) -> int:
        column, descending = sort or ("row_no", False)
        self.shown = replace(
            self.shown,
            sort="row_no" if column == "id" else column,
            descending=descending,
            search=search,
        )
        try:
            return self.preview.order(self.shown)
        except StalePlanError:
            self._panel.overtaken()
            return 0

    def page(self, offset: int, limit: int) -> list[dict[str, Any]]:
        try:
            rows = self.preview.page(offset=offset, limit=limit)
        except StalePlanError:
            self._panel.overtaken()
            return []
        for row in rows:
            row["row_no"] = row["id"]
        return rows

    def check(self, row_id: int, *, checked: bool) -> None:
        self._panel.leave_out(row_id, left_out=not checked)


class PreviewPanel(Panel):
    """The dry run: counts that add up, all rows, and the row in focus side by side."""

    title = "Preview - nothing is written yet"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._balance = w.HTML()
        self._chips = w.VBox()
        self._rows = w.VBox()
        self._compare = Comparison(handler=desk.handler)
        self._download = Downloader()
        self._import = button(
            "Import …", self._ask, desk, primary=True, tooltip="Asks once more before it writes"
        )
        self._nothing = w.HTML()
        self._really = w.VBox()
        self._issues = button("Save the list of issues", self._save_issues, desk)
        self._row_decisions = RowDecisions(desk, self._soon)
        self._shown_decisions = ShownDecisions(
            desk, shown=lambda: self._grid.total if self._grid else 0, decided=self._soon
        )
        self._decisions = DecisionList(desk)
        # The import's file is another when somebody in it was forgotten: it is opened anew.
        self._history = History(desk, forgotten=lambda: desk.resume(desk.session.id))
        side = w.VBox([self._compare, self._history.widget, self._row_decisions.widget])
        side.add_class("ck-side")
        split = w.HBox([self._rows, side])
        split.add_class("ck-split")
        self.body.children = [
            self._balance,
            self._chips,
            self._decisions.widget,
            self._shown_decisions.widget,
            split,
            w.HBox([self._import, self._issues, self._download]),
            self._nothing,
            self._really,
        ]
        self._source: PreviewRows | None = None
        self._grid: Grid | None = None
        self._grid_columns: list[GridColumn] = []
        self._filters: dict[str, FilterChips] = {}
        self._preview: Preview | None = None
        self._shown_of = ""
        self._timer: threading.Timer | None = None
        self._focus: int | None = None

    def ready(self) -> bool:
        return self.desk.session.step == "result"

    def show(self) -> None:
        """Make the preview, unless the one there is still right, and show it.

        Where others wrote to the CRM since the one on the screen was made, say what, and ask first.
        """
        session = self.desk.session
        if self._shown_of != session.id:
            self._take_away()
        on_screen = self._preview is not None and self._shown_of == session.id

        def work(progress: Progress) -> Preview | Meanwhile:
            since = session.meanwhile(progress=progress) if on_screen else None
            return since or session.preview(progress=progress)

        def done(found: Preview | Meanwhile) -> None:
            if isinstance(found, Meanwhile):
                self._ask_to_go_on(found)
            else:
                self._shown(found)

        self._really.children = []
        self.desk.run(work, done, ended=self._not_shown)

    def _take_away(self) -> None:
        """Take what is there of another import off the screen: its rows may be gone."""
        if self._grid is not None:
            self._grid.close()
        self._preview = self._source = self._grid = self._focus = None
        self._filters = {}
        self._balance.value = ""
        self._chips.children = self._rows.children = ()
        self._compare.sections = []
        self._history.show([])
        self._row_decisions.show([])

    def _ask_to_go_on(self, since: Meanwhile) -> None:
        """Say what others wrote, before the preview on the screen is taken away."""
        session = self.desk.session

        def go_on() -> None:
            self._preview = None
            self.show()

        self._import.disabled = True
        lines = [markup.paragraph(line) for line in since.told(session.schema)]
        question = backups.ask(
            "The CRM changed since this preview was made. Go on with a new one?",
            button("Make the preview anew", go_on, self.desk, primary=True),
            button("Not now", self._close, self.desk),
        )
        self._really.children = [w.HTML("".join(lines)), question]

    def leave_out(self, row_no: int, *, left_out: bool) -> None:
        """Leave a row out, or take it in again; the preview follows after a short pause."""
        self.desk.session.leave_out([row_no], left_out=left_out)
        self._soon()

    def overtaken(self) -> None:
        """What is on the screen is gone: show the preview that was made since, as by a notebook."""
        session = self.desk.session
        if session.id == self._shown_of and session.plan_made:
            self._soon()

    def leave(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def close(self) -> None:
        """The rows went with the commit: what was found in them stays on the screen, they go."""
        self.leave()
        batch = self.desk.session.batch
        gone = "Its rows were deleted with it, so they are no longer shown here."
        text = f"This import is in the CRM as batch {batch.id}. {gone}" if batch else gone
        self.body.children = [self._balance, w.HTML(markup.paragraph(text))]

    def _soon(self) -> None:
        """What is shown is old: make it anew when nothing more was decided for a moment."""
        self._import.disabled = True
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(_PAUSE, self.desk.handler.guard(self.show))
        self._timer.daemon = True
        self._timer.start()

    def _not_shown(self) -> None:
        self._import.disabled = True
        if self._preview is None:
            self._balance.value = markup.paragraph("There is no preview yet.")

    def _shown(self, preview: Preview) -> None:
        self._preview, self._shown_of = preview, self.desk.session.id
        self._balance.value = _balance_table(preview)
        self._show_chips(preview)
        self._decisions.show()
        self._shown_decisions.show(preview.plan.entities)
        # Preview nothing that writes: only records that are new or changed make an import.
        writes = sum(
            item.records[s] for item in preview.balance for s in (Status.NEW, Status.CHANGED)
        )
        self._import.disabled = writes == 0
        self._nothing.value = (
            ""
            if writes
            else markup.paragraph(
                "There is nothing to import: no record is new or changed.", style="ck-hint"
            )
        )
        columns = self.desk.session.staged.columns
        if (
            self._source is None
            or self._grid is None
            or self._grid_columns != _grid_columns(preview, columns)
        ):
            self._source = PreviewRows(preview, self)
            self._grid_columns = _grid_columns(preview, columns)
            self._grid = Grid(
                self._grid_columns,
                self._source,
                label="Rows of the file and what happens to them",
                on_focus_row=self._focus_row,
                handler=self.desk.handler,
            )
            self._rows.children = [self._grid]
        else:
            self._source.preview = preview
            self._grid.refresh()
        if self._focus is not None:
            self._focus_row(self._focus)
        if not self.desk.session.preview_is_fresh:
            # A choice arrived after the click that asked for this preview.
            self._soon()

    def _focus_row(self, row_no: int) -> None:
        self._focus = row_no
        if self._preview is None or self.desk.working:
            return
        try:
            details = self._preview.detail(row_no)
        except StalePlanError:
            self.overtaken()
            return
        self._compare.sections = [_section(part) for part in details]
        self._history.show([(d.entity, d.known_id) for d in details if d.known_id is not None])
        self._row_decisions.show(details)

    def _show_chips(self, preview: Preview) -> None:
        """A row of chips for each entity's statuses, and one for everything else."""
        groups: dict[str, tuple[str, list[Chip]]] = {}
        for item in preview.balance:
            chips = [
                Chip(status.value, status.label, count, status.value)
                for status, count in item.rows_by_status.items()
                if count
            ]
            groups[item.entity] = (item.label, chips)
        also = []
        if rows := preview.rows_with_issues():
            also.append(Chip(Also.ISSUES.value, "rows with issues", rows))
        if left_out := self.desk.session.left_out():
            also.append(Chip(Also.LEFT_OUT.value, "left out", left_out))
        groups["also"] = ("Also", also)
        if groups.keys() != self._filters.keys():
            self._filters = {
                key: FilterChips(
                    label=label,
                    on_choose=functools.partial(self._filter, key),
                    handler=self.desk.handler,
                )
                for key, (label, _) in groups.items()
            }
            self._chips.children = list(self._filters.values())
        for key, (_, chips) in groups.items():
            self._filters[key].chips = chips
            self._filters[key].layout.display = "" if chips else "none"

    def _filter(self, group: str, chosen: str | None) -> None:
        """Show the rows of one chip; a chip of another group gives way."""
        for key, filter_chips in self._filters.items():
            if key != group:
                filter_chips.selected = None
        if self._source is None or self._grid is None:
            return
        also = group == "also"
        self._source.shown = replace(
            self._source.shown,
            entity="" if also or not chosen else group,
            status="" if also or not chosen else chosen,
            also=(chosen or "") if also else "",
        )
        self._grid.refresh(keep_place=False)

    def _save_issues(self) -> None:
        session, preview = self.desk.session, self._preview
        if preview is None:
            return
        path = session.workspace.path / "exports" / f"issues-{session.id}.xlsx"
        frame = preview.issues()
        workbooks.write_table(
            path,
            list(frame.columns),
            frame.astype(object).where(frame.notna(), None).itertuples(index=False),
            sheet="Issues",
            tell=self.desk.tell,
        )
        self._download.offer(path)

    def _ask(self) -> None:
        preview = self._preview
        if preview is None:
            return
        parts = [
            f"{item.records[status]:,} {item.label.lower()} {words}"
            for item in preview.balance
            for status, words in ((Status.NEW, "added"), (Status.CHANGED, "changed"))
            if item.records[status]
        ]
        yes = button("Import now", self._commit, self.desk, primary=True)
        no = button("Not yet", self._close, self.desk)
        text = f"Write this to the CRM: {', '.join(parts)}? A backup is made first."
        box = w.VBox([w.HTML(markup.paragraph(text, style="ck-lead")), w.HBox([yes, no])])
        box.add_class("ck-ask")
        self._really.children = [box]

    def _close(self) -> None:
        self._really.children = []

    def _commit(self) -> None:
        session: ImportSession = self.desk.session
        self._really.children = []
        self._import.disabled = True

        def done(batch: Batch) -> None:
            self.desk.tell(f"Batch {batch.id} is in the CRM.", level=NoticeLevel.SUCCESS)
            self.desk.go("result")

        backups.write(
            self.desk,
            lambda progress, back_up: session.commit(progress=progress, back_up=back_up),
            done,
            asked=self._really,
            ended=self._after_failure,
        )

    def _after_failure(self) -> None:
        """Nothing was written: offer it again, with a new preview where the old one is stale."""
        self._import.disabled = False
        if not self.desk.session.preview_is_fresh:
            self._import.disabled = True
            notice = self.desk.message.notice
            self.show()
            if notice is not None:
                self.desk.message.show(notice)


def _grid_columns(preview: Preview, columns: Sequence[Column]) -> list[GridColumn]:
    statuses = [
        GridColumn(
            f"{item.entity}_status",
            preview.plan.matchers[item.entity].entity.labels["en"],
            GridKind.STATUS,
            130,
        )
        for item in preview.balance
    ]
    return [
        GridColumn("included", "Import", GridKind.CHECK, 76, sortable=False),
        GridColumn("row_no", "Row", GridKind.NUMBER, 76),
        *statuses,
        GridColumn("issues", "Issues", GridKind.NUMBER, 76),
        *(GridColumn(column.id, column.header, GridKind.TEXT, 170) for column in columns),
    ]


def _balance_table(preview: Preview) -> str:
    statuses = [status for status in Status if status is not Status.PROBLEM]
    headers = [
        "",
        "Rows in the file",
        "Rows without",
        "Records",
        *(s.label.capitalize() for s in statuses),
    ]
    issues = preview.issue_counts()
    counted = ", ".join(
        f"{count:,} {level if count == 1 else level + 's'}" for level, count in issues.items()
    )
    return markup.table(
        headers, [_balance_row(item, statuses) for item in preview.balance]
    ) + markup.paragraph(f"Issues: {counted or 'none'}.", style="ck-hint")


def _balance_row(item: Balance, statuses: Sequence[Status]) -> list[str | int]:
    # A problem is held back for a reason of its own; the sum is over both.
    held = item.records[Status.HELD_BACK] + item.records[Status.PROBLEM]
    counts = [held if status is Status.HELD_BACK else item.records[status] for status in statuses]
    return [item.label, item.rows, item.rows_without, sum(item.records.values()), *counts]


def _section(detail: RecordDetail) -> ComparedSection:
    several = len(detail.rows) > 1
    problems = detail.problems
    if detail.candidates:
        labels = "; ".join(candidate.label for candidate in detail.candidates)
        problems = (*problems, f"It could be: {labels}.")
    return ComparedSection(
        title=detail.title,
        status=detail.status.value if detail.status else "none",
        match_reason=detail.match_reason,
        action_reason=detail.action_reason,
        problems=problems,
        fields=tuple(
            ComparedField(
                field.label,
                field.existing,
                field.incoming,
                field.outcome,
                field.changed,
                f"from row {field.from_row}" if several and field.from_row is not None else "",
            )
            for field in detail.fields
        ),
        together=f"These rows of the file are this one record: {_numbers(detail.rows)}."
        if several
        else "",
        decided=detail.decided,
        notes=detail.notes,
    )


def _numbers(rows: Sequence[int]) -> str:
    return ", ".join(f"{row:,}" for row in rows)
