"""Runs a job inside its caller, without Redis and without a worker: for tests and scripts.

The ledger is in memory; everything else is what a worker runs. So steps are retried and timed out
as in a worker, and nothing outlives the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from msgspec import Struct

from tasks.cache.memory import MemoryCache
from tasks.composition import (
    analysis_cache,
    curation_policy,
    job_limits,
    ledger_policy,
    source_policy,
    step_limits,
)
from tasks.jobs.job import JobType
from tasks.jobs.queue import Queue
from tasks.jobs.record import JobStatus
from tasks.jobs.submission import Submission
from tasks.kinds.job_types import build_kinds
from tasks.ledger.ended import log_ended
from tasks.ledger.memory import MemoryLedger
from tasks.ports import Cache, Engine, Fetcher, Kind
from tasks.settings import Settings
from tasks.sources.search import build_sources
from tasks.supervision import background
from tasks.worker.leases import RENEW_RESTARTS, HeldLeases
from tasks.worker.runner import Runner

WORKER = "eager"


class EagerOutcome(Struct, frozen=True, kw_only=True):
    """How the job ended."""

    status: JobStatus
    result: bytes
    """As JSON; of a job that failed, the partial result."""


async def run_eagerly(
    submission: Submission,
    settings: Settings,
    engine: Engine,
    fetcher: Fetcher,
    cache: Cache | None = None,
) -> EagerOutcome:
    """Runs the job to its end. `cache` may hold the analyses of earlier calls.

    Raises InvalidRequest with what to change. Cancelling the call interrupts the running steps.
    """
    ledger = MemoryLedger(ledger_policy(settings))
    queue = Queue(ledger, job_limits(settings))
    job_id = (await queue.submit(submission)).job.id
    store = cache or MemoryCache(settings.analysis_cache_mb << 20)
    kinds = build_kinds(
        curation_policy(settings),
        ledger=ledger,
        engine=engine,
        fetcher=fetcher,
        sources=build_sources(source_policy(settings), fetcher, engine),
        analyses=analysis_cache(store, settings),
        worker=WORKER,
    )
    async with _runner(ledger, settings, kinds) as runner:
        await _Loop(ledger, runner, settings.worker_concurrency).until_idle()
    return EagerOutcome(status=await queue.status(job_id), result=await queue.result(job_id))


@asynccontextmanager
async def _runner(
    ledger: MemoryLedger, settings: Settings, kinds: Mapping[JobType, Kind]
) -> AsyncIterator[Runner]:
    """A worker's runner, whose leases are renewed during the body."""
    leases = HeldLeases(ledger, WORKER, settings.worker_concurrency)
    async with background("renewing leases", leases.renew_forever, RENEW_RESTARTS):
        yield Runner(
            ledger=ledger,
            kinds=kinds,
            leases=leases,
            limits=step_limits(settings),
            worker=WORKER,
        )


class _Loop:
    """Broker and reaper in one: runs the steps of wake-ups, and waits for the next due time."""

    def __init__(self, ledger: MemoryLedger, runner: Runner, slots: int) -> None:
        self._ledger = ledger
        self._runner = runner
        self._slots = slots
        self._running: set[asyncio.Task[None]] = set()

    async def until_idle(self) -> None:
        """Returns once there is no active job."""
        async with asyncio.TaskGroup() as group:
            while (due_in := self._ledger.due_in()) is not None:
                await self._ledger.reap()
                self._start(group)
                if self._running:
                    await asyncio.wait(
                        self._running, timeout=due_in, return_when=asyncio.FIRST_COMPLETED
                    )
                else:
                    await asyncio.sleep(due_in)
        await log_ended(self._ledger)

    def _start(self, group: asyncio.TaskGroup) -> None:
        while len(self._running) < self._slots and (ref := self._ledger.pop_wakeup()):
            task = group.create_task(self._runner.run(str(ref)))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
