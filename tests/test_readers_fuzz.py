"""Readers meet any bytes: a message or a table, and every record is accounted for."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmkit import sources, staging
from crmkit.database import in_memory
from crmkit.errors import SourceError
from crmkit.samples import SAMPLES
from tests.crm_kit import silent

_PIECES = st.sampled_from(
    [
        b"a",
        b"Acme",
        b" ",
        b"\t",
        b",",
        b",",
        b";",
        b'"',
        b'""',
        b"\n",
        b"\n",
        b"\r\n",
        b"\r",
        b"\x00",
        b"1,5",
        b"\xc3\xa9",
        b"\xe9",
        b"\xff",
        b"\xc2\xa0",
        b"=1",
        b"'=1",
        b"\\",
        b"sep=;",
    ]
)

few = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def counted(path: Path) -> staging.StagedTable | None:
    """Land a file; None when it is refused with a message."""
    try:
        source = sources.inspect(path)
        layout = sources.detect_layout(source)
        with in_memory() as db:
            return staging.land(db, source, layout, progress=silent)
    except SourceError:
        return None


@few
@given(content=st.lists(_PIECES, min_size=1, max_size=60).map(b"".join))
def test_any_text_is_landed_or_refused_with_a_message(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.csv"
        path.write_bytes(content)

        staged = counted(path)

    if staged is not None:
        assert staged.row_count > 0


@few
@given(
    rows=st.lists(
        st.lists(st.text(alphabet='ab", \n\r', max_size=5), min_size=1, max_size=5),
        min_size=1,
        max_size=8,
    )
)
def test_every_record_is_landed_set_aside_or_blank(rows: list[list[str]]) -> None:
    """A file written by a careful program, with rows of any width, is accounted for in full."""

    out = io.StringIO(newline="")
    csv.writer(out).writerows([["Name", "City", "Zip"], *rows, ["Last", "Oslo", "1"]])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.csv"
        path.write_bytes(out.getvalue().encode())

        source = sources.inspect(path, delimiter=",")
        with in_memory() as db:
            staged = staging.land(db, source, sources.Layout("", 1), progress=silent)

    assert len(rows) + 1 == staged.row_count + staged.rejected + staged.blank_rows


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_damaged_workbook_is_landed_or_refused_with_a_message(data: st.DataObject) -> None:
    content = bytearray((SAMPLES / "two-sheets.xlsx").read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.xlsx"
        path.write_bytes(content)

        counted(path)
