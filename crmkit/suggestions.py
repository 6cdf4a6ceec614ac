"""Suggests where each column goes, with a confidence and the reason, and leaves open what is unsure.

In order of trust: what was chosen here before for this header, the export of a known program, words in
six languages, words like them, and what the cells hold. Header and cells must agree. A word that can
mean the company or the person ("E-mail") is settled by the words around it ("Contact e-mail"), else by
what else the file has (reference: source-formats.md section 6, superoffice-import.md 1.6).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, replace
from typing import Final

from crmkit import contents, headers, signatures
from crmkit.contents import Contents
from crmkit.database import Database
from crmkit.entities import Schema
from crmkit.headers import Meaning, Reading, normal
from crmkit.mapping import ColumnMapping, Mapping
from crmkit.signatures import BY_LABEL
from crmkit.sources.programs import OUTLOOK
from crmkit.staging import Column, StagedTable

HELD_BACK: Final = "Why this row was held back"
"""The header of the column that an export of held-back rows adds; it is never imported."""

_ENOUGH: Final = 0.5
_OURS: Final = 0.8
_WHOLE_OUTLOOK: Final = 80
"""Columns of an export of Outlook to which nobody added any."""

_MUST: Final = 0.5
_SOME: Final = 0.2
_SURELY: Final = 0.8
_REMEMBERED: Final = 0.99
_OF_A_PROGRAM: Final = 0.97
_OF_A_SECOND_TEXT: Final = 0.8
"""How much less "Bezeichnung 2" is a description than what is called one."""

_ADDRESS: Final = ("line1", "line2", "line3", "zip_code", "city", "county", "state")
_REACHES: Final = (
    *_ADDRESS,
    "country",
    "phone",
    "direct",
    "mobile",
    "private_phone",
    "fax",
    "email",
    "web",
)
"""What a person can have at work, at home and elsewhere."""

_INVOICED: Final = {"postal", "main"}
_NAMED: Final = ("company_name", "first_name", "last_name", "salutation", "department", "title")
"""What an order's address says of its customer."""

_AT: Final = {"work", "private", "visit", "postal", "main", "direct", "other"}
_NAMES: Final = ("first_name", "last_name", "full_name")
_OF_COMPANY: Final = frozenset(
    {
        "company_name",
        "legal_name",
        "vat_number",
        "vat_number_abroad",
        "company_register",
        "customer_number",
        "code",
        "business",
        "web",
        "category",
        "our_contact",
    }
)
_REGISTERS: Final = ("vat_number", "vat_number_abroad", "company_register")
_OF_BOTH: Final = frozenset({"web", "category", "our_contact", "customer_number"})
_OF_PERSON: Final = frozenset(
    {
        "birth_date",
        "private_phone",
        "person_number",
        "salutation",
        "academic_title",
        "initials",
        "middle_name",
        "title",
        "position",
        "direct",
    }
)

# Field -> the shape that its cells must have, and what it is called.
_SHAPES: Final = {
    "email": ("email", "e-mail addresses"),
    "web": ("link", "web addresses"),
    "web_address": ("link", "web addresses"),
    "vat_number": ("registration", "registration numbers"),
    "zip_code": ("zip", "zip codes"),
    "birth_date": ("date", "dates"),
    **dict.fromkeys(
        ("list_price", "minimum_price", "cost", "vat", "subscription_quantity"),
        ("number", "numbers"),
    ),
    **dict.fromkeys(
        ("phone", "mobile", "direct", "private_phone", "other_phone", "fax"),
        ("phone", "phone numbers"),
    ),
    **dict.fromkeys(
        ("no_mailing", "stop", "subscription", "in_assortment", "former_employee"),
        ("yes_no", "yes or no"),
    ),
    **dict.fromkeys(
        ("first_name", "last_name", "full_name", "middle_name", "city", "title", "salutation"),
        ("words", "words"),
    ),
}
# Field -> shapes that its cells must not have.
_CONTRADICTING: Final = {
    **dict.fromkeys(
        (
            "name",
            "department",
            "business",
            "country",
            "our_contact",
            "position",
            "category",
            "line1",
        ),
        ("email", "date", "id"),
    ),
    **dict.fromkeys(("number", "code", "item_number", "erp_key"), ("email", "date", "id")),
    **dict.fromkeys(("zip_code", "city"), ("zip_city",)),
    "list_price": ("date",),
}
_NAMED_BY_DIGITS: Final = ("company.name", "person.department", "company.country", "person.country")


