"""Cleaning steps in an import: what planning reads, what is shown, and that the commit writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crmkit.cleaning import make_source
from crmkit.database import Database, in_memory
from crmkit.errors import MappingError
from crmkit.mapping import Mapping
from crmkit.session import ImportSession
from crmkit.settings import Settings
from crmkit.sql import sql
from crmkit.steps import (
    Case,
    Constant,
    Country,
    Expression,
    NamePart,
    NullWords,
    Phone,
    Replace,
    Split,
    Trim,
    Vat,
)
from tests.crm_kit import Kit, Row, mapping_of, new_workspace, stage

NAME, PHONE, VAT, CITY = (
    "company.name",
    "company.phone",
    "company.vat_number",
    "company.department",
)
ROWS: list[Row] = [
    {NAME: "ACME  AS", PHONE: "23 35 40 00", VAT: "923609016", CITY: "Norge/Oslo"},
    {NAME: "BETA BV", PHONE: "ask Kari", VAT: "923609017", CITY: "Norge/Bergen"},
    {NAME: None, PHONE: None, VAT: None, CITY: None},
]


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path)


def mapping() -> Mapping:
    return (
        mapping_of([NAME, PHONE, VAT, CITY])
        .with_steps("c1", [Trim(), Case()])
        .with_steps("c2", [Phone()])
        .with_steps("c3", [Vat()])
        .with_steps("c4", [Split(separator="/", number=2)])
    )


def test_what_is_cleaned_is_what_is_written(kit: Kit) -> None:
    kit.load(ROWS, mapping=mapping())

    written = [(r["name"], r["vat_number"], r["department"]) for r in kit.records("company")]
    assert [("Acme AS", "923609016", "Oslo"), ("Beta BV", "923609017", "Bergen")] == written
    assert [(1, "phone", "+4723354000"), (2, "phone", "ask Kari")] == kit.children(
        "phone", "company"
    )


def test_what_the_preview_shows_is_what_the_commit_writes(kit: Kit) -> None:
    """Cell for cell, with steps in use; and the same file again changes nothing."""
    shown = kit.load(ROWS, mapping=mapping(), write=False, detailed=[2, 3])
    kit.load(ROWS, mapping=mapping())

    for number, record in zip((2, 3), kit.records("company"), strict=True):
        outcome = {field.label: field.outcome for field in shown.details[number][0].fields}
        assert record["name"] == outcome["Name"]
        assert record["department"] == outcome["Department"]
    assert {"unchanged": 2} == kit.load(ROWS, mapping=mapping()).counts("company")


def test_known_records_are_found_by_the_cleaned_text(kit: Kit) -> None:
    kit.load([{NAME: "Acme AS"}])

    steps = mapping_of([NAME]).with_steps("c1", [Replace(table={"ACM": "Acme AS"})])

    assert {"unchanged": 1} == kit.load([{NAME: "acm"}], mapping=steps).counts("company")


def test_what_goes_wrong_in_a_step_is_an_issue_of_its_row(kit: Kit) -> None:
    outcome = kit.load(ROWS, mapping=mapping())

    found = [
        (issue["row_no"], issue["code"], issue["level"], issue["header"], issue["value"])
        for issue in outcome.issues
    ]
    assert [
        (3, "step-failed", "warning", "c2", "ask Kari"),
        (3, "step-failed", "warning", "c3", "923609017"),
    ] == found


def test_a_failed_step_of_a_name_holds_its_row_back_and_no_other(kit: Kit) -> None:
    steps = mapping_of([NAME, CITY]).with_steps(
        "c1", [Expression(text="value || cast(strlen(c2) / try_cast(c2 as int) as int)")]
    )
    failing = mapping_of([NAME, CITY]).with_steps("c1", [Expression(text="cast(c2 as int)")])
    rows: list[Row] = [{NAME: "Acme", CITY: "7"}, {NAME: "Beta", CITY: "Oslo"}]

    outcome = kit.load(rows, mapping=failing, write=False)

    assert {2: "new", 3: "problem"} == outcome.statuses("company")
    assert [(3, "step-failed")] == outcome.codes()
    assert {"new": 1} == kit.load(rows[:1], mapping=steps, write=False).counts("company")


def test_rows_left_out_have_no_issues_of_steps(kit: Kit) -> None:
    outcome = kit.load(ROWS, mapping=mapping(), left_out=[3])

    assert [] == outcome.codes()


def test_a_made_column_reads_the_cleaned_ones(kit: Kit) -> None:
    """Split and joined columns are mapped like columns of the file."""
    cleaned = (
        mapping_of([NAME, CITY])
        .with_target("c2", None)
        .with_steps("c1", [Case()])
        .with_made("Place", ["c2"], steps=[Split(separator="/", number=2)])
        .with_made("Both", ["c1", "c2"], separator=" - ", steps=[Expression(text="value || '!'")])
        .with_target("m1", CITY)
        .with_target("m2", "company.code")
    )

    kit.load([{NAME: "ACME", CITY: "Norge/Oslo"}, {NAME: "BETA", CITY: None}], mapping=cleaned)

    written = [(r["name"], r["department"], r["code"]) for r in kit.records("company")]
    assert [("Acme", "Oslo", "Acme - Norge/Oslo!"), ("Beta", None, "Beta!")] == written


def test_an_expression_reads_other_columns_as_in_the_file_and_a_made_one_as_cleaned(
    kit: Kit,
) -> None:
    cleaned = (
        mapping_of([NAME, CITY])
        .with_steps("c1", [Case(), Expression(text="value || '/' || c2")])
        .with_steps("c2", [Case()])
        .with_made("Dep", ["c2"], steps=[Expression(text="value || '/' || c2")])
        .with_target("m1", "company.code")
    )

    kit.load([{NAME: "ACME", CITY: "OSLO"}], mapping=cleaned)

    (record,) = kit.records("company")
    assert ("Acme/OSLO", "Oslo/Oslo") == (record["name"], record["code"])


def test_the_parts_of_a_name_go_into_fields_of_their_own(kit: Kit) -> None:
    full = "person.full_name"
    parts = mapping_of([NAME, full]).with_target("c2", None)
    rows: list[Row] = [{NAME: "Acme", full: "Dr. Berg, Jan van den"}]
    for number, part in enumerate(("first", "last"), start=1):
        parts = parts.with_made(part, ["c2"], steps=[NamePart(part=part)]).with_target(
            f"m{number}", f"person.{part}_name"
        )

    kit.load(rows, mapping=parts)
    kit.load([{NAME: "Acme", full: "Jan van den Berg"}])

    (person,) = kit.records("person")
    assert ("Jan", "van den Berg") == (person["first_name"], person["last_name"])


def test_without_steps_the_rows_are_read_as_they_are(kit: Kit) -> None:
    """Nothing is copied: `source` is the staged table."""
    unused = mapping_of([NAME, CITY]).with_target("c2", None).with_steps("c2", [Case()])

    assert {"new": 1} == kit.load([{NAME: "ACME", CITY: "OSLO"}], mapping=unused).counts("company")
    assert [("ACME", None)] == [(r["name"], r["department"]) for r in kit.records("company")]


# --- by the session ----------------------------------------------------------------------------


@pytest.fixture
def session(tmp_path: Path) -> ImportSession:
    path = tmp_path / "list.csv"
    path.write_text(
        "Company name;City;Contact\nACME AS;OSLO;Kari Lie\nBETA BV;BERGEN;Bo Berg\n",
        encoding="utf-8",
    )
    session = new_workspace(tmp_path / "workspace").new_import()
    session.load(path)
    return session


def test_steps_are_set_tried_and_kept(session: ImportSession) -> None:
    """Three lines of Python; a reopened import has them still, and so has another suggestion."""
    session.set_steps("Company name", [Case(), Expression(text="value || ' ' || \"city\"")])
    tried = session.try_steps("Company name")
    shown = session.preview().to_df()

    assert [("ACME AS", "Acme AS OSLO"), ("BETA BV", "Beta BV BERGEN")] == [
        (trial.before, trial.after) for trial in tried
    ]
    assert ["Acme AS OSLO", "Beta BV BERGEN"] == list(shown["name"])
    again = session.workspace.open_import(session.id)
    assert again.mapping == session.mapping
    assert again.preview_is_fresh
    assert again.suggest_mapping().steps == session.mapping.steps


def test_other_steps_ask_for_a_new_preview(session: ImportSession) -> None:
    session.preview()

    session.set_steps("City", [Case()])

    assert not session.preview_is_fresh
    assert "Oslo" in set(session.preview().to_df()["postal.city"])


def test_steps_that_fail_are_tried_first(session: ImportSession) -> None:
    tried = session.try_steps(
        "City", [Expression(text="case when value = 'BERGEN' then cast(value as int) else 1 end")]
    )

    assert ["BERGEN", "OSLO"] == [trial.before for trial in tried]
    assert "cannot be computed for this row" in tried[0].fault
    assert "" == tried[1].fault
    assert not session.mapping.steps, "trying keeps nothing"


def test_columns_are_split_joined_and_taken_away(session: ImportSession) -> None:
    names = session.split_names("Contact")
    parts = session.split_column("Contact", " ", 2)
    joined = session.make_column("Where", ["Company name", "City"], separator=", ")

    assert ["Kari Lie", "Bo Berg"] == [t.before for t in session.try_steps(names[0])]
    assert {"Kari", "Bo"} == {t.after for t in session.try_steps(parts[0])}
    assert "ACME AS, OSLO" in {t.after for t in session.try_steps(joined)}
    session.remove_column("Where")
    assert joined not in session.mapping.headers(session.staged)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([Expression(text="read_csv('x')")], "“City”.*“read_csv” cannot be used here"),
        ([Expression(text='upper("Town")')], "no column “Town”"),
        ([{"kind": "pattern", "pattern": "(["}], "the pattern “\\(\\[” cannot be used: missing"),
    ],
)
def test_steps_that_cannot_be_used_are_refused_in_words(
    session: ImportSession, steps: list[Expression], message: str
) -> None:
    """Nothing is kept, and trying says the same."""
    with pytest.raises(MappingError, match=message):
        session.set_steps("City", steps)
    with pytest.raises(MappingError, match=message):
        session.try_steps("City", steps)

    assert not session.mapping.steps


def test_an_unknown_column_is_told_with_the_known_ones(session: ImportSession) -> None:
    with pytest.raises(MappingError, match="Company name, City, Contact"):
        session.set_steps("Town", [Trim()])


def test_the_comparison_of_settings_and_list_values_see_the_cleaned_text(
    session: ImportSession,
) -> None:
    session.make_column("Kind", ["City"], steps=[Replace(table={"OSLO": "Customr"})])
    session.mapping = session.mapping.with_target("m1", "company.category")

    assert "Customr" in {value.text for value in session.list_values()}
    assert session.compare(Settings(rows_apart=True)) is not None


def test_looking_at_list_values_leaves_the_preview_s_rows_as_they_are(
    session: ImportSession,
) -> None:
    """They need the steps of their own columns only, and must not take the others' away."""
    session.set_steps("City", [Replace(table={"OSLO": "Oslo by"})])
    session.make_column("Kind", ["City"], steps=[Replace(table={"Oslo by": "Customr"})])
    session.mapping = session.mapping.with_target("m1", "company.category")
    session.preview()
    with session.reading() as db:
        before = db.rows(sql("from source order by row_no"))

    assert "Customr" in {value.text for value in session.list_values()}

    with session.reading() as db:
        assert before == db.rows(sql("from source order by row_no"))
    assert "Oslo by" in {cell for row in before for cell in row}


