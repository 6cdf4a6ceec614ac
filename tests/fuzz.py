"""`make fuzz`: damaged files and texts through every reader and parser, for as long as is said.

Seeds are the samples of the project and the hostile corpus. Each must end in a table, or in a message
of ours; anything else is a finding, kept with its traceback and its bytes.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final

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


def seeds() -> list[tuple[bytes, str, Callable[[bytes, str], None]]]:
    """What is damaged, under which ending, and what reads it."""
    found = [
        (path.read_bytes(), path.suffix, read)
        for path in sorted(SAMPLES.iterdir())
        if path.is_file() and path.stat().st_size < _LARGEST
    ]
    with tempfile.TemporaryDirectory() as folder:
        for hostile in FILES:
            path = Path(folder) / hostile.name
            hostile.write(path)
            if path.stat().st_size < _LARGEST:
                found.append((path.read_bytes(), path.suffix, read))
            path.unlink()
    return found + [(text.encode(), "", parse) for text in _TEXTS * 10]


def main() -> int:
    """Fuzz for some seconds; the number of findings."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--seed", type=int, default=None, help="to repeat a run")
    options.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir(), "crmkit-fuzz"))
    chosen = options.parse_args()
    seed = chosen.seed if chosen.seed is not None else time.time_ns() % 1_000_000
    chance = random.Random(seed)
    known = seeds()
    findings: dict[str, Path] = {}
    runs = refused = 0
    deadline = time.monotonic() + chosen.seconds
    while time.monotonic() < deadline:
        content, suffix, reader = chance.choice(known)
        content = damaged(content, chance)
        runs += 1
        started = time.monotonic()
        told = ""
        try:
            reader(content, suffix)
        except CrmkitError:
            refused += 1
        except Exception:  # noqa: BLE001 - a finding
            told = traceback.format_exc()
        if time.monotonic() - started > _SLOW:
            told = told or f"took more than {_SLOW} seconds"
        if told:
            # Of one kind, the first.
            kind = "\n".join(told.strip().splitlines()[-3:])
            if kind not in findings:
                chosen.keep.mkdir(parents=True, exist_ok=True)
                findings[kind] = chosen.keep / f"{seed}-{runs}{suffix or '.txt'}"
                findings[kind].write_bytes(content)
                sys.stdout.write(f"{told}kept as {findings[kind]}\n")
    sys.stdout.write(
        f"{runs:,} runs from {len(known)} seeds, {refused:,} refused with a message,"
        f" {len(findings)} findings; --seed {seed}\n"
    )
    return min(len(findings), 99)


if __name__ == "__main__":
    sys.exit(main())
