"""The calls of the ledger in memory: `MemoryReader` has the queries, `MemoryLedger` the changes."""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast

import msgspec

from tasks.jobs.job import Job, JobState, JobType
from tasks.jobs.outcome import ArticleAnalysed, Candidate, Failure, OutcomePage
from tasks.jobs.record import (
    ArticleRetries,
    ArticleRetry,
    AttemptRecord,
    CancelOutcome,
    HostWait,
    HostWaits,
    IdempotencyKey,
    JobPage,
    JobRecord,
    KeepRefusal,
    QueueDepth,
    ReapOutcome,
    SubmitOutcome,
    WorkerRecord,
)
from tasks.jobs.step import (
    Claim,
    ClaimRefusal,
    Lease,
    LeaseVerdict,
    NextClaim,
    Renewal,
    StepEnd,
    StepRef,
)
from tasks.ledger.keys import WORKER_FORGOTTEN_MS
from tasks.ledger.memory.entry import Entry, StepState
from tasks.ledger.memory.life_cycle import LifeCycle, Submissions
from tasks.ledger.memory.reaping import Reaping
from tasks.policies import LedgerPolicy


class MemoryReader:
    """See `tasks.jobs.ledger_port.JobReader` for the contract of each call."""

    def __init__(self, life: LifeCycle, policy: LedgerPolicy) -> None:
        self._life = life
        self._policy = policy
        self._workers: dict[str, WorkerRecord] = {}
        self._paused = False

    async def now_ms(self) -> int:
        return self._life.now_ms()

    async def record(self, job_id: str) -> JobRecord | None:
        entry = self._life.find(job_id)
        return entry.record if entry else None

    async def records(self, job_ids: Sequence[str]) -> tuple[JobRecord, ...]:
        entries = map(self._life.find, job_ids)
        return tuple(entry.record for entry in entries if entry)

    async def job(self, job_id: str) -> Job | None:
        entry = self._life.find(job_id)
        return entry.job if entry else None

    async def failures(self, job_id: str) -> tuple[Failure, ...]:
        entry = self._life.find(job_id)
        return tuple(entry.failures) if entry else ()

    async def attempts(self, job_id: str) -> tuple[AttemptRecord, ...]:
        entry = self._life.find(job_id)
        return tuple(entry.attempts) if entry else ()

    async def waiting(self, job_id: str, limit: int) -> HostWaits:
        entry = self._life.find(job_id)
        waiting = _host_waits(entry) if entry else []
        return HostWaits(count=len(waiting), first=tuple(waiting[:limit]))

    async def retrying(self, job_id: str, limit: int) -> ArticleRetries:
        entry = self._life.find(job_id)
        retries = _retries(entry) if entry else []
        return ArticleRetries(count=len(retries), first=tuple(retries[:limit]))

    async def discovery(self, job_id: str) -> bytes | None:
        entry = self._life.find(job_id)
        return entry.discovery if entry else None

    async def result(self, job_id: str) -> bytes | None:
        entry = self._with_result(job_id)
        return entry.result if entry else None

    async def outcomes(self, job_id: str, start: int, limit: int) -> OutcomePage:
        entry, record, stop = self._with_result(job_id), await self.record(job_id), start + limit
        outcomes = entry.outcomes if entry else {}
        total = record.total or 0 if record else 0
        return OutcomePage(
            outcomes=tuple(outcomes[index] for index in range(start, stop) if index in outcomes),
            next_cursor=stop if stop < total else None,
        )

    async def evidence(self, job_id: str) -> dict[int, bytes]:
        entry = self._life.find(job_id)
        return dict(entry.evidence) if entry else {}

    async def jobs(
        self,
        states: Sequence[JobState],
        types: Sequence[JobType],
        cursor: str | None,
        limit: int,
    ) -> JobPage:
        matching = [
            record
            for record in self._records()
            if record.state in states
            and record.type in types
            and (cursor is None or record.id < cursor)
        ]
        page = tuple(sorted(matching, key=lambda record: record.id, reverse=True)[:limit])
        return JobPage(jobs=page, next_cursor=page[-1].id if len(matching) > limit else None)

    async def depth(self) -> QueueDepth:
        steps = [step for entry in self._life.entries.values() for step in entry.steps.values()]
        deadlines = [entry for entry in self._life.entries.values() if entry.deadline_ms]
        queued = [step.queued_ms for step in steps if step.queued_ms is not None]
        return QueueDepth(
            active_jobs=sum(not record.state.final for record in self._records()),
            queued=len(queued),
            outstanding=len(steps) + len(deadlines),
            oldest_queued_ms=max(0, self._life.now_ms() - min(queued)) if queued else None,
            workers=sum(not worker.silent for worker in await self.workers()),
            ready=self._life.wakeups.waiting(),
            paused=self._paused,
        )

    async def workers(self) -> tuple[WorkerRecord, ...]:
        silent_since = self._life.now_ms() - self._policy.silent_ms
        return tuple(
            msgspec.structs.replace(worker, silent=worker.seen_ms <= silent_since)
            for worker in sorted(self._workers.values(), key=lambda worker: worker.id)
        )

    def _records(self) -> list[JobRecord]:
        entries = self._life.entries.values()
        return [entry.record for entry in entries if not self._life.expired(entry)]

    def _with_result(self, job_id: str) -> Entry | None:
        """The job, unless the time to live of its result is over."""
        entry = self._life.find(job_id)
        return None if entry is None or self._result_expired(entry) else entry

    def _result_expired(self, entry: Entry) -> bool:
        expires_ms = entry.record.expires_ms
        return expires_ms is not None and expires_ms <= self._life.now_ms()


