"""A real Tryton as the source, on SQLite and on PostgreSQL: what is found, read and updated."""

from __future__ import annotations

import csv
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from crmkit import jobs
from crmkit.erp.model import Actors, Request
from crmkit.errors import CancelledError, CrmkitError, PasswordError, SourceError
from crmkit.jobs import Exit, Job
from crmkit.session import ImportSession
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace
from tests.erp_servers import PASSWORD, SQLITE, Server, Tryton
from tests.keyrings import MemoryKeyring

NAME = "Our Tryton"

# The database is built by Tryton itself the first time.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path / "workspace")


@pytest.fixture(params=["sqlite", "postgresql"])
def connected(request: pytest.FixtureRequest, workspace: Workspace, tryton_file: Path) -> Workspace:
    """A workspace with a connection to a Tryton that no test of this fixture changes."""
    if request.param == "sqlite":
        workspace.erp.add(NAME, f"sqlite:///{tryton_file.as_posix()}")
    else:
        on_server: Tryton = request.getfixturevalue("tryton_on_postgres")
        workspace.erp.add(NAME, on_server.url, password=PASSWORD, keep_password=False)
    return workspace


def ask(actors: Actors = Actors.CUSTOMERS, **criteria: object) -> Request:
    return Request.model_validate({"connection": NAME, "actors": actors, **criteria})


def loaded(workspace: Workspace, request: Request) -> ImportSession:
    session = workspace.new_import()
    session.load_erp(request, password=PASSWORD)
    return session


def imported(workspace: Workspace, request: Request) -> dict[str, dict[str, int]]:
    session = loaded(workspace, request)
    session.preview()
    return session.commit().written


def cells(session: ImportSession) -> list[dict[str, str]]:
    with session.source_path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_tryton_is_recognised(connected: Workspace) -> None:
    assert ("tryton", "") == (
        connected.erp.connection(NAME).system,
        connected.erp.connection(NAME).company,
    )


def test_customers_come_with_their_contact_persons_and_need_no_mapping(
    connected: Workspace,
) -> None:
    """Not with them: the own company, parties that are not in use, merged ones, suppliers."""
    session = loaded(connected, ask())

    rows = cells(session)
    assert 121 == len(rows) == session.staged.row_count
    assert 98 == len({row["Company ERP key"] for row in rows})
    assert 46 == len({row["Person ERP key"] for row in rows if row["Person ERP key"]})
    named = [row["Company name"] for row in rows]
    assert not {"Dunder Mifflin", "Gone Ltd", "Harbour Design 3"} & set(named)
    assert {"C-0000"} == {
        row["Company number"] for row in rows if row["Company name"] == "Fjord Trading 0"
    }
    first = next(row for row in rows if row["Person number"] == "P-0000")
    assert {
        "Company name": "Fjord Trading 0",
        "Company VAT number": "923 609 016",
        "Company postal address: Address 1": "Gate B",
        "Company postal address: Address 2": "Main street 0",
        "Company postal address: Zip code": "0155",
        "Company postal address: City": "Oslo",
        "Company country": "NO",
        "Company E-mail": "post0@company0.example",
        "Person full name": "Ingrid Berg",
        "Person E-mail": "person0@mail.example",
    }.items() <= first.items()
    assert first["Company ERP key"].startswith(f"{NAME}:")
    assert all(column.target for column in session.mapping.columns)


def test_a_tryton_without_relations_has_customers_all_the_same(
    tryton: Tryton, workspace: Workspace
) -> None:
    """A module that is not installed has no tables."""
    with closing(sqlite3.connect(tryton.folder / SQLITE)) as database:
        database.execute("drop table party_relation")
        database.execute("drop table party_relation_type")
    workspace.erp.add(NAME, tryton.url)

    asked = workspace.erp.choices(NAME, Actors.CUSTOMERS)
    found = workspace.erp.find(ask(), limit=200)

    assert ["parties"] == [item.option.id for item in asked]
    assert 98 == found.count == len(set(found.keys))


def test_the_settings_go_by_the_erps_keys(connected: Workspace) -> None:
    session = loaded(connected, ask(name="fjord"))

    rules = [session.settings.rule(entity) for entity in session.schema.entities]
    assert ["erp_key", "erp_key"] == [rule.match_key for rule in rules]


