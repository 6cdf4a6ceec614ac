"""Cleaning steps: what can be done to a column's cells before they are read, one declaration each.

A step is data (pydantic, told apart by its `kind`), kept with the mapping, and knows its SQL. Its
stages are expressions over the text that the stage before left, so that no expression is written
twice into another. A step that needs Python (check digits) or a table (countries, replacements)
gives the words that it looks up, found once for each different text (`crmkit.cleaning`).
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias

import phonenumbers
from babel import Locale
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
)

from crmkit import company_numbers, expressions, mojibake, transforms
from crmkit.errors import Level, MappingError
from crmkit.expressions import VALUE
from crmkit.sql import Query, join, sql

Stage: TypeAlias = Callable[[Query], Query]
"""What a step makes of the text so far."""

Texts: TypeAlias = Callable[[], list[str]]
"""Asks for the different texts that a step looks up."""


@dataclass(frozen=True)
class Place:
    """Where a step stands.

    Attributes:
        country: The workspace's own, where a step names none.
        row_country: The code of the company's own country in this row, else the workspace's.
        word: What was looked up for the text, in the first stage of a step that looks up.
        columns: What an expression may call a column -> its name in the query.
    """

    country: str
    word: Query = field(default_factory=lambda: sql("null"))
    columns: dict[str, str] = field(default_factory=dict)
    row_country: Query = field(default_factory=lambda: sql("null"))


@dataclass(frozen=True)
class Fault:
    """What can go wrong in a step, as a condition over the text before and after it.

    Attributes:
        keep: The cell keeps the text that it had before the step; else what the step made of it.
    """

    condition: Callable[[Query, Query], Query]
    message: str
    mend: str
    keep: bool = True
    level: Level = Level.WARNING


def _lost(before: Query, after: Query) -> Query:
    return sql("({before} is not null and {after} is null)", before=before, after=after)


class Step(BaseModel, ABC):
    """One cleaning step of a column.

    Attributes:
        title: What it does, for the screen.
        looks_up_at: Which of its stages looks words up.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    title: ClassVar[str]
    looks_up_at: ClassVar[int] = 0
    kind: str

    @abstractmethod
    def stages(self, place: Place) -> tuple[Stage, ...]:
        """What it makes of a text, one after the other; the last gives text."""

    def faults(self) -> tuple[Fault, ...]:
        """What can go wrong; of several the first that holds counts."""
        return ()

    def key(self, text: Query) -> Query | None:
        """What of a text is looked up among the words; None for a step that looks nothing up."""
        del text
        return None

    def listed(self, word: Query) -> Query:
        """What a word is listed under: what `key` takes of a text, taken of the word."""
        return self.key(word) or word

    @property
    def needs_row_country(self) -> bool:
        """Whether it depends on the country of the row's company."""
        return False

    @property
    def needs_row(self) -> bool:
        """Whether it may read other cells of the row."""
        return False

    def words(self, place: Place, texts: Texts) -> Mapping[str, str]:
        """The words that are looked up, and what they give."""
        del place, texts
        return {}


def _option(label: str, default: Any, labels: dict[str, Any] | None = None, **more: Any) -> Any:
    """An option of a step, with its label on the screen and those of its choices."""
    return Field(default, title=label, json_schema_extra={"labels": labels or {}}, **more)


class Trim(Step):
    """Takes off spaces around a text, and makes one of several between words."""

    title = "Trim and collapse spaces"
    kind: Literal["trim"] = "trim"

    def stages(self, place: Place) -> tuple[Stage, ...]:
        del place
        return (_tidy,)


_BLANKS: Final = r"[\s\x{a0}\x{2000}-\x{200b}\x{202f}\x{205f}\x{2060}\x{3000}\x{feff}]"

_OTHER_SPACE: Final = r"[^\PZ ]|[\t\n\f\r\x{200b}\x{2060}\x{feff}]"
"""What is a space, or no more than that, and not the one between words."""


def _tidy(text: Query) -> Query:
    # To see that there is nothing to trim costs a fifth of trimming.
    return sql(
        "case when regexp_matches({text}, {untidy})"
        " then trim(regexp_replace({text}, {blanks}, ' ', 'g')) else {text} end",
        text=text,
        untidy=rf"{_OTHER_SPACE}|^ | $|  ",
        blanks=f"{_BLANKS}+",
    )


NULL_WORDS: Final = (
    *("n/a", "n.a.", "#n/a", "na", "null", "(null)", "nil", "none", "nan", "-", "--", "---", "?"),
    *("unknown", "not available", "(blank)", "(empty)", "tbd"),
    *("onbekend", "geen", "n.v.t.", "nvt", "niet bekend", "(leeg)"),
    *("ukjent", "ingen", "ikke oppgitt", "i/t", "(tom)", "(tomt)"),
    *("unbekannt", "keine", "keine angabe", "k.a.", "k. a.", "entfällt", "(leer)"),
    *("okänd", "okänt", "saknas", "ej angivet", "inga"),
    *("ukendt", "ikke angivet"),
)


class NullWords(Step):
    """Empties a cell that only says that it is empty, in six languages."""

    title = "Empty what means empty"
    kind: Literal["null_words"] = "null_words"
    more: tuple[str, ...] = _option("More words that mean empty", ())

    def stages(self, place: Place) -> tuple[Stage, ...]:
        del place
        return (
            lambda text: sql(
                "case when {empty} then null else {text} end",
                empty=means_empty(text, self.more),
                text=text,
            ),
        )


def means_empty(text: Query, more: Iterable[str] = ()) -> Query:
    """Whether a text is one of the words for nothing, or of `more` such words."""
    words = sorted({word.strip().casefold() for word in (*NULL_WORDS, *more)})
    return sql(
        # The length settles most texts, at a tenth of the cost.
        "case when length({text}) <= {longest} or {text} < '!' or ends_with({text}, ' ')"
        " then list_contains({words}, lower(trim({text}))) else false end",
        words=words,
        text=text,
        longest=max(map(len, words)),
    )


class Mojibake(Step):
    """Mends letters that were read in a wrong encoding, once or twice: BjÃ¸rn is Bjørn."""

    title = "Mend letters read wrongly"
    kind: Literal["mojibake"] = "mojibake"

    def stages(self, place: Place) -> tuple[Stage, ...]:
        del place
        return mojibake.mended, mojibake.mended


class Letters(StrEnum):
    """How a text is spelled."""

    NAME = "name"
    UPPER = "upper"
    LOWER = "lower"

    @property
    def label(self) -> str:
        return {"name": "Names", "upper": "CAPITALS", "lower": "small letters"}[self.value]


