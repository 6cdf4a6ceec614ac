"""The steps one after the other, without a browser."""

from __future__ import annotations

from pathlib import Path

import ipywidgets as w

from crmkit.ui.widgets.base import Event
from crmkit.ui.wizard import Wizard
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace
from tests.test_backup import ready
from tests.ui.test_backups import every, press

LINES = {"Open", "Continue", "Discard"}


def test_a_click_on_next_that_comes_after_home_goes_nowhere(tmp_path: Path) -> None:
    """On a busy machine both can be pressed before the first is answered."""
    wizard = Wizard(Workspace.create(tmp_path / "workspace"), strict=True)
    wizard.start()
    wizard.home()

    wizard._next.click()

    assert not wizard.step
    assert wizard.desk.message.notice is None


def test_home_keeps_the_buttons_of_what_is_the_same(tmp_path: Path) -> None:
    """It is drawn again when the page says its address: a click may be on its way."""
    workspace = new_workspace(tmp_path / "workspace")
    ready(workspace, "Acme").commit()
    ready(workspace, "Beta").release()
    wizard = Wizard(workspace, strict=True)
    before = buttons(wizard)

    wizard._location.receive(Event("here", {"search": ""}))
    assert before == buttons(wizard)

    press(wizard.widget, "Discard")
    assert [x.description for x in buttons(wizard)] == ["Open"]


def buttons(wizard: Wizard) -> list[w.Widget]:
    return [x for x in every(wizard._home.widget) if getattr(x, "description", "") in LINES]
