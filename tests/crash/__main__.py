"""Prints how often the program was killed where, and what it left; ends with 1 where it left a fault."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.crash.killing import Harness, Tally
from tests.crash.operations import BEGIN_LATE, OPERATIONS
from tests.crash.several import together

_LINE = "{:<10} {:<10} {:>5}  {:<50} {}\n"


_ALL: Final = [*OPERATIONS, *BEGIN_LATE]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--seed", type=int, default=6, help="Chooses the points.")
    parser.add_argument("--points", type=int, default=20, help="Statements, for each operation.")
    parser.add_argument("--times", type=int, default=10, help="Times, for each operation.")
    parser.add_argument("--disks", type=int, default=0, help="Full disks, for each operation.")
    parser.add_argument("--only", nargs="+", choices=_ALL, default=_ALL)
    parser.add_argument(
        "--together", type=int, default=0, help="Instead: processes on one workspace."
    )
    parser.add_argument("--each", type=int, default=12, help="Imports and undos of each of them.")
    parser.add_argument("--kills", type=int, default=0, help="How many of them are killed.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        started = time.monotonic()
        faults = _together(Path(folder), chosen) if chosen.together else _kill(folder, chosen)
        took = time.monotonic() - started
    sys.stdout.write(f"{len(faults)} faults, seed {chosen.seed}, {took:.0f} s\n")
    return 1 if faults else 0


def _kill(folder: str, chosen: argparse.Namespace) -> list[str]:
    tallies = []
    sys.stdout.write(_LINE.format("operation", "killed by", "runs", "found in the CRM", "faults"))
    harness = Harness(Path(folder), chosen.seed)
    for operation in chosen.only:
        for runs, way in (
            (chosen.points, harness.points),
            (chosen.times, harness.moments),
            (chosen.disks, harness.full_disks),
        ):
            if runs:
                tallies.append(way(operation, runs))
                _tell(tallies[-1])
    sys.stdout.write(f"{sum(tally.runs for tally in tallies)} runs\n")
    return [fault for tally in tallies for fault in tally.faults]


def _tell(tally: Tally) -> None:
    outcomes = ", ".join(f"{what} {count}" for what, count in sorted(tally.outcomes.items()))
    line = _LINE.format(tally.operation, tally.way, tally.runs, outcomes, len(tally.faults))
    sys.stdout.write(line + "".join(f"    {fault}\n" for fault in tally.faults))
    sys.stdout.flush()


def _together(folder: Path, chosen: argparse.Namespace) -> list[str]:
    found = together(
        folder,
        seed=chosen.seed,
        processes=chosen.together,
        each=chosen.each,
        kills=chosen.kills,
    )
    batches = ", ".join(f"{count} {kind}s" for kind, count in sorted(found.kinds.items()))
    did = ", ".join(f"{count} {what}" for what, count in sorted(found.done.items()))
    sys.stdout.write(
        f"{chosen.together} processes, {found.killed} killed; in the log: {batches}\n"
        f"those that were not killed: {did}\n" + "".join(f"    {fault}\n" for fault in found.faults)
    )
    return found.faults


if __name__ == "__main__":
    sys.exit(main())
