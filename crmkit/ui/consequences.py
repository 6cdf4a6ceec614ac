"""What the settings do: the same import under the chosen settings and under others, compared."""

from __future__ import annotations

import threading
from typing import Any, Final

import ipywidgets as w

from crmkit.entities import Entity
from crmkit.settings import Action, Settings, faults, imported
from crmkit.ui import markup
from crmkit.ui.desk import Desk, button
from crmkit.ui.parts import dropdown

_PAUSE: Final = 1.0
"""Seconds without a change before the comparison is made."""

_AT_ONCE: Final = 20_000
"""Rows up to which it is made without being asked for; more take too long to do so unasked."""


class ConsequencesBox:
    """For each entity's action one to compare it with, and what the difference would be."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._others: dict[str, w.Dropdown] = {}
        self._choices = w.HBox()
        self._choices.add_class("ck-rules")
        self._text = w.HTML()
        self._ask = button("Compare", self._asked, desk, tooltip="Work out both, and compare them")
        self.widget = w.VBox(
            [
                w.HTML("<h3>What this choice does</h3>"),
                self._choices,
                self._ask,
                self._text,
            ]
        )
        self.widget.add_class("ck-compared")
        self._timer: threading.Timer | None = None
        self._version = 0

    def show(self) -> None:
        """Offer an alternative for each entity's action; one chosen before stays, if it differs."""
        settings = self._desk.session.settings
        entities = self._imported()
        old = {entity: control.value for entity, control in self._others.items()}
        self._others = {}
        for entity in entities:
            action = settings.rule(entity).action
            kept = old.get(entity.id)
            control = dropdown(
                f"{entity.labels['en']}, compare with:",
                [(a.label, a) for a in Action if a is not action],
                kept if kept not in (None, action) else _alternative(action),
            )
            control.observe(self._desk.handler.guard(self._changed), names="value")
            self._others[entity.id] = control
        self._choices.children = list(self._others.values())
        self.widget.layout.display = "" if entities else "none"

    def changed(self) -> None:
        """The settings changed: what is shown is old, and is made anew after a pause."""
        self._version += 1
        self.leave()
        if self._desk.session.step == "result":
            return
        if fault := self._fault():
            self._text.value = markup.paragraph(fault, style="ck-hint")
            return
        asked = self._desk.session.staged.row_count > _AT_ONCE
        self._ask.layout.display = "" if asked else "none"
        if asked:
            self._text.value = markup.paragraph(
                "The file is long: press Compare when you want to see the difference.",
                style="ck-hint",
            )
            return
        self._text.value = markup.paragraph("Comparing …", style="ck-hint")
        self._timer = threading.Timer(_PAUSE, self._desk.handler.guard(self._compare))
        self._timer.daemon = True
        self._timer.start()

    def leave(self) -> None:
        """Do not compare any more; the user goes on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _changed(self, _: object) -> None:
        self._desk.give_way()
        self.changed()

    def _asked(self) -> None:
        if fault := self._fault():
            self._desk.tell(fault)
            return
        self._compare(aside=False)

    def _compare(self, *, aside: bool = True) -> None:
        if not self._desk.has_session:
            return
        session, version = self._desk.session, self._version
        other = self._other()

        def done(found: Any) -> None:
            if version != self._version:
                return
            self._text.value = markup.bullets(
                found.sentences or ["Both do the same to the CRM."], style="ck-consequences"
            ) + markup.table(
                ["", f"As chosen ({self._words(session.settings)})", self._words(other)],
                found.table,
            )

        def ended() -> None:
            if version == self._version:
                self._text.value = markup.paragraph("There is no comparison.", style="ck-hint")

        self._desk.run(
            lambda progress: session.compare(other, progress=progress),
            done,
            ended=ended,
            aside=aside,
        )

    def _imported(self) -> tuple[Entity, ...]:
        session = self._desk.session
        return imported(session.settings, session.mapping, session.schema)

    def _other(self) -> Settings:
        settings = self._desk.session.settings
        for entity in self._imported():
            if entity.id in self._others:
                settings = settings.with_rule(entity, action=self._others[entity.id].value)
        replaces = any(settings.rule(e).action is Action.REPLACE for e in self._imported())
        # Blank cells cannot clear without Replace, which would be a fault of nobody's making.
        clears = settings.blanks_clear and replaces
        return settings.model_copy(update={"blanks_clear": clears})

    def _fault(self) -> str:
        """Why there can be no comparison; empty when there can."""
        session = self._desk.session
        if session.settings_faults():
            return "The difference is shown when the settings fit together."
        if not self._imported():
            return "Nothing is imported with these settings."
        workspace = session.workspace
        if found := faults(self._other(), session.mapping, session.schema, workspace.preferences):
            return f"That cannot be compared. {' '.join(found)}"
        return ""

    def _words(self, settings: Settings) -> str:
        return ", ".join(
            f"{entity.labels['en']}: {settings.rule(entity).action.label.split(' - ')[0]}"
            for entity in self._imported()
        )


def _alternative(action: Action) -> Action:
    return Action.REPLACE if action is Action.MERGE else Action.MERGE
