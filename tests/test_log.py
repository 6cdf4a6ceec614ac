"""The log says where something went wrong, and never what stands in a cell."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from crmkit import jobs
from crmkit.database import in_memory
from crmkit.errors import SettingsError
from crmkit.session import ImportSession
from crmkit.sql import Query, sql
from crmkit.ui.handling import Handler, Notice, keep_log
from tests.crm_kit import new_workspace

MARK = "Quirina-Zwartveen"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """A log file, by the handler that the dashboard and the jobs use."""
    logger = logging.getLogger("crmkit")
    before = list(logger.handlers)
    keep_log(tmp_path)
    yield tmp_path / "crmkit.log"
    for handler in [h for h in logger.handlers if h not in before]:
        logger.removeHandler(handler)
        handler.close()


class Numbers(BaseModel):
    value: int


def duckdb_error() -> None:
    with in_memory() as db:
        db.run(sql("create table cells as select {mark} as cell", mark=MARK))
        db.run(sql("select cast(cell as integer) from cells"))


def spelled_out_error() -> None:
    with in_memory() as db:
        db.run(Query((f"select * from '{MARK}'",)))


def pydantic_error() -> None:
    Numbers.model_validate({"value": MARK})


def chained_error() -> None:
    try:
        int(MARK)
    except ValueError as error:
        raise RuntimeError(MARK) from error


def error_in_an_error() -> None:
    try:
        raise SettingsError(MARK, MARK, MARK)
    except SettingsError:
        raise KeyError(MARK)  # noqa: B904  the context is what is tested


def test_old_log_files_go(log: Path) -> None:
    """Three of a megabyte at most: a dashboard that runs for years does not fill the disk."""
    for number in range(500):
        logging.getLogger("crmkit").warning("%s %s", number, "x" * 10_000)

    kept = sorted(path.name for path in log.parent.iterdir())
    assert ["crmkit.log", "crmkit.log.1", "crmkit.log.2"] == kept
    assert all(path.stat().st_size <= 1_000_000 for path in log.parent.iterdir())
    assert "499 x" in log.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("fail", "kinds"),
    [
        (duckdb_error, ["ConversionException"]),
        (spelled_out_error, ["CatalogException"]),
        (pydantic_error, ["ValidationError"]),
        (chained_error, ["ValueError", "RuntimeError"]),
        (error_in_an_error, ["SettingsError", "KeyError"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_an_errors_words_stay_out_of_the_log(
    fail: Callable[[], None], kinds: list[str], log: Path
) -> None:
    notices: list[Notice] = []
    Handler(notices.append, strict=False).guard(fail)()

    text = log.read_text(encoding="utf-8")
    assert MARK not in text
    assert notices[0].number in text
    assert f"in {fail.__name__}" in text
    assert all(kind in text for kind in kinds)


def test_what_another_handler_made_of_an_error_is_not_taken_over(log: Path) -> None:
    """Python's logging keeps the text of an exception at the record, for all handlers."""
    other = logging.StreamHandler()
    logger = logging.getLogger("crmkit")
    logger.handlers.insert(0, other)
    try:
        Handler(lambda _: None, strict=False).guard(chained_error)()
    finally:
        logger.removeHandler(other)

    assert MARK not in log.read_text(encoding="utf-8")


def test_a_notice_that_no_screen_shows_is_logged_without_its_words(log: Path) -> None:
    def refused() -> None:
        raise SettingsError(MARK, MARK, MARK)

    Handler(strict=False).guard(refused)()

    text = log.read_text(encoding="utf-8")
    assert "a notice that nobody saw: error" in text
    assert MARK not in text


def test_a_job_on_a_marked_file_that_breaks_leaves_no_mark(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB itself fails in the middle of a job, over a cell of the file."""
    workspace = new_workspace(tmp_path / "workspace")
    path = tmp_path / "people.csv"
    path.write_text(f"Company name,Last name\nAcme,{MARK}\n", encoding="utf-8")
    session = workspace.new_import()
    session.load(path)
    session.save_description("People")

    def broken(self: ImportSession, **_: object) -> None:
        with self.writing() as db:
            db.run(sql("select cast(c2 as integer) from staged"))

    monkeypatch.setattr(ImportSession, "preview", broken)
    summary = jobs.run(lambda: workspace, "People", path, jobs.Job(), progress=lambda *_: None)

    assert summary.exit is jobs.Exit.ERROR
    text = log.read_text(encoding="utf-8")
    assert "ConversionException" in text
    assert MARK not in text
