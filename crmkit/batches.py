"""What all batches have in common: their header, their selections, and how records go and come back.

A batch is what one import, deletion or undo wrote, or that a backup was restored or a person
forgotten. Its row is inserted in the transaction that writes the records, with what it wrote as
counted in the CRM.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from crmkit import crm
from crmkit.database import Database
from crmkit.entities import Child, Entity, Schema
from crmkit.remembered import HeaderChoice
from crmkit.sql import Query, join, name, sql

DELETED: Final = "deleted"
"""The field under which the log keeps that a record was removed ("true") or came back ("false")."""


_MARKS: Final = {
    "new": "created_by_batch",
    "changed": "updated_by_batch",
    "removed": "deleted_by_batch",
}


class BatchKind(StrEnum):
    """What a batch did."""

    IMPORT = "import"
    DELETE = "delete"
    UNDO = "undo"
    RESTORE = "restore"
    FORGET = "forget"

    @property
    def can_be_undone(self) -> bool:
        """Whether a batch of this kind can be taken back by an undo."""
        return self not in (BatchKind.RESTORE, BatchKind.FORGET)


@dataclass(frozen=True)
class BatchHeader:
    """What a batch remembers of where it came from.

    Attributes:
        source: Name of the source, for people.
        import_id: The import's; empty for a batch of another kind.
        source_sha256: Fingerprint of the source's bytes.
        mapping, settings, balance: JSON.
        backup: Name of the backup made before.
        undoes: The batch that it takes back.
        choices: The fields that headers were sent to by hand.
    """

    committed_at: datetime
    committed_by: str
    source: str
    import_id: str = ""
    source_sha256: str = ""
    row_count: int = 0
    mapping: str = "{}"
    settings: str = "{}"
    balance: str = "[]"
    backup: str = ""
    kind: BatchKind = BatchKind.IMPORT
    undoes: int | None = None
    choices: tuple[HeaderChoice, ...] = ()


@dataclass(frozen=True)
class Batch:
    """A committed import, or a deletion, an undo or a restored backup.

    Attributes:
        import_id: The import's; empty for another kind.
        written: Entity id -> how many records it added (`new`), changed, removed and brought
            `back`, counted in the CRM when it was written.
        backup: Name of the backup made before it, in the folder `backups`.
        undoes: The batch that it took back.
        undone_by: The batch that took it back, unless that was undone in turn.
        price_list: Id of the price list that its products went into; None where it had none.
    """

    id: int
    import_id: str
    committed_at: datetime
    committed_by: str
    source: str
    row_count: int
    backup: str
    kind: BatchKind
    undoes: int | None
    undone_by: int | None
    price_list: int | None
    written: dict[str, dict[str, int]]

    def count(self, what: str) -> int:
        """How many records it added, changed, removed or brought back, of all entities."""
        return sum(counts.get(what, 0) for counts in self.written.values())


def insert_batch(
    db: Database,
    batch: int,
    header: BatchHeader,
    written: dict[str, dict[str, int]],
    *,
    decisions: Query | None = None,
) -> None:
    """Record a batch, with what it wrote as counted in the CRM: entity id -> what -> how many.

    Args:
        decisions: Gives what was decided record by record, as JSON.
    """
    db.run(
        sql(
            "insert into crm.batch (id, import_id, committed_at, committed_by, source,"
            " source_sha256, row_count, mapping, settings, balance, decisions, backup, kind, undoes,"
            " written) select {id}, {import_id}, {at}, {by}, {source}, {sha256}, {rows}, {mapping},"
            " {settings}, {balance}, {decisions}, {backup}, {kind}, {undoes}, {written}",
            decisions=decisions or sql("'[]'"),
            id=batch,
            import_id=header.import_id,
            at=header.committed_at,
            by=header.committed_by,
            source=header.source,
            sha256=header.source_sha256,
            rows=header.row_count,
            mapping=header.mapping,
            settings=header.settings,
            balance=header.balance,
            backup=header.backup,
            kind=header.kind.value,
            undoes=header.undoes,
            written=json.dumps(written),
        )
    )


def written_counts(
    db: Database, entity: Entity, batch: int, what: Sequence[str] = ("new", "changed")
) -> dict[str, int]:
    """How many records of an entity a batch did something to, counted in the attached CRM.

    Args:
        what: Out of `new`, `changed` and `removed`.
    """
    counts = [
        sql("count(*) filter ({column} = {batch})", column=name(_MARKS[found]), batch=batch)
        for found in what
    ]
    row = db.row(sql("select {counts} from {t}", counts=join(", ", counts), t=crm.table(entity.id)))
    return dict(zip(what, row, strict=True))


def record_selections(
    db: Database,
    entity: Entity,
    members: Mapping[str, Query],
    batch: int,
    header: BatchHeader,
    *,
    link: str,
) -> None:
    """Record which records a batch did what to.

    Args:
        members: What it did -> a query that gives each record's `id` once.
        link: What stands between that and the source in the selection's name.
    """
    at = header.committed_at
    for kind, ids in members.items():
        title = f"{entity.plural['en']} {kind}{link} {header.source}, {at:%Y-%m-%d %H:%M}"
        record_selection(db, entity, title, ids, batch=batch, kind=kind, at=at)


def record_selection(
    db: Database,
    entity: Entity,
    title: str,
    ids: Query,
    *,
    batch: int | None,
    kind: str,
    at: datetime,
) -> int:
    """Save a set of records under a name.

    Args:
        ids: Gives each member's `id` once.
        batch: The batch that it belongs to; None for one that a person made.

    Returns:
        The selection's id.
    """
    selection = crm.next_id(db, "selection")
    db.run(
        sql(
            "insert into crm.selection values ({id}, {name}, {entity}, {batch}, {kind}, {at})",
            id=selection,
            name=title,
            entity=entity.id,
            batch=batch,
            kind=kind,
            at=at,
        )
    )
    db.run(
        sql("insert into crm.selection_member select {id}, id from ({ids})", id=selection, ids=ids)
    )
    return selection


def remove(db: Database, table: Entity | Child, ids: Query, batch: int, at: datetime) -> None:
    """Remove records so that they can come back, and log it.

    Args:
        ids: A table with the column `id`.
    """
    db.run(
        sql(
            "update {t} as record set deleted_at = {at}, deleted_by_batch = {batch}"
            " from {ids} as chosen where record.id = chosen.id and record.deleted_at is null",
            t=crm.table(table.id),
            at=at,
            batch=batch,
            ids=ids,
        )
    )
    _log_state(db, table, ids, batch, gone=True)


def bring_back(db: Database, table: Entity | Child, ids: Query, batch: int) -> None:
    """Bring removed records back, and log it."""
    db.run(
        sql(
            "update {t} as record set deleted_at = null, deleted_by_batch = null"
            " from {ids} as chosen where record.id = chosen.id",
            t=crm.table(table.id),
            ids=ids,
        )
    )
    _log_state(db, table, ids, batch, gone=False)


def _log_state(db: Database, table: Entity | Child, ids: Query, batch: int, *, gone: bool) -> None:
    db.run(
        sql(
            "insert into crm.change select {batch}, {entity}, id, {field}, {before}, {after} from {ids}",
            batch=batch,
            entity=table.id,
            field=DELETED,
            before="false" if gone else "true",
            after="true" if gone else "false",
            ids=ids,
        )
    )


def read_batches(db: Database, schema: Schema, import_id: str | None = None) -> tuple[Batch, ...]:
    """The batches of the attached CRM, newest first: all, or those of one import."""
    rows = db.records(
        sql(
            "select id, import_id, committed_at, committed_by, source, row_count, backup,"
            " kind, undoes, written, cast(settings ->> 'price_list' as integer) as price_list"
            " from crm.batch order by id desc"
        )
    )
    # Newest first: whether an undo still stands is known when its batch comes up.
    undone: dict[int, int] = {}
    found = []
    for row in rows:
        if row["undoes"] is not None and row["id"] not in undone:
            undone.setdefault(row["undoes"], row["id"])
        if row["written"] is None:
            # Of a CRM of format 1, which counted anew each time.
            counts = {e.id: written_counts(db, e, row["id"]) for e in schema.entities}
        else:
            counts = json.loads(row["written"])
        nothing = {entity.id: {"new": 0, "changed": 0} for entity in schema.entities}
        row["written"] = nothing | counts
        row["kind"] = BatchKind(row["kind"])
        found.append(Batch(**row, undone_by=undone.get(row["id"])))
    return tuple(b for b in found if import_id is None or b.import_id == import_id)
