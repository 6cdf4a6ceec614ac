"""Sources are recognised by content and land whole: real files written by others, and made ones with traps."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from crmkit import sources
from crmkit.database import Database
from crmkit.errors import SourceError
from crmkit.samples import SAMPLES
from crmkit.sources import SourceKind
from crmkit.sql import sql
from tests.landing import land, rows

REAL = Path(__file__).resolve().parents[1].parent / "shared" / "data"

real_files = pytest.mark.skipif(
    not REAL.is_dir(),
    reason="THE REAL FILES ARE NOT HERE: the folder shared/data beside the clone is missing",
)


def book(path: Path, cells: list[list[Any]], *, errors: tuple[str, ...] = ()) -> Path:
    made = openpyxl.Workbook()
    page = made.active
    assert page is not None
    for number, row in enumerate(cells, start=1):
        for position, value in enumerate(row, start=1):
            page.cell(number, position).value = value
    for place in errors:
        page[place].data_type = "e"
    made.save(path)
    return path


def expected(kind: str) -> list[tuple[str, dict[str, Any]]]:
    if not REAL.is_dir():
        return []
    facts = json.loads((REAL / "real" / "expected.json").read_text(encoding="utf-8"))
    return [(name, fact) for name, fact in facts.items() if name.startswith(f"{kind}/")]


@real_files
@pytest.mark.parametrize(("name", "facts"), expected("csv"), ids=lambda value: str(value)[:50])
def test_every_record_of_a_real_text_file_is_accounted_for(
    db: Database, name: str, facts: dict[str, Any]
) -> None:
    """Records read + rejected + blank = records present."""
    staged = land(db, REAL / "real" / name)

    # A first record of plain words is taken for headers; the user sees it and can say otherwise.
    taken = 1 if facts["header_line"] is None and staged.header_row else 0
    assert facts["records"] == staged.row_count + staged.rejected + taken
    source = sources.inspect(REAL / "real" / name)
    with (REAL / "real" / name).open(encoding=source.encoding, newline="") as file:
        present = list(csv.reader(file, delimiter=source.delimiter))
    while not present[-1]:
        # Line ends behind the last record are no records.
        present.pop()
    assert len(present) == (
        staged.header_row + staged.row_count + staged.rejected + staged.blank_rows
    )


@real_files
@pytest.mark.parametrize(("name", "facts"), expected("excel"), ids=lambda value: str(value)[:50])
def test_the_sheets_of_a_real_workbook_are_seen(name: str, facts: dict[str, Any]) -> None:
    """Sheets with their visibility, hidden ones named as such."""
    if all(not rows for _, _, rows, _ in facts["sheets"]):
        with pytest.raises(SourceError, match="no cells"):
            sources.inspect(REAL / "real" / name)
        return
    source = sources.inspect(REAL / "real" / name)

    wanted = {name: visibility == "Visible" for name, visibility, *_ in facts["sheets"]}
    found = {sheet.name: sheet.visible for sheet in source.sheets}
    assert found.items() <= wanted.items()


@real_files
def test_the_vendors_template_lands_as_text(db: Database) -> None:
    """Numbers that Excel stores as floats arrive without .0, a zip code as its format shows it."""
    staged = land(db, REAL / "superoffice" / "import-template-for-contacts.xlsx")

    assert staged.header_row == 1
    assert staged.row_count == 3
    first = rows(db)[1]
    assert (first[0], first[5], first[8], first[11]) == (3, "956753104", "0167", "23354000")


def test_numbers_dates_and_spaces_survive_as_text(db: Database, tmp_path: Path) -> None:
    from datetime import date, datetime

    path = book(
        tmp_path / "typed.xlsx",
        [
            ["Name", "Number", "Date", "Time", "Yes"],
            [" Acme ", 23354000.0, date(1980, 1, 31), datetime(2020, 1, 2, 3, 4), True],
            ["0167", 1.1800000000000002, None, None, False],
        ],
    )

    land(db, path)

    assert rows(db) == [
        (2, " Acme ", "23354000", "1980-01-31", "2020-01-02 03:04:00", "TRUE"),
        (3, "0167", "1.18", None, None, "FALSE"),
    ]


def test_error_cells_are_seen_and_not_blank(db: Database, tmp_path: Path) -> None:
    path = book(
        tmp_path / "errors.xlsx",
        [["Name", "City"], ["#N/A", "Oslo"], ["Acme", "#REF!"]],
        errors=("A2", "B3"),
    )

    staged = land(db, path)

    assert rows(db) == [(2, "#N/A", "Oslo"), (3, "Acme", "#REF!")]
    assert "2 cells hold the error of a formula" in staged.notes


def test_row_numbers_are_the_files_own(db: Database, tmp_path: Path) -> None:
    """Title rows above, blank rows between: a user finds the row by its number."""
    cells: list[list[Any]] = [
        ["Customers"],
        [],
        ["Name", "City"],
        ["Acme", "Oslo"],
        [],
        ["Beta", "Bergen"],
    ]

    staged = land(db, book(tmp_path / "title.xlsx", cells))

    assert (staged.header_row, staged.blank_rows) == (3, 1)
    assert rows(db) == [(4, "Acme", "Oslo"), (6, "Beta", "Bergen")]


def test_a_table_that_starts_further_right_keeps_its_letters(db: Database, tmp_path: Path) -> None:
    path = book(tmp_path / "right.xlsx", [[None, None, "Name"], [None, None, "Acme"]])

    staged = land(db, path)

    assert [(column.letter, column.header) for column in staged.columns if column.filled] == [
        ("C", "Name")
    ]


def test_blank_and_repeated_headers_get_stable_names(db: Database) -> None:
    staged = land(db, SAMPLES / "duplicate-and-blank-headers.xlsx")

    assert [column.header for column in staged.columns] == [
        "Company name",
        "Telephone",
        "Telephone (2)",
        "Column D",
        "City",
    ]


def test_headers_on_row_six_are_found(db: Database) -> None:
    assert land(db, SAMPLES / "header-on-row-6.xlsx").header_row == 6


def test_a_file_without_headers_is_told_by_its_values(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    path.write_text("1,ann@acme.example\n2,bo@acme.example\n", encoding="utf-8")

    staged = land(db, path)

    assert staged.header_row == 0
    assert [column.header for column in staged.columns] == ["Column A", "Column B"]


def test_columns_are_profiled(db: Database) -> None:
    staged = land(db, SAMPLES / "customers-update.xlsx")
    by_header = {column.header: column for column in staged.columns}

    assert by_header["Company name"].filled == 117
    assert by_header["Category"].distinct == 4
    assert len(by_header["City"].samples) == 4


def test_semicolons_and_an_old_code_page_are_recognised(db: Database) -> None:
    source = sources.inspect(SAMPLES / "semicolon-cp1252.csv")
    staged = land(db, SAMPLES / "semicolon-cp1252.csv")

    assert (source.kind, source.delimiter, source.encoding) == (SourceKind.DELIMITED, ";", "cp1252")
    assert rows(db)[0][1] == "Café Zürich"
    assert staged.row_count == 2


def test_quotes_and_line_breaks_inside_cells_survive(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "quotes.csv"
    path.write_text('Name,Note\n"Acme ""the best""","one\ntwo"\nBeta,x\n', encoding="utf-8")

    land(db, path)

    assert [row[1:] for row in rows(db)] == [('Acme "the best"', "one\ntwo"), ("Beta", "x")]


def test_short_rows_are_padded_and_none_is_lost(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "ragged.csv"
    path.write_text("Name,City,Phone\nAcme\nBeta,Oslo\nGamma,Bergen,1\n", encoding="utf-8")

    assert land(db, path).row_count == 3


def test_another_sheet_can_be_chosen(db: Database) -> None:
    assert land(db, SAMPLES / "two-sheets.xlsx", "Customers").row_count == 5
    with pytest.raises(SourceError) as raised:
        land(db, SAMPLES / "two-sheets.xlsx", "Nowhere")
    assert "Customers" in raised.value.mend


@pytest.mark.slow
def test_the_file_order_is_kept_over_many_rows(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("Name,Number\n")
        file.writelines(f"Company {n},{n}\n" for n in range(300_000))

    land(db, path)

    wrong = db.value(sql("select count(*) from staged where row_no <> cast(c2 as integer) + 2"))
    assert wrong == 0
