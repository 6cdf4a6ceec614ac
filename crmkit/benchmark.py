"""Measures an import beside the bare DuckDB work that it cannot avoid, in one run.

    python -m crmkit.benchmark --rows 10000 100000 1000000

Every figure comes from a process of its own. What counts is the ratio to the floor: seconds depend on
the machine. The floor is: reading the same CSV into a table, one hash join of the two files, and
inserting every row that the commit inserts, in all tables and in their whole width. "csv, settings"
is the import with every setting in use, "csv, decisions" the one with 10,000 decisions; both are
compared with the floor of the plain import. "undo" is taking the plain import back, beside the total:
it is to stay within the commit's own time.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import psutil

from crmkit import decisions, generator
from crmkit.database import opened
from crmkit.decisions import Kind
from crmkit.entities import COMPANY, PERSON, SCHEMA, Child, Entity
from crmkit.preview import RowFilter
from crmkit.session import ImportSession
from crmkit.settings import (
    Action,
    ChildAction,
    FieldRule,
    ListRule,
    NumberFormat,
    Privacy,
    Settings,
    UnknownItem,
    Write,
)
from crmkit.sql import Query, name, sql
from crmkit.workspace import Workspace

_SIZES: Final = (10_000, 100_000, 1_000_000)
_LARGEST_WORKBOOK: Final = 100_000
_STEPS: Final = ("load", "map + match", "plan", "first page", "deep page", "commit")
_UNDO: Final = "undo"
_DECISIONS: Final = 10_000
_MATCHING: Final = ("Reading", "Bringing", "Looking")


class Clock:
    """Seconds by step, and the most memory that the process had."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._process = psutil.Process()
        self.peak_mb = 0.0
        self._ended = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def time(self, step: str, work: Callable[[], Any]) -> Any:
        """Run some work and add its time to a step."""
        started = time.perf_counter()
        result = work()
        self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - started
        return result

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            self.peak_mb = max(self.peak_mb, self._process.memory_info().rss / 1e6)


class Use(StrEnum):
    """How much of what an import can do is made use of."""

    PLAIN = "plain"
    SETTINGS = "settings"
    DECISIONS = "decisions"


_PLAIN: Final = (
    Settings()
    .with_rule(COMPANY, match_key="number", action=Action.REPLACE)
    .with_rule(PERSON, match_key="email", action=Action.MERGE)
)
_EVERY_SETTING: Final = (
    Settings(
        blanks_clear=True,
        search_everywhere=True,
        phones=ChildAction.REPLACE,
        links=ChildAction.REPLACE,
        restore_zeros=True,
        number_format=NumberFormat.COMMA,
        privacy=Privacy(legal_basis="Consent", comment="Asked at the fair"),
        lists={
            "category": ListRule(unknown=UnknownItem.DEFAULT, values={"Kunde": "Customer"}),
            "business": ListRule(unknown=UnknownItem.BLANK, values={"Bank": "Finance"}),
            "position": ListRule(unknown=UnknownItem.ADD),
        },
        fields={
            "company.department": FieldRule(write=Write.IF_EMPTY),
            "company.postal.city": FieldRule(write=Write.ALWAYS, blank_clears=False),
            "person.title": FieldRule(write=Write.NEVER),
            "person.first_name": FieldRule(write=Write.ALWAYS),
        },
    )
    .with_rule(COMPANY, match_key="number", action=Action.REPLACE)
    .with_rule(PERSON, match_key="email", action=Action.REPLACE)
)


def decide(session: ImportSession, count: int = _DECISIONS) -> None:
    """Decide about that many records of a file, in every way that there is."""
    fifth = min(count, session.staged.row_count) // 5
    ways: list[tuple[str, Kind, dict[str, Any]]] = [
        ("person", Kind.ACTION, {"value": Action.REPLACE.value}),
        ("company", Kind.ACTION, {"value": Action.SKIP.value}),
        ("person", Kind.NEW, {}),
        ("person", Kind.MATCH, {"record_id": sql("chosen.row_no - 1")}),
        ("person", Kind.CELL, {"target": "person.first_name", "value": "Ann"}),
    ]
    with session.writing() as db, db.atomic():
        for number, (entity, kind, what) in enumerate(ways):
            rows = sql(
                "select row_no from staged order by row_no limit {n} offset {first}",
                n=fifth,
                first=number * fifth,
            )
            decisions.decide(db, entity, rows, kind, **what)


