"""The budget of hosts within one process: where there is no Redis, or none at the moment.

The counterpart of `tasks/ledger/lua/_hosts.lua`; they must give the same answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import Struct, field

from tasks.fetch.rate_limiter import (
    FORGOTTEN_MS,
    GAP_KEPT_MS,
    PATIENT_REFUSALS,
    POLL_MS,
    STAGGER_MS,
    Answer,
    Turn,
)

KEPT_HOSTS = 2_000
"""Beyond so many, hosts of which nothing is waited for are forgotten; and again each time that
there are twice as many as were left."""


def monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class _Host(Struct, kw_only=True):
    started_ms: int | None = None
    """The last start of a request."""
    gap_ms: int = 0
    gap_until_ms: int = 0
    held_until_ms: int = 0
    refusals: int = 0
    """In a row, by Retry-After."""
    line: dict[str, int] = field(default_factory=dict)
    """Ticket → its turn, in ms. Served in the order of the turns."""
    slots: dict[tuple[str, str], int] = field(default_factory=dict)
    """(Ticket, holder) → when the slot ends by itself."""

    def open_ms(self, now: int) -> int:
        """The first moment at which a request may start, as far as slots allow."""
        after_last = now if self.started_ms is None else min(self.started_ms, now) + self.gap_ms
        return max(now, after_last, self.held_until_ms)

    def respace(self, from_ms: int) -> None:
        """Puts off turns that came too early or too close together; their order stays."""
        ordered = sorted(self.line.items(), key=lambda entry: (entry[1], entry[0]))
        for place, (ticket, turn_ms) in enumerate(ordered):
            self.line[ticket] = max(turn_ms, from_ms + place * self.gap_ms)

    def idle(self, now: int) -> bool:
        kept = max(self.held_until_ms, self.gap_until_ms)
        return not self.line and not self.slots and kept <= now


class LocalHosts:
    """See `tasks.fetch.hosts.HostBudget` for what each call promises."""

    def __init__(
        self, per_host: int, slot_seconds: float, now_ms: Callable[[], int] = monotonic_ms
    ) -> None:
        self._per_host = per_host
        self._slot_ms = round(slot_seconds * 1000)
        self._now_ms = now_ms
        self._hosts: dict[str, _Host] = {}
        self._kept_hosts = KEPT_HOSTS

    async def ask(self, turn: Turn) -> Answer:
        now, host = self._now_ms(), self._host(turn.host)
        self._widen(host, turn.gap_ms)
        slot = (turn.ticket, turn.holder)
        if slot not in host.slots:
            wait_ms = self._wait_ms(host, turn)
            if wait_ms:
                refused = host.refusals > PATIENT_REFUSALS and host.held_until_ms > now
                return Answer(wait_ms=wait_ms, refused=refused)
        self._start(host, turn)
        return Answer(wait_ms=0)

    def started(self, turn: Turn) -> None:
        """Somebody else has let this request go: it counts here too."""
        self._start(self._host(turn.host), turn)

    def release(self, turn: Turn, *, well: bool) -> None:
        host = self._hosts.get(turn.host)
        if host is None:
            return
        host.slots.pop((turn.ticket, turn.holder), None)
        host.line.pop(turn.ticket, None)
        if well:
            host.refusals = 0

    async def hold(self, host: str, wait_ms: int) -> None:
        if not wait_ms:
            return
        known, now = self._host(host), self._now_ms()
        if known.held_until_ms <= now:
            known.refusals += 1
        known.held_until_ms = max(known.held_until_ms, now + wait_ms)
        known.respace(known.held_until_ms)

    async def widen(self, host: str, gap_ms: int) -> None:
        self._widen(self._host(host), gap_ms)

    async def aclose(self) -> None:
        """Nothing is under way."""

    def _host(self, name: str) -> _Host:
        """The host, without what time has ended."""
        now = self._now_ms()
        if len(self._hosts) > self._kept_hosts:
            self._hosts = {known: host for known, host in self._hosts.items() if not host.idle(now)}
            self._kept_hosts = max(KEPT_HOSTS, 2 * len(self._hosts))
        host = self._hosts.setdefault(name, _Host())
        for slot in [slot for slot, ends in host.slots.items() if ends <= now]:
            del host.slots[slot]
        for ticket in [one for one, at in host.line.items() if at <= now - FORGOTTEN_MS]:
            del host.line[ticket]
        if host.gap_until_ms <= now:
            host.gap_ms = 0
        return host

    def _widen(self, host: _Host, gap_ms: int) -> None:
        now = self._now_ms()
        if gap_ms < host.gap_ms:
            return
        wider, host.gap_ms, host.gap_until_ms = gap_ms > host.gap_ms, gap_ms, now + GAP_KEPT_MS
        if wider:
            host.respace(host.open_ms(now))

    def _wait_ms(self, host: _Host, turn: Turn) -> int:
        """How long until it should ask again; 0 if it may start now."""
        now = self._now_ms()
        open_ms = host.open_ms(now)
        if turn.ticket not in host.line:
            last = max(host.line.values(), default=None)
            behind = open_ms if turn.first or last is None else last + host.gap_ms
            host.line[turn.ticket] = max(open_ms, behind)
        turn_ms = host.line[turn.ticket]
        ahead = sum(other < turn_ms for other in host.line.values())
        if turn_ms > now and ahead:
            return max(turn_ms, open_ms) - now
        if open_ms > now:
            return open_ms - now + ahead * STAGGER_MS
        return POLL_MS * (1 + ahead) if len(host.slots) >= self._per_host else 0

    def _start(self, host: _Host, turn: Turn) -> None:
        now = self._now_ms()
        host.line.pop(turn.ticket, None)
        host.slots[turn.ticket, turn.holder] = now + self._slot_ms
        host.started_ms = now
