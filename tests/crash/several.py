"""Many processes import, undo and restore on one workspace; then the log is run again, one batch after the other.

What eight processes made at the same time must be, cell for cell, what one makes that does the same
batches in the order of their numbers. The log of a restored CRM holds what the backup held, and the
restore; the batches that went are in the log of the backup that was made before it. All logs together
are the whole history, because no number is given twice, and the whole of it is run again: a backup
held what the CRM holds after the last batch in the backup's log.
"""

from __future__ import annotations

import csv
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from crmkit import crm, history
from crmkit.batches import BatchKind
from crmkit.database import in_memory
from crmkit.entities import COMPANY, PERSON
from crmkit.errors import PlanError, SettingsError, StalePlanError
from crmkit.mapping import Mapping
from crmkit.session import ImportSession
from crmkit.settings import Action, Settings
from crmkit.workspace import Workspace
from tests.crash.checks import faults, tables
from tests.crash.children import Child

_HEADER: Final = (
    "Company name",
    "Number",
    "City",
    "Telephone",
    "First name",
    "Last name",
    "E-mail",
)
_CITIES: Final = ("Oslo", "Bergen", "Utrecht", "Lund", "")
_NAMES: Final = ("Acme", "Beta", "Gamma", "Delta")
_FIRST: Final = ("Ann", "Bo", "Cas", "Dea")
_LAST: Final = ("Hansen", "Berg", "de Vries")
_COMPANIES: Final = 30
_UNDOES: Final = 0.25
_RESTORES: Final = 0.06

_RECENT: Final = 8
"""Of so many of the newest backups one is restored."""

_TRIES: Final = 200


@dataclass
class Together:
    """What came of it.

    Attributes:
        done: What the processes that were not killed told.
        kinds: Batches in the log, by kind.
    """

    done: Counter[str]
    kinds: dict[str, int]
    faults: list[str]
    killed: int = 0


def together(folder: Path, *, seed: int, processes: int, each: int, kills: int = 0) -> Together:
    """Let processes work on one workspace, kill some and start others in their place, and replay.

    Args:
        each: Imports and undos of each process.
        kills: How many are killed.
    """
    chosen = random.Random(seed)
    temporary = folder / "temporary"
    temporary.mkdir(parents=True)

    def start(number: int, work: Callable[[], Any]) -> Child:
        return Child(work, folder / f"answer-{number}.json", temporary)

    def worker(number: int) -> Child:
        return start(number, lambda: work(folder, 1000 * seed + number, each))

    start(0, lambda: prepare(folder)).answer()
    children = [worker(number) for number in range(1, processes + 1)]
    ended: list[Child] = []
    for number in range(processes + 1, processes + kills + 1):
        time.sleep(chosen.uniform(1, 4))
        victim = children.pop(chosen.randrange(len(children)))
        victim.kill()
        children.append(worker(number))
        ended.append(victim)
    done = sum((Counter(child.answer()) for child in children), Counter[str]())
    told = start(0, lambda: replay(folder)).answer()
    return Together(done, told["kinds"], told["faults"], sum(c.was_killed for c in ended))


def prepare(folder: Path) -> None:
    """Make a workspace that holds most of the companies."""
    workspace = Workspace.create(folder / "workspace")
    # All of the history is in the backups.
    workspace.preferences = replace(
        workspace.preferences, keep_backups=1_000, backup_megabytes=1_000_000
    )
    path = folder / "start.csv"
    _write(path, [_row(random.Random(1), number) for number in range(_COMPANIES - 5)])
    _imported(workspace, path, _by_number(Settings(), Action.MERGE), Counter())


def work(folder: Path, seed: int, count: int) -> dict[str, int]:
    """Import, undo and restore a number of times beside others.

    Returns:
        What was done, and how often a preview had to be made anew because of others.
    """
    chosen = random.Random(seed)
    workspace = Workspace.open(folder / "workspace")
    done: Counter[str] = Counter()
    for number in range(count):
        what = chosen.random()
        if what < _UNDOES + _RESTORES:
            (_undo if what < _UNDOES else _restore)(workspace, chosen, done)
            continue
        path = folder / f"file-{seed}-{number}.csv"
        numbers = [chosen.randrange(_COMPANIES) for _ in range(chosen.randint(1, 6))]
        _write(path, [_row(chosen, company) for company in numbers])
        action = chosen.choice([Action.MERGE, Action.REPLACE])
        settings = Settings(blanks_clear=action is Action.REPLACE and chosen.random() < 0.3)
        _imported(workspace, path, _by_number(settings, action), done)
    return dict(done)


def _by_number(settings: Settings, action: Action) -> Settings:
    return settings.with_rule(COMPANY, match_key="number", action=action).with_rule(
        PERSON, match_key="email", action=action
    )


def _imported(
    workspace: Workspace, path: Path, settings: Settings, done: Counter[str]
) -> ImportSession:
    session = workspace.new_import()
    session.load(path)
    session.settings = settings
    for _ in range(_TRIES):
        session.preview()
        try:
            session.commit()
        except StalePlanError:
            since = session.meanwhile()
            assert since is not None, "a stale plan without a word of what differs"
            assert since.batches, "nothing but batches is written here"
            done["previews made anew"] += 1
            continue
        except PlanError as error:
            if "not in the CRM any more" not in error.message:
                raise
            done["imports that a restore took out at once"] += 1
            return session
        done["imports"] += 1
        return session
    raise AssertionError("others were always faster")


