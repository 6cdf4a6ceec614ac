"""Mapping: which column of the source goes into which field, and what is missing for an import."""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from crmkit.entities import Entity, Schema
from crmkit.errors import MappingError
from crmkit.staging import StagedTable

CHOSEN = "chosen by you"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnMapping(_Model):
    """Where one column goes.

    Attributes:
        column: Its id in the staged table.
        target: The id of the target it fills; None when it is left out.
        confidence: 0 to 1 for a suggestion; None when the user has chosen.
        reason: Why it was suggested, or why nothing was.
    """

    column: str
    target: str | None = None
    confidence: float | None = None
    reason: str = ""


class Constant(_Model):
    """The same value of a field for all rows."""

    target: str
    value: str


class Mapping(_Model):
    """Where every column goes, and the constants."""

    columns: tuple[ColumnMapping, ...]
    constants: tuple[Constant, ...] = ()

    @property
    def mapped_targets(self) -> tuple[str, ...]:
        """The targets that are filled, each once, in the order of the file."""
        found = [entry.target for entry in self.columns if entry.target]
        return tuple(dict.fromkeys([*found, *(constant.target for constant in self.constants)]))

    def columns_for(self, target: str) -> tuple[str, ...]:
        """The columns that fill a target."""
        return tuple(entry.column for entry in self.columns if entry.target == target)

    def with_target(self, column: str, target: str | None) -> Mapping:
        """The same mapping with a column sent elsewhere, or left out."""
        chosen = ColumnMapping(column=column, target=target, reason=CHOSEN)
        return self.model_copy(
            update={"columns": tuple(chosen if e.column == column else e for e in self.columns)}
        )

    def with_constant(self, target: str, value: str) -> Mapping:
        """The same mapping with a value for all rows."""
        constants = self.without_constant(target).constants
        return self.model_copy(
            update={"constants": (*constants, Constant(target=target, value=value))}
        )

    def without_constant(self, target: str) -> Mapping:
        """The same mapping without the constant of a target."""
        kept = tuple(constant for constant in self.constants if constant.target != target)
        return self.model_copy(update={"constants": kept})


@dataclass(frozen=True)
class Requirement:
    """Something an import needs: one of some targets.

    Attributes:
        hint: How to meet it.
        blocks: An import cannot go on without it; else only its new records are held back.
    """

    label: str
    targets: tuple[str, ...]
    met: bool
    hint: str
    blocks: bool = True


def requirements(mapping: Mapping, schema: Schema) -> tuple[Requirement, ...]:
    """What must be mapped. A file of companies only, or persons only, is not asked for the other."""
    mapped = set(mapping.mapped_targets)
    used = [e for e in schema.entities if any(t.startswith(f"{e.id}.") for t in mapped)]
    needed = tuple(item for entity in used for item in _requirements(entity, mapped))
    if needed:
        return needed
    targets = tuple(t for entity in schema.entities for t in _identifying(entity))
    return (
        Requirement(
            " or ".join(f"{entity.labels['en']}: Name" for entity in schema.entities),
            targets,
            met=False,
            hint="Map at least one column to the name of a "
            + " or of a ".join(entity.labels["en"].lower() for entity in schema.entities)
            + ".",
        ),
    )


def faults(mapping: Mapping, staged: StagedTable, schema: Schema) -> Dictionary[str, str]:
    """Column -> what is wrong with where it goes, in words for the screen."""
    headers = {column.id: column.header for column in staged.columns}
    targets = {target.id: target for target in schema.targets()}
    constants = {constant.target for constant in mapping.constants}
    found: dict[str, str] = {}
    for entry in mapping.columns:
        if entry.target is None:
            continue
        target = targets.get(entry.target)
        if target is None:
            found[entry.column] = "This field does not exist here. Choose another one."
            continue
        others = [c for c in mapping.columns_for(target.id) if c != entry.column]
        if others and not target.multiple:
            named = ", ".join(f"“{headers.get(other, other)}”" for other in others)
            found[entry.column] = (
                f"{target.label} takes one column, but {named} is mapped to it too. Leave one out."
            )
        elif target.id in constants:
            found[entry.column] = f"{target.label} has a value for all rows already. Remove one."
        elif target.field.composed:
            parts = [
                f"{target.entity.id}.{part}" for part in target.entity.match_key("name").fields
            ]
            if set(parts) & set(mapping.mapped_targets):
                found[entry.column] = (
                    "The name is mapped in its parts already. Leave the full name or the parts out."
                )
    return found


def check(mapping: Mapping, staged: StagedTable, schema: Schema) -> None:
    """Raise when the mapping cannot be used.

    Raises:
        MappingError: All faults and missing fields at once.
    """
    headers = {column.id: column.header for column in staged.columns}
    wrong = [
        f"“{headers.get(column, column)}”: {text}"
        for column, text in faults(mapping, staged, schema).items()
    ]
    wrong += [
        f"{item.label}: {item.hint}"
        for item in requirements(mapping, schema)
        if item.blocks and not item.met
    ]
    if wrong:
        raise MappingError("The mapping is not complete.", where="Mapping", mend=" ".join(wrong))


def _requirements(entity: Entity, mapped: set[str]) -> tuple[Requirement, ...]:
    """One of what identifies a record; beside it the fields that every new record should have."""
    if not entity.needs_all:
        return (_requirement(entity, mapped),)
    title, many = entity.labels["en"], entity.plural["en"].lower()
    found = [] if mapped & set(_identifying(entity)) else [_requirement(entity, mapped)]
    for part in (*entity.needs, *entity.expected):
        hint = (
            f"Without it only known {many} can be changed."
            if part in entity.needs
            else f"New {many} are added without it."
        )
        target = f"{entity.id}.{part}"
        label = f"{title}: {entity.field(part).labels['en']}"
        found.append(Requirement(label, (target,), target in mapped, hint, blocks=False))
    return tuple(found)


def _requirement(entity: Entity, mapped: set[str]) -> Requirement:
    targets = _identifying(entity)
    finds = ", ".join(key.labels["en"] for key in entity.match_keys if key.id != entity.default_key)
    return Requirement(
        f"{entity.labels['en']}: Name",
        targets,
        met=bool(mapped & set(targets)),
        hint=f"Map its name, or a column that finds known ones ({finds}).",
    )


def _identifying(entity: Entity) -> tuple[str, ...]:
    """Targets of which one is enough: parts of the name, or what a match key compares."""
    fields = [part for key in entity.match_keys for part in key.fields if part != "department"]
    fields += [field.id for field in entity.fields if field.composed]
    return tuple(dict.fromkeys(f"{entity.id}.{field}" for field in fields))
