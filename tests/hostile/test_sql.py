"""SQL that a user writes reads the CRM or the import, and reaches nothing else."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from crmkit.errors import MappingError, QueryError
from crmkit.samples import SAMPLES, sample_workspace
from crmkit.session import ImportSession, Preview
from crmkit.steps import Expression
from crmkit.workspace import Workspace

REACHING = [
    "select * from read_csv('/etc/passwd')",
    "select * from '/etc/passwd'",
    "select * from read_text('/etc/passwd')",
    "select * from read_blob('/etc/passwd')",
    "select * from read_json('/etc/passwd')",
    "select * from parquet_scan('/etc/passwd')",
    "select * from glob('/*')",
    "select * from sniff_csv('/etc/passwd')",
    "copy (select 1) to '{folder}/out.csv'",
    "copy crm.company from '/etc/passwd'",
    "export database '{folder}/out'",
    "import database '/etc'",
    "attach '{folder}/other.duckdb'",
    "attach '{folder}/other.duckdb' as crm2 (read_only)",
    "install httpfs",
    "force install httpfs from 'http://127.0.0.1:9'",
    "load httpfs",
    "load '{folder}/evil.duckdb_extension'",
    "update extensions",
    "create persistent secret s (type http)",
    "select * from frame",
    "select * from query_table('frame')",
    "select frame.a from frame",
    "set enable_external_access = true",
    "set memory_limit = '100GB'",
    "set python_enable_replacements = true",
    "set python_scan_all_frames = true",
    "set lock_configuration = false",
    "reset enable_external_access",
    "pragma enable_external_access = true",
    "pragma threads = 99",
    "pragma profiling_output = '{folder}/out.json'",
    "select getenv('HOME')",
    "create table crm.more as select 1",
    "insert into crm.company (id) values (0)",
    "update crm.company set name = 'x'",
    "delete from crm.company",
    "drop table crm.company",
    "alter table crm.company add column x integer",
    "select 1; drop table crm.company",
    "select $v1",
    "select ?",
    "select",
    "select '\ud800'",
]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return sample_workspace(tmp_path_factory.mktemp("asked"))


@pytest.fixture(scope="module")
def session(workspace: Workspace) -> ImportSession:
    session = workspace.new_import()
    session.load(SAMPLES / "customers-update.xlsx")
    return session


@pytest.fixture(scope="module")
def companies(workspace: Workspace) -> pd.DataFrame:
    """The companies before anybody reached for them."""
    return workspace.query("select * from crm.company order by id")


@pytest.fixture(scope="module")
def preview(session: ImportSession) -> Preview:
    return session.preview()


@pytest.fixture(scope="module")
def planned(preview: Preview) -> int:
    """How many companies are planned, before anybody reached for them."""
    return count_planned(preview)


def count_planned(preview: Preview) -> int:
    return int(preview.sql("select count(*) as n from company_record")["n"][0])


@pytest.mark.parametrize("text", REACHING)
def test_a_query_of_the_crm_reaches_nothing_else(
    workspace: Workspace, companies: pd.DataFrame, text: str, tmp_path: Path
) -> None:
    frame = pd.DataFrame({"a": [1]})

    with pytest.raises(QueryError) as raised:
        workspace.query(text.replace("{folder}", tmp_path.as_posix()))

    assert raised.value.mend
    assert len(frame) == 1
    assert [] == list(tmp_path.iterdir())
    assert companies.equals(workspace.query("select * from crm.company order by id"))


@pytest.mark.parametrize("text", REACHING)
def test_a_query_of_the_plan_reaches_nothing_else(
    preview: Preview, planned: int, text: str, tmp_path: Path
) -> None:
    frame = pd.DataFrame({"a": [1]})
    asked = text.replace("{folder}", tmp_path.as_posix()).replace("crm.company", "company_record")

    with pytest.raises(QueryError):
        preview.sql(asked)

    assert len(frame) == 1
    assert [] == list(tmp_path.iterdir())
    assert planned == count_planned(preview)


@pytest.mark.parametrize("text", REACHING)
def test_an_expression_of_a_cleaning_step_reaches_nothing_else(
    session: ImportSession, text: str, tmp_path: Path
) -> None:
    frame = pd.DataFrame({"a": [1]})
    column = session.staged.columns[0].header

    with pytest.raises(MappingError):
        session.set_steps(column, [Expression(text=text.replace("{folder}", tmp_path.as_posix()))])

    assert len(frame) == 1
    assert [] == list(tmp_path.iterdir())


def test_a_query_of_the_crm_reads_it(workspace: Workspace) -> None:
    counts = [
        workspace.query(f"select count(*) as n from {table}")["n"][0]
        for table in ("company", "crm.company")
    ]

    assert [200, 200] == counts


def test_a_query_of_the_plan_reads_the_source_too(preview: Preview) -> None:
    frame = preview.sql("select row_no, c1 from source order by row_no limit 1")

    assert 1 == len(frame)