@dataclass(frozen=True)
class _File:
    """What a whole file is about.

    Attributes:
        company, person: Whether it has such records.
        readings: Column id -> what its header says.
    """

    company: bool
    person: bool
    readings: dict[str, Reading]

    @property
    def concepts(self) -> set[str]:
        return _concepts(self.readings.values())

    def entity(self, meaning: Meaning, near: str) -> str:
        """Whose a bare word is; empty when nobody knows."""
        if meaning.product:
            return "product"
        if not meaning.company or not meaning.person:
            return "company" if meaning.company else "person"
        if meaning.usually == "prefixed":
            return ""
        wanted = near if meaning.usually == "near" else meaning.usually
        if self.company == self.person:
            return wanted
        return "company" if self.company else "person"


def _concepts(readings: Iterable[Reading]) -> set[str]:
    """What some headers name. A company to which the invoice goes beside the row's own is another."""
    readings = list(readings)
    own = {r.concept for r in readings if not r.whose & _INVOICED}
    names = {"company_name"} if "name" in own else set()
    return own | {r.concept for r in readings} - (names - own)


def _with_leaders(
    readings: dict[str, Reading], cells: Dictionary[str, Contents]
) -> dict[str, Reading]:
    """The readings, in which who leads the company is its contact person where no other is named."""
    is_named = any(r.concept in _NAMES and "nobody" not in r.whose for r in readings.values())
    found = {}
    for column, reading in readings.items():
        settled = reading
        if reading.meaning is not None and reading.concept == "leader":
            settled = replace(reading, meaning=replace(reading.meaning, concept="full_name"))
            if is_named or cells[column].share("person") < _MUST:
                settled = Reading(None, 0.0, f"{reading.reason}, but it is not the contact person")
        elif "leader" in reading.whose:
            whose = "nobody" if is_named else "person"
            settled = replace(reading, whose=reading.whose - {"leader"} | {whose})
        found[column] = settled
    return found


def _may_be_ours(meaning: Meaning) -> bool:
    """Whether "our" says nothing new: of a product's price, or of who looks after a customer."""
    return bool(meaning.product) or meaning.concept == "our_contact"


@dataclass(frozen=True)
class _Guess:
    target: str
    confidence: float
    reason: str


def suggest(
    db: Database,
    staged: StagedTable,
    schema: Schema,
    remembered: Dictionary[str, str | None] | None = None,
) -> Mapping:
    """Suggest a mapping for the staged columns; `db` holds the table `staged`.

    Args:
        remembered: What was chosen before: the `headers.key` of a header -> its target, None for none.
    """
    return _Suggesting(staged, schema, contents.look(db, staged), remembered or {}).mapping()


@dataclass(frozen=True)
class BetterSubject:
    """That a file seems to hold something else than was said.

    Attributes:
        subject: The id of the root entity that it seems to hold.
        fitting, before: How many of the file's columns have a field there, and in what was said.
    """

    subject: str
    fitting: int
    before: int


def better_subject(
    db: Database, staged: StagedTable, suggested: Mapping, others: Iterable[Schema]
) -> BetterSubject | None:
    """What a file holds instead, where clearly more of its columns have a field there.

    Args:
        suggested: For what the user said that it holds.
        others: What else it can hold.
    """
    before = _mapped(suggested)
    for schema in others:
        # Of 197 files, none that is opened as what it holds passes this, and every list of products
        # that is opened as companies does.
        if (wanted := max(1.5 * before, before + 3)) <= len(staged.columns):
            fitting = _mapped(suggest(db, staged, schema))
            if fitting >= wanted:
                return BetterSubject(schema.root.id, fitting, before)
    return None


