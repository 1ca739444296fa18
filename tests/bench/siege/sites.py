"""`python -m tests.bench.siege.sites PLAN`: all the sites of a siege, and their name server.

Good sites, hostile ones, and ones that never answer; and a name server that knows them all, but
never answers about names that begin with `silent`. It runs until it is ended.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import struct
import sys
from contextlib import suppress
from dataclasses import replace
from functools import cache
from ipaddress import ip_address
from typing import cast

import uvloop

from tasks.supervision import die_with_parent
from tests.bench.children import PARENT_PID
from tests.bench.siege.hostile import Answer, feed, page, robots, sized
from tests.bench.siege.plan import NAME_SERVER, SITES, Plan, all_hosts, plan_of
from tests.sampleweb.catalogue import ARTICLES
from tests.sampleweb.pages import article_page

NUMBER = "4815162342"
"""Stands for a page's number in what is made once."""

OWN = tuple(article for article in ARTICLES if article.original)

NOT_FOUND = Answer(start=b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
HANG = Answer(start=b"", then="hang")


@cache
def _template(number: int) -> bytes:
    article = OWN[number]
    opening = f"This is report {NUMBER}, written for readers of edition {NUMBER} and no other."
    numbered = replace(article, paragraphs=(opening, *article.paragraphs))
    return article_page(numbered, dt.datetime.now(dt.UTC).date())


def _article(number: int) -> Answer:
    """A page that no other number has, so no cache knows it."""
    body = _template(number % len(OWN)).replace(NUMBER.encode(), str(number).encode())
    return sized(body, "text/html; charset=utf-8")


def answer(kind: str, host_number: int, path: str) -> Answer:
    _, what, name = (path.partition("?")[0] + "//").split("/", 2)
    number = int(digits) if (digits := name.strip("/")).isdigit() else 0
    match kind, what:
        case "hung", _:
            return HANG
        case "robots", "robots.txt":
            return robots(host_number)
        case _, "robots.txt":
            return sized(b"User-agent: *\nAllow: /\n", "text/plain")
        case _, "article":
            return _article(number)
        case _, "hostile":
            return page(number)
        case _, "feed":
            return feed(number)
    return NOT_FOUND


class Sites:
    """One server that is all the sites, told apart by the `Host` of a request."""

    def __init__(self, plan: Plan) -> None:
        self._hosts = all_hosts(named=plan.named)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ValueError, EOFError, asyncio.LimitOverrunError):
            while await self._respond(reader, writer):
                pass
        writer.transport.abort()

    async def _respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answers one request; whether the connection takes another."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        host = headers.get("host", "").partition(":")[0]
        kind, number = self._hosts.get(host, ("", 0))
        response = answer(kind, number, first.split(" ")[1])
        writer.write(response.start)
        await writer.drain()
        await _go_on(response.then, reader, writer)
        return response.then == "next"


async def _go_on(then: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if then == "hang":
        await reader.read()  # until the client leaves
    while then == "flood":
        writer.write(b"<p>x</p>" * 8_192)
        await writer.drain()
    while then == "drip":
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(1)


class NameServer(asyncio.DatagramProtocol):
    """Leads the names of a siege to its sites (RFC 1035). There are no other names."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        with suppress(IndexError, UnicodeDecodeError, struct.error):
            if (response := _response(data)) is not None:
                self._transport.sendto(response, addr)


def _response(query: bytes) -> bytes | None:
    """None: it stays silent."""
    labels, at = [], 12
    while length := query[at]:
        labels.append(query[at + 1 : at + 1 + length].decode("ascii").lower())
        at += 1 + length
    question, (kind,) = query[12 : at + 5], struct.unpack_from("!H", query, at + 1)
    if labels[0].startswith("silent"):
        return None
    known = labels[-1] == "example"
    records = b""
    if known and kind == 1:  # A
        address = ip_address(SITES).packed
        records = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, len(address)) + address
    flags = 0x8180 if known else 0x8183  # no such name
    return query[:2] + struct.pack("!HHHHH", flags, 1, bool(records), 0, 0) + question + records


async def _run(plan: Plan) -> None:
    sites = Sites(plan)
    loop = asyncio.get_running_loop()
    addresses = [SITES] if plan.named else [*all_hosts(named=False)]
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(sites.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    if plan.named:
        await loop.create_datagram_endpoint(NameServer, local_addr=(NAME_SERVER, 53))
    await asyncio.start_server(accept, addresses, plan.site_port, backlog=512)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def main(arguments: list[str]) -> None:
    die_with_parent(int(os.environ[PARENT_PID]))
    uvloop.run(_run(plan_of(arguments)))


if __name__ == "__main__":
    main(sys.argv[1:])
