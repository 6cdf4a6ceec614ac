"""Exports of known programs are recognised by their headers, in the language that they are written in."""

from __future__ import annotations

import pytest

from crmkit import signatures
from crmkit.entities import SCHEMA

OUTLOOK = ["Title", "First Name", "Last Name", "Company", "E-mail Address", "E-mail 2 Address"]


def test_an_export_is_recognised_and_says_where_columns_go() -> None:
    found = signatures.recognise(OUTLOOK, "company")

    assert found is not None
    assert found.program == "Outlook"
    assert found.target("Title") == "person.salutation"
    assert found.target("E-mail 2 Address") == "person.email"
    assert found.target("Assistant's Name") == ""
    assert found.target("Colour") is None


@pytest.mark.parametrize(
    ("headers", "subject"),
    [
        (OUTLOOK[:3], "company"),
        ([*OUTLOOK, *(f"Extra {letter}" for letter in "abcdefgh")], "company"),
        (OUTLOOK, "product"),
    ],
    ids=["a mark is missing", "most headers are others", "a file of products"],
)
def test_a_file_is_not_taken_for_an_export_lightly(headers: list[str], subject: str) -> None:
    assert signatures.recognise(headers, subject) is None


def test_the_export_that_knows_most_headers_is_taken() -> None:
    """A list of German contacts has headers in common with several programs."""
    headers = ["Nr.", "Name", "Suchbegriff", "Debitorenbuchungsgruppe", "Kontakt", "Gesperrt"]

    found = signatures.recognise(headers, "company")

    assert found is not None
    assert found.program == "Business Central"


def test_every_export_sends_columns_to_fields_that_exist() -> None:
    known = {target.id for target in SCHEMA.targets()} | {"", signatures.BY_LABEL}

    for signature in signatures._signatures():
        assert set(signature.fields.values()) <= known, signature.program


def test_the_programs_of_the_list_are_known() -> None:
    known = {signature.program for signature in signatures._signatures()}

    assert known >= {
        "Outlook",
        "Google",
        "Salesforce",
        "HubSpot",
        "Pipedrive",
        "Odoo",
        "Business Central",
        "Exact",
        "Visma",
        "SuperOffice",
    }
