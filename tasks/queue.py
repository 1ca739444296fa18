"""What clients can do with jobs: submit, cancel, look, list."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from msgspec import Struct

from tasks.admission import admit
from tasks.errors import JobFinished, JobUnfinished, ResultExpired, UnknownJob
from tasks.job import (
    ACTIVE_STATES,
    CancelOutcome,
    Failure,
    Job,
    JobPage,
    JobRecord,
    JobState,
    JobType,
    OutcomePage,
    Params,
    Priority,
    QueueDepth,
    new_job_id,
)
from tasks.ports import Ledger
from tasks.result import partial_result
from tasks.settings import Settings
from tasks.telemetry import submit_span


class Submission(Struct, frozen=True, kw_only=True):
    """What a client asks for, beside the parameters of its job's type."""

    params: Params
    priority: Priority = Priority.NORMAL


class JobStatus(Struct, frozen=True, kw_only=True):
    """A job's record with its failed articles."""

    record: JobRecord
    failures: tuple[Failure, ...]


class Queue:
    """The use cases. Every call raises LedgerUnavailable if the ledger cannot be reached."""

    def __init__(
        self, ledger: Ledger, settings: Settings, now: Callable[[], float] = time.time
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._now = now

    async def submit(self, submission: Submission) -> Job:
        """Writes the job to the ledger; once this returns, it will end.

        Raises InvalidRequest with what to change.
        """
        admit(submission.params, self._settings)
        now_ms = int(self._now() * 1000)
        job_id = new_job_id(now_ms)
        with submit_span(job_id, submission.params.job_type) as traceparent:
            job = Job(
                id=job_id,
                params=submission.params,
                priority=submission.priority,
                submitted_ms=now_ms,
                traceparent=traceparent,
            )
            await self._ledger.submit(job)
        return job

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

    async def status(self, job_id: str) -> JobStatus:
        """Raises UnknownJob."""
        record = await self._record(job_id)
        failures = await self._ledger.failures(job_id) if record.failed else ()
        return JobStatus(record=record, failures=failures)

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
        return partial_result(record, page.outcomes)

    async def articles(self, job_id: str, start: int, limit: int) -> OutcomePage:
        """Outcomes so far, also while the job runs. Raises UnknownJob."""
        await self._record(job_id)
        return await self._ledger.outcomes(job_id, start, limit)

    async def jobs(
        self,
        states: Sequence[JobState] = ACTIVE_STATES,
        types: Sequence[JobType] = tuple(JobType),
        cursor: str | None = None,
        limit: int = 50,
    ) -> JobPage:
        """A page of jobs, newest first."""
        return await self._ledger.jobs(states, types, cursor, limit)

    async def depth(self) -> QueueDepth:
        return await self._ledger.depth()

    async def _record(self, job_id: str) -> JobRecord:
        record = await self._ledger.record(job_id)
        if record is None:
            raise UnknownJob
        return record
