"""Workbooks with the traps of real ones: each is read right, or says what is wrong with it."""

from __future__ import annotations

import logging
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msoffcrypto.format.ooxml import OOXMLFile
from openpyxl.worksheet.worksheet import Worksheet
from python_calamine import CalamineWorkbook

from crmkit import sources, staging
from crmkit.database import Database, in_memory
from crmkit.errors import CancelledError, PasswordError, SourceError
from crmkit.limits import Limits
from crmkit.sources import spreadsheet
from crmkit.sql import sql
from crmkit.staging import NOTE_BELOW, StagedTable
from tests.crm_kit import new_workspace, silent
from tests.landing import land, rows
from tests.test_sources import REAL, expected, real_files
from tests.xlsb_files import Cell, xlsb


def headers(staged: StagedTable) -> list[str]:
    return [column.header for column in staged.columns]


def book(path: Path, *cells: list[Any], change: Callable[[Worksheet], None] | None = None) -> Path:
    made = openpyxl.Workbook()
    page = made.active
    assert page is not None
    for row in cells:
        page.append(row)
    if change:
        change(page)
    made.save(path)
    return path


def protect(path: Path, password: str) -> Path:
    locked = path.with_name("locked.xlsx")
    with path.open("rb") as plain, locked.open("wb") as out:
        OOXMLFile(plain).encrypt(password, out)
    return locked


WEB_PAGE = """
<html><head><meta http-equiv="content-type" content="text/html; charset=windows-1252"></head><body>
<table><tr><td>Report of today</td></tr></table>
<table>
<tr><th rowspan=2>Name</th><th colspan=2>Address</th></tr>
<tr><th>Street</th><th>City</th></tr>
<tr><td>Caf\xe9 &amp; Co</td><td>Main&nbsp;street 1<br>2nd floor</td><td> K\xf6ln </td></tr>
<tr><td>B<b>et</b>a</td><td></td><td>Oslo</td></tr>
</table></body></html>
"""

EXCEL_XML = """<?xml version="1.0"?>
<?mso-application progid="Excel.Sheet"?>
<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"
 xmlns:x="urn:schemas-microsoft-com:office:excel"
 xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">
 <Styles>
  <Style ss:ID="zip"><NumberFormat ss:Format="0000"/></Style>
  <Style ss:ID="pct"><NumberFormat ss:Format="Percent"/></Style>
 </Styles>
 <Worksheet ss:Name="Customers"><Table>
  <Row><Cell><Data ss:Type="String">Name</Data></Cell><Cell ss:Index="3"><Data ss:Type="String">Zip</Data></Cell>
   <Cell><Data ss:Type="String">Rate</Data></Cell><Cell><Data ss:Type="String">Since</Data></Cell></Row>
  <Row ss:Index="4"><Cell><Data ss:Type="String">Acme</Data></Cell>
   <Cell ss:Index="3" ss:StyleID="zip"><Data ss:Type="Number">167</Data></Cell>
   <Cell ss:StyleID="pct"><Data ss:Type="Number">0.25</Data></Cell>
   <Cell><Data ss:Type="DateTime">2020-01-31T00:00:00.000</Data></Cell></Row>
  <Row><Cell><Data ss:Type="String">Beta</Data></Cell><Cell ss:Index="3"><Data ss:Type="Error">#N/A</Data></Cell></Row>
 </Table></Worksheet>
 <Worksheet ss:Name="Old"><Table><Row><Cell><Data ss:Type="Boolean">1</Data></Cell></Row></Table>
  <x:WorksheetOptions><x:Visible>SheetHidden</x:Visible></x:WorksheetOptions></Worksheet>
</Workbook>
"""


# --- real files ------------------------------------------------------------------------------


@real_files
@pytest.mark.parametrize(("name", "facts"), expected("excel"), ids=lambda value: str(value)[:50])
def test_every_row_of_a_real_workbook_is_accounted_for(
    db: Database, name: str, facts: dict[str, Any]
) -> None:
    """Above the headers + headers + read + set aside + blank = the rows of each sheet."""
    path = REAL / "real" / name
    if all(not height for _, _, height, _ in facts["sheets"]):
        with pytest.raises(SourceError, match="no cells with content"):
            sources.inspect(path)
        return
    source = sources.inspect(path)
    for sheet, _, height, _ in facts["sheets"]:
        page = CalamineWorkbook.from_path(path).get_sheet_by_name(sheet)
        above = (page.start or (0, 0))[0]
        present = len(page.to_python(skip_empty_area=True)) + above
        assert height <= present
        if height < 2:
            continue
        layout = sources.detect_layout(source, sheet)
        staged = staging.land(db, source, layout, progress=silent)

        # Rows above the used range are above the headers, too, or there are no headers at all.
        skipped = staged.header_row or above
        counted = skipped + staged.row_count + staged.rejected + staged.blank_rows
        # A sheet whose cells lie far apart also counts rows that are only formatted.
        assert counted >= present
        assert counted - staged.blank_rows <= present