@pytest.mark.parametrize(
    ("actors", "rows"),
    [
        pytest.param(Actors.SUPPLIERS, 39, id="suppliers"),
        pytest.param(Actors.BOTH, 160, id="both"),
        pytest.param(Actors.PERSONS, 60, id="persons"),
        pytest.param(Actors.PRODUCTS, 20, id="products"),
    ],
)
def test_other_actors_are_counted(connected: Workspace, actors: Actors, rows: int) -> None:
    assert rows == connected.erp.find(ask(actors), password=PASSWORD, limit=2).count


@pytest.mark.parametrize(
    ("criteria", "companies"),
    [
        pytest.param({"name": "ØRJE FISH 2"}, {"Ørje Fish 2", "Ørje Fish 128"}, id="name"),
        pytest.param({"code": "c-000", "country": "se"}, None, id="code and country"),
        pytest.param({"city": "oslo", "name": "trading 1"}, None, id="city"),
        pytest.param({"changed_since": "2999-01-01"}, set(), id="changed since"),
    ],
)
def test_criteria_narrow_the_search(
    connected: Workspace, criteria: dict[str, str], companies: set[str] | None
) -> None:
    found = connected.erp.find(ask(Actors.BOTH, **criteria), password=PASSWORD, limit=200)
    everything = connected.erp.find(ask(Actors.BOTH), password=PASSWORD, limit=200)

    at = found.headers.index("Company name")
    names = {row[at] for row in found.rows}
    if companies is None:
        assert 0 < found.count < everything.count
        assert names < {row[at] for row in everything.rows}
    else:
        assert names <= companies


def test_everything_changed_since_the_beginning(connected: Workspace) -> None:
    found = connected.erp.find(ask(changed_since="2001-01-01"), password=PASSWORD)

    assert 121 == found.count


def test_the_ticked_ones_alone_are_taken(connected: Workspace) -> None:
    keys = connected.erp.find(ask(), password=PASSWORD, limit=200).keys
    ticked = sorted(set(keys))[:2]

    session = loaded(connected, ask(only=ticked))

    assert {f"{NAME}:{key}" for key in ticked} == {row["Company ERP key"] for row in cells(session)}


def test_products_have_their_prices_as_text(connected: Workspace) -> None:
    """SQLite keeps Tryton's decimals as bytes."""
    session = connected.new_import()
    session.price_list = connected.add_price_list(name="Standard", currency="EUR")
    session.load_erp(ask(Actors.PRODUCTS), password=PASSWORD)

    assert "product" == session.subject
    first = cells(session)[0]
    assert ("Desk 0", "D-000", "799.00", "Unit") == (
        first["Product name"],
        first["Product code"],
        first["Product list price"],
        first["Product unit"],
    )
    session.preview()
    assert 20 == session.commit().written["product"]["new"]


def test_a_query_of_ones_own_is_read(connected: Workspace) -> None:
    query = "select code, name as company__name, '50%: a' as note from party_party order by code;"

    session = loaded(connected, ask(Actors.SQL, sql=query))

    assert ["code", "Company name", "note"] == [c.header for c in session.staged.columns]
    assert 193 == session.staged.row_count
    assert "50%: a" == cells(session)[0]["note"]


@pytest.mark.parametrize(
    "query",
    [
        "delete from party_party",
        "select 1; delete from party_party",
        "with gone as (delete from party_party returning *) select * from gone",
        "select * into copied from party_party",
        "update party_party set name = 'x'",
        "create table x (a integer)",
        "select * from party_party for update",
        "/* select */ drop table party_party",
        "vacuum",
        "",
    ],
)
def test_a_query_that_writes_is_refused(connected: Workspace, query: str) -> None:
    with pytest.raises(SourceError):
        loaded(connected, ask(Actors.SQL, sql=query or ";"))


def test_the_database_itself_refuses_to_write(
    tryton_on_postgres: Tryton, workspace: Workspace
) -> None:
    """What no parser can see, as a function that writes, under a user who might."""
    workspace.erp.add(NAME, f"{tryton_on_postgres.uri}erp", keep_password=False)

    with pytest.raises(SourceError, match="writes"):
        loaded(workspace, ask(Actors.SQL, sql="select nextval('party_party_id_seq') as n"))


