"""Puts a backup in the CRM's place: a new file is made beside it, proved, and takes its name at once.

What came after the backup is gone from the CRM, but not forgotten: no id is given a second time,
no preview that was made on the later CRM passes, and the restore is a batch of its own that says
which batches went.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from crmkit import crm, forget
from crmkit.backup import copy_whole, fingerprint, sync_file, sync_folder
from crmkit.batches import BatchHeader, insert_batch
from crmkit.database import Database, in_memory, opened, opened_as
from crmkit.entities import SCHEMA
from crmkit.errors import StalePlanError, StorageError, UnreadableError
from crmkit.sql import sql

_PART: Final = "crm-restore.part"

_UNKNOWN: Final = 1_000_000
"""What revision and ids are raised by where the later CRM cannot be asked how far it had come."""

_PAUSE: Final = 0.25
"""Seconds between taking the place and letting go: who had opened the old file by then finds it
locked, opens it anew, and gets the new one."""


@dataclass(frozen=True)
class RestorePreview:
    """What restoring a backup would do.

    Attributes:
        revision: The CRM's revision that it was worked out on; None where the CRM cannot be read.
        now, then: Entity id -> records in the CRM and in the backup.
        batches: The batches that would no longer be in the CRM, newest first: id, and its source.
        forgotten: Persons in the backup who were forgotten since, and are forgotten again.
    """

    name: str
    revision: int | None
    now: dict[str, int]
    then: dict[str, int]
    batches: tuple[tuple[int, str], ...]
    forgotten: int = 0


def preview_restore(crm_path: Path, copy: Path, forgotten: Sequence[int]) -> RestorePreview:
    """What putting a backup in the CRM's place would do. Nothing is written.

    Args:
        forgotten: The ids of persons who must not come back.

    Raises:
        StorageError: The backup cannot be read, or the CRM is busy.
    """
    with opened_as(copy, "crm", read_only=True) as db:
        crm.check_format(db)
        then, kept = _counts(db), _batches(db)
        again = len(forget.present(db, forgotten))
    try:
        with opened_as(crm_path, "crm", read_only=True) as db:
            crm.check_format(db)
            revision, now, batches = crm.revision(db), _counts(db), _batches(db)
    except UnreadableError:
        return RestorePreview(copy.name, None, {}, then, (), again)
    gone = tuple(batch for batch in reversed(batches) if batch not in set(kept))
    return RestorePreview(
        copy.name,
        revision,
        now,
        then,
        tuple((number, source) for number, _, source in gone),
        again,
    )


def restore(
    crm_path: Path,
    copy: Path,
    header: BatchHeader,
    *,
    revision: int | None,
    forgotten: Sequence[int] = (),
) -> None:
    """Put a backup in the CRM's place, as a batch; all of it or nothing.

    Args:
        forgotten: The ids of persons who are forgotten again where the backup holds them.
        header: Of the batch that says so.
        revision: Of the CRM that was previewed; None for one that cannot be read, of which a copy
            is kept beside the backups.

    Raises:
        StalePlanError: The CRM was written since the preview.
        StorageError: It is busy, or the new file cannot be written; the CRM is as it was.
    """
    part = crm_path.with_name(_PART)
    try:
        if revision is None:
            _clear(crm_path)
            with opened(copy, read_only=True) as db:
                expected = fingerprint(db)
            copy_whole(copy, part, expected=expected)
            _carry_over(part, None, header, forgotten)
            _set_aside(crm_path, copy.parent, header)
            _take_place(part, crm_path)
            return
        with _replaced(crm_path, revision, part) as later:
            with opened(copy, read_only=True) as db:
                expected = fingerprint(db)
            copy_whole(copy, part, expected=expected)
            _carry_over(part, later, header, forgotten)
    except OSError as error:
        raise StorageError(
            "The backup could not be restored, so the CRM is as it was.",
            where=f"{copy.name}: {error.strerror}",
            mend="Free disk space, or close what uses the workspace, then try again.",
        ) from error


@contextmanager
def _held(crm_path: Path, revision: int) -> Iterator[Database]:
    """The CRM as it was previewed, all of it in its one file; nobody can write to it meanwhile."""
    with opened(crm_path) as db:
        db.run(sql("checkpoint"))
        _clear(crm_path)
    with opened_as(crm_path, "crm", read_only=True) as db:
        if _log_beside(crm_path).exists() or crm.revision(db) != revision:
            raise StalePlanError(
                "The CRM changed since you looked, so nothing was restored.",
                mend="Look again at what would change, and restore then.",
            )
        yield db


@contextmanager
def _replaced(crm_path: Path, revision: int, part: Path) -> Iterator[Database]:
    """The CRM as it was previewed, held until another file, made in the block, has its place."""
    with _held(crm_path, revision) as later:
        yield later
        if os.name == "posix":
            _take_place(part, crm_path)
            time.sleep(_PAUSE)
    if os.name != "posix":
        # There an open file cannot be replaced: who has opened it since is told to wait.
        _take_place(part, crm_path)


def rewrite(crm_path: Path, change: Callable[[Database], None], *, revision: int) -> None:
    """Change the CRM so that nothing of what is deleted stays in its file; all of it or nothing.

    Args:
        change: Is given the CRM, attached as `crm`.
        revision: Of the CRM that was previewed.

    Raises:
        StalePlanError: The CRM was written since the preview.
        StorageError: It is busy, or the new file cannot be written; the CRM is as it was.
    """
    part = crm_path.with_name(_PART)
    try:
        with _replaced(crm_path, revision, part):
            try:
                shutil.copyfile(crm_path, part)
                with opened_as(part, "crm", read_only=False) as db:
                    change(db)
                _compact(part)
            except BaseException:
                _clear(crm_path)
                raise
    except OSError as error:
        raise StorageError(
            "The CRM could not be written anew, so it is as it was.",
            where=str(error.strerror),
            mend="Free disk space, or close what uses the workspace, then try again.",
        ) from error


def _compact(part: Path) -> None:
    """Write a CRM's file anew: DuckDB keeps what was deleted in the blocks of the old one."""
    whole = part.with_name(f"{part.name}2")
    with opened(part, read_only=True) as db:
        expected = fingerprint(db)
    with (
        in_memory() as db,
        db.attached(part, "old", read_only=True),
        db.attached(whole, "new", read_only=False),
    ):
        db.run(sql("copy from database old to new"))
    with opened(whole, read_only=True) as db:
        if fingerprint(db) != expected:
            raise StorageError(
                "The CRM that was written anew does not hold what it should, so it is as it was.",
                where=part.name,
                mend="Try again; if it happens twice, check the disk.",
            )
    whole.replace(part)
    sync_file(part)


