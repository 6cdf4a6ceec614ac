"""Writes the files of `data/samples`: small, invented, each with one trait.

    python -m crmkit.sample_files data/samples

The same bytes of content every time: cells come from the generator with a fixed seed, or stand here.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from openpyxl import Workbook

from crmkit import generator
from crmkit.generator import COLUMNS, Recipe
from crmkit.sources import delimited, programs

_WRITTEN: Final = datetime(2026, 1, 1)
_SEED: Final = 7

Cells = dict[str, Any]


def write_samples(folder: Path) -> None:
    """Write all sample files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    start = crm_start()
    _write(folder / "crm-start.xlsx", {"Customers": _table((*COLUMNS, "Code"), start)})
    _write(folder / "customers-update.xlsx", {"Update": _table(COLUMNS, customers_update(start))})
    _write(folder / "companies-only.xlsx", {"Companies": _companies_only(start)})
    _write(folder / "persons-only.xlsx", {"Persons": _persons_only(start)})
    _write(folder / "header-on-row-6.xlsx", {"List": _header_on_row_6(start)})
    _write(folder / "duplicate-and-blank-headers.xlsx", {"List": _DUPLICATE_HEADERS})
    _write(folder / "mangled-numbers.xlsx", {"List": _MANGLED})
    _write(folder / "products.xlsx", {"Products": _PRODUCTS})
    _write(folder / "empty-sheet.xlsx", {"Empty": []})
    _write(
        folder / "two-sheets.xlsx",
        {
            "Read me": [["Customers are on the next sheet."]],
            "Customers": _companies_only(start)[:6],
        },
    )
    _write(folder / "erp-workbook.xlsx", _ERP_WORKBOOK)
    (folder / "not-a-workbook.xlsx").write_text(
        "This is plain text.\n", encoding="utf-8", newline="\n"
    )
    lines = [
        "Firmanaam;Plaats;Telefoon;E-mail",
        "Café Zürich;Den Haag;070-1234567;info@cafezurich.example",
        "Bäckerei Müller;Köln;0221 123456;post@mueller.example",
    ]
    (folder / "semicolon-cp1252.csv").write_bytes("\r\n".join([*lines, ""]).encode("cp1252"))
    _write_csv(folder / "outlook.csv", _outlook(), encoding="cp1252")
    _write_csv(folder / "google.csv", _google(), encoding="utf-8")
    (folder / "contacts.vcf").write_bytes(_CARDS.replace("\n", "\r\n").encode())


def crm_start() -> list[Cells]:
    """The sample CRM: 200 companies and 400 persons; two companies have one name."""
    rows = _generated(Recipe(rows=500, seed=_SEED, repeated_noise=0, near_duplicates=0))
    for number, row in enumerate(rows):
        row["Code"] = f"C{row['Company number']}"
        if number % 5 == 2:
            row.update(dict.fromkeys(("First name", "Last name", "Title", "Mobile", "E-mail")))
    # A branch under the name of another company: a match on the name alone cannot tell them apart.
    branch = next(row["Company number"] for row in rows[40:])
    for row in rows:
        if row["Company number"] == branch:
            row["Company name"] = rows[0]["Company name"]
    return rows


def customers_update(start: Sequence[Cells]) -> list[Cells]:
    """The tour's file: known customers with news, new ones, and what goes wrong in real lists."""
    rows = [{column: row[column] for column in COLUMNS} for row in start[:80]]
    for number, row in enumerate(rows):
        match number % 8:
            case 0:
                row["Department"] = row["Department"] or "Head office"
            case 1:
                row["Title"] = "Head of sales"
            case 2:
                row["Address line 1"] = None
            case 3 if row["Mobile"]:
                row["Mobile"] = f"+47 45 {number:02d} 12 34"
            case 5:
                row["Telephone"] = None
            case 6:
                row["Company name"] = f"{row['Company name'].upper()} "
    rows += _generated(Recipe(rows=30, seed=_SEED, first=2_000, repeated_noise=0.2))
    traps: list[Cells] = [
        {
            "Company name": "Nordlys Handel AS",
            "VAT no.": "NO 999 888 777 MVA",
            "Zip code": 167,
            "City": "Oslo",
            "Country": "Norway",
            "Telephone": 23354000.0,
            "First name": "Ingrid",
            "Last name": "Solberg",
        },
        {
            "Company name": "Nordlys Handel AS",
            "City": "Bergen",
            "Country": "Norway",
            "First name": "Per",
            "Last name": "Solberg",
        },
        {"Company name": "#N/A", "First name": "Astrid", "Last name": "Dahl"},
        {"Company name": "Very long " * 25, "City": "Molde"},
        {"First name": "Kari", "Last name": "Nordmann", "E-mail": "kari.nordmann@private.example"},
        {
            "Company name": "Tulip Trade BV",
            "Country": "Nederland",
            "Zip code": "1012 AB",
            "City": "Amsterdam",
            "Telephone": "020-1234567",
        },
        {
            "Company name": "Tulip Trade BV",
            "First name": "Jan",
            "Last name": "de Vries",
            "E-mail": "jan at tuliptrade",
            "Title": "Buyer",
        },
        {
            "Company name": "=1+1 Formula AS",
            "City": "<script>alert(1)</script>",
            "Country": "Norge",
        },
    ]
    return [*rows, *traps]


