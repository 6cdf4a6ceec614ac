"""Applies a plan to the CRM: one transaction, all of it or none. Only this module writes records.

What it writes is read from the plan's tables, never worked out anew; what it reports is read back
from the CRM inside the same transaction, and a difference undoes everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from crmkit import crm, remembered
from crmkit.batches import (
    BatchHeader,
    insert_batch,
    record_selections,
    remove,
    written_counts,
)
from crmkit.database import Database
from crmkit.entities import Child, Entity, FieldType, Slot
from crmkit.errors import CommitError, StalePlanError
from crmkit.plan import Plan
from crmkit.progress import Progress
from crmkit.records import Column, Shape, children, slot_child
from crmkit.sql import Query, join, name, names, sql


def commit(db: Database, plan: Plan, header: BatchHeader, *, progress: Progress) -> int:
    """Write a plan to the attached CRM as one batch.

    Args:
        db: The import's file with the plan's tables; the CRM is attached as `crm`, writable.
        progress: Told the share done; may raise CancelledError, which leaves the CRM as it was.

    Returns:
        The batch's id.

    Raises:
        StalePlanError: The CRM changed since the plan was made.
        CommitError: The CRM would not hold what the plan says; nothing was written.
    """
    with db.atomic():
        check_fresh(db, plan)
        batch = crm.next_id(db, "batch")
        _add_list_items(db, batch)
        db.run(_item_ids_sql())
        _remember(db, plan, batch)
        remembered.keep(db, header.choices)
        steps = len(plan.entities)
        for number, entity in enumerate(plan.entities):
            progress(number / steps, f"Writing {entity.plural['en'].lower()}")
            _write_entity(db, plan, entity, batch, header.committed_at)
        progress(0.95, "Recording the selections")
        for entity in plan.entities:
            _select(db, entity, batch, header)
        for entity in plan.entities:
            _raise_counter(db, entity.id)
        _verify(db, plan, batch)
        written = {entity.id: written_counts(db, entity, batch) for entity in plan.entities}
        insert_batch(db, batch, header, written, decisions=_decisions_sql())
        crm.raise_revision(db)
    progress(1.0, "Done")
    return batch


def changes_records(db: Database, plan: Plan) -> bool:
    """Whether a plan adds or changes a record."""
    return any(
        db.value(
            sql(
                "select exists (from {t} where status in ('new', 'changed'))",
                t=name(f"{entity.id}_record"),
            )
        )
        for entity in plan.entities
    )


def check_fresh(db: Database, plan: Plan) -> None:
    """Refuse a plan that was made on another state of the CRM.

    Raises:
        StalePlanError: The CRM was written since.
    """
    if crm.revision(db) != plan.revision:
        raise StalePlanError(
            "The CRM changed since this preview was made, so nothing was imported.",
            mend="Look at the new preview and import again.",
        )


def _write_entity(db: Database, plan: Plan, entity: Entity, batch: int, at: datetime) -> None:
    shape = plan.shapes[entity.id]
    _insert_new(db, shape, batch, at, scope=plan.matchers[entity.id].scope)
    _log_changes(db, shape, batch)
    _update_changed(db, shape, batch, at)
    for slot, columns in shape.slots():
        _write_slot(db, shape, slot, columns, batch, at)
    for child in children(plan.matchers[entity.id]):
        remove(db, child, name(f"{entity.id}_{child.id}_removed"), batch, at)
        _insert_children(db, entity, child, batch, at)
    _keep_rows(db, entity, batch)


def _keep_rows(db: Database, entity: Entity, batch: int) -> None:
    """Keep which rows of the source each record was written from, for its history."""
    db.run(
        sql(
            """
            insert into crm.source_row
            select {batch}, {entity}, record.id, row.row_no
            from {records} as record
            join {rows} as row on row.record_no = record.record_no
            where record.status in ('new', 'changed')
            """,
            batch=batch,
            entity=entity.id,
            records=name(f"{entity.id}_record"),
            rows=name(f"{entity.id}_row"),
        )
    )


def _stored(shape: Shape) -> list[tuple[Column, str]]:
    """The record's own columns, each with the column of the CRM that stores it."""
    return [(c, crm.column(c.field) if c.field is not None else c.id) for c in shape.own]


def _values_sql(columns: Iterable[Column]) -> tuple[Query, Query]:
    """A plan's cells as the CRM stores them, over `after`: values, and joins to list items."""
    values, joins = [], []
    for column in columns:
        field = column.field
        if field is None or field.type is not FieldType.LIST:
            values.append(name("after", column.id))
            continue
        item = name(f"{column.id} item")
        values.append(sql("{item}.id", item=item))
        joins.append(
            sql(
                "left join item_id as {item} on {item}.list = {list} and {item}.name = after.{column}",
                item=item,
                list=field.list,
                column=name(column.id),
            )
        )
    return join(", ", values), join(" ", joins)


