"""A real Tryton on SQLite and on PostgreSQL: filled once, kept in pytest's cache, copied for each test.

A PostgreSQL server of its own runs for the tests that need one, on a port of its own, with passwords.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest

APP = Path(__file__).parent / "tryton_app.py"
MODULES = ("party_relationship", "company", "product")
PASSWORD = "geheim-4711"
SQLITE = "erp.sqlite"
DUMP = "erp.dump"


@dataclass(frozen=True)
class Tryton:
    """A Tryton database, and how crmkit reaches it.

    Attributes:
        uri: How Tryton reaches the server.
    """

    url: str
    password: str
    uri: str
    folder: Path
    name: str = "erp"

    def admin(self, *arguments: str) -> None:
        admin = shutil.which("trytond-admin", path=str(Path(sys.executable).parent))
        assert admin is not None
        self._run(admin, "-c", str(self._configuration()), "-d", self.name, *arguments)

    def work(self, what: str) -> None:
        """Do something in Tryton through its own client."""
        self._run(sys.executable, str(APP), str(self._configuration()), self.name, what)

    def _configuration(self) -> Path:
        path = self.folder / "trytond.conf"
        path.write_text(
            f"[database]\nuri = {self.uri}\npath = {self.folder.as_posix()}\n", encoding="utf-8"
        )
        return path

    def _run(self, *command: str) -> None:
        secret = self.folder / "password"
        secret.write_text("admin-4711", encoding="utf-8")
        made = subprocess.run(
            command,
            env=os.environ | {"TRYTONPASSFILE": str(secret)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr[-2000:]

    def build(self) -> None:
        self.admin("-u", *MODULES, "--activate-dependencies", "--email", "admin@erp.example")
        self.work("build")


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server that runs."""

    port: int
    folder: Path

    def uri(self, user: str = "postgres") -> str:
        return f"postgresql://{user}:{PASSWORD}@127.0.0.1:{self.port}/"

    def tool(self, name: str, *arguments: str) -> None:
        """One of PostgreSQL's own programs."""
        made = subprocess.run(
            [
                *(str(binaries() / name), "-h", "127.0.0.1", "-p", str(self.port)),
                *("-U", "postgres", *arguments),
            ],
            env=os.environ | {"PGPASSWORD": PASSWORD},
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr[-2000:]

    def sql(self, text: str, database: str = "postgres") -> None:
        self.tool("psql", "-d", database, "-v", "ON_ERROR_STOP=1", "-qc", text)


def binaries() -> Path:
    """Where PostgreSQL's programs are, of the newest version; skips loudly where there are none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    if found:
        return found[-1]
    if there := shutil.which("initdb"):
        return Path(there).resolve().parent
    pytest.skip("PostgreSQL is not installed: the tests on it are left out (Debian: postgresql)")


def cached(cache: Path, name: str) -> Path:
    """Where something that was built is kept, until what it is built from changes."""
    versions = [metadata.version(f"trytond_{module}") for module in MODULES]
    marks = APP.read_text(encoding="utf-8") + " ".join([metadata.version("trytond"), *versions])
    return cache / f"{hashlib.sha256(marks.encode()).hexdigest()[:12]}-{name}"


@pytest.fixture(scope="session")
def tryton_file(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """A Tryton database in SQLite, not to be changed."""
    assert pytestconfig.cache is not None
    kept = cached(Path(pytestconfig.cache.mkdir("tryton")), SQLITE)
    if not kept.exists():
        folder = tmp_path_factory.mktemp("tryton")
        (folder / SQLITE).touch()
        made = _on_sqlite(folder)
        made.build()
        part = kept.with_name(f"{kept.name}.{os.getpid()}")
        shutil.copy(folder / SQLITE, part)
        part.replace(kept)
    return kept


@pytest.fixture
def tryton(tryton_file: Path, tmp_path: Path) -> Tryton:
    """A Tryton database in SQLite that a test may change."""
    folder = tmp_path / "tryton"
    folder.mkdir()
    shutil.copy(tryton_file, folder / SQLITE)
    return _on_sqlite(folder)


def _on_sqlite(folder: Path) -> Tryton:
    path = (folder / SQLITE).as_posix()
    return Tryton(f"sqlite:///{path}", "", "sqlite://", folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server of the tests' own."""
    programs = binaries()
    # Not among pytest's folders: those are closed to the user that the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="crmkit-postgres-"))
    owner = _owner(folder)
    secret = folder / "password"
    secret.write_text(PASSWORD, encoding="utf-8")
    if owner:
        shutil.chown(secret, owner)
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"

    def run(name: str, *arguments: str) -> None:
        made = subprocess.run(
            [str(programs / name), "-D", str(data), *arguments],
            user=owner,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stderr[-2000:]

    run(
        "initdb",
        *("-U", "postgres", "-A", "scram-sha-256", f"--pwfile={secret}"),
        *("-E", "UTF8", "--locale=C.UTF-8", "--no-sync"),
    )
    settings = f"-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -k {folder}"
    run("pg_ctl", "-w", "-s", "-l", str(folder / "log"), "-o", settings, "start")
    try:
        yield Server(port, folder)
    finally:
        run("pg_ctl", "-w", "-s", "-m", "immediate", "stop")
        shutil.rmtree(folder)


def _owner(folder: Path) -> str | None:
    """Whom the server runs as: PostgreSQL refuses to run as root."""
    if os.name == "nt" or getpass.getuser() != "root":
        return None
    shutil.chown(folder, "postgres")
    return "postgres"


@pytest.fixture(scope="session")
def tryton_on_postgres(
    postgres: Server, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Tryton:
    """A Tryton database in PostgreSQL, and a user of it who only reads."""
    assert pytestconfig.cache is not None
    kept = cached(Path(pytestconfig.cache.mkdir("tryton")), DUMP)
    folder = tmp_path_factory.mktemp("tryton-postgres")
    made = Tryton(
        f"postgresql://reader@127.0.0.1:{postgres.port}/erp", PASSWORD, postgres.uri(), folder
    )
    postgres.sql("create database erp")
    if kept.exists():
        postgres.tool("pg_restore", "-d", "erp", str(kept))
    else:
        made.build()
        part = kept.with_name(f"{kept.name}.{os.getpid()}")
        postgres.tool("pg_dump", "-Fc", "-f", str(part), "erp")
        part.replace(kept)
    postgres.sql(f"create role reader login password '{PASSWORD}'")
    postgres.sql("grant select on all tables in schema public to reader", "erp")
    return made
