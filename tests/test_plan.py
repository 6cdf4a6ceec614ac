"""What the plan decides for each record, rule by rule (issue 2, "Rules that are easy to get wrong")."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmkit.crm import Preferences
from crmkit.entities import COMPANY, PERSON
from crmkit.mapping import Constant
from crmkit.settings import DO_NOT_IMPORT, Action, NoCompanyName, Settings, UnknownItem
from tests.crm_kit import Kit, Row, mapping_of

NAME, VAT, CITY, CODE = "company.name", "company.vat_number", "company.postal.city", "company.code"
FIRST, LAST, EMAIL, MOBILE = (
    "person.first_name",
    "person.last_name",
    "person.email",
    "person.mobile",
)
PHONE, COUNTRY, CATEGORY = "company.phone", "company.country", "company.category"


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path)


def company(action: Action, match_key: str = "name") -> Settings:
    return Settings().with_rule(COMPANY, match_key=match_key, action=action)


def person(action: Action, match_key: str = "name") -> Settings:
    return Settings().with_rule(PERSON, match_key=match_key, action=action)


ANN: Row = {NAME: "Acme AS", CITY: "Oslo", FIRST: "Ann", LAST: "Hansen"}


def test_rows_of_one_company_become_one_company(kit: Kit) -> None:
    """Several people in one company are one row each, with the company's name repeated."""
    outcome = kit.load([ANN, {NAME: " acme  AS ", FIRST: "Bo", LAST: "Berg"}])

    assert outcome.counts("company") == {"new": 1}
    assert outcome.counts("person") == {"new": 2}
    assert [record["name"] for record in kit.records("company")] == ["Acme AS"]
    assert [record["company_id"] for record in kit.records("person")] == [1, 1]


def test_add_always_still_brings_rows_of_one_company_together(kit: Kit) -> None:
    """Rows of the file that are the same company become one, Add always included."""
    settings = company(Action.ADD).with_rule(PERSON, action=Action.ADD)

    outcome = kit.load([ANN, {NAME: "Acme AS", FIRST: "Bo", LAST: "Berg"}], settings)
    again = kit.load([ANN], settings)

    assert outcome.counts("company") == {"new": 1}
    assert again.counts("company") == {"new": 1}
    assert len(kit.records("company")) == 2


def test_rows_apart_makes_each_row_its_own_company(kit: Kit) -> None:
    """The switch makes every row its own, where it is not known."""
    settings = company(Action.MERGE).model_copy(update={"rows_apart": True})

    outcome = kit.load([{NAME: "Acme"}, {NAME: "Acme"}], settings)

    assert outcome.counts("company") == {"new": 2}


def test_rows_apart_still_finds_the_known_company_once(kit: Kit) -> None:
    """Two rows cannot both be the one known company: they are brought together there."""
    kit.load([{NAME: "Acme"}])
    settings = company(Action.MERGE).model_copy(update={"rows_apart": True})

    outcome = kit.load([{NAME: "Acme", CITY: "Oslo"}, {NAME: "ACME", CITY: ""}], settings)

    assert outcome.counts("company") == {"changed": 1}


def test_a_row_without_the_key_belongs_to_the_company_of_its_name(kit: Kit) -> None:
    """The same by the match key where the row has it, else by name."""
    rows: list[Row] = [{NAME: "Acme", VAT: "NO 956 753 104 MVA"}, {NAME: "ACME", VAT: ""}]

    outcome = kit.load(rows, company(Action.MERGE, "vat_number"))

    assert outcome.counts("company") == {"new": 1}


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        pytest.param("NO 956 753 104 MVA", "956753104", id="prefix, spaces and suffix"),
        pytest.param("956753104", "NO956753104", id="prefix in the file"),
        pytest.param("NL123456789B01", "123456789b01", id="case"),
    ],
)
def test_vat_numbers_match_without_punctuation_and_prefix(kit: Kit, stored: str, said: str) -> None:
    """VAT numbers are compared without punctuation, with or without the country's prefix."""
    kit.load([{NAME: "Acme", VAT: stored}])

    outcome = kit.load(
        [{NAME: "Other name", VAT: said}], company(Action.MERGE, "vat_number"), detailed=[2]
    )

    assert outcome.counts("company") == {"unchanged": 1}
    assert f"Matched on VAT number {said}" in outcome.details[2][0].match_reason
    assert kit.records("company")[0]["vat_number"] == stored


