"""Staging: a source's rows as text with their row numbers, and what each column holds.

The table `staged` has `row_no`, as the file counts, and `c1` to `cN`. Blank cells are null; nothing
is cleaned or typed here, so that leading zeros, long numbers and odd dates survive.
"""

from __future__ import annotations

import string
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from crmkit import erp_sheets, transforms
from crmkit.database import Database
from crmkit.erp_sheets import Other
from crmkit.errors import CancelledError, SourceError
from crmkit.processes import temporary_folder
from crmkit.sources import (
    WITHOUT_HEADERS,
    Landed,
    Layout,
    Progress,
    Source,
    SourceKind,
    address_book,
    as_laid_out,
    business_xml,
    contact,
    delimited,
    detect_layout,
    erp_workbook,
    first_rows,
    programs,
    spreadsheet,
    unpacked,
)
from crmkit.sources.encodings import REPLACEMENT
from crmkit.sources.layout import TAIL, find_notes, join_headers
from crmkit.sources.model import BLANKS, some
from crmkit.sql import Query, join, literal, name, names, sql

_EXACT_UP_TO: Final = 200_000
"""Rows up to which different values are counted one by one; beyond, an estimate is shown."""

_EMPTY_DATE: Final = r"\s*0{1,2}[-./ ]+0{1,2}[-./ ]+0{1,4}\s*"
_MARK: Final = r"^'+[=+\-@\t\r]"

_SAMPLE_COUNT: Final = 4
_SAMPLE_ROWS: Final = 2_000
_LONG_LINE: Final = 2_000_000
"""Bytes of a record that DuckDB makes room for; eight times as many make reading twice as slow."""

_LONGEST_LINE: Final = 64_000_000
_AT_ONCE: Final = 50
"""Columns that are looked at in one statement; 700 at once ran out of memory."""

_LETTERED: Final = 18_278
"""Columns up to ZZZ."""

_INSIST: Final = 100
_BEYOND: Final = "\x80"
_T = TypeVar("_T")

NOTE_BELOW: Final = "looks like a note or a total below the table"
"""Why a row at the end is set aside."""

_TEXT: Final = (SourceKind.DELIMITED, SourceKind.GOOGLE)
"""Files of plain text, with one encoding and one delimiter."""

