"""Settings: how known records are found, and what happens to them.

The first screen is short: known jobs, match and action, what the choice does. Everything else is
closed, with what is chosen in its head.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import ipywidgets as w

from crmkit.entities import LISTS, LISTS_WITHOUT_DEFAULT, Entity, FieldType, Schema, Target
from crmkit.lists import ListValue
from crmkit.progress import Progress
from crmkit.settings import (
    DO_NOT_IMPORT,
    PRESETS,
    Action,
    ChildAction,
    FieldRule,
    ListRule,
    NoCompanyName,
    NumberFormat,
    Preset,
    Privacy,
    Settings,
    UnknownItem,
    Write,
    apply_preset,
    imported,
)
from crmkit.ui import markup
from crmkit.ui.consequences import ConsequencesBox
from crmkit.ui.desk import Desk, Panel, button
from crmkit.ui.parts import Part, check, dropdown
from crmkit.ui.widgets import MappedValue, ValueMap

_NO_BASIS: Final = "None"
_NONE: Final = ""
"""No exception, as a choice: a value None would be shown as an empty box."""

Lookup = tuple[tuple[ListValue, ...], Mapping[str, tuple[str, ...]]]
"""The file's values for lists, and the items of each list."""


class SettingsPanel(Panel):
    """Choose duplicate match and action for each entity, and what happens to the odd rows."""

    title = "Import settings"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._presets = _Presets(desk, self._take_preset)
        self._rules = w.HBox()
        self._rules.add_class("ck-rules")
        self._faults = w.HTML()
        self._consequences = ConsequencesBox(desk)
        self._rows = _RowsPart(self)
        self._lists = _ListsPart(self)
        self._children = _ChildrenPart(self)
        self._privacy = _PrivacyPart(self)
        self._fields = _FieldsPart(self)
        self.body.children = [
            self._presets.widget,
            self._rules,
            self._faults,
            self._consequences.widget,
            *(part.widget for part in self._parts()),
        ]
        self._explained: dict[str, w.HTML] = {}

    def ready(self) -> bool:
        return self.desk.session.has_source and not self.desk.session.settings_faults()

    def show(self) -> None:
        session = self.desk.session
        settings = session.settings
        self._rules.children = [self._rule(entity, settings) for entity in session.schema.entities]
        for part in self._parts():
            part.show(settings)
        # Known jobs, consents and phones are about companies and persons.
        with_persons = _with_persons(session.schema)
        for about_persons in (self._presets, self._children, self._privacy):
            about_persons.widget.layout.display = "" if with_persons else "none"
        self._consequences.show()
        self._lists.forget()
        self._report()
        self._look()

    def leave(self) -> None:
        self._consequences.leave()
        self.desk.give_way()

    def choose(self, chosen: Settings) -> None:
        """Keep other settings, and show what they do."""
        # The comparison holds the import's file; it would keep the user waiting.
        self.desk.give_way()
        self.desk.session.settings = chosen
        self._report()
        if self._lists.known:
            self._consequences.changed()
        else:
            self._look()

    def _look(self) -> None:
        self.desk.run(self._look_up, self._looked_up, aside=True)

    def _parts(self) -> tuple[SettingsPart, ...]:
        return (self._rows, self._lists, self._children, self._privacy, self._fields)

    def _take_preset(self, preset: Preset) -> None:
        session = self.desk.session
        self.choose(apply_preset(session.settings, preset, session.workspace.preferences))
        self._rules.children = [
            self._rule(entity, session.settings) for entity in session.schema.entities
        ]
        for part in self._parts():
            part.show(session.settings)
        self._consequences.show()

    def _look_up(self, progress: Progress) -> Lookup:
        progress(0.0, "Looking at the values for lists")
        session = self.desk.session
        values = session.list_values()
        ids = {value.list for value in values} | {"legal_basis", "consent_source"}
        return values, {list_id: tuple(session.list_items(list_id)) for list_id in sorted(ids)}

    def _looked_up(self, found: Lookup) -> None:
        if not self.desk.has_session:
            return
        values, items = found
        settings = self.desk.session.settings
        self._lists.fill(values, items, settings)
        self._privacy.fill(items, settings)
        self._consequences.changed()

    def _rule(self, entity: Entity, settings: Settings) -> w.VBox:
        session = self.desk.session
        rule = settings.rule(entity)
        label = entity.labels["en"]
        keys = [(key.labels["en"], key.id) for key in entity.match_keys]
        if entity.parent:
            keys.append((f"None - do not import {entity.plural['en'].lower()}", DO_NOT_IMPORT))
        match = dropdown("Duplicate match:", keys, rule.match_key)
        action = dropdown("Action:", [(a.label, a) for a in Action], rule.action)
        explained = w.HTML(markup.paragraph(rule.action.explained, style="ck-hint"))
        note = w.HTML()

        def change(_: object) -> None:
            self.choose(
                session.settings.with_rule(entity, match_key=match.value, action=action.value)
            )
            explained.value = markup.paragraph(action.value.explained, style="ck-hint")
            self._consequences.show()

        for field in (match, action):
            field.observe(self.desk.handler.guard(change), names="value")
        absent = entity not in imported(settings, session.mapping, session.schema)
        if absent and rule.match_key != DO_NOT_IMPORT:
            note.value = markup.paragraph("The file has no columns mapped for these.")
        box = w.VBox([w.HTML(f"<h3>{markup.escape(label)}</h3>"), note, match, action, explained])
        box.add_class("ck-rule")
        return box

    def _report(self) -> None:
        session = self.desk.session
        settings = session.settings
        self._faults.value = markup.bullets(session.settings_faults(), style="ck-faults")
        self._presets.show(settings)
        for part in self._parts():
            part.summarise(settings)
        self.desk.on_change()


