"""What a workspace keeps of people outside the CRM, and its deletion: imports, uploads, exports, backups.

An import's file is `imports/<id>.duckdb`. When it is in the CRM, its rows go and `<id>.rest.duckdb`
stays, with the rows that were held back; it goes too when nobody used it for some days.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from crmkit.backup import backups
from crmkit.database import Database, opened
from crmkit.errors import StorageError
from crmkit.sql import sql

log = logging.getLogger(__name__)

_REST: Final = ".rest.duckdb"

_LARGE: Final = 64 << 20
"""Bytes from which on it is felt how long a file system takes to free them."""


class LeftKind(StrEnum):
    """What is left."""

    UNFINISHED = "unfinished"
    HELD_BACK = "held_back"
    UPLOAD = "upload"
    EXPORT = "export"
    BACKUP = "backup"

    @property
    def label(self) -> str:
        return {
            LeftKind.UNFINISHED: "unfinished import",
            LeftKind.HELD_BACK: "rest of an import",
            LeftKind.UPLOAD: "uploaded files",
            LeftKind.EXPORT: "export",
            LeftKind.BACKUP: "backup",
        }[self]


@dataclass(frozen=True)
class Left:
    """Something that is left outside the CRM and holds, or may hold, data of people.

    Attributes:
        name: The import's id, or the file's name.
        source: The file that an import was made from.
        rows: How many rows of it are left; None where they are not counted.
        size: In bytes.
        old: It was not used for as many days as imports are kept. Imports go by themselves then.
        owner: Who started an import on a team's dashboard; None for what is everybody's.
    """

    kind: LeftKind
    name: str
    source: str
    rows: int | None
    last_used: datetime
    size: int
    old: bool
    owner: str | None = None


def import_path(workspace: Path, import_id: str) -> Path:
    """An import's file: what is left of it, where its rows are gone."""
    path = workspace / "imports" / f"{import_id}.duckdb"
    rest = rest_path(path)
    return rest if rest.exists() else path


def rest_path(path: Path) -> Path:
    """The file that takes the place of an import's file when its rows go."""
    return path.with_name(f"{import_id(path)}{_REST}")


def import_id(path: Path) -> str:
    """The id of an import, by its file."""
    return path.name.partition(".")[0]


def is_rest(path: Path) -> bool:
    """Whether a file is what is left of an import."""
    return path.name.endswith(_REST)


def import_files(workspace: Path) -> list[Path]:
    """The files of all imports, one for each."""
    found = {import_id(path) for path in (workspace / "imports").glob("*.duckdb")}
    return [import_path(workspace, name) for name in sorted(found)]


def delete_import(workspace: Path, import_id: str) -> None:
    """Delete an import with its rows and uploaded files.

    Raises:
        StorageError: A file is in use, as on Windows.
    """
    # The import last: as long as it is there, it is listed and can be deleted again.
    delete([workspace / "uploads" / import_id, *(workspace / "imports").glob(f"{import_id}.*")])


def delete_rows(workspace: Path, import_id: str) -> None:
    """Delete an import's rows and uploaded files, but not its rest.

    Raises:
        StorageError: A file is in use, as on Windows.
    """
    # The rows last: as long as they are there, it is seen that they have to go.
    files = (workspace / "imports").glob(f"{import_id}.duckdb*")
    delete([workspace / "uploads" / import_id, *sorted(files, reverse=True)])


def delete_settled_rows(workspace: Path) -> None:
    """Delete the rows of imports whose rest is there: their program was killed before it did so."""
    for rest in (workspace / "imports").glob(f"*{_REST}"):
        if rest.with_name(f"{import_id(rest)}.duckdb").exists():
            try:
                delete_rows(workspace, import_id(rest))
            except StorageError:
                # In use, as on Windows: the next time.
                log.warning("the rows of an import could not be deleted: %s", import_id(rest))


def delete_old_imports(workspace: Path, *, days: int) -> None:
    """Delete the imports and uploaded files that nobody used for some days."""
    limit = datetime.now() - timedelta(days=days)
    old = {import_id(path) for path in import_files(workspace) if _last_used(path) < limit}
    known = {import_id(path) for path in import_files(workspace)}
    orphans = [
        folder
        for folder in (workspace / "uploads").glob("*")
        if folder.name not in known and _last_used(folder) < limit
    ]
    for name in sorted(old | {folder.name for folder in orphans}):
        try:
            delete_import(workspace, name)
        except StorageError:
            # In use, as on Windows: the next time.
            log.warning("an old import could not be deleted: %s", name)


