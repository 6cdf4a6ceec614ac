"""The door: a workspace, which gives out import sessions (`session.py`), and their batches.

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
import json
import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Mapping as Keys
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from crmkit import (
    crm,
    descriptions,
    forget,
    history,
    price_lists,
    private,
    remembered,
    selections,
    template,
    traces,
    workbooks,
)
from crmkit.accounts import gmail as google
from crmkit.accounts import outlook as microsoft
from crmkit.accounts.gmail import Gmail
from crmkit.accounts.outlook import Outlook, OutlookApp
from crmkit.backup import Backup, backup, backups, prune
from crmkit.batches import Batch, BatchHeader, BatchKind, read_batches
from crmkit.crm import Preferences
from crmkit.database import Database, ask, opened, opened_as
from crmkit.deletion import DeletePreview, Dependents, delete, preview_delete
from crmkit.descriptions import Description, DescriptionFile
from crmkit.entities import Entity, Field, FieldType, Schema, Target
from crmkit.erp.book import ErpBook
from crmkit.errors import (
    CancelledError,
    CrmkitError,
    PlanError,
    SettingsError,
    StorageError,
    UnreadableError,
)
from crmkit.forget import Words
from crmkit.import_state import Holder, check_free, load_state, safe_id, was_committed
from crmkit.leftovers import tidy_crm, tidy_imports
from crmkit.mapping import CHOSEN, ColumnMapping, Mapping
from crmkit.price_lists import PriceList
from crmkit.private import Left
from crmkit.processes import part_of
from crmkit.progress import Progress, in_turn, no_progress, stoppable, uncancelled
from crmkit.remembered import HeaderChoice
from crmkit.restore import RestorePreview, preview_restore, restore, rewrite
from crmkit.selections import Combination, Selection
from crmkit.session import ImportSession
from crmkit.settings import Action, Settings
from crmkit.sql import sql
from crmkit.traces import ForgetPreview
from crmkit.undo import UndoPreview, check_revision, preview_undo, undo

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

_FOLDERS: Final = ("imports", "backups", "exports", "uploads", "descriptions")


@dataclass(frozen=True)
class Unfinished:
    """An import that was started and is not in the CRM.

    Attributes:
        taken_out: It was in the CRM, until a backup from before it was restored.
        owner: Who started it on a team's dashboard; empty for one of this machine.
        shared: Whether the others of the team see it, too.
        held_by: Who has it open elsewhere, and since when; empty when nobody has.
    """

    id: str
    source: str
    step: str
    changed_at: datetime
    taken_out: bool = False
    owner: str = ""
    shared: bool = False
    held_by: str = ""


@dataclass(frozen=True)
class _Facts:
    schema: Schema
    preferences: Preferences
    revision: int


class Workspace:
    """A folder with a CRM and everything around its imports.

    Args:
        visitor: Who signed in to a team's dashboard: the log names them, and they see their own
            imports and those that are shared. Empty for whoever works on this machine.
    """

    def __init__(self, path: Path, *, visitor: str = "") -> None:
        self.path = path
        self.visitor = visitor
        self.crm_path = path / "crm.duckdb"
        self._facts: tuple[object, _Facts] | None = None
        self._running: Database | None = None
        self._cancelled = threading.Event()

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
        for left in workspace.path.glob(f"{part.name}*"):
            left.unlink()
        with opened_as(part, "crm", read_only=False) as db:
            crm.create(db, preferences=preferences or Preferences())
        part.replace(workspace.crm_path)
        return workspace

    @property
    def user(self) -> str:
        """Whom the log names."""
        return self.visitor or getpass.getuser()

    def may_see(self, state: Keys[str, Any]) -> bool:
        """Whether an import is the visitor's, or shared; who works on the machine sees all."""
        return not self.visitor or self.visitor == state.get("owner") or bool(state.get("shared"))

    @classmethod
    def open(cls, path: str | Path, *, visitor: str = "") -> Workspace:
        """Open a workspace, and remove what a process that was killed left in it.

        Args:
            visitor: Who signed in to a team's dashboard.

        Raises:
            StorageError: There is none, it is from a newer version, it is busy, or it is from an
                older version and could not be backed up before its upgrade.
        """
        workspace = cls(Path(path), visitor=visitor)
        with workspace.reading() as db:
            up_to_date = crm.check_format(db)
        workspace._make_folders()
        if not up_to_date:
            workspace._upgrade()
        tidy_crm(workspace.crm_path)
        tidy_imports(workspace.path / "imports", workspace._committed())
        workspace._tidy()
        return workspace

    def _upgrade(self) -> None:
        now = datetime.now().replace(microsecond=0)
        self.back_up(now, "before-upgrade")
        with self.writing() as db:
            # Another dashboard may have been faster.
            if not crm.check_format(db):
                crm.upgrade(db)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Database]:
        """The CRM, attached as `crm`, for the length of a block; others may read beside it."""
        with opened_as(self.crm_path, "crm", read_only=True) as db:
            yield db

    @contextlib.contextmanager
    def writing(self) -> Iterator[Database]:
        """The CRM, attached as `crm` and writable, for the length of a block; others wait."""
        with opened_as(self.crm_path, "crm", read_only=False) as db:
            yield db

    @property
    def preferences(self) -> Preferences:
        """Choices that hold for the whole workspace.

        Raises:
            SettingsError: On setting them, a limit makes no sense.
        """
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

    def outlook(self) -> Outlook:
        """An Outlook account, to sign in to and fetch contacts from.

        Raises:
            SettingsError: Neither the preferences nor the environment say how crmkit is registered
                with Microsoft.
        """
        kept = self.preferences
        client_id = os.environ.get(microsoft.CLIENT_VARIABLE) or kept.outlook_client_id
        return Outlook(OutlookApp(client_id, kept.outlook_tenant), visitor=self.visitor)

    @property
    def google_client(self) -> Path:
        """The file that says how crmkit is registered with Google; it may not be there yet."""
        return Path(os.environ.get(google.CLIENT_VARIABLE) or self.path / "google-client.json")

    def gmail(self) -> Gmail:
        """A Google account, to sign in to and fetch contacts from.

        Raises:
            SettingsError: There is no file `google_client`, or it is another one.
        """
        return Gmail(self.google_client, visitor=self.visitor)

    def add_custom_field(self, entity: Entity, field: Field) -> None:
        """Add a field of this workspace's own to an entity.

        Raises:
            SettingsError: The entity has such a field already.
        """
        with self.writing() as db:
            crm.add_custom_field(db, entity, field)

    def header_choices(self) -> tuple[HeaderChoice, ...]:
        """The headers that were sent to a field by hand in earlier imports, which suggestions follow."""
        with self.reading() as db:
            return remembered.choices(db)

    def forget_header_choices(self, subject: str, header: str = "") -> None:
        """Forget what was chosen for a header, or for all of one kind of file, `company` or `product`."""
        with self.writing() as db, db.atomic():
            remembered.forget(db, subject=subject, header=header)

    def query(self, text: str) -> pd.DataFrame:
        """Read the CRM with SQL, for people in notebooks: `select * from crm.company`.

        Raises:
            QueryError: The SQL cannot be run; it can read the CRM, and nothing else.
        """
        return ask(self.crm_path, "crm", text)

    def new_import(self) -> ImportSession:
        """Start an import."""
        import_id = f"{datetime.now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"
        return ImportSession.create(self, import_id)

    def open_import(self, import_id: str, *, take_over: bool = False) -> ImportSession:
        """Take up an import where it was left.

        Args:
            take_over: Also when another program that is still running has it open: what is done
                there is refused from then on.

        Raises:
            InUseError: Another program has it open.
            StorageError: There is none of this id.
        """
        return ImportSession.open(self, import_id, take_over=take_over)

    def unfinished(self) -> tuple[Unfinished, ...]:
        """Imports that were started and are not in the CRM, last used first."""
        committed = self._committed()
        found = []
        for path in private.import_files(self.path):
            import_id = private.import_id(path)
            if import_id in committed:
                continue
            changed_at = datetime.fromtimestamp(path.stat().st_mtime)
            try:
                with opened_as(path, "import", read_only=True, wait=0.5) as db:
                    state = load_state(db, catalog="import")
            except StorageError as error:
                # In use or damaged: still shown, so that nobody thinks it is gone.
                state = {"source_name": error.message, "step": "", "owner": "?"}
            if state.get("source_name") and self.may_see(state):
                step, taken_out = state["step"], was_committed(state)
                holder = Holder.of(state)
                found.append(
                    Unfinished(
                        import_id,
                        state["source_name"],
                        step,
                        changed_at,
                        taken_out,
                        owner=state.get("owner", ""),
                        shared=bool(state.get("shared")),
                        held_by=holder.told() if holder.is_another() else "",
                    )
                )
        return tuple(sorted(found, key=lambda item: item.changed_at, reverse=True))

    def _committed(self) -> set[str]:
        """The imports that are in the CRM."""
        with self.reading() as db:
            rows = db.rows(sql("select import_id from crm.batch where import_id <> '' order by id"))
        return {import_id for (import_id,) in rows}

    def discard(self, import_id: str) -> None:
        """Delete an unfinished import with its staged rows; the CRM is not touched.

        Raises:
            InUseError: Another program has it open.
        """
        path = private.import_path(self.path, safe_id(import_id))
        if self.visitor:
            self.open_import(import_id)  # only one that they may see
        with contextlib.suppress(UnreadableError), opened(path, read_only=True, wait=1.0) as db:
            check_free(load_state(db), import_id)
        private.delete_import(self.path, safe_id(import_id))

    # --- private data ----------------------------------------------------------------------

    def private_data(self) -> tuple[Left, ...]:
        """What is left of files outside the CRM: imports, uploads, exports, backups; last used first."""
        try:
            committed = self._committed()
        except UnreadableError:
            committed = set()
        found = private.left(self.path, committed, days=self._keep_days())
        return tuple(
            item for item in found if not self.visitor or item.owner in (None, self.visitor)
        )

    def purge(self, left: Iterable[Left]) -> None:
        """Delete what `private_data` listed; the CRM is not touched.

        Raises:
            StorageError: Some of it is in use; the rest is deleted.
        """
        private.purge(self.path, left)

    def find_persons(self, text: str) -> list[tuple[int, str]]:
        """Persons by a part of their name or e-mail address, or by their ID: id and label."""
        with self.reading() as db:
            return forget.find(db, text)

    def forget_preview(self, person_id: int) -> ForgetPreview:
        """What forgetting a person would do, in the CRM and in every file; nothing is written.

        Raises:
            SettingsError: There is no such person.
        """
        preview = self._person(person_id)[1]
        if not self.visitor:
            return preview
        # What another visitor imports is not this one's business.
        imports = tuple(
            item
            if self.may_see({"owner": item.owner, "shared": item.shared})
            else replace(item, source="somebody else's file", uploads=())
            for item in preview.files.imports
        )
        return replace(preview, files=replace(preview.files, imports=imports))

    def _person(self, person_id: int) -> tuple[Words, ForgetPreview]:
        """What a person is known by, and where they are."""
        with self.reading() as db:
            in_crm = forget.look(db, crm.load_schema(db), person_id)
            known = forget.words(db, person_id)
        files = traces.look(self.path, known, country=self.preferences.country)
        return known, ForgetPreview(in_crm, files)

    def forget(
        self,
        person_id: int,
        *,
        revision: int | None = None,
        exports: bool = True,
        backups: bool = False,
        progress: Progress = no_progress,
    ) -> Batch:
        """Delete a person for good: from the CRM and its log, unfinished imports and descriptions.

        It cannot be undone, and no backup is made, which would hold the person. A later file that
        brings the person again brings a new person.

        Args:
            revision: Of the preview that was looked at: it is refused when the CRM changed since.
            exports, backups: Delete those that hold the person, too.

        Returns:
            The batch that says so in the log, with the person's number only.

        Raises:
            SettingsError: There is no such person.
            StalePlanError: The CRM changed since the preview.
            StorageError: A file is in use. The CRM is as it was; what was deleted in files is, and
                it can be repeated.
        """
        self._cancelled.clear()
        progress = stoppable(progress, self._cancelled)
        progress(0.0, "Looking at the files of the workspace")
        known, preview = self._person(person_id)
        with self.reading() as db:
            check_revision(db, revision)
        progress(0.3, "Taking the person out of imports and exports")
        traces.remove(
            self.path,
            known,
            preview.files,
            country=self.preferences.country,
            exports=exports,
            backups=backups,
        )
        progress(0.6, "Taking the person out of the CRM")
        now = datetime.now().replace(microsecond=0)
        header = BatchHeader(
            now,
            self.user,
            f"person {person_id} forgotten",
            kind=BatchKind.FORGET,
            settings=json.dumps({"person": person_id}),
        )
        # From here on it is not to be stopped: it takes seconds.
        rewrite(
            self.crm_path,
            lambda db: forget.forget(db, crm.load_schema(db), person_id, header),
            revision=preview.crm.revision,
        )
        self._facts = None
        self._keep_forgotten(self._forgotten())
        done = self._batch_of(header)
        assert done is not None
        return done

    def _forgotten(self) -> list[int]:
        """The ids of all persons that were forgotten. A backup may not know of them, nor a CRM that
        was restored from one; so they stand in a file, too.
        """
        found: set[int] = set()
        if self._forgotten_path.exists():
            found |= set(json.loads(self._forgotten_path.read_text(encoding="utf-8")))
        with contextlib.suppress(UnreadableError), self.reading() as db:
            found |= set(forget.forgotten(db))
        return sorted(found)

    def _keep_forgotten(self, person_ids: Sequence[int]) -> None:
        if person_ids:
            part = part_of(self._forgotten_path)
            part.write_text(json.dumps(list(person_ids)), encoding="utf-8")
            part.replace(self._forgotten_path)

    @property
    def _forgotten_path(self) -> Path:
        return self.path / "forgotten.json"

    def _keep_days(self) -> int:
        try:
            return self.preferences.keep_import_days
        except StorageError:
            return Preferences.keep_import_days

    def _tidy(self) -> None:
        """Delete imports that nobody used for long, and the rows of those that are in the CRM."""
        files = private.import_files(self.path)
        if not files:
            return
        private.delete_old_imports(self.path, days=self._keep_days())
        private.delete_settled_rows(self.path)
        if not (whole := [path for path in files if path.exists() and not private.is_rest(path)]):
            return
        committed = self._committed()
        for path in whole:
            # Its program was killed after the commit, or is about to delete them itself.
            if private.import_id(path) in committed:
                with contextlib.suppress(StorageError):
                    with opened(path, wait=0.0):
                        pass
                    self.open_import(private.import_id(path))

    def batches(self) -> tuple[Batch, ...]:
        """All committed imports, newest first, with counts from the CRM."""
        with self.reading() as db:
            return read_batches(db, crm.load_schema(db))

    def batch(self, batch_id: int) -> Batch:
        """One batch.

        Raises:
            SettingsError: There is none of this id.
        """
        for found in self.batches():
            if found.id == batch_id:
                return found
        raise SettingsError("There is no such batch.", where=f"Batch {batch_id}")

    def undo_preview(self, batch_id: int) -> UndoPreview:
        """What undoing a batch would do; nothing is written.

        Raises:
            SettingsError: There is no such batch, or it is undone already.
        """
        with self.reading() as db:
            return preview_undo(db, crm.load_schema(db), batch_id)

    def undo(
        self,
        batch_id: int,
        *,
        revision: int | None = None,
        back_up: bool = True,
        progress: Progress = no_progress,
    ) -> Batch:
        """Back the CRM up and take a batch back, as a batch that can itself be undone.

        Args:
            revision: Of the preview that was looked at: it is refused when the CRM changed since.

        Raises:
            SettingsError: There is no such batch, or it is undone already.
            StalePlanError: The CRM changed since the preview.
            BackupError: No backup could be made, so nothing was written.
        """
        self._cancelled.clear()
        progress = stoppable(progress, self._cancelled)
        with in_turn(progress):
            return self._undo(batch_id, revision, progress, back_up=back_up)

    def _undo(
        self, batch_id: int, revision: int | None, progress: Progress, *, back_up: bool
    ) -> Batch:
        batch = self.batch(batch_id)
        if batch.kind is BatchKind.FORGET:
            raise SettingsError(
                "A person who was forgotten does not come back.", where=f"Batch {batch_id}"
            )
        if batch.kind is BatchKind.RESTORE:
            raise SettingsError(
                "A restored backup is not undone, but restored.",
                where=f"Batch {batch_id}",
                mend=f"Restore the backup that was made before it: {batch.backup or 'there is none'}.",
            )
        header = replace(
            self._header(f"undo of batch {batch_id}", progress, back_up=back_up),
            kind=BatchKind.UNDO,
            undoes=batch_id,
        )

        def write(db: Database) -> None:
            schema = crm.load_schema(db)
            undo(db, schema, batch_id, header, progress=_after_backup(progress))

        return self._write(write, header, revision)

    def delete_preview(
        self, selection_id: int, dependents: Dependents = Dependents.DELETE
    ) -> DeletePreview:
        """What deleting a selection's members would do; nothing is written.

        Args:
            dependents: What becomes of the records that belong to them, as a company's persons.

        Raises:
            SettingsError: There is no such selection, or the choice is not offered.
        """
        with self.reading() as db:
            schema, preferences = crm.load_schema(db), crm.load_preferences(db)
            return preview_delete(db, schema, preferences, selection_id, dependents)

    def delete_members(
        self,
        preview: DeletePreview,
        *,
        back_up: bool = True,
        progress: Progress = no_progress,
    ) -> Batch:
        """Back the CRM up and delete what was previewed, as a batch that can be undone.

        Raises:
            StalePlanError: The CRM changed since the preview.
            BackupError: No backup could be made, so nothing was written.
        """
        self._cancelled.clear()
        progress = stoppable(progress, self._cancelled)

        def write(db: Database) -> None:
            delete(db, crm.load_schema(db), preview, header, progress=_after_backup(progress))

        with in_turn(progress):
            with self.reading() as db:
                title = f"delete: {selections.selection(db, preview.selection_id).name}"
            header = replace(self._header(title, progress, back_up=back_up), kind=BatchKind.DELETE)
            return self._write(write, header, preview.revision)

    def cancel(self) -> None:
        """Stop an undo or a deletion that runs in another thread; it raises CancelledError there."""
        self._cancelled.set()
        if (running := self._running) is not None:
            running.interrupt()

    def _write(
        self, write: Callable[[Database], None], header: BatchHeader, revision: int | None
    ) -> Batch:
        """Write a batch on the state of the CRM that was previewed, if any; `cancel` may stop it."""
        try:
            with self.writing() as db:
                check_revision(db, revision)
                self._running = db
                try:
                    write(db)
                finally:
                    # Closing the file is not to be stopped any more.
                    self._running = None
        except (StorageError, CancelledError, PlanError, SettingsError) as error:
            # It may be in the CRM already, as when the disk is too full to close the file.
            with uncancelled():
                done = self._batch_of(header)
            if not done:
                self.drop_backup(header.backup, error)
                raise
            log.warning("the batch is in the CRM, but the rest failed", exc_info=True)
            return done
        with uncancelled():
            self.prune_backups()
            done = self._batch_of(header)
        assert done is not None
        return done

    def _batch_of(self, header: BatchHeader) -> Batch | None:
        """The batch that was written under a header."""
        sought = (header.backup, header.committed_at, header.source)
        return next(
            (b for b in self.batches() if (b.backup, b.committed_at, b.source) == sought), None
        )

    def _header(self, source: str, progress: Progress, *, back_up: bool) -> BatchHeader:
        """Back the CRM up, and begin the header of a batch that is no import."""
        now = datetime.now().replace(microsecond=0)
        copy = ""
        if back_up:
            progress(0.0, "Backing up the CRM")
            copy = self.back_up(now, uuid.uuid4().hex[:4])
        return BatchHeader(now, self.user, source, backup=copy)

    # --- what happened ---------------------------------------------------------------------

    def history(self, entity: str, record_id: int) -> pd.DataFrame:
        """Every batch that touched a record, what each did to it, and from which rows, newest first.

        Args:
            entity: `company`, `person` or `product`.
        """
        with self.reading() as db:
            schema = crm.load_schema(db)
            return history.record_history(db, schema, schema.entity(entity), record_id)

    def log(self) -> pd.DataFrame:
        """Who wrote what, when, from which file and with which choices: a row for each batch."""
        with self.reading() as db:
            return history.log_frame(db, crm.load_schema(db))

    def export_log(self, *, ending: str = "xlsx", tell: workbooks.Tell | None = None) -> Path:
        """Write the log to a file in the folder `exports`.

        Args:
            ending: `xlsx` or `csv`.
            tell: Is told, in a sentence, what a workbook could not hold.
        """
        path = self.path / "exports" / f"log.{ending}"
        with self.reading() as db:
            history.export_log(db, crm.load_schema(db), path, tell=tell)
        return path

    # --- backups ---------------------------------------------------------------------------

    def backups(self) -> tuple[Backup, ...]:
        """The backups of the CRM, newest first, each with what it was made before."""
        try:
            before = {batch.backup: f"batch {batch.id}, {batch.source}" for batch in self.batches()}
        except UnreadableError:
            # Just then somebody wants to know what there is to restore.
            before = {}
        found = backups(self._backup_folder)
        return tuple(replace(item, before=before.get(item.name, "")) for item in found)

    def restore_preview(self, name: str) -> RestorePreview:
        """What putting a backup in the CRM's place would do; nothing is written.

        Raises:
            SettingsError: There is no backup of this name.
            StorageError: It cannot be read, or the CRM is busy.
        """
        with self._kept(name) as copy:
            return preview_restore(self.crm_path, copy, self._forgotten())

    def restore(
        self,
        name: str,
        *,
        revision: int | None = None,
        back_up: bool = True,
        progress: Progress = no_progress,
    ) -> Batch:
        """Back the CRM up and put an earlier backup in its place; all of it or nothing.

        A CRM that is missing or damaged cannot be backed up: what is left of its file is kept in
        the folder `backups` as it is.

        Args:
            revision: Of the preview that was looked at: it is refused when the CRM changed since.

        Returns:
            The batch that says so in the log.

        Raises:
            SettingsError: There is no backup of this name.
            StalePlanError: The CRM changed since the preview.
            BackupError: No backup could be made, so nothing was written.
            StorageError: The CRM is busy, or the new file cannot be written.
        """
        self._cancelled.clear()
        progress = stoppable(progress, self._cancelled)
        with in_turn(progress), self._kept(name) as copy:
            return self._restore(copy, revision, progress, back_up=back_up)

    def _restore(
        self, copy: Path, revision: int | None, progress: Progress, *, back_up: bool
    ) -> Batch:
        forgotten = self._forgotten()
        self._keep_forgotten(forgotten)
        preview = preview_restore(self.crm_path, copy, forgotten)
        readable = preview.revision is not None
        gone = [{"batch": number, "source": source} for number, source in preview.batches]
        header = replace(
            self._header(f"backup {copy.name}", progress, back_up=back_up and readable),
            kind=BatchKind.RESTORE,
            settings=json.dumps({"batches_gone": gone}),
        )
        try:
            # From here on it is not to be stopped: it takes seconds.
            progress(0.5, "Restoring the backup")
            restore(
                self.crm_path,
                copy,
                header,
                revision=revision if readable and revision is not None else preview.revision,
                forgotten=forgotten,
            )
        except (StorageError, PlanError, CancelledError) as error:
            self.drop_backup(header.backup, error)
            raise
        self._facts = None
        with uncancelled():
            self.prune_backups()
            done = self._batch_of(header)
        assert done is not None
        return done

    @property
    def _backup_folder(self) -> Path:
        return self.path / "backups"

    @contextlib.contextmanager
    def _kept(self, name: str) -> Iterator[Path]:
        """A backup's file for a block; others may give it up meanwhile, and then there is no such one."""
        path = self._backup_path(name)
        try:
            yield path
        except StorageError as error:
            if path.exists():
                raise
            raise self._no_such_backup(name) from error

    def _backup_path(self, name: str) -> Path:
        """The file of a backup that is listed: a name is never taken as a path."""
        if name not in [item.name for item in backups(self._backup_folder)]:
            raise self._no_such_backup(name)
        return self._backup_folder / name

    def _no_such_backup(self, name: str) -> SettingsError:
        listed = [item.name for item in backups(self._backup_folder)]
        return SettingsError(
            "There is no such backup.",
            where=name[:80],
            mend=f"Choose one of {', '.join(listed)}." if listed else "None was made yet.",
        )

    def back_up(self, at: datetime, label: str) -> str:
        """Make a backup and give its name.

        Args:
            at, label: What names it, of letters, digits and hyphens.

        Raises:
            BackupError: It could not be made.
        """
        return backup(self.crm_path, self._backup_folder, at=at, label=label).name

    def drop_backup(self, name: str, error: CrmkitError) -> None:
        """A backup before work that was stopped or refused must not push an older one out."""
        if name and isinstance(error, CancelledError | PlanError | SettingsError):
            (self._backup_folder / name).unlink(missing_ok=True)

    def prune_backups(self) -> None:
        """Remove the oldest backups, beyond what the preferences keep."""
        try:
            kept = self.preferences
        except StorageError:
            # What was written is written: the next write removes them.
            log.warning("the CRM is busy, so old backups stay", exc_info=True)
            return
        prune(self._backup_folder, keep=kept.keep_backups, megabytes=kept.backup_megabytes)

    def selections(self, batch_id: int | None = None) -> tuple[Selection, ...]:
        """The selections recorded, newest first; of one batch when it is given."""
        with self.reading() as db:
            return selections.selections(db, batch_id=batch_id)

    def selection(self, selection_id: int) -> Selection:
        """One selection, with the number of its members as it is now.

        Raises:
            SettingsError: There is none of this id.
        """
        with self.reading() as db:
            return selections.selection(db, selection_id)

    def selection_page(
        self,
        selection_id: int,
        *,
        offset: int = 0,
        limit: int = 100,
        search: str = "",
        sort: int = 0,
        descending: bool = False,
    ) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Headers and some rows of a selection; with a search, only rows that contain its text.

        Args:
            sort: Position of the header to sort by.
        """
        with self.reading() as db:
            schema = crm.load_schema(db)
            chosen = selections.selection(db, selection_id)
            headers = selections.columns(schema, schema.entity(chosen.entity))
            rows = selections.members(
                db,
                schema,
                chosen,
                offset=offset,
                limit=limit,
                search=search,
                sort=sort,
                descending=descending,
            )
            return headers, rows

    def find_others(
        self, selection_id: int, search: str, *, limit: int = 50
    ) -> list[tuple[int, str]]:
        """Records that contain a text and are not in a selection yet: id and name."""
        with self.reading() as db:
            schema = crm.load_schema(db)
            chosen = selections.selection(db, selection_id)
            return selections.others(db, schema, chosen, search=search, limit=limit)

    def add_members(self, selection_id: int, ids: list[int]) -> Selection:
        """Put records into a selection."""
        with self.writing() as db:
            selections.add_members(db, selections.selection(db, selection_id), ids)
            return selections.selection(db, selection_id)

    def remove_members(self, selection_id: int, ids: list[int]) -> Selection:
        """Take records out of a selection; they stay in the CRM."""
        with self.writing() as db:
            selections.remove_members(db, selections.selection(db, selection_id), ids)
            return selections.selection(db, selection_id)

    def combine_selections(
        self, first: int, second: int, *, how: Combination, title: str
    ) -> Selection:
        """Make a selection of two others of the same entity.

        Raises:
            SettingsError: They are of different entities, or the new one has no name.
        """
        with self.writing() as db:
            made = selections.combine(
                db,
                crm.load_schema(db),
                selections.selection(db, first),
                selections.selection(db, second),
                how=how,
                title=title,
                at=datetime.now().replace(microsecond=0),
            )
            return selections.selection(db, made)

    def settable(self, selection_id: int) -> tuple[Target, ...]:
        """The fields that can be set for all members: those of which a record has one value.

        None for an entity whose records are not found by their id, as products.
        """
        with self.reading() as db:
            entity = selections.selection(db, selection_id).entity
            return tuple(
                target
                for target in crm.load_schema(db).targets()
                if target.entity.id == entity
                and "id" in {key.id for key in target.entity.match_keys}
                and not target.multiple
                and not target.field.composed
                and target.field.type is not FieldType.ID
            )

    def new_import_from_selection(
        self, selection_id: int, target_id: str, value: str
    ) -> ImportSession:
        """Start an import that sets one field for all members; it waits at its preview.

        Its rows are the members' ids and the value; a blank value clears the field.

        Raises:
            SettingsError: The field cannot be set so, or the selection has no members.
        """
        found = [target for target in self.settable(selection_id) if target.id == target_id]
        if not found:
            raise SettingsError(
                "This field cannot be set for all members.",
                where=target_id,
                mend="Choose a field of which a record has one value.",
            )
        target = found[0]
        session = self.new_import()
        session.subject = target.entity.parent or target.entity.id
        stem = f"{target_id.replace('.', '-')}-of-selection-{selection_id}"
        path = session.upload_folder / f"set-{stem}.csv"
        try:
            with self.reading() as db:
                schema, chosen = crm.load_schema(db), selections.selection(db, selection_id)
                selections.write_value_list(db, schema, chosen, target, value.strip(), path)
            session.load(path, header_row=1)
        except CrmkitError:
            self.discard(session.id)
            raise
        session.mapping = Mapping(
            columns=(
                ColumnMapping(column="c1", target=f"{target.entity.id}.id", reason=CHOSEN),
                ColumnMapping(column="c2", target=target.id, reason=CHOSEN),
            )
        )
        session.settings = Settings(blanks_clear=not value.strip()).with_rule(
            target.entity, match_key="id", action=Action.REPLACE
        )
        session.step = "preview"
        return session

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

    def price_lists(self) -> tuple[PriceList, ...]:
        """The price lists, by name, with how many products each holds."""
        with self.reading() as db:
            return price_lists.price_lists(db)

    def price_list(self, list_id: int | None) -> PriceList:
        """One price list.

        Raises:
            SettingsError: There is none of this id.
        """
        with self.reading() as db:
            return price_lists.price_list(db, list_id)

    def add_price_list(
        self,
        *,
        name: str,
        currency: str,
        valid_from: date | None = None,
        valid_to: date | None = None,
    ) -> PriceList:
        """Make an empty price list, for an import of products.

        Args:
            currency: ISO code, such as EUR.
            valid_from, valid_to: Both days included; None for no end.

        Raises:
            SettingsError: What was given does not make one.
        """
        with self.writing() as db:
            return price_lists.add_price_list(
                db, name=name, currency=currency, valid_from=valid_from, valid_to=valid_to
            )

    def countries(self) -> list[tuple[str, str]]:
        """Names and codes of all countries, by name."""
        with self.reading() as db:
            return db.rows(
                sql("select name, code from crm.list_item where list = 'country' order by name")
            )

    def write_template(self, subject: str = "company") -> Path:
        """Write an Excel file with the headers that an import recognises, to fill in.

        Args:
            subject: `company` (with persons) or `product`.

        Returns:
            Its path in the folder `exports`.
        """
        stem = "import-template" if subject == "company" else f"import-template-{subject}"
        path = self.path / "exports" / f"{stem}.xlsx"
        workbooks.write_import_template(path, template.columns(self.schema.subject(subject)))
        return path

    def export_selection(
        self, selection_id: int, *, ending: str = "xlsx", tell: workbooks.Tell | None = None
    ) -> Path:
        """Write a selection to a file in the folder `exports`.

        Args:
            ending: `xlsx` or `csv`.
            tell: Is told, in a sentence, what a workbook could not hold.
        """
        with self.reading() as db:
            schema = crm.load_schema(db)
            chosen = selections.selection(db, selection_id)
            origin = f"selection-{chosen.id}"
            if chosen.batch_id is not None:
                origin = f"batch-{chosen.batch_id}"
            stem = f"{origin}-{chosen.entity}-{chosen.kind}"
            path = self.path / "exports" / f"{stem}.{ending}"
            selections.export(db, schema, chosen, path, tell=tell)
        return path

    @property
    def erp(self) -> ErpBook:
        """The ERP databases that imports may read."""
        return ErpBook(self.path / "connections.yaml")

    @property
    def description_folder(self) -> Path:
        """Where this workspace's import descriptions are."""
        return self.path / "descriptions"

    def descriptions(self) -> tuple[DescriptionFile, ...]:
        """The import descriptions of this workspace, by name."""
        return descriptions.files(self.description_folder)

    def description(self, described: str | Path) -> Description:
        """Read an import description.

        Args:
            described: The path of its file, or the name of one in this workspace.

        Raises:
            DescriptionError: There is none, or it is broken; everything is told with its line.
        """
        path = descriptions.find(self.description_folder, described)
        read = descriptions.read(path)
        return read if read.name else read.model_copy(update={"name": path.stem})

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


def _after_backup(progress: Progress) -> Progress:
    return lambda fraction, text: progress(0.1 + 0.9 * fraction, text)
