"""Who may come into a team's dashboard."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crmkit.cli import app
from crmkit.errors import SettingsError, StorageError
from crmkit.users import add_user, is_right, read_users, remove_user
from tests.crm_kit import new_workspace

PASSWORD = "correct horse 7"


def test_only_the_hash_is_kept_and_only_for_the_owner(tmp_path: Path) -> None:
    path = tmp_path / "users.json"

    add_user(path, "ann", PASSWORD)

    assert PASSWORD not in path.read_text()
    assert is_right(read_users(path), "ann", PASSWORD)
    if os.name == "posix":
        assert 0o600 == path.stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("name", "password"),
    [("ann", "wrong horse 77"), ("ann", ""), ("bo", PASSWORD), ("bo", ""), ("", "")],
)
def test_another_name_or_password_is_wrong(tmp_path: Path, name: str, password: str) -> None:
    add_user(tmp_path / "users.json", "ann", PASSWORD)

    assert not is_right(read_users(tmp_path / "users.json"), name, password)


@pytest.mark.parametrize(
    ("name", "password"),
    [("", PASSWORD), ("a b", PASSWORD), ("../x", PASSWORD), ("x" * 65, PASSWORD), ("ann", "short")],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, name: str, password: str) -> None:
    with pytest.raises(SettingsError):
        add_user(tmp_path / "users.json", name, password)


def test_a_file_that_is_not_of_users_is_told(tmp_path: Path) -> None:
    (tmp_path / "users.json").write_text('["ann"]')

    with pytest.raises(StorageError, match="cannot be read"):
        read_users(tmp_path / "users.json")


def test_the_command_adds_and_removes(tmp_path: Path) -> None:
    path = tmp_path / "users.json"
    run = CliRunner().invoke

    asked = run(app, ["user", "ann", "--users", str(path)], input=f"{PASSWORD}\n{PASSWORD}\n")
    run(app, ["user", "bo", "--users", str(path)], env={"CRMKIT_PASSWORD": "another horse"})

    assert "ann may sign in." in asked.output
    assert PASSWORD not in asked.output
    assert ["ann", "bo"] == sorted(read_users(path))
    run(app, ["user", "ann", "--users", str(path), "--remove"])
    assert ["bo"] == sorted(read_users(path))
    with pytest.raises(SettingsError, match="nobody of this name"):
        remove_user(path, "ann")


def test_nothing_is_served_without_users(tmp_path: Path) -> None:
    arguments = ["serve-dashboard", "--listen", "127.0.0.1", "--users", str(tmp_path / "none.json")]

    result = CliRunner().invoke(app, [*arguments, "--workspace", str(tmp_path / "workspace")])

    assert isinstance(result.exception, SettingsError)
    assert "Nobody may come in yet." in str(result.exception)
    assert not (tmp_path / "workspace").exists()


def test_what_is_opened_is_said_first(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "workspace")
    add_user(tmp_path / "users.json", "ann", PASSWORD)
    arguments = ["--listen", "0.0.0.0", "--users", str(tmp_path / "users.json")]

    result = CliRunner().invoke(
        app, ["serve-dashboard", *arguments, "--workspace", str(workspace.path)], input="n\n"
    )

    assert "every machine that reaches this one" in result.output
    assert "These may sign in: ann." in result.output
    assert "WARNING: without --certificate" in result.output
    assert "Aborted" in result.output
