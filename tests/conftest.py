"""What all tests share: the browser, found or brought."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from crmkit.database import Database, in_memory
from tests.google_service import GoogleService
from tests.google_service import person as google_person
from tests.keyrings import MemoryKeyring, using
from tests.outlook_service import Folder, OutlookService, people
from tests.services import served

# Fixtures of a real ERP: a Tryton on SQLite and on PostgreSQL.
pytest_plugins = ["tests.erp_servers"]

THREADS: Final = "SLURM_CPUS_ON_NODE"
"""Where DuckDB reads how many threads it may start, before it counts the machine's processors."""

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")

# A quiet browser that asks nobody on the internet anything.
CHROMIUM_FLAGS: Final = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    # Without it Chromium does not start as root, as in a container.
    "--no-sandbox",
)


def pytest_configure() -> None:
    """Settle what the tests' processes have in common, also those that they start."""
    # What Python compiles is kept: hundreds of processes would each compile the whole package anew.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # Several files of tests run at a time, and over a few rows threads only wait for each other:
    # an import takes a third longer with two. The properties have more of them.
    os.environ.setdefault(THREADS, "1")


@pytest.fixture
def db() -> Iterator[Database]:
    """A database without a file."""
    with in_memory() as database:
        yield database


@pytest.fixture
def keyring() -> Iterator[MemoryKeyring]:
    """The machine's keychain, in memory."""
    backend = MemoryKeyring()
    with using(backend):
        yield backend


@pytest.fixture
def outlook_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keyring: MemoryKeyring
) -> Iterator[OutlookService]:
    """An Outlook account whose sign-in is allowed, with contacts in three folders of four."""
    service = OutlookService()
    service.approved = True
    service.root.contacts = people(1, 3)
    service.root.inside["folder-a"] = Folder("Customers", people(100, 250))
    service.root.inside["folder-a"].inside["folder-b"] = Folder("Sweden", people(900, 2))
    service.root.inside["folder-c"] = Folder("Empty")
    with served(service, tmp_path):
        for name, value in service.environment().items():
            monkeypatch.setenv(name, value)
        yield service


@pytest.fixture
def google_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keyring: MemoryKeyring
) -> Iterator[GoogleService]:
    """A Google account with five contacts, two of them in a group."""
    service = GoogleService()
    service.people = [google_person(n, *(["77"] if n > 3 else [])) for n in range(1, 6)]
    with served(service, tmp_path):
        for name, value in service.environment(tmp_path).items():
            monkeypatch.setenv(name, value)
        yield service


@pytest.fixture(scope="session")
def chromium(pytestconfig: pytest.Config) -> Path:
    """The Chromium to drive: one on the PATH, else Playwright's own, downloaded when missing."""
    for name in _NAMES:
        found = shutil.which(name)
        if found:
            return Path(found)
    own = _own_chromium()
    if not own.exists():
        _say(pytestconfig, "No Chromium or Chrome found: downloading Playwright's (about 150 MB).")
        command = [sys.executable, "-m", "playwright", "install", "chromium"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0 or not own.exists():
            pytest.fail(
                f"The browser tests need a browser: install one of {', '.join(_NAMES)}, or run "
                f"`{' '.join(command)}`. It said:\n{result.stdout}{result.stderr}",
                pytrace=False,
            )
    return own


def _own_chromium() -> Path:
    # In a process of its own: Playwright's loop in this one would get in the way of the tests'.
    code = (
        "from playwright.sync_api import sync_playwright\n"
        "with sync_playwright() as playwright: print(playwright.chromium.executable_path)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return Path(result.stdout.strip())


def _say(config: pytest.Config, text: str) -> None:
    """Write past pytest's capture: nobody should wait for a download without knowing."""
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        sys.stderr.write(f"\n{text}\n")
        sys.stderr.flush()
