"""The sample workspace: a small CRM of invented companies and persons, made by an import.

It is not shipped as a database: it is imported from `data/samples/crm-start.xlsx` with crmkit itself.
"""

from __future__ import annotations

import os
from pathlib import Path

from crmkit.crm import Preferences
from crmkit.entities import COMPANY, PERSON
from crmkit.errors import StorageError
from crmkit.settings import Action, Settings
from crmkit.workspace import Workspace

SAMPLES = Path(__file__).resolve().parents[1] / "data" / "samples"
"""Where a clone keeps its sample files."""


def sample_workspace(path: str | Path | None = None) -> Workspace:
    """Open the workspace to work in; the sample one is made when there is none yet.

    Args:
        path: Its folder; `CRMKIT_WORKSPACE` when None, else the folder `workspace` of the clone.
    """
    chosen = Path(path or os.environ.get("CRMKIT_WORKSPACE") or SAMPLES.parents[1] / "workspace")
    if (chosen / "crm.duckdb").exists():
        return Workspace.open(chosen)
    return make_sample_workspace(chosen)


def make_sample_workspace(path: str | Path) -> Workspace:
    """Make a workspace whose CRM holds about 200 invented companies and 400 persons.

    Raises:
        StorageError: There is a workspace already, or the samples are not there.
    """
    start = SAMPLES / "crm-start.xlsx"
    if not start.exists():
        raise StorageError(
            "The sample files are not there.",
            where=str(start),
            mend="Start from a whole clone of crmkit, or create an empty workspace.",
        )
    preferences = Preferences(default_category="Prospect", country="NO")
    workspace = Workspace.create(path, preferences=preferences)
    session = workspace.new_import()
    session.load(start)
    # Two companies of the sample have one name: each keeps its own, by its number.
    session.settings = (
        Settings()
        .with_rule(COMPANY, match_key="number", action=Action.ADD)
        .with_rule(PERSON, action=Action.ADD)
    )
    session.preview()
    session.commit(back_up=False)
    return workspace
