"""Removes what processes that were killed left behind; what a living one works with stays.

A log that the database keeps beside its file is not thrown away, but written into the file.
"""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from crmkit.database import opened
from crmkit.errors import InUseError, StorageError
from crmkit.processes import has_ended, is_left
from crmkit.sql import sql

log = logging.getLogger(__name__)

_EMPTY: Final = 3 * 4096
"""Bytes of a database's file before anything can be in it."""


def tidy_crm(crm_path: Path) -> None:
    """Bring the CRM into its one file again; remove halves of backups, exports and temporary files."""
    root = crm_path.parent
    marked = [*root.rglob("*.part"), *root.rglob("spill-*.tmp")]
    for path in (*marked, *Path(tempfile.gettempdir()).glob("crmkit-*")):
        if is_left(path):
            _remove(path)
    if not _beside(crm_path):
        return
    try:
        with opened(crm_path, wait=0) as db:
            db.run(sql("checkpoint"))
            # Nobody else has the CRM now, so nobody is restoring a backup.
            for path in _beside(crm_path):
                if ".part" in path.name:
                    _remove(path)
    except StorageError:
        log.info("the CRM is in use, so it is not tidied up", exc_info=True)
        return
    _remove(crm_path.with_name(f"{crm_path.name}.tmp"))


def tidy_imports(folder: Path, committed: Collection[str]) -> None:
    """Bring each import into its one file; one that has no file to import, and that nobody uses, goes.

    With it goes what was uploaded to it: its program was killed before it was read.

    Args:
        committed: Ids of the imports that are in the CRM.
    """
    for path in sorted(folder.glob("*.duckdb")):
        import_id = path.name.partition(".")[0]
        beside = [found for found in folder.glob(f"{import_id}.*") if found.suffix != ".duckdb"]
        if import_id in committed and not beside:
            continue
        try:
            empty = path.stat().st_size < _EMPTY or _tidied(path, beside)
        except (InUseError, FileNotFoundError):
            continue
        except StorageError:
            # It is shown on the list, where it can be discarded.
            log.warning("the import %s cannot be read", import_id, exc_info=True)
            continue
        _remove(path.with_name(f"{path.name}.tmp"))
        if empty and import_id not in committed:
            for found in (*folder.glob(f"{import_id}.*"), folder.parent / "uploads" / import_id):
                _remove(found)
    for path in folder.glob("*.duckdb.*"):
        if not path.with_name(path.name.rpartition(".duckdb.")[0] + ".duckdb").exists():
            _remove(path)


def _tidied(path: Path, beside: Iterable[Path]) -> bool:
    """Bring an import into its file; whether it has nothing to import, and nobody who will choose it."""
    with opened(path, wait=0) as db:
        # As long as it is open here, nobody makes one of these.
        for half in beside:
            if ".part" in half.name:
                _remove(half)
        if not db.has_table("state"):
            return True
        state = dict(db.rows(sql("select key, value from state order by key")))
    holder = json.loads(state.get("held_by") or "{}").get("mark", "")
    return not state.get("source_name") and (not holder or has_ended(holder))


def _beside(crm_path: Path) -> list[Path]:
    """What stands beside the CRM's file as long as it is written to or restored."""
    root = crm_path.parent
    return [
        *root.glob(f"{crm_path.name}.*"),
        *root.glob("crm-restore.part*"),
    ]


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
