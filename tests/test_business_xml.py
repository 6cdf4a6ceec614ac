"""Audit files and trade documents: each party is a row or set aside, and needs no mapping by hand."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from crmkit import sources, staging, suggestions
from crmkit.crm import Preferences
from crmkit.database import Database
from crmkit.entities import COMPANY, SCHEMA
from crmkit.errors import SourceError
from crmkit.samples import SAMPLES
from crmkit.session import ImportSession
from crmkit.settings import Action
from crmkit.sources import SourceKind
from crmkit.staging import StagedTable, rejected_rows
from crmkit.workspace import Workspace
from tests.audit_files import DUTCH, INVOICE, POLISH, PORTUGUESE, invoices, write
from tests.crm_kit import new_workspace, silent
from tests.landing import land, rows
from tests.test_sources import REAL, real_files

AUDIT = SAMPLES / "audit-file.xml"
CATALOGUE = SAMPLES / "catalogue.xml"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path / "workspace", preferences=Preferences(country="NO"))


def table(db: Database, path: Path, sheet: str | None = None) -> tuple[StagedTable, list[Any]]:
    """A staged table, and its rows by header without the empty cells."""
    staged = land(db, path, sheet)
    headers = ["row", *(column.header for column in staged.columns)]
    return staged, [
        {h: cell for h, cell in zip(headers, row, strict=True) if cell is not None}
        for row in rows(db)
    ]


def targets(db: Database, staged: StagedTable, subject: str = "company") -> dict[str, str | None]:
    mapping = suggestions.suggest(db, staged, SCHEMA.subject(subject))
    return {
        column.header: mapped.target
        for column, mapped in zip(staged.columns, mapping.columns, strict=True)
    }


# --- what is recognised ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "program", "sheets", "said"),
    [
        (
            PORTUGUESE,
            "SAF-T",
            [("Customers", 3), ("Suppliers", 1), ("Products", 2)],
            "SAF-T Portugal 1.04_01 audit file of Padaria São João Lda, written by Contas/Luso",
        ),
        (
            DUTCH,
            "XAF",
            [("Customers and suppliers", 3)],
            "XAF 3.2 audit file (Netherlands) of Windmolen BV, written by Kasboek",
        ),
        (
            invoices(("Ala", "", "")),
            "JPK",
            [("Customers", 1)],
            "JPK_FA file (Poland) of Młyn Biały sp. z o.o., 2025-12-01 to 2025-12-31",
        ),
        (
            INVOICE,
            "UBL",
            [("Parties", 2), ("Products", 1)],
            "UBL invoice 77 of 2026-01-09, seller Papirhuset",
        ),
    ],
    ids=["SAF-T", "XAF", "JPK", "UBL"],
)
def test_a_file_is_known_by_its_content(
    tmp_path: Path, text: str, program: str, sheets: list[tuple[str, int]], said: str
) -> None:
    encoding = "cp1252" if "windows-1252" in text else "utf-8"

    source = sources.inspect(write(tmp_path, text, encoding=encoding, name="export.txt"))

    assert (SourceKind.XML, program) == (source.kind, source.program)
    assert sheets == [(sheet.name, sheet.rows) for sheet in source.sheets]
    assert said == source.description


_XAF_4 = "http://www.odb.belastingdienst.nl/BCPP/1.1/structures/XmlauditfileXAF_4.0"


@pytest.mark.parametrize(
    ("text", "said", "found"),
    [
        (
            """<auditfile><header><auditfileVersion>CLAIR2.00.00</auditfileVersion></header>
            <customers_suppliers><customer_supplier><custSupID>1</custSupID>
            <type>customer</type><companyName>Acme BV</companyName><contact>de heer J. Bek</contact>
            <streetAddress><address>Weg 1</address><city>Ede</city></streetAddress>
            </customer_supplier></customers_suppliers></auditfile>""",
            "XAF CLAIR2.00.00",
            {"Name": "Acme BV", "Street address: city": "Ede", "Contact: full name": "J. Bek"},
        ),
        (
            f"""<auditfile xmlns="{_XAF_4}"><header/><company><customersSuppliers>
            <customerSupplier><custSupID>1</custSupID><custSupName>Acme BV</custSupName>
            <custSupTp>C</custSupTp></customerSupplier></customersSuppliers></company></auditfile>""",
            "XAF 4.0",
            {"Name": "Acme BV", "Category": "Customer"},
        ),
        (
            """<AuditFile xmlns="urn:OECD:StandardAuditFile-Tax:PT_1.00_01"><Header/><MasterFiles>
            <Customer><CustomerID>1</CustomerID><CustomerTaxID>501442600</CustomerTaxID>
            <CompanyName>Acme Lda</CompanyName><BillingAddress><City>Porto</City></BillingAddress>
            </Customer></MasterFiles></AuditFile>""",
            "SAF-T Portugal",
            {"Name": "Acme Lda", "VAT number": "501442600", "Postal address: city": "Porto"},
        ),
        (
            """<n1:AuditFile xmlns:n1="urn:StandardAuditFile-Taxation-Financial:NO"><n1:Header/>
            <n1:MasterFiles><n1:Products><n1:Product><n1:ProductCode>A-1</n1:ProductCode>
            <n1:ProductDescription>Bord</n1:ProductDescription></n1:Product></n1:Products>
            </n1:MasterFiles></n1:AuditFile>""",
            "SAF-T Norway",
            {"Product code": "A-1", "Product name": "Bord"},
        ),
    ],
    ids=["XAF 2", "XAF 4", "SAF-T Portugal 1.00", "SAF-T Norway 2"],
)
def test_other_versions_of_audit_files_are_read(
    db: Database, tmp_path: Path, text: str, said: str, found: dict[str, str]
) -> None:
    path = write(tmp_path, f"<?xml version='1.0'?>{text}", encoding="utf-8", name="audit.xml")

    staged, parties = table(db, path)

    assert any(note.startswith(said) for note in staged.notes)
    assert 1 == len(parties)
    assert found.items() <= parties[0].items()


def test_a_catalogue_opens_with_its_products() -> None:
    source = sources.inspect(CATALOGUE)

    assert "Products" == sources.detect_layout(source).sheet


def test_other_xml_is_refused_by_its_name(tmp_path: Path) -> None:
    path = write(tmp_path, "<?xml version='1.0'?><rss><channel/></rss>")

    with pytest.raises(SourceError, match="first element is “rss”"):
        sources.inspect(path)


def test_a_file_without_parties_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no customers, suppliers or products"):
        sources.inspect(write(tmp_path, POLISH.format(rows="")))


def test_a_table_that_is_not_there_is_refused_with_those_that_are() -> None:
    source = sources.inspect(AUDIT)

    with pytest.raises(SourceError) as error:
        sources.detect_layout(source, "Products")

    assert "Customers, Suppliers" in error.value.mend


# --- SAF-T -------------------------------------------------------------------------------------


def test_norwegian_customers_have_addresses_and_contact_persons(db: Database) -> None:
    staged, (first, second, third) = table(db, AUDIT)

    assert ("Postboks 17", "Snekkerveien 4B") == (
        first["Postal address: street"],
        first["Street address: street"],
    )
    assert ("Ingrid", "van", "Dalen", "912 34 567") == (
        first["Contact: first name"],
        first["Contact: middle name"],
        first["Contact: last name"],
        first["Contact: mobile"],
    )
    assert ("10001", "Odd", "odd@bjorkelund.example") == (
        second["Number"],
        second["Contact: first name"],
        second["Contact: e-mail"],
    )
    # NotUsed is what the schema asks for where there is no person.
    assert "Contact: first name" not in third
    assert "post@kystkafeen.example" == third["E-mail"]
    assert any("NotUsed (2)" in note for note in staged.notes)
    assert any("1 further contact person" in note for note in staged.notes)


def test_parties_present_are_rows_or_set_aside(db: Database) -> None:
    """Three customers, one of them with a second person, one without name and number."""
    staged = land(db, AUDIT)

    assert (3, 1) == (staged.row_count, staged.rejected)
    ((number, reason, shown),) = rejected_rows(db, 5)
    assert (4, "it has neither a name nor a number") == (number, reason)
    assert "<n1:AccountID>1500" in shown


def test_customers_and_suppliers_have_keys_of_their_own(db: Database) -> None:
    """Many programs count both from the same number."""
    _, (customer, *_) = table(db, AUDIT)
    _, (supplier,) = table(db, AUDIT, "Suppliers")

    assert "SAF-T 912345688:customer 10001" == customer["ERP key"]
    assert "SAF-T 912345688:supplier 10001" == supplier["ERP key"]
    assert ("Customer", "Supplier") == (customer["Category"], supplier["Category"])


def test_portuguese_customers_lose_the_words_for_nothing(db: Database, tmp_path: Path) -> None:
    staged, (first, second, third) = table(db, write(tmp_path, PORTUGUESE, encoding="cp1252"))

    assert "Irmãos Conceição, Lda" == first["Name"]
    assert ("Sra.", "Maria Conceição") == (
        first["Contact: salutation"],
        first["Contact: full name"],
    )
    assert ("4000-123", "Porto") == (
        first["Postal address: zip code"],
        first["Postal address: city"],
    )
    # Where the goods go to the same place, it says nothing.
    assert "Cais 9" == first["Street address: street"]
    assert {"row", "ERP key", "Number", "Name", "Category", "Country"} == set(second)
    assert {"row", "Name", "Category"} == set(third)
    assert any("999999990 (2)" in note for note in staged.notes)
    assert any("Desconhecido (4)" in note for note in staged.notes)


def test_the_number_of_nobody_is_no_identity(workspace: Workspace, tmp_path: Path) -> None:
    """Two customers with 999999990 stay two, also when the tax number finds them."""
    session = workspace.new_import()
    session.load(write(tmp_path, PORTUGUESE, encoding="cp1252"))
    session.settings = session.settings.with_rule(
        COMPANY, match_key="vat_number", action=Action.MERGE
    )

    session.preview()
    session.commit(back_up=False)

    frame = workspace.query("select name, vat_number from crm.company order by name")
    names = frame["name"].tolist()
    assert ["Café da Esquina", "Consumidor final", "Irmãos Conceição, Lda"] == names
    assert ["501234560"] == frame["vat_number"].dropna().tolist()


def test_portuguese_products_have_their_kind(db: Database, tmp_path: Path) -> None:
    path = write(tmp_path, PORTUGUESE, encoding="cp1252")

    _, found = table(db, path, "Products")

    assert [
        {
            "row": 1,
            "Product code": "ENT",
            "Product name": "Entrega ao domicílio",
            "Product group": "Serviços",
            "Product type": "Service",
        },
        {
            "row": 2,
            "Product code": "PAO",
            "Product name": "Pão de centeio",
            "Item number": "5601234567897",
            "Product type": "Product",
        },
    ] == found


# --- XAF, JPK, UBL -----------------------------------------------------------------------------


def test_dutch_relations_have_their_kind_and_a_named_contact(db: Database, tmp_path: Path) -> None:
    _, (first, second, third) = table(db, write(tmp_path, DUTCH))

    assert ("XAF NL001234567B01:relation 130", "Customer", "NL009876543B01", "12345678") == (
        first["ERP key"],
        first["Category"],
        first["VAT number"],
        first["Other tax number"],
    )
    assert ("de heer", "J.A.M. van Bekkum", "info@tulpen.example") == (
        first["Contact: salutation"],
        first["Contact: full name"],
        first["E-mail"],
    )
    assert ("Postbus 9", "Bloemstraat 5 a") == (
        first["Postal address: street"],
        first["Street address: street"],
    )
    assert "NL00BANK0123456789" == first["bankAccount: bankAccNr"]
    assert ("Klei & Co", "Supplier") == (second["Name"], second["Category"])
    assert ("Ans Smit", "Customer and supplier") == (third["Contact: full name"], third["Category"])


def test_polish_buyers_are_brought_together(db: Database, tmp_path: Path) -> None:
    """By tax number, else by name and address; how often each was seen adds up."""
    text = invoices(
        ("Ala SA", "ul. Polna 1, 00-950 Warszawa", "5261040828"),
        ("ALA S.A.", "ul. Polna 1, 00-950 Warszawa", "526-104-08-28"),
        ("Jan Kot", "Rynek 2, 31-042 Kraków", "brak"),
        ("Jan Kot", "Rynek 2, 31-042 Kraków", "BRAK"),
        ("Jan Kot", "Wiejska 4, 80-001 Gdańsk", ""),
        ("brak", "", "brak"),
        ("BRAK", "", "0000000000"),
    )

    staged, found = table(db, write(tmp_path, text))

    assert [("Ala SA", "2"), ("Jan Kot", "2"), ("Jan Kot", "1")] == [
        (row["Name"], row["Times seen"]) for row in found
    ]
    assert "ALA S.A." == found[0]["Other names"]
    assert ("ul. Polna 1", "00-950", "Warszawa") == (
        found[0]["Postal address: street"],
        found[0]["Postal address: zip code"],
        found[0]["Postal address: city"],
    )
    assert ["5261040828"] == [row["VAT number"] for row in found if "VAT number" in row]
    assert (3, 1) == (staged.row_count, staged.rejected)
    assert "it stands 2 times in the file" in rejected_rows(db, 5)[0][1]
    assert any("0000000000 (1)" in note for note in staged.notes)
    assert any(note.startswith("7 mentions are 4 different ones") for note in staged.notes)


def test_polish_stock_has_products(db: Database, tmp_path: Path) -> None:
    line = (
        "<WZWiersz><NumerWZ>1</NumerWZ><KodTowaruWZ>M1</KodTowaruWZ><NazwaTowaruWZ>Mąka"
        "</NazwaTowaruWZ><IloscWydanaWZ>2</IloscWydanaWZ><JednostkaMiaryWZ>kg</JednostkaMiaryWZ>"
        "<CenaJednWZ>3.10</CenaJednWZ></WZWiersz>"
    )
    text = (
        f"<JPK><WZ><WZWartosc><OdbiorcaWZ>Sklep Ul</OdbiorcaWZ></WZWartosc>{line}{line}</WZ></JPK>"
    )

    _, products = table(db, write(tmp_path, text), "Products")
    _, customers = table(db, write(tmp_path, text), "Customers")

    (product,) = products
    assert ("M1", "Mąka", "kg", "2") == (
        product["Product code"],
        product["Product name"],
        product["Unit"],
        product["Times seen"],
    )
    assert ["Sklep Ul"] == [row["Name"] for row in customers]


def test_an_invoice_has_seller_and_buyer(db: Database, tmp_path: Path) -> None:
    _, (seller, buyer) = table(db, write(tmp_path, INVOICE))

    assert ("Papirhuset", "NO987654325MVA", "Seller") == (
        seller["Name"],
        seller["VAT number"],
        seller["Role"],
    )
    assert ("Lykta kafé", "10077", "Buyer", "Per Moe", "2317") == (
        buyer["Name"],
        buyer["Number"],
        buyer["Role"],
        buyer["Contact: full name"],
        buyer["Postal address: zip code"],
    )


@pytest.mark.parametrize(
    ("identity", "number"),
    [
        ('<cbc:EndpointID schemeID="0192">987654325</cbc:EndpointID>', "987654325"),
        ('<cbc:EndpointID schemeID="0088">7080000985677</cbc:EndpointID>', None),
        (
            """<cac:PartyIdentification><cbc:ID schemeID="0184">DK10403782</cbc:ID>
            </cac:PartyIdentification>""",
            "DK10403782",
        ),
    ],
    ids=["Norwegian register", "a place is none", "Danish register"],
)
def test_a_party_without_tax_number_has_that_of_its_register(
    db: Database, tmp_path: Path, identity: str, number: str | None
) -> None:
    without = INVOICE.replace(
        "<cac:PartyTaxScheme><cbc:CompanyID>NO987654325MVA</cbc:CompanyID></cac:PartyTaxScheme>",
        identity,
    )

    _, (seller, _) = table(db, write(tmp_path, without))

    assert number == seller.get("VAT number")


def test_a_price_with_three_decimals_is_not_in_thousands(
    workspace: Workspace, tmp_path: Path
) -> None:
    session = products(workspace, write(tmp_path, INVOICE), sheet="Products")
    session.commit(back_up=False)

    assert [1.25] == workspace.query("select list_price from crm.product")["list_price"].tolist()


def test_a_price_for_many_is_no_list_price(db: Database) -> None:
    _, (paper, envelope) = table(db, CATALOGUE)

    assert "49.9000 NOK" == paper["List price"]
    assert "List price" not in envelope
    assert "120 NOK" == envelope["Price for 100 C62"]


# --- mapping and importing ---------------------------------------------------------------------


@pytest.mark.parametrize("format_", ["SAF-T", "Portugal", "XAF", "JPK", "UBL"])
def test_known_columns_need_no_mapping_by_hand(db: Database, tmp_path: Path, format_: str) -> None:
    path = {
        "SAF-T": lambda: AUDIT,
        "Portugal": lambda: write(tmp_path, PORTUGUESE, encoding="cp1252"),
        "XAF": lambda: write(tmp_path, DUTCH),
        "JPK": lambda: write(tmp_path, invoices(("Ala SA", "Polna 1, 00-950 Łódź", "5261040828"))),
        "UBL": lambda: write(tmp_path, INVOICE),
    }[format_]()

    staged = land(db, path)

    found = targets(db, staged)
    wanted = {
        "Number": "company.number",
        "Name": "company.name",
        "VAT number": "company.vat_number",
        "Phone": "company.phone",
        "E-mail": "company.email",
        "Postal address: street": "company.postal.line1",
        "Street address: city": "company.street.city",
        "Contact: full name": "person.full_name",
        "Contact: last name": "person.last_name",
        "Contact: mobile": "person.mobile",
        "Contact: e-mail": "person.email",
    }
    for header in wanted.keys() & found.keys():
        assert wanted[header] == found[header], header
    assert [] == [c.header for c in staged.columns if c.known_as and not found[c.header]]


def test_an_audit_file_is_imported_and_updated_by_its_keys(
    workspace: Workspace, tmp_path: Path
) -> None:
    """The same books a month later: another name and a new phone, the same company."""
    imported(workspace, AUDIT)

    text = AUDIT.read_text(encoding="utf-8").replace("Bjørkelund Møbler AS", "Bjørkelund AS")
    written = imported(workspace, write(tmp_path, text))

    assert (0, 1) == (written["company"]["new"], written["company"]["changed"])
    frame = workspace.query(
        "select c.name, p.first_name from crm.person p join crm.company c on c.id = p.company_id"
        " order by p.first_name"
    )
    assert [("Bjørkelund AS", "Ingrid"), ("Bjørkelund AS", "Odd")] == list(
        frame.itertuples(index=False, name=None)
    )


def test_companies_of_ones_own_get_their_keys_by_name_first(
    workspace: Workspace, tmp_path: Path
) -> None:
    """Then they are known by key, whatever they are called."""
    own = tmp_path / "own.csv"
    own.write_text("Company name;City\nKystkafeen;Bodø\nOther;Oslo\n", encoding="utf-8")
    imported(workspace, own)

    first = imported(workspace, AUDIT)
    text = AUDIT.read_text(encoding="utf-8").replace("Kystkafeen", "Kystkafeen Bodø")
    second = imported(workspace, write(tmp_path, text))

    assert (1, 1) == (first["company"]["new"], first["company"]["changed"])
    assert (0, 1) == (second["company"]["new"], second["company"]["changed"])


def imported(workspace: Workspace, path: Path, sheet: str | None = None) -> Any:
    """Import with the mapping that is and settings that are suggested; what was written."""
    session = workspace.new_import()
    session.load(path, sheet=sheet)
    assert () == session.settings_faults()
    session.preview()
    assert 0 == session.held_back()
    return session.commit(back_up=False).written


@pytest.mark.parametrize(
    ("text", "companies", "persons"),
    [(DUTCH, 3, 2), (INVOICE, 2, 1), (invoices(("Ala SA", "", "5261040828")), 1, 0)],
    ids=["XAF", "UBL", "JPK"],
)
def test_parties_are_imported_as_they_come(
    workspace: Workspace, tmp_path: Path, text: str, companies: int, persons: int
) -> None:
    session = workspace.new_import()
    session.load(write(tmp_path, text))
    session.preview()

    written = session.commit(back_up=False).written

    assert (companies, persons) == (written["company"]["new"], written["person"]["new"])


def products(workspace: Workspace, path: Path, sheet: str | None = None) -> ImportSession:
    session = workspace.new_import()
    session.load(path, sheet=sheet)
    assert "product" == session.subject
    session.price_list = workspace.add_price_list(name="Paper", currency="NOK")
    session.preview()
    assert 0 == session.held_back()
    return session


def test_a_catalogue_is_imported_as_products(workspace: Workspace) -> None:
    """Nobody says that the file holds products: the format does."""
    session = products(workspace, CATALOGUE)

    session.commit(back_up=False)

    frame = workspace.query("select code, name, list_price, vat from crm.product order by code")
    found = [tuple(None if v != v else v for v in row) for row in frame.itertuples(index=False)]
    assert [
        ("KO-005", "Envelope C5", None, 25),
        ("PA-080", "Copy paper A4", 49.9, 25),
    ] == found


def test_the_other_table_of_a_catalogue_holds_companies(workspace: Workspace) -> None:
    session = workspace.new_import()
    session.load(CATALOGUE)

    session.load(CATALOGUE, sheet="Parties")

    assert "company" == session.subject
    assert "company.name" in session.mapping.model_dump_json()


# --- zips, encodings, and what is refused ------------------------------------------------------


def test_a_zip_with_an_audit_file_shows_its_tables(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "books.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(AUDIT, "export/books.xml")

    assert ["Customers", "Suppliers"] == [sheet.name for sheet in sources.inspect(path).sheets]
    staged = land(db, path, "Suppliers")
    assert 1 == staged.row_count
    assert not any("export/books.xml is read" in note for note in staged.notes)


def test_a_zip_with_several_names_each_table_by_its_file(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "books.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(AUDIT, "a.xml")
        archive.write(CATALOGUE, "b.xml")

    first = sources.inspect(path)
    other = sources.inspect(path, sheet="b.xml: Parties")

    assert {"a.xml: Customers", "a.xml: Suppliers", "b.xml"} == {s.name for s in first.sheets}
    assert {"b.xml: Products", "b.xml: Parties", "a.xml"} == {s.name for s in other.sheets}
    assert "b.xml: Parties" == sources.detect_layout(other, "b.xml: Parties").sheet
    layout = sources.detect_layout(other, "b.xml: Parties")
    assert 2 == staging.land(db, other, layout, progress=silent).row_count


@pytest.mark.parametrize(
    ("stated", "encoding", "said"),
    [
        ("UTF-8", "cp1252", "states the encoding UTF-8 but is in Windows-1252"),
        ("windows-1252", "utf-8", "states the encoding windows-1252 but is in UTF-8"),
        ("utf-16", "utf-8", "states the encoding utf-16 but is in UTF-8"),
        ("klingon", "cp1252", "states the encoding klingon but is in Windows-1252"),
        ("utf-8", "utf-16", "states the encoding utf-8 but is in UTF-16"),
        ("windows-1252", "cp1252", ""),
        ("iso-8859-15", "iso8859-15", ""),
        ("UTF-8", "utf-8-sig", ""),
        ("UTF-16", "utf-16", ""),
    ],
)
def test_a_wrong_encoding_is_read_rightly_and_told(
    db: Database, tmp_path: Path, stated: str, encoding: str, said: str
) -> None:
    text = PORTUGUESE.replace("windows-1252", stated)

    staged, found = table(db, write(tmp_path, text, encoding=encoding))

    assert "Irmãos Conceição, Lda" == found[0]["Name"]
    told = [note for note in staged.notes if "states the encoding" in note]
    assert (said in told[0]) if said else not told


def test_blank_lines_before_the_declaration_do_no_harm(db: Database, tmp_path: Path) -> None:
    staged = land(db, write(tmp_path, f"\n \n{DUTCH}"))

    assert 3 == staged.row_count


_DEEP = "<a>" * 400 + "</a>" * 400
_BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))


def test_a_party_with_thousands_of_addresses_is_read(db: Database, tmp_path: Path) -> None:
    """Each has its columns; beyond the most columns they stand in one."""
    place = "<BillingAddress><AddressDetail>Rua {n}</AddressDetail></BillingAddress>"
    many = "".join(place.format(n=n) for n in range(9_000))
    text = PORTUGUESE.replace("<CustomerID>C2<", f"{many}<CustomerID>C2<")

    _, (_, second, _) = table(db, write(tmp_path, text, encoding="cp1252"))

    assert ("Rua 0", "Rua 1") == (
        second["Postal address: street"],
        second["Postal address 2: street"],
    )
    assert "Postal address 9000: street: Rua 8999" in second["More"]


def test_a_key_of_zeros_is_a_key_and_a_word_for_nothing_is_none(
    db: Database, tmp_path: Path
) -> None:
    text = PORTUGUESE.replace(">C1<", ">000<").replace(">C2<", ">Desconhecido<")

    _, (first, second, _) = table(db, write(tmp_path, text, encoding="cp1252"))

    assert ("000", "SAF-T 599999993:customer 000") == (first["Number"], first["ERP key"])
    assert not {"Number", "ERP key"} & set(second)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f'<!DOCTYPE JPK [<!ENTITY e0 "x">{_BOMB}]><JPK><Faktura>&e11;</Faktura></JPK>', "DOCTYPE"),
        (
            '<!DOCTYPE JPK [<!ENTITY f SYSTEM "file:///etc/hostname">]><JPK>&f;</JPK>',
            "DOCTYPE",
        ),
        ('<!DOCTYPE JPK SYSTEM "http://localhost:9/x.dtd"><JPK/>', "DOCTYPE"),
        (f"<JPK>{_DEEP}</JPK>", "too intricate"),
        (f"<JPK><Faktura>{'<a/>' * 30_000}</Faktura></JPK>", "too intricate"),
        ("<JPK><Faktura></JPK>", "damaged"),
        ("<JPK><Faktura>", "damaged"),
        ("<JPK><Faktura><P_3A>A & B</P_3A></Faktura></JPK>", "damaged"),
    ],
    ids=["bomb", "file", "network", "deep", "wide", "crossed", "cut off", "ampersand"],
)
def test_tricks_and_damage_get_a_message(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        sources.inspect(write(tmp_path, text))


# --- real files --------------------------------------------------------------------------------


def _real() -> list[tuple[str, dict[str, Any]]]:
    if not REAL.is_dir():
        return []
    facts = json.loads((REAL / "real" / "expected.json").read_text(encoding="utf-8"))
    return [(name, fact) for name, fact in facts.items() if name.startswith("xml/")]


@real_files
@pytest.mark.parametrize(("name", "facts"), _real(), ids=[name for name, _ in _real()])
def test_real_files_have_all_their_parties(db: Database, name: str, facts: dict[str, Any]) -> None:
    """As many as the file has elements, read with other means."""
    path = REAL / "real" / name
    counted = {
        "Customers": facts.get("Customer", facts.get("SprzedazWiersz")),
        "Suppliers": facts.get("Supplier"),
        "Customers and suppliers": facts.get("customerSupplier"),
        "Products": facts.get("Product", facts.get("CatalogueLine", facts.get("OrderLine"))),
    }

    source = sources.inspect(path)

    found = {sheet.name: sheet.rows for sheet in source.sheets}
    for sheet, count in counted.items():
        if count is not None:
            assert count == found[sheet]
    for sheet in source.sheets:
        staged, landed = table(db, path, sheet.name)
        seen = sum(int(row.get("Times seen", 1)) for row in landed)
        assert sheet.rows == seen + staged.rejected
