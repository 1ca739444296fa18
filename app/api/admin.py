"""The HTTP interface for whoever runs the service: the queue, the workers, many jobs at once.

Nobody has to say who they are: keep it where only trusted clients reach it. What changes
something is refused from pages of other sites.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import Body, FromPath
from msgspec import Struct

from app.api.job_requests import JobSelection, selection_of
from app.api.job_responses import moment
from app.api.openapi import problem_responses
from app.http.body import StrictJson, decode_strictly, explain, path_in, require_json
from app.http.security import require_same_origin
from tasks.jobs.bulk import HandledPage, cancel_selected, purge_selected, retry_selected
from tasks.jobs.job import JobState, JobType, Priority
from tasks.jobs.queue import Queue
from tasks.jobs.record import QueueDepth, WorkerRecord

TAGS = ["admin"]

_decoder = msgspec.json.Decoder(JobSelection)


class QueueReport(Struct, frozen=True, kw_only=True):
    """How much there is to do, and who does it."""

    paused: bool
    """Whether no step may be claimed."""
    active_jobs: int
    queued: int
    """Steps that wait for a worker."""
    wakeups: dict[Priority, int]
    """The same by priority, nearly: wake-ups in each list, those of cancelled steps included."""
    running: int
    """Steps that the workers run, as they last told."""
    outstanding: int
    """Steps that are queued, running or delayed, and deadlines to come."""
    oldest_queued_seconds: float | None
    workers: int


class Paused(Struct, frozen=True, kw_only=True):
    paused: bool


class WorkerView(Struct, frozen=True, kw_only=True):
    """A worker process, as it last told of itself."""

    worker_id: str
    seen_at: dt.datetime
    slots: int
    """Steps that it can run at once."""
    running: int
    draining: bool
    """Whether it was told to take no more steps, and to end."""


class WorkerListing(Struct, frozen=True, kw_only=True):
    """The workers that were heard of lately."""

    workers: list[WorkerView]


class Draining(Struct, frozen=True, kw_only=True):
    worker_id: str
    draining: bool = True


class StrictSelection(StrictJson):
    """Decodes the body of a call on many jobs."""

    def decode_bytes(self, value: bytes) -> JobSelection:
        return decode_strictly(value, _decoder, _explain)


@get("/queue", tags=TAGS, responses=problem_responses())
async def queue_report(queue: NamedDependency[Queue]) -> QueueReport:
    """How much there is to do, and who does it."""
    return _report(await queue.depth(), await queue.workers())


@post(
    "/queue/pause",
    tags=TAGS,
    status_code=200,
    guards=[require_same_origin],
    responses=problem_responses(403),
)
async def pause_queue(queue: NamedDependency[Queue]) -> Paused:
    """Let no step be taken until the queue is resumed. What runs goes on; jobs can be submitted."""
    await queue.pause()
    return Paused(paused=True)


@post(
    "/queue/resume",
    tags=TAGS,
    status_code=200,
    guards=[require_same_origin],
    responses=problem_responses(403),
)
async def resume_queue(queue: NamedDependency[Queue]) -> Paused:
    """Let steps be taken again."""
    await queue.resume()
    return Paused(paused=False)


@get("/workers", tags=TAGS, responses=problem_responses())
async def list_workers(queue: NamedDependency[Queue]) -> WorkerListing:
    """List the workers that were heard of lately."""
    return WorkerListing(workers=[_worker(one) for one in await queue.workers()])


@post(
    "/workers/{worker_id:str}/drain",
    tags=TAGS,
    status_code=202,
    guards=[require_same_origin],
    responses=problem_responses(403, 404),
    response_description="It takes no more steps, and ends when those it runs have ended.",
)
async def drain_worker(queue: NamedDependency[Queue], worker_id: FromPath[str]) -> Draining:
    """Tell a worker to take no more steps, and to end."""
    await queue.drain(worker_id)
    return Draining(worker_id=worker_id)


@post(
    "/jobs/cancel",
    tags=TAGS,
    status_code=200,
    dto=StrictSelection,
    return_dto=None,
    before_request=require_json,
    guards=[require_same_origin],
    responses=problem_responses(403, 413, 415, 422),
)
async def cancel_jobs(
    data: Annotated[JobSelection, Body(title="Selection")], queue: NamedDependency[Queue]
) -> HandledPage:
    """Cancel jobs: all that have not ended, or those in these states and of these types."""
    return await cancel_selected(queue, selection_of(data))


@post(
    "/jobs/retry",
    tags=TAGS,
    status_code=200,
    dto=StrictSelection,
    return_dto=None,
    before_request=require_json,
    guards=[require_same_origin],
    responses=problem_responses(403, 413, 415, 422),
)
async def retry_jobs(
    data: Annotated[JobSelection, Body(title="Selection")], queue: NamedDependency[Queue]
) -> HandledPage:
    """Retry what failed in jobs: in those that ended in FAILURE, or in the states given.

    A job is retried once in 24 h, however often this is called.
    """
    return await retry_selected(queue, selection_of(data))


@post(
    "/jobs/purge",
    tags=TAGS,
    status_code=200,
    dto=StrictSelection,
    return_dto=None,
    before_request=require_json,
    guards=[require_same_origin],
    responses=problem_responses(403, 413, 415, 422),
)
async def purge_jobs(
    data: Annotated[JobSelection, Body(title="Selection")], queue: NamedDependency[Queue]
) -> HandledPage:
    """Forget jobs that have ended, with their results, before their time to live is over."""
    return await purge_selected(queue, selection_of(data))


ADMIN_CALLS = (
    queue_report,
    pause_queue,
    resume_queue,
    list_workers,
    drain_worker,
    cancel_jobs,
    retry_jobs,
    purge_jobs,
)


def _explain(message: str, _: bytes) -> str:
    name = path_in(message).partition("[")[0]
    for field, words in (("state", JobState), ("type", JobType)):
        if name == field:
            return f"{field} must be one of {', '.join(words)}, or a list of them."
    return explain(message, "a selection", JobSelection.__struct_fields__)


def _report(depth: QueueDepth, workers: tuple[WorkerRecord, ...]) -> QueueReport:
    oldest = depth.oldest_queued_ms
    return QueueReport(
        paused=depth.paused,
        active_jobs=depth.active_jobs,
        queued=depth.queued,
        wakeups=depth.wakeups,
        running=sum(worker.running for worker in workers),
        outstanding=depth.outstanding,
        oldest_queued_seconds=None if oldest is None else oldest / 1000,
        workers=len(workers),
    )


def _worker(worker: WorkerRecord) -> WorkerView:
    return WorkerView(
        worker_id=worker.id,
        seen_at=moment(worker.seen_ms),
        slots=worker.slots,
        running=worker.running,
        draining=worker.draining,
    )
