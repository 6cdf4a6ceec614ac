"""Takes a batch back: what it added is removed, what it changed or removed comes back, as a batch of its own.

Worked out from the CRM and its log, for every entity and child that is declared, in tables that the
preview counts and the undo applies:
`undo_<table>_back`   records the batch removed that come back
`undo_cell`           cells that still hold what the batch wrote, and what they held before
`undo_<entity>_born`  records the batch brought into the CRM; those with a `reason` are kept
`undo_<table>_gone`   records that are removed
`undo_kept`           what somebody changed later and is left alone, with the reason
A later batch counts as long as it is not undone itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from crmkit import crm
from crmkit.batches import (
    DELETED,
    BatchHeader,
    bring_back,
    insert_batch,
    record_selections,
    remove,
    written_counts,
)
from crmkit.database import Database
from crmkit.entities import Child, Entity, Field, FieldType, Schema, Slot
from crmkit.errors import CommitError, SettingsError, StalePlanError
from crmkit.matching import name_fields_sql
from crmkit.progress import Progress
from crmkit.sql import Query, join, name, sql
from crmkit.transforms import name_key

_LISTED: Final = 1000


class KeptReason(StrEnum):
    """Why something stays as it is."""

    CHANGED_LATER = "changed_later"
    HAS_RECORDS = "has_records"
    CELL_CHANGED = "cell_changed"
    PARENT_GONE = "parent_gone"
    UNDONE = "undone"
    FIELD_GONE = "field_gone"
    FORGOTTEN = "forgotten"

    @property
    def label(self) -> str:
        return {
            KeptReason.CHANGED_LATER: "a later batch changed it, so it is kept",
            KeptReason.HAS_RECORDS: "it has records that stay, so it is kept",
            KeptReason.CELL_CHANGED: "its value was changed later, so the later value is kept",
            KeptReason.PARENT_GONE: "what it belongs to was deleted by another batch; undo that one first",
            KeptReason.UNDONE: "the batch that added it was undone since, so it stays away",
            KeptReason.FIELD_GONE: "the CRM has no such field any more",
            KeptReason.FORGOTTEN: "this person was forgotten since, for good",
        }[self]


@dataclass(frozen=True)
class Kept:
    """Something that an undo leaves alone.

    Attributes:
        label: The record's name.
        field: The field's id when it is about one cell.
    """

    entity: str
    record_id: int
    label: str
    field: str
    reason: KeptReason


@dataclass(frozen=True)
class UndoPreview:
    """What an undo would do.

    Attributes:
        revision: The CRM's revision that it was worked out on.
        removed, back, restored: Entity id -> records that are removed, that come back, and that get
            earlier cells again or lose or regain what belongs to them.
        cells: Cells that get their earlier value.
        kept: What is left alone, the first thousand of `kept_count`.
    """

    batch_id: int
    revision: int
    removed: dict[str, int]
    back: dict[str, int]
    restored: dict[str, int]
    cells: int
    kept: tuple[Kept, ...]
    kept_count: int

    @property
    def changes_anything(self) -> bool:
        """Whether there is anything to undo."""
        return any(sum(part.values()) for part in (self.removed, self.back, self.restored))


def preview_undo(db: Database, schema: Schema, batch_id: int) -> UndoPreview:
    """What undoing a batch would do to the attached CRM. Nothing is written.

    Raises:
        SettingsError: There is no such batch, or it is undone already.
    """
    _work_out(db, schema, batch_id)
    kept_count = int(db.value(sql("select count(*) from undo_kept")))
    return UndoPreview(
        batch_id,
        crm.revision(db),
        _counts(db, schema, "gone"),
        _counts(db, schema, "back"),
        {entity.id: _count(db, _changed_sql(schema, entity)) for entity in schema.entities},
        _count(db, sql("select record_id from undo_cell")),
        _kept(db, schema) if kept_count else (),
        kept_count,
    )


def undo(
    db: Database, schema: Schema, batch_id: int, header: BatchHeader, *, progress: Progress
) -> int:
    """Take a batch of the attached CRM back, as one batch.

    Args:
        header: Of the new batch; `undoes` names the batch to take back.

    Returns:
        The new batch's id.

    Raises:
        SettingsError: There is no such batch, it is undone already, or nothing of it is left.
        CommitError: The CRM would not hold what was worked out; nothing was written.
    """
    at = header.committed_at
    with db.atomic():
        progress(0.0, "Looking at what came later")
        _work_out(db, schema, batch_id)
        planned = {
            "removed": _counts(db, schema, "gone"),
            "back": _counts(db, schema, "back"),
        }
        if not any(sum(counts.values()) for counts in planned.values()):
            _check_cells_left(db, schema, batch_id)
        batch = crm.next_id(db, "batch")
        tables: tuple[Entity | Child, ...] = (*schema.entities, *schema.children)
        progress(0.3, "Bringing records back")
        for table in tables:
            bring_back(db, table, _temp(table, "back"), batch)
        progress(0.5, "Restoring cells")
        changed = {
            entity.id: record_ids(db, entity, _changed_sql(schema, entity))
            for entity in schema.entities
        }
        _restore_cells(db, schema, batch, at)
        for entity in schema.entities:
            _mark_changed(db, entity, changed[entity.id], batch, at)
        progress(0.7, "Removing records")
        for table in tables:
            remove(db, table, _temp(table, "gone"), batch, at)
        chain = _chain(db, batch_id)
        _settle_list_items(db, schema, chain[-1])
        _settle_not_same(db, chain)
        progress(0.9, "Recording the selections")
        for entity in schema.entities:
            _select(db, entity, changed[entity.id], batch, header)
        written = {entity.id: _written(db, entity, batch) for entity in schema.entities}
        for kind, counts in planned.items():
            if counts != {entity: written[entity][kind] for entity in counts}:
                raise CommitError(
                    "The CRM would not hold what was worked out, so nothing was undone.",
                    where=f"{kind}: planned {counts}, written {written}",
                    mend="Try again; if it happens twice, report it with the log.",
                )
        insert_batch(db, batch, header, written)
        crm.raise_revision(db)
    progress(1.0, "Done")
    return batch


def _check_cells_left(db: Database, schema: Schema, batch_id: int) -> None:
    """Refuse to take a batch back of which nothing is left: no record comes or goes, and no cell."""
    if not any(_count(db, _changed_sql(schema, entity)) for entity in schema.entities):
        raise SettingsError(
            "Nothing of this batch is left to undo.",
            where=f"Batch {batch_id}",
            mend="Later batches changed or removed all of it.",
        )


def check_revision(db: Database, revision: int | None) -> None:
    """Refuse to write what was previewed on another state of the CRM.

    Raises:
        StalePlanError: The CRM was written since.
    """
    if revision is not None and crm.revision(db) != revision:
        raise StalePlanError(
            "The CRM changed since this preview was made, so nothing was written.",
            mend="Look at the new preview and try again.",
        )


def record_ids(db: Database, entity: Entity, ids: Query) -> Query:
    """Keep a query's ids in a temporary table of the entity, before what it reads changes."""
    kept = name(f"undo_{entity.id}_changed")
    db.run(sql("create or replace temp table {t} as {ids}", t=kept, ids=ids))
    return kept


