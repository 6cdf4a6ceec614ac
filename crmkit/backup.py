"""Backs the CRM up before it is written: a whole copy of its file, opened and counted."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

from crmkit.database import Database, opened
from crmkit.errors import CommitError, StorageError
from crmkit.sql import join, name, sql


def backup(crm_path: Path, folder: Path, *, at: datetime, label: str) -> Path:
    """Copy the CRM to `folder` and prove that the copy opens with the same records.

    Args:
        at: The time that names the copy.
        label: Sets it apart from one that another import makes at the same time.

    Returns:
        The copy's path.

    Raises:
        StorageError: The CRM is busy, or the copy cannot be written.
        CommitError: The copy does not hold what the CRM holds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Writing and closing puts everything into the one file; a log beside it would be missed.
    with opened(crm_path) as db:
        db.run(sql("checkpoint"))
    copy = folder / f"crm-{at:%Y%m%d-%H%M%S}-{label}.duckdb"
    part = copy.with_suffix(".part")
    # While it is open for reading, nobody can write to it.
    with opened(crm_path, read_only=True) as db:
        expected = _fingerprint(db)
        try:
            shutil.copyfile(crm_path, part)
            part.replace(copy)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise StorageError(
                "The backup could not be written, so nothing was imported.",
                where=f"{copy.name}: {error.strerror}",
                mend="Free disk space or check the folder 'backups', then try again.",
            ) from error
    with opened(copy, read_only=True) as db:
        if _fingerprint(db) != expected:
            copy.unlink(missing_ok=True)
            raise CommitError(
                "The backup does not match the CRM, so nothing was imported.",
                where=copy.name,
                mend="Try again; if it happens twice, check the disk.",
            )
    return copy


def _fingerprint(db: Database) -> tuple[int, ...]:
    """The revision and the number of rows of every table, also of a CRM of an older format."""
    tables = [
        table
        for (table,) in db.rows(
            sql("select table_name from duckdb_tables() where not internal order by 1")
        )
    ]
    counts = [sql("(select count(*) from {t})", t=name(table)) for table in tables]
    return db.row(sql("select revision, {counts} from meta", counts=join(", ", counts)))
