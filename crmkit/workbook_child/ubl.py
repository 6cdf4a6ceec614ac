"""UBL 2: catalogues, orders, invoices and the like, as Peppol uses them (reference: source-formats.md
section 1.6). Parties stand all over a document and are brought together; so are the items of its lines,
but for those of a catalogue.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from crmkit.workbook_child.elements import (
    Element,
    Facts,
    Format,
    Path,
    by_name,
    find,
    local,
    take,
    text,
)
from crmkit.workbook_child.parties import Address, Found, Row, address

NAMESPACE: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
_PARTIES: Final = "Parties"
_PRODUCTS: Final = "Products"
_LINES: Final = frozenset((
    "CatalogueLine", "InvoiceLine", "CreditNoteLine", "DebitNoteLine", "LineItem", "DespatchLine",
    "ReceiptLine",
))  # fmt: skip
"""Lines with an item; those of orders and quotations are inside other lines."""

_ONE: Final = re.compile(r"|1([.,]0*)?")
_ROLES: Final = {
    "AccountingSupplierParty": "Seller",
    "SellerSupplierParty": "Seller",
    "AccountingCustomerParty": "Buyer",
    "BuyerCustomerParty": "Buyer",
    "OriginatorCustomerParty": "Originator",
    "ContractorCustomerParty": "Contractor",
    "PayeeParty": "Payee",
    "ProviderParty": "Provider",
    "ReceiverParty": "Receiver",
    "DeliveryParty": "Delivery",
    "ManufacturerParty": "Manufacturer",
}
_REGISTERS: Final = ("0192", "0106", "0007", "0184")
"""Schemes of the registers of companies in Norway, the Netherlands, Sweden and Denmark."""

_ROOTS: Final = ("Catalogue", "Order", "Invoice", "CreditNote", "Quotation", "DespatchAdvice")
_SELLER_NAMES: Final = (
    ("AccountingSupplierParty", "Party", "PartyLegalEntity", "RegistrationName"),
    ("AccountingSupplierParty", "Party", "PartyName", "Name"),
    ("SellerSupplierParty", "Party", "PartyName", "Name"),
    ("SellerSupplierParty", "Party", "PartyLegalEntity", "RegistrationName"),
    ("ProviderParty", "PartyName", "Name"),
    ("ProviderParty", "PartyLegalEntity", "RegistrationName"),
)


def _may_be_row(name: str) -> bool:
    return name in _LINES or (name.endswith("Party") and name != "Party")


def _table_of(path: Path) -> str:
    return _PRODUCTS if path[-1] in _LINES else _PARTIES


def _describe(facts: Facts) -> str:
    number, date = facts.get(facts.root, "ID"), facts.get(facts.root, "IssueDate")
    seller = _seller(facts)
    return (
        f"UBL {facts.root.lower()}{f' {number}' if number else ''}{f' of {date}' if date else ''}"
        f"{f', seller {seller}' if seller else ''}"
    )


def _seller(facts: Facts) -> str:
    return next((name for path in _SELLER_NAMES if (name := facts.get(*path))), "")


def _party(element: Element, found: Found) -> Iterator[Row]:
    row = Row(found)
    role = local(element)
    assigned = take(element, "CustomerAssignedAccountID") or take(
        element, "SupplierAssignedAccountID"
    )
    inner = find(element, "Party")
    party = element if inner is None else inner
    names = [take(party, "PartyName", "Name"), take(party, "PartyLegalEntity", "RegistrationName")]
    shown = [name for name in names if name and name.upper() not in ("NA", "N/A")]
    row.put("Name", shown[-1] if shown else "")
    if len(shown) > 1 and shown[0] != shown[1]:
        row.put("Trading name", shown[0])
    taxed = take(party, "PartyTaxScheme", "CompanyID")
    legal = take(party, "PartyLegalEntity", "CompanyID")
    registered = "" if taxed or legal else _registered(party)
    row.tax_number(*(number for number in (taxed, legal, registered) if number))
    identity = find(party, "PartyIdentification", "ID")
    if not assigned and identity is not None and not identity.get("schemeID"):
        assigned = take(party, "PartyIdentification", "ID")
    row.put("Number", assigned)
    for kind, path in (
        ("Postal address", ("PostalAddress",)),
        ("Street address", ("PhysicalLocation", "Address")),
    ):
        if (place := find(party, *path)) is not None:
            row.address(kind, _address(place))
    row.put("Contact: first name", take(party, "Person", "FirstName"))
    row.put("Contact: last name", take(party, "Person", "FamilyName"))
    row.contact(take(party, "Contact", "Name"))
    row.put("Phone", take(party, "Contact", "Telephone"))
    row.put("Fax", take(party, "Contact", "Telefax"))
    row.email(take(party, "Contact", "ElectronicMail"))
    row.put("Notes", take(party, "Contact", "Note"))
    row.put("Web page", take(party, "WebsiteURI"))
    row.put("Role", _ROLES.get(role, role.removesuffix("Party")))
    row.rest(party, *(name for child in party if (name := local(child)).endswith("Party")))
    yield row


def _registered(party: Element) -> str:
    """The number in its country's register that a party is addressed or identified by."""
    for path in (("PartyIdentification", "ID"), ("EndpointID",)):
        identity = find(party, *path)
        if identity is not None and identity.get("schemeID") in _REGISTERS:
            return take(party, *path)
    return ""


