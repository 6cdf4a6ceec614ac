"""Spreadsheets: xlsx, xlsm, xls, xlsb and ods, read in a process of its own (see `workbook_child`)."""

from __future__ import annotations

import json
import logging
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from crmkit.errors import SourceError
from crmkit.sources import workbook_child
from crmkit.sources.model import Landed, Layout, NumberedRow, Progress, Sheet, Source, SourceKind

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What a workbook may cost: 100,000 rows of 20 columns take 2 seconds and 250 MB."""

    seconds: int = 600
    memory_mb: int = 4_000


LIMITS: Final = Limits()


def inspect(path: Path, *, limits: Limits = LIMITS) -> Source:
    """A workbook's sheets and their first rows.

    Raises:
        SourceError: It is not a workbook, is protected, too large, or has no table.
    """
    found = _run(path, limits, lambda _: None)
    sheets = tuple(
        Sheet(
            sheet["name"],
            sheet["visible"],
            sheet["rows"],
            sheet["columns"],
            tuple((number, tuple(cells)) for number, cells in sheet["first_rows"]),
        )
        for sheet in found
    )
    if not any(sheet.rows for sheet in sheets):
        raise SourceError(
            "This workbook has no cells with content.",
            where=path.name,
            mend="Choose another file, or fill the sheet and save it.",
        )
    return Source(path, SourceKind.SPREADSHEET, "Excel workbook", sheets)


def first_rows(source: Source, sheet: str, count: int) -> tuple[NumberedRow, ...]:
    """The first rows of a sheet with their numbers, as text; blank ones too."""
    (chosen,) = (item for item in source.sheets if item.name == sheet)
    return chosen.first_rows[:count]


def write_text(
    source: Source, layout: Layout, target: Path, progress: Progress, *, limits: Limits = LIMITS
) -> Landed:
    """Write a sheet's rows below its header to a CSV file: row number, then the cells as text."""
    done = _run(
        source.path,
        limits,
        lambda share: progress(share, "Reading the rows"),
        sheet=layout.sheet,
        header_row=layout.header_row,
        target=str(target),
    )
    notes = []
    if count := done["errors"]:
        notes.append(
            f"{count} {'cell holds' if count == 1 else 'cells hold'} the error of a formula"
        )
    return Landed(tuple(done["headers"]), tuple(done["positions"]), done["blank"], tuple(notes))


def _run(path: Path, limits: Limits, report: Any, **task: Any) -> Any:
    """Do a task in a child process; cells far apart are read a second time, one by one."""
    for sparse in (False, True):
        message = _last_message(path, limits, report, {**task, "sparse": sparse})
        fault = message.get("fault")
        if fault is None:
            return message["result"]
        if fault == "protected":
            raise _protected(path)
        if fault == "damaged":
            log.info("%s: %s", path.name, message.get("detail"))
            if path.read_bytes().find("EncryptedPackage".encode("utf-16-le")) >= 0:
                raise _protected(path)
            raise _damaged(path)
        if not _is_zip(path):
            break
    raise SourceError(
        "This workbook is too large or too intricate to read.",
        where=path.name,
        mend="Copy the table into a new workbook, or save the sheet as .csv, and try again.",
    )


def _last_message(path: Path, limits: Limits, report: Any, task: dict[str, Any]) -> dict[str, Any]:
    """The result or fault of a child; `fault: memory` when it died or took too long."""
    whole = {"path": str(path), "memory_mb": limits.memory_mb, "seconds": limits.seconds, **task}
    deadline = time.monotonic() + limits.seconds
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(  # noqa: S603 - our own file, with our own argument
            [sys.executable, "-I", workbook_child.__file__, json.dumps(whole)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
        )
        try:
            report(0.0)
            for line in _lines(child, deadline):
                # An empty line is a moment of waiting: the time to see whether the user cancelled.
                message = json.loads(line) if line else {}
                if "result" in message or "fault" in message:
                    return dict(message)
                report(message.get("progress", 0.0))
        finally:
            child.kill()
            child.wait()
            assert child.stdout is not None
            child.stdout.close()
        errors.seek(0)
        log.info("reading %s ended with %s: %s", path.name, child.returncode, errors.read(2000))
    return {"fault": "memory"}


def _lines(child: subprocess.Popen[str], deadline: float) -> Iterator[str]:
    """What a child says, line by line, until it ends or the time is up; empty ones in between."""
    said: queue.Queue[str | None] = queue.Queue()
    out = child.stdout
    assert out is not None

    def listen() -> None:
        for line in out:
            said.put(line)
        said.put(None)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        while time.monotonic() < deadline:
            try:
                line = said.get(timeout=0.2)
            except queue.Empty:
                yield ""
                continue
            if line is None:
                return
            yield line
    finally:
        child.kill()
        listener.join()


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def _damaged(path: Path) -> SourceError:
    return SourceError(
        "This file is not a workbook, or it is damaged.",
        where=path.name,
        mend="Open it in Excel and save it as .xlsx, then try again.",
    )


def _protected(path: Path) -> SourceError:
    return SourceError(
        "This workbook is protected with a password.",
        where=path.name,
        mend="Open it in Excel, save a copy without password, and choose the copy.",
    )
