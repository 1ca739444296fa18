"""The pages: home with its two forms, a job, a type of problem."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qsl

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
from app.api.models.jobs import StatusReport, attempt_listing, job_summary
from app.api.openapi import problem_responses
from app.api.status_reports import StatusReports
from app.http.body import require_form
from app.http.negotiation import JSON_OR_PAGE, PAGE_ONLY, conditional, prefers_page
from app.http.problems import PROBLEMS, ProblemType
from app.url_lines import UrlLine, faults_in, read_url_lines
from tasks.errors import (
    InvalidRequest,
    InvalidUrls,
    JobFinished,
    JobUnfinished,
    LedgerUnavailable,
    ResultExpired,
)
from tasks.jobs.job import BatchAnalysis, JobState, TopicCuration
from tasks.jobs.queue import Queue
from tasks.jobs.result import ArticlesResult, JobResult, read_result
from tasks.jobs.submission import Submission

log = structlog.get_logger(__name__)

MAX_FORM_FIELDS = 20
"""Our forms have fewer."""

RECENT_JOBS = 10
"""Jobs that the home page lists."""

FORM_WAIT_SECONDS = 60.0
"""How long a form waits for its job where background processing is off."""

NO_CACHE = {"Cache-Control": "no-cache"}


class TopicForm(Struct, frozen=True, kw_only=True):
    """A topic, as the user typed it."""

    name: ClassVar[Literal["topic"]] = "topic"
    topic: str = ""
    max_articles: str = "20"
    apply_diversity: bool = True
    background: bool = True

    def submission(self) -> Submission:
        try:
            max_articles = int(self.max_articles)
        except ValueError as error:
            raise InvalidRequest("Number of articles must be a whole number.") from error
        return Submission(
            params=TopicCuration(
                topic=self.topic.strip(),
                max_articles=max_articles,
                apply_diversity=self.apply_diversity,
            )
        )


class UrlForm(Struct, frozen=True, kw_only=True):
    """A list of URLs, as the user typed it."""

    name: ClassVar[Literal["urls"]] = "urls"
    urls: str = ""
    query: str = ""
    apply_diversity: bool = False
    background: bool = True

    def lines(self) -> list[UrlLine]:
        return read_url_lines(self.urls.splitlines())

    def submission(self) -> Submission:
        return Submission(
            params=BatchAnalysis(
                urls=tuple(line.url for line in self.lines()),
                query=self.query.strip() or None,
                apply_diversity=self.apply_diversity,
            )
        )


class FormLimits(Struct, frozen=True, kw_only=True):
    """The limits that the forms show. Each value comes from a setting."""

    max_urls: int
    max_articles: int
    domain_cap: int
    cluster_cap: int


def parse_form(body: bytes) -> TopicForm | UrlForm:
    """Raises InvalidRequest for a body that none of our forms sends."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
    except ValueError as error:
        raise InvalidRequest("Send the form of the home page, encoded as UTF-8.") from error
    fields = dict(pairs)
    apply_diversity, background = "apply_diversity" in fields, "background" in fields
    match fields.get("form"):
        case "topic":
            return TopicForm(
                topic=fields.get("topic", ""),
                max_articles=fields.get("max_articles", ""),
                apply_diversity=apply_diversity,
                background=background,
            )
        case "urls":
            return UrlForm(
                urls=fields.get("urls", ""),
                query=fields.get("query", ""),
                apply_diversity=apply_diversity,
                background=background,
            )
    raise InvalidRequest("form must be `topic` or `urls`.")


@get("/", opt=PAGE_ONLY, include_in_schema=False)
async def home(queue: NamedDependency[Queue], limits: NamedDependency[FormLimits]) -> Template:
    return await _home(queue, limits)


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
) -> Response[Any]:
    form = parse_form(body)
    try:
        job = (await queue.submit(form.submission())).job
        if not form.background and not long_polls.full:
            await long_polls.wait(job.id, FORM_WAIT_SECONDS)
    except (InvalidRequest, LedgerUnavailable) as error:
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
        "attempts": attempt_listing(await queue.attempts(job_id)).attempts,
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


@get("/problems/{name:str}", opt=PAGE_ONLY, include_in_schema=False)
async def problem_type(name: FromPath[str]) -> Template:
    """The meaning of a problem's `type`."""
    problem = _problem_types().get(name)
    if problem is None:
        raise NotFoundException
    return Template("problem_type.html", context={"problem": problem})


PAGE_HANDLERS = (home, submit_form, problem_type)
JOB_PAGE_HANDLERS = (get_job, cancel_form)
"""Under `/jobs/{job_id}`."""


async def _home(
    queue: Queue,
    limits: FormLimits,
    form: TopicForm | UrlForm | None = None,
    error: InvalidRequest | LedgerUnavailable | None = None,
) -> Template:
    """The home page; after a refused form with its input and the reason."""
    health = await check_health(queue)
    jobs = []
    if health.redis_connected:
        page = await queue.jobs(tuple(JobState), limit=RECENT_JOBS)
        jobs = [job_summary(record) for record in page.jobs]
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
            "jobs": jobs,
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


def _readable_result(document: bytes) -> JobResult | None:
    """None for a result of another release: the rest of the page is shown without it."""
    try:
        return read_result(document)
    except msgspec.ValidationError as error:
        log.warning("a stored result cannot be read", error=str(error))
        return None


def _problem_types() -> dict[str, ProblemType]:
    return {kind.name: kind for kind in PROBLEMS.values()}
