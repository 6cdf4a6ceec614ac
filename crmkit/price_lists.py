"""Price lists: each holds products of its own, in one currency, for as long as it is valid.

A product belongs to exactly one price list, so an import of products goes into one that is chosen
before. Its currency and validity stay as they were made (reference: superoffice-import.md 1.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from babel import Locale

from crmkit import crm
from crmkit.database import Database
from crmkit.errors import SettingsError
from crmkit.sql import sql
from crmkit.transforms import name_key

_LONGEST: Final = 254


@dataclass(frozen=True)
class PriceList:
    """A price list.

    Attributes:
        currency: ISO code.
        valid_from, valid_to: Both days included; None for no end.
        products: How many it holds.
    """

    id: int
    name: str
    currency: str
    valid_from: date | None
    valid_to: date | None
    products: int

    @property
    def label(self) -> str:
        """Its name, currency and validity, for the screen."""
        days = [
            f"{word} {day:%d.%m.%Y}"
            for word, day in (("from", self.valid_from), ("to", self.valid_to))
            if day is not None
        ]
        return " ".join((f"{self.name} ({self.currency})", *days))


def price_lists(db: Database) -> tuple[PriceList, ...]:
    """All price lists, by name."""
    rows = db.rows(
        sql(
            """
            select list.id, list.name, list.currency, list.valid_from, list.valid_to,
                (select count(*) from {product} as product
                    where product.price_list_id = list.id and product.deleted_at is null)
            from {price_list} as list where list.deleted_at is null
            order by lower(list.name), list.id
            """,
            product=crm.table("product"),
            price_list=crm.table("price_list"),
        )
    )
    return tuple(PriceList(*row) for row in rows)


def price_list(db: Database, list_id: int | None) -> PriceList:
    """One price list.

    Raises:
        SettingsError: There is none of this id.
    """
    for found in price_lists(db):
        if found.id == list_id:
            return found
    raise SettingsError(
        "This price list does not exist.",
        where=f"Price list {list_id}",
        mend="Choose another one, or create it.",
    )


def add_price_list(
    db: Database, *, name: str, currency: str, valid_from: date | None, valid_to: date | None
) -> PriceList:
    """Make an empty price list.

    Raises:
        SettingsError: What was given does not make one; everything that is wrong is named.
    """
    name, currency = " ".join(name.split()), currency.strip().upper()
    if wrong := _faults(db, name, currency, valid_from, valid_to):
        raise SettingsError(
            "This price list cannot be made.", where=name or "no name", mend=" ".join(wrong)
        )
    with db.atomic():
        list_id = crm.next_id(db, "price_list")
        db.run(
            sql(
                "insert into {t} (id, name, currency, valid_from, valid_to, active, created_at)"
                " values ({id}, {name}, {currency}, {valid_from}, {valid_to}, true, {now})",
                t=crm.table("price_list"),
                id=list_id,
                name=name,
                currency=currency,
                valid_from=valid_from,
                valid_to=valid_to,
                now=datetime.now().replace(microsecond=0),
            )
        )
        crm.raise_revision(db)
    return PriceList(list_id, name, currency, valid_from, valid_to, 0)


def currencies() -> list[tuple[str, str]]:
    """Code and English name of every currency, by code (source: Unicode CLDR)."""
    return sorted(Locale("en").currencies.items())


def _faults(
    db: Database, name: str, currency: str, valid_from: date | None, valid_to: date | None
) -> list[str]:
    wrong = []
    if not name or len(name) > _LONGEST:
        wrong.append(f"Give it a name of at most {_LONGEST} characters.")
    taken = db.value(
        sql(
            "select count(*) from {t} where deleted_at is null and {known} = {new}",
            t=crm.table("price_list"),
            known=name_key(sql("name")),
            new=name_key(sql("{name}", name=name)),
        )
    )
    if taken:
        wrong.append("There is a price list of this name; choose it, or another name.")
    if currency not in dict(currencies()):
        wrong.append("Give its currency as a code of three letters, such as EUR.")
    if valid_from is not None and valid_to is not None and valid_to < valid_from:
        wrong.append("Its last day lies before its first.")
    return wrong
