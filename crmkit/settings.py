"""The import settings: how known records are found, and what happens to them.

The options are those of SuperOffice's Import settings (reference: superoffice-import.md section 1.8),
with the choices that it leaves open made explicit: whether blank cells clear, and which rows of the
file are one record.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from crmkit.crm import Preferences
from crmkit.entities import (
    COMPANY,
    LISTS,
    LISTS_WITHOUT_DEFAULT,
    PERSON,
    Child,
    Entity,
    FieldType,
    MatchKey,
    Schema,
)
from crmkit.errors import SettingsError
from crmkit.mapping import Mapping

DO_NOT_IMPORT = "none"
"""The match key that leaves an entity out of the import."""


class Action(StrEnum):
    """What happens to a record that is known already."""

    ADD = "add"
    MERGE = "merge"
    REPLACE = "replace"
    SKIP = "skip"

    @property
    def label(self) -> str:
        return {
            Action.ADD: "Add always",
            Action.MERGE: "Merge - update empty fields",
            Action.REPLACE: "Replace - overwrite existing",
            Action.SKIP: "Skip - do not import",
        }[self]

    @property
    def explained(self) -> str:
        """What it does, in one sentence."""
        return {
            Action.ADD: "Every record of the file is added; known ones are not looked for.",
            Action.MERGE: "Fields that are empty in the CRM are filled; filled ones stay.",
            Action.REPLACE: "Filled cells overwrite what the CRM has; a column that is not mapped"
            " never changes anything.",
            Action.SKIP: "Known records stay as they are; only new ones are added.",
        }[self]


class NoCompanyName(StrEnum):
    """What happens to a row that has no company name."""

    USE_PERSON_NAME = "use_person_name"
    SKIP = "skip"
    WITHOUT_COMPANY = "without_company"

    @property
    def label(self) -> str:
        return {
            NoCompanyName.USE_PERSON_NAME: "Create company using the person's name",
            NoCompanyName.SKIP: "Skip - import neither company nor person",
            NoCompanyName.WITHOUT_COMPANY: "Import the person without company",
        }[self]


class UnknownItem(StrEnum):
    """What happens to a value that its list does not have."""

    ADD = "add"
    DEFAULT = "default"
    BLANK = "blank"

    @property
    def label(self) -> str:
        return {
            UnknownItem.ADD: "Add new item to the list",
            UnknownItem.DEFAULT: "Ignore - use default",
            UnknownItem.BLANK: "Ignore - set to blank",
        }[self]


class ChildAction(StrEnum):
    """What happens to a known record's phones, or its links and e-mail addresses."""

    ADD = "add"
    REPLACE = "replace"
    KEEP = "keep"

    @property
    def label(self) -> str:
        return {
            ChildAction.ADD: "Add new - keep existing",
            ChildAction.REPLACE: "Replace existing",
            ChildAction.KEEP: "Ignore - keep existing",
        }[self]


class Write(StrEnum):
    """When one field of a known record is written, whatever its record's action says."""

    ALWAYS = "always"
    IF_EMPTY = "if_empty"
    NEVER = "never"

    @property
    def label(self) -> str:
        return {
            Write.ALWAYS: "Always",
            Write.IF_EMPTY: "Only if empty",
            Write.NEVER: "Never",
        }[self]


class NumberFormat(StrEnum):
    """How numbers are written in the file. It decides where a number can be read in two ways."""

    AUTO = "auto"
    COMMA = "1.234,50"
    POINT = "1,234.50"

    @property
    def label(self) -> str:
        return {
            NumberFormat.AUTO: "As the other cells of the column show",
            NumberFormat.COMMA: "Comma before the decimals: 1.234,50 or 1 234,50",
            NumberFormat.POINT: "Point before the decimals: 1,234.50 or 1'234.50",
        }[self]

    @property
    def sign(self) -> str:
        """The sign before the decimals; empty where the column decides."""
        return {NumberFormat.COMMA: ",", NumberFormat.POINT: "."}.get(self, "")


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ListRule(_Model):
    """What happens to values that one list does not have.

    Attributes:
        unknown: For values that are not mapped to an item.
        values: A value of the source, in any case -> the name of the item it means.
    """

    unknown: UnknownItem = UnknownItem.ADD
    values: MappingType[str, str] = {}


