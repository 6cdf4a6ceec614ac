"""Invents companies and persons of six countries, in files of any size, with a known truth.

    python -m crmkit.generator --rows 100000 customers.csv

The same recipe gives the same file, byte for byte. Names come from Faker's lists, put together by SQL, so
that a million rows take seconds. Nobody in them exists, and every domain ends in `.example`.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from faker import Faker

from crmkit.database import Database, in_memory
from crmkit.sql import Query, join, literal, name, sql
from crmkit.workbooks import write_table

COLUMNS: Final = (
    "Company name",
    "Department",
    "Company number",
    "VAT no.",
    "Category",
    "Business",
    "Address line 1",
    "Zip code",
    "City",
    "Country",
    "Telephone",
    "Company email",
    "Web site",
    "First name",
    "Last name",
    "Title",
    "Mobile",
    "E-mail",
)
"""The 18 columns of a generated file."""

_POOL: Final = 1_500


@dataclass(frozen=True)
class Country:
    """What differs between the countries: how names, numbers and streets look."""

    locale: str
    name: str
    calling_code: str
    forms: tuple[str, ...]
    trades: tuple[str, ...]
    zip_digits: int


COUNTRIES: Final = (
    Country(
        "no_NO",
        "Norway",
        "47",
        ("AS", "ASA"),
        ("Bygg", "Regnskap", "Transport", "Eiendom", "Maskin", "Handel", "Elektro", "Sjømat"),
        4,
    ),
    Country(
        "nl_NL",
        "Netherlands",
        "31",
        ("BV", "NV", "VOF"),
        ("Bouw", "Advies", "Transport", "Techniek", "Handel", "Installatie", "Vastgoed"),
        4,
    ),
    Country(
        "de_DE",
        "Germany",
        "49",
        ("GmbH", "AG", "KG"),
        ("Bau", "Technik", "Logistik", "Handel", "Maschinenbau", "Beratung"),
        5,
    ),
    Country(
        "en_GB",
        "United Kingdom",
        "44",
        ("Ltd", "PLC"),
        ("Builders", "Consulting", "Logistics", "Foods", "Engineering", "Trading"),
        0,
    ),
    Country(
        "sv_SE",
        "Sweden",
        "46",
        ("AB",),
        ("Bygg", "Konsult", "Åkeri", "Fastigheter", "Teknik", "Handel"),
        5,
    ),
    Country(
        "da_DK",
        "Denmark",
        "45",
        ("A/S", "ApS"),
        ("Byg", "Rådgivning", "Transport", "Teknik", "Handel", "Fødevarer"),
        4,
    ),
)

_TITLES: Final = (
    "Manager",
    "Director",
    "CEO",
    "CFO",
    "Buyer",
    "Sales manager",
    "Engineer",
    "Accountant",
    "Controller",
    "Project manager",
    "Consultant",
    "Head of IT",
    "Marketing manager",
    "Office manager",
    "Planner",
    "Technician",
)
_CATEGORIES: Final = ("Customer", "Prospect", "Supplier", "Partner")
_BUSINESSES: Final = (
    "Construction",
    "IT",
    "Retail",
    "Transport",
    "Food",
    "Finance",
    "Manufacturing",
    "Consulting",
)
_DEPARTMENTS: Final = ("Head office", "North", "South", "West")


@dataclass(frozen=True)
class Recipe:
    """What a generated file is like.

    Attributes:
        rows: One row for each person; a company is repeated on each of its persons' rows.
        first: Number of the first person; two files whose numbers overlap share these people.
        repeated_noise: Share of rows that write their company's name in another case or spacing.
        near_duplicates: Share of companies whose name is another's with a letter missing.
        missing: Share of empty cells in the columns that may be empty.
    """

    rows: int
    seed: int = 1
    first: int = 0
    repeated_noise: float = 0.05
    near_duplicates: float = 0.02
    missing: float = 0.10


def write_csv(recipe: Recipe, path: Path) -> None:
    """Write a file as CSV in UTF-8."""
    with in_memory() as db:
        _make_rows(db, recipe)
        _copy(db, path, _cells_sql())


def write_xlsx(recipe: Recipe, path: Path) -> None:
    """Write a file as an Excel workbook."""
    with in_memory() as db:
        _make_rows(db, recipe)
        write_table(path, COLUMNS, db.rows(_cells_sql()), sheet="Customers")


def write_pair(
    recipe: Recipe, existing: Path, incoming: Path, truth: Path, *, overlap: float = 0.5
) -> None:
    """Write two files that share people, and what is the same in them.

    Of the shared people half are unchanged; the others have a new phone, title or address, or an
    empty cell. `truth` has, for each row of `incoming`, the row of the same person in `existing` (or
    nothing) and what changed.
    """
    write_csv(recipe, existing)
    # Companies have two or three persons, five to a pair: shared blocks must not cut one apart.
    new = round(recipe.rows * (1 - overlap)) // 5 * 5
    later = Recipe(**{**recipe.__dict__, "first": recipe.first + new})
    with in_memory() as db:
        _make_rows(db, later)
        shared = recipe.first + recipe.rows
        change = sql(
            "case when i >= {shared} then 'new' else"
            " ['same', 'same', 'same', 'same', 'same', 'phone', 'phone', 'title', 'address', 'blank']"
            "[cast(1 + hash(i, {seed}, 'change') % 10 as integer)] end",
            shared=shared,
            seed=recipe.seed,
        )
        changed = {
            "Mobile": sql(
                "case when change = 'phone' then '+47 4' || lpad(cast(i % 10000000 as varchar), 7, '0') else {c} end",
                c=name("Mobile"),
            ),
            "Title": sql(
                "case when change = 'title' then 'Head of ' || {c} else {c} end", c=name("Title")
            ),
            "Address line 1": sql(
                "case when change = 'address' then {c} || 'b' when change = 'blank' then null else {c} end",
                c=name("Address line 1"),
            ),
        }
        columns = join(
            ", ", (sql("{v} as {c}", v=changed.get(c, name(c)), c=name(c)) for c in COLUMNS)
        )
        source = sql("(select *, {change} as change from generated)", change=change)
        _copy(
            db,
            incoming,
            sql("select {columns} from {source} order by i", columns=columns, source=source),
        )
        _copy(
            db,
            truth,
            sql(
                "select i - {first} + 2 as row_no, case when change <> 'new' then i - {start} + 2 end as existing_row,"
                " change from {source} order by i",
                first=later.first,
                start=recipe.first,
                source=source,
            ),
        )


def workbook_of(text: Path, path: Path) -> None:
    """The same rows as an Excel workbook."""
    with text.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        columns = next(rows)
        write_table(
            path, columns, ([cell or None for cell in row] for row in rows), sheet="Customers"
        )


def vat_numbers(country: str, numbers: np.ndarray[Any, Any]) -> list[str]:
    """Registration numbers with right check digits, one for each number, plainly written.

    The rules are those of python-stdnum's no.orgnr, nl.btw, de.vat, gb.vat, se.vat and dk.cvr.
    """
    made = {
        "Norway": _norwegian,
        "Netherlands": _dutch,
        "Germany": _german,
        "United Kingdom": _british,
        "Sweden": _swedish,
        "Denmark": _danish,
    }
    return made[country](numbers)


def _digits(numbers: np.ndarray[Any, Any], count: int) -> np.ndarray[Any, Any]:
    powers = 10 ** np.arange(count - 1, -1, -1, dtype=np.int64)
    return (numbers[:, None] // powers) % 10


def _weighted(numbers: np.ndarray[Any, Any], weights: Sequence[int]) -> np.ndarray[Any, Any]:
    return _digits(numbers, len(weights)) @ np.array(weights, dtype=np.int64)


def _with_check(
    numbers: np.ndarray[Any, Any], weights: Sequence[int]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Numbers and their mod-11 check digits; a number whose digit would be 10 gives way to the next."""
    numbers = numbers.copy()
    while True:
        check = (11 - _weighted(numbers, weights) % 11) % 11
        bad = check == 10
        if not bad.any():
            return numbers, check
        numbers[bad] += 1


