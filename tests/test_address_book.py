"""Address books import into companies and persons as they come, without touching the mapping."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from crmkit.crm import Preferences
from crmkit.samples import SAMPLES
from crmkit.staging import StagedTable
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path / "workspace", preferences=Preferences(country="NO"))


def imported(workspace: Workspace, path: Path) -> StagedTable:
    """Import a file with the mapping that is suggested."""
    session = workspace.new_import()
    staged = session.load(path)
    assert () == session.settings_faults()
    session.preview()
    assert 0 == session.held_back()
    session.commit(back_up=False)
    return staged


def persons(workspace: Workspace) -> dict[str, dict[str, Any]]:
    frame = workspace.query(
        "select p.*, c.name as company from crm.person p left join crm.company c"
        " on c.id = p.company_id order by p.id"
    )
    return {
        str(row["last_name"]): {str(key): value for key, value in row.items()}
        for row in frame.to_dict("records")
    }


def values(workspace: Workspace, table: str, owner: str) -> set[tuple[str, str]]:
    """Slot and value of everything that one of the two has."""
    frame = workspace.query(
        f"select slot, value from crm.{table} where {owner}_id is not null order by all"
    )
    return set(frame.itertuples(index=False, name=None))


def addresses(workspace: Workspace) -> set[tuple[str, str, str, str]]:
    frame = workspace.query("select slot, line1, zip_code, city from crm.address order by all")
    return set(frame.itertuples(index=False, name=None))


def test_an_outlook_file_in_german_imports_as_it_comes(workspace: Workspace) -> None:
    imported(workspace, SAMPLES / "outlook.csv")

    jana = persons(workspace)["Krüger"]
    assert ("Jana", "Leiterin Einkauf", "Einkauf", "Frau", "Bäckerei Müller GmbH") == (
        jana["first_name"],
        jana["title"],
        jana["department"],
        jana["salutation"],
        jana["company"],
    )
    assert "1975-04-12" == str(persons(workspace)["Berg"]["birth_date"])[:10]
    assert {
        ("direct", "+49 221 1234560"),
        ("mobile", "+49 171 1234567"),
        ("mobile", "+49 171 7654321"),
        ("private_phone", "+31 20 765 4321"),
    } == values(workspace, "phone", "person")
    assert {("phone", "+31 20 123 4567")} == values(workspace, "phone", "company")
    assert {
        ("email", "jana.krueger@mueller.example"),
        ("email", "pieter@tuliptrade.example"),
        ("email", "pieter.vdberg@home.example"),
    } == values(workspace, "email", "person")
    assert {
        ("postal", "Domstraße 1", "50667", "Köln"),
        ("private", "Keizersgracht 5", "1015 CC", "Amsterdam"),
    } == addresses(workspace)
    assert {("web", "http://www.mueller.example")} == values(workspace, "link", "company")


def test_an_outlook_file_in_another_language_imports_as_it_comes(
    workspace: Workspace, tmp_path: Path
) -> None:
    """As by the order of the columns; what only its own name could tell is left open."""
    headers = [f"ord{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(92)]
    for first in (8, 15, 22):
        headers[first + 1], headers[first + 2] = f"{headers[first]} 2", f"{headers[first]} 3"
    headers[39], headers[43], headers[80], headers[81] = "ISDN", "Pager", "Privat", "Sted"
    row = [""] * 92
    row[1], row[3], row[5], row[7] = "Per", "Dahl", "Dahl AS", "Sjef"
    row[8], row[11], row[13] = "Storgata 1", "Oslo", "0155"
    row[31], row[40], row[80], row[81] = "+47 22 11 00 99", "+47 900 11 223", "Usann", "Her"
    row[60:63] = "per@dahl.example", "SMTP", "per@dahl.example"

    imported(workspace, _csv(tmp_path / "kontakter.csv", [headers, row]))

    per = persons(workspace)["Dahl"]
    assert ("Per", "Sjef", "Dahl AS") == (per["first_name"], per["title"], per["company"])
    assert {("postal", "Storgata 1", "0155", "Oslo")} == addresses(workspace)
    assert {("direct", "+47 22 11 00 99"), ("mobile", "+47 900 11 223")} == values(
        workspace, "phone", "person"
    )
    assert {("email", "per@dahl.example")} == values(workspace, "email", "person")


def test_a_google_file_imports_as_it_comes(workspace: Workspace) -> None:
    imported(workspace, SAMPLES / "google.csv")

    ingrid = persons(workspace)["Solberg"]
    assert ("Daglig leder", "Nordlys Handel AS", "Møtt på messen") == (
        ingrid["title"],
        ingrid["company"],
        ingrid["info"],
    )
    assert {"Solberg", "Dahl"} == set(persons(workspace))
    assert {
        ("mobile", "+47 900 11 223"),
        ("direct", "+47 23 35 40 00"),
        ("private_phone", "+47 22 11 00 99"),
    } == values(workspace, "phone", "person")
    assert ("phone", "+47 38 00 00 00") in values(workspace, "phone", "company")
    assert {
        ("email", "ingrid@nordlys.example"),
        ("email", "post@nordlys.example"),
        ("email", "per.olav@private.example"),
    } == values(workspace, "email", "person")
    assert {("email", "post@sorbygg.example")} == values(workspace, "email", "company")


def test_vcards_import_as_they_come(workspace: Workspace) -> None:
    staged = imported(workspace, SAMPLES / "contacts.vcf")

    assert (4, 1) == (staged.row_count, staged.rejected)
    mette = persons(workspace)["Sørensen"]
    assert ("Direktør", "Jylland Teknik ApS") == (mette["title"], mette["company"])
    assert ("Anna", "Maria") == (
        persons(workspace)["Lind"]["first_name"],
        persons(workspace)["Lind"]["middle_name"],
    )
    assert {("phone", "+47 23 35 40 00")} == values(workspace, "phone", "company")
    assert {("email", "post@nordlys.example")} == values(workspace, "email", "company")
    assert ("postal", "Hovedgaden 1", "2630", "Høje Taastrup") in addresses(workspace)


def _csv(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_linkedin_connections_import_as_they_come(workspace: Workspace, tmp_path: Path) -> None:
    path = _csv(
        tmp_path / "Connections.csv",
        [
            ["Notes:"],
            ["When exporting your connection data, some e-mail addresses may be missing."],
            [],
            ["First Name", "Last Name", "URL", "Email Address", "Company", "Position", "Connected On"],
            ["Kari", "Dahl", "https://www.linkedin.com/in/k", "", "Dahl AS", "Sjef", "01 Jul 2026"],
            ["Per", "Berg", "https://www.linkedin.com/in/p", "p@b.example", "", "", "02 Jul 2026"],
        ],
    )  # fmt: skip

    imported(workspace, path)

    kari = persons(workspace)["Dahl"]
    assert ("Sjef", "Dahl AS") == (kari["title"], kari["company"])
    assert {("email", "p@b.example")} == values(workspace, "email", "person")
    assert 2 == len(values(workspace, "link", "person"))
    assert set() == values(workspace, "link", "company")


LDIF = """\
dn: cn=Kari Dahl,mail=kari@dahl.example
objectclass: top
objectclass: person
objectclass: mozillaAbPersonAlpha
givenName: Kari
sn: Dahl
cn: Kari Dahl
mail: kari@dahl.example
mozillaSecondEmail: kari@home.example
telephoneNumber: +47 22 11 00 99
mobile: +47 900 11 223
street: Storgata 1
l: Oslo
postalCode: 0155
c: Norge
title:: RGFnbGlnIGxlZGVyIHDDpSBrb250b3JldA==
o: Dahl
  AS
