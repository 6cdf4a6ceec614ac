"""A team's dashboard, asked by real requests: who comes in, and what nobody reaches."""

from __future__ import annotations

import json
import re
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import websocket

from crmkit import serve
from crmkit.serve import Running, Service, Team
from crmkit.team import Tries
from crmkit.users import add_user, remove_user
from tests.services import certificate

PASSWORD = "correct horse 7"

pytestmark = pytest.mark.timeout(240)


def notebook(folder: Path) -> Path:
    """A page that says whose kernel it is; its code must not be seen."""
    path = folder / "page.ipynb"
    code = (
        "import os\nsecret_name = 'visitor'\nprint(secret_name, os.environ.get('CRMKIT_VISITOR'),"
    )
    code += " os.environ.get('CRMKIT_USERS'))"
    cell = {"cell_type": "code", "execution_count": None, "id": "a", "metadata": {}, "outputs": []}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path.write_text(
        json.dumps(
            {
                "cells": [{**cell, "source": code}],
                "metadata": {"kernelspec": kernel},
                "nbformat": 4,
                "nbformat_minor": 5,
            }
        ),
        encoding="utf-8",
    )
    (folder / "picture.png").write_bytes(b"not for you")
    return path


def showing(page: Path, command: serve.Command) -> serve.Command:
    def made(service: Service, port: int, folder: Path) -> list[str]:
        usual = command(service, port, folder)
        return [str(page) if part.endswith(".ipynb") else part for part in usual]

    return made


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("users") / "users.json"
    for name in ("ann", "bo", "gone"):
        add_user(path, name, PASSWORD)
    return path


@pytest.fixture(scope="module")
def server(users: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("team")
    service = Service(workspace=folder, team=Team(users, sessions=3))
    running = serve.start(
        service, showing(notebook(folder), serve.team_command), log=folder / "server.log"
    )
    yield running
    running.stop()


def signed_in(server: Running, name: str, password: str = PASSWORD) -> requests.Session:
    visitor = requests.Session()
    visitor.get(f"{server.address}login")
    data = {"name": name, "password": password, "_xsrf": visitor.cookies["_xsrf"]}
    answer = visitor.post(f"{server.address}login", data=data, allow_redirects=False)
    assert (302, "/") == (answer.status_code, answer.headers.get("Location")), answer.text
    return visitor


@pytest.fixture(scope="module")
def ann(server: Running) -> requests.Session:
    return signed_in(server, "ann")


@pytest.fixture(scope="module")
def bo(server: Running) -> requests.Session:
    return signed_in(server, "bo")


@pytest.fixture(scope="module")
def page(server: Running, ann: requests.Session) -> str:
    """Ann's dashboard."""
    answer = ann.get(server.address)
    assert 200 == answer.status_code
    return answer.text


@pytest.fixture(scope="module")
def kernel(page: str) -> str:
    (found,) = set(re.findall(r'"kernelId": ?"([0-9a-f-]{36})"', page))
    return found


def connects(server: Running, kernel: str, visitor: requests.Session, *, origin: str = "") -> bool:
    """Whether a kernel's channels open."""
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in visitor.cookies)
    address = server.address.replace("http", "ws", 1) + f"api/kernels/{kernel}/channels"
    try:
        made = websocket.create_connection(
            address, cookie=cookies, origin=origin or server.address.rstrip("/"), timeout=10
        )
    except websocket.WebSocketBadStatusException:
        return False
    made.close()
    return True


# --- coming in -------------------------------------------------------------------------------


def test_who_is_not_signed_in_sees_the_form_and_nothing_else(server: Running, kernel: str) -> None:
    nobody = requests.Session()

    answer = nobody.get(server.address)

    assert f"{server.address}login?next=%2F" == answer.url
    assert "secret_name" not in answer.text
    assert 403 == nobody.get(f"{server.address}api/kernels/{kernel}").status_code
    assert not connects(server, kernel, nobody)


@pytest.mark.parametrize("token", ["", "anything", "None"])
def test_there_is_no_token_to_come_in_by(server: Running, token: str) -> None:
    header = {"Authorization": f"token {token}"}

    for answer in (
        requests.get(server.address, params={"token": token}),
        requests.get(server.address, headers=header),
    ):
        assert "/login" in answer.url
        assert "secret_name" not in answer.text


@pytest.mark.parametrize("name", ["ann", "nobody", ""])
def test_a_wrong_password_does_not_sign_in(server: Running, name: str) -> None:
    with pytest.raises(AssertionError, match="Name or password is wrong"):
        signed_in(server, name, "wrong horse 77")

    signed_in(server, "ann")


def test_who_is_taken_out_is_out_at_once(server: Running, users: Path) -> None:
    visitor = signed_in(server, "gone")
    assert 200 == visitor.get(server.address, allow_redirects=False, stream=True).status_code

    remove_user(users, "gone")

    assert "/login" in visitor.get(server.address).url


