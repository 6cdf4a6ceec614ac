"""vCards of all versions and programs become rows; a card that cannot be read is set aside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crmkit import sources, staging
from crmkit.database import Database
from crmkit.errors import SourceError
from crmkit.sources import SourceKind
from crmkit.sql import sql
from tests.landing import land
from tests.test_sources import REAL, expected, real_files

HEAD = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Dahl;Per;;;\r\n"


def contacts(db: Database, path: Path) -> list[dict[str, Any]]:
    """Each contact's filled cells by header."""
    staged = land(db, path)
    headers = {column.id: column.header for column in staged.columns}
    return [
        {headers[c]: cell for c, cell in row.items() if c in headers and cell is not None}
        for row in db.records(sql("select * from staged order by row_no"))
    ]


def one(db: Database, folder: Path, text: str | bytes) -> dict[str, Any]:
    """The cells of a single card, given whole or as the lines below its name."""
    path = folder / "contacts.vcf"
    if isinstance(text, str):
        text = f"{HEAD}{text}\r\nEND:VCARD\r\n".encode()
    path.write_bytes(text)
    (contact,) = contacts(db, path)
    return contact


@real_files
@pytest.mark.parametrize(("name", "facts"), expected("vcard"), ids=lambda value: str(value)[:40])
def test_every_card_of_a_real_file_is_read(db: Database, name: str, facts: dict[str, Any]) -> None:
    staged = land(db, REAL / "real" / name)

    assert (facts["cards"], 0) == (staged.row_count, staged.rejected)
    assert "vCard" == staged.program


@real_files
def test_outlooks_old_card_is_read_to_its_last_line(db: Database) -> None:
    (contact,) = contacts(db, REAL / "real" / "vcard" / "outlook-2003.vcf")

    assert "Company, The" == contact["Company"]
    assert "TheDepartment" == contact["Department"]
    assert "This is the note field!!\nSecond line\n\nThird line is empty" == contact["Notes"]
    assert ("BusinessPhone", "BusinessFaxPhone") == (
        contact["Phone (work)"],
        contact["Fax (work)"],
    )
    assert "1980-03-21" == contact["Birthday"]


@real_files
def test_the_example_of_the_standard_is_the_same_as_text_and_as_json(db: Database) -> None:
    folder = REAL / "real" / "vcard"
    text = contacts(db, folder / "rfc6350-example.vcf")
    as_json = contacts(db, folder / "jcard-example.json")

    for contact in (*text, *as_json):
        contact.pop("Anniversary")
    assert text == as_json
    assert "+1-418-656-9254 ext. 102" == text[0]["Phone (work)"]
    assert "ing. jr, M.Sc." == text[0]["Suffix"]


@pytest.mark.parametrize(
    ("line", "header", "value"),
    [
        pytest.param("TEL;TYPE=CELL:1", "Phone (mobile)", "1", id="mobile"),
        pytest.param("TEL;TYPE=WORK,CELL:1", "Phone (mobile)", "1", id="work-mobile"),
        pytest.param("TEL;WORK;VOICE:1", "Phone (work)", "1", id="bare-words"),
        pytest.param('TEL;TYPE="home,fax":1', "Fax (home)", "1", id="quoted-types"),
        pytest.param("TEL:1", "Phone", "1", id="no-type"),
        pytest.param("TEL;VALUE=uri;TYPE=work:tel:+47-1;ext=2", "Phone (work)", "+47-1 ext. 2", id="uri"),
        pytest.param("item1.TEL:1\r\nitem1.X-ABLabel:_$!<HomeFAX>!$_", "Fax (home)", "1", id="apple"),
        pytest.param("item1.TEL:1\r\nitem1.X-ABLabel:Hytte", "Phone (Hytte)", "1", id="own-label"),
        pytest.param("EMAIL:mailto:a@b.example", "E-mail", "a@b.example", id="mailto"),
        pytest.param("NOTE:a\\, b\\; c\\nd\\\\e", "Notes", "a, b; c\nd\\e", id="escapes"),
        pytest.param("NOTE:fol\r\n ded", "Notes", "folded", id="folded"),
        pytest.param("NOTE:fol\r\n\tded", "Notes", "folded", id="folded-by-tab"),
        pytest.param("URL:http\\://a.example", "Web page", "http://a.example", id="google-colon"),
        pytest.param("ORG:Acme\\; Sons;Sales", "Company", "Acme; Sons", id="semicolon-in-part"),
        pytest.param("BDAY:19800517", "Birthday", "1980-05-17", id="basic-date"),
        pytest.param("BDAY:1980-05-17T00:00:00Z", "Birthday", "1980-05-17", id="date-and-time"),
        pytest.param("BDAY:--0517", "Birthday (no year)", "--05-17", id="no-year"),
        pytest.param("BDAY:1604-05-17", "Birthday (no year)", "--05-17", id="apple-no-year"),
        pytest.param("ADR;TYPE=WORK:;;a\\nb;c;d;e;f", "Work address: street 2", "b", id="two-lines"),
        pytest.param("ADR;TYPE=WORK:Postboks 1;;;c;;e;f", "Work address: street", "Postboks 1", id="box"),
        pytest.param("item1.ADR:;;a;c;;e;\r\nitem1.X-ABADR:no", "Other address: country", "NO", id="code"),
        pytest.param("LABEL;TYPE=WORK:a\\nb", "Work address: whole", "a\nb", id="label-only"),
        pytest.param("X-FOO:bar", "X-FOO", "bar", id="unknown-property"),
        pytest.param("a line of its own", "Unread line", "a line of its own", id="no-property"),
    ],
)  # fmt: skip
def test_a_property_becomes_a_cell(
    db: Database, tmp_path: Path, line: str, header: str, value: str
) -> None:
    assert value == one(db, tmp_path, line)[header]