# --- working out --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Undone:
    """A batch to take back, among the others.

    Attributes:
        later: Batches after it that count.
        undone_after: Batches that were taken back after it.
    """

    id: int
    later: list[int]
    undone_after: list[int]


def _undone(db: Database, batch_id: int) -> _Undone:
    rows = db.rows(sql("select id, kind, undoes from crm.batch order by id desc"))
    if batch_id not in {number for number, _, _ in rows}:
        raise SettingsError("There is no such batch.", where=f"Batch {batch_id}")
    cancelled: dict[int, int] = {}
    for number, _, undoes in rows:
        # Newest first: whether an undo counts is known when its batch comes up.
        if undoes is not None and number not in cancelled and number != batch_id:
            cancelled.setdefault(undoes, number)
    if batch_id in cancelled:
        raise SettingsError(
            "This batch is undone already.",
            where=f"Batch {batch_id}",
            mend=f"Undo batch {cancelled[batch_id]} to have it again.",
        )
    later = [
        number
        for number, kind, _ in rows
        if number > batch_id and kind != "undo" and number not in cancelled
    ]
    after = [number for number, by in cancelled.items() if by > batch_id]
    # A list must not be empty, or DuckDB does not know of what it is; no batch has the id 0.
    return _Undone(batch_id, [0, *later], [0, *after])