birthyear: 1980
birthmonth: 5
birthday: 17

dn: cn=Per Berg
cn: Per Berg

dn: cn=Friends
objectclass: groupOfNames
cn: Friends
"""


def test_thunderbirds_ldif_imports_as_it_comes(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "book.ldif"
    path.write_text(LDIF, encoding="utf-8")

    staged = imported(workspace, path)

    assert ("Thunderbird", 2, 1) == (staged.program, staged.row_count, staged.rejected)
    kari = persons(workspace)["Dahl"]
    assert ("Daglig leder på kontoret", "Dahl AS", "1980-05-17") == (
        kari["title"],
        kari["company"],
        str(kari["birth_date"])[:10],
    )
    assert "Per" == persons(workspace)["Berg"]["first_name"]
    assert ("postal", "Storgata 1", "0155", "Oslo") in addresses(workspace)


OLD_GOOGLE = [
    ["Name", "Given Name", "Family Name", "Group Membership", "E-mail 1 - Type",
     "E-mail 1 - Value", "Phone 1 - Type", "Phone 1 - Value", "Organization 1 - Type",
     "Organization 1 - Name", "Organization 1 - Title", "Address 1 - Type", "Address 1 - Formatted",
     "Address 1 - Street", "Address 1 - City"],
    ["Kari Dahl", "Kari", "Dahl", "* myContacts", "* Work", "a@b.example ::: c@d.example",
     "Mobile", "1 ::: 2", "", "Dahl AS", "Sjef", "Home", "A 1, X ::: B 2, Y", "A 1 ::: B 2",
     "X ::: Y"],
    ["", "", "", "", "", "only@mail.example"],
    ["", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "beyond"],
    [],
    ["Per", "", "", "", "", "p@b.example"],
]  # fmt: skip


def test_googles_old_header_is_read_with_several_values_in_a_cell(
    workspace: Workspace, tmp_path: Path
) -> None:
    session = workspace.new_import()

    staged = session.load(_csv(tmp_path / "old.csv", OLD_GOOGLE))

    assert (3, 1, 1) == (staged.row_count, staged.rejected, staged.blank_rows)
    kari, only, per = session.first_rows().to_dict("records")
    assert ["a@b.example", "c@d.example"] == [kari["E-mail"], kari["E-mail 2"]]
    assert ["1", "2"] == [kari["Phone (mobile)"], kari["Phone (mobile) 2"]]
    assert ["A 1", "B 2", "Y"] == [
        kari["Home address: street"],
        kari["Home address 2: street"],
        kari["Home address 2: city"],
    ]
    # A contact without a name is kept, and a name that is not split gets split.
    assert "only@mail.example" == only["E-mail"]
    assert "Per" == per["Last name"]
    assert (2, 3, 6) == tuple(session.first_rows()["row_no"])


def test_without_its_headers_googles_file_is_a_plain_table(workspace: Workspace) -> None:
    """Whoever says that there is no header row sees the columns as they stand in the file."""
    session = workspace.new_import()

    staged = session.load(SAMPLES / "google.csv", header_row=0)

    assert (4, 0, None) == (staged.row_count, staged.rejected, staged.program)
    assert "Column A" == staged.columns[0].header
