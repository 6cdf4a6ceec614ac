"""Decisions about single records go before the settings (issue 3, "Decisions record by record")."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from crmkit.decisions import Choice
from crmkit.entities import COMPANY, PERSON
from crmkit.errors import SettingsError
from crmkit.preview import RowFilter
from crmkit.settings import Action, Settings
from crmkit.workspace import ImportSession, Workspace

HEADERS = (
    "Company name",
    "VAT number",
    "Category",
    "First name",
    "Last name",
    "E-mail",
    "Birth date",
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "workspace")


def loaded(
    workspace: Workspace, rows: list[tuple[str, ...]], settings: Settings | None = None
) -> ImportSession:
    """An import of some rows, each padded to the headers."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(HEADERS)
    for row in rows:
        sheet.append([*row, *[None] * (len(HEADERS) - len(row))])
    session = workspace.new_import()
    path = workspace.path / f"{session.id}.xlsx"
    book.save(path)
    session.load(path)
    # Codes of one digit say too little for a suggestion.
    session.mapping = session.mapping.with_target("c2", "company.code")
    if settings is not None:
        session.settings = settings
    return session


def committed(workspace: Workspace, rows: list[tuple[str, ...]], settings: Settings | None = None):
    session = loaded(workspace, rows, settings)
    session.preview()
    return session.commit()


def statuses(session: ImportSession, entity: str = "company") -> list[tuple[str, str]]:
    frame = session.preview().to_df(entity)
    return [(row.status, row.reason) for row in frame.itertuples()]


def values(workspace: Workspace, column: str, entity: str = "company") -> list[object]:
    frame = workspace.query(
        f"select {column} from crm.{entity} where deleted_at is null order by id"
    )
    return [None if v != v else v for v in frame[column].tolist()]


def two_acmes(workspace: Workspace) -> None:
    add = Settings().with_rule(COMPANY, action=Action.ADD)
    committed(workspace, [("Acme", "1")], add)
    committed(workspace, [("Acme", "2")], add)


def test_another_action_for_one_record(workspace: Workspace) -> None:
    committed(workspace, [("Acme", "1"), ("Beta", "1"), ("Gamma", "1"), ("Delta", "1")])
    session = loaded(workspace, [("Acme", "9"), ("Beta", "9"), ("Gamma", "9"), ("Delta", "9")])

    session.decide_action("company", [2], Action.REPLACE)
    session.decide_action("company", [3], Action.SKIP)
    session.decide_action("company", [4], Action.ADD)
    found = [status for status, _ in statuses(session)]
    session.commit()

    assert ["changed", "skipped", "new", "unchanged"] == found
    assert ["9", "1", "1", "1", "9"] == values(workspace, "code")


def test_a_record_is_looked_for_under_add_always_when_decided(workspace: Workspace) -> None:
    committed(workspace, [("Acme", "1"), ("Beta", "1")])
    add = Settings().with_rule(COMPANY, action=Action.ADD)
    session = loaded(workspace, [("Acme", "9"), ("Beta", "9")], add)

    session.decide_action("company", [2], Action.REPLACE)
    session.preview()
    session.commit()

    assert ["9", "1", "9"] == values(workspace, "code")


def test_an_ambiguous_match_takes_the_chosen_candidate(workspace: Workspace) -> None:
    two_acmes(workspace)
    replace = Settings().with_rule(COMPANY, action=Action.REPLACE)
    session = loaded(workspace, [("Acme", "9", "", "Ann", "Hansen")], replace)
    preview = session.preview()
    candidates = preview.detail(2)[0].candidates
    held = statuses(session)

    session.decide_match("company", [2], candidates[1].id)
    session.preview()
    session.commit()

    assert [("held_back", "several records of the CRM match")] == held
    assert [1, 2] == [candidate.id for candidate in candidates]
    assert ["1", "9"] == values(workspace, "code")
    assert [2] == values(workspace, "company_id", "person")


def test_none_of_the_candidates_adds_a_record(workspace: Workspace) -> None:
    two_acmes(workspace)
    session = loaded(workspace, [("Acme", "9")])

    session.decide_new("company", [2])

    assert [("new", "you said that it is none of the records found")] == statuses(session)


