"""Every option of every setting against existing data (reference: superoffice-import.md section 1.8)."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmkit import price_lists
from crmkit.crm import Preferences
from crmkit.database import in_memory
from crmkit.entities import (
    COMPANY,
    LISTS_WITHOUT_DEFAULT,
    PERSON,
    PRODUCT,
    SCHEMA,
    Entity,
    FieldType,
)
from crmkit.settings import (
    DO_NOT_IMPORT,
    PRESETS,
    Action,
    ChildAction,
    FieldRule,
    NoCompanyName,
    Privacy,
    Settings,
    UnknownItem,
    Write,
    apply_preset,
    faults,
)
from tests.crm_kit import Kit, Row, mapping_of

NAME, CODE, VAT, STREET = (
    "company.name",
    "company.code",
    "company.vat_number",
    "company.street.line1",
)
PHONE, EMAIL, WEB, CATEGORY = (
    "company.phone",
    "person.email",
    "company.web",
    "company.category",
)
FIRST, LAST, BASIS, SOURCE = (
    "person.first_name",
    "person.last_name",
    "person.sales_and_service.legal_basis",
    "person.sales_and_service.source",
)


ANN: Row = {NAME: "Acme", FIRST: "Ann", LAST: "Hansen"}


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path)


def both(action: Action, **rest: object) -> Settings:
    settings = Settings().with_rule(COMPANY, action=action).with_rule(PERSON, action=action)
    return settings.model_copy(update=rest)


@pytest.mark.parametrize(
    ("settings", "street", "vat", "code"),
    [
        pytest.param(both(Action.MERGE), "Broadway 123", "11223344", "ACME1", id="merge"),
        pytest.param(both(Action.REPLACE), "Main street 456", "11223344", "ACME1", id="replace"),
        pytest.param(
            both(Action.REPLACE, blanks_clear=True),
            "Main street 456",
            "11223344",
            None,
            id="replace, blanks clear",
        ),
        pytest.param(both(Action.SKIP), "Broadway 123", None, "ACME1", id="skip"),
    ],
)
def test_the_acme_example(
    kit: Kit, settings: Settings, street: str, vat: str | None, code: str | None
) -> None:
    """The vendor's worked example with its two addresses in their right places (section 9)."""
    kit.load([{NAME: "ACME Inc.", STREET: "Broadway 123", CODE: "ACME1"}])

    kit.load([{NAME: "ACME Inc.", STREET: "Main street 456", VAT: "11223344", CODE: ""}], settings)

    (found,) = kit.records("company")
    assert (vat, code) == (found["vat_number"], found["code"])
    assert [(street,)] == kit.rows("select line1 from crm.address where slot = 'street'")


@pytest.mark.parametrize(
    ("settings", "title", "department"),
    [
        pytest.param(both(Action.MERGE), "Director", "Sales", id="merge"),
        pytest.param(both(Action.REPLACE), "Manager", "Sales", id="replace"),
        pytest.param(both(Action.REPLACE, blanks_clear=True), "Manager", None, id="blanks clear"),
        pytest.param(both(Action.SKIP), "Director", "Sales", id="skip"),
    ],
)
def test_persons_follow_their_action_too(
    kit: Kit, settings: Settings, title: str, department: str | None
) -> None:
    """Merge and Skip keep what is filled; Skip also leaves what is empty."""
    born = "person.birth_date"
    kit.load([{**ANN, "person.title": "Director", "person.department": "Sales", born: ""}])

    new = {"person.title": "Manager", "person.department": "", born: "31.1.1980"}
    kit.load([{**ANN, **new}], settings)

    (found,) = kit.records("person")
    assert (title, department) == (found["title"], found["department"])
    assert (settings.rule(PERSON).action is Action.SKIP) == (found["birth_date"] is None)