def _mapped(mapping: Mapping) -> int:
    return sum(bool(entry.target) for entry in mapping.columns)


def is_held_back_header(header: str) -> bool:
    """Whether a column is the reason that an export of held-back rows added."""
    return normal(header) == normal(HELD_BACK)


class _Suggesting:
    """Suggests for one file; each method settles one question."""

    def __init__(
        self,
        staged: StagedTable,
        schema: Schema,
        cells: dict[str, Contents],
        remembered: Dictionary[str, str | None],
    ) -> None:
        self._columns = staged.columns
        self._schema = schema
        self._cells = cells
        self._remembered = remembered
        self._targets = {target.id: target for target in schema.targets()}
        self._names = {column.id: _name_of(column) for column in staged.columns}
        self._spoken = {c.id for c in staged.columns if c.known_as}
        self._is_whole = staged.reshaped or (
            staged.program == OUTLOOK and len(staged.columns) >= _WHOLE_OUTLOOK
        )
        self._signature = signatures.recognise(self._names.values(), schema.root.id)
        program = staged.program if self._spoken else None
        self._program = program or (self._signature.program if self._signature else "a program")
        own = headers.declared(schema)
        known = headers.words(frozenset(entity.id for entity in schema.entities))
        readings = _with_leaders(
            {c: headers.read(text, known, own) for c, text in self._names.items()}, cells
        )
        ours = sum(headers.key(text) in own for text in self._names.values())
        self._is_own = ours >= _OURS * len(readings)
        self._file = self._about(readings)

    def mapping(self) -> Mapping:
        """Where every column goes."""
        guesses: dict[str, _Guess] = {}
        near = "company" if self._file.company or not self._file.person else "person"
        for position, column in enumerate(self._columns):
            guess = self._guess(column, position, near)
            guess = self._agreeing(column, guess)
            if not guess.target:
                guess = self._by_cells(column, guess)
            if guess.target and guess.target not in self._targets:
                scope = f"{self._schema.root.id}.{self._schema.root.scope}"
                why = "it is chosen for the whole file" if guess.target == scope else guess.reason
                guess = _Guess("", 0.0, why)
            if guess.target:
                near = guess.target.split(".")[0]
            guesses[column.id] = guess
        guesses = self._completed(guesses)
        return Mapping(columns=tuple(self._once_each(guesses)))

    # --- one column ------------------------------------------------------------------------

    def _guess(self, column: Column, position: int, near: str) -> _Guess:
        if is_held_back_header(column.header):
            return _Guess("", 0.0, "it says why the row was held back")
        if headers.key(column.header) in self._remembered:
            target = self._remembered[headers.key(column.header)]
            if target is None:
                return _Guess("", 0.0, "it was left out before")
            if target in self._targets:
                return _Guess(target, _REMEMBERED, "chosen here before for this header")
        if (target := self._by_program(column)) is not None:
            export = f"a column of an export from {self._program}"
            if target == BY_LABEL:
                target = self._by_label(position)
            if not target:
                return _Guess("", 0.0, f"{export}, which has no field here")
            return _Guess(target, _OF_A_PROGRAM, export)
        reading = self._file.readings[column.id]
        if reading.meaning is None:
            return _Guess("", 0.0, reading.reason)
        if not reading.meaning.has_field:
            return _Guess("", 0.0, f"{reading.reason}, and there is no field for it")
        target, why = self._place(column, position, reading, reading.meaning, near)
        reason = f"{reading.reason}, but {why}" if why else reading.reason
        is_second_text = target == "product.description" and reading.number > 1
        trust = _OF_A_SECOND_TEXT if is_second_text else 1.0
        return _Guess(target, trust * reading.confidence if target else 0.0, reason)

    def _by_program(self, column: Column) -> str | None:
        """Where the program that wrote the file sends a column; None when that is not known.

        Nowhere for a whole address beside its parts.
        """
        text = self._names[column.id]
        if column.id in self._spoken:
            target = signatures.told(text)
        elif self._is_whole:
            return ""
        else:
            target = self._signature.target(text) if self._signature else None
        part = f"{text.removesuffix('Address')}Street"
        is_whole = text.endswith("Address") and part in self._names.values()
        return "" if is_whole else target

    def _by_label(self, position: int) -> str:
        """The kind of phone that the column before names on most rows."""
        before = self._cells[self._columns[position - 1].id].common if position else ()
        first = normal(before[0]) if before else ""
        kinds = {
            "mobile": ("mobile", "mobil", "mobiel", "iphone", "cell"),
            "private_phone": ("home", "privat", "thuis", "hjem", "hem"),
            "direct": ("work", "werk", "arbeid", "arbeit", "arbete", "arbejde", "main"),
        }
        found = (kind for kind, starts in kinds.items() if first.startswith(starts))
        return f"person.{next(found, 'other_phone')}"

    def _place(
        self, column: Column, position: int, reading: Reading, meaning: Meaning, near: str
    ) -> tuple[str, str]:
        """The target of a header that was understood; empty with the reason where there is none."""
        concept, whose = meaning.concept, reading.whose
        if "nobody" in whose or ("ours" in whose and not _may_be_ours(meaning)):
            return "", "it is about somebody or something else"
        if concept == "number" and whose == {"direct"}:
            return "person.direct", ""
        if whose & _AT and concept not in _REACHES:
            if not whose <= _INVOICED or concept not in _NAMED or self._named_twice(concept):
                return "", "not of what"
            # Of an address that has the only name in the file, the name is the record's.
            reading = replace(reading, whose=frozenset())
            whose = reading.whose
        if concept == "own":
            return self._own(column, meaning, near)
        if concept == "id":
            return "", "it may be the ID of another program"
        if concept == "name":
            return self._name(column, reading)
        if meaning.product:
            return self._of_product(reading, meaning)
        placed = _placed_by_words(reading, meaning, self._file)
        if placed is None:
            placed = self._bare(column, position, meaning, near), ""
        return self._numbered(reading, *placed)

    def _own(self, column: Column, meaning: Meaning, near: str) -> tuple[str, str]:
        """The program's own header. An ID is the CRM's own only in what the program exported."""
        target = meaning.target(self._file.entity(meaning, near))
        if target.endswith(".id"):
            plain = re.fullmatch(r"\w+ ID", column.header, re.IGNORECASE)
            if not plain or not self._is_own:
                return "", "it may be the ID of another program"
        return target, ""

    def _name(self, column: Column, reading: Reading) -> tuple[str, str]:
        """Whether a bare “Name” is the company's, the person's, or the last name."""
        whose = reading.whose
        if self._schema.root.id == "product" and not whose & {"company", "person"}:
            return "product.name", ""
        if "company" in whose:
            return "company.name", ""
        if "person" in whose:
            return "person.full_name", ""
        if whose:
            return "", "not whose it is"
        if reading.number > 1:
            return "", "it is the second of its kind"
        return _name_by_others(self._file.concepts, self._cells[column.id])

    def _of_product(self, reading: Reading, meaning: Meaning) -> tuple[str, str]:
        target = meaning.product
        if "with tax" in reading.whose:
            return "", "it is a price with tax"
        if reading.whose & {"private", "company", "person", "visit", "other"}:
            return "", "not of the product itself"
        if target == "product.name" and reading.number > 1:
            target = "product.description"
        return target, ""

    def _bare(self, column: Column, position: int, meaning: Meaning, near: str) -> str:
        """A word without any that says whose it is."""
        file, concept, cells = self._file, meaning.concept, self._cells[column.id]
        if concept == "email" and file.company and file.person:
            if cells.share("shared_email") >= _MUST or self._has("email", "person"):
                return "company.email"
            return "person.email"
        if concept == "phone" and file.person and self._has("phone", "company", "main"):
            return "person.direct"
        if concept == "web" and cells.share("person_link") >= _MUST:
            return "person.web"
        if concept == "title" and cells.share("salutation") >= _MUST:
            return "person.salutation"
        if concept == "title" and cells.share("academic") >= _MUST:
            return "person.academic_title"
        if concept == "department" and file.company and file.person:
            after = self._columns[position + 1 : position + 2]
            is_job = any(file.readings[c.id].concept in ("title", "position") for c in after)
            return f"{'person' if is_job else near}.department"
        if concept in ("info", "no_mailing") and file.company and file.person:
            # Beside a mere “Contact” the row is the company's; beside first and last name the person's.
            persons = {"first_name", "last_name", "name"} & file.concepts
            return meaning.target("person" if persons else "company")
        if concept in ("mobile", "direct") and not file.person:
            return "company.phone"
        return meaning.target(file.entity(meaning, near))

    def _numbered(self, reading: Reading, target: str, why: str) -> tuple[str, str]:
        """The second of something: the next line of an address, or another one of several."""
        if not target or reading.number == 1:
            return target, why
        if target.endswith(".line1") and reading.number in (2, 3):
            return f"{target[:-1]}{reading.number}", ""
        known = self._targets.get(target)
        if known is not None and known.multiple:
            return target, ""
        return "", "it is the second of its kind"

    def _named_twice(self, concept: str) -> bool:
        """Whether several columns name a concept, or a bare “Name” may be what it names.

        Whom the goods are sent to does not count: the customer is who pays.
        """
        alike = {concept, "name"} if concept == "company_name" else {concept}
        found = [r for r in self._file.readings.values() if r.concept in alike]
        return sum("visit" not in reading.whose for reading in found) > 1

    def _has(self, concept: str, *whose: str) -> bool:
        """Whether another column says of a concept that it is somebody's."""
        return any(
            reading.concept == concept and reading.whose & set(whose)
            for reading in self._file.readings.values()
        )

    # --- the cells -------------------------------------------------------------------------

    def _agreeing(self, column: Column, guess: _Guess) -> _Guess:
        """The guess, unless the cells contradict it."""
        cells = self._cells[column.id]
        if not guess.target:
            return guess
        if not cells.cells:
            return replace(guess, reason=f"{guess.reason}; the column is empty")
        field = guess.target.split(".")[-1]
        if field == "state" and cells.length > 5:
            return self._agreeing(
                column, replace(guess, target=guess.target.replace(".state", ".county"))
            )
        contradicting = _CONTRADICTING.get(field, ())
        if guess.target in _NAMED_BY_DIGITS:
            contradicting = (*contradicting, "digits")
        for shape in contradicting:
            if cells.share(shape) > _MUST and not (shape == "date" and cells.share("digits") == 1):
                reason = f"{guess.reason}, but the cells hold something else"
                return _Guess("", 0.0, reason)
        if field not in _SHAPES:
            return guess
        shape, what = _SHAPES[field]
        share = cells.share(shape)
        if share < _MUST:
            return _Guess("", 0.0, f"{guess.reason}, but only {share:.0%} of the cells are {what}")
        confidence = min(0.99, guess.confidence + 0.04 * share)
        return _Guess(
            guess.target, confidence, f"{guess.reason}, and {share:.0%} of the cells are {what}"
        )

    def _by_cells(self, column: Column, guess: _Guess) -> _Guess:
        """A header that says nothing: what the cells are, where nothing else can look like it."""
        cells, reading = self._cells[column.id], self._file.readings[column.id]
        says_nothing = reading.meaning is None and reading.reason == "the header is not known"
        if not cells.cells or not says_nothing or self._schema.root.id == "product":
            return guess
        if self._by_program(column) is not None:
            return guess
        person = self._file.person or not self._file.company
        shared = cells.share("shared_email") >= _MUST
        found = {
            "email": "person.email" if person and not shared else "company.email",
            "vat": "company.vat_number",
        }
        if re.fullmatch(r"Column [A-Z]+", column.header):
            found |= {
                "dialled": "company.phone" if self._file.company else "person.direct",
                "link": "company.web",
                "company": "company.name",
            }
        for shape, target in found.items():
            share = cells.share(shape)
            if share >= 0.9 and not cells.share("file") and target in self._targets:
                what = _SHAPES.get(target.split(".")[-1], ("", "names of companies"))[1]
                reason = f"{guess.reason}, but {share:.0%} of the cells are {what}"
                return _Guess(target, 0.6, reason)
        return guess

    # --- the whole file --------------------------------------------------------------------

    def _about(self, readings: dict[str, Reading]) -> _File:
        """Whether the file has companies, persons or both."""
        sure = [r for r in readings.values() if r.meaning and not r.whose & {"nobody", "ours"}]
        concepts = _concepts(sure)
        company = bool(concepts & {"company_name", "legal_name"})
        person = any(name in concepts for name in (*_NAMES, "display_name"))
        for reading in sure:
            company |= "company" in reading.whose and reading.concept == "name"
            person |= "person" in reading.whose and reading.concept != "company_name"
            if reading.concept == "own" and reading.meaning is not None:
                company |= reading.meaning.company in ("company.name",)
                person |= reading.meaning.person.removeprefix("person.") in _NAMES
        # Only a company is in a register.
        company |= any(r.concept in _REGISTERS for r in sure)
        for target in self._chosen():
            company |= target == "company.name"
            person |= target.removeprefix("person.") in _NAMES
        named = [c for c, r in readings.items() if r.concept == "name" and not r.whose]
        if named:
            target, _ = _name_by_others(concepts, self._cells[named[0]])
            company |= target == "company.name"
            person |= target.startswith("person.")
        if not company and not person:
            # Neither is named: an address, a phone number or a web site makes it a company.
            company = bool(concepts & (_OF_COMPANY | {"line1", "phone", "fax"}))
            person = not company or bool(concepts & _OF_PERSON)
        return _File(company, person, readings)

    def _chosen(self) -> list[str]:
        """The targets that a program's export or an earlier choice settle."""
        found = []
        for column in self._columns:
            key = headers.key(column.header)
            known = key in self._remembered
            found.append((self._remembered[key] if known else self._by_program(column)) or "")
        return found

    def _completed(self, guesses: dict[str, _Guess]) -> dict[str, _Guess]:
        """What a file must have and calls otherwise: a product's name and code; or leave all open."""
        best: dict[str, str] = {}
        for column, guess in sorted(guesses.items(), key=lambda item: -item[1].confidence):
            if guess.target:
                best.setdefault(guess.target, column)
        for wanted, other in (
            ("product.name", "product.description"),
            ("product.code", "product.item_number"),
        ):
            if wanted not in best and other in best and wanted in self._targets:
                guess = guesses[best[other]]
                what = self._targets[wanted].labels["en"].lower()
                best[wanted] = best.pop(other)
                guesses[best[wanted]] = _Guess(
                    wanted, guess.confidence, f"{guess.reason}, and there is no other {what}"
                )
        if not self._names_somebody(best):
            return {
                column: _Guess("", 0.0, f"{guess.reason}, but no column says who the row is about")
                if guess.target
                else guess
                for column, guess in guesses.items()
            }
        return guesses

    def _names_somebody(self, best: dict[str, str]) -> bool:
        """Whether something identifies a record; a bare “Number” does not."""
        for entity in self._schema.entities:
            fields = {part for match in entity.match_keys for part in match.fields}
            fields |= {field.id for field in entity.fields if field.composed}
            for field in fields - {"department"}:
                column = best.get(f"{entity.id}.{field}")
                if column and self._file.readings[column].concept not in ("number", "mobile"):
                    return True
        return False

    def _once_each(self, guesses: dict[str, _Guess]) -> list[ColumnMapping]:
        """No target twice unless it takes several; the whole name yields to its parts."""
        texts = {column.id: column.header for column in self._columns}
        mapped = {guess.target for guess in guesses.values()}
        taken: dict[str, str] = {}
        kept: dict[str, ColumnMapping] = {}
        for column, guess in sorted(guesses.items(), key=lambda item: -item[1].confidence):
            reason = ""
            if not guess.target or guess.confidence < _ENOUGH:
                kept[column] = ColumnMapping(column=column, reason=guess.reason)
                continue
            if guess.target == "person.full_name" and "person.last_name" in mapped:
                reason = "first and last name are in the file already"
            elif guess.target in taken and not self._targets[guess.target].multiple:
                reason = f"“{texts[taken[guess.target]]}” fills this field already"
            if reason:
                kept[column] = ColumnMapping(column=column, reason=f"{guess.reason}, but {reason}")
                continue
            taken[guess.target] = column
            kept[column] = ColumnMapping(
                column=column,
                target=guess.target,
                confidence=guess.confidence,
                reason=guess.reason,
            )
        return [kept[column.id] for column in self._columns]


