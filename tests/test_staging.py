"""Staging: every record of a file is landed, set aside with its reason, or counted as blank."""

from __future__ import annotations

import io
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from crmkit import sources, staging
from crmkit.database import Database
from crmkit.errors import CancelledError, SourceError
from crmkit.limits import Limits
from crmkit.sources import Layout, SourceKind, spreadsheet
from crmkit.sources.delimited import count_records, find_delimiter, has_quoted_cells
from crmkit.sql import sql
from tests.crm_kit import silent
from tests.landing import land, rows


def text(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def workbook(path: Path, cells: dict[str, Any], *, sheet: str = "Sheet") -> Path:
    made = openpyxl.Workbook()
    page = made.active
    assert page is not None
    page.title = sheet
    for place, value in cells.items():
        page[place] = value
    made.save(path)
    return path


# --- delimited text: nothing is lost ---------------------------------------------------------


def test_a_row_with_too_many_cells_is_set_aside_with_its_text(db: Database, tmp_path: Path) -> None:
    path = text(tmp_path / "wide.csv", "Name,City\nAcme,Oslo\nBeta, Inc,Bergen,x\nGamma,Moss\n")

    staged = land(db, path)

    assert (2, 1) == (staged.row_count, staged.rejected)
    assert [(3, "4 cells where the table has 2 columns", "Beta, Inc,Bergen,x")] == (
        staging.rejected_rows(db, 10)
    )
    assert any("1 row is set aside" in note and "row 3" in note for note in staged.notes)


def test_of_equal_delimiters_the_one_that_stands_in_no_text_is_taken() -> None:
    assert "\t" == find_delimiter("Name\tCity, land\nAcme\tOslo, Norge\n")


@pytest.mark.parametrize(
    ("content", "quoted"),
    [('Name,Size\nPipe,5"\nRod,a"b\n', False), ('Name,Size\n"Pipe",5"\nRod,7\n', True)],
)
def test_a_mark_inside_a_cell_is_text(
    db: Database, tmp_path: Path, content: str, quoted: bool
) -> None:
    path = text(tmp_path / "x.csv", content)

    staged = land(db, path)

    assert quoted == has_quoted_cells(path, ",")
    assert (2, 0, '5"') == (staged.row_count, staged.rejected, rows(db)[0][2])


def test_blank_cells_beyond_the_headers_set_no_row_aside(db: Database, tmp_path: Path) -> None:
    staged = land(db, text(tmp_path / "x.csv", "Name,City\nAcme,Oslo,,\nBeta,Moss,\n"))

    assert (2, 0) == (staged.row_count, staged.rejected)


def test_an_unclosed_quote_costs_its_own_row_only(db: Database, tmp_path: Path) -> None:
    path = text(tmp_path / "open.csv", 'Name,City\n"Acme,Oslo\nBeta,Moss\n"Gamma","Hamar"\n')

    staged = land(db, path)

    assert [(3, "Beta", "Moss"), (4, "Gamma", "Hamar")] == rows(db)
    assert [(2, "a quotation mark is opened and not closed", '"Acme,Oslo')] == (
        staging.rejected_rows(db, 10)
    )
    assert 1 == staged.rejected


def test_an_unclosed_quote_in_a_large_file_costs_its_own_row_only(
    db: Database, tmp_path: Path
) -> None:
    body = "".join(f"Company {n},Oslo\n" for n in range(150_000))
    staged = land(db, text(tmp_path / "open.csv", f'Name,City\n"Acme,Oslo\n{body}'))

    assert (150_000, 1) == (staged.row_count, staged.rejected)


def test_a_file_of_which_no_row_can_be_read_says_the_first_reason_and_where(
    db: Database, tmp_path: Path
) -> None:
    path = text(tmp_path / "open.csv", 'Name,City\n"Acme,Oslo\n"Beta,Moss\n')

    with pytest.raises(SourceError) as caught:
        land(db, path)

    assert "None of the 2 rows" in caught.value.message
    assert "a quotation mark is opened and not closed" in caught.value.message
    assert "open.csv, row 2" == caught.value.where


def test_text_behind_a_closing_quote_is_kept(db: Database, tmp_path: Path) -> None:
    staged = land(db, text(tmp_path / "x.csv", 'Name,City\n"Acme" Ltd,Oslo\nBeta,Moss\n'))

    assert [(2, "Acme Ltd", "Oslo"), (3, "Beta", "Moss")] == rows(db)
    assert any("beside a quotation mark" in note for note in staged.notes)


def test_blank_lines_are_counted_and_keep_the_row_numbers(db: Database, tmp_path: Path) -> None:
    staged = land(db, text(tmp_path / "x.csv", "Name,City\n\nAcme,Oslo\n,\n\nBeta,Moss\n\n\n"))

    assert [(3, "Acme", "Oslo"), (6, "Beta", "Moss")] == rows(db)
    assert 3 == staged.blank_rows


def test_a_record_of_commas_and_a_line_break_is_blank(db: Database, tmp_path: Path) -> None:
    """Outlook ends some exports so."""
    path = text(
        tmp_path / "x.csv", 'Name,City,Notes\r\nAcme,Oslo,"a\r\nb"\r\n,,"\r\n"\r\nBeta,Moss,\r\n'
    )

    staged = land(db, path)

    assert [(2, "Acme", "Oslo", "a\r\nb"), (4, "Beta", "Moss", None)] == rows(db)
    assert (1, 0) == (staged.blank_rows, staged.rejected)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_all_line_ends_are_read(db: Database, tmp_path: Path, line_end: str) -> None:
    path = text(tmp_path / "x.csv", line_end.join(["Name,City", "Acme,Oslo", "Beta,Moss", ""]))

    land(db, path)

    assert [(2, "Acme", "Oslo"), (3, "Beta", "Moss")] == rows(db)


def test_mixed_line_ends_are_read(db: Database, tmp_path: Path) -> None:
    land(db, text(tmp_path / "x.csv", "Name,City\r\nAcme,Oslo\nBeta,Moss\rGamma,Hamar\n"))

    assert ["Acme", "Beta", "Gamma"] == [row[1] for row in rows(db)]


def test_a_very_long_cell_is_read(db: Database, tmp_path: Path) -> None:
    land(db, text(tmp_path / "x.csv", f'Name,Note\nAcme,"{"x" * 300_000}\n"\nBeta, "a"b\n'))

    assert 300_001 == len(rows(db)[0][2])


def test_short_rows_are_kept_and_named(db: Database, tmp_path: Path) -> None:
    staged = land(db, text(tmp_path / "x.csv", 'Name,City\nAcme\n"Beta\nLtd",Moss\n'))

    assert [(2, "Acme", None), (3, "Beta\nLtd", "Moss")] == rows(db)
    assert any("fewer cells" in note for note in staged.notes)


def test_cells_that_show_nothing_are_blank(db: Database, tmp_path: Path) -> None:
    path = text(tmp_path / "x.csv", 'Name,City,Zip\nAcme,\t,\u00a0\n"\n", ,"\u200b"\nÉtoile,É,1\n')

    staged = land(db, path)

    assert [(2, "Acme", None, None), (4, "Étoile", "É", "1")] == rows(db)
    assert 1 == staged.blank_rows


# --- encodings and delimiters ----------------------------------------------------------------


def test_one_bad_byte_leaves_a_utf8_file_utf8(db: Database, tmp_path: Path) -> None:
    path = text(tmp_path / "x.csv", "Name,City\nKåre,Tromsø\nBj".encode() + b"\xf8rn,Moss\n")

    staged = land(db, path)

    assert "utf-8" == staged.encoding
    assert [(2, "Kåre", "Tromsø"), (3, "Bj\ufffdrn", "Moss")] == rows(db)
    assert any("1 place is not valid UTF-8" in note for note in staged.notes)
    assert any("row 3" in note for note in staged.notes)


def test_bytes_that_are_no_characters_are_named(db: Database, tmp_path: Path) -> None:
    staged = land(db, text(tmp_path / "x.csv", b"Name,City\nKj\xf8r \x81,Moss\n"))

    assert "cp1252" == staged.encoding
    assert any("cannot be read" in note and "row 2" in note for note in staged.notes)


@pytest.mark.parametrize(
    "encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-16", "utf-32"]
)
def test_wide_encodings_are_recognised(db: Database, tmp_path: Path, encoding: str) -> None:
    land(db, text(tmp_path / "x.csv", "Name,City\nKåre,Tromsø\nBeta,Moss\n".encode(encoding)))

    assert [(2, "Kåre", "Tromsø"), (3, "Beta", "Moss")] == rows(db)


