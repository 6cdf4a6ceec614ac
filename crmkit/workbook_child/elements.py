"""Walks through an XML file of any size and gives the elements that are rows, one at a time.

Nothing outside a row stays in memory. A file that brings its own definitions is refused, as are
nesting and texts beyond any real file: none of them is needed, and all can be made to fill a memory.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import IO, Any, Final, TypeAlias

from lxml import etree

from crmkit.workbook_child.task import FaultError

Element: TypeAlias = Any
Path: TypeAlias = tuple[str, ...]
"""Names of elements without their namespaces, from the root down."""

_MOST_INSIDE: Final = 20_000
"""Elements inside one row; real ones have some hundred."""

_TOO_MUCH: Final = re.compile(r"PARSE_HUGE|resource limit|amplification|depth", re.IGNORECASE)
_TEXT_LENGTH: Final = 2_000


@dataclass(frozen=True)
class Format:
    """A kind of XML file with tables of parties or products inside.

    Attributes:
        program: Its short name: "SAF-T".
        tables: The names of its tables, in the order in which they are offered.
        table_of: The table that an element of a path is a row of; empty for none.
        may_be_row: Whether an element of a local name can be a row, so that `table_of` is asked
            seldom.
        last: The element after whose end there are no more rows; empty where they go on to the end.
        facts: Texts that describe the file, by the ends of their paths and under the last name: each
            is kept at its first mention.
        describe: What it is, for people, by its facts and namespace.
        rows: For each table what reads a row element.
        distinct: Tables without master data, whose rows are brought together.
        products: Tables that hold products; the others hold parties.
    """

    program: str
    tables: tuple[str, ...]
    table_of: Callable[[Path], str]
    may_be_row: Callable[[str], bool]
    facts: Mapping[str, tuple[Path, ...]]
    describe: Callable[[Facts], str]
    rows: Mapping[str, Callable[..., Any]]
    last: str = ""
    distinct: tuple[str, ...] = ()
    products: tuple[str, ...] = ()


def by_name(*paths: Path) -> dict[str, tuple[Path, ...]]:
    """Paths under their last names."""
    return {path[-1]: tuple(p for p in paths if p[-1] == path[-1]) for path in paths}


@dataclass
class Facts:
    """What a file says about itself.

    Attributes:
        root, namespace: Of its first element.
        texts: By the end of the path, as the format names it.
    """

    root: str = ""
    namespace: str = ""
    texts: dict[Path, str] = field(default_factory=dict)

    def get(self, *names: str) -> str:
        """The text at the end of a path; empty where there is none."""
        return self.texts.get(names, "")


class Reader:
    """A file that is read as what it is in, whatever it states, and begins with its first sign.

    White space before the declaration is not allowed, and programs write it.
    """

    def __init__(self, file: IO[bytes], size: int, encoding: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        self._begun = False
        self._size = max(size, 1)
        self.done = 0

    @property
    def share(self) -> float:
        """How much of the file was read, from 0 to 1."""
        return min(self.done / self._size, 1.0)

    def read(self, count: int) -> bytes:
        """The next piece, as UTF-8 whatever the file is in; empty at the end only."""
        words = ""
        while not words and (piece := self._file.read(count)):
            self.done += len(piece)
            words = self._decoder.decode(piece)
            if not self._begun:
                words = words.lstrip("\ufeff \t\r\n")
                self._begun = bool(words)
        return (words or self._decoder.decode(b"", final=True)).encode("utf-8", errors="replace")


def walk(
    reader: Reader,
    format_of: Callable[[str, str], Format],
    facts: Facts,
) -> Iterator[tuple[str, Element]]:
    """The row elements of a file with their tables, in its order; a row inside a row comes first.

    Args:
        format_of: The format by the name and the namespace of the root.
        facts: Filled on the way.

    Raises:
        FaultError: It is too intricate, brings definitions of its own, or is no XML; with the place.
    """
    context = etree.iterparse(
        reader,
        events=("start", "end"),
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )
    try:
        yield from _rows(context, format_of, facts)
    except etree.XMLSyntaxError as error:
        fault = "intricate" if _TOO_MUCH.search(str(error.msg)) else "xml"
        raise FaultError(fault, f"line {error.lineno}: {error.msg}") from error


def _rows(
    context: Any, format_of: Callable[[str, str], Format], facts: Facts
) -> Iterator[tuple[str, Element]]:
    kind: Format | None = None
    path: list[str] = []
    # The tables of the rows that are open, from the outermost on, with their depths.
    rows: list[tuple[int, str]] = []
    inside = 0
    for event, element in context:
        if event == "start":
            if kind is None:
                kind = _begin(element, format_of, facts)
            path.append(local(element))
            table = kind.table_of(tuple(path)) if kind.may_be_row(path[-1]) else ""
            if table:
                rows.append((len(path), table))
            if rows:
                inside += 1
                if inside > _MOST_INSIDE:
                    raise FaultError("intricate", f"line {element.sourceline}: a row is too large")
            continue
        assert kind is not None
        _note(kind, path, element, facts)
        depth = len(path)
        name = path.pop()
        if rows and rows[-1][0] == depth:
            yield rows.pop()[1], element
        if not rows:
            inside = 0
            _forget(element)
        if name == kind.last and not rows:
            return


def _begin(element: Element, format_of: Callable[[str, str], Format], facts: Facts) -> Format:
    if element.getroottree().docinfo.internalDTD is not None:
        raise FaultError("definitions")
    facts.root = local(element)
    facts.namespace = str(element.tag).rpartition("}")[0].lstrip("{")
    # Some write the namespace into a declaration that the root does not use.
    facts.namespace = facts.namespace or next(
        (uri for uri in element.nsmap.values() if uri and "XMLSchema" not in uri), ""
    )
    return format_of(facts.root, facts.namespace)


def _note(kind: Format, path: list[str], element: Element, facts: Facts) -> None:
    for fact in kind.facts.get(path[-1], ()):
        if tuple(path[-len(fact) :]) == fact and fact not in facts.texts:
            facts.texts[fact] = text(element)


def _forget(element: Element) -> None:
    """Let go of an element that has ended, and of what stands before it."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def local(element: Element) -> str:
    """An element's name without its namespace; empty for comments and the like."""
    return _local(element.tag)


