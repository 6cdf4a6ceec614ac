"""A CRM and an import in a temporary folder, for tests of what the plan decides.

Rows are staged directly, so that a test shows only the cells that its rule is about.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from crmkit import crm, decisions, preview
from crmkit.batches import Batch, BatchHeader
from crmkit.commit import commit
from crmkit.crm import Preferences
from crmkit.database import Database, in_memory
from crmkit.mapping import ColumnMapping, Mapping
from crmkit.plan import Balance, Plan, balance, make_plan
from crmkit.settings import Settings
from crmkit.sql import Query, join, name, sql
from crmkit.workspace import Workspace

Row = dict[str, str | None]


def silent(fraction: float, text: str) -> None:
    del fraction, text


@cache
def empty_crm(preferences: Preferences) -> bytes:
    """The file of an empty CRM. It is made once: making it takes as long as a small import."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "crm.duckdb"
        with in_memory() as db, db.attached(path, "crm", read_only=False):
            crm.create(db, preferences=preferences)
        return path.read_bytes()


def new_workspace(path: Path, *, preferences: Preferences | None = None) -> Workspace:
    """What `Workspace.create` makes, with a copy of an empty CRM."""
    workspace = Workspace(path)
    workspace._make_folders()
    workspace.crm_path.write_bytes(empty_crm(preferences or Preferences()))
    return workspace


_first_batches: dict[str, dict[Path, bytes]] = {}
"""What was imported into an empty workspace -> its files after that."""


def first_batch(workspace: Workspace, what: object, imported: Callable[[], object]) -> Batch:
    """The batch with which an empty workspace begins: made once, and copied from then on.

    Args:
        what: The rows and choices that it is made of.
        imported: Makes it.
    """
    known = repr((workspace.preferences, what))
    if known not in _first_batches:
        imported()
        _first_batches[known] = {
            path.relative_to(workspace.path): path.read_bytes()
            for path in workspace.path.rglob("*")
            if path.is_file()
        }
    for place, content in _first_batches[known].items():
        (workspace.path / place).parent.mkdir(exist_ok=True)
        (workspace.path / place).write_bytes(content)
    (batch,) = workspace.batches()
    return batch


def mapping_of(targets: Sequence[str]) -> Mapping:
    return Mapping(
        columns=tuple(
            ColumnMapping(column=f"c{number}", target=target.split("#")[0])
            for number, target in enumerate(targets, start=1)
        )
    )


def stage(
    db: Database, targets: Sequence[str], rows: Sequence[Row], left_out: Sequence[int]
) -> None:
    """Put rows into `staged`; the first has number 2, below its header."""
    columns = [f"c{number}" for number in range(1, len(targets) + 1)]
    db.run(
        sql(
            "create or replace table staged (row_no integer, {columns})",
            columns=join(", ", (sql("{c} varchar", c=name(c)) for c in columns)),
        )
    )
    records = [
        sql(
            "({n}, {cells})",
            n=number,
            cells=join(", ", (sql("nullif({v}, '')", v=row.get(target)) for target in targets)),
        )
        for number, row in enumerate(rows, start=2)
    ]
    if records:
        db.run(sql("insert into staged values {records}", records=join(", ", records)))
    db.run(sql("create or replace table left_out (row_no integer)"))
    decisions.create(db)
    for number in left_out:
        db.run(sql("insert into left_out values ({n})", n=number))


@dataclass
class Outcome:
    """What one import planned and, where it was committed, wrote."""

    plan: Plan
    balances: dict[str, Balance]
    records: dict[str, list[dict[str, Any]]]
    rows: list[dict[str, Any]]
    issues: list[dict[str, Any]]
    details: dict[int, tuple[preview.RecordDetail, ...]]

    def counts(self, entity: str) -> dict[str, int]:
        """Records by status, without the zeros."""
        counts = self.balances[entity].records
        return {status.value: number for status, number in counts.items() if number}

    def reasons(self, entity: str) -> dict[int, str]:
        """First row of each record -> reason."""
        return {record["record_no"]: record["reason"] for record in self.records[entity]}

    def statuses(self, entity: str) -> dict[int, str | None]:
        """Row -> status."""
        return {row["row_no"]: row[f"{entity}_status"] for row in self.rows}

    def codes(self) -> list[tuple[int, str]]:
        """Row and code of every issue."""
        return [(issue["row_no"], issue["code"]) for issue in self.issues]


_first_imports: dict[str, tuple[Outcome, bytes]] = {}
"""What was imported into an empty CRM -> what was planned, and the CRM's file with it."""