def _generated(recipe: Recipe) -> list[Cells]:
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "rows.csv"
        generator.write_csv(recipe, path)
        records = delimited.first_rows(delimited.inspect(path), recipe.rows + 1)
    (_, columns), *rows = records
    return [
        {column: cell or None for column, cell in zip(columns, cells, strict=True)}
        for _, cells in rows
    ]


def _table(columns: Sequence[str], rows: Sequence[Cells]) -> list[list[Any]]:
    return [list(columns), *([row.get(column) for column in columns] for row in rows)]


def _companies_only(start: Sequence[Cells]) -> list[list[Any]]:
    columns = (
        "Company name",
        "VAT no.",
        "Address line 1",
        "Zip code",
        "City",
        "Country",
        "Telephone",
    )
    seen = {row["Company number"]: row for row in start}
    return _table(columns, list(seen.values())[:12])


def _persons_only(start: Sequence[Cells]) -> list[list[Any]]:
    columns = ("First name", "Last name", "E-mail", "Mobile")
    known = [row for row in start if row["E-mail"]][:8]
    new: list[Cells] = [
        {
            "First name": "Nils",
            "Last name": "Berg",
            "E-mail": "nils.berg@private.example",
            "Mobile": "+47 900 11 223",
        }
    ]
    return _table(columns, [*known, *new])


def _header_on_row_6(start: Sequence[Cells]) -> list[list[Any]]:
    above = [["Customer list"], ["Made on 1 January 2026"], [], ["Confidential"], []]
    return [*above, *_companies_only(start)[:8], [], ["End of the list"]]


_DUPLICATE_HEADERS: Final[list[list[Any]]] = [
    ["Company name", "Telephone", "Telephone", None, "City"],
    ["Fjord & Field AS", "22 11 00 99", "22 11 00 98", "a note", "Oslo"],
    ["Tulip Trade BV", "020-1234567", None, None, "Amsterdam"],
]

_MANGLED: Final[list[list[Any]]] = [
    ["Company name", "Organisasjonsnummer", "Postnr", "Poststed", "Land", "Telefon"],
    ["Nordlys Handel AS", 999888777.0, 167, "Oslo", "Norge", 23354000.0],
    ["Sør Bygg AS", "974 760 673", 55.0, "Oslo", "Norge", "+47 22 11 00 99"],
    ["Jylland Teknik ApS", 12345674, 800, "Høje Taastrup", "Danmark", 43434343],
    ["Tulip Trade BV", "NL123456782B01", "1012 AB", "Amsterdam", "Nederland", 201234567],
]