def test_encoding_and_delimiter_can_be_chosen(db: Database, tmp_path: Path) -> None:
    path = text(tmp_path / "x.csv", "Name:City\nŁukasz:Łódź\n".encode("cp1250"))

    staged = land(db, path, encoding="cp1250", delimiter=":")

    assert [(2, "Łukasz", "Łódź")] == rows(db)
    assert ("cp1250", ":") == (staged.encoding, staged.delimiter)


@pytest.mark.parametrize(
    "chosen", [{"encoding": "klingon"}, {"encoding": "hex"}, {"delimiter": ";;"}]
)
def test_a_choice_that_cannot_be_is_refused(tmp_path: Path, chosen: dict[str, str]) -> None:
    with pytest.raises(SourceError) as raised:
        sources.inspect(text(tmp_path / "x.csv", "a,b\n1,2\n"), **chosen)
    assert raised.value.mend


@pytest.mark.parametrize(
    ("sample", "delimiter"),
    [
        ("a;b;c\n1,5;2,5;3,5\n1,5;2,5;3,5\n", ";"),
        ("a;b\n1,234,567.00;2,234,567.00\n", ";"),
        ("a,b,c\n1,2,3\n4,5,6\n", ","),
        ("1,2,3\n4,5,6\n", ","),
        ("a\tb\nx, y\tz, w\n", "\t"),
        ("a|b\nx;y|z\n", "|"),
        ("sep=|\na;b|c\n1;2|3\n", "|"),
        ("only\none\ncolumn\n", ","),
    ],
)
def test_the_delimiter_is_found(sample: str, delimiter: str) -> None:
    assert delimiter == find_delimiter(sample)


