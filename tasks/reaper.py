"""The reaper: moves on everything whose due time has passed.

It runs in every worker and in web. A lost wake-up, a dead worker, a retry that has come due and a
start time are all the same to it.
"""

from __future__ import annotations

import asyncio

import structlog

from tasks.errors import LedgerUnavailable
from tasks.jobs.ledger_port import Ledger

log = structlog.get_logger()

REAP_SECONDS = 0.5
BATCH = 100


async def reap_forever(ledger: Ledger) -> None:
    """Looks twice a second; again at once while there is more than one batch to look at: a lease
    that has ended must not wait behind thousands of steps that only wait for a worker."""
    while True:
        try:
            more = await _reap(ledger)
        except LedgerUnavailable:
            more = False
        if not more:
            await asyncio.sleep(REAP_SECONDS)


async def _reap(ledger: Ledger) -> bool:
    reaped = await ledger.reap(BATCH, lenient=True)
    if reaped.lost or reaped.woken:
        log.warning("steps were lost and queued again", lost=reaped.lost, woken=reaped.woken)
    return reaped.examined >= BATCH or reaped.expired >= BATCH
