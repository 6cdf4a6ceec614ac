"""The only module that connects: what it says of a file, and leaves as it was."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from crmkit.database import Database
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
