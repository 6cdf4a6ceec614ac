"""Private data on the screen: what is left of people's data outside the CRM, and its deletion."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ipywidgets as w

from crmkit.batches import Batch
from crmkit.private import Left, LeftKind
from crmkit.traces import ForgetPreview
from crmkit.ui import markup
from crmkit.ui.backups import ask
from crmkit.ui.desk import Desk, button
from crmkit.ui.handling import NoticeLevel
from crmkit.ui.parts import Part, check

_SHOWN = 50


class PrivateData(Part):
    """What is left of imports, exports and backups, each with its deletion.

    Args:
        purged: Called when some of it is deleted.
    """

    def __init__(self, desk: Desk, *, purged: Callable[[], None]) -> None:
        super().__init__("Private data", desk)
        self._purged = purged
        self._asked = w.VBox()
        self.forget = ForgetPerson(desk, forgotten=purged)

    def opened(self) -> None:
        found = self.desk.workspace.private_data()
        days = self.desk.workspace.preferences.keep_import_days
        files = [item for item in found if item.kind is not LeftKind.BACKUP]
        old = [item for item in files if item.old]
        self._asked.children = []
        self.head.summary = (
            f"{len(files):,} outside the CRM, {len(old):,} of them old" if files else "none left"
        )
        text = (
            "An import's rows and uploaded files are deleted when it is in the CRM or discarded; the"
            f" rows held back, and imports that nobody used, after {days:,} days. Exports and backups"
            " stay until you delete them; the oldest backups go by themselves."
        )
        every = [
            button("Delete all that is old …", lambda: self._ask(old), self.desk),
            button("Delete all but backups …", lambda: self._ask(files), self.desk),
        ]
        every[0].disabled, every[1].disabled = not old, not files
        self.body.children = [
            w.HTML(markup.paragraph(text, style="ck-hint")),
            w.HBox(every),
            self._asked,
            self.forget.widget,
            *(self._line(item) for item in found[:_SHOWN]),
            *([w.HTML(markup.paragraph(_more(len(found))))] if len(found) > _SHOWN else []),
        ]

    def _line(self, item: Left) -> w.HBox:
        line = w.HBox(
            [
                w.HTML(markup.paragraph(told(item))),
                button("Delete …", lambda: self._ask([item]), self.desk, tooltip=item.name),
            ]
        )
        line.add_class("ck-line")
        return line

    def _ask(self, items: Sequence[Left]) -> None:
        def delete() -> None:
            self.desk.run(lambda _: self.desk.workspace.purge(items), lambda _: done())

        def done() -> None:
            self._purged()
            self.desk.tell(f"Deleted: {len(items):,}.", level=NoticeLevel.SUCCESS)

        def close() -> None:
            self._asked.children = []

        what = told(items[0]) if len(items) == 1 else f"{len(items):,} things"
        self._asked.children = [
            ask(
                f"Delete for good: {what}? The CRM stays as it is.",
                button("Delete now", delete, self.desk, primary=True),
                button("Not now", close, self.desk),
            )
        ]


class ForgetPerson:
    """Finds a person, shows what forgetting would do, and does it when told so.

    Args:
        forgotten: Called when somebody was.
    """

    def __init__(self, desk: Desk, *, forgotten: Callable[[], None]) -> None:
        self._desk, self._forgotten = desk, forgotten
        self._search = w.Text(
            description="Forget a person:",
            placeholder="part of a name or e-mail, or the ID",
            style={"description_width": "140px"},
            layout=w.Layout(width="420px"),
        )
        self._found = w.VBox()
        self._asked = w.VBox()
        self.search = w.HBox([self._search, button("Find", self._find, desk)])
        self.widget = w.VBox([self.search, self._found, self._asked])

    def ask(self, person_id: int) -> None:
        """Show what forgetting this person would do."""
        self._desk.run(
            lambda _: self._desk.workspace.forget_preview(person_id),
            lambda preview: self._show(person_id, preview),
        )

    def _find(self) -> None:
        text = self._search.value
        self._asked.children = []
        self._desk.run(lambda _: self._desk.workspace.find_persons(text), self._list)

    def _list(self, found: list[tuple[int, str]]) -> None:
        self._found.children = [self._line(number, label) for number, label in found]
        if not found:
            self._desk.tell("No person is found by this.", level=NoticeLevel.INFO)

    def _line(self, person_id: int, label: str) -> w.HBox:
        line = w.HBox(
            [
                w.HTML(markup.paragraph(label)),
                button("Forget …", lambda: self.ask(person_id), self._desk, tooltip=label),
            ]
        )
        line.add_class("ck-line")
        return line

    def _show(self, person_id: int, preview: ForgetPreview) -> None:
        exports = check("Delete the exports that hold the person")
        backups = check("Delete the backups that hold the person, too")
        exports.value = True

        def forget() -> None:
            self._asked.children = []
            self._desk.run(
                lambda progress: self._desk.workspace.forget(
                    person_id,
                    revision=preview.crm.revision,
                    exports=exports.value,
                    backups=backups.value,
                    progress=progress,
                ),
                done,
            )

        def done(batch: Batch) -> None:
            left = [] if exports.value else list(preview.files.exports)
            left += [] if backups.value else list(preview.files.backups)
            self._found.children = []
            self._forgotten()
            self._desk.tell(
                f"Person {person_id} is forgotten, batch {batch.id}.",
                mend=f"Still in: {', '.join(left)}." if left else "",
                level=NoticeLevel.SUCCESS,
            )

        def close() -> None:
            self._asked.children = []

        choices = [exports] if preview.files.exports else []
        choices += [backups] if preview.files.backups else []
        asked = ask(
            "Forget this person? It cannot be undone, and no backup is made.",
            button("Forget now", forget, self._desk, primary=True),
            button("Not now", close, self._desk),
        )
        asked.children = [w.HTML(markup.bullets(preview.lines)), *choices, *asked.children]
        self._asked.children = [asked]


def told(item: Left) -> str:
    """One thing that is left, in a line."""
    name = item.source or item.name
    rows = "" if item.rows is None else f", {item.rows:,} {'row' if item.rows == 1 else 'rows'}"
    used = "of" if item.kind is LeftKind.BACKUP else "last used"
    return (
        f"{item.kind.label.capitalize()}: {name}{rows}, {item.size / 1_000_000:,.1f} MB, {used}"
        f" {item.last_used:%d.%m.%Y %H:%M}{', old' if item.old else ''}"
    )


def _more(count: int) -> str:
    return f"And {count - _SHOWN:,} more: `crmkit private` lists all."
