"""An import in progress: one method for each step, from the source to the batch."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from crmkit import (
    cleaning,
    consequences,
    crm,
    decisions,
    descriptions,
    drift,
    held_back,
    keyed,
    lists,
    mapping,
    meanwhile,
    preview,
    price_lists,
    private,
    remembered,
    settings,
    sources,
    staging,
    suggestions,
    workbooks,
)
from crmkit.accounts.gmail import Gmail
from crmkit.accounts.outlook import Outlook
from crmkit.batches import Batch, BatchHeader, read_batches
from crmkit.cleaning import Trial
from crmkit.commit import changes_records, check_fresh, commit
from crmkit.consequences import Consequences, Effects
from crmkit.database import Database, ask, confined, opened
from crmkit.decisions import Choice, Decision, Kind
from crmkit.descriptions import AccountSource, Description, Saved, SourceSettings
from crmkit.drift import Change, Drift
from crmkit.entities import FieldType, Schema
from crmkit.erp.model import Actors, Connection, Request
from crmkit.errors import (
    CancelledError,
    CrmkitError,
    DescriptionError,
    InUseError,
    MappingError,
    PlanError,
    SettingsError,
    SourceError,
    StalePlanError,
    StorageError,
)
from crmkit.import_state import Holder, check_free, load_state, not_there, safe_id, was_committed
from crmkit.incoming import Cells, make_cells
from crmkit.lists import ListValue
from crmkit.mapping import Mapping
from crmkit.meanwhile import Meanwhile
from crmkit.offered_steps import OfferedStep, offered_steps
from crmkit.plan import Balance, Plan, balance, make_plan, outline
from crmkit.preview import RecordDetail, RowFilter
from crmkit.price_lists import PriceList
from crmkit.processes import temporary_folder
from crmkit.progress import Progress, in_turn, no_progress, stoppable, uncancelled
from crmkit.records import by_hand
from crmkit.settings import Action, Settings
from crmkit.sources import Layout, Source
from crmkit.sql import Query, name, sql
from crmkit.staging import StagedTable
from crmkit.steps import Expression, NamePart, Split, Step
from crmkit.suggestions import BetterSubject

if TYPE_CHECKING:
    import pandas as pd

    from crmkit.erp.databases import Erp
    from crmkit.erp.reading import Found
    from crmkit.workspace import Workspace

log = logging.getLogger(__name__)


class Preview:
    """The dry run of one import: what every row will do. Nothing is written.

    All that reads its rows raises StalePlanError when they are not there any more: the import was
    written, or previewed anew.
    """

    def __init__(self, session: ImportSession, plan: Plan, balances: tuple[Balance, ...]) -> None:
        self._session = session
        self.plan = plan
        self.balance = balances
        self._made = session.plan_made

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Database]:
        """The import's file, as long as it holds this preview."""
        with self._session.reading() as db:
            if self._made != self._session.plan_made:
                raise StalePlanError(
                    "The rows of this preview are gone: the import was written, or previewed anew.",
                    mend="Take the preview made last.",
                )
            yield db

    def to_df(self, entity: str = "company") -> pd.DataFrame:
        """The incoming records of an entity: status, reason and outcome."""
        with self._reading() as db:
            return preview.records_frame(db, self.plan, self.plan.matchers[entity].entity)

    def issues(self) -> pd.DataFrame:
        """Everything that is wrong with cells and rows, with how to mend it."""
        with self._reading() as db:
            headers = self._session.mapping.headers(self._session.staged)
            return preview.issues_frame(db, headers)

    def issue_counts(self) -> dict[str, int]:
        """Issues by level."""
        with self._reading() as db:
            rows = db.rows(sql("select level, count(*) from issue group by level order by level"))
        return dict(rows)

    def rows_with_issues(self) -> int:
        """Rows that have at least one issue."""
        with self._reading() as db:
            return int(db.value(sql("select count(*) from plan_row where issues > 0")))

    def sql(self, text: str) -> pd.DataFrame:
        """Ask the plan's tables with SQL: `select status, count(*) from company_record group by all`.

        Raises:
            QueryError: The SQL cannot be run; it can read this import, and nothing else.
        """
        return self._session.ask(text)

    def order(self, shown: RowFilter) -> int:
        """Filter and sort the rows on the screen; returns how many there are."""
        with self._reading(), self._session.writing() as db:
            return preview.make_order(db, self.plan, self._columns(), shown)

    def page(self, *, offset: int, limit: int) -> list[dict[str, Any]]:
        """Some rows in the order made last."""
        with self._reading() as db:
            return preview.page(db, self.plan, self._columns(), offset=offset, limit=limit)

    def detail(self, row_no: int) -> tuple[RecordDetail, ...]:
        """One row's records, existing, incoming and outcome side by side."""
        with self._reading() as db:
            return preview.row_detail(db, self.plan, row_no)

    def _columns(self) -> list[str]:
        return [column.id for column in self._session.staged.columns]


