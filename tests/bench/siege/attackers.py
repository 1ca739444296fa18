"""`python -m tests.bench.siege.attackers PLAN`: all who mean harm, at once, from one address.

Prints an Attack as JSON.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import re
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any

import msgspec
import uvloop
from msgspec import Struct

from tasks.supervision import die_with_parent
from tests.bench.children import PARENT_PID
from tests.bench.siege.broken_requests import broken_request
from tests.bench.siege.plan import ATTACKER, PRIORITIES, Attack, Plan, plan_of, report

TIMES_CAPACITY = 10
LEAST_PER_SECOND = 50.0
LEAST_LARGE_PER_SECOND = 0.5
"""However small the capacity, so many small and so many large jobs are submitted."""
LARGE_JOB = 1_000
LONG_PATH = "x" * 850
"""With it, a thousand URLs are as much as a body may be."""

SUBMITTERS = 16
LONG_POLLS = 50
HALF_REQUESTS = 500
HOSTILE_SECONDS = 5.0
BROKEN_PER_SECOND = 40.0
SCHEDULES_PER_SECOND = 4.0
READS_PER_SECOND = 4.0
READ_PATHS = (
    "/",
    "/jobs?limit=200",
    "/schedules?limit=200",
    "/queue",
    "/schema/openapi.json",
    "/schema/openapi.yaml",
)
TIMEOUT_SECONDS = 15.0

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


class Response(Struct, frozen=True, kw_only=True):
    status: int
    body: bytes


class Connection:
    """To web, from the attackers' address; made anew whenever it was closed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, request: bytes) -> Response:
        """Raises OSError or EOFError if the connection was closed, TimeoutError.

        One that was idle may have been closed meanwhile: then a new one is tried.
        """
        if self._writer is not None:
            with suppress(OSError, EOFError):
                return await self._exchange(request)
        return await self._exchange(request)

    async def _exchange(self, request: bytes) -> Response:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                reader, writer = await self._open()
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1]) if length else 0)
        except (OSError, EOFError, asyncio.LimitOverrunError, TimeoutError):
            self.close()
            raise
        if b"\r\nconnection: close" in head.lower():
            self.close()
        return Response(status=int(head.split(b" ", 2)[1]), body=body)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(
                "127.0.0.1", self._port, local_addr=(ATTACKER, 0)
            )
        return self._reader, self._writer


def post(path: str, body: object, header: str = "") -> bytes:
    data = msgspec.json.encode(body)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(data)}\r\n{header}\r\n"
    )
    return head.encode() + data