_LANDING: Final = name("staged_landing")
_REJECTED: Final = name("staged_landing_rejected")


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
        known_as: What the program that wrote the file calls it in English ("Business Phone"), where
            it was recognised; the header may be in any language.
    """

    id: str
    header: str
    letter: str
    filled: int
    distinct: int
    distinct_is_estimate: bool
    samples: tuple[str, ...]
    known_as: str = ""


@dataclass(frozen=True)
class StagedTable:
    """The rows that were landed.

    Attributes:
        rejected: Rows that could not be read; they are in the table `staged_rejected`.
        notes: What was found on the way, for people.
        encoding, delimiter, quote: Of a text file, as it was read; the encoding of a web page and of vCards
            is empty where they say it themselves.
        asks_encoding: The encoding can be said where the finding is wrong.
        header_rows: How many rows the headers take; `header_row` is the last of them.
        keep_notes: Rows below the table that look like notes were read like the others.
        sheets: All of the workbook's, each with whether it is visible.
        program: What wrote the file, where it was recognised: "Outlook", "Google Contacts", "vCard",
            "Thunderbird", "LinkedIn".
        contacts: It has contacts, in vCards or the like, or parties of an XML file, and no row of
            headers to choose.
        reshaped: Its columns are not those of the file but made from it, one for each kind of phone
            and the like.
    """

    source_name: str
    sheet: str
    header_row: int
    row_count: int
    blank_rows: int
    columns: tuple[Column, ...]
    notes: tuple[str, ...]
    rejected: int = 0
    encoding: str = ""
    delimiter: str = ""
    sheets: tuple[tuple[str, bool], ...] = ()
    program: str | None = None
    contacts: bool = False
    reshaped: bool = False
    header_rows: int = 1
    keep_notes: bool = False
    asks_encoding: bool = False
    quote: str = ""


def land(db: Database, source: Source, layout: Layout, *, progress: Progress) -> StagedTable:
    """Put a source's rows into the table `staged`, what cannot be read into `staged_rejected`.

    Raises:
        SourceError: It has no rows below its headers.
        CancelledError: The user stopped it; an earlier `staged` is as it was.
    """
    source = as_laid_out(source, layout)
    reshaped = source.kind in (*address_book.KINDS, SourceKind.XML)
    progress = _within_time(source, progress)
    with (
        temporary_folder() as temporary,
        unpacked(source) as file,
        _in_file_order(db),
    ):
        folder = Path(temporary)
        # In a table beside: a statement that the data make impossible would end a transaction.
        db.run(_rejected_table())
        if source.kind is SourceKind.SPREADSHEET:
            landed = _land_spreadsheet(db, file, layout, folder, progress)
        elif source.kind in address_book.KINDS:
            landed = _land_contacts(db, file, layout, folder, progress)
        elif source.kind is SourceKind.XML:
            landed = _land_xml(db, file, layout, folder, progress)
        else:
            landed = _land_delimited(db, file, layout, folder, progress)
        progress(0.85, "Looking at the columns")
        ids = [f"c{number}" for number in range(1, len(landed.headers) + 1)]
        if not ids:
            raise _no_rows(db, source, layout, 0)
        headers, header_notes = _headers(landed)
        if not layout.keep_notes and not reshaped:
            _set_notes_aside(db, ids)
        split_notes = _tidy(db, landed)
        rows = int(db.value(sql("select count(*) from {t}", t=_LANDING)))
        marked = source.kind in _TEXT
        columns = _profile(db, headers, landed.positions, rows, marked=marked)
        columns, program, program_notes = _known(source, landed, columns)
        blank = _delete_blank_rows(db, ids)
        rows -= blank
        rejected = int(db.value(sql("select count(*) from {t}", t=_REJECTED)))
        if not rows and rejected and reshaped:
            raise SourceError(
                "None of the contacts in this file can be read.",
                where=source.path.name,
                mend=f"{_notes_on_rejected(db, rejected)[0]}. Export the contacts again.",
            )
        if not rows:
            raise _no_rows(db, source, layout, rejected)
        notes = (
            *program_notes,
            *_notes_on_layout(source, layout),
            *source.notes,
            *landed.notes,
            *split_notes,
            *_notes_on_rejected(db, rejected),
            *_notes_on_characters(db, source, ids),
            *header_notes,
        )
    with db.atomic():
        for landing, table in ((_LANDING, "staged"), (_REJECTED, "staged_rejected")):
            db.run(sql("drop table if exists {t}", t=name(table)))
            db.run(sql("alter table {t} rename to {new}", t=landing, new=name(table)))
    progress(1.0, "Loaded")
    return StagedTable(
        source.path.name,
        layout.sheet,
        layout.header_row,
        rows,
        landed.blank_rows + blank,
        columns,
        notes,
        rejected=rejected,
        encoding=source.encoding if _asks_encoding(source) else "",
        delimiter=source.delimiter,
        sheets=tuple((sheet.name, sheet.visible) for sheet in source.sheets),
        header_rows=layout.header_rows,
        keep_notes=layout.keep_notes,
        program=program,
        contacts=source.kind in WITHOUT_HEADERS,
        reshaped=reshaped,
        asks_encoding=_asks_encoding(source),
        quote=source.quote if source.kind in _TEXT else "",
    )


def _asks_encoding(source: Source) -> bool:
    """Whether a source's encoding can be said; others are read as they state it, and only so."""
    kinds = (*_TEXT, SourceKind.VCARD, SourceKind.XML, SourceKind.XCARD)
    return source.kind in kinds or source.markup == "html"


def _within_time(source: Source, progress: Progress) -> Progress:
    """Progress that raises when reading takes longer than it may."""
    deadline = time.monotonic() + source.limits.seconds

    def report(fraction: float, text: str) -> None:
        if time.monotonic() > deadline:
            raise source.limits.refusal(
                "seconds", where=source.path.name, mend="Split the file into smaller ones"
            )
        progress(fraction, text)

    return report


def rejected_rows(db: Database, count: int) -> list[tuple[int, str, str]]:
    """The first rows that were set aside: number, reason, and the text as it stands in the file."""
    if not db.has_table("staged_rejected"):
        return []
    return db.rows(
        sql(
            "select row_no, reason, text from staged_rejected order by row_no limit {count}",
            count=count,
        )
    )


