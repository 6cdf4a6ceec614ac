"""Spreadsheets: xlsx, xlsm, xls, xlsb and ods, and what is saved under their names: tables of web pages
and Excel 2003 XML. They are read in a process of its own (see `workbook_child`).
"""

from __future__ import annotations

import json
import logging
import queue
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import crmkit
from crmkit.errors import PasswordError, SourceError
from crmkit.limits import LABELS, USUAL, Limits
from crmkit.progress import Progress
from crmkit.sources import encodings, others
from crmkit.sources.layout import join_headers
from crmkit.sources.model import Landed, Layout, NumberedRow, Sheet, Source, SourceKind

log = logging.getLogger(__name__)


# Not as a module: then a `crmkit` that is only on this process's path would not be found.
_START: Final = """
import json, sys
sys.path.append(sys.argv[1])
try:
    from crmkit.workbook_child.main import main
    main()
except ImportError as error:
    print(json.dumps({"fault": "missing", "detail": error.name or str(error)}))
"""
_ROOT: Final = Path(crmkit.__file__).resolve().parents[1]

_OUT_OF_TIME: Final = -24
"""How a child ends that used up its seconds (SIGXCPU)."""

_PASSWORD_FAULTS: Final = ("protected", "password", "locked")
_USUAL: Final = "Excel workbook"

_XML: Final = b"urn:schemas-microsoft-com:office:spreadsheet"
_WEB_PAGE: Final = re.compile(
    # Possessive: what has been passed over is not tried again in another way, of which a page of
    # comments has more than can be counted.
    r"(?:(?><!--.*?-->)|<\?xml[^>]*>|\s)*+"
    r"<(!doctype html|html|head|meta|title|style|body|div|font|center|table)\b",
    re.IGNORECASE | re.DOTALL,
)
_STATED: Final = re.compile(r"charset|encoding=", re.IGNORECASE)


def markup_of(start: bytes) -> str:
    """What a file is by how it begins: "html" for a web page, "xml" for Excel 2003 XML, or nothing."""
    encoding = "utf-16" if start.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    text = start.decode(encoding, errors="replace").lstrip()
    if text.startswith("<?xml") and _XML.decode() in text:
        return "xml"
    return "html" if _WEB_PAGE.match(text) else ""


def inspect(
    path: Path,
    *,
    markup: str = "",
    encoding: str = "",
    password: str = "",
    limits: Limits = USUAL,
) -> Source:
    """A workbook's sheets and their first rows.

    Args:
        markup: What `markup_of` said.
        encoding: Of a web page, where the user knows better than the page and `find_encoding`.
        password: Opens a protected workbook.

    Raises:
        PasswordError: It is protected, and the password is missing or wrong.
        SourceError: It is not a workbook, too large, or has no table.
    """
    if markup == "html":
        encoding = encodings.check_encoding(encoding) if encoding else _encoding_of(path)
    else:
        encoding = ""
    task = {"kind": markup or "workbook", "encoding": encoding, "password": password}
    found = _run(path, limits, lambda _: None, **task)
    sheets = tuple(
        Sheet(
            sheet["name"],
            sheet["visible"],
            sheet["rows"],
            sheet["columns"],
            tuple((number, tuple(cells)) for number, cells in sheet["first_rows"]),
            tuple(tuple(merge) for merge in sheet["merges"]),
        )
        for sheet in found["pages"]
    )
    if not any(sheet.rows for sheet in sheets):
        if markup == "html":
            raise SourceError(
                "This file is a web page without a table.",
                where=path.name,
                mend="Save or export the data as .xlsx or .csv and choose that file.",
            )
        raise SourceError(
            "This workbook has no cells with content.",
            where=path.name,
            mend="Choose another file, or fill the sheet and save it.",
        )
    notes = () if found["format"] == _USUAL else (f"the file is: {found['format']}",)
    if found["deciphered"]:
        notes = (*notes, "the workbook is protected with a password, which is not kept")
    return Source(
        path,
        SourceKind.SPREADSHEET,
        found["format"],
        sheets,
        encoding,
        notes=notes,
        markup=markup,
        password=password,
        limits=limits,
    )


