"""Staging: a source's rows as text with their row numbers, and what each column holds.

The table `staged` has `row_no`, as the file counts, and `c1` to `cN`. Blank cells are null; nothing
is cleaned or typed here, so that leading zeros, long numbers and odd dates survive.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from openpyxl.utils import get_column_letter

from crmkit.database import Database
from crmkit.errors import SourceError
from crmkit.sources import (
    Landed,
    Layout,
    Progress,
    Source,
    SourceKind,
    delimited,
    first_rows,
    spreadsheet,
)
from crmkit.sql import Query, join, literal, name, names, sql

_EXACT_UP_TO: Final = 200_000
"""Rows up to which different values are counted one by one; beyond, DuckDB's estimate is shown."""

_MARK: Final = r"^'+[=+\-@\t\r]"

_SAMPLE_COUNT: Final = 4
_SAMPLE_ROWS: Final = 2_000
_LONGEST_LINE: Final = 16_000_000


@dataclass(frozen=True)
class Column:
    """A column of the source.

    Attributes:
        id: Its name in the staged table: `c1`, `c2`, ...
        header: Its header, made unique; "Column C" where it has none.
        letter: Its letter in a spreadsheet.
        filled: Cells that are not blank.
        distinct: Different values; an estimate for large files.
        samples: The first few different values.
    """

    id: str
    header: str
    letter: str
    filled: int
    distinct: int
    distinct_is_estimate: bool
    samples: tuple[str, ...]


@dataclass(frozen=True)
class StagedTable:
    """The rows that were landed.

    Attributes:
        notes: What was found on the way, for people.
    """

    source_name: str
    sheet: str
    header_row: int
    row_count: int
    blank_rows: int
    columns: tuple[Column, ...]
    notes: tuple[str, ...]


def land(db: Database, source: Source, layout: Layout, *, progress: Progress) -> StagedTable:
    """Put a source's rows into the table `staged` and profile its columns.

    Raises:
        SourceError: It has no rows below its headers.
        CancelledError: The user stopped it; an earlier `staged` is as it was.
    """
    with tempfile.TemporaryDirectory(prefix="crmkit-") as temporary, db.atomic():
        folder = Path(temporary)
        if source.kind is SourceKind.SPREADSHEET:
            landed = _land_spreadsheet(db, source, layout, folder, progress)
        else:
            landed = _land_delimited(db, source, layout, folder, progress)
        progress(0.85, "Looking at the columns")
        rows = int(db.value(sql("select count(*) from staged")))
        if not rows:
            raise SourceError(
                "There are no rows below the headers.",
                where=f"{source.path.name}{f', sheet {layout.sheet}' if layout.sheet else ''}",
                mend="Choose another sheet, or set the header row.",
            )
        headers, header_notes = _headers(landed, _width(db))
        columns = _profile(db, headers, landed.first_column, rows)
    progress(1.0, "Loaded")
    above = (
        [f"rows 1 to {layout.header_row - 1} above the headers are passed over"]
        if layout.header_row > 1
        else []
    )
    return StagedTable(
        source.path.name,
        layout.sheet,
        layout.header_row,
        rows,
        landed.blank_rows,
        columns,
        (*above, *landed.notes, *header_notes),
    )


def to_json(staged: StagedTable) -> dict[str, Any]:
    """What an import keeps of its staged table."""
    return asdict(staged)


def from_json(kept: dict[str, Any]) -> StagedTable:
    """A staged table from what an import kept of it."""
    columns = tuple(
        Column(**{**column, "samples": tuple(column["samples"])}) for column in kept["columns"]
    )
    return StagedTable(**{**kept, "columns": columns, "notes": tuple(kept["notes"])})


def _land_spreadsheet(
    db: Database, source: Source, layout: Layout, folder: Path, progress: Progress
) -> Landed:
    text = folder / "rows.csv"
    landed = spreadsheet.write_text(source, layout, text, lambda f, t: progress(0.7 * f, t))
    progress(0.7, "Storing the rows")
    width = len(landed.headers)
    _stage_csv(
        db,
        text,
        delimiter=",",
        width=width + 1,
        skip=0,
        row_no=sql("cast(k0 as integer)"),
        cells=_cells(range(1, width + 1)),
    )
    return landed


def _land_delimited(
    db: Database, source: Source, layout: Layout, folder: Path, progress: Progress
) -> Landed:
    progress(0.05, "Reading the rows")
    rows = first_rows(source, layout.sheet, max(layout.header_row, 30))
    by_number = dict(rows)
    headers = by_number.get(layout.header_row, ())
    width = max(len(headers), source.sheets[0].columns)
    path = delimited.as_utf8(source, folder)
    _stage_csv(
        db,
        path,
        delimiter=source.delimiter,
        width=width,
        skip=layout.header_row,
        row_no=sql("cast(position + {first} as integer)", first=layout.header_row + 1),
        cells=_cells(range(width), plain=True),
    )
    empty = sql(
        "coalesce({all}) is null", all=names(f"c{number}" for number in range(1, width + 1))
    )
    blank = int(db.value(sql("select count(*) from staged where {empty}", empty=empty)))
    if blank:
        db.run(sql("delete from staged where {empty}", empty=empty))
    rejected = db.rows(
        sql("select line, error_message from reject_errors order by line limit 1000")
    )
    notes = [source.description]
    if rejected:
        lines = ", ".join(str(line) for line, _ in rejected[:5])
        notes.append(f"{len(rejected)} lines could not be read as rows (first: {lines})")
    return Landed((*headers, *("",) * (width - len(headers))), 0, blank, tuple(notes))