def _carry_over(
    part: Path, later: Database | None, header: BatchHeader, forgotten: Sequence[int]
) -> None:
    """Bring the copy to this program's format, as far as the later CRM had come, and log it."""
    with opened_as(part, "crm", read_only=False) as db:
        if not crm.check_format(db):
            crm.upgrade(db)
        with db.atomic():
            if later is None:
                crm.raise_revision(db, by=_UNKNOWN)
                db.run(sql("update crm.counter set next_id = next_id + {n}", n=_UNKNOWN))
            else:
                crm.raise_revision(db, above=crm.revision(later))
                for table_id, number in later.rows(
                    sql("select table_id, next_id from crm.counter order by table_id")
                ):
                    db.run(
                        sql(
                            "update crm.counter set next_id = greatest(next_id, {n})"
                            " where table_id = {t}",
                            n=number,
                            t=table_id,
                        )
                    )
            again = forget.present(db, forgotten)
            forget.erase(db, crm.load_schema(db), again)
            if again:
                told = {**json.loads(header.settings), "forgotten_again": again}
                header = replace(header, settings=json.dumps(told))
            insert_batch(db, crm.next_id(db, "batch"), header, {})
    if again:
        _compact(part)
    sync_file(part)


def _set_aside(crm_path: Path, folder: Path, header: BatchHeader) -> None:
    """Keep what cannot be read: somebody may still save something out of it."""
    for path in (crm_path, _log_beside(crm_path)):
        if path.exists():
            kept = folder / f"unreadable-{header.committed_at:%Y%m%d-%H%M%S}-{path.name}"
            shutil.copyfile(path, kept)
            sync_file(kept)
    # The log of the old file must not be read into the new one.
    _log_beside(crm_path).unlink(missing_ok=True)


def _take_place(part: Path, crm_path: Path) -> None:
    part.replace(crm_path)
    sync_folder(crm_path.parent)


def _clear(crm_path: Path) -> None:
    """Remove what a restore that was killed left behind."""
    for path in crm_path.parent.glob(f"{_PART}*"):
        path.unlink()


def _log_beside(crm_path: Path) -> Path:
    """Where DuckDB keeps what is committed and not yet in the file."""
    return crm_path.with_name(f"{crm_path.name}.wal")


def _counts(db: Database) -> dict[str, int]:
    return {
        entity.id: int(
            db.value(
                sql("select count(*) from {t} where deleted_at is null", t=crm.table(entity.id))
            )
        )
        for entity in SCHEMA.entities
        if db.has_table(entity.id, catalog="crm")
    }


def _batches(db: Database) -> list[tuple[int, object, str]]:
    """Id, time and source: after a restore, another batch may stand at an id that was never seen."""
    return db.rows(sql("select id, committed_at, source from crm.batch order by id"))
