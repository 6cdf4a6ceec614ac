"""The ERPs that are known: how each is recognised, and the queries for its actors.

They are data, in `systems/*.toml`. A query is written once, in PostgreSQL's words, and every column
in it names its table's alias; here it is fitted to a database:
- what of it the database does not have (another version, a module that is not installed) is NULL,
  and a column of the result that only has that is left out;
- its tables get the names that they have there, and the whole the words of that database.
A result's column is called after the field that it fills: `company__postal__city`. Ends in `__2` what
is one more of the same, in `__lines` what is several lines of an address; `changed__...` says when it
was changed and is not imported.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from string import Template
from typing import Any, Final

import sqlglot
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect

from crmkit.erp.model import Actors
from crmkit.errors import SourceError

DIALECTS: Final = {
    "postgresql": "postgres",
    "sqlite": "sqlite",
    "mysql": "mysql",
    "mariadb": "mysql",
    "mssql": "tsql",
    "oracle": "oracle",
}
"""What SQLAlchemy calls a database, and what sqlglot does; any other is taken for plain SQL."""

CHANGED: Final = "changed__"
_BIND: Final = "crmkit_bind_"

Tables = Mapping[str, tuple[str, Mapping[str, str]]]
"""A company's tables: name in small letters -> its name there, and of its columns the same."""


@dataclass(frozen=True)
class Option:
    """What an ERP leaves open, and the user knows.

    Attributes:
        values: The query for what can be chosen.
        none: What it is called when nothing is chosen.
        prefer: Words that a value of its own accord is taken for, by actors; `*` for all.
    """

    id: str
    label: str
    values: str
    none: str
    prefer: Mapping[str, Sequence[str]]

    def preferred(self, values: Sequence[str], actors: Actors) -> str:
        """The value that is probably meant; empty when none is."""
        words = self.prefer.get(actors.value, self.prefer.get("*", ()))
        return next((v for word in words for v in values if word in v.casefold()), "")


@dataclass(frozen=True)
class Prepared:
    """A query for one database, and the columns of its result."""

    sql: str
    columns: tuple[str, ...]
    binds: tuple[str, ...] = ()


