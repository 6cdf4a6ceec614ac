"""A browser, and the servers it visits: the dashboard in Voilà, and JupyterLab."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from crmkit import serve
from crmkit.samples import SAMPLES, make_sample_workspace
from crmkit.serve import Running, Service
from tests.conftest import CHROMIUM_FLAGS

_PATIENCE: Final = 30_000  # ms; the machine may be busy with other tests
_TOKEN: Final = "invented-for-the-tests"
expect.set_options(timeout=_PATIENCE)
_failed = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.failed:
        item.stash[_failed] = True
    return report


@pytest.fixture(scope="session")
def screenshots(pytestconfig: pytest.Config) -> Path:
    """Where pictures of the screens go: `screenshots/`, which git leaves alone."""
    folder = pytestconfig.rootpath / "screenshots"
    folder.mkdir(exist_ok=True)
    return folder


# For one module, not the session: Playwright allows one at a time, and a module may bring its own.
@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()


@contextmanager
def _opened(browser: Browser) -> Iterator[Page]:
    """A page that may ask this machine only."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    foreign = _foreign_requests(context)
    page = context.new_page()
    page.set_default_timeout(_PATIENCE)
    # The first page waits for its kernel, which waits for its turn on a busy machine.
    page.set_default_navigation_timeout(2 * _PATIENCE)
    yield page
    if not page.is_closed():
        # With its farewell, as when a visitor closes the tab: Voilà ends the kernel.
        page.close(run_before_unload=True)
    context.close()
    assert [] == foreign, "the page asked the internet for something"


def _keep_picture(page: Page, request: pytest.FixtureRequest, screenshots: Path) -> bool:
    """Keep a picture of the page when its test failed; whether it did."""
    failed = request.node.stash.get(_failed, False)
    if failed and not page.is_closed():
        name = re.sub(r"\W+", "-", request.node.name).strip("-")
        page.screenshot(path=screenshots / f"failed-{name}.png", full_page=True)
    return failed


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest, screenshots: Path) -> Iterator[Page]:
    """A page of the test's own; a picture of it is kept when the test fails."""
    with _opened(browser) as page:
        yield page
        _keep_picture(page, request, screenshots)


@pytest.fixture(scope="module")
def _shared_page(browser: Browser) -> Iterator[Page]:
    with _opened(browser) as page:
        yield page


@pytest.fixture
def home(
    _shared_page: Page, voila: Running, request: pytest.FixtureRequest, screenshots: Path
) -> Iterator[Page]:
    """The module's page of the dashboard, on Home: a page of one's own takes a kernel of its own."""
    page = _shared_page
    if (button := page.get_by_role("button", name="Home", exact=True)).is_visible():
        button.click()
    else:
        page.goto(voila.link)
    expect(page.get_by_role("button", name="New import")).to_be_visible()
    yield page
    if _keep_picture(page, request, screenshots):
        # Whatever the test left there, the next one starts anew.
        page.goto("about:blank")


@pytest.fixture(scope="session")
def made_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample workspace as it is made, to be copied."""
    path = tmp_path_factory.mktemp("made") / "workspace"
    make_sample_workspace(path)
    return path


@pytest.fixture(scope="module")
def sample_workspace(made_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample workspace of the module's own."""
    return shutil.copytree(made_workspace, tmp_path_factory.mktemp("sample") / "workspace")


@pytest.fixture(scope="module")
def voila(sample_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The dashboard on the module's sample workspace."""
    service = Service(workspace=sample_workspace, folders=[SAMPLES], token=_TOKEN)
    with served(service, serve.dashboard_command, tmp_path_factory) as running:
        yield running


@pytest.fixture(scope="module")
def lab(sample_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """JupyterLab on the notebooks, with the module's sample workspace."""
    service = Service(workspace=sample_workspace, folders=[SAMPLES], token=_TOKEN)
    with served(service, serve.lab_command, tmp_path_factory) as running:
        yield running


@contextmanager
def served(
    service: Service, command: serve.Command, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """Start a server, and end it with its kernels."""
    running = serve.start(service, command, log=tmp_path_factory.mktemp("server") / "server.log")
    try:
        yield running
    finally:
        running.stop()


def _foreign_requests(context: BrowserContext) -> list[str]:
    foreign: list[str] = []

    def note(address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1":
            foreign.append(address)

    context.on("request", lambda request: note(request.url))
    context.on("page", lambda page: page.on("websocket", lambda socket: note(socket.url)))
    return foreign