def test_a_line_that_names_the_delimiter_is_no_row(db: Database, tmp_path: Path) -> None:
    staged = land(db, text(tmp_path / "x.csv", "sep=;\nName;City\nAcme;Oslo\n"))

    assert (2, [(3, "Acme", "Oslo")]) == (staged.header_row, rows(db))


@pytest.mark.parametrize(
    ("content", "count"),
    [
        (b"a,b\n1,2\n", 2),
        (b"a,b\r\n1,2", 2),
        (b"a,b\r1,2\r\r", 2),
        (b'a,b\n"1\n1",2\n\n\n', 2),
        (b'a,b\n"1,2\n', None),
        (b"a,\x00\n", None),
    ],
)
def test_records_are_counted_by_bytes(tmp_path: Path, content: bytes, count: int | None) -> None:
    assert count == count_records(text(tmp_path / "x.csv", content))


@pytest.mark.parametrize(
    ("content", "read"),
    [
        (
            "'Name','City'\n'Acme, Oslo','''s-Hertogenbosch'\n'O''Brien','Lund'\n",
            [("Acme, Oslo", "'s-Hertogenbosch"), ("O'Brien", "Lund")],
        ),
        (
            "'Name';'Zip'\r\n'Doe, John';0155\r\n'Roe; Jane';0156\r\n",
            [("Doe, John", "0155"), ("Roe; Jane", "0156")],
        ),
        # Quoted where it must be.
        (
            "Name,City\n'Acme, Norway',Oslo\nO'Brien,Lund\n",
            [("Acme, Norway", "Oslo"), ("O'Brien", "Lund")],
        ),
    ],
    ids=["all", "texts", "where it must be"],
)
def test_cells_in_single_quotation_marks_are_read_without_them(
    db: Database, tmp_path: Path, content: str, read: list[tuple[str, str]]
) -> None:
    staged = land(db, text(tmp_path / "x.csv", content.encode()))

    assert read == [row[1:] for row in rows(db)]
    assert "'" == staged.quote
    assert any("in single quotation marks" in note for note in staged.notes)