@real_files
def test_notes_above_and_below_a_real_table_are_no_records(db: Database) -> None:
    path = REAL / "real" / "excel" / "readxl_deaths.xls"
    source = sources.inspect(path)

    for sheet in ("arts", "other"):
        layout = sources.detect_layout(source, sheet)
        staged = staging.land(db, source, layout, progress=silent)

        assert (5, 10, 4) == (staged.header_row, staged.row_count, staged.rejected)


# --- headers ---------------------------------------------------------------------------------


def test_headers_over_two_rows_are_joined_by_their_merged_cells(
    db: Database, tmp_path: Path
) -> None:
    def merge(page: Worksheet) -> None:
        page.merge_cells("A1:A2")
        page.merge_cells("B1:C1")

    path = book(
        tmp_path / "x.xlsx",
        ["Name", "Address", None, "Phone"],
        [None, "Street", "City", None],
        ["Acme", "Main 1", "Oslo", "1"],
        change=merge,
    )

    staged = land(db, path)

    assert ["Name", "Address / Street", "Address / City", "Phone"] == headers(staged)
    assert (2, 2) == (staged.header_row, staged.header_rows)
    assert "the headers are joined from rows 1 to 2" in staged.notes


def test_words_that_occur_twice_are_told_apart_by_those_above(db: Database, tmp_path: Path) -> None:
    path = book(
        tmp_path / "x.xlsx",
        [None, "Postal", None, "Visit", None],
        ["Name", "Street", "City", "Street", "City"],
        ["Acme", "Box 1", "Oslo", "Main 1", "Moss"],
    )

    staged = land(db, path)

    assert [
        "Name",
        "Postal / Street",
        "Postal / City",
        "Visit / Street",
        "Visit / City",
    ] == headers(staged)


def test_a_title_over_the_whole_table_is_no_header(db: Database, tmp_path: Path) -> None:
    path = book(
        tmp_path / "x.xlsx",
        ["Customers of 2026", None, None],
        ["Name", "Street", "City"],
        ["Acme", "Main 1", "Oslo"],
        change=lambda page: page.merge_cells("A1:C1"),
    )

    staged = land(db, path)

    assert ["Name", "Street", "City"] == headers(staged)
    assert (2, 1) == (staged.header_row, staged.header_rows)


def test_two_rows_of_words_are_headers_and_a_record(db: Database, tmp_path: Path) -> None:
    path = book(tmp_path / "x.xlsx", ["Name", "City"], ["Acme", "Oslo"], ["Beta", "Moss"])

    assert 2 == land(db, path).row_count


def test_the_rows_of_the_headers_can_be_said(tmp_path: Path) -> None:
    path = book(tmp_path / "x.xlsx", ["Firm", "Home"], ["Name", "City"], ["Acme", "Oslo"])
    session = new_workspace(tmp_path / "workspace").new_import()

    staged = session.load(path, header_row=2, header_rows=2)

    assert ["Firm / Name", "Home / City"] == headers(staged)
    assert staged == session.staged


# --- the table and what is around it ---------------------------------------------------------


def test_a_table_that_starts_at_column_c_has_only_its_own_columns(
    db: Database, tmp_path: Path
) -> None:
    path = book(
        tmp_path / "x.xlsx",
        ["A list of customers"],
        [],
        [None, None, "Name", "City"],
        [None, None, "Acme", "Oslo"],
    )

    staged = land(db, path)

    assert [("C", "Name"), ("D", "City")] == [(c.letter, c.header) for c in staged.columns]
    assert [(4, "Acme", "Oslo")] == rows(db)


def test_a_stray_cell_far_right_costs_one_column_and_is_kept(db: Database, tmp_path: Path) -> None:
    path = book(
        tmp_path / "x.xlsx",
        ["Name", "City"],
        ["Acme", "Oslo"],
        change=lambda page: page.cell(2, 900, "stray"),
    )

    staged = land(db, path)

    assert ["Name", "City", "Column AHP"] == headers(staged)
    assert [(2, "Acme", "Oslo", "stray")] == rows(db)


