"""Decisions about single records go before the settings (issue 3, "Decisions record by record")."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from crmkit.decisions import Choice
from crmkit.entities import COMPANY, PERSON
from crmkit.errors import SettingsError
from crmkit.preview import RowFilter
from crmkit.session import ImportSession
from crmkit.settings import Action, ChildAction, Settings
from crmkit.workspace import Workspace
from tests.crm_kit import first_batch, new_workspace

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
    return new_workspace(tmp_path / "workspace")


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
    mapping = session.mapping.with_target("c2", "company.code")
    session.mapping = mapping.with_target("c6", "person.email")
    if settings is not None:
        session.settings = settings
    return session


def committed(workspace: Workspace, rows: list[tuple[str, ...]], settings: Settings | None = None):
    def imported():
        session = loaded(workspace, rows, settings)
        session.preview()
        return session.commit()

    return imported() if workspace.batches() else first_batch(workspace, (rows, settings), imported)


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


def test_not_the_same_is_forgotten_with_its_batch(workspace: Workspace) -> None:
    """An undo of the import takes it back, an undo of that undo brings it again."""
    committed(workspace, [("Acme", "1")])
    session = loaded(workspace, [("Acme", "9")])
    session.decide_new("company", [2])
    session.preview()
    batch = session.commit()

    undone = workspace.undo(batch.id)
    matched = (
        loaded(workspace, [("Acme", "9")]).preview().sql("select match_id from company_record")
    )
    workspace.undo(undone.id)
    again = loaded(workspace, [("Acme", "9")]).preview().sql("select match_id from company_record")

    assert [1] == matched["match_id"].tolist()
    assert [2] == again["match_id"].tolist()


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
        session.decide_cell("person", 2, "person.mobile", "90011223")
    with pytest.raises(SettingsError, match="not an e-mail address"):
        session.decide_cell("person", 2, "person.email", "ann@acme.example; nonsense")
    with pytest.raises(SettingsError, match="cannot be without Name"):
        session.decide_cell("company", 2, "company.name", " ")

    assert 0 == session.decision_count()


def emails(workspace: Workspace) -> list[tuple[int, str]]:
    frame = workspace.query(
        "select person_id, value from crm.email where deleted_at is null order by person_id, rank"
    )
    return list(frame.itertuples(index=False, name=None))


@pytest.mark.parametrize("links", list(ChildAction))
def test_the_values_of_a_record_are_set_by_hand(workspace: Workspace, links: ChildAction) -> None:
    """E-mail addresses, as phones, links and interests: what was set is all that the record has."""
    by_hand = {
        "Ann": ["new@acme.example"],  # another one
        "Cas": ["cas@acme.example", "new@acme.example"],  # one more
        "Dea": ["Dea@Acme.example"],  # spelt otherwise
        "Eva": [],  # none
    }
    people = [
        ("Acme", "1", "", first, "Hansen", f"{first.lower()}@acme.example") for first in by_hand
    ]
    committed(workspace, people)
    bo = ("Acme", "1", "", "Bo", "Berg", "bo@acme.example")
    session = loaded(workspace, [*people, bo], Settings(links=links))

    for row, values in enumerate(by_hand.values(), start=2):
        session.decide_cell("person", row, "person.email", ";".join(values))
    preview = session.preview()
    shown = [
        field.outcome or ""
        for row in range(2, 2 + len(by_hand))
        for field in preview.detail(row)[1].fields
        if field.target == "person.email"
    ]
    session.commit()

    assert ["; ".join(values) for values in by_hand.values()] == shown
    assert [
        *((person, value) for person, values in enumerate(by_hand.values(), 1) for value in values),
        (1 + len(by_hand), "bo@acme.example"),
    ] == emails(workspace)


def test_the_values_of_a_new_record_are_set_by_hand(workspace: Workspace) -> None:
    session = loaded(workspace, [("Acme", "1", "", "Ann", "Hansen", "")])

    session.decide_cell("person", 2, "person.email", "ann@acme.example")
    session.preview()
    session.commit()

    assert [(1, "ann@acme.example")] == emails(workspace)


def test_a_name_set_by_hand_frees_the_record(workspace: Workspace) -> None:
    """The row is then looked for and brought together like the others."""
    committed(workspace, [("Acme", "1")])
    session = loaded(workspace, [("#N/A", "9", "", "Ann", "Hansen"), ("Beta", "8")])
    held = statuses(session)

    session.decide_cell("company", 2, "company.name", "Acme")
    freed = statuses(session)
    session.commit()

    assert [
        ("problem", "a cell that it needs cannot be used"),
        ("new", "not in the CRM yet"),
    ] == held
    assert [("unchanged", "found in the CRM"), ("new", "not in the CRM yet")] == freed
    assert [1] == values(workspace, "company_id", "person")


def test_a_missing_name_set_by_hand_frees_the_record(workspace: Workspace) -> None:
    by_code = Settings().with_rule(COMPANY, match_key="code")
    session = loaded(workspace, [("", "7"), ("", "8")], by_code)
    held = statuses(session)

    session.decide_cell("company", 2, "company.name", "Acme")
    freed = [status for status, _ in statuses(session)]
    session.commit()

    assert ["held_back", "held_back"] == [status for status, _ in held]
    assert ["new", "held_back"] == freed
    assert ["Acme"] == values(workspace, "name")


def test_an_unreadable_match_key_set_by_hand_is_looked_for(workspace: Workspace) -> None:
    committed(workspace, [("Acme", "1", "", "Ann", "Hansen", "ann@acme.example")])
    by_email = Settings().with_rule(PERSON, match_key="email")
    session = loaded(workspace, [("Acme", "1", "", "Anne", "Hansen", "nonsense")], by_email)
    held = [status for status, _ in statuses(session, "person")]

    session.decide_cell("person", 2, "person.email", "ann@acme.example")
    freed = statuses(session, "person")

    assert ["problem"] == held
    assert [("unchanged", "found in the CRM")] == freed
    issues = session.preview().issues()
    assert ["You set it to “ann@acme.example” by hand."] == issues["mend"].tolist()
    assert ["note"] == issues["level"].tolist()


def test_a_decision_that_cannot_be_carried_out_is_pointed_out(workspace: Workspace) -> None:
    """The record and the list item that were chosen went with the undo of their batch."""
    batch = committed(workspace, [("Acme", "1", "Customer")])
    session = loaded(workspace, [("Beta", "9", "Partner")])
    session.decide_match("company", [2], 1)
    session.decide_cell("company", 2, "company.category", "Customer")
    workspace.undo(batch.id)

    found = statuses(session)
    issues = session.preview().issues()
    session.commit()

    assert [("new", "not in the CRM yet")] == found
    assert ["decision-lost"] * 2 == sorted(issues["code"])[:2]
    assert ["Beta"] == values(workspace, "name")
    (category,) = workspace.query(
        "select item.name from crm.company join crm.list_item as item on item.id = category_id"
        " where deleted_at is null"
    )["name"]
    assert "Partner" == category


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


def test_of_very_many_unknown_values_the_most_used_are_listed(workspace: Workspace) -> None:
    values = [*(f"Kind {number:03}" for number in range(501)), "Kind 500", "Other"]
    session = loaded(workspace, [("C", "", value) for value in values])

    found = [(value.text, value.rows) for value in session.list_values()]

    assert [("Kind 500", 2), ("Kind 000", 1)] == found[:2]
    assert ("Kind 498", 1) == found[-1]