def to_json(staged: StagedTable) -> dict[str, Any]:
    """What an import keeps of its staged table."""
    return asdict(staged)


def from_json(kept: dict[str, Any]) -> StagedTable:
    """A staged table from what an import kept of it."""
    columns = tuple(
        Column(**{**column, "samples": tuple(column["samples"])}) for column in kept["columns"]
    )
    sheets = tuple((sheet, visible) for sheet, visible in kept.get("sheets", ()))
    return StagedTable(
        **{**kept, "columns": columns, "notes": tuple(kept["notes"]), "sheets": sheets}
    )


@contextmanager
def _in_file_order(db: Database) -> Iterator[None]:
    """Rows are numbered as they stand in the file, for the length of a block."""
    # Outside any transaction: in one that was stopped, the setting could not be taken back.
    db.run(sql("set preserve_insertion_order = true"))
    try:
        yield
    finally:
        for _ in range(_INSIST):
            # A Cancel that comes just now must not leave the setting on.
            with suppress(CancelledError):
                db.run(sql("set preserve_insertion_order = false"))
                break


def _land_spreadsheet(
    db: Database, source: Source, layout: Layout, folder: Path, progress: Progress
) -> Landed:
    text = folder / "rows.csv"
    landed = spreadsheet.write_text(source, layout, text, lambda f, t: progress(0.7 * f, t))
    progress(0.7, "Storing the rows")
    if landed.places:
        _stage_numbered(db, text, landed.written, landed.places)
    actor = erp_workbook.actor_of(layout.sheet, landed.headers)
    if actor is None:
        return landed

    def other(sheet: str) -> Other | None:
        return _land_beside(db, source, sheet, folder)

    return erp_sheets.complete(db, _LANDING, landed, actor, other)


def _land_beside(db: Database, source: Source, sheet: str, folder: Path) -> Other | None:
    """Another sheet of a workbook in a table that goes with the connection."""
    if not any(item.name == sheet and item.rows for item in source.sheets):
        return None
    text, table = folder / "beside.csv", name(f"staged_{sheet}")
    landed = spreadsheet.write_text(source, detect_layout(source, sheet), text, _unseen)
    if not landed.places:
        return None
    _stage_numbered(db, text, landed.written, landed.places, table=table, temporary=True)
    return Other(table, landed.headers)


def _unseen(fraction: float, text: str) -> None:
    del fraction, text


def _land_delimited(
    db: Database, source: Source, layout: Layout, folder: Path, progress: Progress
) -> Landed:
    progress(0.05, "Reading the rows")
    first = first_rows(source, layout.sheet, max(layout.header_row, 1))
    above = dict(first)
    if layout.header_row:
        headers = tuple(
            join_headers(
                [
                    above.get(number, ())
                    for number in range(layout.first_header_row, layout.header_row + 1)
                ]
            )
        )
    else:
        headers = ()
    width = delimited.table_width(source, headers, layout.header_row)
    if width > source.limits.columns:
        raise source.limits.refusal(
            "columns", where=source.path.name, mend="Choose another delimiter, or take columns away"
        )
    headers = (*headers, *("",) * (width - len(headers)))
    positions = tuple(range(width))
    path = delimited.as_utf8(source, folder)
    for quoted in (True, False):
        if not quoted and (
            source.spaced or delimited.has_quoted_cells(path, source.delimiter, source.quote)
        ):
            break
        records = delimited.count_records(path, quoted=quoted, quote=source.quote)
        if records is not None and records * width > source.limits.million_cells * 1_000_000:
            raise delimited.too_many_cells(source)
        for padded in (False, True) if records is not None else ():
            read = _read_csv(
                path,
                source.delimiter,
                width,
                skip=layout.header_row,
                padded=padded,
                quote=source.quote if quoted else "",
            )
            if _stage_directly(db, read, width, skip=layout.header_row, records=records):
                short = ("some rows have fewer cells than the table has columns",) if padded else ()
                return Landed(headers, positions, 0, (source.description, *short))
    rows, aside, tally = delimited.write_text(
        source,
        header_row=layout.header_row,
        width=width,
        folder=folder,
        progress=lambda f, t: progress(0.05 + 0.55 * f, t),
    )
    progress(0.6, "Storing the rows")
    _stage_numbered(db, rows, width, positions)
    if tally.rejected:
        _stage_rejected(db, aside)
    return Landed(headers, positions, tally.blank, (source.description, *tally.notes()))