def _name_of(column: Column) -> str:
    """The English name that the exporting program gives a column, where that is known, else its header."""
    return column.known_as or column.header


def _name_by_others(concepts: set[str], cells: Contents) -> tuple[str, str]:
    """What a bare “Name” is, by the other columns and by its cells; the first rule that holds."""
    legal, personal = cells.share("company"), cells.share("person")
    parts = {"first_name", "last_name"} <= concepts
    is_rest = "last_name" not in concepts
    rules: tuple[tuple[bool, str], ...]
    if "company_name" in concepts:
        rules = (
            (parts or "full_name" in concepts, ""),
            (is_rest and bool(concepts & {"first_name", "initials"}), "person.last_name"),
            (personal >= _MUST, "person.full_name"),
        )
    else:
        of_company = concepts & _OF_COMPANY
        rules = (
            (legal >= _SOME or "full_name" in concepts, "company.name"),
            (parts, ""),
            (
                is_rest and bool(concepts & {"first_name", "middle_name", "initials"}),
                "person.last_name",
            ),
            (bool(of_company - _OF_BOTH), "company.name"),
            # Among many companies some have a legal form; persons who are customers have none.
            (
                "customer_number" in concepts and (bool(legal) or personal < _SURELY),
                "company.name",
            ),
            (bool(concepts & _OF_PERSON) or personal >= _MUST, "person.full_name"),
            (bool(of_company or concepts & {"line1", "phone", "fax"}), "company.name"),
        )
    target = next((target for holds, target in rules if holds), "")
    return target, "" if target else "not whose it is"


