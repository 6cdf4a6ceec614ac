"""The plan on the screen: rows filtered, searched, sorted and paged, and one row side by side.

A sort or filter builds the order once (`grid_order`: position -> row); after that every page is a
range of positions, at any depth (reference: ui.md section 1.3).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from crmkit.database import Database
from crmkit.decisions import SEPARATOR, decisions
from crmkit.entities import Entity
from crmkit.errors import Level
from crmkit.matching import Matcher, name_fields_sql
from crmkit.plan import Plan, Reason, Status
from crmkit.records import Column, Shape, children
from crmkit.settings import Action
from crmkit.sql import Query, join, name, sql

if TYPE_CHECKING:
    import pandas as pd

_MOST_ROWS = 20
"""Rows of one record that are named on the screen."""


class Also(StrEnum):
    """Filters beside the statuses."""

    ISSUES = "issues"
    LEFT_OUT = "left_out"


@dataclass(frozen=True)
class RowFilter:
    """Which rows are shown, and in which order.

    Attributes:
        entity, status: Rows whose record of this entity has this status; both empty for all rows.
        also: Only rows with issues, or only rows left out.
        search: Text that one of the row's cells must contain, in any case.
        sort: A column of the rows: `row_no`, `issues`, `<entity>_status` or a staged column.
    """

    entity: str = ""
    status: str = ""
    also: str = ""
    search: str = ""
    sort: str = "row_no"
    descending: bool = False


@dataclass(frozen=True)
class Comparison:
    """One field of a record: what the CRM has, what the source says, what it will be.

    Attributes:
        target: Its target, where its outcome can be set by hand; else empty.
        from_row: The row whose cell is used, where several rows are one record.
    """

    label: str
    existing: str | None
    incoming: str | None
    outcome: str | None
    changed: bool
    target: str = ""
    from_row: int | None = None


@dataclass(frozen=True)
class Candidate:
    """A record of the CRM that it could be."""

    id: int
    label: str


@dataclass(frozen=True)
class RecordDetail:
    """One record of the row in focus.

    Attributes:
        match_reason: Why this record of the CRM was taken for it, or why none was.
        action_reason: Why it has its status.
        problems: The issues of the row that concern it, each with its mend.
        notes: The same for what is only worth knowing, as a value that is new in its list.
        known_id: The record of the CRM that it is; None where it is none, or not known which.
        candidates: The records of the CRM that match, where several do.
        record_no: The first of its rows; decisions are taken for it.
        rows: The rows of the file that are this record, as far as a person reads on.
        decided: The decisions about it, each a sentence.
    """

    entity: str
    title: str
    status: Status | None
    match_reason: str
    action_reason: str
    problems: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    fields: tuple[Comparison, ...]
    record_no: int | None = None
    rows: tuple[int, ...] = ()
    decided: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    known_id: int | None = None


def make_order(db: Database, plan: Plan, columns: Iterable[str], shown: RowFilter) -> int:
    """Put the rows of a filter in order, and count them.

    Args:
        columns: The staged columns, which a search looks into.
        shown: The filter; a sort column that does not exist sorts by row.
    """
    columns = tuple(columns)
    conditions = [sql("true")]
    if shown.status and shown.entity in {entity.id for entity in plan.entities}:
        conditions.append(sql("row.{c} = {s}", c=name(f"{shown.entity}_status"), s=shown.status))
    if shown.also == Also.ISSUES:
        conditions.append(sql("row.issues > 0"))
    if shown.also == Also.LEFT_OUT:
        conditions.append(sql("left_out.row_no is not null"))
    if shown.search.strip():
        cells = join(", ", (name("staged", column) for column in columns))
        conditions.append(
            sql(
                "contains(lower(concat_ws('\x1f', {cells})), lower({text}))",
                cells=cells,
                text=shown.search.strip(),
            )
        )
    own = {"row_no", "issues", *(f"{entity.id}_status" for entity in plan.entities)}
    if shown.sort in columns:
        sort = sql("lower({c})", c=name("staged", shown.sort))
    else:
        sort = name("row", shown.sort if shown.sort in own else "row_no")
    db.run(
        sql(
            """
            create or replace table grid_order as
            select row_number() over (order by {sort} {direction} nulls last, row.row_no) - 1 as position,
                row.row_no
            from plan_row as row
            join staged on staged.row_no = row.row_no
            left join left_out on left_out.row_no = row.row_no
            where {conditions}
            order by position
            """,
            sort=sort,
            direction=sql("desc") if shown.descending else sql("asc"),
            conditions=join(" and ", conditions),
        )
    )
    return int(db.value(sql("select count(*) from grid_order")))


def page(
    db: Database, plan: Plan, columns: Iterable[str], *, offset: int, limit: int
) -> list[dict[str, Any]]:
    """Rows `offset` to `offset + limit` of the order: `id`, `included`, statuses, issues, cells."""
    statuses = [name("row", f"{entity.id}_status") for entity in plan.entities]
    cells = [name("staged", column) for column in columns]
    # The rows' numbers are bound so that DuckDB skips the row groups that hold none of them.
    numbers = [
        row_no
        for (row_no,) in db.rows(
            sql(
                "select row_no from grid_order where position >= {first} and position < {last}"
                " order by position",
                first=offset,
                last=offset + limit,
            )
        )
    ]
    if not numbers:
        return []
    records = db.records(
        sql(
            """
            select row.row_no as id, left_out.row_no is null as included, row.issues, {columns}
            from plan_row as row
            join staged on staged.row_no = row.row_no
            left join left_out on left_out.row_no = row.row_no
            where row.row_no between {low} and {high} and list_contains({numbers}, row.row_no)
                and staged.row_no between {low} and {high}
            """,
            columns=join(", ", [*statuses, *cells]),
            low=min(numbers),
            high=max(numbers),
            numbers=numbers,
        )
    )
    by_number = {record["id"]: record for record in records}
    return [by_number[number] for number in numbers]


def row_detail(db: Database, plan: Plan, row_no: int) -> tuple[RecordDetail, ...]:
    """The records of one row, existing, incoming and outcome side by side."""
    rows = db.records(sql("select * from plan_row where row_no = {row_no}", row_no=row_no))
    if not rows:
        return ()
    return tuple(_record_detail(db, plan, entity, rows[0]) for entity in plan.entities)


def issues_frame(db: Database, headers: dict[str, str]) -> pd.DataFrame:
    """All issues, in the order of the file: row, column, value, message and mend.

    Args:
        headers: Staged column -> header, for people.
    """
    frame = db.frame(
        sql(
            "select level, code, entity, row_no, header as source_column, target, value, message, mend"
            " from issue order by row_no, entity, target, code, value"
        )
    )
    frame["source_column"] = frame["source_column"].map(headers).fillna("")
    return frame


def records_frame(db: Database, plan: Plan, entity: Entity) -> pd.DataFrame:
    """One row for each incoming record: status, reason, the record's id, and its outcome."""
    shape = plan.shapes[entity.id]
    frame = db.frame(
        sql(
            """
            select record.record_no, record.status, record.reason, record.id, record.row_count as rows,
                {columns}
            from {record} as record
            left join {incoming} as incoming on incoming.record_no = record.record_no
            left join {before} as before on before.record_no = record.record_no
            left join {after} as after on after.record_no = record.record_no
            order by record.record_no
            """,
            columns=join(
                ", ",
                (
                    sql("{value} as {column}", value=_outcome(column), column=name(column.id))
                    for column in shape.columns
                ),
            ),
            record=name(f"{entity.id}_record"),
            incoming=name(f"{entity.id}_incoming"),
            before=name(f"{entity.id}_before"),
            after=name(f"{entity.id}_after"),
        )
    )
    frame["reason"] = frame["reason"].map(lambda reason: Reason(reason).label)
    return frame


