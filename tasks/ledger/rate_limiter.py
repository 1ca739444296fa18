"""The budget of hosts that all workers share, on Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from tasks.errors import LedgerUnavailable
from tasks.fetch.local_rate_limiter import LocalHosts
from tasks.fetch.rate_limiter import Answer, Turn
from tasks.ledger.scripts import Scripts

log = structlog.get_logger()

SLOT_SECONDS = 10.0
"""A slot ends by itself so long after its worker has died. While its request runs, it is renewed
three times as often; most requests have ended before the first time."""

AWAY_SECONDS = 2.0
"""After a call that failed, Redis is left alone for so long: one that hangs takes 5 s to fail."""


class SharedHosts:
    """See `tasks.fetch.hosts.HostBudget` for what each call promises.

    Two that are given one ticket by one holder would share its slot, so a holder gives each ticket
    once at a time. While Redis is away, this worker keeps to the budget by itself. What it starts
    is written down in its own budget at all times, so that it does not begin with nothing known.
    """

    def __init__(
        self,
        scripts: Scripts,
        per_host: int,
        own_slot_seconds: float,
        slot_seconds: float = SLOT_SECONDS,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scripts = scripts
        self._per_host = per_host
        self._slot_ms = round(slot_seconds * 1000)
        self._own = LocalHosts(per_host, own_slot_seconds)
        self._clock = clock
        self._away_until = clock()
        self._telling: set[asyncio.Task[Any]] = set()
        self._renewals: dict[str, asyncio.TimerHandle] = {}
        """By ticket: the next renewal of each slot that is held here."""

    async def ask(self, turn: Turn) -> Answer:
        reply = await self._run(
            "host_ask",
            turn.host,
            turn.ticket,
            turn.holder,
            turn.gap_ms,
            int(turn.first),
            self._per_host,
            self._slot_ms,
        )
        if reply is None:
            return await self._own.ask(turn)
        wait_ms, refused = reply
        if not wait_ms:
            self._own.started(turn)
            self._renew_later(turn)
        return Answer(wait_ms=wait_ms, refused=bool(refused))

    def release(self, turn: Turn, *, well: bool) -> None:
        if renewal := self._renewals.pop(turn.ticket, None):
            renewal.cancel()
        self._own.release(turn, well=well)
        self._tell(self._run("host_release", turn.host, turn.ticket, turn.holder, int(well)))

    async def hold(self, host: str, wait_ms: int) -> None:
        await self._own.hold(host, wait_ms)
        await self._run("host_tell", host, 0, wait_ms)

    async def widen(self, host: str, gap_ms: int) -> None:
        await self._own.widen(host, gap_ms)
        await self._run("host_tell", host, gap_ms, 0)

    async def aclose(self) -> None:
        """Returns once the last release has been told."""
        await asyncio.gather(*self._telling)

    def _renew_later(self, turn: Turn) -> None:
        loop = asyncio.get_running_loop()
        self._renewals[turn.ticket] = loop.call_later(self._slot_ms / 3000, self._renew, turn)

    def _renew(self, turn: Turn) -> None:
        self._tell(self._run("host_renew", turn.host, turn.ticket, turn.holder, self._slot_ms))
        self._renew_later(turn)

    def _tell(self, call: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(call)
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _run(self, script: str, *arguments: str | int) -> Any:
        """The reply; None while Redis is away."""
        if self._clock() < self._away_until:
            return None
        try:
            return await self._scripts.run(script, *arguments)
        except LedgerUnavailable:
            log.warning("cannot share the budgets of hosts; this worker keeps them by itself")
            self._away_until = self._clock() + AWAY_SECONDS
            return None
