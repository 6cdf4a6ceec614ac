"""The import settings: how known records are found, and what happens to them.

The options are those of SuperOffice's Import settings (reference: superoffice-import.md section 1.8),
with the choices that it leaves open made explicit: whether blank cells clear, and which rows of the
file are one record.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from crmkit.crm import Preferences
from crmkit.entities import Entity, MatchKey, Schema
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


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


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
        unknown_items: For list values that the CRM does not have.
        restore_zeros: Write a zip code or phone number with the leading zero that a spreadsheet
            dropped (167 in Norway becomes 0167); else it is only pointed out.
    """

    rules: MappingType[str, Rule] = {}
    no_company_name: NoCompanyName = NoCompanyName.USE_PERSON_NAME
    blanks_clear: bool = False
    rows_apart: bool = False
    search_everywhere: bool = False
    unknown_items: UnknownItem = UnknownItem.ADD
    restore_zeros: bool = False

    def rule(self, entity: Entity) -> Rule:
        """The rule for an entity."""
        return self.rules.get(entity.id, Rule(match_key=entity.default_key))

    def imports(self, entity: Entity) -> bool:
        """Whether records of an entity are imported at all."""
        return self.rule(entity).match_key != DO_NOT_IMPORT

    def with_rule(
        self, entity: Entity, *, match_key: str | None = None, action: Action | None = None
    ) -> Settings:
        """The same settings with another match key or action for an entity."""
        old = self.rule(entity)
        rule = Rule(match_key=match_key or old.match_key, action=action or old.action)
        return self.model_copy(update={"rules": {**self.rules, entity.id: rule}})


def faults(
    settings: Settings, mapping: Mapping, schema: Schema, preferences: Preferences
) -> tuple[str, ...]:
    """What is missing or contradictory, each with its mend, in words for the screen."""
    found = []
    for entity in imported(settings, mapping, schema):
        rule = settings.rule(entity)
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
    return tuple(found)


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
    return f"{entity.id}.{key.fields[0]}" in mapped