def test_two_changes_in_tryton_are_two_changes_in_the_crm(
    tryton: Tryton, workspace: Workspace
) -> None:
    """The description repeats the import without a file."""
    workspace.erp.add(NAME, tryton.url)
    session = loaded(workspace, ask(Actors.BOTH))
    session.preview()
    assert 130 == session.commit().written["company"]["new"]
    session.save_description("Parties")

    tryton.work("change")
    summary = jobs.run(
        lambda: workspace, "Parties", None, Job(commit=True), progress=lambda _f, _t: None
    )

    told = summary.as_json()
    assert Exit.OK == summary.exit, told
    assert {"new": 0, "changed": 2} == {
        what: told["batch"]["written"]["company"][what] for what in ("new", "changed")
    }
    assert 0 == sum(told["batch"]["written"]["person"].values())
    renamed = workspace.query("select name from crm.company where name like 'Renamed%' order by 1")
    assert ["Renamed Brook Ltd", "Renamed Harbour Ltd"] == renamed["name"].tolist()


def test_a_description_has_neither_address_nor_password(
    tryton_on_postgres: Tryton, workspace: Workspace
) -> None:
    workspace.erp.add(NAME, tryton_on_postgres.url, password=PASSWORD, keep_password=False)
    session = loaded(workspace, ask(name="fjord"))

    text = session.save_description("Customers").path.read_text(encoding="utf-8")

    assert NAME in text
    assert PASSWORD not in text
    assert "127.0.0.1" not in text


def test_a_wrong_password_is_told_without_it(
    tryton_on_postgres: Tryton, workspace: Workspace
) -> None:
    with pytest.raises(PasswordError) as told:
        workspace.erp.add(NAME, tryton_on_postgres.url, password="wrong-4711")

    assert "wrong-4711" not in str(told.value)
    assert () == workspace.erp.connections()


def test_no_file_of_the_workspace_has_the_password(
    tryton_on_postgres: Tryton, workspace: Workspace
) -> None:
    url = tryton_on_postgres.url.replace("reader@", f"reader:{PASSWORD}@")
    workspace.erp.add(NAME, url, keep_password=False)
    loaded(workspace, ask(name="fjord"))

    having = [
        path
        for path in workspace.path.rglob("*")
        if path.is_file() and PASSWORD.encode() in path.read_bytes()
    ]
    assert [] == having


def test_the_keychain_has_the_password_until_the_connection_goes(
    tryton_on_postgres: Tryton, workspace: Workspace, keyring: MemoryKeyring
) -> None:
    workspace.erp.add(NAME, tryton_on_postgres.url, password=PASSWORD)
    found = workspace.erp.find(ask()).count

    workspace.erp.remove(NAME)

    assert 121 == found
    assert {} == keyring.kept
    with pytest.raises(PasswordError):
        workspace.erp.add(NAME, tryton_on_postgres.url)


def test_a_user_who_may_not_read_a_table_is_told(
    tryton_on_postgres: Tryton, postgres: Server, workspace: Workspace
) -> None:
    postgres.sql(f"create role outsider login password '{PASSWORD}'")
    url = tryton_on_postgres.url.replace("reader@", "outsider@")
    workspace.erp.add(NAME, url, password=PASSWORD, keep_password=False)

    with pytest.raises(CrmkitError, match="permission denied"):
        loaded(workspace, ask())


def test_many_rows_are_cancelled_and_nothing_changes(
    tryton_on_postgres: Tryton, workspace: Workspace
) -> None:
    workspace.erp.add(NAME, tryton_on_postgres.url, password=PASSWORD, keep_password=False)
    session = loaded(workspace, ask(name="fjord"))
    before = session.staged

    def stop(fraction: float, text: str) -> None:
        if fraction > 0.1:
            session.cancel()

    with pytest.raises(CancelledError):
        session.load_erp(
            ask(Actors.SQL, sql="select n from generate_series(1, 1000000) as n"),
            password=PASSWORD,
            progress=stop,
        )

    assert before == session.staged
    assert [session.source_path.name] == [path.name for path in session.upload_folder.iterdir()]


@pytest.mark.parametrize(
    ("fixture", "query"),
    [
        (
            "tryton",
            (
                "with recursive n(i) as (select 1 union all select i + 1 from n)"
                " select count(*) as many from n"
            ),
        ),
        ("tryton_on_postgres", "select pg_sleep(600)"),
    ],
    ids=["sqlite", "postgresql"],
)
def test_a_query_without_end_is_stopped(
    request: pytest.FixtureRequest, workspace: Workspace, fixture: str, query: str
) -> None:
    """Where no row comes that could ask whether to go on."""
    there: Tryton = request.getfixturevalue(fixture)
    workspace.erp.add(NAME, there.url, password=there.password, keep_password=False)
    session = workspace.new_import()
    stop = threading.Timer(1.0, session.cancel)
    stop.start()

    with pytest.raises(CancelledError):
        session.find_erp(ask(Actors.SQL, sql=query), password=there.password)

    stop.join()
