"""`make fuzz`: damaged files and texts through every reader and parser, for as long as is said.

Seeds are the samples of the project and the hostile corpus. Each must end in a table, or in a message
of ours; anything else is a finding, kept with its traceback and its bytes. Half of the time, where atheris
is installed, is led by what the inputs reach in the code (`tests/fuzz_guided.py`).
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import random
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from crmkit import descriptions, expressions, sources, staging, steps
from crmkit.database import in_memory
from crmkit.errors import CrmkitError
from crmkit.limits import Limits
from crmkit.samples import SAMPLES
from tests.crm_kit import silent
from tests.hostile.corpus import FILES, NAMES

LIMITS: Final = Limits(seconds=20, memory_mb=1_000, unpacked_mb=100, million_cells=2)
_LARGEST: Final = 100_000
_SLOW: Final = 30.0
_TOKENS: Final = (
    *(name.encode() for name in NAMES[:12]),
    *(
        b"\x00",
        b'"',
        b",",
        b";",
        b"\r",
        b"\n",
        b"\xff\xfe",
        b"PK\x03\x04",
        b"BEGIN:VCARD\n",
        b"<!--",
    ),
    *(b"99999999999999999999", b"-1", b"&#0;", b"]]>", b"\\", b"=", b"[" * 500, b"\xed\xa0\x80"),
)
_TEXTS: Final = (
    "upper(value) || ' ' || \"City\"",
    "case when value like '%a' then regexp_replace(value, '(.)', '\\1') else null end",
    "version: 1\nname: x\ncolumns:\n  - header: Name\n    target: company.name\n",
)


Seed: TypeAlias = tuple[bytes, str, Callable[[bytes, str], None]]
"""A content, the ending of its file, and what reads it."""


def damaged(content: bytes, chance: random.Random) -> bytes:
    """A content with bytes changed, pieces cut out, doubled or put in."""
    made = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        at = chance.randint(0, len(made))
        match chance.randrange(4):
            case 0 if at < len(made):
                made[at] = chance.randrange(256)
            case 1:
                del made[at : at + chance.choice((1, 2, 16, 500))]
            case 2:
                made[at:at] = made[at : at + chance.choice((1, 16, 500))] * chance.choice((1, 30))
            case _:
                made[at:at] = chance.choice(_TOKENS)
    return bytes(made)


def read(content: bytes, suffix: str) -> None:
    """Land a file of these bytes."""
    with tempfile.TemporaryDirectory() as folder, in_memory() as db:
        path = Path(folder) / f"any{suffix}"
        path.write_bytes(content)
        source = sources.inspect(path, limits=LIMITS)
        staging.land(db, source, sources.detect_layout(source), progress=silent)


def described(content: bytes) -> object:
    """Read bytes as a description."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.yaml"
        path.write_bytes(content)
        return descriptions.read(path)


def parse(content: bytes, suffix: str) -> None:
    """Read bytes as an expression, the options of a step, and a description."""
    del suffix
    text = content.decode("utf-8", errors="surrogateescape")[:3_000]
    parsers: tuple[Callable[[], object], ...] = (
        lambda: expressions.compiled(text, {"value": "c1", "City": "c2"}),
        lambda: steps.steps_from([{"kind": "pattern", "pattern": text}]),
        lambda: steps.steps_from([{"kind": "date", "format": text}]),
        lambda: described(content),
    )
    for parser in parsers:
        try:
            parser()
        except CrmkitError:
            continue


def seeds(endings: frozenset[str] = frozenset()) -> list[Seed]:
    """What is damaged.

    Args:
        endings: Only files of these; all, and texts, when empty.
    """
    found = [
        (path.read_bytes(), path.suffix, read)
        for path in sorted(SAMPLES.iterdir())
        if path.is_file()
        and path.stat().st_size < _LARGEST
        and (not endings or path.suffix in endings)
    ]
    with tempfile.TemporaryDirectory() as folder:
        for hostile in FILES:
            path = Path(folder) / hostile.name
            if endings and path.suffix not in endings:
                continue
            hostile.write(path)
            if path.stat().st_size < _LARGEST:
                found.append((path.read_bytes(), path.suffix, read))
            path.unlink()
    return found if endings else found + [(text.encode(), "", parse) for text in _TEXTS * 10]


class Findings:
    """What went wrong, the first of each kind.

    Args:
        keep: The folder for the bytes of each.
        name: How their files' names begin.
    """

    def __init__(self, keep: Path, name: str) -> None:
        self._keep, self._name = keep, name
        self._kinds: set[str] = set()
        self.runs = self.refused = 0

    def __len__(self) -> int:
        return len(self._kinds)

    def read(
        self, reader: Callable[[], object], content: bytes, suffix: str, *refusals: type[Exception]
    ) -> None:
        """Let a reader read a content; what it raises but a message, or how long it takes, is a finding."""
        self.runs += 1
        started = time.monotonic()
        told = ""
        try:
            reader()
        except (CrmkitError, *refusals):
            self.refused += 1
        except Exception:  # noqa: BLE001 - a finding
            told = traceback.format_exc()
        if time.monotonic() - started > _SLOW:
            told = told or f"took more than {_SLOW} seconds"
        kind = "\n".join(told.strip().splitlines()[-3:])
        if told and kind not in self._kinds:
            self._kinds.add(kind)
            self._keep.mkdir(parents=True, exist_ok=True)
            kept = self._keep / f"{self._name}-{self.runs}{suffix or '.txt'}"
            kept.write_bytes(content)
            sys.stdout.write(f"{told}kept as {kept}\n")
            sys.stdout.flush()


def guided(seconds: float, seed: int, keep: Path) -> int:
    """Fuzz led by coverage for some seconds, in a process of its own; the number of findings."""
    name = f"guided-{seed}"
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz_guided", str(int(seconds)), str(seed), str(keep), name],
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    # What libFuzzer itself keeps, as after a crash of the interpreter, has the same name.
    found = len(list(keep.glob(f"{name}-*"))) or int(done.returncode != 0)
    reached = re.findall(r"cov: (\d+)", done.stderr)
    runs = re.findall(r"Done (\d+) runs", done.stderr)
    if done.returncode:
        sys.stdout.write(done.stderr[-4_000:])
    sys.stdout.write(
        f"led by coverage: {int((runs or ['0'])[-1]):,} runs, {int((reached or ['0'])[-1]):,} places in"
        f" the code reached, {int((reached or ['0'])[0]):,} by the seeds, {found} findings\n"
    )
    return found


def main() -> int:
    """Fuzz for some seconds; the number of findings."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--seed", type=int, default=None, help="to repeat a run")
    options.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir(), "crmkit-fuzz"))
    chosen = options.parse_args()
    seed = chosen.seed if chosen.seed is not None else time.time_ns() % 1_000_000
    led, left = 0, chosen.seconds
    if importlib.util.find_spec("atheris"):
        left /= 2
        led = guided(left, seed, chosen.keep)
    else:
        sys.stdout.write("atheris is not installed, so nothing is led by coverage.\n")
    chance = random.Random(seed)
    known = seeds()
    findings = Findings(chosen.keep, str(seed))
    ends = time.monotonic() + left
    while time.monotonic() < ends:
        content, suffix, reader = chance.choice(known)
        content = damaged(content, chance)
        findings.read(functools.partial(reader, content, suffix), content, suffix)
    sys.stdout.write(
        f"{findings.runs:,} runs from {len(known)} seeds, {findings.refused:,} refused with a message,"
        f" {len(findings)} findings; --seed {seed}\n"
    )
    return min(led + len(findings), 99)


if __name__ == "__main__":
    sys.exit(main())