@pytest.mark.parametrize(
    "notes",
    [
        [["Total", None, None, 1234]],
        [[], ["Totaal: 3", None, None, None]],
        [["Printed on 1 January"], ["by somebody"]],
        [[], [None, "All numbers are without VAT of course"]],
        [["Please"], ["mind that this is not the whole list."]],
    ],
    ids=["total", "total-in-dutch", "printed", "sentence", "two-lines"],
)
def test_notes_below_the_table_are_set_aside(
    db: Database, tmp_path: Path, notes: list[list[Any]]
) -> None:
    table = [["Name", "City", "Zip", "Revenue"], *[[f"Acme {n}", "Oslo", 167, n] for n in range(5)]]

    staged = land(db, book(tmp_path / "x.xlsx", *table, *notes))

    filled = sum(any(row) for row in notes)
    assert (5, filled) == (staged.row_count, staged.rejected)
    assert {NOTE_BELOW} == {reason for _, reason, _ in staging.rejected_rows(db, 9)}


@pytest.mark.parametrize(
    "last",
    [
        ["Beta"],
        ["Stichting tot Behoud van het Oude Kerkje"],
        ["Totaal Bouw BV", "Moss", 1523, 7],
        ["Beta", None, "1012 AB", None],
        [None, "Moss", 1523, None],
    ],
    ids=["a-name", "a-long-name", "total-in-a-name", "another-zip", "no-name"],
)
def test_a_last_record_with_few_cells_is_a_record(
    db: Database, tmp_path: Path, last: list[Any]
) -> None:
    table = [["Name", "City", "Zip", "Revenue"], *[[f"Acme {n}", "Oslo", 167, n] for n in range(5)]]

    assert 6 == land(db, book(tmp_path / "x.xlsx", *table, last)).row_count


def test_rows_that_look_like_notes_can_be_read(tmp_path: Path) -> None:
    path = book(tmp_path / "x.xlsx", ["Name", "City"], *[["Acme", "Oslo"]] * 3, ["Total"])
    session = new_workspace(tmp_path / "workspace").new_import()

    assert 1 == session.load(path).rejected
    assert (4, 0) == (session.load(path, keep_notes=True).row_count, session.staged.rejected)


@pytest.mark.parametrize("merged", ["Z1:AA1", "E1:F2", "A1:B1", "B1:C1"])
def test_merged_cells_beside_the_table_are_nothing(
    db: Database, tmp_path: Path, merged: str
) -> None:
    path = book(
        tmp_path / "x.xlsx",
        [None, None, "Name", "City"],
        [None, None, "Acme", "Oslo"],
        [None, None, "Beta", "Lund"],
        change=lambda page: page.merge_cells(merged),
    )
    source = sources.inspect(path)

    staged = staging.land(db, source, sources.Layout("Sheet", 1), progress=silent)

    # As in Excel, merging B1 and C1 takes away what C1 held.
    assert ["Column C" if merged == "B1:C1" else "Name", "City"] == headers(staged)
    assert [(2, "Acme", "Oslo"), (3, "Beta", "Lund")] == rows(db)


def test_merged_cells_below_the_headers_are_said(db: Database, tmp_path: Path) -> None:
    path = book(
        tmp_path / "x.xlsx",
        ["Name", "City"],
        ["Acme", "Oslo"],
        ["Beta", None],
        change=lambda page: page.merge_cells("B2:B3"),
    )

    staged = land(db, path)

    assert [(2, "Acme", "Oslo"), (3, "Beta", None)] == rows(db)
    assert any(note.startswith("1 merged cell below the headers") for note in staged.notes)


# --- cells -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (167, "0000", "0167"),
        (167, '"N-"0000', "N-0167"),
        (1234, "00\\-000", "01-234"),
        (2314567, "00 00 00 00", "02 31 45 67"),
        (123456, "0000", "123456"),
        (-5, "0000", "-5"),
        (0.25, "0%", "25%"),
        (0.125, "0.0 %", "12.5%"),
        (0.1, "0%", "10%"),
        (1234.5, "#,##0.00", "1234.5"),
        (12, '0" kg"', "12"),
        (7, "General", "7"),
    ],
)
def test_a_number_is_read_as_its_format_shows_it(
    db: Database, tmp_path: Path, value: float, code: str, shown: str
) -> None:
    def style(page: Worksheet) -> None:
        page["B2"].number_format = code

    land(db, book(tmp_path / "x.xlsx", ["Name", "Value"], ["Acme", value], change=style))

    assert [(2, "Acme", shown)] == rows(db)


