"""What a file may cost before it is refused with a message: a hostile one, or one that is only too large.

Each limit is a preference of the workspace, and the message says which.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

from crmkit.errors import SettingsError, SourceError


@dataclass(frozen=True)
class Limits:
    """What reading a file may cost.

    Attributes:
        seconds: Until it has to be read.
        memory_mb: Of the process that reads a workbook; 100,000 rows of 20 columns take 250.
        unpacked_mb: What a zip, or a workbook that is one, may unpack to. A million rows of 20
            columns take 700.
        columns: With content.
        million_cells: Rows times columns, in millions.
    """

    seconds: int = 600
    memory_mb: int = 4_000
    unpacked_mb: int = 2_500
    columns: int = 2_000
    million_cells: int = 200

    def check(self) -> None:
        """Refuse limits under which no file can be read, or that are none.

        Raises:
            SettingsError: All of them.
        """
        faults = [
            f"{LABELS[each.name]}: {value:,}, of {least:,} to {_MOST:,}"
            for each in fields(self)
            for value, least in [(getattr(self, each.name), _LEAST.get(each.name, 1))]
            if not least <= value <= _MOST
        ]
        if faults:
            raise SettingsError(
                "With these limits no file could be read, or any file could.",
                where="; ".join(faults),
                mend=f"Set each to a number in its range. Usual are {_usual()}.",
            )

    def refusal(self, limit: str, *, where: str, mend: str) -> SourceError:
        """The message for a file that is beyond one of the limits.

        Args:
            mend: What can be done about the file.
        """
        value = getattr(self, limit)
        return SourceError(
            f"This file is too large to read: {_BEYOND[limit].format(f'{value:,}')}.",
            where=where,
            mend=f"{mend}, or raise “{LABELS[limit]}” in the preferences on Home.",
        )


USUAL: Final = Limits()

LABELS: Final = {
    "seconds": "Seconds to read a file",
    "memory_mb": "Memory for a workbook, in MB",
    "unpacked_mb": "What a file may unpack to, in MB",
    "columns": "Columns of a file",
    "million_cells": "Cells of a file, in millions",
}
"""What the screens call each limit."""

_MOST: Final = 10_000_000

_LEAST: Final = {"memory_mb": 100}
"""What the smallest workbook needs; of the others, 1 is a limit."""

_BEYOND: Final = {
    "seconds": "it takes more than {} seconds",
    "memory_mb": "it needs more than {} MB of memory",
    "unpacked_mb": "it unpacks to more than {} MB",
    "columns": "it has more than {} columns",
    "million_cells": "it has more than {} million cells",
}


def _usual() -> str:
    return ", ".join(f"{getattr(USUAL, name):,} ({label})" for name, label in LABELS.items())


def as_texts(limits: Limits) -> dict[str, str]:
    """The limits as preferences are kept: name -> text."""
    return {f"limit_{each.name}": str(getattr(limits, each.name)) for each in fields(limits)}


def from_texts(kept: dict[str, str]) -> Limits:
    """Limits from what was kept; what was not is as usual."""
    found: dict[str, Any] = {
        each.name: int(kept[f"limit_{each.name}"])
        for each in fields(Limits)
        if f"limit_{each.name}" in kept
    }
    return Limits(**found)
