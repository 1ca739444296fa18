"""The host rate limiter within one process: for use without Redis, or while it is unavailable.

The counterpart of `tasks/ledger/lua/_hosts.lua`; both must give the same answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import Struct, field

from tasks.fetch.rate_limiter import (
    ABANDONED_AFTER_MS,
    INTERVAL_TTL_MS,
    MAX_FREE_REFUSALS,
    POLL_MS,
    STAGGER_MS,
    Grant,
    Ticket,
)

MAX_HOSTS = 2_000
"""Above this number idle hosts are forgotten; the next time when there are twice as many hosts as
were left."""


def monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class LocalRateLimiter:
    """See `tasks.fetch.rate_limiter.HostRateLimiter` for what each call promises."""

    def __init__(
        self, per_host: int, slot_seconds: float, now_ms: Callable[[], int] = monotonic_ms
    ) -> None:
        self._per_host = per_host
        self._slot_ms = round(slot_seconds * 1000)
        self._now_ms = now_ms
        self._hosts: dict[str, _Host] = {}
        self._max_hosts = MAX_HOSTS

    async def try_acquire(self, ticket: Ticket) -> Grant:
        now, host = self._now_ms(), self._host(ticket.host)
        host.require_interval(ticket.interval_ms, now)
        if (ticket.id, ticket.holder) not in host.slots:
            wait_ms = self._wait_ms(host, ticket)
            if wait_ms:
                refused = host.refusals > MAX_FREE_REFUSALS and host.blocked_until_ms > now
                return Grant(wait_ms=wait_ms, refused=refused)
        self._start(host, ticket)
        return Grant(wait_ms=0)

    def record_start(self, ticket: Ticket) -> None:
        """Counts a request here that another limiter has granted."""
        self._start(self._host(ticket.host), ticket)

    def release(self, ticket: Ticket, *, answered: bool) -> None:
        host = self._hosts.get(ticket.host)
        if host is None:
            return
        host.slots.pop((ticket.id, ticket.holder), None)
        host.queue.pop(ticket.id, None)
        if answered:
            host.refusals = 0

    async def block_for(self, host: str, wait_ms: int) -> None:
        if wait_ms:
            self._host(host).block(self._now_ms(), wait_ms)

    async def require_interval(self, host: str, interval_ms: int) -> None:
        self._host(host).require_interval(interval_ms, self._now_ms())

    async def aclose(self) -> None:
        """Nothing is pending."""

    def _host(self, name: str) -> _Host:
        """The host's state, without what has expired."""
        now = self._now_ms()
        if len(self._hosts) > self._max_hosts:
            self._hosts = {known: host for known, host in self._hosts.items() if not host.idle(now)}
            self._max_hosts = max(MAX_HOSTS, 2 * len(self._hosts))
        host = self._hosts.setdefault(name, _Host())
        host.expire(now)
        return host

    def _wait_ms(self, host: _Host, ticket: Ticket) -> int:
        """The time until the ticket should ask again; 0 if its request may start now."""
        now = self._now_ms()
        next_start_ms = host.next_start_ms(now)
        if ticket.id not in host.queue:
            last = max(host.queue.values(), default=None)
            behind = next_start_ms if ticket.urgent or last is None else last + host.interval_ms
            host.queue[ticket.id] = max(next_start_ms, behind)
        turn_ms = host.queue[ticket.id]
        ahead = sum(other < turn_ms for other in host.queue.values())
        if turn_ms > now and ahead:
            return max(turn_ms, next_start_ms) - now
        if next_start_ms > now:
            return next_start_ms - now + ahead * STAGGER_MS
        return POLL_MS * (1 + ahead) if len(host.slots) >= self._per_host else 0

    def _start(self, host: _Host, ticket: Ticket) -> None:
        now = self._now_ms()
        host.queue.pop(ticket.id, None)
        host.slots[ticket.id, ticket.holder] = now + self._slot_ms
        host.last_start_ms = now


class _Host(Struct, kw_only=True):
    last_start_ms: int | None = None
    interval_ms: int = 0
    interval_until_ms: int = 0
    """When the interval expires."""
    blocked_until_ms: int = 0
    refusals: int = 0
    """In a row, by Retry-After."""
    queue: dict[str, int] = field(default_factory=dict)
    """Ticket id → the time of its turn, in ms. Served in the order of the turns."""
    slots: dict[tuple[str, str], int] = field(default_factory=dict)
    """(Ticket id, holder) → when the slot expires."""

    def next_start_ms(self, now: int) -> int:
        """The earliest time at which a request may start, slots aside."""
        after_last = (
            now if self.last_start_ms is None else min(self.last_start_ms, now) + self.interval_ms
        )
        return max(now, after_last, self.blocked_until_ms)

    def require_interval(self, interval_ms: int, now: int) -> None:
        if interval_ms < self.interval_ms:
            return
        raised, self.interval_ms = interval_ms > self.interval_ms, interval_ms
        self.interval_until_ms = now + INTERVAL_TTL_MS
        if raised:
            self._space_out(self.next_start_ms(now))

    def block(self, now: int, wait_ms: int) -> None:
        if self.blocked_until_ms <= now:
            self.refusals += 1
        self.blocked_until_ms = max(self.blocked_until_ms, now + wait_ms)
        self._space_out(self.blocked_until_ms)

    def expire(self, now: int) -> None:
        for slot in [slot for slot, expiry in self.slots.items() if expiry <= now]:
            del self.slots[slot]
        abandoned_ms = now - ABANDONED_AFTER_MS
        for ticket_id in [key for key, turn_ms in self.queue.items() if turn_ms <= abandoned_ms]:
            del self.queue[ticket_id]
        if self.interval_until_ms <= now:
            self.interval_ms = 0

    def idle(self, now: int) -> bool:
        needed_until_ms = max(self.blocked_until_ms, self.interval_until_ms)
        return not self.queue and not self.slots and needed_until_ms <= now

    def _space_out(self, from_ms: int) -> None:
        """Postpones turns that are too early or too close together; their order stays."""
        ordered = sorted(self.queue.items(), key=lambda entry: (entry[1], entry[0]))
        for place, (ticket_id, turn_ms) in enumerate(ordered):
            self.queue[ticket_id] = max(turn_ms, from_ms + place * self.interval_ms)
