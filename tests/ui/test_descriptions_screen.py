"""Descriptions on the screen: saved at the result, used in the mapping, with what has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmkit.session import ImportSession
from crmkit.ui.desk import Desk
from crmkit.ui.mapping import MappingPanel
from crmkit.ui.result import ResultPanel
from tests.crm_kit import new_workspace


@pytest.fixture
def imported(tmp_path: Path) -> ImportSession:
    workspace = new_workspace(tmp_path / "workspace")
    path = tmp_path / "a.csv"
    path.write_text("Company,Klasse\nAcme,Customer\n", encoding="utf-8")
    session = workspace.new_import()
    session.load(path)
    session.mapping = session.mapping.with_target("c2", "company.category")
    session.preview()
    session.commit(back_up=False)
    return session


def mapping_of(session: ImportSession) -> MappingPanel:
    panel = MappingPanel(Desk(session.workspace, session, strict=True))
    panel.show()
    return panel


def test_a_result_is_saved_as_a_description(imported: ImportSession) -> None:
    panel = ResultPanel(Desk(imported.workspace, imported, strict=True))
    panel.show()
    name, _, save = panel._selections.children[-1].children

    name.value = "Monthly"
    save.click()
    assert panel.desk.wait(60)

    assert ["Monthly"] == [file.name for file in imported.workspace.descriptions()]
    notice = panel.desk.message.notice
    assert notice is not None
    assert "Saved as “Monthly”" in notice.message


def test_without_descriptions_nothing_is_offered(imported: ImportSession) -> None:
    session = imported.workspace.new_import()
    session.load(imported.source_path)

    assert mapping_of(session)._described.widget.layout.display == "none"


def test_a_description_is_used_and_what_has_changed_is_shown(
    imported: ImportSession, tmp_path: Path
) -> None:
    imported.save_description("Monthly")
    path = tmp_path / "b.csv"
    path.write_text("Company,Klasse,<b>New</b>\nAcme,Customer,x\n", encoding="utf-8")
    session = imported.workspace.new_import()
    session.load(path)
    session.mapping = session.mapping.with_target("c2", None)
    panel = mapping_of(session)
    described = panel._described

    assert described._saved.value == "Monthly"
    described._use.click()
    assert panel.desk.wait(60)

    assert panel._table.rows[1].target == "company.category"
    assert "&lt;b&gt;New&lt;/b&gt;” is new; it is left out" in described._report.value
    assert "Look at what has changed" in described._report.value
