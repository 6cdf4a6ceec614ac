"""Brings a file of any size from the user's machine into a folder of the workspace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import traitlets

from crmkit.errors import CrmkitError, SourceError
from crmkit.ui.handling import Handler
from crmkit.ui.widgets.base import Component, Event, script, style
from crmkit.ui.widgets.upload import Upload, clean_name, sweep

MEGABYTE: Final = 1024 * 1024


class Uploader(Component):
    """Takes a file by drag and drop or from a file dialogue, in pieces, with progress and cancel.

    The pieces are small because a notebook server cuts off any message above 10 MB without a word.

    Args:
        folder: Where files go.
        on_file: Is given the path of a file that has arrived whole.
        accept: Endings that are let in, for instance ".xlsx"; empty for all.
        limit_bytes: The largest file that is let in.
        label: What is asked for.
        hint: What can be read, in a few words; the endings when empty.
    """

    _esm = script("uploader")
    _css = style("uploader")
    _accept: traitlets.List[str] = traitlets.List().tag(sync=True)
    _limit = traitlets.Int().tag(sync=True)
    _label = traitlets.Unicode().tag(sync=True)
    _hint = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        folder: Path,
        *,
        on_file: Callable[[Path], None] | None = None,
        accept: Sequence[str] = (),
        limit_bytes: int = 1024 * MEGABYTE,
        label: str = "Drop a file here",
        hint: str = "",
        handler: Handler | None = None,
    ) -> None:
        self.folder = folder
        self.on_file = on_file
        self.accept = tuple(ending.lower() for ending in accept)
        self.limit_bytes = limit_bytes
        self._uploads: dict[str, Upload] = {}
        super().__init__(
            handler=handler,
            _accept=list(self.accept),
            _limit=limit_bytes,
            _label=label,
            _hint=hint or ", ".join(self.accept),
        )

    def close(self) -> None:
        """Take the uploader off the screen, and drop what is half uploaded."""
        for upload in self._uploads.values():
            upload.drop()
        self._uploads.clear()
        super().close()

    def receive(self, event: Event) -> None:
        """Take the next message of an upload; a failure ends that upload with a plain message."""
        ticket = str(event.content.get("upload", ""))
        try:
            path = self._step(ticket, event)
        except CrmkitError as error:
            self._drop(ticket)
            self.send({"kind": "refused", "upload": ticket, "text": str(error)})
            return
        if path is not None and self.on_file is not None:
            self.on_file(path)

    def _step(self, ticket: str, event: Event) -> Path | None:
        match event.kind:
            case "start":
                self._start(ticket, event)
            case "piece":
                self._take(ticket, event.buffers)
            case "end":
                return self._finish(ticket)
            case "cancel":
                self._drop(ticket)
        return None

    def _start(self, ticket: str, event: Event) -> None:
        name = str(event.content.get("name", ""))
        size = int(event.content.get("size", 0))
        self._check(clean_name(name), size)
        sweep(self.folder)
        self._uploads[ticket] = Upload(self.folder, name, size)
        self.send({"kind": "took", "upload": ticket, "received": 0})

    def _check(self, name: str, size: int) -> None:
        # The browser has asked the same before sending; this is for a browser that did not.
        if self.accept and not name.lower().endswith(self.accept):
            raise SourceError(
                "This kind of file cannot be read.", name, f"Choose {_either(self.accept)}."
            )
        if size > self.limit_bytes:
            raise SourceError(
                f"The file is larger than {self.limit_bytes // MEGABYTE:,} MB.",
                name,
                "Split it, or give its path on the machine where crmkit runs.",
            )

    def _take(self, ticket: str, buffers: Sequence[memoryview]) -> None:
        upload = self._upload(ticket)
        for piece in buffers:
            upload.take(piece)
        self.send({"kind": "took", "upload": ticket, "received": upload.received})

    def _finish(self, ticket: str) -> Path:
        path = self._upload(ticket).finish()
        del self._uploads[ticket]
        self.send({"kind": "stored", "upload": ticket, "name": path.name})
        return path

    def _upload(self, ticket: str) -> Upload:
        if ticket not in self._uploads:
            raise SourceError("The upload was cut off.", mend="Upload the file again.")
        return self._uploads[ticket]

    def _drop(self, ticket: str) -> None:
        upload = self._uploads.pop(ticket, None)
        if upload is not None:
            upload.drop()


def _either(endings: Sequence[str]) -> str:
    return " or ".join((", ".join(endings[:-1]), endings[-1])) if len(endings) > 1 else endings[0]