@pytest.mark.parametrize(
    ("card", "notes"),
    [
        pytest.param(b"NOTE;ENCODING=QUOTED-PRINTABLE:a=0D=0Ab=\nc", "a\nbc", id="soft-break"),
        pytest.param(b"NOTE;CHARSET=UTF-8;QUOTED-PRINTABLE:=C3=A5", "\u00e5", id="bare-encoding"),
        pytest.param(b"NOTE;ENCODING=QUOTED-PRINTABLE:=E5", "\u00e5", id="no-charset"),
        pytest.param(b"NOTE;CHARSET=ISO-8859-2:\xe8", "\u010d", id="charset"),
        pytest.param(b"NOTE;CHARSET=WHATEVER:\xc3\xa5", "\u00e5", id="unknown-charset"),
        pytest.param(b"NOTE:\xe5", "\u00e5", id="raw-windows"),
        pytest.param(b"NOTE;ENCODING=BASE64:aGk=", "hi", id="base64"),
        pytest.param(
            b"PHOTO;BASE64:AAAA\nBBBB\nCC==\n\nNOTE:after", "after", id="unindented-photo"
        ),
        pytest.param(b"NOTE:C:\\new", "C:\\new", id="path"),
    ],
)
def test_version_2_1_is_decoded(db: Database, tmp_path: Path, card: bytes, notes: str) -> None:
    contact = one(db, tmp_path, b"BEGIN:VCARD\nVERSION:2.1\nN:Dahl;Per\n" + card + b"\nEND:VCARD\n")

    assert notes == contact["Notes"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_encodings_and_line_ends_are_found(
    db: Database, tmp_path: Path, encoding: str, line_end: str
) -> None:
    card = f"{HEAD}NOTE:Åse og Ørjan har en lang merknad\r\nEND:VCARD\r\n"

    contact = one(db, tmp_path, card.replace("\r\n", line_end).encode(encoding))

    assert {"First name": "Per", "Last name": "Dahl"} | {
        "Notes": "Åse og Ørjan har en lang merknad"
    } == contact


def test_several_of_a_kind_have_columns_of_their_own(db: Database, tmp_path: Path) -> None:
    contact = one(
        db,
        tmp_path,
        "EMAIL;TYPE=HOME:a@b.example\r\nEMAIL;TYPE=PREF:c@d.example\r\n"
        "TEL;TYPE=WORK:1\r\nTEL;TYPE=WORK:2\r\nTEL;TYPE=WORK:1",
    )

    assert ["c@d.example", "a@b.example"] == [contact["E-mail"], contact["E-mail 2"]]
    assert {"Phone (work)": "1", "Phone (work) 2": "2"} == {
        header: cell for header, cell in contact.items() if header.startswith("Phone")
    }


@pytest.mark.parametrize(
    "line",
    ["X-ABShowAs:COMPANY", "KIND:org", "X-FOO:bar"],
    ids=["apple", "kind", "no-name-but-the-company's"],
)
def test_a_card_of_a_company_fills_the_companys_columns(
    db: Database, tmp_path: Path, line: str
) -> None:
    card = (
        "BEGIN:VCARD\nVERSION:3.0\nN:;;;;\nFN:Acme\nORG:Acme;\nTEL;TYPE=MAIN:1\nEMAIL:a@b.example\n"
        f"ADR:;;Main St;Oslo;;0155;\n{line}\nEND:VCARD\n"
    )

    contact = one(db, tmp_path, card.encode())

    contact.pop("X-FOO", None)
    assert {
        "Company": "Acme",
        "Company phone": "1",
        "Company e-mail": "a@b.example",
        "Work address: street": "Main St",
        "Work address: city": "Oslo",
        "Work address: zip code": "0155",
    } == contact


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        pytest.param(f"{HEAD}", ["the file ends before the card does"], id="cut-off"),
        pytest.param(
            f"BEGIN:VCARD\nN:A;B\n{HEAD}END:VCARD\n",
            ["it has no end: another card begins inside it"],
            id="no-end",
        ),
        pytest.param("BEGIN:VCARD\nEND:VCARD\n", ["it is empty"], id="empty"),
        pytest.param(
            "BEGIN:VCARD\nKIND:group\nFN:Friends\nMEMBER:urn:uuid:1\nEND:VCARD\n",
            ["it is a list of contacts and not a contact"],
            id="group",
        ),
        pytest.param(
            f"{HEAD}AGENT:\n{HEAD}END:VCARD\nEND:VCARD\n",
            ["it is part of card 2, as its agent"],
            id="agent",
        ),
    ],
)
def test_a_broken_card_is_set_aside_and_the_others_are_read(
    db: Database, tmp_path: Path, text: str, reasons: list[str]
) -> None:
    path = tmp_path / "contacts.vcf"
    path.write_text(f"{HEAD}END:VCARD\n{text}", encoding="utf-8")

    staged = land(db, path)

    assert reasons == [reason for _, reason, _ in staging.rejected_rows(db, 10)]
    assert text.count("BEGIN:VCARD") + 1 == staged.row_count + staged.rejected


