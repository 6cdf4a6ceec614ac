"""ERP databases without a running ERP: connections, own queries, the ready-made ones, and texts.

The tables of Odoo, Business Central, SAP Business One and Dolibarr are made with the columns of their
public declarations; Tryton itself is tested in test_erp_tryton.py.
"""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from crmkit.entities import COMPANY
from crmkit.erp import connections, own_sql, systems
from crmkit.erp.model import Actors, Request
from crmkit.erp.reading import _text
from crmkit.errors import CrmkitError, SettingsError, SourceError
from crmkit.plan import Status
from crmkit.session import ImportSession
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace
from tests.erp_servers import PASSWORD, Server

ODOO = """
create table ir_module_module (id integer, name text);
create table res_company (id integer, partner_id integer);
create table res_country (id integer, code text, name text);
create table res_country_state (id integer, name text);
create table res_partner (id integer, name text, parent_id integer, is_company boolean, active boolean,
    type text, ref text, vat text, company_registry text, street text, street2 text, zip text, city text,
    state_id integer, country_id integer, phone text, mobile text, email text, website text,
    function text, customer_rank integer, supplier_rank integer, write_date timestamp);
create table product_template (id integer, name text, active boolean, description_sale text, type text,
    list_price numeric, uom_id integer, categ_id integer, sale_ok boolean, write_date timestamp);
create table product_product (id integer, product_tmpl_id integer, default_code text, barcode text,
    active boolean, write_date timestamp);
insert into res_company values (1, 1);
insert into res_country values (5, 'SE', 'Sweden');
insert into res_partner values
    (1, 'Our own', null, true, true, 'contact', null, null, null, null, null, null, null, null, null, null,
        null, null, null, null, 1, 0, '2026-01-01 10:00:00'),
    (2, 'Åkers Bruk', null, true, true, 'contact', 'K2', 'SE556012579001', null, 'Storgatan 1', null, '111 29',
        'Stockholm', null, 5, '+46 8 123', null, 'info@akers.example', null, null, 3, 0,
        '2026-01-01 10:00:00'),
    (3, 'Eva Lind', 2, false, true, 'contact', null, null, null, null, null, null, null, null, null, null,
        '+46 70 1', 'eva@akers.example', null, 'Buyer', 0, 0, '2026-03-01 10:00:00'),
    (4, 'Invoices', 2, false, true, 'invoice', null, null, null, null, null, null, null, null, null, null,
        null, null, null, null, 0, 0, '2026-01-01 10:00:00'),
    (5, 'Gone', null, true, false, 'contact', null, null, null, null, null, null, null, null, null, null,
        null, null, null, null, 1, 0, '2026-01-01 10:00:00'),
    (6, 'Only supplies', null, true, true, 'contact', null, null, null, null, null, null, null, null, null,
        null, null, null, null, null, 0, 1, '2026-01-01 10:00:00');
insert into product_template values (1, 'Desk', true, 'Oak', 'consu', 4990.5, null, null, true, null);
insert into product_product values (11, 1, 'D-1', '703', true, null);
"""