def _insert_new(db: Database, shape: Shape, batch: int, at: datetime, *, scope: int | None) -> None:
    stored = _stored(shape)
    values, joins = _values_sql(column for column, _ in stored)
    columns = [stored_as for _, stored_as in stored]
    if shape.entity.scope:
        columns.append(f"{shape.entity.scope}_id")
        values = sql("{values}, {scope}", values=values, scope=scope)
    db.run(
        sql(
            """
            insert into {table} (id, {columns}, created_at, created_by_batch)
            select after.id, {values}, {at}, {batch}
            from {after} as after
            join {record} as record on record.record_no = after.record_no and record.status = 'new'
            {joins}
            """,
            table=crm.table(shape.entity.id),
            columns=names(columns),
            values=values,
            at=at,
            batch=batch,
            after=name(f"{shape.entity.id}_after"),
            record=name(f"{shape.entity.id}_record"),
            joins=joins,
        )
    )


def _log_changes(db: Database, shape: Shape, batch: int) -> None:
    """The log keeps what each changed cell was and became, so that it can be taken back."""
    differs = {
        column.id: sql("before.{c} is distinct from after.{c}", c=name(column.id))
        for column in shape.columns
    }
    changes = (
        sql(
            "case when {differs} then struct_pack(field := {field},"
            " before := cast(before.{c} as varchar), after := cast(after.{c} as varchar)) end",
            differs=differs[column.id],
            field=column.id,
            c=name(column.id),
        )
        for column in shape.columns
    )
    db.run(
        sql(
            """
            insert into crm.change
            select {batch}, {entity}, id, change.field, change.before, change.after from (
                select after.id, unnest([{changes}]) as change
                from {after} as after
                join {before} as before on before.record_no = after.record_no
                where {differ}
            )
            where change is not null
            """,
            batch=batch,
            entity=shape.entity.id,
            changes=join(", ", changes),
            after=name(f"{shape.entity.id}_after"),
            before=name(f"{shape.entity.id}_before"),
            differ=join(" or ", differs.values()),
        )
    )


def _update_changed(db: Database, shape: Shape, batch: int, at: datetime) -> None:
    """Write the changed records anew: DuckDB takes far longer to update scattered rows in place.

    A record also counts as changed when only something below it was added. None is written twice,
    even where two incoming records were found to be the same one.
    """
    entity, stored = shape.entity, _stored(shape)
    values, joins = _values_sql(column for column, _ in stored)
    table = crm.table(entity.id)
    db.run(
        sql(
            """
            create or replace temp table changed as
            select distinct on (record.id) record.* replace ({cells}{at} as updated_at, {batch} as updated_by_batch)
            from {table} as record
            join {planned} as planned on planned.id = record.id and planned.status = 'changed'
            left join (
                select after.id, {values} from {after} as after
                join {before} as before on before.record_no = after.record_no
                {joins}
            ) as cells(id, {stored}) on cells.id = record.id
            """,
            cells=join(
                "",
                (
                    sql(
                        "case when cells.id is null then record.{c} else cells.{c} end as {c}, ",
                        c=name(stored_as),
                    )
                    for _, stored_as in stored
                ),
            ),
            at=at,
            batch=batch,
            table=table,
            planned=name(f"{entity.id}_record"),
            values=values,
            after=name(f"{entity.id}_after"),
            before=name(f"{entity.id}_before"),
            joins=joins,
            stored=names(stored_as for _, stored_as in stored),
        )
    )
    db.run(sql("delete from {table} where id in (select id from changed)", table=table))
    db.run(sql("insert into {table} select * from changed", table=table))
    db.run(sql("drop table changed"))


def _write_slot(
    db: Database, shape: Shape, slot: Slot, columns: tuple[Column, ...], batch: int, at: datetime
) -> None:
    """Write the one child of a slot: changed where the record has it, else added."""
    child, entity = slot_child(columns), shape.entity
    fields = [crm.column(c.field) for c in columns if c.field is not None]
    values, joins = _values_sql(columns)
    db.run(
        sql(
            """
            create or replace temp table slot_row as
            select owner_id, known_id, {fields} from (
            select after.id as owner_id, known.id as known_id, {values}
            from {after} as after
            {joins}
            left join {table} as known on known.{owner} = after.id and known.slot = {slot}
                and known.deleted_at is null
            where {filled} or known.id is not null
            ) as cells(owner_id, known_id, {fields})
            """,
            fields=names(fields),
            values=values,
            joins=joins,
            after=name(f"{entity.id}_after"),
            table=crm.table(child.id),
            owner=name(f"{entity.id}_id"),
            slot=slot.id,
            filled=join(" or ", (sql("after.{c} is not null", c=name(c.id)) for c in columns)),
        )
    )
    db.run(
        sql(
            "update {table} as record set {assignments}, updated_at = {at}, updated_by_batch = {batch}"
            " from slot_row as row where record.id = row.known_id and ({differs})",
            table=crm.table(child.id),
            assignments=join(", ", (sql("{f} = row.{f}", f=name(f)) for f in fields)),
            at=at,
            batch=batch,
            differs=join(
                " or ", (sql("record.{f} is distinct from row.{f}", f=name(f)) for f in fields)
            ),
        )
    )
    db.run(
        sql(
            """
            insert into {table} (id, {owner}, slot, rank, {fields}, created_at, created_by_batch)
            select {next} - 1 + row_number() over (order by owner_id), owner_id, {slot}, 1, {fields},
                {at}, {batch}
            from slot_row where known_id is null
            """,
            table=crm.table(child.id),
            owner=name(f"{entity.id}_id"),
            fields=names(fields),
            next=_counter(child.id),
            slot=slot.id,
            at=at,
            batch=batch,
        )
    )
    _raise_counter(db, child.id)


