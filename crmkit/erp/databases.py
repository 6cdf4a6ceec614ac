"""Opens an ERP's database for reading only, and tells its errors in plain words.

Nothing is ever committed. PostgreSQL and MySQL are told that the transaction reads only, SQLite opens
the file so; where a database has no such thing, the check in `own_sql` and the rollback remain.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

from crmkit.errors import CrmkitError, PasswordError, SourceError

_PACKAGES: Final = {
    "psycopg": "psycopg[binary]",
    "pymysql": "pymysql",
    "pymssql": "pymssql",
    "pyodbc": "pyodbc",
    "oracledb": "oracledb",
    "sqlalchemy_hana": "sqlalchemy-hana",
}
"""The package that brings a driver, where it is called otherwise."""

_WAIT: Final = {
    "psycopg": {"connect_timeout": 10},
    "pymysql": {"connect_timeout": 10},
    "pymssql": {"login_timeout": 10},
    "pyodbc": {"timeout": 10},
}
"""Seconds after which a host that does not answer is given up."""

_READ_ONLY: Final = {
    "postgresql": "set transaction read only",
    "mysql": "set session transaction read only",
    "mariadb": "set session transaction read only",
    "oracle": "set transaction read only",
}

_PASSWORD: Final = re.compile(
    r"password|access denied|login failed|authentication|ORA-01017", re.IGNORECASE
)
_UNREACHABLE: Final = re.compile(
    r"could not translate|name or service|refused|timed? ?out|timeout|unreachable|no route"
    r"|can't connect|unable to connect|getaddrinfo|resolve",
    re.IGNORECASE,
)
_WRITES: Final = re.compile(r"read.?only", re.IGNORECASE)
_GONE: Final = re.compile(
    r"no such (table|column)|does not exist|unknown (column|table)|invalid (column|object) name"
    r"|doesn't exist|ORA-00904|ORA-00942",
    re.IGNORECASE,
)


class Erp:
    """An open connection to an ERP's database.

    Attributes:
        dialect: What SQLAlchemy calls the database: `postgresql`, `sqlite`, ...
    """

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.dialect = connection.dialect.name

    def interrupt(self) -> None:
        """Stop the query that runs, from another thread, where the driver can."""
        driver: Any = self.connection.connection.driver_connection
        for stop in ("cancel_safe", "interrupt"):
            if hasattr(driver, stop):
                # It may have ended by itself.
                with suppress(Exception):
                    getattr(driver, stop)()
                return

    def tables(self) -> list[str]:
        """The tables and views that its user sees."""
        inspector = sa.inspect(self.connection)
        return sorted([*inspector.get_table_names(), *inspector.get_view_names()])

    def columns(self, table: str) -> list[str]:
        """A table's columns."""
        return [str(c["name"]) for c in sa.inspect(self.connection).get_columns(table)]


@contextmanager
def opened(url: str, password: str) -> Iterator[Erp]:
    """An ERP's database, open for reading for the length of a block.

    Raises:
        PasswordError: The password is missing or wrong.
        SourceError: It cannot be reached, a driver is missing, or what is read in the block fails.
    """
    parts = make_url(url)
    with _told(parts, password):
        engine = _engine(parts, password)
        try:
            with engine.connect() as connection:
                if statement := _READ_ONLY.get(connection.dialect.name):
                    if connection.dialect.name in ("mysql", "mariadb"):
                        # It holds for the transactions after it.
                        connection.execute(sa.text(statement))
                        connection.rollback()
                    else:
                        connection.execute(sa.text(statement))
                try:
                    yield Erp(connection)
                finally:
                    connection.rollback()
        finally:
            engine.dispose()


def _engine(url: URL, password: str) -> Engine:
    if url.get_backend_name() == "sqlite":
        return _sqlite(url)
    waits = _WAIT.get(url.get_driver_name(), {})
    full = url.set(password=password) if password else url
    return sa.create_engine(
        full, connect_args=dict(waits), poolclass=sa.NullPool, hide_parameters=True
    )


def _sqlite(url: URL) -> Engine:
    """A file that cannot be written or made by opening it."""
    path = Path(url.database or "")
    if not url.database or not path.is_file():
        raise SourceError(
            "There is no such database file.",
            where=str(url.database or "no file named"),
            mend="Check its path: sqlite:////folder/file.sqlite on Linux and macOS,"
            " sqlite:///C:/folder/file.sqlite on Windows.",
        )

    def connect() -> sqlite3.Connection:
        uri = f"{path.resolve().as_uri()}?mode=ro"
        made = sqlite3.connect(uri, uri=True, check_same_thread=False)
        made.execute("pragma query_only = on")
        # SQLite's own knows no letter beyond ASCII.
        made.create_function("lower", 1, _lower, deterministic=True)
        return made

    return sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


@contextmanager
def _told(url: URL, password: str) -> Iterator[None]:
    """What a driver raises in the block, in plain words; the password is in none of them.

    The error itself is not passed on as the cause: some drivers put everything into its text.
    """
    where = str(url.host or url.database or url.drivername)
    try:
        yield
    except CrmkitError:
        raise
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise _missing_driver(url, error) from None
    except (SQLAlchemyError, UnicodeError, OSError, ValueError, sqlite3.Error) as error:
        raise _in_words(str(getattr(error, "orig", None) or error), where, password) from None


def _missing_driver(url: URL, error: Exception) -> SourceError:
    name = getattr(error, "name", None) or url.get_driver_name() if "+" in url.drivername else ""
    package = _PACKAGES.get(str(name), str(name))
    mend = f"Install it: pip install {package}." if package else "Check how the URL begins."
    return SourceError(
        "The driver for this database is not installed.", where=url.drivername, mend=mend
    )


def _in_words(text: str, where: str, password: str) -> SourceError:
    said = text.strip().splitlines()[0][:300] if text.strip() else "nothing"
    if password:
        said = said.replace(password, "***")
    if _GONE.search(said) and "database" not in said:
        return SourceError(
            "The ERP's database has no such table or column.",
            where=said,
            mend="Mend the query, or choose the actors anew: its tables changed, or the user may not"
            " see them.",
        )
    if _WRITES.search(said):
        return SourceError(
            "This query writes, which is refused.", where=said, mend="Only read: one SELECT."
        )
    if _UNREACHABLE.search(said):
        return SourceError(
            "The ERP's database cannot be reached.",
            where=f"{where}: {said}",
            mend="Check the host and the port, the network, and whether the database runs.",
        )
    if _PASSWORD.search(said):
        return PasswordError(
            "The ERP's database does not let this user in.",
            where=where,
            mend="Check the user's name and the password.",
        )
    return SourceError(
        "The ERP's database cannot do this.",
        where=said,
        mend="Check the connection and the query; the text above is the database's own.",
    )
