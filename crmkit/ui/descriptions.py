"""Import descriptions on the screen: use a saved one, with what has changed since, and save one."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as w

from crmkit.descriptions import Saved
from crmkit.drift import Drift, Kind
from crmkit.session import ImportSession
from crmkit.ui import markup
from crmkit.ui.desk import Desk, button
from crmkit.ui.handling import NoticeLevel
from crmkit.ui.parts import dropdown, offer

_LABELS = {
    Kind.GONE: "Gone",
    Kind.RENAMED: "Renamed",
    Kind.NEW: "New",
    Kind.NEW_VALUES: "New values",
    Kind.UNFIT: "Does not fit",
    Kind.NOTE: "Note",
}


class DescriptionChoice:
    """Uses a saved description for the file; away while the workspace has none.

    Args:
        on_applied: Called when the mapping and settings are the description's.
    """

    def __init__(self, desk: Desk, *, on_applied: Callable[[], None]) -> None:
        self._desk = desk
        self._on_applied = on_applied
        self._saved = dropdown("Use a saved description:", [])
        self._use = button(
            "Use",
            self._apply,
            desk,
            tooltip="Mapping, settings and decisions become those of the description",
        )
        self._report = w.HTML()
        self._told_for = ""
        self.widget = w.VBox([w.HBox([self._saved, self._use]), self._report])

    def show(self) -> None:
        """Offer what there is now; the report of another import goes away."""
        files = self._desk.workspace.descriptions()
        offer(self._saved, [(file.name, file.name) for file in files], keep=True)
        self.widget.layout.display = "" if files else "none"
        if self._told_for != self._desk.session.id:
            self._report.value = ""

    def _apply(self) -> None:
        session, chosen = self._desk.session, self._saved.value
        self._desk.run(
            lambda progress: session.apply_description(chosen, progress=progress), self._applied
        )

    def _applied(self, drift: Drift) -> None:
        self._told_for = self._desk.session.id
        self._report.value = report(drift)
        self._on_applied()


def report(drift: Drift) -> str:
    """What has changed since a description was saved, as a table."""
    decisions = f" and {drift.decisions:,} decisions" if drift.decisions else ""
    lead = f"“{drift.description}” is applied: {drift.columns:,} columns{decisions}."
    if not drift.changes:
        return markup.paragraph(f"{lead} The file is as it expects.", style="ck-lead")
    look = " Look at what has changed before you go on." if drift.needs_look else ""
    rows = ((_LABELS[change.kind], change.text) for change in drift.changes)
    return markup.paragraph(lead + look, style="ck-lead") + markup.table(
        ("Changed", "What it means"), rows, caption="Changed since the description was saved"
    )


class DescriptionSaver:
    """Saves what an import does under a name."""

    def __init__(self, desk: Desk, session: ImportSession) -> None:
        self._desk = desk
        self._session = session
        self._name = w.Text(
            description="Save as description:",
            placeholder="Name, such as Monthly customers",
            style={"description_width": "initial"},
            layout=w.Layout(width="420px"),
        )
        self._overwrite = w.Checkbox(
            description="Overwrite one of this name", indent=False, layout=w.Layout(width="auto")
        )
        save = button("Save", self._save, desk, tooltip="To be used for next month's file")
        self.widget = w.HBox([self._name, self._overwrite, save])

    def _save(self) -> None:
        name, overwrite = self._name.value, self._overwrite.value
        self._desk.run(
            lambda _: self._session.save_description(name, overwrite=overwrite), self._done
        )

    def _done(self, saved: Saved) -> None:
        left = f"Not in it: {' '.join(saved.omitted)}" if saved.omitted else ""
        self._desk.tell(
            f"Saved as “{saved.path.stem}”, in {saved.path.parent}.",
            mend=left,
            level=NoticeLevel.SUCCESS,
        )
