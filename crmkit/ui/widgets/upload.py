"""A file that arrives in pieces: clean names, no half files, no overwriting."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
import unicodedata
import uuid
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Final

from crmkit.errors import SourceError, StorageError

_LONGEST_NAME: Final = 120
_FORBIDDEN: Final = re.compile(r'[<>:"/\\|?*]')
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_PART_SUFFIX: Final = ".part"
_FORGOTTEN_SECONDS: Final = 24 * 60 * 60
_SPARE_BYTES: Final = 16 * 1024 * 1024


def clean_name(name: str) -> str:
    """A file name that every system accepts, as close to the given one as can be.

    Example:
        >>> clean_name("../../Kunden: 2026.xlsx")
        'Kunden_ 2026.xlsx'
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    # Control and format characters could hide the real ending on the screen.
    seen = "".join(char for char in last if unicodedata.category(char)[0] != "C")
    plain = " ".join(_FORBIDDEN.sub("_", seen).split()).strip(". ")
    stem, suffix = _parts_of(plain)
    suffix = suffix[:20]
    stem = _bytes_cut(stem, _LONGEST_NAME - len(suffix.encode())).rstrip(". ") or "file"
    named = stem + suffix
    return f"_{named}" if _RESERVED.fullmatch(named) else named


def _parts_of(name: str) -> tuple[str, str]:
    path = PurePosixPath(name)
    return path.stem, path.suffix


def _bytes_cut(text: str, length: int) -> str:
    return text.encode()[: max(length, 1)].decode(errors="ignore")


class Upload:
    """One file on its way into a folder.

    It is written under a name of its own and gets its real name when it is whole.

    Args:
        folder: Where it goes; made when it is missing.
        name: As the user's machine calls it.
        size: In bytes.

    Raises:
        StorageError: The folder cannot be written or has not enough room.
    """

    def __init__(self, folder: Path, name: str, size: int) -> None:
        self.folder = folder
        self.name = clean_name(name)
        self.size = size
        self.received = 0
        self._part = folder / f"{uuid.uuid4().hex}{_PART_SUFFIX}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(folder).free
            if size + _SPARE_BYTES > free:
                raise _no_room(self.name)
            self._file = self._part.open("xb")
        except OSError as error:
            raise _cannot_write(self.name, error) from error

    def take(self, piece: bytes | memoryview) -> None:
        """Add the next piece.

        Raises:
            SourceError: More came than was announced.
            StorageError: It could not be written.
        """
        if self.received + len(piece) > self.size:
            raise SourceError(
                "The file grew while it was uploaded.", self.name, "Save and close it, then retry."
            )
        try:
            self._file.write(piece)
        except OSError as error:
            raise _cannot_write(self.name, error) from error
        self.received += len(piece)

    def finish(self) -> Path:
        """Give the file its name; a file of that name stays, and this one gets ` (2)`.

        Raises:
            SourceError: Part of it is missing.
            StorageError: It could not be written.
        """
        if self.received != self.size:
            raise SourceError(
                "The file did not arrive whole.", self.name, "Save and close it, then retry."
            )
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            path = _reserve(self.folder, self.name)
            self._part.replace(path)
        except OSError as error:
            raise _cannot_write(self.name, error) from error
        return path

    def drop(self) -> None:
        """Forget the file, and leave nothing of it behind."""
        with contextlib.suppress(OSError):  # closing writes what is left; the disk may be full
            self._file.close()
        self._part.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what uploads left behind that were cut off more than a day ago."""
    for part in _parts(folder):
        try:
            if time.time() - part.stat().st_mtime > _FORGOTTEN_SECONDS:
                part.unlink()
        except OSError:
            continue  # another program has it; the next sweep gets it


def _parts(folder: Path) -> Iterable[Path]:
    return sorted(folder.glob(f"*{_PART_SUFFIX}")) if folder.is_dir() else ()


def _reserve(folder: Path, name: str) -> Path:
    """A path of that name, or with a number, that nobody else can take."""
    stem, suffix = _parts_of(name)
    number = 1
    while True:
        path = folder / (name if number == 1 else f"{stem} ({number}){suffix}")
        try:
            path.open("xb").close()
        except FileExistsError:
            number += 1
        else:
            return path


def _no_room(name: str) -> StorageError:
    return StorageError(
        "There is not enough room on the disk for this file.",
        name,
        "Free some space where the workspace is, then upload it again.",
    )


def _cannot_write(name: str, error: OSError) -> StorageError:
    return StorageError(
        "The file could not be saved in the workspace.",
        f"{name}: {error.strerror}" if error.strerror else name,
        "Check that the workspace's disk has room and that its folder can be written.",
    )
