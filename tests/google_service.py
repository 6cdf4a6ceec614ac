"""Google's sign-in and the People API, as the public documents describe them, on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.services import Answer, Asked, Service

CLIENT = "1234-abcd.apps.googleusercontent.example"
SCOPE = "https://www.googleapis.com/auth/contacts.readonly"


class GoogleService(Service):
    """An account of an invented person.

    Attributes:
        people: Its contacts.
        groups: Resource name -> name.
        before_page: Number of a page of contacts, from 1 -> what is answered instead, once each.
        valid: The tokens that are accepted.
        refreshing: Whether a sign-in can be renewed.
        scope: What is given of what is asked for.
        on_page: Called with the number of each page of contacts, before it is answered.
    """

    def __init__(self) -> None:
        super().__init__()
        self.people: list[dict[str, Any]] = []
        self.groups = {"contactGroups/myContacts": "My Contacts", "contactGroups/77": "Kunder"}
        self.before_page: dict[int, list[Answer]] = {}
        self.valid: set[str] = set()
        self.refreshing = True
        self.scope = SCOPE
        self.on_page: Callable[[int], None] = lambda _: None
        self._issued = 0
        self._pages = 0

    def client_file(self, folder: Path) -> Path:
        """The file of an app registered here instead of with Google."""
        path = folder / "google-client.json"
        app = {
            "client_id": CLIENT,
            "project_id": "crmkit-test",
            "auth_uri": f"{self.address}/o/oauth2/auth",
            "token_uri": f"{self.address}/token",
            "client_secret": "invented",
            "redirect_uris": ["http://localhost"],
        }
        path.write_text(json.dumps({"installed": app}), encoding="utf-8")
        return path

    def environment(self, folder: Path) -> dict[str, str]:
        """What sends crmkit here instead of to Google."""
        return {
            "CRMKIT_PEOPLE_ADDRESS": f"{self.address}/v1",
            "CRMKIT_GOOGLE_CLIENT": str(self.client_file(folder)),
            "REQUESTS_CA_BUNDLE": str(self.certificate),
        }

    def arrival(self, opened: str, **said: str) -> str:
        """Where the browser arrives after its user allowed what is asked for at an address."""
        asked = dict(parse_qsl(urlsplit(opened).query))
        assert (CLIENT, "code", "offline") == (
            asked["client_id"], asked["response_type"], asked["access_type"]
        )  # fmt: skip
        answer = said or {"code": "code-1", "scope": self.scope}
        return f"{asked['redirect_uri']}?{urlencode({'state': asked['state'], **answer})}"

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/token":
            return self._token(asked)
        if asked.bearer not in self.valid:
            return error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        if asked.path == "/v1/contactGroups":
            return self._contact_groups()
        if asked.path == "/v1/people/me/connections":
            return self._connections(asked)
        return error(404, "NOT_FOUND", "Method not found.")

    def _token(self, asked: Asked) -> Answer:
        form = asked.form
        if form["grant_type"] == "refresh_token":
            if not self.refreshing or form["refresh_token"] != "refresh-1":
                text = "Token has been expired or revoked."
                return Answer(400, {"error": "invalid_grant", "error_description": text})
        elif form.get("code") != "code-1" or not form.get("code_verifier"):
            return Answer(400, {"error": "invalid_grant", "error_description": "Malformed code."})
        self._issued += 1
        self.valid = {f"access-{self._issued}"}
        body = {
            "access_token": f"access-{self._issued}",
            "expires_in": 3599,
            "scope": self.scope,
            "token_type": "Bearer",
        }
        if form["grant_type"] != "refresh_token":
            body["refresh_token"] = "refresh-1"
        return Answer(200, body)

    def _contact_groups(self) -> Answer:
        listed = []
        for resource, name in self.groups.items():
            count = sum(resource in _groups_of(person) for person in self.people)
            group = {
                "resourceName": resource,
                "groupType": "USER_CONTACT_GROUP",
                "name": name,
                "formattedName": name,
            }
            # A group without members has no count.
            listed.append({**group, "memberCount": count} if count else group)
        return Answer(200, {"contactGroups": listed, "totalItems": len(listed)})

    def _connections(self, asked: Asked) -> Answer:
        if "personFields" not in asked.query:
            return error(400, "INVALID_ARGUMENT", "personFields mask is required.")
        size, first = int(asked.query.get("pageSize", "100")), 0
        if size > 1:
            self._pages += 1
            self.on_page(self._pages)
            waiting = self.before_page.get(self._pages)
            if waiting or asked.bearer not in self.valid:
                self._pages -= 1
                return waiting.pop(0) if waiting else error(401, "UNAUTHENTICATED", "Expired.")
        if token := asked.query.get("pageToken"):
            first = int(token.removeprefix("page-"))
        body: dict[str, Any] = {
            "totalPeople": len(self.people),
            "totalItems": len(self.people),
        }
        if shown := self.people[first : first + size]:
            body["connections"] = shown
        if first + size < len(self.people):
            body["nextPageToken"] = f"page-{first + size}"
        return Answer(200, body)


def error(status: int, code: str, message: str, reason: str = "") -> Answer:
    return Answer(
        status,
        {
            "error": {
                "code": status,
                "message": message,
                "status": code,
                "errors": [{"message": message, "domain": "global", "reason": reason}],
                "details": [
                    {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}
                ],
            }
        },
    )


def person(number: int, *groups: str, **more: Any) -> dict[str, Any]:
    """An invented contact, in the shape in which the People API answers."""
    given = ("Frida", "Emil", "Astrid", "Nils", "Selma")[number % 5]
    family = "Holm" + "".join("abdefiklmn"[int(digit)] for digit in str(number))
    primary = {"primary": True, "source": {"type": "CONTACT", "id": f"{number:x}"}}
    return {
        "resourceName": f"people/c{7000 + number}",
        "etag": f"%Eg{number}",
        "names": [
            {
                "metadata": primary,
                "displayName": f"{given} {family}",
                "familyName": family,
                "givenName": given,
                "displayNameLastFirst": f"{family}, {given}",
                "unstructuredName": f"{given} {family}",
            }
        ],
        "emailAddresses": [
            {
                "metadata": primary,
                "value": f"{family.lower()}@fjell.example",
                "type": "work",
                "formattedType": "Work",
            }
        ],
        "phoneNumbers": [
            {
                "metadata": primary,
                "value": f"+47 911 {number:05}",
                "canonicalForm": f"+47911{number:05}",
                "type": "mobile",
                "formattedType": "Mobile",
            }
        ],
        "organizations": [{"metadata": primary, "name": f"Fjell {number // 2} AS"}],
        "memberships": [
            {"contactGroupMembership": {"contactGroupId": g, "contactGroupResourceName": f"contactGroups/{g}"}}
            for g in ("myContacts", *groups)
        ],
        **more,
    }  # fmt: skip


def _groups_of(item: dict[str, Any]) -> list[str]:
    return [m["contactGroupMembership"]["contactGroupResourceName"] for m in item["memberships"]]
