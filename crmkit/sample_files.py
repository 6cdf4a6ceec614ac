"""Writes the files of `data/samples`: small, invented, each with one trait.

    python -m crmkit.sample_files data/samples

The same bytes of content every time: cells come from the generator with a fixed seed, or stand here.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from openpyxl import Workbook

from crmkit import generator
from crmkit.generator import COLUMNS, Recipe
from crmkit.sources import delimited

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
    (folder / "not-a-workbook.xlsx").write_text(
        "This is plain text.\n", encoding="utf-8", newline="\n"
    )
    lines = [
        "Firmanaam;Plaats;Telefoon;E-mail",
        "Café Zürich;Den Haag;070-1234567;info@cafezurich.example",
        "Bäckerei Müller;Köln;0221 123456;post@mueller.example",
    ]
    (folder / "semicolon-cp1252.csv").write_bytes("\r\n".join([*lines, ""]).encode("cp1252"))


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
