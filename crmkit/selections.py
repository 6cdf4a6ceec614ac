"""Selections: saved sets of records, as a list on the screen and as a file.

All functions read an attached CRM (`crm`), and lists come from the database, page by page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from crmkit import crm, workbooks
from crmkit.database import Database
from crmkit.entities import Child, Entity, Field, FieldType, Schema, Slot
from crmkit.errors import SettingsError
from crmkit.sql import Query, join, name, names, sql

_BLOCK = 10_000
"""Rows that an export holds in memory at a time."""


@dataclass(frozen=True)
class Selection:
    """A saved set of records of one entity.

    Attributes:
        kind: What put its members in: `new` or `changed` in a batch.
        members: How many there are now; deleted records do not count.
    """

    id: int
    name: str
    entity: str
    batch_id: int
    kind: str
    created_at: datetime
    members: int


def selections(db: Database, *, batch_id: int | None = None) -> tuple[Selection, ...]:
    """All selections, newest first; only those of one batch when it is given."""
    rows = db.records(
        sql(
            "select id, name, entity, batch_id, kind, created_at from crm.selection"
            " where {all} or batch_id = {batch} order by batch_id desc, id",
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
) -> list[tuple[Any, ...]]:
    """A page of a selection's records, by id, with the values of `columns`."""
    entity = schema.entity(chosen.entity)
    return db.rows(
        sql(
            """
            with member as (
                select id from ({found}) order by id limit {limit} offset {offset}
            )
            select {columns} from ({known}) as record
            join member on member.id = record.id
            {parent}
            order by record.id
            """,
            found=_found_sql(entity, chosen, search),
            limit=limit,
            offset=offset,
            columns=join(", ", (value for _, value in _columns(schema, entity))),
            known=crm.record_sql(entity, entity.stored),
            parent=sql(
                "left join {t} as parent on parent.id = record.{id}",
                t=crm.table(entity.parent),
                id=name(f"{entity.parent}_id"),
            )
            if entity.parent
            else sql(""),
        )
    )


def count_members(db: Database, schema: Schema, chosen: Selection, *, search: str = "") -> int:
    """How many records of a selection contain a text; all of them when it is empty."""
    found = _found_sql(schema.entity(chosen.entity), chosen, search)
    return int(db.value(sql("select count(*) from ({found})", found=found)))


def _found_sql(entity: Entity, chosen: Selection, search: str) -> Query:
    """The ids of a selection's records that contain a text in one of their own fields."""
    fields = names((f.id for f in entity.stored), table="record")
    matches = sql("")
    if search:
        matches = sql(
            "and contains(lower(concat_ws('\x1f', {fields})), lower({search}))",
            fields=fields,
            search=search,
        )
    return sql(
        "select record.id from crm.selection_member as member"
        " join ({known}) as record on record.id = member.record_id"
        " where member.selection_id = {selection} {matches}",
        known=crm.record_sql(entity, entity.stored),
        selection=chosen.id,
        matches=matches,
    )


def export(db: Database, schema: Schema, chosen: Selection, path: Path) -> int:
    """Write a selection to an Excel or CSV file, by the ending of its name.

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
        workbooks.write_table(path, headers, rows(), sheet=chosen.kind.capitalize())
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
