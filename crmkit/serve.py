"""Starts the dashboard and JupyterLab: this interpreter, this machine only, with a token.

Everything is passed on the command line or through the environment, so that a user's own Jupyter
settings, kernels and templates neither help nor harm. The token goes through the environment: what
is on a command line can be read by everybody on the machine.
"""

from __future__ import annotations

import ipaddress
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
from crmkit.processes import hand_over, mark

_ROOT: Final = Path(__file__).resolve().parents[1]
NOTEBOOKS: Final = _ROOT / "notebooks"

FIRST_PORT: Final = 8866
_PORTS_TO_TRY: Final = 50
_CULL_AFTER_SECONDS: Final = 900
_CULL_TEAM_AFTER_SECONDS: Final = 3600
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
class Team:
    """How a team is let in.

    Attributes:
        users: File of names and hashes of passwords.
        listen: The address to listen on: 0.0.0.0 for all of this machine's.
        certificate, key: Files for TLS; None without.
        sessions: Dashboards that may be open at the same time.
        upload_megabytes: The largest file that may be uploaded.
    """

    users: Path
    listen: str = "127.0.0.1"
    certificate: Path | None = None
    key: Path | None = None
    sessions: int = 20
    upload_megabytes: int = 500

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return self.listen == "localhost" or (
            _is_address(self.listen) and ipaddress.ip_address(self.listen).is_loopback
        )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Service:
    """How a server is started.

    Attributes:
        workspace: The workspace that it works on.
        folders: Folders from which files may be picked.
        port: 0 for a free one.
        token: What a visitor must show; made up when empty.
        team: How a team is let in; None for one person on this machine.
    """

    workspace: Path
    folders: Sequence[Path] = ()
    port: int = 0
    token: str = ""
    theme: Theme = Theme.LIGHT
    team: Team | None = None

    @property
    def host(self) -> str:
        """The address that it listens on."""
        return self.team.listen if self.team else "127.0.0.1"


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
        with self.process:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


_PAGES: Final = (
    "--VoilaExecutor.cell_error_instruction=Please reload the page. Your work is saved.",
    # Seconds. On a busy machine what a cell shows comes long after its end; after 4 the page was
    # shown without it, and was empty.
    "--VoilaExecutor.iopub_timeout=120",
)


def dashboard_command(service: Service, port: int, folder: Path) -> list[str]:
    """The command that serves the dashboard.

    Kernels are always culled: a browser that crashes, or a page in a frame, does not end its own.
    """
    return [
        *_ended_with_us("from crmkit.visitors import Server; Server.launch_instance()"),
        str(_notebook(folder)),
        "--no-browser",
        "--Voila.ip=127.0.0.1",
        f"--port={port}",
        "--Voila.port_retries=0",
        # The token that is in the environment.
        "--Voila.auto_token=True",
        "--Voila.identity_provider_class=crmkit.visitors.Visitors",
        f"--Voila.config_file_paths={folder}",
        f"--Voila.connection_dir_root={folder}",
        "--VoilaConfiguration.file_allowlist=[]",
        "--template=crmkit",
        f"--theme={service.theme}",
        "--preheat_kernel=True",
        "--pool_size=1",
        "--show_tracebacks=False",
        f"--MappingKernelManager.cull_idle_timeout={_CULL_AFTER_SECONDS}",
        "--MappingKernelManager.cull_interval=60",
        *_PAGES,
    ]