_LEGAL_FORMS: Final = (
    *("GmbH", "mbH", "gGmbH", "KG", "KGaA", "OHG", "GbR", "UG", "e.V.", "e.K.", "BV", "B.V.", "NV"),
    *("N.V.", "VOF", "V.O.F.", "C.V.", "BVBA", "S.A.", "USA", "ASA", "ANS", "ApS", "A/S", "I/S"),
    *("K/S", "P/S", "IVS", "AMBA", "Oyj", "PLC", "LLC", "LLP", "Ltd", "Ltd.", "Inc", "Inc.", "III"),
    *("IV", "PhD", "MBA"),
)
_LAST_FORMS: Final = ("AS", "SA", "SE", "AG", "AB", "HB", "KB", "KS", "CV", "Oy", "eG", "NL", "II")
"""Those that are words, too: only at the end of a name."""

_SPOKEN: Final = ("mrs", "drs", "frk", "dhr", "str", "sch", "ltd", "jrs", "pst", "www")
"""Words without vowels that are no acronyms."""

_SMALL: Final = (
    *("van", "von", "vom", "de", "der", "den", "des", "het", "ter", "ten", "te", "la", "le", "du"),
    *("af", "av", "zu", "zum", "zur", "'t", "’t", "'s", "’s", "op", "in", "og", "och", "en", "und"),
    *("and", "of", "the", "i", "på", "for", "da", "di", "do", "dos", "del", "della"),
)
_WORDS_AND_SIGNS: Final = (
    r"(?i)(?:a/s|i/s|k/s|p/s|b\.v\.|n\.v\.|v\.o\.f\.|c\.v\.|s\.a\.|e\.v\.|e\.k\.|ltd\.|inc\.)"
    r"|['’][ts]\b|\pL[\pL\pM\pN'’]*|[^\pL]"
)


class Case(Step):
    """Writes a text in small or in capital letters, or as names are written.

    As names: van der Berg, McDonald, O'Brien, Anne-Marie, Acme GmbH, NRK AS. Words that have small and
    capital letters stay as they are, and so do words in capitals among others (IBM Norge AS).
    """

    title = "Small and capital letters"
    kind: Literal["case"] = "case"
    to: Letters = _option(
        "Write as", Letters.NAME, {letters.value: letters.label for letters in Letters}
    )

    def stages(self, place: Place) -> tuple[Stage, ...]:
        del place
        if self.to is Letters.UPPER:
            return (lambda text: sql("upper({text})", text=text),)
        if self.to is Letters.LOWER:
            return (lambda text: sql("lower({text})", text=text),)
        return _name_case()


def _name_case() -> tuple[Stage, ...]:
    # Each kind of text is null where another is meant: a case with words in its branches costs twice
    # as much.
    return (
        _spelling,
        lambda seen: sql(
            "struct_pack(right := case {s}.kind when 'right' then {s}.text end,"
            " plain := case {s}.kind when 'plain' then {s}.text end,"
            " other := case {s}.kind when 'other' then {s}.text end)",
            s=seen,
        ),
        lambda by: sql(
            "coalesce({b}.right, {plain}, {other})",
            b=by,
            plain=_plain_words(sql("{b}.plain", b=by)),
            other=_named_words(_one_case_lowered(sql("{b}.other", b=by))),
        ),
        _last_form,
    )


_CAPITAL: Final = "A-ZÀ-ÖØ-Þ"
_LETTER: Final = f"{_CAPITAL}a-zß-öø-ÿ"
_PLAIN_FORMS: Final = "|".join(form for form in (*_LEGAL_FORMS, *_LAST_FORMS) if form.isalpha())
_PLAIN_SMALL: Final = "|".join(word for word in _SMALL if word.isalpha())
_WELL_CASED: Final = rf"[{_CAPITAL}](?:\.|[{_LETTER}'’]*)(?:-[{_CAPITAL}][{_LETTER}'’]*)*"
_WELL_CASED_TEXT: Final = rf"{_WELL_CASED}(?: (?:{_WELL_CASED}|{_PLAIN_SMALL}|[0-9]+|&))*"
_ONE_CASE: Final = rf"[{_CAPITAL}]+(?:[ -][{_CAPITAL}]+)*|[a-zß-öø-ÿ]+(?:[ -][a-zß-öø-ÿ]+)*"
_CONSONANTS: Final = "bcdfghjklmnpqrstvwxz"
_PECULIAR: Final = rf"[{_CONSONANTS}]{{3,4}}|mc[{_LETTER}]{{3,}}|ij[{_CONSONANTS}][{_LETTER}]*"


def _spelling(text: Query) -> Query:
    """A text and its kind: it is right already, plain words in one case, or needs a look at each word.

    Most names are of the first two kinds, and to see that costs little.
    """
    return sql(
        """
        struct_pack(text := {t}, kind := case
            when {t} <> upper({t}) and regexp_full_match({t}, {well})
                and not regexp_matches({t}, {form}) then 'right'
            when regexp_full_match({t}, {one}) and not regexp_matches({t}, {peculiar}) then 'plain'
            else 'other' end)
        """,
        t=text,
        well=_WELL_CASED_TEXT,
        form=rf"(?i)(?:^|[ -])(?:{_PLAIN_FORMS})(?:[ -]|$)",
        one=_ONE_CASE,
        peculiar=rf"(?i)(?:^|[ -])(?:(?:{_PLAIN_FORMS}|{_PECULIAR})(?:[ -]|$)|(?:{_PLAIN_SMALL})-)",
    )


def _plain_words(text: Query) -> Query:
    # With a space behind it, a hyphen divides words without a pattern.
    return sql(
        """
        replace(array_to_string(list_transform(
            string_split(replace(lower({t}), '-', '- '), ' '), lambda w, i: case
                when i > 1 and length(w) <= 5 and list_contains({small}, w) then w
                else upper(left(w, 1)) || substr(w, 2)
            end), ' '), '- ', '-')
        """,
        t=text,
        small=list(_SMALL),
    )


def _one_case_lowered(text: Query) -> Query:
    """A text of capitals only, in small ones: from here on, capitals are meant."""
    return sql("case when {text} = upper({text}) then lower({text}) else {text} end", text=text)