def _host_waits(entry: Entry) -> list[HostWait]:
    """The soonest first."""
    waiting = sorted(
        (step.due_ms, ref.index, step.host)
        for ref, step in entry.steps.items()
        if ref.index is not None and step.host is not None
    )
    return [
        HostWait(url=entry.candidates[index].url, host=host, until_ms=due_ms)
        for due_ms, index, host in waiting
    ]


def _retries(entry: Entry) -> list[ArticleRetry]:
    """The soonest first."""
    retries = sorted(
        (step.due_ms, ref.index)
        for ref, step in entry.steps.items()
        if ref.index is not None and step.state is StepState.DELAYED and step.host is None
    )
    return [
        ArticleRetry(url=entry.candidates[index].url, at_ms=due_ms) for due_ms, index in retries
    ]


TAKES = 3
"""Wake-ups that may prove to be stale before a worker gets no next step."""


def clock_ms() -> int:
    return time.time_ns() // 1_000_000


Call = TypeVar("Call", bound=Callable[..., Awaitable[Any]])


def _fills_windows(call: Call) -> Call:
    """A call after which steps of the callers that it has changed are admitted."""

    @functools.wraps(call)
    async def then_fill(ledger: MemoryLedger, *args: Any, **kwargs: Any) -> Any:
        reply = await call(ledger, *args, **kwargs)
        ledger.fill_windows()
        return reply

    return cast(Call, then_fill)


