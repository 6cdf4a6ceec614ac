"""Where an import's rows come from, as a part of the source panel: a file, an ERP, an account.

Each kind is a class of its own and stands in `source.ORIGINS`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import ipywidgets as w

from crmkit.sources import Progress
from crmkit.staging import StagedTable
from crmkit.ui.desk import Desk

Load = Callable[[Callable[[Progress], StagedTable]], None]
"""Read something beside the screen, then show what was found."""


class Origin(ABC):
    """One kind of source. `widget` is where it is chosen; `show` brings it up to date.

    Args:
        load: Is given the work that lands the rows, such as a call of `session.load`.
    """

    title = ""

    def __init__(self, desk: Desk, load: Load) -> None:
        self.desk = desk
        self.load = load
        self.widget = w.VBox()

    @abstractmethod
    def show(self) -> None:
        """Bring it up to date with the session."""