def _undo(workspace: Workspace, chosen: random.Random, done: Counter[str]) -> None:
    """Take a batch back, also one that took another back."""
    for _ in range(_TRIES):
        standing = [
            b.id
            for b in workspace.batches()
            if b.kind.can_be_undone and b.undone_by is None and b.id > 1
        ]
        if not standing:
            return
        batch = chosen.choice(standing)
        try:
            workspace.undo(batch)
        except StalePlanError:
            done["undos made anew"] += 1
            continue
        except SettingsError:
            done["undos with nothing to undo"] += 1
            return
        done["undos"] += 1
        return


def _restore(workspace: Workspace, chosen: random.Random, done: Counter[str]) -> None:
    """Put one of the last backups in the CRM's place."""
    for _ in range(_TRIES):
        try:
            workspace.restore(chosen.choice(workspace.backups()[:_RECENT]).name)
        except StalePlanError:
            done["restores made anew"] += 1
        except SettingsError:
            # Made for a batch that others overtook, so it is gone already.
            done["restores of a backup that was given up"] += 1
        else:
            done["restores"] += 1
            return
    raise AssertionError("others were always faster")


def replay(folder: Path) -> dict[str, Any]:
    """Do all batches again in a workspace of its own, in the order of their numbers.

    Returns:
        How many there are of each kind, and what differs.
    """
    told = Workspace.open(folder / "workspace")
    again = Workspace.create(folder / "again")
    again.preferences = told.preferences
    found = faults(folder / "workspace")
    every, held = _history(told, found)
    # The first backup is of the empty CRM.
    copies = {0: again.back_up(datetime.now(), "empty")}
    for row in every:
        _repeat(
            again,
            folder,
            row,
            {name: copies[last] for name, last in held.items() if last in copies},
        )
        if row["batch"] in held.values():
            copies[row["batch"]] = again.back_up(datetime.now(), f"after-{row['batch']}")
    found += _differences(told, again)
    return {"kinds": dict(Counter(str(row["kind"]) for row in every)), "faults": found}


def _history(told: Workspace, found: list[str]) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Every batch that ever was, and of each backup that was restored, the last batch that it held."""
    every: dict[int, dict[str, Any]] = {}
    held: dict[str, int] = {}
    unread, restores = [told.crm_path], set[int]()
    while unread:
        log = _log_of(unread.pop())
        found += [
            f"batch {row['batch']} is two: {row} and {every[row['batch']]}"
            for row in log
            if row != every.setdefault(row["batch"], row)
        ]
        for row in log:
            if (restored := _restored(row)) and row["batch"] not in restores:
                restores.add(row["batch"])
                # Not asked of the backup: who made it for a batch that came too late gave it up.
                earlier = (each["batch"] for each in log if each["batch"] < row["batch"])
                held[restored] = max(earlier, default=0)
                unread.append(told.path / "backups" / row["backup"])
    return [every[number] for number in sorted(every)], held


def _log_of(path: Path) -> list[dict[str, Any]]:
    with in_memory() as db, db.attached(path, "crm", read_only=True):
        log = history.log_frame(db, crm.load_schema(db)).sort_values("batch")
    return [dict(row) for row in log.astype(object).where(log.notna(), None).to_dict("records")]


def _restored(row: dict[str, Any]) -> str:
    """The backup that a batch put in the CRM's place; empty where it did something else."""
    return row["source"].removeprefix("backup ") if row["kind"] == BatchKind.RESTORE else ""


def _repeat(
    workspace: Workspace, folder: Path, row: dict[str, Any], copies: dict[str, str]
) -> None:
    """Do a batch again.

    Args:
        copies: Backups that were restored -> copies of here that hold the same.
    """
    if row["kind"] == BatchKind.RESTORE:
        batch = workspace.restore(copies[_restored(row)], back_up=False)
    elif row["kind"] == BatchKind.UNDO:
        batch = workspace.undo(int(row["undoes"]), back_up=False)
    else:
        session = workspace.new_import()
        session.load(folder / row["source"])
        session.mapping = Mapping.model_validate_json(row["mapping"])
        session.settings = Settings.model_validate_json(row["settings"])
        session.preview()
        batch = session.commit(back_up=False)
    assert batch.id == row["batch"], (batch.id, row["batch"])


def _differences(told: Workspace, again: Workspace) -> list[str]:
    found = []
    with told.reading() as first, again.reading() as second:
        for (table, rows), (_, others) in zip(tables(first), tables(second), strict=True):
            ours, theirs = (Counter(map(_comparable, side)) for side in (rows, others))
            found += [f"{table}: only with others: {row}" for row in sorted(ours - theirs)[:3]]
            found += [f"{table}: only alone: {row}" for row in sorted(theirs - ours)[:3]]
    return found


def _comparable(row: tuple[Any, ...]) -> str:
    """A row without the names of backups, which are made of times."""
    return re.sub(r"crm-[\w-]+\.duckdb", "a backup", repr(row))


def _row(chosen: random.Random, company: int) -> tuple[str, ...]:
    person = chosen.randrange(len(_FIRST))
    return (
        f"{_NAMES[company % len(_NAMES)]} {company} AS",
        f"N{company:03}",
        chosen.choice(_CITIES),
        chosen.choice(("", f"2233{chosen.randrange(10):04}")),
        _FIRST[person],
        chosen.choice(_LAST),
        f"p{person}@company{company}.example",
    )


def _write(path: Path, rows: list[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([_HEADER, *rows])
