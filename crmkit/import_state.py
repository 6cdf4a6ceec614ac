"""Where an import stands, as its own file says it: its state, and who has it open."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from crmkit.database import Database
from crmkit.errors import InUseError, StorageError
from crmkit.processes import has_ended, mark
from crmkit.sql import name, sql

STEPS: Final = ("source", "mapping", "settings", "preview", "result")

_LONGEST_ID: Final = 60


def load_state(db: Database, *, catalog: str = "") -> dict[str, Any]:
    """The state that an import's open file holds, by key.

    Args:
        catalog: The name under which the file is attached.
    """
    if not db.has_table("state", catalog=catalog):
        return {}  # whoever made it was killed before it held anything
    state = name(catalog, "state") if catalog else name("state")
    return dict(db.rows(sql("select key, value from {state} order by key", state=state)))


def was_committed(state: dict[str, Any]) -> bool:
    """Whether an import's file says that the import is in the CRM, which may not hold any more."""
    return bool(state.get("step") == "result" or state.get("taken_out"))


@dataclass(frozen=True)
class Holder:
    """The process that has an import open; nobody when the mark is empty."""

    mark: str = ""
    user: str = ""
    since: str = ""

    @classmethod
    def me(cls, user: str) -> str:
        """This process, as it stands in an import's state."""
        holder = cls(mark(), user, f"{datetime.now():%Y-%m-%d %H:%M}")
        return json.dumps(asdict(holder))

    @classmethod
    def of(cls, state: dict[str, Any]) -> Holder:
        return cls(**json.loads(state.get("held_by") or "{}"))

    def is_another(self) -> bool:
        """Whether a process that is not this one has it, and still runs."""
        return self.mark not in ("", mark()) and not has_ended(self.mark)

    def told(self) -> str:
        return f"{self.user}, since {self.since}"


def check_free(state: dict[str, Any], import_id: str) -> None:
    """Refuse an import that another program has open."""
    holder = Holder.of(state)
    if holder.is_another():
        raise InUseError(
            "This import is open in another window or program.",
            where=f"{state.get('source_name') or import_id}, {holder.told()}",
            mend="Close it there, or take it over from the list on Home: what is done there is"
            " then refused.",
        )


def safe_id(import_id: str) -> str:
    """An import's id, which also comes from the address line, as a file name and nothing else."""
    plain = all(char.isalnum() or char == "-" for char in import_id)
    if not plain or not 0 < len(import_id) <= _LONGEST_ID:
        raise StorageError("There is no such import.", where=import_id[:40])
    return import_id


def not_there(import_id: str) -> StorageError:
    """The refusal of an import that does not exist for who asks."""
    return StorageError(
        "This import is not there any more, or it is somebody else's.",
        where=import_id,
        mend="It was discarded, or what was left of it was deleted. Start a new one.",
    )
