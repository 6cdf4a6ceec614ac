"""The backups on Home, and the question when none can be made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import ipywidgets as w
import pytest

from crmkit.batches import BatchKind
from crmkit.ui.desk import Desk
from crmkit.ui.home import HomePanel
from crmkit.ui.preview import PreviewPanel
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace
from tests.test_backup import ready


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two imports, each with its backup."""
    made = new_workspace(tmp_path / "workspace")
    ready(made, "Acme").commit()
    ready(made, "Beta").commit()
    return made


@pytest.fixture
def home(workspace: Workspace) -> HomePanel:
    return home_of(workspace)


def home_of(workspace: Workspace, *, strict: bool = True) -> HomePanel:
    """The screen, which leads nowhere."""
    panel = HomePanel(
        Desk(workspace, strict=strict),
        start=lambda: None,
        resume=lambda *_: None,
        look=lambda _: None,
    )
    panel.show()
    return panel


def every(widget: w.Widget) -> Iterator[w.Widget]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from every(child)


def press(widget: w.Widget, text: str, *, number: int = 0) -> None:
    buttons = [x for x in every(widget) if isinstance(x, w.Button) and x.description == text]
    buttons[number].click()


def told(widget: w.Widget) -> str:
    return " ".join(x.value for x in every(widget) if isinstance(x, w.HTML))


def test_home_lists_the_backups_and_restores_one_when_told_so(home: HomePanel) -> None:
    """Asked once, with what would go; the CRM of now is backed up first."""
    workspace = home.desk.workspace

    press(home.widget, "Restore …")
    assert home.desk.wait(30)
    asked = told(home.widget)
    press(home.widget, "Restore now")
    assert home.desk.wait(30)

    assert "before batch 2, list.csv" in asked
    assert "companies 2 → 1" in asked
    assert "2 (list.csv)" in asked
    (batch, _) = workspace.batches()
    assert batch.kind is BatchKind.RESTORE
    assert home.desk.message.notice is not None
    assert batch.backup in home.desk.message.notice.mend
    assert "no longer in the CRM since a backup was restored" in told(home.widget)


def test_a_restore_that_is_not_wanted_changes_nothing(home: HomePanel) -> None:
    press(home.widget, "Restore …", number=1)
    assert home.desk.wait(30)
    press(home.widget, "Not now")

    assert len(home.desk.workspace.batches()) == 2
    assert "Put the whole CRM back" not in told(home.widget)


def test_without_a_backup_the_import_waits_for_a_yes(workspace: Workspace) -> None:
    session = ready(workspace, "Gamma")
    panel = PreviewPanel(Desk(workspace, session, strict=True))
    panel.show()
    assert panel.desk.wait(30)
    (workspace.path / "backups").rename(workspace.path / "elsewhere")
    (workspace.path / "backups").write_text("a file where the folder should be")

    press(panel.widget, "Import …")
    press(panel.widget, "Import now")
    assert panel.desk.wait(30)

    assert panel.desk.message.notice is not None
    assert "backup could not be written" in panel.desk.message.notice.message
    assert session.batch is None

    press(panel.widget, "Go on without a backup")
    assert panel.desk.wait(30)
    assert session.batch is not None
    assert session.batch.backup == ""
