"""Says so on the page when the program behind it no longer answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import traitlets

from crmkit.ui.widgets.base import Component, script, style


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
            self.receive("ping", content, buffers)

    def receive(self, kind: str, content: Mapping[str, Any], buffers: Sequence[memoryview]) -> None:
        """Answer the browser."""
        self.send({"kind": "pong"})
