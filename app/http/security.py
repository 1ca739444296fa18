"""Protection of the service and of its users' browsers: the checks before every handler, and the
security headers.

There is no authentication. What is checked is that a request names this service (DNS rebinding),
that it came through the proxy where one is configured, and that a request which changes something
was not sent by a page of another site (CSRF). The checks are guards of the application, so a new
handler has them without asking for them.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from litestar.config.cors import CORSConfig
from litestar.connection import ASGIConnection
from litestar.datastructures import MutableScopeHeaders
from litestar.exceptions import ClientException, PermissionDeniedException
from litestar.handlers.base import BaseRouteHandler
from litestar.types import Message, Scope

from app.http.hosts import PROXY_SECRET_HEADER, AllowedHosts

Connection = ASGIConnection[Any, Any, Any, Any]
Guard = Callable[[Connection, BaseRouteHandler], Awaitable[None]]

ANY_CLIENT = {"any_client": True}
"""The `opt` of handlers for load balancers and monitoring: these address a process directly, by an
address and not through the proxy. Such a handler must disclose nothing and change nothing."""

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

OWN_SITES = ("same-origin", "none")
"""Values of `Sec-Fetch-Site`. `none`: the user acted without a page, as in sending a form again."""


class WrongHost(ClientException):
    """The `Host` header does not name this service."""

    status_code = 421


class NotThroughProxy(PermissionDeniedException):
    """The request does not have the proxy's secret."""


class CrossOrigin(PermissionDeniedException):
    """The request would change something, and was sent by a page of another site."""


class RequestGuards:
    """The guards of the application. They are coroutines, as Litestar runs others in threads."""

    def __init__(
        self, hosts: AllowedHosts, proxy_secret: str | None, cors_origins: Sequence[str] = ()
    ) -> None:
        self._hosts = hosts
        self._proxy_secret = proxy_secret
        self._cors_origins = cors_origins

    def in_order(self) -> Sequence[Guard]:
        return [self.require_own_host, self.require_proxy, self.require_same_origin]

    async def require_own_host(self, connection: Connection, handler: BaseRouteHandler) -> None:
        header = connection.headers.get("host", "")
        server = connection.scope.get("server")
        local_address = server[0] if server else None
        if not _any_client(handler) and not self._hosts.allow(header, local_address):
            raise WrongHost(
                detail=f"This service does not answer to the host `{header[:80]}`; if that is its "
                "name, add it to the setting ALLOWED_HOSTS."
            )

    async def require_proxy(self, connection: Connection, handler: BaseRouteHandler) -> None:
        if self._proxy_secret is None or _any_client(handler):
            return
        given = connection.headers.get(PROXY_SECRET_HEADER, "")
        if not hmac.compare_digest(given.encode(), self._proxy_secret.encode()):
            raise NotThroughProxy(detail="Send it through the proxy of this service.")

    async def require_same_origin(self, connection: Connection, _: BaseRouteHandler) -> None:
        """Browsers send the site and the origin of a page, and no page can change these headers. A
        request with neither does not come from a page."""
        if connection.scope.get("method") in SAFE_METHODS:
            return
        headers = connection.headers
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if origin is not None and origin in self._cors_origins:
            allowed = True
        elif site:
            allowed = site in OWN_SITES
        else:
            allowed = origin is None or self._hosts.allow_origin(origin, headers.get("host", ""))
        if not allowed:
            raise CrossOrigin(detail="Send it from a page of this service, or without a browser.")


def _any_client(handler: BaseRouteHandler) -> bool:
    return bool(handler.opt.get("any_client"))


def cors_config(origins: Sequence[str]) -> CORSConfig | None:
    """Which pages of other sites may use the interface; by default none (None)."""
    if not origins:
        return None
    return CORSConfig(
        allow_origins=list(origins),
        allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Content-Type", "Idempotency-Key", "If-None-Match", "Prefer", "Traceparent"],
        expose_headers=[
            *("Content-Location", "ETag", "Idempotent-Replayed", "Location"),
            *("Preference-Applied", "Retry-After"),
        ],
    )


SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # Not `no-referrer`: with it browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}


async def add_security_headers(message: Message, scope: Scope) -> None:
    """A hook of Litestar's `before_send`."""
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        for name, value in SECURITY_HEADERS.items():
            headers.setdefault(name, value)