# Contacts as Outlook has them, by its English names.
_OUTLOOK: Final[list[Cells]] = [
    {
        "Title": "Frau",
        "First Name": "Jana",
        "Last Name": "Krüger",
        "Company": "Bäckerei Müller GmbH",
        "Department": "Einkauf",
        "Job Title": "Leiterin Einkauf",
        "Business Street": "Domstraße 1",
        "Business City": "Köln",
        "Business Postal Code": "50667",
        "Business Country/Region": "Deutschland",
        "Business Phone": "+49 221 1234560",
        "Mobile Phone": "+49 171 1234567",
        "E-mail Address": "jana.krueger@mueller.example",
        "E-mail Type": "SMTP",
        "E-mail Display Name": "Jana Krüger (jana.krueger@mueller.example)",
        "Birthday": "0.0.00",
        "Notes": "Ruft gern zurück,\nnachmittags.",
        "Web Page": "http://www.mueller.example",
    },
    {
        "First Name": "Pieter",
        "Middle Name": "van der",
        "Last Name": "Berg",
        "Company": "Tulip Trade BV",
        "Job Title": "Inkoper",
        "Company Main Phone": "+31 20 123 4567",
        "E-mail Address": "pieter@tuliptrade.example",
        "E-mail Type": "SMTP",
        "E-mail 2 Address": "pieter.vdberg@home.example",
        "E-mail 2 Type": "SMTP",
        "Home Street": "Keizersgracht 5",
        "Home City": "Amsterdam",
        "Home Postal Code": "1015 CC",
        "Home Phone": "+31 20 765 4321",
        "Birthday": "12.4.1975",
        "Categories": "Kunde;Messe",
    },
    {"Last Name": "Sommer", "Mobile Phone": "+49 171 7654321", "Birthday": "0.0.00"},
]
_OUTLOOK_ALWAYS: Final = {
    "Gender": "Keine Angabe",
    "Priority": "Normal",
    "Private": "Aus",
    "Sensitivity": "Normal",
}


def _outlook() -> list[list[Any]]:
    """Outlook's export on a German machine: the second half of its columns is sorted by name."""
    headers = programs.OUTLOOK_HEADERS
    pairs = list(zip(headers["German"], headers["English"], strict=True))
    pairs = pairs[:48] + sorted(pairs[48:])
    rows = [[(_OUTLOOK_ALWAYS | row).get(name) for _, name in pairs] for row in _OUTLOOK]
    return [[own for own, _ in pairs], *rows]


# One value of each kind that Google has: labels of one's own, two values in a cell, no name.
_GOOGLE: Final[list[Cells]] = [
    {
        "First Name": "Ingrid",
        "Last Name": "Solberg",
        "Organization Name": "Nordlys Handel AS",
        "Organization Title": "Daglig leder",
        "Birthday": "1980-05-17",
        "Notes": "Møtt på messen",
        "Labels": "* myContacts ::: Kunder",
        "E-mail 1 - Label": "* Work",
        "E-mail 1 - Value": "ingrid@nordlys.example ::: post@nordlys.example",
        "Phone 1 - Label": "Mobile",
        "Phone 1 - Value": "+47 900 11 223",
        "Phone 2 - Label": "Work",
        "Phone 2 - Value": "+47 23 35 40 00",
        "Address 1 - Label": "Work",
        "Address 1 - Formatted": "Storgata 1\nOslo 0155\nNorge",
        "Address 1 - Street": "Storgata 1",
        "Address 1 - City": "Oslo",
        "Address 1 - Postal Code": "0155",
        "Address 1 - Country": "Norge",
        "Website 1 - Label": "Work",
        "Website 1 - Value": "https://nordlys.example",
    },
    {
        "First Name": "Per",
        "Middle Name": "Olav",
        "Last Name": "Dahl",
        "Organization Name": "Fjord & Field AS",
        "Birthday": "--05-10",
        "Labels": "* myContacts",
        "E-mail 1 - Label": "Home",
        "E-mail 1 - Value": "per.olav@private.example",
        "Phone 1 - Label": "Hjem",
        "Phone 1 - Value": "+47 22 11 00 99",
        "Phone 2 - Label": "Work Fax",
        "Phone 2 - Value": "+47 22 11 00 98",
        "Address 1 - Label": "Home",
        "Address 1 - Street": "Bakken 3",
        "Address 1 - City": "Bergen",
        "Address 1 - Postal Code": "5003",
        "Address 1 - Country": "Norge",
    },
    {
        "Organization Name": "Sør Bygg AS",
        "Labels": "* myContacts",
        "E-mail 1 - Label": "* ",
        "E-mail 1 - Value": "post@sorbygg.example",
        "Phone 1 - Label": "Main",
        "Phone 1 - Value": "+47 38 00 00 00",
    },
]


def _google() -> list[list[Any]]:
    """Google's export of today: as many numbered groups as the fullest contact needs."""
    address = ("Formatted", "Street", "City", "PO Box", "Region", "Postal Code", "Country",
               "Extended Address")  # fmt: skip
    columns = [
        "First Name", "Middle Name", "Last Name", "Phonetic First Name", "Phonetic Middle Name",
        "Phonetic Last Name", "Name Prefix", "Name Suffix", "Nickname", "File As",
        "Organization Name", "Organization Title", "Organization Department", "Birthday", "Notes",
        "Photo", "Labels", "E-mail 1 - Label", "E-mail 1 - Value",
        "Phone 1 - Label", "Phone 1 - Value", "Phone 2 - Label", "Phone 2 - Value",
        "Address 1 - Label", *(f"Address 1 - {part}" for part in address),
        "Website 1 - Label", "Website 1 - Value",
    ]  # fmt: skip
    return [columns, *([row.get(column) for column in columns] for row in _GOOGLE)]


