"""Hands a file on the machine over to the browser, so that the user can keep it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import traitlets

from crmkit.ui.handling import Handler
from crmkit.ui.widgets.base import Component, Event, script, style

_PIECE: Final = 1024 * 1024  # far below the 10 MB at which a notebook server cuts a message off


class Downloader(Component):
    """Offers one file at a time; it is sent in pieces, each when the browser asks for it."""

    _esm = script("downloader")
    _css = style("downloader")
    _file: traitlets.Dict[str, Any] = traitlets.Dict(None, allow_none=True).tag(sync=True)

    def __init__(self, *, handler: Handler | None = None) -> None:
        super().__init__(handler=handler)
        self._path: Path | None = None
        self._count = 0

    def offer(self, path: Path) -> None:
        """Offer a file to the user; the browser fetches it at once."""
        self._path = path
        # Counted, so that the same file offered again is fetched again.
        self._count += 1
        self._file = {"name": path.name, "size": path.stat().st_size, "count": self._count}

    def receive(self, event: Event) -> None:
        """Send the piece that the browser asks for."""
        if event.kind != "piece" or self._path is None or event.content.get("count") != self._count:
            return
        offset = max(int(event.content["offset"]), 0)
        with self._path.open("rb") as file:
            file.seek(offset)
            piece = file.read(_PIECE)
        self.send({"kind": "piece", "count": self._count, "offset": offset}, [piece])
