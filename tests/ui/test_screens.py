"""The panels without a browser: what is chosen on them reaches the import, and what it says is shown."""

from __future__ import annotations

import functools
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crmkit.crm import Preferences
from crmkit.decisions import Choice
from crmkit.errors import PlanError, SettingsError, StalePlanError
from crmkit.preview import RowFilter
from crmkit.session import ImportSession
from crmkit.settings import PRESETS, Action, ChildAction, FieldRule, UnknownItem, Write
from crmkit.sql import sql
from crmkit.ui.desk import Desk
from crmkit.ui.preview import PreviewPanel
from crmkit.ui.settings import SettingsPanel
from crmkit.ui.widgets import Downloader, Event
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace

START = """Company name,Department,Category,Phone
Acme AS,Oslo,Customer,22 33 44 55
Twin AS,North,Customer,
Twin AS,South,Customer,
"""

UPDATE = """Company name,Department,Category
Acme AS,Bergen,Custommer
Twin AS,,Customer
New AS,Voss,Klient
New AS,Later,Klient
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> ImportSession:
    """An import of a few rows into a CRM that has some of their companies, one of them twice."""
    folder = tmp_path_factory.mktemp("made")
    workspace = new_workspace(folder / "workspace")
    start = workspace.new_import()
    start.load(_file(folder, "start.csv", START))
    company = workspace.schema.entity("company")
    start.settings = start.settings.with_rule(company, action=Action.ADD).model_copy(
        update={"rows_apart": True}
    )
    start.preview()
    start.commit(back_up=False)
    session = workspace.new_import()
    session.load(_file(folder, "update.csv", UPDATE))
    session.release()
    return session


@pytest.fixture
def session(made: ImportSession, tmp_path: Path) -> ImportSession:
    """A copy of it, of the test's own."""
    shutil.copytree(made.workspace.path, tmp_path / "workspace")
    return Workspace.open(tmp_path / "workspace").open_import(made.id)


@pytest.fixture
def settings_panel(session: ImportSession) -> Iterator[SettingsPanel]:
    panel = SettingsPanel(Desk(session.workspace, session, strict=True))
    panel.show()
    assert panel.desk.wait(60)
    yield panel
    panel.leave()
    panel.desk.wait(60)


@pytest.fixture
def preview_panel(session: ImportSession) -> Iterator[PreviewPanel]:
    panel = PreviewPanel(Desk(session.workspace, session, strict=True))
    panel.show()
    assert panel.desk.wait(60)
    yield panel
    panel.leave()
    if panel._grid is not None:
        panel._grid.close()


def _file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def again(panel: PreviewPanel) -> None:
    """Make the preview now that would follow after a pause."""
    panel.leave()
    panel.show()
    assert panel.desk.wait(60)


def test_a_known_job_sets_the_actions_and_is_named(settings_panel: SettingsPanel) -> None:
    update = next(preset for preset in PRESETS if preset.id == "update")

    settings_panel._presets._buttons[update.id].click()

    company = settings_panel.desk.session.workspace.schema.entity("company")
    assert settings_panel.desk.session.settings.rule(company).action is Action.REPLACE
    assert update.label in settings_panel._presets._chosen.value


def test_two_jobs_of_the_same_settings_are_told_apart_by_the_click(
    settings_panel: SettingsPanel,
) -> None:
    settings_panel._presets._buttons["add"].click()
    assert "Add everything" in settings_panel._presets._chosen.value

    settings_panel._presets._buttons["empty"].click()
    assert "Fill an empty CRM" in settings_panel._presets._chosen.value


def test_a_suggestion_counts_only_when_it_is_confirmed(settings_panel: SettingsPanel) -> None:
    lists = settings_panel._lists
    before = {value.text: value for value in lists._maps["category"].values}
    assert before["Custommer"].suggestion == "Customer"
    assert settings_panel.desk.session.settings.list_rule("category").values == {}

    lists._choose("category", {"Custommer": "Customer"})

    rule = settings_panel.desk.session.settings.list_rule("category")
    assert rule.values == {"Custommer": "Customer"}
    assert "1 value that the CRM does not have" in lists.head.summary


def test_a_choice_taken_back_leaves_the_value_as_it_is(settings_panel: SettingsPanel) -> None:
    lists = settings_panel._lists
    lists._choose("category", {"Custommer": "Customer"})

    lists._choose("category", {"CUSTOMMER": ""})

    assert settings_panel.desk.session.settings.list_rule("category").values == {}


def test_what_unknown_values_become_is_chosen_for_each_list(
    settings_panel: SettingsPanel,
) -> None:
    settings_panel._lists._rules["category"].value = UnknownItem.BLANK

    assert settings_panel.desk.session.settings.list_rule("category").unknown is UnknownItem.BLANK
    assert settings_panel._lists._maps["category"].as_it_is == "As it is: blank"


