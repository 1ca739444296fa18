"""A site for tests that speaks HTTP/2 over TLS, properly or not."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived
from h2.exceptions import ProtocolError
from hyperframe.frame import HeadersFrame

from tests.integration.raw_site import STORY

MAX_FRAME = 16_384


class Exchange:
    """One request, and the means to answer it."""

    def __init__(
        self, connection: H2Connection, writer: asyncio.StreamWriter, stream_id: int
    ) -> None:
        self.connection = connection
        self.stream_id = stream_id
        self.window_opened = asyncio.Event()
        self._writer = writer

    async def headers(self, status: str = "200", *, length: int | None = None) -> None:
        headers = [(":status", status), ("content-type", "text/html")]
        if length is not None:
            headers.append(("content-length", str(length)))
        self.connection.send_headers(self.stream_id, headers)
        await self.send()

    async def body(self, data: bytes, *, ends: bool = True) -> None:
        """Sends the data as fast as the client's flow-control windows allow."""
        for start in range(0, len(data), MAX_FRAME):
            part = data[start : start + MAX_FRAME]
            while self.connection.local_flow_control_window(self.stream_id) < len(part):
                self.window_opened.clear()
                await self.window_opened.wait()
            self.connection.send_data(self.stream_id, part)
            await self.send()
        if ends:
            self.connection.end_stream(self.stream_id)
            await self.send()

    async def reset(self) -> None:
        self.connection.reset_stream(self.stream_id)
        await self.send()

    async def go_away(self, last_stream_id: int = 0) -> None:
        """Ends the connection, and claims to have processed no stream after this one."""
        self.connection.close_connection(last_stream_id=last_stream_id)
        await self.send()

    async def trailers_without_end(self) -> None:
        """Trailers that do not end the stream, against RFC 9113, section 8.1."""
        frame = HeadersFrame(self.stream_id, self.connection.encoder.encode([("x-checksum", "1")]))
        frame.flags.add("END_HEADERS")
        await self.send(frame.serialize())

    async def send(self, raw: bytes = b"") -> None:
        """Sends what the connection has to send, then these bytes, whatever they mean."""
        self._writer.write(self.connection.data_to_send() + raw)
        await self._writer.drain()


Answer = Callable[[Exchange], Awaitable[None]]


async def story(exchange: Exchange) -> None:
    await exchange.headers(length=len(STORY))
    await exchange.body(STORY)


class Http2Site:
    """Answers by path, each request in a task of its own; counts its connections."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.answers: dict[str, Answer] = {"/story": story}
        self.requests: list[str] = []
        self.connections = 0
        self.tasks: set[asyncio.Task[None]] = set()

    def url(self, path: str) -> str:
        return f"https://news.example:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        # Unchecked, so that an answer may break the protocol.
        config = H2Configuration(
            client_side=False,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        connection = H2Connection(config)
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        exchanges: list[Exchange] = []
        with suppress(ConnectionError, ssl.SSLError):
            while data := await reader.read(65_536):
                for event in connection.receive_data(data):
                    if isinstance(event, RequestReceived):
                        exchanges.append(Exchange(connection, writer, event.stream_id))
                        self.start(exchanges[-1], dict(event.headers)[b":path"].decode())
                for exchange in exchanges:
                    exchange.window_opened.set()
                writer.write(connection.data_to_send())
        writer.close()

    def start(self, exchange: Exchange, path: str) -> None:
        self.requests.append(path)
        self.keep(self.answer(exchange, path))

    async def answer(self, exchange: Exchange, path: str) -> None:
        with suppress(ConnectionError, ProtocolError, ssl.SSLError):  # the client has left
            await self.answers[path](exchange)

    def keep(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


@asynccontextmanager
async def serving_http2(certificate: Path) -> AsyncIterator[Http2Site]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["h2"])
    site = Http2Site()
    server = await asyncio.start_server(
        lambda reader, writer: site.keep(site.serve(reader, writer)), "127.0.0.1", 0, ssl=context
    )
    site.port = server.sockets[0].getsockname()[1]
    async with server:
        yield site
        for task in list(site.tasks):
            task.cancel()
        await asyncio.gather(*site.tasks, return_exceptions=True)
