"""Address books that are a table: which program wrote it, and what it calls its columns in English.

Outlook writes its headers in the language of the machine. English, Dutch and German ones are known by
name (some French, Polish and Norwegian ones too); in any other language the first 48 columns stand in
the same order (reference: source-formats.md section 1.1), and of the others the cells say which are
e-mail addresses and web pages.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

OUTLOOK: Final = "Outlook"
THUNDERBIRD: Final = "Thunderbird"
LINKEDIN: Final = "LinkedIn"

_BLOCK_A: Final = (
    "Title", "First Name", "Middle Name", "Last Name", "Suffix", "Company", "Department",
    "Job Title", "Business Street", "Business Street 2", "Business Street 3", "Business City",
    "Business State", "Business Postal Code", "Business Country/Region", "Home Street",
    "Home Street 2", "Home Street 3", "Home City", "Home State", "Home Postal Code",
    "Home Country/Region", "Other Street", "Other Street 2", "Other Street 3", "Other City",
    "Other State", "Other Postal Code", "Other Country/Region", "Assistant's Phone",
    "Business Fax", "Business Phone", "Business Phone 2", "Callback", "Car Phone",
    "Company Main Phone", "Home Fax", "Home Phone", "Home Phone 2", "ISDN", "Mobile Phone",
    "Other Fax", "Other Phone", "Pager", "Primary Phone", "Radio Phone", "TTY/TDD Phone", "Telex",
)  # fmt: skip
"""The first columns of Outlook's export, in the order of every language."""

_BLOCK_B: Final = (
    "Account", "Anniversary", "Assistant's Name", "Billing Information", "Birthday",
    "Business Address PO Box", "Categories", "Children", "Directory Server", "E-mail Address",
    "E-mail Type", "E-mail Display Name", "E-mail 2 Address", "E-mail 2 Type",
    "E-mail 2 Display Name", "E-mail 3 Address", "E-mail 3 Type", "E-mail 3 Display Name",
    "Gender", "Government ID Number", "Hobby", "Home Address PO Box", "Initials",
    "Internet Free Busy", "Keywords", "Language", "Location", "Manager's Name", "Mileage", "Notes",
    "Office Location", "Organizational ID Number", "Other Address PO Box", "Priority", "Private",
    "Profession", "Referred By", "Sensitivity", "Spouse", "User 1", "User 2", "User 3", "User 4",
    "Web Page",
)  # fmt: skip
"""The others; each language sorts them by its own names."""

_ELSEWHERE: Final = (
    "Name", "Nickname", "Given Yomi", "Surname Yomi", "IMAddress", "Company Yomi",
    "Personal Web Page", "Schools", "Home Address", "Business Address", "Other Address",
    "Home Country", "Business Country", "Other Country",
)  # fmt: skip
"""Of outlook.com, Outlook for Mac, and Google's export for Outlook."""

