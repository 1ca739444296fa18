"""The reaper: moves on everything whose due time has passed.

It runs in every worker and in web. A lost wake-up, a dead worker, a retry that has come due and a
start time are all the same to it.
"""

from __future__ import annotations

import asyncio

import structlog

from tasks.errors import LedgerUnavailable
from tasks.ports import Ledger

log = structlog.get_logger()

REAP_SECONDS = 0.5
BATCH = 100


async def reap_forever(ledger: Ledger) -> None:
    """Looks twice a second; again at once while there is more than one batch to move."""
    while True:
        if not await _reap(ledger):
            await asyncio.sleep(REAP_SECONDS)


async def _reap(ledger: Ledger) -> bool:
    try:
        reaped = await ledger.reap(BATCH)
    except LedgerUnavailable:
        return False
    if reaped.lost or reaped.woken:
        log.warning("steps were lost and queued again", lost=reaped.lost, woken=reaped.woken)
    return reaped.woken + reaped.lost + reaped.started + reaped.expired >= BATCH