def test_how_a_text_is_pronounced_and_escaped_is_not_its_text(db: Database, tmp_path: Path) -> None:
    """Japanese Excel keeps the reading of a name beside it; all of them escape carriage returns."""
    spoken = "<r><t>京</t></r><r><t>都</t></r><rPh sb='0' eb='2'><t>キョウト</t></rPh>"
    plain = book(tmp_path / "plain.xlsx", ["Company name", "Note"], ["Kyoto", "Escaped"])
    path = tmp_path / "list.xlsx"
    with zipfile.ZipFile(plain) as read, zipfile.ZipFile(path, "w") as written:
        for part in read.namelist():
            text = read.read(part)
            text = text.replace(b"<t>Kyoto</t>", spoken.encode())
            text = text.replace(b"<t>Escaped</t>", b"<t>one_x000D_\ntwo _x0041_</t>")
            written.writestr(part, text)

    land(db, path)

    assert rows(db) == [(2, "京都", "one\r\ntwo A")]


def test_a_chart_is_no_sheet_and_a_very_hidden_sheet_is_a_hidden_one(tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    made.create_chartsheet("Chart", 0)
    made.create_sheet("Data").append(["Company name"])
    made["Data"].sheet_state = "veryHidden"
    made["Sheet"].append(["Nothing here"])
    made.save(tmp_path / "list.xlsx")

    found = sources.inspect(tmp_path / "list.xlsx").sheets

    assert {"Sheet": True, "Data": False} == {sheet.name: sheet.visible for sheet in found}


def test_numbers_that_a_double_cannot_hold_are_what_excel_shows(
    db: Database, tmp_path: Path
) -> None:
    land(
        db,
        book(
            tmp_path / "list.xlsx",
            ["Company name", "Number", "Price"],
            ["Acme", 31665479012.0, 1.1800000000000002],
            ["Beta", "1-PACK", 1.0],
        ),
    )

    assert rows(db) == [(2, "Acme", "31665479012", "1.18"), (3, "Beta", "1-PACK", "1")]


def test_dates_of_the_1904_calendar_are_the_same_days(db: Database, tmp_path: Path) -> None:
    from openpyxl.utils.datetime import CALENDAR_MAC_1904

    path = book(tmp_path / "x.xlsx", ["Name", "Since"], ["Acme", None])
    made = openpyxl.load_workbook(path)
    made.epoch = CALENDAR_MAC_1904
    assert made.active is not None
    made.active["B2"] = 42_400
    made.active["B2"].number_format = "yyyy-mm-dd"
    made.save(path)

    land(db, path)

    assert [(2, "Acme", "2020-02-01")] == rows(db)


@pytest.mark.parametrize("kind", ["number", "whole"])
@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (167, "00000", "00167"),
        (167, '"N-"0000', "N-0167"),
        (7, 0, "7"),
        (7, "General", "7"),
        (1, 9, "100%"),
        (43_861, 14, "2020-01-31"),
        (43_861, "dd\\-mm\\-yyyy", "2020-01-31"),
        (12, '0" days"', "12"),
    ],
)
def test_a_binary_workbook_shows_its_numbers_by_their_format(
    db: Database, tmp_path: Path, kind: str, value: float, code: str | int, shown: str
) -> None:
    land(db, xlsb(tmp_path / "x.xlsb", ["Name", "Value"], ["Acme", Cell(kind, value, code)]))

    assert [(2, "Acme", shown)] == rows(db)


@pytest.mark.parametrize("kind", ["number", "whole"])
def test_a_binary_workbook_of_the_1904_calendar_has_the_same_days(
    db: Database, tmp_path: Path, kind: str
) -> None:
    since = Cell(kind, 42_400, "yyyy-mm-dd")

    land(db, xlsb(tmp_path / "x.xlsb", ["Name", "Since"], ["Acme", since], since_1904=True))

    assert [(2, "Acme", "2020-02-01")] == rows(db)


def test_a_binary_workbook_shows_what_its_failed_formulas_show(
    db: Database, tmp_path: Path
) -> None:
    path = xlsb(
        tmp_path / "x.xlsb",
        ["Name", "Zip", "Sum"],
        ["Acme", Cell("error", "#N/A"), Cell("formula", "#DIV/0!")],
        ["Beta", Cell("formula", "#REF!"), Cell("number", 0.25, "0.00%")],
    )

    staged = land(db, path)

    assert [(2, "Acme", "#N/A", "#DIV/0!"), (3, "Beta", "#REF!", "25%")] == rows(db)
    assert "3 cells hold the error of a formula" in staged.notes
    assert "the file is: Excel binary workbook (xlsb)" in staged.notes


