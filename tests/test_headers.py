"""A header says what it names and whose it is, in six languages and many spellings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import headers
from crmkit.entities import SCHEMA, Field

KNOWN = headers.words(frozenset({"company", "person"}))
OWN = headers.declared(SCHEMA.subject("company"))


def read(header: str) -> headers.Reading:
    return headers.read(header, KNOWN, OWN)


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("Company name*", "company name"),
        ("E-Mail_Address", "e mail address"),
        ("Straße", "strasse"),
        ("FirstName", "first name"),
        ("  Fødselsdato ", "fodselsdato"),
    ],
)
def test_headers_are_compared_without_case_accents_and_marks(header: str, text: str) -> None:
    assert headers.normal(header) == text


@pytest.mark.parametrize(
    ("header", "concept", "whose"),
    [
        ("E-post kontaktperson", "email", {"person"}),
        ("CompanyPostStreet", "line1", {"company", "postal"}),
        ("BESOKSPOSTNR", "zip_code", {"visit"}),
        ("Tel. privat", "phone", {"private"}),
        ("Tel. arb.", "phone", {"work"}),
        ("Assistant's Phone", "phone", {"nobody"}),
        ("Mobile/Cell", "mobile", set()),
        ("Tel. (mob)", "mobile", set()),
        ("Straat + nummer", "line1", set()),
        ("POAddressLine1", "line1", {"postal"}),
        ("Default Address Company", "company_name", {"main"}),
        ("Hauptadresse - PLZ", "zip_code", {"main"}),
        ("Address 1: Country/Region", "country", {"main"}),
        ("Deltakers e-post", "email", {"person"}),
        ("Mobil deltagare", "mobile", {"person"}),
        ("E-Mail Teilnehmer", "email", {"person"}),
    ],
)
def test_words_around_a_known_one_say_whose_it_is(
    header: str, concept: str, whose: set[str]
) -> None:
    found = read(header)

    assert (found.concept, found.whose) == (concept, whose)


@pytest.mark.parametrize(
    ("header", "concept"),
    [
        ("Firmierung", "company_name"),
        ("Umsatzsteuer-IdNr", "vat_number"),
        ("Sales Tax Registration Number", "vat_number_abroad"),
        ("Tel. vast", "phone"),
        ("Fastnetnummer", "phone"),
        ("Dhr/Mevr", "salutation"),
        ("Herr/Fru", "salutation"),
        ("Owned By", "our_contact"),
        ("Betreut durch", "our_contact"),
        ("About", "info"),
        ("Über uns", "info"),
        ("Deltaker", "full_name"),
        ("Kursist", "full_name"),
        ("Arbetsplats", "company_name"),
        ("Teilnehmer/in", "full_name"),
        ("Naam deelnemer", "full_name"),
    ],
)
def test_words_that_lists_of_customers_and_participants_use_are_known(
    header: str, concept: str
) -> None:
    assert concept == read(header).concept


@pytest.mark.parametrize(
    ("header", "concept"),
    [
        ("Leverandørs varenr.", "product_supplier_code"),
        ("Leverantörs artikelnr", "product_supplier_code"),
        ("Hauptkategorie", "product_category"),
        ("Hoofdcategorie", "product_category"),
        ("Huvudkategori", "product_category"),
    ],
)
def test_words_that_lists_of_products_use_are_known(header: str, concept: str) -> None:
    found = headers.read(header, headers.words(frozenset({"product"})), {})

    assert (concept, frozenset()) == (found.concept, found.whose)


def test_the_language_of_a_web_shop_before_a_header_says_nothing() -> None:
    known = headers.words(frozenset({"product"}))

    assert headers.read("NL_Omschrijving", known, {}).concept == "product_description"


@pytest.mark.parametrize("header", ["PLZ Ort", "Post nr/sted", "Postnr./By"])
def test_a_header_of_two_things_is_none_of_them(header: str) -> None:
    found = read(header)

    assert found.meaning is None
    assert "two things" in found.reason


@pytest.mark.parametrize("header", ["Last contact date", "Kunde siden 2010", "Laatst gebeld"])
def test_a_date_of_something_else_is_not_the_thing(header: str) -> None:
    meaning = read(header).meaning

    assert meaning is None or not meaning.has_field


@pytest.mark.parametrize(
    ("header", "number"),
    [("Telefon 2", 2), ("E-mail 1", 1), ("adr3", 3), ("Address 1: Street 2", 2)],
)
def test_a_number_in_a_header_is_told(header: str, number: int) -> None:
    found = read(header)

    assert found.meaning is not None
    assert found.number == number


def test_a_word_that_is_nearly_known_is_less_sure() -> None:
    near, exact = read("Organisasjonsnumer"), read("Organisasjonsnummer")

    assert near.concept == exact.concept == "vat_number"
    assert near.confidence < exact.confidence


@given(st.text(max_size=60))
def test_any_text_can_be_read(header: str) -> None:
    found = read(header)

    assert found.reason
    assert 0 <= found.confidence <= 1


def test_every_word_is_of_a_field_that_exists() -> None:
    known = {target.id for target in SCHEMA.targets()} | {"product.price_list"}
    every = headers.words(frozenset({"company", "person", "product"}))

    meant = {
        target for m in every.values() for target in (m.company, m.person, m.product) if target
    }
    assert meant <= known


@pytest.mark.parametrize(
    ("header", "concept", "whose"),
    [
        ("Stillingsbetegn.", "title", set()),
        ("Eftern.", "last_name", set()),
        ("Gatuadr.", "line1", set()),
        ("Postc. werkadr.", "zip_code", {"work"}),
        ("Kat.", "", set()),
        ("Kont.", "", set()),
    ],
    ids=["one", "short", "glued", "two words", "cut below half", "two meanings"],
)
def test_a_word_cut_off_at_a_full_stop_is_the_shortest_that_begins_so(
    header: str, concept: str, whose: set[str]
) -> None:
    """Where several as short begin so, or less than half is written, nothing is guessed."""
    found = read(header)

    assert (concept, whose) == (found.concept, found.whose)


@pytest.mark.parametrize(
    ("header", "concept", "whose"),
    [
        ("Tel. ombud", "phone", {"person"}),
        ("Org.nr beställare", "vat_number", {"company"}),
        ("Kontaktpers. navn", "name", {"person"}),
        ("Mob. daglig leder", "mobile", {"leader"}),
        ("E-post foresatt 1", "email", {"nobody"}),
        ("Målsman 1 mejl", "email", {"nobody"}),
        ("Mobiltfn", "mobile", set()),
    ],
)
def test_a_word_for_somebody_says_whose_the_rest_is(
    header: str, concept: str, whose: set[str]
) -> None:
    found = read(header)

    assert (concept, whose) == (found.concept, found.whose)


def test_the_headers_of_a_workspace_are_read_once_and_its_own_fields_are_among_them():
    mine = Field("mine", dict.fromkeys(("en", "nl", "no", "de", "sv", "da"), "Mine"))
    before = headers.declared(SCHEMA)

    with_mine = SCHEMA.with_custom_fields({"company": (mine,)})
    again = headers.declared(SCHEMA.with_custom_fields({"company": (mine,)}))

    assert before is headers.declared(SCHEMA.with_custom_fields({}))
    assert headers.declared(with_mine) is again
    assert "company.mine" == again["mine"].company
    assert "mine" not in before
