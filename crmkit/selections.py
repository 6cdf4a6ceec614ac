"""Selections: saved sets of records, as a list on the screen and as a file.

All functions work on an attached CRM (`crm`), and lists come from the database, page by page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from crmkit import crm, workbooks
from crmkit.batches import record_selection
from crmkit.database import Database
from crmkit.entities import Child, Entity, Field, FieldType, Schema, Slot, Target
from crmkit.errors import SettingsError
from crmkit.matching import name_fields_sql
from crmkit.sql import Query, join, literal, name, names, sql

OWN = "own"
"""The kind of a selection that a person made."""

_BLOCK = 10_000
"""Rows that an export holds in memory at a time."""


@dataclass(frozen=True)
class Selection:
    """A saved set of records of one entity.

    Attributes:
        batch_id: The batch that it belongs to; None for one that a person made.
        kind: What put its members in: `new`, `changed`, `unchanged` or `skipped` in an import,
            `deleted` or `released` in a deletion, `restored` or `kept` in an undo, `own` by hand.
        members: How many there are now; deleted records do not count.
    """

    id: int
    name: str
    entity: str
    batch_id: int | None
    kind: str
    created_at: datetime
    members: int


class Combination(StrEnum):
    """How two selections of one entity make a third."""

    UNION = "union"
    INTERSECTION = "intersection"
    DIFFERENCE = "difference"

    @property
    def label(self) -> str:
        return {
            Combination.UNION: "all that are in either",
            Combination.INTERSECTION: "those that are in both",
            Combination.DIFFERENCE: "those of the first that are not in the second",
        }[self]


def selections(db: Database, *, batch_id: int | None = None) -> tuple[Selection, ...]:
    """All selections, newest first; only those of one batch when it is given."""
    rows = db.records(
        sql(
            "select id, name, entity, batch_id, kind, created_at from crm.selection"
            " where {all} or batch_id = {batch} order by batch_id desc nulls first, id",
            all=batch_id is None,
            batch=batch_id,
        )
    )
    return tuple(Selection(**row, members=_count(db, row["entity"], row["id"])) for row in rows)


def selection(db: Database, selection_id: int) -> Selection:
    """One selection.

    Raises:
        SettingsError: There is none of this id.
    """
    for found in selections(db):
        if found.id == selection_id:
            return found
    raise SettingsError("This selection does not exist.", where=f"Selection {selection_id}")


def columns(schema: Schema, entity: Entity) -> tuple[str, ...]:
    """The headers of a selection's list and export, the same that an import recognises."""
    return tuple(header for header, _ in _columns(schema, entity))


def members(
    db: Database,
    schema: Schema,
    chosen: Selection,
    *,
    offset: int = 0,
    limit: int = 100,
    search: str = "",
    sort: int = 0,
    descending: bool = False,
) -> list[tuple[Any, ...]]:
    """A page of a selection's records with the values of `columns`.

    Args:
        sort: Position of the column to sort by; case does not count, and blank cells come last.
    """
    entity = schema.entity(chosen.entity)
    values = [value for _, value in _columns(schema, entity)]
    found, order = _found_sql(entity, chosen, search), sql("record.id")
    if sort:
        key = values[sort]
        if _is_text(entity, sort):
            key = sql("lower(cast({value} as varchar))", value=key)
        order = sql(
            "{key} {direction} nulls last, record.id",
            key=key,
            direction=sql("desc") if descending else sql("asc"),
        )
        found = sql(
            "select record.id from ({known}) as record join ({found}) as found"
            " on found.id = record.id {parent}",
            known=crm.record_sql(entity, entity.stored),
            found=found,
            parent=_parent_join(entity),
        )
    elif descending:
        order = sql("record.id desc")
    return db.rows(
        sql(
            """
            with member as (
                {found} order by {order} limit {limit} offset {offset}
            )
            select {columns} from ({known}) as record
            join member on member.id = record.id
            {parent}
            order by {order}
            """,
            found=found,
            order=order,
            limit=limit,
            offset=offset,
            columns=join(", ", values),
            known=crm.record_sql(entity, entity.stored),
            parent=_parent_join(entity),
        )
    )


def _is_text(entity: Entity, position: int) -> bool:
    """Whether a column of the list is sorted as text: all are, but numbers, dates and boxes."""
    own = position - 1 - bool(entity.parent)
    plain = (FieldType.NUMBER, FieldType.DATE, FieldType.BOOLEAN)
    return not (0 <= own < len(entity.stored) and entity.stored[own].type in plain)