def _chain(db: Database, batch_id: int) -> list[int]:
    """A batch, the one that it takes back, and so on to an import or a deletion."""
    undoes = dict(db.rows(sql("select id, undoes from crm.batch order by id")))
    chain = [batch_id]
    while undoes[chain[-1]] is not None:
        chain.append(undoes[chain[-1]])
    return chain


def _work_out(db: Database, schema: Schema, batch_id: int) -> None:
    undone = _undone(db, batch_id)
    db.run(
        sql(
            "create or replace temp table undo_kept"
            " (entity varchar, record_id integer, field varchar, reason varchar)"
        )
    )
    db.run(
        sql(
            "insert into undo_kept select distinct entity, record_id, '', {reason}"
            " from crm.forgotten where batch_id = {batch}",
            reason=KeptReason.FORGOTTEN.value,
            batch=batch_id,
        )
    )
    for entity in schema.entities:
        _make_touched(db, schema, entity, undone)
        _make_back(db, entity, undone)
    for child in schema.children:
        _make_children_back(db, child, undone)
    _make_cells(db, schema, undone)
    for entity in reversed(schema.entities):
        _make_gone(db, schema, entity, undone)
    for child in schema.children:
        _make_children_gone(db, schema, child, undone)


def _make_touched(db: Database, schema: Schema, entity: Entity, undone: _Undone) -> None:
    """Make `undo_<entity>_touched`: the records that later batches changed."""
    parts = [
        sql(
            "select record_id as id from crm.change where entity = {e} and list_contains({l}, batch_id)",
            e=entity.id,
            l=undone.later,
        )
    ]
    parts += [
        sql(
            "select {owner} as id from {t} where {owner} is not null"
            " and (list_contains({l}, created_by_batch) or list_contains({l}, deleted_by_batch))",
            owner=name(f"{entity.id}_id"),
            t=crm.table(child.id),
            l=undone.later,
        )
        for child in schema.children_of(entity)
    ]
    db.run(
        sql(
            "create or replace temp table {t} as {parts}",
            t=_temp(entity, "touched"),
            parts=join(" union ", parts),
        )
    )


def _make_back(db: Database, entity: Entity, undone: _Undone) -> None:
    """Make `undo_<entity>_back`, parents first: what the batch removed, where it has a place."""
    homeless, parents = sql("false"), sql("")
    if entity.parent:
        parent_id = name("record", f"{entity.parent}_id")
        homeless = sql("{p} is not null and home.id is null", p=parent_id)
        parents = sql(
            "left join ({homes}) as home on home.id = {p}",
            homes=_homes_sql(entity.parent),
            p=parent_id,
        )
    found = sql(
        """
        select record.id,
            case when list_contains({after}, record.created_by_batch) then {undone}
                when {homeless} then {parent_gone} end as reason
        from {t} as record {parents}
        where record.deleted_by_batch = {batch}
        """,
        after=undone.undone_after,
        undone=KeptReason.UNDONE.value,
        homeless=homeless,
        parent_gone=KeptReason.PARENT_GONE.value,
        t=crm.table(entity.id),
        parents=parents,
        batch=undone.id,
    )
    db.run(sql("create or replace temp table undo_found as {found}", found=found))
    _keep(
        db, entity, sql("select id, '' as field, reason from undo_found where reason is not null")
    )
    db.run(
        sql(
            "create or replace temp table {t} as select id from undo_found where reason is null",
            t=_temp(entity, "back"),
        )
    )


