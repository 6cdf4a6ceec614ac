"""Backs the CRM up before it is written: a whole copy of its file, opened and counted.

A copy is written under another name, proved, and only then gets the name of a backup: what a crash
leaves behind is never taken for one, and goes with the next backup.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import shutil
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from crmkit.database import Database, opened
from crmkit.errors import BackupError, StorageError
from crmkit.processes import has_ended, part_of
from crmkit.sql import join, name, sql

log = logging.getLogger(__name__)

_TRIES: Final = 50

_NAME: Final = re.compile(r"crm-(\d{8}-\d{6})-[\w-]+\.duckdb")


@dataclass(frozen=True)
class Backup:
    """A copy of the whole CRM in the folder `backups`.

    Attributes:
        size: In bytes.
        before: What was about to be written, for people; empty when it was not written after all.
    """

    name: str
    made_at: datetime
    size: int
    before: str = ""


def backup(crm_path: Path, folder: Path, *, at: datetime, label: str) -> Path:
    """Copy the CRM to `folder` and prove that the copy opens with the same records.

    Args:
        at: The time that names the copy.
        label: Sets it apart from one that another import makes at the same time.

    Returns:
        The copy's path.

    Raises:
        StorageError: The CRM is busy or cannot be read.
        BackupError: The copy cannot be written, or does not hold what the CRM holds.
    """
    copy = folder / f"crm-{at:%Y%m%d-%H%M%S}-{label}.duckdb"
    part = part_of(copy)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Writing and closing puts everything into the one file; a log beside it would be missed.
        with opened(crm_path) as db:
            _write_all(db)
        for left in folder.glob("crm-*.part"):
            if has_ended(left.name):
                left.unlink(missing_ok=True)
        # While it is open for reading, nobody can write to it. On POSIX that ends with the copying:
        # a lock goes as soon as its process closes the file that it has copied.
        with opened(crm_path, read_only=True) as db:
            copy_whole(crm_path, part, expected=fingerprint(db))
            part.replace(copy)
            sync_folder(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        full = error.errno == errno.ENOSPC
        raise BackupError(
            "The disk is too full for a backup, so nothing was changed."
            if full
            else "The backup could not be written, so nothing was changed.",
            where=f"{copy.name}: {error.strerror}",
            mend="Free some space, or keep fewer backups, then try again."
            if full
            else "Check the folder 'backups', then try again.",
        ) from error
    return copy


def _write_all(db: Database) -> None:
    """Write what is committed into the file; another thread of this program may be about the same."""
    for _ in range(_TRIES):
        if db.attempt(sql("checkpoint")):
            return
        time.sleep(0.1)
    db.run(sql("checkpoint"))


def copy_whole(source: Path, target: Path, *, expected: tuple[int, ...]) -> None:
    """Copy a CRM's file, have it on the disk, and prove that it opens with what is expected.

    Raises:
        OSError: It cannot be written.
        BackupError: It does not hold the same.
    """
    shutil.copyfile(source, target)
    sync_file(target)
    try:
        with opened(target, read_only=True) as db:
            same = fingerprint(db) == expected
    except StorageError:
        log.warning("the copy %s does not open", target.name, exc_info=True)
        same = False
    if not same:
        target.unlink()
        raise BackupError(
            "The copy of the CRM does not hold what it should, so nothing was changed.",
            where=target.name,
            mend="Try again; if it happens twice, check the disk.",
        )


def fingerprint(db: Database) -> tuple[int, ...]:
    """The revision and the number of rows of every table, also of a CRM of an older format."""
    tables = [
        table
        for (table,) in db.rows(
            sql("select table_name from duckdb_tables() where not internal order by 1")
        )
    ]
    counts = [sql("(select count(*) from {t})", t=name(table)) for table in tables]
    return db.row(sql("select revision, {counts} from meta", counts=join(", ", counts)))


def backups(folder: Path) -> tuple[Backup, ...]:
    """The backups in a folder, newest first; files of other names are somebody's own."""
    found = []
    for path in folder.glob("crm-*.duckdb"):
        if (named := _NAME.fullmatch(path.name)) is None:
            continue
        try:
            made_at = datetime.strptime(named[1], "%Y%m%d-%H%M%S")  # noqa: DTZ007  the user's clock
            stat = path.stat()
        except (ValueError, FileNotFoundError):
            continue  # no date, or another dashboard has just removed it
        # Names tell seconds: of two in one second, the file tells.
        found.append((made_at, stat.st_mtime_ns, Backup(path.name, made_at, stat.st_size)))
    found.sort(key=lambda item: (*item[:2], item[2].name), reverse=True)
    return tuple(item for _, _, item in found)


def prune(folder: Path, *, keep: int, megabytes: int) -> None:
    """Remove the oldest backups, beyond a number and beyond a size of all; the newest always stays."""
    total = 0
    for place, item in enumerate(backups(folder)):
        total += item.size
        if place and (place >= keep or total > megabytes * 1_000_000):
            try:
                (folder / item.name).unlink(missing_ok=True)
            except OSError:
                # In use, as on Windows: it goes the next time.
                log.warning("the backup %s could not be removed", item.name, exc_info=True)


def sync_file(path: Path) -> None:
    """Have a file's content on the disk before anything relies on it."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Have a folder's names on the disk, where the system knows that."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
