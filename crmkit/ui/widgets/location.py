"""The address of the page: which import it asks for."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl

import traitlets

from crmkit.ui.handling import Handler
from crmkit.ui.widgets.base import Component, Event, script, style


class Location(Component):
    """Reads the query of the page's address, and changes it without loading the page again.

    It asks the browser, because a kernel that was started ahead of the visit cannot know the
    address. In JupyterLab the address belongs to JupyterLab and is never changed.

    Args:
        on_ready: Is given the parameters once, when the page is shown.
    """

    _esm = script("location")
    _css = style("location")
    _wanted = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        on_ready: Callable[[dict[str, str]], None] | None = None,
        *,
        handler: Handler | None = None,
    ) -> None:
        super().__init__(handler=handler)
        self.on_ready = on_ready
        self.params: dict[str, str] = {}
        self.ready = False

    def set(self, **params: str | None) -> None:
        """Change parameters of the address; None takes one away, others stay as they are."""
        self.params = {
            key: value for key, value in {**self.params, **params}.items() if value is not None
        }
        self._wanted = {**self._wanted, **params}

    def receive(self, event: Event) -> None:
        """Keep what the address says, and pass it on the first time."""
        if event.kind != "here" or self.ready:
            return
        search = str(event.content.get("search", "")).removeprefix("?")
        # Parameters that were set before the page was shown win over what the address says.
        self.params = {**dict(parse_qsl(search, max_num_fields=100)), **self.params}
        self.ready = True
        if self.on_ready is not None:
            self.on_ready(dict(self.params))
