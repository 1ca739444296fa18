"""Runs one step: claims it, does its work within its limits, and records its outcome.

1. **Claim.** A step belongs to a worker only while that holds its lease. A wake-up whose step is
   refused has nothing to run: it came twice or late, or the job was cancelled or the queue paused
   meanwhile.
2. **Work.** The job's kind does the work, in a task of its own, under a soft limit of working time.
   The lease is renewed meanwhile (`HeldLeases`), and the work is interrupted when the lease is
   lost, when the job is cancelled, or when this worker is shutting down.
3. **Outcome.** Whatever happens to the work becomes one value, an `AttemptEnd`.
4. **Record.** One call to the ledger writes the outcome and gives the lease up. It is repeated for
   as long as the ledger is unreachable. If it is never made, the lease expires, and the reaper has
   the step run again.

This is the only module that ends attempts.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import structlog
from msgspec import Struct
from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind

from tasks.cost import Timed, metered
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
from tasks.jobs.step import Claim, ClaimRefusal, Lease, NextClaim, StepEnd, StepRef
from tasks.logs import LineFields, trace_of
from tasks.ports import Discovery, Kind
from tasks.redaction import without_secrets
from tasks.step_context import StepLimits, soft_limit, step_named
from tasks.supervision import is_cancelling
from tasks.telemetry import names
from tasks.telemetry.metrics import (
    CLAIM_REFUSALS,
    OUTCOME_REFUSALS,
    STEP_DURATION,
    STEP_FAILURES,
)
from tasks.telemetry.tracing import MESSAGING, is_sampled, mark_failed, tracer
from tasks.worker.leases import HeldLeases, StopReason

log = structlog.get_logger(__name__)

LEDGER_RETRY_SECONDS = 0.5


class JobRanked(Struct, frozen=True):
    """`rank` succeeded, and with it the job."""

    result: bytes
    """As JSON."""


class Failed(Struct, frozen=True):
    """The step has failed for good."""

    reason: Reason
    detail: str
    unexpected: BaseException | None = None
    """The error, where it is a bug of ours."""


class RetryLater(Struct, frozen=True):
    """The step has failed, and may succeed later."""

    delay_seconds: float
    reason: Reason
    detail: str
    host: str | None
    """The host that asked for the delay; None if we chose the delay."""


class Postponed(Struct, frozen=True):
    """The step waits for its host outside of any worker."""

    delay_seconds: float
    host: str


class HandedBack(Struct, frozen=True):
    """The work was interrupted. The step is queued again, and this attempt is not counted."""

    reason: str


class LeaseLost(Struct, frozen=True):
    """The step belongs to another attempt, and nothing may be recorded."""


AttemptEnd = (
    Discovery
    | ArticleAnalysed
    | JobRanked
    | Failed
    | RetryLater
    | Postponed
    | HandedBack
    | LeaseLost
)
"""What became of an attempt. The first three are the successes of the three kinds of step."""

SUCCESSES = (Discovery, ArticleAnalysed, JobRanked)


class Slots(Protocol):
    """Counts the steps that a worker takes."""

    def reserve(self) -> bool:
        """Counts a step that follows another in its slot; False where none may."""
        ...

    def give_back(self) -> None:
        """There was none."""
        ...


class NoSlots:
    """Each step needs its wake-up."""

    def reserve(self) -> bool:
        return False

    def give_back(self) -> None:
        raise AssertionError


class Runner:
    """Runs the steps that wake-ups name."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        kinds: Mapping[JobType, Kind],
        leases: HeldLeases,
        limits: StepLimits,
        worker: str,
        slots: Slots | None = None,
    ) -> None:
        """`slots`: where steps run, if one may follow another there without a wake-up."""
        self._ledger = ledger
        self._kinds = kinds
        self._leases = leases
        self._limits = limits
        self._worker = worker
        self.slots = slots or NoSlots()
        self._claim_numbers = itertools.count(1)

    async def run(self, wakeup: str) -> None:
        """Raises nothing but its own cancellation: an error of the work is recorded, any other is
        logged."""
        try:
            ref = StepRef.parse(wakeup)
        except ValueError:
            log.warning("malformed wake-up dropped", wakeup=wakeup[:80])
            return
        try:
            await self._run(ref)
        except Exception:
            log.exception("unexpected error, the step's lease is left to expire", step=str(ref))

    async def _run(self, ref: StepRef) -> None:
        claim = await self._claim(ref)
        if not isinstance(claim, Claim):
            log.debug("wake-up without a step to run", step=str(ref), reason=claim)
            CLAIM_REFUSALS.add(1, {"reason": claim or "ledger_unavailable"})
            return
        following: Claim | None = claim
        while following is not None:
            following = await self._run_claimed(following)

    async def _run_claimed(self, claim: Claim) -> Claim | None:
        """Returns the claim of the step that follows in this slot, if there is one."""
        with LineFields(
            job_id=claim.job.id,
            step=claim.lease.ref.name,
            attempt=claim.lease.attempt,
            **trace_of(claim.job.traceparent),
        ):
            started = time.monotonic()
            with attempt_span(claim) as span:
                outcome = await self._attempt(claim)
                seconds = time.monotonic() - started
                _report(outcome, span, seconds)
                _count(outcome, claim, span, seconds)
            if not isinstance(outcome, Postponed | HandedBack | LeaseLost):
                self._leases.note_duration(seconds)
            if isinstance(outcome, LeaseLost):
                return None
            return await self._record(claim.lease, outcome)

    # Claim

    async def _claim(self, ref: StepRef) -> Claim | ClaimRefusal | None:
        """Repeated until the ledger replies, as a claim may be granted and its reply get lost.

        None: this worker is shutting down, and does not wait for a ledger that is unreachable. If
        the claim was granted, its lease is left to expire.
        """
        claim_id = str(next(self._claim_numbers))
        while not self._leases.handing_back.is_set():
            try:
                return await self._ledger.claim(ref, self._worker, claim_id)
            except LedgerUnavailable:
                if self._leases.stopping.is_set():
                    log.warning("cannot claim a step, it is left to others", step=str(ref))
                    return None
                log.debug("cannot claim a step, trying again", step=str(ref))
                await self._wait_for_ledger()
        return None

    # Work

    async def _attempt(self, claim: Claim) -> AttemptEnd:
        """Does the step's work. Whatever happens to it becomes an outcome."""
        work = asyncio.create_task(self._work(claim))
        with self._leases.hold(claim.lease, work) as held:
            try:
                return await work
            except asyncio.CancelledError as error:
                if held.stop_reason is StopReason.LOST:
                    return LeaseLost()
                if held.stop_reason is not None:
                    return HandedBack(held.stop_reason)
                if is_cancelling():  # not the work, but this runner was cancelled
                    raise
                return _failure(error, claim.lease, self._limits)
            except Exception as error:
                return _failure(error, claim.lease, self._limits)

    async def _work(self, claim: Claim) -> AttemptEnd:
        with step_named(str(claim.lease.ref)), metered() as meter:
            async with soft_limit(self._limits.soft_limit_seconds):
                return await Timed(self._run_kind(claim), meter.all)

    async def _run_kind(self, claim: Claim) -> AttemptEnd:
        kind, job = self._kinds[claim.job.type], claim.job
        match claim.lease.ref.kind:
            case "discover":
                return await kind.discover(job)
            case "analyse" if claim.candidate:
                return await kind.analyse(job, claim.candidate)
            case "rank":
                return JobRanked(await kind.rank(job))
        raise PermanentFailure(Reason.INTERNAL_ERROR, "The article is not in the ledger.")

    # Record

    async def _record(self, lease: Lease, outcome: AttemptEnd) -> Claim | None:
        """Writes the outcome to the ledger, however long that is unreachable.

        Gives up only if this worker shuts down meanwhile, and then at once where the work was
        interrupted anyway: the lease expires by itself. Returns the claim of the
        step that follows in this slot, if there is one.
        """
        then = self._next_claim(outcome)
        end = await self._write_until_done(lease, outcome, then)
        following = end.next if isinstance(end, StepEnd) else None
        if then is not None and following is None:
            self.slots.give_back()
        return following

    async def _write_until_done(
        self, lease: Lease, outcome: AttemptEnd, then: NextClaim | None
    ) -> StepEnd | bool | None:
        """None where this worker has given up."""
        while True:
            try:
                end = await self._write(lease, outcome, then)
            except LedgerUnavailable:
                no_use = isinstance(outcome, HandedBack) and self._leases.stopping.is_set()
                if no_use or self._leases.handing_back.is_set():
                    log.warning("cannot record an outcome, its lease is left to expire")
                    return None
                log.debug("cannot record an outcome, trying again")
                await self._wait_for_ledger()
                continue
            if not end:
                OUTCOME_REFUSALS.add(1)
                log.warning("outcome changed nothing: its lease is lost, or it is recorded already")
            return end

    async def _write(
        self, lease: Lease, outcome: AttemptEnd, then: NextClaim | None
    ) -> StepEnd | bool:
        """False once the lease is lost."""
        ledger = self._ledger
        match outcome:
            case ArticleAnalysed():
                return await ledger.settle(lease, outcome, then)
            case Discovery(candidates=candidates, report=report):
                return await ledger.discovered(lease, candidates, report, then)
            case JobRanked(result):
                return await ledger.complete(lease, result, then)
            case Failed(reason, detail):
                return await ledger.fail(lease, reason, detail)
            case RetryLater(delay, reason, detail, host):
                return await ledger.retry(lease, delay, reason, detail, host)
            case Postponed(delay, host):
                return await ledger.postpone(lease, delay, host)
            case HandedBack():
                return await ledger.hand_back(lease)
            case LeaseLost():
                return False

    def _next_claim(self, outcome: AttemptEnd) -> NextClaim | None:
        """None where this worker is to take no more steps.

        Otherwise the step that follows a success needs no wake-up to be popped, and no call of its
        own.
        """
        leases = self._leases
        succeeded = isinstance(outcome, SUCCESSES)
        if not succeeded or leases.stopping.is_set() or leases.paused or not self.slots.reserve():
            return None
        return NextClaim(claim_id=str(next(self._claim_numbers)), alone=leases.alone)

    async def _wait_for_ledger(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._leases.handing_back.wait(), LEDGER_RETRY_SECONDS)


