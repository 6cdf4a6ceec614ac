"""Cleaning steps that a column's cells call for: told with their counts, and taken by the user.

Nothing is cleaned unasked: "NA" may be a name, and a letter may be meant as it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from crmkit import mojibake
from crmkit.database import Database
from crmkit.mapping import Mapping
from crmkit.sql import Query, join, name, sql
from crmkit.steps import AnyStep, Mojibake, NullWords, means_empty

_LOOKED_AT: Final = 50_000
"""Rows in which a step's cells must be, some of them; then they are counted in all rows."""

_SAMPLES: Final = 3

_OF_LETTERS: Final = ("name", "first_name", "middle_name", "last_name", "full_name", "country")
"""Fields where a word for nothing may be a name: Inga, Null, or NA for Namibia; n/a is none."""


@dataclass(frozen=True)
class OfferedStep:
    """A step for a column of the source.

    Attributes:
        column: The column's id.
        step: The step, which `ImportSession.take_step` puts before the column's others.
        cells: Cells of the source that it would change.
        samples: What most of them hold.
    """

    column: str
    step: AnyStep
    cells: int
    samples: tuple[str, ...]


def offered_steps(db: Database, mapping: Mapping) -> tuple[OfferedStep, ...]:
    """Steps for the mapped columns of the table `staged`, without those that a column has already."""
    asked = [
        (entry.column, step, _calls_for(step, name(entry.column), entry.target))
        for entry in mapping.columns
        if entry.target and entry.column.startswith("c")
        for step in (Mojibake(), NullWords())
        if all(step.kind != chosen.kind for chosen in mapping.steps.get(entry.column, ()))
    ]
    if not asked:
        return ()
    any_of = db.row(
        sql(
            "select {any} from staged where row_no < (select min(row_no) from staged) + {rows}",
            any=join(", ", (sql("bool_or({c})", c=condition) for *_, condition in asked)),
            rows=_LOOKED_AT,
        )
    )
    return tuple(
        _counted(db, column, step, condition)
        for (column, step, condition), there in zip(asked, any_of, strict=True)
        if there
    )


def _calls_for(step: AnyStep, cell: Query, target: str) -> Query:
    if isinstance(step, Mojibake):
        return mojibake.is_broken(cell)
    if target.partition(".")[2] not in _OF_LETTERS:
        return means_empty(cell)
    return sql(
        "({empty} and not regexp_full_match({cell}, '\\pL+'))", empty=means_empty(cell), cell=cell
    )


def _counted(db: Database, column: str, step: AnyStep, condition: Query) -> OfferedStep:
    cells, texts = db.row(
        sql(
            "select cast(sum(cells) as bigint), list(text order by cells desc, text)[:{samples}] from"
            " (select {c} as text, count(*) as cells from staged where {condition} group by {c})",
            samples=_SAMPLES,
            c=name(column),
            condition=condition,
        )
    )
    return OfferedStep(column, step, cells, tuple(texts))
