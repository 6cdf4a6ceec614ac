"""What happens when a callback fails, and work that takes longer than a callback may.

A callback of a widget must never fail unseen, and never show a traceback. So every callback is
wrapped by one `Handler`, and work of more than a tenth of a second runs as a `Job`.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
import traceback
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final, Generic, ParamSpec, TypeVar

from crmkit.errors import CancelledError, CrmkitError
from crmkit.progress import Progress

log = logging.getLogger("crmkit")

P = ParamSpec("P")
R = TypeVar("R")


STRICT_VARIABLE: Final = "CRMKIT_STRICT"

_LOG_BYTES: Final = 1_000_000


class NoticeLevel(StrEnum):
    """How a notice looks, and how urgently a screen reader says it."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    SUCCESS = "success"


@dataclass(frozen=True)
class Notice:
    """A message for the user: what happened, where, how to mend it.

    Attributes:
        number: Finds the full error in the log file; empty when there is nothing to look up.
    """

    level: NoticeLevel
    message: str
    where: str = ""
    mend: str = ""
    number: str = ""


class PlacesOnly(logging.Formatter):
    """Writes of an exception what kind it is and where it came from, and never what it says.

    What DuckDB, pandas or pydantic say of an error quotes cells: "Could not convert string 'Ann
    Hansen' to INT32". The places say as much to who mends it.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One record; what another handler has made of its exception is not taken over."""
        kept, record.exc_text = record.exc_text, None
        try:
            return super().format(record)
        finally:
            record.exc_text = kept

    def formatException(self, ei: Any) -> str:  # noqa: N802  logging's name
        """The kinds and places of an exception and of those that caused it, the first one first."""
        told: list[str] = []
        error, seen = ei[1], set[int]()
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            places = [
                f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}'
                for frame in traceback.extract_tb(error.__traceback__)
            ]
            kind = f"{type(error).__module__}.{type(error).__qualname__}"
            if isinstance(error, OSError) and error.strerror:
                kind += f": {error.strerror}"
            told = [*places, kind, *told]
            error = error.__cause__ or error.__context__
        return "\n".join(told)