def _land_contacts(
    db: Database, source: Source, layout: Layout, folder: Path, progress: Progress
) -> Landed:
    if source.kind is SourceKind.XCARD:
        source = business_xml.as_lines(source, folder, lambda f, t: progress(0.3 * f, t))
    written = address_book.write_text(
        source,
        header_row=layout.header_row,
        folder=folder,
        progress=lambda f, t: progress(0.6 * f, t),
    )
    progress(0.6, "Storing the contacts")
    return _land_written(db, written)


def _land_xml(
    db: Database, source: Source, layout: Layout, folder: Path, progress: Progress
) -> Landed:
    written = business_xml.write_text(
        source, layout.sheet, folder, lambda f, t: progress(0.6 * f, t)
    )
    progress(0.6, "Storing the rows")
    return _land_written(db, written)


def _land_written(db: Database, written: address_book.Written) -> Landed:
    """Read what a reader wrote whose rows have as many cells as columns were known by then."""
    # From left to right as people read them, whatever the first contact has.
    order = sorted(range(len(written.headings)), key=lambda place: written.headings[place].rank)
    width = len(order)
    cells = join(
        ", ",
        (
            sql("nullif({k}, '') as {c}", k=name(f"k{place + 1}"), c=name(f"c{position}"))
            for position, place in enumerate(order, start=1)
        ),
    )
    if width:
        db.run(
            sql(
                "create or replace table {t} as select cast(k0 as integer) as row_no, {cells}"
                " from {read}",
                t=_LANDING,
                cells=cells,
                read=_read_csv(
                    written.rows, ",", width + 1, padded=True, longest=_LONGEST_LINE, line_end=r"\n"
                ),
            )
        )
    else:
        db.run(sql("create or replace table {t} (row_no integer, c1 varchar)", t=_LANDING))
    if written.rejected:
        _stage_rejected(db, written.aside)
    headings = [written.headings[place] for place in order] or [contact.MORE]
    return Landed(
        tuple(heading.text for heading in headings),
        tuple(range(len(headings))),
        written.blank,
        written.notes,
        tuple(heading.known_as for heading in headings),
    )


def _split_names(db: Database, called: Sequence[str]) -> list[str]:
    """In an address book with names in parts, split the name of a contact that has it whole only."""
    columns = {known_as: f"c{number}" for number, known_as in enumerate(called, start=1)}
    parts = {"First Name": "first_name", "Middle Name": "middle_name", "Last Name": "last_name"}
    there = {columns[known_as]: part for known_as, part in parts.items() if known_as in columns}
    if not {"Display Name", "First Name", "Last Name"} <= set(columns):
        return []
    full = name(columns["Display Name"])
    # Programs show an e-mail address where there is no name.
    without = sql(
        "{full} is not null and not contains({full}, '@') and trim(concat_ws('', {parts})) = ''",
        full=full,
        parts=names(list(there)),
    )
    count = int(db.value(sql("select count(*) from {t} where {w}", t=_LANDING, w=without)))
    if not count:
        return []
    pieces = transforms.split_name(full)
    if "Middle Name" not in columns:
        first, middle = pieces["first_name"], pieces["middle_name"]
        pieces["first_name"] = sql("concat_ws(' ', {f}, {m})", f=first, m=middle)
    values = join(", ", (sql("{c} = {v}", c=name(c), v=pieces[p]) for c, p in there.items()))
    db.run(sql("update {t} set {values} where {w}", t=_LANDING, values=values, w=without))
    whose = "contact has" if count == 1 else "contacts have"
    return [f"{count:,} {whose} only a full name, which was split into first and last name"]


def _stage_rejected(db: Database, aside: Path) -> None:
    """Keep what was set aside: number, reason and text."""
    db.run(
        sql(
            "insert into {t} select cast(k0 as integer), k1, k2 from {read}",
            t=_REJECTED,
            read=_read_csv(aside, ",", 3, longest=_LONGEST_LINE, line_end=r"\n"),
        )
    )


