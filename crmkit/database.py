"""Opens DuckDB files, waits for them, runs SQL, keeps transactions: the only module that connects.

No file stays open while a person thinks. DuckDB lets one process write, and only when nobody else
has the file open, so every use is `with opened(path) as db:` for the seconds that it takes, and a
file that somebody else holds is waited for, then reported in plain words.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb

from crmkit.errors import CancelledError, InUseError, QueryError, StorageError, UnreadableError
from crmkit.processes import spill_folder
from crmkit.sql import Query, literal, name, sql

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

WAIT_SECONDS: Final = 20.0
"""How long a busy file is waited for. A commit of a million rows holds the CRM for about ten."""

QUEUE_SECONDS: Final = 1800.0
"""How long a file is waited for where the user sees the wait and can cancel it."""

_waiting: ContextVar[Callable[[], None] | None] = ContextVar("waiting", default=None)

MEMORY_LIMIT: Final = "1500MB"
"""What DuckDB may use before it spills to disk, so that an import fits a laptop beside a browser."""

_MOST_IDLE: Final = 4
_idle: Final[list[tuple[Path, duckdb.DuckDBPyConnection]]] = []
"""Databases in memory that nobody uses now, each with the folder into which it spills; the one used
last is the last."""
_idle_lock: Final = threading.Lock()

_BUSY: Final = ("Could not set lock", "Unique file handle conflict", "different configuration")
_FULL: Final = (
    "No space left",
    "Could not write all bytes",
    "failed to offload",
    "max_temp_directory",
)


class Database:
    """One open connection. Rows stay in DuckDB; what comes out is small."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, path: Path | None, *, compressed: bool = True
    ) -> None:
        self._connection = connection
        self._compressed = compressed
        self._in_transaction = False
        self._may_spill_here = path is not None
        self.path = path

    def run(self, query: Query) -> None:
        """Run a statement for its effect."""
        self._execute(query).fetchall()

    def attempt(self, query: Query) -> bool:
        """Run a statement that its data may make impossible; False when they do.

        Not inside `atomic`, where a failed statement ends the whole transaction.
        """
        try:
            self.run(query)
        except duckdb.Error as error:
            log.debug("refused: %s", error)
            return False
        return True

    def fault(self, query: Query) -> str:
        """What is wrong with a statement, in the first words of DuckDB; empty when it runs."""
        try:
            self.run(query)
        except duckdb.Error as error:
            return _first_words(error)
        return ""

    def rows(self, query: Query) -> list[tuple[Any, ...]]:
        """All rows of a result. Always read to the end: a half-read result blocks the connection."""
        return self._execute(query).fetchall()

    def records(self, query: Query) -> list[dict[str, Any]]:
        """All rows of a result, each as column -> value."""
        result = self._execute(query)
        columns = [column[0] for column in result.description]
        return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]

    def row(self, query: Query) -> tuple[Any, ...]:
        """The only row of a result."""
        (row,) = self.rows(query)
        return row

    def value(self, query: Query) -> Any:
        """The only value of a result."""
        (value,) = self.row(query)
        return value

    def frame(self, query: Query) -> pd.DataFrame:
        """A result as a pandas frame, for people in notebooks."""
        return self._execute(query).df()

    def register(self, table: str, frame: pd.DataFrame) -> None:
        """Make a pandas frame readable as a table until `unregister`."""
        self._connection.register(table, frame)

    def unregister(self, table: str) -> None:
        """Forget a registered frame."""
        self._connection.unregister(table)

    def has_table(self, table: str, *, catalog: str = "") -> bool:
        """Whether a table or view of this name exists, in this file or an attached one."""
        if self._in_transaction:
            # A statement that fails would end it.
            here = sql("{c}", c=catalog) if catalog else sql("current_catalog()")
            return table in {row[0] for row in self.rows(_tables_sql(here))}
        # DuckDB's list of tables makes it read all its own views first, which takes as long as
        # opening a file, and is asked for at each step of an import.
        parts = (catalog, "main", table) if catalog else ("main", table)
        try:
            self.run(sql("from {t} limit 0", t=name(*parts)))
        except duckdb.CatalogException:
            return False
        return True

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """All of it or nothing. DuckDB has no nested transactions, so nesting is refused."""
        if self._in_transaction:
            raise RuntimeError("atomic() cannot be nested")
        self._in_transaction = True
        self._connection.execute("begin")
        try:
            yield
            self.run(sql("commit"))
        except BaseException:
            # A failed or interrupted commit has already ended the transaction.
            try:
                self._connection.execute("rollback")
            except duckdb.Error:
                log.debug("nothing left to roll back")
            raise
        finally:
            self._in_transaction = False

    @contextmanager
    def attached(
        self, path: Path, alias: str, *, read_only: bool, wait: float = WAIT_SECONDS
    ) -> Iterator[None]:
        """Attach another DuckDB file for the length of a block.

        Raises:
            StorageError: It is missing, or still busy after `wait` seconds.
        """
        if read_only and not path.exists():
            raise _missing(path)
        if not self._may_spill_here:
            # What memory cannot hold goes to the disk of the workspace, which has room for it.
            self._may_spill_here = True
            self.attempt(sql("set temp_directory = {t}", t=literal(str(spill_folder(path.parent)))))
        if not read_only:
            # A new CRM is one that every DuckDB can read. Not set everywhere: it changes trees of SQL.
            self.run(sql("set storage_compatibility_version = 'v1.0.0'"))
        mode = sql(" (read_only)") if read_only else sql("")
        attach = sql(
            "attach {path} as {alias}{mode}", path=literal(str(path)), alias=name(alias), mode=mode
        )
        _when_free(path, lambda: self._connection.execute(attach.text), wait)
        if not read_only:
            self.run(sql("set force_compression = 'auto'"))
        try:
            yield
        finally:
            # Detaching writes what is committed into the file, for which a disk can be too full;
            # then it stays in the log beside the file and is read from there the next time.
            self.run(sql("detach {alias}", alias=name(alias)))
            if not self._compressed:
                self.run(sql("set force_compression = 'uncompressed'"))

    def interrupt(self) -> None:
        """Stop the statement that another thread is running; it raises CancelledError there."""
        self._connection.interrupt()

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    def _run(self, text: str, values: dict[str, Any]) -> duckdb.DuckDBPyConnection:
        return self._connection.execute(text, values) if values else self._connection.execute(text)

    def _execute(self, query: Query) -> duckdb.DuckDBPyConnection:
        text, values = query.text, query.values
        started = time.perf_counter()
        try:
            try:
                return self._run(text, values)
            except duckdb.InvalidInputException as error:
                # Half of a character, as a browser can send it, is no text.
                if "as UTF-8" not in str(error):
                    raise
                return self._run(
                    _whole(text), {key: _whole(value) for key, value in values.items()}
                )
        except duckdb.InterruptException as error:
            raise CancelledError("The work was stopped.", mend="Nothing was changed.") from error
        except (duckdb.IOException, duckdb.OutOfMemoryException, duckdb.FatalException) as error:
            raise _storage_error(error, self.path) from error
        except duckdb.Error as error:
            # A full disk during a commit comes as a failed transaction.
            if any(sign in str(error) for sign in _FULL):
                raise _storage_error(error, self.path) from error
            raise
        finally:
            log.debug("%.3f s: %s", time.perf_counter() - started, text)


