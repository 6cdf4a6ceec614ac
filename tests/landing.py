"""Files landed as an import lands them, for tests of what is read from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crmkit import sources, staging
from crmkit.database import Database
from crmkit.sql import sql
from crmkit.staging import StagedTable
from tests.crm_kit import silent


def land(db: Database, path: Path, sheet: str | None = None, **chosen: Any) -> StagedTable:
    """Stage a sheet of a file; `chosen` is what `sources.inspect` takes."""
    source = sources.inspect(path, **chosen)
    return staging.land(db, source, sources.detect_layout(source, sheet), progress=silent)


def rows(db: Database) -> list[tuple[Any, ...]]:
    """All that was staged, in the order of the file."""
    return db.rows(sql("select * from staged order by row_no"))
