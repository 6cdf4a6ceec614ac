"""Finds actors in an ERP, shows the first ones, and writes all of them to a file.

The file is a CSV with the program's own headers, which an import lands like any other: it is what the
log keeps the SHA-256 of, and what is read again. Rows come in blocks, and never all at once.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from crmkit import template
from crmkit.entities import SCHEMA
from crmkit.erp import own_sql
from crmkit.erp.databases import Erp
from crmkit.erp.model import Actors, Connection, Request
from crmkit.erp.systems import CHANGED, Option, System, Tables, system
from crmkit.errors import SettingsError, SourceError, StorageError
from crmkit.sources import Progress

_BLOCK: Final = 2_000
_LINES: Final = 3
_EMPTY_TIME: Final = time(0, 0)
# A reader takes an apostrophe off before these (docs/decisions.md), so that one more is written.
_MARKED: Final = re.compile(r"'+[=+\-@\t\r]")
_FIELD: Final = re.compile(r"(?P<field>(?:company|person|product)__\w+?)(?P<number>__\d+)?")
_PERSONS_NEED: Final = ("company__erp_key", "company__name", "company__number", "company__country")


@dataclass(frozen=True)
class Found:
    """The first actors, and how many there are.

    Attributes:
        rows: As they will be in the file.
        keys: For each row the ERP's key, by which it can be ticked; empty where it has none.
        count: Of rows; a company has one for each contact person.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    keys: tuple[str, ...]
    count: int


@dataclass(frozen=True)
class Choices:
    """What an option can be, and what it probably is."""

    option: Option
    values: tuple[str, ...]
    preferred: str


@dataclass(frozen=True)
class _Asked:
    """A query ready to run.

    Attributes:
        key: Place of the column that a row is ticked by; None where there is none.
    """

    statement: sa.Select[Any] | str
    columns: tuple[str, ...]
    key: int | None
    prefix: str


# --- asking ---------------------------------------------------------------------------------


def choices(erp: Erp, connection: Connection, actors: Actors) -> tuple[Choices, ...]:
    """What the ERP leaves open for these actors, as far as this database has it."""
    of = system(connection.system)
    if of is None or actors in (Actors.SQL, Actors.PRODUCTS):
        return ()
    tables = _tables(erp, connection, of)
    found = []
    for option in of.options:
        query = of.option_query(option, tables, erp.dialect)
        if query is not None:
            values = tuple(str(row[0]) for row in erp.connection.execute(sa.text(query.sql)))
            found.append(Choices(option, values, option.preferred(values, actors)))
    return tuple(found)


def with_options(erp: Erp, connection: Connection, request: Request) -> Request:
    """The request with a value for every option: what was not chosen is what is preferred."""
    chosen = {c.option.id: c.preferred for c in choices(erp, connection, request.actors)}
    return request.model_copy(
        update={"connection": connection.name, "options": chosen | request.options}
    )


def find(erp: Erp, connection: Connection, request: Request, limit: int = 50) -> Found:
    """The first actors that a request finds, and how many there are.

    Raises:
        SourceError: The query cannot be run.
    """
    asked = _asked(erp, connection, request)
    with _result(erp, asked) as result:
        asked = replace(asked, columns=asked.columns or tuple(result.keys()))
        rows = list(result.fetchmany(limit))
    writer = _Writer(asked)
    keys = tuple("" if asked.key is None else _text(row[asked.key]) for row in rows)
    count = len(rows) if len(rows) < limit else _count(erp, asked)
    return Found(writer.headers, tuple(writer.row(row) for row in rows), keys, count)


