"""Schedules over HTTP: add, list, show, change, pause, resume, run now, remove."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, Response, delete, get, patch, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers.base import BaseRouteHandler
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath

from app.api.long_poll import SUBMIT_HEADERS, IdempotencyKeyHeader, submitted_response
from app.api.models.job_requests import submission_of
from app.api.models.jobs import JobSubmitted
from app.api.models.schedules import (
    ScheduleChange,
    ScheduleListing,
    ScheduleReport,
    ScheduleRequest,
    schedule_changes,
    schedule_listing,
    schedule_report,
)
from app.api.openapi import UNCHANGED, problem_responses
from app.api.requests import (
    Cursor,
    Limit,
    StrictSchedule,
    StrictScheduleChange,
    check_cursor,
)
from app.http.body import require_json
from app.http.negotiation import conditional
from tasks.errors import UnknownSchedule
from tasks.jobs.ids import is_job_id
from tasks.jobs.queue import Queue
from tasks.schedules.service import ScheduleService

TAGS = ["schedules"]

EXAMPLES = [
    Example(
        summary="Articles on a topic, on weekdays at half past seven in Berlin",
        value={
            "cron": "30 7 * * 1-5",
            "time_zone": "Europe/Berlin",
            "name": "Morning reading",
            "job": {"type": "topic_curation", "topic": "artificial intelligence"},
        },
    ),
    Example(
        summary="These URLs every six hours, and not late",
        value={
            "cron": "0 */6 * * *",
            "missed": "skip",
            "job": {"type": "batch_analysis", "urls": ["https://example.com/a"]},
        },
    ),
]


CHANGE_EXAMPLES = [
    Example(
        summary="An hour earlier, under another name",
        value={"cron": "30 6 * * 1-5", "name": "Early reading"},
    ),
    Example(
        summary="Another topic",
        value={"job": {"type": "topic_curation", "topic": "solar power", "max_articles": 10}},
    ),
]


async def require_schedule_id(
    connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler
) -> None:
    """A guard: text that is not an id must not become part of a Redis key."""
    if not is_job_id(connection.path_params.get("schedule_id", "")):
        raise UnknownSchedule


@post(
    "/schedules",
    tags=TAGS,
    status_code=201,
    dto=StrictSchedule,
    return_dto=None,
    before_request=require_json,
    responses=problem_responses(403, 413, 415, 422, 429),
    response_description="Added; `Location` is the schedule.",
)
async def add_schedule(
    data: Annotated[ScheduleRequest, Body(title="Schedule", examples=EXAMPLES)],
    schedules: NamedDependency[ScheduleService],
    caller: NamedDependency[str],
) -> Response[ScheduleReport]:
    """Submit a job again and again, at the times of a cron expression."""
    record = await schedules.add(
        cron=data.cron,
        time_zone=data.time_zone,
        submission=submission_of(data.job),
        missed=data.missed,
        name=data.name,
        caller=caller,
    )
    location = f"/schedules/{record.schedule.id}"
    return Response(schedule_report(record), headers={"Location": location})


@get("/schedules", tags=TAGS, responses={**UNCHANGED, **problem_responses(422)})
async def list_schedules(
    request: Request[Any, Any, Any],
    schedules: NamedDependency[ScheduleService],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response[ScheduleListing]:
    """List schedules, newest first."""
    check_cursor(cursor)
    return conditional(request, schedule_listing(await schedules.page(cursor, limit)))


@get(
    "/schedules/{schedule_id:str}",
    tags=TAGS,
    guards=[require_schedule_id],
    responses=problem_responses(404),
)
async def get_schedule(
    schedules: NamedDependency[ScheduleService], schedule_id: FromPath[str]
) -> ScheduleReport:
    """A schedule: its job, its next run, and the outcome of its last run."""
    return schedule_report(await schedules.get(schedule_id))


@patch(
    "/schedules/{schedule_id:str}",
    tags=TAGS,
    guards=[require_schedule_id],
    dto=StrictScheduleChange,
    return_dto=None,
    before_request=require_json,
    responses=problem_responses(403, 404, 413, 415, 422),
)
async def change_schedule(
    data: Annotated[ScheduleChange, Body(title="Changes", examples=CHANGE_EXAMPLES)],
    schedules: NamedDependency[ScheduleService],
    schedule_id: FromPath[str],
) -> ScheduleReport:
    """Change a schedule: the given fields. The jobs that it made stay."""
    return schedule_report(await schedules.edit(schedule_id, schedule_changes(data)))


@post(
    "/schedules/{schedule_id:str}/pause",
    tags=TAGS,
    status_code=200,
    guards=[require_schedule_id],
    responses=problem_responses(403, 404),
)
async def pause_schedule(
    schedules: NamedDependency[ScheduleService], schedule_id: FromPath[str]
) -> ScheduleReport:
    """Let a schedule make no jobs until it is resumed."""
    return schedule_report(await schedules.pause(schedule_id))


@post(
    "/schedules/{schedule_id:str}/resume",
    tags=TAGS,
    status_code=200,
    guards=[require_schedule_id],
    responses=problem_responses(403, 404),
)
async def resume_schedule(
    schedules: NamedDependency[ScheduleService], schedule_id: FromPath[str]
) -> ScheduleReport:
    """Let a paused schedule make jobs again. The runs in between are not made up."""
    return schedule_report(await schedules.resume(schedule_id))


@post(
    "/schedules/{schedule_id:str}/run",
    tags=TAGS,
    status_code=202,
    guards=[require_schedule_id],
    responses=problem_responses(403, 404, 422, 429),
    response_headers=SUBMIT_HEADERS,
    response_description="A job, besides those of the schedule's runs.",
)
async def run_schedule(
    schedules: NamedDependency[ScheduleService],
    queue: NamedDependency[Queue],
    caller: NamedDependency[str],
    schedule_id: FromPath[str],
    idempotency_key: IdempotencyKeyHeader = None,
) -> Response[JobSubmitted]:
    """Submit the job of a schedule now, also while it is paused. Its next run stays."""
    schedule = (await schedules.get(schedule_id)).schedule
    return submitted_response(
        await queue.submit(schedule.submission, idempotency_key, caller=caller, of_schedule=True)
    )


@delete(
    "/schedules/{schedule_id:str}",
    tags=TAGS,
    guards=[require_schedule_id],
    responses=problem_responses(403, 404),
    response_description="Removed; it makes no more jobs.",
)
async def remove_schedule(
    schedules: NamedDependency[ScheduleService], schedule_id: FromPath[str]
) -> None:
    """Remove a schedule. The jobs that it made stay."""
    await schedules.remove(schedule_id)


SCHEDULE_HANDLERS = (
    add_schedule,
    list_schedules,
    get_schedule,
    change_schedule,
    pause_schedule,
    resume_schedule,
    run_schedule,
    remove_schedule,
)