BUSINESS_CENTRAL = """
create table "Cronus AS$Customer$437dbf0e-84ff-417a-965d-ed2bb9650972" ("No_" text, "Name" text,
    "Address" text, "Address 2" text, "City" text, "County" text, "Post Code" text,
    "Country_Region Code" text, "Phone No_" text, "Fax No_" text, "E-Mail" text, "Home Page" text,
    "VAT Registration No_" text, "Blocked" integer, "Last Date Modified" timestamp);
create table "Cronus AS$Vendor$437dbf0e-84ff-417a-965d-ed2bb9650972" ("No_" text, "Name" text,
    "Address" text, "City" text, "Post Code" text, "Country_Region Code" text, "Phone No_" text,
    "E-Mail" text, "VAT Registration No_" text, "Blocked" integer, "Last Date Modified" timestamp);
create table "Cronus AS$Item$437dbf0e-84ff-417a-965d-ed2bb9650972" ("No_" text, "Description" text,
    "Description 2" text, "Base Unit of Measure" text, "Unit Price" numeric, "Unit Cost" numeric,
    "Item Category Code" text, "Vendor No_" text, "Blocked" integer, "Last Date Modified" timestamp);
create table "Cronus AS$Contact$437dbf0e-84ff-417a-965d-ed2bb9650972" ("No_" text, "Name" text,
    "First Name" text, "Middle Name" text, "Surname" text, "Job Title" text, "Type" integer,
    "Company No_" text, "Phone No_" text, "Mobile Phone No_" text, "E-Mail" text,
    "Last Date Modified" timestamp);
create table "Cronus AS$Contact Business Relation$437dbf0e-84ff-417a-965d-ed2bb9650972" (
    "Contact No_" text, "Business Relation Code" text, "Link to Table" integer, "No_" text);
insert into "Cronus AS$Customer$437dbf0e-84ff-417a-965d-ed2bb9650972" values
    ('10000', 'Åkers Bruk', 'Storgatan 1', '', 'Stockholm', '', '111 29', 'SE', '+46 8 123', '',
        'info@akers.example', '', 'SE556012579001', 0, '2026-01-01'),
    ('20000', 'Blocked', '', '', '', '', '', '', '', '', '', '', '', 3, '2026-01-01');
insert into "Cronus AS$Vendor$437dbf0e-84ff-417a-965d-ed2bb9650972" values
    ('10000', 'Only supplies', '', '', '', '', '', '', '', 0, '2026-01-01');
insert into "Cronus AS$Contact$437dbf0e-84ff-417a-965d-ed2bb9650972" values
    ('CT1', 'Åkers Bruk', '', '', '', '', 0, '', '', '', '', '2026-01-01'),
    ('CT2', 'Eva Lind', 'Eva', '', 'Lind', 'Buyer', 1, 'CT1', '', '+46 70 1', 'eva@akers.example',
        '2026-03-01');
insert into "Cronus AS$Contact Business Relation$437dbf0e-84ff-417a-965d-ed2bb9650972" values
    ('CT1', 'CUST', 1, '10000');
insert into "Cronus AS$Item$437dbf0e-84ff-417a-965d-ed2bb9650972" values
    ('D-1', 'Desk', 'Oak', 'PCS', 4990.5, 2000, 'FURN', '', 0, '2026-01-01');
"""

SAP = """
create table OCRD ("CardCode" text, "CardName" text, "CardType" text, "LicTradNum" text, "Phone1" text,
    "Phone2" text, "Cellular" text, "Fax" text, "E_Mail" text, "IntrntSite" text, "Address" text,
    "Block" text, "ZipCode" text, "City" text, "County" text, "Country" text, "MailAddres" text,
    "MailZipCod" text, "MailCity" text, "frozenFor" text, "CreateDate" timestamp, "UpdateDate" timestamp);
create table CRD1 ("CardCode" text, "Address" text, "AdresType" text);
create table OCPR ("CntctCode" integer, "CardCode" text, "Name" text, "FirstName" text,
    "MiddleName" text, "LastName" text, "Position" text, "Tel1" text, "Cellolar" text, "E_MailL" text,
    "BirthDate" timestamp, "Active" text, "updateDate" timestamp);
create table OITM ("ItemCode" text, "ItemName" text, "FrgnName" text, "ItmsGrpCod" integer,
    "SalUnitMsr" text, "InvntryUom" text, "CodeBars" text, "CardCode" text, "SuppCatNum" text,
    "frozenFor" text, "CreateDate" timestamp, "UpdateDate" timestamp);
create table ITM1 ("ItemCode" text, "PriceList" integer, "Price" numeric);
insert into OCRD ("CardCode", "CardName", "CardType", "LicTradNum", "ZipCode", "City", "Country",
    "frozenFor", "E_Mail", "CreateDate") values
    ('K2', 'Åkers Bruk', 'C', 'SE556012579001', '111 29', 'Stockholm', 'SE', 'N', 'info@akers.example',
        '2026-01-01'),
    ('L1', 'Only supplies', 'S', null, null, null, null, 'N', null, '2026-01-01'),
    ('X1', 'Frozen', 'C', null, null, null, null, 'Y', null, '2026-01-01');
insert into OCPR ("CntctCode", "CardCode", "Name", "FirstName", "LastName", "Position", "E_MailL", "Active",
    "updateDate") values (7, 'K2', 'Eva', 'Eva', 'Lind', 'Buyer', 'eva@akers.example', 'Y', '2026-03-01');
insert into OITM ("ItemCode", "ItemName", "SalUnitMsr", "frozenFor") values ('D-1', 'Desk', 'pc', 'N');
insert into ITM1 values ('D-1', 1, 4990.5), ('D-1', 2, 1);
"""

