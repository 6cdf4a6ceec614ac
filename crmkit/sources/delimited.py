"""Delimited text: encoding and delimiter are found once, then every record is accounted for.

A file whose records are all well-formed is read by DuckDB in parallel; `count_records` says by its
bytes how many there must be, so that a record that DuckDB passes over is noticed. Every other file is
read here, record by record: what cannot be read is set aside with its reason, never dropped.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from crmkit.errors import SourceError
from crmkit.progress import Progress
from crmkit.sources import encodings
from crmkit.sources.model import NumberedRow, Sheet, Source, SourceKind, is_blank, some

if TYPE_CHECKING:
    import numpy as np

DELIMITERS: Final = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas"}
"""What is looked for, with its name: of equals the first, because commas and bars stand in texts, too.
A user can choose any other character."""

QUOTES: Final = {'"': "double", "'": "single"}
"""What can stand around cells, with its name."""

FIRST_ROWS: Final = 30
"""Records that are looked at to find the headers."""

_SAMPLE: Final = 200_000
_JUDGED: Final = 200
"""Lines that say whether cells are in single quotation marks."""

_EVERY: Final = 20_000
_LONGEST_RECORD: Final = 1_000_000
"""Characters that a record of several lines may have before its quotation mark counts as unclosed."""

_LONGEST_IN_DOUBT: Final = {50: 40_000, 500: 2_000, 5_000: 0}
"""The same, once so many marks turned out to be unclosed: more than the longest cell of Excel, less,
and nothing but the line itself. Looking for the end of a record takes time for each."""

LONGEST_LINE: Final = 12_000_000
"""Characters; what is longer is set aside, so that memory is bounded. DuckDB takes 64 MB, with up to
four bytes for each."""

_SHOWN_LINE: Final = 2_000
"""Characters that are kept of a longer one."""

_CONTROLS: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x7f]")
_LINE_END: Final = re.compile(r"[\r\n]")
_LINE_ENDS: Final = re.compile(r"[\r\n]+")
_SEPARATOR_LINE: Final = re.compile(r'"?sep=(.)"?[\r\n]', re.IGNORECASE)
_DECIMAL_COMMA: Final = re.compile(r"(?<=\d),(?=\d)")


def inspect(
    path: Path, *, encoding: str = "", delimiter: str = "", quote: str = "", country: str = ""
) -> Source:
    """A text file's encoding, delimiter, quotation marks and first records.

    Args:
        encoding, delimiter, quote: Found in the file where they are empty.
        country: Where the file probably comes from, as ISO code.

    Raises:
        SourceError: It is empty, or not text.
    """
    if path.stat().st_size == 0:
        raise SourceError("This file is empty.", where=path.name, mend="Choose another file.")
    if encoding:
        encoding = encodings.check_encoding(encoding)
        note = encodings.doubt(path, encoding)
    else:
        encoding, note = encodings.find_encoding(path, country)
    sample = _sample(path, encoding)
    if delimiter and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise SourceError(
            "A delimiter is a single character, and no quotation mark.",
            where=delimiter,
            mend="Choose the character that stands between the cells.",
        )
    if quote and quote not in QUOTES:
        raise SourceError(
            "These are no quotation marks that a file can have around its cells.",
            where=quote,
            mend="Choose the double or the single ones.",
        )
    if not quote and (single := _single_quoted_by(sample, delimiter)):
        quote, delimiter = "'", single
    quote = quote or '"'
    delimiter = delimiter or find_delimiter(sample, quote)
    spaced = f"{delimiter} {quote}" in sample
    text = io.StringIO(sample, newline="")
    records = list(itertools.islice(Records(text, delimiter, spaced=spaced, quote=quote), 2_000))
    first = tuple((row.number, tuple(row.cells)) for row in records[:FIRST_ROWS])
    widest = max((len(row.cells) for row in records), default=0)
    named = DELIMITERS.get(delimiter, f"the character {delimiter}")
    marks = "" if quote == '"' else f", cells in {QUOTES[quote]} quotation marks"
    return Source(
        path,
        SourceKind.DELIMITED,
        f"text separated by {named}{marks}, encoding {encoding}",
        (Sheet("", visible=True, rows=0, columns=widest, first_rows=first),),
        encoding,
        delimiter,
        spaced,
        quote,
        (note,) if note else (),
    )


def first_rows(source: Source, count: int) -> tuple[NumberedRow, ...]:
    """The first records with their numbers."""
    with _opened(source.path, source.encoding) as file:
        return tuple(
            (row.number, tuple(row.cells))
            for row in itertools.islice(records_of(source, file), count)
        )


def table_width(source: Source, headers: tuple[str, ...], header_row: int) -> int:
    """How many columns the table has: as many as headers, or more when most rows have more.

    Without headers it is the widest of the first rows.
    """
    with _opened(source.path, source.encoding) as file:
        sample = io.StringIO(file.read(_SAMPLE), newline="")
    widths = Counter(
        _filled_width(row.cells)
        for row in records_of(source, sample)
        if row.number > header_row and not row.reason
    )
    widths.pop(0, None)
    if not widths:
        return max(len(headers), 1)
    if not headers:
        return max(widths)
    rows = widths.total()
    usual = max(width for width in widths if _at_least(widths, width) >= rows / 2)
    return max(len(headers), usual)


def as_utf8(source: Source, folder: Path) -> Path:
    """The file itself when it is UTF-8, else a copy of it in UTF-8."""
    if source.encoding in ("utf-8", "utf-8-sig") and not source.notes:
        return source.path
    copy = folder / "utf8.csv"
    with (
        _opened(source.path, source.encoding) as read,
        copy.open("w", encoding="utf-8", newline="") as written,
    ):
        while piece := read.read(1 << 20):
            written.write(piece)
    return copy


def has_quoted_cells(path: Path, delimiter: str, quote: str = '"') -> bool:
    """Whether a UTF-8 file may have quoted cells: a quotation mark that begins one.

    Elsewhere a mark is part of the text, as in 5".
    """
    # Slow to import, and most of what is done reads no file.
    import numpy as np

    begins = np.frombuffer(delimiter.encode()[-1:] + b"\n\r", dtype=np.uint8)
    before = b"\n"
    for piece in encodings.pieces_of(path):
        places = _places(piece, quote.encode())
        if places.size:
            shifted = np.frombuffer(before + piece, dtype=np.uint8)
            if np.isin(shifted[places], begins).any():
                return True
        before = piece[-1:]
    return False


def count_records(path: Path, *, quoted: bool = True, quote: str = '"') -> int | None:
    """How many records a well-formed UTF-8 file has, counted by its bytes.

    Args:
        quoted: Cells can be quoted, and then have line ends inside.

    Returns:
        None when they cannot be counted this way.
    """
    import numpy as np

    lines = {b"\n": 0, b"\r": 0}
    quotes = 0
    end = b""
    for piece in encodings.pieces_of(path):
        if b"\x00" in piece:
            return None
        marks = _places(piece, quote.encode()) if quoted else np.empty(0, dtype=np.intp)
        for line_end in lines:
            if not marks.size:
                lines[line_end] += 0 if quotes % 2 else piece.count(line_end)
                continue
            places = _places(piece, line_end)
            # A line end after an odd number of quotation marks is inside a cell.
            inside = (np.searchsorted(marks, places) + quotes) % 2
            lines[line_end] += int(places.size - np.count_nonzero(inside))
        quotes += int(marks.size)
        end = (end + piece)[-10_000:]
    if quotes % 2:
        return None
    line_end = b"\n" if lines[b"\n"] else b"\r"
    after_last = end[len(end.rstrip(b"\r\n")) :]
    return lines[line_end] - after_last.count(line_end) + 1


def too_many_cells(source: Source) -> SourceError:
    """The message for a file with more cells than may be read."""
    return source.limits.refusal(
        "million_cells", where=source.path.name, mend="Split the file into smaller ones"
    )


@dataclass
class Tally:
    """What was found in the records of one file."""

    blank: int = 0
    rejected: int = 0
    short: list[str] = field(default_factory=list)
    quotes: list[str] = field(default_factory=list)
    zeros: int = 0

    def notes(self) -> list[str]:
        """What a user should know of it."""
        found = []
        if self.short:
            rows = "row has" if len(self.short) == 1 else "rows have"
            found.append(
                f"{len(self.short):,} {rows} fewer cells than the table has columns"
                f" (row {some(self.short)})"
            )
        if self.quotes:
            rows = "row has" if len(self.quotes) == 1 else "rows have"
            found.append(
                f"{len(self.quotes):,} {rows} text beside a quotation mark, which is kept"
                f" (row {some(self.quotes)})"
            )
        if self.zeros:
            found.append(f"{self.zeros:,} NUL characters, which are no text, are left out")
        return found


def write_text(
    source: Source, *, header_row: int, width: int, folder: Path, progress: Progress
) -> tuple[Path, Path, Tally]:
    """Read record by record and write two files for DuckDB: the rows, and what is set aside.

    Returns:
        The rows (number, then the cells), the records set aside (number, reason, text), the tally.
    """
    rows, aside = folder / "rows.csv", folder / "aside.csv"
    tally = Tally()
    blank_since = written = 0
    size = max(source.path.stat().st_size, 1)
    with (
        source.path.open("rb") as raw,
        io.TextIOWrapper(raw, encoding=source.encoding, errors="replace", newline="") as file,
        rows.open("w", encoding="utf-8", newline="") as rows_file,
        aside.open("w", encoding="utf-8", newline="") as aside_file,
    ):
        write_row = csv.writer(rows_file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow
        write_aside = csv.writer(aside_file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow
        records = records_of(source, file)
        for row in records:
            if row.number % _EVERY == 0:
                progress(min(raw.tell() / size, 1.0), "Reading the rows")
            if row.number <= header_row:
                continue
            reason, cells = row.reason, row.cells
            if not reason and all(map(is_blank, cells)):
                blank_since += 1
                continue
            # Blank lines at the end of a file are no rows.
            tally.blank, blank_since = tally.blank + blank_since, 0
            if not reason and len(cells) > width and _filled_width(cells) > width:
                reason = f"{_filled_width(cells)} cells where the table has {width} columns"
            if reason:
                tally.rejected += 1
                write_aside((row.number, reason, records.text.rstrip("\r\n")))
                continue
            if len(cells) < width:
                tally.short.append(str(row.number))
                cells = [*cells, *[""] * (width - len(cells))]
            if row.odd_quotes:
                tally.quotes.append(str(row.number))
            written += 1
            if written * width > source.limits.million_cells * 1_000_000:
                raise too_many_cells(source)
            write_row((row.number, *cells[:width]))
        tally.zeros = records.zeros
    return rows, aside, tally


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file.

    Attributes:
        number: As the file counts records, blank lines too, from 1.
        reason: Why it cannot be read; empty when it can.
        odd_quotes: A quoted cell has text after its closing mark, which was kept.
    """

    number: int
    cells: list[str]
    reason: str = ""
    odd_quotes: bool = False


