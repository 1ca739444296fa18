"""A TCP proxy that can cut off whoever goes through it, go silent, or take its time."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Silences:
    """Set once nothing passes any more in that direction."""

    def __init__(self) -> None:
        self.requests = asyncio.Event()
        self.answers = asyncio.Event()


class Proxy:
    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._connections: set[asyncio.Task[None]] = set()
        self._open = True
        self._silences = Silences()
        self.port = 0
        self.delay_seconds = 0.0
        """In each direction."""

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """No coroutine: one that is cancelled before its first step would close nothing."""
        if not self._open:
            writer.transport.abort()
            return
        connection = asyncio.create_task(self._join(reader, writer))
        self._connections.add(connection)

        def end(_: asyncio.Task[None]) -> None:
            self._connections.discard(connection)
            writer.transport.abort()

        connection.add_done_callback(end)

    async def cut(self) -> None:
        """Ends all connections, and takes none until `mend`."""
        self._open = False
        ending = list(self._connections)
        for connection in ending:
            connection.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def silence(self, *, answers_only: bool = False) -> None:
        """Nothing passes any more, or no answer, and nobody is told. New connections are taken, and
        the same becomes of them until `mend`. Those from before stay silent even then."""
        self._silences.answers.set()
        if not answers_only:
            self._silences.requests.set()

    def mend(self) -> None:
        self._open = True
        self._silences = Silences()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        silences = self._silences
        there, back = await asyncio.open_connection(*self._target)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, back, silences.requests))
                group.create_task(self._pump(there, writer, silences.answers))
        finally:
            back.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silence: asyncio.Event
    ) -> None:
        """Each chunk has its own delay, so those behind it do not add theirs."""
        loop = asyncio.get_running_loop()
        chunks: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def send() -> None:
            while True:
                due, data = await chunks.get()
                await asyncio.sleep(due - loop.time())
                if silence.is_set():
                    await asyncio.Event().wait()  # until it is cut
                if not data:
                    writer.close()
                    return
                with suppress(OSError):
                    writer.write(data)
                    await writer.drain()

        sending = asyncio.create_task(send())
        try:
            while data := await _read(reader):
                chunks.put_nowait((loop.time() + self.delay_seconds, data))
            chunks.put_nowait((loop.time() + self.delay_seconds, b""))
            await sending
        finally:
            sending.cancel()


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(1 << 16)
    except OSError:  # it was reset
        return b""


@asynccontextmanager
async def proxy_to(
    host: str, port: int, context: ssl.SSLContext | None = None
) -> AsyncIterator[Proxy]:
    """A proxy on loopback, which speaks TLS with a context."""
    proxy = Proxy(host, port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, ssl=context)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.cut()
        await server.wait_closed()
