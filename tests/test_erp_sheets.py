"""The ERP workbook: its sheets are known, keys of lists become texts, persons find their company."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest

from crmkit import sources
from crmkit.crm import Preferences
from crmkit.database import Database
from crmkit.samples import SAMPLES
from crmkit.staging import StagedTable
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace
from tests.landing import land, rows

BOOK = SAMPLES / "erp-workbook.xlsx"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path / "workspace", preferences=Preferences(country="NO"))


def table(db: Database, path: Path, sheet: str | None = None) -> tuple[StagedTable, list[Any]]:
    staged = land(db, path, sheet)
    headers = ["row", *(column.header for column in staged.columns)]
    return staged, [dict(zip(headers, row, strict=True)) for row in rows(db)]


def imported(workspace: Workspace, sheet: str, path: Path = BOOK) -> dict[str, dict[str, int]]:
    """Import a sheet with the mapping and settings that are suggested; what was written."""
    session = workspace.new_import()
    session.load(path, sheet=sheet)
    session.preview()
    assert 0 == session.held_back()
    return session.commit(back_up=False).written


def test_the_sheets_of_actors_are_told_from_lists() -> None:
    source = sources.inspect(BOOK)

    assert "ERP workbook" == source.program
    assert {
        "Customer": "company",
        "Supplier": "company",
        "Person": "company",
        "Products": "product",
    } == {sheet.name: sheet.holds for sheet in source.sheets if sheet.holds}
    # The first sheet of the file is a list.
    assert "Customer" == sources.detect_layout(source).sheet


def test_a_customers_group_is_its_text(db: Database) -> None:
    staged, found = table(db, BOOK)

    assert ["Wholesale", "Shops", "5"] == [row["CustGr"] for row in found]
    assert any("CustomerGroup" in note and "1 of them" in note for note in staged.notes)


def test_a_customer_and_a_supplier_of_one_id_have_different_keys(db: Database) -> None:
    _, (customer, *_) = table(db, BOOK, "Customer")
    _, (supplier,) = table(db, BOOK, "Supplier")

    assert "ERP workbook:Customer 7" == customer["ERP key"]
    assert "ERP workbook:Supplier 7" == supplier["ERP key"]
    assert "Equipment" == supplier["SupGr"]


def test_a_person_has_key_and_name_of_its_company(db: Database) -> None:
    """The parent's kind is a number or a word."""
    _, found = table(db, BOOK, "Person")

    assert [
        ("ERP workbook:Person 1", "ERP workbook:Customer 7", "Havbris Fisk AS"),
        ("ERP workbook:Person 2", "ERP workbook:Customer 7", "Havbris Fisk AS"),
        ("ERP workbook:Person 3", "ERP workbook:Supplier 7", "Garn og Not AS"),
    ] == [(row["ERP key"], row["Company ERP key"], row["Company name"]) for row in found]


def test_a_parent_that_is_not_there_is_told(db: Database, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(BOOK)
    book["Person"]["D2"] = 99
    book.save(tmp_path / "book.xlsx")

    staged, (first, *_) = table(db, tmp_path / "book.xlsx", "Person")

    assert ("ERP workbook:Customer 99", None) == (first["Company ERP key"], first["Company name"])
    assert any(note.startswith("1 persons have a parent") for note in staged.notes)


def test_a_sheet_of_a_list_that_is_missing_changes_nothing(db: Database, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(BOOK)
    del book["CustomerGroup"]
    book.save(tmp_path / "book.xlsx")

    _, found = table(db, tmp_path / "book.xlsx")

    assert ["1", "2", "5"] == [row["CustGr"] for row in found]


def test_the_sheets_are_imported_one_after_the_other(workspace: Workspace) -> None:
    """No dropdown is touched; persons come to the companies of the imports before."""
    assert 3 == imported(workspace, "Customer")["company"]["new"]
    assert 1 == imported(workspace, "Supplier")["company"]["new"]
    written = imported(workspace, "Person")

    assert (0, 3) == (written["company"]["new"], written["person"]["new"])
    frame = workspace.query(
        "select p.last_name, c.name, c.number, c.code, cat.name as category from crm.person p"
        " join crm.company c on c.id = p.company_id"
        " left join crm.list_item cat on cat.id = c.category_id order by p.last_name"
    )
    assert [
        ("Dahl", "Garn og Not AS", None, "L-07", "Equipment"),
        ("Lien", "Havbris Fisk AS", "K-07", None, "Wholesale"),
        ("Moe", "Havbris Fisk AS", "K-07", None, "Wholesale"),
    ] == [tuple(None if v != v else v for v in row) for row in frame.itertuples(index=False)]


def test_the_same_actors_are_updated_by_their_keys(workspace: Workspace, tmp_path: Path) -> None:
    for sheet in ("Customer", "Person"):
        imported(workspace, sheet)
    book = openpyxl.load_workbook(BOOK)
    book["Customer"]["D2"] = "Havbris AS"
    book["Person"]["G2"] = "Lien Berg"
    book.save(tmp_path / "next.xlsx")

    customers = imported(workspace, "Customer", tmp_path / "next.xlsx")
    persons = imported(workspace, "Person", tmp_path / "next.xlsx")

    assert (0, 1) == (customers["company"]["new"], customers["company"]["changed"])
    assert (0, 1) == (persons["person"]["new"], persons["person"]["changed"])


def test_products_have_their_category_and_keys(workspace: Workspace) -> None:
    session = workspace.new_import()
    session.load(BOOK, sheet="Products")
    assert "product" == session.subject
    session.price_list = workspace.add_price_list(name="Standard", currency="NOK")
    session.preview()
    assert 0 == session.held_back()
    session.commit(back_up=False)

    frame = workspace.query(
        "select p.code, p.erp_key, p.list_price, c.name as category from crm.product p"
        " left join crm.list_item c on c.id = p.category_id order by p.code"
    )
    assert [("IS20", "A2", 45, "Consumables"), ("KASSE", "A1", 89.5, "Packaging")] == list(
        frame.itertuples(index=False, name=None)
    )
