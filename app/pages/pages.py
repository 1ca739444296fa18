"""The pages: home with its two forms, a job, a type of problem."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any

import msgspec
import structlog
from litestar import MediaType, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, RawBody
from litestar.response import Redirect, Template
from msgspec import Struct

from app.api.health import check_health
from app.api.jobs import TAGS
from app.api.long_poll import LongPolls
from app.api.models.jobs import JobListing, StatusReport, attempt_listing, job_listing
from app.api.openapi import problem_responses
from app.api.requests import Cursor, check_cursor
from app.api.status_reports import StatusReports
from app.http.body import require_form
from app.http.negotiation import JSON_OR_PAGE, PAGE_ONLY, conditional, prefers_page
from app.http.problems import PROBLEMS, ProblemType
from app.http.security import SECURITY_HEADERS
from app.pages.forms import TopicForm, UrlForm, parse_fields, parse_form
from app.url_lines import faults_in
from app.waterfall import Waterfall, waterfall
from tasks.errors import (
    CuratorError,
    InvalidRequest,
    InvalidUrls,
    JobFinished,
    JobUnfinished,
    LedgerFull,
    LedgerUnavailable,
    QuotaExceeded,
    ResultExpired,
)
from tasks.jobs.job import JobState, JobType
from tasks.jobs.queue import Queue
from tasks.jobs.result import ArticlesResult, JobResult, read_result
from tasks.ledger.span_store import RedisSpanStore

log = structlog.get_logger(__name__)

RECENT_JOBS = 10
"""Jobs that the home page lists."""

LISTED_TYPES = tuple(kind for kind in JobType if kind is not JobType.HEALTH_CHECK)
"""Monitoring may submit a health check each minute; they would leave no room for other jobs."""

FORM_WAIT_SECONDS = 60.0
"""How long a form waits for its job where background processing is off."""

NO_CACHE = {"Cache-Control": "no-cache"}

DOCS_CSP = SECURITY_HEADERS["Content-Security-Policy"].replace("img-src", "img-src data:")
"""Swagger UI has its icons in its style sheet."""


class FormLimits(Struct, frozen=True, kw_only=True):
    """The limits that the forms show. Each value comes from a setting."""

    max_urls: int
    max_articles: int
    domain_cap: int
    cluster_cap: int
    sources: tuple[str, ...]
    max_result_ttl_seconds: int


@get("/", opt=PAGE_ONLY, include_in_schema=False)
async def home(
    queue: NamedDependency[Queue], limits: NamedDependency[FormLimits], cursor: Cursor = None
) -> Template:
    check_cursor(cursor)
    return await _home(queue, limits, cursor=cursor)


@post(
    "/",
    before_request=require_form,
    include_in_schema=False,
)
async def submit_form(
    body: RawBody,
    queue: NamedDependency[Queue],
    long_polls: NamedDependency[LongPolls],
    limits: NamedDependency[FormLimits],
    caller: NamedDependency[str],
) -> Response[Any]:
    form = parse_form(body)
    try:
        job = (await queue.submit(form.submission(), caller=caller)).job
        if not form.background and not long_polls.full:
            await long_polls.wait(job.id, FORM_WAIT_SECONDS)
    except (InvalidRequest, LedgerFull, LedgerUnavailable, QuotaExceeded) as error:
        return await _home(queue, limits, form, error)
    return Redirect(f"/jobs/{job.id}", status_code=303)


@get(
    "/",
    opt=JSON_OR_PAGE,
    tags=TAGS,
    media_type="application/json",
    responses=problem_responses(404),
)
async def get_job(
    request: Request[Any, Any, Any],
    queue: NamedDependency[Queue],
    reports: NamedDependency[StatusReports],
    traces: NamedDependency[RedisSpanStore],
    limits: NamedDependency[FormLimits],
    job_id: FromPath[str],
) -> Response[StatusReport]:
    """The status of a job; its page where `Accept` prefers HTML."""
    report = await reports.of(job_id)
    if not prefers_page(request):
        return conditional(request, report)
    document = await _stored_result(queue, report)
    result = _readable_result(document) if document else None
    context = {
        "job": report,
        "result": result if isinstance(result, ArticlesResult) else None,
        "result_readable": result is not None,
        "result_stored": document is not None,
        "final": report.state.final,
        "longest_kept": _in_words(limits.max_result_ttl_seconds),
        "rerun_key": str(uuid.uuid4()),
        "attempts": attempt_listing(await queue.attempts(job_id)).attempts,
        "waterfall": await _waterfall(traces, job_id),
    }
    headers = {**NO_CACHE, "Vary": "Accept"}
    page: Response[Any] = Template(
        "job.html", context=context, headers=headers, media_type=MediaType.HTML
    )
    return page


@post("/cancel", opt=JSON_OR_PAGE, include_in_schema=False)
async def cancel_form(queue: NamedDependency[Queue], job_id: FromPath[str]) -> Redirect:
    with suppress(JobFinished):  # its page says so
        await queue.cancel(job_id)
    return Redirect(f"/jobs/{job_id}", status_code=303)


@post("/again", before_request=require_form, opt=JSON_OR_PAGE, include_in_schema=False)
async def rerun_form(
    body: RawBody,
    queue: NamedDependency[Queue],
    job_id: FromPath[str],
    caller: NamedDependency[str],
) -> Redirect:
    """The button "Run again". Two clicks on the same page make one job."""
    new = (await queue.rerun(job_id, parse_fields(body).get("key"), caller=caller)).job
    return Redirect(f"/jobs/{new.id}", status_code=303)


@post("/kept", opt=JSON_OR_PAGE, include_in_schema=False)
async def keep_form(
    queue: NamedDependency[Queue], limits: NamedDependency[FormLimits], job_id: FromPath[str]
) -> Redirect:
    """The button that keeps a result for as long as that is allowed."""
    await queue.keep(job_id, limits.max_result_ttl_seconds)
    return Redirect(f"/jobs/{job_id}", status_code=303)


@get("/docs", opt=PAGE_ONLY, include_in_schema=False)
async def docs() -> Template:
    """The interface, to read and to try."""
    return Template("docs.html", headers={**NO_CACHE, "Content-Security-Policy": DOCS_CSP})


@get("/problems/{name:str}", opt=PAGE_ONLY, include_in_schema=False)
async def problem_type(name: FromPath[str]) -> Template:
    """The meaning of a problem's `type`."""
    problem = _problem_types().get(name)
    if problem is None:
        raise NotFoundException
    return Template("problem_type.html", context={"problem": problem})


