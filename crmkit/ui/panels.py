"""The panels one by one, each for a cell of a notebook: the same as in the dashboard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import ipywidgets as w

from crmkit.session import ImportSession
from crmkit.ui.desk import Desk, Panel
from crmkit.ui.mapping import MappingPanel
from crmkit.ui.preview import PreviewPanel
from crmkit.ui.result import ResultPanel
from crmkit.ui.settings import SettingsPanel
from crmkit.ui.source import SourcePanel


def source(session: ImportSession, *, folders: Sequence[str | Path] = ()) -> w.Widget:
    """Choose the file to import."""
    desk = Desk(session.workspace, session, folders=[Path(folder) for folder in folders])
    return _shown(SourcePanel(desk))


def mapping(session: ImportSession) -> w.Widget:
    """Say which column goes into which field."""
    return _shown(MappingPanel(Desk(session.workspace, session)))


def settings(session: ImportSession) -> w.Widget:
    """Choose how known records are found and what happens to them."""
    return _shown(SettingsPanel(Desk(session.workspace, session)))


def preview(session: ImportSession) -> w.Widget:
    """See what every row will do, and import it."""
    panel = PreviewPanel(Desk(session.workspace, session))
    session.when_imported(panel.desk.handler.guard(panel.close))
    return _shown(panel)


def result(session: ImportSession) -> w.Widget:
    """What came of the import."""
    return _shown(ResultPanel(Desk(session.workspace, session)))


def _shown(panel: Panel) -> w.Widget:
    panel.desk.handler.guard(panel.show)()
    box = w.VBox([panel.desk.look, panel.desk.message, panel.desk.busy.widget, panel.widget])
    box.add_class("ck-app")
    return box
