"""Schedules: the requests that add or change one, and what clients read of them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict

from app.api.models.job_requests import JobRequest, option_fields, submission_of
from app.api.models.jobs import AwareTime, urls_count, utc_time
from tasks.jobs.ids import JobId
from tasks.jobs.job import JobType, about
from tasks.jobs.outcome import ErrorReport
from tasks.jobs.submission import Submission
from tasks.schedules.cron import MAX_CRON_LENGTH
from tasks.schedules.schedule import Missed, SchedulePage, ScheduleRecord
from tasks.schedules.service import MAX_NAME_LENGTH, ScheduleChanges


class ScheduleRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Submit a job again and again."""

    cron: Annotated[
        str,
        Meta(
            description="Minute, hour, day of the month, month, day of the week: `30 7 * * 1-5`.",
            extra_json_schema={"maxLength": MAX_CRON_LENGTH},
        ),
    ]
    time_zone: Annotated[
        str, Meta(description="The time zone of `cron`: a name of the IANA database.")
    ] = "UTC"
    job: Annotated[JobRequest, Meta(description="What to submit: a body of `POST /jobs`.")]
    name: Annotated[
        Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": MAX_NAME_LENGTH})]
        | None,
        Meta(description="For readers, 1 to 100 characters."),
    ] = None
    missed: Annotated[
        Missed,
        Meta(
            description="What happens to runs that are more than a minute late because no process "
            "was up: `run_once` makes one job for all of them, `skip` makes none."
        ),
    ] = Missed.RUN_ONCE


class ScheduleChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a schedule; what is left out stays as it is."""

    cron: Annotated[
        str | UnsetType,
        Meta(
            description="As when it is added; the next run is computed anew.",
            extra_json_schema={"maxLength": MAX_CRON_LENGTH},
        ),
    ] = UNSET
    time_zone: Annotated[str | UnsetType, Meta(description="The time zone of `cron`.")] = UNSET
    job: Annotated[
        JobRequest | UnsetType, Meta(description="What to submit, in place of the job so far.")
    ] = UNSET
    name: Annotated[
        Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": MAX_NAME_LENGTH})]
        | UnsetType
        | None,
        Meta(description="null: no name."),
    ] = UNSET
    missed: Missed | UnsetType = UNSET


class ScheduleSummary(Struct, frozen=True, kw_only=True):
    """A schedule with its next and its last run."""

    schedule_id: JobId
    name: str | None
    cron: str
    time_zone: str
    missed: Missed
    type: JobType
    about: str | None
    """The topic, the query or the first URL of its jobs, of at most 200 characters."""
    urls_count: int | None
    """None for a topic."""
    paused: bool
    created_at: AwareTime
    next_run_at: AwareTime | None
    """None while it is paused."""
    last_run_at: AwareTime | None
    """None before the first run."""
    last_job_id: JobId | None
    """None too if the job of the last run was refused."""
    last_error: ErrorReport | None
    """Why it was refused."""


class ScheduleReport(ScheduleSummary, frozen=True, kw_only=True):
    """The same with the job that it submits."""

    job: JobRequest


class ScheduleListing(Struct, frozen=True, kw_only=True):
    """A page of schedules, newest first."""

    schedules: tuple[ScheduleSummary, ...]
    next_cursor: JobId | None
    """The cursor of the next page; None on the last page."""


def schedule_changes(change: ScheduleChange) -> ScheduleChanges:
    return ScheduleChanges(
        cron=change.cron,
        time_zone=change.time_zone,
        submission=UNSET if change.job is UNSET else submission_of(change.job),
        missed=change.missed,
        name=change.name,
    )


def schedule_summary(record: ScheduleRecord) -> ScheduleSummary:
    schedule, last = record.schedule, record.last_run
    params = schedule.submission.params
    return ScheduleSummary(
        schedule_id=schedule.id,
        name=schedule.name,
        cron=schedule.cron.expression,
        time_zone=schedule.cron.time_zone,
        missed=schedule.missed,
        type=schedule.type,
        about=about(params),
        urls_count=urls_count(params),
        paused=record.next_run_ms is None,
        created_at=utc_time(schedule.created_ms),
        next_run_at=None if record.next_run_ms is None else utc_time(record.next_run_ms),
        last_run_at=utc_time(last.run_ms) if last else None,
        last_job_id=last.job_id if last else None,
        last_error=_refusal(last.error) if last and last.error else None,
    )


def schedule_report(record: ScheduleRecord) -> ScheduleReport:
    summary = schedule_summary(record)
    return ScheduleReport(**asdict(summary), job=_request(record.schedule.submission))


def schedule_listing(page: SchedulePage) -> ScheduleListing:
    return ScheduleListing(
        schedules=tuple(map(schedule_summary, page.schedules)), next_cursor=page.next_cursor
    )


def _refusal(detail: str) -> ErrorReport:
    return ErrorReport(reason="invalid_request", detail=detail)


def _request(submission: Submission) -> JobRequest:
    """The body that would submit this."""
    fields: dict[str, Any] = msgspec.to_builtins(submission.params)
    fields.pop("options", None)
    options = getattr(submission.params, "options", None)
    if options is not None:
        fields |= option_fields(options)
    fields["priority"] = submission.priority
    if submission.deadline_seconds is not None:
        fields["deadline_seconds"] = submission.deadline_seconds
    if submission.result_ttl_seconds is not None:
        fields["result_ttl_seconds"] = submission.result_ttl_seconds
    request: JobRequest = msgspec.convert(fields, JobRequest)
    return request
