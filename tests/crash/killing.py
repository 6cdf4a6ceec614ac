"""Works, is killed, and is looked at: each time on a fresh copy of a prepared workspace.

Nothing of DuckDB runs in the process that leads, so that it can be forked: a child has all modules
already, and a run takes half a second.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from crmkit.errors import CrmkitError
from crmkit.workspace import Workspace
from tests.crash.checks import content_of, faults, kept_of_import, left_behind
from tests.crash.children import Child
from tests.crash.kill import Points, die_after
from tests.crash.operations import BEGIN_LATE, CHANGES_THE_CRM, IMPORTS, prepare, work

ROWS: Final = 60

_SPARE: Final = 40 * 1024 * 1024
"""What a disk that was full is made larger by, so that the work can be done again."""


@dataclass(frozen=True)
class Whole:
    """An operation that nobody disturbed.

    Attributes:
        points: Statements and changes of files.
        grown: Bytes that the workspace had more at most.
        after: Fingerprint of the CRM.
        kept: What is kept of the import that was used last, where it is in the CRM.
    """

    points: int
    seconds: float
    grown: int
    after: str
    kept: str


@dataclass
class Tally:
    """What came of the runs of one operation in one way."""

    operation: str
    way: str
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    @property
    def runs(self) -> int:
        return sum(self.outcomes.values())


class Harness:
    """A prepared workspace, and the runs on copies of it.

    Args:
        folder: Where everything is made.
        seed: Chooses the points.
    """

    def __init__(self, folder: Path, seed: int, *, rows: int = ROWS) -> None:
        self.folder = folder
        self._random = random.Random(seed)
        self._prepared = folder / "prepared"
        self._prepared.mkdir(parents=True)
        self._answer = folder / "answer.json"
        self._temporary = folder / "temporary"
        self._number = 0
        self._ask(lambda: prepare(self._prepared, rows))
        self.before: str = self._ask(lambda: content_of(self._crm(self._prepared)))
        self._backups = {path.name for path in (self._prepared / "workspace/backups").iterdir()}
        self._whole: dict[str, Whole] = {}

    # --- the three ways ----------------------------------------------------------------------

    def points(self, operation: str, count: int) -> Tally:
        """Kill at statements and changes of files, chosen evenly with a random start."""
        tally = Tally(operation, "point")
        whole = self.whole(operation)
        chosen = self._random.sample(range(1, whole.points + 1), min(count, whole.points))
        for number in sorted(chosen):
            with self._copy() as copy:
                self._die(copy, operation, kill_at=number)
                self._look(copy, tally, f"{operation} at point {number} of {whole.points}")
        return tally

    def moments(self, operation: str, count: int) -> Tally:
        """Kill at random times, also while DuckDB writes."""
        tally = Tally(operation, "time")
        whole = self.whole(operation)
        for _ in range(count):
            wait = self._random.uniform(0, whole.seconds)
            with self._copy() as copy:
                self._die(copy, operation, kill_after=wait)
                self._look(copy, tally, f"{operation} after {wait:.3f} of {whole.seconds:.3f} s")
        return tally

    def full_disks(self, operation: str, count: int) -> Tally:
        """Work on disks with too little room; mounts them, which needs Linux and the superuser."""
        tally = Tally(operation, "full disk")
        whole = self.whole(operation)
        for _ in range(count):
            spare = self._random.randint(0, whole.grown)
            with self._small_disk(spare) as (copy, enlarge):
                told = self._told(copy, operation)
                enlarge()
                label = f"{operation} with {spare:,} bytes ({told})"
                if told.startswith("unexpected"):
                    tally.faults.append(f"{label}: no plain message")
                self._look(copy, tally, label)
        return tally

    def whole(self, operation: str) -> Whole:
        """The same operation, left alone."""
        if operation not in self._whole:
            with self._copy() as copy:
                size = _size(copy)

                def measured() -> dict[str, Any]:
                    points, started = Points(), 0.0

                    def begin() -> None:
                        nonlocal started
                        points.watch()
                        started = time.perf_counter()

                    work(copy / "workspace", operation, begin)
                    return {"points": points.count, "seconds": time.perf_counter() - started}

                peak = 0
                with self._child(measured) as child:
                    while child.alive():
                        peak = max(peak, _size(copy) - size)
                        time.sleep(0.005)
                told = child.answer()
                after = self._ask(lambda: content_of(self._crm(copy)))
                kept = self._ask(lambda: _kept(copy / "workspace", operation))
                found = self._ask(lambda: faults(copy / "workspace"))
                assert not found, f"{operation}, left alone: {found}"
                assert (after != self.before) == (operation in CHANGES_THE_CRM), operation
                self._whole[operation] = Whole(told["points"], told["seconds"], peak, after, kept)
        return self._whole[operation]

    # --- one run -----------------------------------------------------------------------------

    def _die(
        self, copy: Path, operation: str, *, kill_at: int = 0, kill_after: float | None = None
    ) -> None:
        def begin() -> None:
            if kill_after is not None:
                die_after(kill_after)
            Points(kill_at).watch()

        with self._child(lambda: work(copy / "workspace", operation, begin)):
            pass

    def _told(self, copy: Path, operation: str) -> str:
        """What a user is told of an operation, in one word."""

        def tried() -> str:
            try:
                work(copy / "workspace", operation)
            except CrmkitError as error:
                return type(error).__name__
            except Exception as error:  # noqa: BLE001  that is what is looked for
                traceback.print_exc()
                return f"unexpected {type(error).__name__}: {error}"
            return "done"

        return str(self._ask(tried))

    def _look(self, copy: Path, tally: Tally, label: str) -> None:
        """Open what was left, and do the same again, or discard it."""
        again = self._number % 2 == 0
        whole = self.whole(tally.operation)
        try:
            told = self._ask(
                lambda: _aftermath(
                    copy, tally.operation, self._backups, self.before, whole, again=again
                )
            )
        except AssertionError as error:
            told = {"outcome": "broken", "faults": [str(error)]}
        tally.outcomes[told["outcome"]] += 1
        tally.faults += [f"{label}: {fault}" for fault in told["faults"]]

    # --- children and copies -----------------------------------------------------------------

    def _ask(self, work: Callable[[], Any]) -> Any:
        """Run something in a child; what it returns."""
        with self._child(work) as child:
            pass
        return child.answer()

    @contextmanager
    def _child(self, work: Callable[[], Any]) -> Iterator[Child]:
        self._temporary.mkdir(exist_ok=True)
        child = Child(work, self._answer, self._temporary)
        try:
            yield child
        finally:
            child.wait()

    @contextmanager
    def _copy(self) -> Iterator[Path]:
        self._number += 1
        copy = self.folder / f"copy-{self._number}"
        shutil.copytree(self._prepared, copy)
        try:
            yield copy
        finally:
            shutil.rmtree(copy)
            shutil.rmtree(self._temporary, ignore_errors=True)

    @contextmanager
    def _small_disk(self, spare: int) -> Iterator[tuple[Path, Callable[[], None]]]:
        """A copy on a disk that has little more room than it takes; and how to enlarge it."""
        self._number += 1
        disk = self.folder / f"disk-{self._number}"
        disk.mkdir()
        size = _size(self._prepared) + 256 * 1024 + spare
        mount = ["mount", "-t", "tmpfs", "crmkit-crash", str(disk), "-o"]
        subprocess.run([*mount, f"size={size}"], check=True)
        try:
            shutil.copytree(self._prepared, disk / "copy")
            enlarged = [*mount[:1], "-o", f"remount,size={size + _SPARE}", str(disk)]
            yield disk / "copy", lambda: subprocess.run(enlarged, check=True) and None
        finally:
            subprocess.run(["umount", "-l", str(disk)], check=True)
            disk.rmdir()
            shutil.rmtree(self._temporary, ignore_errors=True)

    @staticmethod
    def _crm(copy: Path) -> Path:
        return copy / "workspace" / "crm.duckdb"


def _kept(folder: Path, operation: str) -> str:
    return kept_of_import(Workspace.open(folder)) if operation in IMPORTS else ""


def _aftermath(
    copy: Path, operation: str, known: set[str], before: str, whole: Whole, *, again: bool
) -> dict[str, Any]:
    """What an operation that was cut short left: nothing or all of it, and what is wrong with it.

    Args:
        known: The backups that there were before.
        before: Fingerprint of the CRM before the operation.
        again: Do it again and go on with what waits; else it is discarded.
    """
    folder = copy / "workspace"
    found = faults(folder)
    for path in (folder / "backups").iterdir():
        if path.name not in known and content_of(path) != before:
            found.append(f"the backup {path.name} holds something else than the CRM held")
    state = content_of(folder / "crm.duckdb")
    outcome = {before: "nothing", whole.after: "all"}.get(state, "part")
    if operation not in CHANGES_THE_CRM and state == before:
        outcome = "CRM as it was"
    if outcome == "part":
        found.append("the CRM holds neither what it held nor what it should")
    if operation in BEGIN_LATE and outcome != "all":
        found.append("what was in the CRM is not there any more")
    if outcome == "nothing" and again:
        work(folder, operation)
        if content_of(folder / "crm.duckdb") != whole.after:
            found.append("doing it again did not make what it should")
        outcome = "nothing, then all"
    workspace = Workspace.open(folder)
    if outcome.endswith("all") and _kept(folder, operation) != whole.kept:
        found.append("the import in the CRM does not keep what it should")
    _finish(workspace, go_on=again)
    found += [f"left behind at the end: {path}" for path in left_behind(workspace)]
    return {"outcome": outcome.partition(",")[0], "faults": found}


def _finish(workspace: Workspace, *, go_on: bool) -> None:
    """Go on with the import that was used last, up to its preview; discard all that wait."""
    for place, item in enumerate(workspace.unfinished()):
        if go_on and place == 0:
            workspace.open_import(item.id).preview()
        workspace.discard(item.id)


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total