def _with_persons(schema: Schema) -> bool:
    """Whether an import is about companies and persons."""
    return bool(schema.root.named_after)


class _Presets:
    """The known jobs, one click each."""

    def __init__(self, desk: Desk, take: Callable[[Preset], None]) -> None:
        self._desk = desk
        self._take = take
        self._last = ""
        self._buttons = {
            preset.id: button(preset.label, functools.partial(self._click, preset), desk)
            for preset in PRESETS
        }
        self._chosen = w.HTML()
        lines = []
        for preset in PRESETS:
            line = w.HBox(
                [
                    self._buttons[preset.id],
                    w.HTML(markup.paragraph(preset.explained, style="ck-hint")),
                ]
            )
            line.add_class("ck-preset")
            lines.append(line)
        grid = w.VBox(lines)
        grid.add_class("ck-presets")
        self.widget = w.VBox([w.HTML("<h3>What is this import for?</h3>"), grid, self._chosen])

    def show(self, settings: Settings) -> None:
        """Mark the job that the settings are."""
        preferences = self._desk.session.workspace.preferences
        spelt = settings
        for entity in self._desk.session.schema.entities:
            spelt = spelt.with_rule(entity)  # a rule that is not named is the same as its default
        same = [p.id for p in PRESETS if apply_preset(spelt, p, preferences) == spelt]
        # Two jobs may come to the same settings: the one that was clicked is meant.
        chosen = self._last if self._last in same else next(iter(same), "")
        for preset in PRESETS:
            made = self._buttons[preset.id]
            (made.add_class if preset.id == chosen else made.remove_class)("ck-chosen")
        label = next((p.label for p in PRESETS if p.id == chosen), "your own choice")
        self._chosen.value = markup.paragraph(f"Chosen: {label}.", style="ck-hint")

    def _click(self, preset: Preset) -> None:
        self._last = preset.id
        self._take(preset)


class SettingsPart(Part):
    """A closed part of the panel; its controls follow the settings, and change them."""

    def __init__(self, panel: SettingsPanel, title: str) -> None:
        super().__init__(title, panel.desk)
        self._panel = panel
        self._showing = False

    def show(self, settings: Settings) -> None:
        """Bring the controls up to date."""
        self._showing = True
        try:
            self.update(settings)
        finally:
            self._showing = False

    def update(self, settings: Settings) -> None:
        """Set the controls' values."""

    def summarise(self, settings: Settings) -> None:
        """Say in the head what is chosen."""

    def watch(self, control: Any, change: Callable[[], Settings]) -> None:
        """Keep the settings that `change` gives, when the user changes a control."""

        def changed(_: object) -> None:
            if not self._showing:
                self._panel.choose(change())

        control.observe(self.desk.handler.guard(changed), names="value")


