"""What must hold of a workspace, whatever happened to the process that worked on it."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from crmkit import crm
from crmkit.backup import fingerprint
from crmkit.database import Database, in_memory, opened
from crmkit.descriptions import as_yaml
from crmkit.sql import join, name, sql
from crmkit.workspace import Workspace

_KEPT: Final = re.compile(
    r"crm\.duckdb|forgotten\.json|crmkit\.log(\.\d)?|imports/[\w-]+(\.rest)?\.duckdb|backups/crm-[\w-]+\.duckdb"
    r"|exports/[^/]+|uploads/.+|descriptions/[^/]+\.yaml"
)

# What differs from one run to the next: times, and the names that are made of them.
_OF_THE_RUN: Final = {("batch", "backup"), ("selection", "name"), ("batch", "import_id")}


def content(db: Database) -> str:
    """A fingerprint of all that a CRM, attached as `crm`, holds, without what differs between runs."""
    digest = hashlib.sha256()
    for table, rows in tables(db):
        digest.update(f"{table}: {sorted(rows, key=repr)!r}\n".encode())
    return digest.hexdigest()


def tables(db: Database) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    """Every table with its rows, without what differs between runs."""
    listed: dict[str, list[str]] = {}
    for table, column, kind in db.rows(
        sql(
            "select table_name, column_name, data_type from duckdb_columns()"
            " where database_name = 'crm' order by table_name, column_index"
        )
    ):
        if kind != "TIMESTAMP" and (table, column) not in _OF_THE_RUN:
            listed.setdefault(table, []).append(column)
    for table, columns in listed.items():
        chosen = join(", ", (name(column) for column in columns))
        yield table, db.rows(sql("select {c} from {t}", c=chosen, t=crm.table(table)))


def content_of(path: Path) -> str:
    """The fingerprint of a CRM's file."""
    with in_memory() as db, db.attached(path, "crm", read_only=True):
        return content(db)


def faults(folder: Path) -> list[str]:
    """What is wrong with a workspace after `Workspace.open`: the log, ids, backups, files left behind."""
    workspace = Workspace.open(folder)
    found = [f"left behind: {path}" for path in left_behind(workspace)]
    with workspace.reading() as db:
        found += log_faults(db)
    for item in workspace.backups():
        try:
            with opened(folder / "backups" / item.name, read_only=True) as db:
                fingerprint(db)
        except Exception as error:  # noqa: BLE001  whatever it is, the backup is of no use
            found.append(f"the backup {item.name} does not open: {error}")
    return found


def kept_of_import(workspace: Workspace) -> str:
    """What is kept of the import that is in the CRM last: its step, the rows held back, its description."""
    batch = next(batch for batch in workspace.batches() if batch.import_id)
    session = workspace.open_import(batch.import_id)
    description, omitted = session.describe()
    kept = (session.step, session.rows_are_gone, session.held_back_page(), as_yaml(description))
    return repr((*kept, omitted))


def left_behind(workspace: Workspace) -> list[str]:
    """Files that nobody knows of any more, and rows that had to go with the import's commit."""
    folder = workspace.path
    waiting = {found.id for found in workspace.unfinished()}
    known = waiting | {batch.import_id for batch in workspace.batches()}
    settled = {path.name.partition(".")[0] for path in folder.glob("imports/*.rest.duckdb")}
    found = []
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder).as_posix()
        if path.is_dir():
            if place not in {"imports", "backups", "exports", "uploads", "descriptions"} and not (
                place.startswith("uploads/")
            ):
                found.append(place)
        elif (
            not _KEPT.fullmatch(place)
            or ".part" in place
            or (place.startswith("imports/") and path.name.partition(".")[0] not in known)
            or place in {f"imports/{name}.duckdb" for name in settled}
            or (place.startswith("uploads/") and place.split("/")[1] not in waiting - settled)
        ):
            found.append(place)
    temporary = Path(tempfile.gettempdir())
    return found + [f"{temporary.name}/{path.name}" for path in temporary.glob("crmkit-*")]


def log_faults(db: Database) -> list[str]:
    """Where the log (batch, change) does not agree with the records."""
    found = []
    schema = crm.load_schema(db)
    for table in (*schema.entities, *schema.children):
        count, ids, high, following = db.row(
            sql(
                "select count(*), count(distinct id), coalesce(max(id), 0),"
                " (select next_id from crm.counter where table_id = {id}) from {t}",
                id=table.id,
                t=crm.table(table.id),
            )
        )
        if count != ids or high >= following:
            found.append(f"ids of {table.id}: {count} rows, {ids} ids, {high} < {following}")
        # The last word of the log about a record's being there is what the record says.
        found += [
            f"{table.id} {record} is not as the log says"
            for (record,) in db.rows(
                sql(
                    "select record.id from {t} as record join ("
                    " select record_id, arg_max(after, batch_id) as gone from crm.change"
                    " where entity = {id} and field = 'deleted' group by record_id) as said"
                    " on said.record_id = record.id"
                    " where (record.deleted_at is not null) <> (said.gone = 'true') order by 1",
                    id=table.id,
                    t=crm.table(table.id),
                )
            )
        ]
    for entity in schema.entities:
        record = crm.record_sql(entity, entity.stored)
        for field in entity.stored:
            wrong = db.value(
                sql(
                    "select count(*) from ({record}) as record join ("
                    " select record_id, arg_max(coalesce(after, chr(0)), batch_id) as said"
                    " from crm.change"
                    " where entity = {id} and field = {field} group by record_id) as log"
                    " on log.record_id = record.id"
                    " where coalesce(cast(record.{column} as varchar), chr(0)) <> log.said",
                    record=record,
                    id=entity.id,
                    field=field.id,
                    column=name(field.id),
                )
            )
            if wrong:
                found.append(f"{wrong} cells of {entity.id}.{field.id} are not as the log says")
        found += [
            f"batch {batch} says that it added {said} of {entity.id}, and there are {there}"
            for batch, said, there in db.rows(
                sql(
                    "select id, cast(coalesce(written ->> {path}, '0') as integer) as said,"
                    " (select count(*) from {t} where created_by_batch = batch.id) as there"
                    " from crm.batch as batch where said <> there order by id",
                    path=f"$.{entity.id}.new",
                    t=crm.table(entity.id),
                )
            )
        ]
    return found
