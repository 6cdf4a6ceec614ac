"""An import without a screen: a description, a file, and a summary of what came of it.

    summary = jobs.run(workspace, "Customers", Path("customers.xlsx"), Job(commit=True))

Nothing is written to the CRM unless everything is as the description expects it, or the job says that
it need not be. What a job did not write leaves no import behind.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

from crmkit.batches import Batch
from crmkit.database import queued
from crmkit.drift import Drift
from crmkit.errors import (
    CancelledError,
    CrmkitError,
    DescriptionError,
    InUseError,
    StalePlanError,
)
from crmkit.meanwhile import Meanwhile
from crmkit.progress import Progress, in_turn
from crmkit.session import ImportSession, Preview
from crmkit.ui.handling import error_number
from crmkit.workspace import Workspace

log = logging.getLogger("crmkit")


class Exit(IntEnum):
    """What the command's exit code says."""

    OK = 0
    ERROR = 1
    USAGE = 2
    DRIFT = 3
    HELD_BACK = 4
    STALE = 5
    STOPPED = 130

    @property
    def label(self) -> str:
        return {
            Exit.OK: "done",
            Exit.ERROR: "error",
            Exit.USAGE: "usage",
            Exit.DRIFT: "drift",
            Exit.HELD_BACK: "held_back",
            Exit.STALE: "stale",
            Exit.STOPPED: "stopped",
        }[self]


@dataclass(frozen=True)
class Job:
    """How a description is run.

    Attributes:
        commit: Write to the CRM; else it is only looked at.
        accept_drift: Go on when the file is not as the description expects it.
        strict: Write nothing when a row would be held back or could not be read.
        held_back: Where the rows held back go, as `.xlsx` or `.csv`; None for nowhere.
        back_up: Back the CRM up before it is written.
        password: Opens a protected workbook.
        erp_password: Of the ERP's database; the one in the keychain when empty.
    """

    commit: bool = False
    accept_drift: bool = False
    strict: bool = False
    held_back: Path | None = None
    back_up: bool = True
    password: str = field(default="", repr=False)
    erp_password: str = field(default="", repr=False)


class Summary:
    """What a job found and did, as it goes along, for the JSON on the standard output."""

    def __init__(self, described: str, file: Path | None, job: Job) -> None:
        self.exit = Exit.OK
        self._told: dict[str, Any] = {
            "description": described,
            "file": None if file is None else str(file),
            "committed": False,
        }
        self._mode = "commit" if job.commit else "dry-run"

    def as_json(self) -> dict[str, Any]:
        """The summary; `status` is a word for the exit code."""
        return {"status": self.exit.label, "exit_code": int(self.exit), "mode": self._mode} | (
            self._told
        )

    def failed(self, error: CrmkitError) -> None:
        """Tell an error in plain words."""
        self.exit = Exit.STOPPED if isinstance(error, CancelledError) else Exit.ERROR
        self._told["error"] = {
            "message": error.message,
            "where": error.where,
            "mend": error.mend,
        }

    def loaded(self, session: ImportSession) -> None:
        """Tell how the file was read."""
        staged = session.staged
        self._told["source"] = {
            "sheet": staged.sheet,
            "header_row": staged.header_row,
            "rows": staged.row_count,
            "set_aside": staged.rejected,
        }

    def drifted(self, drift: Drift) -> None:
        """Tell what has changed since the description was saved."""
        self._told["drift"] = {
            "needs_look": drift.needs_look,
            "changes": [asdict(change) for change in drift.changes],
            "columns": drift.columns,
            "decisions": drift.decisions,
        }

    def previewed(self, session: ImportSession, preview: Preview) -> None:
        """Tell what every record will do, counted in the plan."""
        self._told["records"] = {
            item.entity: {status.value: count for status, count in item.records.items()}
            for item in preview.balance
        }
        self._told["issues"] = preview.issue_counts()
        self._told["rows_held_back"] = session.held_back()
        self._told["held_back_file"] = None

    def overtaken(self, since: Meanwhile | None) -> None:
        """Tell what others wrote between the preview and the commit."""
        self.exit = Exit.STALE
        self._told["meanwhile"] = (
            {"batches": [], "otherwise": True}
            if since is None
            else {
                "batches": [
                    {**asdict(batch), "committed_at": batch.committed_at.isoformat()}
                    for batch in since.batches
                ],
                "otherwise": since.otherwise,
            }
        )

    def kept(self, path: Path) -> None:
        """Tell where the rows held back are."""
        self._told["held_back_file"] = str(path)

    def committed(self, batch: Batch, workspace: Workspace) -> None:
        """Tell what was written, counted in the CRM."""
        self._told["committed"] = True
        self._told["batch"] = {
            "id": batch.id,
            "written": batch.written,
            "backup": batch.backup,
        }
        self._told["selections"] = [
            {
                "id": selection.id,
                "name": selection.name,
                "entity": selection.entity,
                "kind": selection.kind,
                "members": selection.members,
            }
            for selection in workspace.selections(batch.id)
        ]