class FieldRule(_Model):
    """An exception for one field of known records.

    Attributes:
        write: When it is written; None for what the record's action says.
        blank_clears: Whether a blank cell empties it under Replace; None for what the import says.
    """

    write: Write | None = None
    blank_clears: bool | None = None


class Privacy(_Model):
    """The consent that imported persons get, for the purpose Sales and service.

    Attributes:
        legal_basis: An item of the list; empty for the workspace's default, which may be none.
        source: Where the consent comes from, an item of the list.
        comment: Why and how it was obtained.
    """

    legal_basis: str = ""
    source: str = "Import"
    comment: str = Field(default="", max_length=255)


class Rule(_Model):
    """How known records of one entity are found, and what happens to them.

    Attributes:
        match_key: Id of one of the entity's match keys, or `DO_NOT_IMPORT`.
    """

    match_key: str = "name"
    action: Action = Action.MERGE


class Settings(_Model):
    """All choices of one import.

    Attributes:
        rules: By entity id; an entity that is not named has its default key and Merge.
        no_company_name: For rows without a company name.
        blanks_clear: Under Replace, a blank cell empties the field. Never for unmapped columns.
        rows_apart: Every row of the file is a record of its own; rows that would be the same new
            record are not brought together.
        search_everywhere: A person's name is looked for in the whole CRM, not only in the row's
            company. Namesakes at other companies are then taken for the same person.
        lists: By list id, for values that the CRM does not have; else they are added.
        phones: For the phones of known records; numbers are the same when their normal forms are.
        links: The same for links and e-mail addresses.
        fields: By target, exceptions for single fields of known records.
        privacy: The consent that imported persons get.
        restore_zeros: Write a zip code or phone number with the leading zero that a spreadsheet
            dropped (167 in Norway becomes 0167); else it is only pointed out.
        number_format: How 1.234 is meant. By itself, the cells of its column that can be read in one
            way only decide; where they do not, the cell is left empty and reported.
        price_list: Id of the price list that products are imported into.
    """

    rules: MappingType[str, Rule] = {}
    no_company_name: NoCompanyName = NoCompanyName.USE_PERSON_NAME
    blanks_clear: bool = False
    rows_apart: bool = False
    search_everywhere: bool = False
    lists: MappingType[str, ListRule] = {}
    phones: ChildAction = ChildAction.ADD
    links: ChildAction = ChildAction.ADD
    fields: MappingType[str, FieldRule] = {}
    privacy: Privacy = Privacy()
    restore_zeros: bool = False
    number_format: NumberFormat = NumberFormat.AUTO
    price_list: int | None = None

    def rule(self, entity: Entity) -> Rule:
        """The rule for an entity."""
        return self.rules.get(entity.id, Rule(match_key=entity.default_key))

    def imports(self, entity: Entity) -> bool:
        """Whether records of an entity are imported at all."""
        return self.rule(entity).match_key != DO_NOT_IMPORT

    def lacks_price_list(self, entity: Entity) -> bool:
        """Whether a price list must be chosen: an ID finds a product in all of them."""
        by_id = self.rule(entity).match_key == "id"
        return bool(entity.scope) and self.price_list is None and not by_id

    def with_rule(
        self, entity: Entity, *, match_key: str | None = None, action: Action | None = None
    ) -> Settings:
        """The same settings with another match key or action for an entity."""
        old = self.rule(entity)
        rule = Rule(match_key=match_key or old.match_key, action=action or old.action)
        return self.model_copy(update={"rules": {**self.rules, entity.id: rule}})

    def list_rule(self, list_id: str) -> ListRule:
        """What happens to unknown values of a list."""
        return self.lists.get(list_id, ListRule())

    def with_list(
        self,
        list_id: str,
        *,
        unknown: UnknownItem | None = None,
        values: MappingType[str, str] | None = None,
    ) -> Settings:
        """The same settings with another rule for a list; `values` replaces its value map."""
        old = self.list_rule(list_id)
        rule = ListRule(
            unknown=unknown or old.unknown, values=old.values if values is None else values
        )
        return self.model_copy(update={"lists": {**self.lists, list_id: rule}})

    def with_field(self, target: str, rule: FieldRule) -> Settings:
        """The same settings with an exception for a field; an empty one takes it away."""
        kept = {key: value for key, value in self.fields.items() if key != target}
        if rule != FieldRule():
            kept[target] = rule
        return self.model_copy(update={"fields": kept})

    def child_action(self, child: Child) -> ChildAction:
        """What happens to a child of known records; interests are always added."""
        match child.rule:
            case "phones":
                return self.phones
            case "links":
                return self.links
            case _:
                return ChildAction.ADD

    def clears(self, target: str) -> bool:
        """Whether a blank cell empties a field under Replace."""
        rule = self.fields.get(target, FieldRule())
        return self.blanks_clear if rule.blank_clears is None else rule.blank_clears

    def write(self, target: str) -> Write | None:
        """When a field of a known record is written; None for what its record's action says."""
        return self.fields.get(target, FieldRule()).write


