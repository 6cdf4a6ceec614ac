"""The workspace and its sessions: the whole path without a screen, and what happens when it goes wrong."""

from __future__ import annotations

import csv
import subprocess
import sys
import threading
import time
from pathlib import Path

import openpyxl
import pytest

from crmkit import crm
from crmkit.crm import Preferences
from crmkit.database import in_memory
from crmkit.entities import COMPANY, LANGUAGES, PERSON, Field
from crmkit.errors import (
    CancelledError,
    CrmkitError,
    MappingError,
    SettingsError,
    SourceError,
    StalePlanError,
    StorageError,
)
from crmkit.preview import Also, RowFilter
from crmkit.samples import SAMPLES
from crmkit.session import ImportSession
from crmkit.settings import Action, NoCompanyName, Settings
from crmkit.sql import sql
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(
        tmp_path / "workspace", preferences=Preferences(default_category="Prospect")
    )


def write(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture
def people(tmp_path: Path) -> Path:
    return write(
        tmp_path / "people.csv",
        [
            ["Company name", "City", "First name", "Last name", "E-mail"],
            ["Acme AS", "Oslo", "Ann", "Hansen", "ann@acme.example"],
            ["Acme AS", "Oslo", "Bo", "Berg", "bo@acme.example"],
            ["Beta BV", "Utrecht", "Cas", "de Vries", "cas@beta.example"],
        ],
    )


def imported(workspace: Workspace, path: Path) -> ImportSession:
    session = workspace.new_import()
    session.load(path)
    session.preview()
    session.commit()
    return session


def test_the_whole_path_from_file_to_selection(workspace: Workspace, people: Path) -> None:
    session = imported(workspace, people)

    batch = session.batch
    assert batch is not None
    assert batch.written == {
        "company": {"new": 2, "changed": 0},
        "person": {"new": 3, "changed": 0},
        "product": {"new": 0, "changed": 0},
    }
    kinds = [(s.entity, s.kind, s.members) for s in workspace.selections(batch.id)]
    assert kinds == [
        (entity, kind, count if kind == "new" else 0)
        for entity, count in (("company", 2), ("person", 3))
        for kind in ("new", "changed", "unchanged", "skipped")
    ]
    assert workspace.unfinished() == ()
    assert session.step == "result"


def test_a_selection_exports_to_excel_and_csv_and_imports_again(
    workspace: Workspace, people: Path
) -> None:
    imported(workspace, people)
    persons = next(s for s in workspace.selections() if (s.entity, s.kind) == ("person", "new"))

    book = workspace.export_selection(persons.id)
    text = workspace.export_selection(persons.id, ending="csv")

    rows = list(openpyxl.load_workbook(book).active.iter_rows(values_only=True))
    assert len(rows) == 4
    assert rows[1][:5] == (1, "Acme AS", "Ann", None, "Hansen")
    again = workspace.new_import()
    again.load(text)
    counts = {b.entity: b.records for b in again.preview().balance}
    assert counts["person"]["unchanged"] == 3
    assert counts["company"]["unchanged"] == 2


def test_a_session_survives_its_process(workspace: Workspace, people: Path) -> None:
    """Everything is in the import's file: a new session is where the old one was."""
    session = workspace.new_import()
    session.load(people)
    session.mapping = session.mapping.with_target("c2", None)
    session.settings = Settings().with_rule(COMPANY, action=Action.SKIP)
    session.leave_out([3])
    session.step = "preview"

    again = workspace.open_import(session.id)

    assert again.step == "preview"
    assert again.mapping.columns_for("company.postal.city") == ()
    assert again.settings.rule(COMPANY).action is Action.SKIP
    assert again.left_out() == 1
    assert [item.id for item in workspace.unfinished()] == [session.id]


def test_discarding_an_import_leaves_nothing_behind(workspace: Workspace, people: Path) -> None:
    session = workspace.new_import()
    session.load(people)

    workspace.discard(session.id)

    assert workspace.unfinished() == ()
    assert list((workspace.path / "imports").iterdir()) == []


def test_a_preview_is_made_anew_only_when_something_changed(
    workspace: Workspace, people: Path
) -> None:
    session = workspace.new_import()
    session.load(people)
    session.preview()

    assert session.preview_is_fresh
    session.leave_out([2])
    assert not session.preview_is_fresh
    session.preview()
    workspace.preferences = Preferences(country="NL")
    assert not session.preview_is_fresh


def test_a_stale_plan_is_refused(workspace: Workspace, people: Path) -> None:
    """A plan made on a CRM that has since changed is never applied blindly."""
    first, second = workspace.new_import(), workspace.new_import()
    for session in (first, second):
        session.load(people)
        session.preview()
    first.commit()

    with pytest.raises(StalePlanError):
        second.commit()

    assert second.preview().balance[0].records["unchanged"] == 2
    assert len(workspace.batches()) == 1


def test_an_import_is_committed_once(workspace: Workspace, people: Path) -> None:
    session = imported(workspace, people)

    with pytest.raises(StalePlanError):
        session.commit()


def test_the_backup_holds_the_crm_as_it_was(workspace: Workspace, people: Path) -> None:
    imported(workspace, people)
    session = imported(
        workspace, write(people.with_name("more.csv"), [["Company name"], ["Gamma"]])
    )

    assert session.batch is not None
    copy = Workspace(workspace.path)
    copy.crm_path = workspace.path / "backups" / session.batch.backup
    assert copy.record_counts() == (("Companies", 2), ("Persons", 3), ("Products", 0))


def test_cancelling_a_commit_leaves_the_crm_as_it_was(workspace: Workspace, people: Path) -> None:
    session = workspace.new_import()
    session.load(people)
    session.preview()

    def stop(fraction: float, text: str) -> None:
        if fraction > 0.5:
            session.cancel()

    with pytest.raises(CancelledError):
        session.commit(progress=stop)

    assert workspace.record_counts() == (("Companies", 0), ("Persons", 0), ("Products", 0))
    assert session.batch is None
    assert session.commit().written["person"]["new"] == 3


def test_rows_that_cannot_be_read_are_kept_with_their_reason(
    workspace: Workspace, tmp_path: Path
) -> None:
    """They survive a reload of the import, and go with the file that they are of."""
    path = tmp_path / "list.csv"
    path.write_text('Name,City\nAcme,Oslo\n"Beta,Lund\nGamma,Moss\n"Delta,Voss\n', "utf-8")
    session = workspace.new_import()
    session.load(path)

    kept = workspace.open_import(session.id).rejected_rows()

    assert session.staged.rejected == 2
    assert kept["Row"].tolist() == [3, 5]
    assert kept["Text"].tolist() == ['"Beta,Lund', '"Delta,Voss']
    assert set(kept["Reason"]) == {"a quotation mark is opened and not closed"}
    assert session.rejected_rows(1)["Row"].tolist() == [3]
    path.write_text("Name,City\nAcme,Oslo\n", "utf-8")
    session.load(path)
    assert session.rejected_rows().empty


def test_the_encoding_and_the_delimiter_are_taken_as_said(
    workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes("Name;Where, exactly\nBäcker;Oslo, Norge\n".encode("latin-1"))
    session = workspace.new_import()

    staged = session.load(path, encoding="latin-1", delimiter=";")

    assert (staged.encoding, staged.delimiter) == ("iso8859-1", ";")
    assert session.first_rows().iloc[0].tolist()[1:] == ["Bäcker", "Oslo, Norge"]
    with pytest.raises(SourceError, match="encoding"):
        session.load(path, encoding="klingon")
    assert session.staged == staged


def test_cancelling_a_load_keeps_what_was_loaded_before(workspace: Workspace, people: Path) -> None:
    session = workspace.new_import()
    session.load(people)
    bigger = write(people.with_name("b.csv"), [["Company name"], *([f"C{n}"] for n in range(50))])

    def stop(fraction: float, text: str) -> None:
        session.cancel()

    with pytest.raises(CancelledError):
        session.load(bigger, progress=stop)

    assert session.staged.source_name == "people.csv"
    assert len(session.first_rows(100)) == 3


def test_the_rows_of_the_preview_filter_sort_search_and_page(
    workspace: Workspace, people: Path
) -> None:
    imported(workspace, people)
    session = workspace.new_import()
    session.load(
        write(
            people.with_name("news.csv"),
            [
                ["Company name", "City", "VAT no."],
                ["Acme AS", "Oslo", "NO 956 753 104 MVA"],
                ["Zeta", "Bergen", ""],
                ["Beta BV", "#N/A", ""],
            ],
        )
    )
    shown = session.preview()

    assert shown.order(RowFilter(entity="company", status="new")) == 1
    assert shown.page(offset=0, limit=10)[0]["c1"] == "Zeta"
    assert shown.order(RowFilter(also=Also.ISSUES)) == 1
    assert shown.order(RowFilter(search="UTRECHT")) == 0
    assert shown.order(RowFilter(search="bergen")) == 1
    assert shown.order(RowFilter(sort="c1", descending=True)) == 3
    assert [row["c1"] for row in shown.page(offset=1, limit=5)] == ["Beta BV", "Acme AS"]
    assert shown.page(offset=3, limit=5) == []


def test_the_row_in_focus_shows_existing_incoming_and_outcome(
    workspace: Workspace, people: Path
) -> None:
    imported(workspace, people)
    session = workspace.new_import()
    session.load(
        write(
            people.with_name("news.csv"),
            [["Company name", "City", "VAT no."], ["ACME as", "Bergen", "956753104"]],
        )
    )

    (company,) = session.preview().detail(2)

    fields = {f.label: (f.existing, f.incoming, f.outcome, f.changed) for f in company.fields}
    assert fields["Postal address: City"] == ("Oslo", "Bergen", "Oslo", False)
    assert fields["VAT number"] == (None, "956753104", "956753104", True)
    assert company.match_reason.startswith("Matched on Name ACME as: ID 1")


def test_custom_fields_are_columns_that_an_import_fills(workspace: Workspace, people: Path) -> None:
    workspace.add_custom_field(
        COMPANY, Field("region", dict.fromkeys(LANGUAGES, "Region"), length=10)
    )
    session = workspace.new_import()
    session.load(write(people.with_name("r.csv"), [["Company name", "Region"], ["Acme", "North"]]))
    session.mapping = session.mapping.with_target("c2", "company.region")
    session.preview()
    session.commit()

    assert workspace.query("select name, region from crm.company").values.tolist() == [
        ["Acme", "North"]
    ]
    with pytest.raises(SettingsError):
        workspace.add_custom_field(COMPANY, Field("name", dict.fromkeys(LANGUAGES, "Name")))


def test_the_plan_answers_sql(workspace: Workspace, people: Path) -> None:
    session = workspace.new_import()
    session.load(people)

    found = session.preview().sql("select count(*) as n from person_after")

    assert found["n"].tolist() == [3]
    assert list(session.preview().to_df("person")["status"]) == ["new", "new", "new"]


# --- bad input gets a message, and nothing is lost ---------------------------------------------


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("not-a-workbook.xlsx", "not a workbook"),
        ("password-protected.xlsx", "password"),
        ("empty-sheet.xlsx", "no cells"),
        ("missing.xlsx", "no such file"),
    ],
)
def test_a_source_that_cannot_be_read_says_so(
    workspace: Workspace, name: str, message: str
) -> None:
    session = workspace.new_import()

    with pytest.raises(SourceError) as raised:
        session.load(SAMPLES / name)

    assert message in raised.value.message
    assert raised.value.where
    assert raised.value.mend


