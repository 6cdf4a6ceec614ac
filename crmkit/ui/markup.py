"""Small pieces of HTML. Every value from a file or the CRM is escaped here and nowhere else."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any, Final

# Signs that turn around what follows them, also the words of ours behind a name. Hebrew and Arabic
# need none of them.
_TURNING: Final = dict.fromkeys(
    (*range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\N{REPLACEMENT CHARACTER}"
)


def escape(text: str) -> str:
    """A plain text as HTML, for pieces put together elsewhere; it cannot turn what stands behind it."""
    return html.escape(text.translate(_TURNING))


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]], *, caption: str = "") -> str:
    """A table of plain values; empty cells stay empty."""
    head = "".join(f'<th scope="col">{escape(str(header))}</th>' for header in headers)
    body = "".join("<tr>" + "".join(_cell(value) for value in row) + "</tr>" for row in rows)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        '<div class="ck-scroll" tabindex="0"><table class="ck-table">'
        f"{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def paragraph(text: str, *, style: str = "") -> str:
    """A paragraph of plain text."""
    return f'<p class="{style}">{escape(text)}</p>'


def bullets(items: Iterable[str], *, style: str = "") -> str:
    """A list of plain texts; nothing when there are none."""
    listed = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f'<ul class="{style}">{listed}</ul>' if listed else ""


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return f"<td>{'yes' if value else 'no'}</td>"
    if isinstance(value, int | float):
        return f'<td class="ck-number">{value:,}</td>'
    return f"<td>{'' if value is None else escape(str(value))}</td>"