COMPANY_KEYS: list[tuple[str, Row, Row]] = [
    ("name", {NAME: " ACME "}, {NAME: "Acme 2"}),
    (
        "name_department",
        {NAME: "acme", "company.department": "it"},
        {NAME: "Acme", "company.department": "Sales"},
    ),
    ("number", {NAME: "X", "company.number": "N 1"}, {NAME: "Acme", "company.number": "N2"}),
    ("code", {NAME: "X", CODE: "c1"}, {NAME: "Acme", CODE: "C2"}),
    ("vat_number", {NAME: "X", VAT: "NO 956 753 104 MVA"}, {NAME: "Acme", VAT: "956753105"}),
    ("erp_key", {NAME: "X", "company.erp_key": "t:1"}, {NAME: "Acme", "company.erp_key": "O:1"}),
    ("id", {NAME: "X", "company.id": "1"}, {NAME: "Acme", "company.id": ""}),
]
PERSON_KEYS: list[tuple[str, Row, Row]] = [
    ("name", {FIRST: "ANN", LAST: "hansen"}, {FIRST: "Anne", LAST: "Hansen"}),
    ("email", {LAST: "X", EMAIL: "ANN@acme.example"}, {LAST: "Hansen", EMAIL: "a@acme.example"}),
    (
        "mobile",
        {LAST: "X", "person.mobile": "+47 900 11 223"},
        {LAST: "Hansen", "person.mobile": "90011224"},
    ),
    ("number", {LAST: "X", "person.number": "p1"}, {LAST: "Hansen", "person.number": "P2"}),
    ("erp_key", {LAST: "X", "person.erp_key": "t:1"}, {LAST: "Hansen", "person.erp_key": "O:1"}),
    ("id", {LAST: "X", "person.id": "1"}, {LAST: "Hansen", "person.id": ""}),
]


def test_every_match_key_has_a_case() -> None:
    assert [key.id for key in COMPANY.match_keys] == [case[0] for case in COMPANY_KEYS]
    assert [key.id for key in PERSON.match_keys] == [case[0] for case in PERSON_KEYS]


@pytest.mark.parametrize(
    ("entity", "key", "same", "other"),
    [
        pytest.param(entity, *case, id=f"{entity.id}, {case[0]}")
        for entity, cases in ((COMPANY, COMPANY_KEYS), (PERSON, PERSON_KEYS))
        for case in cases
    ],
)
def test_every_duplicate_match_finds_its_record_and_no_other(
    kit: Kit, entity: Entity, key: str, same: Row, other: Row
) -> None:
    """Each under Replace, in another spelling: what is found gets the new name, what is not is new."""
    known = {
        NAME: "Acme",
        "company.department": "IT",
        "company.number": "N1",
        CODE: "C1",
        VAT: "956753104",
        "company.erp_key": "T:1",
    }
    ann = {
        FIRST: "Ann",
        LAST: "Hansen",
        EMAIL: "ann@acme.example",
        "person.mobile": "90011223",
        "person.number": "P1",
        "person.erp_key": "T:1",
    }
    kit.load([{**known, **ann} if entity is PERSON else known])
    settings = both(Action.REPLACE).with_rule(entity, match_key=key)
    company = {NAME: "Acme"} if entity is PERSON else {}

    found = kit.load([{**company, **same}], settings, write=False)
    missed = kit.load([{**company, **other}], settings, write=False)

    assert {"matched"} == set(found.reasons(entity.id).values())
    assert {"new": 1} == missed.counts(entity.id)


def test_add_always_adds_the_acme_example_again(kit: Kit) -> None:
    kit.load([{NAME: "ACME Inc."}])

    kit.load([{NAME: "ACME Inc."}], both(Action.ADD))

    assert 2 == len(kit.records("company"))


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        pytest.param(
            ChildAction.ADD, ["+47 23 35 40 00", "22 00 00 00"], id="add new, keep existing"
        ),
        pytest.param(ChildAction.REPLACE, ["22 00 00 00"], id="replace existing"),
        pytest.param(ChildAction.KEEP, ["+47 23 35 40 00"], id="ignore, keep existing"),
    ],
)
@pytest.mark.parametrize("record_action", [Action.MERGE, Action.REPLACE])
def test_phones_follow_their_own_setting(
    kit: Kit, action: ChildAction, expected: list[str], record_action: Action
) -> None:
    """Whatever the record's action is; Skip alone leaves everything."""
    kit.load([{NAME: "Acme", PHONE: "+47 23 35 40 00"}])

    kit.load([{NAME: "Acme", PHONE: "22 00 00 00"}], both(record_action, phones=action))

    assert expected == _alive(kit, "phone")


