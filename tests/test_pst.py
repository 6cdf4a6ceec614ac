"""Outlook data files: contacts with their addresses, and everything else told."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from crmkit import sources
from crmkit.database import Database
from crmkit.errors import CancelledError, SourceError
from crmkit.limits import Limits
from crmkit.sources import SourceKind, pst
from crmkit.sources.graph import contact_of
from crmkit.staging import StagedTable
from crmkit.workbook_child.outlook_data import _contact
from tests.landing import land, rows

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "real" / "pst"
FILE = FOLDER / "dist-list.pst"

real = pytest.mark.skipif(not FILE.exists(), reason=f"the real files are not here: {FOLDER}")


def cells(db: Database, staged: StagedTable) -> list[dict[str, str]]:
    headers = [column.header for column in staged.columns]
    return [
        {header: cell for header, cell in zip(headers, row[1:], strict=True) if cell}
        for row in rows(db)
    ]


@real
def test_a_real_files_contact_is_read_with_its_address(db: Database) -> None:
    staged = land(db, FILE)

    assert ("Outlook", 1, True) == (staged.program, staged.row_count, staged.contacts)
    (found,) = cells(db, staged)
    key = found.pop("Outlook key")
    assert key.startswith("Outlook:")
    assert {
        "Full name": "contact name 1",
        "First name": "contact",
        "Middle name": "name",
        "Last name": "1",
        "Initials": "c.n.1.",
        "E-mail": "contact1@rjohnson.id.au",
        "Folder": "Contacts",
    } == found


@real
def test_a_distribution_list_is_told_and_not_imported(db: Database) -> None:
    staged = land(db, FILE)

    assert "distribution lists are not imported: 1" in staged.notes


@real
def test_it_is_told_by_its_content_and_not_its_name(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(FILE.read_bytes())

    assert SourceKind.PST is sources.inspect(path).kind


@real
@pytest.mark.parametrize("place", [600, 5_000, 20_000, 100_000, 200_000])
def test_a_damaged_file_costs_a_message_or_less(tmp_path: Path, db: Database, place: int) -> None:
    """Wherever it is damaged: all that can be read is read, or it is refused in plain words."""
    data = bytearray(FILE.read_bytes())
    data[place : place + 4_000] = b"\xff" * 4_000
    path = tmp_path / "damaged.pst"
    path.write_bytes(data)

    try:
        staged = land(db, path)
    except SourceError as error:
        assert error.mend  # noqa: PT017  either is right
    else:
        assert staged.row_count + staged.rejected >= 1


@pytest.mark.parametrize("size", [4, 100, 4_000])
def test_garbage_costs_a_message(tmp_path: Path, size: int) -> None:
    path = tmp_path / "garbage.pst"
    path.write_bytes((b"!BDN" + bytes(range(256)) * 20)[:size])

    with pytest.raises(SourceError, match="damaged"):
        sources.inspect(path)


@real
def test_a_file_that_takes_too_much_is_refused() -> None:
    with pytest.raises(SourceError, match="too large"):
        list(pst.read_contacts(FILE, lambda _: None, [], limits=Limits(seconds=0)))


@real
def test_reading_can_be_stopped() -> None:
    def stop(count: int) -> None:
        raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        list(pst.read_contacts(FILE, stop, []))


def test_without_the_optional_part_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pypff", None)
    path = tmp_path / "contacts.pst"
    path.write_bytes(b"!BDN" + b"\0" * 500)

    with pytest.raises(SourceError, match="not installed") as caught:
        sources.inspect(path)

    assert "pip install" in caught.value.mend


def test_a_contact_with_all_that_the_reader_knows() -> None:
    """Properties as the reader finds them, for those that the real file does not fill."""
    named = {
        0x8083: 0x8001,
        0x8093: 0x8002,
        0x8094: 0x8003,
        0x8045: 0x8010,
        0x8048: 0x8011,
        "Keywords": 0x8020,
    }
    named |= {0x8046: 0x8012}
    contact = _contact(
        {
            0x3A06: "Frida", 0x3A11: "Holm", 0x3A16: "Fjell AS", 0x3A17: "Daglig leder",
            0x3A08: "22 33 44 55", 0x3A1C: "900 11 222", 0x3A24: "22 33 44 56", 0x3A09: "55 1",
            0x3A5D: "Hjemveien 2", 0x3A5B: "5003", 0x3A29: "Hjemveien 2", 0x3A2A: "5003",
            0x8001: "frida@fjell.example", 0x8002: "/o=Fjell/cn=frida",
            0x8003: "frida@hjemme.example", 0x8010: "Fjellveien 3", 0x8011: "5004",
            0x8012: "Bergen", 0x8020: ["Kunde", "VIP"], 0x3A42: "1980-05-17", 0x300B: "ab12",
        },
        named,
    )  # fmt: skip

    found = {
        h.text: text for h, text in contact_of(json.loads(json.dumps(contact))).finish().items()
    }

    found.pop("Outlook key")
    assert {
        "First name": "Frida",
        "Last name": "Holm",
        "Company": "Fjell AS",
        "Job title": "Daglig leder",
        "Phone (work)": "22 33 44 55",
        "Phone (mobile)": "900 11 222",
        "Phone (home)": "55 1",
        "Fax (work)": "22 33 44 56",
        "Home address: street": "Hjemveien 2",
        "Home address: zip code": "5003",
        "Work address: street": "Fjellveien 3",
        "Work address: zip code": "5004",
        "Work address: city": "Bergen",
        "E-mail": "frida@fjell.example",
        "E-mail 2": "frida@hjemme.example",
        "Birthday": "1980-05-17",
        "Categories": "Kunde, VIP",
    } == found


def test_addresses_are_found_by_their_look_where_the_file_does_not_name_them() -> None:
    contact = _contact({0x8027: "frida@fjell.example", 0x8028: "SMTP", 0x803C: "Frida"}, {})

    assert [{"address": "frida@fjell.example"}] == contact["emailAddresses"]
