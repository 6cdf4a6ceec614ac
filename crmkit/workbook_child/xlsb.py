"""The records of a binary workbook (xlsb): what its cells are beside their values.

Only what calamine does not tell is read: formulas that failed, the style of a number, merged cells.
A record is a number for what it is, its size, and its content; all numbers are little-endian
(rule: Microsoft's [MS-XLSB], sections 2.1.4 for records, 2.3 for their numbers, 2.5.9 for cells).
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from crmkit.workbook_child.zip_parts import tree

_ROW: Final = 0
_WHOLE_OR_SHORT: Final = 2
_ERRORS: Final = (3, 11)
"""A cell that holds an error, and a formula that gives one."""
_NUMBERS: Final = (_WHOLE_OR_SHORT, 5, 9)
_FORMAT: Final = 44
_STYLE: Final = 47
_PROPERTIES: Final = 153
_SHEET: Final = 156
_MERGED: Final = 176
_STYLES_BEGIN: Final = 617
_STYLES_END: Final = 618

_MERGED_HEAD: Final = b"\xb0\x01\x10"
"""How the record of merged cells begins: its number, then 16 bytes."""

_ERROR_TEXTS: Final = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}


@dataclass(frozen=True)
class StyledCell:
    """A cell that may show something else than its value.

    Attributes:
        column: From 0, as the sheet counts.
        style: Its place in `Workbook.styles`.
        error: The text of a failed formula.
        whole: Its value, where the file keeps it as a whole number.
    """

    column: int
    style: int
    error: str = ""
    whole: int | None = None


class Workbook:
    """An open xlsb.

    Attributes:
        styles: The number format of each style, where it is not one of Excel's own: then its number.
        since_1904: Days count from 1904, not from 1900.
        sheets: Name -> the part of the zip that holds it.
    """

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.since_1904 = False
        self.sheets: dict[str, str] = {}
        targets = self._targets()
        for kind, content in self._records("xl/workbook.bin"):
            if kind == _PROPERTIES:
                self.since_1904 = bool(content[0] & 1)
            elif kind == _SHEET:
                identity, end = _wide_text(content, 8)
                name, _ = _wide_text(content, end)
                if identity in targets:
                    self.sheets[name] = targets[identity]
        self.styles = list(self._styles())

    def cells(self, sheet: str, styles: Container[int]) -> Iterator[tuple[int, list[StyledCell]]]:
        """Row by row, the cells with an error, and the numbers in one of these styles."""
        number, found = 0, list[StyledCell]()
        for kind, content in self._records(self.sheets[sheet]):
            if kind == _ROW:
                if found:
                    yield number, found
                number, found = int.from_bytes(content[:4], "little") + 1, []
            elif kind in _NUMBERS:
                style = int.from_bytes(content[4:7], "little")
                if style in styles:
                    whole = _whole(content) if kind == _WHOLE_OR_SHORT else None
                    found.append(StyledCell(_first(content), style, whole=whole))
            elif kind in _ERRORS:
                error = _ERROR_TEXTS.get(content[8], "#ERROR")
                found.append(StyledCell(_first(content), 0, error))
        if found:
            yield number, found

    def merges(self, sheet: str) -> tuple[tuple[int, int, int, int], ...]:
        """Merged cells of a sheet: first row, first column, last row, last column, all from 0."""
        part = self._archive.read(self.sheets[sheet])
        # They come after all cells, and most sheets have none.
        if _MERGED_HEAD not in part:
            return ()
        return tuple(
            (top, left, bottom, right)
            for kind, content in _records_of(io.BytesIO(part))
            if kind == _MERGED
            for top, bottom, left, right in [struct.unpack_from("<4I", content)]
        )

    def _styles(self) -> Iterator[str | int]:
        codes: dict[int, str] = {}
        inside = False
        if "xl/styles.bin" not in self._archive.namelist():
            return
        for kind, content in self._records("xl/styles.bin"):
            if kind == _FORMAT:
                codes[int.from_bytes(content[:2], "little")] = _wide_text(content, 2)[0]
            elif kind in (_STYLES_BEGIN, _STYLES_END):
                # Outside of these, the same records are named styles, which no cell points to.
                inside = kind == _STYLES_BEGIN
            elif kind == _STYLE and inside:
                code = int.from_bytes(content[2:4], "little")
                yield codes.get(code, code)

    def _targets(self) -> dict[str, str]:
        """Id of a relation -> the part of the zip that it points to."""
        relations = tree(self._archive.read("xl/_rels/workbook.bin.rels"))
        return {
            relation.get("Id", ""): str(PurePosixPath("/xl", relation.get("Target", "")))[1:]
            for relation in relations
        }

    def _records(self, part: str) -> Iterator[tuple[int, bytes]]:
        with self._archive.open(part) as file:
            yield from _records_of(io.BufferedReader(file, 1 << 20))  # type: ignore[arg-type]


def _records_of(file: io.BytesIO | io.BufferedReader) -> Iterator[tuple[int, bytes]]:
    """Records with their content; one that is cut off is an error (IndexError)."""
    read = file.read
    while first := read(1):
        kind = first[0]
        if kind > 127:
            kind = (kind & 127) | read(1)[0] << 7
        size = 0
        for shift in (0, 7, 14, 21):
            # Seven bits at a time; the eighth says that there are more.
            byte = read(1)[0]
            size |= (byte & 127) << shift
            if byte < 128:
                break
        yield kind, read(size)


def _first(content: bytes) -> int:
    """The column of a cell."""
    return int.from_bytes(content[:4], "little")


def _whole(content: bytes) -> int | None:
    """A number that is kept as 30 bits; None when these are the upper bits of a fraction."""
    (bits,) = struct.unpack_from("<i", content, 8)
    hundredth, whole = bits & 1, bits & 2
    return bits >> 2 if whole and not hundredth else None


def _wide_text(content: bytes, start: int) -> tuple[str, int]:
    """A text that says its length first, and where it ends; "" for none (a length of -1)."""
    (length,) = struct.unpack_from("<i", content, start)
    end = start + 4 + 2 * max(length, 0)
    return content[start + 4 : end].decode("utf-16-le", errors="replace"), end
