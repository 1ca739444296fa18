"""When a request may be sent: how many at once, and how far apart they start.

There are two limits. `RequestLimiter`, which the client calls, bounds the requests of this process.
It asks a `HostRateLimiter`, which bounds the requests to each host: their number at once, and the
minimum **interval** between their starts.

A request asks the host rate limiter with a **ticket**. The answer is to go now, or to ask again
after some milliseconds; meanwhile the ticket keeps its place in the host's **queue**, even while
no task waits for it. A request that may go occupies one of the host's **slots** until it is
released. The slot of a process that died expires.

`LocalRateLimiter` keeps all this in one process; `RedisRateLimiter` (`tasks.ledger.rate_limiter`)
shares it between workers. Both pass the same contract tests.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import structlog
from msgspec import Struct

from tasks.errors import HostBusy, PermanentFailure, Reason, TransientFailure
from tasks.step_context import current_step
from tasks.telemetry.metrics import HOST_WAIT
from tasks.telemetry.tracing import host_wait_span

MAX_INTERVAL_SECONDS = 30.0
"""The longest interval that we honour. Sites whose robots.txt asks for a longer one are asked this
often: with a Crawl-delay of an hour one article would keep its job for days."""

ABANDONED_AFTER_MS = 60_000
"""A ticket whose turn passed this long ago is dropped from the queue: its step will not return.
Steps that do return come within a reaper's round and the time in which a worker takes a step."""

INTERVAL_TTL_MS = 300_000
"""How long an interval also holds for requests that do not know of it themselves. Each request
that knows of it restarts this time."""

STAGGER_MS = 5
"""Between requests that ask again at the same moment, in the order of the queue."""

POLL_MS = 50
"""While all slots are taken, the first in the queue polls at this interval, the second at twice
this interval, and so on: 18 in a queue poll 70 times a second, not 360."""

MAX_FREE_REFUSALS = 3
"""How many times in a row a host may make us wait with Retry-After without a try being counted.
After that each wait counts as a try, or a host that always refuses would keep a job for ever."""


class Ticket(Struct, frozen=True, kw_only=True):
    """A request for permission to send one request to a host."""

    host: str
    id: str
    """The same whenever the same request asks again."""
    holder: str
    """The process that asks. If two processes use the same ticket, because one of them has lost
    its lease, each has a slot of its own."""
    interval_ms: int
    """The least time between this request's start and those before and after it."""
    urgent: bool = False
    """Whether it goes before all others, as robots.txt does: otherwise the pages of a host would
    wait once behind the queue for its robots.txt, and then again for themselves."""


class Grant(Struct, frozen=True, kw_only=True):
    """The answer to a ticket."""

    wait_ms: int
    """0: go now. Otherwise: ask again after this time."""
    refused: bool = False
    """Whether the host has refused us so often in a row that waiting counts as a try."""


class HostRateLimiter(Protocol):
    """Grants requests to hosts. No call fails because Redis is unavailable."""

    async def try_acquire(self, ticket: Ticket) -> Grant:
        """Idempotent. A ticket that was granted, or will not ask again, must be released."""
        ...

    def release(self, ticket: Ticket, *, answered: bool) -> None:
        """Frees the slot, or the place in the queue, without waiting until that is done.

        `answered`: whether the host gave a proper answer, which ends a series of refusals.
        """
        ...

    async def block_for(self, host: str, wait_ms: int) -> None:
        """Sends no request to the host for this time."""
        ...

    async def require_interval(self, host: str, interval_ms: int) -> None:
        """Raises the host's interval, also for requests that do not know of it yet."""
        ...

    async def aclose(self) -> None: ...


log = structlog.get_logger(__name__)

MAX_WAIT_SECONDS = 5.0
"""How long a step waits for its host in the worker. Beyond that other steps make better use of its
slot in the worker: it is postponed until its turn has come."""

DOCUMENT_MAX_WAIT_SECONDS = 30.0
"""The same for a source's requests. Here the step is not postponed, but the source is left out:
otherwise all its other sources would be asked again."""

MIN_POSTPONE_SECONDS = 1.0
"""The least time for which a step is postponed."""

EARLY_SECONDS = 0.5
"""How long before its turn a postponed step is due: the reaper looks twice a second."""


