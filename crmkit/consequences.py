"""What two settings would do to the same file: the same plan made twice, and counted.

"Replace would overwrite 212 phone numbers that Merge keeps" is a difference of two such counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crmkit.database import Database
from crmkit.entities import Entity
from crmkit.plan import Plan, Status
from crmkit.records import children
from crmkit.settings import Settings
from crmkit.sql import Query, join, name, sql


@dataclass(frozen=True)
class Effects:
    """What a plan does, in numbers.

    Attributes:
        records: Entity's plural and status -> records.
        cells: Label of a field and what happens to it (filled, overwritten, cleared, ...) -> cells
            of known records.
    """

    records: dict[tuple[str, str], int]
    cells: dict[tuple[str, str], int]


@dataclass(frozen=True)
class Consequences:
    """Two settings side by side.

    Attributes:
        sentences: What the other settings would do differently, most cells first.
        table: What is counted, under the settings now, and under the others; only what differs.
    """

    sentences: tuple[str, ...]
    table: tuple[tuple[str, int, int], ...]


def effects(db: Database, plan: Plan) -> Effects:
    """Count what a plan does, from its tables."""
    records: dict[tuple[str, str], int] = {}
    cells: dict[tuple[str, str], int] = {}
    for entity in plan.entities:
        label = entity.plural["en"].lower()
        counted = dict(
            db.rows(
                sql(
                    "select status, count(*) from {t} group by status order by status",
                    t=name(f"{entity.id}_record"),
                )
            )
        )
        for status in Status:
            records[label, status.label] = counted.get(status.value, 0)
        shape = plan.shapes[entity.id]
        columns = [c for c in shape.columns if c.field is not None]
        kinds = ("filled", "overwritten", "cleared")
        row = db.row(
            sql(
                "select {counts} from {before} as before"
                " join {after} as after on after.record_no = before.record_no",
                counts=join(
                    ", ",
                    (
                        _cell_counts(
                            sql("before.{c}", c=name(c.id)), sql("after.{c}", c=name(c.id))
                        )
                        for c in columns
                    ),
                ),
                before=name(f"{entity.id}_before"),
                after=name(f"{entity.id}_after"),
            )
        )
        numbers = iter(row)
        for column in columns:
            what = (
                column.cell.target.label if column.cell else f"{entity.labels['en']}: {column.id}"
            )
            for kind in kinds:
                cells[what, kind] = next(numbers)
        for child in children(plan.matchers[entity.id]):
            what = f"{entity.labels['en']}: {child.labels['en']}"
            for kind, table in (("added", "after"), ("removed", "removed")):
                cells[what, kind] = db.value(
                    sql(
                        "select count(*) from {t} as child join {record} as record"
                        " on record.record_no = child.record_no and record.status = 'changed'",
                        t=name(f"{entity.id}_{child.id}_{table}"),
                        record=name(f"{entity.id}_record"),
                    )
                )
    return Effects(records, cells)


def compare(now: Effects, other: Effects, names: tuple[str, str]) -> Consequences:
    """What differs between two plans of the same file.

    Args:
        names: What the settings are called in the sentences: ("Merge", "Replace").
    """
    mine, theirs = names
    table: list[tuple[str, int, int]] = []
    sentences: list[tuple[int, str]] = []
    for key in now.records | other.records:
        first, second = now.records.get(key, 0), other.records.get(key, 0)
        if first != second:
            table.append((f"{key[0].capitalize()} {key[1]}", first, second))
    for what, kind in now.cells | other.cells:
        first, second = now.cells.get((what, kind), 0), other.cells.get((what, kind), 0)
        if first == second:
            continue
        table.append((f"{what}, {kind}", first, second))
        more, less = (theirs, mine) if second > first else (mine, theirs)
        count = abs(second - first)
        cells = "value" if count == 1 else "values"
        sentences.append(
            (
                count,
                f"{more[:1].upper()}{more[1:]} {_WOULD[kind]} {count:,} {cells} of {what} that {less} {_NOT[kind]}.",
            )
        )
    sentences.sort(key=lambda item: (-item[0], item[1]))
    return Consequences(tuple(text for _, text in sentences), tuple(table))


def described(settings: Settings, other: Settings, entities: Sequence[Entity]) -> tuple[str, str]:
    """Short names for two settings: their actions, where one action is all that differs."""
    pairs = {(settings.rule(entity).action, other.rule(entity).action) for entity in entities}
    differing = [(mine, theirs) for mine, theirs in pairs if mine is not theirs]
    if len(differing) != 1:
        return ("the settings now", "the other settings")
    ((mine, theirs),) = differing
    return (mine.value.capitalize(), theirs.value.capitalize())


_WOULD = {
    "filled": "would fill",
    "overwritten": "would overwrite",
    "cleared": "would clear",
    "added": "would add",
    "removed": "would remove",
}
_NOT = {
    "filled": "would leave empty",
    "overwritten": "would keep",
    "cleared": "would keep",
    "added": "would not add",
    "removed": "would keep",
}


def _cell_counts(before: Query, after: Query) -> Query:
    return sql(
        "count(*) filter ({before} is null and {after} is not null),"
        " count(*) filter ({before} is not null and {after} is not null and {before} <> {after}),"
        " count(*) filter ({before} is not null and {after} is null)",
        before=before,
        after=after,
    )
