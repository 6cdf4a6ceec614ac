"""Selections: what a batch puts into them, and what can be done with them; rows held back."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from crmkit.batches import Batch
from crmkit.crm import Preferences
from crmkit.deletion import Dependents
from crmkit.entities import COMPANY, PERSON
from crmkit.errors import CancelledError, PlanError, SettingsError, StalePlanError
from crmkit.selections import Combination, Selection
from crmkit.session import ImportSession
from crmkit.settings import Action, Settings
from crmkit.workspace import Workspace
from tests.crm_kit import first_batch, new_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(
        tmp_path / "workspace", preferences=Preferences(mandatory_company=False, country="")
    )


def write(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def loaded(
    workspace: Workspace, rows: list[list[str]], settings: Settings | None = None
) -> ImportSession:
    session = workspace.new_import()
    session.load(write(workspace.path / "list.csv", rows))
    session.settings = settings or Settings()
    session.preview()
    return session


def imported(
    workspace: Workspace, rows: list[list[str]], settings: Settings | None = None
) -> Batch:
    def committed() -> Batch:
        return loaded(workspace, rows, settings).commit()

    if workspace.batches():
        return committed()
    return first_batch(workspace, (rows, settings), committed)


PEOPLE = [
    ["Company name", "VAT no.", "First name", "Last name"],
    ["Acme", "11", "Ann", "Hansen"],
    ["Acme", "11", "Bo", "Berg"],
    ["Beta", "22", "Cas", "Vries"],
    ["gamma", "33", "", ""],
]


def members(workspace: Workspace, batch: Batch) -> dict[tuple[str, str], int]:
    return {(s.entity, s.kind): s.members for s in workspace.selections(batch.id) if s.members}


def filled(counts: dict[str, int]) -> dict[str, int]:
    return {key: count for key, count in counts.items() if count}


def chosen(workspace: Workspace, batch: Batch, entity: str, kind: str = "new") -> Selection:
    return next(s for s in workspace.selections(batch.id) if (s.entity, s.kind) == (entity, kind))


def names(workspace: Workspace, selection: Selection) -> list[str]:
    headers, rows = workspace.selection_page(selection.id)
    position = headers.index(
        "Company name" if selection.entity == "company" else "Person first name"
    )
    return [row[position] for row in rows]


# --- what a batch puts into them ----------------------------------------------------------------


def test_an_import_selects_new_changed_unchanged_and_skipped(workspace: Workspace) -> None:
    imported(workspace, PEOPLE)

    rows = [
        ["Company name", "Code", "First name", "Last name"],
        ["Acme", "A", "Ann", "Hansen"],
        ["Beta", "", "Dia", "Dunn"],
    ]
    batch = imported(workspace, rows, Settings().with_rule(PERSON, action=Action.SKIP))

    assert members(workspace, batch) == {
        ("company", "changed"): 1,
        ("company", "unchanged"): 1,
        ("person", "new"): 1,
        ("person", "skipped"): 1,
    }


def test_counts_of_a_batch_stay_when_a_later_one_changes_its_records(workspace: Workspace) -> None:
    imported(workspace, PEOPLE)
    code = [["Company name", "Code"], ["Acme", "A"]]
    second = imported(workspace, code)
    replaced = [["Company name", "Code"], ["Acme", "B"]]
    imported(workspace, replaced, Settings().with_rule(COMPANY, action=Action.REPLACE))

    assert workspace.batch(second.id).written["company"] == {"new": 0, "changed": 1}


# --- the list -----------------------------------------------------------------------------------


def test_a_selection_is_sorted_by_any_column(workspace: Workspace) -> None:
    batch = imported(workspace, PEOPLE)
    companies = chosen(workspace, batch, "company")
    headers, _ = workspace.selection_page(companies.id)
    column = headers.index("Company name")

    def shown(**order: bool) -> list[str]:
        _, rows = workspace.selection_page(companies.id, sort=column, **order)
        return [row[column] for row in rows]

    assert shown() == ["Acme", "Beta", "gamma"]
    assert shown(descending=True) == ["gamma", "Beta", "Acme"]


@pytest.mark.parametrize(
    ("entity", "header"),
    [
        ("company", "Company vat number"),
        ("company", "Company no mailings"),
        ("company", "Postal address city"),
        ("person", "Company name"),
        ("person", "Person birth date"),
        ("person", "Person mobile"),
    ],
)
def test_a_column_of_any_kind_can_be_sorted_and_searched(
    workspace: Workspace, entity: str, header: str
) -> None:
    selection = chosen(workspace, imported(workspace, PEOPLE), entity)
    headers, _ = workspace.selection_page(selection.id)
    position = headers.index(header)

    _, rows = workspace.selection_page(selection.id, sort=position, descending=True, search="a")

    assert len(rows) == workspace.selection_count(selection.id, search="a") > 0


def test_a_sorted_page_begins_where_the_last_one_ended(workspace: Workspace) -> None:
    batch = imported(workspace, PEOPLE)
    companies = chosen(workspace, batch, "company")

    pages = [
        workspace.selection_page(companies.id, sort=1, descending=True, offset=n, limit=1)[1]
        for n in range(3)
    ]

    assert [page[0][1] for page in pages] == ["gamma", "Beta", "Acme"]


# --- members ------------------------------------------------------------------------------------


def test_members_are_removed_and_found_and_added_again(workspace: Workspace) -> None:
    companies = chosen(workspace, imported(workspace, PEOPLE), "company")

    fewer = workspace.remove_members(companies.id, [1, 2])
    found = workspace.find_others(companies.id, "ACM")
    more = workspace.add_members(companies.id, [number for number, _ in found])

    assert fewer.members == 1
    assert found == [(1, "Acme (ID 1)")]
    assert more.members == 2
    assert names(workspace, companies) == ["Acme", "gamma"]


def test_a_member_is_not_added_twice_and_strangers_not_at_all(workspace: Workspace) -> None:
    companies = chosen(workspace, imported(workspace, PEOPLE), "company")

    assert workspace.add_members(companies.id, [1, 1, 99]).members == 3
    assert workspace.add_members(companies.id, []).members == 3


def test_a_person_to_add_is_named_with_the_company(workspace: Workspace) -> None:
    persons = chosen(workspace, imported(workspace, PEOPLE), "person")
    workspace.remove_members(persons.id, [3])

    assert workspace.find_others(persons.id, "") == [(3, "Cas Vries, Beta (ID 3)")]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (Combination.UNION, ["Acme", "Beta", "gamma"]),
        (Combination.INTERSECTION, ["Beta"]),
        (Combination.DIFFERENCE, ["Acme"]),
    ],
    ids=lambda value: getattr(value, "value", ""),
)
def test_two_selections_make_a_third(
    workspace: Workspace, how: Combination, expected: list[str]
) -> None:
    first = chosen(workspace, imported(workspace, PEOPLE), "company")
    code = [["Company name", "Code"], ["Beta", "B"], ["gamma", "G"]]
    second = chosen(workspace, imported(workspace, code), "company", "changed")
    workspace.remove_members(first.id, [3])

    made = workspace.combine_selections(first.id, second.id, how=how, title=" Mine ")

    assert (made.name, made.kind, made.batch_id) == ("Mine", "own", None)
    assert names(workspace, made) == expected
    assert workspace.selections()[0].id == made.id
    assert workspace.export_selection(made.id).name == f"selection-{made.id}-company-own.xlsx"


def test_selections_of_two_entities_are_not_combined(workspace: Workspace) -> None:
    batch = imported(workspace, PEOPLE)
    companies, persons = chosen(workspace, batch, "company"), chosen(workspace, batch, "person")

    with pytest.raises(SettingsError, match="same kind"):
        workspace.combine_selections(companies.id, persons.id, how=Combination.UNION, title="Both")
    with pytest.raises(SettingsError, match="no name"):
        workspace.combine_selections(companies.id, companies.id, how=Combination.UNION, title=" ")


# --- a field for all ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entity", "target", "value", "query"),
    [
        ("company", "company.category", "Customer; \"A\", 'b'", "category"),
        ("company", "company.code", "-7", "code"),
        ("person", "person.title", "Dr", "title"),
        ("person", "person.birth_date", "1980-01-31", "birth_date"),
    ],
)
def test_a_field_is_set_for_all_members(
    workspace: Workspace, entity: str, target: str, value: str, query: str
) -> None:
    selection = chosen(workspace, imported(workspace, PEOPLE), entity)
    workspace.remove_members(selection.id, [2])

    session = workspace.new_import_from_selection(selection.id, target, value)
    counts = {item.entity: item.records for item in session.preview().balance}
    batch = session.commit()

    headers, rows = workspace.selection_page(chosen(workspace, batch, entity, "changed").id)
    label = next(h for h in headers if h.lower() == f"{entity} {query.replace('_', ' ')}")
    assert session.step == "result"
    assert counts[entity]["changed"] == len(rows) == 2
    assert [str(row[headers.index(label)]) for row in rows] == [value, value]
    assert all(item == 0 for item in counts["company"].values()) or entity == "company"

    workspace.undo(batch.id)
    _, rows = workspace.selection_page(selection.id)
    assert [row[headers.index(label)] for row in rows] == [None, None]


def test_an_address_is_set_for_all_members(workspace: Workspace) -> None:
    selection = chosen(workspace, imported(workspace, PEOPLE), "company")

    session = workspace.new_import_from_selection(selection.id, "company.postal.city", "Oslo")
    session.preview()
    session.commit()

    cities = workspace.query("select city from crm.address order by id")["city"].tolist()
    assert cities == ["Oslo", "Oslo", "Oslo"]


def test_a_blank_value_clears_the_field_for_all_members(workspace: Workspace) -> None:
    selection = chosen(workspace, imported(workspace, PEOPLE), "company")

    session = workspace.new_import_from_selection(selection.id, "company.vat_number", " ")
    session.preview()
    session.commit()

    left = workspace.query("select count(vat_number) as n from crm.company")["n"].tolist()
    assert left == [0]


def test_what_cannot_be_set_for_all_is_refused(workspace: Workspace) -> None:
    companies = chosen(workspace, imported(workspace, PEOPLE), "company")

    with pytest.raises(SettingsError, match="cannot be set"):
        workspace.new_import_from_selection(companies.id, "company.phone", "1")
    workspace.remove_members(companies.id, [1, 2, 3])
    with pytest.raises(SettingsError, match="no members"):
        workspace.new_import_from_selection(companies.id, "company.code", "1")
    assert workspace.unfinished() == ()


# --- deleting the members -----------------------------------------------------------------------


def test_deleting_companies_deletes_their_persons_as_previewed(workspace: Workspace) -> None:
    companies = chosen(workspace, imported(workspace, PEOPLE), "company")
    workspace.remove_members(companies.id, [2])

    preview = workspace.delete_preview(companies.id)
    batch = workspace.delete_members(preview)

    assert filled(preview.removed) == {"company": 2, "person": 2}
    assert filled(preview.released) == {}
    assert batch.kind == "delete"
    assert batch.backup
    assert workspace.record_counts()[:2] == (("Companies", 1), ("Persons", 1))
    assert members(workspace, batch) == {}


def test_persons_are_kept_without_their_company_and_go_back_to_it(workspace: Workspace) -> None:
    companies = chosen(workspace, imported(workspace, PEOPLE), "company")
    homes = "select id, company_id from crm.person where deleted_at is null order by id"
    before = workspace.query(homes)

    preview = workspace.delete_preview(companies.id, Dependents.KEEP)
    batch = workspace.delete_members(preview)

    assert (preview.removed["company"], preview.released["person"]) == (3, 3)
    assert workspace.record_counts()[:2] == (("Companies", 0), ("Persons", 3))
    assert workspace.query(homes)["company_id"].isna().all()

    workspace.undo(batch.id)
    assert workspace.record_counts()[:2] == (("Companies", 3), ("Persons", 3))
    assert before.equals(workspace.query(homes))


def test_persons_cannot_be_kept_where_they_must_have_a_company(workspace: Workspace) -> None:
    companies = chosen(workspace, imported(workspace, PEOPLE), "company")
    workspace.preferences = Preferences(mandatory_company=True)

    assert workspace.delete_preview(companies.id).choices == (Dependents.DELETE,)
    with pytest.raises(SettingsError, match="cannot be kept"):
        workspace.delete_preview(companies.id, Dependents.KEEP)


def test_a_delete_on_another_state_than_its_preview_is_refused(workspace: Workspace) -> None:
    companies = chosen(workspace, imported(workspace, PEOPLE), "company")
    preview = workspace.delete_preview(companies.id)
    workspace.remove_members(companies.id, [1])

    with pytest.raises(StalePlanError):
        workspace.delete_members(preview)

    assert workspace.record_counts()[0] == ("Companies", 3)


def test_a_deleted_record_is_found_by_no_import(workspace: Workspace) -> None:
    companies = chosen(workspace, imported(workspace, PEOPLE), "company")
    workspace.delete_members(workspace.delete_preview(companies.id))

    batch = imported(workspace, PEOPLE)

    assert batch.written["company"] == {"new": 3, "changed": 0}


# --- rows held back -----------------------------------------------------------------------------

# Reading a CSV file takes one apostrophe off what a spreadsheet would take for a formula.
HELD = [
    ["Company name", "", "Name", "Name", "Company VAT no."],
    ["Acme", "=1+1", "+47 1", "-x", "11"],
    ["#N/A", "''=2", "@me", "\ttab", "00022"],
    ["#N/A", "'plain", "00123", "a\nb", "33"],
]


@pytest.mark.parametrize("ending", ["xlsx", "csv"])
def test_held_back_rows_export_in_the_shape_of_the_source(
    workspace: Workspace, ending: str
) -> None:
    session = loaded(workspace, HELD)

    path = session.export_held_back(ending=ending)
    again = workspace.new_import()
    again.load(path)

    cells = again.first_rows().drop(columns="row_no").values.tolist()
    assert session.held_back() == 2
    assert [row[:5] for row in cells] == [
        ["#N/A", "'=2", "@me", "\ttab", "00022"],
        ["#N/A", "'plain", "00123", "a\nb", "33"],
    ]
    assert all("#N/A" in row[5] and "Mend the formula" in row[5] for row in cells)
    headers = [column.header for column in again.staged.columns]
    assert headers[:1] + headers[2:5] == ["Company name", "Name", "Name (2)", "Company VAT no."]


def test_a_spreadsheet_shows_exported_formulas_as_text(workspace: Workspace) -> None:
    session = loaded(workspace, [["Company name", "Note"], ["#N/A", "=1+1"], ["#N/A", "''=1"]])

    book = openpyxl.load_workbook(session.export_held_back())
    text = session.export_held_back(ending="csv").read_text(encoding="utf-8-sig")

    assert book.active is not None
    cell = book.active["B2"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")
    assert [row[1] for row in csv.reader(text.splitlines())] == ["Note", "'=1+1", "''=1"]


def test_held_back_headers_are_those_of_the_source(workspace: Workspace) -> None:
    session = loaded(workspace, HELD)

    with session.export_held_back(ending="csv").open(encoding="utf-8-sig", newline="") as file:
        headers = next(csv.reader(file))

    assert headers == [*HELD[0], "Why this row was held back"]


def test_a_mended_export_imports_again_without_its_reason(workspace: Workspace) -> None:
    rows = [["Company name", "Code"], ["Acme", "A"], ["#N/A", "B"], ["#REF!", "C"]]
    session = loaded(workspace, rows)
    session.commit()

    book = openpyxl.load_workbook(session.export_held_back())
    sheet = book.active
    assert sheet is not None
    sheet["A2"] = "Beta"
    book.save(workspace.path / "mended.xlsx")
    again = workspace.new_import()
    again.load(workspace.path / "mended.xlsx")
    again.preview()

    assert again.mapping.columns[-1].target is None
    assert "why the row was held back" in again.mapping.columns[-1].reason
    assert again.commit().written["company"] == {"new": 1, "changed": 0}
    # What is still held back has the reason once, in the last column.
    headers, left = again.held_back_page()
    assert headers == ("Row", "Company name", "Code", "Why this row was held back")
    assert [row[:3] for row in left] == [(3, "#REF!", "C")]


def test_the_reason_names_each_record_that_is_held_back(workspace: Workspace) -> None:
    imported(
        workspace,
        [["Company name", "Code"], ["Acme", "A"], ["Acme", "B"]],
        Settings(rows_apart=True),
    )

    session = loaded(workspace, [["Company name", "First name"], ["Acme", "Ann"]])
    _, rows = session.held_back_page()

    (reason,) = [row[-1] for row in rows]
    assert "Company: “acme”: The company is held back: several records of the CRM match." in reason
    assert "Person: its company is held back." in reason


def test_nothing_held_back_is_said_so(workspace: Workspace) -> None:
    session = loaded(workspace, PEOPLE)

    with pytest.raises(PlanError, match="No row is held back"):
        session.export_held_back()


# --- undo through the workspace -----------------------------------------------------------------


def test_an_undo_is_a_batch_with_a_backup_and_can_be_undone(workspace: Workspace) -> None:
    batch = imported(workspace, PEOPLE)

    preview = workspace.undo_preview(batch.id)
    undone = workspace.undo(batch.id, revision=preview.revision)
    again = workspace.undo(undone.id)

    assert (
        filled(preview.removed)
        == {"company": 3, "person": 3}
        == {
            entity: counts["removed"]
            for entity, counts in undone.written.items()
            if counts.get("removed")
        }
    )
    assert (undone.kind, undone.undoes) == ("undo", batch.id)
    assert (workspace.path / "backups" / undone.backup).exists()
    assert again.count("back") == 6
    assert [b.undone_by for b in workspace.batches()] == [None, again.id, None]
    assert workspace.record_counts()[:2] == (("Companies", 3), ("Persons", 3))


@pytest.mark.parametrize("what", ["undo", "delete"])
def test_an_undo_or_a_delete_is_cancelled_as_long_as_it_is_not_in_the_crm(
    workspace: Workspace, what: str
) -> None:
    batch = imported(workspace, PEOPLE)
    companies = chosen(workspace, batch, "company")

    def run(progress: Callable[[float, str], None]) -> Batch:
        if what == "undo":
            return workspace.undo(batch.id, progress=progress)
        return workspace.delete_members(workspace.delete_preview(companies.id), progress=progress)

    def interrupt(fraction: float, text: str) -> None:
        if 0.2 < fraction < 1:
            workspace.cancel()

    def stop_when_done(fraction: float, text: str) -> None:
        if fraction == 1:
            raise CancelledError("The work was stopped.")

    with pytest.raises(CancelledError):
        run(interrupt)

    assert dict(workspace.record_counts())["Companies"] == 3
    assert run(stop_when_done).count("removed") == 6
    assert dict(workspace.record_counts())["Companies"] == 0


def test_an_undo_of_a_stale_preview_is_refused(workspace: Workspace) -> None:
    batch = imported(workspace, PEOPLE)
    preview = workspace.undo_preview(batch.id)
    imported(workspace, [["Company name"], ["Delta"]])

    with pytest.raises(StalePlanError):
        workspace.undo(batch.id, revision=preview.revision)


def test_an_undone_file_can_be_imported_again(workspace: Workspace) -> None:
    batch = imported(workspace, PEOPLE)
    workspace.undo(batch.id)

    again = imported(workspace, PEOPLE)

    assert again.written == batch.written