def _homes_sql(parent: str) -> Query:
    """The records that others may belong to when it is done."""
    return sql(
        "select id from {t} where deleted_at is null union all select id from {back}",
        t=crm.table(parent),
        back=name(f"undo_{parent}_back"),
    )


def _make_children_back(db: Database, child: Child, undone: _Undone) -> None:
    """Make `undo_<child>_back`: unless its owner is gone, or has the same again."""
    removed = sql(
        "select exists (from {t} where deleted_by_batch = {b})", t=crm.table(child.id), b=undone.id
    )
    if not db.value(removed):
        # As of most imports: there is nothing to look for among all records.
        db.run(sql("create or replace temp table {t} (id integer)", t=_temp(child, "back")))
        return
    # What comes back with its owner meets nobody there: nothing is added to a record that is removed.
    with_owner = [
        sql(
            "select record.id from {t} as record join {back} as owner on owner.id = record.{owner}"
            " where record.deleted_by_batch = {batch}",
            t=crm.table(child.id),
            back=name(f"undo_{owner}_back"),
            owner=name(f"{owner}_id"),
            batch=undone.id,
        )
        for owner in child.slots
    ]
    db.run(
        sql(
            "create or replace temp table {t} as {parts}",
            t=_temp(child, "back"),
            parts=join(" union all ", with_owner),
        )
    )
    for owner in child.slots:
        _bring_back_to(db, child, owner, undone)


def _bring_back_to(db: Database, child: Child, owner: str, undone: _Undone) -> None:
    """Add to `undo_<child>_back` what belongs to owners that stayed, and that have no such again."""
    owner_id = name(f"{owner}_id")
    db.run(
        sql(
            """
            create or replace temp table undo_found as
            select record.* from {t} as record join {owners} as owner on owner.id = record.{owner}
            where record.deleted_by_batch = {batch} and owner.deleted_at is null
            """,
            t=crm.table(child.id),
            owners=crm.table(owner),
            owner=owner_id,
            batch=undone.id,
        )
    )
    if not db.value(sql("select exists (from undo_found)")):
        return
    same = sql("true")
    if child.form is not None:
        value = name(crm.column(child.fields[0]))
        same = sql("other.{v} is not distinct from record.{v}", v=value)
    db.run(
        sql(
            """
            insert into {back} select record.id from undo_found as record where not exists (
                from {t} as other where other.{owner} = record.{owner} and other.slot = record.slot
                    and other.deleted_at is null and {same}
                    and other.created_by_batch <> {batch}
            )
            """,
            back=_temp(child, "back"),
            t=crm.table(child.id),
            owner=owner_id,
            batch=undone.id,
            same=same,
        )
    )


@dataclass(frozen=True)
class _Place:
    """Where the CRM stores what the log calls by an entity's field.

    Attributes:
        child, slot: Set when a child record stores it.
        field: None for the parent's id.
    """

    entity: Entity
    field: Field | None
    child: Child | None = None
    slot: Slot | None = None

    @property
    def column(self) -> Query:
        if self.field is None:
            return name(f"{self.entity.parent}_id")
        return name(crm.column(self.field))

    @property
    def is_list(self) -> bool:
        return self.field is not None and self.field.type is FieldType.LIST

    def stored_sql(self) -> Query:
        """The records that store it: `record_id`, `id` of the row that holds it, and `value`."""
        value, items = sql("cast(holder.{c} as varchar)", c=self.column), sql("")
        if self.is_list:
            value = sql("item.name")
            items = sql("left join crm.list_item as item on item.id = holder.{c}", c=self.column)
        if self.child is None or self.slot is None:
            return sql(
                "select holder.id as record_id, holder.id, {value} as value from {t} as holder {items}",
                value=value,
                t=crm.table(self.entity.id),
                items=items,
            )
        # What was removed with its owner is still its owner's.
        return sql(
            """
            select holder.{owner} as record_id, holder.id, {value} as value
            from {t} as holder
            join {owners} as owner on owner.id = holder.{owner}
            {items}
            where holder.slot = {slot} and (
                holder.deleted_by_batch is not distinct from owner.deleted_by_batch
                or holder.id in (select id from {back})
            )
            """,
            owner=name(f"{self.entity.id}_id"),
            value=value,
            t=crm.table(self.child.id),
            owners=crm.table(self.entity.id),
            items=items,
            slot=self.slot.id,
            back=_temp(self.child, "back"),
        )