def first_rows(source: Source, sheet: str, count: int) -> tuple[NumberedRow, ...]:
    """The first rows of a sheet with their numbers, as text; blank ones too."""
    (chosen,) = (item for item in source.sheets if item.name == sheet)
    return chosen.first_rows[:count]


def write_text(source: Source, layout: Layout, target: Path, progress: Progress) -> Landed:
    """Write a sheet's rows below its header to a CSV file: row number, then the cells as text."""
    done = _run(
        source.path,
        source.limits,
        lambda share: progress(share, "Reading the rows"),
        kind=source.markup or "workbook",
        encoding=source.encoding,
        password=source.password,
        sheet=layout.sheet,
        header_row=layout.header_row,
        header_rows=layout.header_rows,
        target=str(target),
    )
    columns = done["columns"]
    merges = [
        (top - layout.first_header_row, left, bottom - layout.first_header_row, right)
        for top, left, bottom, right in done["merges"]
    ]
    all_headers = join_headers(done["header_rows"], merges) if layout.header_row else []
    headers = [all_headers[column] if column < len(all_headers) else "" for column in columns]
    # Columns without a header and without content are none.
    used = {*done["filled"]}
    for row in done["header_rows"]:
        used.update(column for column, cell in enumerate(row) if cell.strip())
    places = [place for place, column in enumerate(columns) if column in used]
    return Landed(
        tuple(headers[place] for place in places),
        tuple(done["first_column"] + columns[place] for place in places),
        done["blank"],
        tuple(_notes(done)),
        written=len(columns),
        places=tuple(places),
    )


def _notes(done: dict[str, Any]) -> list[str]:
    notes = []
    if count := done["errors"]:
        notes.append(
            f"{count} {'cell holds' if count == 1 else 'cells hold'} the error of a formula"
        )
    if count := done["formatted"]:
        notes.append(
            f"{count:,} {'number is' if count == 1 else 'numbers are'} read as the number format"
            f" shows {'it' if count == 1 else 'them'} (leading zeros, percent)"
        )
    if count := done["merged_below"]:
        notes.append(
            f"{count:,} merged {'cell' if count == 1 else 'cells'} below the headers:"
            " the value is in the first of the cells, the others are blank"
        )
    if done["unsure"]:
        notes.append(
            "the number formats and formula errors of this workbook could not be looked at in full"
        )
    return notes


def _run(path: Path, limits: Limits, report: Any, **task: Any) -> Any:
    """Do a task in a child process; cells far apart are read a second time, one by one."""
    for sparse in (False, True):
        message = last_message(path, limits, report, {**task, "sparse": sparse})
        fault = message.get("fault")
        if fault is None:
            return message["result"]
        if fault in _PASSWORD_FAULTS:
            raise _password_error(path, fault)
        if fault == "damaged":
            log.info("%s: %s", path.name, message.get("detail"))
            others.refuse_document(path)
            raise _damaged(path)
        if fault == "missing":
            raise SourceError(
                f"A package that reads workbooks is missing: {message['detail']}.",
                where=path.name,
                mend=f"Install it with `pip install {message['detail']}`, or install crmkit anew.",
            )
        if fault != "sparse" and not (fault == "memory_mb" and _is_zip(path)):
            break
    raise limits.refusal(
        fault if fault in LABELS else "memory_mb",
        where=path.name,
        mend="Copy the table into a new workbook, or save the sheet as .csv",
    )


_children: ContextVar[dict[Path, _Child] | None] = ContextVar("children", default=None)


@contextmanager
def kept_open() -> Iterator[None]:
    """What is looked at and then read in this block is opened once: its child stays in between."""
    children: dict[Path, _Child] = {}
    before = _children.set(children)
    try:
        yield
    finally:
        _children.reset(before)
        for child in children.values():
            child.end()


