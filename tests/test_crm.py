"""The CRM file: an older one gets what the declarations have and it lacks, and keeps the rest."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from crmkit import crm
from crmkit.database import in_memory, opened_as
from crmkit.errors import StorageError
from crmkit.samples import SAMPLES, sample_workspace
from crmkit.sql import sql
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace

FORMAT_1 = Path(__file__).parent / "data" / "crm-format-1.sql"
"""The tables of a CRM of format 1, as the program of that time wrote them."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A workspace of format 1 with one company and a custom field."""
    path = tmp_path / "old"
    path.mkdir()
    with duckdb.connect(str(path / "crm.duckdb")) as connection:
        connection.execute(FORMAT_1.read_text(encoding="utf-8"))
        connection.execute(
            "insert into company (id, name, created_by_batch) values (1, 'Acme AS', 1)"
        )
        connection.execute(
            "insert into batch values (1, 'old', '2026-11-23 09:00:00', 'ann', 'list.xlsx', '', 1,"
            " '{}', '{}', '[]', '')"
        )
        connection.execute("update counter set next_id = 2 where table_id = 'company'")
        connection.execute("alter table company add column rating double")
        connection.execute(
            "insert into custom_field values ('company', 'rating', 'Rating', 'number', null, '')"
        )
    return path


def shape(path: Path) -> dict[str, set[tuple[str, str]]]:
    """Every table's columns and types."""
    with in_memory() as db, db.attached(path / "crm.duckdb", "crm", read_only=True):
        found: dict[str, set[tuple[str, str]]] = {}
        for table, column, kind in db.rows(
            sql(
                "select table_name, column_name, data_type from duckdb_columns()"
                " where database_name = 'crm' order by all"
            )
        ):
            found.setdefault(table, set()).add((column, kind))
        return found


def test_an_older_crm_gets_the_shape_of_a_new_one(old: Path, tmp_path: Path) -> None:
    Workspace.create(tmp_path / "new")

    Workspace.open(old)

    upgraded, new = shape(old), shape(tmp_path / "new")
    assert upgraded.pop("company") - new.pop("company") == {("rating", "DOUBLE")}
    assert upgraded == new


def test_an_upgrade_keeps_what_there_was(old: Path) -> None:
    before = duckdb.connect(str(old / "crm.duckdb"))
    revision = before.execute("select revision from meta").fetchall()[0][0]
    before.close()

    workspace = Workspace.open(old)

    assert workspace.query("select id, name from crm.company").values.tolist() == [[1, "Acme AS"]]
    (batch,) = workspace.batches()
    assert (batch.source, batch.kind, batch.written["company"]) == (
        "list.xlsx",
        "import",
        {"new": 1, "changed": 0},
    )
    assert workspace.preferences.country == "NL"
    assert [f.id for f in workspace.schema.entity("company").fields if f.custom] == ["rating"]
    counters = dict(workspace.query("select * from crm.counter").itertuples(index=False, name=None))
    assert (counters["company"], counters["product"], counters["price_list"]) == (2, 1, 1)
    # Previews of the older program do not have the new fields.
    assert workspace.revision > revision


def test_an_upgrade_backs_up_first_and_happens_once(old: Path) -> None:
    Workspace.open(old)
    (backup,) = (old / "backups").iterdir()
    with duckdb.connect(str(backup), read_only=True) as connection:
        assert connection.execute("select format from meta").fetchall() == [(1,)]

    revision = Workspace.open(old).revision

    assert len(list((old / "backups").iterdir())) == 1
    assert Workspace.open(old).revision == revision


def test_an_upgraded_crm_takes_products(old: Path) -> None:
    workspace = Workspace.open(old)

    workspace.add_price_list(name="Standard", currency="EUR")

    assert [item.id for item in workspace.price_lists()] == [1]


def test_a_newer_crm_is_left_alone(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "new")
    with workspace.writing() as db:
        db.run(sql("update crm.meta set format = {f}", f=crm.FORMAT + 1))

    with pytest.raises(StorageError, match="newer version"):
        Workspace.open(tmp_path / "new")


def storage_format(path: Path) -> str:
    with opened_as(path, "crm", read_only=True) as db:
        return str(
            db.value(
                sql(
                    "select tags['storage_version'] from duckdb_databases()"
                    " where database_name = 'crm'"
                )
            )
        )


def test_every_duckdb_can_read_a_crm(tmp_path: Path) -> None:
    """Also one that was written to, its backup, and one that is written anew to forget somebody."""
    workspace = sample_workspace(tmp_path)
    session = workspace.new_import()
    session.load(SAMPLES / "customers-update.xlsx")
    session.preview()
    session.commit()
    paths = [workspace.crm_path, *(workspace.path / "backups").glob("*.duckdb")]

    before = [storage_format(path) for path in paths]
    workspace.forget(1)

    assert ["v1.0.0+"] * 2 == before
    assert "v1.0.0+" == storage_format(workspace.crm_path)


def test_a_crm_of_a_later_duckdb_is_refused_in_plain_words(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "new")
    content = bytearray(workspace.crm_path.read_bytes())
    content[12:20] = (998).to_bytes(8, "little")  # the format's number, after the mark DUCK
    workspace.crm_path.write_bytes(content)
    # DuckDB says which checksum the changed header must have.
    with pytest.raises(duckdb.Error) as raised:
        duckdb.connect(str(workspace.crm_path))
    found = re.search(r"computed checksum (\d+)", str(raised.value))
    assert found
    content[:8] = int(found[1]).to_bytes(8, "little")
    workspace.crm_path.write_bytes(content)

    with pytest.raises(StorageError, match="newer version"):
        Workspace.open(tmp_path / "new")