def test_signing_out_ends_the_visit(server: Running) -> None:
    visitor = signed_in(server, "bo")

    visitor.get(f"{server.address}logout")

    assert "/login" in visitor.get(server.address).url


def test_the_way_on_after_signing_in_stays_here(server: Running) -> None:
    visitor = requests.Session()
    form = visitor.get(f"{server.address}login", params={"next": '//evil.example/"><script>'})
    assert "<script>" not in form.text
    data = {"name": "bo", "password": PASSWORD, "_xsrf": visitor.cookies["_xsrf"]}

    answer = visitor.post(
        f"{server.address}login",
        params={"next": "https://evil.example/"},
        data=data,
        allow_redirects=False,
    )

    assert "/" == answer.headers["Location"]


def test_each_failure_makes_the_next_try_wait_longer() -> None:
    now = 0.0
    tries = Tries(lambda: now)
    waits = []
    for _ in range(14):
        waits.append(tries.wait("here"))
        now += tries.wait("here")
        tries.failed("here")

    assert [0.0] * 5 + [1, 2, 4, 8, 16, 32, 60, 60, 60] == waits
    assert 0.0 == tries.wait("elsewhere")
    tries.succeeded("here")
    assert 0.0 == tries.wait("here")


def test_guessing_is_slowed_down(server: Running) -> None:
    guesser = requests.Session()
    guesser.get(f"{server.address}login")
    data = {"name": "ann", "password": "guess", "_xsrf": guesser.cookies["_xsrf"]}

    answers = [guesser.post(f"{server.address}login", data=data) for _ in range(6)]

    assert [401] * 5 + [429] == [answer.status_code for answer in answers]
    assert "Too many tries. Wait" in answers[-1].text
    time.sleep(int(answers[-1].headers["Retry-After"]))
    signed_in(server, "ann")


# --- from another page -----------------------------------------------------------------------


def test_a_forged_origin_opens_no_channel(
    server: Running, ann: requests.Session, kernel: str
) -> None:
    assert not connects(server, kernel, ann, origin="https://evil.example")
    assert connects(server, kernel, ann)


def test_another_page_cannot_post(server: Running, ann: requests.Session, kernel: str) -> None:
    headers = {"Origin": "https://evil.example", "Referer": "https://evil.example/"}
    ending = f"{server.address}voila/api/shutdown/{kernel}"

    assert 403 == requests.post(f"{server.address}login", data={"name": "ann"}).status_code
    assert ann.post(ending, headers=headers).status_code in (403, 404)
    assert 200 == ann.get(f"{server.address}api/kernels/{kernel}").status_code


# --- a kernel of another user ----------------------------------------------------------------


def test_a_kernel_knows_whose_it_is_and_not_who_else_there_is(page: str) -> None:
    assert "visitor ann None" in page


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "api/kernels/{}"),
        ("DELETE", "api/kernels/{}"),
        ("POST", "voila/api/shutdown/{}"),
        ("GET", "api/kernels/{}/channels"),
        ("POST", "api/kernels/{}/interrupt"),
        ("POST", "api/kernels/{}/restart"),
    ],
)
def test_the_kernel_of_another_is_out_of_reach(
    server: Running,
    ann: requests.Session,
    bo: requests.Session,
    kernel: str,
    method: str,
    path: str,
) -> None:
    """The headers are those of a page of Bo's own, so that nothing else refuses."""
    xsrf = {"X-XSRFToken": bo.cookies["_xsrf"], "Referer": server.address}

    answer = bo.request(method, f"{server.address}{path.format(kernel)}", headers=xsrf)

    assert answer.status_code in (403, 404, 405)
    assert 200 == ann.get(f"{server.address}api/kernels/{kernel}").status_code


def test_the_channels_of_another_are_out_of_reach(
    server: Running, bo: requests.Session, kernel: str
) -> None:
    assert not connects(server, kernel, bo)


def test_kernels_are_not_listed(server: Running, bo: requests.Session, kernel: str) -> None:
    answer = bo.get(f"{server.address}api/kernels")

    assert answer.status_code in (403, 404)
    assert kernel not in answer.text


# --- what nobody reaches ---------------------------------------------------------------------

