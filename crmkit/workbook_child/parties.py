"""A party or a product of an XML file as a row: the same columns from every format.

What a column is called here is what `signatures.toml` knows it by; a column that is not among those
is shown under the file's own names and left to the user.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from crmkit.workbook_child.elements import Element, Facts, leaves

COLUMNS: Final = {
    "ERP key": "Company ERP Key",
    "Number": "Company Number",
    "Supplier number": "Supplier Number",
    "Name": "Company",
    "Category": "Company Category",
    "VAT number": "Company VAT Number",
    "Phone": "Company Main Phone",
    "Fax": "Company Fax",
    "E-mail": "Company E-mail",
    "Web page": "Company Web Page",
    "Postal address: street": "Business Street",
    "Postal address: street 2": "Business Street 2",
    "Postal address: street 3": "Business Street 3",
    "Postal address: zip code": "Business Postal Code",
    "Postal address: city": "Business City",
    "Postal address: region": "Business State",
    "Street address: street": "Visiting Street",
    "Street address: street 2": "Visiting Street 2",
    "Street address: street 3": "Visiting Street 3",
    "Street address: zip code": "Visiting Postal Code",
    "Street address: city": "Visiting City",
    "Street address: region": "Visiting State",
    "Country": "Company Country",
    "Contact: salutation": "Title",
    "Contact: academic title": "Name Prefix",
    "Contact: initials": "Initials",
    "Contact: first name": "First Name",
    "Contact: middle name": "Middle Name",
    "Contact: last name": "Last Name",
    "Contact: full name": "Display Name",
    "Contact: job title": "Job Title",
    "Contact: phone": "Business Phone",
    "Contact: mobile": "Mobile Phone",
    "Contact: e-mail": "E-mail Address",
    "Notes": "Company Notes",
    "Product code": "Product Code",
    "Product name": "Product Name",
    "Description": "Product Description",
    "Item number": "Product Item Number",
    "Product group": "Product Group",
    "Product type": "Product Type",
    "Unit": "Product Unit",
    "List price": "Product List Price",
    "VAT percent": "Product VAT",
    "Supplier": "Product Supplier",
    "Supplier's code": "Product Supplier Code",
    "Product web page": "Product Web Page",
}
"""Header -> what it is known as, from left to right."""

SEEN: Final = "Times seen"
OTHER_NAMES: Final = "Other names"

_ATTACHED: Final = "EmbeddedDocumentBinaryObject"
"""A picture or a document inside another."""

_SEVERAL: Final = ("Phone", "Fax", "E-mail", "Web page", "Contact: phone", "Contact: e-mail")
"""Columns of which a record takes several."""

_NAMES: Final = ("Contact: first name", "Contact: last name", "Contact: full name")
MOST_COLUMNS: Final = 250
MORE: Final = "More"

_NOTHING: Final = frozenset((
    "notused", "not used", "desconhecido", "desconhecida", "omisso", "brak", "n/a", "n.a.", "null",
    "-", "--", ".", "unknown",
))  # fmt: skip
"""Words that programs write where they must write something."""

_NOBODY: Final = {
    "PT": ("999999990", "PT999999990"),
    "PL": ("1111111111", "9999999999"),
}
"""By country: the tax number of everybody who gave none."""

_ZEROS: Final = re.compile(r"[A-Z]{0,2}0+(MVA)?")
_ROLE_ADDRESS: Final = re.compile(
    r"(info|post|mail|e?mail|kontakt|contact|office|kontor|firma|geral|biuro|sales|salg|invoice|"
    r"faktura|facturen|administratie|admin|regnskap|finance|support|service|hello|hei)@.*",
    re.IGNORECASE,
)
"""An address of a company, whoever is named beside it."""

_SALUTATION: Final = re.compile(
    r"(mr|mrs|ms|miss|herr|hr|frau|fr|fru|frk|dhr|de heer|heer|mw|mevr|mevrouw|mej|sr|sra|pan|pani)"
    r"(\.\s*|\s+)(?=\S)",
    re.IGNORECASE,
)
_POLISH: Final = re.compile(r"(.*?)[,;\s]*\b(\d\d-\d{3})\s+(.+)")
_PORTUGUESE: Final = re.compile(r"(\d{4}(?:-\d{3})?)[\s,]+(\D.*)")


@dataclass
class Found:
    """What was met on the way, for the notes.

    Attributes:
        facts: What the file says about itself.
        country: Whose rules hold for numbers of nobody.
        nothing: Words that stood for nothing, each with how often.
        nobody: Tax numbers of nobody in particular.
        further: Contact persons beyond the first, who have rows of their own.
    """

    facts: Facts
    country: str = ""
    nothing: Counter[str] = field(default_factory=Counter)
    nobody: Counter[str] = field(default_factory=Counter)
    further: int = 0

    def is_nobody(self, number: str) -> bool:
        """Whether a tax number is that of everybody who has none."""
        return self.is_known_nobody(number) or bool(_ZEROS.fullmatch(_plain(number)))

    def is_known_nobody(self, number: str) -> bool:
        """Whether a number is the country's own for everybody who has none; a key of zeros is a key."""
        return _plain(number) in _NOBODY.get(self.country, ())

    def notes(self) -> list[str]:
        """Sentences for people."""
        notes = []
        if self.nobody:
            listed = ", ".join(
                f"{number} ({count:,})" for number, count in self.nobody.most_common(5)
            )
            notes.append(
                "tax numbers that stand for nobody in particular are left empty, so that no two"
                f" customers are taken for one: {listed}"
            )
        if self.nothing:
            listed = ", ".join(f"{word} ({count:,})" for word, count in self.nothing.most_common(5))
            notes.append(f"words that stand for an empty cell are left out: {listed}")
        if self.further:
            persons = "person has a row" if self.further == 1 else "persons have rows"
            notes.append(f"{self.further:,} further contact {persons} of their own")
        return notes