def _parent_join(entity: Entity) -> Query:
    if not entity.parent:
        return sql("")
    return sql(
        "left join {t} as parent on parent.id = record.{id} and parent.deleted_at is null",
        t=crm.table(entity.parent),
        id=name(f"{entity.parent}_id"),
    )


def count_members(db: Database, schema: Schema, chosen: Selection, *, search: str = "") -> int:
    """How many records of a selection contain a text; all of them when it is empty."""
    found = _found_sql(schema.entity(chosen.entity), chosen, search)
    return int(db.value(sql("select count(*) from ({found})", found=found)))


def others(
    db: Database, schema: Schema, chosen: Selection, *, search: str, limit: int = 50
) -> list[tuple[int, str]]:
    """Records that are not in a selection and contain a text, to be added: id and name."""
    entity = schema.entity(chosen.entity)
    title = name_fields_sql(entity, "record")
    if entity.parent:
        title = sql("concat_ws(', ', {own}, parent.name)", own=title)
    return db.rows(
        sql(
            """
            select record.id, coalesce({title}, '(no name)') || ' (ID ' || record.id || ')'
            from ({known}) as record {parent}
            where record.id not in (
                select record_id from crm.selection_member where selection_id = {selection}
            ) {matches}
            order by lower({title}) nulls last, record.id limit {limit}
            """,
            title=title,
            known=crm.record_sql(entity, entity.stored),
            parent=_parent_join(entity),
            selection=chosen.id,
            matches=_matches(entity, search),
            limit=limit,
        )
    )


def add_members(db: Database, chosen: Selection, ids: list[int]) -> None:
    """Put records into a selection; those that are in it, or not in the CRM, are passed over."""
    with db.atomic():
        db.run(
            sql(
                "insert into crm.selection_member select {selection}, record.id from {t} as record"
                " where list_contains({ids}, record.id) and record.deleted_at is null"
                " and record.id not in (select record_id from crm.selection_member"
                " where selection_id = {selection}) order by record.id",
                selection=chosen.id,
                t=crm.table(chosen.entity),
                ids=ids or [0],
            )
        )
        crm.raise_revision(db)


def remove_members(db: Database, chosen: Selection, ids: list[int]) -> None:
    """Take records out of a selection; they stay in the CRM."""
    with db.atomic():
        db.run(
            sql(
                "delete from crm.selection_member where selection_id = {selection}"
                " and list_contains({ids}, record_id)",
                selection=chosen.id,
                ids=ids or [0],
            )
        )
        crm.raise_revision(db)


def combine(
    db: Database,
    schema: Schema,
    first: Selection,
    second: Selection,
    *,
    how: Combination,
    title: str,
    at: datetime,
) -> int:
    """Make a selection of two others.

    Returns:
        The new selection's id.

    Raises:
        SettingsError: They are of different entities, or the new one has no name.
    """
    if first.entity != second.entity:
        raise SettingsError(
            "Only selections of the same kind of record can be combined.",
            where=f"{first.name}; {second.name}",
            mend=f"Choose another selection of {schema.entity(first.entity).plural['en'].lower()}.",
        )
    if not title.strip():
        raise SettingsError("The new selection has no name.", mend="Give it a name.")
    operator = {
        Combination.UNION: sql("union"),
        Combination.INTERSECTION: sql("intersect"),
        Combination.DIFFERENCE: sql("except"),
    }[how]
    ids = sql(
        "select record_id as id from crm.selection_member where selection_id = {first}"
        " {operator} select record_id from crm.selection_member where selection_id = {second}",
        first=first.id,
        operator=operator,
        second=second.id,
    )
    with db.atomic():
        made = record_selection(
            db,
            schema.entity(first.entity),
            title.strip(),
            ids,
            batch=None,
            kind=OWN,
            at=at,
        )
        crm.raise_revision(db)
    return made