def test_lists_without_a_column_are_not_offered(settings_panel: SettingsPanel) -> None:
    assert list(settings_panel._lists._rules) == ["category"]


def test_an_exception_for_a_field_is_kept_and_taken_back(settings_panel: SettingsPanel) -> None:
    fields = settings_panel._fields
    fields.head.receive(Event("toggle", {}))
    write, blank = fields._rules["company.department"]

    write.value, blank.value = Write.NEVER, True
    session = settings_panel.desk.session
    assert session.settings.fields["company.department"] == FieldRule(
        write=Write.NEVER, blank_clears=True
    )
    assert "1 exception" in fields.head.summary

    write.label, blank.label = "As the action says", "As the import says"
    assert session.settings.fields == {}
    # Each shows what is chosen, not an empty box.
    assert (write.index, blank.index) == (0, 0)


def test_phones_and_privacy_reach_the_settings(settings_panel: SettingsPanel) -> None:
    settings_panel._children._phones.value = ChildAction.KEEP
    settings_panel._privacy._basis.value = "Contract"
    settings_panel._privacy._comment.value = "  asked at the fair "

    settings = settings_panel.desk.session.settings
    assert settings.phones is ChildAction.KEEP
    assert settings.privacy.legal_basis == "Contract"
    assert settings.privacy.comment == "asked at the fair"


def test_a_comparison_that_cannot_be_made_says_why(settings_panel: SettingsPanel) -> None:
    settings_panel._fields._clears.value = True  # under Merge it can do nothing

    assert "when the settings fit together" in settings_panel._consequences._text.value


def test_the_consequences_are_counted(settings_panel: SettingsPanel) -> None:
    settings_panel._consequences.leave()

    settings_panel._consequences._compare()
    assert settings_panel.desk.wait(60)

    shown = settings_panel._consequences._text.value
    assert "Company: Department, overwritten" in shown
    assert "Company: Replace" in shown


def test_a_change_stops_a_comparison_and_makes_another(settings_panel: SettingsPanel) -> None:
    settings_panel._consequences.leave()
    settings_panel._consequences._compare()

    settings_panel._presets._buttons["update"].click()
    settings_panel._consequences.leave()
    settings_panel._consequences._compare()
    assert settings_panel.desk.wait(60)

    assert "As chosen (Company: Replace)" in settings_panel._consequences._text.value
    assert settings_panel.desk.message.notice is None


def test_a_preview_that_writes_nothing_says_so(preview_panel: PreviewPanel) -> None:
    session = preview_panel.desk.session
    assert not preview_panel._nothing.value
    assert not preview_panel._import.disabled

    session.leave_out(list(range(1, session.staged.row_count + 2)))
    again(preview_panel)

    assert "nothing to import" in preview_panel._nothing.value
    assert preview_panel._import.disabled


def test_a_choice_that_arrives_while_the_preview_is_made_counts(
    preview_panel: PreviewPanel,
) -> None:
    """The browser holds a second choice back until the first is answered; a click overtakes it."""
    session = preview_panel.desk.session
    company = session.workspace.schema.entity("company")

    def choose() -> None:
        session.settings = session.settings.with_rule(company, action=Action.SKIP)

    session.settings = session.settings.with_rule(company, action=Action.ADD)
    preview_panel.show()
    while session._open is None:
        time.sleep(0.001)
    preview_panel.desk.handler.guard(choose)()
    assert not session.preview_is_fresh

    end = time.monotonic() + 60
    while not session.preview_is_fresh and time.monotonic() < end:
        time.sleep(0.01)
    assert preview_panel.desk.wait(60)
    assert "skipped" in " ".join(chip.label for chip in preview_panel._filters["company"].chips)


def test_an_ambiguous_record_offers_its_candidates(preview_panel: PreviewPanel) -> None:
    preview_panel._focus_row(3)
    box = preview_panel._row_decisions._boxes["company"]

    words = [made.description for made in box._candidates.children]
    assert words == ["It is Twin AS (ID 2)", "It is Twin AS (ID 3)", "None of these - add it"]

    box._candidates.children[1].click()
    again(preview_panel)

    (detail,) = preview_panel._preview.detail(3)
    assert detail.decided == ("Row 3: it is Twin AS (ID 3).",)
    assert "1 decision is part of this import" in preview_panel._decisions.head.summary


def test_a_click_that_comes_late_finds_no_record(preview_panel: PreviewPanel) -> None:
    """The row in focus is another by then, and was left out; or the import is written."""
    preview_panel._focus_row(2)
    box = preview_panel._row_decisions._boxes["company"]
    session = preview_panel.desk.session
    session.leave_out([2])
    again(preview_panel)
    assert not preview_panel._row_decisions.widget.children

    box._act()

    assert preview_panel.desk.message.notice is not None
    assert "no such record" in preview_panel.desk.message.notice.message
    assert session.decision_count() == 0

    session.commit(back_up=False)
    preview_panel._focus_row(3)
    assert not preview_panel.desk.session.preview_is_fresh