def _outcome(column: Column) -> Query:
    c = name(column.id)
    return sql(
        "case when after.record_no is not null then after.{c}"
        " when before.record_no is not null then before.{c} else incoming.{c} end",
        c=c,
    )


def _record_detail(db: Database, plan: Plan, entity: Entity, row: dict[str, Any]) -> RecordDetail:
    record_no = row[f"{entity.id}_record"]
    problems, notes = _issues(db, entity, row["row_no"])
    title = entity.labels["en"]
    if row["left_out"] or record_no is None:
        reason = Reason.LEFT_OUT.label if row["left_out"] else f"The row has no {title.lower()}."
        status = Status.SKIPPED if row["left_out"] else None
        return RecordDetail(
            entity.id, title, status, "", _sentence(reason), problems, (), (), notes=notes
        )
    matcher, shape = plan.matchers[entity.id], plan.shapes[entity.id]
    (record,) = db.records(
        sql(
            "select record.*, decided.match_id is not null as decided_match from {t} as record"
            " left join {decided} as decided on decided.record_no = record.record_no"
            " where record.record_no = {n}",
            t=name(f"{entity.id}_record"),
            decided=name(f"{entity.id}_decided"),
            n=record_no,
        )
    )
    status, reason = Status(record["status"]), Reason(record["reason"])
    tables = {kind: _row(db, entity, kind, record_no) for kind in ("before", "incoming", "after")}
    fields = _compare(db, plan, shape, tables, record)
    for child in children(matcher):
        fields += _compare_children(db, matcher, child.id, record_no)
    if record["row_count"] > 1:
        title = f"{title} (rows brought together: {record['row_count']}, from row {record_no} on)"
    return RecordDetail(
        entity.id,
        title,
        status,
        _match_reason(db, matcher, record, tables["incoming"]),
        _action_reason(Action(record["action"]), status, reason),
        problems,
        _candidates(db, entity, record_no),
        tuple(fields),
        record_no,
        _rows_of(db, entity, record_no),
        _decided(db, entity, record_no),
        notes,
        record["match_id"],
    )