DOLIBARR = """
create table llx_societe (rowid integer, nom text, client integer, fournisseur integer,
    code_client text, code_fournisseur text, status integer, address text, zip text, town text,
    fk_pays integer, phone text, fax text, email text, url text, siren text, siret text,
    tva_intra text, tms timestamp);
create table llx_socpeople (rowid integer, fk_soc integer, lastname text, firstname text, poste text,
    phone text, phone_perso text, phone_mobile text, email text, birthday date, statut integer,
    tms timestamp);
create table llx_c_country (rowid integer, code text, label text);
create table llx_product (rowid integer, ref text, label text, description text, price numeric,
    tva_tx numeric, cost_price numeric, barcode text, tosell integer, fk_unit integer, tms timestamp);
insert into llx_c_country values (20, 'SE', 'Sweden');
insert into llx_societe values
    (2, 'Åkers Bruk', 1, 0, 'K2', null, 1, 'Storgatan 1' || char(10) || 'Port B', '111 29', 'Stockholm',
        20, '+46 8 123', null, 'info@akers.example', null, null, null, 'SE556012579001', '2026-01-01'),
    (3, 'Only supplies', 0, 1, null, 'L1', 1, null, null, null, null, null, null, null, null, null, null,
        null, '2026-01-01'),
    (4, 'Closed', 1, 0, 'K4', null, 0, null, null, null, null, null, null, null, null, null, null, null,
        '2026-01-01');
insert into llx_socpeople values
    (7, 2, 'Lind', 'Eva', 'Buyer', null, null, '+46 70 1', 'eva@akers.example', null, 1, '2026-03-01'),
    (8, 2, 'Left', 'Lars', null, null, null, null, null, null, 0, '2026-03-01');
insert into llx_product values (11, 'D-1', 'Desk', 'Oak', 4990.5, 25, 2000, '703', 1, null, '2026-01-01');
"""


class Erp(NamedTuple):
    """A database of one ERP: the script that makes it, and what is to be found in it."""

    script: str
    system: str
    company: str
    key: str
    person: str


ERPS = pytest.mark.parametrize(
    "erp",
    [
        Erp(ODOO, "odoo", "", "2", "3"),
        Erp(BUSINESS_CENTRAL, "business_central", "Cronus AS", "customer 10000", "contact CT2"),
        Erp(SAP, "sap_business_one", "", "K2", "7"),
        Erp(DOLIBARR, "dolibarr", "llx_", "2", "7"),
    ],
    ids=lambda erp: erp.system,
)

