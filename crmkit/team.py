"""The server of a team's dashboard: Voilà, where each visitor signs in and reaches only their own.

It is started by `serve`, as a program of its own. A visitor's kernel is told who they are, so that the
workspace shows them their own imports; nobody else reaches that kernel.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import html
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from jupyter_core.utils import ensure_async
from jupyter_server import CallContext
from jupyter_server.auth.authorizer import Authorizer
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.auth.identity import User
from jupyter_server.auth.login import LoginFormHandler
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado import web
from traitlets import Int, Unicode
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler

from crmkit.users import is_right, read_users
from crmkit.visitors import Server, Visitors

USERS_VARIABLE: Final = "CRMKIT_USERS"
VISITOR_VARIABLE: Final = "CRMKIT_VISITOR"

_BODY_BYTES: Final = 1_000_000
"""What a request may bring. Files come in pieces over the kernel's connection."""

_TOO_MANY: Final = "Too many dashboards are open. Close some tabs, and reload in some minutes."

_FREE_TRIES: Final = 5
_LONGEST_WAIT: Final = 60.0
_REMEMBERED: Final = 10_000


def known_users() -> dict[str, str]:
    """The users as they are now: who is taken out of the file is out."""
    return read_users(Path(os.environ[USERS_VARIABLE]))


class TeamVisitors(Visitors):
    """Lets those in who are in the file of users, by name and password; there is no token."""

    @property
    def auth_enabled(self) -> bool:
        """Always: nobody comes in unnamed."""
        return True

    async def get_user_token(self, handler: web.RequestHandler) -> User | None:
        """Nobody comes in by a token."""
        del handler
        return None

    def user_to_cookie(self, user: User) -> str:
        """What a browser keeps, signed: the name, and a mark of the password's hash."""
        return json.dumps([user.username, _mark(known_users()[user.username])])

    def user_from_cookie(self, cookie_value: str) -> User | None:
        """Who a browser says it is, as long as the password is the same."""
        name, mark = json.loads(cookie_value)
        users = known_users()
        return User(name) if name in users and _mark(users[name]) == mark else None

    def get_handlers(self) -> list[tuple[str, object]]:
        """The pages to sign in and out."""
        return [(r"/login", SignIn), (r"/logout", SignOut)]


def _mark(hashed: str) -> str:
    return hashlib.sha256(hashed.encode()).hexdigest()[:16]


class Tries:
    """Counts failures to sign in by where they come from, and says how long to wait.

    Args:
        now: A clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._failed: dict[str, tuple[int, float]] = {}

    def wait(self, origin: str) -> float:
        """Seconds until the next try; 0 when there may be one now."""
        count, last = self._failed.get(origin, (0, 0.0))
        if count < _FREE_TRIES:
            return 0.0
        pause = min(2.0 ** (count - _FREE_TRIES), _LONGEST_WAIT)
        return float(max(0.0, last + pause - self._now()))

    def failed(self, origin: str) -> None:
        """One more; the oldest are forgotten when there are too many to remember."""
        count, _ = self._failed.pop(origin, (0, 0.0))
        self._failed[origin] = count + 1, self._now()
        if len(self._failed) > _REMEMBERED:
            del self._failed[next(iter(self._failed))]

    def succeeded(self, origin: str) -> None:
        """Start counting anew."""
        self._failed.pop(origin, None)


_TRIES: Final = Tries()

_PAGE: Final = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>crmkit</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
body {{ font-family: system-ui, sans-serif; margin: 15vh auto; max-width: 20rem; padding: 0 1rem; }}
label, input, button {{ display: block; width: 100%; box-sizing: border-box; font: inherit; }}
input {{ margin: .2rem 0 1rem; padding: .5rem; }} button {{ padding: .6rem; }}
[role=alert] {{ color: #a40000; }}
</style></head><body><h1>crmkit</h1>{message}
<form method="post" action="{action}">{xsrf}
<label>Name <input name="name" autocomplete="username" autofocus required></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Sign in</button></form></body></html>"""


