"""The leases that a worker holds: renewed together, and given up with the work under them."""

from __future__ import annotations

import asyncio
import enum
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import structlog
from msgspec import Struct

from tasks.errors import LedgerUnavailable
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.step import Lease, LeaseVerdict
from tasks.supervision import RestartPolicy

log = structlog.get_logger(__name__)

RENEW_SECONDS = 0.5
"""Short enough for the renewal to tell a worker of a cancellation within a second."""

RENEW_RESTARTS = RestartPolicy(first_seconds=RENEW_SECONDS, max_seconds=RENEW_SECONDS)
"""The delay does not grow: without renewals this worker would lose all that it runs."""


MAX_UNCOUNTED_ATTEMPTS = 20
"""A step that has had this many attempts which did not count as a try is left to run: steps longer
than the life of a worker must come to their end too."""


class StopReason(enum.StrEnum):
    """Why the work on a step was interrupted."""

    LOST = "lost"
    """The lease has expired: the step belongs to another attempt."""
    CANCELLED = "cancelled"
    """The job was cancelled."""
    SHUTDOWN = "shutdown"
    """This worker is shutting down."""
    RECYCLING = "recycling"
    """This worker is being replaced by a fresh one."""


class HeldLease(Struct):
    """One lease, and the work that runs under it."""

    lease: Lease
    work: asyncio.Task[object]
    since: float
    """When the work began, on this process's monotonic clock."""
    stop_reason: StopReason | None = None
    """Set when the work is interrupted."""


STEP_WEIGHT = 0.05
"""Of the latest step in the mean of their durations."""


class HeldLeases:
    """The leases of all steps that run in this worker."""

    def __init__(self, ledger: Ledger, worker: str, slots: int) -> None:
        self._ledger = ledger
        self._worker = worker
        self._slots = slots
        self._held: dict[Lease, HeldLease] = {}
        self._step_seconds: float | None = None
        self.metrics_port: int | None = None
        """Where this worker serves its metrics; None if it does not."""
        self.alone = False
        """Whether there was no other worker at the last renewal."""
        self.paused = False
        """Whether the queue was paused at the last renewal."""
        self.drain_requested = asyncio.Event()
        """Set once a renewal said that this worker is to take no more steps."""
        self.stopping = asyncio.Event()
        """Set once this worker takes no more steps."""
        self.handing_back = asyncio.Event()
        """Set once this worker is shutting down and hands back its running steps."""

    @contextmanager
    def hold(self, lease: Lease, work: asyncio.Task[object]) -> Iterator[HeldLease]:
        """Renews the lease during the body. Afterwards, `stop_reason` says why the work was broken
        off, if it was."""
        held = self._held[lease] = HeldLease(lease, work, time.monotonic())
        try:
            yield held
        finally:
            del self._held[lease]

    def note_duration(self, seconds: float) -> None:
        """Of a step that has ended; the mean, in which recent ones count more, is told to all."""
        mean = seconds if self._step_seconds is None else self._step_seconds
        self._step_seconds = mean + STEP_WEIGHT * (seconds - mean)

    def __len__(self) -> int:
        return len(self._held)

    def oldest_seconds(self) -> float:
        """How long the oldest of the steps that run has run; 0 without one."""
        now = time.monotonic()
        return max((now - held.since for held in self._held.values()), default=0.0)

    def hand_back_all(self) -> None:
        """Breaks off all work, so that the runner hands its steps back. To be called until nothing
        runs any more: one cancellation may be swallowed, see `tasks.supervision.cancel_and_wait`.
        """
        self.handing_back.set()
        for held in self._held.values():
            _interrupt(held, StopReason.SHUTDOWN)

    def hand_back_for_recycling(self) -> None:
        """Breaks off the work, but for steps that had to give way often already. To be called until
        nothing runs any more, as `hand_back_all`."""
        for lease, held in self._held.items():
            if lease.attempt - lease.tries < MAX_UNCOUNTED_ATTEMPTS:
                _interrupt(held, StopReason.RECYCLING)

    async def renew_forever(self) -> None:
        while True:
            await self.renew()
            await asyncio.sleep(RENEW_SECONDS)

    async def renew(self) -> None:
        """Renews all leases in one call, and interrupts the work of those lost or cancelled."""
        leases = list(self._held)
        description = {
            "slots": self._slots,
            "running": len(leases),
            "step_ms": round((self._step_seconds or 0) * 1000),
        }
        if self.metrics_port is not None:
            description["metrics_port"] = self.metrics_port
        try:
            renewal = await self._ledger.renew(
                self._worker, msgspec.json.encode(description), leases
            )
        except LedgerUnavailable:
            log.debug("cannot renew leases", leases=len(leases))
            return
        self.paused = renewal.paused
        self.alone = renewal.slots == self._slots
        if renewal.draining:
            self.drain_requested.set()
        for lease, verdict in zip(leases, renewal.verdicts, strict=True):
            held = self._held.get(lease)  # None: its work has ended meanwhile
            if held and verdict is LeaseVerdict.LOST:
                _interrupt(held, StopReason.LOST)
            elif held and verdict is LeaseVerdict.CANCELLED:
                _interrupt(held, StopReason.CANCELLED)


def _interrupt(held: HeldLease, reason: StopReason) -> None:
    held.stop_reason = held.stop_reason or reason
    held.work.cancel()