def _tidy(db: Database, landed: Landed) -> list[str]:
    """What address books are known for: empty dates that are none, names in one piece only."""
    if landed.known_as:
        return _split_names(db, landed.known_as)
    known = programs.recognise(landed.headers)
    if known is None:
        return []
    if known.program == programs.OUTLOOK:
        _delete_empty_dates(db, known.known_as)
    joined = _join_birth_dates(db, known) if known.program == programs.THUNDERBIRD else []
    return [*joined, *_split_names(db, known.known_as)]


def _join_birth_dates(db: Database, known: programs.Recognised) -> list[str]:
    """Thunderbird writes year, month and day of birth in three columns: the day's gets the date."""
    columns = {known_as: f"c{number}" for number, known_as in enumerate(known.known_as, start=1)}
    parts = [columns.get(f"Birth {part}", "") for part in ("Year", "Month", "Day")]
    if not all(parts):
        return []
    whole = sql("try_cast(concat_ws('-', {parts}) as date)", parts=names(parts))
    count = int(db.value(sql("select count({whole}) from {t}", t=_LANDING, whole=whole)))
    if not count:
        return []
    db.run(
        sql(
            "update {t} set {day} = cast({whole} as varchar) where {whole} is not null",
            t=_LANDING,
            day=name(parts[2]),
            whole=whole,
        )
    )
    return ["year, month and day of birth are put together, in the column of the day"]


def _delete_empty_dates(db: Database, called: Sequence[str]) -> None:
    """Outlook writes an empty date as 0/0/00, 0.0.00 or 0-0-00."""
    for number, known_as in enumerate(called, start=1):
        # In other languages the dates are among the columns that are not known.
        if known_as not in ("", "Birthday", "Anniversary"):
            continue
        c = name(f"c{number}")
        empty = sql("regexp_full_match({c}, {zeros})", c=c, zeros=_EMPTY_DATE)
        if db.value(sql("select count(*) from {t} where {w}", t=_LANDING, w=empty)):
            db.run(sql("update {t} set {c} = null where {w}", t=_LANDING, c=c, w=empty))


def _known(
    source: Source, landed: Landed, columns: tuple[Column, ...]
) -> tuple[tuple[Column, ...], str | None, list[str]]:
    """The columns with what the program that wrote them calls them, the program, and a note."""
    if landed.known_as:
        called = zip(columns, landed.known_as, strict=False)
        return tuple(replace(c, known_as=k) for c, k in called), source.program, []
    found = programs.recognise(landed.headers, [column.samples for column in columns])
    if found is None:
        return columns, None, []
    called = zip(columns, found.known_as, strict=False)
    named = tuple(replace(column, known_as=known_as) for column, known_as in called)
    return named, found.program, [found.description]


def _stage_directly(
    db: Database, read: Query, width: int, *, skip: int, records: int | None
) -> bool:
    """Let DuckDB read a text file in parallel; False when it is not well-formed in each record."""
    # Rows stand in the order of the file, so that their places number them. A window would number
    # them too, but it holds all of them first, which takes as long again as reading them.
    stage = sql(
        "create or replace table {t} as select cast(0 as integer) as row_no, {cells} from {read}",
        t=_LANDING,
        cells=_cells(range(width)),
        read=read,
    )
    if not db.attempt(stage):
        return False
    db.run(sql("update {t} set row_no = rowid + 1 + {skip}", t=_LANDING, skip=skip))
    return records == skip + int(db.value(sql("select count(*) from {t}", t=_LANDING)))


def _stage_numbered(
    db: Database,
    path: Path,
    width: int,
    places: tuple[int, ...],
    *,
    table: Query = _LANDING,
    temporary: bool = False,
) -> None:
    """Read a text file of our own: row number, then so many cells, of which some count."""

    def stage(longest: int) -> Query:
        return sql(
            "create or replace {temporary} table {t} as"
            " select cast(k0 as integer) as row_no, {cells} from {read}",
            temporary=sql("temp") if temporary else sql(""),
            t=table,
            cells=_cells([place + 1 for place in places]),
            read=_read_csv(path, ",", width + 1, longest=longest, line_end=r"\n"),
        )

    if not db.attempt(stage(_LONG_LINE)):
        db.run(stage(_LONGEST_LINE))