@lru_cache(maxsize=10_000)
def _local(tag: Any) -> str:
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def text(element: Element) -> str:
    """All text of an element in one line."""
    # Most have nothing inside, which is seen at once.
    whole = element.xpath("string()") if len(element) else element.text or ""
    return " ".join(whole.split())


def children(element: Element, *names: str) -> list[Element]:
    """The children of some names, in the order of the file."""
    return [child for child in element if local(child) in names]


def find(element: Element | None, *path: str) -> Element | None:
    """The first element at the end of a path of children; None where there is none."""
    for name in path:
        if element is None:
            return None
        element = next((child for child in element if _local(child.tag) == name), None)
    return element


def take(element: Element | None, *path: str) -> str:
    """The first filled text at the end of a path; what is there is taken away, so that it is done with."""
    *above, name = path
    found = find(element, *above) if above else element
    first = ""
    for child in () if found is None else [c for c in found if _local(c.tag) == name]:
        words = text(child)
        first = first or words
        if not words or words == first:
            _remove(child)
    return first


def take_all(element: Element, name: str) -> list[Element]:
    """All children of a name, which are taken away."""
    found = children(element, name)
    for child in found:
        _remove(child)
    return found


def leaves(element: Element) -> Iterator[tuple[Path, str]]:
    """What is left in an element: path and text of all that has text and no elements inside."""
    waiting: list[tuple[Path, Element]] = [((), element)]
    while waiting:
        path, found = waiting.pop()
        inside = [child for child in found if local(child)]
        waiting += [((*path, local(child)), child) for child in reversed(inside)]
        if not inside and path and (words := text(found)):
            yield path, words


def short(element: Element) -> str:
    """A row as it stands in the file, for people; not all of a long one."""
    return str(etree.tostring(element, encoding="unicode", with_tail=False))[:_TEXT_LENGTH]


def _remove(element: Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)