def _norwegian(numbers: np.ndarray[Any, Any]) -> list[str]:
    # Two apart, so that one that gives way does not meet its neighbour.
    base, check = _with_check(80_000_000 + 2 * numbers, (3, 2, 7, 6, 5, 4, 3, 2))
    return [f"{b}{c}" for b, c in zip(base, check, strict=True)]


def _dutch(numbers: np.ndarray[Any, Any]) -> list[str]:
    base = 10_000_000 + 2 * numbers
    while (bad := (check := _weighted(base, (9, 8, 7, 6, 5, 4, 3, 2)) % 11) == 10).any():
        base[bad] += 1
    return [f"NL{b}{c}B01" for b, c in zip(base, check, strict=True)]


def _german(numbers: np.ndarray[Any, Any]) -> list[str]:
    base = 10_000_000 + numbers
    product = np.full(len(base), 10, dtype=np.int64)
    for column in _digits(base, 8).T:
        total = (column + product) % 10
        product = 2 * np.where(total == 0, 10, total) % 11
    return [f"DE{b}{c}" for b, c in zip(base, (11 - product) % 10, strict=True)]


def _british(numbers: np.ndarray[Any, Any]) -> list[str]:
    base = 1_000_000 + numbers % 8_000_000
    check = 97 - _weighted(base, (8, 7, 6, 5, 4, 3, 2)) % 97
    return [f"GB{b}{c:02d}" for b, c in zip(base, check, strict=True)]


