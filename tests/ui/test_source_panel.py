"""The source panel: how the file is read can be said, and what could not be read is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmkit.descriptions import SourceSettings
from crmkit.session import ImportSession
from crmkit.ui.desk import Desk
from crmkit.ui.file_origin import upload_limit
from crmkit.ui.source import SourcePanel
from crmkit.ui.widgets.uploader import MEGABYTE
from tests.crm_kit import new_workspace


@pytest.fixture
def session(tmp_path: Path) -> ImportSession:
    return new_workspace(tmp_path / "workspace").new_import()


def panel_of(session: ImportSession, content: bytes, name: str = "list.csv") -> SourcePanel:
    """The panel with a file that was read as it was found to be."""
    path = session.workspace.path / name
    path.write_bytes(content)
    session.load(path)
    panel = SourcePanel(Desk(session.workspace, session, strict=True))
    panel.show()
    return panel


def read_again(panel: SourcePanel) -> None:
    panel._again.click()
    assert panel.desk.wait(60)


def first_row(session: ImportSession) -> list[str]:
    return [str(cell) for cell in session.first_rows(1).iloc[0].tolist()[1:]]


def test_the_encoding_and_delimiter_that_were_found_are_shown(session: ImportSession) -> None:
    panel = panel_of(session, b"Name;City\nAcme;Oslo\n")

    assert (panel._encoding.value, panel._delimiter.value) == ("utf-8", ";")
    assert "" == panel._encoding.layout.display == panel._delimiter.layout.display
    assert panel._sheet.layout.display == "none"


def test_another_encoding_reads_the_letters_anew(session: ImportSession) -> None:
    """0x8A is an ä on an old Macintosh, and a Š on Windows."""
    panel = panel_of(session, b"Name;City\nB\x8acker;Oslo\nM\x8arz;Oslo\n")

    panel._encoding.value = "mac-roman"
    read_again(panel)

    assert first_row(session) == ["Bäcker", "Oslo"]
    assert panel._encoding.value == session.staged.encoding


def test_another_delimiter_cuts_the_rows_anew(session: ImportSession) -> None:
    panel = panel_of(session, b"Name;City|Country\nAcme;Oslo|Norway\nBeta;Lund|Sweden\n")

    panel._delimiter.value = "|"
    read_again(panel)

    assert [column.header for column in session.staged.columns] == ["Name;City", "Country"]
    assert first_row(session) == ["Acme;Oslo", "Norway"]


def test_a_tab_is_offered_by_its_name(session: ImportSession) -> None:
    panel = panel_of(session, b"Name\tZip\tCity, land\nAcme\t0155\tOslo, Norge\n")
    assert panel._delimiter.value == "tab"

    panel._delimiter.value = ","
    read_again(panel)
    panel._delimiter.value = "tab"
    read_again(panel)

    assert session.staged.delimiter == "\t"
    assert first_row(session) == ["Acme", "0155", "Oslo, Norge"]


def test_an_encoding_that_is_none_is_refused_and_the_rows_stay(session: ImportSession) -> None:
    panel = panel_of(session, b"Name;City\nAcme;Oslo\n")

    panel._encoding.value = "klingon"
    read_again(panel)

    notice = panel.desk.message.notice
    assert notice is not None
    assert "klingon" in f"{notice.message} {notice.where}"
    assert first_row(session) == ["Acme", "Oslo"]


def test_the_header_row_that_is_said_counts(session: ImportSession) -> None:
    panel = panel_of(session, b"List of 2026;\nName;City\nAcme;Oslo\n")

    panel._header.value = 1
    read_again(panel)

    assert session.staged.header_row == 1
    assert first_row(session) == ["Name", "City"]


def test_rows_that_could_not_be_read_are_listed_with_their_reason(session: ImportSession) -> None:
    panel = panel_of(session, b'Name;City\nAcme;Oslo\n"Beta;Lund\nGamma;Moss\n')

    assert "1 row set aside" in panel._found.value
    assert "a quotation mark is opened and not closed" in panel._found.value
    assert "Beta;Lund" in panel._found.value


def test_a_teams_dashboard_says_how_large_a_file_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 2_000 * MEGABYTE == upload_limit()

    monkeypatch.setenv("CRMKIT_UPLOAD_MEGABYTES", "7")

    assert 7 * MEGABYTE == upload_limit()


def test_only_what_was_changed_counts_as_chosen(session: ImportSession) -> None:
    """What was found in this file is found anew in next month's."""
    panel = panel_of(session, b"Name;City\nAcme;Oslo\nBeta;Lund\n")
    panel._header.value = 2

    read_again(panel)

    assert SourceSettings(header_row=2) == session.source_chosen

    panel._encoding.value = "mac-roman"
    read_again(panel)

    assert ("mac-roman", "") == (session.source_chosen.encoding, session.source_chosen.delimiter)