def _stage_csv(
    db: Database,
    path: Path,
    *,
    delimiter: str,
    width: int,
    skip: int,
    row_no: Query,
    cells: Query,
) -> None:
    """Read a text file into `staged` in one pass, in the order of the file.

    Args:
        row_no, cells: Over `position`, from 0, and the file's columns `k0`, `k1`, ...
    """
    types = join(", ", (sql("{k}: 'VARCHAR'", k=literal(f"k{n}")) for n in range(width)))
    db.run(sql("set preserve_insertion_order = true"))
    try:
        db.run(
            sql(
                """
                create or replace table staged as
                select {row_no} as row_no, {cells} from (
                    select row_number() over () - 1 as position, *
                    from read_csv({path}, delim = {delimiter}, header = false, skip = {skip},
                        auto_detect = false, columns = {{types}}, quote = '"', escape = '"',
                        null_padding = true, strict_mode = false, store_rejects = true,
                        max_line_size = {longest}, parallel = {parallel})
                )
                """,
                row_no=row_no,
                cells=cells,
                path=str(path),
                delimiter=delimiter,
                skip=skip,
                types=types,
                longest=_LONGEST_LINE,
                parallel=not _has_quoted_breaks(path),
            )
        )
    finally:
        db.run(sql("set preserve_insertion_order = false"))


def _has_quoted_breaks(path: Path) -> bool:
    """Whether a cell may hold a line break: DuckDB then reads with one thread when padding rows."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        while piece := file.read(1 << 24):
            if '"' in piece:
                return True
    return False


def _cells(numbers: range, *, plain: bool = False) -> Query:
    """Columns `c1`, ... from `k<n>`, with blank cells as null.

    Args:
        plain: Take off the apostrophe that keeps a spreadsheet from seeing a formula in a CSV file
            (`workbooks.write_csv`, and other programs alike).
    """
    return join(
        ", ",
        (
            sql(
                "case when trim({k}) = '' then null {marked} else {k} end as {c}",
                marked=sql(
                    "when starts_with({k}, '''') and regexp_matches({k}, {mark}) then substr({k}, 2)",
                    k=name(f"k{number}"),
                    mark=_MARK,
                )
                if plain
                else sql(""),
                k=name(f"k{number}"),
                c=name(f"c{position}"),
            )
            for position, number in enumerate(numbers, start=1)
        ),
    )


def _width(db: Database) -> int:
    """How many columns the staged table has, beside the row number."""
    return len(db.rows(sql("select column_name from (describe staged) order by column_name"))) - 1


def _headers(landed: Landed, width: int) -> tuple[tuple[str, ...], list[str]]:
    """A stable, unique header for every column, and what had to be made up."""
    seen: dict[str, int] = {}
    headers, blank, repeated = [], [], []
    for position in range(width):
        raw = " ".join((landed.headers[position] if position < len(landed.headers) else "").split())
        header = raw or f"Column {get_column_letter(landed.first_column + position + 1)}"
        if not raw:
            blank.append(header)
        seen[header.casefold()] = seen.get(header.casefold(), 0) + 1
        if (count := seen[header.casefold()]) > 1:
            repeated.append(header)
            header = f"{header} ({count})"
        headers.append(header)
    notes = []
    if blank and any(landed.headers):
        notes.append(f"columns without a header are called {', '.join(blank)}")
    if repeated:
        notes.append(f"headers that occur twice are numbered: {', '.join(repeated)}")
    return tuple(headers), notes


def _profile(
    db: Database, headers: tuple[str, ...], first_column: int, rows: int
) -> tuple[Column, ...]:
    ids = [f"c{number}" for number in range(1, len(headers) + 1)]
    estimate = rows > _EXACT_UP_TO
    counts = db.row(
        sql(
            "select {counts} from staged",
            counts=join(
                ", ",
                (
                    sql("count({c}), approx_count_distinct({c})", c=name(c))
                    if estimate
                    else sql("count({c}), count(distinct {c})", c=name(c))
                    for c in ids
                ),
            ),
        )
    )
    samples = db.row(
        sql(
            "select {samples} from (select * from staged order by row_no limit {rows})",
            samples=join(
                ", ",
                (sql("list({c} order by row_no) filter ({c} is not null)", c=name(c)) for c in ids),
            ),
            rows=_SAMPLE_ROWS,
        )
    )
    columns = []
    for position, (column_id, header) in enumerate(zip(ids, headers, strict=True)):
        filled, different = counts[2 * position], counts[2 * position + 1]
        letter = get_column_letter(first_column + position + 1)
        shown = tuple(dict.fromkeys(samples[position] or ()))[:_SAMPLE_COUNT]
        columns.append(
            Column(column_id, header, letter, filled, min(different, filled), estimate, shown)
        )
    # Cells that were only formatted, right of the table, are no columns.
    while (
        columns and not columns[-1].filled and columns[-1].header == f"Column {columns[-1].letter}"
    ):
        columns.pop()
    return tuple(columns)