def _place(schema: Schema, entity: Entity, field_id: str) -> _Place | None:
    """The place of a logged field; None when the CRM has none for it."""
    if entity.parent and field_id == f"{entity.parent}_id":
        return _Place(entity, None)
    slot_id, dot, rest = field_id.rpartition(".")
    if not dot:
        own = [field for field in entity.stored if field.id == field_id]
        return _Place(entity, own[0]) if own else None
    for child in schema.children_of(entity):
        for slot in child.slots[entity.id]:
            for field in child.fields:
                if not slot.multiple and slot.id == slot_id and field.id == rest:
                    return _Place(entity, field, child, slot)
    return None


def _logged(db: Database, schema: Schema, table: Query, batch: Query) -> list[tuple[Entity, str]]:
    """The entities and fields that a log names."""
    entities = {entity.id: entity for entity in schema.entities}
    rows = db.rows(
        sql(
            "select distinct entity, field from {t} where {batch} and field <> {deleted} order by all",
            t=table,
            batch=batch,
            deleted=DELETED,
        )
    )
    return [(entities[entity], field) for entity, field in rows if entity in entities]


def _make_cells(db: Database, schema: Schema, undone: _Undone) -> None:
    """Make `undo_cell`: the cells that still hold what the batch wrote."""
    db.run(
        sql(
            "create or replace temp table undo_cell (entity varchar, record_id integer,"
            " field varchar, before varchar, after varchar, holder_id integer)"
        )
    )
    this_batch = sql("batch_id = {b}", b=undone.id)
    for entity, field_id in _logged(db, schema, sql("crm.change"), this_batch):
        place = _place(schema, entity, field_id)
        multiple = {
            s.id for c in schema.children_of(entity) for s in c.slots[entity.id] if s.multiple
        }
        if place is None and field_id in multiple:
            continue  # phones and the like are records that come and go by themselves
        _compare_cell(db, entity, field_id, place, undone)


def _compare_cell(
    db: Database, entity: Entity, field_id: str, place: _Place | None, undone: _Undone
) -> None:
    reason, stored, homes = sql("{r}", r=KeptReason.FIELD_GONE.value), sql(""), sql("")
    holder = sql("null")
    if place is not None:
        holder = sql("held.id")
        stored = sql(
            "left join ({stored}) as held on held.record_id = change.record_id",
            stored=place.stored_sql(),
        )
        homeless = sql("false")
        if place.field is None:
            homes = sql(
                "left join ({homes}) as home on home.id = try_cast(change.before as integer)",
                homes=_homes_sql(entity.parent),
            )
            homeless = sql("change.before is not null and home.id is null")
        reason = sql(
            "case when held.value is distinct from change.after"
            " or (held.id is null and change.before is not null) then {changed}"
            " when {homeless} then {gone} end",
            changed=KeptReason.CELL_CHANGED.value,
            homeless=homeless,
            gone=KeptReason.PARENT_GONE.value,
        )
    db.run(
        sql(
            """
            create or replace temp table undo_found as
            select change.record_id as id, change.field, change.before, change.after,
                {holder} as holder_id, {reason} as reason
            from crm.change as change {stored} {homes}
            where change.batch_id = {batch} and change.entity = {entity} and change.field = {field}
            """,
            holder=holder,
            reason=reason,
            stored=stored,
            homes=homes,
            batch=undone.id,
            entity=entity.id,
            field=field_id,
        )
    )
    _keep(db, entity, sql("select id, field, reason from undo_found where reason is not null"))
    db.run(
        sql(
            "insert into undo_cell select {entity}, id, field, before, after, holder_id"
            " from undo_found where reason is null",
            entity=entity.id,
        )
    )