def keep_log(folder: Path) -> None:
    """Keep warnings and errors in the workspace, so that an error's number can be looked up.

    No cell of a file or of the CRM gets there: who may read a log may not read customers.
    """
    path = folder / "crmkit.log"
    if any(getattr(handler, "baseFilename", "") == str(path.resolve()) for handler in log.handlers):
        return
    if not folder.is_dir():
        # Without any handler, logging would write tracebacks to the screen.
        log.addHandler(logging.NullHandler())
        return
    handler = RotatingFileHandler(
        path.resolve(), maxBytes=_LOG_BYTES, backupCount=2, encoding="utf-8", delay=True
    )
    handler.setLevel(logging.WARNING)
    handler.setFormatter(PlacesOnly("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)


def log_notice(notice: Notice) -> None:
    """Write that there was a notice to the log, for a handler that no screen listens to.

    Its words may quote a cell.
    """
    log.warning("a notice that nobody saw: %s %s", notice.level.value, notice.number)


class Handler:
    """Runs callbacks one at a time and tells the user about every failure in plain words.

    Args:
        show: Receives the notice of a failure.
        strict: Raise failures again after showing them, so that a test sees them. Without it the
            environment variable `CRMKIT_STRICT=1` decides.
    """

    def __init__(
        self, show: Callable[[Notice], None] = log_notice, *, strict: bool | None = None
    ) -> None:
        self.show = show
        self.strict = os.environ.get(STRICT_VARIABLE) == "1" if strict is None else strict
        # Taken again by callbacks that call each other; JupyterLab may run two at the same time.
        self.lock = threading.RLock()

    def guard(self, callback: Callable[P, R]) -> Callable[P, R | None]:
        """Wrap a callback: one at a time, and failures are shown instead of lost.

        Returns:
            The callback; its wrapper answers None after a failure.
        """

        @functools.wraps(callback)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R | None:
            with self.lock:
                try:
                    return callback(*args, **kwargs)
                except Exception as error:  # noqa: BLE001  whatever it is, the user must be told
                    self.report(error)
                    return None

        return guarded

    def report(self, error: Exception) -> None:
        """Show a failure to the user, and log it when it is not one of ours.

        Raises:
            Exception: The failure itself, when the handler is strict.
        """
        if isinstance(error, CancelledError):
            notice = Notice(NoticeLevel.INFO, error.message, error.where, error.mend)
        elif isinstance(error, CrmkitError):
            notice = Notice(NoticeLevel.ERROR, error.message, error.where, error.mend)
        else:
            notice = _unexpected(error)
        self.show(notice)
        if self.strict:
            raise error


def error_number(error: BaseException) -> str:
    """A short number like `E-4F2A` that is the same for the same failure at the same place."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_qualname}:{trace.tb_lineno}")
        trace = trace.tb_next
    text = "|".join((type(error).__name__, *places))
    return f"E-{zlib.crc32(text.encode()) & 0xFFFF:04X}"


def _unexpected(error: BaseException) -> Notice:
    number = error_number(error)
    log.error("%s", number, exc_info=error)
    return Notice(
        NoticeLevel.ERROR,
        f"Something went wrong ({number}). Your work is saved.",
        mend="Try again or reload the page. If it happens again, send this number to whoever "
        "looks after crmkit; the log has the details.",
        number=number,
    )


class JobState(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(Generic[R]):
    """Runs long work beside the screen, tells its progress, and can be stopped.

    Args:
        work: Is given `progress(fraction, text)`, which raises CancelledError once the user has
            cancelled. What it returns goes to `on_done`.
        handler: Wraps the callbacks, and shows the failure when the work fails.
        on_progress, on_done, on_failed, on_cancelled: Called from the worker thread; exactly one
            of the last three ends a job. A failure is shown before `on_failed` is called.
        interrupt: Stops what the work is waiting for (a running query); called by `cancel`.

    Example:
        >>> answers = []
        >>> job = Job(lambda progress: 42, handler=Handler(), on_done=answers.append)
        >>> job.start().wait(), answers
        (True, [42])
    """

    def __init__(
        self,
        work: Callable[[Progress], R],
        *,
        handler: Handler,
        on_progress: Progress | None = None,
        on_done: Callable[[R], None] | None = None,
        on_failed: Callable[[Exception], None] | None = None,
        on_cancelled: Callable[[], None] | None = None,
        interrupt: Callable[[], None] | None = None,
    ) -> None:
        self._work = work
        self._handler = handler
        self._on_progress = on_progress
        self._on_done = on_done
        self._on_failed = on_failed
        self._on_cancelled = on_cancelled
        self._interrupt = interrupt
        self._cancel = threading.Event()
        self._ended = threading.Event()
        self._told: tuple[int, str] = (-1, "")
        self._begin = threading.Lock()
        self.state = JobState.WAITING

    @property
    def running(self) -> bool:
        """Whether the work is under way."""
        return self.state is JobState.RUNNING

    def start(self) -> Job[R]:
        """Start the work in a thread of its own.

        Raises:
            RuntimeError: The job was started before; a job runs once.
        """
        with self._begin:
            if self.state is not JobState.WAITING:
                raise RuntimeError("A job runs once.")
            self.state = JobState.RUNNING
        threading.Thread(target=self._run, name="crmkit-job", daemon=True).start()
        return self

    def cancel(self) -> None:
        """Ask the work to stop; it ends as cancelled, unless it was done already."""
        if not self.running or self._cancel.is_set():
            return
        self._cancel.set()
        if self._interrupt is not None:
            self._handler.guard(self._interrupt)()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job has ended and its callbacks have run.

        Returns:
            Whether it has; False when the time was up first.
        """
        return self._ended.wait(timeout)

    def _run(self) -> None:
        try:
            self._settle()
        finally:
            self._ended.set()

    def _settle(self) -> None:
        try:
            result = self._work(self._progress)
        except Exception as error:  # noqa: BLE001  a thread has nobody above it to tell
            # An interrupted query raises an error of its own kind: whatever ends the work after
            # the user asked to stop is the stop.
            if self._cancel.is_set() or isinstance(error, CancelledError):
                self._end(JobState.CANCELLED, self._on_cancelled)
            else:
                self._fail(error)
            return
        self._end(JobState.DONE, self._on_done, result)

    def _fail(self, error: Exception) -> None:
        self.state = JobState.FAILED
        try:
            self._handler.report(error)
        except Exception:
            # A strict handler raises for callbacks; in a thread nobody would see it, and the
            # failure reaches the test through `on_failed` and `state`.
            log.debug("shown already", exc_info=True)
        self._end(JobState.FAILED, self._on_failed, error)

    def _end(self, state: JobState, callback: Callable[..., None] | None, *args: object) -> None:
        self.state = state
        if callback is not None:
            self._handler.guard(callback)(*args)

    def _progress(self, fraction: float, text: str) -> None:
        if self._cancel.is_set():
            raise CancelledError("The work was stopped.")
        # At most a hundred updates for each text: a screen cannot use more, and each is a message.
        step = (round(min(max(fraction, 0.0), 1.0) * 100), text)
        if step != self._told and self._on_progress is not None:
            self._told = step
            self._handler.guard(self._on_progress)(step[0] / 100, text)