COUNTRY = "company.country"
MESSY: list[Row] = [
    {NAME: name_, PHONE: phone, VAT: vat, CITY: city, COUNTRY: country}
    for name_, phone, vat, city, country in [
        ("ACME  AS", "23 35 40 00", "923609016", "Norge/Oslo", "Norge"),
        ("acme  as ", "23354000", "923609017", "Norge/Oslo", "Norway"),
        (None, "0201 123456", "DE136695976", "Essen", "Deutschland"),
        ("ACME  AS", "0201 123456", "136695976", None, "Tyskland"),
        ("ACME  AS", "ask Kari", None, " / ", None),
        ("n/a", None, "NL004495445B01", "Utrecht/Utrecht", "nl"),
        ("n/a", "(030) 231 45 67", "004495445B01", "", "Nederland"),
    ]
]


@pytest.mark.parametrize("country_column", [True, False])
def test_a_large_file_that_repeats_its_texts_is_cleaned_as_a_small_one(
    country_column: bool,
) -> None:
    """There each text takes the steps once, with the country of its row where they ask for it."""
    targets = [NAME, PHONE, VAT, CITY, COUNTRY]
    steps = (
        mapping_of(targets)
        .with_steps("c1", [NullWords(), Case(), Constant(text="Unknown")])
        .with_steps("c2", [Phone()])
        .with_steps("c3", [Vat()])
        .with_steps("c4", [Split(separator="/", number=2), Expression(text="value || c1")])
        .with_steps("c5", [Country(), Replace(table={"SE": "Sverige"})])
        .with_made("Both", ["c1", "c2"], steps=[Case(to="upper")])
        .with_target("m1", "company.code")
    )
    if not country_column:
        steps = steps.with_target("c5", None).with_constant(COUNTRY, "Sverige")

    def cleaned(db: Database) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        make_source(db, steps, "NO")
        cells = db.rows(
            sql("select * exclude (row_no), (row_no - 2) % 7 from source order by row_no")
        )
        faults = db.rows(
            sql("select (row_no - 2) % 7, * exclude (row_no) from step_fault order by all")
        )
        return cells, faults

    with in_memory() as db:
        stage(db, targets, MESSY, [])
        cells, faults = cleaned(db)
        db.run(
            sql(
                "create or replace table staged as select staged.* replace"
                " (row_no + 7 * cast(times as integer) as row_no) from staged, range(2000) as t(times)"
            )
        )

        many_cells, many_faults = cleaned(db)

    assert len(MESSY) == len(cells)
    assert faults
    assert cells * 2_000 == many_cells
    assert sorted(faults * 2_000, key=str) == sorted(many_faults, key=str)