def _named_words(text: Query) -> Query:
    # The function reads nothing but its word: what else it named would be copied for every word. It
    # has no patterns: they would be compiled anew for each two thousand rows.
    return sql(
        """
        array_to_string(list_transform(regexp_extract_all({text}, {pattern}), lambda w, i: case
            when length(w) = 1 and upper(w) = lower(w) then w
            when i > 1 and length(w) <= 6 and list_contains({forms}, lower(w))
                then {written}[list_position({forms}, lower(w))]
            when w <> lower(w) then w
            when i > 1 and length(w) <= 5 and list_contains({small}, w) then w
            when length(w) between 3 and 4 and ltrim(w, {consonants}) = ''
                and not list_contains({spoken}, w) then upper(w)
            when starts_with(w, 'mc') and length(translate(w[3:5], {no_letters}, '')) = 3
                then 'Mc' || upper(w[3]) || w[4:]
            when starts_with(w, 'ij') and w[3] <> '' and contains({consonants}, w[3])
                then 'IJ' || w[3:]
            when w[2] <> '' and contains({apostrophes}, w[2]) and w[1] in ('o', 'd', 'l')
                then upper(w[1:3]) || w[4:]
            else upper(left(w, 1)) || substr(w, 2)
        end), '')
        """,
        text=text,
        pattern=_WORDS_AND_SIGNS,
        forms=[form.casefold() for form in _LEGAL_FORMS],
        written=list(_LEGAL_FORMS),
        small=list(_SMALL),
        spoken=list(_SPOKEN),
        consonants=_CONSONANTS,
        apostrophes="'’",
        no_letters="0123456789'’",
    )


def _last_form(text: Query) -> Query:
    return sql(
        """
        case when list_contains({forms}, lower(right({t}, 2))) and regexp_matches({t}, '\\s\\pL{2}$')
            then left({t}, length({t}) - 2) || {written}[list_position({forms}, lower(right({t}, 2)))]
            else {t} end
        """,
        t=text,
        forms=[form.casefold() for form in _LAST_FORMS],
        written=list(_LAST_FORMS),
    )


_NAME_PARTS: Final = {
    "prefix": "title",
    "first": "first name",
    "middle": "middle name",
    "last": "last name",
    "suffix": "suffix",
}


class NamePart(Step):
    """Takes one part of a person's full name.

    Titles (Dr., Herr, Mevr., fru) come first and Jr., III or MBA last; van, von der, af open the
    last name; "Last, First" is turned round, and so is "Berg, Jan van den".
    """

    title = "Take a part of a full name"
    kind: Literal["name_part"] = "name_part"
    part: Literal["prefix", "first", "middle", "last", "suffix"] = _option(
        "Part", "last", _NAME_PARTS
    )

    @staticmethod
    def parts() -> dict[Any, str]:
        """The parts, in their order, with their names for people."""
        return dict(_NAME_PARTS)

    def stages(self, place: Place) -> tuple[Stage, ...]:
        del place
        return (
            _tidy,
            _easy_or_hard,
            _without_suffix,
            _turned,
            _without_prefix,
            _untitled,
            _with_last,
            lambda name: sql(
                "coalesce({easy}, {hard})",
                easy=_part_of_easy(sql("{n}.easy", n=name), self.part),
                hard=_part_of(name, self.part),
            ),
        )


_PREFIX: Final = (
    r"(?:de heer|mevrouw|meneer|dhr|mevr|mw|drs|herrn?|frau|fräulein|fru|frk|frøken|fröken|hr"
    r"|mrs?|ms|miss|mx|sir|prof|professor|dr|doktor|ir|ing|adv|dipl\.?-\pL+|dr\.?-ing|siv\.? ?ing"
    r"|med\.|jur\.|phil\.|rer\.|nat\.|oec\.|h\.c\.|mag\.)"
)
_SUFFIX: Final = (
    r"(?:jr|sr|jun|sen|ii|iii|iv|ph\.? ?d|mba|md|m\.d|m\.?sc|b\.?sc|m\.?a|b\.?a|ll\.?m|cpa|esq|ra"
    r"|msc|bsc|dds)"
)
_LAST: Final = rf"(?:{transforms.PARTICLES}|und|vom|di|da|del|della|dos|el|al|bin|ben|ibn)"


_HARD: Final = (
    rf"(?i)(?:^|[ ,.])(?:{_PREFIX}|{_SUFFIX}|{_LAST})(?:[ .,]|$)|\.\pL\pL"
    rf"|^,| ,|,[^ ]|,$|,.*,|{_OTHER_SPACE}"
)
"""What an easy name has not: titles, particles, commas elsewhere than behind the last name."""


def _easy_or_hard(text: Query) -> Query:
    """A name as the one or the other; the other of the two is null, and costs nothing from here on."""
    return sql(
        "struct_pack(easy := case when not regexp_matches({t}, {hard}) then {t} end,"
        " hard := case when regexp_matches({t}, {hard}) then {t} end)",
        t=text,
        hard=_HARD,
    )


def _part_of_easy(name: Query, part: str) -> Query:
    """A part of a name of plain words: "First Middle Last" or "Last, First Middle"."""
    last = sql(
        "case when contains({n}, ', ') then split_part({n}, ', ', 1) else split_part({n}, ' ', -1) end",
        n=name,
    )
    given = sql(
        "case when contains({n}, ', ') then split_part({n}, ', ', 2)"
        " else rtrim(left({n}, length({n}) - length({last}))) end",
        n=name,
        last=last,
    )
    match part:
        case "first":
            return sql("split_part({given}, ' ', 1)", given=given)
        case "middle":
            return sql(
                "ltrim(substr({given}, length(split_part({given}, ' ', 1)) + 1))", given=given
            )
        case "last":
            return last
        case _:
            return sql("case when {n} is not null then '' end", n=name)


def _without_suffix(name: Query) -> Query:
    pattern = rf"(?i)[,\s]\s*({_SUFFIX}\.?(?:,?\s*\b{_SUFFIX}\.?)*)$"
    return sql(
        "struct_pack(easy := {n}.easy, suffix := regexp_extract({n}.hard, {pattern}, 1),"
        " rest := trim(regexp_replace({n}.hard, {pattern}, ''), ' ,'))",
        n=name,
        pattern=pattern,
    )


def _turned(name: Query) -> Query:
    """Given and last names where a comma tells them; small words behind the given go to the last."""
    behind = rf"(?i)^(.*?)((?:(?:^|\s){_LAST})*)$"
    given = sql(
        "case when contains({n}.rest, ',') then trim(substr({n}.rest, strpos({n}.rest, ',') + 1))"
        " else '' end",
        n=name,
    )
    return sql(
        """
        struct_pack(
            easy := {n}.easy,
            suffix := {n}.suffix,
            given := case when contains({n}.rest, ',')
                then trim(regexp_extract({given}, {behind}, 1)) else {n}.rest end,
            small := regexp_extract({given}, {behind}, 2),
            last := case when contains({n}.rest, ',') then trim(split_part({n}.rest, ',', 1))
                else '' end)
        """,
        n=name,
        given=given,
        behind=behind,
    )


def _without_prefix(name: Query) -> Query:
    # A title stands alone only where the last name is known already.
    pattern = rf"(?i)^((?:{_PREFIX}\b\.?\s*)+)(?:\s|$)"
    before = rf"(?i)^((?:{_PREFIX}\.?\s+)+)\S"
    return sql(
        """
        struct_pack(
            easy := {n}.easy,
            suffix := {n}.suffix,
            prefix := trim(case when {n}.last = '' then regexp_extract({n}.given, {before}, 1)
                when regexp_extract({n}.last, {before}, 1) <> ''
                    then regexp_extract({n}.last, {before}, 1)
                else regexp_extract({n}.given || ' ', {alone}, 1) end),
            given := {n}.given,
            small := {n}.small,
            last := {n}.last)
        """,
        n=name,
        before=before,
        alone=pattern,
    )


