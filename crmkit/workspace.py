"""The door: a workspace, and an import session with one method for each step.

    workspace = Workspace.open("my-workspace")
    session = workspace.new_import()
    session.load("customers.xlsx")
    session.mapping = session.suggest_mapping()
    session.preview().to_df()
    batch = session.commit()

A workspace is a folder: `crm.duckdb`, `imports/` (one file for each import in progress), `backups/`,
`exports/`, `uploads/` and `descriptions/`. No file stays open between two calls.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import json
import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd

from crmkit import (
    crm,
    mapping,
    preview,
    selections,
    settings,
    sources,
    staging,
    suggestions,
    template,
    workbooks,
)
from crmkit.backup import backup
from crmkit.commit import BatchHeader, check_fresh, commit, written_counts
from crmkit.crm import Preferences
from crmkit.database import Database, in_memory, opened
from crmkit.entities import Entity, Field, Schema
from crmkit.errors import CancelledError, PlanError, SourceError, StalePlanError, StorageError
from crmkit.incoming import make_cells
from crmkit.mapping import Mapping
from crmkit.plan import Balance, Plan, balance, make_plan, outline
from crmkit.preview import RecordDetail, RowFilter
from crmkit.selections import Selection
from crmkit.settings import Settings
from crmkit.sources import Layout, Source
from crmkit.sql import Query, sql
from crmkit.staging import StagedTable

log = logging.getLogger(__name__)

Progress = Callable[[float, str], None]

STEPS: Final = ("source", "mapping", "settings", "preview", "result")

_FOLDERS: Final = ("imports", "backups", "exports", "uploads", "descriptions")


def _no_progress(fraction: float, text: str) -> None:
    del fraction, text


@dataclass(frozen=True)
class Batch:
    """A committed import.

    Attributes:
        written: Entity id -> how many records it added (`new`) and changed, counted in the CRM.
        backup: Name of the backup made before it, in the folder `backups`.
    """

    id: int
    import_id: str
    committed_at: datetime
    committed_by: str
    source: str
    row_count: int
    backup: str
    written: dict[str, dict[str, int]]


@dataclass(frozen=True)
class Unfinished:
    """An import that was started and not committed."""

    id: str
    source: str
    step: str
    changed_at: datetime


@dataclass(frozen=True)
class _Facts:
    schema: Schema
    preferences: Preferences
    revision: int


class Workspace:
    """A folder with a CRM and everything around its imports."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.crm_path = path / "crm.duckdb"
        self._facts: tuple[object, _Facts] | None = None

    @classmethod
    def create(cls, path: str | Path, *, preferences: Preferences | None = None) -> Workspace:
        """Make a workspace with an empty CRM.

        Raises:
            StorageError: There is one already, or the folder cannot be written.
        """
        workspace = cls(Path(path))
        if workspace.crm_path.exists():
            raise StorageError(
                "There is a workspace in this folder already.",
                where=str(path),
                mend="Open it, or choose another folder.",
            )
        workspace._make_folders()
        # Under another name until it is whole: a crash must not leave half a CRM behind.
        part = workspace.crm_path.with_suffix(".part")
        part.unlink(missing_ok=True)
        with in_memory() as db, db.attached(part, "crm", read_only=False):
            crm.create(db, preferences=preferences or Preferences())
        part.replace(workspace.crm_path)
        return workspace

    @classmethod
    def open(cls, path: str | Path) -> Workspace:
        """Open a workspace.

        Raises:
            StorageError: There is none, it is from a newer version, or it is busy.
        """
        workspace = cls(Path(path))
        with workspace.reading() as db:
            crm.check_format(db)
        workspace._make_folders()
        return workspace

    @contextlib.contextmanager
    def reading(self) -> Iterator[Database]:
        """The CRM, attached as `crm`, for the length of a block; others may read beside it."""
        with in_memory() as db, db.attached(self.crm_path, "crm", read_only=True):
            yield db

    @contextlib.contextmanager
    def writing(self) -> Iterator[Database]:
        """The CRM, attached as `crm` and writable, for the length of a block; others wait."""
        with in_memory() as db, db.attached(self.crm_path, "crm", read_only=False):
            yield db

    @property
    def preferences(self) -> Preferences:
        """Choices that hold for the whole workspace."""
        return self._read_facts().preferences

    @preferences.setter
    def preferences(self, preferences: Preferences) -> None:
        with self.writing() as db, db.atomic():
            crm.save_preferences(db, preferences)

    @property
    def schema(self) -> Schema:
        """The declarations, with this workspace's custom fields."""
        return self._read_facts().schema

    @property
    def revision(self) -> int:
        """The CRM's revision, raised by every write."""
        return self._read_facts().revision

    def _read_facts(self) -> _Facts:
        """What screens ask for again and again: read once, and anew when the file was written."""
        stamp = [
            (path.stat().st_mtime_ns, path.stat().st_size)
            for path in (self.crm_path, self.crm_path.with_suffix(".duckdb.wal"))
            if path.exists()
        ]
        if self._facts is None or self._facts[0] != stamp:
            with self.reading() as db:
                facts = _Facts(crm.load_schema(db), crm.load_preferences(db), crm.revision(db))
            self._facts = (stamp, facts)
        return self._facts[1]

    def add_custom_field(self, entity: Entity, field: Field) -> None:
        """Add a field of this workspace's own to an entity.

        Raises:
            SettingsError: The entity has such a field already.
        """
        with self.writing() as db:
            crm.add_custom_field(db, entity, field)

    def query(self, text: str) -> pd.DataFrame:
        """Read the CRM with SQL, for people in notebooks: `select * from crm.company`."""
        with self.reading() as db:
            return db.frame(Query((text,)))

    def new_import(self) -> ImportSession:
        """Start an import."""
        import_id = f"{datetime.now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"
        return ImportSession.create(self, import_id)

    def open_import(self, import_id: str) -> ImportSession:
        """Take up an import where it was left.

        Raises:
            StorageError: There is none of this id.
        """
        return ImportSession.open(self, import_id)

    def unfinished(self) -> tuple[Unfinished, ...]:
        """Imports that were started and not committed, last used first."""
        with self.reading() as db:
            committed = {
                row[0] for row in db.rows(sql("select import_id from crm.batch order by id"))
            }
        found = []
        for path in (self.path / "imports").glob("*.duckdb"):
            if path.stem in committed:
                continue
            changed_at = datetime.fromtimestamp(path.stat().st_mtime)
            try:
                with opened(path, read_only=True, wait=0.5) as db:
                    state = _load_state(db)
            except StorageError as error:
                # In use or damaged: still shown, so that nobody thinks it is gone.
                state = {"source_name": error.message, "step": ""}
            if state.get("source_name"):
                found.append(Unfinished(path.stem, state["source_name"], state["step"], changed_at))
        return tuple(sorted(found, key=lambda item: item.changed_at, reverse=True))

    def discard(self, import_id: str) -> None:
        """Delete an unfinished import with its staged rows; the CRM is not touched."""
        for path in (self.path / "imports").glob(f"{_safe_id(import_id)}.duckdb*"):
            path.unlink()
        folder = self.path / "uploads" / _safe_id(import_id)
        if folder.is_dir():
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()

    def batches(self) -> tuple[Batch, ...]:
        """All committed imports, newest first, with counts from the CRM."""
        with self.reading() as db:
            return tuple(_batches(db, crm.load_schema(db)))

    def selections(self, batch_id: int | None = None) -> tuple[Selection, ...]:
        """The selections recorded, newest first; of one batch when it is given."""
        with self.reading() as db:
            return selections.selections(db, batch_id=batch_id)

    def selection_page(
        self, selection_id: int, *, offset: int = 0, limit: int = 100, search: str = ""
    ) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Headers and some rows of a selection; with a search, only rows that contain its text."""
        with self.reading() as db:
            schema = crm.load_schema(db)
            chosen = selections.selection(db, selection_id)
            headers = selections.columns(schema, schema.entity(chosen.entity))
            rows = selections.members(db, schema, chosen, offset=offset, limit=limit, search=search)
            return headers, rows

    def selection_count(self, selection_id: int, *, search: str = "") -> int:
        """How many rows of a selection contain a text."""
        with self.reading() as db:
            schema = crm.load_schema(db)
            chosen = selections.selection(db, selection_id)
            return selections.count_members(db, schema, chosen, search=search)

    def record_counts(self) -> tuple[tuple[str, int], ...]:
        """How many records of each entity the CRM holds: its name in the plural, and the number."""
        with self.reading() as db:
            return tuple(
                (
                    entity.plural["en"],
                    db.value(
                        sql(
                            "select count(*) from {t} where deleted_at is null",
                            t=crm.table(entity.id),
                        )
                    ),
                )
                for entity in crm.load_schema(db).entities
            )

    def countries(self) -> list[tuple[str, str]]:
        """Names and codes of all countries, by name."""
        with self.reading() as db:
            return db.rows(
                sql("select name, code from crm.list_item where list = 'country' order by name")
            )

    def write_template(self) -> Path:
        """Write an Excel file with the headers that an import recognises, to fill in.

        Returns:
            Its path in the folder `exports`.
        """
        path = self.path / "exports" / "import-template.xlsx"
        workbooks.write_import_template(path, template.columns(self.schema))
        return path

    def export_selection(self, selection_id: int, *, ending: str = "xlsx") -> Path:
        """Write a selection to a file in the folder `exports`.

        Args:
            ending: `xlsx` or `csv`.
        """
        with self.reading() as db:
            schema = crm.load_schema(db)
            chosen = selections.selection(db, selection_id)
            stem = f"batch-{chosen.batch_id}-{chosen.entity}-{chosen.kind}"
            path = self.path / "exports" / f"{stem}.{ending}"
            selections.export(db, schema, chosen, path)
        return path

    def _make_folders(self) -> None:
        try:
            for folder in _FOLDERS:
                (self.path / folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                "This folder cannot be written to.",
                where=str(self.path),
                mend="Ask for write access, or choose another folder.",
            ) from error


class Preview:
    """The dry run of one import: what every row will do. Nothing is written."""

    def __init__(self, session: ImportSession, plan: Plan, balances: tuple[Balance, ...]) -> None:
        self._session = session
        self.plan = plan
        self.balance = balances

    def to_df(self, entity: str = "company") -> pd.DataFrame:
        """The incoming records of an entity: status, reason and outcome."""
        with self._session.reading() as db:
            return preview.records_frame(db, self.plan, self.plan.matchers[entity].entity)

    def issues(self) -> pd.DataFrame:
        """Everything that is wrong with cells and rows, with how to mend it."""
        headers = {column.id: column.header for column in self._session.staged.columns}
        with self._session.reading() as db:
            return preview.issues_frame(db, headers)

    def issue_counts(self) -> dict[str, int]:
        """Issues by level."""
        with self._session.reading() as db:
            rows = db.rows(sql("select level, count(*) from issue group by level order by level"))
        return dict(rows)

    def rows_with_issues(self) -> int:
        """Rows that have at least one issue."""
        with self._session.reading() as db:
            return int(db.value(sql("select count(*) from plan_row where issues > 0")))

    def sql(self, text: str) -> pd.DataFrame:
        """Ask the plan's tables with SQL: `select status, count(*) from company_record group by all`."""
        with self._session.reading() as db:
            return db.frame(Query((text,)))

    def order(self, shown: RowFilter) -> int:
        """Filter and sort the rows on the screen; returns how many there are."""
        columns = [column.id for column in self._session.staged.columns]
        with self._session.writing() as db:
            return preview.make_order(db, self.plan, columns, shown)

    def page(self, *, offset: int, limit: int) -> list[dict[str, Any]]:
        """Some rows in the order made last."""
        columns = [column.id for column in self._session.staged.columns]
        with self._session.reading() as db:
            return preview.page(db, self.plan, columns, offset=offset, limit=limit)

    def detail(self, row_no: int) -> tuple[RecordDetail, ...]:
        """One row's records, existing, incoming and outcome side by side."""
        with self._session.reading() as db:
            return preview.row_detail(db, self.plan, row_no)