def get(path: str, header: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n".encode()


class Attackers:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._until = time.monotonic() + plan.seconds
        self._pages = itertools.count(plan.first)
        self._priorities = itertools.cycle(PRIORITIES)
        self._rng = random.Random(plan.first)
        self.report = Attack()

    async def run(self) -> None:
        """Until the siege is over. Nothing that the product does ends it sooner."""
        rate = TIMES_CAPACITY * self._plan.articles_per_second
        small, large = max(rate, LEAST_PER_SECOND), max(rate / LARGE_JOB, LEAST_LARGE_PER_SECOND)
        attacks: list[Coroutine[Any, Any, None]] = [
            self._at_rate("jobs of 1", self._job_of_1, small, SUBMITTERS),
            self._at_rate("jobs of 1,000", self._job_of_1000, large, 4),
            self._at_rate("long polls", self._long_poll, LONG_POLLS / 5, LONG_POLLS),
            self._at_rate("hostile sites", self._hostile_job, 7 / HOSTILE_SECONDS, 4),
            self._at_rate("schedules", self._schedule, SCHEDULES_PER_SECOND, 2),
            self._at_rate("reads", self._read, READS_PER_SECOND, 2),
            self._at_rate("broken requests", self._broken, BROKEN_PER_SECOND, 8, keep=False),
            *(self._half_requests() for _ in range(HALF_REQUESTS)),
        ]
        tasks = [asyncio.create_task(attack) for attack in attacks]
        await asyncio.gather(*tasks)

    # What is sent

    def _job(self, urls: list[str]) -> dict[str, object]:
        return {"type": "batch_analysis", "urls": urls, "priority": next(self._priorities)}

    def _urls(self, count: int, path: str = "") -> list[str]:
        self.report.articles[f"jobs of {count:,}"] += count
        pages = itertools.islice(self._pages, count)
        return [self._plan.url("many", page, f"/article/{page}{path}") for page in pages]

    def _job_of_1(self) -> bytes:
        return post("/jobs", self._job(self._urls(1)))

    def _job_of_1000(self) -> bytes:
        long = self._rng.random() < 0.5
        return post("/jobs", self._job(self._urls(LARGE_JOB, "/" + LONG_PATH if long else "")))

    def _long_poll(self) -> bytes:
        return post("/jobs", self._job(self._urls(1)), "Prefer: wait=10\r\n")

    def _hostile_job(self) -> bytes:
        number = next(self._pages)
        kind = ("robots", "hostile", "hung", "silent", "silent", "feeds", "hostile")[number % 7]
        if kind == "feeds":
            return post("/jobs", {"type": "topic_curation", "topic": "siege", "max_articles": 5})
        if kind == "silent":
            names = (f"silent{number}x{n}.example" for n in range(8))
            return post("/jobs", self._job([f"http://{name}/" for name in names]))
        pages = range(number * 8, number * 8 + 8)
        what = "hostile" if kind == "hostile" else "article"
        return post("/jobs", self._job([self._plan.url(kind, n, f"/{what}/{n}") for n in pages]))

    def _schedule(self) -> bytes:
        """Each makes a job every minute."""
        return post("/schedules", {"cron": "* * * * *", "job": self._job(self._urls(100))})

    def _read(self) -> bytes:
        return get(self._rng.choice(READ_PATHS))

    def _broken(self) -> bytes:
        body = msgspec.json.encode(self._job(self._urls(2)))
        return broken_request(self._rng, body)

    # How it is sent

    async def _at_rate(
        self,
        name: str,
        make: Callable[[], bytes],
        per_second: float,
        connections: int,
        *,
        keep: bool = True,
    ) -> None:
        """Sends as many a second as these connections can, but no more than `per_second`."""
        moments = self._moments(per_second)
        await asyncio.gather(*(self._sender(name, make, moments, keep) for _ in range(connections)))

    async def _sender(
        self, name: str, make: Callable[[], bytes], moments: Iterator[float], keep: bool
    ) -> None:
        connection = Connection(self._plan.port)
        for due in moments:
            await asyncio.sleep(due - time.monotonic())
            await self._send(name, connection, make())
            if not keep:
                connection.close()
        connection.close()

    def _moments(self, per_second: float) -> Iterator[float]:
        """When to send; all senders of one kind share it. What was late is not made up for."""
        due = time.monotonic()
        while due < self._until:
            yield due
            due = max(due + 1 / per_second, time.monotonic() - 1)

    async def _send(self, name: str, connection: Connection, request: bytes) -> None:
        try:
            response = await connection.send(request)
        except TimeoutError:
            self.report.answers[f"{name}: silent"] += 1
        except (OSError, EOFError, asyncio.LimitOverrunError):
            self.report.answers[f"{name}: closed"] += 1
        else:
            self.report.answers[f"{name}: {response.status}"] += 1
            self._note(request, response)

    def _note(self, request: bytes, response: Response) -> None:
        if response.status in (200, 202):
            with suppress(msgspec.DecodeError):
                job = msgspec.json.decode(response.body, type=dict[str, Any])
                if job.get("job_id") and job.get("status") == "submitted":
                    self.report.accepted.append(job["job_id"])
        elif response.status >= 500 and response.status != 503:
            self.report.faults.append(repr(request[:300]))

    async def _half_requests(self) -> None:
        """One byte after the other of a request that never ends, and again."""
        while time.monotonic() < self._until:
            with suppress(OSError):
                _, writer = await asyncio.open_connection(
                    "127.0.0.1", self._plan.port, local_addr=(ATTACKER, 0)
                )
                writer.write(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX: ")
                while time.monotonic() < self._until and not writer.transport.is_closing():
                    writer.write(b"x")
                    await asyncio.sleep(1)
                writer.transport.abort()
            await asyncio.sleep(1)


async def _run(plan: Plan) -> None:
    attackers = Attackers(plan)
    await attackers.run()
    report(attackers.report)


def main(arguments: list[str]) -> None:
    die_with_parent(int(os.environ[PARENT_PID]))
    uvloop.run(_run(plan_of(arguments)))


if __name__ == "__main__":
    main(sys.argv[1:])