Make = Callable[[str], str]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path / "workspace")


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a database of a script, and gives its URL."""

    def made(script: str) -> str:
        path = tmp_path / "erp #1.sqlite"
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(script)
        return f"sqlite:///{path.as_posix()}"

    return made


def ask(actors: Actors = Actors.CUSTOMERS, **criteria: object) -> Request:
    return Request.model_validate({"connection": "ERP", "actors": actors, **criteria})


def cells(session: ImportSession) -> list[dict[str, str]]:
    with session.source_path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# --- ready-made queries -----------------------------------------------------------------------


@ERPS
def test_customers_come_with_their_contact_person(
    workspace: Workspace, make: Make, erp: Erp
) -> None:
    """Not with them: suppliers, the own company, and those that are not in use."""
    connection = workspace.erp.add("ERP", make(erp.script))
    session = workspace.new_import()
    session.load_erp(ask())

    assert (erp.system, erp.company) == (connection.system, connection.company)
    (row,) = cells(session)
    assert {
        "Company ERP key": f"ERP:{erp.key}",
        "Company name": "Åkers Bruk",
        "Company VAT number": "SE556012579001",
        "Company postal address: Zip code": "111 29",
        "Company postal address: City": "Stockholm",
        "Company country": "SE",
        "Company E-mail": "info@akers.example",
        "Person ERP key": f"ERP:{erp.person}",
        "Person title": "Buyer",
        "Person E-mail": "eva@akers.example",
    }.items() <= row.items()
    name = row.get("Person full name") or f"{row['Person first name']} {row['Person last name']}"
    assert "Eva Lind" == name
    assert all(column.target for column in session.mapping.columns)


@ERPS
def test_suppliers_both_persons_and_products_are_found(
    workspace: Workspace, make: Make, erp: Erp
) -> None:
    workspace.erp.add("ERP", make(erp.script))

    suppliers = workspace.erp.find(ask(Actors.SUPPLIERS))
    assert ["Only supplies"] == [
        row[suppliers.headers.index("Company name")] for row in suppliers.rows
    ]
    assert 2 == workspace.erp.find(ask(Actors.BOTH)).count
    assert (erp.person,) == workspace.erp.find(ask(Actors.PERSONS)).keys
    products = workspace.erp.find(ask(Actors.PRODUCTS))
    (desk,) = [dict(zip(products.headers, row, strict=True)) for row in products.rows]
    assert ("Desk", "D-1", "4990.5") == (
        desk["Product name"],
        desk["Product code"],
        desk["Product list price"],
    )


@ERPS
def test_a_change_of_the_contact_person_is_a_change(
    workspace: Workspace, make: Make, erp: Erp
) -> None:
    workspace.erp.add("ERP", make(erp.script))

    since = [workspace.erp.find(ask(changed_since=f"2026-0{m}-01")).count for m in (2, 4)]

    assert [1, 0] == since


def test_a_key_alone_does_not_make_customer_and_vendor_one(
    workspace: Workspace, make: Make
) -> None:
    """In Business Central both have the number 10000."""
    workspace.erp.add("ERP", make(BUSINESS_CENTRAL))

    found = workspace.erp.find(ask(Actors.BOTH))

    assert {"customer 10000", "vendor 10000"} == set(found.keys)


def test_odoo_on_its_own_database(workspace: Workspace, postgres: Server) -> None:
    """Where booleans are none of numbers, and a product's name is a JSON of languages."""
    names = ODOO.replace("(id integer, name text, active", "(id integer, name jsonb, active")
    names = names.replace("'Desk'", """'{"nl_NL": "Bureau", "en_US": "Desk"}'""")
    postgres.sql("create database odoo")
    postgres.sql(names, "odoo")
    workspace.erp.add("ERP", f"{postgres.uri()}odoo", keep_password=False)

    counts = [
        workspace.erp.find(ask(actors, changed_since="2026-02-01"), password=PASSWORD).count
        for actors in (Actors.CUSTOMERS, Actors.SUPPLIERS)
    ]
    session = workspace.new_import()
    session.load_erp(ask(Actors.BOTH, name="ÅKERS"), password=PASSWORD)
    (desk,) = workspace.erp.find(ask(Actors.PRODUCTS, name="desk"), password=PASSWORD).rows

    assert [1, 0] == counts
    assert ["Eva Lind"] == [row["Person full name"] for row in cells(session)]
    assert {"Desk", "4990.5"} <= set(desk)


