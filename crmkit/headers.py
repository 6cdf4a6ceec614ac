"""What a header says by itself: the concept it names, and whose it is.

The words are in `headers.toml`, in six languages. Words that say whose a thing is ("Contact e-mail",
"Telefon privat", "BESOKSPOSTNR") are taken off, from either end, until a known word is left.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from itertools import product
from typing import Final

from rapidfuzz import fuzz, process

from crmkit.entities import Schema

_SIMILAR: Final = 90.0
_SHORTEST_SIMILAR: Final = 6
_ABBREVIATED: Final = re.compile(r"([^\W\d_]{3,})\.")
_OF_AN_ABBREVIATION: Final = 0.8
_MOST_SPELLINGS: Final = 12
_AS_SHORT: Final = 2
"""How many letters longer another word may be, for an abbreviation to mean either."""

# Whose: the words that say so, longest first where one begins with another.
_WHOSE: Final = {
    "nobody": (
        "assistants assistant assistent manager managers spouse partner yomi phonetic parent"
        " type typ label display photo previous former alternative delivery leverings leverans lever"
        " afleverings liefer bill"
        " foresattes foresatt foresatte foraelders foraelder foraeldre foralder malsmans malsman"
        " vardnadshavares vardnadshavare verge ouders ouder verzorgers verzorger voogd eltern elternteil"
        " erziehungsberechtigte erziehungsberechtigter mutter guardians guardian parents carer mothers mother"
        " fathers father emergency emerg noodgeval notfall parorende anhorigs anhorig"
    ),
    "ours": "our unser unsere vores var vart ons onze",
    "private": (
        "woonadres huisadres hjemmeadresse hemadress bostadsadress privatadresse privatadress priveadres"
        " home private privat prive privaten hjemme hjem hem thuis personal persoonlijk personlig"
        " personlich personligt huis priv bostad bostads"
    ),
    "other": "other andere ander annan annen anden andet weitere weiteres weiterer alternativ",
    "main": (
        "main,general,algemeen,sentralbord,vaxel,zentrale,hoved,hoofd,centraal,zentral,central,huvud,haupt,"
        "allgemein,hauptadresse,hoofdadres,hovedadresse,huvudadress,primary,default,"
        "default address,main address,primary address,address 1"
    ),
    "direct": ("direct direkt direkte direktes ddi dir"),
    "work": (
        "work business werkadres arbeitsadresse werk zakelijk dienstlich dienstl gesch geschaftlich arbeid arbeids arb arbete arbets arbejde arbejds jobb"
        " job office kontor kontors dienst beruflich bedrijfs"
    ),
    "visit": (
        "visiting visit bezoekadres bezoek besoksadresse besoks besok besuchsadresse besuchs besuch"
        " besoksadress besogsadresse besogs forretningsadresse forretnings street shipping physical"
        " vestigings gate"
        " sa anlaegs anleggs objekts objekt object installations arbeidsplass arbetsplats arbejdsplads"
        " arbetsstalle byggeplass byggeplads baustellen baustelle"
    ),
    "postal": (
        "postal postadresse postadres postadress postanschrift mailing post correspondentie"
        " correspondence billing factuur faktura fakturerings fakturaadresse rechnungs invoice invoicing"
        " po fakt facturen facturatie rechnungen fakturor fakturaer invoices"
    ),
    "company": (
        "company companies account organization organisation organisasjons organisasjon organisatie"
        " organisations customers customer cust client bedrijf firma firmaets klanten klant relatie"
        " bedrifts bedrift virksomhetens virksomhets virksomhet virksomheds virksomhed selskaps selskap"
        " selskab kundens kunden kunde kund foretagets foretags foretag bolagets bolags bolag"
        " unternehmens unternehmen supplier vendor leverandor leverantor lieferanten debitor debiteur org"
    ),
    "person": (
        "contactpersoons contactpersoon contacts contact kontaktpersonens kontaktpersons kontaktperson"
        " kontakten kontakt kontakts ansprechpartners ansprechpartner personens persoon person"
        " medarbeider medarbejder medewerker mitarbeiter employee ansatt lead member medlems medlem"
        " lid mitglieds mitglied deltakerens deltakers deltaker deltagerens deltagers deltager deltagarens"
        " deltagares deltagare deelnemers deelnemer teilnehmers teilnehmer participants participant"
        " attendees attendee kursists kursist cursist kursdeltakers kursdeltaker kursdeltagers"
        " kursdeltager kursteilnehmer besuchers besucher bezoekers bezoeker visitors visitor"
    ),
    "product": (
        "products product produkts produkt artikelens artikel artikkel article items item varens vare"
        " vara varans variant"
        " prod"
    ),
    "without tax": (
        "excl vat,excl tax,excl btw,exclusief btw,exclusief,excluding vat,ex vat,ex btw,eks mva,ekskl mva,"
        "uten mva,exkl moms,exkl mwst,ekskl moms,ex moms,uden moms,utan moms,ohne mwst,zzgl mwst,netto,net,"
        "excl,exkl,ekskl,eks"
    ),
    "with tax": (
        "incl vat,incl tax,incl btw,inclusief btw,inclusief,including vat,inc vat,inkl mva,inkl moms,"
        "inkl mwst,med moms,med mva,mit mwst,brutto,gross,incl,inkl"
    ),
    "": (
        "s,your,eur,gbp,nok,sek,dkk,usd,euro,kr,chf,value,wert,verdi,c,the,af,av,pr,adressattyp,"
        "from stand,on stand,at stand,fra stand,pa stand,fran stand,fran monter,i monter,vom stand,am stand,"
        "van stand,op stand,van de stand,op de stand,fra messe,from show,from event,vom messestand,"
        "naturl,eu,ebene,level,niveau,durchschnittlicher,gemiddelde,gjennomsnittlig,of address"
    ),
}
_QUALIFIERS: Final = sorted(
    (
        (qualifier, whose)
        for whose, listed in _WHOSE.items()
        for qualifier in (listed.split(",") if "," in listed else listed.split())
    ),
    key=lambda item: -len(item[0]),
)
_SHORTEST_GLUED: Final = 8
_DEEPEST: Final = 4

_DATED: Final = {
    "date",
    "datum",
    "dato",
    "datoen",
    "created",
    "modified",
    "changed",
    "updated",
    "aangemaakt",
    "gewijzigd",
    "erstellt",
    "geandert",
    "angelegt",
    "opprettet",
    "endret",
    "registrert",
    "skapad",
    "andrad",
    "oprettet",
    "rettet",
    "aendret",
    "since",
    "siden",
    "seit",
    "sinds",
    "sedan",
    "last",
    "laatste",
    "laatst",
    "letzter",
    "letzte",
    "letztes",
    "sist",
    "siste",
    "senast",
    "senaste",
    "sidst",
    "sidste",
}
_SHOP_LANGUAGE: Final = re.compile("^(?:EN|NL|NO|NB|DE|SV|SE|DA|DK|FR)_(?=[A-Z])")
"""What web shops put before the texts of each language."""

_MERE: Final = {
    **dict.fromkeys(("mobile", "direct", "private_phone", "fax"), "phone"),
    "line1": "number",
    "country": "id",
}
"""Concept -> another that in one header with it says nothing more."""

_NUMBER: Final = ("nr", "no", "id", "num")

_NAMERS: Final = {
    "company_name": "company",
    "full_name": "person",
    "leader": "leader",
}
"""Concept of a word for somebody -> whose the rest of the header is."""

_PARTS: Final = re.compile(r"\s*[/,;&+|]\s*|\s(?:og|und|en|and|och|or)\s")


@dataclass(frozen=True)
class Meaning:
    """What a header word means: the field for each entity, and for whom it usually is.

    Attributes:
        usually: The entity of a bare word where a file has both, `near` for that of the column before,
            `prefixed` for none.
    """

    concept: str = ""
    company: str = ""
    person: str = ""
    product: str = ""
    usually: str = ""
    trust: float = 0.95

    def target(self, entity: str) -> str:
        """The target for one of the entities; empty when it has none."""
        return {"company": self.company, "person": self.person, "product": self.product}.get(
            entity, ""
        )

    @property
    def has_field(self) -> bool:
        """Whether it means a field at all."""
        return bool(self.company or self.person or self.product)


@dataclass(frozen=True)
class Reading:
    """What a header says by itself.

    Attributes:
        meaning: None where it says nothing that is known.
        whose: What the words around it say: `company`, `private`, `visit`, `nobody` and so on.
        number: The number in it: 2 for "Telefon 2".
        exact: It is a known word, with words around it at most; not one that is like it.
    """

    meaning: Meaning | None
    confidence: float
    reason: str
    whose: frozenset[str] = frozenset()
    number: int = 1
    exact: bool = True

    @property
    def concept(self) -> str:
        return self.meaning.concept if self.meaning else ""


Words = Mapping[str, Meaning]


def normal(header: str) -> str:
    """A header without case, accents, punctuation and marks such as `*`."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", header)
    folded = (
        spaced.casefold().replace("ø", "o").replace("æ", "ae").replace("ß", "ss").replace("å", "a")
    )
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c)
    )
    return " ".join(re.findall(r"[a-z0-9]+", plain))


