"""Contacts from Outlook: signing in with a code, folders, pages, waiting, and every way it can end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crmkit import keychain
from crmkit.accounts.outlook import DeviceCode, Outlook, OutlookApp
from crmkit.crm import Preferences
from crmkit.entities import PERSON
from crmkit.errors import CancelledError, SettingsError, SignInError, SourceError
from crmkit.session import ImportSession
from crmkit.settings import Action
from crmkit.workspace import Workspace
from tests.crm_kit import new_workspace
from tests.keyrings import MemoryKeyring
from tests.outlook_service import CLIENT, OutlookService, people, person
from tests.services import Answer


@pytest.fixture
def service(outlook_service: OutlookService) -> OutlookService:
    return outlook_service


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path / "workspace", preferences=Preferences(country="NO"))


def signed_in(app: OutlookApp | None = None) -> Outlook:
    outlook = Outlook(app or OutlookApp(CLIENT))
    outlook.sign_in(lambda _: None)
    return outlook


def read(path: Path) -> list[dict[str, Any]]:
    answers = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [contact for answer in answers for contact in answer["value"]]


# --- signing in ----------------------------------------------------------------------------


def test_the_code_is_shown_and_waited_for_until_it_was_used(service: OutlookService) -> None:
    service.approved = False
    shown: list[DeviceCode] = []
    said: list[str] = []

    def progress(fraction: float, text: str) -> None:
        del fraction
        said.append(text)
        service.approved = "Waiting for the code K7QX2M9PT to be used" in said

    outlook = Outlook(OutlookApp(CLIENT))
    outlook.sign_in(shown.append, progress)

    assert [DeviceCode("K7QX2M9PT", "https://microsoft.com/devicelogin")] == shown
    assert service.approved
    assert outlook.account == "kari@fjordkraft.example"


@pytest.mark.slow
def test_it_asks_less_often_when_it_is_told_to(service: OutlookService) -> None:
    service.codes = ["slow_down"]
    waited: list[str] = []

    Outlook(OutlookApp(CLIENT)).sign_in(lambda _: None, lambda _, text: waited.append(text))

    assert waited.count("Waiting for the code K7QX2M9PT to be used") >= 6
    assert service.paths().count("/common/oauth2/v2.0/token") == 2


@pytest.mark.parametrize(
    ("said", "mend"),
    [
        ("authorization_declined", "allow crmkit"),
        ("expired_token", "not used in time"),
        ("invalid_client", "public client flows"),
        ("invalid_grant", "client id and the tenant"),
    ],
)
def test_a_refused_sign_in_says_how_to_mend_it(
    service: OutlookService, said: str, mend: str
) -> None:
    service.codes = [said]

    with pytest.raises(SignInError, match="Microsoft did not let you sign in") as caught:
        signed_in()

    assert mend in caught.value.mend
    assert said in caught.value.where
    assert "Trace ID" not in caught.value.where


def test_a_code_that_is_not_used_in_time_is_told(service: OutlookService) -> None:
    service.approved = False
    service.expires_in = -1

    with pytest.raises(SignInError) as caught:
        signed_in()

    assert "not used in time" in caught.value.mend


def test_waiting_for_the_code_can_be_stopped(service: OutlookService) -> None:
    service.approved = False

    def stop(fraction: float, text: str) -> None:
        if text.startswith("Waiting"):
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        Outlook(OutlookApp(CLIENT)).sign_in(lambda _: None, stop)


def test_an_unknown_client_id_is_told(service: OutlookService) -> None:
    with pytest.raises(SignInError, match="unauthorized_client"):
        signed_in(OutlookApp("not-registered"))


def test_an_unknown_tenant_is_told(service: OutlookService) -> None:
    with pytest.raises(SettingsError, match="no such place to sign in"):
        signed_in(OutlookApp(CLIENT, "nobodys-tenant"))


def test_without_a_client_id_it_says_what_to_register(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CRMKIT_GRAPH_CLIENT_ID", raising=False)

    with pytest.raises(SettingsError, match="client id"):
        workspace.outlook()


def test_the_next_import_signs_in_from_the_keychain(
    service: OutlookService, keyring: MemoryKeyring, tmp_path: Path
) -> None:
    assert signed_in().kept
    service.approved = False

    outlook = Outlook(OutlookApp(CLIENT))
    outlook.sign_in(lambda _: pytest.fail("it asked again"))

    assert "Contacts" == outlook.folders()[0].path
    secrets = ("refresh-1", "access-1")
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(secret.encode() in content for secret in secrets for content in files)


def test_without_a_keychain_it_says_that_it_will_ask_again(
    service: OutlookService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryKeyring, "priority", 0)

    assert not signed_in().kept
    assert "" == Outlook(OutlookApp(CLIENT)).account


def test_signing_out_forgets_the_sign_in(service: OutlookService) -> None:
    outlook = signed_in()

    outlook.sign_out()

    assert "" == outlook.account
    assert keychain.read(f"outlook {CLIENT}") is None


def test_a_sign_in_is_its_visitors_own_where_a_team_shares_the_machine(
    service: OutlookService, workspace: Workspace
) -> None:
    for visitor in ("ada", "ben"):
        assert "" == Workspace.open(workspace.path, visitor=visitor).outlook().account
        Workspace.open(workspace.path, visitor=visitor).outlook().sign_in(lambda _: None)

    assert "" == workspace.outlook().account
    assert "" != Workspace.open(workspace.path, visitor="ada").outlook().account


def test_a_damaged_sign_in_is_asked_for_again(service: OutlookService) -> None:
    keychain.keep(f"outlook {CLIENT}", "{nonsense")

    assert "kari@fjordkraft.example" == signed_in().account


# --- folders and contacts ------------------------------------------------------------------


def test_all_folders_are_listed_with_their_counts(service: OutlookService) -> None:
    found = [(folder.path, folder.count) for folder in signed_in().folders()]

    assert [
        ("Contacts", 3),
        ("Contacts/Customers", 250),
        ("Contacts/Customers/Sweden", 2),
        ("Contacts/Empty", 0),
    ] == found


def test_a_default_folder_that_is_not_named_is_called_contacts(
    service: OutlookService, tmp_path: Path
) -> None:
    service.root.name, service.names_default = "Kontakter", False

    outlook = signed_in()

    assert ("Contacts", 3) == (outlook.folders()[0].path, outlook.folders()[0].count)
    assert 3 == outlook.fetch(["Contacts"], tmp_path / "contacts.jsonl")


def test_all_pages_of_the_chosen_folders_are_fetched(
    service: OutlookService, tmp_path: Path
) -> None:
    said: list[tuple[float, str]] = []

    done = signed_in().fetch(
        ["Contacts/Customers", "Contacts/Customers/Sweden"],
        tmp_path / "contacts.jsonl",
        lambda fraction, text: said.append((fraction, text)),
    )

    assert 252 == done
    fetched = [contact["id"] for contact in read(tmp_path / "contacts.jsonl")]
    assert [item["id"] for item in [*people(100, 250), *people(900, 2)]] == fetched
    assert (200 / 252, "Fetching Contacts/Customers: 200 of 252 contacts") in said
    assert all('IdType="ImmutableId"' == a.headers["prefer"] for a in service.asked if a.bearer)


def test_a_folder_that_is_gone_is_told_with_those_that_are_there(
    service: OutlookService, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match="no such folder") as caught:
        signed_in().fetch(["Contacts/Kunder"], tmp_path / "contacts.jsonl")

    assert "Contacts/Kunder" == caught.value.where
    assert "Contacts/Customers/Sweden" in caught.value.mend


@pytest.mark.parametrize(
    "busy",
    [
        Answer(429, {"error": {"code": "TooManyRequests", "message": "x"}}, {"Retry-After": "1"}),
        Answer(503, "busy", {"Retry-After": "1"}),
    ],
    ids=["429", "503"],
)
def test_it_waits_as_long_as_the_service_asks(
    service: OutlookService, tmp_path: Path, busy: Answer
) -> None:
    service.before_page[2] = [busy]
    said: list[str] = []

    done = signed_in().fetch(
        ["Contacts/Customers"], tmp_path / "c.jsonl", lambda _, text: said.append(text)
    )

    assert 250 == done
    assert said.count("Outlook asks to wait 1 s") >= 4


def test_waiting_can_be_stopped(service: OutlookService, tmp_path: Path) -> None:
    service.before_page[2] = [Answer(429, {}, {"Retry-After": "3600"})]
    outlook = signed_in()

    def stop(fraction: float, text: str) -> None:
        if "asks to wait" in text:
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        outlook.fetch(["Contacts/Customers"], tmp_path / "c.jsonl", stop)

    assert not list(tmp_path.glob("c.*"))


def test_a_connection_that_is_dropped_once_is_made_again(
    service: OutlookService, tmp_path: Path
) -> None:
    service.before_page[2] = [Answer(0)]

    assert 250 == signed_in().fetch(["Contacts/Customers"], tmp_path / "c.jsonl")


def test_a_sign_in_that_is_refused_when_it_is_fresh_is_forgotten(
    service: OutlookService, tmp_path: Path
) -> None:
    """Else the next one would be the same, without a word."""
    outlook = signed_in()
    service.before_page[1] = [Answer(401, {}), Answer(401, {})]

    with pytest.raises(SignInError, match="has ended"):
        outlook.fetch(["Contacts"], tmp_path / "c.jsonl")

    shown: list[DeviceCode] = []
    outlook.sign_in(shown.append)
    assert 1 == len(shown)


def test_a_service_that_stays_busy_is_told(service: OutlookService, tmp_path: Path) -> None:
    service.before_page[1] = [Answer(503, "busy", {"Retry-After": "0"})] * 20

    with pytest.raises(SourceError, match="too busy"):
        signed_in().fetch(["Contacts"], tmp_path / "c.jsonl")


def test_a_sign_in_that_ends_on_page_7_is_renewed(service: OutlookService, tmp_path: Path) -> None:
    service.root.contacts = people(1, 850)
    outlook = signed_in()

    def once(number: int) -> None:
        if number == 7 and "access-1" in service.valid:
            service.valid.clear()

    service.on_page = once

    assert 850 == outlook.fetch(["Contacts"], tmp_path / "c.jsonl")
    assert 850 == len({contact["id"] for contact in read(tmp_path / "c.jsonl")})
    assert "access-2" in service.valid


def test_a_sign_in_that_cannot_be_renewed_asks_for_another_and_keeps_the_import(
    service: OutlookService, workspace: Workspace
) -> None:
    """What was loaded before stays, and after signing in again the same call goes through."""
    session = workspace.new_import()
    outlook = signed_in()
    session.load_outlook(outlook, ["Contacts"])
    service.refreshing = False
    service.valid.clear()

    with pytest.raises(SignInError, match="The sign-in to Outlook has ended") as caught:
        session.load_outlook(outlook, ["Contacts/Customers"])

    assert "Sign in again" in caught.value.mend
    assert 3 == session.staged.row_count
    outlook.sign_in(lambda _: None)
    assert 250 == session.load_outlook(outlook, ["Contacts/Customers"]).row_count


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            Answer(403, {"error": {"code": "ErrorAccessDenied", "message": "Access is denied."}}),
            "Contacts.Read",
        ),
        (Answer(200, "<html>hotel</html>"), "sign-in of its own"),
        (Answer(200, {"value": "no list"}), "the address of the service is wrong"),
        (Answer(302, "", {"Location": "https://elsewhere.example/"}), "permissions"),
        (
            Answer(200, {"value": [], "@odata.nextLink": "https://elsewhere.example/next"}),
            "stands between",
        ),
    ],
    ids=["denied", "hotel", "no list", "sent elsewhere", "next page elsewhere"],
)
def test_an_answer_that_cannot_be_used_is_told(
    service: OutlookService, tmp_path: Path, given: Answer, said: str
) -> None:
    service.before_page[1] = [given]

    with pytest.raises(SourceError) as caught:
        signed_in().fetch(["Contacts"], tmp_path / "c.jsonl")

    assert said in caught.value.mend
    assert not list(tmp_path.glob("c.*"))


def test_a_service_that_cannot_be_reached_is_told(
    service: OutlookService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRMKIT_GRAPH_ADDRESS", "https://localhost:1/v1.0")

    with pytest.raises(SourceError, match="Outlook cannot be reached"):
        signed_in().folders()


def test_a_certificate_that_is_not_trusted_is_told(
    service: OutlookService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")

    with pytest.raises(SourceError, match="certificate") as caught:
        signed_in()

    assert "REQUESTS_CA_BUNDLE" in caught.value.mend


# --- into the CRM --------------------------------------------------------------------------


def imported(session: ImportSession) -> None:
    assert () == session.settings_faults()
    session.preview()
    assert 0 == session.held_back()
    session.commit(back_up=False)


def test_contacts_go_into_the_crm_without_touching_the_mapping(
    service: OutlookService, workspace: Workspace
) -> None:
    service.root.contacts = [
        person(1, department="Innkjøp", title="Dr.", businessHomePage="nordlys.example"),
        person(2, emailAddresses=[], homePhones=["+47 33 11 22 33"]),
    ]
    session = workspace.new_import()
    session.load_outlook(signed_in(), ["Contacts"])

    imported(session)

    people = workspace.query(
        "select p.first_name, p.last_name, p.title, c.name from crm.person p"
        " join crm.company c on c.id = p.company_id order by p.id"
    )
    assert [
        ("Ola", "Bergb", "Innkjøper", "Nordlys 0 AS"),
        ("Ingrid", "Bergd", "Innkjøper", "Nordlys 1 AS"),
    ] == list(people.itertuples(index=False, name=None))
    phones = workspace.query("select slot, value from crm.phone where person_id = 1 order by all")
    assert [("direct", "+47 22 000001"), ("mobile", "+47 900 00001")] == list(
        phones.itertuples(index=False, name=None)
    )
    batch = workspace.batches()[0]
    assert "outlook-contacts.jsonl" == batch.source


def test_a_contact_that_is_known_by_its_key_is_changed_whatever_its_name_becomes(
    service: OutlookService, workspace: Workspace
) -> None:
    """From the second import on, the duplicate match is the ERP key."""
    service.root.contacts = people(1, 3)
    first = workspace.new_import()
    first.load_outlook(signed_in(), ["Contacts"])
    imported(first)
    service.root.contacts[0]["surname"] = "Dahl"
    service.root.contacts[0]["emailAddresses"] = [{"address": "dahl@nordlys.example"}]

    second = workspace.new_import()
    second.load_outlook(signed_in(), ["Contacts"])
    second.settings = second.settings.with_rule(PERSON, match_key="erp_key", action=Action.REPLACE)
    imported(second)

    written = workspace.batches()[0].written["person"]
    assert (0, 1) == (written.get("new", 0), written["changed"])
    names = workspace.query("select last_name from crm.person order by id")
    assert ["Dahl", "Bergd", "Berge"] == list(names["last_name"])


def test_a_description_remembers_the_folders_and_not_those_of_another_source(
    service: OutlookService, workspace: Workspace, tmp_path: Path
) -> None:
    session = workspace.new_import()
    session.load_outlook(signed_in(), ["Contacts", "Contacts/Customers/Sweden"])
    session.save_description("Contacts")

    repeated = workspace.new_import()
    described = workspace.description("Contacts").account
    assert described is not None
    assert ("Contacts", "Contacts/Customers/Sweden") == described.chosen
    assert 5 == repeated.load_account(described).row_count
    assert [] == list(repeated.apply_description("Contacts").changes)

    path = tmp_path / "list.csv"
    path.write_text("Name,City\nAcme,Oslo\n", encoding="utf-8")
    repeated.load(path)
    assert repeated.account_source is None


def test_what_cannot_be_loaded_leaves_the_file_of_before(
    service: OutlookService, workspace: Workspace
) -> None:
    session = workspace.new_import()
    outlook = signed_in()
    session.load_outlook(outlook, ["Contacts"])
    before = session.source_path.read_bytes()

    with pytest.raises(SourceError, match="no rows"):
        session.load_outlook(outlook, ["Contacts/Empty"])

    assert before == session.source_path.read_bytes()
    assert ("Contacts",) == session.account_source.chosen
