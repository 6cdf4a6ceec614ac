"""Who may see the dashboard: whoever shows the token once. Runs inside Voilà's server."""

from __future__ import annotations

from jupyter_server.auth.identity import PasswordIdentityProvider, User
from tornado.web import RequestHandler


class Visitors(PasswordIdentityProvider):
    """Lets a visitor in by link as well as by form, and lets a closed tab end its kernel.

    A tab that is closed asks the server to end its kernel. The server obeys only with the cookie
    that proves the page was its own, and gives that cookie with the form alone: who came by a link
    left a kernel behind with every reload.
    """

    def set_login_cookie(self, handler: RequestHandler, user: User) -> None:
        """Remember the visitor, and hand out the other cookie too."""
        super().set_login_cookie(handler, user)
        handler.current_user = user
        # Reading it sets the cookie.
        _ = handler.xsrf_token
