"""Settings: how known records are found, and what happens to them."""

from __future__ import annotations

from typing import Any

import ipywidgets as w

from crmkit.entities import Entity
from crmkit.settings import (
    DO_NOT_IMPORT,
    Action,
    NoCompanyName,
    Settings,
    imported,
)
from crmkit.ui import markup
from crmkit.ui.desk import Desk, Panel

_WIDE = w.Layout(width="520px")
_STYLE = {"description_width": "200px"}


class SettingsPanel(Panel):
    """Choose duplicate match and action for each entity, and what happens to the odd rows."""

    title = "Import settings"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._rules = w.VBox()
        self._no_company = _dropdown("If no company name:", [(n.label, n) for n in NoCompanyName])
        self._blanks = _check("Under Replace, blank cells clear the field")
        self._apart = _check(
            "Every row is a record of its own (rows of one company are not brought together)"
        )
        self._everywhere = _check(
            "Look for a person's name in the whole CRM, not only in the row's company"
            " (namesakes elsewhere are then taken for the same person)"
        )
        self._zeros = _check(
            "Restore leading zeros that a spreadsheet dropped (zip code 167 in Norway: 0167)"
        )
        self._faults = w.HTML()
        self.body.children = [
            self._rules,
            self._no_company,
            self._blanks,
            self._apart,
            self._everywhere,
            self._zeros,
            self._faults,
        ]
        self._showing = False
        for field in self._fields().values():
            field.observe(desk.handler.guard(self._change), names="value")

    def ready(self) -> bool:
        return self.desk.session.has_source and not self.desk.session.settings_faults()

    def show(self) -> None:
        session = self.desk.session
        settings = session.settings
        self._showing = True
        try:
            for name, field in self._fields().items():
                field.value = getattr(settings, name)
        finally:
            self._showing = False
        self._rules.children = [
            self._rule(entity, settings) for entity in session.workspace.schema.entities
        ]
        self._report()

    def _fields(self) -> dict[str, Any]:
        return {
            "no_company_name": self._no_company,
            "blanks_clear": self._blanks,
            "rows_apart": self._apart,
            "search_everywhere": self._everywhere,
            "restore_zeros": self._zeros,
        }

    def _rule(self, entity: Entity, settings: Settings) -> w.VBox:
        session = self.desk.session
        rule = settings.rule(entity)
        label = entity.labels["en"]
        keys = [(key.labels["en"], key.id) for key in entity.match_keys]
        if entity.parent:
            keys.append((f"None - do not import {entity.plural['en'].lower()}", DO_NOT_IMPORT))
        match = _dropdown("Duplicate match:", keys, rule.match_key)
        action = _dropdown("Action:", [(a.label, a) for a in Action], rule.action)
        explained = w.HTML(markup.paragraph(rule.action.explained, style="ck-hint"))

        def change(_: object) -> None:
            session.settings = session.settings.with_rule(
                entity, match_key=match.value, action=action.value
            )
            explained.value = markup.paragraph(action.value.explained, style="ck-hint")
            self._report()

        for field in (match, action):
            field.observe(self.desk.handler.guard(change), names="value")
        absent = entity not in imported(settings, session.mapping, session.workspace.schema)
        note = (
            ""
            if not absent or rule.match_key == DO_NOT_IMPORT
            else "The file has no columns mapped for these."
        )
        box = w.VBox(
            [
                w.HTML(f"<h3>{label}</h3>{markup.paragraph(note) if note else ''}"),
                match,
                action,
                explained,
            ]
        )
        box.add_class("ck-rule")
        return box

    def _change(self, _: object) -> None:
        if self._showing:
            return
        session = self.desk.session
        chosen = {name: field.value for name, field in self._fields().items()}
        session.settings = session.settings.model_copy(update=chosen)
        self._report()

    def _report(self) -> None:
        self._faults.value = markup.bullets(self.desk.session.settings_faults(), style="ck-faults")
        self.desk.on_change()


def _dropdown(label: str, options: list[tuple[str, Any]], value: Any = None) -> w.Dropdown:
    made = w.Dropdown(description=label, options=options, layout=_WIDE, style=_STYLE)
    if value is not None:
        made.value = value
    return made


def _check(label: str) -> w.Checkbox:
    return w.Checkbox(description=label, indent=False, layout=w.Layout(width="100%"))