_DUTCH: Final = (
    "Titel", "Voornaam", "Middelste naam", "Achternaam", "Achtervoegsel", "Bedrijf", "Afdeling",
    "Functie", "Werkadres, straat", "Werkadres 2, straat", "Werkadres 3, straat",
    "Werkadres, plaats", "Werkadres, provincie", "Werkadres, postcode", "Land/regio (werk)",
    "Huisadres, straat", "Huisadres, straat 2", "Huisadres, straat 3", "Huisadres, plaats",
    "Huisadres, provincie", "Huisadres, postcode", "Land/regio (thuis)", "Ander adres, straat",
    "Ander adres, straat 2", "Ander adres, straat 3", "Ander adres, plaats",
    "Ander adres, provincie", "Ander adres, postcode", "Land/regio (anders)",
    "Telefoon assistent", "Fax op werk", "Telefoon op werk", "Telefoon op werk 2", "Terugbellen",
    "Autotelefoon", "Hoofdtelefoon bedrijf", "Fax thuis", "Telefoon thuis", "Telefoon thuis 2",
    "ISDN", "Mobiele telefoon", "Andere fax", "Andere telefoon", "Pager", "Hoofdtelefoon",
    "Radiotelefoon", "Teksttelefoon", "Telex",
    "Account", "Speciale datum", "Naam assistent", "Factuurinformatie", "Verjaardag",
    "Werkadres, postbusnummer", "Categorieën", "Kinderen", "Adreslijstserver", "E-mailadres",
    "E-mailtype", "Weergavenaam voor e-mail", "E-mailadres 2", "E-mailtype 2",
    "E-mail, weergegeven naam 2", "E-mailadres 3", "E-mailtype 3", "E-mail, weergegeven naam 3",
    "Geslacht", "Sofinummer", "Hobby's", "Huisadres, postbusnummer", "Initialen",
    "Internet Beschikbaarheidsinfo", "Trefwoorden", "Taal", "Locatie", "Naam manager",
    "Reisafstand", "Notities", "Kantoorlocatie", "Organisatie-id", "Ander adres, postbusnummer",
    "Prioriteit", "Privé", "Beroep", "Referentie van", "Gevoeligheid", "Partner", "Gebruiker 1",
    "Gebruiker 2", "Gebruiker 3", "Gebruiker 4", "Webpagina",
)  # fmt: skip

_GERMAN: Final = (
    "Anrede", "Vorname", "Weitere Vornamen", "Nachname", "Suffix", "Firma", "Abteilung",
    "Position", "Straße geschäftlich", "Straße geschäftlich 2", "Straße geschäftlich 3",
    "Ort geschäftlich", "Region geschäftlich", "Postleitzahl geschäftlich",
    "Land/Region geschäftlich", "Straße privat", "Straße privat 2", "Straße privat 3",
    "Ort privat", "Bundesland/Kanton privat", "Postleitzahl privat", "Land/Region privat",
    "Weitere Straße", "Weitere Straße 2", "Weitere Straße 3", "Weiterer Ort",
    "Weiteres/r Bundesland/Kanton", "Weitere Postleitzahl", "Weiteres/e Land/Region",
    "Telefon Assistent", "Fax geschäftlich", "Telefon geschäftlich", "Telefon geschäftlich 2",
    "Rückmeldung", "Autotelefon", "Telefon Firma", "Fax privat", "Telefon privat",
    "Telefon privat 2", "ISDN", "Mobiltelefon", "Weiteres Fax", "Weiteres Telefon", "Pager",
    "Haupttelefon", "Mobiltelefon 2", "Telefon für Hörbehinderte", "Telex",
    "Konto", "Jahrestag", "Name Assistent", "Abrechnungsinformation", "Geburtstag",
    "Postfach geschäftlich", "Kategorien", "Kinder", "Verzeichnisserver", "E-Mail-Adresse",
    "E-Mail-Typ", "E-Mail: Angezeigter Name", "E-Mail 2: Adresse", "E-Mail 2: Typ",
    "E-Mail 2: Angezeigter Name", "E-Mail 3: Adresse", "E-Mail 3: Typ",
    "E-Mail 3: Angezeigter Name", "Geschlecht", "Regierungsnr.", "Hobby", "Postfach privat",
    "Initialen", "Internet-Frei/Gebucht", "Stichwörter", "Sprache", "Ort",
    "Name des/der Vorgesetzten", "Reisekilometer", "Notizen", "Büro", "Organisationsnr.",
    "Weiteres Postfach", "Priorität", "Privat", "Beruf", "Empfohlen von", "Vertraulichkeit",
    "Partner", "Benutzer 1", "Benutzer 2", "Benutzer 3", "Benutzer 4", "Webseite",
)  # fmt: skip

OUTLOOK_HEADERS: Final = {
    "English": (*_BLOCK_A, *_BLOCK_B),
    "Dutch": _DUTCH,
    "German": _GERMAN,
}
"""What Outlook calls the same columns in the languages that are known whole."""

