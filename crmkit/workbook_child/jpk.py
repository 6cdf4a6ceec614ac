"""JPK, the Polish audit files. They have no master data: parties and products stand in the rows of
invoices and stock documents and are brought together (reference: source-formats.md section 1.6).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from crmkit.workbook_child.elements import (
    Element,
    Facts,
    Format,
    Path,
    by_name,
    take,
    text,
)
from crmkit.workbook_child.parties import Found, Row, one_line

_CUSTOMERS: Final = "Customers"
_SUPPLIERS: Final = "Suppliers"
_PRODUCTS: Final = "Products"
_ROWS: Final = {
    "SprzedazWiersz": _CUSTOMERS,
    "ZakupWiersz": _SUPPLIERS,
    "Faktura": _CUSTOMERS,
    "WZWartosc": _CUSTOMERS,
    "PZWartosc": _SUPPLIERS,
    "PZWiersz": _PRODUCTS,
    "WZWiersz": _PRODUCTS,
    "RWWiersz": _PRODUCTS,
    "MMWiersz": _PRODUCTS,
}
_NAMES: Final = (
    "NazwaKontrahenta",
    "NazwaNabywcy",
    "NazwaDostawcy",
    "P_3A",
    "OdbiorcaWZ",
    "DostawcaPZ",
)
_NUMBERS: Final = ("NrKontrahenta", "NrIdNabywcy", "NrDostawcy", "P_5B")
_PREFIXES: Final = ("KodKrajuNadaniaTIN", "P_5A")
_ADDRESSES: Final = ("AdresKontrahenta", "AdresNabywcy", "AdresDostawcy", "P_3B")
_OWNER: Final = (
    ("Podmiot1", "PelnaNazwa"),
    ("Podmiot1", "NazwaFirmy"),
    ("IdentyfikatorPodmiotu", "PelnaNazwa"),
    ("OsobaNiefizyczna", "PelnaNazwa"),
)
_STOCK: Final = re.compile(r"(KodTowaru|NazwaTowaru|JednostkaMiary|CenaJedn)[A-Z]{2}")


def _table_of(path: Path) -> str:
    return _ROWS[path[-1]]


def _describe(facts: Facts) -> str:
    owner = next((name for path in _OWNER if (name := facts.get(*path))), "")
    form = facts.get("Naglowek", "KodFormularza") or "JPK"
    begin, end = facts.get("Naglowek", "DataOd"), facts.get("Naglowek", "DataDo")
    period = f", {begin} to {end}" if begin and end else ""
    return f"{form} file (Poland){f' of {owner}' if owner else ''}{period}"


def _party(element: Element, found: Found) -> Iterator[Row]:
    row = Row(found)
    row.put("Name", _first(element, _NAMES))
    number, prefix = _first(element, _NUMBERS), _first(element, _PREFIXES)
    if number:
        foreign = prefix not in ("", "PL") and not number.startswith(prefix)
        row.tax_number(f"{prefix}{number}" if foreign else number)
    row.address("Postal address", one_line(_first(element, _ADDRESSES), prefix))
    yield row


def _product(element: Element, found: Found) -> Iterator[Row]:
    parts = {
        known[1]: text(child) for child in element if (known := _STOCK.fullmatch(_name(child)))
    }
    row = Row(found)
    row.put("Product code", parts.get("KodTowaru", ""))
    row.put("Product name", parts.get("NazwaTowaru", ""))
    row.put("Unit", parts.get("JednostkaMiary", ""))
    # Of a purchase or at cost: shown, and no list price.
    row.put("CenaJedn", parts.get("CenaJedn", ""))
    yield row


def _first(element: Element, names: tuple[str, ...]) -> str:
    return next((words for name in names if (words := take(element, name))), "")


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


JPK: Final = Format(
    program="JPK",
    tables=(_CUSTOMERS, _SUPPLIERS, _PRODUCTS),
    table_of=_table_of,
    may_be_row=_ROWS.__contains__,
    facts=by_name(
        ("Naglowek", "KodFormularza"),
        ("Naglowek", "DataOd"),
        ("Naglowek", "DataDo"),
        *_OWNER,
    ),
    describe=_describe,
    rows={_CUSTOMERS: _party, _SUPPLIERS: _party, _PRODUCTS: _product},
    distinct=(_CUSTOMERS, _SUPPLIERS, _PRODUCTS),
    products=(_PRODUCTS,),
)
