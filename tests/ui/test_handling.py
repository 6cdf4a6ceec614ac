"""Callbacks never fail unseen, and long work ends in exactly one way."""

from __future__ import annotations

import logging
import threading

import pytest

from crmkit.errors import CancelledError, SourceError
from crmkit.ui.handling import Handler, Job, JobState, Notice, NoticeLevel, Progress, error_number


class Told:
    """Keeps what a job or a handler says, in order."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.events: list[object] = []

    def job(self, work: object, *, strict: bool = False, interrupt: object = None) -> Job[object]:
        return Job(
            work,  # type: ignore[arg-type]
            handler=Handler(self.notices.append, strict=strict),
            on_progress=lambda fraction, text: self.events.append((fraction, text)),
            on_done=lambda result: self.events.append(("done", result)),
            on_failed=lambda error: self.events.append(("failed", str(error))),
            on_cancelled=lambda: self.events.append("cancelled"),
            interrupt=interrupt,  # type: ignore[arg-type]
        )


@pytest.fixture
def told() -> Told:
    return Told()


def test_guard_gives_back_what_the_callback_gives(told: Told) -> None:
    """A callback that works is not changed."""
    guarded = Handler(told.notices.append).guard(lambda a, *, b: a + b)

    assert guarded(1, b=2) == 3
    assert told.notices == []


def test_our_error_is_shown_with_where_and_mend(told: Told) -> None:
    """An error of ours is for the user as it is."""

    def fail() -> None:
        raise SourceError("This is not a workbook.", "a.xlsx", "Save it again in Excel.")

    Handler(told.notices.append, strict=False).guard(fail)()

    assert told.notices == [
        Notice(NoticeLevel.ERROR, "This is not a workbook.", "a.xlsx", "Save it again in Excel.")
    ]


def test_unexpected_error_is_a_number_on_screen_and_a_trace_in_the_log(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    """The user sees no internals; whoever helps finds them by the number."""

    def fail() -> None:
        raise ValueError("secret internals")

    with caplog.at_level(logging.ERROR, "crmkit"):
        Handler(told.notices.append, strict=False).guard(fail)()

    (notice,) = told.notices
    assert f"Something went wrong ({notice.number})." in notice.message
    assert "secret" not in f"{notice}"
    assert notice.number in caplog.text
    assert "secret internals" in caplog.text


def test_stop_by_the_user_is_not_shown_as_an_error(told: Told) -> None:
    """Cancelled work is news, not a failure."""

    def stop() -> None:
        raise CancelledError("The work was stopped.")

    Handler(told.notices.append, strict=False).guard(stop)()

    assert [notice.level for notice in told.notices] == [NoticeLevel.INFO]


def test_strict_handler_shows_and_raises(told: Told) -> None:
    """A test must see what a button would swallow."""
    guarded = Handler(told.notices.append, strict=True).guard(lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        guarded()
    assert len(told.notices) == 1


@pytest.mark.parametrize(("value", "strict"), [("1", True), ("0", False), ("", False)])
def test_environment_makes_handlers_strict(
    monkeypatch: pytest.MonkeyPatch, value: str, strict: bool
) -> None:
    """The test run switches it on for every handler at once."""
    monkeypatch.setenv("CRMKIT_STRICT", value)

    assert Handler().strict is strict


def test_callbacks_run_one_at_a_time(told: Told) -> None:
    """JupyterLab may call two callbacks at once; the second waits."""
    handler = Handler(told.notices.append)
    inside, go_on = threading.Event(), threading.Event()
    order: list[str] = []

    def first() -> None:
        inside.set()
        go_on.wait(5)
        order.append("first")

    one = threading.Thread(target=handler.guard(first))
    one.start()
    inside.wait(5)
    two = threading.Thread(target=handler.guard(lambda: order.append("second")))
    two.start()
    go_on.set()
    one.join(5)
    two.join(5)

    assert order == ["first", "second"]


def test_callback_may_call_another(told: Told) -> None:
    """The lock is taken again by the thread that holds it."""
    handler = Handler(told.notices.append)
    inner = handler.guard(lambda: "inner")

    assert handler.guard(inner)() == "inner"


def test_error_number_is_the_same_for_the_same_failure() -> None:
    """Two users who meet the same failure report the same number."""

    def fail(text: str) -> Exception:
        try:
            raise ValueError(text)
        except ValueError as error:
            return error

    assert error_number(fail("Oslo")) == error_number(fail("Bergen"))


def test_job_tells_progress_and_result(told: Told) -> None:
    """Work that succeeds ends as done."""

    def work(progress: Progress) -> int:
        progress(0.5, "Half")
        return 42

    job = told.job(work).start()

    assert job.wait(5)
    assert told.events == [(0.5, "Half"), ("done", 42)]
    assert job.state is JobState.DONE


def test_job_that_fails_is_shown_once_and_ends_as_failed(told: Told) -> None:
    """The failure reaches the screen, and the panel can tidy up; also when strict."""

    def work(progress: Progress) -> None:
        raise SourceError("No such sheet.")

    job = told.job(work, strict=True).start()

    assert job.wait(5)
    assert told.events == [("failed", "No such sheet.")]
    assert [notice.message for notice in told.notices] == ["No such sheet."]
    assert job.state is JobState.FAILED


def test_cancel_stops_the_work_at_its_next_step(told: Told) -> None:
    """A job that is cancelled ends as cancelled, without an error on the screen."""
    started = threading.Event()

    def work(progress: Progress) -> None:
        while True:
            progress(0.1, "Working")
            started.set()

    job = told.job(work).start()
    assert started.wait(5)
    job.cancel()

    assert job.wait(5)
    assert told.events == [(0.1, "Working"), "cancelled"]
    assert told.notices == []


def test_cancel_interrupts_what_the_work_waits_for(told: Told) -> None:
    """A running query raises an error of its own when it is interrupted: that is the stop."""
    started, interrupted = threading.Event(), threading.Event()

    def work(progress: Progress) -> None:
        started.set()
        interrupted.wait(5)
        raise RuntimeError("INTERRUPT")

    job = told.job(work, interrupt=interrupted.set).start()
    assert started.wait(5)
    job.cancel()

    assert job.wait(5)
    assert told.events == ["cancelled"]
    assert told.notices == []


def test_work_that_was_done_before_the_cancel_counts_as_done(told: Told) -> None:
    """What has been written cannot be called cancelled."""
    started, go_on = threading.Event(), threading.Event()

    def work(progress: Progress) -> str:
        started.set()
        go_on.wait(5)
        return "written"

    job = told.job(work).start()
    assert started.wait(5)
    job.cancel()
    go_on.set()

    assert job.wait(5)
    assert told.events == [("done", "written")]


def test_job_runs_once(told: Told) -> None:
    """A second start is a mistake in the panel, not a second run."""
    job = told.job(lambda _: None).start()

    with pytest.raises(RuntimeError, match="once"):
        job.start()
    job.wait(5)


def test_progress_is_told_in_steps_of_a_hundredth(told: Told) -> None:
    """A screen is not flooded by work that reports every row."""

    def work(progress: Progress) -> None:
        for number in range(10_000):
            progress(number / 10_000, "Rows")

    told.job(work).start().wait(5)

    assert len(told.events) <= 102


def test_failing_callback_of_a_job_is_shown(told: Told) -> None:
    """Also what runs after the work is under the handler."""
    job = Job(
        lambda _: 1,
        handler=Handler(told.notices.append, strict=False),
        on_done=lambda result: result / 0,
    )

    job.start().wait(5)

    assert "Something went wrong" in told.notices[0].message
