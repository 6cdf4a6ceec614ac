"""Mapping: which column of the source goes into which field, and what is missing for an import."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from crmkit.entities import Entity, Schema
from crmkit.errors import MappingError
from crmkit.staging import StagedTable
from crmkit.steps import AnyStep, Step, steps_from

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


class MadeColumn(_Model):
    """A column that is not in the file: a copy of one, or several joined, for steps of its own.

    Attributes:
        id: `m1`, `m2`, ...
        columns: What it is made of, as their own steps leave them.
        separator: Stands between them; blank cells are passed over.
    """

    id: str = Field(pattern="^m[0-9]+$")
    header: str
    columns: tuple[str, ...] = Field(min_length=1)
    separator: str = " "


class Mapping(_Model):
    """Where every column goes, and the constants.

    Attributes:
        made: Columns made of others; they have their place among `columns`, too.
        steps: Column -> the cleaning steps that its cells go through, in their order.
    """

    columns: tuple[ColumnMapping, ...]
    constants: tuple[Constant, ...] = ()
    made: tuple[MadeColumn, ...] = ()
    steps: dict[str, tuple[AnyStep, ...]] = Field(default_factory=dict)

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

    def with_steps(self, column: str, steps: Iterable[Step]) -> Mapping:
        """The same mapping with other cleaning steps for a column; none takes them away."""
        kept = {of: given for of, given in self.steps.items() if of != column}
        if chosen := steps_from(steps):
            kept[column] = chosen
        return self.model_copy(update={"steps": kept})

    def with_made(
        self,
        header: str,
        columns: Iterable[str],
        *,
        separator: str = " ",
        steps: Iterable[Step] = (),
    ) -> Mapping:
        """The same mapping with one more column, last, made of others."""
        number = max((int(made.id[1:]) for made in self.made), default=0) + 1
        made = MadeColumn(
            id=f"m{number}", header=header, columns=tuple(columns), separator=separator
        )
        entry = ColumnMapping(column=made.id, reason="made of other columns")
        return self.model_copy(
            update={"made": (*self.made, made), "columns": (*self.columns, entry)}
        ).with_steps(made.id, steps)

    def without_made(self, column: str) -> Mapping:
        """The same mapping without a made column."""
        return self.model_copy(
            update={
                "made": tuple(made for made in self.made if made.id != column),
                "columns": tuple(entry for entry in self.columns if entry.column != column),
            }
        ).with_steps(column, ())

    def with_cleaning_of(self, other: Mapping) -> Mapping:
        """The same mapping with the steps and made columns of another, and where those go."""
        made = {column.id for column in other.made}
        entries = [entry for entry in other.columns if entry.column in made]
        return self.model_copy(
            update={
                "columns": (*self.columns, *entries),
                "made": other.made,
                "steps": other.steps,
            }
        )

    def headers(self, staged: StagedTable) -> dict[str, str]:
        """Column -> header, of the file's columns and the made ones."""
        found = {column.id: column.header for column in staged.columns}
        return found | {made.id: made.header for made in self.made}


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
    headers = mapping.headers(staged)
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
    headers = mapping.headers(staged)
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