def run(
    open_workspace: Callable[[], Workspace],
    described: str,
    file: Path | None,
    job: Job,
    *,
    progress: Progress,
) -> Summary:
    """Run a description on a file, or on the ERP or account that it names; what goes wrong is told.

    Args:
        file: None for an ERP or an account.
        open_workspace: Opens it: that it cannot be opened is told like everything else.
        progress: Told the share done of what is being done.
    """
    summary = Summary(described, file, job)
    try:
        with in_turn(progress):
            workspace = open_workspace()
            session = workspace.new_import()
            try:
                _run(session, described, file, job, summary, progress)
            except KeyboardInterrupt:
                raise _stopped(session, summary) from None
            finally:
                _clear(session)
    except CrmkitError as error:
        summary.failed(error)
    except KeyboardInterrupt:
        summary.failed(CancelledError("The job was stopped.", mend="Nothing was written."))
    except Exception as error:
        number = error_number(error)
        log.error("%s", number, exc_info=error)
        mend = (
            "Send this number to whoever looks after crmkit; the workspace's log has the details."
        )
        summary.failed(CrmkitError(f"Something went wrong ({number}).", mend=mend))
    return summary


def _stopped(session: ImportSession, summary: Summary) -> CancelledError:
    """What is told of a job that was ended from outside, also while it wrote."""
    mend = "Nothing was written."
    with queued(None), contextlib.suppress(InUseError):
        if (batch := session.batch) is not None:
            summary.committed(batch, session.workspace)
            mend = "It was just done: the batch is in the CRM."
    return CancelledError("The job was stopped.", mend=mend)


def _clear(session: ImportSession) -> None:
    """Leave no import behind that was not written."""
    with queued(None), contextlib.suppress(InUseError):
        if session.batch is None:
            session.workspace.discard(session.id)


def _run(
    session: ImportSession,
    described: str,
    file: Path | None,
    job: Job,
    summary: Summary,
    progress: Progress,
) -> None:
    workspace = session.workspace
    description = workspace.description(described)
    if file is not None:
        said = description.source.model_dump()
        session.load(file, **said, password=job.password, progress=progress)
    elif description.erp is not None:
        session.load_erp(description.erp, password=job.erp_password, progress=progress)
    elif description.account is not None:
        session.load_account(description.account, progress=progress)
    else:
        raise DescriptionError(
            "This description is about a file.", where=described, mend="Name the file to import."
        )
    summary.loaded(session)
    drift = session.apply_description(described, password=job.password, progress=progress)
    summary.drifted(drift)
    if drift.needs_look and not job.accept_drift:
        summary.exit = Exit.DRIFT
        return
    preview = session.preview(progress=progress)
    summary.previewed(session, preview)
    held_back = session.held_back()
    if held_back and job.held_back is not None:
        summary.kept(session.export_held_back(path=job.held_back))
    if job.strict and (held_back or session.staged.rejected):
        summary.exit = Exit.HELD_BACK
        return
    if job.commit:
        try:
            batch = session.commit(progress=progress, back_up=job.back_up)
        except StalePlanError as error:
            summary.failed(error)
            summary.overtaken(session.meanwhile())
            return
        summary.committed(batch, workspace)