def _insert_children(db: Database, entity: Entity, child: Child, batch: int, at: datetime) -> None:
    field = child.fields[0]
    value, lookup = sql("after.value"), sql("")
    if field.type is FieldType.LIST:
        value = sql("item.id")
        lookup = sql(
            "join item_id as item on item.list = {list} and item.name = after.value",
            list=field.list,
        )
    db.run(
        sql(
            """
            insert into {table} (id, {owner}, slot, rank, {field}, created_at, created_by_batch)
            select {next} + after.rowid,
                after.owner_id, after.slot, after.rank, {value}, {at}, {batch}
            from {after} as after {lookup}
            """,
            table=crm.table(child.id),
            owner=name(f"{entity.id}_id"),
            field=name(crm.column(field)),
            next=_counter(child.id),
            value=value,
            at=at,
            batch=batch,
            after=name(f"{entity.id}_{child.id}_after"),
            lookup=lookup,
        )
    )
    _raise_counter(db, child.id)


def _add_list_items(db: Database, batch: int) -> None:
    db.run(
        sql(
            "insert into crm.list_item (id, list, name, code, deleted, created_by_batch)"
            " select id, list, name, '', false, {batch} from new_item order by id",
            batch=batch,
        )
    )
    db.run(sql("insert into crm.list_alias select list, alias, id from new_item order by id"))


def _item_ids_sql() -> Query:
    return sql(
        "create or replace temp table item_id as select list, name, min(id) as id"
        " from crm.list_item where not deleted group by list, name"
    )


def _remember(db: Database, plan: Plan, batch: int) -> None:
    """Keep for the next import what the user said: which values are which item, what is not the same."""
    db.run(
        sql(
            """
            insert into crm.list_alias
            select given.list, given.alias, min(item.id)
            from given_item as given
            join item_id as item on item.list = given.list and item.name = given.name
            where not exists (
                from crm.list_alias as known
                where known.list = given.list and known.alias = given.alias
            )
            group by given.list, given.alias
            """
        )
    )
    for entity in plan.entities:
        db.run(
            sql(
                "insert into crm.not_same (entity, tag, record_id, created_by_batch)"
                " select {entity}, tag, id, {batch} from {rejected} order by tag, id",
                entity=entity.id,
                batch=batch,
                rejected=name(f"{entity.id}_rejected"),
            )
        )


def _select(db: Database, entity: Entity, batch: int, header: BatchHeader) -> None:
    """Record what the batch added, changed, found as it was, and found and left."""
    table, record = crm.table(entity.id), name(f"{entity.id}_record")
    members = {
        "new": sql("select id from {t} where created_by_batch = {b}", t=table, b=batch),
        "changed": sql("select id from {t} where updated_by_batch = {b}", t=table, b=batch),
        "unchanged": sql("select distinct id from {t} where status = 'unchanged'", t=record),
        "skipped": sql(
            "select distinct match_id as id from {t} where status = 'skipped' and match_id is not null",
            t=record,
        ),
    }
    record_selections(db, entity, members, batch, header, link=" in")


def _decisions_sql() -> Query:
    return sql(
        "(select coalesce(to_json(list(d order by row_no, entity, kind, target)), '[]')"
        " from decision as d)"
    )


def _verify(db: Database, plan: Plan, batch: int) -> None:
    for entity in plan.entities:
        planned = dict(
            db.rows(
                sql(
                    "select status, count(*) from {t} where status in ('new', 'changed')"
                    " group by status order by status",
                    t=name(f"{entity.id}_record"),
                )
            )
        )
        written = written_counts(db, entity, batch)
        if any(written[kind] != planned.get(kind, 0) for kind in written):
            raise CommitError(
                "The CRM would not hold what the preview shows, so nothing was imported.",
                where=f"{entity.plural['en']}: planned {planned}, written {written}",
                mend="Make the preview again; if it happens twice, report it with the log.",
            )


def _counter(table_id: str) -> Query:
    return sql("(select next_id from crm.counter where table_id = {t})", t=table_id)


def _raise_counter(db: Database, table_id: str) -> None:
    db.run(
        sql(
            "update crm.counter set next_id = greatest(next_id, (select coalesce(max(id), 0) + 1 from {t}))"
            " where table_id = {id}",
            t=crm.table(table_id),
            id=table_id,
        )
    )