@pytest.mark.parametrize(
    "content",
    [
        "Name,City\nAcme,'s-Hertogenbosch\n'Beta',Lund\n",
        "Name,City\n'Acme',Oslo\n'Beta',Lund\n",
        "Name,City\nO'Brien,Oslo\nD'Arc',Lund\n",
        "'s-Name,City\n't Hof,'s-Gravenhage'\n",
        # One cell that is not closed is enough.
        "'Name','City'\n'Acme','Oslo'\n'Beta','s-Hertogenbosch\n",
        # The other marks are there, too.
        "'Name','City'\n'Acme',\"Oslo\"\n",
    ],
)
def test_an_apostrophe_is_no_quotation_mark(db: Database, tmp_path: Path, content: str) -> None:
    path = text(tmp_path / "x.csv", content.encode())
    source = sources.inspect(path)

    staging.land(db, source, sources.Layout("", 1), progress=silent)

    lines = [tuple(line.split(",")) for line in content.replace('"', "").splitlines()]
    assert '"' == source.quote
    assert lines[1:] == [row[1:] for row in rows(db)]


@pytest.mark.parametrize("damaged", [0, 1])
def test_many_rows_in_single_quotation_marks_are_all_there(
    db: Database, tmp_path: Path, damaged: int
) -> None:
    """Cells over several lines, too; where a row is damaged, all are read one by one."""
    lines = [f"'Acme {n}','Main street\n{n}'\n" for n in range(1_000)]
    content = "'Name','Street'\n" + "".join(lines) + "'Last','open\n" * damaged

    staged = land(db, text(tmp_path / "x.csv", content.encode()), quote="'")

    assert (1_000, damaged) == (staged.row_count, staged.rejected)
    assert "Main street\n999" == rows(db)[-1][2]


def test_a_file_that_is_not_in_the_encoding_that_was_chosen_says_so(
    db: Database, tmp_path: Path
) -> None:
    path = text(tmp_path / "x.csv", "Name,City\nCafé,Oslo\n".encode("cp1252"))

    staged = land(db, path, encoding="utf-8")

    assert any("cannot be read in the encoding utf-8" in note for note in staged.notes)


def test_quotation_marks_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="quotation marks"):
        sources.inspect(text(tmp_path / "x.csv", b"a,b\n1,2\n"), quote="x")


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7\n1 0 obj",
        b"\x89PNG\r\n\x1a\n",
        b"SQLite format 3\x00",
        bytes(range(256)) * 40,
        '#FLAGGA 0\n#FORMAT PC8\n#FNAMN "Björk AB"\n#KONTO 1510 "Kundfordringar"\n'.encode("cp437"),
    ],
    ids=["pdf", "png", "sqlite", "bytes", "sie"],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SourceError) as raised:
        sources.inspect(text(tmp_path / "x.csv", content))
    assert raised.value.mend


_MAIL = b"From: Ola <ola@example.com>\r\nTo: x@example.com\r\nSubject: hi\r\n\r\nHello, you\r\n"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2_000)


def zip_of(**parts: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "kind", "mend"),
    [
        (zip_of(**{"[Content_Types].xml": "", "word/document.xml": ""}), "a Word document", "xlsx"),
        (
            zip_of(**{"[Content_Types].xml": "", "ppt/presentation.xml": ""}),
            "a PowerPoint presentation",
            "xlsx",
        ),
        (
            zip_of(mimetype="application/vnd.oasis.opendocument.text", **{"content.xml": "<a/>"}),
            "an OpenDocument text",
            "xlsx",
        ),
        (zip_of(**{"Index/Document.iwa": "x"}), "an Apple Numbers", "Export To > Excel"),
        (_OLE + "WordDocument".encode("utf-16-le") + bytes(500), "a Word document", "xlsx"),
        (
            _OLE + "__properties_version1.0".encode("utf-16-le") + bytes(500),
            "an Outlook message",
            "contacts from Outlook",
        ),
        (b"\x00\x01\x00\x00Standard ACE DB\x00" + bytes(500), "an Access database", "Access"),
        (
            b"\x03\x79\x0c\x1f\x01\0\0\0\x41\0\x20\0" + bytes(20) + b"NAME" + bytes(28) + b"\r",
            "a dBase file",
            "LibreOffice",
        ),
        (_MAIL, "an e-mail", "attached"),
        (b"From ola@example.com Mon Jan  1 00:00:00 2026\n" + _MAIL, "an e-mail", "attached"),
        (b"Received: from a by b\n" + _MAIL, "an e-mail", "attached"),
    ],
)
def test_documents_of_other_programs_are_called_what_they_are(
    tmp_path: Path, content: bytes, kind: str, mend: str
) -> None:
    path = text(tmp_path / "x.xlsx", content)

    with pytest.raises(SourceError, match=f"This file is {kind}") as raised:
        sources.inspect(path)

    assert (path.name, True) == (raised.value.where, mend in raised.value.mend)