@contextmanager
def opened(
    path: Path,
    *,
    read_only: bool = False,
    wait: float = WAIT_SECONDS,
    must_exist: bool = True,
    compressed: bool = True,
) -> Iterator[Database]:
    """Open a DuckDB file for the length of a block.

    Args:
        path: The file.
        read_only: Several programs may read at once; one may write, and then alone.
        wait: Seconds to wait for a file that is held elsewhere.
        must_exist: Refuse to make a new file by opening a name that is not there.
        compressed: Write what goes into this file compressed. For a file that goes away soon it
            is not worth it: compressing takes three times as long as writing.

    Raises:
        StorageError: The file is missing, busy, read-only, damaged or of another version.
    """
    if (must_exist or read_only) and not path.exists():
        raise _missing(path)
    connection = _when_free(path, lambda: duckdb.connect(str(path), read_only=read_only), wait)
    database = Database(connection, path, compressed=compressed)
    try:
        # A folder of its own: two connections that share one write over each other.
        own = path.with_name(f"{path.name}.tmp")
        _configure(connection, spill_folder(path.parent) if read_only else own)
        if not compressed:
            database.run(sql("set force_compression = 'uncompressed'"))
        yield database
    finally:
        database.close()


@contextmanager
def in_memory() -> Iterator[Database]:
    """A database without a file, for tests and small calculations."""
    connection = duckdb.connect(":memory:")
    try:
        _configure(connection, spill_folder(Path(tempfile.gettempdir())))
        yield Database(connection, None)
    finally:
        connection.close()


