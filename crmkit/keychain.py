"""Secrets: kept in the keychain of the machine, and nowhere else.

That is the Windows Credential Manager, the macOS Keychain, or the Secret Service of a Linux desktop.
Where there is none, as on most servers, nothing is kept: what a screen asked for is asked again.
"""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Iterator
from typing import Final

log = logging.getLogger(__name__)

_SERVICE: Final = "crmkit"

_PIECE: Final = 1_000
"""Characters in one entry: Windows takes 1,280, and a sign-in has several thousand."""


def is_available() -> bool:
    """Whether this machine has a keychain, so that what is kept is there the next time.

    A keyring that keeps secrets in a plain file has a low priority, and does not count.
    """
    if os.environ.get("CRMKIT_VISITOR"):
        return False  # on a team's dashboard it would be everybody's
    import keyring  # slow to import, and most imports need no secret
    from keyring.errors import KeyringError

    try:
        return keyring.get_keyring().priority >= 1
    except (KeyringError, RuntimeError):
        return False


def read(key: str) -> str | None:
    """The secret kept under a key; None when there is none, or no keychain to ask."""
    if not is_available():
        return None
    import keyring
    from keyring.errors import KeyringError

    pieces = []
    try:
        for entry in _entries(key):
            piece = keyring.get_password(_SERVICE, entry)
            pieces.append(piece or "")
            if len(pieces[-1]) < _PIECE:
                break
    except KeyringError:
        log.warning("the keychain cannot be read", exc_info=True)
        return None
    return "".join(pieces) or None


def keep(key: str, secret: str) -> bool:
    """Keep a secret under a key, in place of what was there.

    Returns:
        Whether it is kept. It is not where there is no keychain, or it is locked: then it is
        nowhere, and has to be asked for again.
    """
    if not forget(key):
        return False
    import keyring
    from keyring.errors import KeyringError

    try:
        for entry, start in zip(_entries(key), range(0, len(secret), _PIECE), strict=False):
            keyring.set_password(_SERVICE, entry, secret[start : start + _PIECE])
    except KeyringError:
        log.warning("the keychain takes nothing", exc_info=True)
        return False
    return True


def forget(key: str) -> bool:
    """Remove the secret kept under a key, if there is one.

    Returns:
        Whether it is gone for certain; not when the keychain could not be asked.
    """
    if not is_available():
        return False
    import keyring
    from keyring.errors import KeyringError

    try:
        for entry in _entries(key):
            if keyring.get_password(_SERVICE, entry) is None:
                break
            keyring.delete_password(_SERVICE, entry)
    except KeyringError:
        log.warning("the keychain gives nothing up", exc_info=True)
        return False
    return True


def own_key(key: str, visitor: str) -> str:
    """The key of one visitor's own secret, where a team shares the machine and its keychain."""
    return f"{key} of {visitor}" if visitor else key


def _entries(key: str) -> Iterator[str]:
    """Where a secret stands: in one entry, and in further ones when it is long."""
    return itertools.chain((key,), (f"{key} ({number})" for number in itertools.count(2)))
