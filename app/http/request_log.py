"""One line of the log for each request, when its response has been sent or its client has left."""

from __future__ import annotations

import logging
import time
from urllib.parse import quote

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger(__name__)

PROBES = ("/health/", "/metrics")
"""Probes come every few seconds, and say nothing that the log would not."""

MAX_PATH = 200
"""Characters of a path in the log."""


class RequestLog:
    """ASGI middleware inside the request's span, so that the line has the ids of its trace.

    The query is left out: it may hold what only the client should know.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != ScopeType.HTTP
            or scope["path"].startswith(PROBES)
            or not log.is_enabled_for(logging.INFO)
        ):
            await self._app(scope, receive, send)
            return
        status: int | None = None
        started = time.monotonic()

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            log.info(
                "request",
                method=scope["method"][:20],
                path=quote(scope["path"], safe="/:")[:MAX_PATH],
                status=status,
                seconds=round(time.monotonic() - started, 4),
            )