def _failure(error: BaseException, lease: Lease, limits: StepLimits) -> AttemptEnd:
    """The outcome of work that raised this."""
    match error:
        case HostBusy():
            return Postponed(error.seconds, error.host)
        case TransientFailure():
            delay = retry_delay(limits.retry_delay_seconds, lease.tries, error.retry_after)
            host = error.host if error.retry_after is not None else None
            return RetryLater(delay, error.reason, error.detail, host)
        case StepError():
            return Failed(error.reason, error.detail)
        case LedgerUnavailable():
            return HandedBack("ledger_unavailable")
        case TimeoutError():
            detail = f"It took longer than {limits.soft_limit_seconds:g} s."
            return Failed(Reason.TIMED_OUT, detail)
    return Failed(Reason.INTERNAL_ERROR, "An internal error; see the log.", unexpected=error)


MAX_RETRY_DELAY_SECONDS = 900.0

RETRY_JITTER = 0.25
"""A random share of the delay that is added to it, so that steps which failed together do not come
back together."""


def retry_delay(first_delay: float, tries: int, retry_after: float | None) -> float:
    """The retry policy: seconds until the next try of a step that has had this many.

    The site's `Retry-After`, if it sent one, else the first delay, doubled with each try. Only a
    `TransientFailure` is retried, up to TASK_MAX_RETRIES times. The ledger counts the tries, and
    fails a step that has none left (`tasks/ledger/lua/retry.lua`). An attempt that is handed back
    or postponed does not count as a try. A step whose worker was lost is queued again by the
    reaper, without a delay.
    """
    delay = first_delay * 2.0 ** (tries - 1) if retry_after is None else retry_after
    jitter = random.uniform(1, 1 + RETRY_JITTER)  # noqa: S311 - not a secret
    return min(delay, MAX_RETRY_DELAY_SECONDS) * jitter


