"""A table of any length: the browser holds a few screens of rows, the rest stays where it is."""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

import traitlets

from crmkit.ui.handling import Handler
from crmkit.ui.widgets.base import Component, Event, script, style

# Longer cells are cut for the screen: a cell may hold a whole letter, and a page has 2,000 cells.
_LONGEST_CELL: Final = 500
_LARGEST_PAGE: Final = 1000


class GridKind(StrEnum):
    """How a column is shown."""

    TEXT = "text"
    NUMBER = "number"
    STATUS = "status"  # a record status, with icon, word and colour
    CHECK = "check"  # a box to tick; at most one such column


@dataclass(frozen=True)
class GridColumn:
    """A column of a grid.

    Attributes:
        key: Its key in the rows of the source.
        width: In pixels; the kind decides when it is None.
    """

    key: str
    label: str
    kind: GridKind = GridKind.TEXT
    width: int | None = None
    sortable: bool = True


class GridSource(Protocol):
    """Where a grid gets its rows; always called from one background thread, one call at a time."""

    def order(self, sort: tuple[str, bool] | None, search: str) -> int:
        """Put the rows in order and leave out those that the search does not find.

        Args:
            sort: Key of a sortable column and whether it goes down; None for the usual order.
            search: What the user typed, without spaces around it; empty for all rows.

        Returns:
            How many rows there are.
        """

    def page(self, offset: int, limit: int) -> list[dict[str, Any]]:
        """Rows by their position in the order made last, each with its `id` and its values."""

    def check(self, row_id: int, *, checked: bool) -> None:
        """Keep that the user ticked or cleared the box of a row."""


class Grid(Component):
    """Shows the rows of a source, a million of them as fast as ten, with search, sort and boxes.

    Args:
        columns: In the order shown.
        source: Gives the rows.
        label: The name of the table for a screen reader.
        on_focus_row: Is given the id of the row that the user goes to.
        rows_label: What a row is, in the plural, for the line with the count.
        height: In pixels.
    """

    _esm = script("grid")
    _css = style("grid")
    _columns: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    _label = traitlets.Unicode().tag(sync=True)
    _rows_label = traitlets.Unicode().tag(sync=True)
    _height = traitlets.Int().tag(sync=True)

    def __init__(
        self,
        columns: Sequence[GridColumn],
        source: GridSource,
        *,
        label: str,
        on_focus_row: Callable[[int], None] | None = None,
        rows_label: str = "rows",
        height: int = 520,
        handler: Handler | None = None,
    ) -> None:
        self.columns = tuple(columns)
        self.source = source
        self.on_focus_row = on_focus_row
        self.total = 0
        self.sort: tuple[str, bool] | None = None
        self.search = ""
        self._version = 0  # of the order asked for last; answers to older ones are dropped
        self._ordered = 0  # version of the order that the source has made
        self._keep_place = True
        self._failure: Exception | None = None
        self._state = threading.Lock()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="crmkit-grid")
        super().__init__(
            handler=handler,
            _label=label,
            _rows_label=rows_label,
            _height=height,
            _columns=[asdict(column) for column in self.columns],
        )

    def refresh(self, *, keep_place: bool = True) -> None:
        """Ask the source again, because something changed its rows.

        Args:
            keep_place: Stay where the user is, for instance after a check; False goes to the
                first row, for instance after a filter.
        """
        self._reorder(keep_place=keep_place)

    def settle(self, timeout: float = 30.0) -> None:
        """Wait until everything asked of the source has been answered.

        Raises:
            Exception: What the source raised, when the handler is strict.
        """
        waited = self._submit(lambda: None)
        if waited is not None:
            waited.result(timeout)
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def close(self) -> None:
        """Take the grid off the screen and end its thread."""
        self._worker.shutdown(wait=False, cancel_futures=True)
        super().close()

    def receive(self, event: Event) -> None:
        """Act on what the user does; anything slow goes to the background thread."""
        match event.kind:
            case "ready":
                self._show()
            case "order":
                self._order_by(event.content)
            case "page":
                self._ask_page(event.content)
            case "check":
                self._ask_check(event.content)
            case "focus" if self.on_focus_row is not None:
                self.on_focus_row(int(event.content["id"]))

    def _show(self) -> None:
        if self._version and self._ordered == self._version:
            self._send_order(keep_place=True)
        else:
            self._reorder(keep_place=True)

    def _order_by(self, content: Mapping[str, Any]) -> None:
        key = content.get("key")
        sortable = {column.key for column in self.columns if column.sortable}
        self.sort = (str(key), bool(content.get("descending"))) if key in sortable else None
        self.search = str(content.get("search") or "").strip()
        self._reorder(keep_place=False)

    def _reorder(self, *, keep_place: bool) -> None:
        with self._state:
            self._version += 1
            self._keep_place = self._keep_place and keep_place
            version = self._version
        self._submit(self._order, version)

    def _order(self, version: int) -> None:
        if version != self._version:
            return  # a later order has been asked for
        try:
            self.total = self.source.order(self.sort, self.search)
        except Exception:
            self.send({"kind": "failed", "version": version, "block": None})
            raise
        with self._state:
            self._ordered = version
            keep_place, self._keep_place = self._keep_place, True
        self._send_order(keep_place=keep_place)

    def _send_order(self, *, keep_place: bool) -> None:
        key, descending = self.sort or (None, False)
        self.send(
            {
                "kind": "ordered",
                "version": self._ordered,
                "total": self.total,
                "key": key,
                "descending": descending,
                "search": self.search,
                "keep": keep_place,
            }
        )

    def _ask_page(self, content: Mapping[str, Any]) -> None:
        offset = max(int(content["offset"]), 0)
        limit = min(max(int(content["limit"]), 1), _LARGEST_PAGE)
        self._submit(self._page, int(content["version"]), int(content["block"]), offset, limit)

    def _ask_check(self, content: Mapping[str, Any]) -> None:
        checked = bool(content["checked"])
        self._submit(functools.partial(self._check, int(content["id"]), checked=checked))

    def _page(self, version: int, block: int, offset: int, limit: int) -> None:
        if version != self._version or version != self._ordered:
            return
        try:
            rows = [self._cells(row) for row in self.source.page(offset, limit)]
        except Exception:
            self.send({"kind": "failed", "version": version, "block": block})
            raise
        self.send({"kind": "page", "version": version, "block": block, "rows": rows})

    def _cells(self, row: Mapping[str, Any]) -> list[object]:
        # A list, id first: the keys again in every row would double what is sent.
        return [int(row["id"]), *(_shown(row.get(column.key)) for column in self.columns)]

    def _check(self, row_id: int, *, checked: bool) -> None:
        try:
            self.source.check(row_id, checked=checked)
        except Exception:
            self.send({"kind": "checked", "id": row_id, "checked": not checked})
            raise
        self.send({"kind": "checked", "id": row_id, "checked": checked})

    def _submit(self, job: Callable[..., None], *args: object) -> Future[None] | None:
        try:
            return self._worker.submit(self._run, job, *args)
        except RuntimeError:
            return None  # closed meanwhile; nobody looks at the answer

    def _run(self, job: Callable[..., None], *args: object) -> None:
        try:
            job(*args)
        except Exception as error:  # noqa: BLE001  a thread has nobody above it to tell
            self._report(error)

    def _report(self, error: Exception) -> None:
        try:
            self.handler.report(error)
        except Exception as raised:  # noqa: BLE001  a strict handler's; `settle` raises it
            self._failure = raised


def _shown(value: object) -> object:
    """A cell in a form that the browser can be sent."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    text = str(value)
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"