def key(header: str) -> str:
    """A header as `normal`, and without its spaces: "E-post adresse" is "Epostadresse"."""
    return normal(header).replace(" ", "")


@cache
def words(entities: frozenset[str]) -> Words:
    """The known words that mean a field of one of these entities, or that there is none."""
    text = resources.files("crmkit").joinpath("headers.toml").read_text(encoding="utf-8")
    found: dict[str, Meaning] = {}
    for concept, given in tomllib.loads(text).items():
        listed = given.pop("words")
        if entities.isdisjoint(given):
            continue
        meaning = Meaning(concept=concept, **given)
        for word in listed:
            found.setdefault(key(word), meaning)
    return found


def declared(schema: Schema) -> Words:
    """The program's own headers, as its template and exports write them.

    A field's label without its entity counts where no other field of an entity has it.
    """
    return _declared(
        tuple(
            (target.entity.id, target.id, label, f"{target.entity.labels[language]} {label}")
            for target in schema.targets()
            for language, label in target.labels.items()
        )
    )


# A workspace has the same few from file to file, and to read them all takes as long as all else.
@lru_cache(maxsize=8)
def _declared(labelled: tuple[tuple[str, str, str, str], ...]) -> Words:
    """What is meant by labels: each with its entity, its target and the label behind the entity's."""
    found: dict[str, set[tuple[str, str]]] = {}
    for entity, target, label, long_label in labelled:
        found.setdefault(key(label), set()).add((entity, target))
        found.setdefault(key(long_label), set()).add((entity, target))
    meanings = {}
    for text, several in found.items():
        fields = dict(several)
        if len(fields) == len(several):
            company, person, product = (fields.get(e, "") for e in ("company", "person", "product"))
            meanings[text] = Meaning("own", company, person, product, usually="near")
    return meanings