def _rows_of(db: Database, entity: Entity, record_no: int) -> tuple[int, ...]:
    rows = db.rows(
        sql(
            "select row_no from {t} where record_no = {n} order by row_no limit {most}",
            t=name(f"{entity.id}_row"),
            n=record_no,
            most=_MOST_ROWS,
        )
    )
    return tuple(row[0] for row in rows)


def _decided(db: Database, entity: Entity, record_no: int) -> tuple[str, ...]:
    rows = {
        row[0]
        for row in db.rows(
            sql(
                "select decision.row_no from decision join {t} as row on row.row_no = decision.row_no"
                " where decision.entity = {e} and row.record_no = {n} order by decision.row_no",
                t=name(f"{entity.id}_row"),
                e=entity.id,
                n=record_no,
            )
        )
    }
    if not rows:
        return ()
    return tuple(
        decision.label
        for decision in decisions(db)
        if decision.entity == entity.id and decision.row_no in rows
    )


def find_existing(
    db: Database, entity: Entity, text: str, limit: int, scope: int | None = None
) -> tuple[tuple[int, str], ...]:
    """Records of the attached CRM whose name contains a text, or whose ID it is: id and label.

    Args:
        scope: For products, the price list in which they are looked for.
    """
    named = name_fields_sql(entity, "record")
    parent = sql("''")
    join_parent = sql("")
    if entity.parent:
        parent = sql("coalesce(', ' || parent.name, '')")
        join_parent = sql(
            "left join {t} as parent on parent.id = record.{id}",
            t=name("crm", entity.parent),
            id=name(f"{entity.parent}_id"),
        )
    rows = db.rows(
        sql(
            """
            select record.id, {named} || {parent} || ' (ID ' || record.id || ')' as label
            from {t} as record {join_parent}
            where record.deleted_at is null and {named} is not null
                and (contains(lower({named}), lower(trim({text}))) or cast(record.id as varchar) = trim({text}))
                {within}
            order by lower({named}), record.id
            limit {limit}
            """,
            named=named,
            parent=parent,
            t=name("crm", entity.id),
            join_parent=join_parent,
            within=sql("and record.{c} = {id}", c=name(f"{entity.scope}_id"), id=scope)
            if entity.scope and scope is not None
            else sql(""),
            text=text,
            limit=limit,
        )
    )
    return tuple((row[0], row[1]) for row in rows)


def _row(db: Database, entity: Entity, kind: str, record_no: int) -> dict[str, Any] | None:
    rows = db.records(
        sql("select * from {t} where record_no = {n}", t=name(f"{entity.id}_{kind}"), n=record_no)
    )
    return rows[0] if rows else None


