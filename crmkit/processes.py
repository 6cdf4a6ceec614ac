"""Which process works on something, and whether it still runs: what a killed one left behind can go.

What is made for a short time carries the mark of its process in its name, `by-host-pid-start`. Of another
computer, as on a shared folder, nothing can be said, so what it made stays.
"""

from __future__ import annotations

import functools
import os
import platform
import re
import signal
import tempfile
import threading
import uuid
from pathlib import Path
from typing import Final

import psutil

_MARK: Final = re.compile(r"by-(?P<host>[a-z0-9]+)-(?P<pid>\d+)-(?P<start>\d+)")

_HEIR: Final = "heir.mark"
"""In a folder: the mark of another process that works with it."""

_SAME_START: Final = 60
"""Seconds by which the start of a process may seem to move, when the clock is set."""


def mark(pid: int | None = None) -> str:
    """The mark of a process, else of this one; not kept, because a forked process is another one."""
    process = psutil.Process(pid)
    return f"by-{_host()}-{process.pid}-{int(process.create_time())}"


def has_ended(marked: str) -> bool:
    """Whether a text carries the mark of a process of this computer that does not run any more."""
    found = _MARK.search(marked)
    if found is None or found["host"] != _host():
        return False
    try:
        process = psutil.Process(int(found["pid"]))
        if process.status() == psutil.STATUS_ZOMBIE:
            return True  # it has, and only its parent did not ask for its end yet
        started = process.create_time()
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False
    return abs(started - int(found["start"])) > _SAME_START


def hand_over(folder: Path, pid: int) -> None:
    """Say that a process started by this one works with a folder of this one, and may outlive it."""
    (folder / _HEIR).write_text(mark(pid), encoding="utf-8")


def end_with_starter() -> None:
    """End this process when the one that started it has ended, even killed.

    Its standard input must be a pipe: the system closes it with the process that holds its other end.
    """

    def wait() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def is_left(path: Path) -> bool:
    """Whether a temporary file or folder belongs to processes that have ended."""
    heir = path / _HEIR
    return has_ended(path.name) and (
        not heir.is_file() or has_ended(heir.read_text(encoding="utf-8"))
    )


def part_of(path: Path) -> Path:
    """Where a file is written until it is whole and takes its name."""
    return path.with_name(f"{path.name}.{mark()}.part")


def spill_folder(folder: Path) -> Path:
    """Where a database without a file of its own puts what memory cannot hold."""
    return folder / f"spill-{mark()}-{uuid.uuid4().hex[:6]}.tmp"


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder of the system's for the length of a block."""
    return tempfile.TemporaryDirectory(prefix=f"crmkit-{mark()}-", ignore_cleanup_errors=True)


@functools.cache
def _host() -> str:
    return re.sub(r"[^a-z0-9]", "", platform.node().lower()) or "here"