def team_command(service: Service, port: int, folder: Path) -> list[str]:
    """The command that serves the dashboard to a team, each with a name and a password.

    No kernel waits for a visitor: it has to be told whose it is before it begins. One that nobody
    used for an hour is ended even when its page is open; the page says so, and the work is saved.
    """
    team = service.team
    assert team is not None
    tls = [f"--TeamServer.certificate={team.certificate.resolve()}"] if team.certificate else []
    tls += [f"--TeamServer.key={team.key.resolve()}"] if team.key else []
    return [
        *_ended_with_us("from crmkit.team import TeamServer; TeamServer.launch_instance()"),
        str(_notebook(folder)),
        "--no-browser",
        f"--Voila.ip={team.listen}",
        f"--port={port}",
        "--Voila.port_retries=0",
        "--Voila.identity_provider_class=crmkit.team.TeamVisitors",
        "--Voila.authorizer_class=crmkit.team.OwnKernels",
        "--VoilaConfiguration.multi_kernel_manager_class=crmkit.team.TeamKernels",
        "--VoilaConfiguration.file_allowlist=[]",
        f"--Voila.config_file_paths={folder}",
        f"--Voila.connection_dir_root={folder}",
        "--template=crmkit",
        f"--theme={service.theme}",
        "--preheat_kernel=False",
        "--show_tracebacks=False",
        f"--TeamKernels.most={team.sessions}",
        f"--MappingKernelManager.cull_idle_timeout={_CULL_TEAM_AFTER_SECONDS}",
        "--MappingKernelManager.cull_connected=True",
        "--MappingKernelManager.cull_interval=60",
        *_PAGES,
        *tls,
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
        *_ended_with_us("from jupyterlab.labapp import main; main()"),
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


def _ended_with_us(program: str) -> list[str]:
    # Not -m: the program would hold our classes twice.
    code = f"from crmkit.processes import end_with_starter; end_with_starter(); {program}"
    return [sys.executable, "-c", code]


Command = Callable[[Service, int, Path], list[str]]


def start(service: Service, command: Command, *, log: Path | None = None) -> Running:
    """Start a server and wait until it answers.

    Raises:
        StorageError: It did not start, for instance because the port is in use.
    """
    if service.port and not _is_free(service.port, service.host):
        raise StorageError(
            "The port is in use, perhaps by another crmkit.",
            where=f"port {service.port}",
            mend="Name another port, or none to get a free one.",
        )
    port = service.port or first_free_port(0)
    token = service.token or secrets.token_urlsafe(18)
    folder = Path(tempfile.mkdtemp(prefix=f"crmkit-jupyter-{mark()}-"))
    output = log or folder / "server.log"
    try:
        with output.open("ab") as sink:
            process = subprocess.Popen(  # noqa: S603  a command of our own
                command(service, port, folder),
                env=_environment(service, token, folder),
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=sink,
                stderr=subprocess.STDOUT,
                **_on_its_own(),
            )
        hand_over(folder, process.pid)
        running = Running(process, _address(service, port), token, folder)
        try:
            _wait(running, service, port, output)
        except BaseException:
            with process:
                process.kill()
            raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return running


def opens(service: Service, users: Sequence[str]) -> list[str]:
    """What a team's dashboard opens, and to whom, before it does."""
    team = service.team
    assert team is not None
    reach = (
        "only this machine reaches it"
        if team.is_local
        else "every machine that reaches this one may ask for it"
    )
    lines = [
        f"It will listen on {_address(service, service.port)}: {reach}.",
        f"These may sign in: {', '.join(users)}.",
        (
            f"Each of them sees and changes all of the CRM in {service.workspace}, and sees their own"
            " unfinished imports and those that are shared."
        ),
        (
            "They can upload files"
            f" up to {team.upload_megabytes:,} MB, and pick files in:"
            f" {', '.join(str(folder) for folder in service.folders) or 'no folder'}."
        ),
        (
            f"At most {team.sessions:,} dashboards are open at a time; one that nobody used for an hour"
            " is closed."
        ),
    ]
    if team.certificate is None and not team.is_local:
        lines.append(
            "WARNING: without --certificate and --key, passwords and customers go over the network"
            " for everybody on it to read."
        )
    return lines


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


def _address(service: Service, port: int) -> str:
    scheme = "https" if service.team and service.team.certificate else "http"
    host = f"[{service.host}]" if ":" in service.host else service.host
    return f"{scheme}://{host}:{port}/"


def _is_free(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        if os.name == "posix":
            # As the server does it: a port that was left a moment ago is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _wait(running: Running, service: Service, port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while running.process.poll() is None and time.monotonic() < deadline:
        # A team's may have a certificate that this machine does not trust: that it listens is enough.
        if _listens(service.host, port) if service.team else _answers(running.address):
            return
        time.sleep(0.1)
    text = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise StorageError("The server did not start.", where=running.address, mend=text)


def _listens(host: str, port: int) -> bool:
    # Who listens on every address listens on its own, too.
    here = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104  compared
    try:
        with socket.create_connection((here, port), timeout=2):
            return True
    except OSError:
        return False


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
        **_keys(service, token),
    }


def _keys(service: Service, token: str) -> dict[str, str]:
    """What the server needs to know of who may come in."""
    if service.team is None:
        return {"JUPYTER_TOKEN": token}
    return {
        "CRMKIT_USERS": str(service.team.users.resolve()),
        "CRMKIT_UPLOAD_MEGABYTES": str(service.team.upload_megabytes),
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