@contextmanager
def opened_as(
    path: Path, alias: str, *, read_only: bool, wait: float = WAIT_SECONDS
) -> Iterator[Database]:
    """Open a DuckDB file under a name of its own, for the length of a block.

    It is attached to a database in memory that is kept for the next time: to make one takes longer
    than most of what is asked of a file. Only what is temporary may be created beside the file.

    Raises:
        StorageError: The file is missing, or still busy after `wait` seconds.
    """
    base = _idle_for(path.parent)
    try:
        # What is temporary goes with the cursor.
        with contextlib.closing(base.cursor()) as cursor:
            database = Database(cursor, path)
            with database.attached(path, alias, read_only=read_only, wait=wait):
                yield database
    except BaseException:
        # It may hold on to the file.
        base.close()
        raise
    _keep_idle(path.parent, base)


def _idle_for(folder: Path) -> duckdb.DuckDBPyConnection:
    with _idle_lock:
        for number, (spills_into, base) in enumerate(_idle):
            if spills_into == folder:
                del _idle[number]
                return base
    base = duckdb.connect(":memory:")
    _configure(base, spill_folder(folder))
    return base


def _keep_idle(folder: Path, base: duckdb.DuckDBPyConnection) -> None:
    with _idle_lock:
        _idle.append((folder, base))
        too_many = _idle.pop(0)[1] if len(_idle) > _MOST_IDLE else None
    if too_many is not None:
        too_many.close()


def _close_idle() -> None:
    with _idle_lock:
        while _idle:
            _idle.pop()[1].close()


if hasattr(os, "register_at_fork"):
    # A child has the connections of this process, but not the threads that work for them.
    os.register_at_fork(before=_close_idle)


@contextmanager
def confined() -> Iterator[Database]:
    """A database in memory that reaches no file, no network and no setting, for what users write."""
    with in_memory() as database:
        _confine(database)
        yield database


@contextmanager
def queued(waiting: Callable[[], None] | None) -> Iterator[None]:
    """Wait for busy files for as long as the user likes, in all that a block opens.

    Args:
        waiting: Called now and then while a file is waited for: it tells the user, and may raise
            CancelledError. None for the usual wait, inside a block that has a longer one.
    """
    before = _waiting.set(waiting)
    try:
        yield
    finally:
        _waiting.reset(before)


def ask(path: Path, alias: str, text: str) -> pd.DataFrame:
    """What a user's own SQL finds in a file: it can only read, and only this file.

    It reaches no other file, no network, no extension, no Python variable and no setting.

    Args:
        alias: What the SQL calls the file; its tables need no prefix.

    Raises:
        QueryError: The SQL cannot be run.
        StorageError: The file is missing, busy or damaged.
    """
    if not path.exists():
        raise _missing(path)
    with in_memory() as database:
        attach = sql("attach {path} as {a} (read_only)", path=literal(str(path)), a=name(alias))
        _when_free(path, lambda: database.run(attach), WAIT_SECONDS)
        database.run(sql("use {alias}", alias=name(alias)))
        _confine(database)
        try:
            text.encode()  # half of a character is refused here, not mended
            return database.frame(Query((text,)))
        except (duckdb.Error, UnicodeError) as error:
            raise QueryError(
                f"This SQL cannot be run. {_first_words(error)}",
                where=" ".join(text.split())[:80],
                mend="It can read the tables of this file, with one select.",
            ) from error


