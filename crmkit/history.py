"""What happened: every batch that touched one record, and the log of all batches, to keep and hand on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from crmkit import crm, workbooks
from crmkit.batches import DELETED
from crmkit.database import Database
from crmkit.entities import Child, Entity, FieldType, Schema
from crmkit.sql import Query, join, name, sql

if TYPE_CHECKING:
    import pandas as pd

_WORDS: Final = {"new": "added", "changed": "changed", "removed": "removed", "back": "brought back"}


def record_history(db: Database, schema: Schema, entity: Entity, record_id: int) -> pd.DataFrame:
    """What every batch did to a record and to what belongs to it, the newest first.

    Returns:
        One row for each thing that was done: the batch, its time, user, kind and source, the rows of
        the source that the record was in, what was done (added, changed, removed, brought back), and
        for a field its name and what it held before and after. Empty where no batch touched it.
    """
    parts = [_record_sql(entity, record_id), _cells_sql(entity, record_id)]
    parts += [_child_sql(child, entity, record_id) for child in schema.children_of(entity)]
    frame = db.frame(
        sql(
            """
            select done.batch_id as batch, batch.committed_at as at, batch.committed_by as by,
                batch.kind, done.what, done.field, done.before, done.after, batch.source,
                coalesce((
                    select string_agg(row_no, ', ' order by row_no) from crm.source_row as origin
                    where origin.batch_id = done.batch_id and origin.entity = {entity}
                        and origin.record_id = {id}
                ), '') as rows
            from ({parts}) as done
            join crm.batch as batch on batch.id = done.batch_id
            order by batch.id desc, done.what, done.field, done.before, done.after
            """,
            entity=entity.id,
            id=record_id,
            parts=join(" union all ", parts),
        )
    )
    labels = field_labels(schema, entity)
    frame["field"] = [labels.get(field, field) for field in frame["field"]]
    return frame


def _record_sql(entity: Entity, record_id: int) -> Query:
    """When the record itself came, went and came back."""
    return sql(
        """
        select created_by_batch as batch_id, 'added' as what, '' as field,
            cast(null as varchar) as before, cast(null as varchar) as after
        from {t} where id = {id} and created_by_batch is not null
        union all
        select batch_id, case after when 'true' then 'removed' else 'brought back' end, '', null, null
        from crm.change where entity = {entity} and record_id = {id} and field = {deleted}
        """,
        t=crm.table(entity.id),
        id=record_id,
        entity=entity.id,
        deleted=DELETED,
    )


def _cells_sql(entity: Entity, record_id: int) -> Query:
    return sql(
        "select batch_id, 'changed', field, before, after from crm.change"
        " where entity = {entity} and record_id = {id} and field <> {deleted}",
        entity=entity.id,
        id=record_id,
        deleted=DELETED,
    )


def _child_sql(child: Child, entity: Entity, record_id: int) -> Query:
    """When what belongs to the record came, went and came back, with what it holds."""
    field = child.fields[0]
    value = sql("cast(record.{c} as varchar)", c=name(crm.column(field)))
    if field.type is FieldType.LIST:
        value = sql(
            "(select item.name from crm.list_item as item where item.id = record.{c})",
            c=name(crm.column(field)),
        )
    return sql(
        """
        select record.created_by_batch, 'added', record.slot, null, {value}
        from {t} as record
        where record.{owner} = {id} and record.created_by_batch is not null and {several}
        union all
        select change.batch_id, case change.after when 'true' then 'removed' else 'brought back' end,
            record.slot,
            case change.after when 'true' then {value} end,
            case change.after when 'false' then {value} end
        from {t} as record
        join crm.change as change on change.entity = {child} and change.record_id = record.id
            and change.field = {deleted}
        where record.{owner} = {id}
        """,
        t=crm.table(child.id),
        owner=name(f"{entity.id}_id"),
        id=record_id,
        value=value,
        # The cells of a slot with one record, as an address, are in the log by themselves.
        several=sql("true") if child.form is not None else sql("false"),
        child=child.id,
        deleted=DELETED,
    )


def field_labels(schema: Schema, entity: Entity) -> dict[str, str]:
    """What people call the fields and slots of an entity."""
    labels = {
        slot.id: slot.labels["en"]
        for child in schema.children_of(entity)
        for slot in child.slots[entity.id]
    }
    labels |= {
        target.id.removeprefix(f"{entity.id}."): target.labels["en"]
        for target in schema.targets()
        if target.entity.id == entity.id
    }
    if entity.parent:
        labels[f"{entity.parent}_id"] = f"{schema.entity(entity.parent).labels['en']} ID"
    return labels


def log_frame(db: Database, schema: Schema) -> pd.DataFrame:
    """The log of all batches, the newest first: who wrote what, when, from where, and with which choices.

    Returns:
        One row for each batch. What it wrote is counted for each kind of record; `decisions`,
        `settings` and `mapping` are JSON, as they were used.
    """
    counts = [
        sql(
            "coalesce(cast(json_extract_string(written, {counted}) as integer), 0) as {title}",
            counted=f"$.{entity.id}.{what}",
            title=name(f"{entity.plural['en'].lower()} {word}"),
        )
        for entity in schema.entities
        for what, word in _WORDS.items()
    ]
    return db.frame(
        sql(
            "select id as batch, kind, undoes, committed_at as at, committed_by as by, source,"
            " source_sha256 as sha256, row_count as rows, {counts}, backup,"
            " cast(decisions as varchar) as decisions, cast(settings as varchar) as settings,"
            " cast(mapping as varchar) as mapping from crm.batch order by id desc",
            counts=join(", ", counts),
        )
    )


def export_log(
    db: Database, schema: Schema, path: Path, *, tell: workbooks.Tell | None = None
) -> None:
    """Write the log to a file, whose ending says how.

    Args:
        tell: Is told what a workbook could not hold; CSV has all.

    Raises:
        StorageError: The file cannot be written.
    """
    frame = log_frame(db, schema)
    columns = list(frame.columns)
    if path.suffix == ".csv":
        workbooks.write_csv(path, columns, _rows(frame))
        return
    workbooks.write_table(path, columns, _rows(frame), sheet="Log", tell=tell)


def _rows(frame: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    plain = frame.astype(object).where(frame.notna(), None)
    return iter(plain.itertuples(index=False, name=None))
