"""xCard: contacts as XML are read as their vCards would be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crmkit import sources
from crmkit.crm import Preferences
from crmkit.database import Database
from crmkit.errors import SourceError
from crmkit.sources import SourceKind
from tests.audit_files import write
from tests.crm_kit import new_workspace
from tests.landing import land, rows

CARDS = """<?xml version="1.0" encoding="UTF-8"?>
<vcards xmlns="urn:ietf:params:xml:ns:vcard-4.0">
  <vcard>
    <version><text>4.0</text></version>
    <fn><text>Jón Þórsson</text></fn>
    <n><surname>Þórsson</surname><given>Jón</given><additional>Ari</additional><prefix/><suffix/></n>
    <org><text>Heklu ehf.</text><text>Sales</text></org>
    <title><text>Head of sales</text></title>
    <bday><date>1980-02-03</date></bday>
    <adr>
      <parameters><type><text>work</text></type></parameters>
      <pobox/><ext/><street>Laugavegur 1</street><locality>Reykjavík</locality><region/>
      <code>101</code><country>Iceland</country>
    </adr>
    <group name="contact">
      <tel>
        <parameters><pref><integer>1</integer></pref>
          <type><text>work</text><text>voice</text></type></parameters>
        <uri>tel:+354-555-1234;ext=7</uri>
      </tel>
      <email><parameters><type><text>work</text></type></parameters>
        <text>jon@hekla.example</text></email>
    </group>
    <photo><uri>data:image/png;base64,AAAA</uri></photo>
  </vcard>
  <vcard>
    <fn><text>Ann Berg</text></fn>
    <tel><parameters><type><text>cell</text></type></parameters><uri>tel:+47-912-34-567</uri></tel>
  </vcard>
  <vcard><kind><text>group</text></kind><fn><text>Friends</text></fn></vcard>
</vcards>
"""


def table(db: Database, path: Path) -> tuple[Any, list[dict[str, str]]]:
    staged = land(db, path)
    headers = ["row", *(column.header for column in staged.columns)]
    return staged, [
        {h: cell for h, cell in zip(headers, row, strict=True) if cell is not None}
        for row in rows(db)
    ]


def test_contacts_have_names_phones_and_addresses(db: Database, tmp_path: Path) -> None:
    """A list of contacts is set aside; a picture is left out and told."""
    staged, (first, second) = table(db, write(tmp_path, CARDS))

    assert (2, 1, "vCard", True) == (
        staged.row_count,
        staged.rejected,
        staged.program,
        staged.contacts,
    )
    assert {
        "Full name": "Jón Þórsson",
        "First name": "Jón",
        "Middle name": "Ari",
        "Last name": "Þórsson",
        "Company": "Heklu ehf.",
        "Department": "Sales",
        "Job title": "Head of sales",
        "Phone (work)": "+354-555-1234 ext. 7",
        "E-mail": "jon@hekla.example",
        "Work address: street": "Laugavegur 1",
        "Work address: zip code": "101",
        "Work address: city": "Reykjavík",
        "Work address: country": "Iceland",
        "Birthday": "1980-02-03",
    } == {header: cell for header, cell in first.items() if header != "row"}
    assert "+47-912-34-567" == second["Phone (mobile)"]
    assert any("PHOTO (1)" in note for note in staged.notes)


def test_contacts_are_known_by_content(tmp_path: Path) -> None:
    source = sources.inspect(write(tmp_path, CARDS, name="contacts.txt"))

    assert (SourceKind.XCARD, "contacts as XML (xCard)") == (source.kind, source.description)


def test_contacts_are_imported_as_they_come(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "workspace", preferences=Preferences(country="NO"))
    session = workspace.new_import()
    session.load(write(tmp_path, CARDS))
    session.preview()

    written = session.commit(back_up=False).written

    # Ann Berg has no company: one takes her name.
    assert 2 == written["person"]["new"]
    assert 0 == session.held_back()


def test_a_damaged_file_gets_a_message(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="damaged"):
        sources.inspect(write(tmp_path, CARDS.replace("</vcards>", "")))


def test_a_file_without_cards_is_refused(tmp_path: Path) -> None:
    text = '<vcards xmlns="urn:ietf:params:xml:ns:vcard-4.0"/>'

    with pytest.raises(SourceError, match="no"):
        sources.inspect(write(tmp_path, text))
