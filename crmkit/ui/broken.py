"""The page when the workspace cannot be opened at all."""

from __future__ import annotations

import ipywidgets as w

from crmkit.errors import CrmkitError
from crmkit.ui.handling import Notice, NoticeLevel
from crmkit.ui.widgets import Message


def broken(error: CrmkitError) -> w.Widget:
    """Say what happened, where, and how to mend it."""
    message = Message()
    message.show(Notice(NoticeLevel.ERROR, error.message, error.where, error.mend))
    return w.VBox([w.HTML("<h1>crmkit</h1>"), message])
