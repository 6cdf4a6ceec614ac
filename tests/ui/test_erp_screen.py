"""The ERP part of the source panel: connect, look, tick, take; and what it does not let in."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmkit.erp.model import Actors
from crmkit.erp.sample import make_sample_erp
from crmkit.ui.desk import Desk
from crmkit.ui.erp import ErpOrigin
from crmkit.ui.source import SourcePanel
from tests.crm_kit import new_workspace


@pytest.fixture
def panel(tmp_path: Path) -> SourcePanel:
    workspace = new_workspace(tmp_path / "workspace")
    folder = tmp_path / "erp"
    folder.mkdir()
    make_sample_erp(folder / "erp.sqlite")
    panel = SourcePanel(Desk(workspace, workspace.new_import(), folders=(folder,), strict=False))
    panel.show()
    panel.origin.value = erp(panel)
    return panel


def erp(panel: SourcePanel) -> ErpOrigin:
    return next(origin for origin in panel.origins if isinstance(origin, ErpOrigin))


def connect(panel: SourcePanel) -> None:
    part = erp(panel).new
    part.name.value = "Sample"
    part.url.value = f"sqlite:///{(panel.desk.folders[0] / 'erp.sqlite').as_posix()}"
    part.save.click()
    assert panel.desk.wait(60)


def said(panel: SourcePanel) -> str:
    notice = panel.desk.message.notice
    return "" if notice is None else f"{notice.message} {notice.where} {notice.mend}"


def look(panel: SourcePanel) -> str:
    erp(panel).look.click()
    assert panel.desk.wait(60)
    return str(erp(panel).found.value)


def test_without_a_connection_there_is_nothing_to_take(panel: SourcePanel) -> None:
    part = erp(panel)
    assert "none" == part.take.layout.display
    assert part.new.head.opened

    connect(panel)

    assert "Sample" == part.connection.value
    assert "" == part.take.layout.display
    assert not part.new.head.opened
    assert "none" == part.new.body.layout.display


def test_a_connection_is_forgotten(panel: SourcePanel) -> None:
    connect(panel)

    erp(panel).forget.click()

    assert () == panel.desk.workspace.erp.connections()
    assert "none" == erp(panel).take.layout.display


def test_the_rows_are_shown_and_the_ticked_ones_taken(panel: SourcePanel) -> None:
    connect(panel)
    assert "5 rows." in look(panel)
    boxes = erp(panel).ticks.children
    assert 4 == len(boxes)

    boxes[1].value = True
    erp(panel).take_ticked.click()
    assert panel.desk.wait(60)

    assert 1 == panel.desk.session.staged.row_count
    assert "Sample customers.csv: 1 row," in panel._found.value
    assert panel.ready()


def test_criteria_are_asked_for(panel: SourcePanel) -> None:
    connect(panel)
    erp(panel).name.value = "klaver"
    erp(panel).country.value = "NL"

    assert "1 row." in look(panel)
    assert "De Klaverhof" in erp(panel).found.value
    panel.show()
    assert "NL" == erp(panel).country.value


def test_a_description_is_repeated(panel: SourcePanel) -> None:
    connect(panel)
    erp(panel).actors.value = Actors.SUPPLIERS
    erp(panel).take.click()
    assert panel.desk.wait(60)
    panel.desk.session.save_description("Suppliers")
    panel.desk.session = panel.desk.workspace.new_import()
    panel.show()

    erp(panel).repeat.value = "Suppliers"
    erp(panel).take.click()
    assert panel.desk.wait(60)

    request = panel.desk.session.erp_request
    assert request is not None
    assert Actors.SUPPLIERS is request.actors


def test_a_query_of_ones_own_needs_a_query(panel: SourcePanel) -> None:
    connect(panel)
    erp(panel).actors.value = Actors.SQL

    erp(panel).look.click()
    assert "There is no query." in said(panel)
    erp(panel).sql.value = "select nom from llx_societe order by nom"
    assert "6 rows." in look(panel)
    assert () == erp(panel).ticks.children


def test_a_database_file_elsewhere_is_not_opened(panel: SourcePanel, tmp_path: Path) -> None:
    outside = make_sample_erp(tmp_path / "outside.sqlite")
    part = erp(panel).new
    part.name.value, part.url.value = "Outside", outside

    part.save.click()

    assert "cannot be opened from here" in said(panel)
    assert () == panel.desk.workspace.erp.connections()


def test_a_password_does_not_stay_on_the_screen(panel: SourcePanel) -> None:
    part = erp(panel).new
    part.name.value, part.password.value = "No", "geheim-4711"
    part.url.value = "postgresql://a:geheim-4712@127.0.0.1:1/erp"

    part.save.click()
    assert panel.desk.wait(60)

    shown = f"{part.password.value} {part.url.value} {said(panel)}"
    assert "cannot be reached" in shown
    assert "geheim" not in shown


def test_a_url_that_is_none_is_told(panel: SourcePanel) -> None:
    part = erp(panel).new
    part.name.value, part.url.value = "No", "nonsense"

    part.save.click()

    assert "no database URL" in said(panel)
