"""How the servers are started; `browser/test_serve_browser.py` visits them."""

from __future__ import annotations

import socket
import subprocess
import sys
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from crmkit import serve
from crmkit.errors import StorageError
from crmkit.serve import Running, Service

_SERVE_AND_WAIT = """
import sys
from pathlib import Path
from crmkit import serve
running = serve.start(serve.Service(workspace=Path(sys.argv[1])), getattr(serve, sys.argv[2]))
print(running.process.pid, flush=True)
running.process.wait()
"""


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_port_in_use_is_told_in_plain_words(busy_port: int, tmp_path: Path):
    with pytest.raises(StorageError, match="The port is in use") as caught:
        serve.start(Service(workspace=tmp_path, port=busy_port), serve.dashboard_command)

    assert f"port {busy_port}" == caught.value.where


def test_port_in_use_is_passed_over(busy_port: int):
    assert serve.first_free_port(busy_port) > busy_port


def test_server_that_does_not_start_says_its_own_words(tmp_path: Path):
    def command(*_: object) -> list[str]:
        return [sys.executable, "-c", "raise SystemExit('no such thing')"]

    with pytest.raises(StorageError) as caught:
        serve.start(Service(workspace=tmp_path), command, log=tmp_path / "server.log")

    assert "no such thing" in caught.value.mend


def test_dashboard_serves_this_machine_only_and_always_culls(tmp_path: Path):
    command = serve.dashboard_command(Service(workspace=tmp_path), 8866, tmp_path)

    assert "--Voila.ip=127.0.0.1" in command
    assert "--MappingKernelManager.cull_idle_timeout=900" in command
    assert "--show_tracebacks=False" in command


@pytest.mark.parametrize("command", [serve.dashboard_command, serve.lab_command])
def test_token_is_not_on_the_command_line(command: serve.Command, tmp_path: Path):
    """Everybody on a machine can read command lines."""
    service = Service(workspace=tmp_path, token="invented-secret")

    assert "invented-secret" not in " ".join(command(service, 8866, tmp_path))


def test_link_carries_any_token(tmp_path: Path):
    running = Running(process=None, address="http://127.0.0.1:1/", token="a b&c", folder=tmp_path)

    assert "http://127.0.0.1:1/login?token=a+b%26c" == running.link


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have a screen")
def test_no_browser_is_opened_without_a_screen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A text browser would take over the terminal."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"):
        monkeypatch.delenv(name, raising=False)
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    running = Running(process=None, address="http://127.0.0.1:1/", token="t", folder=tmp_path)

    assert not serve.open_browser(running)
    assert [] == opened


@pytest.mark.parametrize("command", ["dashboard_command", "lab_command"])
def test_server_ends_with_who_started_it(command: str, tmp_path: Path):
    """A killed program cannot stop its server, and nobody else would."""
    starter = subprocess.Popen(
        [sys.executable, "-c", _SERVE_AND_WAIT, str(tmp_path), command],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout is not None
    server = psutil.Process(int(starter.stdout.readline()))
    started = [server, *server.children(recursive=True)]
    starter.kill()
    starter.communicate()

    _, alive = psutil.wait_procs(started, timeout=30)

    assert not alive