def left(workspace: Path, committed: set[str], *, days: int) -> tuple[Left, ...]:
    """Everything that is left, last used first.

    Args:
        committed: The ids of the imports that are in the CRM.
        days: From when on it is old.
    """
    limit = datetime.now() - timedelta(days=days)
    found = []
    uploads = {folder.name: folder for folder in (workspace / "uploads").glob("*")}
    for path in import_files(workspace):
        name, used = import_id(path), _last_used(path)
        size = _size(path) + _size(path.with_name(f"{path.name}.wal"))
        if upload := uploads.pop(name, None):
            size += _size(upload)
        source, rows, owner = _content(path)
        kind = LeftKind.HELD_BACK if name in committed else LeftKind.UNFINISHED
        found.append(Left(kind, name, source, rows, used, size, used < limit, owner))
    for name, folder in uploads.items():
        used = _last_used(folder)
        found.append(Left(LeftKind.UPLOAD, name, "", None, used, _size(folder), used < limit))
    for path in (workspace / "exports").glob("*"):
        used = _last_used(path)
        found.append(Left(LeftKind.EXPORT, path.name, "", None, used, _size(path), used < limit))
    for item in backups(workspace / "backups"):
        at = item.made_at
        found.append(Left(LeftKind.BACKUP, item.name, "", None, at, item.size, at < limit))
    for path in (workspace / "backups").glob("unreadable-*"):
        # What a restore set aside of a CRM that could not be read.
        used = _last_used(path)
        found.append(Left(LeftKind.BACKUP, path.name, "", None, used, _size(path), used < limit))
    return tuple(sorted(found, key=lambda item: (item.last_used, item.name), reverse=True))


def purge(workspace: Path, items: Iterable[Left]) -> None:
    """Delete what was listed.

    Raises:
        StorageError: Some of it is in use; the rest is deleted.
    """
    faults = []
    for item in items:
        try:
            match item.kind:
                case LeftKind.EXPORT:
                    delete([workspace / "exports" / item.name])
                case LeftKind.BACKUP:
                    delete([workspace / "backups" / item.name])
                case _:
                    delete_import(workspace, item.name)
        except StorageError as error:
            faults.append(error)
    if faults:
        raise faults[0]


def _content(path: Path) -> tuple[str, int | None, str]:
    """An import's source, how many rows are left, and whose it is, where its file can be read."""
    try:
        with opened(path, read_only=True, wait=0.5) as db:
            state = dict(db.rows(sql("select key, value from state order by key")))
            return state.get("source_name", ""), _rows(db, state), state.get("owner", "")
    except StorageError as error:
        return error.message, None, "?"


def _rows(db: Database, state: dict[str, Any]) -> int:
    if state.get("rest"):
        return int(db.value(sql("select count(*) from held_back")))
    return int(json.loads(state["staged"])["row_count"]) if state.get("staged") else 0


def delete(paths: Iterable[Path]) -> None:
    """Delete files, and folders with what is in them.

    Raises:
        StorageError: One is in use, as on Windows.
    """
    for path in paths:
        try:
            if path.is_dir():
                shutil.rmtree(path)
            elif os.name == "posix" and path.lstat().st_size > _LARGE:
                _delete_large(path)
            else:
                path.unlink()
        except FileNotFoundError:
            continue  # somebody else was faster
        except OSError as error:
            raise StorageError(
                "This file could not be deleted.",
                where=path.name,
                mend="Close what has it open, then try again.",
            ) from error


def _delete_large(path: Path) -> None:
    """Delete a file at once, and give its space back beside what comes next: that takes a second."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:
        # Whoever may delete a file need not be one who may read it.
        path.unlink()
        return
    try:
        path.unlink()
    finally:
        # The space of a file goes with its last name or handle, also when this process is killed.
        threading.Thread(target=os.close, args=(handle,)).start()


def _last_used(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime)
    except FileNotFoundError:
        return datetime.now()


def _size(path: Path) -> int:
    try:
        if path.is_dir():
            return sum(inner.stat().st_size for inner in path.rglob("*") if inner.is_file())
        return path.stat().st_size
    except FileNotFoundError:
        return 0
