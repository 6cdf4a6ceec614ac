"""Hostile files cost a message, or land their good rows: no crash, no hang, bounded memory, nothing run."""

from __future__ import annotations

import os
import resource
import socket
import sys
import time
from pathlib import Path

import pytest

from crmkit import sources, staging
from crmkit.database import Database, in_memory
from crmkit.errors import SourceError
from crmkit.sql import sql
from tests.crm_kit import silent
from tests.hostile.corpus import FILES, MB, SECRET, TEXTS, Hostile

_SECONDS = 20
"""Of this process's own work, so that a busy machine does not count."""


@pytest.mark.parametrize("hostile", FILES, ids=lambda hostile: hostile.name)
def test_a_hostile_file_is_refused_with_a_message_or_its_good_rows_land(
    hostile: Hostile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / hostile.name
    hostile.write(path)
    # Whoever would follow a link has nobody to ask.
    monkeypatch.setattr(socket, "create_connection", _no_network)
    started = time.process_time()

    with in_memory() as db:
        refusal = _refusal(db, path, hostile)
        if refusal is None:
            assert hostile.either or not hostile.refused, "it was not refused"
            rows = db.rows(sql("select * from staged"))
            assert rows
            assert hostile.either or hostile.rows == len(rows)
            assert not any(SECRET in str(cell) for row in rows for cell in row)
        else:
            assert hostile.either or hostile.refused, refusal
            assert hostile.refused in refusal.message
            assert refusal.where.startswith(path.name)
            assert refusal.mend

    assert time.process_time() - started < _SECONDS
    # Nothing was written beside it.
    assert [path] == list(tmp_path.iterdir())


def _refusal(db: Database, path: Path, hostile: Hostile) -> SourceError | None:
    """Land a file; the message when it is refused."""
    try:
        source = sources.inspect(path, limits=hostile.limits)
        staging.land(db, source, sources.detect_layout(source), progress=silent)
    except SourceError as error:
        return error
    return None


def _no_network(*arguments: object, **named: object) -> None:
    raise AssertionError(f"a reader asked for {arguments} {named}")


@pytest.mark.skipif(sys.platform == "win32", reason="measured with fork and resource")
@pytest.mark.parametrize(
    "hostile", [each for each in TEXTS if "line" in each.name], ids=lambda hostile: hostile.name
)
def test_a_line_without_an_end_takes_little_memory(hostile: Hostile, tmp_path: Path) -> None:
    """Text is read in this process: a gigabyte in one line must not be held."""
    path = tmp_path / hostile.name
    hostile.write(path)
    child = os.fork()
    if child == 0:
        # From here on, the address space may grow by so much.
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 600 * MB, used + 600 * MB))
        code = 1
        try:
            source = sources.inspect(path)
            sources.detect_layout(source)
            code = 0
        except SourceError:
            code = 0
        finally:
            os._exit(code)

    _, status = os.waitpid(child, 0)

    assert 0 == status
