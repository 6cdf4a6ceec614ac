"""Source: choose a file, its sheet and header row, and see what was found in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import ipywidgets as w
import pandas as pd

from crmkit.errors import PasswordError, SourceError
from crmkit.sources import Progress
from crmkit.sources.encodings import CHOICES
from crmkit.staging import StagedTable
from crmkit.ui import markup
from crmkit.ui.desk import Desk, Panel, button
from crmkit.ui.subject import SubjectChoice
from crmkit.ui.widgets import Uploader
from crmkit.ui.widgets.uploader import MEGABYTE
from crmkit.workspace import ImportSession

_ENDINGS = (
    *(".xlsx", ".xlsm", ".xls", ".xlsb", ".ods", ".csv", ".txt", ".tsv"),
    *(".vcf", ".vcard", ".json", ".ldif", ".zip"),
)

_DELIMITERS: Final = {";": ";", ",": ",", "tab": "\t", "|": "|"}
"""What is offered, and the character that it is."""

_SHOWN_REJECTED: Final = 10
_SHOWN_TEXT: Final = 300

UPLOAD_LIMIT = 2000 * MEGABYTE
"""Bytes that an upload may have; larger files are picked from a folder instead."""


class SourcePanel(Panel):
    """Choose the file to import."""

    title = "Choose a source"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._subject = SubjectChoice(desk)
        self._upload = w.VBox()
        self._files = w.Combobox(
            placeholder="Type or choose a file",
            layout=w.Layout(width="420px"),
            description="On this machine:",
            style={"description_width": "initial"},
        )
        self._open = button("Open", self._open_file, desk)
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
        self._password = w.Password(
            description="Password:", layout=w.Layout(width="260px"), continuous_update=False
        )
        self._unlock = button(
            "Open with password",
            self._open_protected,
            desk,
            tooltip="The password opens this workbook now; it is not kept",
        )
        self._protected = w.HBox([self._password, self._unlock])
        self._protected.layout.display = "none"
        self._locked: tuple[Path, dict[str, Any]] | None = None
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
        self._text = w.HBox([self._encoding, self._delimiter])
        self._layout = w.HBox(
            [
                self._sheet,
                self._text,
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
            self._upload,
            w.HBox([self._files, self._open]),
            self._protected,
            self._layout,
            self._found,
        ]
        self._uploader_for = ""

    def ready(self) -> bool:
        return self.desk.has_session and self.desk.session.has_source and self._subject.ready()

    def show(self) -> None:
        session = self.desk.session
        self._subject.show()
        if self._uploader_for != session.id:
            self._uploader_for = session.id
            uploader = Uploader(
                session.upload_folder,
                on_file=self.load,
                accept=_ENDINGS,
                limit_bytes=UPLOAD_LIMIT,
                handler=self.desk.handler,
            )
            self._upload.children = [uploader]
        self._files.options = [label for label, _ in self._known_files()]
        has_source = session.has_source
        self._protected.layout.display = "" if self._locked else "none"
        self._layout.layout.display = "" if has_source and self._can_choose() else "none"
        self._found.value = self._describe() if has_source else ""

    def load(self, path: Path, **chosen: Any) -> None:
        """Read a file in the background, then show what was found.

        Args:
            chosen: What the user says about it, as `ImportSession.load` takes it.
        """
        session = self.desk.session
        self._locked = None

        def read(progress: Progress) -> StagedTable:
            try:
                return session.load(path, progress=progress, **chosen)
            except PasswordError:
                self._locked = path, {k: v for k, v in chosen.items() if k != "password"}
                raise

        self.desk.run(read, lambda _: self.show(), ended=self.show)

    def _open_protected(self) -> None:
        # Once it was tried, nothing here knows it any more.
        password, self._password.value = self._password.value, ""
        if self._locked is None:
            return
        if not password:
            raise PasswordError("There is no password.", mend="Type the password of the workbook.")
        path, chosen = self._locked
        self.load(path, password=password, **chosen)

    def _known_files(self) -> list[tuple[str, Path]]:
        found = []
        for folder in self.desk.folders:
            found += [
                (f"{folder.name}/{path.relative_to(folder).as_posix()}", path)
                for path in sorted(folder.rglob("*"))
                if path.suffix.lower() in _ENDINGS and path.is_file()
            ]
        return found

    def _open_file(self) -> None:
        text = self._files.value.strip()
        known = dict(self._known_files())
        path = known.get(text) or self._allowed(text)
        self.load(path)

    def _allowed(self, text: str) -> Path:
        """A typed path, when it lies in one of the folders that may be read."""
        path = Path(text).resolve()
        if not text or not any(path.is_relative_to(folder) for folder in self.desk.folders):
            allowed = ", ".join(str(folder) for folder in self.desk.folders) or "none"
            raise SourceError(
                "This file cannot be opened from here.",
                where=text or "no file chosen",
                mend=f"Upload it, or put it into one of these folders: {allowed}.",
            )
        return path

    def _read_again(self) -> None:
        staged = self.desk.session.staged
        delimiter = self._delimiter.value
        self.load(
            self.desk.session.source_path,
            sheet=self._sheet.value or None,
            # Under another encoding or delimiter, the headers can be in another row.
            header_row=None if self._reads_anew() else self._header.value,
            header_rows=self._header_rows.value,
            keep_notes=self._keep_notes.value,
            encoding=self._encoding.value.strip() if staged.encoding else "",
            delimiter=_DELIMITERS.get(delimiter, delimiter) if staged.encoding else "",
        )

    def _reads_anew(self) -> bool:
        staged = self.desk.session.staged
        chosen = (
            self._sheet.value,
            self._encoding.value,
            self._delimiter.value,
            (self._header.value, self._header_rows.value),
        )
        before = (staged.sheet, staged.encoding, _shown(staged.delimiter))
        return chosen[:3] != before and chosen[3] == (
            staged.header_row,
            staged.header_rows,
        )

    def _can_choose(self) -> bool:
        """Whether there is anything to say about how the file is read."""
        staged = self.desk.session.staged
        return not staged.contacts or len(staged.sheets) > 1

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
        self._sheet.layout.display = "none" if staged.encoding and len(sheets) == 1 else ""
        self._text.layout.display = "" if staged.encoding else "none"
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
        header = "one row for each contact" if staged.contacts else header
        rows = "row" if staged.blank_rows == 1 else "rows"
        blank = f", {staged.blank_rows:,} blank {rows} passed over" if staged.blank_rows else ""
        rows = "row" if staged.rejected == 1 else "rows"
        aside = f", {staged.rejected:,} {rows} set aside" if staged.rejected else ""
        return "".join(
            (
                markup.paragraph(
                    f"{staged.source_name}: {staged.row_count:,} rows, {len(staged.columns)} columns"
                    f" ({where}{header}{blank}{aside}).",
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
    rows = (
        [None if pd.isna(value) else value for value in row]
        for row in frame.itertuples(index=False)
    )
    return markup.table(["Row", *frame.columns[1:]], rows)