def test_one_vat_number_of_two_countries_is_two_companies(kit: Kit) -> None:
    """Two VAT numbers whose countries are known and differ are not the same."""
    kit.load([{NAME: "Acme", VAT: "DE123456789"}])

    outcome = kit.load([{NAME: "Oy", VAT: "EE123456789"}], company(Action.MERGE, "vat_number"))

    assert outcome.counts("company") == {"new": 1}


def test_merge_fills_empty_fields_and_keeps_filled_ones(kit: Kit) -> None:
    """Merge looks at each field by itself."""
    kit.load([{NAME: "ACME Inc.", CITY: "Oslo", CODE: "ACME1"}])

    outcome = kit.load([{NAME: "ACME Inc.", CITY: "Bergen", VAT: "11223344", CODE: ""}])

    (record,) = kit.records("company")
    assert outcome.counts("company") == {"changed": 1}
    assert (record["code"], record["vat_number"]) == ("ACME1", "11223344")
    assert kit.rows("select city from crm.address") == [("Oslo",)]


def test_replace_writes_filled_cells_and_keeps_what_blank_cells_would_clear(kit: Kit) -> None:
    """Blank never overwrites unless the user said so."""
    kit.load([{NAME: "ACME Inc.", CITY: "Oslo", CODE: "ACME1"}])

    kit.load([{NAME: "ACME Inc.", CITY: "Bergen", CODE: ""}], company(Action.REPLACE))

    assert kit.records("company")[0]["code"] == "ACME1"
    assert kit.rows("select city from crm.address") == [("Bergen",)]


def test_blank_cells_clear_only_mapped_columns_and_only_when_said(kit: Kit) -> None:
    """A column that is not mapped never touches anything."""
    kit.load([{NAME: "ACME Inc.", CITY: "Oslo", CODE: "ACME1", VAT: "1122"}])
    settings = company(Action.REPLACE).model_copy(update={"blanks_clear": True})

    kit.load([{NAME: "ACME Inc.", CODE: ""}], settings)

    (record,) = kit.records("company")
    assert (record["code"], record["vat_number"]) == (None, "1122")
    assert kit.rows("select city from crm.address") == [("Oslo",)]


def test_a_cell_that_cannot_be_read_does_not_clear(kit: Kit) -> None:
    """A wrong cell is an issue, not a blank."""
    kit.load(
        [{NAME: "Acme", CODE: "A1", FIRST: "Ann", LAST: "H", "person.birth_date": "1980-01-31"}]
    )
    settings = company(Action.REPLACE).with_rule(PERSON, action=Action.REPLACE)

    outcome = kit.load(
        [{NAME: "Acme", CODE: "#N/A", FIRST: "Ann", LAST: "H", "person.birth_date": "soon"}],
        settings.model_copy(update={"blanks_clear": True}),
    )

    assert kit.records("company")[0]["code"] == "A1"
    assert str(kit.records("person")[0]["birth_date"]) == "1980-01-31"
    assert outcome.codes() == [(2, "error-cell"), (2, "unreadable")]


def test_skip_leaves_the_company_but_imports_its_persons(kit: Kit) -> None:
    """Company Skip leaves the known company untouched and still links its persons to it."""
    kit.load([{NAME: "Acme AS"}])

    outcome = kit.load([ANN], company(Action.SKIP))

    assert outcome.counts("company") == {"skipped": 1}
    assert outcome.counts("person") == {"new": 1}
    assert kit.rows("select count(*) from crm.address") == [(0,)]
    assert kit.records("person")[0]["company_id"] == 1


