"""Binary workbooks for tests, written record by record ([MS-XLSB]): no library writes them.

Only what Excel needs at the least, and what the readers look at.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_ERRORS = {"#DIV/0!": 0x07, "#REF!": 0x17, "#NAME?": 0x1D, "#N/A": 0x2A}
_TYPES = "application/vnd.ms-excel"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"


@dataclass(frozen=True)
class Cell:
    """A cell with a number format, or of a kind that Python has no value for.

    Attributes:
        kind: "number" in full, "whole" for the short form of whole numbers, "error", or "formula"
            for a formula that gives an error.
        code: A number format; one of Excel's own by its number.
    """

    kind: str
    value: float | str
    code: str | int = 0


def xlsb(
    path: Path,
    *rows: Sequence[str | Cell | None],
    merges: Sequence[tuple[int, int, int, int]] = (),
    since_1904: bool = False,
) -> Path:
    """A workbook with one sheet.

    Args:
        merges: Merged cells: first row, last row, first column, last column, from 0.
    """
    cells = [cell for row in rows for cell in row if isinstance(cell, Cell)]
    codes = [0, *dict.fromkeys(cell.code for cell in cells if cell.code)]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", _content_types())
        archive.writestr("_rels/.rels", _relation("officeDocument", "xl/workbook.bin"))
        archive.writestr(
            "xl/_rels/workbook.bin.rels", _relation("worksheet", "worksheets/sheet1.bin")
        )
        archive.writestr("xl/workbook.bin", _book(since_1904=since_1904))
        archive.writestr("xl/styles.bin", _styles(codes))
        archive.writestr("xl/worksheets/sheet1.bin", _sheet(rows, codes, merges))
    return path


def _record(kind: int, content: bytes = b"") -> bytes:
    head = bytes([kind]) if kind < 128 else bytes([kind & 127 | 128, kind >> 7])
    size, left = b"", len(content)
    while left > 127:
        size, left = size + bytes([left & 127 | 128]), left >> 7
    return head + size + bytes([left]) + content


def _text(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def _book(*, since_1904: bool) -> bytes:
    properties = struct.pack("<III", int(since_1904), 0, 0)
    sheet = struct.pack("<II", 0, 1) + _text("rId1") + _text("T")
    return b"".join(
        [
            *(_record(131), _record(153, properties), _record(143), _record(156, sheet)),
            *(_record(144), _record(157, bytes(26)), _record(132)),
        ]
    )


def _styles(codes: Sequence[str | int]) -> bytes:
    own = {code: 164 + place for place, code in enumerate(codes) if isinstance(code, str)}
    formats = [struct.pack("<H", number) + _text(code) for code, number in own.items()]
    numbers = [own[code] if isinstance(code, str) else code for code in codes]
    # A named style before them, as Excel has; no cell points to it.
    named = _record(626, struct.pack("<I", 1)) + _record(47, bytes(16)) + _record(627)
    return b"".join(
        [
            _record(278),
            *(_record(615, struct.pack("<I", len(formats))) if formats else b"",),
            *(_record(44, content) for content in formats),
            *(_record(616) if formats else b"",),
            named,
            _record(617, struct.pack("<I", len(numbers))),
            *(_record(47, struct.pack("<HH", 0, number) + bytes(12)) for number in numbers),
            _record(618),
            _record(279),
        ]
    )


def _sheet(
    rows: Sequence[Sequence[str | Cell | None]],
    codes: Sequence[str | int],
    merges: Sequence[tuple[int, int, int, int]],
) -> bytes:
    width = max(len(row) for row in rows)
    parts = [
        _record(129),
        _record(148, struct.pack("<IIII", 0, len(rows) - 1, 0, width - 1)),
        _record(145),
    ]
    for number, row in enumerate(rows):
        parts.append(_record(0, struct.pack("<III", number, 0, 300) + bytes(13)))
        parts += [_cell(column, cell, codes) for column, cell in enumerate(row) if cell is not None]
    parts.append(_record(146))
    if merges:
        parts.append(_record(177, struct.pack("<I", len(merges))))
        parts += [_record(176, struct.pack("<4I", *merge)) for merge in merges]
        parts.append(_record(178))
    return b"".join([*parts, _record(130)])


def _cell(column: int, cell: str | Cell, codes: Sequence[str | int]) -> bytes:
    if isinstance(cell, str):
        return _record(6, struct.pack("<II", column, 0) + _text(cell))
    head = struct.pack("<II", column, codes.index(cell.code))
    if cell.kind == "number":
        return _record(5, head + struct.pack("<d", cell.value))
    if cell.kind == "whole":
        return _record(2, head + struct.pack("<i", int(cell.value) << 2 | 2))
    error = bytes([_ERRORS[str(cell.value)]])
    if cell.kind == "error":
        return _record(3, head + error)
    # The formula itself: flags, no tokens.
    return _record(11, head + error + bytes(10))


def _relation(kind: str, target: str) -> str:
    return (
        f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/{kind}" Target="{target}"/></Relationships>'
    )


def _content_types() -> str:
    parts = {
        "workbook": f"{_TYPES}.sheet.binary.macroEnabled.main",
        "styles": f"{_TYPES}.styles",
        "worksheets/sheet1": f"{_TYPES}.worksheet",
    }
    named = "".join(
        f'<Override PartName="/xl/{part}.bin" ContentType="{kind}"/>'
        for part, kind in parts.items()
    )
    return (
        f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType='
        f'"application/vnd.openxmlformats-package.relationships+xml"/>{named}</Types>'
    )