def test_several_companies_in_one_database_are_asked_about(
    workspace: Workspace, make: Make
) -> None:
    url = make(BUSINESS_CENTRAL + BUSINESS_CENTRAL.replace("Cronus AS", "Other BV"))

    with pytest.raises(SettingsError, match="Cronus AS, Other BV"):
        workspace.erp.add("ERP", url)

    assert "Other BV" == workspace.erp.add("ERP", url, company="Other BV").company


def test_a_column_that_is_gone_is_drift(workspace: Workspace, make: Make) -> None:
    """Odoo 19 has no mobile number any more."""
    workspace.erp.add("ERP", make(ODOO))
    session = workspace.new_import()
    session.load_erp(ask())
    session.save_description("Customers")
    make(ODOO.replace("phone text, mobile text", "phone text, other text"))

    repeated = workspace.new_import()
    description = workspace.description("Customers")
    assert description.erp is not None
    repeated.load_erp(description.erp)
    drift = repeated.apply_description("Customers")

    assert drift.needs_look
    assert any("Person mobile" in change.text for change in drift.changes)


def test_a_table_that_cannot_be_done_without_is_told(workspace: Workspace, make: Make) -> None:
    workspace.erp.add("ERP", make(ODOO))
    make("create table something (a text);")

    with pytest.raises(SourceError, match="does not have the tables of Odoo"):
        workspace.erp.find(ask())


@pytest.mark.parametrize("gone", ["id integer, name text, parent_id", "name text, parent_id"])
def test_a_key_or_name_that_is_gone_is_told(workspace: Workspace, make: Make, gone: str) -> None:
    workspace.erp.add("ERP", make(ODOO))
    make(ODOO.replace(gone, gone.replace("id integer", "no integer").replace("name", "title")))

    with pytest.raises(SourceError, match="lack what its actors are known by"):
        workspace.erp.find(ask())


def test_every_query_is_written_for_every_database() -> None:
    """Whatever a system runs on, its queries can be put into that database's words."""
    for system in systems.systems():
        tables = {t: (t, _AnyColumn()) for t in system.tables_named()}
        for actors in (Actors.CUSTOMERS, Actors.SUPPLIERS, Actors.BOTH, Actors.PRODUCTS):
            for dialect in systems.DIALECTS:
                prepared = system.query(actors, tables, dialect)
                keys = [c for c in prepared.columns if c.endswith("__erp_key")]
                assert keys, (system.id, actors, dialect)


class _AnyColumn(dict[str, str]):
    """A table that has every column."""

    def get(self, key: str, default: Any = None) -> Any:
        return key or default


# --- rows as they are written -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(None, "", id="null"),
        pytest.param("  as it is ", "  as it is ", id="text"),
        pytest.param(b"799.00", "799.00", id="bytes"),
        pytest.param(b"\xff\xd8\xff", "", id="a picture"),
        pytest.param(Decimal("1E+3"), "1000", id="decimal"),
        pytest.param(Decimal("NaN"), "", id="not a number"),
        pytest.param(0.1, "0.1", id="float"),
        pytest.param(31665479012.0, "31665479012", id="whole float"),
        pytest.param(True, "yes", id="boolean"),
        pytest.param(date(2026, 1, 31), "2026-01-31", id="date"),
        pytest.param(datetime(2026, 1, 31), "2026-01-31", id="midnight"),
        pytest.param(datetime(2026, 1, 31, 9, 5), "2026-01-31 09:05:00", id="time"),
        pytest.param({"en_US": "Desk", "nl_NL": "Bureau"}, "Desk", id="languages"),
        pytest.param({"nl_NL": "Bureau"}, "Bureau", id="another language"),
        pytest.param({"a": 1}, '{"a": 1}', id="json"),
        pytest.param(["a", 1], "a; 1", id="list"),
    ],
)
def test_a_value_becomes_text(value: object, text: str) -> None:
    assert text == _text(value)


