"""Composes SQL from checked parts: names are quoted, values are bound, nothing else gets in.

`sql("select {columns} from {table} where city = {city}", columns=names(...), table=name(...), city="Oslo")`
The template is a literal in our own code. A part that is a `Query` is spliced; any other part is a
value and is bound. Header names and cell values are hostile text, so they only ever arrive as parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import LiteralString, TypeAlias

Value: TypeAlias = str | int | float | bool | date | datetime | list[str] | list[int] | None

_PART = re.compile(r"\{([a-z_]\w*)\}")


@dataclass(frozen=True)
class Bound:
    """A value inside a query."""

    value: Value


@dataclass(frozen=True)
class Query:
    """A piece of SQL: text and bound values, in the order in which they stand."""

    pieces: tuple[str | Bound, ...]

    @property
    def text(self) -> str:
        """The SQL with `$v1`, `$v2`, ... where the values stand."""
        numbers = iter(range(1, len(self.pieces) + 1))
        return "".join(
            piece if isinstance(piece, str) else f"$v{next(numbers)}" for piece in self.pieces
        )

    @property
    def values(self) -> dict[str, Value]:
        """Exactly the values that `text` names."""
        bound = (piece.value for piece in self.pieces if isinstance(piece, Bound))
        return {f"v{number}": value for number, value in enumerate(bound, start=1)}


def sql(template: LiteralString, **parts: Query | Value) -> Query:
    """Fill a template: `{part}` is spliced when it is a `Query`, else bound as a value.

    Raises:
        KeyError: A part is named in the template but not given.
        TypeError: A part is given but not named, which is a slip in the caller.
    """
    pieces: list[str | Bound] = []
    # re.split with one group alternates text and part names.
    for index, text in enumerate(_PART.split(template)):
        if index % 2 == 0:
            pieces.append(text)
            continue
        part = parts[text]
        pieces.extend(part.pieces if isinstance(part, Query) else (Bound(part),))
    if unused := parts.keys() - set(_PART.findall(template)):
        raise TypeError(f"sql() was given parts its template does not name: {sorted(unused)}")
    return Query(tuple(pieces))


def name(*parts: str) -> Query:
    """Quote an identifier; several parts give a dotted one: `name("crm", "company")`."""
    quoted = ('"' + part.replace("\x00", "").replace('"', '""') + '"' for part in parts)
    return Query((".".join(quoted),))


def names(columns: Iterable[str], *, table: str = "") -> Query:
    """A comma-separated list of quoted columns, each prefixed with `table` when given."""
    return join(", ", (name(table, column) if table else name(column) for column in columns))


def join(separator: LiteralString, queries: Iterable[Query]) -> Query:
    """Join pieces with a separator, values included."""
    pieces: list[str | Bound] = []
    for query in queries:
        if pieces:
            pieces.append(separator)
        pieces.extend(query.pieces)
    return Query(tuple(pieces))


def led(queries: Iterable[Query]) -> Query:
    """Pieces that go on a list: each has a comma in front, so that none is needed where there is none."""
    return join("", (sql(", {query}", query=query) for query in queries))


def literal(text: str) -> Query:
    """A text constant, for the few places where DuckDB takes no bound value (ATTACH, COPY)."""
    return Query(("'" + text.replace("\x00", "").replace("'", "''") + "'",))
