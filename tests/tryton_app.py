"""Works on a real Tryton through its own client, in a process of its own.

python tryton_app.py CONFIG DATABASE build     fill a database whose modules are activated
python tryton_app.py CONFIG DATABASE change    rename two of its customers
"""

from __future__ import annotations

import sys
from decimal import Decimal

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


def _countries() -> dict[str, Model]:
    country = Model.get("country.country")
    made = {code: country(name=name, code=code) for code, name in COUNTRIES.items()}
    country.save(list(made.values()))
    return made


def _categories() -> tuple[Model, Model]:
    category = Model.get("party.category")
    made = category(name="Customer"), category(name="Supplier")
    category.save(list(made))
    return made


def _companies(countries: dict[str, Model]) -> list[Model]:
    party = Model.get("party.party")
    customer, supplier = _categories()
    made = []
    for number in range(COMPANIES):
        code = list(COUNTRIES)[number % 3]
        stem, kind = STEMS[number % 9], KINDS[number % 7]
        new = party(name=f"{stem} {kind} {number}", code=f"C-{number:04}")
        address = new.addresses[0]
        address.street_unstructured = (
            f"Main street {number}" if number % 5 else f"Gate B\nMain street {number}"
        )
        address.postal_code, address.city = CITIES[code]
        address.country = countries[code]
        new.categories.append(_again(supplier if number % 4 == 3 else customer))
        if number < 9:
            kind_of, numbers = VAT[code]
            identifier = new.identifiers.new()
            identifier.type, identifier.code = kind_of, numbers[number // 3]
        for mechanism, value in (
            ("phone", f"+31 20 {6240000 + number}"),
            ("email", f"post{number}@company{number}.example"),
            ("website", f"https://company{number}.example"),
        ):
            contact = new.contact_mechanisms.new()
            contact.type, contact.value = mechanism, value
        made.append(new)
    party.save(made)
    return made


def _again(category: Model) -> Model:
    """A category as an instance of its own: one instance stands in one list only."""
    return Model.get("party.category")(category.id)


def _persons() -> list[Model]:
    party = Model.get("party.party")
    made = []
    for number in range(PERSONS):
        new = party(name=f"{FIRST[number % 10]} {LAST[number % 7]}", code=f"P-{number:04}")
        for mechanism, value in (
            ("email", f"person{number}@mail.example"),
            ("mobile", f"+31 6 {12340000 + number}"),
        ):
            contact = new.contact_mechanisms.new()
            contact.type, contact.value = mechanism, value
        made.append(new)
    party.save(made)
    return made


def _relations(persons: list[Model], companies: list[Model]) -> None:
    kind = Model.get("party.relation.type")
    reverse = kind(name="Employer")
    reverse.save()
    works_for = kind(name="Employee", reverse=reverse)
    works_for.save()
    subsidiary = kind(name="Subsidiary")
    subsidiary.save()
    relation = Model.get("party.relation.all")
    made = [
        relation(from_=person, to=companies[number // 2], type=works_for)
        for number, person in enumerate(persons)
    ]
    # A relation between companies makes none of them a person.
    made.append(relation(from_=companies[100], to=companies[101], type=subsidiary))
    relation.save(made)


def _specials(companies: list[Model]) -> None:
    """One that is not in use any more, one that was merged into another."""
    party = Model.get("party.party")
    gone = party(name="Gone Ltd", code="C-9001", active=False)
    gone.save()
    merged = party(name=companies[0].name, code="C-9002")
    merged.save()
    replace = Wizard("party.replace", models=[merged])
    replace.form.destination = companies[0]
    replace.execute("replace")


def _products() -> None:
    unit_of = Model.get("product.uom")
    (unit,) = unit_of.find([("name", "=", "Unit")])
    template_of = Model.get("product.template")
    made = []
    for number in range(20):
        new = template_of(
            name=f"Desk {number}", code=f"D-{number:03}", type="goods", default_uom=unit
        )
        new.list_price = Decimal("799.00") + number
        made.append(new)
    template_of.save(made)


if __name__ == "__main__":
    _, configuration, database, work = sys.argv
    client.set_trytond(database, config_file=configuration)
    {"build": build, "change": change}[work]()
