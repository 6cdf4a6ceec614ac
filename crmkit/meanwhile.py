"""What others wrote to the CRM since a plan was made, as far as the plan is about the same records.

It is shown before anybody goes on: the plan itself is made anew, never mended.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from crmkit import crm
from crmkit.batches import DELETED, BatchKind
from crmkit.database import Database
from crmkit.entities import Entity, Schema
from crmkit.history import field_labels
from crmkit.matching import name_fields_sql
from crmkit.plan import Plan
from crmkit.sql import Query, join, name, sql

_EXAMPLES: Final = 3
"""Records that are named, of each batch and entity."""


@dataclass(frozen=True)
class Example:
    """A record of the plan that somebody changed.

    Attributes:
        label: Its name.
        done: What was done to it, for people: "City: Oslo → Bergen".
    """

    entity: str
    record_id: int
    label: str
    done: str


@dataclass(frozen=True)
class LaterBatch:
    """A batch that was written since.

    Attributes:
        touched: Entity id -> how many of the records that the plan found in the CRM it changed.
        examples: Some of them.
    """

    id: int
    kind: BatchKind
    source: str
    committed_by: str
    committed_at: datetime
    touched: dict[str, int]
    examples: tuple[Example, ...]

    def told(self, schema: Schema) -> str:
        """What it did to the plan's records, in a sentence."""
        counts = [
            f"{number:,} {(entity.labels if number == 1 else entity.plural)['en'].lower()}"
            for entity in schema.entities
            if (number := self.touched.get(entity.id, 0))
        ]
        shown = "; ".join(f"{example.label}: {example.done}" for example in self.examples)
        about = (
            f"changed {', '.join(counts)} of this import ({shown})"
            if counts
            else (
                "put another state of the CRM in its place"
                if self.kind is BatchKind.RESTORE
                else "changed no record that this import found"
            )
        )
        return (
            f"Batch {self.id}, {self.source}, by {self.committed_by} at"
            f" {self.committed_at:%H:%M}: {about}."
        )


@dataclass(frozen=True)
class Meanwhile:
    """What happened in the CRM since a plan was made.

    Attributes:
        batches: Written since, oldest first.
        otherwise: Something else changed too: preferences, lists, fields, selections.
    """

    batches: tuple[LaterBatch, ...]
    otherwise: bool

    def told(self, schema: Schema) -> tuple[str, ...]:
        """It, in sentences."""
        lines = [batch.told(schema) for batch in self.batches]
        if self.otherwise:
            lines.append("Preferences, lists, fields or price lists of the workspace changed.")
        return tuple(lines)


def since(db: Database, schema: Schema, plan: Plan, batch: int) -> Meanwhile:
    """What was written since a plan was made.

    Args:
        db: The import's file with the plan's tables; the CRM is attached as `crm`.
        batch: The newest batch when the plan was made; 0 for none.
    """
    rows = db.records(
        sql(
            "select id, kind, source, committed_by, committed_at from crm.batch where id > {b}"
            " order by id",
            b=batch,
        )
    )
    for entity in plan.entities:
        _make_touched(db, schema, entity, batch)
    found = tuple(_later(db, schema, plan, row) for row in rows)
    replaced = any(later.kind is BatchKind.RESTORE for later in found)
    raised = crm.revision(db) - plan.revision
    return Meanwhile(found, otherwise=not replaced and raised > len(found))


def _make_touched(db: Database, schema: Schema, entity: Entity, batch: int) -> None:
    """Make `since_<entity>`: the records that the plan found, by each batch that touched them."""
    parts = [
        sql(
            "select batch_id, record_id as id from crm.change where batch_id > {b} and entity = {e}",
            b=batch,
            e=entity.id,
        )
    ]
    parts += [
        sql(
            "select {mark}, {owner} from {t} where {mark} > {b} and {owner} is not null",
            mark=name(mark),
            owner=name(f"{entity.id}_id"),
            t=crm.table(child.id),
            b=batch,
        )
        for child in schema.children_of(entity)
        for mark in ("created_by_batch", "deleted_by_batch")
    ]
    db.run(
        sql(
            "create or replace temp table {t} as select touched.batch_id, touched.id"
            " from ({parts}) as touched(batch_id, id)"
            " where touched.id in (select match_id from {record})",
            t=_touched(entity),
            parts=join(" union ", parts),
            record=name(f"{entity.id}_record"),
        )
    )


def _later(db: Database, schema: Schema, plan: Plan, row: dict[str, Any]) -> LaterBatch:
    touched = {
        entity.id: int(
            db.value(
                sql(
                    "select count(distinct id) from {t} where batch_id = {b}",
                    t=_touched(entity),
                    b=row["id"],
                )
            )
        )
        for entity in plan.entities
    }
    examples = tuple(
        example
        for entity in plan.entities
        if touched[entity.id]
        for example in _examples(db, schema, entity, row["id"])
    )
    return LaterBatch(**{**row, "kind": BatchKind(row["kind"])}, touched=touched, examples=examples)


def _examples(db: Database, schema: Schema, entity: Entity, batch: int) -> list[Example]:
    labels = field_labels(schema, entity)
    rows = db.rows(
        sql(
            """
            select record.id, coalesce({named}, '(no name)'),
                change.field, change.before, change.after
            from (select distinct id from {t} where batch_id = {b} order by id limit {n}) as chosen
            join {records} as record on record.id = chosen.id
            left join crm.change as change on change.batch_id = {b}
                and change.entity = {entity} and change.record_id = record.id
            order by record.id, change.field
            """,
            named=name_fields_sql(entity, "record"),
            t=_touched(entity),
            b=batch,
            n=_EXAMPLES,
            records=crm.table(entity.id),
            entity=entity.id,
        )
    )
    done: dict[tuple[int, str], list[str]] = {}
    for record_id, label, field, before, after in rows:
        done.setdefault((record_id, label), []).append(_done(labels, field, before, after))
    return [
        Example(entity.id, record_id, label, ", ".join(cells))
        for (record_id, label), cells in done.items()
    ]


def _done(labels: dict[str, str], field: str | None, before: str | None, after: str | None) -> str:
    if field is None:
        return "phones, addresses or the like"
    if field == DELETED:
        return "removed" if after == "true" else "brought back"
    return f"{labels.get(field, field)}: {before or 'blank'} → {after or 'blank'}"


def _touched(entity: Entity) -> Query:
    return name(f"since_{entity.id}")