def _untitled(name: Query) -> Query:
    """Given and last name without the title; the small words are in front of the last name."""
    given = sql(
        "trim(case when starts_with({n}.given, {n}.prefix)"
        " then substr({n}.given, length({n}.prefix) + 1) else {n}.given end)",
        n=name,
    )
    last = sql(
        "trim({n}.small || ' ' || trim("
        "case when {n}.prefix <> '' and starts_with({n}.last, {n}.prefix)"
        " then substr({n}.last, length({n}.prefix) + 1) else {n}.last end))",
        n=name,
    )
    return sql(
        "struct_pack(easy := {n}.easy, prefix := {n}.prefix, suffix := {n}.suffix,"
        " given := {given}, last := {last},"
        " found := regexp_extract({given}, {pattern}, 1))",
        n=name,
        given=given,
        last=last,
        pattern=rf"(?i)(?:^|\s)((?:{_LAST}\s+)*\S+)$",
    )


def _with_last(name: Query) -> Query:
    """Where no comma told the last name, it is the last word with its particles."""
    return sql(
        """
        struct_pack(
            easy := {n}.easy,
            prefix := {n}.prefix,
            suffix := {n}.suffix,
            last := case when {n}.last <> '' then {n}.last else {n}.found end,
            given := case when {n}.last <> '' then {n}.given
                else trim(left({n}.given, length({n}.given) - length({n}.found))) end)
        """,
        n=name,
    )


def _part_of(name: Query, part: str) -> Query:
    match part:
        case "first":
            return sql("split_part({n}.given, ' ', 1)", n=name)
        case "middle":
            return sql("trim(substr({n}.given, length(split_part({n}.given, ' ', 1)) + 1))", n=name)
        case "prefix":
            return sql("{n}.prefix", n=name)
        case "suffix":
            return sql("{n}.suffix", n=name)
        case _:
            return sql("{n}.last", n=name)


def _country(label: str, description: str) -> Any:
    return _option(label, "", pattern="^([A-Za-z]{2})?$", description=description)


class Phone(Step):
    """Writes a phone number internationally (E.164) or as its own country writes it.

    What is no phone number stays as it is, with a warning; an extension is kept. A country's code in
    front of it goes first, then the country that is fixed here, the company's own of the same row, and
    the workspace's. As its country writes it is only a number of the country that is fixed, else of
    the workspace's: one of another country is written internationally.
    """

    title = "Phone number"
    kind: Literal["phone"] = "phone"
    to: Literal["e164", "national"] = _option(
        "Write as", "e164", {"e164": "+47… (E.164)", "national": "as its country writes it"}
    )
    country: str = _country(
        "Country of numbers without one", "two letters, such as NL; blank for each row's own"
    )

    looks_up_at = 1

    @property
    def needs_row_country(self) -> bool:
        return not self.country

    def key(self, text: Query) -> Query | None:
        return sql("{n}.country", n=text)

    def listed(self, word: Query) -> Query:
        return word

    def words(self, place: Place, texts: Texts) -> Mapping[str, str]:
        del place, texts
        asked = [self.country.upper()] if self.country else sorted(phonenumbers.SUPPORTED_REGIONS)
        plans = ((iso, numbering(iso)) for iso in asked)
        return {iso: _plan_in_words(plan) for iso, plan in plans if plan is not None}

    def stages(self, place: Place) -> tuple[Stage, ...]:
        fixed = self.country.upper()
        plan = numbering(fixed or place.country)
        country = sql("{c}", c=fixed) if fixed else place.row_country
        international: tuple[Stage, ...] = (
            lambda text: _plain_number(text, country),
            lambda number: _digits(number, place.word),
            _international,
            _valid,
        )
        if self.to == "e164":
            return (*international, _written)
        return (
            *international,
            lambda number: _national_digits(number, plan),
            lambda number: _national(number, plan),
            _written,
        )

    def faults(self) -> tuple[Fault, ...]:
        return (
            Fault(
                _lost,
                "This is not a phone number. It stays as it is.",
                "Correct it in the file, one number to a cell.",
            ),
        )


@dataclass(frozen=True)
class Numbering:
    """How a country numbers its phones.

    Attributes:
        lengths: Digits that a number has behind the calling code.
        formats: Leading digits, pattern and national spelling, the first that fits counts.
    """

    iso: str
    code: str
    trunk: str
    lengths: tuple[int, ...]
    formats: tuple[tuple[str, str, str], ...]


@cache
def numbering(iso: str) -> Numbering | None:
    """A country's numbering plan, from the data of phonenumbers; None where there is none."""
    data = phonenumbers.PhoneMetadata.metadata_for_region(iso)
    if data is None or data.general_desc is None:
        return None
    code = data.country_code or 0
    main = phonenumbers.region_code_for_country_code(code)
    written = data if data.number_format else phonenumbers.PhoneMetadata.metadata_for_region(main)
    formats = []
    for form in written.number_format if written else ():
        # The last pattern of leading digits is the most precise.
        leading = form.leading_digits_pattern[-1] if form.leading_digits_pattern else ""
        spelled = form.format or ""
        if rule := form.national_prefix_formatting_rule:
            # Around the first group that it names, which need not be the first of the pattern.
            group = re.search(r"\\[0-9]", spelled)
            if group:
                spelled = spelled.replace(group[0], rule.replace("\\1", group[0]), 1)
        formats.append((f"^(?:{leading})" if leading else "", form.pattern or "", spelled))
    lengths = data.general_desc.possible_length
    return Numbering(iso, str(code), data.national_prefix or "", tuple(lengths), tuple(formats))


_EXTENSION: Final = r"(?i)(?:ext|x|#|doorkiesnr|dw|tst|linje)\.?:?\s*([0-9]{1,6})\s*$"
_CALLED: Final = (
    r"(?i)\b(?:tel|tlf|tfn|telefon|telefoon|telephone|phone|mob|mobil|mobiel|mobile|mobiltelefon"
    r"|cell|fax|faks|t|m|p)\b\.?:?"
)


def _plan_in_words(plan: Numbering) -> str:
    """What a number is dialled with, as a word to look up: code/trunk/lengths."""
    return f"{plan.code}/{plan.trunk}/{','.join(str(length) for length in plan.lengths)}"


