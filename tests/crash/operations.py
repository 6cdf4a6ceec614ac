"""What is being done when the process is killed, on a workspace that waits for each of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from crmkit import generator
from crmkit.entities import COMPANY, PERSON
from crmkit.session import ImportSession
from crmkit.settings import Action, Settings
from crmkit.workspace import Workspace

REPLACE: Final = (
    Settings()
    .with_rule(COMPANY, match_key="number", action=Action.REPLACE)
    .with_rule(PERSON, match_key="email", action=Action.REPLACE)
)


Begin = Callable[[], None]
"""Called where the part of an operation begins in which it is killed."""


def prepare(folder: Path, rows: int) -> None:
    """Make a workspace with two batches, two backups, an import to plan and one to commit.

    Each import holds a row back, but the first.
    """
    known, incoming = folder / "known.csv", folder / "incoming.csv"
    recipe = generator.Recipe(rows=rows)
    generator.write_pair(recipe, known, incoming, folder / "truth.csv", overlap=0.5)
    with incoming.open(encoding="utf-8") as file:
        columns = file.readline().count(",") + 1
    with incoming.open("a", encoding="utf-8") as file:
        file.write("#N/A" + "," * (columns - 1) + "\n")
    workspace = Workspace.create(folder / "workspace")
    for path in (known, incoming):
        session = loaded(workspace, path)
        session.preview()
        session.commit()
    loaded(workspace, incoming)
    planned = loaded(workspace, incoming)
    planned.preview()


def loaded(workspace: Workspace, path: Path) -> ImportSession:
    """A new import of an uploaded file."""
    session = workspace.new_import()
    session.load(Path(shutil.copy(path, session.upload_folder)))
    session.settings = REPLACE
    return session


def _imports(workspace: Workspace) -> list[str]:
    """Ids of the imports that wait: one to plan, and one to commit."""
    return sorted(found.id for found in workspace.unfinished())


def _waiting(workspace: Workspace, *, planned: bool) -> ImportSession:
    for import_id in _imports(workspace):
        session = workspace.open_import(import_id)
        if session.preview_is_fresh == planned:
            return session
    raise LookupError("no such import waits")


def land(workspace: Workspace) -> None:
    """Read a file into a new import."""
    loaded(workspace, workspace.path.parent / "incoming.csv")


def plan(workspace: Workspace) -> None:
    """Make a preview."""
    _waiting(workspace, planned=False).preview()


def compare(workspace: Workspace) -> None:
    """Ask what other settings would do."""
    _waiting(workspace, planned=False).compare(Settings())


def back_up(workspace: Workspace) -> None:
    """Make a backup."""
    workspace.back_up(datetime.now(), "crash")


def commit(workspace: Workspace) -> None:
    """Write an import, with the backup before it."""
    _waiting(workspace, planned=True).commit()


def settle(workspace: Workspace, begin: Begin) -> None:
    """What follows when an import is in the CRM: its description and the rows held back are kept,
    and its rows and the uploaded file go.
    """
    _waiting(workspace, planned=True).commit(
        progress=lambda done, _: begin() if done >= 1 else None
    )


def undo(workspace: Workspace) -> None:
    """Take the newest batch back, with the backup before it."""
    workspace.undo(workspace.batches()[0].id)


def delete(workspace: Workspace) -> None:
    """Delete what a batch added, with the backup before it."""
    added = next(s for s in workspace.selections(1) if s.entity == "person" and s.kind == "new")
    workspace.delete_members(workspace.delete_preview(added.id))


def restore(workspace: Workspace) -> None:
    """Put the oldest backup in the CRM's place, with a backup before it."""
    workspace.restore(workspace.backups()[-1].name)


def discard(workspace: Workspace) -> None:
    """Delete an import that was not committed."""
    workspace.discard(_imports(workspace)[-1])


def describe(workspace: Workspace) -> None:
    """Save an import as a description."""
    _waiting(workspace, planned=True).save_description("Customers", overwrite=True)


OPERATIONS: Final[dict[str, Callable[[Workspace], None]]] = {
    work.__name__: work
    for work in (land, plan, compare, back_up, commit, undo, delete, restore, discard, describe)
}

BEGIN_LATE: Final[dict[str, Callable[[Workspace, Begin], None]]] = {"settle": settle}
"""Those that are killed in their last part only, when the CRM is written."""

CHANGES_THE_CRM: Final = frozenset({"commit", "settle", "undo", "delete", "restore"})

IMPORTS: Final = frozenset({"commit", "settle"})


def work(folder: Path, operation: str, begin: Begin = lambda: None) -> None:
    """Open a workspace and do an operation on it."""
    if operation in BEGIN_LATE:
        BEGIN_LATE[operation](Workspace.open(folder), begin)
    else:
        begin()
        OPERATIONS[operation](Workspace.open(folder))
