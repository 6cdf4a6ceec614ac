"""Source: choose a file, its sheet and header row, and see what was found in it."""

from __future__ import annotations

from pathlib import Path

import ipywidgets as w
import pandas as pd

from crmkit.errors import SourceError
from crmkit.ui import markup
from crmkit.ui.desk import Desk, Panel, button
from crmkit.ui.subject import SubjectChoice
from crmkit.ui.widgets import Uploader

_ENDINGS = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods", ".csv", ".txt", ".tsv")

UPLOAD_LIMIT = 2_000_000_000
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
        self._again = button(
            "Read again", self._read_again, desk, tooltip="Read with this sheet and header row"
        )
        self._layout = w.HBox([self._sheet, self._header, self._again])
        self._found = w.HTML()
        self.body.children = [
            self._subject.widget,
            self._upload,
            w.HBox([self._files, self._open]),
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
        self._layout.layout.display = "" if has_source else "none"
        self._found.value = self._describe() if has_source else ""

    def load(self, path: Path, sheet: str | None = None, header_row: int | None = None) -> None:
        """Read a file in the background, then show what was found."""
        session = self.desk.session
        self.desk.run(
            lambda progress: session.load(
                path, sheet=sheet, header_row=header_row, progress=progress
            ),
            lambda _: self.show(),
            ended=self.show,
        )

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
        self.load(
            self.desk.session.source_path,
            sheet=self._sheet.value or None,
            header_row=self._header.value,
        )

    def _describe(self) -> str:
        session = self.desk.session
        staged = session.staged
        source = session.inspect(session.source_path) if session.source_path.exists() else None
        sheets = source.sheets if source else ()
        self._sheet.options = [
            (f"{sheet.name or '(the file)'}{'' if sheet.visible else ' (hidden)'}", sheet.name)
            for sheet in sheets
        ] or [(staged.sheet, staged.sheet)]
        self._sheet.value = staged.sheet
        self._header.value = staged.header_row
        where = f"sheet {staged.sheet}, " if staged.sheet else ""
        header = f"headers in row {staged.header_row}" if staged.header_row else "no header row"
        blank = f", {staged.blank_rows:,} blank rows passed over" if staged.blank_rows else ""
        return "".join(
            (
                markup.paragraph(
                    f"{staged.source_name}: {staged.row_count:,} rows, {len(staged.columns)} columns"
                    f" ({where}{header}{blank}).",
                    style="ck-lead",
                ),
                markup.bullets(staged.notes, style="ck-notes"),
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


def _frame(frame: pd.DataFrame) -> str:
    rows = (
        [None if pd.isna(value) else value for value in row]
        for row in frame.itertuples(index=False)
    )
    return markup.table(["Row", *frame.columns[1:]], rows)
