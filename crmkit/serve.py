"""Starts the dashboard and JupyterLab: this interpreter, this machine only, with a token."""

from __future__ import annotations

import json
import os
import secrets
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
from pathlib import Path
from typing import Final

from crmkit.errors import StorageError

_ROOT: Final = Path(__file__).resolve().parents[1]
NOTEBOOKS: Final = _ROOT / "notebooks"

_CULL_AFTER_SECONDS: Final = 900
_START_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Service:
    """How a server is started.

    Attributes:
        workspace: The workspace that it works on.
        folders: Folders from which files may be picked.
        port: 0 for a free one.
        token: What a visitor must show; made up when empty.
        theme: light or dark.
    """

    workspace: Path
    folders: Sequence[Path] = ()
    port: int = 0
    token: str = ""
    theme: str = "light"


@dataclass(frozen=True)
class Running:
    """A server that answers.

    Attributes:
        address: Where it is, without the token.
    """

    process: subprocess.Popen[bytes]
    address: str
    token: str

    def stop(self) -> None:
        """End it, with its kernels."""
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(15)


def dashboard_command(service: Service, port: int, token: str, config: Path) -> list[str]:
    """The command that serves the dashboard.

    Kernels are always culled: a closed tab does not end its kernel (reference: ui.md section 3.2).
    """
    return [
        sys.executable,
        "-m",
        "voila",
        str(_notebook(config)),
        "--no-browser",
        "--Voila.ip=127.0.0.1",
        f"--port={port}",
        "--Voila.port_retries=0",
        f"--token={token}",
        "--template=crmkit",
        f"--theme={service.theme}",
        "--preheat_kernel=True",
        "--pool_size=1",
        "--show_tracebacks=False",
        f"--MappingKernelManager.cull_idle_timeout={_CULL_AFTER_SECONDS}",
        "--MappingKernelManager.cull_interval=60",
        "--VoilaExecutor.cell_error_instruction=Please reload the page. Your work is saved.",
    ]


def lab_command(service: Service, port: int, token: str, config: Path) -> list[str]:
    """The command that serves JupyterLab on the notebooks."""
    del config, service
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={NOTEBOOKS}",
        f"--IdentityProvider.token={token}",
        # News and update checks ask the internet; a customer's data machine may have none.
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.expose_app_in_browser=True",
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    ]


Command = Callable[[Service, int, str, Path], list[str]]


def start(service: Service, command: Command, *, log: Path | None = None) -> Running:
    """Start a server and wait until it answers.

    Raises:
        StorageError: It did not start; its own words are in the log.
    """
    port = service.port or _free_port()
    token = service.token or secrets.token_urlsafe(18)
    config = Path(tempfile.mkdtemp(prefix="crmkit-jupyter-"))
    output = (log or config / "server.log").open("ab")
    process = subprocess.Popen(
        command(service, port, token, config),
        env=_environment(service, config),
        cwd=NOTEBOOKS if NOTEBOOKS.is_dir() else None,
        stdout=output,
        stderr=subprocess.STDOUT,
    )
    output.close()
    address = f"http://127.0.0.1:{port}/"
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(address):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            text = Path(output.name).read_text(encoding="utf-8", errors="replace")[-2000:]
            raise StorageError("The server did not start.", where=f"port {port}", mend=text)
        time.sleep(0.1)
    return Running(process, address, token)


def open_browser(running: Running) -> None:
    """Open the page signed in, so that a first visitor has nothing to type.

    A link with the token leaves the kernel running when the tab is closed (reference: ui.md section
    3.2); that one is ended after a quarter of an hour without work.
    """
    page = f"{running.address}?token={running.token}"
    threading.Thread(target=webbrowser.open, args=(page,), daemon=True).start()


def _environment(service: Service, config: Path) -> dict[str, str]:
    """The kernel is this interpreter, whatever kernels and settings the user has elsewhere."""
    kernels = config / "share" / "kernels" / "python3"
    kernels.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernels / "kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": "Python 3 (ipykernel)", "language": "python"}),
        encoding="utf-8",
    )
    template = Path(__file__).parent / "ui" / "voila"
    paths = [str(config / "share"), str(template), os.environ.get("JUPYTER_PATH", "")]
    return {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(config),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_PATH": os.pathsep.join(path for path in paths if path),
        "CRMKIT_WORKSPACE": str(service.workspace.resolve()),
        "CRMKIT_FOLDERS": os.pathsep.join(str(Path(f).resolve()) for f in service.folders),
    }


def _notebook(config: Path) -> Path:
    """The dashboard's notebook: the clone's, or one written on the spot where only the package is."""
    notebook = NOTEBOOKS / "dashboard.ipynb"
    if notebook.exists():
        return notebook
    code = "from crmkit.ui.wizard import dashboard\n\ndashboard()"
    cell = {
        "cell_type": "code",
        "execution_count": None,
        "id": "dashboard",
        "metadata": {},
        "outputs": [],
        "source": code,
    }
    made = config / "dashboard.ipynb"
    made.write_text(
        json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}),
        encoding="utf-8",
    )
    return made


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