def _report(outcome: AttemptEnd, span: Span, seconds: float) -> None:
    """Says on the attempt's span, and in one line of the log, how the attempt ended."""
    ended = log.bind(seconds=round(seconds, 3))
    name = OUTCOME_NAMES[type(outcome)]
    span.set_attribute(names.OUTCOME, name)
    match outcome:
        case Failed(reason, detail, unexpected):
            mark_failed(span, reason, detail)
            ended.info("step ended", outcome=name, reason=reason, detail=detail)
            if unexpected is not None:
                span.record_exception(unexpected)
                log.error("unexpected error in a step", exc_info=unexpected)
        case RetryLater(delay, reason, detail):
            mark_failed(span, reason, detail)
            span.set_attribute(names.RETRY_DELAY, delay)
            ended.info("step ended", outcome=name, reason=reason, detail=detail, delay=delay)
        case Postponed(delay, host):
            span.set_attributes({names.RETRY_DELAY: delay, "server.address": host})
            ended.info("step ended", outcome=name, host=host, delay=delay)
        case HandedBack(reason):
            mark_failed(span, reason, "interrupted")
            ended.info("step ended", outcome=name, reason=reason)
        case LeaseLost():
            mark_failed(span, StopReason.LOST, "interrupted")
            ended.info("step ended", outcome=name)
        case _:
            ended.info("step ended", outcome=name)