def faults(
    settings: Settings, mapping: Mapping, schema: Schema, preferences: Preferences
) -> tuple[str, ...]:
    """What is missing or contradictory, each with its mend, in words for the screen."""
    found = []
    for entity in imported(settings, mapping, schema):
        rule = settings.rule(entity)
        if settings.lacks_price_list(entity):
            found.append(
                f"{entity.plural['en']}: no price list was chosen. Choose or create the one that they"
                " go into, where the file is chosen."
            )
        if _only_found(entity, mapping, schema):
            found.append(
                f"{entity.plural['en']}: the file has nothing of them but their ID, so nothing would"
                " change. Map another column to what it holds."
            )
        if rule.match_key not in {key.id for key in entity.match_keys}:
            known = ", ".join(key.labels["en"] for key in entity.match_keys)
            found.append(f"{entity.labels['en']}: choose a duplicate match out of {known}.")
            continue
        if rule.action is Action.ADD:
            continue
        key = entity.match_key(rule.match_key)
        if not key_is_mapped(key, entity, mapping):
            found.append(
                f"{entity.labels['en']}: the duplicate match is {key.labels['en']}, but no column is"
                f" mapped to it. Map a column to {entity.labels['en']}: {key.labels['en']},"
                " or choose another match."
            )
    without = settings.no_company_name is NoCompanyName.WITHOUT_COMPANY
    if without and preferences.mandatory_company:
        found.append(
            "Persons without company cannot be imported while the preference 'Mandatory company on"
            " person' is on. Turn it off in the preferences, or choose another way for rows without"
            " a company name."
        )
    if settings.blanks_clear and Action.REPLACE not in {
        settings.rule(entity).action for entity in schema.entities
    }:
        found.append("Blank cells can only clear under Replace. Choose Replace, or turn it off.")
    targets = {target.id for target in schema.targets()}
    found += [
        f"There is no field {target} here. Take its exception out of the settings."
        for target in settings.fields
        if target not in targets
    ]
    found += [
        f"The list {LISTS[list_id]['en'].lower()} has no default. Add new values, or set them to blank."
        for list_id in LISTS_WITHOUT_DEFAULT
        if settings.list_rule(list_id).unknown is UnknownItem.DEFAULT
    ]
    return tuple(found)


def _only_found(entity: Entity, mapping: Mapping, schema: Schema) -> bool:
    """Whether records can only be found: others have a company or may take a name, and so a change."""
    own = [schema.target(t) for t in mapping.mapped_targets if t.startswith(f"{entity.id}.")]
    alone = not entity.parent and not entity.named_after
    return alone and all(target.field.type is FieldType.ID for target in own)


