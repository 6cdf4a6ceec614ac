"""A contact of an address book as a row: one column for each kind of phone, e-mail and address.

Address books hold lists ("two phones, one of them at work"); a table has columns. The first phone at
work stands in "Phone (work)", the second in "Phone (work) 2". Each column also says what Outlook calls
it in English, so that one set of words is enough to map all address books.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

_ORDER: Final = (
    "Full name", "Prefix", "First name", "Middle name", "Last name", "Suffix", "Nickname",
    "Company", "Department", "Job title", "Role",
    "Company phone", "Company fax", "Company e-mail", "Company web page", "Company notes",
    "Phone (work)", "Phone (mobile)", "Phone (main)", "Phone (home)", "Phone", "Phone (other)",
    "Fax (work)", "Fax (home)", "Fax", "Pager", "E-mail",
    "Work address", "Home address", "Other address",
    "Web page", "Web page (work)", "Web page (home)", "Birthday", "Birthday (no year)", "Notes",
    "Categories",
)  # fmt: skip
"""Columns from left to right; others follow in the order of the file."""

_RANK: Final = {base: rank for rank, base in enumerate(_ORDER)}

_KNOWN_AS: Final = {
    "Full name": "Display Name",
    "Prefix": "Name Prefix",
    "First name": "First Name",
    "Middle name": "Middle Name",
    "Last name": "Last Name",
    "Suffix": "Suffix",
    "Nickname": "Nickname",
    "Company": "Company",
    "Department": "Department",
    "Job title": "Job Title",
    "Role": "Profession",
    "Birthday": "Birthday",
    "Notes": "Notes",
    "Company notes": "Company Notes",
    "Categories": "Categories",
}
"""Fields of which a CRM takes one: only the first column is known."""

_KINDS: Final = {
    "fax": ("fax", "faks", "telefax"),
    "pager": ("pager", "semafoon", "personsökare", "personsøger"),
    "mobile": (
        "mobile", "cell", "cellular", "iphone", "mobil", "mobiel", "mobiltelefon", "portable",
        "móvil", "handy", "cellulare", "komórkowy",
    ),
    "work": (
        "work", "business", "office", "arbeit", "geschäftlich", "dienstlich", "büro", "werk",
        "zakelijk", "jobb", "job", "arbeid", "arbete", "arbejde", "travail", "bureau", "trabajo",
        "lavoro", "trabalho", "praca", "służbowy",
    ),
    "home": (
        "home", "private", "personal", "privat", "zuhause", "thuis", "privé", "hjem", "hem",
        "domicile", "personnel", "casa", "dom", "domowy",
    ),
    "main": ("main", "haupt", "hoofdnummer", "hoofd", "hoved", "hovednummer", "principal"),
}  # fmt: skip
"""What a label says, in the languages of the programs that write it; the first kind that fits."""

_KIND_OF: Final = {word: kind for kind, words in _KINDS.items() for word in words}
_SAYS_NOTHING: Final = frozenset((
    "voice", "internet", "pref", "msg", "text", "video", "other", "sms", "textphone", "x400", "dom", "intl", "postal", "parcel", "number", "phone", "telefon", "telefoon", "email", "e", "mail", "address", "adresse", "adres", "adress", "annet", "annat", "andet", "anders", "sonstige", "overig", "overige", "autre", "otro", "altro", "outro",
))  # fmt: skip
_WORD: Final = re.compile(r"[^\W\d_](?:[^\W\d_A-ZÅÄÖÆØÜ]+|[A-ZÅÄÖÆØÜ]+)?|\d+", re.UNICODE)

_PHONES: Final = {
    "work": ("Phone (work)", "Business Phone"),
    "mobile": ("Phone (mobile)", "Mobile Phone"),
    "main": ("Phone (main)", "Primary Phone"),
    "home": ("Phone (home)", "Home Phone"),
    "pager": ("Pager", "Pager"),
    "": ("Phone", "Other Phone"),
}
_FAXES: Final = {
    "work": ("Fax (work)", "Business Fax"),
    "home": ("Fax (home)", "Home Fax"),
    "": ("Fax", "Business Fax"),
}
_ADDRESSES: Final = {
    "work": ("Work address", "Business"),
    "home": ("Home address", "Home"),
    "": ("Other address", "Other"),
}
_ADDRESS_PARTS: Final = {
    "street": "Street",
    "street 2": "Street 2",
    "street 3": "Street 3",
    "PO box": "Address PO Box",
    "zip code": "Postal Code",
    "city": "City",
    "state": "State",
    "country": "Country/Region",
    "whole": "Address",
}
_PART_RANK: Final = {part: rank for rank, part in enumerate(_ADDRESS_PARTS, start=1)}

_LONG_LABEL: Final = 200
MOST_COLUMNS: Final = 250
"""More than any person's address book has; what a hostile one has beyond goes into `MORE`."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A column: "Phone (work) 2" has the base "Phone (work)" and the number 2.

    Attributes:
        part: Of an address: "city".
        known_as: What Outlook calls it in English; empty where it has no such field.
    """

    base: str
    number: int = 1
    part: str = ""
    known_as: str = ""

    @property
    def text(self) -> str:
        """The header."""
        number = f" {self.number}" if self.number > 1 else ""
        return f"{self.base}{number}{f': {self.part}' if self.part else ''}"

    @property
    def rank(self) -> tuple[int, int, int]:
        """Where it stands from left to right."""
        base = _RANK.get(self.base)
        if base is None:
            base = _RANK["Phone (other)"] if self.base.startswith("Phone (") else len(_ORDER)
        return base, self.number, _PART_RANK.get(self.part, 0)


MORE: Final = Heading("More")
"""Holds what has no column of its own, line by line."""


@dataclass(frozen=True, slots=True)
class Label:
    """What a source says about a phone, an e-mail address or an address.

    Attributes:
        kind: "work", "home", "mobile", "main", "pager"; empty when it is none of them.
        fax: It is a fax number.
        own: The label itself, where it says more than its kind.
    """

    kind: str = ""
    fax: bool = False
    own: str = ""


def plain_label(text: str) -> str:
    """A label without marks: Apple's own look like _$!<Home>!$_, Google's primary one has a star."""
    return text.removeprefix("_$!<").removesuffix(">!$_").strip().lstrip("* ").strip()


def read_label(words: Iterable[str]) -> Label:
    """What some words say together: the types of a vCard, or the label that a user chose."""
    together = tuple(words)
    # The same few, again and again.
    read = _read_label if sum(map(len, together)) <= _LONG_LABEL else _read_label.__wrapped__
    return read(together)


@lru_cache(maxsize=1_000)
def _read_label(words: tuple[str, ...]) -> Label:
    kinds: set[str] = set()
    own = []
    for text in words:
        label = plain_label(text)
        if label.casefold() in _KIND_OF:
            kinds.add(_KIND_OF[label.casefold()])
            continue
        tokens = [token.casefold() for token in _WORD.findall(label)]
        kinds.update(_KIND_OF[token] for token in tokens if token in _KIND_OF)
        if any(token not in _KIND_OF and token not in _SAYS_NOTHING for token in tokens):
            own.append(label)
    kind = next((kind for kind in _KINDS if kind in kinds and kind != "fax"), "")
    return Label(kind, fax="fax" in kinds, own=" ".join(own)[:60])


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address in parts; the street may have several lines."""

    street: str = ""
    extra: str = ""
    po_box: str = ""
    zip_code: str = ""
    city: str = ""
    state: str = ""
    country: str = ""
    whole: str = ""

    def parts(self) -> Iterator[tuple[str, str]]:
        """Its filled parts, by the name of their column."""
        lines = [line.strip() for line in f"{self.street}\n{self.extra}".split("\n")]
        lines = [line for line in lines if line]
        po_box = self.po_box
        if not lines and any(char.isalpha() for char in po_box):
            lines, po_box = [po_box], ""
        lines = [*lines[:2], ", ".join(lines[2:])]
        known = (
            *zip(("street", "street 2", "street 3"), lines, strict=False),
            ("PO box", po_box),
            ("zip code", self.zip_code),
            ("city", self.city),
            ("state", self.state),
            ("country", self.country),
        )
        filled = [(part, text.strip()) for part, text in known if text.strip()]
        if not filled and self.whole.strip():
            filled = [("whole", self.whole.strip())]
        yield from filled


