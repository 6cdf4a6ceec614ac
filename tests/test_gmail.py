"""Contacts from Gmail: signing in with a browser, groups, pages, quota, and every way it can end."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crmkit import keychain
from crmkit.accounts.gmail import Gmail
from crmkit.crm import Preferences
from crmkit.errors import CancelledError, SettingsError, SignInError, SourceError
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace
from tests.google_service import CLIENT, GoogleService, error, person
from tests.keyrings import MemoryKeyring


@pytest.fixture
def service(google_service: GoogleService) -> GoogleService:
    return google_service


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path / "workspace", preferences=Preferences(country="NO"))


class Browser:
    """Opens what it is shown, and gives the address at which it arrived."""

    def __init__(self, service: GoogleService, **said: str) -> None:
        self._service, self._said = service, said
        self.opened = self.address = ""

    def open(self, address: str) -> None:
        self.opened = address
        self.address = self._service.arrival(address, **self._said)

    def arrived(self) -> str:
        return self.address


def signed_in(workspace: Workspace, service: GoogleService, **said: str) -> Gmail:
    """By an address that is pasted, as where the browser runs on another machine."""
    gmail, browser = workspace.gmail(), Browser(service, **said)
    gmail.sign_in(browser.open, pasted=browser.arrived)
    return gmail


def read(path: Path) -> list[dict[str, Any]]:
    answers = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [person for answer in answers for person in answer.get("connections", [])]


# --- signing in ----------------------------------------------------------------------------


def test_the_browser_comes_back_to_this_machine(
    service: GoogleService, workspace: Workspace
) -> None:
    gmail = workspace.gmail()
    pages: list[str] = []

    def visit(opened: str) -> None:
        arrival = service.arrival(opened)
        favicon = arrival.split("?")[0] + "favicon.ico"

        def go() -> None:
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(favicon, timeout=10)
            with urllib.request.urlopen(arrival, timeout=10) as page:
                pages.append(page.read().decode())

        thread = threading.Thread(target=go)
        thread.start()
        threads.append(thread)

    threads: list[threading.Thread] = []
    gmail.sign_in(visit)
    threads[0].join()

    assert ["Go back to crmkit; this page can be closed."] == pages
    assert 5 == gmail.groups()[0].count


def test_an_address_that_is_pasted_does_the_same(
    service: GoogleService, workspace: Workspace
) -> None:
    assert 5 == signed_in(workspace, service).groups()[0].count


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"error": "access_denied"}, "did not let you sign in"),
        ({"code": "another"}, "did not let you sign in"),
        ({"code": "code-1", "state": "forged"}, "did not let you sign in"),
        ({"nothing": "1"}, "no answer of Google"),
    ],
    ids=["declined", "wrong code", "forged", "half an address"],
)
def test_a_refused_sign_in_is_told(
    service: GoogleService, workspace: Workspace, said: dict[str, str], message: str
) -> None:
    with pytest.raises(SignInError, match=message) as caught:
        signed_in(workspace, service, **said)

    assert "Sign in again" in caught.value.mend


@pytest.mark.parametrize("pasted", ["code=1", "?code=1", "http://[?code=1", "127.0.0.1/?code=1"])
def test_a_piece_of_an_address_is_told(
    service: GoogleService, workspace: Workspace, pasted: str
) -> None:
    with pytest.raises(SignInError, match="no answer of Google"):
        workspace.gmail().sign_in(lambda _: None, pasted=lambda: pasted)


def test_the_permission_for_contacts_left_out_is_told(
    service: GoogleService, workspace: Workspace
) -> None:
    service.scope = "openid"

    with pytest.raises(SignInError, match="permission to see contacts"):
        signed_in(workspace, service)


def test_waiting_for_the_browser_can_be_stopped(
    service: GoogleService, workspace: Workspace
) -> None:
    def stop(fraction: float, text: str) -> None:
        if text.startswith("Waiting"):
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        workspace.gmail().sign_in(lambda _: None, stop)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "registration with Google"),
        ("{broken", "not the file of an app"),
        ('{"web": {"client_id": "x"}}', "web application"),
        ('{"installed": {"client_id": 3}}', "not the file of an app"),
    ],
    ids=["none", "damaged", "web", "incomplete"],
)
def test_a_wrong_file_of_the_registration_is_told(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, content: str | None, message: str
) -> None:
    monkeypatch.delenv("CRMKIT_GOOGLE_CLIENT", raising=False)
    if content is not None:
        workspace.google_client.write_text(content, encoding="utf-8")

    with pytest.raises(SettingsError, match=message):
        workspace.gmail()


def test_the_next_import_signs_in_from_the_keychain(
    service: GoogleService, workspace: Workspace, keyring: MemoryKeyring
) -> None:
    assert signed_in(workspace, service).kept

    # The next day, what was given first is not valid any more.
    service.valid.clear()
    again = workspace.gmail()
    again.sign_in(lambda _: pytest.fail("it asked again"))

    assert 5 == again.groups()[0].count
    files = [path.read_bytes() for path in workspace.path.rglob("*") if path.is_file()]
    assert not any(b"refresh-1" in content for content in files)


def test_a_kept_sign_in_that_was_taken_back_is_asked_for_again(
    service: GoogleService, workspace: Workspace
) -> None:
    signed_in(workspace, service)
    service.refreshing = False

    with pytest.raises(SignInError, match="has ended"):
        workspace.gmail().groups()

    assert 5 == signed_in(workspace, service).groups()[0].count


def test_without_a_keychain_it_says_that_it_will_ask_again(
    service: GoogleService, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryKeyring, "priority", 0)

    assert not signed_in(workspace, service).kept


def test_signing_out_forgets_the_sign_in(service: GoogleService, workspace: Workspace) -> None:
    gmail = signed_in(workspace, service)

    gmail.sign_out()

    assert keychain.read(f"gmail {CLIENT}") is None
    with pytest.raises(SignInError, match="Nobody is signed in to Gmail"):
        gmail.groups()


# --- groups and contacts -------------------------------------------------------------------


def test_all_contacts_and_the_groups_are_offered_with_their_counts(
    service: GoogleService, workspace: Workspace
) -> None:
    service.groups |= {"contactGroups/88": "Tom", "contactGroups/blocked": "Blocked"}

    found = [(group.name, group.count) for group in signed_in(workspace, service).groups()]

    assert [("All contacts", 5), ("My Contacts", 5), ("Kunder", 2), ("Tom", 0)] == found


def test_all_pages_are_fetched(
    service: GoogleService, workspace: Workspace, tmp_path: Path
) -> None:
    service.people = [person(number) for number in range(1, 1_201)]
    said: list[tuple[float, str]] = []

    done = signed_in(workspace, service).fetch(
        ["All contacts"], tmp_path / "c.jsonl", lambda fraction, text: said.append((fraction, text))
    )

    assert 1_200 == done
    assert service.people == read(tmp_path / "c.jsonl")
    assert (1_000 / 1_200, "Fetching contacts: 1,000 of 1,200 looked at") in said


def test_only_the_chosen_groups_are_fetched(
    service: GoogleService, workspace: Workspace, tmp_path: Path
) -> None:
    done = signed_in(workspace, service).fetch(["Kunder"], tmp_path / "c.jsonl")

    assert 2 == done
    assert ["people/c7004", "people/c7005"] == [
        p["resourceName"] for p in read(tmp_path / "c.jsonl")
    ]


def test_a_group_that_is_gone_is_told_with_those_that_are_there(
    service: GoogleService, workspace: Workspace, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match="no such group") as caught:
        signed_in(workspace, service).fetch(["Partnere"], tmp_path / "c.jsonl")

    assert "Kunder" in caught.value.mend


@pytest.mark.parametrize(
    "busy",
    [
        error(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric.", "RATE_LIMIT_EXCEEDED"),
        error(403, "PERMISSION_DENIED", "Rate Limit Exceeded", "rateLimitExceeded"),
    ],
    ids=["429", "403"],
)
def test_it_waits_when_the_quota_is_used_up(
    service: GoogleService, workspace: Workspace, tmp_path: Path, busy: Any
) -> None:
    service.before_page[1] = [busy]
    said: list[str] = []

    done = signed_in(workspace, service).fetch(
        ["All contacts"], tmp_path / "c.jsonl", lambda _, text: said.append(text)
    )

    assert 5 == done
    assert "Gmail asks to wait 1 s" in said


@pytest.mark.parametrize(
    ("given", "mend"),
    [
        (
            error(403, "PERMISSION_DENIED", "Not used before", "SERVICE_DISABLED"),
            "Switch the People",
        ),
        (error(403, "PERMISSION_DENIED", "Scopes", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"), "ticked"),
        (error(403, "PERMISSION_DENIED", "No", "somethingElse"), "permissions"),
    ],
    ids=["not switched on", "permission", "other"],
)
def test_a_refusal_says_how_to_mend_it(
    service: GoogleService, workspace: Workspace, tmp_path: Path, given: Any, mend: str
) -> None:
    service.before_page[1] = [given]

    with pytest.raises(SourceError, match="PERMISSION_DENIED") as caught:
        signed_in(workspace, service).fetch(["All contacts"], tmp_path / "c.jsonl")

    assert mend in caught.value.mend
    assert not list(tmp_path.glob("c.*"))


def _ends_on_page(number: int, service: GoogleService) -> Callable[[int], None]:
    ended: list[int] = []

    def end(page: int) -> None:
        if page == number and not ended:
            ended.append(page)
            service.valid.clear()

    return end


def test_a_sign_in_that_ends_on_a_later_page_is_renewed(
    service: GoogleService, workspace: Workspace, tmp_path: Path
) -> None:
    service.people = [person(number) for number in range(1, 1_601)]
    gmail = signed_in(workspace, service)
    service.on_page = _ends_on_page(3, service)

    assert 1_600 == gmail.fetch(["All contacts"], tmp_path / "c.jsonl")
    assert {"access-2"} == service.valid


def test_a_sign_in_that_cannot_be_renewed_keeps_the_import(
    service: GoogleService, workspace: Workspace
) -> None:
    session = workspace.new_import()
    gmail = signed_in(workspace, service)
    session.load_gmail(gmail, ["All contacts"])
    service.refreshing = False
    service.on_page = _ends_on_page(2, service)

    with pytest.raises(SignInError, match="The sign-in to Gmail has ended"):
        session.load_gmail(gmail, ["Kunder"])

    assert 5 == session.staged.row_count
    browser = Browser(service)
    gmail.sign_in(browser.open, pasted=browser.arrived)
    assert 2 == session.load_gmail(gmail, ["Kunder"]).row_count


def test_google_that_cannot_be_reached_is_told(
    service: GoogleService, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRMKIT_PEOPLE_ADDRESS", "https://localhost:1/v1")

    with pytest.raises(SourceError, match="Gmail cannot be reached"):
        signed_in(workspace, service).groups()


def test_contacts_go_into_the_crm_without_touching_the_mapping(
    service: GoogleService, workspace: Workspace
) -> None:
    session = workspace.new_import()
    session.load_gmail(signed_in(workspace, service), ["Kunder"])

    assert () == session.settings_faults()
    session.preview()
    assert 0 == session.held_back()
    session.commit(back_up=False)

    people = workspace.query(
        "select p.first_name, p.last_name, c.name as company, k.value from crm.person p"
        " join crm.company c on c.id = p.company_id"
        " join crm.external_key k on k.person_id = p.id order by p.id"
    )
    assert [
        ("Selma", "Holmf", "Fjell 2 AS", "Google:c7004"),
        ("Frida", "Holmi", "Fjell 2 AS", "Google:c7005"),
    ] == list(people.itertuples(index=False, name=None))