def measure_import(folder: Path, incoming: Path, use: Use = Use.PLAIN) -> dict[str, Any]:
    """Import a file into a CRM of equal size, half of it known, and time each step."""
    workspace = Workspace.open(folder / "workspace")
    clock = Clock()
    session = workspace.new_import()
    clock.time("load", lambda: session.load(incoming))
    session.settings = _EVERY_SETTING if use is Use.SETTINGS else _PLAIN
    if use is Use.DECISIONS:
        decide(session)
    marks: list[tuple[str, float]] = []
    started = time.perf_counter()
    preview = session.preview(
        progress=lambda _, text: marks.append((text, time.perf_counter() - started))
    )
    marks.append(("", time.perf_counter() - started))
    for (text, begin), (_, end) in itertools.pairwise(marks):
        step = "map + match" if text.startswith(_MATCHING) else "plan"
        clock.seconds[step] = clock.seconds.get(step, 0.0) + end - begin
    rows = session.staged.row_count
    preview.order(RowFilter())
    clock.time("first page", lambda: preview.page(offset=0, limit=100))
    clock.time("deep page", lambda: preview.page(offset=max(rows - 100, 0), limit=100))
    batch = clock.time("commit", session.commit)
    return {
        "batch": batch.id,
        "rows": rows,
        "seconds": clock.seconds,
        "peak_mb": clock.peak_mb,
    }


def measure_undo(folder: Path, batch: int) -> dict[str, Any]:
    """Take an import back, with its preview and its backup, as the commit's time has one too."""
    workspace = Workspace.open(folder / "workspace")
    clock = Clock()
    clock.time(_UNDO, lambda: workspace.undo(batch))
    return {"seconds": clock.seconds, "peak_mb": clock.peak_mb}


def measure_floor(folder: Path, existing: Path, incoming: Path, batch: int) -> dict[str, Any]:
    """The bare work: read the CSV into a table, one hash join, insert the rows that a batch inserted."""
    clock = Clock()
    path = folder / "floor.duckdb"
    path.unlink(missing_ok=True)
    read = sql(
        "create table known as select * from read_csv({p}, all_varchar = true)", p=str(existing)
    )
    with opened(path, must_exist=False) as db:
        db.run(read)
        columns = [row[0] for row in db.rows(sql("select column_name from (describe known)"))]
        key = name(next(c for c in columns if c.lower() in ("e-mail", "email")))

        def land() -> None:
            db.run(
                sql(
                    "create table landed as select * from read_csv({p}, all_varchar = true)",
                    p=str(incoming),
                )
            )

        def match() -> None:
            db.run(
                sql(
                    "create table matched as select landed.{key} as key, count(*) as hits"
                    " from landed join known on known.{key} = landed.{key} group by all",
                    key=key,
                )
            )

        def insert() -> None:
            for table, rows in _inserted_sql(batch).items():
                db.run(sql("create table {t} as {rows} limit 0", t=name(table), rows=rows))
                db.run(sql("insert into {t} {rows}", t=name(table), rows=rows))
            db.run(sql("checkpoint"))

        clock.time("load", land)
        clock.time("map + match", match)
        with db.attached(folder / "workspace" / "crm.duckdb", "crm", read_only=True):
            clock.time("commit", insert)
    return {"seconds": clock.seconds, "peak_mb": clock.peak_mb}


def _inserted_sql(batch: int) -> dict[str, Query]:
    """The rows that a batch inserted, in every table of the CRM and in its whole width."""
    written: tuple[Entity | Child, ...] = (*SCHEMA.entities, *SCHEMA.children)
    marks = {
        **{record.id: sql("created_by_batch") for record in written},
        "change": sql("batch_id"),
        "selection_member": sql(
            "(select batch_id from crm.selection where selection.id = selection_id)"
        ),
    }
    return {
        table: sql(
            "select * from {t} where {mark} = {batch}",
            t=name("crm", table),
            mark=mark,
            batch=batch,
        )
        for table, mark in marks.items()
    }