class ImportSession:
    """One import in progress. Its file holds everything, so that it survives a closed tab.

    Methods may be called from several threads; one lock makes them take turns.
    """

    def __init__(self, workspace: Workspace, import_id: str) -> None:
        self.workspace = workspace
        self.id = import_id
        self.path = private.import_path(workspace.path, safe_id(import_id))
        self._lock = threading.RLock()
        self._cancelled = threading.Event()
        self._open: Database | None = None
        self._running: Database | Erp | None = None
        self._state: dict[str, Any] = {}
        self._when_imported: list[Callable[[], None]] = []

    @classmethod
    def create(cls, workspace: Workspace, import_id: str) -> ImportSession:
        """Make the import's file."""
        session = cls(workspace, import_id)
        with opened(session.path, must_exist=False) as db:
            db.run(sql("create table state (key varchar, value varchar)"))
            db.run(sql("create table left_out (row_no integer)"))
            decisions.create(db)
            session._keep(
                db, step="source", owner=workspace.visitor, held_by=Holder.me(workspace.user)
            )
        return session

    @classmethod
    def open(
        cls, workspace: Workspace, import_id: str, *, take_over: bool = False
    ) -> ImportSession:
        """Read the import's file; a commit that went through is seen by its batch in the CRM."""
        session = cls(workspace, import_id)
        if not session.path.exists():
            raise not_there(import_id)
        committed = session.batch is not None
        with session.reading() as db:
            session._state = load_state(db)
            if not workspace.may_see(session._state):
                raise not_there(import_id)
            if not committed:
                if not take_over:
                    check_free(session._state, import_id)
                session._keep(db, held_by=Holder.me(workspace.user))
            decisions.create(db)  # a file of an earlier version has none
            if db.has_table("staged") and not db.has_table("source"):
                db.run(sql("create view source as from staged"))  # nor this
        if committed and session.step != "result":
            session._save(step="result", taken_out="")
        if not committed and session.step == "result":
            # A backup from before it was restored: it can be imported again.
            step = "source" if session.rows_are_gone else "preview"
            session._save(step=step, taken_out="yes")
        if committed and not session.rows_are_gone:
            # Its program was killed between the commit and this.
            session._let_rows_go()
        return session

    @contextlib.contextmanager
    def reading(self) -> Iterator[Database]:
        """The import's file, for the length of a block; a block inside another has the same."""
        with self._lock:
            if self._open is not None:
                yield self._open
                return
            with opened(self.path, compressed=False) as db:
                self._open = db
                try:
                    yield db
                finally:
                    self._open = None

    @contextlib.contextmanager
    def writing(self) -> Iterator[Database]:
        """The import's file, writable and open to `cancel`, for the length of a block."""
        with self.reading() as db:
            self._check_mine(db)
            self._running = db
            try:
                yield db
            finally:
                self._running = None

    def ask(self, text: str) -> pd.DataFrame:
        """What a user's own SQL finds in the import's file.

        Raises:
            QueryError: The SQL cannot be run.
        """
        with self._lock:
            return ask(self.path, "import", text)

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
    def owner(self) -> str:
        """Who started it on a team's dashboard; empty for one of this machine."""
        return str(self._state.get("owner") or "")

    @property
    def shared(self) -> bool:
        """Whether the others of the team see it, and may go on with it."""
        return bool(self._state.get("shared"))

    @shared.setter
    def shared(self, shared: bool) -> None:
        self._save(shared="yes" if shared else "")

    @property
    def taken_out(self) -> bool:
        """Whether it was in the CRM, until a backup from before it was restored."""
        return was_committed(self._state) and self.batch is None

    @property
    def batch(self) -> Batch | None:
        """The batch that this import became; None as long as it is not committed."""
        return self._find_batch()

    def when_imported(self, tell: Callable[[], None]) -> None:
        """Have something called when the import is in the CRM, whoever commits it here."""
        self._when_imported.append(tell)

    def _find_batch(self) -> Batch | None:
        with self.workspace.reading() as db:
            found = read_batches(db, crm.load_schema(db), import_id=self.id)
        return found[0] if found else None

    # --- what the file holds ---------------------------------------------------------------

    @property
    def subject(self) -> str:
        """What the file holds: the id of a root entity, `company` (with persons) or `product`."""
        return str(self._state.get("subject") or "company")

    @subject.setter
    def subject(self, subject: str) -> None:
        if subject == self.subject:
            return
        self._choose(subject=subject, plan="")
        if not self.schema.root.scope:
            self.price_list = None
        if self.has_source:
            self.mapping = self.suggest_mapping()

    @property
    def better_subject(self) -> BetterSubject | None:
        """What the file seems to hold instead of the subject; None when that is as good as any."""
        found = json.loads(self._state.get("better_subject") or "null")
        return BetterSubject(**found) if found and found["subject"] != self.subject else None

    @property
    def schema(self) -> Schema:
        """The declarations that this import is about."""
        return self.workspace.schema.subject(self.subject)

    @property
    def price_list(self) -> PriceList | None:
        """The price list that the products go into; setting one says that the file holds products.

        It is chosen before the file is mapped, and a product is known only within it.
        """
        chosen = self.settings.price_list
        return None if chosen is None else self.workspace.price_list(chosen)

    @price_list.setter
    def price_list(self, chosen: PriceList | None) -> None:
        if chosen is not None:
            self.subject = "product"
        self.settings = self.settings.model_copy(
            update={"price_list": None if chosen is None else chosen.id}
        )

    # --- source ----------------------------------------------------------------------------

    @property
    def upload_folder(self) -> Path:
        """Where this import's uploaded files go."""
        folder = self.workspace.path / "uploads" / self.id
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def inspect(self, path: str | Path, *, password: str = "") -> Source:
        """What kind of source a file is, and its sheets.

        Args:
            password: Opens a protected workbook.

        Raises:
            PasswordError: It is protected, and the password is missing or wrong.
            SourceError: It cannot be read.
        """
        preferences = self.workspace.preferences
        return sources.inspect(
            Path(path),
            password=password,
            country=preferences.country,
            limits=preferences.limits,
        )

    @sources.kept_open()
    def load(
        self,
        path: str | Path,
        *,
        sheet: str | None = None,
        header_row: int | None = None,
        header_rows: int = 1,
        encoding: str = "",
        delimiter: str = "",
        quote: str = "",
        password: str = "",
        keep_notes: bool = False,
        progress: Progress = no_progress,
    ) -> StagedTable:
        """Land a file's rows as text, with its columns' profiles; suggests a mapping.

        Args:
            sheet: A sheet's name; the first visible one that looks like a table when None.
            header_row: The row of the headers as the file counts, 0 for none; found when None. Of
                headers over several rows it is the last one.
            header_rows: How many rows the headers take; found when `header_row` is None.
            encoding, delimiter, quote: Of a text file; found when empty. The encoding of a web page
                and of vCards, too, where they do not say it rightly.
            password: Opens a protected workbook; it is not kept.
            keep_notes: Read rows at the end, too, that look like notes or totals; else they are set
                aside.

        Raises:
            PasswordError: It is protected, and the password is missing or wrong.
            SourceError: It cannot be read, or has no rows.
            CancelledError: `cancel` was called; the import is as it was before.
        """
        source = sources.inspect(
            Path(path),
            encoding=encoding,
            delimiter=delimiter,
            quote=quote,
            sheet=sheet,
            password=password,
            country=self.workspace.preferences.country,
            limits=self.workspace.preferences.limits,
        )
        layout = sources.detect_layout(source, sheet, holds=self.subject)
        layout = replace(layout, keep_notes=keep_notes)
        if header_row is not None:
            layout = replace(layout, header_row=header_row, header_rows=max(header_rows, 1))
        chosen = SourceSettings(
            sheet=sheet,
            header_row=header_row,
            header_rows=layout.header_rows if header_row is not None else 1,
            encoding=encoding,
            delimiter=delimiter,
            quote=quote,
            keep_notes=keep_notes,
        )
        self._cancelled.clear()
        with self.reading():
            return self._land(source, layout, chosen, stoppable(progress, self._cancelled))

    def _land(
        self, source: Source, layout: Layout, chosen: SourceSettings, progress: Progress
    ) -> StagedTable:
        with self.writing() as db:
            staged = staging.land(db, source, layout, progress=progress)
            db.run(sql("delete from left_out"))
            db.run(sql("delete from decision"))
            suggested = suggestions.suggest(db, staged, self.schema, self._remembered())
            others = [x for x in self.workspace.schema.subjects() if x.root.id != self.subject]
            better = suggestions.better_subject(db, staged, suggested, others)
        sha256 = _sha256(source.path)
        if self.rows_are_gone and self._same_file(sha256, staged):
            # It was in the CRM, until a backup was restored, and is imported as it was then.
            suggested = self.mapping
        self._save(
            source_path=str(source.path),
            source_name=source.path.name,
            source_erp=self._state.get("source_erp", "") if self._is_source(source.path) else "",
            source_account=(
                self._state.get("source_account", "") if self._is_source(source.path) else ""
            ),
            source_sha256=sha256,
            source_chosen=chosen.model_dump_json(),
            staged=json.dumps(staging.to_json(staged)),
            mapping=suggested.model_dump_json(),
            better_subject=json.dumps(better and asdict(better)),
            plan="",
            rest="",
            left_out_version=0,
            decisions_version=0,
        )
        # What a table of an audit file holds is said by the format.
        self.subject = next(
            (item.holds for item in source.sheets if item.name == layout.sheet and item.holds),
            self.subject,
        )
        if source.keyed and not self.settings.rules and self._knows_keys():
            self._suggest_keyed()
        return staged

    def load_outlook(
        self, outlook: Outlook, folders: Sequence[str], *, progress: Progress = no_progress
    ) -> StagedTable:
        """Fetch the contacts of some Outlook folders into a file of this import, and load it.

        Args:
            outlook: An account that is signed in to, from `Workspace.outlook`.
            folders: Their paths, as `outlook.folders()` gives them.

        Raises:
            SignInError: Nobody is signed in, or the sign-in has ended and cannot be renewed.
            SourceError: There is no such folder; or Outlook cannot be reached, or refuses.
            CancelledError: `cancel` was called; the import is as it was before.
        """
        return self._load_fetched(outlook, "outlook", folders, progress)

    def load_gmail(
        self, gmail: Gmail, groups: Sequence[str], *, progress: Progress = no_progress
    ) -> StagedTable:
        """Fetch the contacts that are in any of some groups of Gmail into a file, and load it.

        Args:
            gmail: An account that is signed in to, from `Workspace.gmail`.
            groups: Their names, as `gmail.groups()` gives them; one is "All contacts".

        Raises:
            SignInError: Nobody is signed in, or the sign-in has ended and cannot be renewed.
            SourceError: There is no such group; or Gmail cannot be reached, or refuses.
            CancelledError: `cancel` was called; the import is as it was before.
        """
        return self._load_fetched(gmail, "gmail", groups, progress)

    def load_account(
        self, asked: AccountSource, *, progress: Progress = no_progress
    ) -> StagedTable:
        """Fetch again what a description says, with the sign-in that the keychain has.

        Raises:
            SignInError: The keychain has none, or it has ended.
            SettingsError, SourceError, CancelledError: As `load_outlook` and `load_gmail`.
        """
        if asked.service == "outlook":
            return self.load_outlook(self.workspace.outlook(), asked.chosen, progress=progress)
        return self.load_gmail(self.workspace.gmail(), asked.chosen, progress=progress)

    @property
    def account_source(self) -> AccountSource | None:
        """What was fetched from an account; None where the rows come from somewhere else."""
        kept = self._state.get("source_account")
        return AccountSource.model_validate_json(kept) if kept else None

    def _load_fetched(
        self,
        account: Outlook | Gmail,
        service: Literal["outlook", "gmail"],
        chosen: Sequence[str],
        progress: Progress,
    ) -> StagedTable:
        path = self.upload_folder / f"{service}-contacts.jsonl"
        self._cancelled.clear()
        report = stoppable(lambda f, text: progress(0.8 * f, text), self._cancelled)
        with _kept_unless_replaced(path):
            account.fetch(chosen, path, report)
            staged = self.load(path, progress=lambda f, text: progress(0.8 + 0.2 * f, text))
        asked = AccountSource(service=service, chosen=tuple(chosen))
        self._save(source_account=asked.model_dump_json())
        return staged

    def _same_file(self, sha256: str, staged: StagedTable) -> bool:
        """Whether it is the file that was imported, with its columns read the same way."""
        before = [(column.id, column.header) for column in self._shape().columns]
        now = [(column.id, column.header) for column in staged.columns]
        return (self._state["source_sha256"], before) == (sha256, now)

    def _is_source(self, path: Path) -> bool:
        return bool(self._state.get("source_path") == str(path))

    def load_erp(
        self, request: Request, *, password: str = "", progress: Progress = no_progress
    ) -> StagedTable:
        """Read an ERP's actors into a file of this import, and land it; suggests the settings, too.

            session.load_erp(Request(connection="Our Tryton", actors=Actors.CUSTOMERS, city="Oslo"))

        Records are then recognised by the ERP's keys, and what the ERP says overwrites: the next
        time, the same actors are updated.

        Args:
            password: Of the database; the one in the keychain when empty.

        Raises:
            SettingsError: There is no such connection, or a criterion does not fit.
            PasswordError, SourceError: It cannot be opened or read, or finds nothing.
            CancelledError: `cancel` was called; the import is as it was before.
        """
        from crmkit.erp import reading  # slow to import, and most imports are of files

        before = self.erp_request
        with self._lock, contextlib.ExitStack() as kept:
            with self._asking(request.connection, password) as (erp, connection):
                asked = reading.with_options(erp, connection, request)
                path = self.upload_folder / f"{asked.connection} {asked.actors}.csv"
                kept.enter_context(_kept_unless_replaced(path))
                report = stoppable(lambda f, text: progress(f / 2, text), self._cancelled)
                reading.write(erp, connection, asked, path, report)
            if asked.actors is not Actors.SQL:
                self.subject = "product" if asked.actors is Actors.PRODUCTS else "company"
            staged = self.load(
                path,
                header_row=1,
                encoding="utf-8",
                delimiter=",",
                keep_notes=True,
                progress=lambda f, text: progress(0.5 + f / 2, text),
            )
            if before is None or before.actors is not asked.actors:
                self._suggest_keyed()
            self._save(source_erp=asked.model_dump_json())
        return staged

    def find_erp(self, request: Request, *, password: str = "", limit: int = 50) -> Found:
        """The first actors that a request finds, and how many there are; nothing is loaded.

        Raises:
            SettingsError, PasswordError, SourceError: As `load_erp`.
            CancelledError: `cancel` was called.
        """
        from crmkit.erp import reading

        with self._asking(request.connection, password) as (erp, connection):
            asked = reading.with_options(erp, connection, request)
            return reading.find(erp, connection, asked, limit)

    @contextlib.contextmanager
    def _asking(self, name: str, password: str) -> Iterator[tuple[Erp, Connection]]:
        """An ERP's database, open to `cancel`, for the length of a block."""
        self._cancelled.clear()
        try:
            with self.workspace.erp.opened(name, password) as (erp, connection):
                self._running = erp
                yield erp, connection
        except SourceError:
            # A query that is stopped fails in the database.
            stoppable(no_progress, self._cancelled)(0.0, "")
            raise
        finally:
            self._running = None

    @property
    def erp_request(self) -> Request | None:
        """What was asked of an ERP; None where the rows come from somewhere else."""
        kept = self._state.get("source_erp")
        return Request.model_validate_json(kept) if kept else None

    def erp_is_new(self) -> bool:
        """Whether the CRM has companies, and none with a key of the ERP that was read.

        They would all be added a second time, unless they are matched otherwise this once.
        """
        asked = self.erp_request
        if asked is None or self.subject != "company":
            return False
        return not self._knows([asked.connection])

    def _knows_keys(self) -> bool:
        """Whether the CRM knows keys of the same books, or is empty.

        Else its companies are found by name first, and get their keys by that.
        """
        # A product's key is a field of its own, and known within its price list.
        keys = ("company.erp_key", "person.erp_key")
        columns = {column.column for column in self.mapping.columns if column.target in keys}
        samples = [c.samples[0] for c in self.staged.columns if c.id in columns and c.samples]
        books = [sample.partition(":")[0] for sample in samples]
        return bool(books) and self._knows(books)

    def _knows(self, systems: list[str]) -> bool:
        """Whether the CRM knows companies or persons by the keys of some systems, or is empty."""
        with self.workspace.reading() as db:
            return bool(
                db.value(
                    sql(
                        """
                        select not exists (from crm.company where deleted_at is null) or exists (
                            from crm.external_key as k, unnest({systems}) as s (system)
                            where k.deleted_at is null and starts_with(k.value, s.system || ':')
                        )
                        """,
                        systems=systems,
                    )
                )
            )

    def _suggest_keyed(self) -> None:
        """Recognise records by the ERP's keys, and let the ERP overwrite."""
        mapped = {column.target for column in self.mapping.columns}
        chosen = self.settings
        for entity in self.schema.entities:
            if f"{entity.id}.erp_key" in mapped:
                chosen = chosen.with_rule(entity, match_key="erp_key", action=Action.REPLACE)
        self.settings = chosen

    @property
    def has_source(self) -> bool:
        """Whether rows have been landed."""
        return bool(self._state.get("staged")) and not self.rows_are_gone

    @property
    def rows_are_gone(self) -> bool:
        """Whether its rows were deleted, as they are when it is in the CRM."""
        return bool(self._state.get("rest"))

    @property
    def staged(self) -> StagedTable:
        """The landed rows' columns and counts.

        Raises:
            SourceError: Nothing was loaded yet.
        """
        if self.rows_are_gone:
            raise SourceError(
                "The rows of this import were deleted when it was imported.",
                where=self._state["source_name"],
                mend="Choose the file again, in a new import.",
            )
        if not self.has_source:
            raise SourceError("No file was loaded yet.", mend="Choose a file first.")
        return self._shape()

    def _shape(self) -> StagedTable:
        return staging.from_json(json.loads(self._state["staged"]))

    @property
    def source_chosen(self) -> SourceSettings:
        """How the file is read, where the user said so; the rest was found."""
        return SourceSettings.model_validate_json(self._state.get("source_chosen") or "{}")

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
        # Slow to import, and most of what is done needs no frame.
        import pandas as pd

        return pd.DataFrame(rows, columns=["Row", "Reason", "Text"])

    # --- mapping and settings --------------------------------------------------------------

    @property
    def mapping(self) -> Mapping:
        """Which column goes to which field."""
        return Mapping.model_validate_json(self._state["mapping"])

    @mapping.setter
    def mapping(self, chosen: Mapping) -> None:
        self._choose(mapping=chosen.model_dump_json())

    def suggest_mapping(self) -> Mapping:
        """What earlier choices, headers and cells suggest; it is not set until you assign it.

        Cleaning steps and made columns stay as they are.
        """
        with self.reading() as db:
            suggested = suggestions.suggest(db, self.staged, self.schema, self._remembered())
        return suggested.with_cleaning_of(self.mapping)

    def _remembered(self) -> dict[str, str | None]:
        with self.workspace.reading() as db:
            return remembered.targets(db, self.subject)

    # --- cleaning steps --------------------------------------------------------------------

    def set_steps(self, column: str, steps: Sequence[Step]) -> None:
        """Clean a column's cells by steps, one after the other, before they are read.

            session.set_steps("Phone", [steps.Trim(), steps.Phone(country="NL")])
            session.try_steps("Phone")

        Args:
            column: Its header, or its id.
            steps: In their order; none takes all steps away.

        Raises:
            MappingError: There is no such column, or a step cannot be used.
        """
        self.mapping = self._checked(
            self.mapping.with_steps(self.column_id(column), self._named(steps))
        )

    def try_steps(
        self, column: str, steps: Sequence[Step] | None = None, *, count: int = 10
    ) -> tuple[Trial, ...]:
        """What steps make of some different texts of a column, those with a fault first.

        Args:
            steps: The column's own when None; nothing is kept.

        Raises:
            MappingError: There is no such column, or a step cannot be used.
        """
        mapping, column = self.mapping, self.column_id(column)
        if steps is not None:
            mapping = self._checked(mapping.with_steps(column, self._named(steps)))
        with self.reading() as db:
            return cleaning.try_steps(
                db, mapping, column, country=self.workspace.preferences.country, count=count
            )

    def offered_steps(self) -> tuple[OfferedStep, ...]:
        """Steps that cells of the mapped columns call for: words that mean empty, letters read wrongly."""
        with self.reading() as db:
            return offered_steps(db, self.mapping)

    def take_step(self, offered: OfferedStep) -> None:
        """Clean a column by a step that was offered, before its other steps."""
        steps = self.mapping.steps.get(offered.column, ())
        self.set_steps(offered.column, (offered.step, *steps))

    def make_column(
        self,
        header: str,
        columns: Sequence[str],
        *,
        separator: str = " ",
        steps: Sequence[Step] = (),
    ) -> str:
        """Make a column of one or several others, with steps of its own; returns its id.

        It is mapped like a column of the file, and reads the others as their own steps leave them.

        Raises:
            MappingError: There is no such column, or a step cannot be used.
        """
        parts = [self.column_id(column) for column in columns]
        made = self.mapping.with_made(header, parts, separator=separator)
        column = made.made[-1].id
        self.mapping = self._checked(made.with_steps(column, self._named(steps)))
        return column

    def split_column(self, column: str, separator: str, count: int) -> tuple[str, ...]:
        """Make columns of a column's parts between separators; returns their ids."""
        header = self.mapping.headers(self.staged)[self.column_id(column)]
        return tuple(
            self.make_column(
                f"{header}: part {number}",
                [column],
                steps=[Split(separator=separator, number=number)],
            )
            for number in range(1, count + 1)
        )

    def split_names(self, column: str) -> tuple[str, ...]:
        """Make columns of the parts of full names; returns their ids."""
        header = self.mapping.headers(self.staged)[self.column_id(column)]
        return tuple(
            self.make_column(f"{header}: {label}", [column], steps=[NamePart(part=part)])
            for part, label in NamePart.parts().items()
        )

    def remove_column(self, column: str) -> None:
        """Take a made column away."""
        self.mapping = self.mapping.without_made(self.column_id(column))

    def column_id(self, column: str) -> str:
        """The id of a column, of the file or made, by its header or id.

        Raises:
            MappingError: There is none.
        """
        headers = self.mapping.headers(self.staged)
        if column in headers:
            return column
        for found, header in headers.items():
            if header.casefold() == column.casefold():
                return found
        raise MappingError(
            "There is no such column.",
            where=column,
            mend=f"Known are: {', '.join(headers.values())}.",
        )

    def _named(self, steps: Sequence[Step]) -> tuple[Step, ...]:
        """Steps with the headers that their expressions may name."""
        headers = self.mapping.headers(self.staged)
        names = {header: found for found, header in headers.items()}
        return tuple(
            step.model_copy(update={"names": names}) if isinstance(step, Expression) else step
            for step in steps
        )

    def _checked(self, mapping: Mapping) -> Mapping:
        with confined() as db:
            cleaning.check_steps(db, mapping, mapping.headers(self.staged))
        return mapping

    @property
    def settings(self) -> Settings:
        """How known records are found, and what happens to them."""
        return Settings.model_validate_json(self._state.get("settings") or "{}")

    @settings.setter
    def settings(self, chosen: Settings) -> None:
        self._choose(settings=chosen.model_dump_json())

    def settings_faults(self) -> tuple[str, ...]:
        """What is missing or contradictory in the settings, with how to mend it."""
        return settings.faults(self.settings, self.mapping, self.schema, self.workspace.preferences)

    def list_items(self, list_id: str) -> tuple[str, ...]:
        """The names of a list's items."""
        with self.workspace.reading() as db:
            return lists.list_items(db, list_id)

    def list_values(self) -> tuple[ListValue, ...]:
        """The file's values for lists that are not the name of an item, with near spellings."""
        with self.reading() as db:
            return self._list_values(db)

    def _list_values(self, db: Database) -> tuple[ListValue, ...]:
        schema = self.schema
        targets = self.mapping.mapped_targets
        listed = [t for t in targets if schema.target(t).field.type is FieldType.LIST]
        country = self.workspace.preferences.country
        with (
            db.attached(self.workspace.crm_path, "crm", read_only=True),
            cleaning.source_of(db, self.mapping, country, listed),
        ):
            return lists.list_values(db, self._cells())

    def _cells(self) -> Cells:
        return make_cells(self.mapping, self.schema, self.settings, self.workspace.preferences)

    def compare(self, other: Settings, *, progress: Progress = no_progress) -> Consequences:
        """What other settings would do differently; the same plan made twice, nothing is written.

        Raises:
            MappingError, SettingsError: A choice is missing or contradictory, in either settings.
            CancelledError: `cancel` was called.
        """
        self._cancelled.clear()
        with in_turn(stoppable(progress, self._cancelled)):
            mine = self._effects(self.settings, lambda f, text: progress(f / 2, text))
            theirs = self._effects(other, lambda f, text: progress(0.5 + f / 2, text))
        named = consequences.described(self.settings, other, self.schema.entities)
        return consequences.compare(mine, theirs, named)

    def _effects(self, chosen: Settings, progress: Progress) -> Effects:
        """Make a plan in a file of its own, which goes away, and count what it does."""
        schema, preferences = self.schema, self.workspace.preferences
        mapping.check(self.mapping, self.staged, schema)
        settings.check(chosen, self.mapping, schema, preferences)
        with temporary_folder() as folder, self._lock:
            path = Path(folder) / "compared.duckdb"
            with (
                opened(path, must_exist=False, compressed=False) as db,
                db.attached(self.workspace.crm_path, "crm", read_only=True),
                db.attached(self.path, "import", read_only=True),
            ):
                self._running = db
                try:
                    for table in ("staged", "left_out", "decision"):
                        db.run(
                            sql(
                                "create view {t} as from {source}",
                                t=name(table),
                                source=name("import", table),
                            )
                        )
                    plan = make_plan(
                        db,
                        mapping=self.mapping,
                        settings=chosen,
                        schema=schema,
                        preferences=preferences,
                        progress=stoppable(progress, self._cancelled),
                    )
                    return consequences.effects(db, plan)
                finally:
                    self._running = None

    # --- import descriptions ---------------------------------------------------------------

    def describe(self, name: str = "") -> tuple[Description, tuple[str, ...]]:
        """What this import does to its file, to be repeated, and what cannot be kept of it.

        Raises:
            SourceError: Nothing was loaded yet.
            MappingError: A column cannot be described by its header.
        """
        if self.rows_are_gone:
            return self._kept_description(name)
        staged, mapping, chosen = self.staged, self.mapping, self.settings
        used = {e.column for e in mapping.columns if e.target}
        used |= {part for made in mapping.made for part in made.columns}
        with self.reading() as db:
            unknown = [value for value in self._list_values(db) if not value.item]
            content = drift.marks(db, [c.id for c in staged.columns if c.id in used])
            columns, made = descriptions.described_columns(mapping, staged, content)
            kept = keyed.keep(db, mapping, chosen, self.schema, self.workspace.preferences.country)
            rows = _left_out(db)
        omitted = list(kept.omitted)
        if rows:
            omitted.append(f"{rows:,} rows that were left out: another file has other rows.")
        price_list = self.price_list
        description = Description(
            version=descriptions.VERSION,
            name=name,
            subject=self.subject,
            erp=self.erp_request,
            account=self.account_source,
            source=self.source_chosen,
            columns=columns,
            made=made,
            constants={constant.target: constant.value for constant in mapping.constants},
            settings=chosen.model_copy(update={"price_list": None}),
            price_list=None if price_list is None else descriptions.described_list(price_list),
            seen={
                list_id: tuple(sorted(v.text for v in unknown if v.list == list_id))
                for list_id in sorted({value.list for value in unknown})
            },
            decisions=kept.decisions,
        )
        return description, tuple(omitted)

    def _kept_description(self, name: str) -> tuple[Description, tuple[str, ...]]:
        """What was described before the rows were deleted."""
        kept = json.loads(self._state["rest"])
        if "fault" in kept:
            raise MappingError(*kept["fault"])
        description = descriptions.from_yaml(kept["description"])
        return description.model_copy(update={"name": name}), tuple(kept["omitted"])

    def save_description(self, name: str, *, overwrite: bool = False) -> Saved:
        """Keep what this import does in the folder `descriptions`, for next month's file.

        Args:
            overwrite: Take the place of the description that has this name.

        Raises:
            DescriptionError: It cannot have this name, or there is one.
            MappingError: A column cannot be described by its header.
        """
        path = descriptions.path_for(self.workspace.description_folder, name)
        if path.exists() and not overwrite:
            raise DescriptionError(
                "There is a description of this name.",
                where=path.stem,
                mend="Choose another name, or say that it is to be overwritten.",
            )
        description, omitted = self.describe(path.stem)
        descriptions.write(description, path)
        return Saved(path, description, omitted)

    def apply_description(
        self, described: str | Path, *, password: str = "", progress: Progress = no_progress
    ) -> Drift:
        """Do to the loaded file what a description says, and tell what has changed since.

        What fits is applied: columns by their headers, settings, and decisions about records that
        the file has. The rest is told. The file is read again where the description says how.

        Args:
            described: The path of its file, or the name of one in the workspace.
            password: Opens a protected workbook that has to be read again; it is not kept.

        Raises:
            DescriptionError: There is none, or it is broken.
            SourceError: Nothing was loaded yet, or the file cannot be read as it says.
            CancelledError: `cancel` was called.
        """
        description = self.workspace.description(described)
        staged = self.staged
        if description.subject not in {s.root.id for s in self.workspace.schema.subjects()}:
            raise DescriptionError(
                "This workspace cannot import what the description is about.",
                where=f"{description.name}, {description.subject}",
                mend="Choose another description.",
            )
        read_as = self.source_chosen
        if description.source != read_as:
            said = description.source.model_dump()
            staged = self.load(self.source_path, **said, password=password, progress=progress)
        schema = self.workspace.schema.subject(description.subject)
        chosen, changes = self._fitting_settings(description)
        with self.reading() as db:
            fitted = drift.fit_mapping(db, description, staged, schema)
        self._save(
            subject=description.subject,
            mapping=fitted.mapping.model_dump_json(),
            settings=chosen.model_dump_json(),
            plan="",
        )
        changes = [*fitted.changes, *changes]
        changes += drift.new_values(description, self.list_values(), chosen)
        repeated = self._repeat_decisions(description)
        changes += [
            Change(drift.Kind.UNFIT, f"{text} It is left out.", ()) for text in repeated.unfit
        ]
        if repeated.absent:
            about = f"{repeated.absent:,} decisions are about records that this file does not have."
            changes.append(Change(drift.Kind.NOTE, about, ()))
        return Drift(
            description.name,
            tuple(changes),
            columns=sum(entry.target is not None for entry in fitted.mapping.columns),
            decisions=repeated.made,
        )

    def _fitting_settings(self, description: Description) -> tuple[Settings, list[Change]]:
        with self.workspace.reading() as db:
            return drift.fit_settings(
                description,
                crm.load_schema(db),
                price_lists.price_lists(db),
                {key: lists.list_items(db, key) for key in description.settings.lists},
            )

    def _repeat_decisions(self, description: Description) -> keyed.Repeated:
        if not description.decisions:
            return keyed.Repeated(0, 0, ())
        given = description.decisions
        keys = {target for decision in given for target in decision.key}
        country = self.workspace.preferences.country
        with (
            self.writing() as db,
            db.attached(self.workspace.crm_path, "crm", read_only=True),
            cleaning.source_of(db, self.mapping, country, keys),
            db.atomic(),
        ):
            repeated = keyed.repeat(db, given, self.mapping, self.schema, self.settings.price_list)
        self._decided()
        return repeated

    # --- decisions about single records ----------------------------------------------------

    def decide_action(self, entity: str, rows: Sequence[int], action: Action) -> None:
        """Take another action for records than the settings say."""
        self._decide(entity, rows, Kind.ACTION, value=action.value)

    def decide_match(self, entity: str, rows: Sequence[int], record_id: int) -> None:
        """Say which record of the CRM it is: one of the candidates, or one that was searched for.

        Raises:
            SettingsError: There is no such record, it is deleted, or it is in another price list.
        """
        found = self.schema.entity(entity)
        scope = self.settings.price_list if found.scope else None
        with self.workspace.reading() as db:
            named = decisions.check_record(db, found, record_id, scope)
        self._decide(entity, rows, Kind.MATCH, record_id=record_id, named=named)

    def decide_new(self, entity: str, rows: Sequence[int]) -> None:
        """Say that it is none of the records found. The commit remembers it for the next file."""
        self._decide(entity, rows, Kind.NEW)

    def decide_cell(self, entity: str, row_no: int, target: str, text: str) -> None:
        """Set one cell of a record's outcome by hand; an empty text clears it.

        Phones and the like take several values with semicolons between them; what is set is then
        all that the record has there.

        Raises:
            SettingsError: The field cannot be set by hand, or the text cannot be read as its type.
        """
        plan = outline(self._cells(), self.mapping, self.schema, revision=0)
        if entity not in plan.shapes or target not in by_hand(
            plan.matchers[entity], plan.shapes[entity]
        ):
            raise SettingsError(
                "This cell cannot be set by hand.",
                where=target,
                mend="Choose a field of the record that the file fills.",
            )
        found = self.schema.target(target)
        with self.workspace.reading() as db:
            checked = decisions.check_cell(db, found, text)
        named = found.label
        self._decide(entity, [row_no], Kind.CELL, target=target, value=checked, named=named)

    def undo_decisions(self, entity: str, rows: Sequence[int]) -> None:
        """Forget all decisions about records."""
        with self.writing() as db, db.atomic():
            decisions.undo(db, entity, _rows_sql(rows))
        self._decided()

    def decisions(self) -> tuple[Decision, ...]:
        """All decisions, in the order of the file."""
        with self.reading() as db:
            return decisions.decisions(db)

    def decision_count(self) -> int:
        """How many decisions there are."""
        with self.reading() as db:
            return int(db.value(sql("select count(*) from decision")))

    def decide_shown(self, entity: str, choice: Choice) -> int:
        """Decide for all records of the rows that the preview's filter shows.

        Returns:
            How many records were decided about; rows, where they are left out.

        Raises:
            PlanError: There is no preview, it has no such records, or its rows were never shown.
        """
        plan = self._made_plan()
        with self.reading() as db:
            shows = plan is not None and db.has_table("grid_order")
        if plan is None or not shows or entity not in {item.id for item in plan.entities}:
            plural = self.workspace.schema.entity(entity).plural["en"].lower()
            raise PlanError(f"There is no preview of {plural}.", mend="Make the preview first.")
        records = sql(
            "select distinct row.{record} as row_no from grid_order"
            " join plan_row as row on row.row_no = grid_order.row_no where row.{record} is not null",
            record=name(f"{entity}_record"),
        )
        if choice is Choice.LEAVE_OUT:
            with self.reading() as db:
                shown = db.rows(sql("select row_no from grid_order order by row_no"))
            self.leave_out([row[0] for row in shown])
            return len(shown)
        with self.writing() as db, db.atomic():
            if choice is Choice.FIRST_CANDIDATE:
                records = sql(
                    "select row_no from ({records}) where row_no in (select record_no from {c})",
                    records=records,
                    c=name(f"{entity}_candidate"),
                )
            count = int(db.value(sql("select count(*) from ({r})", r=records)))
            match choice:
                case Choice.UNDO:
                    # A decision may stand at any row of its record.
                    rows = sql(
                        "select row_no from {rows} where record_no in (select row_no from ({r}))",
                        rows=name(f"{entity}_row"),
                        r=records,
                    )
                    decisions.undo(db, entity, rows)
                case Choice.FIRST_CANDIDATE:
                    first = sql(
                        "(select min(id) from {c} as c where c.record_no = chosen.row_no)",
                        c=name(f"{entity}_candidate"),
                    )
                    label = sql(
                        "(select arg_min(label, id) from {c} as c where c.record_no = chosen.row_no)",
                        c=name(f"{entity}_candidate_label"),
                    )
                    decisions.decide(db, entity, records, Kind.MATCH, record_id=first, named=label)
                case Choice.ADD_NEW:
                    decisions.decide(db, entity, records, Kind.NEW)
                case _:
                    decisions.decide(db, entity, records, Kind.ACTION, value=choice.value)
        self._decided()
        return count

    def find_existing(self, entity: str, text: str, limit: int = 20) -> tuple[tuple[int, str], ...]:
        """Records of the CRM whose name contains a text, or whose ID it is: id and label."""
        with self.workspace.reading() as db:
            found = self.schema.entity(entity)
            return preview.find_existing(db, found, text, limit, self.settings.price_list)

    def _decide(
        self,
        entity: str,
        rows: Sequence[int],
        kind: Kind,
        *,
        target: str = "",
        value: str = "",
        record_id: int | None = None,
        named: str = "",
    ) -> None:
        with self.writing() as db, db.atomic():
            decisions.decide(
                db,
                entity,
                _rows_sql(rows),
                kind,
                target=target,
                value=value,
                record_id=sql("{id}", id=record_id),
                named=sql("{named}", named=named),
            )
        self._decided()

    def _decided(self) -> None:
        self._save(decisions_version=int(self._state.get("decisions_version") or 0) + 1)

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
            return _left_out(db)

    def meanwhile(self, *, progress: Progress = no_progress) -> Meanwhile | None:
        """What others wrote to the CRM since the preview was made; None when nothing, or none is there."""
        self._cancelled.clear()
        with self._lock, in_turn(stoppable(progress, self._cancelled)):
            made = json.loads(self._state.get("plan") or "{}")
            if not made or made["revision"] == self.workspace.revision:
                return None
            plan = self._outline()
            with (
                self.reading() as db,
                db.attached(self.workspace.crm_path, "crm", read_only=True),
            ):
                return meanwhile.since(db, crm.load_schema(db), plan, made.get("batch", 0))

    @property
    def plan_made(self) -> str:
        """What tells the plan that the file holds from others; empty when it holds none."""
        return str(self._state.get("plan") or "")

    @property
    def preview_is_fresh(self) -> bool:
        """Whether the preview made last shows what an import would do now."""
        made = json.loads(self._state.get("plan") or "{}")
        if made.get("fingerprint") != self._fingerprint():
            return False
        return bool(made["revision"] == self.workspace.revision)

    def preview(self, *, progress: Progress = no_progress) -> Preview:
        """Work out what every row will do; a preview that is still right is not made anew.

        Raises:
            MappingError, SettingsError: A choice is missing or contradictory.
            CancelledError: `cancel` was called.
        """
        self._cancelled.clear()
        progress = stoppable(progress, self._cancelled)
        with self._lock, in_turn(progress), self.reading() as db:
            if not self.preview_is_fresh:
                self._make_plan(progress)
            plan = self._outline()
            balances = balance(db, plan.entities)
        if wrong := [item.label for item in balances if not item.balances]:
            raise PlanError(
                "The rows of the preview do not add up.",
                where=", ".join(wrong),
                mend="Report this with the log; nothing was imported.",
            )
        return Preview(self, plan, balances)

    def _make_plan(self, progress: Progress) -> None:
        schema, preferences = self.schema, self.workspace.preferences
        mapping.check(self.mapping, self.staged, schema)
        settings.check(self.settings, self.mapping, schema, preferences)
        if self.settings.price_list is not None:
            self.workspace.price_list(self.settings.price_list)
        fingerprint = self._fingerprint()
        with self.writing() as db:
            # Half a plan must never pass for a whole one.
            self._keep(db, plan="")
            with db.attached(self.workspace.crm_path, "crm", read_only=True):
                plan = make_plan(
                    db,
                    mapping=self.mapping,
                    settings=self.settings,
                    schema=schema,
                    preferences=preferences,
                    progress=progress,
                )
                newest = db.value(sql("select coalesce(max(id), 0) from crm.batch"))
            made = {"fingerprint": fingerprint, "revision": plan.revision, "batch": newest}
            self._keep(db, plan=json.dumps(made))

    def _outline(self) -> Plan:
        made = json.loads(self._state["plan"])
        return outline(self._cells(), self.mapping, self.schema, revision=made["revision"])

    def _fingerprint(self) -> str:
        parts = (
            self._state.get("source_sha256"),
            self.subject,
            self._state.get("staged"),
            self._state.get("mapping"),
            self._state.get("settings"),
            self._state.get("left_out_version"),
            self._state.get("decisions_version"),
        )
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    # --- held back -------------------------------------------------------------------------

    def held_back(self) -> int:
        """How many rows the preview made last holds back; 0 when there is none."""
        if not self._state.get("plan") and not self.rows_are_gone:
            return 0
        with self.reading() as db:
            return held_back.count(db, self._made_plan())

    def held_back_page(
        self, *, offset: int = 0, limit: int = 100
    ) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Headers and some rows held back: the row's number, its cells, and the reason.

        Raises:
            PlanError: There is no preview.
        """
        plan = self._made_plan()
        with self.reading() as db:
            rows = held_back.page(db, plan, self._shape(), offset=offset, limit=limit)
        return ("Row", *held_back.headers(self._shape())), rows

    def export_held_back(
        self,
        *,
        ending: str = "xlsx",
        path: Path | None = None,
        tell: workbooks.Tell | None = None,
    ) -> Path:
        """Write the rows held back to a file in the folder `exports`, to mend and import again.

        It has the source's headers in their order, and a last column with the reason.

        Args:
            ending: `xlsx` or `csv`.
            path: Where to write it instead, with one of these endings.
            tell: Is told, in a sentence, what a workbook could not hold.

        Raises:
            PlanError: There is no preview, or it holds nothing back.
        """
        plan = self._made_plan()
        path = path or self.workspace.path / "exports" / f"held-back-{self.id}.{ending}"
        with self.reading() as db:
            if not held_back.count(db, plan):
                raise PlanError("No row is held back.", mend="There is nothing to export.")
            held_back.export(db, plan, self._shape(), path, tell=tell)
        return path

    def _made_plan(self) -> Plan | None:
        """The preview made last; None when only the rows that it held back are there."""
        if self.rows_are_gone:
            return None
        if not self._state.get("plan"):
            raise PlanError("There is no preview yet.", mend="Make the preview first.")
        return self._outline()

    # --- commit ----------------------------------------------------------------------------

    def commit(self, *, progress: Progress = no_progress, back_up: bool = True) -> Batch:
        """Back the CRM up, then write what the preview shows as one batch.

        A batch that changes no record is written too, for the log, but needs no backup.

        Raises:
            StalePlanError: The CRM or the choices changed since the preview: `meanwhile` says what
                others wrote; make it anew.
            BackupError: No backup could be made, so nothing was written.
            CommitError: Nothing was written.
            CancelledError: `cancel` was called; nothing was written.
        """
        self._cancelled.clear()
        report = stoppable(progress, self._cancelled)
        with self._lock, in_turn(report):
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
            now = datetime.now().replace(microsecond=0)
            copy = ""
            with self.reading() as db:
                # A nightly file that changes nothing must not push out the backups of what did.
                back_up = back_up and changes_records(db, plan)
                if back_up:
                    report(0.0, "Backing up the CRM")
                    copy = self.workspace.back_up(now, self.id[-4:])
                with (
                    self._unless_written(copy),
                    self.writing(),
                    db.attached(self.workspace.crm_path, "crm", read_only=False),
                ):
                    check_fresh(db, plan)
                    header = BatchHeader(
                        import_id=self.id,
                        committed_at=now,
                        committed_by=self.workspace.user,
                        source=self._state["source_name"],
                        source_sha256=self._state["source_sha256"],
                        row_count=self.staged.row_count,
                        mapping=self._state["mapping"],
                        settings=self.settings.model_dump_json(),
                        balance=json.dumps(
                            [item.rows_by_status for item in balance(db, plan.entities)]
                        ),
                        backup=copy,
                        choices=remembered.chosen(self.mapping, self.staged, self.subject),
                    )
                    commit(db, plan, header, progress=lambda f, text: report(0.1 + 0.9 * f, text))
            with uncancelled(), self._unless_written():
                self._let_rows_go(step="result", taken_out="", held_by="")
        with uncancelled():
            self.workspace.prune_backups()
            batch = self._find_batch()
        if batch is None:
            raise PlanError(
                "The batch is not in the CRM any more.",
                mend="Home says whether a backup was restored just now; if not, report this with the"
                " log.",
            )
        for tell in self._when_imported:
            tell()
        return batch

    @contextlib.contextmanager
    def _unless_written(self, copy: str = "") -> Iterator[None]:
        """A failure after the commit went through, as on closing the files, is not the commit's."""
        try:
            yield
        except (StorageError, CancelledError, PlanError) as error:
            with uncancelled():
                written = self._find_batch() is not None
            if not written:
                self.workspace.drop_backup(copy, error)
                raise
            log.warning("the batch is in the CRM, but the rest failed", exc_info=True)
            self._state["step"] = "result"

    def _let_rows_go(self, **changes: str) -> None:
        """Delete the rows of an import that is in the CRM; what the result still offers is kept:
        the rows held back, and what a description needs.

        Args:
            changes: To its state, which are kept first.
        """
        shape = self._shape()
        bare = replace(shape, columns=tuple(replace(c, samples=()) for c in shape.columns))
        plan = self._outline()
        rest = private.rest_path(self.path)
        part = rest.with_suffix(".part")
        with self.reading() as db:
            if changes:
                self._save(**changes)
            state = self._state | {
                "rest": json.dumps(self._described()),
                "staged": json.dumps(staging.to_json(bare)),
                "plan": "",
            }
            # This import is ours as long as its file is open, so what is there was left by a crash.
            part.unlink(missing_ok=True)
            with db.attached(part, "rest", read_only=False):
                held_back.keep(db, plan, shape, catalog="rest")
                db.run(sql("create table rest.left_out as from left_out limit 0"))
                db.run(sql("create table rest.state (key varchar, value varchar)"))
                _insert_state(db, name("rest", "state"), state)
        part.replace(rest)
        self.path, self._state = rest, state
        private.delete_rows(self.workspace.path, self.id)

    def _described(self) -> dict[str, Any]:
        """The description, or why there is none, as it is kept when the rows go."""
        try:
            description, omitted = self.describe()
        except StorageError:
            raise
        except CrmkitError as error:
            return {"fault": [error.message, error.where, error.mend]}
        return {"description": descriptions.as_yaml(description), "omitted": omitted}

    # --- its state -------------------------------------------------------------------------

    def _choose(self, **changes: str | int) -> None:
        """Keep what the user chose, unless it comes too late.

        Raises:
            SettingsError: The import is in the CRM.
        """
        if self.rows_are_gone and self.step == "result":
            raise SettingsError(
                "This import is in the CRM, so what was chosen for it stays as it was.",
                where=self._state["source_name"],
                mend="Undo its batch and choose the file again, in a new import.",
            )
        self._save(**changes)

    def _save(self, **changes: str | int) -> None:
        with self.reading() as db:
            self._check_mine(db)
            self._keep(db, **changes)

    def _check_mine(self, db: Database) -> None:
        """Refuse to change an import that was taken over elsewhere since it was opened here."""
        holder = Holder.of(load_state(db))
        if holder.is_another():
            raise InUseError(
                "This import was continued in another window or program.",
                where=f"{self._state.get('source_name') or self.id}, {holder.told()}",
                mend="Go on there. What you did here last was not kept.",
            )

    def release(self) -> None:
        """Let others open it without asking: it is left where it is."""
        if self.path.exists():
            with contextlib.suppress(InUseError):
                self._save(held_by="")

    def _keep(self, db: Database, **changes: str | int) -> None:
        """Write some of the state into the import's open file."""
        kept = {key: str(value) for key, value in changes.items()}
        with db.atomic():
            db.run(sql("delete from state where list_contains({keys}, key)", keys=list(kept)))
            _insert_state(db, name("state"), kept)
        self._state |= kept


def _insert_state(db: Database, table: Query, state: dict[str, str]) -> None:
    db.run(
        sql(
            "insert into {table} select unnest({keys}), unnest({values})",
            table=table,
            keys=list(state),
            values=list(state.values()),
        )
    )


@contextlib.contextmanager
def _kept_unless_replaced(path: Path) -> Iterator[None]:
    """A file is as it was before when the block fails."""
    before = path.with_name(f"{path.name}.before")
    if path.exists():
        path.replace(before)
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        if before.exists():
            before.replace(path)
        raise
    before.unlink(missing_ok=True)


def _left_out(db: Database) -> int:
    return int(db.value(sql("select count(*) from left_out")))


def _rows_sql(rows: Sequence[int]) -> Query:
    return sql("select unnest({rows}) as row_no", rows=list(rows))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
