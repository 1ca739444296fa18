"""The pages. They work without JavaScript; with it, the job's page follows the job."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from litestar import MediaType, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, RawBody
from litestar.response import Redirect, Template

from app.accept import prefers_data
from app.api import TAGS
from app.body import require_form
from app.ending import Endings
from app.etag import conditional
from app.forms import TopicForm, UrlForm, read_form
from app.health import look
from app.openapi import problem_responses
from app.origin import require_same_origin
from app.outcome import Outcome, read_outcome
from app.problems import PROBLEMS, ProblemType
from app.views import StatusReport, attempt_listing, status_report, summary
from tasks.errors import (
    InvalidRequest,
    JobFinished,
    JobUnfinished,
    LedgerUnavailable,
    ResultExpired,
)
from tasks.job import JobState
from tasks.queue import Queue
from tasks.settings import Settings

RECENT = 10
"""Jobs that the home page lists."""

PATIENCE = 60.0
"""Seconds that a form waits for its job, where background processing is off."""

FRESH = {"Cache-Control": "no-cache"}


@get("/", include_in_schema=False)
async def home(queue: NamedDependency[Queue], settings: NamedDependency[Settings]) -> Template:
    return await _home(queue, settings)


@post(
    "/",
    before_request=require_form,
    guards=[require_same_origin],
    include_in_schema=False,
)
async def submit_form(
    body: RawBody,
    queue: NamedDependency[Queue],
    endings: NamedDependency[Endings],
    settings: NamedDependency[Settings],
) -> Response[Any]:
    form = read_form(body)
    try:
        job = (await queue.submit(form.submission())).job
        if not form.background and not endings.full:
            await endings.wait(job.id, PATIENCE)
    except (InvalidRequest, LedgerUnavailable) as error:
        return await _home(queue, settings, form, error)
    return Redirect(f"/jobs/{job.id}", status_code=303)


@get(
    "/",
    tags=TAGS,
    media_type="application/json",
    responses=problem_responses(404),
)
async def job_page(
    request: Request[Any, Any, Any], queue: NamedDependency[Queue], job_id: FromPath[str]
) -> Response[StatusReport]:
    """The job's page; the same as its status where `Accept` prefers JSON."""
    report = status_report(await queue.status(job_id))
    if prefers_data(request):
        return conditional(request, report)
    outcome = await _outcome(queue, report)
    context = {
        "job": report,
        "outcome": outcome,
        "final": report.state.final,
        "attempts": attempt_listing(await queue.attempts(job_id)).attempts,
    }
    headers = {**FRESH, "Vary": "Accept"}
    page: Response[Any] = Template(
        "job.html", context=context, headers=headers, media_type=MediaType.HTML
    )
    return page


@post("/cancel", guards=[require_same_origin], include_in_schema=False)
async def cancel_form(queue: NamedDependency[Queue], job_id: FromPath[str]) -> Redirect:
    with suppress(JobFinished):  # its page says so
        await queue.cancel(job_id)
    return Redirect(f"/jobs/{job_id}", status_code=303)


@get("/problems/{name:str}", include_in_schema=False)
async def problem_type(name: FromPath[str]) -> Template:
    """What a problem's `type` means."""
    found = _problem_types().get(name)
    if found is None:
        raise NotFoundException
    return Template("problem_type.html", context={"problem": found})


PAGES = (home, submit_form, problem_type)
PAGES_OF_A_JOB = (job_page, cancel_form)
"""Under `/jobs/{job_id}`."""


async def _home(
    queue: Queue,
    settings: Settings,
    form: TopicForm | UrlForm | None = None,
    error: InvalidRequest | LedgerUnavailable | None = None,
) -> Template:
    """The home page, with what was typed and why it was not taken."""
    health = await look(queue)
    jobs = []
    if health.redis_connected:
        page = await queue.jobs(tuple(JobState), limit=RECENT)
        jobs = [summary(record) for record in page.jobs]
    status = 200 if health.redis_connected else 503
    return Template(
        "home.html",
        context={
            "topic_form": form if isinstance(form, TopicForm) else TopicForm(),
            "url_form": form if isinstance(form, UrlForm) else UrlForm(),
            "failed_form": form.name if form else None,
            "error": error,
            "health": health,
            "jobs": jobs,
            "settings": settings,
        },
        headers=FRESH,
        status_code=PROBLEMS[type(error)].status if error else status,
    )


async def _outcome(queue: Queue, report: StatusReport) -> Outcome | None:
    """The result; None while there is none, or none any more."""
    if not report.state.final:
        return None
    try:
        return read_outcome(await queue.result(report.job_id))
    except (ResultExpired, JobUnfinished):
        return None


def _problem_types() -> dict[str, ProblemType]:
    return {kind.name: kind for kind in PROBLEMS.values()}
