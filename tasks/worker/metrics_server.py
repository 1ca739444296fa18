"""A worker's `GET /metrics`, for Prometheus. A fault here never harms the worker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from tasks.telemetry.exposition import CONTENT_TYPE, Exposition

log = structlog.get_logger(__name__)

MAX_CONNECTIONS = 8
"""At once; more are closed."""

REQUEST_SECONDS = 5.0
"""In which a client must have sent its request, and taken the response."""

MAX_HEAD_BYTES = 8192


@asynccontextmanager
async def metrics_server(exposition: Exposition, host: str, port: int) -> AsyncIterator[int | None]:
    """Serves during the body; yields the port, or None where it cannot be listened on."""
    handler = _Handler(exposition)
    try:
        server = await asyncio.start_server(handler.serve, host, port, limit=MAX_HEAD_BYTES)
    except (OSError, UnicodeError) as error:
        log.warning("no metrics are served", host=host, port=port, error=str(error))
        yield None
        return
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class _Handler:
    def __init__(self, exposition: Exposition) -> None:
        self._exposition = exposition
        self._connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            if self._connections > MAX_CONNECTIONS:
                return
            async with asyncio.timeout(REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(await self._response(head.split(b"\r\n", 1)[0]))
                await writer.drain()
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass  # a client that is slow, has left, or speaks something else
        except Exception:
            log.exception("the metrics could not be collected")
        finally:
            self._connections -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _response(self, request: bytes) -> bytes:
        match request.split(b" "):
            case [b"GET", path, _] if path.partition(b"?")[0] == b"/metrics":
                return _response("200 OK", await asyncio.to_thread(self._exposition.text))
            case [_, path, _] if path.partition(b"?")[0] == b"/metrics":
                return _response("405 Method Not Allowed", b"", "Allow: GET\r\n")
            case [_, _, _]:
                return _response("404 Not Found", b"")
        return _response("400 Bad Request", b"")


def _response(status: str, body: bytes, headers: str = "") -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\n{headers}Content-Type: {CONTENT_TYPE}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