@pytest.mark.parametrize("action", list(ChildAction))
def test_a_number_written_differently_is_the_same_number(kit: Kit, action: ChildAction) -> None:
    """Compared on their normal form: nothing is added, removed or counted as changed."""
    kit.load([{NAME: "Acme", PHONE: "+47 23 35 40 00"}])

    outcome = kit.load([{NAME: "Acme", PHONE: "23354000"}], both(Action.REPLACE, phones=action))

    assert {"unchanged": 1} == outcome.counts("company")
    assert ["+47 23 35 40 00"] == _alive(kit, "phone")


def test_replacing_phones_keeps_other_kinds_and_blank_cells_remove_nothing(kit: Kit) -> None:
    """Only the kind of number that the file fills for a record is replaced."""
    mobile, direct = "person.mobile", "person.direct"
    known = {NAME: "Acme", FIRST: "Ann", LAST: "Hansen", mobile: "90011223", direct: "22334455"}
    kit.load([known, {**known, FIRST: "Bo", mobile: "90011224"}])

    kit.load(
        [
            {NAME: "Acme", FIRST: "Ann", LAST: "Hansen", mobile: "90011229"},
            {NAME: "Acme", FIRST: "Bo", LAST: "Hansen", mobile: ""},
        ],
        both(Action.MERGE, phones=ChildAction.REPLACE),
    )

    assert ["22334455", "22334455", "90011224", "90011229"] == sorted(_alive(kit, "phone"))


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        pytest.param(ChildAction.ADD, ["a@acme.example", "b@acme.example"], id="add"),
        pytest.param(ChildAction.REPLACE, ["b@acme.example"], id="replace"),
        pytest.param(ChildAction.KEEP, ["a@acme.example"], id="keep"),
    ],
)
def test_links_and_emails_follow_their_own_setting(
    kit: Kit, action: ChildAction, expected: list[str]
) -> None:
    row: Row = {NAME: "Acme", WEB: "acme.example", FIRST: "Ann", LAST: "Hansen"}
    kit.load([{**row, EMAIL: "a@acme.example"}])

    kit.load(
        [{**row, WEB: "https://www.acme.example/", EMAIL: "b@acme.example"}],
        both(Action.MERGE, links=action),
    )

    assert expected == _alive(kit, "email")
    assert ["acme.example"] == _alive(kit, "link")


@pytest.mark.parametrize(
    ("unknown", "expected"),
    [
        pytest.param(UnknownItem.ADD, "Odd", id="add new item"),
        pytest.param(UnknownItem.DEFAULT, "Prospect", id="use default"),
        pytest.param(UnknownItem.BLANK, None, id="set to blank"),
    ],
)
def test_each_list_has_its_own_rule(
    tmp_path: Path, unknown: UnknownItem, expected: str | None
) -> None:
    """A known company, so that the default of a new one does not step in."""
    kit = Kit(tmp_path, Preferences(default_category="Prospect"))
    kit.load([{NAME: "Acme", CATEGORY: "Customer"}])
    settings = both(Action.REPLACE, blanks_clear=False).with_list("category", unknown=unknown)

    kit.load([{NAME: "Acme", CATEGORY: "Odd", "company.business": "Strange"}], settings)

    (found,) = kit.records("company")
    assert (expected or "Customer") == found["category"]
    assert "Strange" == found["business"]


LIST_TARGETS = {
    target.field.list: target.id
    for target in reversed(SCHEMA.targets())
    if target.field.type is FieldType.LIST
}
"""Each list, and a field that takes its items."""


