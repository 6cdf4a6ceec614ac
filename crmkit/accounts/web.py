"""Asking a service for its pages: waits when it says so, renews a sign-in, and tells every refusal."""

from __future__ import annotations

import functools
import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TextIO
from urllib.parse import urlsplit

from crmkit.errors import SignInError, SourceError, StorageError

if TYPE_CHECKING:
    import requests

log = logging.getLogger(__name__)

Progress = Callable[[float, str], None]
"""Is told how far the work is, and raises CancelledError once the user has cancelled."""

TIMEOUT: Final = (10, 60)
"""Seconds to connect, and to wait for more of an answer."""

_TRIES: Final = 8
_LONGEST_WAIT: Final = 300.0
_TICK: Final = 0.2
_AGAIN: Final = 0.5
"""Seconds before a connection that was dropped is tried a second time."""

_MOST_SAID: Final = 300


class SignIn(Protocol):
    """Whoever has signed in at the service."""

    def token(self, *, renew: bool = False) -> str:
        """What to show the service with each request.

        Args:
            renew: The one that was given last is not accepted any more.

        Raises:
            SignInError: Nobody is signed in, or not any more.
        """

    def sign_out(self) -> None:
        """Forget the sign-in."""


class Web:
    """One service.

    Args:
        service: Its name, for people.
        address: Its base address; a page elsewhere is never asked for, nor shown the sign-in.
        headers: Sent with each request.
    """

    def __init__(
        self, service: str, address: str, sign_in: SignIn, *, headers: dict[str, str] | None = None
    ) -> None:
        import requests  # slow to import, and most imports ask nobody

        self.service = service
        self._address = address.rstrip("/")
        self._sign_in = sign_in
        self._session = requests.Session()
        self._session.headers.update(headers or {})

    def get(
        self, link: str, progress: Progress, params: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """One answer.

        Args:
            link: Below the base address, or a whole one as the service gives for the next page.

        Raises:
            SignInError: The sign-in has ended and cannot be renewed.
            SourceError: The service cannot be reached, refuses, or answers nonsense.
            CancelledError: The user stopped it.
        """
        url = self._whole(link)
        renew = renewed = False
        for attempt in range(_TRIES):
            answer = self._ask(url, params, renew=renew)
            if answer.status_code == 401 and not renewed:
                renew = renewed = True
                continue
            renew = False
            if answer.status_code == 401:
                # A fresh one is refused, too: without this, it would be tried again and again.
                self._sign_in.sign_out()
                raise ended(self.service)
            if not _is_busy(answer):
                return self._read(answer)
            if attempt + 1 < _TRIES:
                self._wait(_asked_to_wait(answer, attempt), progress)
        raise SourceError(
            f"{self.service} is too busy to answer.",
            where=_said(answer),
            mend="Try again in an hour; nothing of the import was changed.",
        )

    def _whole(self, link: str) -> str:
        if "://" not in link:
            return f"{self._address}/{link.lstrip('/')}"
        here, there = urlsplit(self._address), urlsplit(link)
        if (here.scheme, here.netloc) != (there.scheme, there.netloc):
            raise SourceError(
                f"{self.service} names a next page at another address, which is not asked for.",
                where=there.netloc,
                mend="Ask whoever looks after your network what stands between.",
            )
        return link

    def _ask(self, url: str, params: dict[str, str] | None, *, renew: bool) -> requests.Response:
        import requests

        bearer = {"Authorization": f"Bearer {self._sign_in.token(renew=renew)}"}
        # Elsewhere nobody is to see the sign-in.
        ask = functools.partial(
            self._session.get,
            url, params=params, headers=bearer, timeout=TIMEOUT, allow_redirects=False,
        )  # fmt: skip
        try:
            try:
                return ask()
            except requests.ConnectionError as error:
                log.info("%s dropped the connection", self.service, exc_info=error)
                time.sleep(_AGAIN)
                return ask()
        except requests.RequestException as error:
            raise unreachable(self.service, url, error) from error

    def _read(self, answer: requests.Response) -> dict[str, Any]:
        if answer.status_code != 200:
            raise SourceError(
                f"{self.service} refuses to give the contacts.",
                where=_said(answer),
                mend=_mend(answer),
            )
        try:
            read = answer.json()
        except ValueError:
            read = None
        if not isinstance(read, dict):
            raise SourceError(
                f"What answers is not {self.service}.",
                where=urlsplit(answer.url).netloc,
                mend="A network may want a sign-in of its own first: open a web page, then try again.",
            )
        return read

    def _wait(self, seconds: float, progress: Progress) -> None:
        until = time.monotonic() + min(seconds, _LONGEST_WAIT)
        while (left := until - time.monotonic()) > 0:
            progress(0.0, f"{self.service} asks to wait {max(round(left), 1)} s")
            time.sleep(min(_TICK, left))


def ended(service: str) -> SignInError:
    """The sign-in is not accepted any more."""
    return SignInError(
        f"The sign-in to {service} has ended.",
        mend="Sign in again and go on; what you have chosen is kept.",
    )


def nobody(service: str) -> SignInError:
    """There is no sign-in, kept or fresh."""
    return SignInError(
        f"Nobody is signed in to {service}.",
        mend="Sign in once, in the dashboard or a notebook on this machine. A job without a screen"
        " needs a keychain that keeps the sign-in.",
    )


def unreachable(service: str, url: str, error: Exception) -> SourceError:
    """The service cannot be asked."""
    import requests

    log.info("%s cannot be reached", service, exc_info=error)
    if isinstance(error, requests.exceptions.SSLError):
        return SourceError(
            f"The certificate of {service} is not trusted here.",
            where=urlsplit(url).netloc,
            mend="Behind a company's proxy, set REQUESTS_CA_BUNDLE to the file of its certificates.",
        )
    return SourceError(
        f"{service} cannot be reached.",
        where=urlsplit(url).netloc,
        mend="Check the network, the proxy and the firewall, and try again.",
    )


@contextmanager
def writing(target: Path) -> Iterator[TextIO]:
    """A file that is there when the block has gone well, and else as it was before.

    Raises:
        StorageError: It cannot be written.
    """
    part = target.with_suffix(".part")
    try:
        with part.open("w", encoding="utf-8", errors="replace") as file:
            yield file
        part.replace(target)
    except OSError as error:
        raise StorageError(
            "The contacts cannot be written to the workspace.",
            where=target.name,
            mend="Make room on the disk, or ask for write access, and fetch them again.",
        ) from error
    finally:
        part.unlink(missing_ok=True)


def write_answer(file: TextIO, answer: dict[str, Any]) -> None:
    """One answer as a line."""
    file.write(json.dumps(answer, ensure_ascii=False) + "\n")


def _is_busy(answer: requests.Response) -> bool:
    if answer.status_code in (429, 502, 503, 504):
        return True
    # Google says so with a 403, too.
    return answer.status_code == 403 and any(
        word in answer.text for word in ("ateLimitExceeded", "RATE_LIMIT_EXCEEDED")
    )


def _asked_to_wait(answer: requests.Response, attempt: int) -> float:
    """Seconds: as the service says, as a number or a time; else longer each time."""
    said = answer.headers.get("Retry-After", "")
    try:
        return max(float(said), 0.0)
    except ValueError:
        pass
    try:
        return max((parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return float(2**attempt)


def _said(answer: requests.Response) -> str:
    """What the service says about a refusal, in its own words."""
    try:
        error = answer.json()["error"]
        code, message = str(error.get("status") or error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        code, message = answer.reason or "", ""
    return f"{answer.status_code} {code}: {message}"[:_MOST_SAID].rstrip(": ")


_MENDS: Final = {
    "SERVICE_DISABLED": "Switch the People API on for the project in the Google Cloud console.",
    "accessNotConfigured": "Switch the People API on for the project in the Google Cloud console.",
    "SCOPE_INSUFFICIENT": "Sign out, sign in again, and leave the permission for contacts ticked.",
    "MailboxNotEnabledForRESTAPI": "This account has no mailbox at Microsoft; use another account.",
    "ErrorAccessDenied": "Ask the administrator to allow the app to read contacts (Contacts.Read).",
    "Authorization_RequestDenied": "Ask the administrator to allow the app to read contacts (Contacts.Read).",
    "quotaExceeded": "The day's quota is used up; try again tomorrow.",
}


def _mend(answer: requests.Response) -> str:
    text = answer.text
    return next(
        (mend for word, mend in _MENDS.items() if word in text),
        "Check the permissions of the app and of the account; docs/live-sources.md has them.",
    )
