"""A zip with contacts, as Google Takeout makes it: the files of contacts inside are its sheets.

Nothing is unpacked but the one file that is read, into a temporary folder and only up to a limit: a
few kilobytes of zip can hold terabytes.
"""

from __future__ import annotations

import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final

from crmkit.errors import SourceError
from crmkit.limits import Limits
from crmkit.processes import temporary_folder
from crmkit.sources import others

_MOST_MEMBERS: Final = 100_000
_CARDS: Final = (".vcf", ".vcard")
_OTHERS: Final = (".csv", ".ldif", ".tsv", ".xml")
_CONTACTS: Final = re.compile(r"[ck]onta[ckt]", re.IGNORECASE)
"""In the names of folders and files of contacts, in the languages of Europe."""

_OFFICE: Final = ("[Content_Types].xml", "mimetype")


def is_archive(path: Path) -> bool:
    """Whether a zip is one of files, and no workbook."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except others.NO_ZIP:
        return False
    return bool(names) and names.isdisjoint(_OFFICE)


def members(path: Path) -> tuple[str, ...]:
    """The tables of contacts inside, likeliest first.

    The vCards of a folder are one table: some programs write a file for each contact. It is named
    by its only file, else by the folder with a slash behind it.

    Raises:
        SourceError: There is none.
    """
    sizes: dict[str, int] = {}
    folders: dict[str, list[str]] = {}
    with _opened(path) as archive:
        if len(archive.infolist()) > _MOST_MEMBERS:
            raise SourceError(
                f"This zip has more than {_MOST_MEMBERS:,} files in it.",
                where=path.name,
                mend="Unpack it and choose the file of contacts.",
            )
        for info in archive.infolist():
            place = PurePosixPath(info.filename)
            if info.is_dir() or place.name.startswith(".") or "__MACOSX" in place.parts:
                continue
            if place.suffix.lower() in _CARDS:
                folders.setdefault(str(place.parent), []).append(info.filename)
            elif place.suffix.lower() not in _OTHERS:
                continue
            sizes[info.filename] = info.file_size
    for folder, names in folders.items():
        if len(names) > 1:
            sizes[f"{folder}/"] = sum(sizes.pop(name) for name in names)
    if not sizes:
        others.refuse_document(path)
        raise SourceError(
            "There are no contacts in this zip.",
            where=path.name,
            mend="Choose one with vCards (.vcf), a table (.csv) or an audit file (.xml) inside; a workbook is chosen by itself.",
        )
    # The largest is that of all contacts: Takeout writes a file for each label too.

    def doubts(name: str) -> tuple[bool, bool, int, str]:
        return not _is_cards(name), not _CONTACTS.search(name), -sizes[name], name

    return tuple(sorted(sizes, key=doubts))


@contextmanager
def unpacked(path: Path, member: str, limits: Limits) -> Iterator[Path]:
    """One table of a zip as a file, for the length of a block.

    Raises:
        SourceError: It is protected, damaged or too large.
    """
    with temporary_folder() as folder, _opened(path) as archive:
        # A name of our own: one from inside could lead anywhere.
        target = Path(folder) / f"inside{PurePosixPath(member).suffix.lower()}"
        names = [member]
        if member.endswith("/"):
            target = target.with_suffix(".vcf")
            names = [
                info.filename
                for info in archive.infolist()
                if f"{PurePosixPath(info.filename).parent}/" == member
                and PurePosixPath(info.filename).suffix.lower() in _CARDS
                and not PurePosixPath(info.filename).name.startswith(".")
            ]
        room = limits.unpacked_mb << 20
        # What the directory of the zip says can be seen before anything is unpacked; it can also lie.
        sizes = {info.filename: info.file_size for info in archive.infolist()}
        if sum(sizes.get(name, 0) for name in names) > room:
            raise _beyond(path, member, limits)
        with target.open("wb") as written:
            for name in names:
                for piece in _pieces(path, archive, name):
                    room -= len(piece)
                    if room < 0:
                        raise _beyond(path, member, limits)
                    written.write(piece)
                written.write(b"\n" if len(names) > 1 else b"")
        yield target


def _pieces(path: Path, archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    try:
        with archive.open(name) as inside:
            while piece := inside.read(1 << 20):
                yield piece
    except RuntimeError as error:
        raise SourceError(
            "This zip is protected with a password.",
            where=f"{path.name}, {name}",
            mend="Unpack it and choose the file inside.",
        ) from error
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, KeyError,
            OSError, ValueError) as error:  # fmt: skip
        raise _damaged(path) from error


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(path)
    except others.NO_ZIP as error:
        raise _damaged(path) from error
    with archive:
        yield archive


def _is_cards(member: str) -> bool:
    return member.endswith("/") or PurePosixPath(member).suffix.lower() in _CARDS


def _beyond(path: Path, member: str, limits: Limits) -> SourceError:
    return limits.refusal(
        "unpacked_mb", where=f"{path.name}, {member}", mend="Unpack it and choose the file inside"
    )


def _damaged(path: Path) -> SourceError:
    return SourceError("This zip is damaged.", where=path.name, mend="Download or export it again.")