def _read_csv(
    path: Path,
    delimiter: str,
    width: int,
    *,
    skip: int = 0,
    padded: bool = False,
    quote: str = '"',
    longest: int = _LONG_LINE,
    line_end: str = "",
) -> Query:
    """A text file's rows as columns `k0`, `k1`, ...; any record that is not well-formed is an error."""
    types = join(", ", (sql("{k}: 'VARCHAR'", k=literal(f"k{n}")) for n in range(width)))
    return sql(
        """
        read_csv({path}, delim = {delimiter}, header = false, skip = {skip}, auto_detect = false,
            columns = {{types}}, quote = {quote}, escape = {quote}, null_padding = {padded},
            strict_mode = true, max_line_size = {longest}, parallel = {parallel} {line_end})
        """,
        path=str(path),
        delimiter=delimiter,
        skip=skip,
        quote=quote,
        types=types,
        padded=padded,
        # Rows that go on over several lines cannot be padded in parallel.
        parallel=not (padded and line_end),
        longest=longest,
        # Found by DuckDB where it is not said, and wrongly for a first cell that holds another one.
        line_end=sql(", new_line = {end}", end=line_end) if line_end else sql(""),
    )


def _cells(places: Sequence[int]) -> Query:
    """Columns `c1`, `c2`, ... from those at some places."""
    return join(
        ", ",
        (
            sql("{k} as {c}", k=name(f"k{place}"), c=name(f"c{number}"))
            for number, place in enumerate(places, start=1)
        ),
    )


def _rejected_table() -> Query:
    return sql(
        "create or replace table {t} (row_no integer, reason varchar, text varchar)", t=_REJECTED
    )


def _set_notes_aside(db: Database, ids: list[str]) -> None:
    """Rows at the end that look like notes or totals are set aside with that reason."""
    last = db.value(sql("select max(row_no) from {t}", t=_LANDING))
    if last is None:
        return
    filled = sql("coalesce({all}) is not null", all=names([*ids, ids[0]]))
    rows = db.rows(
        sql(
            "select row_no, {ids} from {t} where row_no > {from_row} and {filled}"
            " order by row_no desc limit {count}",
            ids=names(ids),
            t=_LANDING,
            # A bound that DuckDB can use to pass over all that is before it.
            from_row=last - 10 * TAIL,
            filled=filled,
            count=2 * TAIL,
        )
    )
    ends = [(number, cells) for number, *cells in reversed(rows)]
    before = [cells for _, cells in ends[:-TAIL]]
    first = find_notes(ends[-TAIL:], before)
    if not first:
        return
    db.run(
        sql(
            "insert into {rejected} select row_no, {reason}, concat_ws(' | ', {ids}) from {t}"
            " where row_no >= {first} and {filled}",
            rejected=_REJECTED,
            reason=NOTE_BELOW,
            ids=names(ids),
            t=_LANDING,
            first=first,
            filled=filled,
        )
    )
    db.run(
        sql(
            "delete from {t} where row_no >= {first} and {filled}",
            t=_LANDING,
            first=first,
            filled=filled,
        )
    )


def _delete_blank_rows(db: Database, ids: list[str]) -> int:
    empty = sql("coalesce({all}) is null", all=names([*ids, ids[0]]))
    blank = int(db.value(sql("select count(*) from {t} where {e}", t=_LANDING, e=empty)))
    if blank:
        db.run(sql("delete from {t} where {e}", t=_LANDING, e=empty))
    return blank


def _notes_on_layout(source: Source, layout: Layout) -> list[str]:
    notes = []
    first = layout.first_header_row
    if first > 1:
        notes.append(
            "row 1 above the headers is passed over"
            if first == 2
            else f"rows 1 to {first - 1} above the headers are passed over"
        )
    if layout.header_rows > 1:
        notes.append(f"the headers are joined from rows {first} to {layout.header_row}")
    if not layout.header_row and source.kind not in WITHOUT_HEADERS:
        notes.append("no row looks like headers, so columns are called by their letters")
    others = [sheet for sheet in source.sheets if sheet.rows and sheet.name != layout.sheet]
    if others:
        listed = [
            f"{sheet.name} ({sheet.rows:,} {'row' if sheet.rows == 1 else 'rows'}"
            f"{'' if sheet.visible else ', hidden'})"
            for sheet in others
        ]
        notes.append(f"other sheets are not read: {some(listed, 10)}")
    # Tables of an audit file are counted, and told above.
    unread = [s.name for s in source.sheets if s.name != source.member and not s.rows]
    if source.member and unread:
        notes.append(f"{source.member} is read; not read are: {some(unread, 10)}")
    return notes


