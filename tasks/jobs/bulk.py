"""What is done to many jobs at once: a page of them at each call, so that each call is short."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from tasks.errors import InvalidRequest, JobFinished, UnknownJob
from tasks.jobs.job import ACTIVE_STATES, FINAL_STATES, JobState, JobType
from tasks.jobs.queue import Queue
from tasks.jobs.record import CancelOutcome, Handled, HandledPage, JobRecord


class Selection(Struct, frozen=True, kw_only=True):
    """Which jobs are meant."""

    states: Sequence[JobState] = ()
    """None for those that the operation says."""
    types: Sequence[JobType] = ()
    """None for all."""
    older_than_seconds: float = 0.0
    """How long ago they must have ended, where they have."""
    cursor: str | None = None
    limit: int = 100


Handle = Callable[[Queue, JobRecord], Awaitable[Handled | None]]


async def cancel_selected(queue: Queue, selection: Selection) -> HandledPage:
    """By default the jobs that have not ended. Raises InvalidRequest for any other state."""
    return await _handle(queue, selection, ACTIVE_STATES, ACTIVE_STATES, _cancel)


async def purge_selected(queue: Queue, selection: Selection) -> HandledPage:
    """By default the jobs that have ended. Raises InvalidRequest for any other state."""
    return await _handle(queue, selection, FINAL_STATES, FINAL_STATES, _purge)


async def retry_selected(queue: Queue, selection: Selection) -> HandledPage:
    """By default those in FAILURE. Raises InvalidRequest for jobs that have not ended.

    A job is retried once within 24 h, however often this is called.
    """
    return await _handle(queue, selection, (JobState.FAILURE,), FINAL_STATES, _retry)


async def _handle(
    queue: Queue,
    selection: Selection,
    by_default: Sequence[JobState],
    allowed: Sequence[JobState],
    handle: Handle,
) -> HandledPage:
    states = selection.states or by_default
    if not set(states) <= set(allowed):
        raise InvalidRequest(f"state must be one of {', '.join(allowed)} for this.")
    types = selection.types or tuple(JobType)
    page = await queue.jobs(states, types, selection.cursor, selection.limit)
    latest_ms = (time.time() - selection.older_than_seconds) * 1000
    handled = [
        await handle(queue, record)
        for record in page.jobs
        if record.finished_ms is None or record.finished_ms <= latest_ms
    ]
    return HandledPage(
        jobs=tuple(one for one in handled if one is not None), next_cursor=page.next_cursor
    )


async def _cancel(queue: Queue, record: JobRecord) -> Handled | None:
    try:
        outcome = await queue.cancel(record.id)
    except (JobFinished, UnknownJob):  # meanwhile
        return None
    cancelled = outcome is CancelOutcome.CANCELLED
    return Handled(job_id=record.id, status="cancelled" if cancelled else "cancelling")


async def _purge(queue: Queue, record: JobRecord) -> Handled | None:
    purged = await queue.purge(record.id)
    return Handled(job_id=record.id, status="purged") if purged else None


async def _retry(queue: Queue, record: JobRecord) -> Handled | None:
    try:
        job = (await queue.retry_failed(record.id, retry_key(record.id))).job
    except (InvalidRequest, UnknownJob):  # nothing failed, or it was forgotten meanwhile
        return None
    return Handled(job_id=job.id, status="submitted", replayed_from=record.id)


def retry_key(job_id: str) -> str:
    """The idempotency key under which a button or a bulk retry makes one new job of this."""
    return f"retry:{job_id}"
