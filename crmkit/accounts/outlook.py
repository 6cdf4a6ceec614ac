"""Outlook: contacts of a Microsoft account, over Microsoft Graph.

outlook = Outlook(OutlookApp(client_id="..."))
outlook.sign_in(lambda code: print(code.text))
outlook.folders()
outlook.fetch(["Contacts"], Path("outlook-contacts.jsonl"))
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

from crmkit import keychain
from crmkit.accounts.web import Web, ended, nobody, unreachable, write_answer, writing
from crmkit.errors import SettingsError, SignInError, SourceError
from crmkit.progress import Progress, no_progress
from crmkit.sources.answers import objects, text
from crmkit.sources.graph import FOLDER

if TYPE_CHECKING:
    import msal

log = logging.getLogger(__name__)

SERVICE: Final = "Outlook"
CLIENT_VARIABLE: Final = "CRMKIT_GRAPH_CLIENT_ID"
_AUTHORITY_VARIABLE: Final = "CRMKIT_GRAPH_AUTHORITY"
_ADDRESS_VARIABLE: Final = "CRMKIT_GRAPH_ADDRESS"
_AUTHORITY: Final = "https://login.microsoftonline.com"
_ADDRESS: Final = "https://graph.microsoft.com/v1.0"

_SCOPES: Final = ["Contacts.Read"]
_PAGE: Final = 100
_DEFAULT: Final = "me/contacts"
"""The contacts of the folder that every account has, and which no list of folders names."""

# An ID of Outlook's changes when a contact is moved; one of this kind stays.
_HEADERS: Final = {"Prefer": 'IdType="ImmutableId"'}

_REFUSED: Final = {
    "authorization_declined": "You declined; sign in again and allow crmkit to read your contacts.",
    "access_denied": "You declined; sign in again and allow crmkit to read your contacts.",
    "expired_token": "The code was not used in time; sign in again for a new one.",
    "code_expired": "The code was not used in time; sign in again for a new one.",
    "authorization_pending": "The code was not used in time; sign in again for a new one.",
    "slow_down": "The code was not used in time; sign in again for a new one.",
    "invalid_client": "In the app's registration, allow public client flows (docs/live-sources.md).",
    "unauthorized_client": "Check the client id; the app must be registered for this kind of account.",
    "consent_required": "Ask your administrator to allow the app to read contacts (Contacts.Read).",
}
"""What the sign-in service says -> how to mend it."""


@dataclass(frozen=True)
class OutlookApp:
    """How crmkit is known to Microsoft (docs/live-sources.md has how to register it).

    Attributes:
        client_id: Of the app's registration.
        tenant: Whose accounts may sign in: an organisation's id, or `common` for all.
    """

    client_id: str
    tenant: str = "common"

    @property
    def authority(self) -> str:
        """Where people sign in."""
        return f"{os.environ.get(_AUTHORITY_VARIABLE) or _AUTHORITY}/{self.tenant or 'common'}"


@dataclass(frozen=True)
class DeviceCode:
    """What the user types on Microsoft's page to sign in.

    Attributes:
        code: The code.
        address: Of the page, which any device can open.
    """

    code: str
    address: str

    @property
    def text(self) -> str:
        """What to do, in a sentence."""
        return f"Open {self.address} and type the code {self.code}."


@dataclass(frozen=True)
class Folder:
    """A folder of contacts.

    Attributes:
        link: Where its contacts are.
        path: Its name with those above it: "Contacts/Customers".
        count: How many contacts are directly in it; None when the service does not say.
    """

    link: str
    path: str
    count: int | None


class Outlook:
    """An Outlook account. The sign-in of last time is taken from the keychain.

    Args:
        visitor: Whose sign-in it is, where a team shares one machine.

    Raises:
        SettingsError: The app has no client id.
    """

    def __init__(self, app: OutlookApp, *, visitor: str = "") -> None:
        import msal  # slow to import, and most imports are of files

        if not app.client_id:
            raise SettingsError(
                "Outlook needs to know crmkit's client id.",
                mend=f"Register crmkit with Microsoft once (docs/live-sources.md) and give its client"
                f" id, or set {CLIENT_VARIABLE}.",
            )
        self.app = app
        self.kept = True
        self._key = keychain.own_key(f"outlook {app.client_id}", visitor)
        self._cache = msal.SerializableTokenCache()
        try:
            self._cache.deserialize(keychain.read(self._key))
        except ValueError:
            log.warning("the sign-in in the keychain is damaged")
        self._client: msal.PublicClientApplication | None = None
        address = os.environ.get(_ADDRESS_VARIABLE) or _ADDRESS
        self._web = Web(SERVICE, address, self, headers=_HEADERS)

    # --- signing in ------------------------------------------------------------------------

    @property
    def account(self) -> str:
        """The address of who is signed in; empty when nobody is."""
        accounts = self._msal().get_accounts()
        return str(accounts[0].get("username", "")) if accounts else ""

    def sign_in(self, show: Callable[[DeviceCode], None], progress: Progress = no_progress) -> None:
        """Sign in: without a word where the sign-in of last time still holds, else with a code.

        Args:
            show: Is given the code for the user; then it is waited until it was used.

        Raises:
            SignInError: It was declined, or the code was not used in time.
            SourceError: The sign-in service cannot be reached.
            CancelledError: The user stopped it.
        """
        progress(0.0, "Signing in")
        if self._silently() is not None:
            return
        with _asking(self.app.authority):
            flow = self._msal().initiate_device_flow(scopes=_SCOPES)
            if "user_code" not in flow:
                raise _refused(flow)
            show(DeviceCode(flow["user_code"], flow["verification_uri"]))

            def is_over(flow: dict[str, Any]) -> bool:
                progress(0.0, f"Waiting for the code {flow['user_code']} to be used")
                return bool(flow["expires_at"] < time.time())

            result = self._msal().acquire_token_by_device_flow(flow, exit_condition=is_over)
        if "access_token" not in result:
            raise _refused(result)
        self._keep()

    def sign_out(self) -> None:
        """Forget the sign-in, here and in the keychain."""
        for account in self._msal().get_accounts():
            self._msal().remove_account(account)
        keychain.forget(self._key)

    def token(self, *, renew: bool = False) -> str:
        if not self.account:
            raise nobody(SERVICE)
        found = self._silently(renew=renew)
        if found is None:
            # What it was signed in with is refused: the next sign-in must not try it again.
            self.sign_out()
            raise ended(SERVICE)
        return found

    def _silently(self, *, renew: bool = False) -> str | None:
        accounts = self._msal().get_accounts()
        if not accounts:
            return None
        with _asking(self.app.authority):
            result = self._msal().acquire_token_silent(_SCOPES, accounts[0], force_refresh=renew)
        self._keep()
        return str(result["access_token"]) if result and "access_token" in result else None

    def _keep(self) -> None:
        if self._cache.has_state_changed:
            self.kept = keychain.keep(self._key, self._cache.serialize())

    def _msal(self) -> msal.PublicClientApplication:
        import msal

        if self._client is None:
            with _asking(self.app.authority):
                self._client = msal.PublicClientApplication(
                    self.app.client_id,
                    authority=self.app.authority,
                    token_cache=self._cache,
                    # The authority is the user's own choice: nobody else is asked whether it is one.
                    instance_discovery=False,
                    timeout=30,
                )
        return self._client

    # --- contacts --------------------------------------------------------------------------

    def folders(self, progress: Progress = no_progress) -> tuple[Folder, ...]:
        """All folders of contacts with those inside them, and how many contacts are in each.

        Raises:
            SignInError: Nobody is signed in, or not any more.
            SourceError: The service cannot be reached, or refuses.
        """
        progress(0.0, "Looking for folders")
        default_id, name = self._default(progress)
        inside = self._folders_in("me/contactFolders", name, {default_id}, progress)
        return self._folder(_DEFAULT, name, progress), *inside

    def fetch(self, folders: Sequence[str], target: Path, progress: Progress = no_progress) -> int:
        """Write the contacts of some folders to a file, and say how many there are.

        Args:
            folders: Their paths, as `folders` gives them.

        Raises:
            SignInError: The sign-in has ended and cannot be renewed.
            SourceError: There is no such folder; or the service cannot be reached, or refuses.
            CancelledError: The user stopped it.
        """
        chosen = self._chosen(folders, progress)
        whole = sum(folder.count or 0 for folder in chosen)
        done = 0
        with writing(target) as file:
            for folder in chosen:
                for answer in self._pages(folder.link, {"$top": str(_PAGE)}, progress):
                    write_answer(file, {FOLDER: folder.path, **answer})
                    done += len(answer["value"])
                    progress(
                        min(done / max(whole, done, 1), 1.0),
                        f"Fetching {folder.path}: {done:,} of {max(whole, done):,} contacts",
                    )
        return done

    def _chosen(self, folders: Sequence[str], progress: Progress) -> list[Folder]:
        known = {folder.path: folder for folder in self.folders(progress)}
        missing = [path for path in folders if path not in known]
        if missing or not folders:
            raise SourceError(
                "There is no such folder of contacts." if missing else "No folder is chosen.",
                where=", ".join(missing),
                mend=f"Choose from: {', '.join(known)}.",
            )
        return [known[path] for path in dict.fromkeys(folders)]

    def _folders_in(
        self, link: str, above: str, seen: set[str], progress: Progress
    ) -> Iterator[Folder]:
        for answer in self._pages(link, {"$top": str(_PAGE)}, progress):
            for item in objects(answer, "value"):
                folder_id = text(item, "id")
                if not folder_id or folder_id in seen:
                    continue
                seen.add(folder_id)
                name = str(item.get("displayName") or "(no name)")
                whole, path = f"me/contactFolders/{folder_id}", f"{above}/{name}"
                yield self._folder(f"{whole}/contacts", path, progress)
                yield from self._folders_in(f"{whole}/childFolders", path, seen, progress)

    def _default(self, progress: Progress) -> tuple[str, str]:
        """ID and name of the folder that every account has; not every account tells them."""
        try:
            found = self._web.get("me/contactFolders/contacts", progress)
        except SignInError:
            raise
        except SourceError:
            log.info("the default folder is not named", exc_info=True)
            found = {}
        return text(found, "id"), text(found, "displayName") or "Contacts"

    def _folder(self, link: str, path: str, progress: Progress) -> Folder:
        progress(0.0, f"Looking into {path}")
        counted = self._web.get(
            link, progress, {"$top": "1", "$select": "id", "$count": "true"}
        ).get("@odata.count")
        return Folder(link, path, counted if isinstance(counted, int) else None)

    def _pages(
        self, link: str, params: dict[str, str], progress: Progress
    ) -> Iterator[dict[str, Any]]:
        """Every page, by the link that each has to the next."""
        asked: set[str] = set()
        answer = self._web.get(link, progress, params)
        while True:
            if not isinstance(answer.get("value"), list):
                raise SourceError(
                    "Outlook's answer has no list in it.",
                    where=json.dumps(answer)[:200],
                    mend="Try again; if it stays so, the address of the service is wrong.",
                )
            yield answer
            following = answer.get("@odata.nextLink")
            if not following or following in asked:
                return
            asked.add(following)
            answer = self._web.get(following, progress)


@contextmanager
def _asking(authority: str) -> Iterator[None]:
    """Failures on the way to the sign-in service become messages, for the length of a block."""
    import requests

    try:
        yield
    except requests.RequestException as error:
        raise unreachable("Microsoft's sign-in", authority, error) from error
    except ValueError as error:
        raise SettingsError(
            "There is no such place to sign in.",
            where=authority,
            mend="Check the tenant: an organisation's id or domain, or `common`.",
        ) from error


def _refused(result: dict[str, Any]) -> SignInError:
    code = str(result.get("error", ""))
    # The first line; below it are numbers for Microsoft's support.
    said = str(result.get("error_description", "")).splitlines()[:1]
    return SignInError(
        "Microsoft did not let you sign in.",
        where=" ".join((code, *said)).strip()[:300],
        mend=_REFUSED.get(code, "Check the client id and the tenant (docs/live-sources.md)."),
    )
