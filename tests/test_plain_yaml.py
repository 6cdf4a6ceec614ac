"""YAML as texts, lists and keys: what it says is what is read, and nothing else can be written."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import plain_yaml
from crmkit.plain_yaml import PlainError

_LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in pairwise("abcdefghi")
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
contents = st.recursive(
    texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=15,
)


@given(contents)
def test_what_is_written_is_read_again(content: object) -> None:
    """Texts that look like numbers, dates, or yes and no stay texts."""
    assert content == plain_yaml.load(plain_yaml.dump(content))[0]


def test_every_value_is_a_text_and_a_blank_one_is_left_out() -> None:
    content, _ = plain_yaml.load("country: NO\nzip: 0155\nday: 2026-01-02\nnothing:\nyes: ~\n")

    assert {"country": "NO", "zip": "0155", "day": "2026-01-02"} == content


def test_parts_know_their_lines() -> None:
    _, lines = plain_yaml.load("a: 1\nb:\n  - c: 2\n  - 3\n")

    assert {(): 1, ("a",): 1, ("b",): 2, ("b", 0): 3, ("b", 0, "c"): 3, ("b", 1): 4} == lines


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        (_LAUGHS, 1, "anchors"),
        ("a: 1\nb: *x\n", 2, "aliases"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "tags"),
        ("a: 1\nb: !!int 2\n", 2, "tags"),
        ("a: 1\na: 2\n", 2, "twice"),
        ("? [a, b]\n: 1\n", 1, "a key is a text"),
        ("a: 1\n---\nb: 2\n", 2, "only one document"),
        ("[" * 100_000, 1, "nested too deeply"),
        ("a: 1\n b: 2\n", 2, "Check the indents"),
        ("a: 'open\n", 2, "Check the indents"),
        ("a: \x00\n", 0, "Check the indents"),
    ],
    ids=[
        "laughs",
        "alias",
        "python",
        "tag",
        "twice",
        "list as a key",
        "documents",
        "deep",
        "indent",
        "quote",
        "zero",
    ],
)
def test_what_is_more_than_plain_is_refused_with_its_line(text: str, line: int, why: str) -> None:
    with pytest.raises(PlainError) as error:
        plain_yaml.load(text)

    assert why in error.value.why
    assert error.value.line in (line, 0)