def read(header: str, known: Words, own: Words) -> Reading:
    """What a header says, by the words that are known and the program's own."""
    header = _SHOP_LANGUAGE.sub("", header)
    text = normal(header)
    if key(header) in own and key(header) not in known:
        return Reading(own[key(header)], 0.95, "the header is one of the program's own")
    understood = _understand_shortest(text, known)
    if understood and (not _is_dated(text) or not understood[1]):
        meaning, whose, number = understood
        reason = "the header is known"
        if whose:
            reason += f", for “{whose[0]}”" if whose[0] in ("company", "person") else ""
        return Reading(meaning, meaning.trust, reason, frozenset(whose) - {""}, number)
    if _is_dated(text):
        return Reading(None, 0.0, "the header speaks of another date")
    if (parts := _read_parts(header, text, known)) is not None:
        return parts
    if (spelled := _read_abbreviated(header, text, known)) is not None:
        return spelled
    return _read_similar(text, known)


def _is_dated(text: str) -> bool:
    tokens = set(text.split())
    return not _DATED.isdisjoint(tokens) and "name" not in tokens


def _understand_shortest(text: str, known: Words) -> tuple[Meaning, tuple[str, ...], int] | None:
    """The meaning with as few words as possible taken off."""
    found = (_understand(text, known, depth) for depth in range(_DEEPEST + 1))
    return next((understood for understood in found if understood), None)


def _understand(text: str, known: Words, depth: int) -> tuple[Meaning, tuple[str, ...], int] | None:
    """The meaning of a text, what the words around it say, and the number in it."""
    if meaning := known.get(text.replace(" ", "")):
        return meaning, (), 1
    if depth == 0 or len(text) < 2:
        return None
    if found := re.fullmatch(r"(.*[a-z]) ?0?(\d)( .*)?", text):
        before, number, after = found.group(1), found.group(2), found.group(3) or ""
        if inner := _understand(before + after, known, depth - 1):
            return inner[0], inner[1], int(number)
    for qualifier, whose in _QUALIFIERS:
        for rest in _without(text, qualifier):
            if inner := _understand(rest, known, depth - 1):
                return inner[0], (whose, *inner[1]), inner[2]
    for whose, rest in _without_somebody(text.split(), known):
        if inner := _understand(rest, known, depth - 1):
            return inner[0], (whose, *inner[1]), inner[2]
    return None


def _without_somebody(tokens: list[str], known: Words) -> Iterator[tuple[str, str]]:
    """A text without a word for a company or a person: the telephone of "Tel. ombud" is the ombud's."""
    for place in range(1, len(tokens)):
        for name, rest in (
            (tokens[:place], tokens[place:]),
            (tokens[place:], tokens[:place]),
        ):
            meaning = known.get("".join(name))
            if meaning is not None and meaning.concept in _NAMERS:
                yield _NAMERS[meaning.concept], " ".join(rest)


def _without(text: str, qualifier: str) -> Iterator[str]:
    """A text without a word at its beginning or end, which may be glued to the next one."""
    size = len(qualifier)
    glued = size >= 3 and len(text) - size >= 3 and len(text) >= _SHORTEST_GLUED
    if text.startswith(f"{qualifier} "):
        yield text[size + 1 :]
    elif glued and text.startswith(qualifier):
        yield text[size:]
    if text.endswith(f" {qualifier}"):
        yield text[: -size - 1]
    elif glued and text.endswith(qualifier):
        yield text[:-size].rstrip()