# Cards of an old phone, of Apple, of a server; the last one has lost its end.
_CARDS: Final = """\
BEGIN:VCARD
VERSION:2.1
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:S=C3=B8rensen;Mette;;;
ORG:Jylland Teknik ApS
TITLE;ENCODING=QUOTED-PRINTABLE:Direkt=F8r
TEL;WORK;VOICE:+45 43 43 43 43
TEL;CELL:+45 20 12 34 56
EMAIL;INTERNET:mette@jylland.example
ADR;WORK;ENCODING=QUOTED-PRINTABLE:;;Hovedgaden 1=0D=0A2. sal;H=C3=B8je Taastrup;;=
2630;Danmark
NOTE;ENCODING=QUOTED-PRINTABLE:Ringer selv;=0D=0Ahelst om morgenen
PHOTO;ENCODING=BASE64;TYPE=GIF:
 R0lGODlhAQABAIAAAAUEBAAAACwAAAAAAQABAAACAkQBADs=

END:VCARD
BEGIN:VCARD
VERSION:3.0
PRODID:-//Apple Inc.//macOS 14.0//EN
N:;;;;
FN:Nordlys Handel AS
ORG:Nordlys Handel AS;
item1.EMAIL;type=INTERNET;type=pref:post@nordlys.example
item1.X-ABLabel:_$!<Work>!$_
TEL;type=MAIN;type=VOICE:+47 23 35 40 00
item2.ADR;type=WORK:;;Storgata 1;Oslo;;0155;
item2.X-ABADR:no
item3.URL;type=pref:https\\://nordlys.example
item3.X-ABLabel:_$!<HomePage>!$_
X-ABShowAs:COMPANY
END:VCARD
BEGIN:VCARD
VERSION:3.0
N:Vries;Jan;de;;
FN:Jan de Vries
ORG:Tulip Trade BV;Inkoop
TITLE:Inkoper
EMAIL;TYPE=INTERNET,HOME:jan@home.example
EMAIL;TYPE=INTERNET,WORK,PREF:jan@tuliptrade.example
TEL;TYPE=HOME:+31 20 765 4321
TEL;TYPE=HOME,FAX:+31 20 765 4322
ADR;TYPE=HOME:;;Keizersgracht 5;Amsterdam;;1015 CC;Nederland
BDAY:1604-05-21
NOTE:Belt liever\\, mailt zelden.\\nHeeft een lange
  regel.
END:VCARD
BEGIN:VCARD
VERSION:4.0
KIND:individual
FN:Anna Maria Lind
TEL;VALUE=uri;PREF=1;TYPE="cell,voice":tel:+46-70-123-45-67
ORG:Lind & Co AB
BDAY:19791102
END:VCARD
BEGIN:VCARD
VERSION:3.0
FN:Lost Half
TEL:+47 900 00 000
"""


