"""The methods of a path: HEAD wherever GET is, and one `Allow` for OPTIONS and for 405."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

ROUTE = ("path_template", "route_handler")
"""What the router adds to a scope."""


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
                # For the hooks of `before_send`, and the name of the span.
                as_head.update({name: as_get[name] for name in ROUTE if name in as_get})
                await send(message)
            elif not message["more_body"]:
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        as_head: Any = scope
        # A copy: the server must still know that this is a HEAD.
        as_get: Any = {**scope, "method": "GET"}
        await self._app(as_get, receive, send_without_body)


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