class _RowsPart(SettingsPart):
    """Rows without a company name, rows that are one record, and lost zeros."""

    def __init__(self, panel: SettingsPanel) -> None:
        super().__init__(panel, "Rows")
        self._controls: dict[str, Any] = {
            "no_company_name": dropdown(
                "If no company name:", [(n.label, n) for n in NoCompanyName]
            ),
            "rows_apart": check(
                "Every row is a record of its own (rows of one company are not brought together)"
            ),
            "search_everywhere": check(
                "Look for a person's name in the whole CRM, not only in the row's company"
                " (namesakes elsewhere are then taken for the same person)"
            ),
            "restore_zeros": check(
                "Restore leading zeros that a spreadsheet dropped (zip code 167 in Norway: 0167)"
            ),
            "number_format": dropdown("Number format:", [(n.label, n) for n in NumberFormat]),
        }
        self.body.children = list(self._controls.values())
        for name, control in self._controls.items():
            self.watch(control, functools.partial(self._changed, name, control))

    def _changed(self, name: str, control: Any) -> Settings:
        return self.desk.session.settings.model_copy(update={name: control.value})

    def update(self, settings: Settings) -> None:
        with_persons = _with_persons(self.desk.session.schema)
        for name, control in self._controls.items():
            control.value = getattr(settings, name)
            shown = with_persons or name in ("rows_apart", "number_format")
            control.layout.display = "" if shown else "none"

    def summarise(self, settings: Settings) -> None:
        on = [
            words
            for name, words in (
                ("rows_apart", "every row a record"),
                ("search_everywhere", "persons looked for everywhere"),
                ("restore_zeros", "zeros restored"),
            )
            if getattr(settings, name)
        ]
        text = f"If no company name: {_small(settings.no_company_name.label)}"
        if not _with_persons(self.desk.session.schema):
            text = f"Number format: {_small(settings.number_format.label)}"
        self.head.summary = "; ".join([text, *on])


class _ListsPart(SettingsPart):
    """For each list with a mapped column: what unknown values become, and what each means."""

    def __init__(self, panel: SettingsPanel) -> None:
        super().__init__(panel, "Lists")
        self._values: tuple[ListValue, ...] | None = None
        self._items: Mapping[str, tuple[str, ...]] = {}
        self._maps: dict[str, ValueMap] = {}
        self._rules: dict[str, w.Dropdown] = {}
        self._declined: set[tuple[str, str]] = set()
        self._mapped_then: set[tuple[str, str]] = set()

    @property
    def known(self) -> bool:
        """Whether the file's values have been looked at."""
        return self._values is not None

    def forget(self) -> None:
        """The file or its mapping may be another: its values must be looked at again."""
        self._values = None
        self._declined.clear()

    def update(self, settings: Settings) -> None:
        mapped = self._mapped()
        self.widget.layout.display = "" if mapped else "none"
        if list(self._rules) != mapped:
            self._values = None
            self._rules, self._maps = {}, {}
            self.body.children = [self._one(list_id) for list_id in mapped]
        for list_id, control in self._rules.items():
            control.value = settings.list_rule(list_id).unknown
        self._fill_maps(settings)

    def fill(
        self,
        values: tuple[ListValue, ...],
        items: Mapping[str, tuple[str, ...]],
        settings: Settings,
    ) -> None:
        """Show the values that were found in the file."""
        self._values, self._items = values, items
        self._mapped_then = {
            (list_id, text.casefold())
            for list_id, rule in settings.lists.items()
            for text in rule.values
        }
        self._fill_maps(settings)
        self.summarise(settings)

    def summarise(self, settings: Settings) -> None:
        if self._values is None:
            self.head.summary = "looking at the file's values …"
            return
        values = [value for list_id in self._rules for value in self._unknown(list_id, settings)]
        unknown = [value for value in values if not value.item]
        suggested = sum(1 for value in unknown if value.suggestion)
        words = (
            f"{len(unknown):,} {'value' if len(unknown) == 1 else 'values'} that the CRM"
            " does not have"
            if unknown
            else "every value has its item"
        )
        if suggested:
            words += f", {suggested:,} with a suggestion to confirm"
        self.head.summary = words

    def _mapped(self) -> list[str]:
        session = self.desk.session
        schema = session.schema
        targets = [schema.target(target) for target in session.mapping.mapped_targets]
        found = [t.field.list for t in targets if t.field.type is FieldType.LIST]
        return list(dict.fromkeys(found))

    def _one(self, list_id: str) -> w.VBox:
        label = LISTS[list_id]["en"] if list_id in LISTS else list_id
        rule = dropdown(
            "Unknown values:",
            [
                (item.label, item)
                for item in UnknownItem
                if item is not UnknownItem.DEFAULT or list_id not in LISTS_WITHOUT_DEFAULT
            ],
        )
        value_map = ValueMap(
            label=label,
            on_choose=functools.partial(self._choose, list_id),
            handler=self.desk.handler,
        )
        value_map.layout.display = "none"
        self._rules[list_id], self._maps[list_id] = rule, value_map
        self.watch(
            rule,
            lambda: self.desk.session.settings.with_list(list_id, unknown=rule.value),
        )
        rule.observe(
            self.desk.handler.guard(lambda _: self._fill_maps(self.desk.session.settings)),
            names="value",
        )
        box = w.VBox([w.HTML(f"<h4>{markup.escape(label)}</h4>"), rule, value_map])
        box.add_class("ck-list")
        return box

    def _choose(self, list_id: str, chosen: Mapping[str, str]) -> None:
        settings = self.desk.session.settings
        values = {**settings.list_rule(list_id).values}
        for text, item in chosen.items():
            values = {key: old for key, old in values.items() if key.casefold() != text.casefold()}
            if item:
                values[text] = item
            else:
                self._declined.add((list_id, text))
        self._panel.choose(settings.with_list(list_id, values=values))
        self._fill_maps(self.desk.session.settings)

    def _unknown(self, list_id: str, settings: Settings) -> list[MappedValue]:
        """The values that the list does not have, with the user's choices of this minute."""
        chosen = {
            text.casefold(): item for text, item in settings.list_rule(list_id).values.items()
        }
        found = []
        for value in self._values or ():
            mapped = chosen.get(value.text.casefold(), "")
            # Its item came from the value map, which may be another now, or from the list.
            then = (list_id, value.text.casefold()) in self._mapped_then
            if value.list != list_id or (value.item and not mapped and not then):
                continue
            declined = (list_id, value.text) in self._declined
            found.append(
                MappedValue(value.text, value.rows, mapped, "" if declined else value.suggestion)
            )
        return found

    def _fill_maps(self, settings: Settings) -> None:
        for list_id, value_map in self._maps.items():
            rule = settings.list_rule(list_id)
            values = self._unknown(list_id, settings)
            value_map.show(values, self._items.get(list_id, ()), as_it_is=_as_it_is(rule))
            value_map.layout.display = "" if values else "none"