def last_message(path: Path, limits: Limits, report: Any, task: dict[str, Any]) -> dict[str, Any]:
    """The result or fault of a child; the limit that it broke when it died or took too long."""
    children = _children.get()
    if children is None:
        with kept_open():
            return last_message(path, limits, report, task)
    known = children.get(path)
    child = children[path] = known or _Child()
    stays = False
    try:
        message = child.ask(path, limits, report, task)
        # What has been written is in no memory twice.
        stays = "result" in message and not task.get("target")
    finally:
        if not stays:
            children.pop(path).end()
    if known is not None and message.get("fault") == "memory_mb":
        # What it had in its memory from before must not count.
        return last_message(path, limits, report, task)
    return message


class _Child:
    """A process that reads a file. It does one task after another, and ends when this process does."""

    def __init__(self) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `end`
        self._process = subprocess.Popen(  # noqa: S603 - our own file, with our own argument
            [sys.executable, "-I", "-c", _START, str(_ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
        )
        self._said: queue.Queue[str | None] = queue.Queue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put(line)
        self._said.put(None)

    def ask(self, path: Path, limits: Limits, report: Any, task: dict[str, Any]) -> dict[str, Any]:
        """The result or fault of a task; the limit that it broke when it died or took too long."""
        deadline = time.monotonic() + limits.seconds
        # By a pipe and not as an argument: other programs can see those, and there is a password.
        assert self._process.stdin is not None
        with suppress(OSError):
            whole = {"path": str(path), "limits": asdict(limits), **task}
            self._process.stdin.write(json.dumps(whole) + "\n")
            self._process.stdin.flush()
        report(0.0)
        for line in self._lines(deadline):
            # An empty line is a moment of waiting: the time to see whether the user cancelled.
            message = json.loads(line) if line else {}
            if "result" in message or "fault" in message:
                return dict(message)
            report(message.get("progress", 0.0))
        self._kill()
        self._errors.seek(0)
        code = self._process.returncode
        log.info("reading %s ended with %s: %s", path.name, code, self._errors.read(2000))
        late = time.monotonic() >= deadline or code == _OUT_OF_TIME
        return {"fault": "seconds" if late else "memory_mb"}

    def _lines(self, deadline: float) -> Iterator[str]:
        """What it says, line by line, until it ends or the time is up; empty ones in between."""
        while time.monotonic() < deadline:
            try:
                line = self._said.get(timeout=0.2)
            except queue.Empty:
                yield ""
                continue
            if line is None:
                return
            yield line

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Let it go, whatever it is doing."""
        self._kill()
        self._listener.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            # What it did not read any more is not missed.
            with suppress(OSError):
                pipe.close()
        self._errors.close()


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def _damaged(path: Path) -> SourceError:
    return SourceError(
        "This file is not a workbook, or it is damaged.",
        where=path.name,
        mend="Open it in Excel and save it as .xlsx, then try again.",
    )


def _password_error(path: Path, fault: str) -> SourceError:
    if fault == "locked":
        return SourceError(
            "This OpenDocument spreadsheet is protected with a password.",
            where=path.name,
            mend="Open it in LibreOffice, save a copy without password, and choose the copy.",
        )
    if fault == "password":
        return PasswordError(
            "This password does not open the workbook.",
            where=path.name,
            mend="Type it again; capitals and small letters count.",
        )
    return PasswordError(
        "This workbook is protected with a password.",
        where=path.name,
        mend="Type its password, or open it in Excel and save a copy without one.",
    )


def _encoding_of(path: Path) -> str:
    """The encoding of a web page that does not say it; empty when it does."""
    with path.open("rb") as file:
        start = file.read(4096)
    if _STATED.search(start.decode("latin-1")):
        return ""
    return encodings.find_encoding(path)[0]
