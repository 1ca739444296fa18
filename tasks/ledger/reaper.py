"""The reaper: advances every step whose due time has passed.

It runs in every worker and in web. A lost wake-up, a dead worker, a retry and a start time are the
same case: a due time that has passed. Each round also logs the jobs that have ended since.
"""

from __future__ import annotations

import asyncio

import structlog

from tasks.errors import LedgerUnavailable
from tasks.jobs.ledger_port import Ledger
from tasks.ledger.diagnosis import LedgerOutage
from tasks.ledger.ended import log_ended

log = structlog.get_logger(__name__)

REAP_SECONDS = 0.5
BATCH = 100


async def reap_forever(ledger: Ledger, outage: LedgerOutage) -> None:
    """Runs a round twice a second, and the next round at once after a full batch: an expired lease
    must not wait behind thousands of steps that only wait for a worker.

    Of all calls to the ledger these come most regularly, so they tell of its outages.
    """
    while True:
        try:
            more = await _reap(ledger)
            await log_ended(ledger)
            outage.ends()
        except LedgerUnavailable as error:
            more = False
            outage.lasts(error)
        if not more:
            await asyncio.sleep(REAP_SECONDS)


async def _reap(ledger: Ledger) -> bool:
    reaped = await ledger.reap(BATCH, lenient=True)
    if reaped.lost or reaped.woken:
        log.warning("steps were lost and queued again", lost=reaped.lost, woken=reaped.woken)
    return reaped.examined >= BATCH or reaped.expired >= BATCH
