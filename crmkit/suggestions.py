"""Suggests where each column goes, with a confidence and the reason, and leaves open what is unsure.

A header is compared with the words of `headers.toml` in six languages; what the cells hold must agree.
A word that can mean the company or the person ("E-mail") is settled by its prefix ("Contact e-mail"),
else by what else the file has (reference: source-formats.md section 6, superoffice-import.md 1.6).
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from rapidfuzz import fuzz, process

from crmkit.database import Database
from crmkit.entities import Schema
from crmkit.mapping import ColumnMapping, Mapping
from crmkit.sql import name, sql
from crmkit.staging import Column, StagedTable

HELD_BACK: Final = "Why this row was held back"
"""The header of the column that an export of held-back rows adds; it is never imported."""

_ENOUGH: Final = 0.5
_SIMILAR: Final = 90.0
_CELLS: Final = 300

_COMPANY: Final = [
    "company",
    "account",
    "organization",
    "organisation",
    "customer",
    "client",
    "business",
    "bedrijf",
    "bedrijfs",
    "firma",
    "klant",
    "relatie",
    "bedrift",
    "virksomhet",
    "virksomhed",
    "selskap",
    "selskab",
    "kunde",
    "kunden",
    "foretag",
    "foretags",
    "bolag",
    "unternehmen",
    "unternehmens",
    "billing",
]
_PERSON: Final = [
    "contact",
    "person",
    "persoon",
    "contactpersoon",
    "kontaktperson",
    "kontakt",
    "ansprechpartner",
    "medarbeider",
    "employee",
    "personens",
    "kontaktpersonens",
    "contactpersoons",
]
_PRODUCT: Final = ["product", "produkt", "artikel", "article", "item", "vare", "vara", "varens"]
_PRIVATE: Final = ("home", "private", "privat", "prive", "hjem", "hem", "other")
_VISIT: Final = [
    "street",
    "visit",
    "visiting",
    "bezoek",
    "bezoekadres",
    "besok",
    "besoks",
    "besoksadresse",
    "besuch",
    "besuchs",
    "besoksadress",
    "besogs",
    "besogsadresse",
    "delivery",
    "shipping",
]

# What address books call their columns, where the same words mean something else elsewhere.
_SPOKEN: Final = {
    "Account": "",
    "Birth Day": "",
    "Birth Month": "",
    "Birth Year": "",
    "Callback": "Other Phone",
    "Car Phone": "Other Phone",
    "Categories": "",
    "Department": "Contact Department",
    "E-mail 2 Display Name": "",
    "E-mail 3 Display Name": "",
    "E-mail Display Name": "",
    "Language": "",
    "Location": "",
    "Name": "Full Name",
    "Notes": "Contact Notes",
    "Personal Web Page": "Contact Web Page",
    "Position": "Job Title",
    "Primary Phone": "Other Phone",
    "Private": "",
    "Radio Phone": "Other Phone",
    "Title": "Salutation",
    "URL": "Contact Web Page",
    "Web Page 2": "Contact Web Page",
}

_WHOLE_OUTLOOK: Final = 80
"""Columns of an export of Outlook to which nobody added any."""

_COMPANY_FIELDS: Final = ("company.phone", "company.web")

# What cells of a field look like, and how many of them at least must.
_SHAPES: Final = {
    "email": (re.compile(r"(mailto:)?[^@\s]+@[^@\s]+\.[^@\s]+", re.IGNORECASE), "e-mail addresses"),
    "phone": (re.compile(r"[+(]?[\d\s().+/-]{6,}(\s*(ext|x)\.?\s*\d+)?"), "phone numbers"),
    "link": (re.compile(r"(https?://)?[\w-]+(\.[\w-]+)+(/\S*)?", re.IGNORECASE), "web addresses"),
    "vat": (
        re.compile(r"[A-Z]{0,3}[\s-]*[\d][\d\s.-]{5,}[A-Z0-9\s]*", re.IGNORECASE),
        "registration numbers",
    ),
    "number": (re.compile(r"\D{0,5}\d[\d\s.,'\u2019]*\D{0,5}"), "numbers"),
}
_MUST: Final = 0.5


@dataclass(frozen=True)
class Meaning:
    """What a header word means: the field for each entity, and for whom it usually is."""

    company: str = ""
    person: str = ""
    product: str = ""
    usually: str = ""

    def target(self, entity: str) -> str:
        """The target for one of the entities; empty when it has none."""
        return {"company": self.company, "person": self.person, "product": self.product}.get(
            entity, ""
        )


@dataclass(frozen=True)
class _Found:
    """What a header says by itself: its meaning, for whom, how sure, and why."""

    meaning: Meaning | None
    entity: str
    confidence: float
    reason: str


def suggest(db: Database, staged: StagedTable, schema: Schema) -> Mapping:
    """Suggest a mapping for the staged columns; `db` holds the table `staged`."""
    known = {target.id for target in schema.targets()}
    declared = _declared(schema)
    words = _words(frozenset(entity.id for entity in schema.entities))
    spoken = {column.id: _spoken(column, staged) for column in staged.columns}
    found = {
        column.id: _read_header(spoken[column.id], declared, words) for column in staged.columns
    }
    entities = _entities(tuple(found.values()))
    cells = {
        column.id: _cells(db, column) if spoken[column.id] else () for column in staged.columns
    }
    entries, near = [], "company" if "company" in entities else "person"
    for column in staged.columns:
        entry = _suggest_column(column, found[column.id], cells[column.id], entities, near)
        if entry.target is not None and entry.target not in known:
            chosen = entry.target == f"{schema.root.id}.{schema.root.scope}"
            reason = "it is chosen for the whole file" if chosen else entry.reason
            entry = ColumnMapping(column=column.id, reason=reason)
        if entry.target is not None:
            near = entry.target.split(".")[0]
        entries.append(entry)
    return Mapping(columns=tuple(_once_each(entries, staged, schema)))


def _spoken(column: Column, staged: StagedTable) -> str:
    """The words that a column is read by: what its program calls it, else its header.

    Empty for a column of an address book that no field of a CRM is meant for.
    """
    if not column.known_as:
        whole = staged.program == "Outlook" and len(staged.columns) >= _WHOLE_OUTLOOK
        return "" if staged.reshaped or whole else column.header
    known_as = {other.known_as for other in staged.columns}
    if column.known_as.removesuffix("Address") + "Street" in known_as - {column.known_as}:
        # The whole address, beside its parts.
        return ""
    return _SPOKEN.get(column.known_as, column.known_as)


def is_held_back_header(header: str) -> bool:
    """Whether a column is the reason that an export of held-back rows added."""
    return normal(header) == normal(HELD_BACK)


def normal(header: str) -> str:
    """A header without case, accents, punctuation and marks such as `*`."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", header)
    folded = (
        spaced.casefold().replace("ø", "o").replace("æ", "ae").replace("ß", "ss").replace("å", "a")
    )
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c)
    )
    return " ".join(re.findall(r"[a-z0-9]+", plain))


