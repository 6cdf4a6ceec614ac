"""Gmail: contacts of a Google account, over the People API.

gmail = Gmail(Path("google-client.json"))
gmail.sign_in(print)
gmail.groups()
gmail.fetch(["Customers"], Path("gmail-contacts.jsonl"))
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from crmkit import keychain
from crmkit.accounts.web import Web, ended, nobody, unreachable, write_answer, writing
from crmkit.errors import SettingsError, SignInError, SourceError
from crmkit.progress import Progress, no_progress
from crmkit.sources.answers import listed, objects, text
from crmkit.sources.people import groups_of

if TYPE_CHECKING:
    from google.oauth2.credentials import Credentials
    from google_auth_oauthlib.flow import Flow

log = logging.getLogger(__name__)

SERVICE: Final = "Gmail"
CLIENT_VARIABLE: Final = "CRMKIT_GOOGLE_CLIENT"
_ADDRESS_VARIABLE: Final = "CRMKIT_PEOPLE_ADDRESS"
_ADDRESS: Final = "https://people.googleapis.com/v1"
_SCOPES: Final = ["https://www.googleapis.com/auth/contacts.readonly"]

ALL: Final = "All contacts"
"""Is offered before the groups."""

_PAGE: Final = 500
_FIELDS: Final = (
    "names,nicknames,emailAddresses,phoneNumbers,addresses,organizations,birthdays,biographies,"
    "urls,relations,events,memberships,userDefined,imClients,occupations,fileAses,externalIds,"
    "interests,skills,genders"
)
_NO_GROUPS: Final = ("all", "blocked", "chatBuddies")
_PATIENCE: Final = 900.0
_TICK: Final = 0.2

_AGAIN: Final = "Sign in again and allow crmkit to see your contacts."


@dataclass(frozen=True)
class Group:
    """A group of contacts, which Gmail calls a label.

    Attributes:
        count: How many contacts are in it; None when the service does not say.
    """

    id: str
    name: str
    count: int | None


def _nothing() -> str:
    return ""


class Gmail:
    """A Google account. The sign-in of last time is taken from the keychain.

    Args:
        client: The file that Google gives for an app that is registered (docs/live-sources.md).
        visitor: Whose sign-in it is, where a team shares one machine.

    Raises:
        SettingsError: There is no such file, or it is another one.
    """

    def __init__(self, client: Path, *, visitor: str = "") -> None:
        # Google's library is slow to import, and most imports are of files.
        from google.oauth2.credentials import Credentials

        self._registered = read_client(client)
        self.kept = True
        client_id = self._registered["installed"]["client_id"]
        self._key = keychain.own_key(f"gmail {client_id}", visitor)
        self._credentials: Credentials | None = None
        if kept := keychain.read(self._key):
            app = self._registered["installed"]
            self._credentials = Credentials(
                token=None,
                refresh_token=kept,
                token_uri=app["token_uri"],
                client_id=client_id,
                client_secret=app.get("client_secret"),
            )
        self._web = Web(SERVICE, os.environ.get(_ADDRESS_VARIABLE) or _ADDRESS, self)

    # --- signing in ------------------------------------------------------------------------

    def sign_in(
        self,
        show: Callable[[str], None],
        progress: Progress = no_progress,
        *,
        pasted: Callable[[], str] = _nothing,
    ) -> None:
        """Sign in: without a word where the sign-in of last time still holds, else in a browser.

        Google sends the browser on to this machine. Where the browser runs on another one it
        arrives nowhere, but its address has all that is needed.

        Args:
            show: Is given the address to open in a browser; then it is waited for the answer.
            pasted: Asked again and again for the address at which the browser arrived.

        Raises:
            SignInError: It was declined, or nobody signed in in time.
            SourceError: Google cannot be reached.
            CancelledError: The user stopped it.
        """
        from google_auth_oauthlib.flow import Flow

        progress(0.0, "Signing in")
        if self._silently() is not None:
            return
        with _arrivals() as (address, arrived):
            flow = Flow.from_client_config(self._registered, _SCOPES, redirect_uri=address)
            # Asked for consent again: only then does Google give what renews a sign-in.
            opened, _ = flow.authorization_url(access_type="offline", prompt="consent")
            show(opened)
            until = time.monotonic() + _PATIENCE
            while not (answer := pasted().strip() or arrived()):
                progress(0.0, "Waiting for the sign-in in the browser")
                if time.monotonic() > until:
                    raise SignInError("Nobody signed in to Google in time.", mend=_AGAIN)
        self._credentials = _exchange(flow, answer)
        renews = self._credentials.refresh_token
        self.kept = bool(renews) and keychain.keep(self._key, str(renews))

    def sign_out(self) -> None:
        """Forget the sign-in, here and in the keychain."""
        self._credentials = None
        keychain.forget(self._key)

    def token(self, *, renew: bool = False) -> str:
        if self._credentials is None:
            raise nobody(SERVICE)
        found = self._silently(renew=renew)
        if found is None:
            # What it was signed in with is refused: the next sign-in must not try it again.
            self.sign_out()
            raise ended(SERVICE)
        return found

    def _silently(self, *, renew: bool = False) -> str | None:
        from google.auth.exceptions import RefreshError, TransportError
        from google.auth.transport.requests import Request

        if self._credentials is None:
            return None
        if renew or not self._credentials.valid:
            try:
                self._credentials.refresh(Request())
            except RefreshError as error:
                log.info("the sign-in cannot be renewed", exc_info=error)
                return None
            except TransportError as error:
                address = str(self._registered["installed"]["token_uri"])
                raise unreachable("Google's sign-in", address, error) from error
        return str(self._credentials.token)

    # --- contacts --------------------------------------------------------------------------

    def groups(self, progress: Progress = no_progress) -> tuple[Group, ...]:
        """All contacts, and each group with how many contacts are in it.

        Raises:
            SignInError: Nobody is signed in, or not any more.
            SourceError: The service cannot be reached, or refuses.
        """
        return _groups(list(self._group_pages(progress)), self._count(progress))

    def fetch(self, groups: Sequence[str], target: Path, progress: Progress = no_progress) -> int:
        """Write the contacts that are in any of some groups to a file, and say how many there are.

        Args:
            groups: Their names, as `groups` gives them.

        Raises:
            SignInError: The sign-in has ended and cannot be renewed.
            SourceError: There is no such group; or the service cannot be reached, or refuses.
            CancelledError: The user stopped it.
        """
        pages = list(self._group_pages(progress))
        whole = self._count(progress)
        known = {group.name: group for group in _groups(pages, whole)}
        missing = [name for name in groups if name not in known]
        if missing or not groups:
            raise SourceError(
                "There is no such group of contacts." if missing else "No group is chosen.",
                where=", ".join(missing),
                mend=f"Choose from: {', '.join(known)}.",
            )
        wanted = None if ALL in groups else {known[name].id for name in groups}
        seen = done = 0
        with writing(target) as file:
            for page in pages:
                write_answer(file, page)
            asked = {"personFields": _FIELDS, "pageSize": str(_PAGE)}
            for answer in self._pages("people/me/connections", asked, progress):
                people = listed(answer, "connections")
                chosen = [
                    one
                    for one in people
                    if wanted is None or (isinstance(one, dict) and wanted & groups_of(one))
                ]
                write_answer(file, {**answer, "connections": chosen})
                seen, done = seen + len(people), done + len(chosen)
                progress(
                    min(seen / max(whole or 0, seen, 1), 1.0),
                    f"Fetching contacts: {seen:,} of {max(whole or 0, seen):,} looked at",
                )
        return done

    def _group_pages(self, progress: Progress) -> Iterator[dict[str, Any]]:
        progress(0.0, "Looking for groups")
        asked = {"pageSize": "1000", "groupFields": "name,groupType,memberCount"}
        yield from self._pages("contactGroups", asked, progress)

    def _count(self, progress: Progress) -> int | None:
        asked = {"personFields": "metadata", "pageSize": "1"}
        answer = self._web.get("people/me/connections", progress, asked)
        count = answer.get("totalItems", answer.get("totalPeople"))
        return count if isinstance(count, int) else None

    def _pages(
        self, link: str, params: dict[str, str], progress: Progress
    ) -> Iterator[dict[str, Any]]:
        """Every page, by the token that each has for the next."""
        tokens: set[str] = set()
        token = ""
        while True:
            answer = self._web.get(
                link, progress, {**params, "pageToken": token} if token else params
            )
            yield answer
            token = str(answer.get("nextPageToken") or "")
            if not token or token in tokens:
                return
            tokens.add(token)


def read_client(path: Path) -> dict[str, Any]:
    """What Google's file about a registered app says.

    Raises:
        SettingsError: There is no such file, or it is another one.
    """
    try:
        read = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise SettingsError(
            "Gmail needs the file of crmkit's registration with Google.",
            where=path.name,
            mend="Register crmkit with Google once (docs/live-sources.md) and give its file.",
        ) from error
    except (OSError, ValueError, RecursionError):
        read = None
    app = read.get("installed") if isinstance(read, dict) else None
    if not isinstance(app, dict) or not all(
        isinstance(app.get(key), str) for key in ("client_id", "auth_uri", "token_uri")
    ):
        web = isinstance(read, dict) and "web" in read
        raise SettingsError(
            "This file is of a web application, which cannot sign in here."
            if web
            else "This is not the file of an app registered with Google.",
            where=path.name,
            mend="In the Google Cloud console, create an OAuth client of the type Desktop app and"
            " download its JSON.",
        )
    return {"installed": app}


def _exchange(flow: Flow, arrived: str) -> Credentials:
    """What the address at which the browser arrived is worth."""
    import requests
    from oauthlib.oauth2 import OAuth2Error

    try:
        address = urlsplit(arrived)
    except ValueError:
        address = urlsplit("")
    if not address.netloc or not {"code", "error"} & parse_qs(address.query).keys():
        raise SignInError(
            "This address has no answer of Google in it.",
            where=arrived[:80],
            mend="Sign in again, and copy the whole address from the browser at the end.",
        )
    try:
        # The library insists on https; nothing is sent to this address, it is only taken apart.
        flow.fetch_token(
            authorization_response=address._replace(scheme="https").geturl(), timeout=30
        )
    except requests.RequestException as error:
        raise unreachable("Google's sign-in", flow.client_config["token_uri"], error) from error
    except OAuth2Error as error:
        raise SignInError(
            "Google did not let you sign in.",
            where=f"{error.error}: {error.description or ''}"[:300].rstrip(": "),
            mend=_AGAIN,
        ) from error
    except Warning as error:
        # The library's word for other permissions than were asked for.
        raise SignInError(
            "The permission to see contacts was not given.",
            mend="Sign in again, and leave the permission for contacts ticked.",
        ) from error
    found: Credentials = flow.credentials
    return found


@contextmanager
def _arrivals() -> Iterator[tuple[str, Callable[[], str]]]:
    """An address on this machine, and what asks for a moment whether a browser arrived there."""
    found: list[str] = []

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        query = environ.get("QUERY_STRING", "")
        if not {"code", "error"} & parse_qs(query).keys():
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [b""]
        found.append(f"{address}?{query}")
        start("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"Go back to crmkit; this page can be closed."]

    class Quiet(WSGIRequestHandler):
        def log_message(self, *args: object) -> None:
            """The address has a secret in it: it is not written anywhere."""

    with make_server("127.0.0.1", 0, app, WSGIServer, Quiet) as server:
        address = f"http://127.0.0.1:{server.server_port}/"
        server.timeout = _TICK

        def arrived() -> str:
            server.handle_request()
            return found[0] if found else ""

        yield address, arrived


def _groups(pages: list[dict[str, Any]], whole: int | None) -> tuple[Group, ...]:
    found = [Group("", ALL, whole)]
    for page in pages:
        for item in objects(page, "contactGroups"):
            resource = text(item, "resourceName")
            name = text(item, "formattedName") or text(item, "name") or resource
            count = item.get("memberCount", 0)
            if resource.removeprefix("contactGroups/") not in _NO_GROUPS:
                found.append(Group(resource, name, count if isinstance(count, int) else None))
    return tuple(found)
