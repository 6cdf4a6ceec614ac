"""A process of its own for a piece of work, forked from one in which nothing of DuckDB runs."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Child:
    """A forked process: it ends with its work, whose answer it leaves in a file."""

    def __init__(self, work: Callable[[], Any], answer: Path, temporary: Path) -> None:
        self._answer = answer
        self._answer.unlink(missing_ok=True)
        self._status: int | None = None
        self._errors = answer.with_suffix(".err")
        self._pid = os.fork()
        if self._pid == 0:
            code = 1
            try:
                sys.stderr = self._errors.open("w")
                tempfile.tempdir = str(temporary)
                answer.write_text(json.dumps(work()))
                code = 0
            except BaseException:  # noqa: BLE001  whatever it is, the process ends here
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(code)

    def alive(self) -> bool:
        if self._status is None:
            done, status = os.waitpid(self._pid, os.WNOHANG)
            self._status = status if done else None
        return self._status is None

    def kill(self) -> None:
        if self.alive():
            os.kill(self._pid, signal.SIGKILL)

    def wait(self) -> None:
        if self._status is None:
            self._status = os.waitpid(self._pid, 0)[1]

    @property
    def was_killed(self) -> bool:
        self.wait()
        assert self._status is not None
        return os.WIFSIGNALED(self._status)

    def answer(self) -> Any:
        """What it left, when it has ended."""
        self.wait()
        assert self._status == 0, self._errors.read_text()[-2000:]
        return json.loads(self._answer.read_text())
