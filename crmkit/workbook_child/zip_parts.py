"""The parts of a workbook that is a zip, read with care."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from typing import Any, Final

from lxml import etree

# Nothing is fetched, no entity is replaced, nothing grows without bounds.
SAFE: Final[dict[str, Any]] = {
    "resolve_entities": False,
    "no_network": True,
    "huge_tree": False,
    "load_dtd": False,
    # So that what is inside an element is elements only.
    "remove_comments": True,
    "remove_pis": True,
}


def tree(content: bytes) -> Any:
    """The root element of an XML part."""
    return etree.fromstring(content, etree.XMLParser(**SAFE))


def elements(file: Any, name: str) -> Iterator[Any]:
    """Elements of one name, one by one; each is emptied after use."""
    for _, element in etree.iterparse(file, events=("end",), tag=f"{{*}}{name}", **SAFE):
        yield element
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]


def pieces(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """A part, piece by piece."""
    with archive.open(name) as file:
        while piece := file.read(1 << 20):
            yield piece


def contains(pieces: Iterable[bytes], sought: bytes) -> bool:
    """Whether something stands in a part, also across two pieces."""
    end = b""
    for piece in pieces:
        if sought in end + piece:
            return True
        end = piece[-len(sought) :]
    return False