class Pace(Struct, frozen=True, kw_only=True):
    """How one request is ordered among others to its host."""

    interval: float = 0.0
    """Seconds between its start and those before and after it, at least."""
    urgent: bool = False
    """Whether it goes before all others."""
    max_wait: float | None = None
    """Seconds after which it fails. None: within a step it is postponed (HostBusy); outside of one
    it waits as long as it takes."""


DEFAULT_PACE = Pace()


class RequestLimiter:
    """Permission to send one request, within the limits of this process and of the host."""

    def __init__(
        self,
        total: int,
        host_limiter: HostRateLimiter,
        *,
        interval: float = 0.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._slots = asyncio.Semaphore(total)
        self._host_limiter = host_limiter
        self._interval = interval
        self._sleep = sleep
        self._holder = secrets.token_hex(6)
        self._tickets_in_use: set[str] = set()
        """The ids of tickets for which a task waits or runs here."""

    @asynccontextmanager
    async def slot(self, host: str, url: str, pace: Pace) -> AsyncIterator[None]:
        """Holds a slot for the body.

        Raises HostBusy where the step should come back later, or TransientFailure.
        """
        ticket = self._ticket(host, url, pace)
        self._tickets_in_use.add(ticket.id)
        answered = keeps_place = False
        started = time.monotonic()
        try:
            with host_wait_span(host):
                await self._acquire(ticket, pace)
            HOST_WAIT.record(time.monotonic() - started)
            try:
                yield
                answered = True
            except PermanentFailure:
                answered = True  # a page that does not exist is no refusal
                raise
            finally:
                self._slots.release()
        except HostBusy:
            keeps_place = True
            raise
        finally:
            self._tickets_in_use.discard(ticket.id)
            if not keeps_place:
                self._host_limiter.release(ticket, answered=answered)

    async def block_for(self, host: str, seconds: float) -> None:
        """Sends no request to this host for this time."""
        await self._host_limiter.block_for(host, _ms(seconds))

    async def require_interval(self, host: str, interval: float) -> None:
        """Raises the host's interval to this number of seconds."""
        await self._host_limiter.require_interval(host, _ms(interval))

    async def aclose(self) -> None:
        await self._host_limiter.aclose()

    def _ticket(self, host: str, url: str, pace: Pace) -> Ticket:
        """A step has the same ticket for a URL whenever it asks, in whichever worker. Urgent
        requests are made once for all steps of this process, so they belong to the process."""
        owner = self._holder if pace.urgent else current_step() or secrets.token_hex(6)
        ticket_id = _digest(f"{owner} {url}")
        if ticket_id in self._tickets_in_use:
            ticket_id = _digest(f"{owner} {url} {secrets.token_hex(6)}")
        return Ticket(
            host=host,
            id=ticket_id,
            holder=self._holder,
            interval_ms=_ms(max(self._interval, pace.interval)),
            urgent=pace.urgent,
        )

    async def _acquire(self, ticket: Ticket, pace: Pace) -> None:
        """Returns holding one of this process's slots; a ticket that waits holds none."""
        waited = 0.0
        while True:
            grant = await self._try_acquire(ticket)
            if not grant.wait_ms:
                return
            wait = grant.wait_ms / 1000
            _check_wait(ticket.host, grant, waited + wait, pace)
            await self._sleep(wait)
            waited += wait

    async def _try_acquire(self, ticket: Ticket) -> Grant:
        """Asks while holding a slot, so that a request that may go goes at once."""
        await self._slots.acquire()
        granted = False
        try:
            grant = await self._host_limiter.try_acquire(ticket)
            granted = not grant.wait_ms
        finally:
            if not granted:
                self._slots.release()
        return grant


def _check_wait(host: str, grant: Grant, total_wait: float, pace: Pace) -> None:
    """Raises where the request should not wait in this process."""
    wait = grant.wait_ms / 1000
    if grant.refused:
        raise TransientFailure(
            Reason.SERVER_ERROR,
            "The site asks us again and again to wait.",
            retry_after=wait,
            host=host,
        )
    if pace.max_wait is not None and total_wait > pace.max_wait:
        raise TransientFailure(
            Reason.TIMED_OUT,
            "Too many requests wait for this site.",
            retry_after=wait,
            host=host,
        )
    if pace.max_wait is None and current_step() is not None and total_wait > MAX_WAIT_SECONDS:
        log.info("a step waits for its host", host=host, seconds=wait)
        raise HostBusy(host, max(wait - EARLY_SECONDS, MIN_POSTPONE_SECONDS))


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