def _compare(
    db: Database,
    plan: Plan,
    shape: Shape,
    tables: dict[str, dict[str, Any] | None],
    record: dict[str, Any],
) -> list[Comparison]:
    before, incoming, after = tables["before"], tables["incoming"], tables["after"]
    winners = _winners(db, shape, record) if record["row_count"] > 1 else {}
    fields = []
    for column in shape.columns:
        existing = before[column.id] if before else None
        said = incoming[column.id] if incoming and column.field is not None else None
        outcome = after[column.id] if after else existing
        if column.field is None:
            parent = shape.entity.parent
            label = plan.matchers[parent].entity.labels["en"]
            said = _parent_name(db, plan, parent, record["parent_record"], None)
            existing_name = _parent_name(db, plan, parent, None, existing)
            outcome_name = said if _is_own_parent(db, parent, record, outcome) else existing_name
            fields.append(Comparison(label, existing_name, said, outcome_name, outcome != existing))
            continue
        if column.cell is not None:
            label = column.cell.target.labels["en"]
        else:
            label = column.field.labels["en"]
        fields.append(
            Comparison(
                label,
                _text(existing),
                _text(said),
                _text(outcome),
                outcome != existing,
                f"{shape.entity.id}.{column.id}",
                winners.get(column.id) if said is not None else None,
            )
        )
    return fields


def _winners(db: Database, shape: Shape, record: dict[str, Any]) -> dict[str, int | None]:
    """For each column the row whose cell is used: the first that has one (see `make_incoming`)."""
    cells = [(column.id, column.cell) for column in shape.columns if column.cell is not None]
    rows = _rows_of(db, shape.entity, record["record_no"])
    if not cells or not rows:
        return {}
    # A cell that could not be used is none.
    unusable: dict[str, list[int]] = {}
    for target, row_no in db.rows(
        sql(
            "select target, row_no from issue where level = 'error' and list_contains({rows}, row_no)"
            " union all select '', row_no from left_out where list_contains({rows}, row_no)"
            " order by all",
            rows=list(rows),
        )
    ):
        unusable.setdefault(target or "", []).append(row_no)
    row = db.row(
        sql(
            # Between, so that DuckDB skips the rows of a large file that are not asked for.
            "select {firsts} from source as staged where row_no between {low} and {high}"
            " and list_contains({rows}, row_no)",
            firsts=join(
                ", ",
                (
                    sql(
                        "min(row_no) filter ({raw} is not null and not list_contains({bad}, row_no))",
                        raw=cell.raw,
                        bad=unusable.get(cell.target.id, []) + unusable.get("", []),
                    )
                    for _, cell in cells
                ),
            ),
            low=rows[0],
            high=rows[-1],
            rows=list(rows),
        )
    )
    return dict(zip((column for column, _ in cells), row, strict=True))


def _is_own_parent(
    db: Database, parent: str, record: dict[str, Any], parent_id: int | None
) -> bool:
    if record["parent_record"] is None or parent_id is None:
        return False
    ids = db.rows(
        sql(
            "select id from {t} where record_no = {n}",
            t=name(f"{parent}_record"),
            n=record["parent_record"],
        )
    )
    return bool(ids) and ids[0][0] == parent_id


def _parent_name(
    db: Database, plan: Plan, parent: str, record_no: int | None, parent_id: int | None
) -> str | None:
    if record_no is None and parent_id is not None:
        names = db.rows(
            sql("select name from {t} where id = {id}", t=name(f"{parent}_name"), id=parent_id)
        )
        return names[0][0] if names else None
    if record_no is None:
        return None
    for kind in ("after", "before", "incoming"):
        row = _row(db, plan.matchers[parent].entity, kind, record_no)
        if row and row["name"]:
            return str(row["name"])
    return None