def write_value_list(
    db: Database, schema: Schema, chosen: Selection, target: Target, value: str, path: Path
) -> None:
    """Write the members' ids and one value for all of them, as a list that can be imported.

    Raises:
        SettingsError: The selection has no members.
    """
    if not chosen.members:
        raise SettingsError("This selection has no members.", where=chosen.name)
    entity = schema.entity(chosen.entity)
    db.run(
        sql(
            "copy (select id as {id}, {value} as {field} from ({found}) order by id)"
            " to {path} (format csv, header, force_quote *)",
            id=name(f"{entity.labels['en']} ID"),
            value=literal(value),
            field=name(target.label),
            found=_found_sql(entity, chosen, ""),
            path=literal(str(path)),
        )
    )


def _matches(entity: Entity, search: str) -> Query:
    """A further condition over `record`: one of its own fields contains a text."""
    if not search.strip():
        return sql("")
    return sql(
        "and contains(lower(concat_ws('\x1f', {fields})), lower({search}))",
        fields=names((f.id for f in entity.stored), table="record"),
        search=search.strip(),
    )


def _found_sql(entity: Entity, chosen: Selection, search: str) -> Query:
    """The ids of a selection's records that contain a text in one of their own fields."""
    return sql(
        "select record.id from crm.selection_member as member"
        " join ({known}) as record on record.id = member.record_id"
        " where member.selection_id = {selection} {matches}",
        known=crm.record_sql(entity, entity.stored),
        selection=chosen.id,
        matches=_matches(entity, search),
    )


def export(
    db: Database,
    schema: Schema,
    chosen: Selection,
    path: Path,
    *,
    tell: workbooks.Tell | None = None,
) -> int:
    """Write a selection to an Excel or CSV file, by the ending of its name.

    Args:
        tell: Is told what a workbook could not hold; CSV has all.

    Returns:
        The number of records written.

    Raises:
        StorageError: The file cannot be written.
    """
    headers = columns(schema, schema.entity(chosen.entity))
    written = 0

    def rows() -> Iterator[tuple[Any, ...]]:
        nonlocal written
        while block := members(db, schema, chosen, offset=written, limit=_BLOCK):
            written += len(block)
            yield from block

    if path.suffix.lower() == ".csv":
        workbooks.write_csv(path, headers, rows())
    else:
        workbooks.write_table(path, headers, rows(), sheet=chosen.kind.capitalize(), tell=tell)
    return written


def _count(db: Database, entity: str, selection_id: int) -> int:
    return int(
        db.value(
            sql(
                "select count(*) from crm.selection_member as member"
                " join {t} as record on record.id = member.record_id"
                " where member.selection_id = {id} and record.deleted_at is null",
                t=crm.table(entity),
                id=selection_id,
            )
        )
    )


def _columns(schema: Schema, entity: Entity) -> list[tuple[str, Query]]:
    """Header and value of each column: the record, its parent, and its children side by side."""
    found = [(f"{entity.labels['en']} ID", sql("record.id"))]
    if entity.parent:
        parent = schema.entity(entity.parent)
        found.append((f"{parent.labels['en']} name", sql("parent.name")))
    found += [
        (f"{entity.labels['en']} {field.labels['en'].lower()}", name("record", field.id))
        for field in entity.stored
    ]
    for child in schema.children_of(entity):
        for slot in child.slots[entity.id]:
            found += _child_columns(entity, child, slot)
    return found


def _child_columns(entity: Entity, child: Child, slot: Slot) -> list[tuple[str, Query]]:
    if slot.multiple:
        header = f"{entity.labels['en']} {slot.labels['en'].lower()}"
        return [(header, _child_values(entity, child, slot, child.fields[0], "; "))]
    return [
        (
            f"{slot.labels['en']} {field.labels['en'].lower()}",
            _child_values(entity, child, slot, field, ""),
        )
        for field in child.fields
    ]


def _child_values(entity: Entity, child: Child, slot: Slot, field: Field, separator: str) -> Query:
    value, lookup = sql("cast(child.{f} as varchar)", f=name(crm.column(field))), sql("")
    if field.type is FieldType.LIST:
        value = sql("item.name")
        lookup = sql("join crm.list_item as item on item.id = child.{f}", f=name(crm.column(field)))
    return sql(
        "(select string_agg({value}, {separator} order by child.rank, child.id) from {t} as child {lookup}"
        " where child.{owner} = record.id and child.slot = {slot} and child.deleted_at is null)",
        value=value,
        separator=separator,
        t=crm.table(child.id),
        lookup=lookup,
        owner=name(f"{entity.id}_id"),
        slot=slot.id,
    )
