"""The import template: an Excel file whose headers an import recognises without a question."""

from __future__ import annotations

from crmkit.entities import FieldType, Schema, Target
from crmkit.workbooks import TemplateColumn

_EXAMPLES = {
    "company.name": "Fjord & Field AS",
    "company.vat_number": "NO 999 888 777 MVA",
    "company.number": "10001",
    "company.category": "Customer",
    "company.country": "Norway",
    "company.postal.line1": "Storgata 1",
    "company.postal.zip_code": "0155",
    "company.postal.city": "Oslo",
    "company.phone": "+47 23 35 40 00",
    "company.email": "post@fjordfield.example",
    "company.web": "www.fjordfield.example",
    "person.first_name": "Ingrid",
    "person.last_name": "Solberg",
    "person.title": "Manager",
    "person.mobile": "+47 900 11 223",
    "product.name": "Desk, oak",
    "product.code": "D-100",
    "product.list_price": "4990.00",
    "product.unit": "piece",
    "product.vat": "25",
    "person.email": "ingrid.solberg@fjordfield.example",
}

_MANDATORY = ("company.name", "person.last_name", "product.name", "product.code")

_RARE = ("latitude", "longitude", "line3", "state", "county")


def columns(schema: Schema) -> tuple[TemplateColumn, ...]:
    """The columns of the template: every field but the rare ones, each with a note."""
    return tuple(
        TemplateColumn(
            header=header(target),
            note=_note(target),
            mandatory=target.id in _MANDATORY,
            example=_EXAMPLES.get(target.id, ""),
        )
        for target in schema.targets()
        if not target.field.composed
        and target.field.type is not FieldType.ID
        and target.field.id not in _RARE
    )


def header(target: Target) -> str:
    """A target's header: `Company name`, `Person mobile`."""
    entity, label = target.entity.labels["en"], target.labels["en"]
    if label.startswith(f"{entity} "):
        return label
    # An abbreviation keeps its capitals.
    return f"{entity} {label if label[:2].isupper() else label[:1].lower() + label[1:]}"


def _note(target: Target) -> str:
    if target.field.type is FieldType.LIST:
        return (
            f"One item of the list {target.field.list}. The settings say what happens to new ones."
        )
    if target.field.type is FieldType.NUMBER:
        return "A number; a currency or percent sign does no harm."
    if target.field.type is FieldType.BOOLEAN:
        return "yes or no"
    if target.field.type is FieldType.DATE:
        return "A date, for instance 2026-01-31."
    length = f"At most {target.field.length} characters." if target.field.length else ""
    return f"{length} One value to a cell." if target.multiple else length