def _compare_children(
    db: Database, matcher: Matcher, child_id: str, record_no: int
) -> list[Comparison]:
    entity = matcher.entity
    values: dict[str, dict[str, list[str]]] = {}
    for kind in ("before", "incoming", "after"):
        order = sql("position") if kind == "incoming" else sql("rank")
        rows = db.rows(
            sql(
                "select slot, value from {t} where record_no = {n} order by slot, {order}, value",
                t=name(f"{entity.id}_{child_id}_{kind}"),
                n=record_no,
                order=order,
            )
        )
        for slot, value in rows:
            values.setdefault(slot, {}).setdefault(kind, []).append(value)
    removed = db.rows(
        sql(
            "select before.slot, before.value from {removed} as removed"
            " join {before} as before on before.id = removed.id"
            " where removed.record_no = {n} order by before.slot, before.rank",
            removed=name(f"{entity.id}_{child_id}_removed"),
            before=name(f"{entity.id}_{child_id}_before"),
            n=record_no,
        )
    )
    for slot, value in removed:
        values[slot].setdefault("removed", []).append(value)
    targets = {
        cell.target.id: cell.target
        for cell in matcher.cells.of(entity)
        if cell.target.multiple and cell.target.child and cell.target.child.id == child_id
    }
    comparisons = []
    for target in targets.values():
        found = values.get(target.slot.id if target.slot else "", {})
        existing, added = found.get("before", []), found.get("after", [])
        kept = [value for value in existing if value not in found.get("removed", [])]
        comparisons.append(
            Comparison(
                target.labels["en"],
                SEPARATOR.join(existing) or None,
                SEPARATOR.join(found.get("incoming", [])) or None,
                SEPARATOR.join(kept + added) or None,
                kept + added != existing,
                target.id,
            )
        )
    return comparisons


def _issues(db: Database, entity: Entity, row_no: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is wrong with a row's record, and what is only worth knowing."""
    rows = db.rows(
        sql(
            "select level, target, value, message, mend from issue"
            " where row_no = {row_no} and entity = {entity} order by level, target, code",
            row_no=row_no,
            entity=entity.id,
        )
    )
    told = [
        (
            level == Level.NOTE,
            " ".join(filter(None, (f"“{value}”:" if target and value else "", message, mend))),
        )
        for level, target, value, message, mend in rows
    ]
    problems, notes = (tuple(text for only, text in told if only is kind) for kind in (False, True))
    return problems, notes


def _candidates(db: Database, entity: Entity, record_no: int) -> tuple[Candidate, ...]:
    rows = db.rows(
        sql(
            "select id, label from {t} where record_no = {n} order by id",
            t=name(f"{entity.id}_candidate_label"),
            n=record_no,
        )
    )
    return tuple(Candidate(*row) for row in rows)


def _match_reason(
    db: Database, matcher: Matcher, record: dict[str, Any], incoming: dict[str, Any] | None
) -> str:
    key = matcher.key
    label = key.labels["en"]
    if record["reason"] == Reason.DECIDED_NEW:
        return "You said that it is none of the records found."
    if record["decided_match"]:
        return f"You said that it is the record with ID {record['match_id']}."
    if record["action"] == Action.ADD:
        return "Known records were not looked for (Add always)."
    if record["key"] is None:
        return f"There was nothing to match on: {label} is empty in this row."
    parts = [incoming.get(part) for part in key.fields] if incoming else []
    value = " ".join(str(part) for part in parts if part) or _key_value(db, matcher, record)
    where = " in this price list" if matcher.scope is not None else ""
    if matcher.within_parent:
        where = (
            " within its company" if record["parent_record"] else " among persons without company"
        )
    if record["match_id"] is None:
        return f"No record of the CRM has {label} {value}{where} ({key.form.explained})."
    if record["reason"] == Reason.AMBIGUOUS:
        return f"Several records of the CRM have {label} {value}{where} ({key.form.explained})."
    return f"Matched on {label} {value}{where}: ID {record['match_id']} ({key.form.explained})."


def _key_value(db: Database, matcher: Matcher, record: dict[str, Any]) -> str:
    """The match key's value as the file spells it, where a child holds it; else its normal form."""
    child = matcher.schema.target(f"{matcher.entity.id}.{matcher.key.fields[0]}").child
    if child is None:
        return str(record["key"])
    rows = db.rows(
        sql(
            "select value from {t} where record_no = {n} and key = {key} order by position limit 1",
            t=name(f"{matcher.entity.id}_{child.id}_incoming"),
            n=record["record_no"],
            key=record["key"],
        )
    )
    return str(rows[0][0]) if rows else str(record["key"])


def _action_reason(action: Action, status: Status, reason: Reason) -> str:
    match status:
        case Status.CHANGED:
            return f"{action.label}: {action.explained}"
        case Status.UNCHANGED:
            return "The file brings nothing that the CRM does not have."
        case Status.NEW:
            return f"It will be added: {reason.label}."
        case Status.SKIPPED:
            return f"It is skipped: {reason.label}."
        case _:
            return f"It is held back and not imported: {reason.label}."


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)
