"""Products: into one price list, found by each match key, with prices read as they were meant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from crmkit import price_lists, transforms
from crmkit.database import Database, in_memory
from crmkit.entities import LISTS, PRODUCT, SCHEMA, FieldType
from crmkit.errors import SettingsError
from crmkit.price_lists import PriceList
from crmkit.samples import SAMPLES
from crmkit.session import ImportSession
from crmkit.settings import Action, NumberFormat, Settings, UnknownItem
from crmkit.sql import sql
from crmkit.workspace import Workspace
from tests.crm_kit import Kit, Row, new_workspace
from tests.test_sources import REAL, real_files

NAME, CODE, ERP, PRICE, COST, VAT, CATEGORY = (
    f"product.{part}"
    for part in ("name", "code", "erp_key", "list_price", "cost", "vat", "category")
)
DESK: Row = {NAME: "Desk", CODE: "D-1", ERP: "E1", PRICE: "100", COST: ""}


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    made = Kit(tmp_path)
    for name in ("Standard", "Partners"):
        add_list(made, name)
    return made


def add_list(kit: Kit, name: str, **given: Any) -> PriceList:
    with in_memory() as db, db.attached(kit.path, "crm", read_only=False):
        return price_lists.add_price_list(
            db, **{"currency": "EUR", "valid_from": None, "valid_to": None, **given}, name=name
        )


def into(price_list: int = 1, key: str = "code", action: Action = Action.MERGE) -> Settings:
    settings = Settings(price_list=price_list)
    return settings.with_rule(PRODUCT, match_key=key, action=action)


def test_all_fields_of_superoffice_are_there() -> None:
    """The 21 columns of its import, and the ERP key (reference: section 1.4)."""
    ids = {field.superoffice for field in PRODUCT.fields}

    assert len(ids - {"product.id"}) == 22
    assert {"product.unitlistprice", "product.suppliercode", "product.erpproductkey"} <= ids
    assert {f.list for f in PRODUCT.fields if f.type is FieldType.LIST} <= set(LISTS)
    assert [key.id for key in PRODUCT.match_keys] == ["name", "code", "name_code", "erp_key", "id"]


def test_a_file_holds_one_subject() -> None:
    held = [[entity.id for entity in schema.entities] for schema in SCHEMA.subjects()]

    assert held == [["company", "person"], ["product"]]


@pytest.mark.parametrize(
    ("key", "same", "other"),
    [
        pytest.param("name", {NAME: " DESK ", CODE: "X"}, {NAME: "Table", CODE: "D-1"}, id="name"),
        pytest.param("code", {NAME: "X", CODE: "d- 1"}, {NAME: "Desk", CODE: "D-2"}, id="code"),
        pytest.param(
            "name_code", {NAME: "desk", CODE: "d-1"}, {NAME: "Desk", CODE: "D-2"}, id="name + code"
        ),
        pytest.param(
            "erp_key",
            {NAME: "X", CODE: "X", ERP: "e1"},
            {NAME: "Desk", CODE: "D-1", ERP: "E2"},
            id="ERP key",
        ),
    ],
)
def test_a_product_is_found_by_the_match_key(kit: Kit, key: str, same: Row, other: Row) -> None:
    kit.load([DESK], into())

    outcome = kit.load([{**same, COST: "60"}, other], into(key=key), detailed=[3])

    assert outcome.counts("product") == {"changed": 1, "new": 1}
    assert outcome.statuses("product") == {2: "changed", 3: "new"}
    assert "in this price list" in outcome.details[3][0].match_reason


@pytest.mark.parametrize(
    ("action", "counts", "stored"),
    [
        (Action.ADD, {"new": 1}, [("Desk", 100.0, None), ("Desk, oak", 120.0, 60.0)]),
        (Action.MERGE, {"changed": 1}, [("Desk", 100.0, 60.0)]),
        (Action.REPLACE, {"changed": 1}, [("Desk, oak", 120.0, 60.0)]),
        (Action.SKIP, {"skipped": 1}, [("Desk", 100.0, None)]),
    ],
)
def test_each_action(
    kit: Kit, action: Action, counts: dict[str, int], stored: list[tuple[Any, ...]]
) -> None:
    kit.load([DESK], into())

    row: Row = {NAME: "Desk, oak", CODE: "D-1", PRICE: "120", COST: "60"}
    outcome = kit.load([row], into(action=action))

    assert outcome.counts("product") == counts
    assert kit.rows("select name, list_price, cost from crm.product order by id") == stored


def test_a_second_run_changes_nothing(kit: Kit) -> None:
    rows: list[Row] = [DESK, {NAME: "Chair", CODE: "C-1", PRICE: "1.250,50", COST: "0,1"}]
    kit.load(rows, into(action=Action.REPLACE))

    again = kit.load(rows, into(action=Action.REPLACE))

    assert again.counts("product") == {"unchanged": 2}
    assert kit.rows("select count(*) from crm.change") == [(0,)]


def test_one_code_in_two_price_lists_is_two_products(kit: Kit) -> None:
    """A product belongs to exactly one price list, and is known only within it."""
    kit.load([DESK], into(1))

    other = kit.load([{**DESK, PRICE: "80"}], into(2))
    again = kit.load([{**DESK, PRICE: "90"}], into(2, action=Action.REPLACE))

    assert other.counts("product") == {"new": 1}
    assert again.counts("product") == {"changed": 1}
    assert kit.rows("select price_list_id, list_price from crm.product order by id") == [
        (1, 100.0),
        (2, 90.0),
    ]


def test_rows_of_one_product_become_one(kit: Kit) -> None:
    """The first filled cell counts, and what loses is said."""
    outcome = kit.load([DESK, {NAME: "Desk", CODE: "d-1", PRICE: "120", COST: "60"}], into())

    assert outcome.counts("product") == {"new": 1}
    assert outcome.codes() == [(3, "differs")]
    assert kit.rows("select list_price, cost from crm.product") == [(100.0, 60.0)]


@pytest.mark.parametrize(
    ("row", "missing"),
    [
        pytest.param({NAME: "", CODE: "D-1"}, "Name", id="no name"),
        pytest.param({NAME: "Desk", CODE: ""}, "Code", id="no code"),
        pytest.param({CODE: "D-1", PRICE: "1"}, "Name", id="name not mapped"),
    ],
)
def test_a_new_product_needs_a_name_and_a_code(kit: Kit, row: Row, missing: str) -> None:
    outcome = kit.load([row], into(key="code"))

    (issue,) = outcome.issues
    assert outcome.counts("product") == {"held_back": 1}
    assert (issue["code"], issue["level"]) == ("field-missing", "error")
    assert issue["message"].endswith(f"cannot do without {missing}.")


def test_a_known_product_needs_only_its_key(kit: Kit) -> None:
    """A list of codes and prices brings the prices up to date."""
    kit.load([DESK], into())

    outcome = kit.load([{CODE: "D-1", PRICE: "110"}], into(action=Action.REPLACE))

    assert outcome.counts("product") == {"changed": 1}
    assert kit.rows("select name, list_price from crm.product") == [("Desk", 110.0)]


def test_product_lists_have_no_default(kit: Kit) -> None:
    """A company's default category is nobody else's."""
    outcome = kit.load(
        [{**DESK, CATEGORY: "Desks"}],
        into().with_list("product_category", unknown=UnknownItem.BLANK),
    )

    assert outcome.codes() == [(2, "unknown-list-item")]
    assert kit.records("product")[0]["category"] is None


NUMBERS: list[tuple[str, float | None]] = [
    ("1.234,50", 1234.5),
    ("1,234.50", 1234.5),
    ("1 234,50", 1234.5),
    ("1\u00a0234,50", 1234.5),
    ("1'234.50", 1234.5),
    ("1.234.567", 1234567.0),
    ("12345", 12345.0),
    ("0.125", 0.125),
    ("€ 1.234,50", 1234.5),
    ("kr 1 200,-", 1200.0),
    ("NOK 12.50", 12.5),
    ("£1,234.00", 1234.0),
    ("25 %", 25.0),
    ("-5,5 EUR", -5.5),
    ("5,50-", -5.5),
    ("1e-05", 0.00001),
    ("1,2,3", None),
    ("12 34", None),
    ("on request", None),
    ("EUR", None),
]


@pytest.fixture(scope="module")
def memory() -> Iterator[Database]:
    with in_memory() as db:
        yield db


@pytest.mark.parametrize(("text", "value"), NUMBERS)
@pytest.mark.parametrize("sign", [".", ",", None])
def test_a_number_that_can_be_read_in_one_way_is(
    memory: Database, text: str, value: float | None, sign: str | None
) -> None:
    """Whatever the format is."""
    read = transforms.number(sql("{t}", t=text), sql("cast({s} as varchar)", s=sign))

    assert memory.value(sql("select {read}", read=read)) == value


def test_a_cell_that_is_no_number_is_left_empty_and_reported(kit: Kit) -> None:
    outcome = kit.load([{**DESK, PRICE: "on request"}], into())

    assert outcome.codes() == [(2, "unreadable")]
    assert kit.rows("select list_price from crm.product") == [(None,)]


@pytest.mark.parametrize(
    ("others", "chosen", "value", "code"),
    [
        pytest.param(["2,50"], NumberFormat.AUTO, 1234.0, None, id="the column has a comma"),
        pytest.param(["2.50"], NumberFormat.AUTO, 1.234, None, id="the column has a point"),
        pytest.param(["7"], NumberFormat.AUTO, None, "ambiguous-number", id="it shows nothing"),
        pytest.param(
            ["2,50", "2.50"], NumberFormat.AUTO, None, "ambiguous-number", id="it shows both"
        ),
        pytest.param(["2.50"], NumberFormat.COMMA, 1234.0, None, id="comma chosen"),
        pytest.param(["2,50"], NumberFormat.POINT, 1.234, None, id="point chosen"),
    ],
)
def test_a_number_with_two_readings_is_never_guessed(
    kit: Kit, others: list[str], chosen: NumberFormat, value: float | None, code: str | None
) -> None:
    rows: list[Row] = [{**DESK, PRICE: "1.234"}]
    rows += [{NAME: f"P{n}", CODE: f"P{n}", PRICE: price} for n, price in enumerate(others)]

    outcome = kit.load(rows, into().model_copy(update={"number_format": chosen}))

    assert kit.rows("select list_price from crm.product where code = 'D-1'") == [(value,)]
    assert outcome.codes() == ([(2, code)] if code else [])
    if code:
        assert "1234 or as 1.234" in outcome.issues[0]["message"]
        assert "number format" in outcome.issues[0]["mend"]


def test_each_column_of_numbers_decides_for_itself(kit: Kit) -> None:
    rows: list[Row] = [
        {NAME: "A", CODE: "A", PRICE: "1.500", COST: "1.500"},
        {NAME: "B", CODE: "B", PRICE: "2,50", COST: "2.50"},
    ]

    kit.load(rows, into())

    assert kit.rows("select list_price, cost from crm.product where code = 'A'") == [(1500.0, 1.5)]


@pytest.mark.parametrize(
    ("currency", "price", "value"),
    [
        ("EUR", "€ 100", 100.0),
        ("EUR", "100 EUR", 100.0),
        ("EUR", "100", 100.0),
        ("EUR", "$100", None),
        ("EUR", "100 nok", None),
        ("EUR", "kr 100,-", None),
        ("SEK", "kr 100,-", 100.0),
        ("SEK", "100 NOK", None),
        ("CAD", "$100", 100.0),
    ],
)
def test_a_price_in_another_currency_than_its_list_is_left_empty_and_reported(
    kit: Kit, currency: str, price: str, value: float | None
) -> None:
    """Nobody knows the rate, and a hundred kroner are not a hundred euros."""
    chosen = add_list(kit, "Chosen", currency=currency)

    outcome = kit.load([{**DESK, PRICE: price}], into(chosen.id))

    assert kit.rows("select list_price from crm.product") == [(value,)]
    assert outcome.codes() == ([] if value else [(2, "other-currency")])
    if not value:
        assert f"not in {currency}" in outcome.issues[0]["message"]


def test_a_price_in_another_currency_keeps_the_one_that_the_crm_has(kit: Kit) -> None:
    kit.load([DESK], into())
    replace = into(action=Action.REPLACE).model_copy(update={"blanks_clear": True})

    kit.load([{**DESK, PRICE: "900 SEK"}], replace)

    assert kit.rows("select list_price from crm.product") == [(100.0,)]


@pytest.mark.parametrize("text", ["25", "25%", "25 %", "25,0 %"])
def test_vat_is_a_percentage_with_or_without_its_sign(kit: Kit, text: str) -> None:
    kit.load([{**DESK, VAT: text}], into())

    assert kit.rows("select vat from crm.product") == [(25.0,)]


# --- price lists and the session -------------------------------------------------------------


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path / "workspace")


def loaded(workspace: Workspace, path: Path) -> ImportSession:
    session = workspace.new_import()
    session.price_list = workspace.add_price_list(name="Standard", currency="NOK")
    session.load(path)
    return session


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": " standard "}, "of this name"),
        ({"name": ""}, "Give it a name"),
        ({"currency": "kroner"}, "three letters"),
        ({"valid_from": date(2026, 2, 1), "valid_to": date(2026, 1, 1)}, "before its first"),
    ],
)
def test_a_price_list_that_makes_no_sense_is_refused(
    workspace: Workspace, given: dict[str, Any], said: str
) -> None:
    workspace.add_price_list(name="Standard", currency="EUR")

    with pytest.raises(SettingsError, match=said):
        workspace.add_price_list(**{"name": "New", "currency": "EUR", **given})

    assert [item.name for item in workspace.price_lists()] == ["Standard"]


def test_products_need_a_price_list(workspace: Workspace) -> None:
    session = workspace.new_import()
    session.subject = "product"
    session.load(SAMPLES / "products.xlsx")

    with pytest.raises(SettingsError, match="no price list was chosen"):
        session.preview()


def test_products_of_which_only_the_id_is_mapped_are_told(workspace: Workspace) -> None:
    path = workspace.path / "ids.csv"
    path.write_text("Product ID,Remark\n1,a\n2,b\n", encoding="utf-8")
    session = workspace.new_import()
    session.subject = "product"
    session.load(path)
    session.mapping = session.mapping.with_target("c1", "product.id").with_target("c2", None)
    session.settings = Settings().with_rule(PRODUCT, match_key="id", action=Action.REPLACE)

    with pytest.raises(SettingsError, match="nothing of them but their ID"):
        session.preview()


def test_the_sample_goes_into_its_price_list(workspace: Workspace) -> None:
    """Prices with a comma, one code twice, a row without a name, a column that no field takes."""
    session = loaded(workspace, SAMPLES / "products.xlsx")

    issues = session.preview().issues()
    batch = session.commit()

    assert batch.written["product"] == {"new": 6, "changed": 0}
    assert workspace.price_list(batch.price_list).products == 6
    codes = issues[issues["level"] != "note"][["row_no", "code"]]
    assert list(codes.itertuples(index=False, name=None)) == [
        (4, "differs"),
        (4, "differs"),
        (6, "field-missing"),
        (7, "unreadable"),
    ]
    reason = session.mapping.columns[10].reason
    assert reason == "it is chosen for the whole file"
    prices = workspace.query("select code, list_price from crm.product order by code")
    assert dict(prices.itertuples(index=False, name=None))["D-200"] == 1500.0
    kinds = {s.kind: s.members for s in workspace.selections(batch.id)}
    assert (kinds["new"], kinds["changed"]) == (6, 0)
    assert dict(workspace.record_counts())["Products"] == 6


@real_files
def test_the_vendors_template_fits_without_a_change(workspace: Workspace) -> None:
    """Apart from its row that marks the example."""
    session = loaded(workspace, REAL / "superoffice" / "import-template-products.xlsx")
    targets = {
        column.header: entry.target
        for column, entry in zip(session.staged.columns, session.mapping.columns, strict=True)
    }
    session.leave_out([2])

    assert session.preview().issue_counts() == {"note": 4}
    session.commit()

    unmapped = {header for header, target in targets.items() if target is None}
    assert unmapped == {"Other fields", "Price list name", "Number descriptions"}
    assert targets["Unity"] == "product.unit"
    assert targets["Item"] == "product.item_number"
    (stored,) = workspace.query(
        "select code, name, list_price, minimum_price, cost, erp_key from crm.product"
    ).itertuples(index=False, name=None)
    assert stored == ("NL-0001", "Product", 15000.0, 10000.0, 4500.0, "SUO_2")


def test_the_products_template_comes_back_as_it_was_filled(workspace: Workspace) -> None:
    """Our own template's headers are known."""
    session = loaded(workspace, workspace.write_template("product"))

    targets = [entry.target for entry in session.mapping.columns]

    assert None not in targets
    assert set(targets) == {f"product.{field.id}" for field in PRODUCT.stored}