def _born_sql(table: Entity | Child, undone: _Undone) -> Query:
    """What the batch brought into the CRM and is there: added by it, or brought back by it."""
    return sql(
        "select * from {t} where deleted_at is null and (created_by_batch = {batch} or id in ("
        " select record_id from crm.change where batch_id = {batch} and entity = {entity}"
        " and field = {deleted} and after = 'false'))",
        t=crm.table(table.id),
        batch=undone.id,
        entity=table.id,
        deleted=DELETED,
    )


def _make_gone(db: Database, schema: Schema, entity: Entity, undone: _Undone) -> None:
    """Make `undo_<entity>_born` and `_gone`, those that belong to others first."""
    belonging = [_belonging_sql(other) for other in schema.entities if other.parent == entity.id]
    used = join(" union ", belonging) if belonging else sql("select 0 as id where false")
    db.run(
        sql(
            """
            create or replace temp table {born} as
            select record.id, case when touched.id is not null then {changed_later}
                when used.id is not null then {has_records} end as reason
            from ({found}) as record
            left join {touched} as touched on touched.id = record.id
            left join ({used}) as used on used.id = record.id
            """,
            born=_temp(entity, "born"),
            changed_later=KeptReason.CHANGED_LATER.value,
            has_records=KeptReason.HAS_RECORDS.value,
            found=_born_sql(entity, undone),
            touched=_temp(entity, "touched"),
            used=used,
        )
    )
    _keep(
        db,
        entity,
        sql(
            "select id, '' as field, reason from {t} where reason is not null",
            t=_temp(entity, "born"),
        ),
    )
    db.run(
        sql(
            "create or replace temp table {gone} as select id from {born} where reason is null",
            gone=_temp(entity, "gone"),
            born=_temp(entity, "born"),
        )
    )


def _belonging_sql(entity: Entity) -> Query:
    """The parents that records of an entity will have when it is done."""
    parent = f"{entity.parent}_id"
    return sql(
        """
        select case when cell.record_id is null then record.{parent}
            else try_cast(cell.before as integer) end as id
        from {t} as record
        left join undo_cell as cell on cell.entity = {entity} and cell.field = {field}
            and cell.record_id = record.id
        left join {gone} as gone on gone.id = record.id
        where gone.id is null and (record.deleted_at is null or record.id in (select id from {back}))
        """,
        parent=name(parent),
        t=crm.table(entity.id),
        entity=entity.id,
        field=parent,
        gone=_temp(entity, "gone"),
        back=_temp(entity, "back"),
    )


def _make_children_gone(db: Database, schema: Schema, child: Child, undone: _Undone) -> None:
    """Make `undo_<child>_gone`: with their owners, and those that the batch gave to others."""
    parts = []
    for owner in child.slots:
        entity = schema.entity(owner)
        later = sql("true")
        if child.form is None:
            # One record with many cells: kept as long as somebody filled one of them later.
            later = sql(
                "not exists (from crm.change as change where change.entity = {entity}"
                " and change.record_id = record.{owner} and list_contains({later}, change.batch_id)"
                " and starts_with(change.field, record.slot || '.'))",
                entity=owner,
                owner=name(f"{owner}_id"),
                later=undone.later,
            )
        parts += [
            sql(
                "select record.id from {t} as record join {gone} as gone on gone.id = record.{owner}"
                " where record.deleted_at is null",
                t=crm.table(child.id),
                gone=_temp(entity, "gone"),
                owner=name(f"{owner}_id"),
            ),
            sql(
                "select record.id from ({born}) as record where record.{owner} is not null"
                " and record.{owner} not in (select id from {owners}) and {later}",
                born=_born_sql(child, undone),
                owner=name(f"{owner}_id"),
                owners=_temp(entity, "born"),
                later=later,
            ),
        ]
    db.run(
        sql(
            "create or replace temp table {t} as {parts}",
            t=_temp(child, "gone"),
            parts=join(" union ", parts),
        )
    )
    # Cells of a record that goes as a whole need no restoring.
    if child.form is None:
        slots = [(o, s.id) for o, listed in child.slots.items() for s in listed]
        for owner, slot in slots:
            db.run(
                sql(
                    "delete from undo_cell where entity = {owner} and starts_with(field, {slot})"
                    " and holder_id in (select id from {gone})",
                    owner=owner,
                    slot=f"{slot}.",
                    gone=_temp(child, "gone"),
                )
            )


