"""What is left of people's data, on Home."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmkit.ui.desk import Desk
from crmkit.ui.erp import ErpOrigin
from crmkit.ui.home import HomePanel
from crmkit.ui.private import PrivateData
from crmkit.ui.selections import SelectionView
from crmkit.ui.wizard import Wizard
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace
from tests.test_backup import ready
from tests.ui.test_backups import home_of, press, told


@pytest.fixture
def home(tmp_path: Path) -> HomePanel:
    """One import that is in the CRM, and one that is not."""
    workspace = new_workspace(tmp_path / "workspace")
    ready(workspace, "Acme").commit()
    ready(workspace, "Beta")
    return home_of(workspace)


def test_home_shows_what_is_left_and_deletes_it_when_told_so(home: HomePanel) -> None:
    workspace = home.desk.workspace
    private = home.private
    assert "Unfinished import: list.csv, 1 row, " in told(private.widget)

    press(private.widget, "Delete …")
    assert 1 == len(workspace.unfinished())
    press(private.widget, "Delete now")
    assert home.desk.wait(30)

    assert () == workspace.unfinished()
    assert "Unfinished" not in told(home.widget)
    assert 2 == len(workspace.private_data())


def test_a_person_is_found_on_home_and_forgotten_when_told_so(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "workspace")
    path = tmp_path / "people.csv"
    path.write_text(
        "Company name,First name,Last name\nAcme,Quirina,<b>Zwart\nAcme,Bo,Berg\n", encoding="utf-8"
    )
    session = workspace.new_import()
    session.load(path)
    session.preview()
    session.commit()
    selection = next(s for s in workspace.selections() if s.entity == "person" and s.members)
    view = SelectionView(Desk(workspace, strict=True), selection, show_batch=lambda _: None)

    view._history.show([("person", 1)])
    press(view.widget, "Forget person 1 …")
    assert view._desk.wait(30)
    assert "Quirina &lt;b&gt;Zwart, Acme (ID 1)" in told(view.widget)
    press(view.widget, "Forget now")
    assert view._desk.wait(60)

    assert ["Bo"] == list(workspace.query("select first_name from crm.person")["first_name"])
    assert "1 members" in told(view.widget)

    forget = PrivateData(view._desk, purged=lambda: None)
    forget.opened()
    forget.forget._search.value = "berg"
    press(forget.widget, "Find")
    assert view._desk.wait(30)
    press(forget.widget, "Forget …")
    assert view._desk.wait(30)
    press(forget.widget, "Forget now")
    assert view._desk.wait(60)
    assert 0 == len(workspace.query("select id from crm.person"))


def test_all_but_the_backups_are_deleted_together(home: HomePanel) -> None:
    press(home.private.widget, "Delete all but backups …")
    press(home.private.widget, "Delete now")
    assert home.desk.wait(30)

    assert ["backup"] == [item.kind for item in home.desk.workspace.private_data()]


def test_a_visitor_shares_an_import_on_home(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "workspace")
    visiting = Workspace.open(workspace.path, visitor="ann")
    ready(visiting, "Acme")
    panel = home_of(visiting)
    other = Workspace.open(workspace.path, visitor="bo")

    press(panel.widget, "Share")
    assert ["ann"] == [item.owner for item in other.unfinished()]
    press(panel.widget, "Keep to myself")
    assert () == other.unfinished()


def test_a_person_forgotten_in_the_preview_leaves_the_import_too(tmp_path: Path) -> None:
    """The import in hand is opened anew: its file is another."""
    workspace = new_workspace(tmp_path / "workspace")
    path = tmp_path / "people.csv"
    path.write_text(
        "Company name,Last name,E-mail\nAcme,Zwart,zwart@acme.example\nAcme,Berg,berg@acme.example\n",
        encoding="utf-8",
    )
    first = workspace.new_import()
    first.load(path)
    first.preview()
    first.commit()
    wizard = Wizard(workspace, strict=True)
    wizard.start()
    wizard.desk.session.load(path)
    wizard.desk.session.preview()
    wizard.go("preview")
    assert wizard.desk.wait(60)
    panel = wizard.panel("preview")

    panel._history.show([("person", 1)])
    press(panel.widget, "Forget person 1 …")
    assert wizard.desk.wait(60)
    assert "1 row of the import of people.csv" in told(panel.widget)
    press(panel.widget, "Forget now")
    assert wizard.desk.wait(60)
    assert wizard.desk.wait(60)

    assert "preview" == wizard.step
    assert ["Berg"] == list(wizard.desk.session.first_rows()["Last name"])
    assert wizard.desk.session.preview_is_fresh
    assert ["unchanged"] == list(wizard.desk.session.preview().to_df("person")["status"])


def test_a_visitor_makes_no_connection_to_a_database(tmp_path: Path) -> None:
    """Not even by pressing a button that is hidden."""
    workspace = new_workspace(tmp_path / "workspace")
    visiting = Workspace.open(workspace.path, visitor="ann")
    desk = Desk(visiting, visiting.new_import(), strict=False)
    panel = ErpOrigin(desk, lambda _: None)

    assert "none" == panel.new.widget.layout.display
    panel.new.name.value, panel.new.url.value = "Inside", "postgresql://10.0.0.1/x"
    panel.new.save.click()

    notice = desk.message.notice
    assert notice is not None
    assert "On a team's dashboard nobody can make a connection." == notice.message
    assert () == visiting.erp.connections()