def test_an_ambiguous_match_is_held_back_with_its_candidates_and_persons(kit: Kit) -> None:
    """A key that hits more than one record is held back, and so are the company's persons."""
    kit.load([{NAME: "Acme AS"}], company(Action.ADD))
    kit.load([{NAME: "ACME as"}], company(Action.ADD))

    outcome = kit.load([ANN], detailed=[2])

    assert outcome.counts("company") == {"held_back": 1}
    assert outcome.reasons("person") == {2: "parent_held_back"}
    labels = [candidate.label for candidate in outcome.details[2][0].candidates]
    assert labels == ["Acme AS (ID 1)", "ACME as (ID 2)"]
    assert kit.records("person") == []


def test_an_empty_match_cell_makes_a_new_record_and_says_so(kit: Kit) -> None:
    """A row whose match cell is empty is new, and says so."""
    outcome = kit.load(
        [{NAME: "Acme", VAT: ""}, {NAME: "Beta", VAT: "1"}],
        company(Action.MERGE, "vat_number"),
        detailed=[2],
    )

    assert outcome.reasons("company") == {2: "key_empty", 3: "not_found"}
    assert "VAT number is empty" in outcome.details[2][0].match_reason


def test_an_unchanged_record_is_not_in_the_changed_selection(kit: Kit) -> None:
    """A record that would not change is unchanged, not updated."""
    kit.load([ANN])

    outcome = kit.load([ANN])

    assert outcome.counts("company") == {"unchanged": 1}
    assert outcome.counts("person") == {"unchanged": 1}
    assert kit.rows(
        "select count(*) from crm.selection_member where selection_id in"
        " (select id from crm.selection where batch_id = 2 and kind <> 'unchanged')"
    ) == [(0,)]


def test_a_row_left_out_takes_only_its_own_share_of_the_company(kit: Kit) -> None:
    """The company is made of the rows that stay."""
    rows: list[Row] = [ANN, {NAME: "Acme AS", CITY: "Bergen", FIRST: "Bo", LAST: "Berg"}]

    outcome = kit.load(rows, left_out=[2])

    assert outcome.statuses("company") == {2: "skipped", 3: "new"}
    assert kit.rows("select city from crm.address") == [("Bergen",)]
    assert [record["first_name"] for record in kit.records("person")] == ["Bo"]


def test_rows_that_differ_are_settled_by_the_first_filled_cell_and_reported(kit: Kit) -> None:
    """Differing cells among the rows of one company are settled by a stated rule and reported."""
    outcome = kit.load(
        [{NAME: "Acme", CITY: ""}, {NAME: "Acme", CITY: "Oslo"}, {NAME: "Acme", CITY: "Bergen"}]
    )

    assert kit.rows("select city from crm.address") == [("Oslo",)]
    assert outcome.codes() == [(4, "differs")]


def test_a_persons_name_is_looked_for_inside_its_company(kit: Kit) -> None:
    """Namesakes at another company are other people."""
    kit.load([ANN])

    outcome = kit.load([{**ANN, NAME: "Beta BV"}])

    assert outcome.counts("person") == {"new": 1}


def test_searching_everywhere_finds_the_namesake_elsewhere(kit: Kit) -> None:
    """A switch widens the search to the whole CRM."""
    kit.load([ANN])
    settings = Settings(search_everywhere=True)

    outcome = kit.load([{**ANN, NAME: "Beta BV"}], settings)

    assert outcome.counts("person") == {"unchanged": 1}


def test_replace_moves_a_person_to_the_company_of_the_file(kit: Kit) -> None:
    """A person has at most one company; Merge keeps it and Replace overwrites it."""
    kit.load([{**ANN, EMAIL: "ann@acme.example"}])
    row: Row = {NAME: "Beta BV", FIRST: "Ann", LAST: "Hansen", EMAIL: "ANN@acme.example"}

    kit.load([row], person(Action.MERGE, "email"))
    kept = kit.records("person")[0]["company_id"]
    kit.load([row], person(Action.REPLACE, "email"))

    assert kept == 1
    assert kit.records("person")[0]["company_id"] == 2