@cache
def _words(entities: frozenset[str]) -> dict[str, Meaning]:
    """The words that mean a field of one of these entities."""
    text = resources.files("crmkit").joinpath("headers.toml").read_text(encoding="utf-8")
    found: dict[str, Meaning] = {}
    for concept in tomllib.loads(text).values():
        words = concept.pop("words")
        if entities.isdisjoint(concept):
            continue
        meaning = Meaning(**concept)
        for word in words:
            found.setdefault(word, meaning)
    return found


def _declared(schema: Schema) -> dict[str, tuple[str, str]]:
    """The program's own headers, as its template and exports write them: text -> entity, target.

    A field's label without its entity counts where no other field has it.
    """
    found: dict[str, set[tuple[str, str]]] = {}
    for target in schema.targets():
        for language, label in target.labels.items():
            meant = (target.entity.id, target.id)
            found.setdefault(normal(label), set()).add(meant)
            found.setdefault(normal(f"{target.entity.labels[language]} {label}"), set()).add(meant)
    return {text: next(iter(meant)) for text, meant in found.items() if len(meant) == 1}


def _read_header(
    header: str, declared: dict[str, tuple[str, str]], words: dict[str, Meaning]
) -> _Found:
    text = normal(header)
    if is_held_back_header(header):
        return _Found(None, "", 0.0, "it says why the row was held back")
    if text in declared and text not in words:
        entity, target = declared[text]
        meaning = Meaning(**{entity: target})
        return _Found(meaning, entity, 0.95, "the header is one of the program's own")
    exact = _with_prefix(text, words)
    if exact is not None:
        return exact
    if len(text) >= 5 and (
        close := process.extractOne(text, words.keys(), scorer=fuzz.ratio, score_cutoff=_SIMILAR)
    ):
        word, score, _ = close
        return _Found(words[word], "", 0.7 * score / 100, f"the header is like “{word}”")
    return _Found(None, "", 0.0, "the header is not known")


def _with_prefix(text: str, words: dict[str, Meaning]) -> _Found | None:
    """A header that is a known word, or a known word behind (or before) one that says whose it is."""
    if text in words:
        return _Found(words[text], "", 0.95, "the header is known")
    tokens = text.split()
    for first, rest in ((tokens[:1], tokens[1:]), (tokens[-1:], tokens[:-1])):
        remainder = " ".join(rest)
        if not first or remainder not in words:
            continue
        meaning = words[remainder]
        if first[0] in _VISIT and ".postal." in meaning.company:
            moved = Meaning(company=meaning.company.replace(".postal.", ".street."))
            return _Found(moved, "company", 0.9, "the header is known, for the street address")
        for entity, prefixes in (
            ("company", _COMPANY),
            ("person", _PERSON),
            ("person", _PRIVATE),
            ("product", _PRODUCT),
        ):
            if first[0] in prefixes and meaning.target(entity):
                return _Found(meaning, entity, 0.95, f"the header is known, for the {entity}")
    return None