@pytest.mark.parametrize("unknown", list(UnknownItem))
@pytest.mark.parametrize("list_id", sorted(LIST_TARGETS))
def test_every_list_takes_every_option(tmp_path: Path, list_id: str, unknown: UnknownItem) -> None:
    """For a value that the list lacks: an item more, its default, or nothing; and what it has stays."""
    target = LIST_TARGETS[list_id]
    kit = Kit(
        tmp_path,
        Preferences(
            default_category="Usual", default_business="Usual", default_legal_basis="Contract"
        ),
    )
    product = target.startswith("product.")
    settings = both(Action.REPLACE).with_list(list_id, unknown=unknown)
    if product:
        with in_memory() as db, db.attached(kit.path, "crm", read_only=False):
            made = price_lists.add_price_list(
                db, name="Standard", currency="EUR", valid_from=None, valid_to=None
            )
        settings = settings.with_rule(PRODUCT, match_key="code", action=Action.REPLACE)
        settings = settings.model_copy(update={"price_list": made.id})
    row: Row = {"product.name": "Desk", "product.code": "D1"} if product else {**ANN}
    mapping = mapping_of([*row, target])
    if list_id in LISTS_WITHOUT_DEFAULT and unknown is UnknownItem.DEFAULT:
        assert any("has no default" in f for f in faults(settings, mapping, SCHEMA, Preferences()))
        return
    kit.load([row], settings)
    before = kit.rows(f"select count(*) from crm.list_item where list = '{list_id}'")[0][0]

    outcome = kit.load([{**row, target: "Unheard of"}], settings, detailed=[2])

    items = kit.rows(f"select name from crm.list_item where list = '{list_id}' order by id")
    adds = unknown is UnknownItem.ADD
    assert adds == (("Unheard of",) in items)
    assert before + adds == len(items)
    code = "new-list-item" if adds else "unknown-list-item"
    assert (2, code) in outcome.codes()
    entity = target.split(".")[0]
    (detail,) = (d for d in outcome.details[2] if d.entity == entity)
    label = SCHEMA.target(target).labels["en"]
    (shown,) = (field for field in detail.fields if field.label == label)
    if adds:
        assert "Unheard of" == shown.outcome
    elif unknown is UnknownItem.DEFAULT:
        assert {"legal_basis": "Contract"}.get(list_id, "Usual") == shown.outcome
    else:
        assert shown.outcome in (None, shown.existing)


def test_every_kind_of_phone_keeps_its_kind_and_rank(kit: Kit) -> None:
    """A second number of one kind stands behind the first."""
    kinds = [slot.id for slot in SCHEMA.children_of(PERSON)[1].slots["person"]]
    row = {**ANN} | {f"person.{kind}": f"2233440{number}" for number, kind in enumerate(kinds)}
    second: Row = {"person.mobile": "90011223"}

    kit.load([row])
    kit.load([{**ANN, **second}])

    stored = kit.children("phone", "person")
    first = [(1, kind, f"2233440{number}") for number, kind in enumerate(kinds)]
    assert sorted([*first, (1, "mobile", "90011223")]) == sorted(stored)
    assert ["22334401", "90011223"] == [value for _, kind, value in stored if kind == "mobile"]


def test_adding_an_item_respects_another_case_and_deleted_names(kit: Kit) -> None:
    """The list has no two items that differ by case, and a deleted one does not come back."""
    kit.load([{NAME: "Acme", CATEGORY: "Customer"}, {NAME: "Beta", CATEGORY: "Old"}])
    kit.write("update crm.list_item set deleted = true where name = 'Old'")

    kit.load([{NAME: "C", CATEGORY: "CUSTOMER"}, {NAME: "D", CATEGORY: "old"}])

    items = kit.rows("select name, deleted from crm.list_item where list = 'category' order by id")
    assert [("Customer", False), ("Old", True)] == items
    assert ["Customer", None] == [r["category"] for r in kit.records("company")[2:]]


def test_a_value_map_gives_values_their_item_and_is_remembered(kit: Kit) -> None:
    kit.load([{NAME: "Acme", CATEGORY: "Customer"}])
    settings = Settings().with_list("category", values={"Kunde": "Customer"})

    kit.load([{NAME: "Beta", CATEGORY: "kunde"}], settings)
    kit.load([{NAME: "Gamma", CATEGORY: "KUNDE"}])

    assert ["Customer"] * 3 == [record["category"] for record in kit.records("company")]
    assert [("Customer",)] == kit.rows("select name from crm.list_item where list = 'category'")