_MORE_NAMES: Final = {
    "German": {
        "Assistent(in)": "Assistant's Name",
        "Sozialversicherungsnr.": "Government ID Number",
        "Bundesland/Kanton geschäftlich": "Business State",
        "PLZ (privat)": "Home Postal Code",
        "Rufnummer (privat)": "Home Phone",
        "Rufnummer (geschäftlich)": "Business Phone",
        "E-Mail-Adresse 2": "E-mail 2 Address",
        "E-Mail-Adresse 3": "E-mail 3 Address",
    },
    "French": {
        "Titre": "Title",
        "Prénom": "First Name",
        "Deuxième prénom": "Middle Name",
        "Nom": "Last Name",
        "Suffixe": "Suffix",
        "Société": "Company",
        "Service": "Department",
        "Rue (bureau)": "Business Street",
        "Ville (bureau)": "Business City",
        "Code postal (bureau)": "Business Postal Code",
        "Dép/Région (bureau)": "Business State",
        "Pays/Région (bureau)": "Business Country/Region",
        "Téléphone (bureau)": "Business Phone",
        "Tél. mobile": "Mobile Phone",
        "Adresse de messagerie": "E-mail Address",
    },
    "Polish": {
        "Imię": "First Name",
        "Drugie imię": "Middle Name",
        "Nazwisko": "Last Name",
        "Firma": "Company",
        "Oddział": "Department",
        "Stanowisko": "Job Title",
        "Ulica (biuro)": "Business Street",
        "Miasto (biuro)": "Business City",
        "Kod pocztowy (biuro)": "Business Postal Code",
        "Kraj/region (biuro)": "Business Country/Region",
        "Telefon służbowy": "Business Phone",
        "Telefon komórkowy": "Mobile Phone",
        "Adres e-mail": "E-mail Address",
    },
    "Norwegian": {
        "Fornavn": "First Name",
        "Mellomnavn": "Middle Name",
        "Etternavn": "Last Name",
        "Firma": "Company",
        "Stilling": "Job Title",
        "Gateadresse, arbeid": "Business Street",
        "Poststed, arbeid": "Business City",
        "Region, arbeid": "Business State",
        "Postnummer, arbeid": "Business Postal Code",
        "Land/område, arbeid": "Business Country/Region",
        "Telefon, arbeid": "Business Phone",
        "Mobiltelefon": "Mobile Phone",
        "E-postadresse": "E-mail Address",
    },
}
"""Names of newer versions, and what is known of other languages."""

_THUNDERBIRD: Final = (
    "First Name", "Last Name", "Display Name", "Nickname", "Primary Email", "Secondary Email",
    "Screen Name", "Work Phone", "Home Phone", "Fax Number", "Pager Number", "Mobile Number",
    "Home Address", "Home Address 2", "Home City", "Home State", "Home ZipCode", "Home Country",
    "Work Address", "Work Address 2", "Work City", "Work State", "Work ZipCode", "Work Country",
    "Job Title", "Department", "Organization", "Web Page 1", "Web Page 2", "Birth Year",
    "Birth Month", "Birth Day", "Custom 1", "Custom 2", "Custom 3", "Custom 4", "Notes",
)  # fmt: skip
"""The columns of Thunderbird's export, in the order of every language."""

_LINKEDIN: Final = ("First Name", "Last Name", "Company", "Position", "Connected On")

