"""Decisions by what their record is recognised by, so that they hold for next month's file too.

In an import a decision goes with its row. In a description it goes with the texts that the row has
in the columns of its match key: the company's number, the person's name and company.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from crmkit import decisions, transforms
from crmkit.cleaning import source_of
from crmkit.database import Database
from crmkit.decisions import Kind
from crmkit.descriptions import KeyedDecision
from crmkit.entities import Entity, MatchKey, Schema
from crmkit.errors import CrmkitError, SettingsError
from crmkit.mapping import Mapping
from crmkit.settings import Action, Settings, key_is_mapped
from crmkit.sql import Query, join, name, sql

MOST: Final = 1_000
"""Decisions that one description keeps; more are rather a setting."""


@dataclass(frozen=True)
class Kept:
    """The decisions of an import that a description can keep, and why it cannot keep the others."""

    decisions: tuple[KeyedDecision, ...]
    omitted: tuple[str, ...]


@dataclass(frozen=True)
class Repeated:
    """What came of a description's decisions in a file.

    Attributes:
        made: How many hold for records of the file.
        absent: How many are about records that the file does not have.
        unfit: What could not be decided, and why.
    """

    made: int
    absent: int
    unfit: tuple[str, ...]


def keep(db: Database, mapping: Mapping, settings: Settings, schema: Schema, country: str) -> Kept:
    """The decisions of an import by their records' keys.

    Args:
        db: The import's file.
        country: The workspace's own.
    """
    kept: list[KeyedDecision] = []
    omitted: list[str] = []
    for entity in schema.entities:
        count = _count(db, entity)
        key = _match_key(entity, mapping, settings)
        if not count:
            continue
        if key is None:
            omitted.append(
                f"{_decisions(count)} about {entity.plural['en'].lower()}: no column is mapped to what"
                " they are recognised by."
            )
            continue
        # Under the rule's own key, rows with one key are one record.
        one_record = key.id == settings.rule(entity).match_key and not settings.rows_apart
        targets = _targets(entity, key, mapping, schema)
        with source_of(db, mapping, country, targets):
            rows = db.rows(_kept_sql(entity, mapping, targets, key, one_record=one_record))
        for kind, target, value, record_id, named, *texts in rows:
            kept.append(
                KeyedDecision(
                    entity=entity.id,
                    key=dict(zip(targets, texts, strict=True)),
                    kind=Kind(kind),
                    field=target,
                    value=value,
                    record_id=record_id,
                    record=named if kind == Kind.MATCH else "",
                )
            )
        if lost := count - len(rows):
            omitted.append(
                f"{_decisions(lost)} about {entity.plural['en'].lower()}: their rows have nothing that"
                " they can be recognised by in the next file, or share it with others."
            )
    if len(kept) > MOST:
        omitted.append(f"{_decisions(len(kept) - MOST)}: a description keeps {MOST:,} at most.")
    return Kept(tuple(kept[:MOST]), tuple(omitted))


def repeat(
    db: Database,
    given: Sequence[KeyedDecision],
    mapping: Mapping,
    schema: Schema,
    scope: int | None,
) -> Repeated:
    """Decide in a file what a description says about its records.

    Args:
        db: The import's file, with `source` of the decisions' keys; the CRM is attached as `crm`.
        scope: For products, the price list of the import.
    """
    db.run(sql("create or replace temp table keyed_row (number integer, row_no integer)"))
    unfit: list[str] = []
    checked: dict[int, KeyedDecision] = {}
    groups: dict[tuple[str, ...], list[int]] = {}
    for number, decision in enumerate(given):
        try:
            checked[number] = _checked(db, decision, mapping, schema, scope)
        except CrmkitError as error:
            unfit.append(f"{_label(decision)}: {error.message} {error.mend}".strip())
            continue
        groups.setdefault(tuple(decision.key), []).append(number)
    for targets, numbers in groups.items():
        db.run(_rows_sql(targets, numbers, given, mapping))
    made = 0
    for number, decision in checked.items():
        rows = sql("select row_no from keyed_row where number = {n}", n=number)
        if not db.value(sql("select count(*) from ({rows})", rows=rows)):
            continue
        made += 1
        named = decision.record
        if decision.kind is Kind.CELL:
            named = schema.target(decision.field).label
        decisions.decide(
            db,
            decision.entity,
            rows,
            decision.kind,
            target=decision.field,
            value=decision.value,
            record_id=sql("{id}", id=decision.record_id),
            named=sql("{named}", named=named),
        )
    return Repeated(made, len(checked) - made, tuple(unfit))


def _decisions(count: int) -> str:
    return "1 decision" if count == 1 else f"{count:,} decisions"


def _label(decision: KeyedDecision) -> str:
    return f"The decision about {', '.join(text for text in decision.key.values() if text)}"


def _count(db: Database, entity: Entity) -> int:
    return int(db.value(sql("select count(*) from decision where entity = {e}", e=entity.id)))


def _match_key(entity: Entity, mapping: Mapping, settings: Settings) -> MatchKey | None:
    """The key of the entity's rule, else the first that the file has."""
    chosen = settings.rule(entity).match_key
    first = sorted(entity.match_keys, key=lambda key: key.id != chosen)
    return next((key for key in first if key_is_mapped(key, entity, mapping)), None)


