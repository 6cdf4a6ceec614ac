"""Home: start an import, take one up again, look at past batches, set the preferences."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import ipywidgets as w

from crmkit.batches import Batch, BatchKind
from crmkit.crm import KEPT
from crmkit.entities import LEGAL_BASES, WITHDRAWN
from crmkit.limits import LABELS, Limits
from crmkit.ui import markup
from crmkit.ui.backups import BackupList
from crmkit.ui.desk import Desk, Panel, button
from crmkit.ui.handling import NoticeLevel
from crmkit.ui.private import PrivateData
from crmkit.ui.widgets import Downloader
from crmkit.workspace import Unfinished, Workspace

_WIDE: Final[dict[str, Any]] = {
    "style": {"description_width": "230px"},
    "layout": {"width": "420px", "max_width": "100%"},
}
"""How wide a preference is: as the longest of their names needs."""


class HomePanel(Panel):
    """Where every visit begins.

    Args:
        start, resume, look: Called with nothing; an import's id, and whether to take it over; a batch.
    """

    title = "Home"

    def __init__(
        self,
        desk: Desk,
        *,
        start: Callable[[], None],
        resume: Callable[[str, bool], None],
        look: Callable[[Batch], None],
    ) -> None:
        super().__init__(desk)
        self._resume, self._look = resume, look
        self._counts = w.HTML()
        self._unfinished = w.VBox()
        self._batches = w.VBox()
        self._listed: tuple[Sequence[Unfinished], Sequence[Batch], int] | None = None
        self._download = Downloader()
        self._mandatory = w.Checkbox(description="Mandatory company on person", indent=False)
        self._category = w.Text(description="Default category:", **_WIDE)
        self._business = w.Text(description="Default business:", **_WIDE)
        self._basis = w.Dropdown(description="Default legal basis:", **_WIDE)
        self._country = w.Dropdown(description="Own country:", **_WIDE)
        # Numbers are not bounded: what is not possible is told, instead of changed without a word.
        self._kept = {
            name: w.IntText(description=f"{label}:", **_WIDE) for name, label in KEPT.items()
        }
        self._limits = {
            name: w.IntText(description=f"{label}:", **_WIDE) for name, label in LABELS.items()
        }
        self._backups = BackupList(desk, restored=self.show)
        self.private = PrivateData(desk, purged=self.show)
        preferences = w.VBox(
            [
                w.HTML("<h3>Preferences</h3>"),
                self._mandatory,
                self._category,
                self._business,
                self._basis,
                self._country,
                *self._kept.values(),
                *self._limits.values(),
                button("Save preferences", self._save, desk),
            ]
        )
        template = button(
            "Import template",
            lambda: self._template("company"),
            desk,
            tooltip="An Excel file with the headers this program knows, for companies and persons",
        )
        products = button(
            "Product template",
            lambda: self._template("product"),
            desk,
            tooltip="The same for products",
        )
        self.body.children = [
            self._counts,
            w.HBox(
                [
                    button("New import", start, desk, primary=True),
                    template,
                    products,
                    self._download,
                ]
            ),
            self._unfinished,
            self._batches,
            self._backups.widget,
            self.private.widget,
            preferences,
        ]

    def show(self) -> None:
        workspace = self.desk.workspace
        self._counts.value = markup.paragraph(_holds(workspace), style="ck-lead")
        preferences = workspace.preferences
        listed = workspace.unfinished(), workspace.batches(), preferences.keep_import_days
        # What is the same stays: a button that is made anew loses the click that is on its way.
        if listed != self._listed:
            self._list(*listed[:2])
            self._listed = listed
        self._mandatory.value = preferences.mandatory_company
        self._category.value = preferences.default_category
        self._business.value = preferences.default_business
        bases = [name for name, _ in LEGAL_BASES if name != WITHDRAWN]
        if preferences.default_legal_basis and preferences.default_legal_basis not in bases:
            bases.append(preferences.default_legal_basis)
        self._basis.options = [("None", ""), *((name, name) for name in bases)]
        self._basis.value = preferences.default_legal_basis
        self._country.options = workspace.countries()
        self._country.value = preferences.country
        for name, control in self._kept.items():
            control.value = getattr(preferences, name)
        for name, control in self._limits.items():
            control.value = getattr(preferences.limits, name)
        self._backups.opened()
        self.private.opened()

    def _list(self, unfinished: Sequence[Unfinished], batches: Sequence[Batch]) -> None:
        self._unfinished.children = (
            [
                w.HTML("<h3>Unfinished imports</h3>"),
                *(self._unfinished_line(item) for item in unfinished),
            ]
            if unfinished
            else []
        )
        self._batches.children = (
            [
                w.HTML("<h3>Past imports</h3>"),
                *(self._batch_line(batch) for batch in batches),
                w.HBox(
                    [
                        button("Log as Excel", lambda: self._log("xlsx"), self.desk),
                        button("Log as CSV", lambda: self._log("csv"), self.desk),
                    ]
                ),
            ]
            if batches
            else []
        )

    def _unfinished_line(self, item: Unfinished) -> w.HBox:
        state = (
            "no longer in the CRM since a backup was restored: choose its file again to import it"
            if item.taken_out
            else f"at step {item.step or 'unknown'}"
        )
        ends = item.changed_at + timedelta(days=self.desk.workspace.preferences.keep_import_days)
        text = (
            f"{item.source}, {state}, last used {item.changed_at:%d.%m.%Y %H:%M}, kept until"
            f" {ends:%d.%m.%Y}"
        )
        visitor = self.desk.workspace.visitor
        if visitor and item.owner != visitor:
            text += f", shared by {item.owner or 'somebody on this machine'}"
        if item.held_by:
            text += f", open in another window or program ({item.held_by})"
        line = w.HBox(
            [
                w.HTML(markup.paragraph(text)),
                button(
                    "Take over" if item.held_by else "Continue",
                    lambda: self._resume(item.id, bool(item.held_by)),
                    self.desk,
                    tooltip="Go on with it here; what is done there is then refused"
                    if item.held_by
                    else "",
                ),
                *([self._sharing(item)] if visitor and item.owner == visitor else []),
                button(
                    "Discard",
                    lambda: self._discard(item.id),
                    self.desk,
                    tooltip="Delete this import; the CRM stays as it is",
                ),
            ]
        )
        line.add_class("ck-line")
        return line

    def _sharing(self, item: Unfinished) -> w.Button:
        def change() -> None:
            session = self.desk.workspace.open_import(item.id)
            session.shared = not item.shared
            session.release()
            self.show()

        return button(
            "Keep to myself" if item.shared else "Share",
            change,
            self.desk,
            tooltip="Whether the others of the team see this import and may go on with it",
        )

    def _batch_line(self, batch: Batch) -> w.HBox:
        words = {"new": "added", "changed": "changed", "removed": "removed", "back": "brought back"}
        counts = [
            f"{batch.count(what):,} {word}" for what, word in words.items() if batch.count(what)
        ]
        if not batch.kind.can_be_undone:
            counts = ["restored" if batch.kind is BatchKind.RESTORE else "done"]
        text = (
            f"Batch {batch.id}: {batch.source}, {batch.committed_at:%d.%m.%Y %H:%M}:"
            f" {', '.join(counts) or 'nothing changed'}"
            + (f" (undone by batch {batch.undone_by})" if batch.undone_by else "")
        )
        line = w.HBox(
            [w.HTML(markup.paragraph(text)), button("Open", lambda: self._look(batch), self.desk)]
        )
        line.add_class("ck-line")
        return line

    def _discard(self, import_id: str) -> None:
        self.desk.workspace.discard(import_id)
        self.show()

    def _save(self) -> None:
        workspace = self.desk.workspace
        workspace.preferences = replace(
            workspace.preferences,
            mandatory_company=self._mandatory.value,
            default_category=self._category.value.strip(),
            default_business=self._business.value.strip(),
            default_legal_basis=self._basis.value,
            country=self._country.value,
            **{name: control.value for name, control in self._kept.items()},
            limits=Limits(**{name: control.value for name, control in self._limits.items()}),
        )
        self.desk.tell("The preferences are saved.", level=NoticeLevel.SUCCESS)

    def _log(self, ending: str) -> None:
        export = functools.partial(self.desk.workspace.export_log, ending=ending)
        self.desk.export(export, self._download)

    def _template(self, subject: str) -> None:
        self._download.offer(self.desk.workspace.write_template(subject))


def _holds(workspace: Workspace) -> str:
    """What the CRM holds, in a sentence; price lists are named where there is one."""
    counts = [
        (entity.labels["en"] if number == 1 else plural, number)
        for entity, (plural, number) in zip(
            workspace.schema.entities, workspace.record_counts(), strict=True
        )
    ]
    lists = len(workspace.price_lists())
    counts.append(("price list" if lists == 1 else "price lists", lists))
    found = [f"{number:,} {label.lower()}" for label, number in counts if number]
    if not found:
        return "The CRM is empty."
    *others, last = found
    return f"The CRM holds {', '.join(others)}{' and ' if others else ''}{last}."