def _tables_sql(catalog: Query) -> Query:
    return sql(
        "select table_name from duckdb_tables() where database_name = {c}"
        " union all select view_name from duckdb_views() where database_name = {c}",
        c=catalog,
    )


def _whole(value: Any) -> Any:
    """A value, in whose texts halves of characters are replaced."""
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _confine(database: Database) -> None:
    database.run(sql("set enable_external_access = false"))
    database.run(sql("set lock_configuration = true"))


def _first_words(error: Exception) -> str:
    """What DuckDB says, without its kind and the drawing of where."""
    # "Binder Error: No function matches ..." and a drawing of where.
    return str(error).strip().splitlines()[0].split("Error: ", 1)[-1]


def _configure(connection: duckdb.DuckDBPyConnection, spill: Path) -> None:
    # The progress bar draws a widget of its own in notebooks; Python variables must not become
    # tables; nothing is ever fetched from a network.
    for setting in (
        "set enable_progress_bar = false",
        "set python_enable_replacements = false",
        "set autoinstall_known_extensions = false",
        "set autoload_known_extensions = false",
        "set preserve_insertion_order = false",
    ):
        connection.execute(setting)
    connection.execute("set memory_limit = $limit", {"limit": MEMORY_LIMIT})
    connection.execute("set temp_directory = $folder", {"folder": str(spill)})


def _when_free(path: Path, open_it: Any, wait: float) -> Any:
    waiting = _waiting.get()
    deadline = time.monotonic() + (wait if waiting is None else QUEUE_SECONDS)
    pause = 0.02
    while True:
        try:
            return open_it()
        except duckdb.Error as error:
            # A damaged file can raise any of them.
            busy = any(sign in str(error) for sign in _BUSY)
            if not busy:
                raise _storage_error(error, path) from error
            if waiting is not None:
                waiting()
            if time.monotonic() > deadline:
                raise InUseError(
                    "Another program is using this workspace file.",
                    where=path.name,
                    mend="Wait until its import is finished, or close other dashboards and"
                    " notebooks on this workspace, then try again.",
                ) from error
            time.sleep(pause)
            pause = min(pause * 1.5, 0.5)


def _missing(path: Path) -> StorageError:
    return UnreadableError(
        "This workspace file does not exist.",
        where=str(path),
        mend="Check the folder, or create a new workspace.",
    )


def _storage_error(error: Exception, path: Path | None) -> StorageError:
    text = str(error)
    where = path.name if path else ""
    if any(sign in text for sign in _FULL) or getattr(error, "errno", None) == errno.ENOSPC:
        return StorageError(
            "The disk is full.", where=where, mend="Free some space and try again; nothing is lost."
        )
    if isinstance(error, duckdb.OutOfMemoryException):
        return StorageError(
            "There was not enough memory or disk space for this step.",
            where=where,
            mend="Close other programs or free disk space, then try again.",
        )
    if "ermission denied" in text or "read-only" in text.lower() or "readonly" in text.lower():
        return StorageError(
            "This workspace cannot be written to.",
            where=where,
            mend="Ask for write access to the folder, or copy the workspace to another one.",
        )
    if "newer" in text and "version" in text:
        return StorageError(
            "This file was written by a newer version of the program.",
            where=where,
            mend="Install the newest crmkit and open it again.",
        )
    return UnreadableError(
        "This workspace file cannot be read.",
        where=where,
        mend="Restore a backup: `crmkit backups` lists them. Details are in the log.",
    )