def test_a_binary_workbook_has_its_merged_cells(db: Database, tmp_path: Path) -> None:
    path = xlsb(
        tmp_path / "x.xlsb",
        ["Name", "Address", None],
        [None, "Street", "City"],
        ["Acme", "Main street 1", "Oslo"],
        ["Beta", "Broadway 2", None],
        merges=[(0, 1, 0, 0), (0, 0, 1, 2), (2, 3, 2, 2)],
    )

    staged = land(db, path)

    assert ["Name", "Address / Street", "Address / City"] == headers(staged)
    assert any(note.startswith("1 merged cell below the headers") for note in staged.notes)


@real_files
def test_a_real_binary_workbook_is_looked_at_in_full(db: Database) -> None:
    staged = land(db, REAL / "real" / "excel" / "calamine_date.xlsb")

    assert ("2021-01-01", "15") == rows(db)[0][1:]
    assert not any("could not be looked at" in note for note in staged.notes)


def ods(path: Path, table: str, styles: str = "") -> Path:
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{space}:1.0"'
        for name, space in (
            *((name, name) for name in ("office", "table", "text", "style")),
            ("number", "datastyle"),
        )
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(
            "content.xml",
            f'<office:document-content {spaces} xmlns:calcext="urn:calcext">'
            f"<office:automatic-styles>{styles}</office:automatic-styles><office:body>"
            f'<office:spreadsheet><table:table table:name="T">{table}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        )
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
    return path


def cell(kind: str, value: str, shown: str, more: str = "") -> str:
    said = f'office:value="{value}"' if value else ""
    return (
        f'<table:table-cell office:value-type="{kind}" {said} {more}>'
        f"<text:p>{shown}</text:p></table:table-cell>"
    )


def test_an_opendocument_sheet_shows_zeros_percent_and_errors(db: Database, tmp_path: Path) -> None:
    words = "".join(cell("string", "", word) for word in ("Name", "Zip", "Rate", "Sum"))
    values = (
        cell("string", "", "Acme")
        + cell("float", "167", "0167")
        + cell("percentage", "0.25", "25,00 %")
        + cell("string", "", "#N/A", 'calcext:value-type="error"')
    )
    path = ods(
        tmp_path / "x.ods",
        f"<table:table-row>{words}</table:table-row>"
        f'<table:table-row table:number-rows-repeated="2">{values}</table:table-row>',
    )

    staged = land(db, path)

    assert [(2, "Acme", "0167", "25%", "#N/A"), (3, "Acme", "0167", "25%", "#N/A")] == rows(db)
    assert "the file is: OpenDocument spreadsheet" in staged.notes


# --- what hides under an Excel name ----------------------------------------------------------


def test_a_web_page_under_an_excel_name_is_read(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "export.xls"
    path.write_bytes(WEB_PAGE.encode("cp1252"))

    staged = land(db, path)

    assert "Table 2" == staged.sheet
    assert ["Name", "Address / Street", "Address / City"] == headers(staged)
    assert [
        (3, "Café & Co", "Main street 1\n2nd floor", "Köln"),
        (4, "Beta", None, "Oslo"),
    ] == rows(db)


def test_a_web_page_without_a_table_says_so(tmp_path: Path) -> None:
    path = tmp_path / "export.xls"
    path.write_text("<html><body><p>Please sign in</p></body></html>", encoding="utf-8")

    with pytest.raises(SourceError, match="without a table"):
        sources.inspect(path)


def test_excel_2003_xml_is_read(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "export.xls"
    path.write_text(EXCEL_XML, encoding="utf-8")

    staged = land(db, path)

    assert (("Customers", True), ("Old", False)) == staged.sheets
    assert [
        (4, "Acme", "0167", "25%", "2020-01-31"),
        (5, "Beta", "#N/A", None, None),
    ] == rows(db)


def test_xml_that_asks_for_files_or_grows_is_harmless(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("do not tell", encoding="utf-8")
    grows = "".join(
        f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' if n else '<!ENTITY l0 "ha">' for n in range(12)
    )
    path = tmp_path / "export.xls"
    path.write_text(
        EXCEL_XML.replace(
            "<?mso",
            f'<!DOCTYPE x [<!ENTITY f SYSTEM "{secret.as_uri()}">{grows}]><?mso',
        ).replace("Acme", "&f;&l11;"),
        encoding="utf-8",
    )

    try:
        source = sources.inspect(path)
    except SourceError:
        return
    assert "do not tell" not in str(source)
    assert "haha" not in str(source)


def test_text_under_an_excel_name_is_read_as_text(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "export.xls"
    path.write_text("Name\tCity\nAcme\tOslo\n", encoding="utf-8")

    staged = land(db, path)

    assert [(2, "Acme", "Oslo")] == rows(db)
    assert "the file is text, although its name says workbook" in staged.notes


def line(*cells: str, more: str = "") -> str:
    return f"<table:table-row {more}>{''.join(cells)}</table:table-row>"


def test_merged_cells_of_an_opendocument_sheet_are_those_of_excel(
    db: Database, tmp_path: Path
) -> None:
    covered = "<table:covered-table-cell/>"
    over_two = 'table:number-rows-spanned="2" table:number-columns-spanned="1"'
    path = ods(
        tmp_path / "x.ods",
        line(
            cell("string", "", "Name", over_two),
            cell("string", "", "Address", 'table:number-columns-spanned="2"'),
            covered,
        )
        + line(covered, cell("string", "", "Street"), cell("string", "", "City"))
        + line(
            cell("string", "", "Acme"),
            cell("string", "", "Main street 1"),
            cell("string", "", "Oslo", over_two),
        )
        + line(cell("string", "", "Beta"), cell("string", "", "Broadway 2"), covered),
    )

    staged = land(db, path)

    assert ["Name", "Address / Street", "Address / City"] == headers(staged)
    assert [(3, "Acme", "Main street 1", "Oslo"), (4, "Beta", "Broadway 2", None)] == rows(db)
    assert any(note.startswith("1 merged cell below the headers") for note in staged.notes)


@real_files
def test_merged_cells_of_a_real_opendocument_sheet_are_said(db: Database) -> None:
    path = REAL / "real" / "excel" / "calamine_merged_cells.ods"
    source = sources.inspect(path)

    staged = staging.land(db, source, sources.Layout("Sheet1", 1), progress=silent)

    assert ((2, 0, 3, 0),) == source.sheets[0].merges
    assert any(note.startswith("1 merged cell below the headers") for note in staged.notes)


@pytest.mark.parametrize(
    ("style", "value", "shown", "read"),
    [
        ('number:min-integer-digits="5"', "98765", "98-765", "98-765"),
        ('number:min-integer-digits="4"', "4021", "N-4021", "N-4021"),
        ('number:min-integer-digits="1"', "7", "7 kg", "7"),
        ('number:min-integer-digits="4" number:grouping="true"', "4021", "4 021", "4021"),
        ('number:min-integer-digits="4" number:decimal-places="2"', "12", "0012,00", "12"),
        ('number:min-integer-digits="4"', "-5", "-0005", "-5"),
    ],
)
@pytest.mark.parametrize("said_by", ["cell", "row", "column"])
def test_a_number_of_an_opendocument_sheet_is_read_as_its_style_shows_it(
    db: Database, tmp_path: Path, style: str, value: str, shown: str, read: str, said_by: str
) -> None:
    """The same formats count as in Excel's workbooks; LibreOffice says a style where it is shortest."""
    styles = (
        f'<number:number-style style:name="N1"><number:number {style}/></number:number-style>'
        '<style:style style:name="base" style:family="table-cell" style:data-style-name="N1"/>'
        '<style:style style:name="own" style:family="table-cell" style:parent-style-name="base"/>'
    )
    default = 'table:default-cell-style-name="own"'
    path = ods(
        tmp_path / "x.ods",
        f"<table:table-column/><table:table-column {default if said_by == 'column' else ''}/>"
        + line(cell("string", "", "Name"), cell("string", "", "Value"))
        + line(
            cell("string", "", "Acme"),
            cell("float", value, shown, 'table:style-name="own"' if said_by == "cell" else ""),
            more=default if said_by == "row" else "",
        ),
        styles,
    )

    land(db, path)

    assert [(2, "Acme", read)] == rows(db)


# --- passwords -------------------------------------------------------------------------------


def test_a_protected_workbook_opens_with_its_password(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    path = protect(book(tmp_path / "x.xlsx", ["Name"], ["Acme"]), "sés@m open")
    workspace = new_workspace(tmp_path / "workspace")
    session = workspace.new_import()

    with pytest.raises(PasswordError, match="protected with a password"):
        session.load(path)
    with pytest.raises(PasswordError, match="does not open"):
        session.load(path, password="open sesame")
    staged = session.load(path, password="sés@m open")

    assert 1 == staged.row_count
    assert "sés@m open" not in caplog.text
    assert "sés@m open" not in repr(session.inspect(path, password="sés@m open"))
    kept = [file for file in workspace.path.rglob("*") if file.is_file()]
    assert kept
    assert not any("sés@m open".encode() in file.read_bytes() for file in kept)


LOCKED_XLS = Path(__file__).parent / "data" / "locked.xls"
"""Two invented companies, written by openpyxl with a zip code under 0000 and a date, opened in
LibreOffice 7.4 and saved there as "Excel 97-2003" with the password below (RC4, as Excel's own)."""

XLS_PASSWORD = "sesam open"


def test_an_old_protected_workbook_opens_with_its_password(tmp_path: Path) -> None:
    session = new_workspace(tmp_path / "workspace").new_import()

    with pytest.raises(PasswordError, match="protected with a password"):
        session.load(LOCKED_XLS)
    for wrong in ("open sesam", "Sesam open", XLS_PASSWORD + " "):
        with pytest.raises(PasswordError, match="does not open"):
            session.load(LOCKED_XLS, password=wrong)
    session.load(LOCKED_XLS, password=XLS_PASSWORD)

    with session.reading() as db:
        landed = db.rows(sql("select * from staged order by row_no"))
    assert [
        (2, "Quirina Invented AS", "0167", "Oslo", "2020-01-31"),
        (3, "Zebulon Madeup BV", "1234", "'s-Hertogenbosch", "2020-03-10"),
    ] == landed
    notes = " ".join(session.staged.notes)
    assert "the file is: old Excel workbook (xls)" in notes
    assert "protected with a password, which is not kept" in notes


def test_a_protected_opendocument_sheet_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.ods"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", b"\x00\x01")
        archive.writestr("META-INF/manifest.xml", "<x><manifest:encryption-data/></x>")

    with pytest.raises(SourceError, match="OpenDocument spreadsheet is protected") as caught:
        sources.inspect(path)
    assert "save a copy without password" in caught.value.mend
    assert path.name in caught.value.where


# --- limits and damage -----------------------------------------------------------------------


@pytest.mark.parametrize("content", [WEB_PAGE, EXCEL_XML], ids=["web-page", "xml"])
def test_limits_hold_for_markup_too(tmp_path: Path, content: str) -> None:
    path = tmp_path / "export.xls"
    path.write_text(content, encoding="utf-8")
    markup = spreadsheet.markup_of(path.read_bytes()[:4096])

    with pytest.raises(SourceError, match="too large"):
        spreadsheet.inspect(path, markup=markup, limits=Limits(seconds=0))


@pytest.mark.parametrize("ending", ["ods", "xlsb"])
def test_a_workbook_that_takes_too_much_memory_is_not_called_damaged(
    tmp_path: Path, ending: str
) -> None:
    """Only an xlsx is tried a second time, cell by cell."""
    path = tmp_path / f"x.{ending}"
    if ending == "ods":
        ods(path, line(cell("string", "", "Name")))
    else:
        xlsb(path, ["Name"], ["Acme"])

    said = spreadsheet.last_message(
        path, Limits(), lambda _: None, {"kind": "workbook", "sparse": True}
    )

    assert "memory_mb" == said["fault"]


# --- one process ---------------------------------------------------------------------------------


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[str]]:
    """The processes that were started, as they go."""
    processes: list[subprocess.Popen[str]] = []

    class Noted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            processes.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    return processes


def two_sheets(path: Path, *, small: int = 1) -> Path:
    """A workbook with a smaller sheet beside a larger one."""

    def add(sheet: Worksheet) -> None:
        other = sheet.parent.create_sheet("Small")
        other.append(["Name"])
        for number in range(small):
            other.append([f"Quirina Invented {number} AS"])

    return book(
        path, ["Name", "City"], *[[f"Acme {n}", "Oslo"] for n in range(small + 49)], change=add
    )


def test_a_workbook_is_opened_once_to_be_looked_at_and_read(
    tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    session = new_workspace(tmp_path).new_import()

    staged = session.load(two_sheets(tmp_path / "x.xlsx"))

    assert (50, ["Name", "City"]) == (staged.row_count, [c.header for c in staged.columns])
    assert 1 == len(started)
    assert started[0].returncode is not None


def test_the_sheet_that_is_not_the_largest_is_read_right(
    tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    session = new_workspace(tmp_path).new_import()

    staged = session.load(two_sheets(tmp_path / "x.xlsx"), sheet="Small")

    assert (1, ["Name"]) == (staged.row_count, [c.header for c in staged.columns])
    assert 1 == len(started)


def test_a_protected_workbook_is_opened_once_too(
    tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    path = protect(two_sheets(tmp_path / "x.xlsx"), "secret")
    session = new_workspace(tmp_path).new_import()

    for sheet, count in ((None, 50), ("Small", 1)):
        assert count == session.load(path, sheet=sheet, password="secret").row_count

    assert 2 == len(started)


def test_a_file_that_is_changed_between_two_loads_is_read_anew(tmp_path: Path) -> None:
    session = new_workspace(tmp_path).new_import()
    path = tmp_path / "x.xlsx"

    for count in (3, 5):
        book(path, ["Name"], *[[f"Acme {n}"] for n in range(count)])
        assert count == session.load(path).row_count


def test_no_process_stays_after_a_load_that_was_stopped(
    tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    session = new_workspace(tmp_path).new_import()

    def stop(fraction: float, text: str) -> None:
        del fraction, text
        session.cancel()

    with pytest.raises(CancelledError):
        session.load(two_sheets(tmp_path / "x.xlsx"), progress=stop)

    assert 1 == len(started)
    assert started[0].returncode is not None


def test_what_was_read_before_does_not_count_for_the_memory(
    tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    """Too little memory is a fault of the file only in a process that has nothing else in it."""
    path = two_sheets(tmp_path / "x.xlsx", small=20_000)
    little = Limits(memory_mb=1)
    with spreadsheet.kept_open():
        source = sources.inspect(path)
        layout = sources.detect_layout(source, "Small")

        with pytest.raises(SourceError, match="too large"):
            spreadsheet.write_text(
                replace(source, limits=little), layout, tmp_path / "rows.csv", silent
            )
        said = spreadsheet.write_text(source, layout, tmp_path / "rows.csv", silent)

    assert ("Name",) == said.headers
    # The one that looked, one without its memory, one that reads cell by cell; and the one after.
    assert 4 == len(started)
    assert all(process.returncode is not None for process in started)


def seeds() -> list[tuple[str, bytes]]:
    with tempfile.TemporaryDirectory() as folder:
        path = book(Path(folder) / "x.xlsx", ["Name", "Zip"], *[["Acme", 167]] * 20)
        made = [
            ("web-page", WEB_PAGE.encode("cp1252")),
            ("xml", EXCEL_XML.encode()),
            ("protected", protect(path, "secret").read_bytes()),
        ]
    if REAL.is_dir():
        real = REAL / "real" / "excel"
        names = ("readxl_deaths.xls", "calamine_date.xlsb", "calamine_issues.ods")
        made += [(name, (real / name).read_bytes()) for name in names]
    return made


@pytest.mark.slow
@pytest.mark.parametrize(("name", "content"), seeds(), ids=lambda value: str(value)[:20])
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_damaged_file_is_landed_or_refused_with_a_message(
    name: str, content: bytes, data: st.DataObject
) -> None:
    """Bytes are changed, and a piece is cut out or the end is cut off."""
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 12))):
        damaged[data.draw(st.integers(8, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    start = data.draw(st.integers(8, len(damaged)))
    del damaged[start : start + data.draw(st.sampled_from((0, 0, 1, 7, 512, len(damaged))))]
    with tempfile.TemporaryDirectory() as folder, in_memory() as db:
        path = Path(folder) / "any.xls"
        path.write_bytes(damaged)

        try:
            source = sources.inspect(path, password="secret")
            layout = sources.detect_layout(source)
            staged = staging.land(db, source, layout, progress=silent)
        except SourceError:
            return

    assert staged.row_count > 0


@pytest.mark.slow
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    table=st.lists(
        st.lists(st.none() | st.text(alphabet="ab é1", max_size=4), max_size=4), max_size=6
    )
)
def test_every_row_of_a_workbook_is_landed_set_aside_or_blank(
    table: list[list[str | None]],
) -> None:
    with tempfile.TemporaryDirectory() as folder, in_memory() as db:
        path = book(
            Path(folder) / "x.xlsx",
            ["Name", "City", "Zip"],
            *[[value or None for value in row] for row in table],
            ["Last", "Oslo", "1"],
        )

        source = sources.inspect(path)
        staged = staging.land(db, source, sources.Layout("Sheet", 1), progress=silent)

    assert len(table) + 1 == staged.row_count + staged.rejected + staged.blank_rows
