"""Jobs over HTTP: submit, list, follow, read, retry, cancel."""

from __future__ import annotations

from typing import Annotated, Any, cast

from litestar import MediaType, Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, QueryParameter
from litestar.response import Redirect
from msgspec import Raw

from app.api.long_poll import (
    LONG_POLL_HEADERS,
    SUBMIT_HEADERS,
    IdempotencyKeyHeader,
    LongPolls,
    result_or_submitted_response,
    submitted_response,
)
from app.api.models.job_requests import JobRequest, submission_of
from app.api.models.jobs import (
    ArticleListing,
    AttemptListing,
    Cancellation,
    JobListing,
    JobRetried,
    JobSubmitted,
    KeepRequest,
    Kept,
    StatusReport,
    article_listing,
    attempt_listing,
    job_listing,
    utc_time,
)
from app.api.models.traces import TraceDocument, trace_document
from app.api.openapi import UNCHANGED, problem_responses
from app.api.requests import (
    Cursor,
    Limit,
    StrictJobRequest,
    StrictKeepRequest,
    check_cursor,
    enum_members,
)
from app.api.status_reports import StatusReports
from app.http.body import require_json
from app.http.negotiation import JSON_OR_PAGE, conditional, prefers_page
from tasks.errors import JobUnfinished
from tasks.jobs.job import ACTIVE_STATES, JobState, JobType
from tasks.jobs.queue import Queue
from tasks.jobs.record import BulkOutcome, CancelOutcome
from tasks.jobs.result import ArticleResult, JobResult
from tasks.ledger.span_store import RedisSpanStore

TAGS = ["jobs"]

JOB_EXAMPLES = [
    Example(
        summary="Find and rank articles on a topic",
        value={
            "type": "topic_curation",
            "topic": "artificial intelligence",
            "max_articles": 20,
            "apply_diversity": True,
        },
    ),
    Example(
        summary="Rank these URLs",
        value={
            "type": "batch_analysis",
            "urls": ["https://example.com/a", "https://example.org/b"],
            "query": "renewable energy",
            "apply_diversity": True,
            "priority": "low",
        },
    ),
    Example(
        summary="Analyse one URL, and end within a minute",
        value={
            "type": "single_analysis",
            "url": "https://example.com/a",
            "deadline_seconds": 60,
        },
    ),
    Example(summary="Pass once through everything", value={"type": "health_check"}),
]


@post(
    "/jobs",
    tags=TAGS,
    status_code=202,
    dto=StrictJobRequest,
    return_dto=None,
    before_request=require_json,
    responses={
        200: ResponseSpec(
            cast(Any, JobResult),  # a union is more than its annotation allows
            description="With `Prefer: wait`: the result, as it is at `Content-Location`.",
            generate_examples=False,
        ),
        **problem_responses(403, 413, 415, 422, 429),
    },
    response_headers=LONG_POLL_HEADERS,
    response_description="Submitted, by this request or by an earlier one with the same key.",
)
async def submit_job(
    data: Annotated[JobRequest, Body(title="Job", examples=JOB_EXAMPLES)],
    queue: NamedDependency[Queue],
    long_polls: NamedDependency[LongPolls],
    wait: NamedDependency[int | None],
    caller: NamedDependency[str],
    idempotency_key: IdempotencyKeyHeader = None,
) -> Response[JobSubmitted]:
    """Submit a job. A submitted job is never lost, and ends."""
    submitted = await queue.submit(submission_of(data), idempotency_key, caller=caller)
    return await result_or_submitted_response(queue, long_polls, submitted, wait)