def _targets(entity: Entity, key: MatchKey, mapping: Mapping, schema: Schema) -> list[str]:
    """The mapped targets whose texts name a record: its key's, and its parent's name beside them."""
    parts = [*key.fields]
    if key.within_parent:
        parts += [field.id for field in entity.fields if field.composed]
    wanted = [f"{entity.id}.{part}" for part in parts]
    if key.within_parent:
        parent = schema.entity(entity.parent)
        wanted += [f"{parent.id}.{part}" for part in parent.match_key(parent.default_key).fields]
    return [target for target in wanted if mapping.columns_for(target)]


def _column(target: str, mapping: Mapping) -> Query:
    return name("source", mapping.columns_for(target)[0])


def _same(one: Query, other: Query) -> Query:
    return sql(
        "{one} is not distinct from {other}",
        one=transforms.name_key(one),
        other=transforms.name_key(other),
    )


def _kept_sql(
    entity: Entity, mapping: Mapping, targets: list[str], key: MatchKey, *, one_record: bool
) -> Query:
    """Kind, field, value, record and texts of the decisions whose rows can be found again."""
    columns = [_column(target, mapping) for target in targets]
    own = [c for t, c in zip(targets, columns, strict=True) if t.startswith(f"{entity.id}.")]
    # All that is compared must be there, but for a name in parts.
    together = " or " if key.within_parent else " and "
    needed = [c for t, c in zip(targets, columns, strict=True) if t in _needed(entity, key)] or own
    filled = join(together, (sql("{c} is not null", c=column) for column in needed))
    alone = sql("")
    if not one_record:
        alone = sql(
            "and (select count(*) from source as other where {same}) = 1",
            same=join(
                " and ",
                (
                    _same(name("other", mapping.columns_for(target)[0]), column)
                    for target, column in zip(targets, columns, strict=True)
                ),
            ),
        )
    return sql(
        "select decision.kind, decision.target, decision.value, decision.record_id, decision.named,"
        " {texts} from decision join source on source.row_no = decision.row_no"
        " where decision.entity = {entity} and ({filled}) {alone}"
        " order by decision.row_no, decision.kind, decision.target",
        texts=join(", ", (sql("coalesce({c}, '')", c=column) for column in columns)),
        entity=entity.id,
        filled=filled,
        alone=alone,
    )


def _needed(entity: Entity, key: MatchKey) -> set[str]:
    # A department may be missing.
    return {f"{entity.id}.{part}" for part in key.fields if part != "department"}


def _rows_sql(
    targets: tuple[str, ...],
    numbers: list[int],
    given: Sequence[KeyedDecision],
    mapping: Mapping,
) -> Query:
    """Puts into `keyed_row` the rows that have the texts of some decisions in the same columns."""
    texts = [
        sql(
            "nullif(unnest({texts}), '') as {c}",
            texts=[given[number].key[target] for number in numbers],
            c=name(f"k{position}"),
        )
        for position, target in enumerate(targets)
    ]
    same = [
        _same(_column(target, mapping), name("said", f"k{position}"))
        for position, target in enumerate(targets)
    ]
    return sql(
        "insert into keyed_row select said.number, source.row_no from"
        " (select unnest({numbers}) as number, {texts}) as said join source on {same}",
        numbers=numbers,
        texts=join(", ", texts),
        same=join(" and ", same),
    )


def _checked(
    db: Database, decision: KeyedDecision, mapping: Mapping, schema: Schema, scope: int | None
) -> KeyedDecision:
    """The decision as it can be carried out here.

    Raises:
        SettingsError: It cannot.
    """
    entity = next((e for e in schema.entities if e.id == decision.entity), None)
    if entity is None:
        raise SettingsError(f"This import has no {decision.entity}.")
    if lacking := [target for target in decision.key if not mapping.columns_for(target)]:
        raise SettingsError(f"No column is mapped to {', '.join(lacking)}.")
    if not any(decision.key.values()):
        raise SettingsError("It does not say which record it is about.")
    update: dict[str, object] = {}
    match decision.kind:
        case Kind.ACTION if decision.value not in {action.value for action in Action}:
            known = ", ".join(action.value for action in Action)
            raise SettingsError(f"There is no action “{decision.value}”. Known are: {known}.")
        case Kind.MATCH:
            if decision.record_id is None:
                raise SettingsError("It does not say which record of the CRM is meant.")
            held = scope if entity.scope else None
            found = decisions.check_record(db, entity, decision.record_id, held)
            if found != decision.record:
                raise SettingsError(
                    f"ID {decision.record_id} is {found} here, and not {decision.record or 'named'}."
                )
        case Kind.CELL:
            target = next((t for t in schema.targets() if t.id == decision.field), None)
            if target is None or target.entity.id != entity.id:
                raise SettingsError(f"There is no field {decision.field} of it here.")
            update["value"] = decisions.check_cell(db, target, decision.value)
    return decision.model_copy(update=update)
