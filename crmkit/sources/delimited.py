"""Delimited text: encoding and delimiter are found once, then DuckDB reads with nothing to guess.

The ladder for the encoding: byte order mark, UTF-16 by its zero bytes, UTF-8 when the whole file is
valid, else Windows-1252 (reference: source-formats.md sections 1.5 and 6).
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
from collections import Counter
from pathlib import Path
from typing import Final

from crmkit.errors import SourceError
from crmkit.sources.model import NumberedRow, Sheet, Source, SourceKind

_PIECE: Final = 1 << 20
_SAMPLE: Final = 200_000
_DELIMITERS: Final = {";": "semicolons", ",": "commas", "\t": "tabs", "|": "bars"}
_BOMS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def inspect(path: Path) -> Source:
    """A text file's encoding and delimiter.

    Raises:
        SourceError: It is empty, or not text.
    """
    if path.stat().st_size == 0:
        raise SourceError("This file is empty.", where=path.name, mend="Choose another file.")
    encoding = _encoding(path)
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        sample = file.read(_SAMPLE)
    if "\x00" in sample:
        raise SourceError(
            "This is neither a workbook nor a text file.",
            where=path.name,
            mend="Save the data as .xlsx or .csv and try again.",
        )
    delimiter = _delimiter(sample)
    widest = max(
        (len(row) for row in csv.reader(io.StringIO(sample), delimiter=delimiter)), default=0
    )
    described = f"text separated by {_DELIMITERS[delimiter]}, encoding {encoding}"
    rows = sample.count("\n") + 1 if len(sample) < _SAMPLE else 0
    return Source(
        path,
        SourceKind.DELIMITED,
        described,
        (Sheet("", visible=True, rows=rows, columns=widest),),
        encoding,
        delimiter,
    )


def first_rows(source: Source, count: int) -> tuple[NumberedRow, ...]:
    """The first records with their numbers."""
    with source.path.open(encoding=source.encoding, errors="replace", newline="") as file:
        records = csv.reader(file, delimiter=source.delimiter)
        return tuple(
            (number, tuple(record))
            for number, record in enumerate(itertools.islice(records, count), start=1)
        )


def as_utf8(source: Source, folder: Path) -> Path:
    """The file itself when it is UTF-8, else a copy of it in UTF-8."""
    if source.encoding in ("utf-8", "utf-8-sig"):
        return source.path
    copy = folder / "utf8.csv"
    with (
        source.path.open(encoding=source.encoding, errors="replace", newline="") as read,
        copy.open("w", encoding="utf-8", newline="") as written,
    ):
        while piece := read.read(_PIECE):
            written.write(piece)
    return copy


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4096)
        for mark, name in _BOMS.items():
            if start.startswith(mark):
                return name
        if start[1::2].count(0) > len(start) // 4:
            return "utf-16-le"
        if start[::2].count(0) > len(start) // 4:
            return "utf-16-be"
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while piece := file.read(_PIECE):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def _delimiter(sample: str) -> str:
    """The delimiter under which most rows have the same, largest number of cells."""
    best, best_score = ",", 0.0
    for delimiter in _DELIMITERS:
        rows = [
            row
            for row in itertools.islice(csv.reader(io.StringIO(sample), delimiter=delimiter), 200)
            if row
        ]
        widths = Counter(len(row) for row in rows)
        width, agreeing = widths.most_common(1)[0] if widths else (1, 0)
        score = (width - 1) * agreeing / max(len(rows), 1)
        if score > best_score:
            best, best_score = delimiter, score
    return best