@get("/jobs", tags=TAGS, responses={**UNCHANGED, **problem_responses(422)})
async def list_jobs(
    request: Request[Any, Any, Any],
    queue: NamedDependency[Queue],
    states: Annotated[
        list[str] | None,
        QueryParameter(
            name="state", description="Repeated for several states. By default the active ones."
        ),
    ] = None,
    types: Annotated[
        list[str] | None,
        QueryParameter(name="type", description="Repeated for several types. By default all."),
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response[JobListing]:
    """List jobs, newest first."""
    check_cursor(cursor)
    page = await queue.jobs(
        enum_members("state", states or ACTIVE_STATES, JobState),
        enum_members("type", types or tuple(JobType), JobType),
        cursor,
        limit,
    )
    return conditional(request, job_listing(page))


@get("/status", tags=TAGS, responses={**UNCHANGED, **problem_responses(404)})
async def get_job_status(
    request: Request[Any, Any, Any],
    reports: NamedDependency[StatusReports],
    job_id: FromPath[str],
) -> Response[StatusReport]:
    """The status of a job. Send the `ETag` as `If-None-Match` to get 304 while nothing changes."""
    return conditional(request, await reports.of(job_id))


@get(
    "/result",
    tags=TAGS,
    responses={**UNCHANGED, **problem_responses(404, 409, 410)},
    media_type=MediaType.JSON,
)
async def get_job_result(
    request: Request[Any, Any, Any], queue: NamedDependency[Queue], job_id: FromPath[str]
) -> Response[JobResult]:
    """The result; of a failed or revoked job its partial result, with `state` and `error`."""
    # The stored JSON is passed on without decoding.
    return conditional(request, await queue.result(job_id))


@get(
    "/articles",
    tags=TAGS,
    responses={
        200: ResponseSpec(
            ArticleListing[ArticleResult],
            description="A page of outcomes.",
            generate_examples=False,
        ),
        **UNCHANGED,
        **problem_responses(404, 422),
    },
)
async def list_job_articles(
    request: Request[Any, Any, Any],
    queue: NamedDependency[Queue],
    job_id: FromPath[str],
    limit: Limit = 50,
    cursor: Annotated[
        int,
        QueryParameter(ge=0, le=1_000_000, description="The `next_cursor` of the page before."),
    ] = 0,
) -> Response[ArticleListing[Raw]]:
    """Outcomes so far, in the order of the articles, also while the job runs.

    Each article is scored by itself here; in the result, beside the others of its job.
    """
    return conditional(request, article_listing(await queue.articles(job_id, cursor, limit)))


@get("/attempts", tags=TAGS, responses={**UNCHANGED, **problem_responses(404)})
async def list_job_attempts(
    request: Request[Any, Any, Any], queue: NamedDependency[Queue], job_id: FromPath[str]
) -> Response[AttemptListing]:
    """The attempts that did not succeed at first, oldest first; at most the last 1,000."""
    return conditional(request, attempt_listing(await queue.attempts(job_id)))


@get("/trace", tags=TAGS, responses={**UNCHANGED, **problem_responses(404)})
async def get_job_trace(
    request: Request[Any, Any, Any],
    queue: NamedDependency[Queue],
    traces: NamedDependency[RedisSpanStore],
    job_id: FromPath[str],
) -> Response[TraceDocument]:
    """The spans of a job that have ended, as OTLP in JSON: Jaeger and Tempo import it.

    They arrive half a second after their end. Of a very large job not all are kept.
    """
    await queue.status(job_id)  # raises UnknownJob
    return conditional(request, trace_document(await traces.read(job_id)))


@post(
    "/retry",
    opt=JSON_OR_PAGE,
    tags=TAGS,
    status_code=202,
    responses=problem_responses(403, 404, 409, 422, 429),
    response_headers=SUBMIT_HEADERS,
    response_description="A new job.",
)
async def retry_job(
    request: Request[Any, Any, Any],
    queue: NamedDependency[Queue],
    job_id: FromPath[str],
    caller: NamedDependency[str],
    idempotency_key: IdempotencyKeyHeader = None,
) -> Response[JobRetried]:
    """Retry a job in a new one: a SUCCESS with its failed articles, any other as a whole."""
    if not prefers_page(request):
        return submitted_response(await queue.retry(job_id, idempotency_key, caller=caller))
    # The button of the job's page: two clicks make one job.
    new = (await queue.retry_once(job_id, caller=caller)).job
    page: Response[Any] = Redirect(f"/jobs/{new.id}", status_code=303)
    return page


@post(
    "/rerun",
    tags=TAGS,
    status_code=202,
    responses=problem_responses(403, 404, 409, 422, 429),
    response_headers=SUBMIT_HEADERS,
    response_description="A new job.",
)
async def rerun_job(
    queue: NamedDependency[Queue],
    job_id: FromPath[str],
    caller: NamedDependency[str],
    idempotency_key: IdempotencyKeyHeader = None,
) -> Response[JobRetried]:
    """Run an ended job again as a new one with the same parameters, whatever its outcome.

    Its result need not be kept any more.
    """
    return submitted_response(await queue.rerun(job_id, idempotency_key, caller=caller))


@post(
    "/keep",
    tags=TAGS,
    status_code=200,
    dto=StrictKeepRequest,
    return_dto=None,
    before_request=require_json,
    responses=problem_responses(403, 404, 409, 410, 413, 415, 422),
)
async def keep_result(
    data: Annotated[KeepRequest, Body(title="Time to keep")],
    queue: NamedDependency[Queue],
    job_id: FromPath[str],
) -> Kept:
    """Keep the result of an ended job for longer, and the job with it."""
    expires_ms = await queue.keep(job_id, data.result_ttl_seconds)
    return Kept(job_id=job_id, expires_at=utc_time(expires_ms))


@post("/purge", tags=TAGS, status_code=200, responses=problem_responses(403, 404, 409))
async def purge_job(queue: NamedDependency[Queue], job_id: FromPath[str]) -> BulkOutcome:
    """Delete an ended job and its result before their time to live is over."""
    if not await queue.purge(job_id):
        await queue.status(job_id)  # raises UnknownJob
        raise JobUnfinished
    return BulkOutcome(job_id=job_id, status="purged")


@delete(
    "/",
    tags=TAGS,
    status_code=202,
    responses={
        200: ResponseSpec(Cancellation, description="`cancelled`: no step was running."),
        **problem_responses(403, 404, 409),
    },
    response_description="`cancelling`: it ends when its running steps have stopped.",
)
async def cancel_job(
    queue: NamedDependency[Queue], job_id: FromPath[str]
) -> Response[Cancellation]:
    """Cancel a job. It keeps its partial result."""
    if await queue.cancel(job_id) is CancelOutcome.CANCELLED:
        return Response(Cancellation(job_id=job_id, status="cancelled"), status_code=200)
    return Response(Cancellation(job_id=job_id, status="cancelling"), status_code=202)


JOBS_HANDLERS = (submit_job, list_jobs)
JOB_HANDLERS = (
    get_job_status,
    get_job_result,
    list_job_articles,
    list_job_attempts,
    get_job_trace,
    retry_job,
    rerun_job,
    keep_result,
    purge_job,
    cancel_job,
)
"""Under `/jobs/{job_id}`."""