def _plain_number(text: Query, country: Query) -> Query:
    """A number without extension and the word for telephone; its letters, if any, are still there."""
    plain = sql(
        "regexp_replace(regexp_replace({text}, {extension}, ''), {called}, '', 'g')",
        text=text,
        extension=_EXTENSION,
        called=_CALLED,
    )
    return sql(
        "struct_pack(plain := {plain}, extension := regexp_extract({text}, {extension}, 1),"
        " country := cast({country} as varchar))",
        plain=sql("regexp_replace({plain}, '\\(0\\)', '')", plain=plain),
        country=country,
        text=text,
        extension=_EXTENSION,
    )


def _digits(number: Query, plan: Query) -> Query:
    """Beside a number its digits, and how its country numbers; null where that is not known."""
    return sql(
        "struct_pack(plain := {n}.plain, extension := {n}.extension,"
        " digits := case when not regexp_matches({n}.plain, '\\pL')"
        " then regexp_replace({n}.plain, '[^0-9]', '', 'g') end,"
        " code := split_part({plan}, '/', 1), trunk := split_part({plan}, '/', 2),"
        " lengths := cast(string_split(split_part({plan}, '/', 3), ',') as integer[]))",
        n=number,
        plan=plan,
    )


def _international(number: Query) -> Query:
    """Number in E.164 and extension."""
    return sql(
        "struct_pack(number := {number}, extension := {n}.extension, code := {n}.code,"
        " lengths := {n}.lengths)",
        number=transforms.dialled(
            sql("{n}.plain", n=number),
            digits=sql("{n}.digits", n=number),
            code=sql("{n}.code", n=number),
            trunk=sql("{n}.trunk", n=number),
            lengths=sql("{n}.lengths", n=number),
        ),
        n=number,
    )


def _valid(number: Query) -> Query:
    """The number is null where its shape, or its length in its own country, is wrong."""
    return sql(
        """
        struct_pack(extension := {n}.extension, number := case
            when regexp_full_match({n}.number, '\\+[1-9][0-9]{6,14}') and (
                {n}.code is null
                or not starts_with({n}.number, '+' || {n}.code)
                or list_contains({n}.lengths, length({n}.number) - length({n}.code) - 1))
            then {n}.number end)
        """,
        n=number,
    )


def _written(number: Query) -> Query:
    return sql(
        "{n}.number || case when {n}.extension = '' then '' else ' ext. ' || {n}.extension end",
        n=number,
    )


def _national_digits(number: Query, plan: Numbering | None) -> Query:
    """Beside the number its digits without the calling code; null for another country's."""
    return sql(
        "struct_pack(number := {n}.number, extension := {n}.extension,"
        " digits := case when starts_with({n}.number, {plus}) then substr({n}.number, {from}) end)",
        n=number,
        plus=f"+{plan.code}" if plan else "?",
        **{"from": len(plan.code) + 2 if plan else 1},
    )


def _national(number: Query, plan: Numbering | None) -> Query:
    digits = sql("{n}.digits", n=number)
    branches = [
        sql(
            "when regexp_matches({digits}, {leading}) and regexp_full_match({digits}, {pattern})"
            " then regexp_replace({digits}, {whole}, {spelled})",
            digits=digits,
            leading=leading or "^",
            pattern=pattern,
            whole=f"^(?:{pattern})$",
            spelled=spelled,
        )
        for leading, pattern, spelled in (plan.formats if plan else ())
    ]
    return sql(
        "struct_pack(number := case when {digits} is null then {n}.number {branches}"
        " else {rest} end, extension := {n}.extension)",
        n=number,
        digits=digits,
        branches=join(" ", branches),
        # A country without spellings writes the digits; a number that fits none is no usual one.
        rest=sql("{n}.number", n=number) if branches else digits,
    )


class Email(Step):
    """Mends an e-mail address: `mailto:`, spaces, `Name <a@b.no>`, (at); one of several in a cell."""

    title = "E-mail address"
    kind: Literal["email"] = "email"
    take: Literal["first", "rest"] = _option(
        "Of several in a cell", "first", {"first": "the first", "rest": "all others"}
    )

    def stages(self, place: Place) -> tuple[Stage, ...]:
        del place
        return (
            _to_mend,
            _mended_email,
            lambda text: _unless(text, _ONE_ADDRESS, _addresses(text), sql("[{t}]", t=text)),
            self._taken,
        )

    def _taken(self, found: Query) -> Query:
        if self.take == "first":
            return sql("{f}[1]", f=found)
        return sql("array_to_string({f}[2:], '; ')", f=found)

    def faults(self) -> tuple[Fault, ...]:
        if self.take == "rest":
            return ()
        return (
            Fault(
                _lost,
                "There is no e-mail address in this cell. It stays as it is.",
                "Correct it in the file.",
            ),
            Fault(
                lambda before, _: sql("len(string_split({b}, '@')) > 2", b=before),
                "There are several e-mail addresses in this cell; the first is taken.",
                "Make a column of the rest, if the others are wanted too.",
                keep=False,
                level=Level.NOTE,
            ),
        )


_ONE_ADDRESS: Final = r"[\pL\pN._%+-]+@[\pL\pN_-]+(?:\.[\pL\pN_-]+)+"


def _unless(text: Query, pattern: str, otherwise: Query, then: Query) -> Query:
    """What to make of a text that is not wholly described by a pattern, and of one that is."""
    return sql(
        "case when regexp_full_match({text}, {pattern}) then {then} else {otherwise} end",
        text=text,
        pattern=pattern,
        then=then,
        otherwise=otherwise,
    )


_AT: Final = rf"{_BLANKS}*@{_BLANKS}*"
_EMAIL_MENDS: Final = (
    (r"(?i)mailto:\s*|\?(?:subject|body|cc)=\S*", ""),
    (r"(?i)\s*(?:\(at\)|\[at\]|\(a\))\s*", "@"),
    (_AT, "@"),
    (r"(?i)(@[^\s,;<>]*?)\s*(?:\(dot\)|\[dot\])\s*", r"\1."),
    (r"(@[^\s,;<>.@]+)\s+\.\s*", r"\1."),
    (r"(?i)(@[^\s,;<>@]+\.)\s+([a-z]{2,}\s*(?:$|[,;>]))", r"\1\2"),
)
"""Patterns, and what to write for them, one after the other."""


def _to_mend(text: Query) -> Query:
    """A text, and again where there is something to mend in it.

    Most cells are one address, and most others have nothing to mend between their addresses.
    """
    any_of = [pattern for pattern, _ in _EMAIL_MENDS if pattern != _AT]
    return sql(
        "struct_pack(text := {t}, mend := case when not regexp_full_match({t}, {one})"
        " and regexp_matches({t}, {any}) then {t} end)",
        t=text,
        one=_ONE_ADDRESS,
        any="|".join(f"(?:{pattern})" for pattern in (*any_of, f"{_BLANKS}@|@{_BLANKS}")),
    )


