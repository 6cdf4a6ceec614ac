"""Completes a landed sheet of an ERP workbook: keys of its records, texts of its lists, its parents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from crmkit.database import Database
from crmkit.sources import erp_workbook
from crmkit.sources.erp_workbook import PARENTS, Actor, ListSheet
from crmkit.sources.model import Landed
from crmkit.sql import Query, join, name, sql


@dataclass(frozen=True)
class Other:
    """Another sheet of the workbook, landed beside.

    Attributes:
        table: Its name, quoted.
    """

    table: Query
    headers: tuple[str, ...]

    def column(self, header: str) -> Query | None:
        """The column of a header; None when there is none."""
        return _column(self.headers, header)


def complete(
    db: Database, table: Query, landed: Landed, actor: Actor, other: Callable[[str], Other | None]
) -> Landed:
    """Bring texts and keys into the landed sheet of an actor.

    Args:
        table: Where its rows are, as columns `c1`, `c2`, ...
        other: Lands another sheet by its name; None when the workbook has none of that name.
    """
    notes: list[str] = []
    for header, listed in actor.lists.items():
        column = _column(landed.headers, header)
        items = other(listed.sheet) if column is not None else None
        if column is not None and items is not None:
            notes += _put_texts(db, table, column, listed, items)
    made: list[tuple[str, str, Query]] = []
    identity = _column(landed.headers, erp_workbook.ID)
    if actor.key and identity is not None:
        made.append(("ERP key", actor.key, _key(sql("{s}", s=actor.sheet), identity)))
    if actor.parent:
        parents, parent_notes = _parents(db, table, landed, other)
        made += parents
        notes += parent_notes
    known_as = [actor.known_as.get(header, "") for header in landed.headers]
    _add(db, table, len(landed.headers), [value for *_, value in made])
    last = max(landed.positions, default=-1)
    return replace(
        landed,
        headers=(*landed.headers, *(header for header, *_ in made)),
        positions=(*landed.positions, *range(last + 1, last + 1 + len(made))),
        known_as=(*known_as, *(known for _, known, _ in made)),
        notes=(*landed.notes, *notes),
    )


def _put_texts(
    db: Database, table: Query, column: Query, listed: ListSheet, items: Other
) -> list[str]:
    """Put the texts of a list in the place of its keys; what is not in the list stays."""
    key, text = items.column(listed.key), items.column(listed.text)
    if key is None or text is None:
        return [f"the sheet {listed.sheet} has no columns {listed.key} and {listed.text}"]
    # A key that stands twice in the list has the text of its first row.
    texts = sql(
        "(select {key} as k, arg_min({text}, row_no) as v from {items}"
        " where {key} is not null and {text} is not null group by all)",
        key=key,
        text=text,
        items=items.table,
    )
    without = db.value(
        sql(
            "select count(*) from {t} where {c} is not null and {c} not in (select k from {x} as x)",
            t=table,
            c=column,
            x=texts,
        )
    )
    db.run(
        sql("update {t} set {c} = x.v from {x} as x where {c} = x.k", t=table, c=column, x=texts)
    )
    missing = f"; {without:,} of them are not there and stay as they are" if without else ""
    return [f"the keys of the list {listed.sheet} are shown as its texts{missing}"]


def _parents(
    db: Database, table: Query, landed: Landed, other: Callable[[str], Other | None]
) -> tuple[list[tuple[str, str, Query]], list[str]]:
    """Key and name of the company of each person, and how many have none in the workbook."""
    kind = _column(landed.headers, erp_workbook.PARENT_TYPE)
    identity = _column(landed.headers, erp_workbook.PARENT_ID)
    if kind is None or identity is None:
        return [], []
    kinds = [actor.sheet for actor in erp_workbook.ACTORS if actor.key and not actor.parent]
    called = sql(
        "case lower(trim({kind})) {cases} else trim({kind}) end",
        kind=kind,
        cases=join(
            " ",
            (
                sql("when {said} then {sheet}", said=said.casefold(), sheet=sheet)
                for said, sheet in (*PARENTS.items(), *((sheet, sheet) for sheet in kinds))
            ),
        ),
    )
    key = _key(called, identity)
    named: list[Query] = []
    for sheet in kinds:
        found = other(sheet)
        id_, label = (
            found.column(h) if found else None for h in (erp_workbook.ID, erp_workbook.NAME)
        )
        if found is not None and id_ is not None and label is not None:
            named.append(
                sql(
                    "select {key} as k, arg_min({label}, row_no) as v from {t} where {id} is not null"
                    " group by all",
                    key=_key(sql("{s}", s=sheet), id_),
                    label=label,
                    t=found.table,
                    id=id_,
                )
            )
    if not named:
        return [("Company ERP key", "Company ERP Key", key)], []
    names = name("staged_parents")
    db.run(
        sql("create or replace temp table {n} as {all}", n=names, all=join(" union all ", named))
    )
    without = db.value(
        sql(
            "select count(*) from {t} where {id} is not null and {key} not in (select k from {n})",
            t=table,
            id=identity,
            key=key,
            n=names,
        )
    )
    notes = [f"{without:,} persons have a parent that is not in this workbook"] if without else []
    label = sql("(select v from {n} as n where n.k = {key})", n=names, key=key)
    return [
        ("Company ERP key", "Company ERP Key", key),
        ("Company name", "Company", label),
    ], notes


def _key(kind: Query, identity: Query) -> Query:
    """A key that no other system has: "ERP workbook:Customer 7"."""
    return sql(
        "{program} || ':' || {kind} || ' ' || {id}",
        program=erp_workbook.PROGRAM,
        kind=kind,
        id=identity,
    )


def _add(db: Database, table: Query, width: int, values: Sequence[Query]) -> None:
    for number, value in enumerate(values, start=width + 1):
        column = name(f"c{number}")
        db.run(sql("alter table {t} add column {c} varchar", t=table, c=column))
        db.run(sql("update {t} set {c} = {v}", t=table, c=column, v=value))


def _column(headers: Sequence[str], header: str) -> Query | None:
    return name(f"c{headers.index(header) + 1}") if header in headers else None
