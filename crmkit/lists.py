"""What the values of a file mean in the lists of the CRM, and near spellings for unknown ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rapidfuzz import fuzz, process

from crmkit import transforms
from crmkit.database import Database
from crmkit.entities import LISTS, FieldType
from crmkit.incoming import Cells, different
from crmkit.sql import join, sql

_MOST_VALUES: Final = 500
"""Unknown values of one list that are offered one by one; more are no list but a mistake."""

_NEAR: Final = 80
"""How alike two spellings are, of 100, for one to be suggested for the other."""


@dataclass(frozen=True)
class ListValue:
    """One value of the file, for a list.

    Attributes:
        text: The value as the file spells it most often.
        rows: Rows that have it, in any case.
        item: The item that it means today, by its name or by the user's choice; empty for none.
        suggestion: A near spelling among the items, for a value that means none; empty for none.
    """

    list: str
    label: str
    text: str
    rows: int
    item: str
    suggestion: str


def list_items(db: Database, list_id: str) -> tuple[str, ...]:
    """The names of a list's items, in order."""
    rows = db.rows(
        sql(
            "select name from crm.list_item where list = {list} and not deleted order by name",
            list=list_id,
        )
    )
    return tuple(row[0] for row in rows)


def list_values(db: Database, cells: Cells) -> tuple[ListValue, ...]:
    """The values of the file that are not the name of an item, most used first, by list.

    Args:
        db: The import's file, with the view `source`; the CRM is attached as `crm`.
    """
    listed = [cell for cell in cells.cells if cell.target.field.type is FieldType.LIST]
    if not listed:
        return ()
    order = list(dict.fromkeys(cell.target.field.list for cell in listed))
    rows = db.rows(
        sql(
            """
            select list, text, count, known from (
                select t.list, arg_max(text, times order by text) as text, sum(times) as count,
                    max(item.name) as known
                from (select *, {alias} as alias from ({texts})) as t
                left join crm.list_alias as known on known.list = t.list and known.alias = t.alias
                left join crm.list_item as item on item.id = known.item_id and not item.deleted
                where t.alias is not null and not list_contains({errors}, upper(text))
                group by t.list, t.alias
                having max(item.name) is null or max({item_key}) <> t.alias
            )
            qualify row_number() over (partition by list order by count desc, text) <= {most}
            order by list_position({order}, list), count desc, text
            """,
            alias=transforms.name_key(sql("text")),
            texts=join(
                " union all ",
                (
                    sql(
                        "select {list} as list, {raw} as text, times from {staged} as staged",
                        list=cell.target.field.list,
                        raw=cell.raw,
                        staged=different(cell),
                    )
                    for cell in listed
                ),
            ),
            errors=transforms.ERROR_CELLS,
            item_key=transforms.name_key(sql("item.name")),
            most=_MOST_VALUES,
            order=order,
        )
    )
    items = {list_id: list_items(db, list_id) for list_id in dict.fromkeys(row[0] for row in rows)}
    found: list[ListValue] = []
    for list_id, text, count, known in rows:
        given = cells.settings.list_rule(list_id).values
        item = {said.casefold(): item for said, item in given.items()}.get(text.casefold())
        item = item or known or ""
        near = None if item else _nearest(text, items[list_id])
        label = LISTS[list_id]["en"] if list_id in LISTS else list_id
        found.append(ListValue(list_id, label, text, count, item, near or ""))
    return tuple(found)


def _nearest(text: str, items: tuple[str, ...]) -> str | None:
    best = process.extractOne(
        text, items, scorer=fuzz.WRatio, processor=str.casefold, score_cutoff=_NEAR
    )
    return best[0] if best else None