def _no_rows(db: Database, source: Source, layout: Layout, rejected: int) -> SourceError:
    where = f"{source.path.name}{f', sheet {layout.sheet}' if layout.sheet else ''}"
    if not rejected:
        return SourceError(
            "There are no rows below the headers.",
            where=where,
            mend="Choose another sheet, or set the header row.",
        )
    number, reason = db.row(
        sql("select row_no, reason from {t} order by row_no limit 1", t=_REJECTED)
    )
    return SourceError(
        f"None of the {rejected:,} rows below the headers can be read. The first: {reason}."
        if rejected > 1
        else f"The only row below the headers cannot be read: {reason}.",
        where=f"{where}, row {number}",
        mend="Mend that row in the file, or choose the delimiter and the header row yourself.",
    )


def _notes_on_rejected(db: Database, rejected: int) -> list[str]:
    if not rejected:
        return []
    first = db.rows(sql("select row_no, reason from {t} order by row_no limit 4", t=_REJECTED))
    listed = some([f"row {number}: {reason}" for number, reason in first])
    return [f"{rejected:,} {'row is' if rejected == 1 else 'rows are'} set aside ({listed})"]


def _notes_on_characters(db: Database, source: Source, ids: list[str]) -> list[str]:
    """Where a text file has bytes that are no characters in its encoding."""
    if source.encoding in ("", "utf-8", "utf-8-sig") and not source.notes:
        return []
    has_one = join(" or ", (sql("contains({c}, {sign})", c=name(c), sign=REPLACEMENT) for c in ids))
    found = db.rows(
        sql("select row_no from {t} where {any} order by row_no limit 4", t=_LANDING, any=has_one)
    )
    if not found:
        return []
    listed = some([str(number) for (number,) in found])
    what = f"some characters cannot be read in the encoding {source.encoding}"
    return [f"{what} and show as {REPLACEMENT} (row {listed})"]


def _headers(landed: Landed) -> tuple[tuple[str, ...], list[str]]:
    """A stable, unique header for every column, and what had to be made up."""
    seen: dict[str, int] = {}
    headers, blank, repeated = [], [], []
    for position, cell in zip(landed.positions, landed.headers, strict=True):
        raw = " ".join(cell.split()).strip(BLANKS)
        header = raw or f"Column {_letter(position)}"
        if not raw:
            blank.append(header)
        seen[header.casefold()] = seen.get(header.casefold(), 0) + 1
        if (count := seen[header.casefold()]) > 1:
            repeated.append(header)
            header = f"{header} ({count})"
        headers.append(header)
    notes = []
    if blank and any(landed.headers):
        notes.append(f"columns without a header are called {some(blank, 10)}")
    if repeated:
        notes.append(f"headers that occur twice are numbered: {some(repeated, 10)}")
    return tuple(headers), notes


def _letter(position: int) -> str:
    """A column's letter, or its number where a spreadsheet has no letter for it."""
    if position >= _LETTERED:
        return str(position + 1)
    # As a number of 26 digits without a zero.
    before, last = divmod(position, 26)
    return (_letter(before - 1) if before else "") + string.ascii_uppercase[last]


def _profile(
    db: Database,
    headers: tuple[str, ...],
    positions: tuple[int, ...],
    rows: int,
    *,
    marked: bool,
) -> tuple[Column, ...]:
    """Clean the cells and say what each column holds.

    Args:
        marked: Take off the apostrophe that keeps a spreadsheet from seeing a formula in a CSV file
            (`workbooks.write_csv`, and other programs alike).
    """
    columns: list[Column] = []
    # A few columns at a time: each counts its different values in a table of its own in memory.
    for block in _blocks(list(enumerate(zip(positions, headers, strict=True), start=1))):
        ids = [f"c{number}" for number, _ in block]
        found = zip(block, _counts(db, ids, rows, marked=marked), _samples(db, ids), strict=True)
        for (number, (position, header)), (filled, different), shown in found:
            columns.append(
                Column(
                    f"c{number}",
                    header,
                    _letter(position),
                    filled,
                    min(different, filled),
                    rows > _EXACT_UP_TO,
                    shown,
                )
            )
    # Cells that were only formatted, right of the table, are no columns.
    while (
        columns and not columns[-1].filled and columns[-1].header == f"Column {columns[-1].letter}"
    ):
        columns.pop()
    return tuple(columns)


