"""The mapping panel without a browser: what earlier imports taught is followed, and can be forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmkit.ui.desk import Desk
from crmkit.ui.mapping import MappingPanel
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace


@pytest.fixture
def panel(tmp_path: Path) -> MappingPanel:
    """The panel of a file whose header “Klasse” went to the category in an import before."""
    workspace = new_workspace(tmp_path / "workspace")
    path = tmp_path / "a.csv"
    path.write_text("Company,Klasse\nAcme,Customer\n", encoding="utf-8")
    first = workspace.new_import()
    first.load(path)
    first.mapping = first.mapping.with_target("c2", "company.category")
    first.preview()
    first.commit(back_up=False)
    return opened(workspace, path)


def opened(workspace: Workspace, path: Path) -> MappingPanel:
    session = workspace.new_import()
    session.load(path)
    panel = MappingPanel(Desk(workspace, session, strict=True))
    panel.show()
    return panel


def test_a_column_says_that_it_follows_an_earlier_choice(panel: MappingPanel) -> None:
    row = panel._table.rows[1]

    assert row.target == "company.category"
    assert "chosen here before" in row.reason


def test_earlier_choices_are_forgotten_by_a_click(panel: MappingPanel) -> None:
    assert panel._forget.layout.display == ""

    panel._forget.click()

    assert panel._table.rows[1].target is None
    assert panel._forget.layout.display == "none"


def test_a_step_that_cells_call_for_is_taken_by_a_click(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "workspace")
    path = tmp_path / "a.csv"
    path.write_text("Company,City\nFjell AS,BodÃ¸\nElv AS,n/a\n", encoding="utf-8")
    panel = opened(workspace, path)

    said = [row.children[0].value for row in panel._offered.children]
    assert "City: 1 cell has letters that were read wrongly (BodÃ¸)." in said[0]
    assert "City: 1 cell says that it is empty (n/a)." in said[1]

    panel._offered.children[0].children[1].click()
    panel._offered.children[0].children[1].click()

    assert panel._offered.children == ()
    assert panel._table.rows[1].steps == 2
