"""The sample web behind its HTTP proxy: one loopback port that plays every host."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self
from urllib.parse import urlsplit

from tests.sampleweb.conditional import unless_known
from tests.sampleweb.manners import Visit, Visits, Wishes
from tests.sampleweb.reply import Reply, text
from tests.sampleweb.site import Site


@dataclass(frozen=True, kw_only=True)
class _Request:
    method: str
    target: str
    headers: dict[str, str]
    """By names in lower case."""
    keep_alive: bool


async def _read_request(reader: asyncio.StreamReader) -> _Request | None:
    """The next request on the connection, or None where the client has ended it."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in _split(lines)}
    await reader.readexactly(int(headers.get("content-length", 0)))
    method, target, version = first.split(" ")
    keep_alive = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    return _Request(method=method, target=target, headers=headers, keep_alive=keep_alive)


def _split(lines: list[str]) -> Iterator[tuple[str, str, str]]:
    return (line.partition(":") for line in lines)


def _retry_after(reply: Reply) -> float | None:
    told = reply.headers.get("Retry-After")
    return float(told) if told else None


def _head(reply: Reply, keep_alive: bool) -> bytes:
    headers = {"Content-Type": reply.content_type, **reply.headers}
    if reply.stream is None:
        headers["Content-Length"] = str(reply.promised_bytes or len(reply.body))
    headers["Connection"] = "keep-alive" if keep_alive else "close"
    status = f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"
    return "\r\n".join([status, *(f"{n}: {v}" for n, v in headers.items()), "", ""]).encode()


async def _send(writer: asyncio.StreamWriter, reply: Reply, head: bytes, *, body: bool) -> None:
    await asyncio.sleep(reply.wait_seconds)
    writer.write(head + (reply.body if body else b""))
    await writer.drain()
    if body and reply.stream is not None:
        async for chunk in reply.stream:
            writer.write(chunk)
            await writer.drain()


async def _unless_gone(reader: asyncio.StreamReader, work: Coroutine[None, None, None]) -> None:
    """Do the work, but not for longer than the client stays on the line."""
    working, gone = asyncio.ensure_future(work), asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        working.cancel()
        gone.cancel()
        await asyncio.gather(working, gone, return_exceptions=True)


class SampleWeb:
    """An HTTP egress proxy that leads to no network but to pages of its own.

    Deterministic for one `today`, from which the articles' dates are counted back.
    """

    def __init__(
        self,
        *,
        today: dt.date | None = None,
        latency_seconds: float = 0.0,
        wishes: Mapping[str, Wishes] | None = None,
    ) -> None:
        self.visits = Visits(dict(wishes or {}))
        self._site = Site(today or dt.datetime.now(dt.UTC).date(), self.visits.wishes)
        self._latency_seconds = latency_seconds
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._open: Counter[str] = Counter()
        self.requests: Counter[tuple[str, str]] = Counter()
        """How often each (method, address) was asked for, counted when the request arrives."""
        self.connections = 0
        """How many were made."""
        self.unchanged: Counter[str] = Counter()
        """How often each address was answered with 304."""
        self.peak_concurrency: Counter[str] = Counter()
        """By host: the most requests that were being answered at one moment."""

    async def start(self, port: int = 0) -> None:
        """Listen on loopback; port 0 takes a free one."""
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", port)

    async def stop(self) -> None:
        """End all connections, also those in the middle of an answer."""
        if self._server is None:
            return
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await self.idle()
        await self._server.wait_closed()
        self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def proxy_url(self) -> str:
        if self._server is None:
            raise RuntimeError("The sample web has not been started.")
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def fetches(self, url: str) -> int:
        """How often the address was asked for with GET."""
        return self.requests["GET", url]

    async def idle(self) -> None:
        """Return when every connection of this moment has ended."""
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = asyncio.get_running_loop().create_task(self._converse(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await _read_request(reader):
                if not await self._serve(request, reader, writer):
                    break
            writer.close()
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            writer.close()  # a client that left, or that does not speak HTTP
        finally:
            if not writer.is_closing():
                writer.transport.abort()

    async def _serve(
        self, request: _Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer one request; whether the connection may serve another."""
        with self._counted(request) as visit:
            reply = self._answer(request)
            visit.retry_after = _retry_after(reply)
            keep_alive = request.keep_alive and reply.orderly
            await asyncio.sleep(self._latency_seconds)
            head, body = _head(reply, keep_alive), request.method != "HEAD"
            sending = _send(writer, reply, head, body=body)
            if reply.orderly:
                await sending
            else:
                await _unless_gone(reader, sending)
        return keep_alive

    def _answer(self, request: _Request) -> Reply:
        if request.method not in ("GET", "HEAD"):
            return text(405, "The sample web can only be read.", Allow="GET, HEAD")
        if not request.target.startswith("http"):
            return text(400, "This is a proxy: it takes whole addresses only.")
        reply = unless_known(self._site.answer(request.target, request.headers), request.headers)
        self.unchanged[request.target] += reply.status == 304
        return reply

    @contextmanager
    def _counted(self, request: _Request) -> Iterator[Visit]:
        host = urlsplit(request.target).hostname or ""
        self.requests[request.method, request.target] += 1
        self._open[host] += 1
        self.peak_concurrency[host] = max(self.peak_concurrency[host], self._open[host])
        try:
            with self.visits.visit(host, request.target, self._open[host]) as visit:
                yield visit
        finally:
            self._open[host] -= 1
