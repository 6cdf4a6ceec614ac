"""The only module that connects: what it says of a file, and leaves as it was."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

import pytest

from crmkit.database import Database, opened, opened_as
from crmkit.sql import sql


@pytest.mark.parametrize(
    ("table", "catalog", "expected"),
    [
        ("made", "", True),
        ("seen", "", True),
        ("other", "", False),
        ('"; drop table made; --', "", False),
        ("other", "crm", True),
        ("made", "crm", False),
    ],
)
def test_tables_and_views_are_told_in_their_own_file(
    db: Database, tmp_path: Path, table: str, catalog: str, expected: bool
) -> None:
    db.run(sql("create table made as select 1 as x"))
    db.run(sql("create view seen as from made"))

    with db.attached(tmp_path / "crm.duckdb", "crm", read_only=False):
        db.run(sql("create table crm.other as select 1 as x"))

        assert expected == db.has_table(table, catalog=catalog)


def test_asking_for_a_table_that_is_not_there_leaves_the_transaction_open(db: Database) -> None:
    with db.atomic():
        db.run(sql("create table made as select 1 as x"))
        assert not db.has_table("other")

    assert db.has_table("made")


def test_asking_for_a_table_does_not_read_the_whole_catalog(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """It is asked at each step of an import, of a file that was just opened."""
    with caplog.at_level(logging.DEBUG, logger="crmkit.database"):
        db.has_table("made")

    assert 1 == len(caplog.messages)
    assert "duckdb_" not in caplog.text


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "crm.duckdb"
    with opened_as(path, "crm", read_only=False) as db:
        db.run(sql("create table crm.made as select 1 as x"))
    return path


def test_what_is_temporary_goes_with_the_block(file: Path) -> None:
    """The database beside the file is used again, and holds nothing of who had it before."""
    with opened_as(file, "crm", read_only=True) as db:
        db.run(sql("create temp table mine as from crm.made"))

    with opened_as(file, "crm", read_only=True) as db:
        assert not db.has_table("mine")
        assert [("crm",)] == db.rows(
            sql("select database_name from duckdb_databases() where path is not null order by 1")
        )


def test_blocks_inside_each_other_have_a_database_each(file: Path) -> None:
    with (
        opened_as(file, "crm", read_only=True) as outer,
        opened_as(file, "crm", read_only=True) as inner,
    ):
        outer.run(sql("create temp table mine as from crm.made"))
        assert not inner.has_table("mine")


@pytest.mark.parametrize("fails", [False, True])
def test_the_file_is_given_back(file: Path, fails: bool) -> None:
    with (
        contextlib.suppress(KeyError),
        opened_as(file, "crm", read_only=False) as db,
        db.atomic(),
    ):
        db.run(sql("create table crm.half as select 1 as x"))
        if fails:
            raise KeyError

    with opened(file) as db:
        assert fails is not db.has_table("half")
