"""Schedules over HTTP: add, list, show, remove."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response, delete, get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers.base import BaseRouteHandler
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath

from app.api.models.job_requests import submission_of
from app.api.models.schedules import (
    ScheduleListing,
    ScheduleReport,
    ScheduleRequest,
    schedule_listing,
    schedule_report,
)
from app.api.openapi import problem_responses
from app.api.requests import Cursor, Limit, StrictSchedule, check_cursor
from app.http.body import require_json
from tasks.errors import UnknownSchedule
from tasks.jobs.ids import is_job_id
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
    responses=problem_responses(403, 413, 415, 422),
    response_description="Added; `Location` is the schedule.",
)
async def add_schedule(
    data: Annotated[ScheduleRequest, Body(title="Schedule", examples=EXAMPLES)],
    schedules: NamedDependency[ScheduleService],
) -> Response[ScheduleReport]:
    """Submit a job again and again, at the times of a cron expression."""
    record = await schedules.add(
        cron=data.cron,
        time_zone=data.time_zone,
        submission=submission_of(data.job),
        missed=data.missed,
        name=data.name,
    )
    location = f"/schedules/{record.schedule.id}"
    return Response(schedule_report(record), headers={"Location": location})


@get("/schedules", tags=TAGS, responses=problem_responses(422))
async def list_schedules(
    schedules: NamedDependency[ScheduleService],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ScheduleListing:
    """List schedules, newest first."""
    check_cursor(cursor)
    return schedule_listing(await schedules.page(cursor, limit))


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


SCHEDULE_HANDLERS = (add_schedule, list_schedules, get_schedule, remove_schedule)