def test_the_encoding_of_a_web_page_is_chosen_over_what_it_states(session: ImportSession) -> None:
    """Programs write a fixed charset into their pages, whatever the letters are in."""
    page = (
        '<html><meta charset="windows-1252"><table><tr><td>Name</td><td>City</td></tr>'
        "<tr><td>Łucja Nowak</td><td>Łódź</td></tr></table></html>"
    )
    panel = panel_of(session, page.encode("cp1250"), "list.xls")
    assert ["£ucja Nowak", "£ódŸ"] == first_row(session)
    assert ("", "none") == (panel._encoding.layout.display, panel._delimiter.layout.display)

    panel._encoding.value = "cp1250"
    read_again(panel)

    assert ["Łucja Nowak", "Łódź"] == first_row(session)
    assert "cp1250" == panel._encoding.value

    panel._encoding.value = ""
    read_again(panel)

    assert ["£ucja Nowak", "£ódŸ"] == first_row(session)


CARDS = (
    "BEGIN:VCARD\r\nVERSION:2.1\r\nN:Nowak;Łucja\r\nADR;HOME:;;;Łódź\r\n"
    "NOTE;CHARSET=ISO-8859-2:Ważne\r\nEND:VCARD\r\n"
)


def test_the_encoding_of_vcards_is_chosen_for_values_that_state_none(
    session: ImportSession,
) -> None:
    stated = "Ważne".encode("iso8859-2")
    cards = CARDS.encode("cp1250").replace("Ważne".encode("cp1250"), stated)
    panel = panel_of(session, cards, "list.vcf")
    assert "£ucja" in first_row(session)
    assert "" == panel._layout.layout.display == panel._encoding.layout.display
    hidden = (panel._sheet, panel._delimiter, panel._header, panel._header_rows, panel._keep_notes)
    assert ["none"] * 5 == [choice.layout.display for choice in hidden]

    panel._encoding.value = "cp1250"
    read_again(panel)

    assert {"Łucja", "Nowak", "Łódź", "Ważne"} <= {*first_row(session)}
    assert not any("Windows-1252" in note for note in session.staged.notes)
    assert "cp1250" == panel._encoding.value == session.source_chosen.encoding


def test_vcards_in_another_encoding_than_was_chosen_say_so(session: ImportSession) -> None:
    panel = panel_of(session, CARDS.encode("cp1250"), "list.vcf")

    panel._encoding.value = "utf-8"
    read_again(panel)

    assert any("cannot be read in the encoding utf-8" in note for note in session.staged.notes)


def test_the_quotation_marks_that_were_found_are_shown_and_can_be_changed(
    session: ImportSession,
) -> None:
    panel = panel_of(session, b"'Name','City'\n'Acme, Norway','Oslo'\n")
    assert ["Acme, Norway", "Oslo"] == first_row(session)
    assert ("'", "") == (panel._quote.value, panel._quote.layout.display)

    panel._quote.value = '"'
    read_again(panel)

    assert ["'Acme", " Norway'", "'Oslo'"] == first_row(session)
    assert '"' == session.source_chosen.quote

    panel._quote.value = "'"
    read_again(panel)

    assert ["Acme, Norway", "Oslo"] == first_row(session)


PRODUCTS = (
    "Varenr;Produktnavn;Enhet;Listepris;Kostpris\n1;Desk;stk;100,00;50,00\n2;Lamp;stk;20,00;9,50\n"
)
COMPANIES = "Company name;City;VAT no.;Phone\nAcme AS;Oslo;NO800000009MVA;+47 20000000\n"


@pytest.mark.parametrize(
    ("subject", "content", "told"),
    [
        ("company", PRODUCTS, "This file looks like products: 5 of its 5 columns"),
        ("product", COMPANIES, "This file looks like companies and persons: 4 of its 4 columns"),
    ],
)
def test_a_file_that_holds_something_else_says_so_and_leads_there(
    session: ImportSession, subject: str, content: str, told: str
) -> None:
    session.subject = subject
    panel = panel_of(session, content.encode())
    text, way = panel._subject._other.children
    assert told in text.value

    way.click()

    assert session.subject != subject
    assert not panel._subject._other.children
    assert all(entry.target for entry in session.mapping.columns)


@pytest.mark.parametrize(("subject", "content"), [("company", COMPANIES), ("product", PRODUCTS)])
def test_a_file_that_holds_what_was_said_is_not_remarked_on(
    session: ImportSession, subject: str, content: str
) -> None:
    session.subject = subject
    panel = panel_of(session, content.encode())

    assert not panel._subject._other.children


def test_a_new_price_list_is_what_is_chosen_first(session: ImportSession) -> None:
    panel = panel_of(session, PRODUCTS.encode())
    choice = panel._subject
    choice._subject.value = "product"
    assert (choice._list.label, choice._new.layout.display) == ("A new price list", "")

    session.workspace.add_price_list(name="Standard", currency="NOK")
    panel.show()
    choice._list.label = "Standard (NOK)"
    assert session.price_list is not None
    assert choice._new.layout.display == "none"

    choice._list.label = "A new price list"
    assert session.price_list is None
    assert (choice._list.index, choice._new.layout.display) == (0, "")
