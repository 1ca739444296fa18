"""Operation over HTTP: the queue, the workers, many jobs at once.

There is no authentication: keep these calls where only trusted clients reach them. What is refused
in any case is in `app/http/security.py`.
"""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import Body, FromPath

from app.api.models.admin import (
    ActiveSelection,
    Draining,
    EndedSelection,
    Paused,
    QueueReport,
    WorkerListing,
    queue_report,
    worker_listing,
)
from app.api.openapi import UNCHANGED, problem_responses
from app.api.requests import StrictActiveSelection, StrictEndedSelection, selection_of
from app.http.body import require_json
from app.http.negotiation import conditional
from tasks.jobs.bulk import cancel_matching, purge_matching, retry_matching
from tasks.jobs.queue import Queue
from tasks.jobs.record import BulkOutcomePage

TAGS = ["admin"]


@get("/queue", tags=TAGS, responses=problem_responses())
async def get_queue(queue: NamedDependency[Queue]) -> QueueReport:
    """How much work there is, and how many workers do it."""
    return queue_report(await queue.depth(), await queue.workers())


@post(
    "/queue/pause",
    tags=TAGS,
    status_code=200,
    responses=problem_responses(403),
)
async def pause_queue(queue: NamedDependency[Queue]) -> Paused:
    """Claim no steps until the queue is resumed. Running steps continue; jobs can be submitted."""
    await queue.pause()
    return Paused(paused=True)


@post(
    "/queue/resume",
    tags=TAGS,
    status_code=200,
    responses=problem_responses(403),
)
async def resume_queue(queue: NamedDependency[Queue]) -> Paused:
    """Let workers claim steps again."""
    await queue.resume()
    return Paused(paused=False)


@get("/workers", tags=TAGS, responses={**UNCHANGED, **problem_responses()})
async def list_workers(
    request: Request[Any, Any, Any], queue: NamedDependency[Queue]
) -> Response[WorkerListing]:
    """List the workers that reported lately."""
    return conditional(request, worker_listing(await queue.workers()))


@post(
    "/workers/{worker_id:str}/drain",
    tags=TAGS,
    status_code=202,
    responses=problem_responses(403, 404),
    response_description="It takes no more steps, and ends when its running steps have ended.",
)
async def drain_worker(queue: NamedDependency[Queue], worker_id: FromPath[str]) -> Draining:
    """Tell a worker to take no more steps, and to end."""
    worker = await queue.drain(worker_id)
    return Draining(worker_id=worker_id, silent=worker.silent)


@post(
    "/jobs/cancel",
    tags=TAGS,
    status_code=200,
    dto=StrictActiveSelection,
    return_dto=None,
    before_request=require_json,
    responses=problem_responses(403, 413, 415, 422),
)
async def cancel_jobs(
    data: Annotated[ActiveSelection, Body(title="Selection")], queue: NamedDependency[Queue]
) -> BulkOutcomePage:
    """Cancel jobs: all that have not ended, or those in these states and of these types."""
    return await cancel_matching(queue, selection_of(data))


@post(
    "/jobs/retry",
    tags=TAGS,
    status_code=200,
    dto=StrictEndedSelection,
    return_dto=None,
    before_request=require_json,
    responses=problem_responses(403, 413, 415, 422, 429),
)
async def retry_jobs(
    data: Annotated[EndedSelection, Body(title="Selection")],
    queue: NamedDependency[Queue],
    caller: NamedDependency[str],
) -> BulkOutcomePage:
    """Retry jobs: those that ended in FAILURE, or in the states given.

    A job is retried once in 24 h, however often this is called; later calls omit it.
    """
    return await retry_matching(queue, selection_of(data), caller)


@post(
    "/jobs/purge",
    tags=TAGS,
    status_code=200,
    dto=StrictEndedSelection,
    return_dto=None,
    before_request=require_json,
    responses=problem_responses(403, 413, 415, 422),
)
async def purge_jobs(
    data: Annotated[EndedSelection, Body(title="Selection")], queue: NamedDependency[Queue]
) -> BulkOutcomePage:
    """Delete ended jobs and their results before their time to live is over."""
    return await purge_matching(queue, selection_of(data))


ADMIN_HANDLERS = (
    get_queue,
    pause_queue,
    resume_queue,
    list_workers,
    drain_worker,
    cancel_jobs,
    retry_jobs,
    purge_jobs,
)
