"""Files that are no table of ours, known by their content so that the message can say what they are."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import BinaryIO, Final

from crmkit.errors import SourceError

NO_ZIP: Final = (zipfile.BadZipFile, OSError, ValueError, NotImplementedError)
"""What Python raises for a file that is no zip, or a damaged one: the last for a version unknown to it."""

_STARTS: Final = {
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"\x1f\x8b": "a packed file (gzip)",
    b"7z\xbc\xaf": "a packed file (7z)",
    b"Rar!": "a packed file (rar)",
    b"BZh": "a packed file (bzip2)",
    b"\xfd7zXZ": "a packed file (xz)",
    b"(\xb5/\xfd": "a packed file (zstd)",
    b"{\\rtf": "a text document (RTF)",
    b"BEGIN:VCALENDAR": "a calendar",
    b"#FLAGGA": "a SIE file of bookkeeping, without customers or products",
    b"MIME-Version:": "a web archive or an e-mail",
    b"PAR1": "a Parquet file",
    b"MZ": "a program",
    b"\x7fELF": "a program",
    b"\x00\x01\x00\x00Standard ": "an Access database",
}
"""How files begin that are no table of ours, and what they are called."""

_SQLITE: Final = b"SQLite format 3"

_MAIL: Final = re.compile(
    rb"(From [^\s,;]+@|(Return-Path|Received|Delivered-To|From|To|Subject|Date|Message-ID|X-[\w-]+): )",
    re.IGNORECASE,
)
_MAIL_LINE: Final = re.compile(
    rb"^(From|To|Subject|Date|Message-ID): ", re.IGNORECASE | re.MULTILINE
)
_MAIL_LINES: Final = 3
"""So many of the lines that every e-mail begins with make one."""

_DBASE: Final = b"\x03\x30\x31\x83\x8b\xf5"
"""The first byte of the files of dBase and FoxPro."""

_PARTS: Final = {
    "word/document.xml": "a Word document",
    "ppt/presentation.xml": "a PowerPoint presentation",
    "Index/Document.iwa": "an Apple Numbers or Pages document",
    "Index.zip": "an Apple Numbers or Pages document",
}
"""What is in a zip that is a document of another kind."""

_TYPES: Final = {
    b"mimetypeapplication/vnd.oasis.opendocument.text": "an OpenDocument text",
    b"mimetypeapplication/vnd.oasis.opendocument.presentation": "an OpenDocument presentation",
}
"""How OpenDocument files begin, behind the first words of a zip."""

_CONTAINER: Final = b"\xd0\xcf\x11\xe0"
_STREAMS: Final = {
    "WordDocument": "a Word document",
    "PowerPoint Document": "a PowerPoint presentation",
    "__properties_version1.0": "an Outlook message",
}
"""What is in a container of old Office programs; it names its parts in UTF-16."""

_MENDS: Final = {
    "an Apple Numbers or Pages document": "Open it in Numbers, choose File > Export To > Excel, and"
    " choose the file that this makes.",
    "an Outlook message": "Export the contacts from Outlook as .csv, or save them as vCards (.vcf),"
    " and choose that file.",
    "an Access database": "Export its table from Access as an Excel workbook, and choose that file.",
    "a dBase file": "Open it in Excel or LibreOffice, save it as .xlsx, and choose that file.",
    "an e-mail": "Save what is attached to it, or export the contacts of the program it is from.",
}
_MEND: Final = "Save or export the data as .xlsx or .csv and choose that file."

_PIECE: Final = 1 << 20


def refuse(path: Path, start: bytes) -> None:
    """Raise when a file begins as something that is known and no table.

    Args:
        start: Its first few thousand bytes.

    Raises:
        SourceError: It is.
    """
    if start.startswith(_SQLITE):
        raise SourceError(
            "This file is a SQLite database, which has many tables and is not read as one.",
            where=path.name,
            mend="Read it as an ERP: choose ERP database instead of File, and give its address as"
            " sqlite:////folder/file.sqlite.",
        )
    bare = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    for signature, kind in _STARTS.items():
        if bare[: len(signature)].lower() == signature.lower():
            raise _refusal(path, kind)
    if _MAIL.match(bare) and len(set(_MAIL_LINE.findall(bare))) >= _MAIL_LINES:
        raise _refusal(path, "an e-mail")
    if _is_dbase(start):
        raise _refusal(path, "a dBase file")


def refuse_document(path: Path) -> None:
    """Raise when a zip, or a container of an old Office program, is a document of another kind.

    To be asked of a file that could not be read as what it begins like: a workbook can hold others.

    Raises:
        SourceError: It is.
    """
    if kind := _kind_of_document(path):
        raise _refusal(path, kind)


def _refusal(path: Path, kind: str) -> SourceError:
    return SourceError(
        f"This file is {kind}, which cannot be read as a table.",
        where=path.name,
        mend=_MENDS.get(kind, _MEND),
    )


def _is_dbase(start: bytes) -> bool:
    """Whether a file is a dBase file: its kind, the day of its last change, and a header of 32 bytes,
    32 more for each column, and what its version puts behind them.
    """
    if len(start) < 32 or start[0] not in _DBASE:
        return False
    month, day, header = start[2], start[3], int.from_bytes(start[8:10], "little")
    return 1 <= month <= 12 and 1 <= day <= 31 and header % 32 in (1, 8)


def _kind_of_document(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(200)
        if start.startswith(_CONTAINER):
            return _kind_of_container(file)
        for words, kind in _TYPES.items():
            if words in start:
                return kind
        try:
            with zipfile.ZipFile(file) as archive:
                names = set(archive.namelist())
        except NO_ZIP:
            return ""
    return next((kind for part, kind in _PARTS.items() if part in names), "")


def _kind_of_container(file: BinaryIO) -> str:
    sought = {name.encode("utf-16-le"): kind for name, kind in _STREAMS.items()}
    before = b""
    while piece := file.read(_PIECE):
        for name, kind in sought.items():
            if name in before + piece:
                return kind
        before = piece[-100:]
    return ""
