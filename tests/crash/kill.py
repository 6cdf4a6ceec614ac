"""Where the process dies: at its N-th statement or change of a file, counted from inside, or after a time."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, Final

import duckdb

from crmkit.database import Database
from crmkit.sql import Query

# What Python tells of changes of files; DuckDB's own are reached by killing at a time.
_FILE_EVENTS: Final = frozenset(
    {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.copyfile", "os.truncate"}
)


class Points:
    """Counts the points of a piece of work, and kills the process at one of them.

    Args:
        kill_at: Its number, from 1; 0 to count only.
    """

    def __init__(self, kill_at: int = 0) -> None:
        self.count = 0
        self._kill_at = kill_at

    def watch(self) -> None:
        """Count from now on; for the rest of this process."""
        execute = Database._execute  # the one place that all statements pass

        def counted(db: Database, query: Query) -> duckdb.DuckDBPyConnection:
            self._reached()
            return execute(db, query)

        Database._execute = counted  # type: ignore[method-assign]
        sys.addaudithook(self._heard)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        opens = event == "open" and isinstance(arguments[1], str) and arguments[1][:1] in "wxa"
        if opens or event in _FILE_EVENTS:
            self._reached()

    def _reached(self) -> None:
        self.count += 1
        if self.count == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def die_after(seconds: float) -> None:
    """Let the system end this process at a time from now, whatever it does then."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6))