class Records:
    """The records of a text, whatever state they are in."""

    def __init__(
        self, file: TextIO, delimiter: str, *, spaced: bool = False, quote: str = '"'
    ) -> None:
        # The module's limit of 131,072 characters is for the whole process, and can only be raised.
        csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
        self._lines = _Lines(file)
        self._delimiter, self._spaced, self._quote = delimiter, spaced, quote
        self._reader = csv.reader(
            self._lines,
            delimiter=delimiter,
            quotechar=quote,
            skipinitialspace=spaced,
            strict=True,
        )
        self._number = 0
        self._unclosed = 0

    @property
    def text(self) -> str:
        """The record given last, as it stands in the file."""
        return "".join(self._lines.taken)

    @property
    def zeros(self) -> int:
        """NUL characters that were left out so far."""
        return self._lines.zeros

    def __iter__(self) -> Iterator[Record]:
        return self

    def __next__(self) -> Record:
        self._lines.taken = []
        self._number += 1
        try:
            return Record(self._number, next(self._reader))
        except csv.Error:
            return self._mend()

    def _mend(self) -> Record:
        """Read a record with odd quotation marks by its first line alone."""
        taken = self._lines.taken
        self._lines.give_back(taken[1:])
        self._lines.taken = [taken[0]]
        if isinstance(taken[0], _TooLong):
            return Record(self._number, [], f"it is longer than {LONGEST_LINE:,} characters")
        # Read leniently; a line end that becomes part of a cell shows that its mark is still open.
        (cells,) = csv.reader(
            [taken[0].rstrip("\r\n") + "\n"],
            delimiter=self._delimiter,
            quotechar=self._quote,
            skipinitialspace=self._spaced,
        )
        if not cells[-1].endswith("\n"):
            return Record(self._number, cells, odd_quotes=True)
        self._unclosed += 1
        self._lines.longest = _LONGEST_IN_DOUBT.get(self._unclosed, self._lines.longest)
        return Record(self._number, cells, "a quotation mark is opened and not closed")