def _read_parts(header: str, text: str, known: Words) -> Reading | None:
    """A header of two words for the same thing ("Mobile/Cell"), or of two things ("PLZ Ort")."""
    parts = [normal(part) for part in _PARTS.split(header) if normal(part)]
    found = [understood[0] for part in parts if (understood := _understand(part, known, 1))]
    with_field = [meaning for meaning in found if meaning.has_field]
    tokens = text.split()
    if len(with_field) < 2 and len(tokens) == 1:
        with_field = _glued_halves(text, known) or with_field
    elif len(with_field) < 2:
        for place in range(1, len(tokens)):
            halves = [known.get("".join(half)) for half in (tokens[:place], tokens[place:])]
            if all(half is not None and half.has_field for half in halves):
                with_field = [half for half in halves if half is not None]
                break
    concepts = {meaning.concept for meaning in with_field}
    for meaning in with_field:
        # "Tel. (mob)" is a mobile, not a telephone and a mobile.
        if concepts - {meaning.concept} and concepts <= {
            meaning.concept,
            _MERE.get(meaning.concept),
        }:
            return Reading(meaning, 0.9, "the header is known")
    if len(concepts) > 1:
        return Reading(None, 0.0, "the header names two things")
    if concepts and len(parts) > 1:
        return Reading(with_field[0], 0.8, "a part of the header is known")
    return None


def _glued_halves(word: str, known: Words) -> list[Meaning]:
    """The meanings of two known words of which one says nothing more: "Mobiltfn"."""
    for place in range(3, len(word) - 2):
        halves = [known.get(word[:place]), known.get(word[place:])]
        found = [half for half in halves if half is not None and half.has_field]
        concepts = [half.concept for half in found]
        if len(found) == 2 and any(_MERE.get(c) in concepts for c in concepts):
            return found
    return []


def _read_abbreviated(header: str, text: str, known: Words) -> Reading | None:
    """A header with words cut off at a full stop ("Stillingsbetegn.", "Postc. werkadres").

    Such a word stands for the shortest that begins with it, at least half of which is written; where
    another as short means something else, it says nothing.
    """
    cut = {normal(word).split()[-1] for word in _ABBREVIATED.findall(header)}
    spellings = [_spelled_out(t, known) if t in cut else [t] for t in text.split()]
    if not cut or max(len(s) for s in spellings) == 1:
        return None
    candidates = sorted(map(" ".join, product(*spellings)), key=lambda c: (len(c), c))
    found = [
        (candidate, understood)
        for candidate in candidates[:_MOST_SPELLINGS]
        if (understood := _understand_shortest(candidate, known))
    ]
    if not found:
        return None
    word, (meaning, whose, number) = found[0]
    near = [other for spelled, other in found if len(spelled) <= len(word) + _AS_SHORT]
    if len({(other.concept, frozenset(of)) for other, of, _ in near}) > 1:
        return None
    return Reading(
        meaning,
        min(meaning.trust, _OF_AN_ABBREVIATION),
        f"the header is short for “{word}”",
        frozenset(whose) - {""},
        number,
    )


def _spelled_out(word: str, known: Words) -> list[str]:
    """A cut-off word itself, and known words that begin with it, the shortest first."""
    whole = {w for w in known if w.isalpha()} | {q for q, _ in _QUALIFIERS if q.isalpha()}
    longer = [w for w in whole if w.startswith(word) and len(word) < len(w) <= 2 * len(word)]
    kept: list[str] = []
    for spelled in sorted(longer, key=lambda w: (len(w), w)):
        # Neither "levnr" nor a word made of another ("enhetspris") is what "Lev." or "Enh." stands for.
        if spelled.removeprefix(word) not in _NUMBER and not spelled.startswith(tuple(kept)):
            kept.append(spelled)
    return [word, *kept[:_MOST_SPELLINGS]]


def _read_similar(text: str, known: Words) -> Reading:
    squeezed = text.replace(" ", "")
    if len(squeezed) >= _SHORTEST_SIMILAR and (
        close := process.extractOne(
            squeezed, known.keys(), scorer=fuzz.ratio, score_cutoff=_SIMILAR
        )
    ):
        word, score, _ = close
        # Slips of the pen are seldom in the first letters: "E-nummer" is no "Nummer".
        begins = word[:2] == squeezed[:2]
        if begins and re.findall(r"\d", word) == re.findall(r"\d", squeezed):
            return Reading(
                known[word], 0.7 * score / 100, f"the header is like “{word}”", exact=False
            )
    return Reading(None, 0.0, "the header is not known")
