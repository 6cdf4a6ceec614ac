"""A zip of contacts is read without unpacking more than one file, up to a limit."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from crmkit import sources, staging
from crmkit.database import in_memory
from crmkit.errors import SourceError
from crmkit.limits import Limits
from crmkit.samples import SAMPLES
from crmkit.staging import StagedTable
from tests.crm_kit import silent

CARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Per Dahl\nEND:VCARD\n"


def packed(folder: Path, files: dict[str, str | bytes]) -> Path:
    path = folder / "takeout.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return path


def land(path: Path, sheet: str | None = None) -> StagedTable:
    source = sources.inspect(path, sheet=sheet)
    with in_memory() as db:
        return staging.land(db, source, sources.detect_layout(source, sheet), progress=silent)


def test_takeouts_largest_list_is_read_and_the_others_can_be_chosen(tmp_path: Path) -> None:
    path = packed(
        tmp_path,
        {
            "Takeout/archive_browser.html": "<html></html>",
            "Takeout/Contacts/My Contacts/My Contacts.vcf": CARD,
            "Takeout/Contacts/All Contacts/All Contacts.vcf": CARD * 3,
            "Takeout/Contacts/All Contacts/photo.jpg": b"\xff\xd8\xff" * 9_000,
        },
    )

    staged = land(path)

    assert ("takeout.zip", 3, "vCard") == (staged.source_name, staged.row_count, staged.program)
    assert "Takeout/Contacts/All Contacts/All Contacts.vcf" == staged.sheet
    assert any("not read are: Takeout/Contacts/My Contacts" in note for note in staged.notes)
    assert 1 == land(path, "Takeout/Contacts/My Contacts/My Contacts.vcf").row_count


def test_google_csv_in_a_zip_is_read(tmp_path: Path) -> None:
    path = packed(
        tmp_path,
        {
            "Takeout/Profile/numbers.csv": "a,b\n" + "1,2\n" * 900,
            "Takeout/Kontakte/Alle.csv": (SAMPLES / "google.csv").read_bytes(),
        },
    )

    staged = land(path)

    assert ("Google Contacts", 3) == (staged.program, staged.row_count)


def test_the_cards_of_a_folder_are_one_table(tmp_path: Path) -> None:
    path = packed(tmp_path, {f"cards/{number}.vcf": CARD.rstrip("\n") for number in range(5)})

    staged = land(path)

    assert ("cards/", 5) == (staged.sheet, staged.row_count)


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path, {"contacts.vcf": CARD + "x" * 2_000_000})

    with pytest.raises(SourceError, match="unpacks to more than 1 MB"):
        sources.inspect(path, limits=Limits(unpacked_mb=1))


def test_a_path_that_leads_out_of_the_folder_leads_nowhere(tmp_path: Path) -> None:
    path = packed(tmp_path, {"../../evil.vcf": CARD})

    assert 1 == land(path).row_count
    assert ["takeout.zip"] == [found.name for found in tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        pytest.param({"a.jpg": b"x"}, "no contacts in this zip", id="none"),
        pytest.param({"a.csv": (SAMPLES / "two-sheets.xlsx").read_bytes()}, "workbook", id="book"),
        pytest.param({"contacts.vcf": b"\x00\x01\x02"}, "no contacts in this file", id="no-cards"),
    ],
)
def test_a_zip_without_contacts_says_so(
    tmp_path: Path, files: dict[str, str | bytes], message: str
) -> None:
    with pytest.raises(SourceError, match=message):
        sources.inspect(packed(tmp_path, files))


def test_a_damaged_zip_is_refused_with_a_message(tmp_path: Path) -> None:
    path = packed(tmp_path, {"contacts.vcf": CARD * 500})
    content = bytearray(path.read_bytes())
    content[60:90] = b"\x00" * 30
    path.write_bytes(content)

    with pytest.raises(SourceError, match="damaged"):
        sources.inspect(path)


@pytest.mark.parametrize("name", ["contacts.zip", "list.xlsx", "list.ods"])
def test_a_zip_that_asks_for_a_later_program_is_refused_with_a_message(
    tmp_path: Path, name: str
) -> None:
    """Python raises its own kind of error for a number that no zip has yet."""
    path = tmp_path / name
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("contacts.vcf", "BEGIN:VCARD\nFN:Ann Berg\nEND:VCARD\n")
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\x01\x02")
    content[directory + 6] = 64  # the version that is needed to unpack, times ten
    path.write_bytes(content)

    with pytest.raises(SourceError) as raised:
        sources.inspect(path)

    assert raised.value.mend