_LANGUAGES: Final = (
    # First name and last name tell languages apart.
    ("English", "first name", "last name"),
    ("German", "vorname", "nachname"),
    ("Dutch", "voornaam", "achternaam"),
    ("Norwegian", "fornavn", "etternavn"),
    ("Danish", "fornavn", "efternavn"),
    ("Swedish", "fornamn", "efternamn"),
    ("Finnish", "etunimi", "sukunimi"),
    ("French", "prenom", "nom"),
    ("Italian", "nome", "cognome"),
    ("Spanish", "nombre", "apellido"),
    ("Portuguese", "nome", "sobrenome"),
    ("Portuguese", "nome proprio", "apelido"),
    ("Polish", "imie", "nazwisko"),
    ("Czech", "jmeno", "prijmeni"),
    ("Slovak", "meno", "priezvisko"),
    ("Hungarian", "utonev", "vezeteknev"),
    ("Russian", "имя", "фамилия"),
)
_PLAIN_WORDS: Final = {
    "Birthday": (
        "fodselsdag", "fodelsedag", "anniversaire", "date de naissance", "compleanno",
        "cumpleanos", "aniversario", "data de nascimento", "urodziny", "narozeniny", "narodeniny",
        "syntymapaiva", "szuletesnap",
    ),
    "Notes": (
        "notater", "notat", "anteckningar", "noter", "notes", "note", "notas", "uwagi", "notatki",
        "poznamky", "muistiinpanot", "megjegyzesek",
    ),
    "Categories": ("kategorier", "categories", "categorie", "categorias", "kategorie", "luokat"),
    "Initials": ("initialer", "initiales", "iniziali", "iniciales", "iniciais", "inicjaly"),
}  # fmt: skip
"""Of the columns whose order differs: those that a CRM has a field for, in plain words."""

_ONLY_OUTLOOK: Final = re.compile(
    r"(Business|Other|Home) (Street|City|State|Postal|Country|Phone|Fax|Address)\b.*"
    r"|E-mail( [23])? (Address|Type|Display Name)|(Company Main|Primary|Radio|Assistant's|Car) Phone"
    r"|Internet Free Busy|Government ID Number|IMAddress"
)
"""Names that tables of other programs do not have."""

_ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+|/o=.*", re.IGNORECASE)
_EMAIL_TYPE: Final = re.compile(r"SMTP|EX|MAPIPDL|FAX", re.IGNORECASE)
_WEB_PAGE: Final = re.compile(r"(https?://|www\.)\S+", re.IGNORECASE)


@dataclass(frozen=True)
class Recognised:
    """A table of a program that is known.

    Attributes:
        program: "Outlook", "Thunderbird", "LinkedIn".
        description: For people: "Outlook contacts (Norwegian), recognised by the order of its columns".
        known_as: What the program calls each column in English; empty where that is not known.
    """

    program: str
    description: str
    known_as: tuple[str, ...]


def recognise(headers: Sequence[str], samples: Sequence[Sequence[str]] = ()) -> Recognised | None:
    """Which program wrote a table with these headers; None when it is none of those known.

    Args:
        samples: Some cells of each column, for columns that only their content tells.
    """
    keys = [_key(header) for header in headers]
    return (
        _linkedin(headers, keys)
        or _thunderbird(keys)
        or _outlook_by_name(keys)
        or _outlook_by_order(keys, samples)
    )


def _linkedin(headers: Sequence[str], keys: Sequence[str]) -> Recognised | None:
    if not {_key(name) for name in _LINKEDIN} <= set(keys):
        return None
    return Recognised(LINKEDIN, "LinkedIn connections", tuple(header.strip() for header in headers))


def _thunderbird(keys: Sequence[str]) -> Recognised | None:
    known = {_key(name): name for name in _THUNDERBIRD}
    if "primary email" in keys and _share(keys, known) >= 0.6:
        return Recognised(
            THUNDERBIRD, "Thunderbird contacts", tuple(known.get(key, "") for key in keys)
        )
    # Web pages 1 and 2 and the four own fields keep their numbers in every language.
    if len(keys) in (37, 38) and _numbered(keys[27:29], "12") and _numbered(keys[32:36], "1234"):
        return Recognised(
            THUNDERBIRD,
            f"Thunderbird contacts{_language(keys, 0, 1)}, recognised by the order of its columns",
            (*_THUNDERBIRD, *[""] * (len(keys) - len(_THUNDERBIRD))),
        )
    return None


