"""The steps one after the other, without a browser."""

from __future__ import annotations

from pathlib import Path

from crmkit.ui.wizard import Wizard
from crmkit.workspace import Workspace


def test_a_click_on_next_that_comes_after_home_goes_nowhere(tmp_path: Path) -> None:
    """On a busy machine both can be pressed before the first is answered."""
    wizard = Wizard(Workspace.create(tmp_path / "workspace"), strict=True)
    wizard.start()
    wizard.home()

    wizard._next.click()

    assert not wizard.step
    assert wizard.desk.message.notice is None
