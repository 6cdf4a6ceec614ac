"""What the panels of one import share: the session, messages, and long work with its progress.

A panel asks, shows and calls the session; everything longer than a callback may take runs here, in
a worker thread, one piece of work at a time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import anywidget
import ipywidgets as w

from crmkit.errors import SourceError
from crmkit.progress import Progress
from crmkit.session import ImportSession
from crmkit.ui.handling import Handler, Job, Notice, NoticeLevel, keep_log
from crmkit.ui.widgets import Downloader, Message
from crmkit.workbooks import Tell
from crmkit.workspace import Workspace

R = TypeVar("R")

_STATIC = Path(__file__).parent / "static"


class Export(Protocol):
    """Writes a file for the user."""

    def __call__(self, *, tell: Tell) -> Path:
        """Write it, and tell what it could not hold."""


class Look(anywidget.AnyWidget):
    """Brings the style sheet of the panels onto the page; shows nothing itself."""

    _esm = "export default { render() {} };"
    _css = (_STATIC / "app.css").read_text(encoding="utf-8")


class Busy:
    """A progress bar with what is being done and a Cancel button; away while nothing runs."""

    def __init__(self, on_cancel: Callable[[], None]) -> None:
        self._bar = w.FloatProgress(min=0.0, max=1.0, layout=w.Layout(width="260px"))
        self._text = w.Label()
        self._cancel = w.Button(description="Cancel", tooltip="Stop; nothing is changed")
        self._cancel.on_click(lambda _: on_cancel())
        self.widget = w.HBox([self._bar, self._text, self._cancel])
        self.widget.add_class("ck-busy")
        self.hide()

    def show(self, fraction: float, text: str) -> None:
        """Show how far the work is."""
        self._bar.value = round(fraction, 2)  # the same value again sends nothing
        self._text.value = f"{text} … {fraction:.0%}"
        self.widget.layout.display = ""

    def hide(self) -> None:
        """Take the bar away."""
        self.widget.layout.display = "none"


class Desk:
    """The workspace, the import in hand, and how panels report and work.

    Args:
        folders: Folders on this machine from which files may be picked.
        strict: Raise failures of callbacks again, for tests.
    """

    def __init__(
        self,
        workspace: Workspace,
        session: ImportSession | None = None,
        *,
        folders: Sequence[Path] = (),
        strict: bool | None = None,
    ) -> None:
        self.workspace = workspace
        keep_log(workspace.path)
        self._session = session
        self.folders = tuple(Path(folder).resolve() for folder in folders)
        self.message = Message()
        self.handler = Handler(self.message.show, strict=strict)
        self.busy = Busy(self.handler.guard(self.cancel))
        self.look = Look()
        self.on_change: Callable[[], None] = lambda: None
        self.go: Callable[[str], None] = lambda _: None
        self.resume: Callable[[str], None] = self._say_where
        self._job: Job[Any] | None = None
        self._aside = False
        self._waiting: Callable[[], None] | None = None

    @property
    def session(self) -> ImportSession:
        """The import in hand.

        Raises:
            SourceError: No import was started.
        """
        if self._session is None:
            raise SourceError("No import was started.", mend="Start one on the Home screen.")
        return self._session

    @session.setter
    def session(self, session: ImportSession | None) -> None:
        self._session = session

    @property
    def has_session(self) -> bool:
        """Whether an import is in hand."""
        return self._session is not None

    @property
    def working(self) -> bool:
        """Whether long work is under way that must end before anything else."""
        return self._job is not None and not self._aside

    def run(
        self,
        work: Callable[[Progress], R],
        done: Callable[[R], None],
        *,
        ended: Callable[[], None] = lambda: None,
        aside: bool = False,
    ) -> None:
        """Do long work beside the screen.

        Args:
            work: Is given a progress function; runs in a thread.
            done: Is given the work's result.
            ended: Called when the work failed or was cancelled, after that was shown.
            aside: Nobody asked for it: it shows no bar, does not begin while other work is under
                way, and is stopped without a word as soon as other work is wanted.
        """
        if aside and (self.working or self._waiting is not None):
            return
        if self.working:
            self.tell("Something is being worked on already.", mend="Wait, or cancel it first.")
            return
        if self._job is not None:
            self._waiting = functools.partial(self._start, work, done, ended, aside=aside)
            self.give_way()
            return
        self._start(work, done, ended, aside=aside)

    def export(self, write: Export, download: Downloader) -> None:
        """Write a file in the background, offer it, and say what a workbook could not hold."""
        told: list[str] = []

        def offer(path: Path) -> None:
            download.offer(path)
            if told:
                self.tell(" ".join(told), mend="Export as CSV to have all of it.")

        self.run(lambda _: write(tell=told.append), offer)

    def give_way(self) -> None:
        """Stop work that nobody asked for, so that what the user does now need not wait for it."""
        if self._aside:
            self.cancel()

    def _start(
        self,
        work: Callable[[Progress], R],
        done: Callable[[R], None],
        ended: Callable[[], None],
        *,
        aside: bool,
    ) -> None:
        self._aside = aside
        if not aside:
            self.message.clear()
            self.busy.show(0.0, "Starting")

        def end(after: Callable[[], None]) -> None:
            if not self._next():
                after()
                self.on_change()

        def stopped() -> None:
            if not aside:
                self.tell("Stopped.", mend="Nothing was changed.", level=NoticeLevel.INFO)
            ended()

        def report_to(progress: Progress) -> Progress:
            # The bar is moved without the handler's lock: the work may hold the session's lock,
            # for which a callback that holds the handler's lock may be waiting.
            def report(fraction: float, text: str) -> None:
                progress(fraction, text)
                if not aside:
                    self.busy.show(fraction, text)

            return report

        job = Job(
            lambda progress: work(report_to(progress)),
            handler=self.handler,
            on_done=lambda result: end(functools.partial(done, result)),
            on_failed=lambda _: end(ended),
            on_cancelled=lambda: end(stopped),
            interrupt=self._interrupt,
        )
        # Known before it begins: it may end before the next line.
        self._job = job
        job.start()

    def _next(self) -> bool:
        """Put the work away; whether other work, which it gave way to, has begun in its place."""
        self.busy.hide()
        self._job, self._aside = None, False
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting()
        return waiting is not None

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the work under way; for notebooks that run from top to bottom, and tests."""
        while (job := self._job) is not None:
            if not job.wait(timeout):
                return False
            if job is self._job:
                break
        return True

    def cancel(self) -> None:
        """Stop the work under way."""
        if self._job is not None:
            self._job.cancel()

    def tell(
        self, message: str, *, mend: str = "", level: NoticeLevel = NoticeLevel.WARNING
    ) -> None:
        """Show a message."""
        self.message.show(Notice(level, message, "", mend))

    def _say_where(self, import_id: str) -> None:
        """Outside the dashboard nobody can be taken to another import."""
        self.tell(
            f"Import {import_id} is ready at its preview.",
            mend="Take it up on the dashboard's Home screen, or with workspace.open_import.",
            level=NoticeLevel.INFO,
        )

    def _interrupt(self) -> None:
        self.workspace.cancel()
        if self._session is not None:
            self._session.cancel()


class Panel:
    """One step's screen. `widget` is what is shown; `show` brings it up to date."""

    title = ""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.body = w.VBox()
        self.widget = w.VBox([heading(self.title), self.body])
        self.widget.add_class("ck-panel")

    def show(self) -> None:
        """Bring the panel up to date with the session."""

    def leave(self) -> None:
        """Another screen takes its place: end what only matters here."""

    def ready(self) -> bool:
        """Whether the step after this one can be entered."""
        return True


def heading(text: str) -> w.HTML:
    """A panel's title."""
    return w.HTML(f"<h2>{text}</h2>")


def button(
    text: str, act: Callable[[], None], desk: Desk, *, primary: bool = False, tooltip: str = ""
) -> w.Button:
    """A button whose action goes through the one error handler."""
    made = w.Button(description=text, tooltip=tooltip, layout=w.Layout(width="auto"))
    if primary:
        made.add_class("ck-primary")
    guarded = desk.handler.guard(act)
    made.on_click(lambda _: guarded())
    return made
