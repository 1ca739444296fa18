"""What clients can do with jobs: submit, cancel, look, list."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from tasks.errors import (
    IdempotencyConflict,
    InvalidRequest,
    JobFinished,
    JobUnfinished,
    ResultExpired,
    UnknownJob,
    UnknownWorker,
)
from tasks.jobs.ids import JobIds
from tasks.jobs.job import ACTIVE_STATES, BatchAnalysis, Job, JobState, JobType, Params, query_of
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.outcome import Failure, OutcomePage
from tasks.jobs.record import (
    AttemptRecord,
    CancelOutcome,
    JobPage,
    JobRecord,
    JobStatus,
    QueueDepth,
    SubmitVerdict,
    WorkerRecord,
)
from tasks.jobs.result import partial_result
from tasks.jobs.submission import Submission, idempotency_of
from tasks.jobs.validation import admit, admit_key, admit_timing
from tasks.settings import Settings
from tasks.telemetry import submit_span

WAITING_TOLD = 20
"""Articles that wait for their hosts, in a status: enough to see why a job takes its time."""


class Submitted(Struct, frozen=True, kw_only=True):
    """A job that is in the ledger."""

    job: Job
    replayed: bool = False
    """Whether an earlier submit with the same idempotency key had put it there."""


class Queue:
    """The use cases. Every call raises LedgerUnavailable if the ledger cannot be reached."""

    def __init__(
        self, ledger: Ledger, settings: Settings, now: Callable[[], float] = time.time
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._now = now
        self._ids = JobIds()

    async def submit(self, submission: Submission, idempotency_key: str | None = None) -> Submitted:
        """Writes the job to the ledger; once this returns, it will end.

        With a key, the same submission makes one job however often it is sent within 24 h.
        Raises InvalidRequest with what to change, or IdempotencyConflict.
        """
        now_ms = int(self._now() * 1000)
        admit(submission.params, self._settings)
        admit_timing(submission, now_ms)
        if idempotency_key is not None:
            admit_key(idempotency_key)
        return await self._write(self._ids.next(now_ms), submission, now_ms, idempotency_key)

    async def submit_run(self, job_id: str, submission: Submission) -> Submitted:
        """The same under an id that the caller derives, so that it is made once by whoever."""
        return await self._write(job_id, submission, int(self._now() * 1000), None)

    async def retry_failed(self, job_id: str, idempotency_key: str | None = None) -> Submitted:
        """A new job of what failed in this one: its failed articles, or all of a FAILURE without.

        Raises UnknownJob, JobUnfinished, IdempotencyConflict, or InvalidRequest if nothing failed.
        """
        record = await self._record(job_id)
        if not record.state.final:
            raise JobUnfinished
        job = await self._ledger.job(job_id)
        if job is None:
            raise UnknownJob
        submission = Submission(
            params=_failed_part(job.params, record, await self._ledger.failures(job_id)),
            priority=record.priority,
            replayed_from=job_id,
        )
        return await self.submit(submission, idempotency_key)

    async def cancel(self, job_id: str) -> CancelOutcome:
        """CANCELLED, or CANCELLING while steps still run.

        Raises UnknownJob, or JobFinished if it is too late.
        """
        outcome = await self._ledger.cancel(job_id)
        if outcome is CancelOutcome.UNKNOWN:
            raise UnknownJob
        if outcome is CancelOutcome.FINISHED:
            raise JobFinished
        return outcome

    async def purge(self, job_id: str) -> bool:
        """Forgets a job that has ended. False: there is none, or it is still active."""
        return await self._ledger.purge(job_id)

    async def status(self, job_id: str) -> JobStatus:
        """Raises UnknownJob."""
        record = await self._record(job_id)
        failures = await self._ledger.failures(job_id) if record.failed else ()
        if record.state is not JobState.PROGRESS:
            return JobStatus(record=record, failures=failures)
        waiting = await self._ledger.waiting(job_id, WAITING_TOLD)
        return JobStatus(record=record, failures=failures, waiting=waiting)

    async def result(self, job_id: str) -> bytes:
        """The result as JSON; of a job that failed or was revoked, what it had.

        Raises UnknownJob, JobUnfinished or ResultExpired.
        """
        record = await self._record(job_id)
        if not record.state.final or record.finished_ms is None:
            raise JobUnfinished
        result = await self._ledger.result(job_id)
        if result is not None:
            return result
        expired = self._now() * 1000 > record.finished_ms + self._settings.result_ttl * 1000
        if record.state is JobState.SUCCESS or expired:
            raise ResultExpired
        page = await self._ledger.outcomes(job_id, 0, max(record.total or 0, 1))
        job = await self._ledger.job(job_id)
        return partial_result(record, page.outcomes, job, await self._ledger.discovery(job_id))

    async def articles(self, job_id: str, start: int, limit: int) -> OutcomePage:
        """Outcomes so far, also while the job runs. Raises UnknownJob."""
        await self._record(job_id)
        return await self._ledger.outcomes(job_id, start, limit)

    async def attempts(self, job_id: str) -> tuple[AttemptRecord, ...]:
        """Attempts that did not succeed, and successes after such ones. Raises UnknownJob."""
        await self._record(job_id)
        return await self._ledger.attempts(job_id)

    async def jobs(
        self,
        states: Sequence[JobState] = ACTIVE_STATES,
        types: Sequence[JobType] = tuple(JobType),
        cursor: str | None = None,
        limit: int = 50,
    ) -> JobPage:
        """A page of jobs, newest first."""
        return await self._ledger.jobs(states, types, cursor, limit)

    async def ended(self, job_ids: Sequence[str]) -> set[str]:
        """Those of these jobs that run no more, whether ended or forgotten; one round trip."""
        records = await self._ledger.records(job_ids)
        return set(job_ids) - {record.id for record in records if not record.state.final}

    async def depth(self) -> QueueDepth:
        return await self._ledger.depth()

    async def workers(self) -> tuple[WorkerRecord, ...]:
        """The workers that were heard of lately."""
        return await self._ledger.workers()

    async def pause(self) -> None:
        """Lets no step be claimed until `resume`. What runs is not touched."""
        await self._ledger.pause()

    async def resume(self) -> None:
        await self._ledger.resume()

    async def drain(self, worker: str) -> None:
        """Tells a worker to take no more steps, and to end. Raises UnknownWorker."""
        if not await self._ledger.drain(worker):
            raise UnknownWorker

    async def _write(
        self, job_id: str, submission: Submission, now_ms: int, key: str | None
    ) -> Submitted:
        with submit_span(job_id, submission.params.job_type) as traceparent:
            job = _job(job_id, submission, now_ms, traceparent)
            idempotency = idempotency_of(submission, key) if key is not None else None
            outcome = await self._ledger.submit(job, idempotency)
        match outcome.verdict:
            case SubmitVerdict.CONFLICT:
                raise IdempotencyConflict
            case SubmitVerdict.UNKNOWN_DEPENDENCY:
                raise InvalidRequest(f"depends_on names a job that is not known: {outcome.job_id}.")
            case SubmitVerdict.KNOWN:
                return Submitted(job=replace(job, id=outcome.job_id), replayed=True)
            case SubmitVerdict.SUBMITTED:
                return Submitted(job=job)

    async def _record(self, job_id: str) -> JobRecord:
        record = await self._ledger.record(job_id)
        if record is None:
            raise UnknownJob
        return record


def _failed_part(params: Params, record: JobRecord, failures: Sequence[Failure]) -> Params:
    """The parameters of a job of what failed in one with these. InvalidRequest: nothing did."""
    if failures:
        return BatchAnalysis(
            urls=tuple(failure.url for failure in failures),
            query=query_of(params),
            apply_diversity=getattr(params, "apply_diversity", False),
        )
    if record.state is JobState.FAILURE:
        return params
    raise InvalidRequest("No article of this job failed, so there is nothing to retry.")


def _job(job_id: str, submission: Submission, now_ms: int, traceparent: str | None) -> Job:
    deadline = submission.deadline_seconds
    return Job(
        id=job_id,
        params=submission.params,
        priority=submission.priority,
        submitted_ms=now_ms,
        not_before_ms=submission.not_before_ms,
        deadline_ms=None if deadline is None else now_ms + round(deadline * 1000),
        depends_on=submission.depends_on,
        replayed_from=submission.replayed_from,
        traceparent=traceparent,
    )
