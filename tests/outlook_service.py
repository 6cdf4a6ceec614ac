"""Microsoft's sign-in and Graph's contacts, as the public documents describe them, on this machine."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.services import Answer, Asked, Service

CLIENT = "11111111-2222-3333-4444-555555555555"
_DEVICE = "/common/oauth2/v2.0/devicecode"
_TOKEN = "/common/oauth2/v2.0/token"
_ME = "/v1.0/me/contactFolders"


@dataclass
class Folder:
    """A folder with its contacts and the folders inside."""

    name: str
    contacts: list[dict[str, Any]] = field(default_factory=list)
    inside: dict[str, Folder] = field(default_factory=dict)


class OutlookService(Service):
    """An account of an invented person.

    Attributes:
        codes: What is answered to the next questions whether the code was used; then, until
            `approved`, that it was not yet.
        before_page: Number of a page of contacts, from 1 -> what is answered instead, once each.
        valid: The tokens that are accepted; empty it to let a sign-in end.
        refreshing: Whether a sign-in can be renewed.
        names_default: Whether the default folder can be asked for its name.
        expires_in: Seconds that a code can be used.
        on_page: Called with the number of each page of contacts, before it is answered.
    """

    def __init__(self) -> None:
        super().__init__()
        self.root = Folder("Contacts")
        self.approved = False
        self.codes: list[str] = []
        self.before_page: dict[int, list[Answer]] = {}
        self.valid: set[str] = set()
        self.refreshing = True
        self.names_default = True
        self.expires_in = 900
        self.on_page: Callable[[int], None] = lambda _: None
        self._issued = 0
        self._pages = 0

    def environment(self) -> dict[str, str]:
        """What sends crmkit here instead of to Microsoft."""
        return {
            "CRMKIT_GRAPH_AUTHORITY": self.address,
            "CRMKIT_GRAPH_ADDRESS": f"{self.address}/v1.0",
            "CRMKIT_GRAPH_CLIENT_ID": CLIENT,
            "REQUESTS_CA_BUNDLE": str(self.certificate),
        }

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/common/v2.0/.well-known/openid-configuration":
            return self._configuration()
        if asked.path == _DEVICE:
            return self._device(asked)
        if asked.path == _TOKEN:
            return self._token(asked)
        if asked.bearer not in self.valid:
            return _error(401, "InvalidAuthenticationToken", "Lifetime validation failed.")
        if asked.path == "/v1.0/me/contacts":
            return self._contacts(asked, self.root)
        if asked.path.startswith(_ME):
            return self._graph(asked)
        return _error(404, "ResourceNotFound", f"Resource not found: {asked.path}")

    # --- signing in ------------------------------------------------------------------------

    def _configuration(self) -> Answer:
        base = f"{self.address}/common/oauth2/v2.0"
        return Answer(
            200,
            {
                "issuer": f"{self.address}/common/v2.0",
                "authorization_endpoint": f"{base}/authorize",
                "token_endpoint": f"{base}/token",
                "device_authorization_endpoint": f"{base}/devicecode",
            },
        )

    def _device(self, asked: Asked) -> Answer:
        if asked.form.get("client_id") != CLIENT:
            text = "AADSTS700016: Application with identifier was not found in the directory."
            return Answer(400, {"error": "unauthorized_client", "error_description": text})
        return Answer(
            200,
            {
                "user_code": "K7QX2M9PT",
                "device_code": "device-1",
                "verification_uri": "https://microsoft.com/devicelogin",
                "expires_in": self.expires_in,
                "interval": 1,
                "message": "To sign in, use a web browser.",
            },
        )

    def _token(self, asked: Asked) -> Answer:
        if asked.form["grant_type"] == "refresh_token":
            if self.refreshing and asked.form["refresh_token"] == f"refresh-{self._issued}":
                return self._tokens()
            text = "AADSTS700082: The refresh token has expired due to inactivity.\r\nTrace ID: 1"
            return Answer(400, {"error": "invalid_grant", "error_description": text})
        said = self.codes.pop(0) if self.codes else ""
        if not said and not self.approved:
            said = "authorization_pending"
        if said:
            text = f"AADSTS70016: {said}.\r\nTrace ID: 1"
            return Answer(400, {"error": said, "error_description": text})
        return self._tokens()

    def _tokens(self) -> Answer:
        self._issued += 1
        token = f"access-{self._issued}"
        self.valid = {token}
        claims = {
            "aud": CLIENT, "iss": f"{self.address}/common/v2.0", "sub": "kari",
            "exp": int(time.time()) + 3600, "iat": int(time.time()),
            "preferred_username": "kari@fjordkraft.example", "oid": "oid-1", "tid": "tid-1",
        }  # fmt: skip
        return Answer(
            200,
            {
                "token_type": "Bearer",
                "scope": "Contacts.Read",
                "expires_in": 3600,
                "access_token": token,
                "refresh_token": f"refresh-{self._issued}",
                "id_token": f"{_base64({'alg': 'none'})}.{_base64(claims)}.",
                "client_info": _base64({"uid": "oid-1", "utid": "tid-1"}),
            },
        )

    # --- contacts --------------------------------------------------------------------------

    def _graph(self, asked: Asked) -> Answer:
        rest = asked.path.removeprefix(_ME).strip("/").split("/")
        if rest == [""]:
            return self._listed(asked, _folders(self.root), "contactFolders")
        folder = self._find(rest[0])
        if folder is None or (rest == ["contacts"] and not self.names_default):
            return _error(404, "ErrorItemNotFound", "The specified object was not found.")
        if rest[1:] == ["contacts"]:
            return self._contacts(asked, folder)
        if rest[1:] == ["childFolders"]:
            return self._listed(asked, _folders(folder), "childFolders")
        return Answer(200, {"id": "folder-root", "displayName": folder.name})

    def _find(self, folder_id: str) -> Folder | None:
        if folder_id in ("contacts", "folder-root"):
            return self.root
        waiting = [self.root]
        while waiting:
            folder = waiting.pop()
            if folder_id in folder.inside:
                return folder.inside[folder_id]
            waiting += folder.inside.values()
        return None

    def _contacts(self, asked: Asked, folder: Folder) -> Answer:
        if "$count" not in asked.query:
            self._pages += 1
            self.on_page(self._pages)
            if self.before_page.get(self._pages):
                given = self.before_page[self._pages].pop(0)
                self._pages -= 1
                return given
            if asked.bearer not in self.valid:
                self._pages -= 1
                return _error(401, "InvalidAuthenticationToken", "Lifetime validation failed.")
        return self._listed(asked, folder.contacts, "contacts")

    def _listed(self, asked: Asked, items: list[dict[str, Any]], kind: str) -> Answer:
        top, skip = int(asked.query.get("$top", "10")), int(asked.query.get("$skip", "0"))
        shown = items[skip : skip + top]
        if asked.query.get("$select") == "id":
            shown = [{"id": item["id"]} for item in shown]
        body = {
            "@odata.context": f"{self.address}/v1.0/$metadata#users('oid-1')/{kind}",
            "value": shown,
        }
        if asked.query.get("$count") == "true":
            body["@odata.count"] = len(items)
        if skip + top < len(items):
            body["@odata.nextLink"] = (
                f"{self.address}{asked.path}?%24top={top}&%24skip={skip + top}"
            )
        return Answer(200, body)


def person(number: int, **more: Any) -> dict[str, Any]:
    """An invented contact, in the shape in which Graph answers."""
    given = ("Kari", "Ola", "Ingrid", "Lars", "Sofie")[number % 5]
    surname = "Berg" + "".join("abdefiklmn"[int(digit)] for digit in str(number))
    return {
        "@odata.etag": f'W/"{number}"',
        "id": f"AAkALgAA{number:05}=",
        "createdDateTime": "2025-03-01T08:00:00Z",
        "lastModifiedDateTime": "2026-10-01T08:00:00Z",
        "changeKey": f"key-{number}",
        "categories": [],
        "parentFolderId": "folder-root",
        "birthday": None,
        "fileAs": f"{surname}, {given}",
        "displayName": f"{given} {surname}",
        "givenName": given,
        "initials": None,
        "middleName": None,
        "nickName": None,
        "surname": surname,
        "title": None,
        "generation": None,
        "imAddresses": [],
        "jobTitle": "Innkjøper",
        "companyName": f"Nordlys {number // 2} AS",
        "department": None,
        "officeLocation": None,
        "profession": None,
        "businessHomePage": None,
        "assistantName": None,
        "manager": None,
        "homePhones": [],
        "mobilePhone": f"+47 900 {number:05}",
        "businessPhones": [f"+47 22 {number:06}"],
        "spouseName": None,
        "personalNotes": "",
        "children": [],
        "emailAddresses": [
            {"name": f"{given} {surname}", "address": f"{surname.lower()}@nordlys.example"}
        ],
        "homeAddress": {},
        "businessAddress": {
            "street": f"Storgata {number}",
            "city": "Oslo",
            "state": "",
            "countryOrRegion": "Norway",
            "postalCode": "0155",
        },
        "otherAddress": {},
        **more,
    }


def people(first: int, count: int) -> list[dict[str, Any]]:
    return [person(number) for number in range(first, first + count)]


def _folders(folder: Folder) -> list[dict[str, Any]]:
    return [
        {"id": folder_id, "displayName": item.name, "parentFolderId": "folder-root"}
        for folder_id, item in folder.inside.items()
    ]


def _error(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"error": {"code": code, "message": message}})


def _base64(claims: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