@dataclass
class Contact:
    """One contact, on its way to a row.

    Attributes:
        is_company: It is a company; its phones and the like are not a person's.
    """

    is_company: bool = False
    cells: dict[Heading, str] = field(default_factory=dict)
    _last: dict[str, int] = field(default_factory=dict)
    _seen: set[tuple[str, str]] = field(default_factory=set)
    _emails: list[tuple[bool, str, str]] = field(default_factory=list)

    def put(self, base: str, text: str) -> None:
        """A plain field; a second value stands in a column of its own."""
        self._add(base, text, _KNOWN_AS.get(base, ""), repeated="")

    def phone(self, number: str, label: Label) -> None:
        """A phone or fax number."""
        base, known_as = (_FAXES if label.fax else _PHONES).get(label.kind, _FAXES[""])
        if self.is_company and label.kind in ("", "work", "main"):
            base = "Company fax" if label.fax else "Company phone"
            known_as = "Company Fax" if label.fax else "Company Main Phone"
        elif label.own and not label.fax:
            base = f"Phone ({label.own})"
        self._add(base, number, known_as, repeated=known_as)

    def email(self, address: str, label: Label, *, preferred: bool = False) -> None:
        """An e-mail address; the preferred one comes first."""
        self._emails.append((not preferred, address, label.own))

    def key(self, service: str, key: str) -> None:
        """What a service calls it: a later import of the same contact finds it by that."""
        if not key:
            return
        base = f"Company {service} key" if self.is_company else f"{service} key"
        known_as = "Company ERP Key" if self.is_company else "Person ERP Key"
        self._add(base, f"{service}:{key}", known_as, repeated="")

    def address(self, address: Address, label: Label) -> None:
        """A postal address."""
        kind = label.kind if label.kind in _ADDRESSES else ""
        if self.is_company and not kind:
            kind = "work"
        base, known_as = _ADDRESSES[kind]
        if label.own:
            base = f"Address ({label.own})"
        parts = list(address.parts())
        if not parts:
            return
        number = self._last[base] = self._last.get(base, 0) + 1
        # A record has one address of each kind; a further one is shown and left to the user.
        first = number == 1 and not label.own
        for part, text in parts:
            name = f"{known_as} {_ADDRESS_PARTS[part]}" if first else ""
            self.cells[Heading(base, number, part, name)] = text

    def web_page(self, address: str, label: Label) -> None:
        """A web address."""
        if self.is_company:
            base, known_as = "Company web page", "Company Web Page"
        elif label.kind == "home":
            base, known_as = "Web page (home)", "Personal Web Page"
        else:
            base, known_as = ("Web page (work)" if label.kind == "work" else "Web page"), "Web Page"
        if label.own and label.own.casefold() not in ("home page", "homepage"):
            base = f"Web page ({label.own})"
        self._add(base, address, known_as, repeated=known_as)

    def birthday(self, text: str) -> None:
        """A date of birth, which may lack the year."""
        base, date = read_date(text)
        self.put(f"Birthday{base}", date)

    def notes(self, text: str) -> None:
        """Free text."""
        self.put("Company notes" if self.is_company else "Notes", text)

    def finish(self) -> dict[Heading, str]:
        """Its cells, when all that it has was given."""
        for _, address, own in sorted(self._emails, key=lambda item: item[0]):
            base = "Company e-mail" if self.is_company else "E-mail"
            number = self._last.get(base, 0) + 1
            known_as = f"E-mail {number} Address" if 1 < number <= 3 else "E-mail Address"
            if self.is_company:
                known_as = "Company E-mail"
            if self._add(base, address, known_as, repeated=known_as) and own:
                self.cells[Heading(base, number, "label")] = own
        self._emails.clear()
        return self.cells

    def _add(self, base: str, text: str, known_as: str, *, repeated: str) -> bool:
        """A cell in the next column of this base; whether the value is a new one."""
        text = text.replace("\x00", "").strip()
        if not text or (base, text) in self._seen:
            return False
        self._seen.add((base, text))
        last = self._last.get(base, 0)
        self._last[base] = last + 1
        self.cells[Heading(base, last + 1, "", repeated if last else known_as)] = text
        return True


@dataclass(frozen=True, slots=True)
class Row:
    """A contact with its number in the file; one that cannot be read has a reason and its text.

    A blank record of a CSV file has neither.
    """

    number: int
    contact: Contact | None
    reason: str = ""
    text: str = ""


_DATE: Final = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ].*)?", re.DOTALL)
_NO_YEAR: Final = re.compile(r"--(\d\d)-?(\d\d)(?:[T ].*)?", re.DOTALL)


def read_date(text: str) -> tuple[str, str]:
    """A date as ISO; where it has no year, what to put behind the name of its column, and --MM-DD."""
    text = text.strip()
    if found := _NO_YEAR.fullmatch(text):
        return " (no year)", f"--{found[1]}-{found[2]}"
    if found := _DATE.fullmatch(text):
        # Apple's year for "no year".
        if found[1] == "1604":
            return " (no year)", f"--{found[2]}-{found[3]}"
        return "", f"{found[1]}-{found[2]}-{found[3]}"
    return "", text