def test_persons_without_company_match_among_those_without(kit: Kit) -> None:
    """For persons without company the name is looked for among those without."""
    settings = Settings(no_company_name=NoCompanyName.WITHOUT_COMPANY)
    kit.load([ANN])

    first = kit.load([{FIRST: "Ann", LAST: "Hansen"}], settings)
    second = kit.load([{FIRST: "Ann", LAST: "Hansen"}], settings)

    assert first.counts("person") == {"new": 1}
    assert second.counts("person") == {"unchanged": 1}
    assert kit.records("person")[1]["company_id"] is None


def test_a_company_takes_its_persons_name_and_is_found_again(kit: Kit) -> None:
    """If there is no company name, the company is created from the person's name."""
    rows: list[Row] = [{NAME: "", FIRST: "Lone", LAST: "Wolf"}]

    kit.load(rows)
    again = kit.load(rows)

    assert [record["name"] for record in kit.records("company")] == ["Lone Wolf"]
    assert again.counts("company") == {"unchanged": 1}
    assert again.counts("person") == {"unchanged": 1}


def test_no_company_is_made_for_a_person_who_is_known(kit: Kit) -> None:
    """A persons-only file that brings known people up to date adds no companies."""
    kit.load([{**ANN, EMAIL: "ann@acme.example"}])

    outcome = kit.load(
        [{FIRST: "Ann", LAST: "Hansen", EMAIL: "ann@acme.example", MOBILE: "90011223"}],
        person(Action.MERGE, "email"),
    )

    assert outcome.counts("company") == {}
    assert outcome.counts("person") == {"changed": 1}
    assert kit.records("person")[0]["company_id"] == 1


def test_rows_without_company_name_are_skipped_when_said(kit: Kit) -> None:
    """Skip imports neither company nor person, and says why."""
    settings = Settings(no_company_name=NoCompanyName.SKIP)

    outcome = kit.load([{NAME: "", FIRST: "Lone", LAST: "Wolf"}, ANN], settings)

    assert outcome.counts("person") == {"new": 1, "skipped": 1}
    assert outcome.reasons("person")[2] == "no_company_name"


def test_companies_only_leaves_persons_alone(kit: Kit) -> None:
    """The match None does not import persons."""
    settings = Settings().with_rule(PERSON, match_key=DO_NOT_IMPORT)

    outcome = kit.load([ANN], settings)

    assert list(outcome.balances) == ["company"]
    assert kit.records("person") == []


def test_persons_who_share_an_address_under_other_names_do_not_vanish(kit: Kit) -> None:
    """Two names under one key are two people: the first is imported, the other held back."""
    rows: list[Row] = [
        {NAME: "Acme", FIRST: "Ann", LAST: "A", EMAIL: "info@acme.example"},
        {NAME: "Acme", FIRST: "Bo", LAST: "B", EMAIL: "info@acme.example"},
    ]

    outcome = kit.load(rows, person(Action.MERGE, "email"))

    assert outcome.reasons("person") == {2: "not_found", 3: "claimed"}
    assert outcome.codes() == [(3, "claimed-twice")]


def test_the_same_number_written_differently_is_not_added_twice(kit: Kit) -> None:
    """Phones are compared in E.164 with the company's country, else the workspace's."""
    kit.load([{NAME: "Acme", PHONE: "+31 30 123 45 67", COUNTRY: "Netherlands"}])

    same = kit.load([{NAME: "Acme", PHONE: "030-1234567"}])
    other = kit.load([{NAME: "Acme", PHONE: "030-7654321"}])

    assert same.counts("company") == {"unchanged": 1}
    assert other.counts("company") == {"changed": 1}
    assert kit.children("phone", "company") == [
        (1, "phone", "+31 30 123 45 67"),
        (1, "phone", "030-7654321"),
    ]


