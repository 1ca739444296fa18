"""Every change of a job, from its submission to its end. The calls of the ledger combine them.

`LifeCycle` is the counterpart of `lua/_prelude.lua`, `Submissions` that of `lua/submit.lua`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from tasks.errors import Reason
from tasks.jobs.job import Job, JobState
from tasks.jobs.outcome import ArticleFailed, ArticleOutcome, Failure
from tasks.jobs.record import AttemptRecord, IdempotencyKey, JobRecord, SubmitOutcome, SubmitVerdict
from tasks.jobs.step import Lease, StepRef
from tasks.ledger.keys import IDEMPOTENCY_KEPT_S
from tasks.ledger.memory.callers import Caller, Callers
from tasks.ledger.memory.entry import Entry, OpenStep, StepState, Wakeups
from tasks.policies import LedgerPolicy

BACKLOG_GRACE_MS = 60_000
"""After this time the reaper makes sure that a step of a backlog is there."""

ENDED_KEPT = 10_000

RECORD_BYTES, ARTICLE_BYTES = 3000, 4000
"""About what a job takes besides its submission, and each of its articles."""


def _bytes(job: Job, articles: int) -> int:
    return len(msgspec.msgpack.encode(job)) + RECORD_BYTES + articles * ARTICLE_BYTES


class LifeCycle:
    """All jobs, and the changes that they can go through."""

    def __init__(self, policy: LedgerPolicy, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms
        self.entries: dict[str, Entry] = {}
        self.wakeups = Wakeups()
        self.callers = Callers(policy)
        self.ended: deque[str] = deque(maxlen=ENDED_KEPT)
        """Ids of jobs whose end is to be logged."""
        self._grace_ms = round(policy.wakeup_grace_seconds * 1000)
        self.lease_ms = round(policy.lease_seconds * 1000)
        self._policy = policy
        self.slots = 0
        """The slots of all workers together."""
        self.max_tries = policy.max_tries

    # Jobs

    def find(self, job_id: str) -> Entry | None:
        """The job, unless it is unknown or its time to live is over."""
        entry = self.entries.get(job_id)
        return None if entry is None or self.expired(entry) else entry

    def expired(self, entry: Entry) -> bool:
        return entry.record.state.final and entry.forgotten_ms <= self.now_ms()

    def expire(self, entry: Entry, result_ms: int, record_ms: int) -> None:
        """Sets in how many ms the result of an ended job expires, and its record."""
        entry.update(expires_ms=self.now_ms() + result_ms)
        entry.forgotten_ms = self.now_ms() + record_ms

    def begin(self, entry: Entry) -> None:
        """Makes the first step due: at once, or at the job's start time."""
        discover, start = entry.step("discover"), entry.job.not_before_ms
        if start is not None and start > self.now_ms():
            entry.steps[discover] = OpenStep(state=StepState.DELAYED, due_ms=start)
        else:
            self.leave_waiting(entry)
            self.queue(entry, discover)

    def leave_waiting(self, entry: Entry) -> None:
        if entry.waiting:
            entry.update(state=JobState.PENDING)

    def end(self, entry: Entry, state: JobState, error: str | None = None) -> None:
        """Ends the job. After SUCCESS the jobs that wait for it may start; otherwise they end in
        FAILURE too, and so do those that wait for them."""
        self._end_single(entry, state, error)
        ended = [entry]
        for dependency in ended:  # the list grows during the loop
            for dependent in self._dependents(dependency):
                if dependency.succeeded:
                    dependent.waits_for.remove(dependency.id)
                    if not dependent.waits_for:
                        self.begin(dependent)
                else:
                    self._end_single(dependent, JobState.FAILURE, dependency_failed(dependency))
                    ended.append(dependent)

    def revoke_if_idle(self, entry: Entry) -> None:
        """A cancelled job is REVOKED once its last step has stopped."""
        if entry.record.cancelled and not entry.steps:
            self.end(entry, JobState.REVOKED)

    def continue_job(self, entry: Entry) -> None:
        """Releases the next steps after one has ended, or ends the job if it is cancelled."""
        if entry.record.cancelled:
            self.revoke_if_idle(entry)
        else:
            self.release(entry)

    def _end_single(self, entry: Entry, state: JobState, error: str | None) -> None:
        caller = self.callers.open(entry.job.caller)
        for ref in list(entry.steps):
            self.close(entry, ref)
        entry.evidence.clear()
        entry.deadline_ms = None
        caller.last_turns.pop(entry.id, None)
        reserved, entry.bytes_kept = entry.bytes_kept, _bytes(entry.job, entry.record.settled)
        change = entry.bytes_kept - reserved
        self.callers.add_usage(caller.name, -1, -entry.job.article_count, change)
        entry.update(state=state, error=error, finished_ms=self.now_ms())
        seconds = entry.job.result_ttl_seconds or self._policy.result_ttl_seconds
        record_seconds = max(self._policy.record_ttl_seconds, seconds)
        self.expire(entry, seconds * 1000, record_seconds * 1000)
        self.ended.append(entry.id)

    def _dependents(self, entry: Entry) -> Iterator[Entry]:
        """In the order of their submission."""
        for job_id in sorted(self.entries):
            other = self.entries[job_id]
            if other.waiting and entry.id in other.waits_for:
                yield other

    def forget(self, job_id: str) -> None:
        """The record of an ended job has expired or is purged."""
        entry = self.entries.pop(job_id)
        self.callers.add_usage(entry.job.caller, 0, 0, -entry.bytes_kept)

    # Steps

    def held(self, lease: Lease) -> Entry | None:
        """The job, if this attempt still holds the lease. Every call that finishes a step uses this
        fence."""
        entry = self.entries.get(lease.ref.job_id)
        step = entry.steps.get(lease.ref) if entry else None
        held = step and step.state is StepState.LEASED and step.attempt == lease.attempt
        return entry if held else None

    def queue(
        self, entry: Entry, ref: StepRef, attempt: int = 0, tries: int = 0, *, first: bool = False
    ) -> None:
        """Makes a step claimable, and wakes a worker if it is admitted; `first` puts it at the
        front."""
        caller, taken, grace_ms = self.callers.open(entry.job.caller), None, BACKLOG_GRACE_MS
        if not caller.backlog and len(caller.admitted) < self.callers.window:
            taken, grace_ms = self._admit(caller, ref, first=first), self._grace_ms
        else:
            caller.add(ref, entry.job.priority, first=first)
            self.callers.active.setdefault(caller.name, self.now_ms())
        entry.steps[ref] = OpenStep(
            state=StepState.QUEUED,
            attempt=attempt,
            tries=tries,
            due_ms=self.now_ms() + grace_ms,
            queued_ms=self.now_ms(),
            taken=taken,
        )

    def wake_again(self, entry: Entry, ref: StepRef) -> None:
        """The wake-up of this queued step was lost."""
        taken = self._admit(self.callers.open(entry.job.caller), ref)
        now = self.now_ms()
        entry.steps[ref] = msgspec.structs.replace(
            entry.steps[ref], taken=taken, queued_ms=now, due_ms=now + self._grace_ms
        )

    def fill_windows(self) -> None:
        """Ends a call: admits steps of the callers whose steps it has changed."""
        for caller in self.callers.changed():
            while caller.backlog and len(caller.admitted) < self.callers.window:
                ref = caller.take()
                entry = self.entries[ref.job_id]
                taken, due_ms = self._admit(caller, ref), self.now_ms() + self._grace_ms
                entry.steps[ref] = msgspec.structs.replace(
                    entry.steps[ref], taken=taken, due_ms=due_ms
                )
            if not caller.backlog:
                caller.forget_turns()

    def _admit(self, caller: Caller, ref: StepRef, *, first: bool = False) -> int:
        caller.admitted.add(ref)
        return self.wakeups.push(ref, first=first)

    def close(self, entry: Entry, ref: StepRef) -> None:
        """The step has ended."""
        self.withdraw(entry, ref)
        del entry.steps[ref]

    def withdraw(self, entry: Entry, ref: StepRef) -> None:
        """The step is not queued or leased any more."""
        self.callers.open(entry.job.caller).withdraw(ref)

    def postpone_check(self, entry: Entry, ref: StepRef) -> None:
        """Examines a queued step, which only waits for a worker, at a later time."""
        in_backlog = entry.steps[ref].taken is None
        grace_ms = BACKLOG_GRACE_MS if in_backlog else self._grace_ms
        self.set_due(entry, ref, self.now_ms() + grace_ms)

    def set_due(self, entry: Entry, ref: StepRef, due_ms: int) -> None:
        """Changes the due time of a step and nothing else."""
        entry.steps[ref] = msgspec.structs.replace(entry.steps[ref], due_ms=due_ms)

    def lease(self, entry: Entry, ref: StepRef, holder: tuple[str, str]) -> None:
        """Gives a worker the next attempt at a queued step."""
        step = entry.steps[ref]
        if step.taken is None:  # without a wake-up of its own
            caller = self.callers.open(entry.job.caller)
            caller.withdraw(ref)
            caller.admitted.add(ref)
        if entry.record.state is JobState.PENDING:
            entry.update(state=JobState.PROGRESS, started_ms=self.now_ms())
        if step.tries:
            entry.update(retries=entry.record.retries + 1)
        entry.steps[ref] = OpenStep(
            state=StepState.LEASED,
            attempt=step.attempt + 1,
            tries=step.tries + 1,
            due_ms=self.now_ms() + self.lease_ms,
            holder=holder,
        )

    def renew(self, entry: Entry, ref: StepRef) -> None:
        self.set_due(entry, ref, self.now_ms() + self.lease_ms)

    def delay(
        self, entry: Entry, lease: Lease, tries: int, delay_ms: int, host: str | None
    ) -> None:
        """Delays a step that may succeed later."""
        self.withdraw(entry, lease.ref)
        entry.steps[lease.ref] = OpenStep(
            state=StepState.DELAYED,
            attempt=lease.attempt,
            tries=tries,
            due_ms=self.now_ms() + delay_ms,
            host=host,
        )

    def fail(self, entry: Entry, ref: StepRef, reason: str, detail: str) -> None:
        """Fails a step permanently: an article settles as failed; any other step ends the job."""
        self.close(entry, ref)
        if ref.index is not None:
            self.settle_failed(entry, ref.index, reason, detail)
        if entry.record.cancelled or ref.index is not None:
            self.continue_job(entry)
        else:
            self.end(entry, JobState.FAILURE, f"{reason}: {detail}")

    def log_attempt(
        self,
        entry: Entry,
        lease: Lease,
        outcome: Literal["analysed", "retried", "failed", "lost", "handed_back"],
        reason: str | None = None,
        detail: str | None = None,
    ) -> None:
        entry.attempts.append(
            AttemptRecord(
                step=lease.ref.name,
                attempt=lease.attempt,
                outcome=outcome,
                at_ms=self.now_ms(),
                reason=reason,
                detail=detail,
            )
        )

    # Articles

    def release(self, entry: Entry) -> None:
        """Keeps at most W steps of the job open. `rank` follows the last article."""
        total = entry.record.total or 0
        if entry.record.settled == total:
            self.queue(entry, entry.step("rank"), first=True)
        window = self._policy.window(self.slots)
        while len(entry.steps) < window and entry.released < total:
            self.queue(entry, entry.step(f"analyse:{entry.released}"))
            entry.released += 1

    def settle(self, entry: Entry, index: int, outcome: ArticleOutcome) -> None:
        """Stores the one outcome of an article."""
        entry.outcomes[index] = outcome
        failed = int(isinstance(outcome, ArticleFailed))
        record = entry.record
        entry.update(
            settled=record.settled + 1,
            failed=record.failed + failed,
            processed=record.processed + 1 - failed,
        )

    def settle_failed(self, entry: Entry, index: int, reason: str, detail: str) -> None:
        url = entry.candidates[index].url
        entry.failures.append(Failure(url=url, reason=reason, detail=detail))
        self.settle(entry, index, ArticleFailed(url=url, reason=Reason(reason), detail=detail))