def _changed_sql(schema: Schema, entity: Entity) -> Query:
    """Records that stay and are changed: in their cells, or in what belongs to them."""
    parts = [sql("select record_id as id from undo_cell where entity = {e}", e=entity.id)]
    parts += [
        sql(
            "select record.{owner} as id from {t} as record"
            " join {ids} as chosen on chosen.id = record.id where record.{owner} is not null",
            owner=name(f"{entity.id}_id"),
            t=crm.table(child.id),
            ids=_temp(child, kind),
        )
        for child in schema.children_of(entity)
        for kind in ("gone", "back")
    ]
    return sql(
        "select id from ({parts}) where id not in (select id from {gone})"
        " and id not in (select id from {back})",
        parts=join(" union ", parts),
        gone=_temp(entity, "gone"),
        back=_temp(entity, "back"),
    )


def _keep(db: Database, entity: Entity, found: Query) -> None:
    db.run(
        sql(
            "insert into undo_kept select {entity}, id, field, reason from ({found})",
            entity=entity.id,
            found=found,
        )
    )


def _kept(db: Database, schema: Schema) -> tuple[Kept, ...]:
    parts = [
        sql(
            "select kept.entity, kept.record_id, coalesce({named}, '(no name)') as label, kept.field,"
            " kept.reason from undo_kept as kept left join {t} as record on record.id = kept.record_id"
            " where kept.entity = {entity}",
            named=name_fields_sql(entity, "record"),
            t=crm.table(entity.id),
            entity=entity.id,
        )
        for entity in schema.entities
    ]
    rows = db.records(
        sql(
            "select * from ({parts}) order by entity, record_id, field limit {n}",
            parts=join(" union all ", parts),
            n=_LISTED,
        )
    )
    return tuple(Kept(**{**row, "reason": KeptReason(row["reason"])}) for row in rows)


# --- writing ------------------------------------------------------------------------------------------


def _restore_cells(db: Database, schema: Schema, batch: int, at: datetime) -> None:
    db.run(
        sql(
            "insert into crm.change select {batch}, entity, record_id, field, after, before"
            " from undo_cell",
            batch=batch,
        )
    )
    for entity, field_id in _logged(db, schema, sql("undo_cell"), sql("true")):
        place = _place(schema, entity, field_id)
        if place is not None:
            _restore_cell(db, place, field_id, batch, at)


def _restore_cell(db: Database, place: _Place, field_id: str, batch: int, at: datetime) -> None:
    table = place.child or place.entity
    value, items = (
        sql("try_cast(cell.before as {type})", type=crm.column_type(place.field)),
        sql(""),
    )
    if place.is_list and place.field is not None:
        value = sql("item.id")
        # A removed item that is used again comes back when all is written.
        items = sql(
            "left join (select name, arg_min(id, (deleted, id)) as id from crm.list_item"
            " where list = {list} group by name) as item on item.name = cell.before",
            list=place.field.list,
        )
    marks = sql(", updated_at = {at}, updated_by_batch = {batch}", at=at, batch=batch)
    db.run(
        sql(
            """
            update {t} as record set {column} = chosen.value {marks}
            from (
                select cell.holder_id as id, {value} as value from undo_cell as cell {items}
                where cell.entity = {entity} and cell.field = {field} and cell.holder_id is not null
            ) as chosen
            where record.id = chosen.id
            """,
            t=crm.table(table.id),
            column=place.column,
            marks=marks,
            value=value,
            items=items,
            entity=place.entity.id,
            field=field_id,
        )
    )


