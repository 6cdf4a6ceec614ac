"""Files out: what a spreadsheet would take for a formula is text, and comes back as it was."""

from __future__ import annotations

import csv
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as run_settings
from hypothesis import strategies as st

from crmkit import workbooks
from crmkit.sql import sql
from crmkit.workspace import Workspace

FORMULAS = (
    "=1+1",
    "+47 22 33 44 55",
    "-5 % rebate",
    "@SUM(A1)",
    "\tTab AS",
    "\rReturn AS",
    "'=quoted",
    "''=twice",
    '=HYPERLINK("http://example.invalid";"Acme")',
)


@pytest.mark.parametrize("value", FORMULAS, ids=ascii)
def test_a_workbook_holds_it_as_marked_text(tmp_path: Path, value: str) -> None:
    """The mark keeps it text also when somebody edits the cell."""
    path = tmp_path / "list.xlsx"

    workbooks.write_table(path, ["Name"], [[value]], sheet="List")

    page = openpyxl.load_workbook(path).active
    assert page is not None
    cell = page["A2"]
    assert (cell.value, cell.data_type) == (value, "s")
    assert cell.quotePrefix


def test_a_workbook_does_not_mark_other_text(tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"

    workbooks.write_table(path, ["Name", "Number"], [["Acme = Beta", -5]], sheet="List")

    page = openpyxl.load_workbook(path).active
    assert page is not None
    assert not page["A2"].quotePrefix
    assert (page["B2"].value, page["B2"].data_type) == (-5, "n")


@pytest.mark.parametrize("value", FORMULAS, ids=ascii)
def test_a_text_file_has_an_apostrophe_before_it(tmp_path: Path, value: str) -> None:
    path = tmp_path / "list.csv"

    workbooks.write_csv(path, ["Name"], [[value]])

    with path.open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file)) == [["Name"], [f"'{value}"]]


def test_a_header_is_no_formula_either(tmp_path: Path) -> None:
    workbooks.write_csv(tmp_path / "list.csv", ["=cmd"], [])
    workbooks.write_table(tmp_path / "list.xlsx", ["=cmd"], [], sheet="List")

    assert (tmp_path / "list.csv").read_text(encoding="utf-8-sig").startswith("'=cmd")
    page = openpyxl.load_workbook(tmp_path / "list.xlsx").active
    assert page is not None
    assert (page["A1"].data_type, page["A1"].quotePrefix) == ("s", True)


_WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1)


@run_settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    names=st.lists(
        st.builds(str.__add__, st.sampled_from(["=", "+", "-", "@", "'=", "''+"]), _WORDS),
        min_size=6,
        max_size=24,
        unique_by=str.casefold,
    ),
    ending=st.sampled_from(["csv", "xlsx"]),
)
def test_an_own_export_read_again_has_the_same_texts(
    tmp_path: Path, names: list[str], ending: str
) -> None:
    """Whatever a name begins with, and however it goes on."""
    path = tmp_path / f"list.{ending}"
    rows = [[str(number), name] for number, name in enumerate(names)]
    if ending == "csv":
        workbooks.write_csv(path, ["Number", "Company name"], rows)
    else:
        workbooks.write_table(path, ["Number", "Company name"], rows, sheet="List")
    folder = tmp_path / "workspace"
    workspace = Workspace.open(folder) if folder.exists() else Workspace.create(folder)

    session = workspace.new_import()
    session.load(path, header_row=1)

    with session.reading() as db:
        read = [row[0] for row in db.rows(sql("select c2 from staged order by row_no"))]
    workspace.discard(session.id)
    assert names == read


def test_a_workbook_says_what_it_could_not_hold(tmp_path: Path) -> None:
    told: list[str] = []
    long = "x" * (workbooks.LONGEST_CELL + 1)
    rows = [[long, "a\x00b"], ["y" * workbooks.LONGEST_CELL, "c\x1f\x02d"], [long, "e\tf"]]

    workbooks.write_table(tmp_path / "list.xlsx", ["A", "B"], rows, sheet="List", tell=told.append)

    page = openpyxl.load_workbook(tmp_path / "list.xlsx").active
    assert page is not None
    assert ["ab", "cd", "e\tf"] == [page.cell(row, 2).value for row in (2, 3, 4)]
    texts = [str(page.cell(row, 1).value) for row in (2, 3)]
    assert [workbooks.LONGEST_CELL] * 2 == [len(text) for text in texts]
    assert [True, False] == [text.endswith(workbooks.CUT) for text in texts]
    (said,) = told
    assert said == (
        "list.xlsx: 2 cells are cut, because a cell of a workbook holds 32,767 characters;"
        " 2 cells are without the control characters that no workbook can hold."
    )


def test_a_workbook_that_holds_everything_says_nothing(tmp_path: Path) -> None:
    told: list[str] = []
    path = tmp_path / "list.xlsx"

    workbooks.write_table(path, ["A"], [["x\n"]], sheet="List", tell=told.append)

    assert [] == told