def _outlook_by_name(keys: Sequence[str]) -> Recognised | None:
    for language, known in _outlook_names().items():
        names = [known.get(key, "") for key in keys]
        telling = sum(bool(_ONLY_OUTLOOK.fullmatch(name)) for name in names)
        if telling < 2 or _share(keys, known) < 0.6:
            continue
        if "Given Yomi" in names and "IMAddress" in names:
            description = "Outlook.com contacts"
        elif "Business Address" in names and "Business Country" in names:
            description = "Google contacts as they are exported for Outlook"
        else:
            description = f"Outlook contacts ({language})"
        return Recognised(OUTLOOK, description, tuple(names))
    return None


def _outlook_by_order(keys: Sequence[str], samples: Sequence[Sequence[str]]) -> Recognised | None:
    streets = [keys[start : start + 3] for start in (8, 15, 22)]
    if not (
        90 <= len(keys) <= 93
        and all(_numbered(street, "23") for street in streets)
        and (keys[39] == "isdn" or keys[43] == "pager" or keys[47] == "telex")
    ):
        return None
    names = [*_BLOCK_A, *[""] * (len(keys) - len(_BLOCK_A))]
    cells = [*samples, *[()] * (len(keys) - len(samples))]
    plain = {word: name for name, words in _PLAIN_WORDS.items() for word in words}
    for place in range(len(_BLOCK_A), len(keys)):
        if names[place]:
            continue
        if _are(cells[place], _WEB_PAGE):
            names[place] = "Web Page"
        elif _are(cells[place], _ADDRESS):
            digits = re.findall("[23]", keys[place])
            number = f" {digits[0]}" if digits else ""
            names[place] = f"E-mail{number} Address"
            if place + 2 < len(keys) and _are(cells[place + 1], _EMAIL_TYPE):
                names[place + 1 : place + 3] = (
                    f"E-mail{number} Type",
                    f"E-mail{number} Display Name",
                )
        else:
            names[place] = plain.get(keys[place], "")
    language = _language(keys, 1, 3)
    return Recognised(
        OUTLOOK,
        f"Outlook contacts{language}, recognised by the order of its columns",
        tuple(names),
    )


@cache
def _outlook_names() -> dict[str, dict[str, str]]:
    """For each language what a header is in English."""
    english = OUTLOOK_HEADERS["English"]
    names = {
        language: {_key(own): name for own, name in zip(headers, english, strict=True)}
        for language, headers in OUTLOOK_HEADERS.items()
    }
    names["English"] |= {_key(name): name for name in _ELSEWHERE}
    for language, more in _MORE_NAMES.items():
        names.setdefault(language, {}).update({_key(own): name for own, name in more.items()})
    return names


def _language(keys: Sequence[str], first_name: int, last_name: int) -> str:
    for language, first, last in _LANGUAGES:
        if keys[first_name] == first and keys[last_name].startswith(last):
            return f" ({language})"
    return ""


def _numbered(keys: Sequence[str], numbers: str) -> bool:
    """Whether headers differ in a number only: the last ones have these, one before may have none."""
    found = ["".join(char for char in key if char.isdigit()) for key in keys]
    bare = {re.sub(r"[\d\s]+", "", key) for key in keys}
    wanted = list(numbers) if len(numbers) == len(keys) else ["", *numbers]
    return len(bare) == 1 and "" not in bare and found == wanted


def _share(keys: Sequence[str], known: dict[str, str]) -> float:
    filled = [key for key in keys if key]
    return sum(key in known for key in filled) / max(len(filled), 1)


def _are(cells: Sequence[str], pattern: re.Pattern[str]) -> bool:
    return (
        bool(cells)
        and sum(bool(pattern.fullmatch(cell.strip())) for cell in cells) > len(cells) / 2
    )


def _key(header: str) -> str:
    """A header without case, accents and punctuation."""
    folded = unicodedata.normalize("NFKD", header.casefold().replace("ø", "o"))
    plain = "".join(char for char in folded if not unicodedata.combining(char))
    return " ".join(re.findall(r"\w+", plain))