def _mended_email(seen: Query) -> Query:
    mended = sql("{s}.mend", s=seen)
    for pattern, becomes in _EMAIL_MENDS:
        mended = sql(
            "regexp_replace({t}, {pattern}, {becomes}, 'g')",
            t=mended,
            pattern=pattern,
            becomes=becomes,
        )
    return sql("coalesce({mended}, {s}.text)", mended=mended, s=seen)


def _addresses(text: Query) -> Query:
    one = r"[^\s@<>()\[\],;:\"|/\\']+(?:'[^\s@<>()\[\],;:\"|/\\']+)*@[\pL\pN_-]+(?:\.[\pL\pN_-]+)+"
    return sql("regexp_extract_all({text}, {one})", text=text, one=one)


class WebAddress(Step):
    """Mends a web address: spaces, `<...>`, a missing `https://`, capitals in its name."""

    title = "Web address"
    kind: Literal["web"] = "web"
    scheme: bool = _option("Write https:// where it is missing", default=True)

    def stages(self, place: Place) -> tuple[Stage, ...]:
        del place
        return _bare_link, self._spelled

    def _spelled(self, text: Query) -> Query:
        host = r"^(?i)(?:https?://)?(?:[\pL\pN_-]+\.)+[\pL]{2,}(?::[0-9]+)?(?:[/?#]\S*)?$"
        # The whole of a match costs far less than a part of it.
        begin = sql("regexp_extract({t}, {begin})", t=text, begin=r"^(?i)(?:https?://)?[^/?#]+")
        return sql(
            """
            case when regexp_matches({t}, {host}) then
                case when regexp_matches({t}, '^(?i)https?://') then '' else {scheme} end
                || lower({begin}) || substr({t}, length({begin}) + 1)
            end
            """,
            t=text,
            host=host,
            begin=begin,
            scheme="https://" if self.scheme else "",
        )

    def faults(self) -> tuple[Fault, ...]:
        return (
            Fault(
                _lost, "This is not a web address. It stays as it is.", "Correct it in the file."
            ),
        )


def _bare_link(text: Query) -> Query:
    bare = sql("trim({t}, {around})", t=text, around=" <>\"'\t,;")
    # Other spaces may stand between two addresses.
    bare = sql("regexp_replace({t}, '(?i)(www)\\s*\\.\\s*', '\\1.')", t=bare)
    bare = sql("regexp_replace({t}, '\\s*\\.\\s*(\\pL{2,6})$', '.\\1')", t=bare)
    # http:/x, http//x, http:\\x and https;//x are meant alike.
    bare = sql("regexp_replace({t}, '(?i)^(https?)[:;]?[/\\\\]+', '\\1://')", t=bare)
    return _unless(text, _BARE_LINK, bare, text)


_BARE_LINK: Final = (
    r"(?:https?://)?[\pL\pN_-]+(?:\.[\pL\pN_-]+)+(?:[/?#](?:[!-~]*[!#-&(-+--:=?-~])?)?"
)
"""What has no spaces, and nothing around it, to take away."""


class Vat(Step):
    """Checks the VAT or organisation number of a company by its country's rules (python-stdnum).

    The number stays as it is; a wrong one gets a warning. A country in front of it goes first, then
    the one that is fixed here, the company's own of the same row, and the workspace's.
    """

    title = "Check a VAT or organisation number"
    kind: Literal["vat"] = "vat"
    country: str = _country(
        "Country of numbers without one", "two letters, such as NL; blank for each row's own"
    )

    looks_up_at = 4

    @property
    def needs_row_country(self) -> bool:
        return not self.country

    def stages(self, place: Place) -> tuple[Stage, ...]:
        fixed = self.country.upper()
        return (
            *company_numbers.stages(sql("{c}", c=fixed) if fixed else place.row_country),
            lambda seen: sql(
                "case when {word} is null and coalesce({s}.right, true) then {s}.text end",
                word=place.word,
                s=seen,
            ),
        )

    def key(self, text: Query) -> Query | None:
        return sql(
            "case when {s}.right is null then coalesce({s}.country, '') || ' ' || {s}.text end",
            s=text,
        )

    def listed(self, word: Query) -> Query:
        return word

    def words(self, place: Place, texts: Texts) -> Mapping[str, str]:
        del place
        return {text: "wrong" for text in texts() if _is_no_company_number(*text.split(" ", 1))}

    def faults(self) -> tuple[Fault, ...]:
        return (
            Fault(
                _lost,
                "The check digits or the length of this number are wrong. It stays as it is.",
                "Compare it with the company's papers and correct it in the file.",
            ),
        )


def _is_no_company_number(country: str, text: str) -> bool:
    return company_numbers.is_company_number(text, country) is False


class Date(Step):
    """Reads a date that is written in one format, and writes it as year-month-day."""

    title = "Date by format"
    kind: Literal["date"] = "date"
    format: str = _option(
        "Format", "dd.mm.yyyy", description="dd.mm.yyyy, mm/dd/yyyy, yyyymmdd, dd-mmm-yy, or number"
    )

    @field_validator("format")
    @classmethod
    def _known(cls, text: str) -> str:
        _strptime_format(text)
        return text

    def stages(self, place: Place) -> tuple[Stage, ...]:
        del place
        if self.format.strip().casefold() == "number":
            # Day 60 is one that never was: before it, nobody knows which count is meant.
            return (
                lambda text: sql(
                    "cast(date '1899-12-30' + cast(case when try_cast({t} as double)"
                    " between 61 and 2958465 then floor(try_cast({t} as double)) end as integer)"
                    " as varchar)",
                    t=text,
                ),
            )
        pattern = _strptime_format(self.format)
        times = ("", " %H:%M:%S", " %H:%M", "T%H:%M:%S")
        readings = _with_month_numbers if "mmm" in self.format.casefold() else _as_it_stands

        def attempts(text: Query, times: Iterable[str]) -> Query:
            tried = (
                sql("try_strptime({t}, {f})", t=reading, f=pattern + time)
                for reading in readings(text)
                for time in times
            )
            return sql("coalesce({tried})", tried=join(", ", tried))

        return (
            lambda text: sql(
                "cast(cast({reading} as date) as varchar)",
                reading=sql(
                    # Each attempt that fails is dear: where no time can be meant, none is tried.
                    "case when contains({t}, ':') then {timed} else {day} end",
                    t=text,
                    timed=attempts(text, times),
                    day=attempts(text, times[:1]),
                ),
            ),
        )

    def faults(self) -> tuple[Fault, ...]:
        return (
            Fault(
                _lost,
                f"This is not a date written as {self.format}. It is left empty.",
                "Correct it in the file, or choose the format that it has.",
                keep=False,
                level=Level.ERROR,
            ),
        )


