"""A small invented ERP, to try an import with."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib import resources
from pathlib import Path

from crmkit.errors import StorageError


def make_sample_erp(path: str | Path) -> str:
    """Make a SQLite file with the tables of an ERP, in place of one that is there; returns its URL.

    Raises:
        StorageError: It cannot be written.
    """
    script = resources.files("crmkit.erp").joinpath("sample.sql").read_text(encoding="utf-8")
    file = Path(path).resolve()
    try:
        file.unlink(missing_ok=True)
        with closing(sqlite3.connect(file)) as connection:
            connection.executescript(script)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(
            "The sample ERP cannot be written.", where=str(file), mend="Choose another folder."
        ) from error
    return f"sqlite:///{file.as_posix()}"