@dataclass
class Row:
    """One row in the making."""

    found: Found
    cells: dict[str, str] = field(default_factory=dict)
    _last: dict[str, int] = field(default_factory=dict)
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._last.update(dict.fromkeys(self.cells, 1))
        self._seen.update(self.cells.items())

    def put(self, header: str, words: str) -> None:
        """A cell; another value for it stands in a numbered column beside."""
        if not (words := words and " ".join(words.replace("\x00", "").split())):
            return
        if words.casefold() in _NOTHING:
            self.found.nothing[words] += 1
            return
        if (header, words) not in self._seen:
            self._seen.add((header, words))
            self.cells[self._next(header)] = words

    def _next(self, name: str) -> str:
        """The name itself, then with a number: "Phone", "Phone 2"."""
        number = self._last[name] = self._last.get(name, 0) + 1
        return name if number == 1 else f"{name} {number}"

    def key(self, system: str, kind: str, number: str) -> None:
        """What the books call a party, in a way that no other books do: "SAF-T 912345678:customer 7"."""
        header = "Supplier number" if kind == "supplier" else "Number"
        if not self.found.is_known_nobody(number):
            self.put(header, number)
        if header in self.cells:
            self.put("ERP key", f"{system}:{kind} {self.cells[header]}")

    def tax_number(self, *numbers: str) -> None:
        """The first tax number that is one; the others stand beside it under their own name."""
        for number in numbers:
            if self.found.is_nobody(number):
                self.found.nobody[" ".join(number.split())] += 1
            elif "VAT number" in self.cells:
                if (_digits(number) or number) != _digits(self.cells["VAT number"]):
                    self.put("Other tax number", number)
            else:
                self.put("VAT number", number)

    def address(self, kind: str, parts: Address) -> None:
        """An address under "Postal address" or "Street address"; a further one under its own name."""
        if not any((parts.lines, parts.zip_code, parts.city, parts.region)):
            self.put("Country", parts.country)
            return
        kind = self._next(kind)
        lines = [*parts.lines[:2], ", ".join(parts.lines[2:])]
        for part, words in zip(("street", "street 2", "street 3"), lines, strict=False):
            self.put(f"{kind}: {part}", words)
        self.put(f"{kind}: zip code", parts.zip_code)
        self.put(f"{kind}: city", parts.city)
        self.put(f"{kind}: region", parts.region)
        if "Country" not in self.cells:
            self.put("Country", parts.country)
        elif parts.country != self.cells["Country"]:
            self.put(f"{kind}: country", parts.country)

    def contact(self, words: str) -> None:
        """A contact person in one piece, which may begin with a salutation."""
        words = " ".join(words.split())
        if found := _SALUTATION.match(words):
            self.put("Contact: salutation", found[0].strip())
            words = words[found.end() :]
        self.put("Contact: full name", words)

    def email(self, words: str) -> None:
        """An e-mail address: of the person who is named, unless it is one of the company."""
        person = self.has_person() and not _ROLE_ADDRESS.fullmatch(words.strip())
        self.put("Contact: e-mail" if person else "E-mail", words)

    def rest(self, element: Element, *leave: str) -> None:
        """All that nobody asked for, under the file's own names."""
        for path, words in leaves(element):
            if path[0] not in leave and path[-1] != _ATTACHED:
                self.put(": ".join(path), words)

    def has_person(self) -> bool:
        """Whether a contact person is named."""
        return any(header in self.cells for header in _NAMES)

    def of_person(self) -> Row:
        """A further row for another contact person of the same party."""
        kept = ("ERP key", "Number", "Supplier number", "Name", "VAT number", "Category")
        return Row(self.found, {cell: self.cells[cell] for cell in kept if cell in self.cells})

    def take_over(self, other: Row) -> None:
        """Add the cells of another row."""
        for header, words in other.cells.items():
            self.put(header, words)