_DATE_PARTS: Final = {
    "yyyy": "%Y",
    "yy": "%y",
    # Names of months are numbers by then, whatever their language.
    "mmmm": "%m",
    "mmm": "%m",
    "mm": "%m",
    "m": "%m",
    "dd": "%d",
    "d": "%d",
}


def _strptime_format(text: str) -> str:
    """What DuckDB calls a format.

    Raises:
        ValueError: It does not name a day, a month and a year, each once.
    """
    if text.strip().casefold() == "number":
        return ""
    parts = re.findall(r"[a-z]+|[^a-z]+", text.strip().casefold())
    # "yyyymmdd" is one run of letters.
    parts = [piece for part in parts for piece in re.findall(r"y+|m+|d+|[a-z]+|[^a-z]+", part)]
    named = [part for part in parts if part[0].isalpha()]
    if sorted(part[0] for part in named) != ["d", "m", "y"] or any(
        part not in _DATE_PARTS for part in named
    ):
        raise ValueError(
            "Write the format with dd, mm and yyyy once each, such as dd.mm.yyyy or mm/dd/yy."
        )
    return "".join(_DATE_PARTS.get(part, part.replace("%", "%%")) for part in parts)


def _as_it_stands(text: Query) -> tuple[Query, ...]:
    return (text,)


def _with_month_numbers(text: Query) -> tuple[Query, ...]:
    """A text with a number for the name of its month; a point behind the name goes, or stays."""
    months = _month_numbers()
    number = sql(
        "list_extract({numbers}, list_position({names}, lower(regexp_extract({t}, '\\pL+'))))",
        numbers=list(months.values()),
        names=list(months),
        t=text,
    )
    return (
        sql("regexp_replace({t}, '\\pL+[.]?', {n})", t=text, n=number),
        sql("regexp_replace({t}, '\\pL+', {n})", t=text, n=number),
    )


_LANGUAGES: Final = ("en", "nl", "nb", "de", "sv", "da", "nn")
"""What Babel calls the six languages; the last one is Norway's other one."""


@cache
def _month_numbers() -> dict[str, str]:
    """Names of months, whole and short, in the six languages, in lower case and without a point."""
    found = {"sept": "09"}
    for language in _LANGUAGES:
        for contexts in Locale(language).months.values():
            for width in ("wide", "abbreviated"):
                for number, said in contexts.get(width, {}).items():
                    found[said.casefold().removesuffix(".")] = f"{number:02}"
    return found


class Number(Step):
    """Reads a number whose decimal sign is known, and writes it with a point and nothing else."""

    title = "Number by format"
    kind: Literal["number"] = "number"
    decimal: Literal[",", "."] = _option(
        "Decimal sign", ",", {",": "comma: 1.234,50", ".": "point: 1,234.50"}
    )

    def stages(self, place: Place) -> tuple[Stage, ...]:
        del place
        other = self._other
        return (
            lambda text: sql(
                "case when {kind} = {other} then null else {number} end",
                kind=transforms.number_kind(text),
                other=other,
                number=transforms.plain_number(text, sql("{sign}", sign=self.decimal)),
            ),
            # Of 1.234 nobody later could say whether it is one or a thousand.
            lambda text: sql(
                "case when regexp_full_match({t}, '-?[0-9]{1,3}\\.[0-9]{3}')"
                " then {t} || '0' else {t} end",
                t=text,
            ),
        )

    def faults(self) -> tuple[Fault, ...]:
        return (
            Fault(
                _lost,
                f"This is not a number with “{self.decimal}” before its decimals. It is left empty.",
                "Correct it in the file, or choose the other sign.",
                keep=False,
                level=Level.ERROR,
            ),
        )

    @property
    def _other(self) -> str:
        return "." if self.decimal == "," else ","


class YesNo(Step):
    """Writes yes or no for what means it in six languages, and for words of your own."""

    title = "Yes or no"
    kind: Literal["yes_no"] = "yes_no"
    yes: tuple[str, ...] = _option("More words for yes", ())
    no: tuple[str, ...] = _option("More words for no", ())

    def stages(self, place: Place) -> tuple[Stage, ...]:
        del place
        own_yes, own_no = (
            [word.strip().casefold() for word in words] for words in (self.yes, self.no)
        )
        yes = [*own_yes, *(word for word in transforms.YES if word not in own_no)]
        no = [*own_no, *(word for word in transforms.NO if word not in own_yes)]
        return (
            lambda text: sql(
                "case when list_contains({yes}, lower(trim({t}))) then 'yes'"
                " when list_contains({no}, lower(trim({t}))) then 'no' end",
                t=text,
                yes=yes,
                no=no,
            ),
        )

    def faults(self) -> tuple[Fault, ...]:
        return (
            Fault(
                _lost,
                "This means neither yes nor no. It stays as it is.",
                "Correct it in the file, or name the word among those for yes or no.",
            ),
        )


class Country(Step):
    """Writes a country's code for its name in six languages."""

    title = "Country as its code"
    kind: Literal["country"] = "country"

    def stages(self, place: Place) -> tuple[Stage, ...]:
        return (lambda _: place.word,)

    def key(self, text: Query) -> Query | None:
        return transforms.name_key(text)

    def words(self, place: Place, texts: Texts) -> Mapping[str, str]:
        del place, texts
        return country_codes()

    def faults(self) -> tuple[Fault, ...]:
        return (
            Fault(
                _lost,
                "No country has this name. It stays as it is.",
                "Correct it in the file, or replace it by table in an earlier step.",
            ),
        )


_SAID: Final = {
    "uk": "GB",
    "u.k.": "GB",
    "great britain": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "storbritannia": "GB",
    "storbritannien": "GB",
    "groot-brittannië": "GB",
    "großbritannien": "GB",
    "engeland": "GB",
    "usa": "US",
    "u.s.a.": "US",
    "u.s.": "US",
    "united states of america": "US",
    "holland": "NL",
    "the netherlands": "NL",
    "czech republic": "CZ",
    "noreg": "NO",
    "brd": "DE",
}


@cache
def country_codes() -> Mapping[str, str]:
    """Names in six languages, ISO codes of two letters and of three, all in small letters -> code."""
    found: dict[str, str] = {}
    for language in _LANGUAGES:
        for code, said in Locale(language).territories.items():
            if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES:
                found.setdefault(" ".join(said.casefold().split()), code)
                found.setdefault(code.casefold(), code)
    return {**_SAID, **found}


_NO_COUNTRIES: Final = frozenset({"EU", "EZ", "UN", "XA", "XB", "ZZ", "QO"})