def test_nothing_mapped_is_refused_with_what_is_missing(
    workspace: Workspace, tmp_path: Path
) -> None:
    session = workspace.new_import()
    session.load(write(tmp_path / "x.csv", [["Alpha", "Beta"], ["1x", "2y"]]))

    with pytest.raises(MappingError) as raised:
        session.preview()

    assert "name of a company or of a person" in raised.value.mend


def test_one_field_for_two_columns_is_refused_naming_both(
    workspace: Workspace, people: Path
) -> None:
    session = workspace.new_import()
    session.load(people)
    session.mapping = session.mapping.with_target("c2", "company.name")

    with pytest.raises(MappingError) as raised:
        session.preview()

    assert "“Company name”" in raised.value.mend
    assert "“City”" in raised.value.mend


def test_a_match_key_that_is_not_mapped_is_refused(workspace: Workspace, people: Path) -> None:
    session = workspace.new_import()
    session.load(people)
    session.settings = (
        Settings().with_rule(COMPANY, match_key="vat_number").with_rule(PERSON, match_key="mobile")
    )

    with pytest.raises(SettingsError) as raised:
        session.preview()

    assert "Company: the duplicate match is VAT number" in raised.value.mend
    assert "Person: the duplicate match is Mobile" in raised.value.mend


def test_persons_without_company_need_the_preference(workspace: Workspace, people: Path) -> None:
    session = workspace.new_import()
    session.load(people)
    session.settings = Settings(no_company_name=NoCompanyName.WITHOUT_COMPANY)

    assert len(session.settings_faults()) == 1
    workspace.preferences = Preferences(mandatory_company=False)
    assert session.settings_faults() == ()