def _mark_changed(db: Database, entity: Entity, ids: Query, batch: int, at: datetime) -> None:
    db.run(
        sql(
            "update {t} as record set updated_at = {at}, updated_by_batch = {batch}"
            " from {ids} as chosen where record.id = chosen.id",
            t=crm.table(entity.id),
            at=at,
            batch=batch,
            ids=ids,
        )
    )


def _settle_list_items(db: Database, schema: Schema, batch: int) -> None:
    """Items that a batch added leave with the last record that uses them, and come back with one.

    A removed item gives its name free, so that the next import adds it again.
    """
    tables: tuple[Entity | Child, ...] = (*schema.entities, *schema.children)
    used = [
        sql(
            "select {c} as id from {t} where deleted_at is null",
            c=name(crm.column(field)),
            t=crm.table(table.id),
        )
        for table in tables
        for field in (table.stored if isinstance(table, Entity) else table.fields)
        if field.type is FieldType.LIST
    ]
    db.run(
        sql(
            "create or replace temp table undo_item as select item.id, item.list, item.name,"
            " item.deleted, item.id in (select id from ({used})) or item.name in ("
            " select value from crm.preference) as used"
            " from crm.list_item as item where item.created_by_batch = {batch}",
            used=join(" union ", used),
            batch=batch,
        )
    )
    db.run(
        sql(
            "delete from crm.list_alias where item_id in"
            " (select id from undo_item where not used and not deleted)"
        )
    )
    db.run(
        sql(
            "update crm.list_item as item set deleted = not chosen.used from undo_item as chosen"
            " where item.id = chosen.id and (not chosen.used or not exists (from crm.list_alias"
            " as known where known.list = item.list and known.alias = {key}))",
            key=name_key(sql("item.name")),
        )
    )
    db.run(
        sql(
            "insert into crm.list_alias select item.list, {key}, item.id from undo_item as item"
            " where item.used and not exists (from crm.list_alias as known"
            " where known.list = item.list and known.alias = {key}) order by item.id",
            key=name_key(sql("item.name")),
        )
    )


def _settle_not_same(db: Database, chain: list[int]) -> None:
    """What an import remembered as not the same is forgotten with it, and known again with it."""
    db.run(
        sql(
            "update crm.not_same set undone = {undone} where created_by_batch = {first}",
            undone=len(chain) % 2 == 1,
            first=chain[-1],
        )
    )


def _select(db: Database, entity: Entity, changed: Query, batch: int, header: BatchHeader) -> None:
    """Record what came back or got earlier cells, and what was left alone, as selections."""
    members = {
        "restored": sql(
            "select id from {changed} union select id from {back}",
            changed=changed,
            back=_temp(entity, "back"),
        ),
        "kept": sql(
            "select distinct record_id as id from undo_kept"
            " where entity = {e} and reason <> {forgotten}",
            e=entity.id,
            forgotten=KeptReason.FORGOTTEN.value,
        ),
    }
    record_selections(db, entity, members, batch, header, link=" by")


def _written(db: Database, entity: Entity, batch: int) -> dict[str, int]:
    counts = written_counts(db, entity, batch, ("removed", "changed"))
    back = db.value(
        sql(
            "select count(*) from {t} as record join crm.change as change"
            " on change.record_id = record.id and change.entity = {entity}"
            " where change.batch_id = {batch} and change.field = {deleted}"
            " and change.after = 'false' and record.deleted_at is null",
            t=crm.table(entity.id),
            entity=entity.id,
            batch=batch,
            deleted=DELETED,
        )
    )
    return {**counts, "back": back}


def _temp(table: Entity | Child, kind: str) -> Query:
    return name(f"undo_{table.id}_{kind}")


def _count(db: Database, ids: Query) -> int:
    return int(db.value(sql("select count(*) from ({ids})", ids=ids)))


def _counts(db: Database, schema: Schema, kind: str) -> dict[str, int]:
    return {
        entity.id: _count(db, sql("select id from {t}", t=_temp(entity, kind)))
        for entity in schema.entities
    }
