"""YAML that is texts, lists and keys, and nothing else, with the line of every part.

It is built from the parser's events: nothing is constructed, shared or expanded, however the text is
written. Every value is a text ("NO" is a country, not false); a blank one is left out.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import yaml

Place: TypeAlias = tuple[str | int, ...]
"""The keys and positions that lead to a part."""

_DEEPEST: Final = 20
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class PlainError(Exception):
    """The text cannot be read: why, and in which line; 0 where that is not known."""

    def __init__(self, why: str, line: int) -> None:
        super().__init__(why)
        self.why = why
        self.line = line


def load(text: str) -> tuple[Any, dict[Place, int]]:
    """The content of a text, None where it is empty, and the line of each part.

    Raises:
        PlainError: It is no YAML, or uses more of it than texts, lists and keys.
    """
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        why = getattr(error, "problem", None) or getattr(error, "reason", None) or "this is no YAML"
        raise PlainError(
            f"{why}. Check the indents, colons and quotation marks there.",
            mark.line + 1 if mark else 0,
        ) from error
    return builder.content, builder.lines


def dump(content: Any) -> str:
    """Texts, numbers, lists and dictionaries as a text that `load` reads again."""
    return str(yaml.dump(content, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100))


class _Dumper(yaml.SafeDumper):
    pass


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    # Between single quotation marks PyYAML writes rare line breaks as they are and reads them as \n.
    style = '"' if any(sign in text for sign in "\x85\u2028\u2029") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


class _Part:
    """A list or dictionary that is being filled.

    Attributes:
        key: Of a dictionary, the key that waits for its value.
    """

    def __init__(self, made: Any, place: Place) -> None:
        self.made = made
        self.place = place
        self.key: str | None = None

    @property
    def wants_key(self) -> bool:
        return isinstance(self.made, dict) and self.key is None

    def put(self, value: Any) -> Place:
        if isinstance(self.made, list):
            self.made.append(value)
            return (*self.place, len(self.made) - 1)
        assert self.key is not None
        place, key = (*self.place, self.key), self.key
        self.key = None
        if value is not None:
            self.made[key] = value
        return place


class _Builder:
    def __init__(self) -> None:
        self.content: Any = None
        self.lines: dict[Place, int] = {}
        self._open: list[_Part] = []
        self._documents = 0

    def take(self, event: Any) -> None:
        line = event.start_mark.line + 1
        _refuse_marks(event, line)
        match event:
            case yaml.ScalarEvent():
                self._scalar(event, line)
            case yaml.MappingStartEvent():
                self._begin({}, line)
            case yaml.SequenceStartEvent():
                self._begin([], line)
            case yaml.CollectionEndEvent():
                self._open.pop()
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise PlainError("only one document (---) is read.", line)

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        blank = not event.style and event.value in ("", "~", "null")
        if not self._open or not self._open[-1].wants_key:
            self._put(None if blank else event.value, line)
            return
        part = self._open[-1]
        place = (*part.place, event.value)
        if blank or place in self.lines:
            raise PlainError(f"the key “{event.value}” is there twice, or is empty.", line)
        self.lines[place] = line
        part.key = event.value

    def _begin(self, made: Any, line: int) -> None:
        if self._open and self._open[-1].wants_key:
            raise PlainError("a key is a text.", line)
        if len(self._open) >= _DEEPEST:
            raise PlainError("this is nested too deeply.", line)
        self._open.append(_Part(made, self._put(made, line)))

    def _put(self, value: Any, line: int) -> Place:
        if self._open:
            place = self._open[-1].put(value)
        else:
            self.content, place = value, ()
        # A key's line is that of the key.
        self.lines.setdefault(place, line)
        return place


def _refuse_marks(event: Any, line: int) -> None:
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise PlainError("anchors (&) and aliases (*) cannot be used.", line)
    if getattr(event, "tag", None):
        raise PlainError("tags (!) cannot be used.", line)