class Split(Step):
    """Takes one of the parts between separators."""

    title = "Take a part between separators"
    kind: Literal["split"] = "split"
    separator: str = _option("Separator", ",", min_length=1)
    number: int = _option("Which part", 1, description="1 is the first, -1 the last", ge=-99, le=99)

    @field_validator("number")
    @classmethod
    def _one(cls, number: int) -> int:
        if number == 0:
            raise ValueError("Parts are counted from 1, or from the end with -1.")
        return number

    def stages(self, place: Place) -> tuple[Stage, ...]:
        del place
        return (
            lambda text: sql(
                "trim(split_part({t}, {by}, {n}))", t=text, by=self.separator, n=self.number
            ),
        )


class Pattern(Step):
    """Takes the part of a text that a regular expression (RE2) describes."""

    title = "Take a part by pattern"
    kind: Literal["pattern"] = "pattern"
    pattern: str = _option("Pattern", "([0-9]+)", min_length=1)

    def stages(self, place: Place) -> tuple[Stage, ...]:
        del place
        # The first group, or the whole where it has none.
        group = 1 if re.search(r"(?<!\\)\((?!\?(?!P?<))", self.pattern) else 0
        return (
            lambda text: sql(
                "nullif(regexp_extract({t}, {pattern}, {group}), '')",
                t=text,
                pattern=self.pattern,
                group=group,
            ),
        )

    def faults(self) -> tuple[Fault, ...]:
        return (
            Fault(
                _lost,
                "Nothing in this cell fits the pattern. It is left empty.",
                "Change the pattern, or correct the cell in the file.",
                keep=False,
            ),
        )


class Pad(Step):
    """Fills a short number up with zeros in front."""

    title = "Fill up with zeros"
    kind: Literal["pad"] = "pad"
    length: int = _option("Digits", 4, ge=1, le=50)

    def stages(self, place: Place) -> tuple[Stage, ...]:
        del place
        return (
            lambda text: sql(
                "case when regexp_full_match({t}, '[0-9]+') and length({t}) < {n}"
                " then lpad({t}, {n}, '0') else {t} end",
                t=text,
                n=self.length,
            ),
        )


class Replace(Step):
    """Writes another text for each of a table, in any case."""

    title = "Replace by table"
    kind: Literal["replace"] = "replace"
    table: dict[str, str] = _option("Text = its replacement", {})
    rest: Literal["keep", "empty"] = _option(
        "All other texts", "keep", {"keep": "stay", "empty": "are emptied"}
    )

    def stages(self, place: Place) -> tuple[Stage, ...]:
        if self.rest == "empty":
            return (lambda _: place.word,)
        # An empty replacement empties the cell.
        return (
            lambda text: sql(
                "case when {word} is null then {text} else {word} end", word=place.word, text=text
            ),
        )

    def key(self, text: Query) -> Query | None:
        return transforms.name_key(text)

    def words(self, place: Place, texts: Texts) -> Mapping[str, str]:
        del place, texts
        return {" ".join(text.lower().split()): said for text, said in self.table.items()}

    def faults(self) -> tuple[Fault, ...]:
        if self.rest == "keep":
            return ()
        return (
            Fault(
                _lost,
                "This text is not in the table. It is left empty.",
                "Add it to the table, or let other texts stay.",
                keep=False,
            ),
        )


class Constant(Step):
    """Writes the same text into every cell, or into the empty ones."""

    title = "The same text"
    kind: Literal["constant"] = "constant"
    text: str = _option("Text", "")
    where: Literal["empty", "all"] = _option(
        "Written into", "empty", {"empty": "empty cells", "all": "every cell"}
    )

    def stages(self, place: Place) -> tuple[Stage, ...]:
        del place
        if self.where == "all":
            return (lambda _: sql("{v}", v=self.text),)
        return (lambda text: sql("coalesce({t}, {v})", t=text, v=self.text),)


class Expression(Step):
    """Computes the text by DuckDB SQL over the row: `value`, or a column by its header.

    Attributes:
        names: Header -> column id; filled when the step is set.
    """

    title = "SQL expression"
    kind: Literal["expression"] = "expression"
    text: str = _option("Expression", VALUE, description="upper(value) || ' ' || \"City\"")
    names: dict[str, str] = Field(default_factory=dict, exclude=False)

    @property
    def needs_row(self) -> bool:
        return True

    def stages(self, place: Place) -> tuple[Stage, ...]:
        known = {said: place.columns[c] for said, c in self.names.items() if c in place.columns}
        # A header goes behind `value` and the ids.
        query = expressions.compiled(
            self.text, {said.casefold(): column for said, column in known.items()} | place.columns
        )
        return (lambda _: query,)

    def faults(self) -> tuple[Fault, ...]:
        return (
            Fault(
                lambda _, after: sql("{after} is null", after=after),
                "The SQL expression cannot be computed for this row. The cell is left empty.",
                "Correct the row in the file, or use try_cast in the expression.",
                keep=False,
                level=Level.ERROR,
            ),
        )


AnyStep: TypeAlias = Annotated[
    Trim
    | NullWords
    | Mojibake
    | Case
    | NamePart
    | Phone
    | Email
    | WebAddress
    | Vat
    | Date
    | Number
    | YesNo
    | Country
    | Split
    | Pattern
    | Pad
    | Replace
    | Constant
    | Expression,
    Field(discriminator="kind"),
]
"""Every step, told apart by its kind."""

REGISTRY: Final[Mapping[str, type[Step]]] = {
    declared.model_fields["kind"].default: declared
    for declared in (
        Trim,
        NullWords,
        Mojibake,
        Case,
        NamePart,
        Phone,
        Email,
        WebAddress,
        Vat,
        Date,
        Number,
        YesNo,
        Country,
        Split,
        Pattern,
        Pad,
        Replace,
        Constant,
        Expression,
    )
}
"""Kind -> step, in the order of the screen."""

_STEPS: Final[TypeAdapter[tuple[AnyStep, ...]]] = TypeAdapter(tuple[AnyStep, ...])


def steps_from(declared: Iterable[Step | Mapping[str, Any]]) -> tuple[AnyStep, ...]:
    """Steps of what was declared: steps, or their JSON.

    Raises:
        MappingError: A step or an option does not exist, or has a wrong value; all are told.
    """
    given = [step.model_dump() if isinstance(step, Step) else step for step in declared]
    try:
        return _STEPS.validate_python(given)
    except ValidationError as error:
        raise MappingError(
            "A cleaning step cannot be used.",
            where="Mapping",
            mend=" ".join(_in_words(dict(fault)) for fault in error.errors()),
        ) from error


def _in_words(fault: dict[str, Any]) -> str:
    """A fault of pydantic with the step and the option that it is about."""
    place = [str(part) for part in fault["loc"]]
    step = next((REGISTRY[part] for part in place if part in REGISTRY), None)
    option = step.model_fields.get(place[-1]) if step else None
    about = ", ".join(part for part in (step and step.title, option and option.title) if part)
    text = str(fault["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"{about}: {text}." if about else f"{text}."
