"""The ERP workbook: a sheet for each kind of actor, and sheets of lists beside them.

It is what SuperOffice's sample connectors for Excel read (reference: superoffice-import.md section 4):
customers, suppliers and persons under short column names, products with the keys of their lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from crmkit.sources.layout import find_header_row
from crmkit.sources.model import Sheet, Source

PROGRAM: Final = "ERP workbook"


@dataclass(frozen=True)
class ListSheet:
    """A sheet whose rows are the items of a list: the headers of their key and of their text."""

    sheet: str
    key: str
    text: str


@dataclass(frozen=True)
class Actor:
    """A sheet of records.

    Attributes:
        sheet: Its name, which is also that of the kind in a key: "Customer".
        marks: Headers that it always has.
        known_as: Header -> what the column is called in `signatures.toml`.
        lists: Header of a column of keys -> the sheet that has their texts.
        holds: "company" (with persons) or "product".
        key: What the column with the ERP key is called; it is made of the kind and the ID.
        parent: Whether each row says whose it is, by `ParentType` and `ParentID`.
    """

    sheet: str
    marks: tuple[str, ...]
    known_as: Mapping[str, str]
    lists: Mapping[str, ListSheet]
    holds: str = "company"
    key: str = ""
    parent: bool = False


ID: Final = "ID"
NAME: Final = "Nm"
PARENT_TYPE: Final = "ParentType"
PARENT_ID: Final = "ParentID"

_COMPANY: Final = {
    NAME: "Company",
    "Ad1": "Business Street",
    "Ad2": "Business Street 2",
    "Zip": "Business Postal Code",
    "City": "Business City",
}
_QUOTE_KEY: Final = "ERPQuoteListItemKey"

ACTORS: Final = (
    Actor(
        "Customer",
        ("LastModified", ID, "CustNo", NAME),
        MappingProxyType({**_COMPANY, "CustNo": "Company Number", "CustGr": "Company Category"}),
        MappingProxyType({"CustGr": ListSheet("CustomerGroup", ID, "Text")}),
        key="Company ERP Key",
    ),
    Actor(
        "Supplier",
        ("LastModified", ID, "SupNo", NAME),
        MappingProxyType({**_COMPANY, "SupNo": "Supplier Number", "SupGr": "Company Category"}),
        MappingProxyType({"SupGr": ListSheet("SupplierGroup", ID, "Text")}),
        key="Company ERP Key",
    ),
    Actor(
        "Person",
        ("LastModified", ID, PARENT_TYPE, PARENT_ID, "PersonNo"),
        MappingProxyType(
            {
                "PersonNo": "Person Number",
                "FirstName": "First Name",
                "LastName": "Last Name",
                "Address": "Home Street",
                "Phone": "Business Phone",
            }
        ),
        MappingProxyType({}),
        key="Person ERP Key",
        parent=True,
    ),
    Actor(
        "Products",
        ("ERPPriceListKey", "ERPProductKey", "Name", "Code"),
        MappingProxyType(
            {
                "ERPProductKey": "Product ERP Key",
                "Name": "Product Name",
                "Description": "Product Description",
                "Code": "Product Code",
                "PriceUnit": "Product Unit",
                "ItemNumber": "Product Item Number",
                "Url": "Product Web Page",
                "ProductCategoryKey": "Product Group",
                "ProductFamilyKey": "Product Family",
                "ProductTypeKey": "Product Type",
                "SupplierCode": "Product Supplier Code",
                "Supplier": "Product Supplier",
                "VATInfo": "Product VAT Info",
                "VAT": "Product VAT",
                "UnitCost": "Product Cost",
                "UnitMinimumPrice": "Product Minimum Price",
                "UnitListPrice": "Product List Price",
                "ExtraInfo": "Product Extra Info",
                "InAssortment": "Product In Assortment",
            }
        ),
        MappingProxyType(
            {
                "ERPPriceListKey": ListSheet("PriceLists", "ERPPriceListKey", "Name"),
                "ProductCategoryKey": ListSheet("ProductCategory", _QUOTE_KEY, "DisplayValue"),
                "ProductFamilyKey": ListSheet("ProductFamily", _QUOTE_KEY, "DisplayValue"),
                "ProductTypeKey": ListSheet("ProductType", _QUOTE_KEY, "DisplayValue"),
            }
        ),
        holds="product",
    ),
)

PARENTS: Final = {"1": "Customer", "2": "Supplier", "3": "Customer"}
"""The number of an actor type; a partner is both, and stands among the customers."""


def actor_of(sheet: str, headers: Sequence[str]) -> Actor | None:
    """What a sheet holds by its name and headers; None when it is none of the known ones."""
    for actor in ACTORS:
        if actor.sheet.casefold() == sheet.strip().casefold() and set(actor.marks) <= set(headers):
            return actor
    return None


def as_erp_workbook(source: Source) -> Source | None:
    """A workbook as one of an ERP, where at least one of its sheets is one of actors."""
    sheets = tuple(_held(sheet) for sheet in source.sheets)
    if not any(sheet.holds for sheet in sheets):
        return None
    return replace(
        source,
        sheets=sheets,
        program=PROGRAM,
        keyed=True,
        description=f"{PROGRAM} with a sheet for each kind of actor",
    )


def _held(sheet: Sheet) -> Sheet:
    headers = dict(sheet.first_rows).get(find_header_row(sheet.first_rows), ())
    actor = actor_of(sheet.name, headers)
    return replace(sheet, holds=actor.holds) if actor else sheet
