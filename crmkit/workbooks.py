"""Files out: lists as Excel workbooks or CSV, and the import template."""

from __future__ import annotations

import contextlib
import csv
import errno
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

from crmkit.errors import StorageError
from crmkit.processes import part_of

_ROWS_PER_SHEET: Final = 1_048_575
"""Excel's rows, less the headers."""

# Apostrophes in front are doubled, so that one can be taken off again.
_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")

LONGEST_CELL: Final = 32_767
"""Characters that a cell of a workbook can hold."""

_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""Characters that no cell of a workbook can hold (rule: XML 1.0, section 2.2)."""

CUT: Final = " ... (cut here)"
"""How a cell ends that a workbook cannot hold whole."""

Tell: TypeAlias = Callable[[str], None]
"""Is told what a workbook could not hold, in words for the user."""

_WIDEST: Final = 40


@dataclass(frozen=True)
class TemplateColumn:
    """A column of the import template.

    Attributes:
        note: Shown when the mouse rests on the header.
        mandatory: Its header is marked.
    """

    header: str
    note: str
    mandatory: bool
    example: str


def write_table(
    path: Path,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    sheet: str,
    tell: Tell | None = None,
) -> None:
    """Write an Excel workbook with bold, frozen headers; text stays text, whatever it begins with.

    A cell that is too long for a workbook is cut and ends with `CUT`; control characters are left
    out.

    Args:
        tell: Is given one sentence where any cell was cut or lost characters.

    Raises:
        StorageError: The file cannot be written.
    """
    # Slow to import, and most of what is done writes no workbook.
    from openpyxl import Workbook
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    texts = _Texts()
    remaining = iter(rows)
    for number in itertools.count(1):
        block = list(itertools.islice(remaining, _ROWS_PER_SHEET)) if number > 1 else remaining
        if number > 1 and not block:
            break
        page = book.create_sheet(sheet if number == 1 else f"{sheet} ({number})")
        page.freeze_panes = "A2"
        for position, header in enumerate(columns, start=1):
            width = min(max(len(header) + 4, 14), _WIDEST)
            page.column_dimensions[get_column_letter(position)].width = width
        page.append([_header(texts.cell(page, header)) for header in columns])
        for row in itertools.islice(block, _ROWS_PER_SHEET) if number == 1 else block:
            page.append([texts.cell(page, value) for value in row])
    with _replacing(path) as part:
        book.save(part)
    if tell is not None and (losses := texts.losses()):
        tell(f"{path.name}: {losses}.")


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file that Excel opens with its accents right.

    A cell that a spreadsheet would take for a formula gets an apostrophe in front, which shows it
    as text; an import takes it off again (`staging`).

    Raises:
        StorageError: The file cannot be written.
    """
    with _replacing(path) as part, part.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([_plain(header) for header in columns])
        writer.writerows([_plain(value) for value in row] for row in rows)


def _plain(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def write_import_template(path: Path, columns: Sequence[TemplateColumn]) -> None:
    """Write the import template: headers with notes, mandatory ones marked, and an example row.

    Raises:
        StorageError: The file cannot be written.
    """
    from openpyxl import Workbook
    from openpyxl.comments import Comment
    from openpyxl.styles import Font, PatternFill
    from openpyxl.utils import get_column_letter

    book = Workbook()
    page = book.active
    assert page is not None
    page.title = "Import"
    page.freeze_panes = "A2"
    for position, column in enumerate(columns, start=1):
        cell = page.cell(1, position, column.header)
        cell.font = Font(bold=True)
        if column.mandatory:
            cell.fill = PatternFill("solid", fgColor="FFF2CC")
        note = " ".join(filter(None, ("Mandatory." if column.mandatory else "", column.note)))
        if note:
            cell.comment = Comment(note, "crmkit")
        example = page.cell(2, position, column.example or None)
        example.number_format = "@"
        page.column_dimensions[get_column_letter(position)].width = min(
            len(column.header) + 4, _WIDEST
        )
    with _replacing(path) as part:
        book.save(part)


def _header(cell: Any) -> Any:
    from openpyxl.styles import Font

    cell.font = Font(bold=True)
    return cell


class _Texts:
    """Makes the cells of a workbook, and counts those that it cannot hold as they are."""

    def __init__(self) -> None:
        from openpyxl.cell import WriteOnlyCell

        self._make: Callable[..., Any] = WriteOnlyCell
        self._cut = self._cleaned = 0

    def cell(self, page: Any, value: Any) -> Any:
        """A cell of a page, or the plain value where that is enough."""
        if not isinstance(value, str):
            plain = value is None or isinstance(value, bool | int | float | date | datetime)
            return value if plain else str(value)
        cell = self._make(page, value=self._fitting(value))
        # openpyxl takes a text that begins with "=" for a formula.
        cell.data_type = "s"
        if _FORMULA.match(value):
            # Else a spreadsheet would take it for one as soon as somebody edits the cell.
            cell.quotePrefix = True
        return cell

    def losses(self) -> str:
        """What was lost, in words; empty when nothing was."""
        found = []
        if self._cut:
            cells = "cell is" if self._cut == 1 else "cells are"
            found.append(
                f"{self._cut:,} {cells} cut, because a cell of a workbook holds {LONGEST_CELL:,}"
                " characters"
            )
        if self._cleaned:
            cells = "cell is" if self._cleaned == 1 else "cells are"
            found.append(
                f"{self._cleaned:,} {cells} without the control characters that no workbook can hold"
            )
        return "; ".join(found)

    def _fitting(self, text: str) -> str:
        text, dropped = _CONTROLS.subn("", text)
        self._cleaned += bool(dropped)
        if len(text) <= LONGEST_CELL:
            return text
        self._cut += 1
        return text[: LONGEST_CELL - len(CUT)] + CUT


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Write beside the file and put it in its place when it is whole."""
    part = part_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        full = error.errno == errno.ENOSPC
        raise StorageError(
            "The disk is full." if full else "This file could not be written.",
            where=str(path),
            mend="Free some space and try again."
            if full
            else "Close it in other programs, or check the folder.",
        ) from error
    finally:
        part.unlink(missing_ok=True)