def write(
    erp: Erp, connection: Connection, request: Request, path: Path, progress: Progress
) -> int:
    """Write all actors that a request finds to a file; returns how many rows.

    Raises:
        SourceError: The query cannot be run, or finds nothing.
        StorageError: The file cannot be written.
    """
    progress(0.0, "Asking the ERP")
    asked = _asked(erp, connection, request)
    total = _count(erp, asked)
    count = 0
    part = path.with_name(f"{path.name}.part")
    try:
        with _result(erp, asked) as result, part.open("w", encoding="utf-8", newline="") as file:
            asked = replace(asked, columns=asked.columns or tuple(result.keys()))
            writer = _Writer(asked)
            written = csv.writer(file)
            written.writerow(writer.headers)
            for block in result.partitions(_BLOCK):
                written.writerows(
                    [f"'{cell}" if _MARKED.match(cell) else cell for cell in writer.row(row)]
                    for row in block
                )
                count += len(block)
                share = count / total if total else 0.0
                progress(min(share, 1.0), f"Reading the ERP, {count:,} rows")
        if not count:
            raise SourceError(
                "The ERP has nobody and nothing of this kind.",
                where=f"{connection.name}, {request.actors.value}",
                mend="Loosen the criteria, or choose other actors.",
            )
        part.replace(path)
    except OSError as error:
        raise StorageError(
            "The ERP's rows cannot be written.",
            where=str(path),
            mend="Make room on the disk, and check the rights of the workspace's folder.",
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return count


def _asked(erp: Erp, connection: Connection, request: Request) -> _Asked:
    if request.actors is Actors.SQL:
        text = own_sql.checked(request.sql, erp.dialect)
        return _Asked(text, (), None, f"{connection.name}:")
    of = system(connection.system)
    if of is None:
        raise SettingsError(
            "It is not known which ERP this database is of.",
            where=connection.name,
            mend="Use a query of your own, or choose the ERP in the connection.",
        )
    prepared = of.query(request.actors, _tables(erp, connection, of), erp.dialect)
    binds = {name: request.options.get(name, "") for name in prepared.binds}
    query = (
        sa.text(prepared.sql)
        .bindparams(**binds)
        .columns(*(sa.column(name) for name in prepared.columns))
        .subquery("actors")
    )
    columns = [query.c[name] for name in prepared.columns if not name.startswith(CHANGED)]
    key = "company__erp_key"
    if request.actors is Actors.PERSONS:
        key = "person__erp_key"
        columns = [c for c in columns if c.name.startswith("person__") or c.name in _PERSONS_NEED]
    elif request.actors is Actors.PRODUCTS:
        key = "product__erp_key"
    order = [c for c in columns if c.name.endswith("__erp_key")]
    statement = sa.select(*columns).where(*_criteria(query, request, key)).order_by(*order)
    names = tuple(str(column.name) for column in columns)
    return _Asked(statement, names, names.index(key), f"{connection.name}:")


def _criteria(query: sa.Subquery, request: Request, key: str) -> Iterator[sa.ColumnElement[bool]]:
    """What a row must be like."""
    who = key.removesuffix("__erp_key")
    names = [f"{who}__{part}" for part in ("name", "full_name", "first_name", "last_name")]
    for text, among in (
        (request.name, names),
        (request.code, [f"{who}__number", f"{who}__code"]),
        (request.city, ["company__postal__city", "company__street__city"]),
    ):
        found = [
            sa.cast(query.c[name], sa.String).icontains(text.strip(), autoescape=True)
            for name in among
            if name in query.c
        ]
        if text.strip() and not found:
            raise SettingsError("These actors cannot be searched that way.", where=text.strip())
        if text.strip():
            yield sa.or_(*found)
    if request.country.strip():
        if "company__country" not in query.c:
            raise SettingsError("These actors have no country.", where=request.country)
        yield sa.func.lower(query.c["company__country"]) == request.country.strip().lower()
    if request.changed_since is not None:
        yield _changed(query, datetime.combine(request.changed_since, _EMPTY_TIME))
    if request.actors is Actors.PERSONS:
        yield query.c[key].is_not(None)
    if request.only:
        yield sa.cast(query.c[key], sa.String).in_(request.only)


def _changed(query: sa.Subquery, since: datetime) -> sa.ColumnElement[bool]:
    changed = [column for column in query.c if column.name.startswith(CHANGED)]
    if not changed:
        raise SettingsError("This ERP does not say when its actors changed.")
    return sa.or_(*(sa.type_coerce(column, sa.DateTime()) >= since for column in changed))


def _tables(erp: Erp, connection: Connection, of: System) -> Tables:
    companies = of.companies(erp.tables())
    if connection.company not in companies:
        known = ", ".join(companies) or "none"
        raise SourceError(
            f"This database does not have the tables of {of.name}.",
            where=connection.company or connection.name,
            mend=f"Check the connection. Companies in it: {known}.",
        )
    named = companies[connection.company]
    return {
        short: (named[short], {column.casefold(): column for column in erp.columns(named[short])})
        for short in of.tables_named()
        if short in named
    }


# --- running --------------------------------------------------------------------------------


def _result(erp: Erp, asked: _Asked) -> Any:
    """What a query finds, in blocks."""
    if isinstance(asked.statement, str):
        # As it stands: no colon or percent sign in it is a value's place.
        plain = erp.connection.execution_options(stream_results=True, no_parameters=True)
        return plain.exec_driver_sql(asked.statement)
    return erp.connection.execution_options(stream_results=True, no_parameters=False).execute(
        asked.statement
    )


def _count(erp: Erp, asked: _Asked) -> int:
    if isinstance(asked.statement, str):
        text = own_sql.counting(asked.statement, erp.dialect)
        with _result(erp, replace(asked, statement=text)) as result:
            return int(result.scalar_one())
    counted = sa.select(sa.func.count()).select_from(asked.statement.order_by(None).subquery())
    with erp.connection.execute(counted) as result:
        return int(result.scalar_one())


class _Writer:
    """Makes rows of the file from rows of the database."""

    def __init__(self, asked: _Asked) -> None:
        headers: list[str] = []
        self._makers: list[tuple[int, str]] = []
        for place, column in enumerate(asked.columns):
            if column.endswith("__lines"):
                base = column.removesuffix("__lines")
                headers += [_header(f"{base}__line{n + 1}") for n in range(_LINES)]
                self._makers.append((place, "lines"))
            else:
                headers.append(_header(column))
                self._makers.append((place, "key" if column.endswith("__erp_key") else ""))
        self.headers = tuple(headers)
        self._prefix = asked.prefix

    def row(self, row: Sequence[Any]) -> tuple[str, ...]:
        """One row's cells."""
        cells: list[str] = []
        for place, kind in self._makers:
            text = _text(row[place])
            if kind == "lines":
                lines = [line.strip() for line in text.splitlines() if line.strip()]
                # What is more than there are lines for stays on the last one.
                last = ", ".join(lines[_LINES - 1 :])
                lines = [*lines[: _LINES - 1], last] if last else lines
                cells += [*lines, *[""] * (_LINES - len(lines))]
            else:
                cells.append(f"{self._prefix}{text}" if kind == "key" and text else text)
        return tuple(cells)


def _header(column: str) -> str:
    """The program's own header for a column that is called after a field; else the column's name."""
    match = _FIELD.fullmatch(column)
    targets = {target.id.replace(".", "__"): target for target in SCHEMA.targets()}
    if match is None or match["field"] not in targets:
        return column
    number = (match["number"] or "").removeprefix("__")
    return f"{template.header(targets[match['field']])} {number}".rstrip()


def _text(value: Any) -> str:
    """A value of a database as the text of a cell."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bytes() | bytearray() | memoryview():
            return _of_bytes(bytes(value))
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return format(value, "f") if value.is_finite() else ""
        case float():
            return _of_float(value)
        case datetime():
            return _of_time(value)
        case dict():
            return _of_languages(value)
        case list() | tuple():
            return "; ".join(_text(item) for item in value)
    return str(value)  # whole numbers, dates, times, and what drivers have of their own


def _of_bytes(value: bytes) -> str:
    """Text where it is some: Tryton keeps decimals so in SQLite. A picture is no cell."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return ""


def _of_time(value: datetime) -> str:
    bare = value.time() == _EMPTY_TIME
    return value.date().isoformat() if bare else value.isoformat(" ", "seconds")


def _of_float(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return ""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _of_languages(value: dict[str, Any]) -> str:
    """Odoo keeps a name in all languages: {"en_US": "Desk"}."""
    if value and all(isinstance(text, str) for text in value.values()):
        return str(value.get("en_US") or next(iter(value.values())))
    return json.dumps(value, ensure_ascii=False)