def test_a_value_map_to_a_new_item_adds_it(kit: Kit) -> None:
    settings = Settings().with_list("category", values={"Kunde": "Client"})

    kit.load([{NAME: "Beta", CATEGORY: "Kunde"}], settings)

    assert "Client" == kit.records("company")[0]["category"]


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        pytest.param(FieldRule(write=Write.ALWAYS), "new", "new", id="always, under Merge"),
        pytest.param(FieldRule(write=Write.IF_EMPTY), "new", "old", id="only if empty"),
        pytest.param(FieldRule(write=Write.NEVER), "new", "old", id="never"),
        pytest.param(
            FieldRule(write=Write.ALWAYS, blank_clears=True), "", None, id="blank clears here"
        ),
        pytest.param(
            FieldRule(write=Write.ALWAYS, blank_clears=False), "", "old", id="blank keeps here"
        ),
    ],
)
@pytest.mark.parametrize("action", [Action.MERGE, Action.REPLACE])
def test_a_field_can_have_a_rule_of_its_own(
    kit: Kit, rule: FieldRule, value: str, expected: str | None, action: Action
) -> None:
    """It goes before the record's action; other fields follow that."""
    kit.load([{NAME: "Acme", CODE: "old", VAT: "1"}])

    kit.load([{NAME: "Acme", CODE: value, VAT: "2"}], both(action).with_field(CODE, rule))

    (found,) = kit.records("company")
    assert expected == found["code"]
    assert ("1" if action is Action.MERGE else "2") == found["vat_number"]


def test_a_field_keeps_its_value_where_blanks_clear_for_the_rest(kit: Kit) -> None:
    kit.load([{NAME: "Acme", CODE: "old", VAT: "1"}])
    settings = both(Action.REPLACE, blanks_clear=True)

    kit.load(
        [{NAME: "Acme", CODE: "", VAT: ""}],
        settings.with_field(CODE, FieldRule(blank_clears=False)),
    )

    (found,) = kit.records("company")
    assert ("old", None) == (found["code"], found["vat_number"])


def _consents(kit: Kit) -> list[tuple[object, ...]]:
    return kit.rows(
        "select basis.name, source.name, consent.comment from crm.consent as consent"
        " left join crm.list_item as basis on basis.id = consent.legal_basis_id"
        " left join crm.list_item as source on source.id = consent.source_id"
        " where consent.deleted_at is null order by consent.person_id"
    )


def test_imported_persons_get_the_consent_of_the_settings(kit: Kit) -> None:
    privacy = Privacy(legal_basis="Consent", comment="Fair in Oslo")

    kit.load([ANN], Settings(privacy=privacy))

    assert [("Consent", "Import", "Fair in Oslo")] == _consents(kit)


def test_without_a_legal_basis_there_is_no_consent(kit: Kit) -> None:
    kit.load([ANN], Settings(privacy=Privacy(comment="Fair")))

    assert [] == _consents(kit)


def test_the_workspace_default_is_the_legal_basis_when_none_is_chosen(tmp_path: Path) -> None:
    kit = Kit(tmp_path, Preferences(default_legal_basis="Legitimate interest"))

    kit.load([ANN])

    assert [("Legitimate interest", "Import", None)] == _consents(kit)


def test_a_column_may_carry_basis_and_source_per_row(kit: Kit) -> None:
    """A blank cell takes what the settings say."""
    kit.load(
        [
            {**ANN, BASIS: "Contract", SOURCE: "Web form"},
            {**ANN, FIRST: "Bo", BASIS: "", SOURCE: ""},
        ],
        Settings(privacy=Privacy(legal_basis="Consent")),
    )

    assert [("Contract", "Web form", None), ("Consent", "Import", None)] == _consents(kit)


@pytest.mark.parametrize("action", [Action.MERGE, Action.REPLACE])
def test_a_withdrawn_consent_is_never_turned_on_again(kit: Kit, action: Action) -> None:
    """It is an issue instead, and the record does not change."""
    kit.load([{**ANN, BASIS: "Withdrawn"}])

    outcome = kit.load([{**ANN, BASIS: "Consent"}], both(action))

    assert ["Withdrawn"] == [row[0] for row in _consents(kit)]
    assert (2, "opted-out") in outcome.codes()
    assert {"unchanged": 1} == outcome.counts("person")