class _ChildrenPart(SettingsPart):
    """Phones, links and e-mail addresses of known records."""

    def __init__(self, panel: SettingsPanel) -> None:
        super().__init__(panel, "Phones, links and e-mail addresses")
        options = [(action.label, action) for action in ChildAction]
        self._phones = dropdown("Phones:", options)
        self._links = dropdown("Links and e-mails:", options)
        hint = markup.paragraph(
            "For records that the CRM has already. The same number written differently is the same"
            " number, and is not added twice.",
            style="ck-hint",
        )
        self.body.children = [self._phones, self._links, w.HTML(hint)]
        for name, control in (("phones", self._phones), ("links", self._links)):
            self.watch(control, functools.partial(self._changed, name, control))

    def _changed(self, name: str, control: w.Dropdown) -> Settings:
        return self.desk.session.settings.model_copy(update={name: control.value})

    def update(self, settings: Settings) -> None:
        self._phones.value, self._links.value = settings.phones, settings.links

    def summarise(self, settings: Settings) -> None:
        phones, links = _small(settings.phones.label), _small(settings.links.label)
        self.head.summary = f"Phones: {phones}; links and e-mails: {links}"


class _PrivacyPart(SettingsPart):
    """The consent that imported persons get."""

    def __init__(self, panel: SettingsPanel) -> None:
        super().__init__(panel, "Privacy")
        self._basis = dropdown("Legal basis:", [])
        self._source = dropdown("Consent source:", [])
        self._comment = w.Text(
            description="Comment:",
            placeholder="Why and how the consent was obtained",
            layout=w.Layout(width="520px", max_width="100%"),
            style={"description_width": "200px"},
            continuous_update=False,
        )
        hint = markup.paragraph(
            "For the purpose Sales and service, for each imported person. A mapped column goes"
            " before these. An import never turns on again what a person has withdrawn.",
            style="ck-hint",
        )
        self.body.children = [self._basis, self._source, self._comment, w.HTML(hint)]
        self._items: Mapping[str, tuple[str, ...]] = {}
        for control in (self._basis, self._source, self._comment):
            self.watch(control, self._changed)

    def fill(self, items: Mapping[str, tuple[str, ...]], settings: Settings) -> None:
        """Offer the items of the CRM's lists."""
        self._items = items
        self.show(settings)

    def update(self, settings: Settings) -> None:
        privacy = settings.privacy
        default = self.desk.session.workspace.preferences.default_legal_basis or _NO_BASIS.lower()
        bases = _with(self._items.get("legal_basis", ()), privacy.legal_basis)
        self._basis.options = [
            (f"The workspace's default ({default})", ""),
            *((item, item) for item in bases),
        ]
        self._basis.value = privacy.legal_basis
        self._source.options = _with(self._items.get("consent_source", ()), privacy.source)
        self._source.value = privacy.source
        self._comment.value = privacy.comment

    def _changed(self) -> Settings:
        privacy = Privacy(
            legal_basis=self._basis.value or "",
            source=self._source.value or Privacy().source,
            comment=self._comment.value.strip()[:255],
        )
        return self.desk.session.settings.model_copy(update={"privacy": privacy})

    def summarise(self, settings: Settings) -> None:
        default = self.desk.session.workspace.preferences.default_legal_basis
        basis = settings.privacy.legal_basis or default
        self.head.summary = (
            f"{basis}, source {settings.privacy.source}" if basis else "No legal basis is recorded"
        )