def _counts(db: Database, ids: list[str], rows: int, *, marked: bool) -> list[tuple[int, int]]:
    """Filled cells and different values of each column, whose cells are cleaned first."""
    numbers = db.row(
        sql(
            "select {counts} from {t}",
            counts=join(
                ", ", (sql("{n}, min({c}), max({c})", n=_count(c, rows), c=name(c)) for c in ids)
            ),
            t=_LANDING,
        )
    )
    found = {c: numbers[4 * place : 4 * place + 4] for place, c in enumerate(ids)}
    counts = {c: (filled, different) for c, (filled, different, *_) in found.items()}
    spans = {c: (first, last) for c, (filled, _, first, last) in found.items() if filled}
    if changed := _clean(db, spans, marked=marked):
        again = join(", ", (_count(c, rows) for c in changed))
        numbers = db.row(sql("select {counts} from {t}", counts=again, t=_LANDING))
        counts |= zip(changed, zip(numbers[::2], numbers[1::2], strict=True), strict=True)
    return list(counts.values())


def _count(column: str, rows: int) -> Query:
    if rows > _EXACT_UP_TO:
        return sql("count({c}), approx_count_distinct({c})", c=name(column))
    return sql("count({c}), count(distinct {c})", c=name(column))


def _clean(db: Database, spans: dict[str, tuple[str, str]], *, marked: bool) -> list[str]:
    """Cells that show nothing become null, and marks are taken off.

    Args:
        spans: Column -> its first and last text.

    Returns:
        The columns in which something changed.
    """
    changes: list[tuple[str, Query, Query]] = []
    for column, (first, last) in spans.items():
        c = name(column)
        # Blanks and marks sort before letters and digits, or beyond ASCII: most columns have none.
        if first < "!" or last >= _BEYOND:
            shows_nothing = sql(
                # A CASE, unlike an AND, trims only the few that could be blank.
                "case when {c} < '!' or {c} >= {beyond} then trim({c}, {blanks}) = '' else false end",
                c=c,
                beyond=_BEYOND,
                blanks=BLANKS,
            )
            changes.append((column, sql("null"), shows_nothing))
        if marked and first < "(":
            is_marked = sql(
                "case when starts_with({c}, '''') then regexp_matches({c}, {mark}) else false end",
                c=c,
                mark=_MARK,
            )
            changes.append((column, sql("substr({c}, 2)", c=c), is_marked))
    if not changes:
        return []
    # Looked for first: an update that finds nothing costs as much as one that does.
    there = join(", ", (sql("bool_or({w})", w=where) for _, _, where in changes))
    present = db.row(sql("select {there} from {t}", there=there, t=_LANDING))
    done = [change for change, is_there in zip(changes, present, strict=True) if is_there]
    for column, value, where in done:
        db.run(
            sql(
                "update {t} set {c} = {value} where {w}",
                t=_LANDING,
                c=name(column),
                value=value,
                w=where,
            )
        )
    return list(dict.fromkeys(column for column, *_ in done))


def _samples(db: Database, ids: list[str]) -> list[tuple[str, ...]]:
    """For each column its first few different values."""
    rows = db.rows(
        sql(
            "select {ids} from {t} order by row_no limit {rows}",
            ids=names(ids),
            t=_LANDING,
            rows=_SAMPLE_ROWS,
        )
    )
    columns = zip(*rows, strict=True) if rows else ((),) * len(ids)
    return [
        tuple(value for value in dict.fromkeys(values) if value is not None)[:_SAMPLE_COUNT]
        for values in columns
    ]


def _blocks(items: list[_T]) -> Iterator[list[_T]]:
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]