class MemoryLedger(MemoryReader):
    """See `tasks.jobs.ledger_port.Ledger` for the contract of each call."""

    def __init__(self, policy: LedgerPolicy, now_ms: Callable[[], int] = clock_ms) -> None:
        self._life = LifeCycle(policy, now_ms)
        super().__init__(self._life, policy)
        self._submissions = Submissions(self._life)
        self._reaping = Reaping(self._life)

    def pop_wakeup(self) -> StepRef | None:
        """Takes the next wake-up, if there is one."""
        return self._life.wakeups.pop()

    def fill_windows(self) -> None:
        self._life.fill_windows()

    def due_in(self) -> float | None:
        """Seconds until the reaper has something to do; None if no job is active."""
        due_ms = self._reaping.next_ms()
        return None if due_ms is None else max(0, due_ms - self._life.now_ms()) / 1000

    @_fills_windows
    async def submit(self, job: Job, idempotency: IdempotencyKey | None = None) -> SubmitOutcome:
        return self._submissions.submit(job, idempotency)

    async def check_accepts_work(self) -> None:
        pass

    @_fills_windows
    async def claim(self, ref: StepRef, worker: str, claim_id: str = "") -> Claim | ClaimRefusal:
        return self._claim(ref, worker, claim_id)

    def _claim(self, ref: StepRef, worker: str, claim_id: str) -> Claim | ClaimRefusal:
        entry = self._life.find(ref.job_id)
        if entry is None:
            return ClaimRefusal.UNKNOWN
        step, holder = entry.steps.get(ref), (worker, claim_id)
        if step is None:
            return ClaimRefusal.SETTLED
        if step.state is StepState.LEASED:
            repeated = bool(claim_id) and step.holder == holder
            return _granted(entry, ref, worker) if repeated else ClaimRefusal.LEASED
        if step.state is StepState.DELAYED:
            return ClaimRefusal.DELAYED
        if self._paused:
            return ClaimRefusal.PAUSED
        waited_ms = max(0, self._life.now_ms() - (step.queued_ms or 0))
        self._life.lease(entry, ref, holder)
        return _granted(entry, ref, worker, waited_ms)

    async def renew(self, worker: str, description: bytes, leases: Sequence[Lease]) -> Renewal:
        known = self._workers.get(worker)
        self._workers[worker] = WorkerRecord.described(
            worker,
            description,
            seen_ms=self._life.now_ms(),
            draining=known is not None and known.draining,
        )
        verdicts = tuple(self._renew(lease) for lease in leases)
        self._life.slots = sum(record.slots or 0 for record in self._workers.values())
        self._life.callers.update_window(self._life.slots, self._life.now_ms())
        return Renewal(
            verdicts=verdicts,
            paused=self._paused,
            draining=self._workers[worker].draining,
            slots=self._life.slots,
        )

    @_fills_windows
    async def discovered(
        self,
        lease: Lease,
        candidates: Sequence[Candidate],
        report: bytes,
        then: NextClaim | None = None,
    ) -> StepEnd:
        entry = self._life.held(lease)
        if entry is None:
            return self._ended_before(lease, then)
        self._life.close(entry, lease.ref)
        if not entry.record.cancelled:
            entry.candidates, entry.discovery = tuple(candidates), report
            entry.update(total=len(candidates))
        self._life.continue_job(entry)
        return self._ended(lease, then)

    @_fills_windows
    async def settle(
        self, lease: Lease, outcome: ArticleAnalysed, then: NextClaim | None = None
    ) -> StepEnd:
        entry, index = self._life.held(lease), lease.ref.index
        if entry is None or index is None:
            return self._ended_before(lease, then)
        self._life.close(entry, lease.ref)
        self._life.settle(entry, index, msgspec.structs.replace(outcome, evidence=b""))
        if outcome.evidence:
            entry.evidence[index] = outcome.evidence
        if lease.attempt > 1:
            self._life.log_attempt(entry, lease, "analysed")
        self._life.continue_job(entry)
        return self._ended(lease, then)

    @_fills_windows
    async def complete(self, lease: Lease, result: bytes, then: NextClaim | None = None) -> StepEnd:
        entry = self._life.held(lease)
        if entry is None:
            return self._ended_before(lease, then)
        self._life.close(entry, lease.ref)
        if entry.record.cancelled:
            self._life.revoke_if_idle(entry)
        else:
            entry.result = result
            self._life.end(entry, JobState.SUCCESS)
        return self._ended(lease, then)

    def _ended_before(self, lease: Lease, then: NextClaim | None) -> StepEnd:
        """Of a lease that is lost: the step that the end of it gave, if that is repeated."""
        holder = then and (lease.worker, then.claim_id)
        for entry in self._life.entries.values():
            for ref, step in entry.steps.items():
                if then and step.state is StepState.LEASED and step.holder == holder:
                    claim = self._claim(ref, lease.worker, then.claim_id)
                    if isinstance(claim, Claim):
                        return StepEnd(accepted=True, next=claim)
        return StepEnd(accepted=False)

    def _ended(self, lease: Lease, then: NextClaim | None) -> StepEnd:
        if then is None or self._paused:
            return StepEnd(accepted=True)
        self._life.fill_windows()
        if not then.alone and self._life.wakeups.waiting() < 2:
            return StepEnd(accepted=True)
        for _ in range(TAKES):
            ref = self._life.wakeups.pop()
            if ref is None:
                break
            claim = self._claim(ref, lease.worker, then.claim_id)
            if isinstance(claim, Claim):
                return StepEnd(accepted=True, next=claim)
        return StepEnd(accepted=True)

    @_fills_windows
    async def fail(self, lease: Lease, reason: str, detail: str) -> bool:
        entry = self._life.held(lease)
        if entry is None:
            return False
        self._life.log_attempt(entry, lease, "failed", reason, detail)
        self._life.fail(entry, lease.ref, reason, detail)
        return True

    @_fills_windows
    async def retry(
        self, lease: Lease, delay_seconds: float, reason: str, detail: str, host: str | None = None
    ) -> bool:
        entry = self._life.held(lease)
        if entry is None:
            return False
        if lease.tries >= self._life.max_tries or entry.record.cancelled:
            return await self.fail(lease, reason, detail)
        self._life.log_attempt(entry, lease, "retried", reason, detail)
        self._life.delay(entry, lease, lease.tries, round(delay_seconds * 1000), host)
        return True

    @_fills_windows
    async def postpone(self, lease: Lease, delay_seconds: float, host: str) -> bool:
        entry = self._life.held(lease)
        if entry is None:
            return False
        if entry.record.cancelled:
            self._life.close(entry, lease.ref)
            self._life.revoke_if_idle(entry)
        else:
            self._life.delay(entry, lease, lease.tries - 1, round(delay_seconds * 1000), host)
        return True

    @_fills_windows
    async def hand_back(self, lease: Lease) -> bool:
        entry = self._life.held(lease)
        if entry is None:
            return False
        if entry.record.cancelled:
            self._life.close(entry, lease.ref)
            self._life.revoke_if_idle(entry)
        else:
            self._life.log_attempt(entry, lease, "handed_back")
            self._life.withdraw(entry, lease.ref)
            self._life.queue(entry, lease.ref, lease.attempt, lease.tries - 1, first=True)
        return True

    @_fills_windows
    async def cancel(self, job_id: str) -> CancelOutcome:
        entry = self._life.find(job_id)
        if entry is None:
            return CancelOutcome.UNKNOWN
        if entry.record.state.final:
            return CancelOutcome.FINISHED
        entry.update(cancelled=True)
        for ref, step in list(entry.steps.items()):
            if step.state is not StepState.LEASED:
                self._life.close(entry, ref)
        self._life.revoke_if_idle(entry)
        return CancelOutcome.CANCELLING if entry.steps else CancelOutcome.CANCELLED

    async def purge(self, job_id: str) -> bool:
        entry = self._life.find(job_id)
        if entry is None or not entry.record.state.final:
            return False
        self._life.forget(job_id)
        return True

    async def keep(self, job_id: str, seconds: int) -> int | KeepRefusal:
        entry = self._life.find(job_id)
        if entry is None:
            return KeepRefusal.UNKNOWN
        if entry.record.expires_ms is None:
            return KeepRefusal.ACTIVE
        if self._result_expired(entry):
            return KeepRefusal.EXPIRED
        now_ms = self._life.now_ms()
        result_ms = max(seconds * 1000, entry.record.expires_ms - now_ms)
        self._life.expire(entry, result_ms, max(result_ms, entry.forgotten_ms - now_ms))
        return now_ms + result_ms

    @_fills_windows
    async def reap(self, limit: int = 100, *, lenient: bool = False) -> ReapOutcome:
        silent_since = self._life.now_ms() - WORKER_FORGOTTEN_MS
        for worker in list(self._workers.values()):
            if worker.seen_ms <= silent_since:
                del self._workers[worker.id]
        return self._reaping.reap(limit, paused=self._paused, lenient=lenient)

    async def take_ended(self, limit: int) -> tuple[str, ...]:
        ended = self._life.ended
        return tuple(ended.popleft() for _ in range(min(limit, len(ended))))

    async def pause(self) -> None:
        self._paused = True

    async def resume(self) -> None:
        self._paused = False

    async def drain(self, worker: str) -> bool:
        known = self._workers.get(worker)
        if known is None:
            return False
        self._workers[worker] = msgspec.structs.replace(known, draining=True)
        return True

    def _renew(self, lease: Lease) -> LeaseVerdict:
        entry = self._life.held(lease)
        if entry is None:
            return LeaseVerdict.LOST
        self._life.renew(entry, lease.ref)
        self._life.callers.active[entry.job.caller] = self._life.now_ms()
        return LeaseVerdict.CANCELLED if entry.record.cancelled else LeaseVerdict.HELD


def _granted(entry: Entry, ref: StepRef, worker: str, waited_ms: int | None = None) -> Claim:
    step = entry.steps[ref]
    return Claim(
        lease=Lease(ref=ref, attempt=step.attempt, tries=step.tries, worker=worker),
        job=entry.job,
        candidate=None if ref.index is None else entry.candidates[ref.index],
        waited_ms=waited_ms,
    )
