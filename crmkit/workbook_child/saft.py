"""SAF-T, the OECD's audit file as Norway, Portugal and others write it (reference: source-formats.md
section 1.6). Master data only: the file is read up to the end of MasterFiles.
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
    find,
    take,
    take_all,
    text,
)
from crmkit.workbook_child.parties import Address, Found, Row, address

_ROWS: Final = {
    "Customer": ("Customers", "Customers"),
    "Supplier": ("Suppliers", "Suppliers"),
    "Owner": ("Owners", "Owners"),
    "Product": ("Products", "Products"),
}
"""Row -> the element around it where there is one, and the table."""

_TYPES: Final = {"P": "Product", "S": "Service", "O": "Other", "E": "Excise duty", "I": "Tax"}
_OWNER: Final = (
    ("Header", "Company", "RegistrationNumber"),
    ("Header", "TaxRegistrationNumber"),
    ("Header", "Company", "Name"),
    ("Header", "CompanyName"),
)
_PERSON: Final = {
    "Salutation": "salutation",
    "Title": "academic title",
    "FirstName": "first name",
    "Initials": "initials",
    "LastNamePrefix": "middle name",
    "LastName": "last name",
    "OtherTitles": "job title",
}
_COUNTRIES: Final = {
    "NO": "Norway", "PT": "Portugal", "DK": "Denmark", "LT": "Lithuania", "RO": "Romania",
    "LU": "Luxembourg", "AT": "Austria", "PL": "Poland",
}  # fmt: skip


def country_of(facts: Facts) -> str:
    """The country whose file it is, by its namespace or its header."""
    stated = facts.get("Header", "AuditFileCountry").upper()
    for code in _COUNTRIES:
        if f":{code}_" in facts.namespace or facts.namespace.endswith(f":{code}"):
            return code
    return stated if stated in _COUNTRIES else ""


def _table_of(path: Path) -> str:
    around, table = _ROWS[path[-1]]
    return table if path[-2:-1] in ((around,), ("MasterFiles",)) else ""


def _describe(facts: Facts) -> str:
    country = _COUNTRIES.get(country_of(facts), "")
    version = facts.get("Header", "AuditFileVersion")
    owner = facts.get("Header", "Company", "Name") or facts.get("Header", "CompanyName")
    program = facts.get("Header", "SoftwareID") or facts.get("Header", "ProductID")
    named = " ".join(part for part in ("SAF-T", country, version, "audit file") if part)
    return f"{named}{f' of {owner}' if owner else ''}{f', written by {program}' if program else ''}"


def _system(facts: Facts) -> str:
    """Whose books they are, by the owner's number: it stays the same from month to month."""
    owner = next((words for path in _OWNER if (words := facts.get(*path))), "")
    return f"SAF-T {owner}".strip()


def _customer(element: Element, found: Found) -> Iterator[Row]:
    return _party(element, found, key="Customer")


def _supplier(element: Element, found: Found) -> Iterator[Row]:
    return _party(element, found, key="Supplier")


def _owner(element: Element, found: Found) -> Iterator[Row]:
    return _party(element, found, key="Owner")


def _party(element: Element, found: Found, *, key: str) -> Iterator[Row]:
    for company in take_all(element, "CompanyStructure"):
        element.extend(list(company))
    row = Row(found)
    tax = take(element, f"{key}TaxID")
    row.key(_system(found.facts), key.lower(), take(element, f"{key}ID"))
    row.put("Name", take(element, "Name"))
    row.put("Name", take(element, "CompanyName"))
    row.put("Category", key)
    registered = take(element, "RegistrationNumber")
    taxed = take(element, "TaxRegistration", "TaxRegistrationNumber")
    row.tax_number(*(text for text in (registered, tax, taxed) if text))
    known: set[Address] = set()
    for kind, place in _places(element):
        parts = _address(place)
        if parts not in known:
            known.add(parts)
            row.address(kind, parts)
            row.rest(place)
    further = []
    for contact in take_all(element, "Contact"):
        about = row if not row.has_person() else row.of_person()
        _contact(contact, about)
        if about is row or not about.has_person():
            row.take_over(about)
        else:
            further.append(about)
    row.put("Phone", take(element, "Telephone"))
    row.put("Fax", take(element, "Fax"))
    # Beside a contact person's name only, and not among what is his.
    row.put("E-mail", take(element, "Email"))
    row.put("Web page", take(element, "Website"))
    row.put("Notes", take(element, "PartyInfo", "Notes"))
    row.rest(element)
    yield row
    found.further += len(further)
    yield from further


def _places(element: Element) -> Iterator[tuple[str, Element]]:
    for place in take_all(element, "Address"):
        kind = take(place, "AddressType")
        on_site = kind in ("StreetAddress", "ShipToAddress", "ShipFromAddress")
        yield "Street address" if on_site else "Postal address", place
    for name in ("BillingAddress", "ShipToAddress", "ShipFromAddress"):
        for place in take_all(element, name):
            yield "Postal address" if name == "BillingAddress" else "Street address", place


def _address(place: Element) -> Address:
    street = f"{take(place, 'StreetName')} {take(place, 'Number') or take(place, 'BuildingNumber')}"
    return address(
        lines=(
            street,
            take(place, "AddressDetail"),
            take(place, "AdditionalAddressDetail"),
            take(place, "Building"),
        ),
        zip_code=take(place, "PostalCode"),
        city=take(place, "City"),
        region=take(place, "Region"),
        country=take(place, "Country"),
    )


def _contact(contact: Element, row: Row) -> None:
    if not len(contact):
        row.contact(text(contact))
        return
    person = find(contact, "ContactPerson")
    for name, header in _PERSON.items():
        row.put(f"Contact: {header}", take(person, name))
    row.put("Phone", take(contact, "Telephone"))
    row.put("Fax", take(contact, "Fax"))
    row.put("Contact: mobile" if row.has_person() else "Phone", take(contact, "MobilePhone"))
    row.email(take(contact, "Email"))
    row.put("Web page", take(contact, "Website"))
    row.rest(contact)


def _product(element: Element, found: Found) -> Iterator[Row]:
    row = Row(found)
    row.put("Product code", take(element, "ProductCode"))
    row.put("Product name", take(element, "ProductDescription"))
    row.put("Product name", take(element, "Description"))
    number = take(element, "ProductNumberCode")
    if number != row.cells.get("Product code"):
        row.put("Item number", number)
    row.put("Product group", take(element, "ProductGroup"))
    kind = take(element, "ProductType")
    row.put("Product type", _TYPES.get(kind, kind))
    row.put("Unit", take(element, "UOMBase"))
    row.rest(element)
    yield row


SAFT: Final = Format(
    program="SAF-T",
    tables=("Customers", "Suppliers", "Owners", "Products"),
    table_of=_table_of,
    may_be_row=_ROWS.__contains__,
    facts=by_name(
        *_OWNER,
        ("Header", "AuditFileVersion"),
        ("Header", "AuditFileCountry"),
        ("Header", "SoftwareID"),
        ("Header", "ProductID"),
    ),
    describe=_describe,
    rows={
        "Customers": _customer,
        "Suppliers": _supplier,
        "Owners": _owner,
        "Products": _product,
    },
    last="MasterFiles",
    products=("Products",),
)