def prepare(folder: Path, rows: int) -> None:
    """Make the two files, and a workspace whose CRM holds the first of them."""
    recipe = generator.Recipe(rows=rows)
    generator.write_pair(
        recipe, folder / "existing.csv", folder / "incoming.csv", folder / "truth.csv", overlap=0.5
    )
    workspace = Workspace.create(folder / "workspace")
    session = workspace.new_import()
    session.load(folder / "existing.csv")
    session.settings = (
        Settings().with_rule(COMPANY, match_key="number").with_rule(PERSON, match_key="email")
    )
    session.preview()
    session.commit(back_up=False)


def main() -> None:
    """Print the table; `--case` is how it calls itself for one figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=list(_SIZES))
    parser.add_argument("--case", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        sys.stdout.write(json.dumps(_run_case(json.loads(arguments.case))))
        return
    sys.stdout.write(_line(["rows", "source", *_STEPS, _UNDO, "total", "peak MB", "total / floor"]))
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory() as temporary:
            for line in _measure_size(Path(temporary), rows):
                sys.stdout.write(_line(line))
                sys.stdout.flush()


def _measure_size(folder: Path, rows: int) -> list[list[str]]:
    _in_process({"do": "prepare", "folder": str(folder), "rows": rows})
    crm = folder / "workspace" / "crm.duckdb"
    kept = crm.read_bytes()
    lines = []
    endings = ["csv", "xlsx"] if rows <= _LARGEST_WORKBOOK else ["csv"]
    if "xlsx" in endings:
        _in_process({"do": "workbook", "folder": str(folder)})
    floor: dict[str, Any] = {}
    measured = [(ending, Use.PLAIN) for ending in endings]
    measured += [("csv", Use.SETTINGS), ("csv", Use.DECISIONS)]
    for ending, use in measured:
        crm.write_bytes(kept)
        found = _in_process({"do": "import", "folder": str(folder), "ending": ending, "use": use})
        if not floor:
            case = {"do": "floor", "folder": str(folder), "batch": found["batch"]}
            floor = _in_process(case)
            case = {"do": "undo", "folder": str(folder), "batch": found["batch"]}
            found["undo"] = _in_process(case)["seconds"][_UNDO]
        bare = sum(floor["seconds"].values())
        source = ending if use is Use.PLAIN else f"csv, {use}"
        lines.append(_figures(rows, source, found, sum(found["seconds"].values()) / bare))
    lines.append(_figures(rows, "floor", floor, 1.0))
    return lines


def _run_case(case: dict[str, Any]) -> dict[str, Any]:
    folder = Path(case["folder"])
    match case["do"]:
        case "prepare":
            prepare(folder, case["rows"])
        case "workbook":
            generator.workbook_of(folder / "incoming.csv", folder / "incoming.xlsx")
        case "import":
            return measure_import(folder, folder / f"incoming.{case['ending']}", Use(case["use"]))
        case "undo":
            return measure_undo(folder, case["batch"])
        case "floor":
            return measure_floor(
                folder,
                folder / "existing.csv",
                folder / "incoming.csv",
                case["batch"],
            )
    return {}


def _in_process(case: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(  # noqa: S603 - itself, with its own arguments
        [sys.executable, "-m", "crmkit.benchmark", "--case", json.dumps(case)],
        check=True,
        capture_output=True,
        text=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _figures(rows: int, source: str, found: dict[str, Any], ratio: float) -> list[str]:
    seconds = found["seconds"]
    steps = [f"{seconds[step]:.2f}" if step in seconds else "-" for step in _STEPS]
    total = sum(seconds.values())
    undo = f"{found['undo']:.2f}" if "undo" in found else "-"
    memory = f"{found['peak_mb']:.0f}"
    return [f"{rows:,}", source, *steps, undo, f"{total:.2f}", memory, f"{ratio:.1f}"]


def _line(cells: list[str]) -> str:
    return "  ".join(f"{cell:>14}" for cell in cells) + "\n"


if __name__ == "__main__":
    main()