@pytest.mark.parametrize("changed", ["columns", "file", "written"])
def test_rows_asked_for_too_late_are_none(preview_panel: PreviewPanel, changed: str) -> None:
    """The grid asks in a thread of its own, and the plan is another when it has its turn."""
    session, source = preview_panel.desk.session, preview_panel._source
    assert source is not None
    old = source.preview
    assert source.order(None, "") == len(source.page(0, 10)) > 0

    if changed == "columns":
        session.mapping = session.mapping.with_target(session.staged.columns[2].id, None)
        session.preview()
    elif changed == "file":
        session.load(session.source_path)
    else:
        session.commit(back_up=False)

    assert source.page(0, 10) == []
    assert source.order(None, "") == 0
    preview_panel._focus_row(2)
    with pytest.raises(StalePlanError, match="are gone"):
        old.issues()
    with pytest.raises(PlanError, match=r"no preview (yet|of persons)"):
        session.decide_shown("person", Choice.ADD_NEW)


def test_a_preview_made_by_a_notebook_comes_onto_the_screen(preview_panel: PreviewPanel) -> None:
    session, source = preview_panel.desk.session, preview_panel._source
    assert source is not None
    old = source.preview
    session.leave_out([2])
    made = session.preview()

    assert source.order(None, "") == 0  # the grid is drawn: in JupyterLab, when it is scrolled to
    end = time.monotonic() + 60
    while source.preview is old and time.monotonic() < end:
        time.sleep(0.01)
    assert preview_panel.desk.wait(60)

    assert source.order(None, "") == session.staged.row_count
    assert [item.records for item in made.balance] == [
        item.records for item in source.preview.balance
    ]


def test_a_new_record_can_be_one_that_is_searched_for(preview_panel: PreviewPanel) -> None:
    preview_panel._focus_row(4)
    box = preview_panel._row_decisions._boxes["company"]
    box._search.value = "twin"
    box._find()
    assert box._found.label == "Twin AS (ID 2)"

    box._take.click()
    again(preview_panel)

    (detail,) = preview_panel._preview.detail(4)
    assert {field.label: field.existing for field in detail.fields}["Name"] == "Twin AS"


def test_a_match_can_be_refused_and_that_be_undone(preview_panel: PreviewPanel) -> None:
    preview_panel._focus_row(2)
    box = preview_panel._row_decisions._boxes["company"]
    box._not_same.click()
    again(preview_panel)
    assert preview_panel._preview.detail(2)[0].status == "new"

    box._undo.click()
    again(preview_panel)

    assert preview_panel._preview.detail(2)[0].status == "changed" or (
        preview_panel._preview.detail(2)[0].status == "unchanged"
    )
    assert preview_panel.desk.session.decision_count() == 0


def test_another_action_is_taken_for_one_record(preview_panel: PreviewPanel) -> None:
    preview_panel._focus_row(2)
    box = preview_panel._row_decisions._boxes["company"]
    box._action.value = Action.REPLACE
    box._act()
    again(preview_panel)

    (detail,) = preview_panel._preview.detail(2)
    assert {field.label: field.outcome for field in detail.fields}["Department"] == "Bergen"


def test_a_cell_is_set_by_hand(preview_panel: PreviewPanel) -> None:
    preview_panel._focus_row(4)
    box = preview_panel._row_decisions._boxes["company"]
    box._field.value = "company.department"
    assert box._text.value == "Voss"
    box._text.value = "Hamar"
    box._set_cell()
    again(preview_panel)

    (detail,) = preview_panel._preview.detail(4)
    assert {field.label: field.outcome for field in detail.fields}["Department"] == "Hamar"


def test_a_text_that_a_cell_cannot_take_is_refused(preview_panel: PreviewPanel) -> None:
    preview_panel._focus_row(4)
    box = preview_panel._row_decisions._boxes["company"]
    box._field.value = "company.category"
    box._text.value = "no such item"

    with pytest.raises(SettingsError, match="no item"):
        box._set_cell()
    assert preview_panel.desk.session.decision_count() == 0


def test_a_text_that_is_being_typed_outlives_the_new_preview(
    preview_panel: PreviewPanel,
) -> None:
    preview_panel._focus_row(4)
    box = preview_panel._row_decisions._boxes["company"]
    box._field.value = "company.department"
    box._text.value = "half a te"

    again(preview_panel)

    assert box._field.value == "company.department"
    assert box._text.value == "half a te"


