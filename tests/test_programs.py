"""Outlook, Thunderbird and LinkedIn are recognised by their headers, in any language."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest

from crmkit import sources, staging, suggestions
from crmkit.database import in_memory
from crmkit.entities import SCHEMA
from crmkit.samples import SAMPLES
from crmkit.sources.programs import OUTLOOK_HEADERS, recognise
from crmkit.sql import sql
from crmkit.staging import StagedTable, from_json, to_json
from tests.crm_kit import silent

# As a language that nobody wrote down would have it.
FOREIGN = [f"wort{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(92)]
for _first in (8, 15, 22):
    FOREIGN[_first + 1], FOREIGN[_first + 2] = f"{FOREIGN[_first]} 2", f"{FOREIGN[_first]} 3"
FOREIGN[39], FOREIGN[43], FOREIGN[1], FOREIGN[3] = "ISDN", "Pager", "Fornavn", "Etternavn"


def land(path: Path) -> StagedTable:
    source = sources.inspect(path)
    with in_memory() as db:
        return staging.land(db, source, sources.detect_layout(source), progress=silent)


def write(path: Path, rows: Sequence[Sequence[str]], *, encoding: str = "utf-8") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.mark.parametrize("language", ["English", "Dutch", "German"])
def test_outlook_is_known_by_name(language: str) -> None:
    """The second half is sorted by the language's own names, so its order says nothing."""
    headers, english = OUTLOOK_HEADERS[language], OUTLOOK_HEADERS["English"]
    pairs = list(zip(headers, english, strict=True))
    pairs = pairs[:48] + sorted(pairs[48:])

    found = recognise([own for own, _ in pairs])

    assert found is not None
    assert ("Outlook", f"Outlook contacts ({language})") == (found.program, found.description)
    assert tuple(name for _, name in pairs) == found.known_as


def test_any_other_outlook_is_known_by_the_order_of_its_columns(tmp_path: Path) -> None:
    row = [""] * 92
    row[3], row[5], row[8], row[31] = "Solberg", "Nordlys AS", "Storgata 1", "+47 23 35 40 00"
    row[60:63] = "a@b.example", "SMTP", "A (a@b.example)"
    row[57:60] = "two@b.example", "SMTP", "two@b.example"
    row[70], row[75] = "0.0.00", "https://b.example"

    headers = [*FOREIGN]
    headers[57], headers[80] = "E-post 2-adresse", "Notater"

    staged = land(write(tmp_path / "kontakter.csv", [headers, row]))

    known = {column.known_as: column.header for column in staged.columns if column.known_as}
    assert "Outlook contacts (Norwegian), recognised by the order of its columns" in staged.notes
    assert (FOREIGN[5], FOREIGN[31]) == (known["Company"], known["Business Phone"])
    assert (FOREIGN[60], FOREIGN[61]) == (known["E-mail Address"], known["E-mail Type"])
    assert (FOREIGN[75], "Notater") == (known["Web Page"], known["Notes"])
    assert "E-post 2-adresse" == known["E-mail 2 Address"]
    assert 0 == staged.columns[70].filled


@pytest.mark.parametrize(
    ("change", "value"), [(9, "wort"), (24, "wort 4")], ids=["street-2", "street-3"]
)
def test_ninety_two_columns_alone_are_not_outlook(change: int, value: str) -> None:
    headers = [*FOREIGN]
    headers[change] = value

    assert recognise(headers) is None


@pytest.mark.parametrize(
    "headers",
    [
        ["Title", "First Name", "Last Name", "Company", "Notes"],
        ["Company name", "E-mail", "Telephone", "City"],
        ["Name", "Account", "Language", "E-mail Address"],
    ],
)
def test_a_plain_list_is_no_program(headers: list[str]) -> None:
    """Its "Title" is a job title, which Outlook's is not."""
    assert recognise(headers) is None


def test_an_outlook_file_for_mac_is_read(tmp_path: Path) -> None:
    headers = ["First Name", "Last Name", "Company", "Job Title", "Business Street",
               "Business City", "Business Country", "Business Phone", "E-mail Address"]  # fmt: skip
    row = ["Kari", "Dahl", "Dahl AS", "Sjef", "Storgata 1", "Oslo", "Norge", "22110099", "a@b.no"]
    path = tmp_path / "mac.csv"
    path.write_bytes("\r".join("\t".join(cells) for cells in (headers, row)).encode("utf-16"))

    staged = land(path)

    assert ("Outlook", 1) == (staged.program, staged.row_count)
    assert headers == [column.known_as for column in staged.columns]