def test_not_the_same_is_remembered_for_the_next_file(workspace: Workspace) -> None:
    """Next month's file does not ask again: the rejected record is not found any more."""
    committed(workspace, [("Acme", "1")])
    session = loaded(workspace, [("Acme", "9")])
    session.decide_new("company", [2])
    session.preview()
    session.commit()

    again = loaded(workspace, [("Acme", "9")])

    assert ["1", "9"] == values(workspace, "code")
    assert [("unchanged", "found in the CRM")] == statuses(again)
    assert 2 == again.preview().sql("select match_id from company_record")["match_id"][0]


def test_this_is_that_one(workspace: Workspace) -> None:
    """A record that was not found is given one of the CRM that was searched for."""
    committed(workspace, [("Acme International", "1")])
    session = loaded(
        workspace, [("Acme Intl.", "9")], Settings().with_rule(COMPANY, action=Action.REPLACE)
    )

    ((found, label),) = session.find_existing("company", "acme int")
    session.decide_match("company", [2], found)
    session.preview()
    session.commit()

    assert "Acme International (ID 1)" == label
    assert ["Acme Intl."] == values(workspace, "name")


@pytest.mark.parametrize("gone", [False, True])
def test_a_chosen_record_must_be_there(workspace: Workspace, *, gone: bool) -> None:
    """A record that was never there, or that was deleted, is refused when it is chosen."""
    batch = committed(workspace, [("Acme", "1")])
    if gone:
        workspace.undo(batch.id)
    session = loaded(workspace, [("Beta", "9")])

    with pytest.raises(SettingsError, match="no company with ID") as caught:
        session.decide_match("company", [2], 1 if gone else 7)

    assert gone == ("it was deleted" in caught.value.message)
    assert 0 == session.decision_count()


def test_a_decision_names_the_record_and_the_field(workspace: Workspace) -> None:
    committed(workspace, [("Acme", "1")])
    session = loaded(workspace, [("Beta", "9")])

    session.decide_match("company", [2], 1)
    session.decide_cell("company", 2, "company.code", "5")
    session.decide_cell("company", 2, "company.category", "")

    assert [
        "Row 2: Company: Category is cleared.",
        "Row 2: Company: Code is set to “5”.",
        "Row 2: it is Acme (ID 1).",
    ] == [decision.label for decision in session.decisions()]


def test_a_value_that_is_new_in_its_list_is_a_note_and_no_problem(workspace: Workspace) -> None:
    session = loaded(workspace, [("Acme", "1", "Customer")])

    detail = session.preview().detail(2)[0]

    assert () == detail.problems
    assert 1 == len(detail.notes)
    assert "“Customer”: This value is new" in detail.notes[0]


def test_two_records_cannot_both_be_the_same_one(workspace: Workspace) -> None:
    committed(workspace, [("Acme", "1")])
    session = loaded(workspace, [("Acme", "9"), ("Acme 2", "8")])

    session.decide_match("company", [3], 1)

    assert ["unchanged", "held_back"] == [status for status, _ in statuses(session)]


@pytest.mark.parametrize("action", [Action.MERGE, Action.REPLACE])
def test_a_cell_set_by_hand_is_written(workspace: Workspace, action: Action) -> None:
    """In a new record, in a known one that nothing else would change, typed as its field."""
    row = ("Acme", "1", "Customer", "Ann", "Hansen", "ann@acme.example", "")
    committed(workspace, [row])
    settings = Settings().with_rule(COMPANY, action=action).with_rule(PERSON, action=action)
    session = loaded(workspace, [row, ("Beta", "2", "Customer", "Bo", "Berg")], settings)

    session.decide_cell("company", 2, "company.code", "999")
    session.decide_cell("company", 3, "company.code", "")
    session.decide_cell("person", 2, "person.birth_date", "31.1.1980")
    frame = session.preview().to_df("company")
    session.commit()

    assert ["changed", "new"] == frame["status"].tolist()
    assert ["999", None] == values(workspace, "code")
    born = workspace.query(
        "select strftime(birth_date, '%d.%m.%Y') as day from crm.person order by id"
    )
    assert "31.01.1980" == born["day"][0]