def check(settings: Settings, mapping: Mapping, schema: Schema, preferences: Preferences) -> None:
    """Raise when the settings cannot be used.

    Raises:
        SettingsError: All faults at once.
    """
    if found := faults(settings, mapping, schema, preferences):
        raise SettingsError(
            "The settings do not fit together.", where="Settings", mend=" ".join(found)
        )


def imported(settings: Settings, mapping: Mapping, schema: Schema) -> tuple[Entity, ...]:
    """The entities of which the file has columns and that the settings do not leave out."""
    mapped = {target.split(".")[0] for target in mapping.mapped_targets}
    return tuple(e for e in schema.entities if e.id in mapped and settings.imports(e))


def key_is_mapped(key: MatchKey, entity: Entity, mapping: Mapping) -> bool:
    """Whether the file has what a match key compares: one of its fields, for a person's name any part."""
    mapped = set(mapping.mapped_targets)
    if key.within_parent:
        return bool(mapped & {f"{entity.id}.{part}" for part in (*key.fields, "full_name")})
    # A department may be missing, on both sides; a code that is compared may not.
    parts = [part for part in key.fields if part != "department"]
    return all(f"{entity.id}.{part}" in mapped for part in parts)


@dataclass(frozen=True)
class Preset:
    """Settings for a job that people know by name.

    Attributes:
        explained: What it does, in one sentence.
    """

    id: str
    label: str
    explained: str
    company: Action
    person: Action
    persons: bool = True
    without_company: bool = False


PRESETS: Final = (
    Preset(
        "empty",
        "Fill an empty CRM",
        "Every company and person of the file is added; rows of one company become one company.",
        Action.ADD,
        Action.ADD,
    ),
    Preset(
        "companies",
        "Only companies",
        "Companies are added, or filled where the CRM has nothing; persons are left out.",
        Action.MERGE,
        Action.MERGE,
        persons=False,
    ),
    Preset(
        "persons",
        "Only persons",
        "Persons are added or filled, also those without a company; known companies stay as they are.",
        Action.SKIP,
        Action.MERGE,
        without_company=True,
    ),
    Preset(
        "update",
        "Bring old data up to date",
        "What the file says replaces what the CRM has; blank cells change nothing.",
        Action.REPLACE,
        Action.REPLACE,
    ),
    Preset(
        "fill",
        "Add what is missing",
        "New records are added, and empty fields of known ones are filled; filled ones stay.",
        Action.MERGE,
        Action.MERGE,
    ),
    Preset(
        "new",
        "Only new records",
        "Records that the CRM does not have are added; known ones stay as they are.",
        Action.SKIP,
        Action.SKIP,
    ),
    Preset(
        "add",
        "Add everything",
        "Every record is added, known or not. The CRM may then hold the same one twice.",
        Action.ADD,
        Action.ADD,
    ),
)
"""The known jobs (reference: superoffice-import.md section 9)."""


def apply_preset(settings: Settings, preset: Preset, preferences: Preferences) -> Settings:
    """The settings of a known job; match keys, lists and everything else stay as chosen."""
    chosen = settings.with_rule(COMPANY, action=preset.company)
    person_key = DO_NOT_IMPORT if not preset.persons else settings.rule(PERSON).match_key
    if preset.persons and person_key == DO_NOT_IMPORT:
        person_key = PERSON.default_key
    chosen = chosen.with_rule(PERSON, match_key=person_key, action=preset.person)
    without = settings.no_company_name
    if preset.without_company and not preferences.mandatory_company:
        without = NoCompanyName.WITHOUT_COMPANY
    clears = settings.blanks_clear and Action.REPLACE in (preset.company, preset.person)
    return chosen.model_copy(update={"no_company_name": without, "blanks_clear": clears})