@dataclass
class Kit:
    """A CRM in a folder."""

    folder: Path
    preferences: Preferences = field(default_factory=Preferences)
    batches: int = 0

    def __post_init__(self) -> None:
        self.path = self.folder / "crm.duckdb"
        self.path.write_bytes(empty_crm(self.preferences))

    def load(
        self,
        rows: Sequence[Row],
        settings: Settings | None = None,
        *,
        left_out: Sequence[int] = (),
        write: bool = True,
        mapping: Mapping | None = None,
        detailed: Sequence[int] = (),
    ) -> Outcome:
        """Plan an import of some rows and, unless told not to, commit it.

        What rows make of an empty CRM is made once: many cases of a rule begin with the same.

        Args:
            detailed: The rows of which the outcome has the details.
        """
        choices = (rows, settings, left_out, mapping, detailed)
        if not write or self.path.read_bytes() != empty_crm(self.preferences):
            return self._import(*choices, write=write)
        known = repr((self.preferences, choices))
        if known not in _first_imports:
            outcome = self._import(*choices, write=True)
            _first_imports[known] = (outcome, self.path.read_bytes())
        outcome, held = _first_imports[known]
        self.path.write_bytes(held)
        self.batches = 1
        return outcome

    def _import(
        self,
        rows: Sequence[Row],
        settings: Settings | None,
        left_out: Sequence[int],
        mapping: Mapping | None,
        detailed: Sequence[int],
        *,
        write: bool,
    ) -> Outcome:
        targets = list(dict.fromkeys(target for row in rows for target in row))
        chosen = mapping or mapping_of(targets)
        settings = settings or Settings()
        with in_memory() as db:
            stage(db, targets, rows, left_out)
            with db.attached(self.path, "crm", read_only=True):
                plan = make_plan(
                    db,
                    mapping=chosen,
                    settings=settings,
                    schema=crm.load_schema(db),
                    preferences=crm.load_preferences(db),
                    progress=silent,
                )
            outcome = _outcome(db, plan, detailed)
            if write:
                with db.attached(self.path, "crm", read_only=False):
                    self.batches = commit(db, plan, _header(len(rows)), progress=silent)
        return outcome

    @contextmanager
    def reading(self) -> Iterator[Database]:
        """The CRM, attached as `crm`, for the length of a block."""
        with in_memory() as db, db.attached(self.path, "crm", read_only=True):
            yield db

    def records(self, entity: str) -> list[dict[str, Any]]:
        """All records of an entity as a person reads them, by id."""
        with self.reading() as db:
            return records_of(db, entity)

    def children(self, child: str, owner: str) -> list[tuple[Any, ...]]:
        """Owner's id, slot and value of a child's records, in the order of the screen."""
        with self.reading() as db:
            return db.rows(
                sql(
                    "select {owner}, slot, value from {t} where {owner} is not null"
                    " order by {owner}, slot, rank, id",
                    owner=name(f"{owner}_id"),
                    t=crm.table(child),
                )
            )

    def write(self, statement: str) -> None:
        """Change the CRM behind the program's back."""
        with in_memory() as db, db.attached(self.path, "crm", read_only=False):
            db.run(Query((statement,)))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a test's own query."""
        with self.reading() as db:
            return db.rows(Query((query,)))


def records_of(db: Database, entity: str) -> list[dict[str, Any]]:
    """All records of an entity in the attached CRM, by id."""
    found = crm.load_schema(db).entity(entity)
    query = crm.record_sql(found, found.stored)
    return db.records(sql("select * from ({q}) order by id", q=query))


def _outcome(db: Database, plan: Plan, detailed: Sequence[int]) -> Outcome:
    balances = {item.entity: item for item in balance(db, plan.entities)}
    records = {
        entity.id: db.records(
            sql("select * from {t} order by record_no", t=name(f"{entity.id}_record"))
        )
        for entity in plan.entities
    }
    rows = db.records(sql("select * from plan_row order by row_no"))
    issues = db.records(sql("select * from issue order by row_no, target, code"))
    details = {row_no: preview.row_detail(db, plan, row_no) for row_no in detailed}
    return Outcome(plan, balances, records, rows, issues, details)


def _header(rows: int) -> BatchHeader:
    return BatchHeader(
        import_id="test",
        committed_at=datetime(2026, 1, 2, 3, 4),
        committed_by="tester",
        source="rows.xlsx",
        source_sha256="",
        row_count=rows,
        mapping="{}",
        settings="{}",
        balance="[]",
        backup="",
    )