def test_no_cell_is_changed_on_its_way(workspace: Workspace, make: Make) -> None:
    """Line ends, quotation marks, formulas, apostrophes before them, and totals at the end."""
    texts = ["a\nb", 'say "x", y', "=1+1", "'=1+1", "''-x", " blank ", "Total"]
    values = ", ".join(f"({n}, '{t.replace(chr(39), chr(39) * 2)}')" for n, t in enumerate(texts))
    workspace.erp.add(
        "ERP", make(f"create table t (n integer, name text); insert into t values {values};")
    )
    session = workspace.new_import()
    session.load_erp(ask(Actors.SQL, sql="select n, name from t order by n"))

    assert texts == session.first_rows(20)["name"].tolist()


def test_the_same_actors_again_are_updated(workspace: Workspace, make: Make) -> None:
    workspace.erp.add("ERP", make(ODOO))
    for _ in range(2):
        session = workspace.new_import()
        session.load_erp(ask())
        session.preview()
        written = session.commit().written
    make(ODOO.replace("Åkers Bruk", "Åkers Nya Bruk"))
    session = workspace.new_import()
    session.load_erp(ask())
    session.preview()

    assert {0} == set(written["company"].values()) | set(written["person"].values())
    assert {"new": 0, "changed": 1} == {
        k: v for k, v in session.commit().written["company"].items() if k in ("new", "changed")
    }


def test_customers_that_the_crm_has_without_keys_are_pointed_out(
    workspace: Workspace, make: Make
) -> None:
    """Matched by their name this once, they get their keys and are known from then on."""
    path = workspace.path / "list.csv"
    path.write_text("Company name\nÅkers Bruk\n", encoding="utf-8")
    there = workspace.new_import()
    there.load(path)
    there.preview()
    there.commit()
    workspace.erp.add("ERP", make(ODOO))

    first = workspace.new_import()
    first.load_erp(ask())
    was_new = first.erp_is_new()
    first.settings = first.settings.with_rule(COMPANY, match_key="name")
    first.preview()
    written = first.commit().written["company"]
    second = workspace.new_import()
    second.load_erp(ask())

    assert (True, False) == (was_new, second.erp_is_new())
    assert (0, 1) == (written["new"], written["changed"])
    assert second.preview().balance[0].records[Status.UNCHANGED] == 1


def test_no_rows_are_told(workspace: Workspace, make: Make) -> None:
    workspace.erp.add("ERP", make(ODOO))

    with pytest.raises(SourceError, match="Loosen the criteria"):
        workspace.new_import().load_erp(ask(name="nobody"))


def test_what_was_read_before_stays_when_nothing_is_found(workspace: Workspace, make: Make) -> None:
    workspace.erp.add("ERP", make(ODOO))
    session = workspace.new_import()
    session.load_erp(ask())
    before = session.source_path.read_bytes()

    with pytest.raises(SourceError):
        session.load_erp(ask(name="nobody"))

    assert before == session.source_path.read_bytes()
    assert ask() == session.erp_request
    assert [session.source_path] == list(session.upload_folder.iterdir())


def test_another_file_is_no_erp_any_more(workspace: Workspace, make: Make) -> None:
    workspace.erp.add("ERP", make(ODOO))
    session = workspace.new_import()
    session.load_erp(ask())
    again = session.load(session.source_path, header_row=1)
    kept = session.erp_request
    other = workspace.path / "other.csv"
    other.write_text("Name\nAcme\n", encoding="utf-8")
    session.load(other)

    assert (1, ask()) == (again.row_count, kept)
    assert session.erp_request is None


# --- connections ------------------------------------------------------------------------------


