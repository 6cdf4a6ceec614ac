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
    found: list[ListValue] = []
    listed = [cell for cell in cells.cells if cell.target.field.type is FieldType.LIST]
    for list_id in dict.fromkeys(cell.target.field.list for cell in listed):
        items = list_items(db, list_id)
        given = {
            text.casefold(): item for text, item in cells.settings.list_rule(list_id).values.items()
        }
        rows = db.rows(
            sql(
                """
                select arg_max(text, times order by text), sum(times), max(item.name)
                from ({texts}) as t
                left join crm.list_alias as known on known.list = {list} and known.alias = t.alias
                left join crm.list_item as item on item.id = known.item_id and not item.deleted
                where t.alias is not null and not list_contains({errors}, upper(text))
                group by t.alias
                having max(item.name) is null or max({item_key}) <> t.alias
                order by 2 desc, 1
                limit {most}
                """,
                texts=join(
                    " union all ",
                    (
                        sql(
                            "select {raw} as text, {alias} as alias, times from {staged} as staged",
                            raw=cell.raw,
                            alias=transforms.name_key(cell.raw),
                            staged=different(cell),
                        )
                        for cell in listed
                        if cell.target.field.list == list_id
                    ),
                ),
                list=list_id,
                errors=transforms.ERROR_CELLS,
                item_key=transforms.name_key(sql("item.name")),
                most=_MOST_VALUES,
            )
        )
        for text, count, known in rows:
            item = given.get(text.casefold()) or known or ""
            near = None if item else _nearest(text, items)
            label = LISTS[list_id]["en"] if list_id in LISTS else list_id
            found.append(ListValue(list_id, label, text, count, item, near or ""))
    return tuple(found)


def _nearest(text: str, items: tuple[str, ...]) -> str | None:
    best = process.extractOne(
        text, items, scorer=fuzz.WRatio, processor=str.casefold, score_cutoff=_NEAR
    )
    return best[0] if best else None