def test_an_existing_product_is_looked_for_in_its_price_list(workspace: Workspace) -> None:
    first = loaded(workspace, SAMPLES / "products.xlsx")
    first.preview()
    first.commit()
    session = workspace.new_import()
    session.price_list = workspace.add_price_list(name="Partners", currency="NOK")

    assert session.find_existing("product", "desk") == ()
    assert len(first.find_existing("product", "desk")) == 2


def test_a_field_is_set_for_all_products_of_a_selection(workspace: Workspace) -> None:
    """By their ID, which finds a product in any price list."""
    first = loaded(workspace, SAMPLES / "products.xlsx")
    first.preview()
    batch = first.commit()
    (added,) = (s for s in workspace.selections(batch.id) if s.kind == "new")

    session = workspace.new_import_from_selection(added.id, "product.supplier", "Tulip Trade BV")
    session.preview()
    session.commit()

    suppliers = workspace.query("select distinct supplier, price_list_id from crm.product")
    assert suppliers.values.tolist() == [["Tulip Trade BV", 1]]


def test_a_product_is_never_new_without_a_price_list(kit: Kit) -> None:
    settings = Settings().with_rule(PRODUCT, match_key="id")

    outcome = kit.load([{**DESK, "product.id": "7"}], settings)

    assert outcome.counts("product") == {"held_back": 1}
    assert "a price list" in outcome.issues[0]["message"]


def test_companies_are_not_asked_about_products(workspace: Workspace, tmp_path: Path) -> None:
    """The choice of what the file holds decides what its words mean."""
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["Name", "Code", "VAT"])
    book.active.append(["Acme", "A1", "25"])
    book.save(tmp_path / "words.xlsx")
    session = workspace.new_import()
    session.load(tmp_path / "words.xlsx")
    as_company = [entry.target for entry in session.mapping.columns]

    session.subject = "product"

    assert as_company[0] == "company.name"
    assert [e.target for e in session.mapping.columns] == [NAME, CODE, VAT]
    session.subject = "company"
    assert session.price_list is None


def test_what_the_file_holds_survives_a_reload(workspace: Workspace) -> None:
    session = loaded(workspace, SAMPLES / "products.xlsx")

    again = workspace.open_import(session.id)

    assert again.subject == "product"
    assert again.price_list is not None
    assert again.price_list.name == "Standard"