def _address(place: Element) -> Address:
    street = f"{take(place, 'StreetName')} {take(place, 'BuildingNumber')}"
    post_box = take(place, "Postbox")
    return address(
        lines=(
            street,
            take(place, "AdditionalStreetName"),
            take(place, "AddressLine", "Line"),
            post_box,
        ),
        zip_code=take(place, "PostalZone"),
        city=take(place, "CityName"),
        region=take(place, "CountrySubentity"),
        country=take(place, "Country", "IdentificationCode"),
    )


def _product(element: Element, found: Found) -> Iterator[Row]:
    row = Row(found)
    item = find(element, "Item")
    standard = take(item, "StandardItemIdentification", "ID")
    code = take(item, "SellersItemIdentification", "ID")
    row.put("Product code", code or standard)
    row.put("Product name", take(item, "Name"))
    row.put("Description", take(item, "Description"))
    if code:
        row.put("Item number", standard)
    row.put("Product group", _group(item))
    row.put("Supplier", _seller(found.facts))
    row.put("Manufacturer's code", take(item, "ManufacturersItemIdentification", "ID"))
    row.put("VAT percent", take(item, "ClassifiedTaxCategory", "Percent"))
    _price(element, row)
    if "Unit" not in row.cells:
        row.put("Unit", take(element, "OrderableUnit"))
    if local(element) == "CatalogueLine":
        row.rest(element, "ID", "ActionCode")
    yield row


def _group(item: Element | None) -> str:
    """The name of the item's class where the file has one, else its code."""
    found = find(item, "CommodityClassification", "ItemClassificationCode")
    return "" if found is None else str(found.get("name") or text(found))


def _amount(words: str) -> str:
    """An amount of XML, whose point is always that of the decimals, so that nobody reads thousands."""
    whole, point, decimals = words.partition(".")
    return f"{words}0" if point and whole.lstrip("-").isdigit() and len(decimals) == 3 else words


def _price(element: Element, row: Row) -> None:
    """The price of one; that of several is shown and left to the user."""
    price = find(element, "RequiredItemLocationQuantity", "Price")
    price = find(element, "Price") if price is None else price
    amount = find(price, "PriceAmount")
    if price is None or amount is None:
        return
    words = f"{_amount(take(price, 'PriceAmount'))} {amount.get('currencyID') or ''}"
    base = find(price, "BaseQuantity")
    quantity, unit = ("1", "") if base is None else (text(base), base.get("unitCode") or "")
    single = _ONE.fullmatch(quantity) is not None
    row.put("List price" if single else f"Price for {quantity} {unit}".strip(), words)
    row.put("Unit", unit)
    take(price, "BaseQuantity")


UBL: Final = Format(
    program="UBL",
    tables=(_PARTIES, _PRODUCTS),
    table_of=_table_of,
    may_be_row=_may_be_row,
    facts=by_name(
        *_SELLER_NAMES, *((root, part) for root in _ROOTS for part in ("ID", "IssueDate"))
    ),
    describe=_describe,
    rows={_PARTIES: _party, _PRODUCTS: _product},
    distinct=(_PARTIES, _PRODUCTS),
    products=(_PRODUCTS,),
)

CATALOGUE: Final = replace(UBL, tables=(_PRODUCTS, _PARTIES), distinct=(_PARTIES,))
"""Its lines are the products themselves, and not where they were sold."""