def test_a_crm_of_a_newer_version_is_refused(workspace: Workspace) -> None:
    with workspace.writing() as db:
        db.run(sql("update crm.meta set format = {n}", n=crm.FORMAT + 1))

    with pytest.raises(StorageError) as raised:
        Workspace.open(workspace.path)

    assert "newer version" in raised.value.message


def test_a_file_that_is_no_crm_is_refused(tmp_path: Path) -> None:
    (tmp_path / "crm.duckdb").write_text("this is not a database", encoding="utf-8")

    with pytest.raises(StorageError):
        Workspace.open(tmp_path)


def test_an_import_id_from_the_address_is_never_a_path(workspace: Workspace) -> None:
    with pytest.raises(StorageError):
        workspace.open_import("../../crm")


_HOLD = """
import sys, time
from pathlib import Path
from crmkit.workspace import Workspace
with Workspace(Path(sys.argv[1])).writing():
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def hold(workspace: Workspace, seconds: float) -> subprocess.Popen[str]:
    """Another program that has the CRM open for writing."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(workspace.path), str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "held"
    return process


@pytest.mark.slow
def test_a_busy_crm_is_waited_for(workspace: Workspace, people: Path) -> None:
    session = workspace.new_import()
    session.load(people)
    with hold(workspace, 1.5) as process:
        started = time.monotonic()
        session.preview()
        waited = time.monotonic() - started
        process.wait()

    assert waited > 0.5