class _FieldsPart(SettingsPart):
    """Blank cells, for the whole import and field by field."""

    _AS_ACTION: Final = "As the action says"
    _AS_IMPORT: Final = "As the import says"

    def __init__(self, panel: SettingsPanel) -> None:
        super().__init__(panel, "Blank cells and single fields")
        self._clears = check("Under Replace, blank cells clear the field")
        hint = markup.paragraph(
            "A column that is not mapped never changes anything. Exceptions for single fields of"
            " records that the CRM has already:",
            style="ck-hint",
        )
        self._table = w.VBox()
        self.body.children = [self._clears, w.HTML(hint), self._table]
        self.watch(
            self._clears,
            lambda: self.desk.session.settings.model_copy(
                update={"blanks_clear": self._clears.value}
            ),
        )
        self._rules: dict[str, tuple[w.Dropdown, w.Dropdown]] = {}

    def opened(self) -> None:
        # Two controls for each of perhaps sixty fields: made when somebody wants to see them.
        self.show(self.desk.session.settings)

    def update(self, settings: Settings) -> None:
        self._clears.value = settings.blanks_clear
        if not self.head.opened:
            return
        targets = self._targets(settings)
        if list(self._rules) != [target.id for target in targets]:
            self._rules = {}
            self._table.children = [self._line(target) for target in targets]
        for target_id, (write, blank) in self._rules.items():
            rule = settings.fields.get(target_id, FieldRule())
            write.value = rule.write or _NONE
            blank.value = _NONE if rule.blank_clears is None else rule.blank_clears

    def summarise(self, settings: Settings) -> None:
        blanks = "clear under Replace" if settings.blanks_clear else "change nothing"
        count = len(settings.fields)
        words = {0: "no exceptions", 1: "1 exception"}.get(count, f"{count} exceptions")
        self.head.summary = f"Blank cells {blanks}; {words}"

    def _targets(self, settings: Settings) -> list[Target]:
        session = self.desk.session
        schema = session.schema
        known = {target.id: target for target in schema.targets()}
        # An exception of a field that is no longer mapped is shown, so that it can be taken back.
        wanted = dict.fromkeys([*session.mapping.mapped_targets, *settings.fields])
        return [
            known[target]
            for target in wanted
            if target in known
            and not known[target].multiple
            and not known[target].field.composed
            and known[target].field.type is not FieldType.ID
        ]

    def _line(self, target: Target) -> w.HBox:
        write = w.Dropdown(
            description=f"{target.label}:",
            options=[(self._AS_ACTION, _NONE), *((item.label, item) for item in Write)],
            layout=w.Layout(width="480px", max_width="100%"),
            style={"description_width": "260px"},
        )
        blank = w.Dropdown(
            description="Blank cells:",
            options=[(self._AS_IMPORT, _NONE), ("Clear", True), ("Keep", False)],
            layout=w.Layout(width="280px", max_width="100%"),
            style={"description_width": "90px"},
        )
        for control in (write, blank):
            self.watch(control, functools.partial(self._changed, target.id, write, blank))
        self._rules[target.id] = (write, blank)
        line = w.HBox([write, blank])
        line.add_class("ck-line")
        return line

    def _changed(self, target_id: str, write: w.Dropdown, blank: w.Dropdown) -> Settings:
        rule = FieldRule(
            write=write.value or None,
            blank_clears=None if blank.value == _NONE else blank.value,
        )
        return self.desk.session.settings.with_field(target_id, rule)


def _as_it_is(rule: ListRule) -> str:
    return {
        UnknownItem.ADD: "As it is: a new item",
        UnknownItem.DEFAULT: "As it is: the default",
        UnknownItem.BLANK: "As it is: blank",
    }[rule.unknown]


def _with(items: Sequence[str], chosen: str) -> list[str]:
    """The items, with the chosen one also while they are not known yet."""
    return [*items, *([chosen] if chosen and chosen not in items else [])]


def _small(label: str) -> str:
    return label[:1].lower() + label[1:]
