"""Clients on bare sockets, which may send a request slowly, in part or wrongly, or read slowly."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.waiting import wait_until

HOST = b"Host: localhost\r\n"
GET = b"GET /health/live HTTP/1.1\r\n" + HOST
"""A request without the end of its header."""

_LENGTH = re.compile(rb"content-length: *([0-9]+)", re.IGNORECASE)


class RawClient(asyncio.Protocol):
    """One connection."""

    def __init__(self, bytes_per_read: int | None = None) -> None:
        self.received = bytearray()
        self.closed = False
        """By the server."""
        self._bytes_per_read = bytes_per_read
        """It pauses after so many; None: it reads all at once."""
        self._unpaused = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        self._unpaused += len(data)
        if self._bytes_per_read is not None and self._unpaused > self._bytes_per_read:
            self._unpaused = 0
            self.transport.pause_reading()
            asyncio.get_running_loop().call_later(0.1, self.transport.resume_reading)

    def eof_received(self) -> None:
        self.closed = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True

    def send(self, data: bytes) -> None:
        if not self.closed:
            self.transport.write(data)

    async def drip(self, data: bytes) -> None:
        """Sends one byte after the other, until the server ends the connection."""
        for byte in data:
            if self.closed:
                return
            self.send(bytes([byte]))
            await asyncio.sleep(0.05)

    async def response(self) -> bytes:
        """The next response, which must have a Content-Length."""
        await wait_until(lambda: b"\r\n\r\n" in self.received, "the header of a response")
        head = bytes(self.received).partition(b"\r\n\r\n")[0]
        length = _LENGTH.search(head)
        assert length
        size = len(head) + 4 + int(length[1])
        await wait_until(lambda: len(self.received) >= size, "the body of a response")
        response = bytes(self.received[:size])
        del self.received[:size]
        return response

    async def rest(self) -> bytes:
        """All that the server sends before it ends the connection."""
        await wait_until(lambda: self.closed, "the server to end the connection")
        return bytes(self.received)


@asynccontextmanager
async def raw_clients(
    url: str, count: int = 1, *, own_address: str = "127.0.0.1", bytes_per_read: int | None = None
) -> AsyncIterator[list[RawClient]]:
    """Connections to the server at this URL, from that address of loopback."""
    host, port = url.removeprefix("http://").split(":")
    loop = asyncio.get_running_loop()
    clients = []
    try:
        for _ in range(count):
            _, client = await loop.create_connection(
                lambda: RawClient(bytes_per_read), host, int(port), local_addr=(own_address, 0)
            )
            clients.append(client)
        yield clients
    finally:
        for client in clients:
            client.transport.abort()


def still_open(clients: list[RawClient]) -> int:
    return sum(not client.closed for client in clients)
