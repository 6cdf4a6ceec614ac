"""Source: choose where the rows come from, the sheet and header row, and see what was found."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import ipywidgets as w

from crmkit.session import ImportSession
from crmkit.sources import Progress
from crmkit.sources.delimited import QUOTES
from crmkit.sources.encodings import CHOICES
from crmkit.staging import StagedTable
from crmkit.ui import markup
from crmkit.ui.desk import Desk, Panel, button
from crmkit.ui.erp import ErpOrigin
from crmkit.ui.file_origin import FileOrigin
from crmkit.ui.gmail import GmailOrigin
from crmkit.ui.origin import Origin
from crmkit.ui.outlook import OutlookOrigin
from crmkit.ui.subject import SubjectChoice

if TYPE_CHECKING:
    import pandas as pd

_DELIMITERS: Final = {";": ";", ",": ",", "tab": "\t", "|": "|"}
"""What is offered, and the character that it is."""

_QUOTES: Final = [(f"{mark} ({name})", mark) for mark, name in QUOTES.items()]

_SHOWN_REJECTED: Final = 10
_SHOWN_TEXT: Final = 300

ORIGINS: Final[tuple[type[Origin], ...]] = (FileOrigin, OutlookOrigin, GmailOrigin, ErpOrigin)
"""The kinds of source, in the order in which they are offered."""


class SourcePanel(Panel):
    """Choose what to import."""

    title = "Choose a source"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._subject = SubjectChoice(desk)
        self.origins = [make(desk, self._load) for make in ORIGINS]
        self.origin = w.ToggleButtons(
            description="From:", options=[(origin.title, origin) for origin in self.origins]
        )
        self.origin.layout.display = "" if len(self.origins) > 1 else "none"
        self.origin.observe(desk.handler.guard(lambda _: self.show()), names="value")
        self._sheet = w.Dropdown(description="Sheet:")
        self._header = w.BoundedIntText(
            description="Header row:",
            min=0,
            max=1_000_000,
            layout=w.Layout(width="190px"),
            tooltip="Row number as the file counts; 0 when the file has no headers",
        )
        self._header_rows = w.BoundedIntText(
            description="over rows:",
            min=1,
            max=5,
            value=1,
            layout=w.Layout(width="150px"),
            tooltip="How many rows the headers take; the header row is the last of them",
        )
        self._keep_notes = w.Checkbox(
            description="Read rows that look like notes",
            indent=False,
            layout=w.Layout(width="auto"),
        )
        self._again = button(
            "Read again", self._read_again, desk, tooltip="Read with this sheet and header row"
        )
        self._encoding = w.Combobox(
            description="Encoding:",
            options=CHOICES,
            layout=w.Layout(width="190px"),
            tooltip="How the file's bytes are read as letters; empty to find it",
        )
        self._delimiter = w.Combobox(
            description="Delimiter:",
            options=[*_DELIMITERS],
            layout=w.Layout(width="170px"),
            tooltip="What stands between the cells; empty to find it",
        )
        self._quote = w.Dropdown(
            description="Quotes:",
            options=_QUOTES,
            layout=w.Layout(width="170px"),
            tooltip="What stands around cells that hold a delimiter",
        )
        self._layout = w.HBox(
            [
                self._sheet,
                self._encoding,
                self._delimiter,
                self._quote,
                self._header,
                self._header_rows,
                self._keep_notes,
                self._again,
            ],
            layout=w.Layout(flex_flow="row wrap"),
        )
        self._found = w.HTML()
        self.body.children = [
            self._subject.widget,
            self.origin,
            *(origin.widget for origin in self.origins),
            self._layout,
            self._found,
        ]

    def ready(self) -> bool:
        return self.desk.has_session and self.desk.session.has_source and self._subject.ready()

    def show(self) -> None:
        session = self.desk.session
        self._subject.show()
        for origin in self.origins:
            origin.widget.layout.display = "" if origin is self.origin.value else "none"
        self.origin.value.show()
        has_source = session.has_source
        self._layout.layout.display = "" if has_source and self._can_choose() else "none"
        self._found.value = self._describe() if has_source else ""

    def _load(self, read: Callable[[Progress], StagedTable]) -> None:
        """Read something in the background, then show what was found."""
        self.desk.run(read, lambda _: self.show(), ended=self.show)

    def _read_again(self) -> None:
        session = self.desk.session
        staged, chosen = session.staged, session.source_chosen
        encoding, delimiter = self._encoding.value.strip(), self._delimiter.value
        header = (self._header.value, self._header_rows.value)
        if header == (staged.header_row, staged.header_rows):
            header = (chosen.header_row, chosen.header_rows)
        # What was found and not changed is found anew: next month's file may be another.
        read = functools.partial(
            session.load,
            session.source_path,
            sheet=chosen.sheet if self._sheet.value == staged.sheet else self._sheet.value,
            # Under another encoding or delimiter, the headers can be in another row.
            header_row=None if self._reads_anew() else header[0],
            header_rows=header[1],
            keep_notes=self._keep_notes.value,
            encoding=chosen.encoding if encoding == staged.encoding else encoding,
            delimiter=chosen.delimiter
            if delimiter == _shown(staged.delimiter)
            else _DELIMITERS.get(delimiter, delimiter),
            quote=chosen.quote if self._quote.value == staged.quote else self._shown_quote(),
        )
        self._load(lambda progress: read(progress=progress))

    def _reads_anew(self) -> bool:
        staged = self.desk.session.staged
        chosen = (
            self._sheet.value,
            self._encoding.value,
            self._delimiter.value,
            self._shown_quote(),
        )
        before = (staged.sheet, staged.encoding, _shown(staged.delimiter), staged.quote)
        header = (self._header.value, self._header_rows.value)
        return chosen != before and header == (staged.header_row, staged.header_rows)

    def _shown_quote(self) -> str:
        """The quotation marks that are chosen; none for what is no text."""
        return str(self._quote.value) if self.desk.session.staged.quote else ""

    def _can_choose(self) -> bool:
        """Whether there is anything to say about how the file is read."""
        staged = self.desk.session.staged
        return not staged.contacts or len(staged.sheets) > 1 or staged.asks_encoding

    def _describe(self) -> str:
        session = self.desk.session
        staged = session.staged
        # Imports of an older version kept no list of sheets.
        sheets = staged.sheets or ((staged.sheet, True),)
        self._sheet.options = [
            (f"{sheet or '(the file)'}{'' if visible else ' (hidden)'}", sheet)
            for sheet, visible in sheets
        ]
        self._sheet.value = staged.sheet
        text = staged.asks_encoding or staged.encoding != ""
        self._sheet.layout.display = "none" if text and len(sheets) == 1 else ""
        self._encoding.layout.display = "" if text else "none"
        self._delimiter.layout.display = "" if staged.delimiter else "none"
        self._quote.layout.display = "" if staged.quote else "none"
        self._quote.value = staged.quote or '"'
        self._encoding.value, self._delimiter.value = staged.encoding, _shown(staged.delimiter)
        self._header.value, self._header_rows.value = staged.header_row, staged.header_rows
        self._keep_notes.value = staged.keep_notes
        for choice in (self._header, self._header_rows, self._keep_notes):
            choice.layout.display = "none" if staged.contacts else ""
        where = f"sheet {staged.sheet}, " if staged.sheet else ""
        header = f"headers in row {staged.header_row}" if staged.header_row else "no header row"
        if staged.header_rows > 1:
            first = staged.header_row - staged.header_rows + 1
            header = f"headers in rows {first} to {staged.header_row}"
        header = "one row for each entry" if staged.contacts else header
        blanks = _counted(staged.blank_rows, "blank row")
        blank = f", {blanks} passed over" if staged.blank_rows else ""
        aside = f", {_counted(staged.rejected, 'row')} set aside" if staged.rejected else ""
        return "".join(
            (
                markup.paragraph(
                    f"{staged.source_name}: {_counted(staged.row_count, 'row')},"
                    f" {_counted(len(staged.columns), 'column')} ({where}{header}{blank}{aside}).",
                    style="ck-lead",
                ),
                markup.bullets(staged.notes, style="ck-notes"),
                _rejected(session) if staged.rejected else "",
                "<h3>First rows</h3>",
                _frame(session.first_rows()),
                "<h3>Columns</h3>",
                markup.table(
                    ("", "Column", "Filled", "Different values", "Samples"),
                    (
                        (
                            column.letter,
                            column.header,
                            f"{column.filled / max(staged.row_count, 1):.0%}",
                            f"{'about ' if column.distinct_is_estimate else ''}{column.distinct:,}",
                            " · ".join(column.samples),
                        )
                        for column in staged.columns
                    ),
                ),
            )
        )


def _counted(count: int, noun: str) -> str:
    """A number of things: 1 row, 2 rows."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _shown(delimiter: str) -> str:
    """A delimiter as it is shown: a tab by its name."""
    names = {character: shown for shown, character in _DELIMITERS.items()}
    return names.get(delimiter, delimiter)


def _rejected(session: ImportSession) -> str:
    """The first rows that could not be read, to be found and mended in the file."""
    rows = (
        (row.Row, row.Reason, str(row.Text)[:_SHOWN_TEXT])
        for row in session.rejected_rows(_SHOWN_REJECTED).itertuples()
    )
    more = session.staged.rejected - _SHOWN_REJECTED
    return "".join(
        (
            "<h3>Rows that are set aside</h3>",
            markup.paragraph(
                "They are not imported. Mend them in the file and load it again, or read those"
                " that look like notes, too."
            ),
            markup.table(("Row", "Reason", "As it stands in the file"), rows),
            markup.paragraph(f"And {more:,} more.") if more > 0 else "",
        )
    )


def _frame(frame: pd.DataFrame) -> str:
    rows = frame.astype(object).where(frame.notna(), None).itertuples(index=False)
    return markup.table(["Row", *frame.columns[1:]], rows)