OUT_OF_REACH = [
    "page.ipynb",
    "voila/files/page.ipynb",
    "voila/files/picture.png",
    "voila/files/..%2fusers.json",
    "voila/files/..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "voila/static/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "voila/static/%2e%2e/%2e%2e/app.py",
    "voila/templates/crmkit/static/..%2f..%2f..%2fvoila%2findex.html.j2",
    "voila/templates/crmkit/static/..%2f..%2fstatic/index.html.j2",
    "voila/templates/crmkit/index.html.j2",
    "voila/templates/..%2fstatic/index.html.j2",
    "voila/templates/crmkit",
    "voila/labextensions/..%2f..%2fetc%2fpasswd",
    "voila/api/contents",
    "voila/api/contents/page.ipynb",
    "voila/render/page.ipynb",
    "voila/tree",
    "api/contents",
    "api/contents/page.ipynb",
    "api/sessions",
    "api/terminals",
    "api/config/x",
    "api/kernelspecs",
    "api/status",
    "api/me",
    "files/page.ipynb",
    "files/..%2f..%2fetc%2fpasswd",
    "static/..%2f..%2fetc%2fpasswd",
    "nbconvert/html/page.ipynb",
    "terminals/1",
    "lab",
    "tree",
    "metrics",
]

HIDDEN = ["secret_name", "root:", "not for you", "argon2", "Traceback", "import os"]


@pytest.mark.parametrize("path", OUT_OF_REACH)
def test_code_and_files_are_out_of_reach(server: Running, bo: requests.Session, path: str) -> None:
    """Asked as they stand: a library would mend the dots in a path."""
    request = requests.Request("GET", server.address).prepare()
    request.url = f"{server.address}{path}"
    request.prepare_cookies(bo.cookies)

    answer = bo.send(request)

    assert answer.status_code in (400, 403, 404), answer.text[:300]
    assert not any(hidden in answer.text for hidden in HIDDEN)


def test_a_large_request_is_refused(server: Running, bo: requests.Session) -> None:
    try:
        status = bo.post(f"{server.address}login", data={"name": "x" * 1_100_000}).status_code
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        status = 400  # it hung up before all of it had come
    assert 400 <= status < 500


def test_more_dashboards_than_allowed_are_refused_in_plain_words(
    server: Running, page: str, bo: requests.Session
) -> None:
    """Three at most; what is closed makes room."""
    assert page
    answers = [bo.get(server.address) for _ in range(3)]

    refused = [answer for answer in answers if answer.status_code != 200]
    assert refused
    assert {503} == {answer.status_code for answer in refused}
    assert "Too many dashboards are open." in refused[0].text
    assert "Traceback" not in refused[0].text


# --- one person on one machine ---------------------------------------------------------------


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """What `crmkit app` starts."""
    folder = tmp_path_factory.mktemp("own")
    page = notebook(folder)
    running = serve.start(Service(workspace=folder), showing(page, serve.dashboard_command))
    yield running
    running.stop()


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_without_the_token_nobody_sees_the_own_dashboard(own: Running, token: str | None) -> None:
    answer = requests.get(own.address, params={} if token is None else {"token": token})

    assert "/login" in answer.url
    assert "visitor" not in answer.text


def test_the_own_dashboard_takes_no_other_origin_and_gives_no_file(own: Running) -> None:
    visitor = requests.Session()
    page = visitor.get(own.link)
    assert "visitor None None" in page.text
    (kernel,) = set(re.findall(r'"kernelId": ?"([0-9a-f-]{36})"', page.text))

    assert not connects(own, kernel, requests.Session())
    assert not connects(own, kernel, visitor, origin="https://evil.example")
    assert connects(own, kernel, visitor)
    headers = {"Origin": "https://evil.example", "Referer": "https://evil.example/"}
    ending = visitor.post(f"{own.address}voila/api/shutdown/{kernel}", headers=headers)
    assert ending.status_code in (403, 404)
    for path in OUT_OF_REACH:
        request = requests.Request("GET", own.address).prepare()
        request.url = f"{own.address}{path}"
        request.prepare_cookies(visitor.cookies)
        answer = visitor.send(request)
        assert answer.status_code >= 400, path
        assert not any(hidden in answer.text for hidden in HIDDEN), path


# --- TLS -------------------------------------------------------------------------------------


def test_with_a_certificate_it_speaks_tls_only(users: Path, tmp_path: Path) -> None:
    cert = certificate(tmp_path)
    team = Team(users, certificate=cert, key=cert)
    service = Service(workspace=tmp_path, team=team)
    running = serve.start(service, showing(notebook(tmp_path), serve.team_command))
    try:
        answer = requests.get(f"{running.address}login", verify=str(cert))
        assert 200 == answer.status_code
        data = {"name": "ann", "password": PASSWORD, "_xsrf": answer.cookies["_xsrf"]}
        signed = requests.post(
            f"{running.address}login",
            data=data,
            cookies=answer.cookies,
            allow_redirects=False,
            verify=str(cert),
        )
        assert "Secure" in signed.headers["Set-Cookie"]
        assert "HttpOnly" in signed.headers["Set-Cookie"]
        with pytest.raises((requests.ConnectionError, ssl.SSLError)):
            requests.get(running.address.replace("https", "http"))
    finally:
        running.stop()