@pytest.mark.slow
def test_a_crm_that_stays_busy_is_reported_in_plain_words(workspace: Workspace) -> None:
    with hold(workspace, 30) as process:
        with (
            pytest.raises(StorageError) as raised,
            in_memory() as db,
            db.attached(workspace.crm_path, "crm", read_only=True, wait=0.5),
        ):
            pytest.fail("the CRM was not busy")
        process.kill()

    assert "Another program" in raised.value.message
    assert raised.value.mend


@pytest.mark.slow
def test_a_commit_waits_for_another_and_says_so(workspace: Workspace, people: Path) -> None:
    session = workspace.new_import()
    session.load(people)
    session.preview()
    told: list[str] = []
    with hold(workspace, 1) as process:
        batch = session.commit(progress=lambda _, text: told.append(text))
        process.wait()

    assert told[0] == "Waiting for another import to finish"
    assert batch.written["company"]["new"] == 2


@pytest.mark.slow
def test_a_commit_that_waits_can_be_cancelled(workspace: Workspace, people: Path) -> None:
    session = workspace.new_import()
    session.load(people)
    session.preview()

    def cancel(fraction: float, text: str) -> None:
        del fraction
        if text.startswith("Waiting"):
            session.cancel()

    with hold(workspace, 60) as process:
        with pytest.raises(CancelledError):
            session.commit(progress=cancel)
        process.kill()

    assert workspace.batches() == ()
    assert list((workspace.path / "backups").iterdir()) == []
    assert session.commit().written["company"]["new"] == 2


