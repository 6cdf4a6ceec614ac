"""XAF, the Dutch audit file, in its versions 2 (CLAIR) to 4 (reference: source-formats.md section 1.6).
Its one list of customers and suppliers is read, and nothing behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from crmkit.workbook_child.elements import (
    Element,
    Facts,
    Format,
    Path,
    by_name,
    take,
    take_all,
)
from crmkit.workbook_child.parties import Address, Found, Row, address

_TABLE: Final = "Customers and suppliers"
_AROUND: Final = ("customersSuppliers", "customers_suppliers", "customersSupplier")
_ROWS: Final = ("customerSupplier", "customer_supplier")
_CATEGORIES: Final = {"C": "Customer", "S": "Supplier", "B": "Customer and supplier", "O": "Other"}
_OWNER: Final = (
    ("company", "taxRegIdent"),
    ("company", "companyIdent"),
    ("company", "companyName"),
    ("header", "companyName"),
)


def _table_of(path: Path) -> str:
    return _TABLE if path[-2:-1] and path[-2] in _AROUND else ""


def _describe(facts: Facts) -> str:
    version = facts.namespace.rpartition("XAF")[2].strip("/_") or facts.get(
        "header", "auditfileVersion"
    )
    owner = facts.get("company", "companyName") or facts.get("header", "companyName")
    program = facts.get("header", "softwareDesc")
    return (
        f"{f'XAF {version}'.strip()} audit file (Netherlands){f' of {owner}' if owner else ''}"
        f"{f', written by {program}' if program else ''}"
    )


def _party(element: Element, found: Found) -> Iterator[Row]:
    row = Row(found)
    owner = next((words for path in _OWNER if (words := found.facts.get(*path))), "")
    row.key(f"XAF {owner}".strip(), "relation", take(element, "custSupID"))
    row.put("Name", take(element, "custSupName"))
    row.put("Name", take(element, "companyName"))
    kind = take(element, "custSupTp") or take(element, "type")
    row.put("Category", _CATEGORIES.get(kind.upper(), kind))
    taxes = (take(element, "taxRegIdent"), take(element, "taxRegistrationNumber"))
    row.tax_number(*(text for text in (*taxes, take(element, "commerceNr")) if text))
    for kind, name in (("Postal address", "postalAddress"), ("Street address", "streetAddress")):
        for place in take_all(element, name):
            row.address(kind, _address(place))
            row.rest(place)
    row.contact(take(element, "contact"))
    row.put("Phone", take(element, "telephone"))
    row.put("Fax", take(element, "fax"))
    row.email(take(element, "eMail"))
    row.put("Web page", take(element, "website"))
    row.rest(element, "changeInfo", "customerSupplierHistory")
    yield row


def _address(place: Element) -> Address:
    number, extension = take(place, "number"), take(place, "numberExtension")
    return address(
        lines=(
            f"{take(place, 'streetname')} {number} {extension}",
            take(place, "address"),
            take(place, "property"),
        ),
        zip_code=take(place, "postalCode"),
        city=take(place, "city"),
        region=take(place, "region"),
        country=take(place, "country"),
    )


XAF: Final = Format(
    program="XAF",
    tables=(_TABLE,),
    table_of=_table_of,
    may_be_row=_ROWS.__contains__,
    facts=by_name(
        *_OWNER,
        ("header", "auditfileVersion"),
        ("header", "softwareDesc"),
    ),
    describe=_describe,
    rows={_TABLE: _party},
    last="customersSuppliers",
)