def test_a_url_is_taken_apart() -> None:
    bare, password = connections.take_apart(
        "postgresql://anna:p%40ss@db.example.com:5433/erp?sslmode=require"
    )

    assert "postgresql+psycopg://anna@db.example.com:5433/erp?sslmode=require" == bare
    assert "p@ss" == password


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://x@h/db?password=geheim",
        "mssql+pyodbc:///?odbc_connect=PWD=geheim",
        "geheim:geheim",
        "postgresql://x:geheim@h:port/db",
    ],
)
def test_a_url_that_is_refused_is_not_repeated(url: str) -> None:
    with pytest.raises(SettingsError) as told:
        connections.take_apart(url)

    assert "geheim" not in str(told.value)
    assert told.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "said"),
    [
        pytest.param("sqlite:////nowhere/erp.sqlite", "no such database file", id="no file"),
        pytest.param("sqlite://", "no such database file", id="memory"),
        pytest.param("postgresql://a@127.0.0.1:1/erp", "cannot be reached", id="unreachable"),
        pytest.param("mysql://a@127.0.0.1/erp", "pip install pymysql", id="driver"),
        pytest.param(
            "oracle+oracledb://a@127.0.0.1/erp", "pip install oracledb", id="other driver"
        ),
        pytest.param("nosuch://a@127.0.0.1/erp", "not installed", id="no such database"),
    ],
)
def test_what_cannot_be_opened_is_told(workspace: Workspace, url: str, said: str) -> None:
    with pytest.raises(CrmkitError, match=said):
        workspace.erp.add("ERP", url, password="geheim-4711")

    assert () == workspace.erp.connections()


def test_a_connection_is_kept_replaced_and_removed(workspace: Workspace, make: Make) -> None:
    workspace.erp.add("ERP", make(ODOO))
    made = Workspace.open(workspace.path).erp.connection("erp")
    workspace.erp.add("erp", make(DOLIBARR))

    assert "odoo" == made.system
    assert ["dolibarr"] == [item.system for item in workspace.erp.connections()]
    workspace.erp.remove("ERP")
    with pytest.raises(SettingsError, match="Known are: none"):
        workspace.erp.connection("ERP")


# --- own queries ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "select * from a",
        "with x as (select 1 as n) select n from x union all select 2 order by n;",
        "select 'delete from a; drop table b' as text -- insert",
        "(select 1)",
    ],
)
@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "mysql", "mssql"])
def test_a_query_that_reads_is_let_through(query: str, dialect: str) -> None:
    assert query.rstrip(";") == own_sql.checked(query, dialect)


@pytest.mark.parametrize(
    ("query", "dialect"),
    [
        ("select 1; drop table a", "postgresql"),
        ("with d as (delete from a returning *) select * from d", "postgresql"),
        ("select * into b from a", "mssql"),
        ("select * from a into outfile '/tmp/x'", "mysql"),
        ("exec sp_rename 'a', 'b'", "mssql"),
        ("copy a to '/tmp/x'", "postgresql"),
        ("attach 'x.db' as x", "sqlite"),
        ("pragma query_only = off", "sqlite"),
        ("set transaction read write", "postgresql"),
        ("begin", "sqlite"),
        ("explain analyze delete from a", "postgresql"),
        ("/* only */", "sqlite"),
        ("select (", "sqlite"),
        ("(" * 3000 + "select 1" + ")" * 3000, "sqlite"),
    ],
)
def test_a_query_that_does_not_only_read_is_refused(query: str, dialect: str) -> None:
    with pytest.raises(SourceError):
        own_sql.checked(query, dialect)


def test_sqlite_itself_refuses_to_write(workspace: Workspace, make: Make) -> None:
    """The file is opened so, whatever a query says."""
    workspace.erp.add("ERP", make(ODOO))

    with workspace.erp.opened("ERP") as (erp, _), pytest.raises(Exception, match="readonly"):
        erp.connection.exec_driver_sql("delete from res_partner")
