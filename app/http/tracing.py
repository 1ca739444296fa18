"""The SERVER span of each request: the root of its trace, or a child of the caller's span.

OpenTelemetry's ASGI instrumentation is not used: it adds a span for each message of the body, and
has neither the route nor the current names of the semantic conventions.
"""

from __future__ import annotations

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.util.types import AttributeValue

UNTRACED = ("/static/", "/health/", "/metrics", "/favicon.ico")

METHODS = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
)


class ServerSpans:
    """ASGI middleware around the router: it also sees the requests that the router refuses."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["path"].startswith(UNTRACED):
            await self._app(scope, receive, send)
            return
        with self._tracer.start_as_current_span(
            _method(scope),
            context=propagate.extract(_carrier(scope), context=Context()),
            kind=SpanKind.SERVER,
            attributes=_attributes(scope),
        ) as span:

            async def send_and_record(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _record_status(span, message["status"])
                    message["headers"] = [*message["headers"], (b"traceresponse", _own_id(span))]
                await send(message)

            try:
                await self._app(scope, receive, send_and_record)
            finally:
                _record_route(span, scope)


def _method(scope: HTTPScope) -> str:
    method = str(scope["method"])
    return method if method in METHODS else "HTTP"


def _carrier(scope: HTTPScope) -> dict[str, str]:
    propagated = (b"traceparent", b"tracestate", b"baggage")
    return {
        name.decode(): value.decode("latin-1")
        for name, value in scope["headers"]
        if name in propagated
    }


def _own_id(span: Span) -> bytes:
    """As W3C's Trace Context, level 2, has it."""
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}".encode()


def _attributes(scope: HTTPScope) -> dict[str, AttributeValue]:
    method = _method(scope)
    given: dict[str, AttributeValue | None] = {
        "http.request.method": "_OTHER" if method == "HTTP" else method,
        "url.path": scope["path"],
        "url.scheme": scope["scheme"],
        "url.query": scope["query_string"].decode("latin-1") or None,
        "network.protocol.version": scope.get("http_version"),
    }
    if client := scope.get("client"):
        given["client.address"] = client[0]
    if server := scope.get("server"):
        given["server.address"], given["server.port"] = server
    return {name: value for name, value in given.items() if value is not None}


def _record_status(span: Span, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        span.set_attribute("error.type", str(status))
        span.set_status(Status(StatusCode.ERROR))


def _record_route(span: Span, scope: HTTPScope) -> None:
    """The route is known once the router has run. Without a route, the name stays the method."""
    if route := scope.get("path_template"):
        span.set_attribute("http.route", str(route))
        span.update_name(f"{_method(scope)} {route}")