def _placed_by_words(reading: Reading, meaning: Meaning, file: _File) -> tuple[str, str] | None:
    """Where the words around a known word send it; None where they say nothing."""
    concept, whose = meaning.concept, reading.whose
    if concept in (*_ADDRESS, "country"):
        return _placed_address(meaning, whose, file)
    if concept == "fax" and whose & {"private", "other"}:
        return "", "there is no field for it"
    if concept in ("phone", "direct", "mobile", "private_phone") and (
        placed := _placed_phone(concept, whose, file)
    ):
        return placed, ""
    if concept == "email" and whose & {"work", "postal"} and not whose & {"company", "person"}:
        return (
            ("company.email", "") if not file.person or "postal" in whose else ("person.email", "")
        )
    for words, entity in (
        ({"person", "private", "direct"}, "person"),
        ({"company", "main", "postal"}, "company"),
    ):
        if whose & words and (target := meaning.target(entity)):
            return target, ""
    return ("", "not whose it is") if whose & {"other", "visit"} and concept != "email" else None


def _placed_address(meaning: Meaning, whose: frozenset[str], file: _File) -> tuple[str, str] | None:
    part = meaning.company.removeprefix("company.postal.")
    if "other" in whose:
        return "", "there is no field for a third address"
    if "private" in whose:
        return (f"person.private.{part}" if part != meaning.company else "person.country"), ""
    if "visit" in whose:
        if part == meaning.company:
            return "company.country", ""
        return f"company.street.{part}", ""
    if whose & {"work", "postal", "main", "company"}:
        return (meaning.company, "") if file.company or not file.person else (meaning.person, "")
    return None


def _placed_phone(concept: str, whose: frozenset[str], file: _File) -> str:
    if "other" in whose:
        return "person.other_phone" if file.person else "company.phone"
    if concept == "mobile":
        return (
            "person.mobile"
            if file.person and whose & {"work", "private", "direct", "person"}
            else ""
        )
    if "private" in whose:
        return "person.private_phone"
    if "main" in whose:
        return "company.phone"
    if whose & {"work", "direct"}:
        return "person.direct" if file.person else "company.phone"
    return ""