OUTCOME_NAMES: Mapping[type, str] = {
    **dict.fromkeys(SUCCESSES, "succeeded"),
    Failed: "failed",
    RetryLater: "retried",
    Postponed: "postponed",
    HandedBack: "handed_back",
    LeaseLost: "lost",
}
"""What spans, metrics and log lines call the ends of attempts."""


def _count(outcome: AttemptEnd, claim: Claim, span: Span, seconds: float) -> None:
    """The attempt's end in the metrics."""
    labels = (claim.job.type, claim.lease.ref.kind, OUTCOME_NAMES[type(outcome)])
    STEP_DURATION.record(seconds, labels, span)
    match outcome:
        case Failed(reason) | RetryLater(_, reason) | HandedBack(reason):
            pass
        case LeaseLost():
            reason = StopReason.LOST
        case _:
            return
    words = ("type", "step", "outcome", "reason")
    STEP_FAILURES.add(1, dict(zip(words, (*labels, reason), strict=True)))


def attempt_span(claim: Claim) -> AbstractContextManager[Span]:
    """The CONSUMER span of one attempt at one step, in the trace of the job."""
    traceparent = claim.job.traceparent
    if not is_sampled(traceparent):
        return nullcontext(INVALID_SPAN)
    carrier = {"traceparent": traceparent} if traceparent else {}
    return tracer.start_as_current_span(
        f"process {claim.lease.ref.kind}",
        context=propagate.extract(carrier, context=Context()),
        kind=SpanKind.CONSUMER,
        attributes=_attempt_attributes(claim),
        record_exception=False,
        set_status_on_exception=False,
    )


def _attempt_attributes(claim: Claim) -> dict[str, str | int | float]:
    job, lease = claim.job, claim.lease
    return {
        **MESSAGING,
        "messaging.operation.type": "process",
        "messaging.operation.name": lease.ref.kind,
        "messaging.destination.name": job.type,
        "messaging.message.id": str(lease.ref),
        "messaging.message.conversation_id": job.id,
        "messaging.client.id": lease.worker,
        names.JOB_ID: job.id,
        names.STEP: lease.ref.name,
        names.ATTEMPT: lease.attempt,
        **({} if claim.waited_ms is None else {names.QUEUE_WAIT: claim.waited_ms / 1000}),
        **({"url.full": without_secrets(claim.candidate.url)} if claim.candidate else {}),
    }