def dependency_failed(dependency: Entry) -> str:
    """The error of a job that waited for this one."""
    return f"dependency_failed: Job {dependency.id} ended in {dependency.record.state}."


class _UsedKey(Struct, frozen=True):
    """An idempotency key that made a job."""

    job_id: str
    submission_digest: str
    until_ms: int


class Submissions:
    """Writes each submitted job once."""

    def __init__(self, life: LifeCycle) -> None:
        self._life = life
        self._used: dict[str, _UsedKey] = {}

    def submit(self, job: Job, key: IdempotencyKey | None) -> SubmitOutcome:
        if self._life.find(job.id):
            return SubmitOutcome(SubmitVerdict.KNOWN, job.id)
        used = self._used.get(key.name) if key else None
        if key and used and self._valid(used):
            same = used.submission_digest == key.submission_digest
            return SubmitOutcome(
                SubmitVerdict.KNOWN if same else SubmitVerdict.CONFLICT, used.job_id
            )
        size = _bytes(job, job.article_count)
        if full := self._life.callers.full(job.caller, job.article_count, size):
            verdict, bound = full
            return SubmitOutcome(SubmitVerdict(verdict), "", bound)
        dependencies = []
        for job_id in job.depends_on:
            dependency = self._life.find(job_id)
            if dependency is None:
                return SubmitOutcome(SubmitVerdict.UNKNOWN_DEPENDENCY, job_id)
            dependencies.append(dependency)
        self._write(job, size, dependencies)
        if key:
            until_ms = self._life.now_ms() + IDEMPOTENCY_KEPT_S * 1000
            self._used[key.name] = _UsedKey(job.id, key.submission_digest, until_ms)
        return SubmitOutcome(SubmitVerdict.SUBMITTED, job.id)

    def _valid(self, used: _UsedKey) -> bool:
        """A key whose job was purged or has expired is free again."""
        return used.until_ms > self._life.now_ms() and self._life.find(used.job_id) is not None

    def _write(self, job: Job, size: int, dependencies: Sequence[Entry]) -> None:
        waits_for = {entry.id for entry in dependencies if not entry.record.state.final}
        too_early = job.not_before_ms is not None and job.not_before_ms > self._life.now_ms()
        state = JobState.WAITING if waits_for or too_early else JobState.PENDING
        entry = Entry(
            job=job,
            record=_first_record(job, state),
            waits_for=waits_for,
            deadline_ms=job.deadline_ms,
            bytes_kept=size,
        )
        self._life.entries[job.id] = entry
        callers = self._life.callers
        callers.active[job.caller] = self._life.now_ms()
        callers.add_usage(job.caller, 1, job.article_count, size)
        failed = [
            dependency
            for dependency in dependencies
            if dependency.record.state.final and not dependency.succeeded
        ]
        if failed:
            self._life.end(entry, JobState.FAILURE, dependency_failed(failed[-1]))
        elif not waits_for:
            self._life.begin(entry)


def _first_record(job: Job, state: JobState) -> JobRecord:
    return JobRecord(
        id=job.id,
        type=job.type,
        state=state,
        priority=job.priority,
        submitted_ms=job.submitted_ms,
        about=job.about,
        not_before_ms=job.not_before_ms,
        deadline_ms=job.deadline_ms,
        depends_on=tuple(dict.fromkeys(job.depends_on)),
        replayed_from=job.replayed_from,
        traceparent=job.traceparent,
    )
