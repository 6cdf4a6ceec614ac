"""Works on a real Tryton through its own client, in a process of its own.

python tryton_app.py CONFIG DATABASE build     fill a database whose modules are activated
python tryton_app.py CONFIG DATABASE change    rename two of its customers
"""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import Any

from proteus import Model, Wizard
from proteus import config as client

COMPANIES = 130
PERSONS = 60
COUNTRIES = {"NO": "Norway", "SE": "Sweden", "NL": "Netherlands"}
CITIES = {"NO": ("0155", "Oslo"), "SE": ("111 29", "Stockholm"), "NL": ("1012 AB", "Amsterdam")}
VAT = {
    "NO": ("no_orgnr", ("923 609 016", "914 778 271", "982 463 718")),
    "SE": ("eu_vat", ("SE556012579001", "SE556703748501", "SE202100548901")),
    "NL": ("eu_vat", ("NL001545668B01", "NL803851595B01", "NL004495445B01")),
}
STEMS = ("Fjord", "Northern", "Ørje", "Harbour", "Linden", "Ålesund", "Tulip", "Granite", "Brook")
KINDS = ("Trading", "Timber", "Fish", "Design", "Transport", "Foods", "Tools")
FIRST = ("Ingrid", "Ola", "Sanne", "Åse", "Björn", "Mette", "Jeroen", "Elin", "Tor", "Femke")
LAST = ("Berg", "de Vries", "Lindqvist", "Solberg", "Nygård", "van den Berg", "Dahl")


def build() -> None:
    """A company of its own, customers and suppliers with contact persons, and products."""
    # Which database it works on is settled by the first import of its modules.
    from trytond.modules.company.tests.tools import create_company

    create_company()
    countries = _countries()
    parties = _companies(countries)
    persons = _persons()
    _relations(persons, parties)
    _specials(parties)
    _products()


def change() -> None:
    """Give two customers another name; nothing else."""
    party = Model.get("party.party")
    for code, name in (("C-0003", "Renamed Harbour Ltd"), ("C-0017", "Renamed Brook Ltd")):
        (found,) = party.find([("code", "=", code)])
        found.name = name
        found.save()


def _create(model: str, records: list[dict[str, Any]]) -> list[int]:
    """Make records, all in one call: one by one, the client asks for each field that follows another."""
    here = client.get_config()
    return here.get_proxy(model).create(records, here.context)


def _inside(*records: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    return [("create", list(records))]


def _countries() -> dict[str, int]:
    made = _create("country.country", [{"name": n, "code": c} for c, n in COUNTRIES.items()])
    return dict(zip(COUNTRIES, made, strict=True))


def _companies(countries: dict[str, int]) -> list[int]:
    customer, supplier = _create("party.category", [{"name": "Customer"}, {"name": "Supplier"}])
    new = []
    for number in range(COMPANIES):
        code = list(COUNTRIES)[number % 3]
        postal_code, city = CITIES[code]
        address = {
            "street_unstructured": (
                f"Main street {number}" if number % 5 else f"Gate B\nMain street {number}"
            ),
            "postal_code": postal_code,
            "city": city,
            "country": countries[code],
        }
        party = {
            "name": f"{STEMS[number % 9]} {KINDS[number % 7]} {number}",
            "code": f"C-{number:04}",
            "addresses": _inside(address),
            "categories": [("add", [supplier if number % 4 == 3 else customer])],
            "contact_mechanisms": _inside(
                {"type": "phone", "value": f"+31 20 {6240000 + number}"},
                {"type": "email", "value": f"post{number}@company{number}.example"},
                {"type": "website", "value": f"https://company{number}.example"},
            ),
        }
        if number < 9:
            kind_of, numbers = VAT[code]
            party["identifiers"] = _inside({"type": kind_of, "code": numbers[number // 3]})
        new.append(party)
    return _create("party.party", new)


def _persons() -> list[int]:
    return _create(
        "party.party",
        [
            {
                "name": f"{FIRST[number % 10]} {LAST[number % 7]}",
                "code": f"P-{number:04}",
                "addresses": _inside({}),
                "contact_mechanisms": _inside(
                    {"type": "email", "value": f"person{number}@mail.example"},
                    {"type": "mobile", "value": f"+31 6 {12340000 + number}"},
                ),
            }
            for number in range(PERSONS)
        ],
    )


def _relations(persons: list[int], companies: list[int]) -> None:
    kind = "party.relation.type"
    (employer,) = _create(kind, [{"name": "Employer"}])
    works_for, subsidiary = _create(
        kind, [{"name": "Employee", "reverse": employer}, {"name": "Subsidiary"}]
    )
    made = [
        {"from_": person, "to": companies[number // 2], "type": works_for}
        for number, person in enumerate(persons)
    ]
    # A relation between companies makes none of them a person.
    made.append({"from_": companies[100], "to": companies[101], "type": subsidiary})
    _create("party.relation.all", made)


def _specials(companies: list[int]) -> None:
    """One that is not in use any more, one that was merged into another."""
    party = Model.get("party.party")
    gone = party(name="Gone Ltd", code="C-9001", active=False)
    gone.save()
    kept = party(companies[0])
    merged = party(name=kept.name, code="C-9002")
    merged.save()
    replace = Wizard("party.replace", models=[merged])
    replace.form.destination = kept
    replace.execute("replace")


def _products() -> None:
    (unit,) = Model.get("product.uom").find([("name", "=", "Unit")])
    _create(
        "product.template",
        [
            {
                "name": f"Desk {number}",
                "code": f"D-{number:03}",
                "type": "goods",
                "default_uom": unit.id,
                "list_price": Decimal("799.00") + number,
                "products": _inside({}),
            }
            for number in range(20)
        ],
    )


if __name__ == "__main__":
    _, configuration, database, work = sys.argv
    client.set_trytond(database, config_file=configuration)
    {"build": build, "change": change}[work]()
