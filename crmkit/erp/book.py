"""A workspace's ERPs: its connections, and what is asked through them.

workspace.erp.add("Our Tryton", "postgresql://reader@db.example.com/tryton", password=...)
workspace.erp.find(Request(connection="Our Tryton", name="fjord"))
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from crmkit import keychain
from crmkit.erp import connections
from crmkit.erp.model import Actors, Connection, Request
from crmkit.errors import SettingsError

if TYPE_CHECKING:
    from crmkit.erp.databases import Erp
    from crmkit.erp.reading import Choices, Found


class ErpBook:
    """The ERP connections of a workspace. Passwords are given each time, or in the keychain."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def connections(self) -> tuple[Connection, ...]:
        """The connections, by name."""
        return connections.read(self.path)

    def connection(self, name: str) -> Connection:
        """The connection of a name.

        Raises:
            SettingsError: There is none.
        """
        return connections.find(self.connections(), name)

    def add(
        self,
        name: str,
        url: str,
        *,
        password: str = "",
        system: str = "",
        company: str = "",
        keep_password: bool = True,
    ) -> Connection:
        """Open a database, see which ERP it is of, and keep the connection without its password.

        A connection of that name is replaced. The password goes into the machine's keychain, where
        it has one.

        Args:
            system, company: Which ERP, and whose tables, where a database has several; found when
                empty.

        Raises:
            PasswordError, SourceError: It cannot be opened, so nothing is kept.
            SettingsError: The name or URL is none, or the ERP has several companies.
        """
        # What they need is slow to import, and most imports are of files.
        from crmkit.erp import databases, systems

        name = connections.check_name(name)
        bare, inside = connections.take_apart(url)
        password = password or inside or _kept(bare)
        with databases.opened(bare, password) as erp:
            found = systems.detect(erp.tables())
        matching = [
            (item.id, whose)
            for item, whose in found
            if system in ("", item.id) and company in ("", whose)
        ]
        if len(matching) > 1:
            known = ", ".join(whose or item for item, whose in matching)
            raise SettingsError(
                "This database has the tables of several companies.",
                where=name,
                mend=f"Choose one of: {known}.",
            )
        if not matching and (system or company):
            raise SettingsError(
                "This database does not have these tables.",
                where=" ".join(filter(None, (system, company))),
                mend="Choose an ERP that was found in it, or none for queries of your own.",
            )
        item, whose = matching[0] if matching else ("", "")
        made = Connection(name=name, url=bare, system=item, company=whose)
        others = [old for old in self.connections() if old.name.casefold() != name.casefold()]
        connections.write(self.path, [*others, made])
        if keep_password and password:
            keychain.keep(_key(bare), password)
        return made

    def remove(self, name: str) -> None:
        """Forget a connection and its password.

        Raises:
            SettingsError: There is none.
        """
        gone = self.connection(name)
        keychain.forget(_key(gone.url))
        connections.write(self.path, [old for old in self.connections() if old != gone])

    @contextmanager
    def opened(self, name: str, password: str = "") -> Iterator[tuple[Erp, Connection]]:
        """An ERP's database for the length of a block.

        Raises:
            SettingsError: There is no such connection.
            PasswordError, SourceError: It cannot be opened or read.
        """
        from crmkit.erp import databases

        connection = self.connection(name)
        # Somebody may have written into the file.
        bare, inside = connections.take_apart(connection.url)
        with databases.opened(bare, password or inside or _kept(bare)) as erp:
            yield erp, connection

    def choices(self, name: str, actors: Actors, *, password: str = "") -> tuple[Choices, ...]:
        """What an ERP leaves open for some actors."""
        from crmkit.erp import reading

        with self.opened(name, password) as (erp, connection):
            return reading.choices(erp, connection, actors)

    def find(self, request: Request, *, password: str = "", limit: int = 50) -> Found:
        """The first actors that a request finds, and how many there are; nothing is imported."""
        from crmkit.erp import reading

        with self.opened(request.connection, password) as (erp, connection):
            asked = reading.with_options(erp, connection, request)
            return reading.find(erp, connection, asked, limit)


def _key(url: str) -> str:
    return f"erp {url}"


def _kept(url: str) -> str:
    return keychain.read(_key(url)) or ""