def test_mobiles_match_across_notations(kit: Kit) -> None:
    """A person is found by mobile whatever the notation."""
    kit.load([{**ANN, MOBILE: "+47 900 11 223"}])

    outcome = kit.load([{**ANN, MOBILE: "90011223"}], person(Action.SKIP, "mobile"))

    assert outcome.reasons("person") == {2: "known"}


def test_lists_take_new_items_in_the_case_they_have(kit: Kit) -> None:
    """A value that the list has in another case is that item; a new one is added once."""
    rows: list[Row] = [
        {NAME: "A", CATEGORY: "Kunde", COUNTRY: "norge"},
        {NAME: "B", CATEGORY: "KUNDE", COUNTRY: "NL"},
    ]

    kit.load(rows)

    assert [(r["category"], r["country"]) for r in kit.records("company")] == [
        ("KUNDE", "Norway"),
        ("KUNDE", "Netherlands"),
    ]
    assert kit.rows("select count(*) from crm.list_item where list = 'category'") == [(1,)]


def test_unknown_list_values_take_the_default_or_stay_blank(tmp_path: Path) -> None:
    """Ignore and use the default, or ignore and set to blank."""
    kit = Kit(tmp_path, Preferences(default_category="Prospect"))

    kit.load(
        [{NAME: "A", CATEGORY: "Strange"}],
        Settings().with_list("category", unknown=UnknownItem.DEFAULT),
    )
    outcome = kit.load(
        [{NAME: "A", CATEGORY: "Strange", FIRST: "X", LAST: "Y", "person.position": "Boss"}],
        Settings()
        .with_list("category", unknown=UnknownItem.BLANK)
        .with_list("position", unknown=UnknownItem.BLANK),
    )

    assert kit.records("company")[0]["category"] == "Prospect"
    assert kit.records("person")[0]["position"] is None
    assert [code for _, code in outcome.codes()] == ["unknown-list-item", "unknown-list-item"]


def test_a_new_company_takes_the_defaults_of_the_workspace(tmp_path: Path) -> None:
    """Default category and the own country are given to a new company that has none."""
    kit = Kit(tmp_path, Preferences(default_category="Prospect", country="NL"))

    kit.load([{NAME: "A"}])

    assert [(r["category"], r["country"]) for r in kit.records("company")] == [
        ("Prospect", "Netherlands")
    ]


def test_a_constant_fills_a_field_of_every_row(kit: Kit) -> None:
    """A constant value can be set for a field."""
    mapping = mapping_of([NAME]).model_copy(
        update={"constants": (Constant(target=CATEGORY, value="Prospect"),)}
    )

    kit.load([{NAME: "A"}, {NAME: "B"}], mapping=mapping)

    assert [r["category"] for r in kit.records("company")] == ["Prospect", "Prospect"]


@pytest.mark.parametrize(
    ("whole", "parts"),
    [
        pytest.param("Ann Hansen", ("Ann", None, "Hansen"), id="two words"),
        pytest.param("Anne Marie Hansen", ("Anne", "Marie", "Hansen"), id="three words"),
        pytest.param("van der Berg, Jan", ("Jan", None, "van der Berg"), id="last name first"),
        pytest.param("Jan de Vries", ("Jan", None, "de Vries"), id="particle"),
        pytest.param("Cher", (None, None, "Cher"), id="one word"),
    ],
)
def test_a_full_name_is_split(kit: Kit, whole: str, parts: tuple[str | None, ...]) -> None:
    """Full name can be split."""
    kit.load([{NAME: "Acme", "person.full_name": whole}])

    (record,) = kit.records("person")
    assert (record["first_name"], record["middle_name"], record["last_name"]) == parts