@pytest.mark.slow
def test_two_sessions_in_one_process_take_turns(workspace: Workspace, people: Path) -> None:
    """Two dashboards and a notebook can work on one workspace at once."""
    failures: list[Exception] = []

    def work(number: int) -> None:
        path = write(
            people.with_name(f"{number}.csv"),
            [["Company name"], *([f"C{number}-{n}"] for n in range(50))],
        )
        try:
            session = workspace.new_import()
            session.load(path)
            for _ in range(20):
                session.preview()
                try:
                    session.commit()
                except StalePlanError:
                    continue
                return
        except CrmkitError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert workspace.record_counts()[0] == ("Companies", 200)
    assert len(workspace.batches()) == 4


def test_a_crash_before_the_commit_leaves_nothing(workspace: Workspace, people: Path) -> None:
    """A batch is in the CRM whole or not at all; the import shows which when it is opened again."""
    session = workspace.new_import()
    session.load(people)
    session.preview()
    code = (
        "import sys, os\n"
        "from pathlib import Path\n"
        "from crmkit.workspace import Workspace\n"
        "session = Workspace(Path(sys.argv[1])).open_import(sys.argv[2], take_over=True)\n"
        "session.commit(progress=lambda f, t: os._exit(9) if 'selections' in t else None)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(workspace.path), session.id], check=False
    )

    assert done.returncode == 9
    assert workspace.record_counts() == (("Companies", 0), ("Persons", 0), ("Products", 0))
    again = workspace.open_import(session.id)
    assert again.batch is None
    assert again.commit().written["company"]["new"] == 2


def test_the_header_of_a_batch_is_what_was_chosen(workspace: Workspace, people: Path) -> None:
    imported(workspace, people)

    row = workspace.query("select source, row_count, source_sha256, mapping from crm.batch").iloc[0]

    assert row["source"] == "people.csv"
    assert row["row_count"] == 3
    assert len(row["source_sha256"]) == 64
    assert "company.name" in row["mapping"]


# --- a team ---------------------------------------------------------------------------------------


def test_a_visitor_sees_their_own_imports_and_shared_ones(
    workspace: Workspace, people: Path
) -> None:
    ann, bo = (Workspace.open(workspace.path, visitor=name) for name in ("ann", "bo"))
    session = ann.new_import()
    session.load(people)
    workspace.new_import().load(people)

    assert [session.id] == [item.id for item in ann.unfinished()]
    assert () == bo.unfinished()
    assert [] == [item for item in bo.private_data() if item.name == session.id]
    assert 2 == len(workspace.unfinished())
    for refused in (bo.open_import, bo.discard):
        with pytest.raises(StorageError, match="somebody else's"):
            refused(session.id)

    session.shared = True

    assert [("ann", True)] == [(item.owner, item.shared) for item in bo.unfinished()]
    assert 3 == bo.open_import(session.id).staged.row_count


def test_the_log_names_the_visitor(workspace: Workspace, people: Path) -> None:
    ann = Workspace.open(workspace.path, visitor="ann")

    session = imported(ann, people)

    assert session.batch is not None
    assert "ann" == session.batch.committed_by
    assert session.owner == ann.open_import(session.id).owner == "ann"
    with pytest.raises(StorageError):
        Workspace.open(workspace.path, visitor="bo").open_import(session.id)
    assert "ann" == ann.undo(session.batch.id).committed_by