def test_a_cell_that_cannot_be_read_is_refused(workspace: Workspace) -> None:
    session = loaded(workspace, [("Acme", "1", "Customer", "Ann", "Hansen", "", "1.2.1980")])
    session.preview()

    with pytest.raises(SettingsError, match="cannot be read"):
        session.decide_cell("person", 2, "person.birth_date", "soon")
    with pytest.raises(SettingsError, match="no item"):
        session.decide_cell("company", 2, "company.category", "Unheard of")
    with pytest.raises(SettingsError, match="cannot be set by hand"):
        session.decide_cell("person", 2, "person.email", "a@b.example")

    assert 0 == session.decision_count()


def test_decisions_can_be_undone_and_survive_a_reload(workspace: Workspace) -> None:
    committed(workspace, [("Acme", "1")])
    session = loaded(workspace, [("Acme", "9")])
    session.decide_action("company", [2], Action.REPLACE)

    again = workspace.open_import(session.id)
    kept = [decision.label for decision in again.decisions()]
    before = statuses(again)
    again.undo_decisions("company", [2])

    assert ["Row 2: Replace - overwrite existing."] == kept
    assert "changed" == before[0][0]
    assert "unchanged" == statuses(again)[0][0]
    assert 0 == again.decision_count()


def test_many_at_once_by_filter(workspace: Workspace) -> None:
    """All held back because ambiguous take their first candidate; others are not touched."""
    two_acmes(workspace)
    session = loaded(workspace, [("Acme", "9"), ("Beta", "9"), ("Acme", "9", "", "Bo", "Berg")])
    preview = session.preview()
    shown = preview.order(RowFilter(entity="company", status="held_back"))

    decided = session.decide_shown("company", Choice.FIRST_CANDIDATE)

    assert (2, 1) == (shown, decided)
    assert ["unchanged", "new"] == [status for status, _ in statuses(session)]
    session.preview().order(RowFilter())
    session.decide_shown("company", Choice.UNDO)
    assert 0 == session.decision_count()


def test_a_decision_about_a_later_row_of_a_record_counts_and_can_be_undone(
    workspace: Workspace,
) -> None:
    committed(workspace, [("Acme", "1")])
    session = loaded(workspace, [("Acme", "9"), ("Acme", "9", "", "Bo", "Berg")])

    session.decide_action("company", [3], Action.SKIP)

    assert "skipped" == statuses(session)[0][0]
    assert ("Row 3: Skip - do not import.",) == session.preview().detail(2)[0].decided


def test_the_log_keeps_the_decisions(workspace: Workspace) -> None:
    committed(workspace, [("Acme", "1")])
    session = loaded(workspace, [("Acme", "9")])
    session.decide_action("company", [2], Action.REPLACE)
    session.preview()
    session.commit()

    kept = workspace.query("select decisions from crm.batch order by id desc limit 1")

    assert '"value":"replace"' in kept["decisions"][0].replace(" ", "")


def test_rows_of_one_record_show_which_row_won_each_field(workspace: Workspace) -> None:
    session = loaded(workspace, [("Acme", ""), ("Acme", "7"), ("Acme", "8")])

    detail = session.preview().detail(3)[0]
    won = {field.label: field.from_row for field in detail.fields}

    assert (2, 3, 4) == detail.rows
    assert (2, 3) == (won["Name"], won["Code"])


def test_two_settings_are_compared(workspace: Workspace) -> None:
    """The sentence that people ask for, and nothing is written or left behind."""
    committed(workspace, [("Acme", "1"), ("Beta", "1"), ("Gamma", "")])
    session = loaded(workspace, [("Acme", "9"), ("Beta", "9"), ("Gamma", "9")])
    session.preview()

    found = session.compare(session.settings.with_rule(COMPANY, action=Action.REPLACE))

    assert (
        "Replace would overwrite 2 values of Company: Code that Merge would keep.",
    ) == found.sentences
    assert ("Company: Code, overwritten", 0, 2) in found.table
    assert session.preview_is_fresh


def test_unknown_list_values_are_listed_with_near_spellings(workspace: Workspace) -> None:
    committed(workspace, [("Acme", "1", "Customer"), ("Beta", "2", "Supplier")])
    session = loaded(
        workspace,
        [("C", "", "Custmer"), ("D", "", "Custmer"), ("E", "", "Supplier"), ("F", "", "Zzz")],
    )

    found = [(v.text, v.rows, v.item, v.suggestion) for v in session.list_values()]

    assert [("Custmer", 2, "", "Customer"), ("Zzz", 1, "", "")] == found
