"""The methods of a path: HEAD wherever GET is, and one `Allow` for OPTIONS and for 405."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send


class HeadRequests:
    """ASGI middleware around the router: a HEAD is answered like its GET, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            if message["type"] != "http.response.body":
                await send(message)
            elif not message["more_body"]:
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        # A copy: the server must still know that this is a HEAD.
        as_get = cast(HTTPScope, {**scope, "method": "GET"})
        try:
            await self._app(as_get, receive, send_without_body)
        finally:
            if "path_template" in as_get:  # for the name of the span
                scope["path_template"] = as_get["path_template"]


def allow_header(methods: Iterable[str]) -> str:
    """The value of `Allow` for a path with handlers of these methods."""
    allowed = set(methods)
    return ", ".join(sorted(allowed | {"HEAD"} if "GET" in allowed else allowed))


async def complete_allow(message: Message, scope: Scope) -> None:
    """A hook of `before_send`: Litestar answers OPTIONS with the methods of one of the routes that
    share a path."""
    if message["type"] != "http.response.start" or scope.get("method") != "OPTIONS":
        return
    headers = MutableScopeHeaders.from_message(message)
    if "allow" in headers:
        path = scope.get("path_template")
        routes = [route for route in scope["litestar_app"].routes if route.path_format == path]
        headers["allow"] = allow_header(set().union(*(route.methods for route in routes)))