def test_a_full_name_is_split_where_others_have_parts(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "contacts.vcf"
    path.write_text(
        f"{HEAD}END:VCARD\nBEGIN:VCARD\nFN:Jan van der Berg\nEND:VCARD\n"
        "BEGIN:VCARD\nFN:kari@a.example\nEMAIL:kari@a.example\nEND:VCARD\n",
        encoding="utf-8",
    )

    _, jan, kari = contacts(db, path)

    assert ("Jan", "van der Berg") == (jan["First name"], jan["Last name"])
    assert {"Full name", "E-mail"} == set(kari)


def test_what_has_no_column_is_kept_in_one(db: Database, tmp_path: Path) -> None:
    """A hostile card with thousands of properties does not make thousands of columns."""
    contact = one(db, tmp_path, "\r\n".join(f"X-{n}:{n}" for n in range(1_000)))

    assert 251 == len(contact)
    assert "X-999: 999" == contact["More"].splitlines()[-1]


def test_pictures_are_left_out_and_named(db: Database, tmp_path: Path) -> None:
    one(db, tmp_path, "PHOTO;ENCODING=b;TYPE=JPEG:AAAA\r\n BBBB\r\nLOGO:data:image/png;base64,AA")
    notes = land(db, tmp_path / "contacts.vcf").notes

    assert "what a CRM has no field for is left out: PHOTO (1), LOGO (1)" in notes


def test_a_file_of_broken_cards_says_what_is_wrong(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "contacts.vcf"
    path.write_text(HEAD, encoding="utf-8")

    with pytest.raises(SourceError, match="None of the contacts") as raised:
        land(db, path)

    assert "the file ends before the card does" in raised.value.mend


def test_json_that_is_no_contact_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "account.json"
    path.write_text('{"module": "Contacts"}', encoding="utf-8")

    with pytest.raises(SourceError, match="no contacts"):
        sources.inspect(path)


def test_a_list_of_jcards_sets_aside_what_is_none(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "contacts.json"
    card = ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", "Per Dahl"], ["tel"]]]
    path.write_text(json.dumps([card, {"no": "card"}, ["vcard", [["fn", {}, "text", ""]]]]))

    found = contacts(db, path)

    assert [{"Full name": "Per Dahl", "Unread line": '["tel"]'}] == found
    assert [2, 3] == [number for number, _, _ in staging.rejected_rows(db, 10)]
    assert SourceKind.JCARD == sources.inspect(path).kind