@pytest.mark.parametrize(
    ("target", "entity"),
    [
        ("company.no_mailing", "company"),
        ("company.stop", "company"),
        ("person.no_mailing", "person"),
    ],
)
def test_an_opt_out_is_never_taken_back(kit: Kit, target: str, entity: str) -> None:
    kit.load([{**ANN, target: "yes"}])

    outcome = kit.load([{**ANN, target: "no"}], both(Action.REPLACE))

    assert kit.records(entity)[0][target.split(".")[1]] is True
    assert (2, "opted-out") in outcome.codes()


def test_merge_does_not_mix_two_consents(kit: Kit) -> None:
    """Basis, source and comment belong together: what has a basis is not filled up."""
    kit.load([{**ANN, BASIS: "Contract", SOURCE: "Web form"}])

    kit.load([ANN], Settings(privacy=Privacy(legal_basis="Consent", comment="Fair")))

    assert [("Contract", "Web form", None)] == _consents(kit)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.id)
def test_every_preset_can_be_used_and_says_what_it_does(kit: Kit, preset: object) -> None:
    known = {NAME: "Acme", CODE: "old", FIRST: "Ann", LAST: "Hansen"}
    kit.load([known])
    preferences = Preferences(mandatory_company=False)
    settings = apply_preset(Settings(), preset, preferences)  # type: ignore[arg-type]
    rows: list[Row] = [
        {**known, CODE: "new", VAT: "1"},
        {NAME: "", FIRST: "Bo", LAST: "Berg"},
        {NAME: "Beta", FIRST: "Cy", LAST: "Carl"},
    ]

    assert () == faults(settings, mapping_of(list(rows[0])), SCHEMA, preferences)
    kit.load(rows, settings)

    companies = {r["name"]: r for r in kit.records("company")}
    persons = [r["last_name"] for r in kit.records("person")]
    expected = {
        "empty": (["Acme", "Acme", "Bo Berg", "Beta"], "new", 4),
        "companies": (["Acme", "Beta"], "old", 1),
        "persons": (["Acme", "Beta"], "old", 3),
        "update": (["Acme", "Bo Berg", "Beta"], "new", 3),
        "fill": (["Acme", "Bo Berg", "Beta"], "old", 3),
        "new": (["Acme", "Bo Berg", "Beta"], "old", 3),
        "add": (["Acme", "Acme", "Bo Berg", "Beta"], "new", 4),
    }[preset.id]  # type: ignore[attr-defined]
    assert sorted(expected[0]) == sorted(r["name"] for r in kit.records("company"))
    assert expected[1] == companies["Acme"]["code"]
    assert expected[2] == len(persons)


@pytest.mark.parametrize(
    ("choice", "companies", "persons"),
    [
        pytest.param(NoCompanyName.USE_PERSON_NAME, ["Bo Berg"], 1, id="create company"),
        pytest.param(NoCompanyName.SKIP, [], 0, id="skip"),
        pytest.param(NoCompanyName.WITHOUT_COMPANY, [], 1, id="without company"),
    ],
)
def test_rows_without_a_company_name(
    tmp_path: Path, choice: NoCompanyName, companies: list[str], persons: int
) -> None:
    kit = Kit(tmp_path, Preferences(mandatory_company=False))

    kit.load([{NAME: "", FIRST: "Bo", LAST: "Berg"}], Settings(no_company_name=choice))

    assert companies == [r["name"] for r in kit.records("company")]
    assert persons == len(kit.records("person"))


def test_none_leaves_the_persons_out(kit: Kit) -> None:
    kit.load([ANN], Settings().with_rule(PERSON, match_key=DO_NOT_IMPORT))

    assert [] == kit.records("person")


def test_a_list_without_default_says_so(kit: Kit) -> None:
    settings = Settings().with_list("position", unknown=UnknownItem.DEFAULT)

    found = faults(settings, mapping_of([NAME]), SCHEMA, Preferences())

    assert ["The list position has no default. Add new values, or set them to blank."] == list(
        found
    )


def _alive(kit: Kit, child: str) -> list[str]:
    rows = kit.rows(f"select value from crm.{child} where deleted_at is null order by rank, id")
    return [row[0] for row in rows]
