"""One step: claim it, run it within its limits, finish it.

Whatever happens to a step ends in exactly one call that gives its lease up, or in none, if the
lease was lost. So this module is the only one that finishes steps.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import Awaitable, Callable, Mapping

import structlog
from opentelemetry.trace import Span
from structlog.contextvars import bound_contextvars

from tasks.errors import (
    HostBusy,
    LedgerUnavailable,
    PermanentFailure,
    Reason,
    StepError,
    TransientFailure,
)
from tasks.jobs.job import JobType
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.outcome import ArticleAnalysed
from tasks.jobs.step import Claim, ClaimRefusal, Lease, StepRef
from tasks.ports import Discovery, Kind
from tasks.settings import Settings
from tasks.step_context import soft_limit, step_named
from tasks.telemetry import mark_failed
from tasks.worker.leases import HeldLeases, Stop
from tasks.worker.tracing import attempt_span

log = structlog.get_logger()

LONGEST_DELAY = 900.0
AWAY_SECONDS = 0.5

Finish = Callable[[], Awaitable[bool]]


class Runner:
    """Runs the steps that wake-ups name."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        kinds: Mapping[JobType, Kind],
        leases: HeldLeases,
        settings: Settings,
        worker: str,
    ) -> None:
        self._ledger = ledger
        self._kinds = kinds
        self._leases = leases
        self._settings = settings
        self._worker = worker
        self._calls = itertools.count(1)
        self.running = 0
        """Steps from claim to finish, just now."""

    async def run(self, wakeup: str) -> None:
        """Never raises: what goes wrong is written to the ledger, or told to the log."""
        self.running += 1
        try:
            await self._run(StepRef.parse(wakeup))
        finally:
            self.running -= 1

    async def _run(self, ref: StepRef) -> None:
        claim = await self._claim(ref)
        if not isinstance(claim, Claim):
            log.debug("nothing to do for a wake-up", step=str(ref), why=claim)
            return
        with bound_contextvars(job_id=ref.job_id, step=ref.name, attempt=claim.lease.attempt):
            with attempt_span(claim) as span:
                finish = await self._attempt(claim, span)
            await self._persist(finish)

    async def _claim(self, ref: StepRef) -> Claim | ClaimRefusal | None:
        """Asks until there is an answer: the step may have become ours without our knowledge."""
        call = str(next(self._calls))
        while not self._leases.stopping.is_set():
            try:
                return await self._ledger.claim(ref, self._worker, call)
            except LedgerUnavailable:
                log.warning("cannot claim a step; trying again", step=str(ref))
                await self._until_next_try()
        return None

    async def _attempt(self, claim: Claim, span: Span) -> Finish | None:
        """Runs the step. Gives the call that ends it; None if that is no longer ours to do."""
        outcome: list[Finish] = []
        work = asyncio.create_task(self._work(claim, outcome))
        with self._leases.hold(claim.lease, work) as held:
            try:
                await work
                return outcome[0]
            except asyncio.CancelledError:
                if held.stop is None:
                    raise
                mark_failed(span, held.stop, "broken off")
                return self._give_up(claim.lease, held.stop)
            except TimeoutError:
                limit = self._settings.task_soft_time_limit
                error = PermanentFailure(Reason.TIMED_OUT, f"It took longer than {limit:g} s.")
                return self._failed(claim.lease, error, span)
            except HostBusy as busy:
                return self._postponed(claim.lease, busy)
            except StepError as error:
                return self._failed(claim.lease, error, span)
            except LedgerUnavailable:
                mark_failed(span, "ledger_unavailable", "broken off")
                return lambda: self._ledger.hand_back(claim.lease)
            except Exception:
                log.exception("a step failed in a way that nobody foresaw")
                bug = PermanentFailure(Reason.INTERNAL_ERROR, "An internal error; see the log.")
                return self._failed(claim.lease, bug, span)

    async def _work(self, claim: Claim, outcome: list[Finish]) -> None:
        with step_named(str(claim.lease.ref)):
            async with soft_limit(self._settings.task_soft_time_limit):
                outcome.append(await self._step(claim))

    async def _step(self, claim: Claim) -> Finish:
        """Does the work, and gives the call that ends the step with its outcome."""
        kind, job, lease = self._kinds[claim.job.type], claim.job, claim.lease
        match lease.ref.kind:
            case "discover":
                found = await kind.discover(job)
                return lambda: self._discovered(lease, found)
            case "rank":
                result = await kind.rank(job)
                return lambda: self._ledger.complete(lease, result)
            case "analyse" if claim.candidate:
                analysed = await kind.analyse(job, claim.candidate)
                return lambda: self._settled(lease, analysed)
        raise PermanentFailure(Reason.INTERNAL_ERROR, "The article is not in the ledger.")

    def _discovered(self, lease: Lease, found: Discovery) -> Awaitable[bool]:
        return self._ledger.discovered(lease, found.candidates, found.report)

    def _settled(self, lease: Lease, analysed: ArticleAnalysed) -> Awaitable[bool]:
        return self._ledger.settle(lease, analysed)

    def _give_up(self, lease: Lease, why: Stop) -> Finish | None:
        log.info("a step was broken off", why=why)
        return None if why is Stop.LOST else lambda: self._ledger.hand_back(lease)

    def _postponed(self, lease: Lease, busy: HostBusy) -> Finish:
        return lambda: self._ledger.postpone(lease, busy.seconds, busy.host)

    def _failed(self, lease: Lease, error: StepError, span: Span) -> Finish:
        mark_failed(span, error.reason, error.detail)
        log.info("a step failed", reason=error.reason, detail=error.detail)
        if isinstance(error, TransientFailure):
            delay = retry_delay(self._settings.task_retry_delay, lease.tries, error.retry_after)
            host = error.host if error.retry_after is not None else None
            return lambda: self._ledger.retry(lease, delay, error.reason, error.detail, host)
        return lambda: self._ledger.fail(lease, error.reason, error.detail)

    async def _persist(self, finish: Finish | None) -> None:
        """Carries the outcome to the ledger, however long that is away.

        Gives up only where this worker has to end meanwhile: the lease ends by itself.
        """
        while finish is not None:
            try:
                if not await finish():
                    log.warning("a finish came after its lease had ended, and changed nothing")
                return
            except LedgerUnavailable:
                if self._leases.stopping.is_set():
                    log.warning("cannot finish a step; its lease is left to end")
                    return
                log.warning("cannot finish a step; trying again")
                await self._until_next_try()

    async def _until_next_try(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._leases.stopping.wait(), AWAY_SECONDS)


def retry_delay(base: float, tries: int, retry_after: float | None) -> float:
    """Seconds until the next try: what the other side asked for, else doubled with each try.

    Up to a quarter is added at random, so that what failed together does not come back together.
    """
    delay = base * 2.0 ** (tries - 1) if retry_after is None else retry_after
    return min(delay, LONGEST_DELAY) * random.uniform(1, 1.25)  # noqa: S311 - not a secret