@pytest.mark.parametrize(
    "content",
    [
        b"From: ,To: ,Subject: \nOla,Kari,hi\n",
        b"From: Oslo,To\nBergen,Voss\n",
        b"0,1,2\n3,4,5\n",
        b"Date: 1.1.2026;Report\nName;City\nAcme;Oslo\n",
    ],
)
def test_a_table_that_looks_like_one_of_them_at_first_is_read(
    tmp_path: Path, content: bytes
) -> None:
    assert sources.inspect(text(tmp_path / "x.csv", content)).kind is SourceKind.DELIMITED


def test_a_sqlite_database_is_sent_to_where_it_can_be_read(tmp_path: Path) -> None:
    path = text(tmp_path / "erp.sqlite", b"SQLite format 3\x00\x10\x00")

    with pytest.raises(SourceError, match="SQLite database") as raised:
        sources.inspect(path)

    assert "ERP database" in raised.value.mend
    assert ".xlsx" not in raised.value.mend


# --- workbooks -------------------------------------------------------------------------------


def test_a_stray_cell_in_the_last_corner_costs_nothing(db: Database, tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "x.xlsx",
        {"A1": "Name", "B1": "City", "A2": "Acme", "B2": "Oslo", "XFD1048576": "x"},
    )

    staged = land(db, path)

    assert ["A", "B", "XFD"] == [column.letter for column in staged.columns]
    assert [(2, "Acme", "Oslo", None), (1_048_576, None, None, "x")] == rows(db)


def test_a_blank_in_the_last_column_costs_nothing(db: Database, tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "x.xlsx", {"A1": "Name", "B1": "City", "A2": "Acme", "B2": "Oslo", "XFD9": " "}
    )

    staged = land(db, path)

    assert ["A", "B"] == [column.letter for column in staged.columns]
    assert [(2, "Acme", "Oslo")] == rows(db)


def test_numbers_are_written_in_full(db: Database, tmp_path: Path) -> None:
    cells = {
        "A1": "Name",
        "B1": "Number",
        "A2": "a",
        "B2": 1234567890123456,
        "A3": "b",
        "B3": 0.00001,
    }
    cells |= {"A4": "c", "B4": 1e22, "A5": "d", "B5": 1.1800000000000002, "A6": "e", "B6": -0.5}

    land(db, workbook(tmp_path / "x.xlsx", cells))

    assert ["1234567890123456", "0.00001", "10000000000000000000000", "1.18", "-0.5"] == [
        row[2] for row in rows(db)
    ]


def test_a_sheet_of_notes_is_not_taken_for_the_table(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "x.xlsx", {"A1": "How to", "B1": "fill", "A2": "x", "B2": "y"}, sheet="Read me"
    )
    book = openpyxl.load_workbook(path)
    page = book.create_sheet("Customers")
    page.append(["Name", "City"])
    page.append(["Acme", "Oslo"])
    book.save(path)

    assert Layout("Customers", 1) == sources.detect_layout(sources.inspect(path))


def test_sheets_that_are_not_read_are_named(db: Database, tmp_path: Path) -> None:
    path = workbook(tmp_path / "x.xlsx", {"A1": "Name", "B1": "City", "A2": "Acme", "B2": "Oslo"})
    book = openpyxl.load_workbook(path)
    page = book.create_sheet("Old")
    page.append(["Name", "City"])
    page.sheet_state = "hidden"
    book.save(path)

    staged = land(db, path)

    assert "other sheets are not read: Old (1 row, hidden)" in staged.notes
    assert (("Sheet", True), ("Old", False)) == staged.sheets


