"""How long requests take, as the metric of OpenTelemetry's semantic conventions."""

from __future__ import annotations

import time

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app.http.tracing import METHODS
from tasks.telemetry.metrics import REQUEST_DURATION

NOT_MEASURED = ("/health/", "/metrics", "/static/")
"""Probes would hide what people wait for."""


class RequestDurations:
    """ASGI middleware inside the request's span, so that this is an exemplar of the duration."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["path"].startswith(NOT_MEASURED):
            await self._app(scope, receive, send)
            return
        status, started = 0, time.monotonic()

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            method = str(scope["method"])
            attributes = {
                "http.request.method": method if method in METHODS else "_OTHER",
                "http.route": str(scope.get("path_template") or ""),
                "http.response.status_code": str(status or ""),
            }
            REQUEST_DURATION.record(time.monotonic() - started, attributes)
