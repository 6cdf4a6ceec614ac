"""Who may come into a team's dashboard: a file of names and hashes of their passwords."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Final

from jupyter_server.auth.security import passwd, passwd_check

from crmkit.errors import SettingsError, StorageError

SHORTEST: Final = 10
"""Letters that a password has at least."""

_NAME: Final = re.compile(r"[\w.@-]{1,64}")

# What no password has; checking it takes as long as checking one that is.
_NOBODY: Final = passwd("")


def read_users(path: Path) -> dict[str, str]:
    """Name -> hash of the password; nobody where there is no file.

    Raises:
        StorageError: The file cannot be read.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _broken(path) from error
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise _broken(path)
    return found


def add_user(path: Path, name: str, password: str) -> None:
    """Let somebody in, or give them another password; only its hash is kept.

    Raises:
        SettingsError: The name or the password cannot be used.
        StorageError: The file cannot be read or written.
    """
    if not _NAME.fullmatch(name):
        raise SettingsError(
            "This name cannot be used.",
            where=name[:80],
            mend="Use letters, digits, dots, hyphens and @, 64 at most.",
        )
    if len(password) < SHORTEST:
        raise SettingsError(
            "This password is too short.",
            mend=f"Use at least {SHORTEST} letters, digits and signs.",
        )
    _write(path, {**read_users(path), name: passwd(password)})


def remove_user(path: Path, name: str) -> None:
    """Keep somebody out from now on, also where they are signed in.

    Raises:
        SettingsError: There is nobody of this name.
        StorageError: The file cannot be read or written.
    """
    users = read_users(path)
    if name not in users:
        raise SettingsError(
            "There is nobody of this name.",
            where=name[:80],
            mend=f"Known are: {', '.join(sorted(users)) or 'none'}.",
        )
    _write(path, {known: hashed for known, hashed in users.items() if known != name})


def is_right(users: dict[str, str], name: str, password: str) -> bool:
    """Whether it is this user's password; it takes as long for a name that nobody has."""
    known = name in users
    return bool(passwd_check(users[name] if known else _NOBODY, password)) and known


def _write(path: Path, users: dict[str, str]) -> None:
    part = path.with_name(f"{path.name}.part")
    try:
        # Nobody else on the machine has anything to do with it.
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(users, file, indent=1, sort_keys=True)
        part.replace(path)
    except OSError as error:
        raise StorageError(
            "The file of users could not be written.",
            where=f"{path}: {error.strerror}",
            mend="Check the folder, then try again.",
        ) from error


def _broken(path: Path) -> StorageError:
    return StorageError(
        "The file of users cannot be read.",
        where=str(path),
        mend="It is made by `crmkit user NAME --users FILE`.",
    )
