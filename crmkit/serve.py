"""Starts the dashboard and JupyterLab: this interpreter, this machine only, with a token.

Everything is passed on the command line or through the environment, so that a user's own Jupyter
settings, kernels and templates neither help nor harm. The token goes through the environment: what
is on a command line can be read by everybody on the machine.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jupyter_core.paths import jupyter_config_dir

from crmkit.errors import StorageError

_ROOT: Final = Path(__file__).resolve().parents[1]
NOTEBOOKS: Final = _ROOT / "notebooks"

FIRST_PORT: Final = 8866
_PORTS_TO_TRY: Final = 50
_CULL_AFTER_SECONDS: Final = 900
_START_SECONDS: Final = 60.0

# JupyterLab asks a first visitor whether it may fetch news; here it may not.
_NO_NEWS: Final = {
    "@jupyterlab/apputils-extension:notification": {
        "checkForUpdates": False,
        "fetchNews": "false",
    }
}


class Theme(StrEnum):
    """How the dashboard looks; `?theme=dark` in the address does the same for one visit."""

    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True)
class Service:
    """How a server is started.

    Attributes:
        workspace: The workspace that it works on.
        folders: Folders from which files may be picked.
        port: 0 for a free one.
        token: What a visitor must show; made up when empty.
    """

    workspace: Path
    folders: Sequence[Path] = ()
    port: int = 0
    token: str = ""
    theme: Theme = Theme.LIGHT


@dataclass(frozen=True)
class Running:
    """A server that answers.

    Attributes:
        address: Where it is, without the token.
        folder: Its own settings, and its log unless another place was named; goes when it stops.
    """

    process: subprocess.Popen[bytes]
    address: str
    token: str
    folder: Path

    @property
    def link(self) -> str:
        """The address that signs a visitor in, and then takes the token out of the address bar."""
        return f"{self.address}login?{urlencode({'token': self.token})}"

    def stop(self) -> None:
        """End it, with its kernels."""
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(15)
        shutil.rmtree(self.folder, ignore_errors=True)


def dashboard_command(service: Service, port: int, folder: Path) -> list[str]:
    """The command that serves the dashboard.

    Kernels are always culled: a browser that crashes, or a page in a frame, does not end its own.
    """
    return [
        sys.executable,
        "-m",
        "voila",
        str(_notebook(folder)),
        "--no-browser",
        "--Voila.ip=127.0.0.1",
        f"--port={port}",
        "--Voila.port_retries=0",
        # The token that is in the environment.
        "--Voila.auto_token=True",
        "--Voila.identity_provider_class=crmkit.visitors.Visitors",
        f"--Voila.config_file_paths={folder}",
        "--template=crmkit",
        f"--theme={service.theme}",
        "--preheat_kernel=True",
        "--pool_size=1",
        "--show_tracebacks=False",
        f"--MappingKernelManager.cull_idle_timeout={_CULL_AFTER_SECONDS}",
        "--MappingKernelManager.cull_interval=60",
        "--VoilaExecutor.cell_error_instruction=Please reload the page. Your work is saved.",
    ]


def lab_command(service: Service, port: int, folder: Path) -> list[str]:
    """The command that serves JupyterLab on the notebooks.

    Raises:
        StorageError: The notebooks are not there: only the package is installed.
    """
    del folder, service
    if not NOTEBOOKS.is_dir():
        raise StorageError(
            "The notebooks are not there.",
            where=str(NOTEBOOKS),
            mend="Start from a whole clone of crmkit, installed with pip install -e.",
        )
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={NOTEBOOKS}",
        # News and update checks ask the internet; a customer's data machine may have none.
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.expose_app_in_browser=True",
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    ]


Command = Callable[[Service, int, Path], list[str]]


def start(service: Service, command: Command, *, log: Path | None = None) -> Running:
    """Start a server and wait until it answers.

    Raises:
        StorageError: It did not start, for instance because the port is in use.
    """
    if service.port and not _is_free(service.port):
        raise StorageError(
            "The port is in use, perhaps by another crmkit.",
            where=f"port {service.port}",
            mend="Name another port, or none to get a free one.",
        )
    port = service.port or first_free_port(0)
    token = service.token or secrets.token_urlsafe(18)
    folder = Path(tempfile.mkdtemp(prefix="crmkit-jupyter-"))
    output = log or folder / "server.log"
    try:
        with output.open("ab") as sink:
            process = subprocess.Popen(  # noqa: S603  a command of our own
                command(service, port, folder),
                env=_environment(service, token, folder),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                **_on_its_own(),
            )
        running = Running(process, f"http://127.0.0.1:{port}/", token, folder)
        try:
            _wait(running, output)
        except BaseException:
            process.kill()
            process.wait()
            raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return running


def open_browser(running: Running) -> bool:
    """Open the page signed in, so that a first visitor has nothing to type.

    Returns:
        Whether there is a screen to open it on; a browser inside the terminal would be no help.
    """
    desktop = ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME")
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in desktop):
        return False
    threading.Thread(target=webbrowser.open, args=(running.link,), daemon=True).start()
    return True


def first_free_port(first: int = FIRST_PORT) -> int:
    """The first free port from one up, so that the address is mostly the same; any one for 0."""
    candidates = range(first, first + _PORTS_TO_TRY) if first else ()
    for port in candidates:
        if _is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if os.name == "posix":
            # As the server does it: a port that was left a moment ago is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _wait(running: Running, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while running.process.poll() is None and time.monotonic() < deadline:
        if _answers(running.address):
            return
        time.sleep(0.1)
    text = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise StorageError("The server did not start.", where=running.address, mend=text)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2):  # noqa: S310  an address of our own
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _on_its_own() -> dict[str, Any]:
    """Ctrl+C reaches us alone, and we end the server; JupyterLab would ask in the terminal first."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _environment(service: Service, token: str, folder: Path) -> dict[str, str]:
    """The kernel is this interpreter, whatever kernels and settings the user has elsewhere."""
    share = folder / "share"
    kernels = share / "kernels" / "python3"
    kernels.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernels / "kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": "Python 3 (ipykernel)", "language": "python"}),
        encoding="utf-8",
    )
    quiet = folder / "config" / "labconfig"
    quiet.mkdir(parents=True)
    (quiet / "default_setting_overrides.json").write_text(json.dumps(_NO_NEWS), encoding="utf-8")
    template = Path(__file__).parent / "ui" / "voila"
    # A user's own shortcuts and theme in JupyterLab are welcome; nothing else of theirs is.
    settings = Path(jupyter_config_dir()) / "lab" / "user-settings"
    return {
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        **os.environ,
        "CRMKIT_FOLDERS": os.pathsep.join(str(Path(f).resolve()) for f in service.folders),
        "CRMKIT_WORKSPACE": str(service.workspace.resolve()),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_PATH": os.pathsep.join((str(share), str(template))),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_TOKEN": token,
    }


def _notebook(folder: Path) -> Path:
    """The dashboard's notebook: the clone's, or one written on the spot where only the package is."""
    notebook = NOTEBOOKS / "dashboard.ipynb"
    if notebook.exists():
        return notebook
    code = "from crmkit.ui.wizard import dashboard\n\ndashboard()"
    cell: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "id": "dashboard",
        "metadata": {},
        "outputs": [],
        "source": code,
    }
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    made = folder / "dashboard.ipynb"
    made.write_text(
        json.dumps(
            {
                "cells": [cell],
                "metadata": {"kernelspec": kernel, "title": "crmkit"},
                "nbformat": 4,
                "nbformat_minor": 5,
            }
        ),
        encoding="utf-8",
    )
    return made
