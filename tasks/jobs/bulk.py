"""Operations on many jobs: one page of jobs for each call, so that each call is short."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from msgspec import Struct

from tasks.errors import InvalidRequest, JobFinished, UnknownJob
from tasks.jobs.job import ACTIVE_STATES, FINAL_STATES, JobState, JobType
from tasks.jobs.queue import Queue
from tasks.jobs.record import BulkOutcome, BulkOutcomePage, CancelOutcome, JobRecord


class JobFilter(Struct, frozen=True, kw_only=True):
    """Which jobs an operation applies to."""

    states: Sequence[JobState] = ()
    """Empty for the default states of the operation."""
    types: Sequence[JobType] = ()
    """Empty for all types."""
    older_than_seconds: float = 0.0
    """The least time since an ended job's end."""
    cursor: str | None = None
    limit: int = 100


Operation = Callable[[Queue, JobRecord], Awaitable[BulkOutcome | None]]
"""Returns None for a job that it left unchanged."""


async def cancel_matching(queue: Queue, job_filter: JobFilter) -> BulkOutcomePage:
    """By default, all active jobs. Raises InvalidRequest for a final state."""
    return await _apply(_cancel, queue, job_filter, default=ACTIVE_STATES, allowed=ACTIVE_STATES)


async def purge_matching(queue: Queue, job_filter: JobFilter) -> BulkOutcomePage:
    """By default, all ended jobs. Raises InvalidRequest for an active state."""
    return await _apply(_purge, queue, job_filter, default=FINAL_STATES, allowed=FINAL_STATES)


async def retry_matching(queue: Queue, job_filter: JobFilter, caller: str) -> BulkOutcomePage:
    """By default, all jobs in FAILURE. Raises InvalidRequest for an active state.

    A job is retried once within 24 h, however often this is called. Later calls omit it. Raises
    QuotaExceeded or LedgerFull where a new job is refused; the same call then continues later.
    """
    retry, failures = partial(_retry, caller=caller), (JobState.FAILURE,)
    return await _apply(retry, queue, job_filter, default=failures, allowed=FINAL_STATES)


async def _apply(
    operation: Operation,
    queue: Queue,
    job_filter: JobFilter,
    *,
    default: Sequence[JobState],
    allowed: Sequence[JobState],
) -> BulkOutcomePage:
    states = job_filter.states or default
    if not set(states) <= set(allowed):
        raise InvalidRequest(f"state must be one of {', '.join(allowed)} for this.")
    types = job_filter.types or tuple(JobType)
    page = await queue.jobs(states, types, job_filter.cursor, job_filter.limit)
    latest_ms = await queue.now_ms() - job_filter.older_than_seconds * 1000
    outcomes = []
    for record in page.jobs:
        if record.finished_ms is not None and record.finished_ms > latest_ms:
            continue
        outcome = await operation(queue, record)
        if outcome is not None:
            outcomes.append(outcome)
    return BulkOutcomePage(jobs=tuple(outcomes), next_cursor=page.next_cursor)


async def _cancel(queue: Queue, record: JobRecord) -> BulkOutcome | None:
    try:
        outcome = await queue.cancel(record.id)
    except (JobFinished, UnknownJob):  # since the page was read
        return None
    cancelled = outcome is CancelOutcome.CANCELLED
    return BulkOutcome(job_id=record.id, status="cancelled" if cancelled else "cancelling")


async def _purge(queue: Queue, record: JobRecord) -> BulkOutcome | None:
    purged = await queue.purge(record.id)
    return BulkOutcome(job_id=record.id, status="purged") if purged else None


async def _retry(queue: Queue, record: JobRecord, caller: str) -> BulkOutcome | None:
    try:
        submitted = await queue.retry_once(record.id, caller=caller)
    except (InvalidRequest, UnknownJob):  # nothing failed, or it was purged since
        return None
    if submitted.replayed:
        return None
    return BulkOutcome(job_id=submitted.job.id, status="submitted", replayed_from=record.id)