def _entities(found: Sequence[_Found]) -> set[str]:
    """Which of the two the file has: a column that can only be one of them, or says so."""
    entities = set()
    for item in found:
        if item.meaning is None:
            continue
        if item.entity:
            entities.add(item.entity)
        elif item.meaning.company and not item.meaning.person:
            entities.add("company")
        elif item.meaning.person and not item.meaning.company:
            entities.add("person")
    if entities:
        return entities
    # Words that could mean either: an address, a phone number or a web site makes it a company.
    meanings = [item.meaning for item in found if item.meaning is not None]
    of_company = any(".postal." in m.company or m.company in _COMPANY_FIELDS for m in meanings)
    return {"company"} if of_company else {"person"}


def _suggest_column(
    column: Column, found: _Found, cells: tuple[str, ...], entities: set[str], near: str
) -> ColumnMapping:
    if found.meaning is None:
        return _by_cells(column, found, cells, entities)
    entity = found.entity or _whose(found.meaning, entities, near)
    target = found.meaning.target(entity)
    if not target:
        return ColumnMapping(column=column.id, reason=f"{found.reason}, but not whose it is")
    shape = _shape_of(target)
    if shape is None or not cells:
        words = found.reason if cells else f"{found.reason}; the column is empty"
        return ColumnMapping(
            column=column.id, target=target, confidence=found.confidence, reason=words
        )
    pattern, what = _SHAPES[shape]
    share = sum(bool(pattern.fullmatch(cell.strip())) for cell in cells) / len(cells)
    if share < _MUST:
        reason = f"{found.reason}, but only {share:.0%} of the cells are {what}"
        return ColumnMapping(column=column.id, reason=reason)
    confidence = min(0.99, found.confidence + 0.04 * share)
    reason = f"{found.reason}, and {share:.0%} of the cells are {what}"
    return ColumnMapping(column=column.id, target=target, confidence=confidence, reason=reason)


def _by_cells(
    column: Column, found: _Found, cells: tuple[str, ...], entities: set[str]
) -> ColumnMapping:
    """A header that says nothing: only e-mail addresses speak for themselves."""
    pattern, what = _SHAPES["email"]
    share = (
        sum(bool(pattern.fullmatch(cell.strip())) for cell in cells) / len(cells) if cells else 0.0
    )
    if share >= 0.9:
        target = "person.email" if "person" in entities else "company.email"
        reason = f"{found.reason}, but {share:.0%} of the cells are {what}"
        return ColumnMapping(column=column.id, target=target, confidence=0.6, reason=reason)
    return ColumnMapping(column=column.id, reason=found.reason)


def _whose(meaning: Meaning, entities: set[str], near: str) -> str:
    if meaning.product:
        return "product"
    if not meaning.company or not meaning.person:
        return "company" if meaning.company else "person"
    if meaning.usually == "prefixed":
        return ""
    wanted = near if meaning.usually == "near" else meaning.usually
    if entities and wanted not in entities:
        return next(iter(entities))
    return wanted


def _shape_of(target: str) -> str | None:
    last = target.split(".")[-1]
    return {
        "email": "email",
        "web": "link",
        "vat_number": "vat",
        "web_address": "link",
        **dict.fromkeys(("list_price", "minimum_price", "cost", "vat"), "number"),
        **dict.fromkeys(
            ("phone", "mobile", "direct", "private_phone", "other_phone", "fax"), "phone"
        ),
    }.get(last)


def _cells(db: Database, column: Column) -> tuple[str, ...]:
    """Some different values of a column."""
    rows: list[tuple[Any, ...]] = db.rows(
        sql(
            "select distinct {c} from (select {c} from staged where {c} is not null"
            " order by row_no limit {n}) order by 1",
            c=name(column.id),
            n=_CELLS,
        )
    )
    return tuple(value for (value,) in rows)


def _once_each(
    entries: list[ColumnMapping], staged: StagedTable, schema: Schema
) -> list[ColumnMapping]:
    """No target twice unless it takes several; the whole name yields to its parts."""
    headers = {column.id: column.header for column in staged.columns}
    taken: dict[str, str] = {}
    mapped = {entry.target for entry in entries}
    kept = []
    for entry in sorted(entries, key=lambda e: -(e.confidence or 0)):
        target = entry.target
        if target is None or (entry.confidence or 0) < _ENOUGH:
            kept.append(entry.model_copy(update={"target": None, "confidence": None}))
            continue
        reason = ""
        if target == "person.full_name" and {"person.first_name", "person.last_name"} & mapped:
            reason = "first and last name are in the file already"
        elif not schema.target(target).multiple and target in taken:
            reason = f"“{headers[taken[target]]}” fills this field already"
        if reason:
            kept.append(ColumnMapping(column=entry.column, reason=f"{entry.reason}, but {reason}"))
            continue
        taken[target] = entry.column
        kept.append(entry)
    order = {entry.column: position for position, entry in enumerate(entries)}
    return sorted(kept, key=lambda e: order[e.column])
