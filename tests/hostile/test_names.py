"""Names and cells that look like SQL, markup, formulas or paths stay what they are: text."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import openpyxl
import pytest

from crmkit import sources
from crmkit.entities import COMPANY
from crmkit.errors import CrmkitError, DescriptionError, SourceError
from crmkit.plan import Status
from crmkit.session import ImportSession
from crmkit.settings import Action
from crmkit.ui.widgets.upload import Upload
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace
from tests.hostile.corpus import NAMES, card, rows_of_names, xlsx

READABLE = [name for name in NAMES if name.strip("\u200b ")]
FORMULAS = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "'=1", "''=1", "=cmd|' /C calc'!A0", "'x"]


def stored(text: str) -> str:
    """What the CRM keeps of a cell: no NUL, which is no text, and no spaces around it."""
    return text.replace("\x00", "").strip(" \t\r\n\u200b\ufeff")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path / "workspace")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> ImportSession:
    folder = tmp_path_factory.mktemp("shared")
    session = new_workspace(folder / "workspace").new_import()
    session.load(list_of(folder / "list.csv", ("Name", "City"), ("Acme", "Oslo")))
    return session


def import_of(workspace: Workspace, path: Path, headers: tuple[str, ...]) -> ImportSession:
    session = workspace.new_import()
    session.load(path, header_row=1, delimiter=",", encoding="utf-8")
    ids = [column.id for column in session.staged.columns]
    chosen = session.mapping
    for column, target in zip(ids, headers, strict=False):
        chosen = chosen.with_target(column, target)
    session.mapping = chosen
    session.settings = session.settings.with_rule(COMPANY, match_key="name", action=Action.MERGE)
    return session


def list_of(path: Path, *rows: tuple[str, ...]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
    return path


def everything_below(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")}


def test_hostile_headers_and_cells_go_through_a_whole_import_as_text(
    workspace: Workspace, tmp_path: Path
) -> None:
    """Named so are the columns, the companies, their categories and the file."""
    rows = [(text, text, other) for text, other in rows_of_names() if text in READABLE]
    headers = (READABLE[0], READABLE[1], READABLE[3])
    path = list_of(tmp_path / "'; drop table staged; --.csv", headers, *rows)
    session = import_of(workspace, path, ("company.name", "company.category", "company.department"))

    session.preview()
    batch = session.commit(back_up=False)

    found = workspace.query("select name from crm.company order by name")["name"].tolist()
    assert {stored(text) for text in READABLE if len(text) < 254} == set(found)
    assert 1 == session.held_back()  # the name that is too long
    assert path.name in [str(cell) for cell in workspace.log().iloc[0]]
    for ending in ("xlsx", "csv"):
        exported = [workspace.export_log(ending=ending)]
        exported += [
            workspace.export_selection(chosen.id, ending=ending)
            for chosen in workspace.selections(batch.id)
        ]
        assert all(made.parent == workspace.path / "exports" for made in exported)


@pytest.mark.parametrize("name", NAMES)
def test_an_upload_gets_a_plain_file_name_in_its_folder(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "uploads"
    folder.mkdir()

    upload = Upload(folder, f"{name}.csv", 1)
    upload.take(b"x")
    path = upload.finish()

    assert folder == path.parent
    assert [path] == list(folder.iterdir())
    assert not set(path.name) & set('<>:"/\\|?*\x00\r\n\u202e\u200b')
    assert len(path.name.encode()) <= 120


@pytest.mark.parametrize("name", NAMES)
def test_a_member_of_a_zip_is_read_and_unpacks_nowhere(name: str, tmp_path: Path) -> None:
    path = tmp_path / "takeout.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo(f"{name}.vcf"), card("FN:Ola Nordmann"))

    try:
        source = sources.inspect(path)
        first = sources.first_rows(source, source.member)
    except SourceError:
        # "." makes a hidden file, which is none of contacts.
        first = ()

    # A zip has names up to a NUL.
    assert first or name.startswith(".") or "\x00" in name
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_no_file_is_refused_with_a_message(
    name: str, session: ImportSession
) -> None:
    workspace = session.workspace
    with pytest.raises(CrmkitError):
        workspace.description(name)
    with pytest.raises(CrmkitError):
        sources.inspect(Path("no-such-folder", name.lstrip("/")))
    with pytest.raises(CrmkitError):
        workspace.open_import(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_description_is_saved_in_its_folder_or_its_name_is_refused(
    name: str, session: ImportSession
) -> None:
    above = session.workspace.path.parent
    before = everything_below(above)

    refusal = None
    try:
        session.save_description(name)
    except DescriptionError as error:
        refusal = error

    made = everything_below(above) - before
    assert made or (refusal is not None and refusal.mend)
    assert all((session.workspace.description_folder / one).is_file() for one in made)


@pytest.mark.parametrize("name", [name for name in READABLE if "\x00" not in name])
def test_a_sheet_of_any_name_is_read_and_can_be_chosen(name: str, tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    escaped = name.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    xlsx(path, name=escaped.replace("\r\n", "&#13;&#10;").replace("{", "{{").replace("}", "}}"))

    source = sources.inspect(path)
    layout = sources.detect_layout(source, source.sheets[0].name)

    assert 1 == layout.header_row


def test_cells_that_begin_as_formulas_are_text_in_every_export_and_come_back(
    workspace: Workspace, tmp_path: Path
) -> None:
    """In CSV an apostrophe says so, in a workbook the type of the cell; an import restores both."""
    rows = [(f"Company {n}", text) for n, text in enumerate(FORMULAS)]
    marked = [
        (name, f"'{text}" if text.strip("'")[:1] in "=+-@\t\r" else text) for name, text in rows
    ]
    path = list_of(tmp_path / "list.csv", ("Name", "Department"), *marked)
    session = import_of(workspace, path, ("company.name", "company.department"))
    session.preview()
    session.commit(back_up=False)
    expected = {name: text.strip() for name, text in rows}
    chosen = next(one for one in workspace.selections() if one.entity == "company")

    as_csv = workspace.export_selection(chosen.id, ending="csv")
    as_book = workspace.export_selection(chosen.id, ending="xlsx")

    assert expected == _departments(workspace)
    with as_csv.open(encoding="utf-8-sig", newline="") as file:
        assert not any(cell[:1] in "=+-@\t\r" for row in csv.reader(file) for cell in row if cell)
    cells = [cell for row in openpyxl.load_workbook(as_book).active.iter_rows() for cell in row]
    assert not any(cell.data_type == "f" for cell in cells)
    for exported in (as_csv, as_book):
        again = workspace.new_import()
        again.load(exported)
        again.settings = again.settings.with_rule(COMPANY, match_key="name", action=Action.REPLACE)
        (balance,) = (b for b in again.preview().balance if b.entity == "company")
        assert {Status.UNCHANGED: len(rows)} == {s: n for s, n in balance.records.items() if n}


def _departments(workspace: Workspace) -> dict[str, str]:
    frame = workspace.query("select name, department from crm.company order by name")
    return dict(frame.itertuples(index=False, name=None))
