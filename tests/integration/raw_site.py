"""A server for tests that says exactly what it is told to, right or wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address

from tasks.fetch.addresses import Address
from tests.tcp_server import tcp_server

OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n"
STORY = b"<html><title>A story</title><p>It rained.</p></html>"


def sized(body: bytes, *headers: bytes) -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return OK + lines + b"content-length: %d\r\n\r\n" % len(body) + body


def redirect(location: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n".encode()


class Site:
    """A server that says exactly what it is told to, by path, and counts who came.

    It takes the absolute form of a request too, so that it can stand for a proxy.
    """

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {"/story": sized(STORY)}
        self.with_cookie: dict[str, bytes] = {}
        """The answers to requests that bring a cookie, where they differ."""
        self.then = "close"
        """What follows an answer that is not of a known length: `close`, `hang` or `flood`."""
        self.requests: list[str] = []
        self.arrivals: asyncio.Queue[str] = asyncio.Queue()
        self.connections = 0
        self.greeting = b""
        """Said before anything was asked."""
        self.port = 0

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def came(self, path: str) -> None:
        """Returns when the path has been asked for."""
        while await self.arrivals.get() != path:
            pass

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            writer.write(self.greeting)
            while line := await reader.readline():
                has_cookie = False
                while header := (await reader.readline()).strip():
                    has_cookie = has_cookie or header.lower().startswith(b"cookie:")
                target = line.split()[1].decode()
                self.requests.append(target)
                self.arrivals.put_nowait(target)
                path = "/" + target.split("/", 3)[-1] if "://" in target else target
                if not await self.answer(path, writer, has_cookie=has_cookie):
                    return
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def answer(
        self, path: str, writer: asyncio.StreamWriter, *, has_cookie: bool = False
    ) -> bool:
        """Whether the connection can be used again."""
        not_found = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
        answer = self.answers.get(path, not_found)
        if has_cookie:
            answer = self.with_cookie.get(path, answer)
        writer.write(answer)
        await writer.drain()
        if b"content-length" in answer:
            return True
        while self.then == "flood":
            writer.write(b"x" * 65_536)
            await writer.drain()
        if self.then == "hang":
            await asyncio.Event().wait()
        return False


@asynccontextmanager
async def serving() -> AsyncIterator[Site]:
    site = Site()
    async with tcp_server(site.serve) as site.port:
        yield site


async def loopback_resolver(host: str) -> list[Address]:
    """Leads every name to this machine."""
    return [ip_address("127.0.0.1")]
