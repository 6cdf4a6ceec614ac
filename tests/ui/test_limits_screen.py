"""What a file may cost, on Home."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ipywidgets as w
import pytest

from crmkit.crm import KEPT
from crmkit.errors import SettingsError, SourceError
from crmkit.limits import LABELS, USUAL, Limits
from crmkit.ui.handling import NoticeLevel
from crmkit.ui.home import HomePanel
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace
from tests.ui.test_backups import every, home_of, press


@pytest.fixture
def home(tmp_path: Path) -> HomePanel:
    return home_of(new_workspace(tmp_path / "workspace"), strict=False)


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """A file of four columns."""
    path = tmp_path / "wide.csv"
    path.write_text("Company name,City,Country,Telephone\nAcme AS,Oslo,Norway,22334455\n")
    return path


def field(home: HomePanel, name: str) -> w.IntText:
    (found,) = [
        each
        for each in every(home.widget)
        if getattr(each, "description", "") == f"{LABELS[name]}:"
    ]
    return found


def test_a_limit_is_kept_and_in_force_at_the_next_load(home: HomePanel, wide: Path) -> None:
    workspace = home.desk.workspace
    workspace.new_import().load(wide)

    field(home, "columns").value = 3
    press(home.widget, "Save preferences")

    with pytest.raises(SourceError, match="more than 3 columns") as caught:
        workspace.new_import().load(wide)
    assert LABELS["columns"] in caught.value.mend
    again = home_of(Workspace.open(workspace.path))
    assert 3 == field(again, "columns").value
    assert USUAL.seconds == field(again, "seconds").value


@pytest.mark.parametrize(("name", "value"), [("columns", 0), ("seconds", -5), ("memory_mb", 1)])
def test_a_senseless_limit_is_refused_with_a_message(
    home: HomePanel, wide: Path, name: str, value: int
) -> None:
    """And so is all that is saved with it."""
    field(home, name).value = value
    field(home, "million_cells").value = 7

    press(home.widget, "Save preferences")

    notice = home.desk.message.notice
    assert notice is not None
    assert NoticeLevel.ERROR is notice.level
    assert LABELS[name] in notice.where
    assert f"{getattr(USUAL, name):,} ({LABELS[name]})" in notice.mend
    assert USUAL == home.desk.workspace.preferences.limits
    assert 1 == home.desk.workspace.new_import().load(wide).row_count


@pytest.mark.parametrize(
    ("name", "value"),
    [("keep_backups", 0), ("backup_megabytes", -1), ("keep_import_days", 100_000)],
)
def test_a_senseless_number_of_what_is_kept_is_refused_with_a_message(
    home: HomePanel, name: str, value: int
) -> None:
    """It is not made another number without a word."""
    before = home.desk.workspace.preferences
    home._kept[name].value = value

    press(home.widget, "Save preferences")

    notice = home.desk.message.notice
    assert notice is not None
    assert NoticeLevel.ERROR is notice.level
    assert f"{KEPT[name]}: {value:,}" in notice.where
    assert f"{getattr(before, name):,} ({KEPT[name]})" in notice.mend
    assert before == home.desk.workspace.preferences


def test_a_senseless_limit_is_refused_in_python_too(home: HomePanel) -> None:
    preferences = home.desk.workspace.preferences

    with pytest.raises(SettingsError, match="no file could be read"):
        home.desk.workspace.preferences = replace(preferences, limits=Limits(unpacked_mb=0))
