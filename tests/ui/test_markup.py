"""Values in HTML: escaped, and unable to turn around what stands behind them."""

from __future__ import annotations

import pytest

from crmkit.ui import markup


@pytest.mark.parametrize(
    "made",
    [
        markup.paragraph("<b>\"'&"),
        markup.bullets(["<b>\"'&"]),
        markup.table(["<b>\"'&"], [["<b>\"'&"]], caption="<b>\"'&"),
        markup.escape("<b>\"'&"),
    ],
    ids=["paragraph", "bullets", "table", "escape"],
)
def test_values_are_escaped(made: str) -> None:
    assert "&lt;b&gt;&quot;&#x27;&amp;" in made
    assert "<b>" not in made


@pytest.mark.parametrize("sign", [chr(c) for c in (0x202A, 0x202D, 0x202E, 0x2066, 0x2069)])
def test_a_sign_that_turns_text_around_is_shown_as_one(sign: str) -> None:
    assert markup.escape(f"Acme{sign} AS") == "Acme\N{REPLACEMENT CHARACTER} AS"


def test_text_that_is_written_from_right_to_left_stays() -> None:
    text = "\u200f\u05e9\u05dc\u05d5\u05dd"

    assert text == markup.escape(text)
