"""Deletes the members of a selection, with a preview of what else goes, as a batch that can be undone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from crmkit import crm
from crmkit.batches import BatchHeader, insert_batch, record_selections, remove, written_counts
from crmkit.crm import Preferences
from crmkit.database import Database
from crmkit.entities import Child, Entity, Schema
from crmkit.errors import CommitError, SettingsError
from crmkit.progress import Progress
from crmkit.sql import Query, join, name, sql


class Dependents(StrEnum):
    """What becomes of the records that belong to a deleted one: a company's persons."""

    DELETE = "delete"
    KEEP = "keep"


@dataclass(frozen=True)
class DeletePreview:
    """What deleting the members of a selection would do.

    Attributes:
        revision: The CRM's revision that it was worked out on.
        removed: Entity id -> records that go; those of other entities belong to members.
        released: Entity id -> records that stay and lose what they belong to.
        children: Child id -> what goes with the records.
        choices: What may be chosen for the records that belong to members.
    """

    selection_id: int
    revision: int
    dependents: Dependents
    removed: dict[str, int]
    released: dict[str, int]
    children: dict[str, int]
    choices: tuple[Dependents, ...]


def choices(schema: Schema, entity: Entity, preferences: Preferences) -> tuple[Dependents, ...]:
    """What may become of the records that belong to an entity's."""
    belonging = [other for other in schema.entities if other.parent == entity.id]
    # Only a person can be without a company, and only where the workspace allows it.
    loose = entity.id == "company" and not preferences.mandatory_company
    return (Dependents.KEEP, Dependents.DELETE) if belonging and loose else (Dependents.DELETE,)


def preview_delete(
    db: Database,
    schema: Schema,
    preferences: Preferences,
    selection_id: int,
    dependents: Dependents,
) -> DeletePreview:
    """What deleting a selection's members would do to the attached CRM. Nothing is written.

    Raises:
        SettingsError: There is no such selection, or the choice is not offered.
    """
    entity = _entity(db, schema, selection_id)
    offered = choices(schema, entity, preferences)
    if dependents not in offered:
        raise SettingsError(
            f"What belongs to a {entity.labels['en'].lower()} cannot be kept without it.",
            where=entity.plural["en"],
            mend="Delete it too, or turn off the preference 'Mandatory company on person'.",
        )
    _work_out(db, schema, entity, selection_id, dependents)
    return DeletePreview(
        selection_id,
        crm.revision(db),
        dependents,
        {e.id: _count(db, _table(e, "gone")) for e in schema.entities},
        {e.id: _count(db, _table(e, "released")) for e in schema.entities},
        {child.id: _count(db, _table(child, "gone")) for child in schema.children},
        offered,
    )


def delete(
    db: Database, schema: Schema, plan: DeletePreview, header: BatchHeader, *, progress: Progress
) -> int:
    """Delete a selection's members as previewed, in one transaction.

    Returns:
        The batch's id.

    Raises:
        CommitError: The CRM would not hold what was previewed; nothing was written.
    """
    at = header.committed_at
    with db.atomic():
        entity = _entity(db, schema, plan.selection_id)
        progress(0.0, "Looking at what goes")
        _work_out(db, schema, entity, plan.selection_id, plan.dependents)
        batch = crm.next_id(db, "batch")
        progress(0.2, "Deleting records")
        tables: tuple[Entity | Child, ...] = (*schema.entities, *schema.children)
        for table in tables:
            remove(db, table, _table(table, "gone"), batch, at)
        progress(0.7, "Letting go of what stays")
        for other in schema.entities:
            _release(db, other, batch, header)
        for other in schema.entities:
            members = {
                kind: sql("select id from {t}", t=_table(other, ids))
                for kind, ids in (("deleted", "gone"), ("released", "released"))
            }
            record_selections(db, other, members, batch, header, link=":")
        written = {
            other.id: written_counts(db, other, batch, ("removed", "changed"))
            for other in schema.entities
        }
        planned = {
            other.id: {"removed": plan.removed[other.id], "changed": plan.released[other.id]}
            for other in schema.entities
        }
        if written != planned:
            raise CommitError(
                "The CRM would not hold what the preview shows, so nothing was deleted.",
                where=f"previewed {planned}, written {written}",
                mend="Look at the preview again; if it happens twice, report it with the log.",
            )
        insert_batch(db, batch, header, written)
        crm.raise_revision(db)
    progress(1.0, "Done")
    return batch


def _entity(db: Database, schema: Schema, selection_id: int) -> Entity:
    rows = db.rows(sql("select entity from crm.selection where id = {id}", id=selection_id))
    if not rows:
        raise SettingsError("This selection does not exist.", where=f"Selection {selection_id}")
    return schema.entity(rows[0][0])


def _work_out(
    db: Database, schema: Schema, entity: Entity, selection_id: int, dependents: Dependents
) -> None:
    """Make `delete_<table>_gone` and, where others stay, `delete_<entity>_released`."""
    going = {entity.id}
    for other in schema.entities:
        gone, released = sql("select 0 as id where false"), sql("select 0 as id where false")
        if other.id == entity.id:
            gone = sql(
                "select record.id from crm.selection_member as member"
                " join {t} as record on record.id = member.record_id"
                " where member.selection_id = {s} and record.deleted_at is null",
                t=crm.table(other.id),
                s=selection_id,
            )
        elif other.parent in going:
            belonging = sql(
                "select record.id from {t} as record join {gone} as gone on gone.id = record.{parent}"
                " where record.deleted_at is null",
                t=crm.table(other.id),
                gone=name(f"delete_{other.parent}_gone"),
                parent=name(f"{other.parent}_id"),
            )
            if dependents is Dependents.DELETE:
                gone = belonging
                going.add(other.id)
            else:
                released = belonging
        for kind, ids in (("gone", gone), ("released", released)):
            db.run(sql("create or replace temp table {t} as {ids}", t=_table(other, kind), ids=ids))
    for child in schema.children:
        parts = [
            sql(
                "select record.id from {t} as record join {gone} as gone on gone.id = record.{owner}"
                " where record.deleted_at is null",
                t=crm.table(child.id),
                gone=name(f"delete_{owner}_gone"),
                owner=name(f"{owner}_id"),
            )
            for owner in child.slots
        ]
        db.run(
            sql(
                "create or replace temp table {t} as {parts}",
                t=_table(child, "gone"),
                parts=join(" union all ", parts),
            )
        )


def _release(db: Database, entity: Entity, batch: int, header: BatchHeader) -> None:
    """Take records that stay off what they belonged to, and log it."""
    if not entity.parent:
        return
    parent = f"{entity.parent}_id"
    db.run(
        sql(
            "insert into crm.change select {batch}, {entity}, record.id, {field},"
            " cast(record.{parent} as varchar), null"
            " from {t} as record join {released} as released on released.id = record.id",
            batch=batch,
            entity=entity.id,
            field=parent,
            parent=name(parent),
            t=crm.table(entity.id),
            released=_table(entity, "released"),
        )
    )
    db.run(
        sql(
            "update {t} as record set {parent} = null, updated_at = {at}, updated_by_batch = {batch}"
            " from {released} as released where released.id = record.id",
            t=crm.table(entity.id),
            parent=name(parent),
            at=header.committed_at,
            batch=batch,
            released=_table(entity, "released"),
        )
    )


def _table(table: Entity | Child, kind: str) -> Query:
    return name(f"delete_{table.id}_{kind}")


def _count(db: Database, table: Query) -> int:
    return int(db.value(sql("select count(*) from {t}", t=table)))
