"""The leases that a worker holds, renewed together."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import structlog
from msgspec import Struct

from tasks.errors import LedgerUnavailable
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.step import Lease, LeaseVerdict
from tasks.supervision import RestartPolicy

log = structlog.get_logger()

RENEW_SECONDS = 0.5
"""So often that the renewal is also how a worker learns of a cancellation within a second."""

RENEW_RESTARTS = RestartPolicy(first_seconds=RENEW_SECONDS, max_seconds=RENEW_SECONDS)
"""Never later: without renewals this worker would lose whatever it runs."""


class Stop(enum.StrEnum):
    """Why the work on a step was broken off."""

    LOST = "lost"
    """The lease has ended: the step belongs to somebody else."""
    CANCELLED = "cancelled"
    """The job was cancelled."""
    SHUTDOWN = "shutdown"
    """This worker is going away."""


class _Held(Struct):
    lease: Lease
    work: asyncio.Task[None]
    stop: Stop | None = None


class HeldLeases:
    """What runs in this worker. Breaks off what it no longer has the right to run."""

    def __init__(self, ledger: Ledger, worker: str, slots: int) -> None:
        self._ledger = ledger
        self._worker = worker
        self._slots = slots
        self._held: dict[Lease, _Held] = {}
        self.paused = False
        """Whether the queue was paused at the last renewal."""
        self.stopping = asyncio.Event()
        """Set once what runs here was told to end."""
        self.draining = asyncio.Event()
        """Set once this worker was told to take no more steps."""

    @contextmanager
    def hold(self, lease: Lease, work: asyncio.Task[None]) -> Iterator[_Held]:
        """Renews the lease meanwhile. `stop` tells afterwards why the work was broken off."""
        held = self._held[lease] = _Held(lease, work)
        try:
            yield held
        finally:
            del self._held[lease]

    def __len__(self) -> int:
        return len(self._held)

    def stop_all(self) -> None:
        self.stopping.set()
        for held in self._held.values():
            _stop(held, Stop.SHUTDOWN)

    async def renew_forever(self) -> None:
        while True:
            await self.renew()
            await asyncio.sleep(RENEW_SECONDS)

    async def renew(self) -> None:
        """Renews all, and breaks off what is lost or cancelled."""
        leases = list(self._held)
        description = msgspec.json.encode({"slots": self._slots, "running": len(leases)})
        try:
            renewal = await self._ledger.renew(self._worker, description, leases)
        except LedgerUnavailable:
            log.warning("cannot renew leases", leases=len(leases))
            return
        self.paused = renewal.paused
        if renewal.draining:
            self.draining.set()
        for lease, verdict in zip(leases, renewal.verdicts, strict=True):
            held = self._held.get(lease)  # None: it has ended meanwhile
            if held and verdict is LeaseVerdict.LOST:
                _stop(held, Stop.LOST)
            elif held and verdict is LeaseVerdict.CANCELLED:
                _stop(held, Stop.CANCELLED)


def _stop(held: _Held, why: Stop) -> None:
    """Is called until the work has ended: one cancellation may be swallowed (`cancel_and_wait`)."""
    held.stop = held.stop or why
    held.work.cancel()