@dataclass(frozen=True)
class System:
    """An ERP.

    Attributes:
        marks: Tables that it always has.
        tables: Pattern of its tables' names, where they begin with a company or a prefix.
    """

    id: str
    name: str
    marks: tuple[str, ...]
    tables: str
    options: tuple[Option, ...]
    _given: Mapping[str, Any] = field(repr=False)

    def companies(self, tables: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Whose tables are in a database: company -> name in small letters -> its name there.

        The company is empty where an ERP has those of one only.
        """
        found: dict[str, dict[str, str]] = {}
        for real in tables:
            match = re.match(self.tables, real) if self.tables else None
            if self.tables and match is None:
                continue
            company, short = (match["company"], match["table"]) if match else ("", real)
            found.setdefault(company, {}).setdefault(short.casefold(), real)
        marks = {mark.casefold() for mark in self.marks}
        return {company: named for company, named in sorted(found.items()) if marks <= set(named)}

    def tables_named(self) -> set[str]:
        """The tables that its queries name, in small letters."""
        queries = [self._given["companies"], self._given["products"]]
        texts = [text for query in queries for text in self._texts(query)]
        texts += [option.values for option in self.options]
        parsed = (sqlglot.parse_one(text, read="postgres") for text in texts)
        return {table.name.casefold() for tree in parsed for table in tree.find_all(exp.Table)}

    def _texts(self, query: Mapping[str, Any]) -> Iterator[str]:
        for variant in query.get("both", [{}]):
            yield Template(query["sql"]).substitute(variant)

    def query(self, actors: Actors, tables: Tables, dialect: str) -> Prepared:
        """The query for some actors, fitted to a database.

        Raises:
            SourceError: The database lacks what it cannot do without.
        """
        about = "products" if actors is Actors.PRODUCTS else "companies"
        given = self._given[about]
        wanted = Actors.BOTH if actors is Actors.PERSONS else actors
        variants = given.get(wanted.value, [{}])
        parts = [_fitted(Template(given["sql"]).substitute(v), tables, self.name) for v in variants]
        prepared = _written(parts, dialect)
        who = "product" if actors is Actors.PRODUCTS else "company"
        needed = {f"{who}__erp_key", f"{who}__name"}
        if missing := needed - set(prepared.columns):
            raise SourceError(
                f"The tables of {self.name} lack what its actors are known by.",
                where=", ".join(sorted(missing)),
                mend="This version of it may not be known yet. Use a query of your own.",
            )
        return prepared

    def option_query(self, option: Option, tables: Tables, dialect: str) -> Prepared | None:
        """The query for an option's values; None where the database does not have it."""
        try:
            return _written([_fitted(option.values, tables, self.name)], dialect)
        except SourceError:
            return None


@cache
def systems() -> tuple[System, ...]:
    """The ERPs that are known, by name."""
    found = []
    for file in (resources.files("crmkit.erp") / "systems").iterdir():
        if file.name.endswith(".toml"):
            given = tomllib.loads(file.read_text(encoding="utf-8"))
            options = tuple(
                Option(option, o["label"], o["values"], o["none"], o.get("prefer", {}))
                for option, o in given.get("options", {}).items()
            )
            found.append(
                System(
                    file.name.removesuffix(".toml"),
                    given["name"],
                    tuple(given["marks"]),
                    given.get("tables", ""),
                    options,
                    given,
                )
            )
    return tuple(sorted(found, key=lambda system: system.name))


def system(system_id: str) -> System | None:
    """The ERP of an id; None when there is none."""
    return next((item for item in systems() if item.id == system_id), None)


def detect(tables: Sequence[str]) -> tuple[tuple[System, str], ...]:
    """The ERPs, and of each the companies, that the tables of a database are of."""
    return tuple((item, company) for item in systems() for company in item.companies(tables))


def in_words_of(dialect: str, tree: exp.Expr) -> str:
    """A query as a database writes it."""
    return str(Dialect.get_or_raise(DIALECTS.get(dialect, "")).generate(tree))


# --- fitting a query ------------------------------------------------------------------------


def _fitted(text: str, tables: Tables, whose: str) -> exp.Query:
    """A query with the names of a database, and NULL for what it does not have."""
    tree = sqlglot.parse_one(text, read="postgres")
    assert isinstance(tree, exp.Query)
    derived = _without_missing(tree, tables, whose)
    aliases = {
        table.alias_or_name: table.name.casefold()
        for table in tree.find_all(exp.Table)
        if table.name.casefold() not in derived
    }
    known = derived | {s.alias for s in tree.find_all(exp.Subquery) if s.alias}
    known |= {t.alias_or_name for t in tree.find_all(exp.Table) if t.name.casefold() in derived}
    for column in list(tree.find_all(exp.Column)):
        real = tables[aliases[column.table]][1] if column.table in aliases else {}
        if found := real.get(column.name.casefold()):
            column.set("this", exp.to_identifier(found, quoted=True))
        elif column.table and column.table not in known:
            column.replace(exp.null())
    for table in tree.find_all(exp.Table):
        if table.name.casefold() not in derived:
            alias = table.alias_or_name
            table.set("this", exp.to_identifier(tables[table.name.casefold()][0], quoted=True))
            table.set("alias", exp.TableAlias(this=exp.to_identifier(alias)))
    return tree


def _without_missing(tree: exp.Query, tables: Tables, whose: str) -> set[str]:
    """Take out whatever reads a table that is not there; returns the names that the query makes."""
    derived: set[str] = set()
    for made in list(tree.find_all(exp.CTE)):
        if all(t.name.casefold() in tables for t in made.find_all(exp.Table)):
            derived.add(made.alias)
        else:
            made.pop()
    for holder in list(tree.find_all(exp.With)):
        if not holder.expressions:
            holder.pop()
    for table in list(tree.find_all(exp.Table)):
        if table.name.casefold() not in tables and table.name not in derived:
            _take_out(table, whose)
    return derived


def _take_out(table: exp.Table, whose: str) -> None:
    around = table.find_ancestor(exp.Join, exp.Exists, exp.Subquery)
    if isinstance(around, exp.Exists):
        around.replace(exp.false())
    elif isinstance(around, exp.Join):
        around.pop()
    elif isinstance(around, exp.Subquery):
        around.replace(exp.null())
    else:
        raise SourceError(
            f"This database has no table {table.name}, which {whose} has.",
            where=table.name,
            mend="Check the connection's database and company, and the rights of its user.",
        )


def _has_something(projection: exp.Expr) -> bool:
    return projection.find(exp.Column, exp.Placeholder) is not None


def _written(parts: Sequence[exp.Query], dialect: str) -> Prepared:
    """The parts as one query in the words of a database, with the columns that one of them has."""
    names = [p.alias_or_name for p in parts[0].selects]
    kept = [
        name
        for place, name in enumerate(names)
        if any(_has_something(part.selects[place]) for part in parts)
    ]
    for part in parts:
        part.set("expressions", [p for p in part.selects if p.alias_or_name in kept])
    whole = parts[0]
    for part in parts[1:]:
        whole = exp.union(whole, part, distinct=False)
    binds = tuple(sorted({found.name for found in whole.find_all(exp.Placeholder)}))
    for found in list(whole.find_all(exp.Placeholder)):
        found.replace(exp.column(f"{_BIND}{found.name}"))
    text = in_words_of(dialect, whole)
    # What is no bind for SQLAlchemy must not look like one.
    text = text.replace(":", "\\:").replace(_BIND, ":")
    return Prepared(text, tuple(kept), binds)
