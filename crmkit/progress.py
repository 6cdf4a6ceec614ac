"""How long work tells how far it is, and how it is stopped."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from crmkit.database import queued
from crmkit.errors import CancelledError

Progress = Callable[[float, str], None]
"""Told the share done, from 0 to 1, and what is being done; may raise CancelledError to stop it."""


def no_progress(fraction: float, text: str) -> None:
    """Nobody wants to know."""
    del fraction, text


def in_turn(progress: Progress) -> contextlib.AbstractContextManager[None]:
    """Wait in a block for what others write, for as long as the progress does not raise."""
    return queued(lambda: progress(0.0, "Waiting for another import to finish"))


def stoppable(progress: Progress, cancelled: threading.Event) -> Progress:
    """Progress that raises CancelledError once the event is set."""

    def report(fraction: float, text: str) -> None:
        if cancelled.is_set():
            raise CancelledError("The work was stopped.", mend="Nothing was changed.")
        progress(fraction, text)

    return report


def uncancelled() -> contextlib.AbstractContextManager[None]:
    """Wait for busy files without a way to stop: what was written is written."""
    return queued(lambda: None)
