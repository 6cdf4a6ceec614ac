"""Backups on the screen: the list with the way back, and the question when none can be made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import ipywidgets as w

from crmkit.backup import Backup
from crmkit.batches import Batch
from crmkit.entities import Schema
from crmkit.errors import BackupError
from crmkit.progress import Progress
from crmkit.restore import RestorePreview
from crmkit.ui import markup
from crmkit.ui.desk import Desk, button
from crmkit.ui.handling import Notice, NoticeLevel
from crmkit.ui.parts import Part

R = TypeVar("R")

_SHOWN = 20


def write(
    desk: Desk,
    work: Callable[[Progress, bool], R],
    done: Callable[[R], None],
    *,
    asked: w.VBox,
    ended: Callable[[], None] = lambda: None,
) -> None:
    """Do work that backs the CRM up first; where no backup can be made, ask whether to go on.

    Args:
        work: Is given a progress function, and whether to back up.
        asked: Where the question is put.
        ended: Called when nothing was written.
    """

    def attempt(progress: Progress) -> R | BackupError:
        try:
            return work(progress, True)  # noqa: FBT003  a callable's second argument has no name
        except BackupError as error:
            return error

    def after(result: R | BackupError) -> None:
        if not isinstance(result, BackupError):
            done(result)
            return
        ended()
        desk.message.show(Notice(NoticeLevel.ERROR, result.message, result.where, result.mend))
        asked.children = [question]

    def go_on() -> None:
        asked.children = []
        desk.run(lambda progress: work(progress, False), done, ended=ended)  # noqa: FBT003  as above

    def close() -> None:
        asked.children = []

    text = "No backup could be made. Without one, only an undo leads back."
    question = ask(
        text, button("Go on without a backup", go_on, desk), button("Not now", close, desk)
    )
    desk.run(attempt, after, ended=ended)


def ask(text: str, *buttons: w.Button) -> w.VBox:
    """A question with its answers."""
    box = w.VBox([w.HTML(markup.paragraph(text, style="ck-lead")), w.HBox(buttons)])
    box.add_class("ck-ask")
    return box


class BackupList(Part):
    """The backups, newest first, each with its way back.

    Args:
        restored: Called when the CRM is another.
    """

    def __init__(self, desk: Desk, *, restored: Callable[[], None]) -> None:
        super().__init__("Backups", desk)
        self._restored = restored
        self._asked = w.VBox()

    def opened(self) -> None:
        found = self.desk.workspace.backups()
        self._asked.children = []
        size = sum(item.size for item in found)
        self.head.summary = f"{len(found):,}, {_megabytes(size)}" if found else "none yet"
        text = (
            "One is made in the folder “backups” before every import, deletion and undo; the oldest go"
            " by themselves."
        )
        self.body.children = [
            w.HTML(markup.paragraph(text, style="ck-hint")),
            self._asked,
            *(self._line(item) for item in found[:_SHOWN]),
        ]

    def _line(self, item: Backup) -> w.HBox:
        before = f", before {item.before}" if item.before else ""
        text = f"{item.made_at:%d.%m.%Y %H:%M:%S}, {_megabytes(item.size)}{before}"
        line = w.HBox(
            [
                w.HTML(markup.paragraph(text)),
                button("Restore …", lambda: self._look(item), self.desk, tooltip=item.name),
            ]
        )
        line.add_class("ck-line")
        return line

    def _look(self, item: Backup) -> None:
        self.desk.run(
            lambda _: self.desk.workspace.restore_preview(item.name),
            lambda preview: self._ask(item, preview),
        )

    def _ask(self, item: Backup, preview: RestorePreview) -> None:
        def restore() -> None:
            self._asked.children = []
            write(
                self.desk,
                lambda progress, back_up: self.desk.workspace.restore(
                    item.name, revision=preview.revision, back_up=back_up, progress=progress
                ),
                done,
                asked=self._asked,
            )

        def done(batch: Batch) -> None:
            self._restored()
            self.desk.tell(
                f"The CRM is as it was on {item.made_at:%d.%m.%Y %H:%M}.",
                mend=f"The way back is the backup {batch.backup}." if batch.backup else "",
                level=NoticeLevel.SUCCESS,
            )

        def close() -> None:
            self._asked.children = []

        self._asked.children = [
            ask(
                told_restore(preview, self.desk.workspace.schema),
                button("Restore now", restore, self.desk, primary=True),
                button("Not now", close, self.desk),
            )
        ]


def told_restore(preview: RestorePreview, schema: Schema) -> str:
    """What a restore does, in plain words."""
    counts = [
        f"{entity.plural['en'].lower()} {preview.now.get(entity.id, 0):,} →"
        f" {preview.then.get(entity.id, 0):,}"
        for entity in schema.entities
        if preview.now.get(entity.id) or preview.then.get(entity.id)
    ]
    gone = [f"{number} ({source})" for number, source in preview.batches[:_SHOWN]]
    more = len(preview.batches) - len(gone)
    lost = ", ".join([*gone, *([f"and {more:,} more"] if more else [])])
    return (
        f"Put the whole CRM back as it was then: {', '.join(counts) or 'no records'}."
        + (
            f" Persons in it who were forgotten since are forgotten again: {preview.forgotten:,}."
            if preview.forgotten
            else ""
        )
        + (f" These batches will not be in it any more: {lost}." if lost else "")
        + " Selections, lists and preferences go back too. The CRM of now is backed up first."
    )


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB"