def test_a_workbook_over_its_limits_gets_a_message(tmp_path: Path) -> None:
    path = workbook(tmp_path / "x.xlsx", {f"A{n}": f"{n}" * 200 for n in range(1, 20_000)})

    for limits in (Limits(seconds=0), Limits(memory_mb=20), Limits(unpacked_mb=1)):
        with pytest.raises(SourceError) as raised:
            spreadsheet.inspect(path, limits=limits)
        assert "too large" in raised.value.message


def test_reading_a_workbook_can_be_cancelled(tmp_path: Path, db: Database) -> None:
    path = workbook(tmp_path / "x.xlsx", {"A1": "Name", "A2": "Acme"})
    source = sources.inspect(path)

    def stop(fraction: float, message: str) -> None:
        raise CancelledError("The work was stopped.")

    with pytest.raises(CancelledError):
        staging.land(db, source, Layout("Sheet", 1), progress=stop)


# --- the table -------------------------------------------------------------------------------


def test_cancel_leaves_the_rows_and_the_settings_as_they_were(db: Database, tmp_path: Path) -> None:
    land(db, text(tmp_path / "a.csv", "Name\nAcme\n"))
    body = "".join(f"Company {n},{n}\n" for n in range(400_000))
    source = sources.inspect(text(tmp_path / "b.csv", f"Name,Number\n{body}"))
    ended = threading.Event()

    def interrupt() -> None:
        while not ended.is_set():
            db.interrupt()
            time.sleep(0.005)

    stopper = threading.Thread(target=interrupt)

    def report(fraction: float, message: str) -> None:
        if not stopper.is_alive():
            stopper.start()

    with pytest.raises(CancelledError):
        staging.land(db, source, sources.detect_layout(source), progress=report)
    ended.set()
    stopper.join()

    assert [(2, "Acme")] == rows(db)
    assert (
        "false" == str(db.value(sql("select current_setting('preserve_insertion_order')"))).lower()
    )


def test_seven_hundred_columns_are_profiled(db: Database, tmp_path: Path) -> None:
    line = ",".join(f"cell {n}" for n in range(700))
    header = ",".join(f"Header {n}" for n in range(700))

    staged = land(db, text(tmp_path / "x.csv", f"{header}\n" + f"{line}\n" * 1_000))

    assert 700 == len(staged.columns)
    assert {(1_000, 1)} == {(column.filled, column.distinct) for column in staged.columns}


@pytest.mark.slow
def test_different_values_of_a_large_file_are_about_right(db: Database, tmp_path: Path) -> None:
    body = "".join(f"{n},{n % 7},{n % 50_000},same\n" for n in range(500_000))

    staged = land(db, text(tmp_path / "x.csv", f"Id,Week,Many,One\n{body}"))

    assert all(column.distinct_is_estimate for column in staged.columns)
    for column, right in zip(staged.columns, (500_000, 7, 50_000, 1), strict=True):
        # DuckDB's estimate has been seen a sixth off.
        assert column.distinct == pytest.approx(right, rel=0.25)


def test_a_staged_table_survives_being_kept(db: Database, tmp_path: Path) -> None:
    staged = land(db, text(tmp_path / "x.csv", "Name,City\nAcme,Oslo\nBeta,Moss,x\n"))

    assert staged == staging.from_json(staging.to_json(staged))


def test_the_line_of_the_format_above_datevs_headers_is_passed_over(
    db: Database, tmp_path: Path
) -> None:
    """It is as wide as the table, and full of values."""
    path = tmp_path / "EXTF_GP_Stamm.csv"
    path.write_text(
        '"EXTF";700;16;"Debitoren/Kreditoren";5;20240130140440439\n'
        "Konto;Name (Adressattyp Unternehmen);Stra\u00dfe;Postleitzahl;Ort;EU-UStID\n"
        '10000;"Muster GmbH";"Hauptstr. 12";"70173";"Stuttgart";"136695976"\n',
        encoding="cp1252",
    )

    staged = land(db, path)

    assert 2 == staged.header_row
    assert "Konto" == staged.columns[0].header
    assert [(3, "10000", "Muster GmbH", "Hauptstr. 12", "70173", "Stuttgart", "136695976")] == rows(
        db
    )
