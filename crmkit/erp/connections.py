"""The connections of a workspace: a file without passwords, and what a database URL is made of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from crmkit import plain_yaml
from crmkit.erp.model import Connection
from crmkit.errors import SettingsError, StorageError
from crmkit.plain_yaml import PlainError

_HEAD: Final = (
    "# Databases that imports read. Passwords are not here, but in the keychain or asked.\n"
)
_NAME: Final = re.compile(r"[^\W_](?:[\w .()&+-]{0,58}[\w)])?")
_SECRET: Final = re.compile(r"pass|pwd|secret|token|odbc_connect", re.IGNORECASE)

DRIVERS: Final = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "mssql": "mssql+pymssql",
}
"""The driver that is taken where a URL names none."""

_EXAMPLE: Final = "postgresql://reader@db.example.com/erp or sqlite:////data/erp.sqlite"


def take_apart(text: str) -> tuple[str, str]:
    """A database URL without its password, and the password; empty when it has none.

    Raises:
        SettingsError: It is no database URL. The message does not repeat it: it may hold a password.
    """
    from sqlalchemy.engine import URL, make_url  # slow to import, and most imports are of files
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text.strip())
    except (ArgumentError, ValueError):
        # Not as the cause either: that has the whole text.
        raise SettingsError("This is no database URL.", mend=f"Write it like {_EXAMPLE}.") from None
    if hidden := sorted(key for key in url.query if _SECRET.search(key)):
        raise SettingsError(
            "A password has no place among the options of a database URL.",
            where=", ".join(hidden),
            mend="Give the password in its own field, and name the driver's other options singly.",
        )
    url = url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
    password = str(url.password or "")
    bare = URL.create(
        url.drivername,
        username=url.username,
        host=url.host,
        port=url.port,
        database=url.database,
        query=url.query,
    )
    return bare.render_as_string(hide_password=False), password


def check_name(name: str) -> str:
    """A connection's name without blanks around it.

    Raises:
        SettingsError: It is no name.
    """
    name = name.strip()
    if not _NAME.fullmatch(name):
        raise SettingsError(
            "A connection cannot have this name.",
            where=name[:60] or "no name",
            mend="Use up to 60 letters, digits, spaces and - _ . ( ) & +, beginning with a letter"
            " or digit.",
        )
    return name


def read(path: Path) -> tuple[Connection, ...]:
    """The connections in a file, by name; none when there is no file.

    Raises:
        StorageError: The file cannot be read as connections.
    """
    if not path.exists():
        return ()
    try:
        content, _ = plain_yaml.load(path.read_text(encoding="utf-8"))
        listed = [Connection.model_validate(item) for item in (content or {})["connections"]]
    except (OSError, UnicodeDecodeError, PlainError, ValidationError, KeyError, TypeError) as error:
        raise StorageError(
            "The file of ERP connections cannot be read.",
            where=str(path),
            mend="Mend it, or delete it and make the connections anew.",
        ) from error
    return tuple(sorted(listed, key=lambda item: item.name.casefold()))


def write(path: Path, connections: Sequence[Connection]) -> None:
    """Write the connections to their file, whole or not at all.

    Raises:
        StorageError: The file cannot be written.
    """
    listed = [item.model_dump(mode="json", exclude_defaults=True) for item in connections]
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(_HEAD + plain_yaml.dump({"connections": listed}), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise StorageError(
            "The connection cannot be saved.", where=str(path), mend="Ask for write access."
        ) from error


def find(connections: Sequence[Connection], name: str) -> Connection:
    """The connection of a name.

    Raises:
        SettingsError: There is none.
    """
    for item in connections:
        if item.name.casefold() == name.strip().casefold():
            return item
    known = ", ".join(item.name for item in connections) or "none"
    raise SettingsError(
        "There is no such ERP connection.",
        where=name or "no name",
        mend=f"Make one of this name. Known are: {known}.",
    )
