"""The server of the dashboard: Voilà, for whoever shows the token once.

It is started by `serve`, as a program of its own; `team` has the one for several people.
"""

from __future__ import annotations

import posixpath
from typing import Any

from jupyter_server.auth.identity import PasswordIdentityProvider, User
from tornado.web import HTTPError, RequestHandler
from voila.app import Voila
from voila.static_file_handler import TemplateStaticFileHandler


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


class TemplateFiles(TemplateStaticFileHandler):
    """The files of Voilà's templates, which fails over a path that names none of them."""

    def parse_url_path(self, url_path: str) -> str:
        """The path of a file: `<template>/static/<path>`."""
        parts = posixpath.normpath(url_path).split("/", 2)
        if len(parts) < 3 or parts[0] == ".." or parts[1] != "static":
            raise HTTPError(404)
        return str(super().parse_url_path("/".join(parts)))


class Server(Voila):
    """Voilà, where a file that is not there is not found."""

    def init_handlers(self) -> list[Any]:
        """Voilà's pages, with our own in the place of some."""
        own = self.own_handlers()
        return [
            (path, own.get(handler, handler), *rest)
            for path, handler, *rest in super().init_handlers()
        ]

    def own_handlers(self) -> dict[type[RequestHandler], type[RequestHandler]]:
        """Voilà's handler of some pages -> ours."""
        return {TemplateStaticFileHandler: TemplateFiles}