def _swedish(numbers: np.ndarray[Any, Any]) -> list[str]:
    base = 556_000_000 + numbers
    digits = _digits(base, 9)
    doubled = digits * np.array([2, 1, 2, 1, 2, 1, 2, 1, 2])
    check = (10 - (doubled // 10 + doubled % 10).sum(axis=1) % 10) % 10
    return [f"SE{b}{c}01" for b, c in zip(base, check, strict=True)]


def _danish(numbers: np.ndarray[Any, Any]) -> list[str]:
    base, check = _with_check(1_000_000 + 2 * (numbers % 4_000_000), (2, 7, 6, 5, 4, 3, 2))
    return [f"DK{b}{c}" for b, c in zip(base, check, strict=True)]


def _make_rows(db: Database, recipe: Recipe) -> None:
    """Make `generated`: `i` and the columns of the file."""
    db.run(sql("set preserve_insertion_order = true"))
    for table, frame in _pools(recipe.seed).items():
        db.register("pool", frame)
        db.run(sql("create table {t} as select * from pool", t=name(table)))
        db.unregister("pool")
    first_company = recipe.first // 5 * 2
    companies = np.arange(first_company, (recipe.first + recipe.rows) // 5 * 2 + 3, dtype=np.int64)
    country = companies % len(COUNTRIES)
    vat = np.empty(len(companies), dtype=object)
    for position, spec in enumerate(COUNTRIES):
        mine = country == position
        vat[mine] = vat_numbers(spec.name, companies[mine])
    db.register("vat_frame", pd.DataFrame({"k": companies, "country": country, "vat": vat}))
    db.run(_companies_sql(recipe))
    db.unregister("vat_frame")
    db.run(_rows_sql(recipe))


def _companies_sql(recipe: Recipe) -> Query:
    return sql(
        """
        create table company as
        select c.k, c.country, spec.name as country_name, spec.calling_code,
            case when {near} and length(last.name) > 4
                then left(last.name, 2) || substr(last.name, 4) else last.name end
                || ' ' || trade.name || ' ' || place.city || ' ' || form.name as name,
            cast(10000 + c.k as varchar) as number,
            case hash(c.k, {seed}, 'vat') % 4
                when 0 then c.vat
                when 1 then left(c.vat, 5) || ' ' || substr(c.vat, 6, 3) || ' ' || substr(c.vat, 9)
                when 2 then regexp_replace(c.vat, '^[A-Z]{2}', '')
                else c.vat || case when c.country = 0 then ' MVA' else '' end end as vat,
            category.name as category, business.name as business,
            street.name || ' ' || (1 + hash(c.k, 'house') % 180) as line1,
            place.zip, place.city,
            20000000 + (c.k * 7919) % 9999999 as phone_digits,
            'www.' || lower({ascii}) || c.k || '.example' as web,
            lower({ascii}) || c.k || '.example' as domain
        from vat_frame as c
        join spec on spec.country = c.country
        join last on last.country = c.country and last.n = hash(c.k, {seed}, 'last') % {pool}
        join place on place.country = c.country and place.n = hash(c.k, {seed}, 'place') % {pool}
        join street on street.country = c.country and street.n = hash(c.k, {seed}, 'street') % {pool}
        join trade on trade.country = c.country and trade.n = hash(c.k, {seed}, 'trade') % trade.size
        join form on form.country = c.country and form.n = hash(c.k, {seed}, 'form') % form.size
        join category on category.n = hash(c.k, {seed}, 'category') % category.size
        join business on business.n = hash(c.k, {seed}, 'business') % business.size
        order by c.k
        """,
        near=_share(recipe.near_duplicates, "c.k", recipe.seed, "near"),
        ascii=sql("regexp_replace(strip_accents(last.name), '[^A-Za-z]', '', 'g')"),
        seed=recipe.seed,
        pool=_POOL,
    )


def _rows_sql(recipe: Recipe) -> Query:
    def sometimes(value: Query, what: str) -> Query:
        empty = _share(recipe.missing, "r.i", recipe.seed, what)
        return sql("case when {empty} then null else {value} end", empty=empty, value=value)

    noisy = _share(recipe.repeated_noise, "r.i", recipe.seed, "noise")
    mail = sql(
        "lower(regexp_replace(strip_accents(first.name || '.' || last.name), '[^A-Za-z.]', '', 'g'))"
        " || r.i || '@' || c.domain"
    )
    values = {
        "Company name": sql(
            "case when {noisy} then case r.i % 3 when 0 then upper(c.name)"
            " when 1 then replace(c.name, ' ', '  ') else ' ' || c.name || ' ' end else c.name end",
            noisy=noisy,
        ),
        "Department": sql("case when c.k % 9 = 0 then {d}[1 + c.k % 4] end", d=list(_DEPARTMENTS)),
        "Company number": sql("c.number"),
        "VAT no.": sql("case when c.k % 20 = 3 then null else c.vat end"),
        "Category": sql("c.category"),
        "Business": sql("c.business"),
        "Address line 1": sometimes(sql("c.line1"), "line1"),
        "Zip code": sql("c.zip"),
        "City": sql("c.city"),
        "Country": sql("c.country_name"),
        "Telephone": sometimes(_phone_sql(sql("c.phone_digits"), sql("c.k")), "phone"),
        "Company email": sometimes(sql("'info@' || c.domain"), "company mail"),
        "Web site": sometimes(sql("c.web"), "web"),
        "First name": sql("first.name"),
        "Last name": sql("last.name"),
        "Title": sometimes(sql("title.name"), "title"),
        "Mobile": sometimes(
            _phone_sql(sql("90000000 + (r.i * 104729) % 9999999"), sql("r.i")), "mobile"
        ),
        "E-mail": sql(
            "case when hash(r.i, 'case') % 20 = 0 then upper({mail}) else {mail} end", mail=mail
        ),
    }
    return sql(
        """
        create table generated as
        select r.i, {values}
        from (select i, i // 5 * 2 + (i % 5) // 3 as k from range({first}, {last}) as t(i)) as r
        join company as c on c.k = r.k
        join first on first.country = c.country and first.n = hash(r.i, {seed}, 'first') % {pool}
        join last on last.country = c.country and last.n = hash(r.i, {seed}, 'person') % {pool}
        join title on title.n = hash(r.i, {seed}, 'job') % title.size
        order by r.i
        """,
        values=join(", ", (sql("{v} as {c}", v=v, c=name(c)) for c, v in values.items())),
        first=recipe.first,
        last=recipe.first + recipe.rows,
        seed=recipe.seed,
        pool=_POOL,
    )


def _phone_sql(digits: Query, number: Query) -> Query:
    """A phone number in one of nine notations of its country."""
    return sql(
        """
        case hash({n}, 'notation') % 9
            when 0 then '+' || c.calling_code || ' ' || {d}
            when 1 then '+' || c.calling_code || {d}
            when 2 then '00' || c.calling_code || {d}
            when 3 then '+' || c.calling_code || ' (0)' || {d}
            when 4 then '+' || c.calling_code || ' ' || substr({d}, 1, 2) || ' ' || substr({d}, 3, 2)
                || ' ' || substr({d}, 5, 2) || ' ' || substr({d}, 7)
            when 5 then '+' || c.calling_code || '-' || substr({d}, 1, 3) || '-' || substr({d}, 4)
            when 6 then '00 ' || c.calling_code || ' ' || {d}
            when 7 then '+' || c.calling_code || ' ' || substr({d}, 1, 4) || '.' || substr({d}, 5)
            else case when c.calling_code in ('47', '45') then {d} else '0' || {d} end
        end
        """,
        n=number,
        d=sql("cast({digits} as varchar)", digits=digits),
    )


def _share(share: float, number: str, seed: int, what: str) -> Query:
    """True for a share of the numbers, the same ones every time."""
    return sql(
        "hash({n}, {seed}, {what}) % 10000 < {limit}",
        n=name(*number.split(".")),
        seed=seed,
        what=what,
        limit=round(share * 10_000),
    )


def _pools(seed: int) -> dict[str, pd.DataFrame]:
    """Names to choose from, by country."""
    pools: dict[str, list[tuple[Any, ...]]] = {
        t: [] for t in ("first", "last", "street", "place", "trade", "form", "spec")
    }
    for country, spec in enumerate(COUNTRIES):
        fake = Faker(spec.locale)
        fake.seed_instance(seed)
        pools["spec"].append((country, spec.name, spec.calling_code))
        for n in range(_POOL):
            pools["first"].append((country, n, fake.first_name()))
            pools["last"].append((country, n, fake.last_name()))
            pools["street"].append((country, n, fake.street_name()))
            pools["place"].append((country, n, fake.city(), _zip(fake, spec, n)))
        pools["trade"] += [(country, n, t, len(spec.trades)) for n, t in enumerate(spec.trades)]
        pools["form"] += [(country, n, f, len(spec.forms)) for n, f in enumerate(spec.forms)]
    columns = {
        "spec": ["country", "name", "calling_code"],
        "place": ["country", "n", "city", "zip"],
        "trade": ["country", "n", "name", "size"],
        "form": ["country", "n", "name", "size"],
    }
    frames = {
        table: pd.DataFrame(rows, columns=columns.get(table, ["country", "n", "name"]))
        for table, rows in pools.items()
    }
    for table, items in (("category", _CATEGORIES), ("business", _BUSINESSES), ("title", _TITLES)):
        rows = [(n, item, len(items)) for n, item in enumerate(items)]
        frames[table] = pd.DataFrame(rows, columns=["n", "name", "size"])
    return frames


def _zip(fake: Faker, spec: Country, n: int) -> str:
    if spec.name == "Netherlands":
        return f"{1000 + n * 6 % 9000} {chr(65 + n % 26)}{chr(65 + n // 26 % 26)}"
    if not spec.zip_digits:
        return str(fake.postcode())
    return str(n * 7 % 10**spec.zip_digits).zfill(spec.zip_digits)


def _cells_sql() -> Query:
    return sql(
        "select {columns} from generated order by i", columns=join(", ", (name(c) for c in COLUMNS))
    )


def _copy(db: Database, path: Path, query: Query) -> None:
    # COPY takes no bound values, so what it copies is a table.
    db.run(sql("create or replace temp table copied as {query}", query=query))
    db.run(sql("copy copied to {path} (header, delimiter ',')", path=literal(str(path))))


def main() -> None:
    """Write one file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--rows", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    recipe = Recipe(rows=arguments.rows, seed=arguments.seed)
    write = write_xlsx if arguments.path.suffix.lower() == ".xlsx" else write_csv
    write(recipe, arguments.path)


if __name__ == "__main__":
    main()
