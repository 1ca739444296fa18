"""What travels over the HTTP interface about schedules, as JSON."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import msgspec
from litestar import Response, delete, get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers.base import BaseRouteHandler
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, QueryParameter
from msgspec import Meta, Struct

from app.api.job_requests import JobRequest, decode_request, submission_of
from app.api.openapi import problem_responses
from app.api.paging import Limit
from app.http.body import (
    StrictJson,
    decode_strictly,
    explain,
    path_in,
    require_json,
)
from tasks.errors import InvalidRequest, UnknownSchedule
from tasks.jobs.ids import is_job_id
from tasks.jobs.job import JobType
from tasks.jobs.submission import Submission
from tasks.schedules.schedule import Missed, SchedulePage, ScheduleRecord
from tasks.schedules.service import Schedules


class ScheduleRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Submit a job again and again."""

    cron: Annotated[
        str,
        Meta(description="Minute, hour, day of the month, month, day of the week: `30 7 * * 1-5`."),
    ]
    time_zone: Annotated[
        str, Meta(description="What `cron` is read in: a name of the IANA database.")
    ] = "UTC"
    job: Annotated[JobRequest, Meta(description="What to submit: a body of `POST /jobs`.")]
    name: Annotated[str | None, Meta(description="For readers, 1 to 100 characters.")] = None
    missed: Annotated[
        Missed,
        Meta(
            description="Of runs that are more than a minute late, as nothing was up: `run_once` "
            "makes one job for all of them, `skip` makes none."
        ),
    ] = Missed.RUN_ONCE


class ScheduleSummary(Struct, frozen=True, kw_only=True):
    """A schedule, and where it stands."""

    schedule_id: str
    name: str | None
    cron: str
    time_zone: str
    missed: Missed
    type: JobType
    created_at: dt.datetime
    next_run_at: dt.datetime
    last_run_at: dt.datetime | None
    """None before the first."""
    last_job_id: str | None
    """None too if the last run was refused its job."""
    last_error: str | None
    """Why it was refused."""


class ScheduleView(ScheduleSummary, frozen=True, kw_only=True):
    """The same with what it submits."""

    job: JobRequest


class ScheduleListing(Struct, frozen=True, kw_only=True):
    """A page of schedules, newest first."""

    schedules: list[ScheduleSummary]
    next_cursor: str | None
    """What to ask for next; None on the last page."""


def schedule_view(record: ScheduleRecord) -> ScheduleView:
    return ScheduleView(**_fields(record), job=_request(record.schedule.submission))


def schedule_listing(page: SchedulePage) -> ScheduleListing:
    return ScheduleListing(
        schedules=[ScheduleSummary(**_fields(record)) for record in page.schedules],
        next_cursor=page.next_cursor,
    )


def _fields(record: ScheduleRecord) -> dict[str, Any]:
    schedule, last = record.schedule, record.last_run
    return {
        "schedule_id": schedule.id,
        "name": schedule.name,
        "cron": schedule.timetable.cron,
        "time_zone": schedule.timetable.time_zone,
        "missed": schedule.missed,
        "type": schedule.type,
        "created_at": _moment(schedule.created_ms),
        "next_run_at": _moment(record.next_run_ms),
        "last_run_at": _moment(last.run_ms) if last else None,
        "last_job_id": last.job_id if last else None,
        "last_error": last.error if last else None,
    }


def _request(submission: Submission) -> JobRequest:
    """The body that would submit this."""
    given = msgspec.to_builtins(submission.params) | {"priority": submission.priority}
    if submission.deadline_seconds is not None:
        given["deadline_seconds"] = submission.deadline_seconds
    request: JobRequest = msgspec.convert(given, JobRequest)
    return request


def _moment(ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(ms / 1000, dt.UTC)


_decoder = msgspec.json.Decoder(ScheduleRequest)


class StrictSchedule(StrictJson):
    """Decodes the body of `POST /schedules`."""

    def decode_bytes(self, value: bytes) -> ScheduleRequest:
        return decode_schedule(value)


def decode_schedule(body: bytes) -> ScheduleRequest:
    """Raises MalformedBody, or InvalidRequest with the place and what must stand there."""
    return decode_strictly(body, _decoder, _explain)


def _explain(message: str, body: bytes) -> str:
    path = path_in(message)
    if path.partition(".")[0] == "job":
        return _explain_job(body)
    if path == "missed":
        return f"missed must be one of {', '.join(Missed)}."
    return explain(message, "a schedule", ScheduleRequest.__struct_fields__)


def _explain_job(body: bytes) -> str:
    """The sentence that the same job would get by itself."""
    job = msgspec.json.decode(body, type=dict[str, msgspec.Raw])["job"]
    try:
        decode_request(bytes(job))
    except InvalidRequest as error:
        return f"job: {error}"
    return "job stands twice; send it once."


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


def require_schedule_id(
    connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler
) -> None:
    """A guard: what has not the form of an id names no schedule."""
    if not is_job_id(connection.path_params.get("schedule_id", "")):
        raise UnknownSchedule


@post(
    "/schedules",
    tags=TAGS,
    status_code=201,
    dto=StrictSchedule,
    return_dto=None,
    before_request=require_json,
    responses=problem_responses(413, 415, 422),
    response_description="Added; `Location` is the schedule.",
)
async def add_schedule(
    data: Annotated[ScheduleRequest, Body(title="Schedule", examples=EXAMPLES)],
    schedules: NamedDependency[Schedules],
) -> Response[ScheduleView]:
    """Submit a job again and again, at the times of a cron expression."""
    record = await schedules.add(
        cron=data.cron,
        time_zone=data.time_zone,
        submission=submission_of(data.job),
        missed=data.missed,
        name=data.name,
    )
    location = f"/schedules/{record.schedule.id}"
    return Response(schedule_view(record), headers={"Location": location})


@get("/schedules", tags=TAGS, responses=problem_responses(422))
async def list_schedules(
    schedules: NamedDependency[Schedules],
    limit: Limit = 50,
    cursor: Annotated[
        str | None, QueryParameter(description="The `next_cursor` of the page before.")
    ] = None,
) -> ScheduleListing:
    """List schedules, newest first."""
    if cursor is not None and not is_job_id(cursor):
        raise InvalidRequest("cursor must be the next_cursor of an earlier page.")
    return schedule_listing(await schedules.page(cursor, limit))


@get(
    "/schedules/{schedule_id:str}",
    tags=TAGS,
    guards=[require_schedule_id],
    responses=problem_responses(404),
)
async def show_schedule(
    schedules: NamedDependency[Schedules], schedule_id: FromPath[str]
) -> ScheduleView:
    """One schedule: what it submits, when it runs next, and what came of its last run."""
    return schedule_view(await schedules.get(schedule_id))


@delete(
    "/schedules/{schedule_id:str}",
    tags=TAGS,
    guards=[require_schedule_id],
    responses=problem_responses(404),
    response_description="Removed; it makes no more jobs.",
)
async def remove_schedule(
    schedules: NamedDependency[Schedules], schedule_id: FromPath[str]
) -> None:
    """Remove a schedule. The jobs that it made stay."""
    await schedules.remove(schedule_id)


SCHEDULE_CALLS = (add_schedule, list_schedules, show_schedule, remove_schedule)