def test_rows_that_are_one_record_name_the_row_that_won(preview_panel: PreviewPanel) -> None:
    preview_panel._focus_row(5)

    (section,) = preview_panel._compare.sections
    assert section.together == "These rows of the file are this one record: 4, 5."
    assert {field.label: field.origin for field in section.fields}["Department"] == "from row 4"


def test_a_decision_waits_while_the_preview_is_made(preview_panel: PreviewPanel) -> None:
    preview_panel._focus_row(2)
    preview_panel.desk.session.leave_out([5])
    preview_panel.show()
    if preview_panel.desk.working:
        preview_panel._row_decisions._boxes["company"]._add_new()
        assert preview_panel.desk.session.decision_count() == 0
    assert preview_panel.desk.wait(60)


def test_all_rows_shown_are_decided_at_once_after_a_question(
    preview_panel: PreviewPanel,
) -> None:
    grid = preview_panel._grid
    assert grid is not None
    grid.refresh()
    grid.settle()
    shown = preview_panel._shown_decisions
    shown._choice.value = Choice.SKIP
    shown._ask()
    question = shown._question.children[0].children[0].value
    assert "For the 4 rows shown: companies, Skip" in question

    shown._act()
    assert preview_panel.desk.wait(60)
    again(preview_panel)

    (balance,) = preview_panel._preview.balance
    assert preview_panel.desk.session.decision_count() == 3
    assert balance.rows == 4


def test_a_preview_that_others_made_stale_says_what_differs(
    preview_panel: PreviewPanel, tmp_path: Path
) -> None:
    """Nothing is imported, and the new preview comes only when it is asked for."""
    session = preview_panel.desk.session
    other = session.workspace.new_import()
    other.load(_file(tmp_path, "other.csv", "Company name,Department\nAcme AS,Moss\n"))
    company = session.workspace.schema.entity("company")
    other.settings = other.settings.with_rule(company, action=Action.REPLACE)
    other.preview()
    other.commit(back_up=False)

    preview_panel._commit()
    assert preview_panel.desk.wait(60)

    told, question = preview_panel._really.children
    assert "Batch 2, other.csv" in told.value
    assert "Acme AS: " in told.value
    assert "Oslo → Moss" in told.value
    assert preview_panel._import.disabled
    assert session.batch is None
    assert not session.preview_is_fresh

    anew, _ = question.children[1].children
    anew.click()
    assert preview_panel.desk.wait(60)

    assert () == preview_panel._really.children
    assert session.preview_is_fresh
    assert not preview_panel._import.disabled


def test_the_next_import_begins_with_nothing_of_the_one_before(
    preview_panel: PreviewPanel, tmp_path: Path
) -> None:
    """Neither its rows, which are deleted when it is imported, nor its filter."""
    desk = preview_panel.desk
    preview_panel._filters["company"].receive(Event("choose", {"value": "new"}))
    assert "new" == preview_panel._source.shown.status
    preview_panel._focus_row(2)
    session = desk.workspace.new_import()
    session.load(_file(tmp_path, "next.csv", UPDATE))
    desk.session = session

    preview_panel.show()

    assert () == preview_panel._rows.children
    assert [] == list(preview_panel._compare.sections)
    assert desk.wait(60)
    assert 1 == len(preview_panel._rows.children)
    assert RowFilter() == preview_panel._source.shown


@pytest.mark.parametrize("export", ["selection", "held back", "log", "issues"])
def test_every_export_says_what_its_workbook_could_not_hold(tmp_path: Path, export: str) -> None:
    workspace = new_workspace(tmp_path / "workspace", preferences=Preferences())
    session = workspace.new_import()
    long = "x" * 40_000
    # A formula's error in the match key holds the second row back, with its long cell.
    text = f"Company name,Country,Note\nAcme\x01 AS,{long},\n#N/A,,{long}\n"
    session.load(_file(tmp_path, "long.csv", text))
    desk = Desk(workspace, session, strict=True)
    if export == "issues":
        panel = PreviewPanel(desk)
        panel.show()
        assert desk.wait(60)
        panel._save_issues()
        panel.leave()
    else:
        session.preview()
        batch = session.commit(back_up=False)
        with workspace.writing() as db:
            db.run(sql("update crm.batch set source = {long}", long=long))
        added = next(item for item in workspace.selections() if item.batch_id == batch.id)
        desk.export(
            {
                "selection": functools.partial(workspace.export_selection, added.id),
                "held back": session.export_held_back,
                "log": workspace.export_log,
            }[export],
            Downloader(),
        )
    assert desk.wait(60)

    notice = desk.message.notice
    assert notice is not None
    name = {"held back": "held-back", "selection": "batch-", "issues": "issues-"}.get(
        export, export
    )
    assert notice.message.startswith(name)
    said = "without the control characters" if export == "selection" else "cut, because"
    assert said in notice.message
