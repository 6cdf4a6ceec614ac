"""Rows that are held back: in the shape of the source, with the reason, to mend and import again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crmkit import workbooks
from crmkit.database import Database
from crmkit.errors import Level
from crmkit.plan import Plan, Reason, Status
from crmkit.sql import Query, join, name, sql
from crmkit.staging import Column, StagedTable
from crmkit.suggestions import HELD_BACK, is_held_back_header

_BLOCK = 10_000
_STATUSES = [Status.HELD_BACK.value, Status.PROBLEM.value]


def count(db: Database, plan: Plan | None) -> int:
    """How many rows of the file are held back, for one of their records at least.

    Args:
        plan: None for an import that is in the CRM, of which only the rows held back are kept.
    """
    if plan is None:
        return int(db.value(sql("select count(*) from held_back")))
    return int(db.value(sql("select count(*) from plan_row as row where {held}", held=_held(plan))))


def page(
    db: Database, plan: Plan | None, staged: StagedTable, *, offset: int = 0, limit: int = 100
) -> list[tuple[Any, ...]]:
    """Some rows held back, in the order of the file: row number, the source's cells, the reason."""
    if plan is not None:
        which = sql(
            "(select * from plan_row as row where {held} order by row_no limit {limit} offset {offset})",
            held=_held(plan),
            limit=limit,
            offset=offset,
        )
        return db.rows(sql("{rows} order by row_no", rows=_rows_sql(plan, staged, which)))
    cells = join("", (sql(", {c}", c=name(c.id)) for c in _kept(staged)))
    return db.rows(
        sql(
            "select row_no {cells}, reason from held_back order by row_no"
            " limit {limit} offset {offset}",
            cells=cells,
            limit=limit,
            offset=offset,
        )
    )


def keep(db: Database, plan: Plan, staged: StagedTable, *, catalog: str) -> None:
    """Copy the rows held back, with their reasons, into an attached file that outlives the others."""
    which = sql("(select * from plan_row as row where {held})", held=_held(plan))
    db.run(
        sql(
            "create table {t} as {rows}",
            t=name(catalog, "held_back"),
            rows=_rows_sql(plan, staged, which),
        )
    )


def _rows_sql(plan: Plan, staged: StagedTable, which: Query) -> Query:
    """Rows held back: `row_no`, the source's cells, and `reason`.

    Args:
        which: Those rows of `plan_row`.
    """
    cells = join("", (sql(", staged.{c}", c=name(c.id)) for c in _kept(staged)))
    return sql(
        """
        with held as {which}, problem as (
            select issue.row_no, issue.entity,
                string_agg(distinct concat_ws(' ', '“' || nullif(issue.value, '') || '”:',
                    issue.message, issue.mend), ' ' order by concat_ws(' ',
                    '“' || nullif(issue.value, '') || '”:', issue.message, issue.mend)) as told
            from issue join held on held.row_no = issue.row_no
            where issue.level = {error}
            group by issue.row_no, issue.entity
        )
        select row.row_no {cells}, concat_ws(' ', {reasons}) as reason
        from held as row
        join staged on staged.row_no = row.row_no
        {joins}
        """,
        which=which,
        error=Level.ERROR.value,
        cells=cells,
        reasons=join(", ", (_reason(entity.id, entity.labels["en"]) for entity in plan.entities)),
        joins=join(" ", (_joins(entity.id) for entity in plan.entities)),
    )


def headers(staged: StagedTable) -> tuple[str, ...]:
    """The source's own headers, and that of the reason."""
    return (*_source_headers(staged), HELD_BACK)


def export(
    db: Database,
    plan: Plan | None,
    staged: StagedTable,
    path: Path,
    *,
    tell: workbooks.Tell | None = None,
) -> int:
    """Write the rows held back to an Excel or CSV file, by the ending of its name.

    Args:
        tell: Is told what a workbook could not hold; CSV has all.

    Returns:
        The number of rows written.

    Raises:
        StorageError: The file cannot be written.
    """
    written = 0

    def rows() -> Iterator[tuple[Any, ...]]:
        nonlocal written
        while block := page(db, plan, staged, offset=written, limit=_BLOCK):
            written += len(block)
            yield from (row[1:] for row in block)

    if path.suffix.lower() == ".csv":
        workbooks.write_csv(path, headers(staged), rows())
    else:
        workbooks.write_table(path, headers(staged), rows(), sheet="Held back", tell=tell)
    return written


def _held(plan: Plan) -> Query:
    return join(
        " or ",
        (
            sql("list_contains({s}, row.{c})", s=_STATUSES, c=name(f"{entity.id}_status"))
            for entity in plan.entities
        ),
    )


def _reason(entity: str, label: str) -> Query:
    """Why a record of the row is held back: what is wrong with its cells, else with the record."""
    record, problem = name(f"{entity} record"), name(f"{entity} problem")
    labels = join(
        " ", (sql("when {value} then {label}", value=r.value, label=r.label) for r in Reason)
    )
    return sql(
        "case when list_contains({s}, row.{status}) then {label} || ': '"
        " || coalesce({problem}.told, (case {record}.reason {labels} end) || '.') end",
        s=_STATUSES,
        status=name(f"{entity}_status"),
        label=label,
        problem=problem,
        record=record,
        labels=labels,
    )


def _joins(entity: str) -> Query:
    # An issue of a record is told at its first row, and holds for all its rows.
    return sql(
        "left join {records} as {record} on {record}.record_no = row.{number}"
        " left join problem as {problem} on {problem}.entity = {entity} and {problem}.row_no = row.row_no",
        records=name(f"{entity}_record"),
        record=name(f"{entity} record"),
        number=name(f"{entity}_record"),
        problem=name(f"{entity} problem"),
        entity=entity,
    )


def _kept(staged: StagedTable) -> list[Column]:
    """The source's columns, without the reason that an earlier export gave it."""
    return [column for column in staged.columns if not is_held_back_header(column.header)]


def _source_headers(staged: StagedTable) -> Iterator[str]:
    """The headers as the source has them: `staging` numbers repeated ones and names blank ones."""
    seen: dict[str, int] = {}
    for column in _kept(staged):
        stem, bracket, number = column.header.rpartition(" (")
        count = seen.get(stem.casefold(), 0)
        if bracket and count and number == f"{count + 1})":
            seen[stem.casefold()] = count + 1
            yield stem
            continue
        seen[column.header.casefold()] = 1
        made_up = column.header == f"Column {column.letter}"
        # Without any header the file would be read as one that begins with its first row.
        yield "" if made_up and staged.header_row else column.header
