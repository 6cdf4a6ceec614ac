"""What a visitor of the servers meets: the key, the theme, failures, and a tab that is closed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page, expect

from crmkit import serve
from crmkit.serve import Running, Service, Theme
from tests.browser.conftest import served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def ready(page: Page) -> None:
    expect(page.get_by_role("button", name="New import")).to_be_visible(timeout=60_000)


def kernels(running: Running) -> set[psutil.Process]:
    children = psutil.Process(running.process.pid).children(recursive=True)
    return {child for child in children if is_kernel(child)}


def is_kernel(process: psutil.Process) -> bool:
    try:
        return "ipykernel_launcher" in process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        # It ended while we looked.
        return False


def eventually(holds: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.2)
    return holds()


def dark(page: Page) -> bool:
    return page.evaluate("document.body.dataset.jpThemeLight") == "false"


def notebook_that(code: str, folder: Path) -> Path:
    path = folder / "other.ipynb"
    cell = {
        "cell_type": "code",
        "execution_count": None,
        "id": "other",
        "metadata": {},
        "outputs": [],
        "source": code,
    }
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = {
        "cells": [cell],
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def showing(notebook: Path) -> serve.Command:
    """The dashboard's command with another notebook."""

    def command(service: Service, port: int, folder: Path) -> list[str]:
        usual = serve.dashboard_command(service, port, folder)
        return [str(notebook) if part.endswith(".ipynb") else part for part in usual]

    return command


def test_link_signs_in_without_a_trace_and_the_theme_follows_the_address(
    voila: Running, page: Page
):
    page.goto(voila.link)
    ready(page)

    expect(page).to_have_url(voila.address)
    expect(page).to_have_title("crmkit")
    assert "en" == page.locator("html").get_attribute("lang")
    assert not dark(page)

    page.goto(f"{voila.address}?theme=dark")
    ready(page)

    assert dark(page)


def test_closed_tab_ends_its_kernel(voila: Running, page: Page):
    """Else a reload leaves a kernel of some hundred megabytes behind."""
    page.goto(voila.link)
    ready(page)
    # One for this page and one that waits for the next visitor.
    assert eventually(lambda: len(kernels(voila)) == 2)
    first = kernels(voila)

    with page.expect_event("close"):
        page.close(run_before_unload=True)

    assert eventually(lambda: len(kernels(voila)) == 1)
    assert kernels(voila) < first


def test_other_settings_and_kernels_of_the_user_do_not_matter(
    sample_workspace: Path,
    page: Page,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
):
    kernel = tmp_path / "data" / "kernels" / "python3"
    template = tmp_path / "data" / "voila" / "templates" / "crmkit"
    config = tmp_path / "config"
    for folder in (kernel, template, config):
        folder.mkdir(parents=True)
    spec = {"argv": ["no-such-python"], "display_name": "Other", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    (template / "index.html.j2").write_text("another page")
    (config / "voila.json").write_text(json.dumps({"Voila": {"base_url": "/elsewhere/"}}))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(config))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "data"))

    service = Service(workspace=sample_workspace, theme=Theme.DARK)
    with served(service, serve.dashboard_command, tmp_path_factory) as running:
        page.goto(running.link)
        ready(page)
        processes = kernels(running)

        assert dark(page)

    assert not any(process.is_running() for process in processes), "a kernel was left behind"


def test_failing_cell_shows_a_sentence_and_no_traceback(
    sample_workspace: Path, page: Page, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
):
    notebook = notebook_that("secret_name = 1\nsecret_name / 0", tmp_path)

    with served(
        Service(workspace=sample_workspace), showing(notebook), tmp_path_factory
    ) as running:
        page.goto(running.link)

        expect(page.get_by_text("Please reload the page. Your work is saved.")).to_be_visible()
        shown = page.locator("body").inner_text()
        assert "secret_name" not in shown
        assert "ZeroDivisionError" not in shown
        assert str(tmp_path) not in shown


def test_jupyterlab_opens_on_the_notebooks_and_asks_nothing(lab: Running, page: Page):
    page.goto(lab.link)

    expect(page.get_by_text("guided-import.ipynb").first).to_be_visible(timeout=60_000)
    # News and updates would be offered a moment after the start.
    page.wait_for_timeout(3_000)
    assert [] == page.locator(".Toastify__toast").all_inner_texts()
    assert "token" not in page.url
