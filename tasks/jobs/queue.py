"""What clients can do with jobs: submit, retry, cancel, purge, look up, list."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from tasks.errors import (
    IdempotencyConflict,
    InvalidRequest,
    JobFinished,
    JobUnfinished,
    LedgerFull,
    QuotaExceeded,
    ResultExpired,
    UnknownJob,
    UnknownWorker,
)
from tasks.jobs.ids import JobIds
from tasks.jobs.job import ACTIVE_STATES, BatchAnalysis, Job, JobState, JobType, Params, query_of
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.options import JobOptions
from tasks.jobs.outcome import Failure, OutcomePage
from tasks.jobs.record import (
    AttemptRecord,
    CancelOutcome,
    IdempotencyKey,
    JobPage,
    JobRecord,
    JobStatus,
    KeepRefusal,
    QueueDepth,
    SubmitVerdict,
    WorkerRecord,
)
from tasks.jobs.result import current_form, partial_result, with_expiry
from tasks.jobs.submission import (
    JobLimits,
    Submission,
    client_key,
    retry_key,
    validate_idempotency_key,
    validate_params,
    validate_result_ttl,
    validate_timing,
)
from tasks.telemetry.tracing import submit_span

MAX_WAITING_SHOWN = 20
"""How many articles that wait for their hosts, and how many that are tried again, a status lists:
enough to see why a job is slow."""


QUOTA_SENTENCES = {
    "jobs": "You have as many active jobs as one caller may have. Wait for some to end, or cancel "
    "some.",
    "articles": "Your active jobs have as many articles as those of one caller may have. Wait for "
    "some to end, or cancel some.",
    "bytes": "Your jobs and their results take as much memory as those of one caller may take. "
    "Purge some that have ended.",
}
"""By the bound that the ledger names."""


class Submitted(Struct, frozen=True, kw_only=True):
    """A job that is in the ledger."""

    job: Job
    replayed: bool = False
    """Whether an earlier submit with the same idempotency key had written it."""


URLS_AT_ONCE = 100
"""A longer list is looked at in a thread: 1,000 addresses take some 10 ms, and web answers others
meanwhile."""


class Queue:
    """The use cases. Every call raises LedgerUnavailable if the ledger cannot be reached."""

    def __init__(self, ledger: Ledger, limits: JobLimits) -> None:
        self._ledger = ledger
        self._limits = limits
        self._ids = JobIds()

    async def now_ms(self) -> int:
        """The ledger's clock, by which jobs start, expire and end, however wrong our own is."""
        return await self._ledger.now_ms()

    async def submit(
        self,
        submission: Submission,
        idempotency_key: str | None = None,
        *,
        caller: str = "",
        of_schedule: bool = False,
    ) -> Submitted:
        """Writes the job to the ledger. Once this returns, the job is certain to end.

        `caller` is whose turns the job takes and whose quota it uses. The result of a schedule's
        job is kept as those of its runs.

        With a key, the same submission makes one job however often it is sent within 24 h, unless
        that job is purged or forgotten.
        Raises InvalidRequest with what to change, IdempotencyConflict, QuotaExceeded or LedgerFull.
        """
        if len(getattr(submission.params, "urls", ())) > URLS_AT_ONCE:
            await asyncio.to_thread(validate_params, submission.params, self._limits)
        else:
            validate_params(submission.params, self._limits)
        validate_result_ttl(submission.result_ttl_seconds, self._limits)
        now_ms = await self.now_ms()
        validate_timing(submission, now_ms)
        key = _client_key(submission, idempotency_key)
        if of_schedule:
            submission = self._kept_as_of_schedule(submission)
        return await self._write(self._ids.next(now_ms), submission, now_ms, key, caller)

    async def submit_run(self, job_id: str, submission: Submission, *, caller: str) -> Submitted:
        """Submits the job of a schedule's run, whose id the caller derives from the run.

        Every process that sees the run derives the same id, so the run makes one job. Its result is
        kept for longer than that of others, unless the submission says how long. The caller has
        validated the submission. Raises QuotaExceeded or LedgerFull.
        """
        submission = self._kept_as_of_schedule(submission)
        return await self._write(job_id, submission, await self.now_ms(), None, caller)

    async def check_accepts_work(self) -> None:
        """Raises LedgerUnavailable, with the reason, if a job could not be submitted now."""
        await self._ledger.check_accepts_work()

    async def retry(
        self, job_id: str, idempotency_key: str | None = None, *, caller: str = ""
    ) -> Submitted:
        """Submits a new job for what failed in this one.

        A SUCCESS is retried as a batch of its failed articles. A FAILURE and a REVOKED job are run
        again with the same parameters, since their articles are not what failed.

        The new job's parameters are not validated: the ledger accepted them once, and the URLs of
        discovered articles need not satisfy the rules for clients. A URL that cannot be fetched
        fails again as that article.
        Raises UnknownJob, JobUnfinished, IdempotencyConflict, QuotaExceeded, LedgerFull, or
        InvalidRequest if nothing failed.
        """
        submission = await self._retry_submission(job_id)
        key = _client_key(submission, idempotency_key)
        return await self._write_retry(submission, key, caller)

    async def retry_once(self, job_id: str, *, caller: str = "") -> Submitted:
        """Retries a job, but makes at most one new job of it within 24 h.

        Raises UnknownJob, JobUnfinished, QuotaExceeded, LedgerFull, or InvalidRequest if nothing
        failed.
        """
        submission = await self._retry_submission(job_id)
        return await self._write_retry(submission, retry_key(job_id), caller)

    async def rerun(
        self, job_id: str, idempotency_key: str | None = None, *, caller: str = ""
    ) -> Submitted:
        """Submits a new job with the parameters of one that has ended, whatever its outcome.

        A deadline is as far away as it was at the first submit. The parameters are not validated,
        as for a retry. Raises UnknownJob, JobUnfinished, IdempotencyConflict, QuotaExceeded or
        LedgerFull.
        """
        _, job = await self._ended_job(job_id)
        deadline = job.deadline_ms
        submission = Submission(
            params=job.params,
            priority=job.priority,
            deadline_seconds=None if deadline is None else (deadline - job.submitted_ms) / 1000,
            replayed_from=job_id,
            result_ttl_seconds=job.result_ttl_seconds,
        )
        key = _client_key(submission, idempotency_key)
        return await self._write_retry(submission, key, caller)

    async def cancel(self, job_id: str) -> CancelOutcome:
        """CANCELLED, or CANCELLING while steps still run.

        Raises UnknownJob, or JobFinished if the job has ended.
        """
        outcome = await self._ledger.cancel(job_id)
        if outcome is CancelOutcome.UNKNOWN:
            raise UnknownJob
        if outcome is CancelOutcome.FINISHED:
            raise JobFinished
        return outcome

    async def keep(self, job_id: str, seconds: int) -> int:
        """Keeps the result of a job that has ended for at least that long from now, and its record
        with it. Returns the time in ms at which the result expires now.

        Raises UnknownJob, JobUnfinished, ResultExpired, or InvalidRequest for too long a time.
        """
        validate_result_ttl(seconds, self._limits)
        match await self._ledger.keep(job_id, seconds):
            case KeepRefusal.UNKNOWN:
                raise UnknownJob
            case KeepRefusal.ACTIVE:
                raise JobUnfinished
            case KeepRefusal.EXPIRED:
                raise ResultExpired
            case expires_ms:
                return expires_ms

    async def purge(self, job_id: str) -> bool:
        """Deletes a job that has ended. False if it is unknown or still active."""
        return await self._ledger.purge(job_id)

    async def status(self, job_id: str) -> JobStatus:
        """Raises UnknownJob."""
        record = await self._record(job_id)
        failures = await self._ledger.failures(job_id) if record.failed else ()
        if record.state is not JobState.PROGRESS:
            return JobStatus(record=record, failures=failures)
        waiting, retrying = await asyncio.gather(
            self._ledger.waiting(job_id, MAX_WAITING_SHOWN),
            self._ledger.retrying(job_id, MAX_WAITING_SHOWN),
        )
        return JobStatus(record=record, failures=failures, waiting=waiting, retrying=retrying)

    async def result(self, job_id: str) -> bytes:
        """The result as JSON; for a FAILURE or REVOKED job, the articles that it had analysed.

        Raises UnknownJob, JobUnfinished or ResultExpired.
        """
        record = await self._record(job_id)
        if not record.state.final or record.finished_ms is None:
            raise JobUnfinished
        expires_ms = record.expires_ms or 0
        result = await self._ledger.result(job_id)
        if result is not None:
            return with_expiry(current_form(result), expires_ms)
        if record.state is JobState.SUCCESS or await self.now_ms() > expires_ms:
            raise ResultExpired
        page = await self._ledger.outcomes(job_id, 0, max(record.total or 0, 1))
        job = await self._ledger.job(job_id)
        partial = partial_result(record, page.outcomes, job, await self._ledger.discovery(job_id))
        return with_expiry(partial, expires_ms)

    async def articles(self, job_id: str, start: int, limit: int) -> OutcomePage:
        """Outcomes so far, even while the job runs. Raises UnknownJob."""
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
        page = await self._ledger.jobs(states, types, cursor, limit)
        return replace(page, jobs=tuple(map(self._dated, page.jobs)))

    async def ended(self, job_ids: Sequence[str]) -> set[str]:
        """Which of these jobs are not active, because they ended or are unknown. One round trip."""
        records = await self._ledger.records(job_ids)
        return set(job_ids) - {record.id for record in records if not record.state.final}

    async def depth(self) -> QueueDepth:
        return await self._ledger.depth()

    async def workers(self) -> tuple[WorkerRecord, ...]:
        """The workers that renewed their leases lately."""
        return await self._ledger.workers()

    async def pause(self) -> None:
        """Refuses all claims until `resume`. Running steps are not affected."""
        await self._ledger.pause()

    async def resume(self) -> None:
        await self._ledger.resume()

    async def drain(self, worker: str) -> WorkerRecord:
        """Asks a worker to claim no more steps and to end. Raises UnknownWorker."""
        if await self._ledger.drain(worker):
            for record in await self._ledger.workers():
                if record.id == worker:
                    return record
        raise UnknownWorker

    async def _ended_job(self, job_id: str) -> tuple[JobRecord, Job]:
        record = await self._record(job_id)
        if not record.state.final:
            raise JobUnfinished
        job = await self._ledger.job(job_id)
        if job is None:
            raise UnknownJob
        return record, job

    async def _retry_submission(self, job_id: str) -> Submission:
        record, job = await self._ended_job(job_id)
        params = job.params
        if record.state is JobState.SUCCESS:
            params = _batch_of_failures(params, await self._ledger.failures(job_id))
        return Submission(
            params=params,
            priority=record.priority,
            replayed_from=job_id,
            result_ttl_seconds=job.result_ttl_seconds,
        )

    async def _write_retry(
        self, submission: Submission, key: IdempotencyKey | None, caller: str
    ) -> Submitted:
        now_ms = await self.now_ms()
        return await self._write(self._ids.next(now_ms), submission, now_ms, key, caller)

    def _kept_as_of_schedule(self, submission: Submission) -> Submission:
        if submission.result_ttl_seconds is not None:
            return submission
        return replace(submission, result_ttl_seconds=self._limits.schedule_result_ttl_seconds)

    async def _write(
        self,
        job_id: str,
        submission: Submission,
        now_ms: int,
        key: IdempotencyKey | None,
        caller: str,
    ) -> Submitted:
        kept = submission.result_ttl_seconds
        if kept is not None:  # of a schedule or an earlier job: the limit may have been lowered
            longest = self._limits.max_result_ttl_seconds
            submission = replace(submission, result_ttl_seconds=min(kept, longest))
        with submit_span(job_id, submission.params.job_type) as traceparent:
            job = _job(job_id, submission, now_ms, traceparent, caller)
            outcome = await self._ledger.submit(job, key)
        match outcome.verdict:
            case SubmitVerdict.CONFLICT:
                raise IdempotencyConflict
            case SubmitVerdict.UNKNOWN_DEPENDENCY:
                raise InvalidRequest(f"depends_on names a job that is not known: {outcome.job_id}.")
            case SubmitVerdict.CALLER_FULL:
                raise QuotaExceeded(QUOTA_SENTENCES[outcome.bound])
            case SubmitVerdict.LEDGER_FULL:
                raise LedgerFull
            case SubmitVerdict.KNOWN:
                return Submitted(job=replace(job, id=outcome.job_id), replayed=True)
            case SubmitVerdict.SUBMITTED:
                return Submitted(job=job)

    async def _record(self, job_id: str) -> JobRecord:
        record = await self._ledger.record(job_id)
        if record is None:
            raise UnknownJob
        return self._dated(record)

    def _dated(self, record: JobRecord) -> JobRecord:
        """The record of a job that an older release has ended, with the end of its result."""
        if record.finished_ms is None or record.expires_ms is not None:
            return record
        expires_ms = record.finished_ms + self._limits.result_ttl_seconds * 1000
        return replace(record, expires_ms=expires_ms)


def _client_key(submission: Submission, key: str | None) -> IdempotencyKey | None:
    if key is None:
        return None
    validate_idempotency_key(key)
    return client_key(submission, key)


def _batch_of_failures(params: Params, failures: Sequence[Failure]) -> BatchAnalysis:
    """The failed articles of a job with these parameters. Raises InvalidRequest if none failed."""
    if not failures:
        raise InvalidRequest("No article of this job failed, so there is nothing to retry.")
    options: JobOptions | None = getattr(params, "options", None)
    return BatchAnalysis(
        urls=tuple(failure.url for failure in failures),
        query=query_of(params),
        apply_diversity=getattr(params, "apply_diversity", False),
        options=options and replace(options, sources=()),
    )


def _job(
    job_id: str, submission: Submission, now_ms: int, traceparent: str | None, caller: str
) -> Job:
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
        result_ttl_seconds=submission.result_ttl_seconds,
        traceparent=traceparent,
        caller=caller,
    )