def test_a_name_that_cannot_be_used_holds_the_record_back(kit: Kit) -> None:
    """A company whose name is too long or an error is a problem, and its person waits."""
    outcome = kit.load(
        [{NAME: "x" * 220, FIRST: "A", LAST: "B"}, {NAME: "#REF!", FIRST: "C", LAST: "D"}]
    )

    assert outcome.counts("company") == {"problem": 2}
    assert outcome.counts("person") == {"held_back": 2}
    assert outcome.codes() == [(2, "too-long"), (3, "error-cell")]


def test_lost_zeros_are_pointed_out_and_restored_when_said(kit: Kit) -> None:
    """Where digits may have been lost the cell gets an issue with the proposed mend."""
    zip_code = "company.postal.zip_code"
    rows: list[Row] = [{NAME: "A", zip_code: "167", COUNTRY: "Norway", PHONE: ""}]
    dutch: list[Row] = [
        {NAME: "B", zip_code: "1234 AB", COUNTRY: "Netherlands", PHONE: "612345678"}
    ]

    outcome = kit.load(rows + dutch)
    kit.load([{**rows[0], NAME: "C"}], Settings(restore_zeros=True))

    assert outcome.codes() == [(2, "lost-zeros"), (3, "lost-zeros")]
    assert "0167" in outcome.issues[0]["mend"]
    assert kit.rows("select zip_code from crm.address order by id") == [
        ("167",),
        ("1234 AB",),
        ("0167",),
    ]


def test_counts_balance_whatever_happens_to_the_rows(kit: Kit) -> None:
    """Rows in = added + updated + unchanged + skipped + held back, for each entity."""
    kit.load([ANN])
    rows: list[Row] = [
        ANN,
        {NAME: "New", LAST: "X"},
        {NAME: "", FIRST: ""},
        {NAME: "#N/A"},
        {NAME: "Gone"},
    ]

    outcome = kit.load(rows, left_out=[6])

    assert all(item.balances for item in outcome.balances.values())
    assert outcome.balances["company"].rows == 5
    assert outcome.balances["company"].rows_without == 1


def test_only_the_chosen_child_is_added_below_a_changed_record(kit: Kit) -> None:
    """A record whose only change is a new e-mail address is changed."""
    kit.load([{**ANN, EMAIL: "ann@acme.example"}])

    outcome = kit.load([{**ANN, EMAIL: "a.hansen@acme.example"}])

    assert outcome.counts("person") == {"changed": 1}
    assert kit.children("email", "person") == [
        (1, "email", "ann@acme.example"),
        (1, "email", "a.hansen@acme.example"),
    ]


def test_a_bad_email_is_left_empty_and_reported(kit: Kit) -> None:
    """One bad address does not stop the run, and is not written."""
    outcome = kit.load([{**ANN, EMAIL: "ann at acme"}])

    assert outcome.codes() == [(2, "not-an-email")]
    assert kit.children("email", "person") == []


def test_rows_that_name_two_countries_add_a_number_once(kit: Kit) -> None:
    """A record's numbers are read in one country, whatever each row says."""
    rows: list[Row] = [
        {NAME: "Acme", COUNTRY: "Netherlands", PHONE: "23354000"},
        {NAME: "Acme", COUNTRY: "Norway", PHONE: "030-1234567"},
    ]

    kit.load(rows)
    again = kit.load(rows)

    assert again.counts("company") == {"unchanged": 1}


def test_clearing_never_takes_a_name_and_falls_back_to_the_default(tmp_path: Path) -> None:
    """A name is never cleared; a field with a workspace default gets it back."""
    kit = Kit(tmp_path, Preferences(default_category="Prospect"))
    number = "company.number"
    kit.load([{NAME: "Acme", number: "1", CATEGORY: "Customer", CODE: "A1"}])
    settings = company(Action.REPLACE, "number").model_copy(update={"blanks_clear": True})

    kit.load([{NAME: "", number: "1", CATEGORY: "", CODE: ""}], settings)

    (record,) = kit.records("company")
    assert (record["name"], record["category"], record["code"]) == ("Acme", "Prospect", None)