class ImportSession:
    """One import in progress. Its file holds everything, so that it survives a closed tab.

    Methods may be called from several threads; one lock makes them take turns.
    """

    def __init__(self, workspace: Workspace, import_id: str) -> None:
        self.workspace = workspace
        self.id = import_id
        self.path = workspace.path / "imports" / f"{_safe_id(import_id)}.duckdb"
        self._lock = threading.RLock()
        self._cancelled = threading.Event()
        self._running: Database | None = None
        self._state: dict[str, Any] = {}

    @classmethod
    def create(cls, workspace: Workspace, import_id: str) -> ImportSession:
        """Make the import's file."""
        session = cls(workspace, import_id)
        with opened(session.path, must_exist=False) as db:
            db.run(sql("create table state (key varchar, value varchar)"))
            db.run(sql("create table left_out (row_no integer)"))
        session._save(step="source")
        return session

    @classmethod
    def open(cls, workspace: Workspace, import_id: str) -> ImportSession:
        """Read the import's file; a commit that went through is seen by its batch in the CRM."""
        session = cls(workspace, import_id)
        with session.reading() as db:
            session._state = _load_state(db)
        if session.batch is not None and session.step != "result":
            session._save(step="result")
        return session

    @contextlib.contextmanager
    def reading(self) -> Iterator[Database]:
        """The import's file, for the length of a block."""
        with self._lock, opened(self.path, read_only=False) as db:
            yield db

    @contextlib.contextmanager
    def writing(self) -> Iterator[Database]:
        """The import's file, writable and open to `cancel`, for the length of a block."""
        with self._lock, opened(self.path) as db:
            self._running = db
            try:
                yield db
            finally:
                self._running = None

    def cancel(self) -> None:
        """Stop what is running, from another thread; it raises CancelledError there."""
        self._cancelled.set()
        if (running := self._running) is not None:
            running.interrupt()

    # --- where it stands -------------------------------------------------------------------

    @property
    def step(self) -> str:
        """The step the user is at: one of `STEPS`."""
        return str(self._state.get("step", "source"))

    @step.setter
    def step(self, step: str) -> None:
        self._save(step=step)

    @property
    def batch(self) -> Batch | None:
        """The batch that this import became; None as long as it is not committed."""
        return self._find_batch()

    def _find_batch(self) -> Batch | None:
        with self.workspace.reading() as db:
            found = list(_batches(db, crm.load_schema(db), import_id=self.id))
        return found[0] if found else None

    # --- source ----------------------------------------------------------------------------

    @property
    def upload_folder(self) -> Path:
        """Where this import's uploaded files go."""
        folder = self.workspace.path / "uploads" / self.id
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def inspect(self, path: str | Path) -> Source:
        """What kind of source a file is, and its sheets.

        Raises:
            SourceError: It cannot be read.
        """
        return sources.inspect(Path(path))

    def load(
        self,
        path: str | Path,
        *,
        sheet: str | None = None,
        header_row: int | None = None,
        encoding: str = "",
        delimiter: str = "",
        progress: Progress = _no_progress,
    ) -> StagedTable:
        """Land a file's rows as text, with its columns' profiles; suggests a mapping.

        Args:
            sheet: A sheet's name; the first visible one that looks like a table when None.
            header_row: The row of the headers as the file counts, 0 for none; found when None.
            encoding, delimiter: Of a text file; found when empty.

        Raises:
            SourceError: It cannot be read, or has no rows.
            CancelledError: `cancel` was called; the import is as it was before.
        """
        source = sources.inspect(Path(path), encoding=encoding, delimiter=delimiter)
        layout = sources.detect_layout(source, sheet)
        if header_row is not None:
            layout = Layout(sheet=layout.sheet, header_row=header_row)
        self._cancelled.clear()
        with self.writing() as db:
            staged = staging.land(db, source, layout, progress=self._stoppable(progress))
            db.run(sql("delete from left_out"))
            suggested = suggestions.suggest(db, staged, self.workspace.schema)
        self._save(
            source_path=str(source.path),
            source_name=source.path.name,
            source_sha256=_sha256(source.path),
            staged=json.dumps(staging.to_json(staged)),
            mapping=suggested.model_dump_json(),
            plan="",
            left_out_version=0,
        )
        return staged

    @property
    def has_source(self) -> bool:
        """Whether rows have been landed."""
        return bool(self._state.get("staged"))

    @property
    def staged(self) -> StagedTable:
        """The landed rows' columns and counts.

        Raises:
            SourceError: Nothing was loaded yet.
        """
        if not self.has_source:
            raise SourceError("No file was loaded yet.", mend="Choose a file first.")
        return staging.from_json(json.loads(self._state["staged"]))

    @property
    def source_path(self) -> Path:
        """The file that was loaded."""
        return Path(self._state["source_path"])

    def first_rows(self, count: int = 8) -> pd.DataFrame:
        """The first landed rows, with the file's headers."""
        staged = self.staged
        with self.reading() as db:
            frame = db.frame(sql("select * from staged order by row_no limit {count}", count=count))
        return frame.rename(columns={column.id: column.header for column in staged.columns})

    def rejected_rows(self, count: int = 100) -> pd.DataFrame:
        """The first rows of the file that could not be read: number, reason, and their text."""
        with self.reading() as db:
            rows = staging.rejected_rows(db, count)
        return pd.DataFrame(rows, columns=["Row", "Reason", "Text"])

    # --- mapping and settings --------------------------------------------------------------

    @property
    def mapping(self) -> Mapping:
        """Which column goes to which field."""
        return Mapping.model_validate_json(self._state["mapping"])

    @mapping.setter
    def mapping(self, chosen: Mapping) -> None:
        self._save(mapping=chosen.model_dump_json())

    def suggest_mapping(self) -> Mapping:
        """What the headers and cells suggest; it is not set until you assign it."""
        with self.reading() as db:
            return suggestions.suggest(db, self.staged, self.workspace.schema)

    @property
    def settings(self) -> Settings:
        """How known records are found, and what happens to them."""
        return Settings.model_validate_json(self._state.get("settings") or "{}")

    @settings.setter
    def settings(self, chosen: Settings) -> None:
        self._save(settings=chosen.model_dump_json())

    def settings_faults(self) -> tuple[str, ...]:
        """What is missing or contradictory in the settings, with how to mend it."""
        return settings.faults(
            self.settings, self.mapping, self.workspace.schema, self.workspace.preferences
        )

    # --- preview ---------------------------------------------------------------------------

    def leave_out(self, rows: list[int], *, left_out: bool = True) -> None:
        """Leave rows out of the import, or take them in again; the preview must be made anew."""
        with self.writing() as db, db.atomic():
            db.run(sql("delete from left_out where list_contains({rows}, row_no)", rows=rows))
            if left_out:
                db.run(
                    sql(
                        "insert into left_out select row_no from staged"
                        " where list_contains({rows}, row_no) order by row_no",
                        rows=rows,
                    )
                )
        self._save(left_out_version=int(self._state.get("left_out_version") or 0) + 1)

    def left_out(self) -> int:
        """How many rows are left out."""
        with self.reading() as db:
            return int(db.value(sql("select count(*) from left_out")))

    @property
    def preview_is_fresh(self) -> bool:
        """Whether the preview made last shows what an import would do now."""
        made = json.loads(self._state.get("plan") or "{}")
        if made.get("fingerprint") != self._fingerprint():
            return False
        return bool(made["revision"] == self.workspace.revision)

    def preview(self, *, progress: Progress = _no_progress) -> Preview:
        """Work out what every row will do; a preview that is still right is not made anew.

        Raises:
            MappingError, SettingsError: A choice is missing or contradictory.
            CancelledError: `cancel` was called.
        """
        with self._lock:
            if not self.preview_is_fresh:
                self._make_plan(progress)
            plan = self._outline()
            with self.reading() as db:
                balances = balance(db, plan.entities)
        if wrong := [item.label for item in balances if not item.balances]:
            raise PlanError(
                "The rows of the preview do not add up.",
                where=", ".join(wrong),
                mend="Report this with the log; nothing was imported.",
            )
        return Preview(self, plan, balances)

    def _make_plan(self, progress: Progress) -> None:
        schema, preferences = self.workspace.schema, self.workspace.preferences
        mapping.check(self.mapping, self.staged, schema)
        settings.check(self.settings, self.mapping, schema, preferences)
        fingerprint = self._fingerprint()
        self._cancelled.clear()
        # Half a plan must never pass for a whole one.
        self._save(plan="")
        with (
            self.writing() as db,
            db.attached(self.workspace.crm_path, "crm", read_only=True),
        ):
            plan = make_plan(
                db,
                mapping=self.mapping,
                settings=self.settings,
                schema=schema,
                preferences=preferences,
                progress=self._stoppable(progress),
            )
        self._save(plan=json.dumps({"fingerprint": fingerprint, "revision": plan.revision}))

    def _outline(self) -> Plan:
        made = json.loads(self._state["plan"])
        schema = self.workspace.schema
        cells = make_cells(self.mapping, schema, self.settings, self.workspace.preferences)
        return outline(cells, self.mapping, schema, revision=made["revision"])

    def _fingerprint(self) -> str:
        parts = (
            self._state.get("source_sha256"),
            self._state.get("staged"),
            self._state.get("mapping"),
            self._state.get("settings"),
            self._state.get("left_out_version"),
        )
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    # --- commit ----------------------------------------------------------------------------

    def commit(self, *, progress: Progress = _no_progress, back_up: bool = True) -> Batch:
        """Back the CRM up, then write what the preview shows as one batch.

        Raises:
            StalePlanError: The CRM or the choices changed since the preview; make it anew.
            CommitError: Nothing was written.
            CancelledError: `cancel` was called; nothing was written.
        """
        self._cancelled.clear()
        with self._lock:
            if self._find_batch() is not None:
                raise StalePlanError(
                    "This import is in the CRM already.", mend="Start a new import for more rows."
                )
            if not self.preview_is_fresh:
                raise StalePlanError(
                    "The CRM or the choices changed since the preview was made.",
                    mend="Look at the new preview and import again.",
                )
            plan = self._outline()
            stoppable = self._stoppable(progress)
            now = datetime.now().replace(microsecond=0)
            copy = None
            if back_up:
                stoppable(0.0, "Backing up the CRM")
                copy = backup(
                    self.workspace.crm_path,
                    self.workspace.path / "backups",
                    at=now,
                    label=self.id[-4:],
                )
            with (
                self._unless_written(),
                self.writing() as db,
                db.attached(self.workspace.crm_path, "crm", read_only=False),
            ):
                check_fresh(db, plan)
                header = BatchHeader(
                    import_id=self.id,
                    committed_at=now,
                    committed_by=getpass.getuser(),
                    source=self._state["source_name"],
                    source_sha256=self._state["source_sha256"],
                    row_count=self.staged.row_count,
                    mapping=self._state["mapping"],
                    settings=self.settings.model_dump_json(),
                    balance=json.dumps(
                        [item.rows_by_status for item in balance(db, plan.entities)]
                    ),
                    backup=copy.name if copy else "",
                )
                commit(db, plan, header, progress=lambda f, text: stoppable(0.1 + 0.9 * f, text))
            with self._unless_written():
                self._save(step="result")
        batch = self._find_batch()
        if batch is None:
            raise PlanError("The batch is not in the CRM.", mend="Report this with the log.")
        return batch

    @contextlib.contextmanager
    def _unless_written(self) -> Iterator[None]:
        """A failure after the commit went through, as on closing the files, is not the commit's."""
        try:
            yield
        except StorageError:
            if self._find_batch() is None:
                raise
            log.warning("the batch is in the CRM, but the rest failed", exc_info=True)
            self._state["step"] = "result"

    # --- its state -------------------------------------------------------------------------

    def _stoppable(self, progress: Progress) -> Progress:
        def report(fraction: float, text: str) -> None:
            if self._cancelled.is_set():
                raise CancelledError("The work was stopped.", mend="Nothing was changed.")
            progress(fraction, text)

        return report

    def _save(self, **changes: str | int) -> None:
        with self._lock:
            with opened(self.path) as db, db.atomic():
                for key, value in changes.items():
                    db.run(sql("delete from state where key = {key}", key=key))
                    db.run(
                        sql("insert into state values ({key}, {value})", key=key, value=str(value))
                    )
            self._state |= {key: str(value) for key, value in changes.items()}


def _load_state(db: Database) -> dict[str, Any]:
    return dict(db.rows(sql("select key, value from state order by key")))


def _safe_id(import_id: str) -> str:
    """An import's id, which also comes from the address line, as a file name and nothing else."""
    if not import_id or not all(char.isalnum() or char == "-" for char in import_id):
        raise StorageError("There is no such import.", where=import_id[:40])
    return import_id


def _batches(db: Database, schema: Schema, import_id: str | None = None) -> Iterator[Batch]:
    rows = db.records(
        sql(
            "select id, import_id, committed_at, committed_by, source, row_count, backup"
            " from crm.batch where {all} or import_id = {import_id} order by id desc",
            all=import_id is None,
            import_id=import_id,
        )
    )
    for row in rows:
        written = {entity.id: written_counts(db, entity, row["id"]) for entity in schema.entities}
        yield Batch(**row, written=written)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
