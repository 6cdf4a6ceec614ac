"""The declarations: every entity, its fields, lists, match keys and what belongs to it in numbers.

Mapping, validation, matching, planning, committing, selections, templates and panels all read these;
a new entity is a declaration here, not new code. Fields, lengths and ids follow SuperOffice's import
(reference: superoffice-import.md sections 1.2, 1.3, 1.8); its "contact" is our company.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

LANGUAGES: Final = ("en", "nl", "no", "de", "sv", "da")

Labels = Mapping[str, str]

WITHDRAWN: Final = "Withdrawn"
"""The legal basis of a consent that was taken back: no import turns it on again."""


class FieldType(StrEnum):
    """What a field holds."""

    TEXT = "text"
    LIST = "list"  # one item of a named list
    BOOLEAN = "boolean"
    DATE = "date"
    NUMBER = "number"
    ID = "id"  # the record's own id in the CRM: a match key, never written


class Form(StrEnum):
    """The normal form in which two values are compared; what is written keeps its spelling."""

    NAME = "name"  # case, surrounding and repeated spaces do not count; accents do
    CODE = "code"  # as NAME, and inner spaces do not count
    VAT = "vat"  # letters and digits only, with or without the country's prefix
    EMAIL = "email"  # case does not count
    PHONE = "phone"  # E.164, with the company's country, else the workspace's
    LINK = "link"  # without scheme, www. and closing slash
    ID = "id"

    @property
    def explained(self) -> str:
        """What the form disregards, in words for the screen."""
        return {
            Form.NAME: "upper and lower case and extra spaces do not count",
            Form.CODE: "upper and lower case and spaces do not count",
            Form.VAT: "punctuation and the country prefix do not count",
            Form.EMAIL: "upper and lower case do not count",
            Form.PHONE: "compared as international numbers",
            Form.LINK: "http://, www. and a closing slash do not count",
            Form.ID: "the number must be the same",
        }[self]


@dataclass(frozen=True)
class Field:
    """One field of an entity.

    Attributes:
        id: The column in the entity's table.
        labels: Name on the screen by language.
        length: Most characters a text may have; None for no limit.
        list: The list that a LIST field takes its items from.
        superoffice: SuperOffice's id of the import column.
        composed: Is not stored itself but split into other fields (a full name).
        custom: Added by this workspace's owner.
        final: A value that no import takes back: a withdrawn consent, an opt-out (`true`).
        money: An amount in the currency of the record's scope, a price list.
    """

    id: str
    labels: Labels
    type: FieldType = FieldType.TEXT
    length: int | None = None
    list: str = ""
    superoffice: str = ""
    composed: bool = False
    custom: bool = False
    final: str = ""
    money: bool = False


@dataclass(frozen=True)
class MatchKey:
    """A way to recognise a record: the fields compared, and in which form.

    Attributes:
        fields: Targets of one entity whose values together make the key; the first must be filled.
        within_parent: Looked for among the records of the same parent (a person in its company).
    """

    id: str
    labels: Labels
    fields: tuple[str, ...]
    form: Form
    within_parent: bool = False


@dataclass(frozen=True)
class Slot:
    """A place on a parent that a child record fills: a person's mobile, a company's street address."""

    id: str
    labels: Labels
    superoffice: str
    multiple: bool = True


@dataclass(frozen=True)
class Child:
    """What belongs to a record in numbers: addresses, phones, e-mail addresses, links, interests.

    Attributes:
        form: The form in which two children of one slot are the same; None when a slot holds one
            record at most, which is then filled field by field (an address).
        slots: For each parent entity, the slots it has.
        rule: The setting that says what happens to a known record's children: "phones", "links",
            or empty where they are always added.
        whole: The fields of a slot belong together: what has its first field is not filled up.
    """

    id: str
    labels: Labels
    fields: tuple[Field, ...]
    form: Form | None
    slots: Mapping[str, tuple[Slot, ...]]
    rule: str = ""
    whole: bool = False


@dataclass(frozen=True)
class Entity:
    """A kind of record that is imported by itself.

    Attributes:
        parent: The entity it hangs on (a person on a company); empty for none.
        needs: Target fields of which at least one must be filled for a record to be added.
        default_key: The match key that the settings start with.
        needs_all: All of them must be filled.
        expected: Fields that a file of new records should have columns for, beside what it needs.
        named_after: The entity whose name a record without one may take (a company its person's).
        scope: The table of which one record holds all records of an import (a price list); a record
            is known only within it.
    """

    id: str
    labels: Labels
    plural: Labels
    fields: tuple[Field, ...]
    match_keys: tuple[MatchKey, ...]
    needs: tuple[str, ...]
    default_key: str
    parent: str = ""
    needs_all: bool = False
    expected: tuple[str, ...] = ()
    named_after: str = ""
    scope: str = ""

    def field(self, field_id: str) -> Field:
        """The field of this id."""
        return next(field for field in self.fields if field.id == field_id)

    def match_key(self, key_id: str) -> MatchKey:
        """The match key of this id."""
        return next(key for key in self.match_keys if key.id == key_id)

    @property
    def stored(self) -> tuple[Field, ...]:
        """The fields that are columns which an import may write."""
        return tuple(f for f in self.fields if f.type is not FieldType.ID and not f.composed)


@dataclass(frozen=True)
class Target:
    """One thing a column of a source can be mapped to.

    Attributes:
        id: `person.title`, `person.mobile`, `company.postal.city`.
        entity: The entity whose record is filled, directly or through a child.
        child: The child's id, empty for a field of the entity itself.
        slot: The slot of the child that is filled.
        multiple: Several columns may be mapped to it, and each adds a value.
    """

    id: str
    entity: Entity
    field: Field
    child: Child | None = None
    slot: Slot | None = None

    @property
    def multiple(self) -> bool:
        return self.slot is not None and self.slot.multiple

    @property
    def labels(self) -> Labels:
        """Its name below the entity's name."""
        if self.slot is None:
            return self.field.labels
        if self.slot.multiple:
            return self.slot.labels
        return {
            language: f"{self.slot.labels[language]}: {self.field.labels[language]}"
            for language in LANGUAGES
        }

    @property
    def label(self) -> str:
        """Its whole English name: `Company: Name`."""
        return f"{self.entity.labels['en']}: {self.labels['en']}"

    @property
    def superoffice(self) -> str:
        """SuperOffice's id of the import column; empty where it has none."""
        if self.slot is None:
            return self.field.superoffice
        return self.slot.superoffice + self.field.superoffice


@dataclass(frozen=True)
class Schema:
    """All entities and children, with the custom fields of one workspace."""

    entities: tuple[Entity, ...]
    children: tuple[Child, ...]

    def entity(self, entity_id: str) -> Entity:
        """The entity of this id."""
        return next(entity for entity in self.entities if entity.id == entity_id)

    def subjects(self) -> tuple[Schema, ...]:
        """What a file can hold: each root entity with what hangs on it, as a schema of its own."""
        return tuple(self.subject(entity.id) for entity in self.entities if not entity.parent)

    def subject(self, root: str) -> Schema:
        """The schema of a file that holds a root entity and what hangs on it."""
        return replace(self, entities=tuple(e for e in self.entities if root in (e.id, e.parent)))

    @property
    def root(self) -> Entity:
        """The first entity, on which the others hang in the schema of one subject."""
        return self.entities[0]

    def children_of(self, entity: Entity) -> tuple[Child, ...]:
        """The children that records of an entity can have."""
        return tuple(child for child in self.children if entity.id in child.slots)

    def targets(self) -> tuple[Target, ...]:
        """All mapping targets, in the order in which a person looks for them."""
        return tuple(self._targets())

    def target(self, target_id: str) -> Target:
        """The target of this id.

        Raises:
            KeyError: There is none.
        """
        return {target.id: target for target in self._targets()}[target_id]

    def with_custom_fields(self, fields: Mapping[str, tuple[Field, ...]]) -> Schema:
        """The same schema, with custom fields by entity id."""
        entities = tuple(
            replace(entity, fields=entity.fields + fields.get(entity.id, ()))
            for entity in self.entities
        )
        return replace(self, entities=entities)

    def _targets(self) -> Iterator[Target]:
        for entity in self.entities:
            for field in entity.fields:
                yield Target(f"{entity.id}.{field.id}", entity, field)
            for child in self.children_of(entity):
                for slot in child.slots[entity.id]:
                    if slot.multiple:
                        yield Target(f"{entity.id}.{slot.id}", entity, child.fields[0], child, slot)
                        continue
                    for field in child.fields:
                        target_id = f"{entity.id}.{slot.id}.{field.id}"
                        yield Target(target_id, entity, field, child, slot)


def _labels(en: str, nl: str, no: str, de: str, sv: str, da: str) -> Labels:
    return MappingProxyType({"en": en, "nl": nl, "no": no, "de": de, "sv": sv, "da": da})


_NAME = _labels("Name", "Naam", "Navn", "Name", "Namn", "Navn")
_DEPARTMENT = _labels("Department", "Afdeling", "Avdeling", "Abteilung", "Avdelning", "Afdeling")
_NUMBER = _labels("Number", "Nummer", "Nummer", "Nummer", "Nummer", "Nummer")
_CATEGORY = _labels("Category", "Categorie", "Kategori", "Kategorie", "Kategori", "Kategori")
_BUSINESS = _labels("Business", "Branche", "Bransje", "Branche", "Bransch", "Branche")
_COUNTRY = _labels("Country", "Land", "Land", "Land", "Land", "Land")
_OUR_CONTACT = _labels(
    "Our contact",
    "Onze contactpersoon",
    "Vår kontakt",
    "Unser Kontakt",
    "Vår kontakt",
    "Vores kontakt",
)
_NO_MAILING = _labels(
    "No mailings",
    "Geen mailings",
    "Ingen mailing",
    "Keine Mailings",
    "Inga utskick",
    "Ingen mailing",
)
_INFO = _labels("Note", "Notitie", "Notat", "Notiz", "Anteckning", "Note")
_EMAIL = _labels("E-mail", "E-mail", "E-post", "E-Mail", "E-post", "E-mail")
_WEB = _labels("Web site", "Website", "Nettsted", "Webseite", "Webbplats", "Websted")
_FAX = _labels("Fax", "Fax", "Faks", "Fax", "Fax", "Fax")
_INTERESTS = _labels(
    "Interests", "Interesses", "Interesser", "Interessen", "Intressen", "Interesser"
)
_ID = _labels("ID", "ID", "ID", "ID", "ID", "ID")
_VAT = _labels(
    "VAT number",
    "Btw-nummer",
    "Organisasjonsnummer",
    "USt-IdNr.",
    "Organisationsnummer",
    "CVR-nummer",
)
_CODE = _labels("Code", "Code", "Kode", "Code", "Kod", "Kode")
_MOBILE = _labels("Mobile", "Mobiel", "Mobil", "Mobil", "Mobil", "Mobil")

_ERP_KEY = _labels(
    "ERP key", "ERP-sleutel", "ERP-nøkkel", "ERP-Schlüssel", "ERP-nyckel", "ERP-nøgle"
)

COMPANY: Final = Entity(
    id="company",
    labels=_labels("Company", "Bedrijf", "Firma", "Firma", "Företag", "Firma"),
    plural=_labels("Companies", "Bedrijven", "Firmaer", "Firmen", "Företag", "Firmaer"),
    fields=(
        Field("name", _NAME, length=219, superoffice="contact.name"),
        Field("department", _DEPARTMENT, length=219, superoffice="contact.department"),
        Field("number", _NUMBER, length=49, superoffice="contact.number2"),
        Field("code", _CODE, length=49, superoffice="contact.number1"),
        Field("vat_number", _VAT, length=49, superoffice="contact.orgnr"),
        Field(
            "category", _CATEGORY, FieldType.LIST, list="category", superoffice="contact.category"
        ),
        Field(
            "business", _BUSINESS, FieldType.LIST, list="business", superoffice="contact.business"
        ),
        Field("country", _COUNTRY, FieldType.LIST, list="country", superoffice="contact.country"),
        Field(
            "our_contact",
            _OUR_CONTACT,
            FieldType.LIST,
            list="associate",
            superoffice="contact.ourcontact",
        ),
        Field(
            "no_mailing",
            _NO_MAILING,
            FieldType.BOOLEAN,
            superoffice="contact.nomailing",
            final="true",
        ),
        Field(
            "stop",
            _labels("Stop", "Stop", "Stopp", "Stopp", "Stopp", "Stop"),
            FieldType.BOOLEAN,
            superoffice="contact.xstop",
            final="true",
        ),
        Field("info", _INFO, length=2047, superoffice="contact.info"),
        Field("id", _ID, FieldType.ID, superoffice="contact.id"),
    ),
    match_keys=(
        MatchKey("name", _NAME, ("name",), Form.NAME),
        MatchKey(
            "name_department",
            _labels(
                "Name + department",
                "Naam + afdeling",
                "Navn + avdeling",
                "Name + Abteilung",
                "Namn + avdelning",
                "Navn + afdeling",
            ),
            ("name", "department"),
            Form.NAME,
        ),
        MatchKey("number", _NUMBER, ("number",), Form.CODE),
        MatchKey("code", _CODE, ("code",), Form.CODE),
        MatchKey("vat_number", _VAT, ("vat_number",), Form.VAT),
        MatchKey("erp_key", _ERP_KEY, ("erp_key",), Form.CODE),
        MatchKey("id", _ID, ("id",), Form.ID),
    ),
    needs=("name",),
    default_key="name",
    named_after="person",
)

PERSON: Final = Entity(
    id="person",
    labels=_labels("Person", "Persoon", "Person", "Person", "Person", "Person"),
    plural=_labels("Persons", "Personen", "Personer", "Personen", "Personer", "Personer"),
    parent="company",
    fields=(
        Field(
            "full_name",
            _labels(
                "Full name",
                "Volledige naam",
                "Fullt navn",
                "Vollständiger Name",
                "Fullständigt namn",
                "Fulde navn",
            ),
            superoffice="person.fullname",
            composed=True,
        ),
        Field(
            "first_name",
            _labels("First name", "Voornaam", "Fornavn", "Vorname", "Förnamn", "Fornavn"),
            length=99,
            superoffice="person.firstname",
        ),
        Field(
            "middle_name",
            _labels(
                "Middle name",
                "Tussenvoegsel",
                "Mellomnavn",
                "Zweiter Vorname",
                "Mellannamn",
                "Mellemnavn",
            ),
            length=99,
            superoffice="person.middlename",
        ),
        Field(
            "last_name",
            _labels("Last name", "Achternaam", "Etternavn", "Nachname", "Efternamn", "Efternavn"),
            length=99,
            superoffice="person.lastname",
        ),
        Field(
            "salutation",
            _labels("Mr/Ms", "Aanhef", "Tiltale", "Anrede", "Tilltal", "Tiltale"),
            length=239,
            superoffice="person.mrmrs",
        ),
        Field(
            "academic_title",
            _labels(
                "Academic title",
                "Academische titel",
                "Akademisk tittel",
                "Akademischer Titel",
                "Akademisk titel",
                "Akademisk titel",
            ),
            length=239,
            superoffice="person.salutation",
        ),
        Field(
            "title",
            _labels("Title", "Titel", "Tittel", "Titel", "Titel", "Titel"),
            length=239,
            superoffice="person.title",
        ),
        Field(
            "initials",
            _labels("Initials", "Initialen", "Initialer", "Initialen", "Initialer", "Initialer"),
            length=63,
            superoffice="person.initials",
        ),
        Field(
            "position",
            _labels("Position", "Functie", "Stilling", "Position", "Befattning", "Stilling"),
            FieldType.LIST,
            list="position",
            superoffice="person.position",
        ),
        Field("department", _DEPARTMENT, length=254, superoffice="person.department"),
        Field("number", _NUMBER, length=49, superoffice="person.personnumber"),
        Field(
            "birth_date",
            _labels(
                "Birth date",
                "Geboortedatum",
                "Fødselsdato",
                "Geburtsdatum",
                "Födelsedatum",
                "Fødselsdato",
            ),
            FieldType.DATE,
            superoffice="person.birthdate",
        ),
        Field(
            "category", _CATEGORY, FieldType.LIST, list="category", superoffice="person.category"
        ),
        Field(
            "business", _BUSINESS, FieldType.LIST, list="business", superoffice="person.business"
        ),
        Field("country", _COUNTRY, FieldType.LIST, list="country", superoffice="person.country"),
        Field(
            "our_contact",
            _OUR_CONTACT,
            FieldType.LIST,
            list="associate",
            superoffice="person.ourcontact",
        ),
        Field(
            "no_mailing",
            _NO_MAILING,
            FieldType.BOOLEAN,
            superoffice="person.nomailing",
            final="true",
        ),
        Field(
            "use_private_address",
            _labels(
                "Use private address",
                "Privéadres gebruiken",
                "Bruk privatadresse",
                "Privatadresse verwenden",
                "Använd privatadress",
                "Brug privatadresse",
            ),
            FieldType.BOOLEAN,
            superoffice="person.usepersonaddress",
        ),
        Field(
            "former_employee",
            _labels(
                "Former employee",
                "Voormalig medewerker",
                "Tidligere ansatt",
                "Ehemaliger Mitarbeiter",
                "Tidigare anställd",
                "Tidligere ansat",
            ),
            FieldType.BOOLEAN,
            superoffice="person.retired",
        ),
        Field("info", _INFO, length=2047, superoffice="person.info"),
        Field("id", _ID, FieldType.ID, superoffice="person.id"),
    ),
    match_keys=(
        MatchKey(
            "name", _NAME, ("first_name", "middle_name", "last_name"), Form.NAME, within_parent=True
        ),
        MatchKey("email", _EMAIL, ("email",), Form.EMAIL),
        MatchKey("mobile", _MOBILE, ("mobile",), Form.PHONE),
        MatchKey("number", _NUMBER, ("number",), Form.CODE),
        MatchKey("erp_key", _ERP_KEY, ("erp_key",), Form.CODE),
        MatchKey("id", _ID, ("id",), Form.ID),
    ),
    needs=("first_name", "last_name"),
    default_key="name",
)

_ADDRESS = Child(
    id="address",
    labels=_labels("Address", "Adres", "Adresse", "Adresse", "Adress", "Adresse"),
    form=None,
    fields=(
        Field(
            "line1",
            _labels("Address 1", "Adres 1", "Adresse 1", "Adresse 1", "Adress 1", "Adresse 1"),
            length=79,
            superoffice="address1",
        ),
        Field(
            "line2",
            _labels("Address 2", "Adres 2", "Adresse 2", "Adresse 2", "Adress 2", "Adresse 2"),
            length=79,
            superoffice="address2",
        ),
        Field(
            "line3",
            _labels("Address 3", "Adres 3", "Adresse 3", "Adresse 3", "Adress 3", "Adresse 3"),
            length=79,
            superoffice="address3",
        ),
        Field(
            "zip_code",
            _labels("Zip code", "Postcode", "Postnummer", "PLZ", "Postnummer", "Postnummer"),
            length=11,
            superoffice="zipcode",
        ),
        Field(
            "city",
            _labels("City", "Plaats", "Poststed", "Ort", "Ort", "By"),
            length=79,
            superoffice="city",
        ),
        Field(
            "county",
            _labels("County", "Provincie", "Fylke", "Landkreis", "Län", "Amt"),
            length=29,
            superoffice="county",
        ),
        Field(
            "state",
            _labels("State", "Staat", "Stat", "Bundesland", "Delstat", "Stat"),
            length=5,
            superoffice="state",
        ),
        Field(
            "latitude",
            _labels(
                "Latitude", "Breedtegraad", "Breddegrad", "Breitengrad", "Latitud", "Breddegrad"
            ),
            FieldType.NUMBER,
            superoffice="wgs84latitude",
        ),
        Field(
            "longitude",
            _labels(
                "Longitude", "Lengtegraad", "Lengdegrad", "Längengrad", "Longitud", "Længdegrad"
            ),
            FieldType.NUMBER,
            superoffice="wgs84longitude",
        ),
    ),
    slots={
        "company": (
            Slot(
                "postal",
                _labels(
                    "Postal address",
                    "Postadres",
                    "Postadresse",
                    "Postanschrift",
                    "Postadress",
                    "Postadresse",
                ),
                "contact.postal",
                multiple=False,
            ),
            Slot(
                "street",
                _labels(
                    "Street address",
                    "Bezoekadres",
                    "Besøksadresse",
                    "Besuchsadresse",
                    "Besöksadress",
                    "Besøgsadresse",
                ),
                "contact.street",
                multiple=False,
            ),
        ),
        "person": (
            Slot(
                "private",
                _labels(
                    "Private address",
                    "Privéadres",
                    "Privatadresse",
                    "Privatadresse",
                    "Privatadress",
                    "Privatadresse",
                ),
                "person.",
                multiple=False,
            ),
        ),
    },
)

_PHONE = Child(
    id="phone",
    labels=_labels("Phone", "Telefoon", "Telefon", "Telefon", "Telefon", "Telefon"),
    form=Form.PHONE,
    fields=(Field("value", _NUMBER, length=239),),
    slots={
        "company": (
            Slot(
                "phone",
                _labels("Telephone", "Telefoon", "Telefon", "Telefon", "Telefon", "Telefon"),
                "contact.phone",
            ),
            Slot("fax", _FAX, "contact.fax"),
        ),
        "person": (
            Slot(
                "direct",
                _labels(
                    "Direct phone",
                    "Direct telefoonnummer",
                    "Direkte telefon",
                    "Durchwahl",
                    "Direkttelefon",
                    "Direkte telefon",
                ),
                "person.officephones",
            ),
            Slot("mobile", _MOBILE, "person.mobilephones"),
            Slot(
                "private_phone",
                _labels(
                    "Private phone",
                    "Privételefoon",
                    "Privattelefon",
                    "Telefon privat",
                    "Privattelefon",
                    "Privattelefon",
                ),
                "person.privatephones",
            ),
            Slot("fax", _FAX, "person.faxes"),
            Slot(
                "other_phone",
                _labels(
                    "Other phone",
                    "Andere telefoon",
                    "Annen telefon",
                    "Weiteres Telefon",
                    "Annan telefon",
                    "Anden telefon",
                ),
                "person.other",
            ),
        ),
    },
    rule="phones",
)

_EMAIL_ADDRESS = Child(
    id="email",
    labels=_EMAIL,
    form=Form.EMAIL,
    fields=(Field("value", _EMAIL, length=239),),
    slots={
        "company": (Slot("email", _EMAIL, "contact.email"),),
        "person": (
            Slot("email", _EMAIL, "person.email"),
            Slot("chat", _labels("Chat", "Chat", "Chat", "Chat", "Chatt", "Chat"), "person.chat"),
            Slot(
                "internet_phone",
                _labels(
                    "Internet phone",
                    "Internettelefoon",
                    "Internettelefon",
                    "Internettelefon",
                    "Internettelefon",
                    "Internettelefon",
                ),
                "person.internetphones",
            ),
        ),
    },
    rule="links",
)

_LINK = Child(
    id="link",
    labels=_labels("Link", "Link", "Lenke", "Link", "Länk", "Link"),
    form=Form.LINK,
    fields=(Field("value", _WEB, length=1023),),
    slots={
        "company": (Slot("web", _WEB, "contact.url"),),
        "person": (Slot("web", _WEB, "person.url"),),
    },
    rule="links",
)

_LEGAL_BASIS = _labels(
    "Legal basis", "Rechtsgrondslag", "Hjemmel", "Rechtsgrundlage", "Rättslig grund", "Retsgrundlag"
)
_CONSENT_SOURCE = _labels(
    "Consent source",
    "Toestemmingsbron",
    "Samtykkekilde",
    "Einwilligungsnachweis",
    "Samtyckeskälla",
    "Samtykkekilde",
)

# One consent for each purpose; the import writes the purpose Sales and service only, as
# SuperOffice's does (reference: superoffice-import.md section 3).
_CONSENT = Child(
    id="consent",
    labels=_labels("Consent", "Toestemming", "Samtykke", "Einwilligung", "Samtycke", "Samtykke"),
    form=None,
    fields=(
        Field("legal_basis", _LEGAL_BASIS, FieldType.LIST, list="legal_basis", final=WITHDRAWN),
        Field("source", _CONSENT_SOURCE, FieldType.LIST, list="consent_source"),
        Field(
            "comment",
            _labels(
                "Consent comment",
                "Toestemmingscommentaar",
                "Samtykkekommentar",
                "Einwilligungskommentar",
                "Samtyckeskommentar",
                "Samtykkekommentar",
            ),
            length=255,
        ),
    ),
    slots={
        "person": (
            Slot(
                "sales_and_service",
                _labels(
                    "Sales and service",
                    "Verkopen en service",
                    "Salg og kundeservice",
                    "Verkauf und Service",
                    "Försäljning och tjänster",
                    "Salg og kundeservice",
                ),
                "",
                multiple=False,
            ),
        ),
    },
    whole=True,
)

_INTEREST = Child(
    id="interest",
    labels=_INTERESTS,
    form=Form.NAME,
    fields=(Field("value", _INTERESTS, FieldType.LIST, list="interest"),),
    slots={
        "company": (Slot("interest", _INTERESTS, "contact.interest"),),
        "person": (Slot("interest", _INTERESTS, "person.interest"),),
    },
)

# A record may be known to several systems: a key says whose it is, as "Our Tryton:12".
_EXTERNAL_KEY = Child(
    id="external_key",
    labels=_ERP_KEY,
    form=Form.CODE,
    fields=(Field("value", _ERP_KEY, length=254),),
    slots={
        "company": (Slot("erp_key", _ERP_KEY, ""),),
        "person": (Slot("erp_key", _ERP_KEY, ""),),
    },
)

_SUBSCRIPTION = _labels(
    "Subscription", "Abonnement", "Abonnement", "Abonnement", "Prenumeration", "Abonnement"
)
_PRODUCT_CATEGORY = _labels(
    "Product category",
    "Productcategorie",
    "Produktkategori",
    "Produktkategorie",
    "Produktkategori",
    "Produktkategori",
)
_PRODUCT_FAMILY = _labels(
    "Product family",
    "Productfamilie",
    "Produktfamilie",
    "Produktfamilie",
    "Produktfamilj",
    "Produktfamilie",
)
_PRODUCT_TYPE = _labels(
    "Product type", "Producttype", "Produkttype", "Produkttyp", "Produkttyp", "Produkttype"
)
_UNIT = _labels("Unit", "Eenheid", "Enhet", "Einheit", "Enhet", "Enhed")

PRODUCT: Final = Entity(
    id="product",
    labels=_labels("Product", "Product", "Produkt", "Produkt", "Produkt", "Produkt"),
    plural=_labels("Products", "Producten", "Produkter", "Produkte", "Produkter", "Produkter"),
    scope="price_list",
    fields=(
        Field("name", _NAME, length=254, superoffice="product.name"),
        Field(
            "description",
            _labels(
                "Description",
                "Omschrijving",
                "Beskrivelse",
                "Beschreibung",
                "Beskrivning",
                "Beskrivelse",
            ),
            length=2047,
            superoffice="product.description",
        ),
        Field("code", _CODE, length=254, superoffice="product.code"),
        # SuperOffice has a price and a quantity unit, and does not say which one its "Unit" fills.
        Field("unit", _UNIT, FieldType.LIST, list="price_unit", superoffice="product.priceunit"),
        Field(
            "subscription",
            _SUBSCRIPTION,
            FieldType.BOOLEAN,
            superoffice="product.issubscription",
        ),
        Field(
            "subscription_unit",
            _labels(
                "Subscription unit",
                "Abonnementseenheid",
                "Abonnementsenhet",
                "Abonnementeinheit",
                "Prenumerationsenhet",
                "Abonnementsenhed",
            ),
            length=254,
            superoffice="product.subscriptionunit",
        ),
        Field(
            "subscription_quantity",
            _labels(
                "Subscription quantity",
                "Abonnementsaantal",
                "Abonnementsantall",
                "Abonnementmenge",
                "Prenumerationsantal",
                "Abonnementsantal",
            ),
            FieldType.NUMBER,
            superoffice="product.defaultsubscriptionquantity",
        ),
        Field(
            "item_number",
            _labels(
                "Item number",
                "Artikelnummer",
                "Varenummer",
                "Artikelnummer",
                "Artikelnummer",
                "Varenummer",
            ),
            length=79,
            superoffice="product.itemnumber",
        ),
        Field(
            "web_address",
            _labels(
                "Web address", "Webadres", "Nettadresse", "Webadresse", "Webbadress", "Webadresse"
            ),
            length=1023,
            superoffice="product.url",
        ),
        Field(
            "category",
            _PRODUCT_CATEGORY,
            FieldType.LIST,
            list="product_category",
            superoffice="product.category",
        ),
        Field(
            "family",
            _PRODUCT_FAMILY,
            FieldType.LIST,
            list="product_family",
            superoffice="product.family",
        ),
        Field(
            "type", _PRODUCT_TYPE, FieldType.LIST, list="product_type", superoffice="product.type"
        ),
        Field(
            "vat_info",
            _labels("VAT info", "Btw-info", "Mva-info", "MwSt.-Info", "Momsinfo", "Momsinfo"),
            length=254,
            superoffice="product.vatinfo",
        ),
        Field(
            "vat",
            _labels("VAT", "Btw", "Mva", "MwSt.", "Moms", "Moms"),
            FieldType.NUMBER,
            superoffice="product.vat",
        ),
        Field(
            "cost",
            _labels("Cost", "Kostprijs", "Kostpris", "Kosten", "Kostnad", "Kostpris"),
            FieldType.NUMBER,
            superoffice="product.unitcost",
            money=True,
        ),
        Field(
            "minimum_price",
            _labels(
                "Unit minimum price",
                "Minimumprijs",
                "Minstepris",
                "Mindestpreis",
                "Minimipris",
                "Minimumspris",
            ),
            FieldType.NUMBER,
            superoffice="product.unitminimumprice",
            money=True,
        ),
        Field(
            "list_price",
            _labels(
                "List price", "Catalogusprijs", "Listepris", "Listenpreis", "Listpris", "Listepris"
            ),
            FieldType.NUMBER,
            superoffice="product.unitlistprice",
            money=True,
        ),
        Field(
            "extra_info",
            _labels(
                "Extra info",
                "Extra informatie",
                "Tilleggsinfo",
                "Zusatzinfo",
                "Extra information",
                "Ekstra info",
            ),
            superoffice="product.extrainfo",
        ),
        Field(
            "in_assortment",
            _labels(
                "In assortment",
                "In assortiment",
                "I sortiment",
                "Im Sortiment",
                "I sortiment",
                "I sortiment",
            ),
            FieldType.BOOLEAN,
            superoffice="product.inassortment",
        ),
        Field(
            "supplier",
            _labels(
                "Supplier", "Leverancier", "Leverandør", "Lieferant", "Leverantör", "Leverandør"
            ),
            length=254,
            superoffice="product.supplier",
        ),
        Field(
            "supplier_code",
            _labels(
                "Supplier's code",
                "Leverancierscode",
                "Leverandørens kode",
                "Lieferantencode",
                "Leverantörens kod",
                "Leverandørens kode",
            ),
            length=254,
            superoffice="product.suppliercode",
        ),
        Field("erp_key", _ERP_KEY, length=254, superoffice="product.erpproductkey"),
        Field("id", _ID, FieldType.ID, superoffice="product.id"),
    ),
    match_keys=(
        MatchKey("name", _NAME, ("name",), Form.NAME),
        MatchKey("code", _CODE, ("code",), Form.CODE),
        MatchKey(
            "name_code",
            _labels(
                "Name + code",
                "Naam + code",
                "Navn + kode",
                "Name + Code",
                "Namn + kod",
                "Navn + kode",
            ),
            ("name", "code"),
            Form.NAME,
        ),
        MatchKey("erp_key", _ERP_KEY, ("erp_key",), Form.CODE),
        MatchKey("id", _ID, ("id",), Form.ID),
    ),
    needs=("name", "code"),
    needs_all=True,
    expected=("list_price",),
    default_key="code",
)

SCHEMA: Final = Schema(
    entities=(COMPANY, PERSON, PRODUCT),
    children=(_ADDRESS, _PHONE, _EMAIL_ADDRESS, _LINK, _INTEREST, _CONSENT, _EXTERNAL_KEY),
)

LISTS: Final[Mapping[str, Labels]] = MappingProxyType(
    {
        "category": _CATEGORY,
        "business": _BUSINESS,
        "country": _COUNTRY,
        "position": _labels(
            "Position", "Functie", "Stilling", "Position", "Befattning", "Stilling"
        ),
        "associate": _labels(
            "Associate", "Medewerker", "Saksbehandler", "Mitarbeiter", "Medarbetare", "Medarbejder"
        ),
        "interest": _INTERESTS,
        "legal_basis": _LEGAL_BASIS,
        "consent_source": _CONSENT_SOURCE,
        "product_category": _PRODUCT_CATEGORY,
        "product_family": _PRODUCT_FAMILY,
        "product_type": _PRODUCT_TYPE,
        "price_unit": _UNIT,
    }
)

LISTS_WITHOUT_DEFAULT: Final = (
    "position",
    "associate",
    "country",
    "interest",
    "consent_source",
    "product_category",
    "product_family",
    "product_type",
    "price_unit",
)
"""Lists whose unknown values can be added or left blank, but have no default item."""

LEGAL_BASES: Final = (
    ("Consent", "61A"),
    ("Contract", "61B"),
    ("Required by law", "61C"),
    ("Protect vital interests", "61D"),
    ("Public interest", "61E"),
    ("Legitimate interest", "61F"),
    ("Withdrawn", "WITHDRAWN"),
)
"""Name and key of each legal basis (reference: superoffice-import.md section 3)."""

CONSENT_SOURCES: Final = (
    ("Created by user", "USER"),
    ("E-mail", "EMAIL"),
    ("Incoming request", "REQUEST"),
    ("Chat", "CHAT"),
    ("Web form", "WEBFORM"),
    ("Customer portal", "CUSTOMERPORTAL"),
    ("Import", "IMPORT"),
    ("Other integration", "API"),
    ("Unknown", "UNKNOWN"),
)
"""Name and key of each consent source (reference: superoffice-import.md section 3)."""
