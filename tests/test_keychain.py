"""Secrets are kept in the machine's keychain or nowhere."""

from __future__ import annotations

import keyring
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.backends import fail, null
from keyring.errors import KeyringLocked

from crmkit import keychain
from tests.keyrings import MemoryKeyring, using


class _PlainFile(MemoryKeyring):
    """As keyrings that write to a plain file do, it says that it is no good choice."""

    priority = 0.5


class _Locked(MemoryKeyring):
    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked(f"{service}, {username}")


def test_what_is_kept_is_read():
    with using(MemoryKeyring()):
        assert keychain.keep("database Tryton", "sesame")

        assert keychain.read("database Tryton") == "sesame"
        assert keychain.is_available()


def test_nothing_is_under_another_key():
    with using(MemoryKeyring()):
        keychain.keep("one", "sesame")

        assert keychain.read("two") is None


@pytest.mark.parametrize("length", [1, 999, 1_000, 1_001, 2_000, 7_777])
def test_a_long_secret_is_kept_in_pieces_that_any_keychain_takes(length: int):
    backend = MemoryKeyring()
    secret = "".join(chr(97 + number % 26) for number in range(length))
    with using(backend):
        assert keychain.keep("sign-in", secret)

        assert keychain.read("sign-in") == secret
        assert max(map(len, backend.kept.values())) <= 1_000


@given(st.lists(st.integers(1, 3_500), min_size=1, max_size=6))
def test_the_last_secret_counts_whatever_was_there_before(lengths: list[int]):
    with using(MemoryKeyring()):
        for number, length in enumerate(lengths):
            keychain.keep("sign-in", str(number) * length)

        assert keychain.read("sign-in") == str(len(lengths) - 1) * lengths[-1]


def test_nothing_is_left_of_what_is_forgotten():
    backend = MemoryKeyring()
    with using(backend):
        keychain.keep("sign-in", "x" * 3_500)
        assert keychain.forget("sign-in")

        assert {} == backend.kept
        assert keychain.read("sign-in") is None


@pytest.mark.parametrize("backend", [fail.Keyring(), null.Keyring(), _PlainFile()])
def test_without_a_keychain_nothing_is_kept(backend: keyring.backend.KeyringBackend):
    with using(backend):
        assert not keychain.is_available()
        assert not keychain.keep("sign-in", "sesame")
        assert keychain.read("sign-in") is None


def test_a_locked_keychain_is_as_none():
    with using(_Locked()):
        assert not keychain.keep("sign-in", "sesame")
        assert keychain.read("sign-in") is None
        assert not keychain.forget("sign-in")


def test_a_visitor_of_a_team_has_no_keychain(monkeypatch: pytest.MonkeyPatch):
    """It is the server's: what one visitor keeps, all could use."""
    with using(MemoryKeyring()):
        keychain.keep("sign-in", "sesame")
        monkeypatch.setenv("CRMKIT_VISITOR", "ann")

        assert not keychain.is_available()
        assert keychain.read("sign-in") is None
        assert not keychain.keep("sign-in", "other")
