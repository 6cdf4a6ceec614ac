"""What all widgets share: their code from the package, and messages from the browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import anywidget

from crmkit.ui.handling import Handler

_STATIC: Final = Path(__file__).parent / "static"


def script(name: str) -> str:
    """The browser code of a widget: the shared helpers, then its own module.

    They are joined here because the browser gets a widget's code as one text, in which a relative
    import leads nowhere; a bundler would be a second tool chain for forty shared lines.
    """
    return _text("common.js") + "\n" + _text(f"{name}.js")


def style(name: str) -> str:
    """The style sheet of a widget: the shared colours and controls, then its own rules."""
    return _text("common.css") + "\n" + _text(f"{name}.css")


def _text(file_name: str) -> str:
    return (_STATIC / file_name).read_text(encoding="utf-8")


@dataclass(frozen=True)
class Event:
    """What the user did, as the browser tells it.

    Attributes:
        kind: What it is; each widget has its own few kinds.
        content: The rest of the message. It comes from outside: check it before using it.
        buffers: Bytes that came with it.
    """

    kind: str
    content: Mapping[str, Any]
    buffers: Sequence[memoryview] = ()


class Component(anywidget.AnyWidget):
    """A widget that is shown by its traits and answers by messages.

    Traits go from Python to the browser only; what the user does comes back as a message with a
    `kind`, and every callback runs through the handler.
    """

    def __init__(self, *, handler: Handler | None = None, **traits: object) -> None:
        self.handler = handler or Handler()
        super().__init__(**traits)
        self.on_msg(self._hear)

    def _hear(self, _: object, content: object, buffers: Sequence[memoryview]) -> None:
        if isinstance(content, Mapping) and isinstance(content.get("kind"), str):
            self.handler.guard(self.receive)(Event(content["kind"], content, buffers))

    def receive(self, event: Event) -> None:
        """Act on what the user did; widgets that can be used replace this."""