@dataclass(frozen=True)
class Address:
    """A postal address in parts."""

    lines: Sequence[str] = ()
    zip_code: str = ""
    city: str = ""
    region: str = ""
    country: str = ""


def address(
    *,
    lines: Iterable[str],
    zip_code: str = "",
    city: str = "",
    region: str = "",
    country: str = "",
) -> Address:
    """An address whose lines are the filled ones; a Portuguese zip code gives up its locality."""
    filled = [line for line in (" ".join(line.split()) for line in lines) if line]
    if country.upper() in ("PT", "") and (found := _PORTUGUESE.fullmatch(zip_code)):
        zip_code, locality = found[1], found[2]
        if not city:
            city = locality
        elif locality.casefold() != city.casefold():
            filled.append(locality)
    return Address(tuple(filled), zip_code, city, region, country)


def one_line(words: str, country: str = "") -> Address:
    """A Polish address in one line: street, zip code, city."""
    words = " ".join(words.split())
    if found := _POLISH.fullmatch(words):
        return Address((found[1],) if found[1] else (), found[2], found[3], country=country)
    return Address((words,) if words else (), country=country)


def known_as(header: str) -> str:
    """What a column is known as; empty for one of the file's own."""
    if header in COLUMNS:
        return COLUMNS[header]
    base = re.sub(r" \d+$", "", header)
    return COLUMNS[base] if base in _SEVERAL else ""


def rank(header: str) -> tuple[int, str]:
    """Where a column stands from left to right; those of the file's own come last, as they come."""
    base = re.sub(r" \d+$", "", header)
    order = list(COLUMNS)
    if header in COLUMNS:
        return order.index(header), ""
    return (order.index(base), header) if base in _SEVERAL else (len(order), "")


def _plain(number: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", number.upper())


def _digits(number: str) -> str:
    return re.sub(r"\D", "", number)