PAGE_HANDLERS = (home, docs, submit_form, problem_type)
JOB_PAGE_HANDLERS = (get_job, cancel_form, rerun_form, keep_form)
"""Under `/jobs/{job_id}`."""


async def _home(
    queue: Queue,
    limits: FormLimits,
    form: TopicForm | UrlForm | None = None,
    error: CuratorError | None = None,
    cursor: str | None = None,
) -> Template:
    """The home page; after a refused form with its input and the reason."""
    health = await check_health(queue)
    jobs = JobListing(jobs=(), next_cursor=None)
    if health.redis_connected:
        page = await queue.jobs(tuple(JobState), LISTED_TYPES, cursor, RECENT_JOBS)
        jobs = job_listing(page)
    status = 200 if health.redis_connected else 503
    return Template(
        "home.html",
        context={
            "topic_form": form if isinstance(form, TopicForm) else TopicForm(),
            "url_form": form if isinstance(form, UrlForm) else UrlForm(),
            "failed_form": form.name if form else None,
            "error": error.summary + "." if isinstance(error, InvalidUrls) else error,
            "error_lines": faults_in(form.lines()) if isinstance(form, UrlForm) else (),
            "health": health,
            "jobs": jobs.jobs,
            "next_cursor": jobs.next_cursor,
            "cursor": cursor,
            "limits": limits,
        },
        headers=NO_CACHE,
        status_code=PROBLEMS[type(error)].status if error else status,
    )


async def _stored_result(queue: Queue, report: StatusReport) -> bytes | None:
    """None before the job has ended, and when its result is no longer kept."""
    if not report.state.final:
        return None
    try:
        return await queue.result(report.job_id)
    except (ResultExpired, JobUnfinished):
        return None


async def _waterfall(traces: RedisSpanStore, job_id: str) -> Waterfall | None:
    trace = await traces.read(job_id)
    return waterfall(trace.spans, trace.dropped)


def _in_words(seconds: int) -> str:
    """A time to live, in the largest unit that divides it."""
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds % length == 0:
            return f"{seconds // length} {unit}{'s' if seconds > length else ''}"
    raise AssertionError("a whole number of seconds")


def _readable_result(document: bytes) -> JobResult | None:
    """None for a result of another release: the rest of the page is shown without it."""
    try:
        return read_result(document)
    except msgspec.ValidationError as error:
        log.warning("a stored result cannot be read", error=str(error))
        return None


def _problem_types() -> dict[str, ProblemType]:
    return {kind.name: kind for kind in PROBLEMS.values()}
