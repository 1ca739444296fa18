"""What travels over the HTTP interface about schedules, as JSON."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from app.requests import JobRequest
from tasks.job import JobType
from tasks.schedule import Missed, SchedulePage, ScheduleRecord
from tasks.submission import Submission


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
