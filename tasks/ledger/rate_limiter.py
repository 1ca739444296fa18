"""The host rate limiter that all workers share, on Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from tasks.errors import LedgerUnavailable
from tasks.fetch.local_rate_limiter import LocalRateLimiter
from tasks.fetch.rate_limiter import Grant, Ticket
from tasks.ledger.scripts import Scripts

log = structlog.get_logger(__name__)

SLOT_SECONDS = 10.0
"""How long after its worker's death a slot expires. While its request runs it is renewed three
times as often; most requests have ended before the first renewal."""

BACKOFF_SECONDS = 2.0
"""How long Redis is left alone after a call that failed: one that hangs takes 5 s to fail."""


class RedisRateLimiter:
    """See `tasks.fetch.rate_limiter.HostRateLimiter` for what each call promises.

    Two uses of one ticket by one holder would share its slot, so a holder uses each ticket once at
    a time. While Redis is unavailable, this worker limits its own requests by itself. Its local
    limiter records all requests at all times, so that it does not start without knowledge.
    """

    def __init__(
        self,
        scripts: Scripts,
        per_host: int,
        local_slot_seconds: float,
        slot_seconds: float = SLOT_SECONDS,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scripts = scripts
        self._per_host = per_host
        self._slot_ms = round(slot_seconds * 1000)
        self._local = LocalRateLimiter(per_host, local_slot_seconds)
        self._clock = clock
        self._unavailable_until = clock()
        self._pending: set[asyncio.Task[Any]] = set()
        self._renewals: dict[str, asyncio.TimerHandle] = {}
        """By ticket id: the next renewal of each slot that is held here."""

    async def try_acquire(self, ticket: Ticket) -> Grant:
        reply = await self._run(
            "host_acquire",
            ticket.host,
            ticket.id,
            ticket.holder,
            ticket.interval_ms,
            int(ticket.urgent),
            self._per_host,
            self._slot_ms,
        )
        if reply is None:
            return await self._local.try_acquire(ticket)
        wait_ms, refused = reply
        if not wait_ms:
            self._local.record_start(ticket)
            self._renew_later(ticket)
        return Grant(wait_ms=wait_ms, refused=bool(refused))

    def release(self, ticket: Ticket, *, answered: bool) -> None:
        if renewal := self._renewals.pop(ticket.id, None):
            renewal.cancel()
        self._local.release(ticket, answered=answered)
        call = self._run("host_release", ticket.host, ticket.id, ticket.holder, int(answered))
        self._run_in_background(call)

    async def block_for(self, host: str, wait_ms: int) -> None:
        await self._local.block_for(host, wait_ms)
        await self._run("host_restrict", host, 0, wait_ms)

    async def require_interval(self, host: str, interval_ms: int) -> None:
        await self._local.require_interval(host, interval_ms)
        await self._run("host_restrict", host, interval_ms, 0)

    async def aclose(self) -> None:
        """Returns once Redis has received the last release."""
        await asyncio.gather(*self._pending)

    def _renew_later(self, ticket: Ticket) -> None:
        loop = asyncio.get_running_loop()
        self._renewals[ticket.id] = loop.call_later(self._slot_ms / 3000, self._renew, ticket)

    def _renew(self, ticket: Ticket) -> None:
        call = self._run("host_renew", ticket.host, ticket.id, ticket.holder, self._slot_ms)
        self._run_in_background(call)
        self._renew_later(ticket)

    def _run_in_background(self, call: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(call)
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _run(self, script: str, *arguments: str | int) -> Any:
        """The reply; None while Redis is unavailable."""
        if self._clock() < self._unavailable_until:
            return None
        try:
            return await self._scripts.run(script, *arguments)
        except LedgerUnavailable:
            log.warning("the host rate limits cannot be shared; this worker keeps its own")
            self._unavailable_until = self._clock() + BACKOFF_SECONDS
            return None
