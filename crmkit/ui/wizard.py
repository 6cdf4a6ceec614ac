"""The dashboard: the panels as steps, one at a time, and the way back to them after a reload."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ipywidgets as w

from crmkit.batches import Batch
from crmkit.errors import CrmkitError, StorageError
from crmkit.import_state import STEPS
from crmkit.session import ImportSession
from crmkit.ui.broken import broken
from crmkit.ui.desk import Desk, Panel, button
from crmkit.ui.home import HomePanel
from crmkit.ui.mapping import MappingPanel
from crmkit.ui.preview import PreviewPanel
from crmkit.ui.result import ResultPanel
from crmkit.ui.settings import SettingsPanel
from crmkit.ui.source import SourcePanel
from crmkit.ui.widgets import ConnectionGuard, Location, Step, Stepper, StepState
from crmkit.workspace import Workspace

_LABELS = {
    "source": "Source",
    "mapping": "Mapping",
    "settings": "Settings",
    "preview": "Preview",
    "result": "Result",
}


class Wizard:
    """The whole way from a file to selections, in one widget."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        folders: Sequence[Path] = (),
        strict: bool | None = None,
    ) -> None:
        self.desk = Desk(workspace, folders=folders, strict=strict)
        self.desk.on_change = self._refresh
        self.desk.go = self.go
        self.desk.resume = self.resume
        self._home = HomePanel(self.desk, start=self.start, resume=self._resume, look=self._look)
        self._panels: dict[str, Panel] = {
            "source": SourcePanel(self.desk),
            "mapping": MappingPanel(self.desk),
            "settings": SettingsPanel(self.desk),
            "preview": PreviewPanel(self.desk),
            "result": ResultPanel(self.desk),
        }
        self._stepper = Stepper(on_choose=self.go, handler=self.desk.handler)
        self._location = Location(self._arrive, handler=self.desk.handler)
        self._screen = w.VBox()
        self._back = button("Back", lambda: self._move(-1), self.desk)
        self._next = button("Next", lambda: self._move(1), self.desk, primary=True)
        home = button("Home", self.home, self.desk)
        title = w.HTML("<h1>crmkit</h1>")
        header = w.HBox([title, home])
        header.add_class("ck-header")
        self._footer = w.HBox([self._back, self._next])
        self._footer.add_class("ck-footer")
        self.widget = w.VBox(
            [
                self.desk.look,
                ConnectionGuard(),
                self._location,
                header,
                self._stepper,
                self.desk.message,
                self.desk.busy.widget,
                self._screen,
                self._footer,
            ]
        )
        self.widget.add_class("ck-app")
        self._step = ""
        self.home()

    @property
    def step(self) -> str:
        """The step on the screen; empty on the Home screen."""
        return self._step

    def panel(self, step: str) -> Any:
        """A step's panel."""
        return self._panels[step]

    def home(self) -> None:
        """Show the Home screen."""
        self._leave()
        self._let_go()
        self._location.set(**{"import": None})
        self._home.show()
        self._screen.children = [self._home.widget]
        self._refresh()

    def start(self) -> None:
        """Start an import."""
        self.desk.message.clear()
        self._take(self.desk.workspace.new_import())

    def resume(self, import_id: str, *, take_over: bool = False) -> None:
        """Take an import up where it was left."""
        self._take(self.desk.workspace.open_import(import_id, take_over=take_over))

    def _resume(self, import_id: str, take_over: bool) -> None:  # noqa: FBT001  Home's callback
        self.resume(import_id, take_over=take_over)

    def go(self, step: str) -> None:
        """Show a step, when all steps before it are done."""
        if step not in self._open_steps():
            return
        self._leave()
        self._step = step
        self.desk.session.step = step
        panel = self._panels[step]
        panel.show()
        self._screen.children = [panel.widget]
        self._refresh()

    def _leave(self) -> None:
        if self._step:
            self._panels[self._step].leave()
        self._step = ""

    def _let_go(self) -> None:
        if self.desk.has_session:
            self.desk.session.release()
        self.desk.session = None

    def _take(self, session: ImportSession) -> None:
        if self.desk.has_session and self.desk.session.id != session.id:
            self._let_go()
        self.desk.session = session
        self._location.set(**{"import": session.id})
        open_steps = self._open_steps()
        self.go(session.step if session.step in open_steps else open_steps[-1])

    def _look(self, batch: Batch) -> None:
        """Show a past batch on the result screen, without its import."""
        result = self._panels["result"]
        assert isinstance(result, ResultPanel)
        result.show_batch(batch)
        self._screen.children = [result.widget]

    def _move(self, by: int) -> None:
        if not self._step:
            return  # a click on a slow machine that came after the one on Home
        position = STEPS.index(self._step) + by
        if 0 <= position < len(STEPS):
            self.desk.message.clear()
            self.go(STEPS[position])

    def _open_steps(self) -> list[str]:
        """The steps that can be entered: those whose steps before are all done."""
        if not self.desk.has_session:
            return []
        if self.desk.session.step == "result":
            return ["result"]
        found = []
        for step in STEPS:
            found.append(step)
            if not self._panels[step].ready():
                break
        return found

    def _arrive(self, params: dict[str, str]) -> None:
        """Come back to the import that the address names, after a reload or a dead kernel."""
        if self.desk.has_session:
            return
        import_id = params.get("import", "")
        if not import_id:
            # A kernel that was started ahead of the visit has drawn Home long before it is seen.
            self._home.show()
            return
        try:
            # After a reload the kernel of the page before may still run: this page goes on.
            self.resume(import_id, take_over=True)
        except StorageError as error:
            self._location.set(**{"import": None})
            self.desk.handler.report(error)
        except CrmkitError as error:
            self.desk.handler.report(error)

    def _refresh(self) -> None:
        """Bring stepper and buttons up to date."""
        inside = bool(self._step) and self.desk.has_session
        self._stepper.layout.display = "" if inside else "none"
        self._footer.layout.display = "" if inside else "none"
        if not inside:
            return
        open_steps = self._open_steps()
        position = STEPS.index(self._step)
        self._stepper.steps = [self._state(step, open_steps) for step in STEPS]
        self._stepper.current = self._step
        working = self.desk.working
        self._back.disabled = working or position == 0 or STEPS[position - 1] not in open_steps
        last = position == len(STEPS) - 1
        self._next.disabled = working or last or STEPS[position + 1] not in open_steps
        self._next.layout.display = "none" if self._step in ("preview", "result") else ""

    def _state(self, step: str, open_steps: list[str]) -> Step:
        if step not in open_steps:
            state = StepState.LOCKED
        elif STEPS.index(step) < STEPS.index(self._step) or self._panels[step].ready():
            state = StepState.DONE
        else:
            state = StepState.OPEN
        return Step(step, _LABELS[step], state)


def dashboard(
    workspace: str | Path | None = None, *, folders: Sequence[str | Path] = ()
) -> w.Widget:
    """The dashboard's widget, for a notebook's only cell.

    Args:
        workspace: A workspace's folder; `CRMKIT_WORKSPACE` when None.
        folders: Folders from which files may be picked; `CRMKIT_FOLDERS` when none are given.
    """
    path = Path(workspace or os.environ.get("CRMKIT_WORKSPACE", "workspace"))
    visitor = os.environ.get("CRMKIT_VISITOR", "")
    listed = folders or [f for f in os.environ.get("CRMKIT_FOLDERS", "").split(os.pathsep) if f]
    try:
        return Wizard(
            Workspace.open(path, visitor=visitor), folders=[Path(folder) for folder in listed]
        ).widget
    except CrmkitError as error:
        # Say so on the page instead of in a traceback.
        return broken(error)
