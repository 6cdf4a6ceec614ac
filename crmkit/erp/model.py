"""What is asked of an ERP, and how its database is reached."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, model_validator


class Actors(StrEnum):
    """Whom or what an ERP is asked for."""

    CUSTOMERS = "customers"
    SUPPLIERS = "suppliers"
    BOTH = "both"
    PERSONS = "persons"
    PRODUCTS = "products"
    SQL = "sql"

    @property
    def label(self) -> str:
        return {
            Actors.CUSTOMERS: "Customers with their contact persons",
            Actors.SUPPLIERS: "Suppliers with their contact persons",
            Actors.BOTH: "Customers and suppliers with their contact persons",
            Actors.PERSONS: "Contact persons",
            Actors.PRODUCTS: "Products",
            Actors.SQL: "What a query of mine finds",
        }[self]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Connection(_Model):
    """Where an ERP's database is. It has no password.

    Attributes:
        name: The user's name for it; keys from this ERP begin with it.
        url: As SQLAlchemy writes it, without a password.
        system: Which ERP it is: the id of a `System`; empty when it is none of those known.
        company: Whose tables are read, where a database has those of several companies.
    """

    name: str
    url: str
    system: str = ""
    company: str = ""


class Request(_Model):
    """What is asked of an ERP: who, and by which criteria.

    Attributes:
        connection: The connection's name.
        name, code, city: What these contain, in any case.
        country: ISO code.
        changed_since: Only what changed then or later.
        options: What the ERP itself leaves open: an option's id -> its value.
        only: Of the actors found, those with these keys; all when empty.
        sql: The user's own query, for `Actors.SQL`.
    """

    connection: str
    actors: Actors = Actors.CUSTOMERS
    name: str = ""
    code: str = ""
    city: str = ""
    country: str = ""
    changed_since: date | None = None
    options: dict[str, str] = {}
    only: tuple[str, ...] = ()
    sql: str = ""

    @model_validator(mode="after")
    def _own(self) -> Request:
        if bool(self.sql.strip()) != (self.actors is Actors.SQL):
            raise ValueError("A query of your own goes with the actors “sql”, and only with them.")
        return self
