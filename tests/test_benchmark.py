"""The benchmark measures what it says: the imports go through, with decisions that count."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmkit import settings
from crmkit.benchmark import _EVERY_SETTING, Use, decide, measure_import, measure_undo, prepare
from crmkit.workspace import Workspace


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("benchmark")
    prepare(made, 200)
    return made


@pytest.mark.parametrize("use", list(Use))
def test_every_import_goes_through(folder: Path, use: Use) -> None:
    found = measure_import(folder, folder / "incoming.csv", use)

    assert found["rows"] == 200
    assert found["seconds"]["plan"] > 0


def test_the_undo_takes_the_import_back(folder: Path) -> None:
    workspace = Workspace.open(folder / "workspace")
    newest = workspace.batches()[0]

    found = measure_undo(folder, newest.id)

    assert found["seconds"]["undo"] > 0
    assert workspace.batch(newest.id).undone_by == workspace.batches()[0].id


def test_the_settings_are_in_use(folder: Path) -> None:
    """None of them is without effect because it stands at its default or does not fit."""
    session = Workspace.open(folder / "workspace").new_import()
    session.load(folder / "incoming.csv")
    session.settings = _EVERY_SETTING

    default = settings.Settings()
    unused = {
        field
        for field in settings.Settings.model_fields
        if getattr(session.settings, field) == getattr(default, field)
    }
    assert session.settings_faults() == ()
    assert unused == {"no_company_name", "rows_apart", "price_list"}


def test_the_decisions_count(folder: Path) -> None:
    session = Workspace.open(folder / "workspace").new_import()
    session.load(folder / "incoming.csv")

    decide(session, 50)
    preview = session.preview()

    assert session.decision_count() == 50
    assert preview.sql("select count(*) as n from person_decided")["n"][0] >= 35
    assert (preview.to_df("person")["first_name"] == "Ann").sum() >= 5