# Norwegian prices as text: only the column shows how "1.500" is meant. One code comes twice, one row
# has no name, one names another price list, and one price is no number.
_PRODUCTS: Final[list[list[Any]]] = [
    [
        "Varenr",
        "Produktkode",
        "Produktnavn",
        "Beskrivelse",
        "Enhet",
        "Listepris",
        "Kostpris",
        "Mva",
        "Produktgruppe",
        "Leverandør",
        "Prisliste",
        "I sortiment",
    ],
    [
        "0101",
        "D-100",
        "Desk, oak",
        "160 x 80 cm",
        "stk",
        "kr 4.990,00",
        "2.100,50",
        "25 %",
        "Desks",
        "Fjord & Field AS",
        "Standard",
        "ja",
    ],
    [
        "0102",
        "D-200",
        "Desk, birch",
        None,
        "stk",
        "1.500",
        "900,00",
        "25 %",
        "Desks",
        "Fjord & Field AS",
        "Standard",
        "ja",
    ],
    [
        "0103",
        "d-100 ",
        "Desk, oak",
        None,
        "stk",
        "kr 5.190,00",
        None,
        "25 %",
        "Desks",
        None,
        "Standard",
        None,
    ],
    [
        "0201",
        "C-100",
        "Chair",
        "Five wheels",
        "stk",
        "12 490,-",
        "0,125",
        "25 %",
        "Chairs",
        "Tulip Trade BV",
        "Standard",
        "ja",
    ],
    [
        "0202",
        "C-200",
        None,
        "No name yet",
        "stk",
        "990,00",
        None,
        "25 %",
        "Chairs",
        None,
        "Standard",
        "nei",
    ],
    [
        "0301",
        "S-100",
        "Assembly",
        "By the hour",
        "time",
        "on request",
        None,
        "25 %",
        "Services",
        None,
        "Standard",
        "ja",
    ],
    [
        "0302",
        "S-200",
        "Return of old furniture",
        None,
        "stk",
        "-250,00",
        None,
        "0 %",
        "Services",
        None,
        "Standard",
        "ja",
    ],
    [
        "0303",
        "S-300",
        "Storage",
        "A month",
        "mnd",
        "199,00",
        None,
        "25 %",
        "Services",
        None,
        "Partners",
        "ja",
    ],
]


_CHANGED: Final = datetime(2026, 1, 5, 8, 30)

_ERP_WORKBOOK: Final[dict[str, list[list[Any]]]] = {
    "CustomerGroup": [["ID", "Text"], [1, "Wholesale"], [2, "Shops"]],
    "Customer": [
        ["LastModified", "ID", "CustNo", "Nm", "Ad1", "Ad2", "Zip", "City", "CustGr", "IntField"],
        [_CHANGED, 7, "K-07", "Havbris Fisk AS", "Kaia 3", None, "9008", "Tromsø", 1, 12],
        [_CHANGED, 8, "K-08", "Blåbær Butikk", "Storgata 1", "2. etg", "0155", "Oslo", 2, None],
        [_CHANGED, 9, "K-09", "Ekorn Leker", "Skogveien 5", None, "7010", "Trondheim", 5, 3],
    ],
    "Supplier": [
        ["LastModified", "ID", "SupNo", "Nm", "Ad1", "Ad2", "Zip", "City", "SupGr", "IntField"],
        [_CHANGED, 7, "L-07", "Garn og Not AS", "Sjøgata 8", None, "8006", "Bodø", 1, None],
    ],
    "SupplierGroup": [["ID", "Text"], [1, "Equipment"], [2, "Services"]],
    "Person": [
        ["LastModified", "ID", "ParentType", "ParentID", "PersonNo", "FirstName", "LastName",
         "Address", "Phone"],
        [_CHANGED, 1, 1, 7, "P1", "Tuva", "Lien", "Fjellveien 2", "77 00 11 22"],
        [_CHANGED, 2, "Customer", 7, "P2", "Aksel", "Moe", None, "77 00 11 33"],
        [_CHANGED, 3, 2, 7, "P3", "Siri", "Dahl", None, "75 00 44 55"],
    ],
    "PriceLists": [["ERPPriceListKey", "Name", "Currency"], ["S", "Standard", "NOK"]],
    "Products": [
        ["ERPPriceListKey", "ERPProductKey", "Name", "Code", "ProductCategoryKey", "UnitListPrice"],
        ["S", "A1", "Fish crate", "KASSE", "c1", 89.5],
        ["S", "A2", "Ice, 20 kg", "IS20", "c2", 45],
    ],
    "ProductCategory": [
        ["ERPQuoteListItemKey", "DisplayDescription", "DisplayValue"],
        ["c1", "Boxes and crates", "Packaging"],
        ["c2", "", "Consumables"],
    ],
}  # fmt: skip


def _write_csv(path: Path, rows: list[list[Any]], *, encoding: str) -> None:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows(rows)


def _write(path: Path, sheets: dict[str, list[list[Any]]]) -> None:
    book = Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        page = book.create_sheet(title)
        for number, row in enumerate(rows, start=1):
            for position, value in enumerate(row, start=1):
                cell = page.cell(number, position)
                cell.value = value
                if isinstance(value, str):
                    # A text that begins with "=" is a text; the error is a real one.
                    cell.data_type = "e" if value == "#N/A" else "s"
    book.properties.created = book.properties.modified = _WRITTEN
    book.save(path)


def main() -> None:
    """Write the samples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    write_samples(parser.parse_args().folder)


if __name__ == "__main__":
    main()