def records_of(source: Source, file: TextIO) -> Records:
    """The records of a source's text."""
    return Records(file, source.delimiter, spaced=source.spaced, quote=source.quote)


class _TooLong(str):
    """The beginning of a line that is too long."""

    __slots__ = ()


class _Lines:
    """Lines of a file that can be given back; too many for one record are an error."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._again: list[str] = []
        self.taken: list[str] = []
        self.longest = _LONGEST_RECORD
        self.zeros = 0
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else self._next_line()
        if self.taken:
            self._size += len(line)
        else:
            self._size = 0
        self.taken.append(line)
        if self._size > self.longest or isinstance(line, _TooLong):
            raise csv.Error("too long")
        return line

    def _next_line(self) -> str:
        line = self._file.readline(LONGEST_LINE + 1)
        if not line:
            raise StopIteration
        if len(line) > LONGEST_LINE and line[-1] not in "\r\n":
            return self._pass_over(line)
        if "\x00" in line:
            self.zeros += line.count("\x00")
            line = line.replace("\x00", "")
        return line

    def _pass_over(self, line: str) -> _TooLong:
        """The beginning of a line that is too long; the rest is read and not kept."""
        shown = line[:_SHOWN_LINE].replace("\x00", "")
        while line and line[-1] not in "\r\n":
            line = self._file.readline(LONGEST_LINE)
        return _TooLong(f"{shown} ...\n")

    def give_back(self, lines: list[str]) -> None:
        self._again.extend(reversed(lines))


def find_delimiter(sample: str, quote: str = '"') -> str:
    """The delimiter that cuts most rows, and the headers above them, into the same number of cells."""
    if stated := _SEPARATOR_LINE.match(sample.lstrip("\ufeff")):
        return stated[1]
    best, best_score = ",", 0.0
    # A comma between two digits is a decimal one in half of Europe.
    plain = _DECIMAL_COMMA.sub("", sample)
    for text in (plain, sample):
        for delimiter in DELIMITERS:
            score = _score(text, delimiter, quote)
            if score > best_score:
                best, best_score = delimiter, score
        if best_score:
            break
    return best


def _single_quoted_by(sample: str, delimiter: str) -> str:
    """The delimiter of a text whose cells are in single quotation marks; empty when they are not.

    An apostrophe stands in many texts, as in O'Brien or 's-Hertogenbosch, so nothing counts but a
    table in which every mark that begins a cell is closed at the end of it. And the headers are
    quoted, too, as by programs that quote all texts, or the rows have the same number of cells only
    this way, as by those that quote where they must.
    """
    lines = [line for line in _LINE_ENDS.split(sample) if line.strip()][:_JUDGED]
    for sign in [delimiter] if delimiter else DELIMITERS:
        # A cell in double marks belongs to a file of the usual kind.
        if re.search(f'(^|{re.escape(sign)})"', "\n".join(lines), re.MULTILINE):
            continue
        cells = [_single_quoted(line, sign) for line in lines]
        if not cells or not all(cells) or len(cells[0]) < 2:
            continue
        if len({len(row) for row in cells}) > 1:
            continue
        quoted = [sum(cell.startswith("'") for cell in row) for row in cells]
        plain = {line.count(sign) for line in lines}
        all_quoted = quoted[0] == len(cells[0]) and all(quoted)
        if all_quoted or (any(quoted) and len(plain) > 1):
            return sign
    return ""


def _single_quoted(line: str, delimiter: str) -> list[str]:
    """The cells of a line, each in single marks or without one in front; none when it has others."""
    sign = re.escape(delimiter)
    cell = rf"'(?:[^']|'')*'|(?!')[^{sign}]*"
    if not re.fullmatch(rf"(?:{cell})(?:{sign}(?:{cell}))*+", line):
        return []
    return re.findall(rf"(?:^|(?<={sign}))(?:{cell})(?={sign}|$)", line)


def _score(text: str, delimiter: str, quote: str) -> float:
    records = Records(io.StringIO(text, newline=""), delimiter, quote=quote)
    widths = [
        len(row.cells)
        for row in itertools.islice(records, 200)
        if any(row.cells) and not row.reason
    ]
    if not widths:
        return 0.0
    width, agreeing = Counter(widths).most_common(1)[0]
    # The headers have the table's width: rows above the first such one speak against a delimiter.
    return (width - 1) * agreeing / len(widths) / (1 + widths.index(width)) ** 2


def _sample(path: Path, encoding: str) -> str:
    with _opened(path, encoding) as file:
        sample = file.read(_SAMPLE)
        if len(_CONTROLS.findall(sample)) > len(sample) / 100:
            raise SourceError(
                "This is neither a workbook nor a text file.",
                where=path.name,
                mend="Save the data as .xlsx or .csv and try again.",
            )
        if len(sample) == _SAMPLE and not _LINE_END.search(sample):
            # Nothing is read of a file that has no lines; the search for its rows would take long.
            more = file.read(LONGEST_LINE)
            if len(more) == LONGEST_LINE and not _LINE_END.search(more):
                raise SourceError(
                    f"The first line of this file is longer than {LONGEST_LINE:,} characters.",
                    where=path.name,
                    mend="Save the data anew, with one line for each row.",
                )
    if len(sample) == _SAMPLE:
        # The last record may be cut in two.
        sample = sample[: max(sample.rfind("\n"), sample.rfind("\r")) + 1] or sample
    return sample


def _opened(path: Path, encoding: str) -> io.TextIOWrapper:
    return path.open(encoding=encoding, errors="replace", newline="")


def _filled_width(cells: list[str]) -> int:
    """How many cells a row has up to its last filled one."""
    width = len(cells)
    while width and is_blank(cells[width - 1]):
        width -= 1
    return width


def _at_least(widths: Counter[int], width: int) -> int:
    return sum(count for found, count in widths.items() if found >= width)


def _places(piece: bytes, sought: bytes) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    import numpy as np

    if sought not in piece:
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(np.frombuffer(piece, dtype=np.uint8) == sought[0])