class SignIn(LoginFormHandler):
    """The page to sign in."""

    def _render(self, message: str = "") -> None:
        target = self.get_argument("next", default=self.base_url)
        alert = f'<p role="alert">{html.escape(message)}</p>' if message else ""
        action = f"{self.base_url}login?next={quote(target, safe='/')}"
        self.finish(_PAGE.format(message=alert, action=action, xsrf=self.xsrf_form_html()))

    @allow_unauthenticated
    async def post(self) -> None:
        """Sign in; after some failures each try has to wait longer."""
        origin = str(self.request.remote_ip)
        if wait := _TRIES.wait(origin):
            self.set_status(429)
            self.set_header("Retry-After", str(int(wait) + 1))
            self._render(f"Too many tries. Wait {int(wait) + 1} seconds.")
            return
        # Counted before it is checked: tries at the same time count too.
        _TRIES.failed(origin)
        name, password = self.get_argument("name", ""), self.get_argument("password", "")
        check = functools.partial(is_right, known_users(), name, password)
        # A check takes a good part of a second, on purpose.
        if not await asyncio.get_running_loop().run_in_executor(None, check):
            self.set_status(401)
            self._render("Name or password is wrong.")
            return
        _TRIES.succeeded(origin)
        self.identity_provider.set_login_cookie(self, User(name))
        self._redirect_safe(self.get_argument("next", default=self.base_url))


class SignOut(JupyterHandler):
    """Ends a visit."""

    @allow_unauthenticated
    def get(self) -> None:
        """Forget who it was."""
        self.identity_provider.clear_login_cookie(self)
        self.redirect(f"{self.base_url}login")


class TeamKernels(AsyncMappingKernelManager):
    """A kernel for each visit, which knows whose it is; as many as the machine can bear."""

    most = Int(20, config=True, help="Visits at the same time.")
    most_each = Int(5, config=True, help="Visits of one person at the same time.")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.owners: dict[str, str] = {}
        self._starting: list[str] = []

    async def start_kernel(self, **kwargs: Any) -> str:  # type: ignore[override]
        """Start a kernel for whoever asks.

        Raises:
            HTTPError: There are too many.
        """
        visitor = CallContext.get(CallContext.JUPYTER_HANDLER).current_user.username
        self.owners = {k: owner for k, owner in self.owners.items() if k in self}
        running = [*self.owners.values(), *self._starting]
        if len(running) >= self.most or running.count(visitor) >= self.most_each:
            # Its page shows the reason.
            raise web.HTTPError(503, reason=_TOO_MANY)
        env = {k: v for k, v in kwargs.pop("env", {}).items() if k != USERS_VARIABLE}
        self._starting.append(visitor)
        try:
            started = await super().start_kernel(**kwargs, env={**env, VISITOR_VARIABLE: visitor})
            self.owners[started] = visitor
        finally:
            self._starting.remove(visitor)
        return str(started)


class OwnKernels(Authorizer):
    """A visitor reaches their own kernels, and nothing else that Jupyter has an interface for."""

    def is_authorized(
        self, handler: JupyterHandler, user: User, action: str, resource: str
    ) -> bool:
        """Whether it is about a kernel of theirs."""
        del action
        kernel = handler.path_kwargs.get("kernel_id", "")
        return resource == "kernels" and is_own(handler, kernel, user)


def is_own(handler: JupyterHandler, kernel_id: str, user: User) -> bool:
    """Whether a kernel is a visitor's."""
    kernels = handler.kernel_manager
    assert isinstance(kernels, TeamKernels)
    return kernel_id in kernels.owners and kernels.owners[kernel_id] == user.username


class EndOwnKernel(VoilaShutdownKernelHandler):
    """Ends the kernel of a page that is closed, for its owner."""

    @web.authenticated
    async def post(self, kernel_id: str) -> None:
        """End it.

        Raises:
            HTTPError: It is somebody else's, or there is none.
        """
        if not is_own(self, kernel_id, self.current_user):
            raise web.HTTPError(403)
        await ensure_async(super().post(kernel_id))


class TeamServer(Server):
    """The server with the above, and with TLS where there is a certificate."""

    certificate = Unicode("", config=True, help="File of the TLS certificate.")
    key = Unicode("", config=True, help="File of its private key.")

    def own_handlers(self) -> dict[type[web.RequestHandler], type[web.RequestHandler]]:
        """Also for what anybody may use."""
        return {**super().own_handlers(), VoilaShutdownKernelHandler: EndOwnKernel}

    def listen(self) -> None:
        """Listen, with a limit on what a request may bring."""
        options: dict[str, Any] = {"max_body_size": _BODY_BYTES}
        if self.certificate:
            options["ssl_options"] = {"certfile": self.certificate, "keyfile": self.key or None}
        self.app.listen = functools.partial(self.app.listen, **options)
        super().listen()
