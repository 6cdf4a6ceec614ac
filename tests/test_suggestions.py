"""Columns find their fields by header and content, with a reason; what is unsure stays open."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from crmkit import mapping_score, sources, staging, suggestions
from crmkit.database import in_memory
from crmkit.entities import SCHEMA
from crmkit.mapping import Mapping
from crmkit.staging import StagedTable
from tests.crm_kit import silent
from tests.test_sources import REAL, real_files

# Real-shaped headers of six languages, with the field that each means ("" where none is sure).
CORPUS: dict[str, dict[str, str]] = {
    "english list": {
        "Company": "company.name",
        "VAT Reg. No.": "company.vat_number",
        "Address 1": "company.postal.line1",
        "Post code": "company.postal.zip_code",
        "Town": "company.postal.city",
        "Country": "company.country",
        "Phone No.": "company.phone",
        "Contact": "person.full_name",
        "Job title": "person.title",
        "E-Mail": "person.email",
        "Mobile phone": "person.mobile",
        "Colour": "",
    },
    "dutch accounting": {
        "Debiteurnummer": "company.number",
        "Bedrijfsnaam": "company.name",
        "KvK-nummer": "company.vat_number",
        "Adres": "company.postal.line1",
        "Postcode": "company.postal.zip_code",
        "Plaats": "company.postal.city",
        "Land": "company.country",
        "Telefoon": "company.phone",
        "Contactpersoon": "person.full_name",
        "E-mailadres": "person.email",
        "Mobiel": "person.mobile",
        "Website": "company.web",
        "Bezoekadres": "company.street.line1",
    },
    "norwegian register": {
        "Kundenr": "company.number",
        "Firmanavn": "company.name",
        "Organisasjonsnummer": "company.vat_number",
        "Postadresse": "company.postal.line1",
        "Postnr": "company.postal.zip_code",
        "Poststed": "company.postal.city",
        "Bransje": "company.business",
        "Tlf": "company.phone",
        "Fornavn": "person.first_name",
        "Etternavn": "person.last_name",
        "E-post": "person.email",
        "Mobiltelefon": "person.mobile",
    },
    "norwegian open register": {
        "organisasjonsnummer": "company.vat_number",
        "navn": "company.name",
        "organisasjonsform.kode": "",
        "naeringskode1.beskrivelse": "company.business",
        "hjemmeside": "company.web",
        "postadresse.adresse": "company.postal.line1",
        "postadresse.postnummer": "company.postal.zip_code",
        "postadresse.poststed": "company.postal.city",
        "forretningsadresse.adresse": "company.street.line1",
        "forretningsadresse.postnummer": "company.street.zip_code",
        "forretningsadresse.poststed": "company.street.city",
        "forretningsadresse.kommune": "",
        "forretningsadresse.land": "company.country",
    },
    "accounting import sheet": {
        "CompanyID": "",
        "CompanyName": "company.name",
        "CompanyGovNo": "company.vat_number",
        "CompanyPhone": "company.phone",
        "CompanyEmail": "company.email",
        "CompanyPostStreet": "company.postal.line1",
        "CompanyPostPostcode": "company.postal.zip_code",
        "CompanyPostPostarea": "company.postal.city",
        "CompanyVisitStreet": "company.street.line1",
        "CompanyVisitPostcode": "company.street.zip_code",
        "CompanyVisitPostarea": "company.street.city",
        "CompanyDeliveryStreet": "",
        "CompanyOwner": "company.our_contact",
        "CompanyIndustry": "company.business",
    },
    "german crm": {
        "Kundennummer": "company.number",
        "Firma": "company.name",
        "USt-IdNr.": "company.vat_number",
        "Straße": "company.postal.line1",
        "PLZ": "company.postal.zip_code",
        "Ort": "company.postal.city",
        "Telefon": "company.phone",
        "Anrede": "person.salutation",
        "Vorname": "person.first_name",
        "Nachname": "person.last_name",
        "Mobil": "person.mobile",
        "E-Mail-Adresse": "person.email",
        "Geburtsdatum": "person.birth_date",
        "Bemerkungen": "person.info",
    },
    "swedish customers": {
        "Kundnr": "company.number",
        "Företagsnamn": "company.name",
        "Organisationsnr": "company.vat_number",
        "Gatuadress": "company.postal.line1",
        "Postnummer": "company.postal.zip_code",
        "Ort": "company.postal.city",
        "Förnamn": "person.first_name",
        "Efternamn": "person.last_name",
        "Befattning": "person.title",
        "E-postadress": "person.email",
        "Mobilnummer": "person.mobile",
        "Hemsida": "company.web",
    },
    "danish customers": {
        "Kundenummer": "company.number",
        "Virksomhed": "company.name",
        "CVR-nr.": "company.vat_number",
        "Adresse": "company.postal.line1",
        "Postnr.": "company.postal.zip_code",
        "By": "company.postal.city",
        "Telefon": "company.phone",
        "Fornavn": "person.first_name",
        "Efternavn": "person.last_name",
        "E-mail": "person.email",
        "Hjemmeside": "company.web",
    },
    "companies only": {
        "Name": "company.name",
        "Street": "company.postal.line1",
        "City": "company.postal.city",
        "E-mail": "company.email",
        "Phone": "company.phone",
        "Web site": "company.web",
    },
    "persons only": {
        "First name": "person.first_name",
        "Last name": "person.last_name",
        "E-mail": "person.email",
        "Mobile": "person.mobile",
        "Country": "person.country",
    },
    "own words": {
        "CompanyName": "company.name",
        "company_email": "company.email",
        "contact_email": "person.email",
        "ContactMobile": "person.mobile",
        "Company number*": "company.number",
        "Contact number (+)": "person.number",
    },
}

SAMPLES = {
    "email": "ann@acme.example",
    "phone": "+47 22 11 00 99",
    "mobile": "90011223",
    "web": "www.acme.example",
    "vat_number": "956753104",
    "fax": "22110098",
    "zip_code": "0155",
    "birth_date": "1980-02-01",
}


NEVER_SEEN = Path(__file__).parent / "data" / "headers"


def suggested(path: Path) -> tuple[StagedTable, Mapping]:
    source = sources.inspect(path)
    with in_memory() as db:
        staged = staging.land(db, source, sources.detect_layout(source), progress=silent)
        return staged, suggestions.suggest(db, staged, SCHEMA)


def by_header(path: Path) -> dict[str, str]:
    staged, mapping = suggested(path)
    return {c.header: e.target or "" for c, e in zip(staged.columns, mapping.columns, strict=True)}


def write(path: Path, columns: dict[str, list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([list(columns), *zip(*columns.values(), strict=True)])
    return path


@pytest.mark.parametrize("name", CORPUS)
def test_headers_of_six_languages_find_their_fields(name: str, tmp_path: Path) -> None:
    truth = CORPUS[name]
    cells = {
        header: [SAMPLES.get(target.split(".")[-1], "some text")]
        for header, target in truth.items()
    }

    found = by_header(write(tmp_path / "list.csv", cells))

    wrong = {
        header: target for header, target in found.items() if target and target != truth[header]
    }
    right = sum(found[header] == target for header, target in truth.items())
    assert wrong == {}
    assert right >= 0.9 * len(truth)


@real_files
def test_the_vendors_template_maps_without_a_single_change() -> None:
    found = by_header(REAL / "superoffice" / "import-template-for-contacts.xlsx")

    assert found == {
        "Company name": "company.name",
        "Category": "company.category",
        "Business": "company.business",
        "Company number": "company.number",
        "VAT no.": "company.vat_number",
        "Address line 1": "company.postal.line1",
        "Address line 2": "company.postal.line2",
        "Zip code": "company.postal.zip_code",
        "City": "company.postal.city",
        "Country": "company.country",
        "Telephone": "company.phone",
        "Company email": "company.email",
        "Web site": "company.web",
        "Contact Full name": "",
        "Contact First name": "person.first_name",
        "Contact Last name": "person.last_name",
        "Contact number": "person.number",
        "Contact Title": "person.title",
        "Contact Mobile": "person.mobile",
        "Contact email": "person.email",
    }


@real_files
def test_an_outlook_export_maps_its_usual_columns() -> None:
    found = by_header(REAL / "real" / "csv" / "iso_8859_1_commas.csv")

    assert found["First Name"] == "person.first_name"
    assert found["Company"] == "company.name"
    assert found["Business Phone"] == "person.direct"
    assert found["Home Street"] == "person.private.line1"
    assert found["E-mail 2 Address"] == "person.email"
    assert found["Gender"] == ""


def test_a_header_that_the_cells_contradict_stays_open(tmp_path: Path) -> None:
    """Header and content must agree."""
    path = write(tmp_path / "x.csv", {"First name": ["Ann", "Bo"], "E-mail": ["red", "blue"]})

    _, mapping = suggested(path)

    entry = mapping.columns[1]
    assert entry.target is None
    assert "only 0% of the cells are e-mail addresses" in entry.reason


def test_cells_speak_where_the_header_does_not(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.csv", {"Last name": ["A", "B"], "Kanal 7": ["a@x.example", "b@x.example"]}
    )

    assert by_header(path)["Kanal 7"] == "person.email"


def test_no_field_is_given_twice_unless_it_takes_several(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.csv",
        {
            "Company": ["A"],
            "Bedrijf": ["B"],
            "E-mail": ["a@x.example"],
            "E-mail 2 Address": ["b@x.example"],
        },
    )

    found = by_header(path)

    assert sorted(found.values()) == ["", "company.email", "company.email", "company.name"]


def test_every_suggestion_has_a_confidence_and_a_reason(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", {"Company": ["A"], "Mystery": ["B"]})

    _, mapping = suggested(path)

    assert mapping.columns[0].confidence is not None
    assert all(entry.reason for entry in mapping.columns)


def test_the_crms_own_id_is_taken_from_our_export_only(tmp_path: Path) -> None:
    """A “Company ID” in a foreign file is the ID of another program."""
    ours = write(tmp_path / "ours.csv", {"Company ID": ["1"], "Company name": ["Acme"]})
    foreign = write(
        tmp_path / "x.csv",
        {"Company ID": ["1"], "Firmanavn": ["Acme"], "Farge": ["blue"], "Merknad": ["x"]},
    )

    assert by_header(ours)["Company ID"] == "company.id"
    assert by_header(foreign)["Company ID"] == ""


@pytest.mark.parametrize("header", ["Organization - ID", "Account ID", "Contact ID"])
def test_an_id_of_another_program_is_left_open(header: str, tmp_path: Path) -> None:
    columns = {header: ["1", "2"], "Company": ["Acme AS", "Brekke AS"], "Contact": ["Jo Moe", ""]}

    assert by_header(write(tmp_path / "a.csv", columns))[header] == ""


def test_an_orders_address_names_the_customer_where_nothing_else_does(tmp_path: Path) -> None:
    columns = {
        "billing_company": ["Acme AS"],
        "billing_firstname": ["Jo"],
        "billing_lastname": ["Moe"],
        "shipping_lastname": ["Vik"],
        "Invoice number": ["1001"],
    }

    assert by_header(write(tmp_path / "a.csv", columns)) == {
        "billing_company": "company.name",
        "billing_firstname": "person.first_name",
        "billing_lastname": "person.last_name",
        "shipping_lastname": "",
        "Invoice number": "",
    }


def test_a_file_with_vat_numbers_has_companies(tmp_path: Path) -> None:
    """Its web sites and streets are theirs, even where no column is known as their name."""
    columns = {
        "First name": ["Jo"],
        "Last name": ["Moe"],
        "VAT number": ["NO923609016MVA"],
        "Website": ["www.acme.example"],
        "Street": ["Storgata 1"],
    }

    found = by_header(write(tmp_path / "a.csv", columns))

    assert (found["Website"], found["Street"]) == ("company.web", "company.postal.line1")


def test_a_companys_second_name_does_not_hide_its_first(tmp_path: Path) -> None:
    columns = {"Juridisk navn": ["Moe Invest AS"], "Navn": ["Moe AS"], "Telefon": ["22 12 34 56"]}

    assert by_header(write(tmp_path / "a.csv", columns))["Navn"] == "company.name"


def test_whom_the_invoice_goes_to_is_not_the_company(tmp_path: Path) -> None:
    columns = {
        "Naam": ["Acme BV"],
        "Contactpersoon": ["Jo Vis"],
        "Factuurrelatie": ["1002"],
        "BTW nummer": ["NL004495445B01"],
    }

    found = by_header(write(tmp_path / "a.csv", columns))

    assert (found["Naam"], found["Factuurrelatie"]) == ("company.name", "")


def test_a_header_id_alone_is_left_open(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", {"ID": ["1"], "Company": ["Acme"]})

    assert by_header(path) == {"ID": "", "Company": "company.name"}


@pytest.mark.parametrize(
    ("columns", "target"),
    [
        ({"Name": ["Acme Ltd"], "Phone": ["22 11 00 99"]}, "company.name"),
        ({"Name": ["Ann Lee", "Bo Ek"], "Mobile": ["90011223", "90011224"]}, "person.full_name"),
        ({"Name": ["Lee"], "First name": ["Ann"]}, "person.last_name"),
        ({"Name": ["Ann Lee"], "Company": ["Acme"]}, "person.full_name"),
        ({"Name": ["Acme"], "Contact": ["Ann Lee"]}, "company.name"),
    ],
    ids=["a company", "persons", "beside a first name", "beside a company", "beside a contact"],
)
def test_a_bare_name_is_read_by_what_is_around_it(
    columns: dict[str, list[str]], target: str, tmp_path: Path
) -> None:
    assert by_header(write(tmp_path / "x.csv", columns))["Name"] == target


@pytest.mark.parametrize(
    ("address", "target"),
    [("info@acme.example", "company.email"), ("ann@acme.example", "person.email")],
)
def test_a_bare_address_is_the_companys_when_its_cells_are(
    address: str, target: str, tmp_path: Path
) -> None:
    columns = {"Company": ["Acme"], "Contact": ["Ann Lee"], "E-mail": [address]}

    assert by_header(write(tmp_path / "x.csv", columns))["E-mail"] == target


def test_what_identifies_nobody_is_left_open(tmp_path: Path) -> None:
    """A table of something else that has a column of notes is no list of contacts."""
    path = write(tmp_path / "x.csv", {"Reading": ["1.5"], "Notes": ["warm"], "City": ["Oslo"]})

    assert set(by_header(path).values()) == {""}


def test_a_price_with_tax_is_not_the_price(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.csv",
        {"Varenr": ["1"], "Navn": ["Kaffe"], "Pris inkl. mva": ["125"], "Pris eks. mva": ["100"]},
    )
    source = sources.inspect(path)
    with in_memory() as db:
        staged = staging.land(db, source, sources.detect_layout(source), progress=silent)
        mapping = suggestions.suggest(db, staged, SCHEMA.subject("product"))

    assert [entry.target for entry in mapping.columns] == [
        "product.code",
        "product.name",
        None,
        "product.list_price",
    ]


def test_what_was_chosen_before_goes_first(tmp_path: Path) -> None:
    """Also that a column was left out; but not against the cells."""
    path = write(
        tmp_path / "x.csv", {"Company": ["Acme"], "Farge": ["red"], "Fax": ["1234567"], "X": ["y"]}
    )
    source = sources.inspect(path)
    with in_memory() as db:
        staged = staging.land(db, source, sources.detect_layout(source), progress=silent)
        mapping = suggestions.suggest(
            db,
            staged,
            SCHEMA.subject("company"),
            {"farge": "company.category", "fax": None, "x": "company.email"},
        )

    assert [e.target for e in mapping.columns] == ["company.name", "company.category", None, None]
    assert "chosen here before" in mapping.columns[1].reason


def test_lists_never_seen_are_told_from_lists_of_products(tmp_path: Path) -> None:
    """No list is taken for what it is not, and every list of products for one."""
    people, products = SCHEMA.subject("company"), SCHEMA.subject("product")
    wrong, told = [], []
    for table in mapping_score.corpus(NEVER_SEEN, tmp_path, part="held_out"):
        source = sources.inspect(table.path)
        with in_memory() as db:
            staged = staging.land(db, source, sources.detect_layout(source), progress=silent)
            as_people = suggestions.suggest(db, staged, people)
            better = suggestions.better_subject(db, staged, as_people, [products])
            if table.kind != "product":
                wrong += [table.name] if better else []
                continue
            told.append(better is not None and better.subject == "product")
            as_products = suggestions.suggest(db, staged, products)
            if suggestions.better_subject(db, staged, as_products, [people]):
                wrong.append(table.name)

    assert [] == wrong
    assert told
    assert all(told)


@pytest.mark.parametrize(
    ("other", "target", "email"),
    [
        ({}, "person.full_name", "person.email"),
        ({"Kontaktperson": ["Ola Moe", "Eva Lie"]}, None, None),
    ],
    ids=["alone", "beside a contact person"],
)
def test_who_leads_a_company_is_its_contact_where_no_other_is_named(
    other: dict[str, list[str]], target: str | None, email: str | None, tmp_path: Path
) -> None:
    columns = {
        "Kundenavn": ["Fjellvik Bygg AS", "Tveit AS"],
        "Daglig leder": ["Kjersti Fjellvik", "Torbjørn Tveit"],
        "E-post daglig leder": ["kjersti@fjellvik.example", "torbjorn@tveit.example"],
        **other,
    }

    found = by_header(write(tmp_path / "leaders.csv", columns))

    assert (target or "") == found["Daglig leder"]
    assert (email or "") == found["E-post daglig leder"]


def test_the_second_text_of_a_product_is_its_description(tmp_path: Path) -> None:
    columns = {
        "Varenr": ["A-1", "A-2"],
        "Varetekst": ["Gipsplate", "Fugeskum"],
        "Varetekst 2": ["1200x2400", "vinter"],
        "Our cost": ["61,20", "38,50"],
    }
    source = sources.inspect(write(tmp_path / "products.csv", columns))
    with in_memory() as db:
        staged = staging.land(db, source, sources.detect_layout(source), progress=silent)
        mapping = suggestions.suggest(db, staged, SCHEMA.subject("product"))

    assert ["product.code", "product.name", "product.description", "product.cost"] == [
        column.target for column in mapping.columns
    ]


def test_the_second_name_of_a_company_is_no_person(tmp_path: Path) -> None:
    columns = {
        "Kd.-Nr.": ["70012", "70044"],
        "Name 1": ["Zimmerei Oberlechner", "Hausverwaltung Lenz"],
        "Name 2": ["Objekt Rosenweg", "Haus am Anger"],
    }

    found = by_header(write(tmp_path / "debtors.csv", columns))

    assert ("company.name", "") == (found["Name 1"], found["Name 2"])