def test_linkedins_notes_above_the_headers_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "Connections.csv"
    path.write_text(
        'Notes:\n"When exporting your connection data, you may notice, that some are missing."\n\n'
        "First Name,Last Name,URL,Email Address,Company,Position,Connected On\n"
        "Kari,Dahl,https://www.linkedin.com/in/kari,,Dahl AS,Sjef,01 Jul 2026\n"
        "Per,Berg,https://www.linkedin.com/in/per,p@b.example,Berg AS,,02 Jul 2026\n",
        encoding="utf-8",
    )

    staged = land(path)

    assert ("LinkedIn", 2) == (staged.program, staged.row_count)


def test_thunderbird_is_known_in_any_language(tmp_path: Path) -> None:
    headers = [f"spalte {chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(37)]
    headers[27:29] = "Webseite 1", "Webseite 2"
    headers[32:36] = (f"Benutzerdef. {n}" for n in range(1, 5))
    headers[:2] = "Vorname", "Nachname"

    found = recognise([*headers, ""])

    assert found is not None
    assert ("Thunderbird", "Organization") == (found.program, found.known_as[26])
    assert "German" in found.description


def test_what_a_program_calls_its_columns_is_kept_with_the_import() -> None:
    staged = land(SAMPLES / "outlook.csv")

    assert staged == from_json(to_json(staged))
    assert "Business Phone" in {column.known_as for column in staged.columns}


def test_an_import_of_an_older_version_has_no_program() -> None:
    kept = to_json(land(SAMPLES / "semicolon-cp1252.csv"))
    for new in ("program", "contacts", "reshaped"):
        del kept[new]
    for column in kept["columns"]:
        del column["known_as"]

    assert from_json(kept).program is None


def test_windows_live_mail_is_known_and_its_work_and_home_kept_apart(tmp_path: Path) -> None:
    headers = (
        "Vorname;Nachname;Name;E-Mail-Adresse;Straße (privat);Ort (privat);Postleitzahl (privat);"
        "Bundesland (privat);Land/Region (privat);Telefon (privat);Rückmeldung;Mobiltelefon;Firma;"
        "Position;Telefon (geschäftlich);Webseite"
    )
    row = (
        "Ute;Beck;Ute Beck;u@beck.example;Ring 2;Köln;50667;;;0221 555;;0170 5;Beck;Chefin;0221 1;"
    )
    path = tmp_path / "kontakte.csv"
    path.write_text(f"{headers}\n{row}\n", encoding="utf-8")

    staged = land(path)

    known = {column.header: column.known_as for column in staged.columns}
    assert "Outlook contacts (German)" in staged.notes
    assert ("Home Phone", "Business Phone") == (
        known["Telefon (privat)"],
        known["Telefon (geschäftlich)"],
    )


def test_thunderbirds_birth_date_in_three_columns_is_one(tmp_path: Path) -> None:
    """A date that is not whole stays as it is written."""
    headers = [
        *(
            "First Name",
            "Last Name",
            "Display Name",
            "Nickname",
            "Primary Email",
            "Secondary Email",
        ),
        *(
            "Work Phone",
            "Home Phone",
            "Fax Number",
            "Pager Number",
            "Mobile Number",
            "Home Address",
        ),
        *("Organization", "Birth Year", "Birth Month", "Birth Day"),
    ]
    kari = ["Kari", "Dahl", *[""] * 10, "Acme", "1980", "5", "17"]
    per = ["Per", "Moe", *[""] * 10, "Acme", "", "6", "18"]
    source = sources.inspect(write(tmp_path / "book.csv", [headers, kari, per]))

    with in_memory() as db:
        staged = staging.land(db, source, sources.detect_layout(source), progress=silent)
        mapping = suggestions.suggest(db, staged, SCHEMA)
        days = [row[-1] for row in db.rows(sql("select * from staged order by row_no"))]

    assert ["1980-05-17", "18"] == days
    assert "person.birth_date" == mapping.columns[-1].target
    assert any("birth are put together" in note for note in staged.notes)
