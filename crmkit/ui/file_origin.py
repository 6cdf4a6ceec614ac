"""A file as the source: upload it, or choose it from a folder; with its password where it has one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import ipywidgets as w

from crmkit.errors import PasswordError, SourceError
from crmkit.sources import Progress
from crmkit.staging import StagedTable
from crmkit.ui.desk import Desk, button
from crmkit.ui.origin import Load, Origin
from crmkit.ui.widgets import Uploader
from crmkit.ui.widgets.uploader import MEGABYTE

_ENDINGS = (
    *(".xlsx", ".xlsm", ".xltx", ".xls", ".xlsb", ".ods", ".csv", ".txt", ".tsv", ".tab"),
    *(".xml", ".xaf", ".htm", ".html", ".vcf", ".vcard", ".json", ".jsonl", ".ldif", ".zip"),
    *(".pst", ".ost"),
)
"""Of the files that are offered in a folder. Whatever is uploaded or named is read by its content."""

_READS = (
    "Workbooks, CSV and other text, vCards, exports of Outlook, Google and LinkedIn, audit files and"
    " invoices (XML), and contacts in a zip"
)

UPLOAD_LIMIT = 2000 * MEGABYTE
"""Bytes that an upload may have; larger files are picked from a folder instead."""


def upload_limit() -> int:
    """Bytes that an upload may have; a team's dashboard says it in `CRMKIT_UPLOAD_MEGABYTES`."""
    megabytes = os.environ.get("CRMKIT_UPLOAD_MEGABYTES", "")
    return int(megabytes) * MEGABYTE if megabytes else UPLOAD_LIMIT


class FileOrigin(Origin):
    """Upload a file, or choose one from a folder of this machine."""

    title = "File"

    def __init__(self, desk: Desk, load: Load) -> None:
        super().__init__(desk, load)
        self._upload = w.VBox()
        self._uploader_for = ""
        self.files = w.Combobox(
            placeholder="Type or choose a file",
            layout=w.Layout(width="420px"),
            description="On this machine:",
            style={"description_width": "initial"},
        )
        self.open = button("Open", self._open_file, desk)
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
        self.widget.children = [
            self._upload,
            w.HBox([self.files, self.open]),
            self._protected,
        ]

    def show(self) -> None:
        session = self.desk.session
        if self._uploader_for != session.id:
            self._uploader_for = session.id
            uploader = Uploader(
                session.upload_folder,
                on_file=self.read,
                hint=_READS,
                limit_bytes=upload_limit(),
                handler=self.desk.handler,
            )
            self._upload.children = [uploader]
        self.files.options = [label for label, _ in self._known_files()]
        self._protected.layout.display = "" if self._locked else "none"

    def read(self, path: Path, **chosen: Any) -> None:
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

        self.load(read)

    def _open_protected(self) -> None:
        # Once it was tried, nothing here knows it any more.
        password, self._password.value = self._password.value, ""
        if self._locked is None:
            return
        if not password:
            raise PasswordError("There is no password.", mend="Type the password of the workbook.")
        path, chosen = self._locked
        self.read(path, password=password, **chosen)

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
        text = self.files.value.strip()
        known = dict(self._known_files())
        path = known.get(text) or self._allowed(text)
        self.read(path)

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
