"""Says so on the page when the program behind it no longer answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import traitlets

from crmkit.ui.widgets.base import Component, Event, script, style


class ConnectionGuard(Component):
    """Shows a banner with a Reload button when the kernel has not answered for a while.

    Args:
        patience: Seconds without an answer. JupyterLab is given six times as long, because there
            a running cell keeps the kernel busy, and its banner says so.
    """

    _esm = script("guard")
    _css = style("guard")
    _patience = traitlets.Float().tag(sync=True)

    def __init__(self, *, patience: float = 5.0) -> None:
        super().__init__(_patience=patience)

    def _hear(self, _: object, content: object, buffers: Sequence[memoryview]) -> None:
        # Past the handler: an answer must not wait for the lock that a callback holds.
        if isinstance(content, Mapping) and content.get("kind") == "ping":
            self.receive(Event("ping", content, buffers))

    def receive(self, event: Event) -> None:
        """Answer the browser."""
        if event.kind == "ping":
            self.send({"kind": "pong"})
