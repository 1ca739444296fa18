"""What the handlers take from a request: strict bodies, and the pages of listings.

A body that is refused gets a sentence with the place and what is expected there.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, TypeVar

import msgspec
from litestar.params import QueryParameter

from app.api.models.admin import ActiveSelection, EndedSelection
from app.api.models.job_requests import REQUEST_FIELDS, JobRequest
from app.api.models.jobs import KeepRequest
from app.api.models.schedules import ScheduleChange, ScheduleRequest
from app.http.body import (
    MISSING_FIELD,
    UNKNOWN_FIELD,
    StrictJson,
    decode_strictly,
    explain,
    path_in,
)
from tasks.errors import InvalidRequest
from tasks.jobs.bulk import JobFilter
from tasks.jobs.ids import is_job_id
from tasks.jobs.job import ACTIVE_STATES, FINAL_STATES, JobState, JobType, Priority
from tasks.schedules.schedule import Missed

Member = TypeVar("Member", bound=enum.StrEnum)

MAX_PAGE = 200
"""Entries on one page."""

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_PAGE, description="Entries on one page.")]
Cursor = Annotated[
    str | None,
    QueryParameter(description="The `next_cursor` of the page before.", format="uuid"),
]


def check_cursor(cursor: str | None) -> None:
    """Raises InvalidRequest for a cursor that no listing returned."""
    if cursor is not None and not is_job_id(cursor):
        raise InvalidRequest("cursor must be the next_cursor of an earlier response.")


def enum_members(name: str, words: Sequence[str], members: type[Member]) -> tuple[Member, ...]:
    """The members that the list names, each once.

    The listing's cost grows with the product of states and types, so a list is bounded, too.
    Raises InvalidRequest.
    """
    if len(words) > len(members):
        raise InvalidRequest(
            f"{name} has {len(words)} entries; give each of {', '.join(members)} at most once."
        )
    try:
        return tuple(dict.fromkeys(members(word) for word in words))
    except ValueError as error:
        raise InvalidRequest(f"{name} must be one of {', '.join(members)}.") from error


class StrictJobRequest(StrictJson):
    """The body of `POST /jobs`."""

    def decode_bytes(self, value: bytes) -> Any:
        return decode_job_request(value)


class StrictActiveSelection(StrictJson):
    """The body of a call on many active jobs."""

    def decode_bytes(self, value: bytes) -> ActiveSelection:
        explain_active = partial(_explain_selection, ACTIVE_STATES)
        return decode_strictly(value, _active_selection_decoder, explain_active)


class StrictEndedSelection(StrictJson):
    """The body of a call on many ended jobs."""

    def decode_bytes(self, value: bytes) -> EndedSelection:
        explain_ended = partial(_explain_selection, FINAL_STATES)
        return decode_strictly(value, _ended_selection_decoder, explain_ended)


class StrictSchedule(StrictJson):
    """The body of `POST /schedules`."""

    def decode_bytes(self, value: bytes) -> ScheduleRequest:
        return decode_strictly(value, _schedule_decoder, _explain_schedule)


class StrictScheduleChange(StrictJson):
    """The body of `PATCH /schedules/{id}`."""

    def decode_bytes(self, value: bytes) -> ScheduleChange:
        return decode_strictly(value, _schedule_change_decoder, _explain_schedule)


class StrictKeepRequest(StrictJson):
    """The body of `POST /jobs/{id}/keep`."""

    def decode_bytes(self, value: bytes) -> KeepRequest:
        return decode_strictly(value, _keep_decoder, _explain_keep)


def decode_job_request(body: bytes) -> JobRequest:
    """Raises MalformedBody, or InvalidRequest with what to change."""
    request: JobRequest = decode_strictly(body, _job_decoder, _explain_job)
    return request


def selection_of(request: ActiveSelection | EndedSelection) -> JobFilter:
    check_cursor(request.cursor)
    return JobFilter(
        states=enum_members("state", _as_list(request.state), JobState),
        types=enum_members("type", _as_list(request.type), JobType),
        older_than_seconds=request.older_than_seconds,
        limit=request.limit,
        cursor=request.cursor,
    )


def _as_list(value: str | Sequence[str]) -> Sequence[str]:
    return (value,) if isinstance(value, str) else value


_job_decoder = msgspec.json.Decoder(JobRequest)
_active_selection_decoder = msgspec.json.Decoder(ActiveSelection)
_ended_selection_decoder = msgspec.json.Decoder(EndedSelection)
_keep_decoder = msgspec.json.Decoder(KeepRequest)
_schedule_decoder = msgspec.json.Decoder(ScheduleRequest)
_schedule_change_decoder = msgspec.json.Decoder(ScheduleChange)


def _explain_job(message: str, body: bytes) -> str:
    path = path_in(message)
    if path == "type":
        return f"type must be one of {', '.join(JobType)}."
    if path == "priority":
        return f"priority must be one of {', '.join(Priority)}."
    if path in ("not_before", "published_after"):
        return (
            f"{path} must be an ISO 8601 time with its offset from UTC, "
            "such as 2026-03-01T08:30:00+01:00 or 2026-03-01T07:30:00Z."
        )
    missing = MISSING_FIELD.match(message)
    if missing and missing["name"] == "type":
        return f"type is missing; one of {', '.join(JobType)}."
    job_type = _type_in(body) if UNKNOWN_FIELD.match(message) else ""
    return explain(message, job_type, REQUEST_FIELDS.get(job_type, ()))


def _type_in(body: bytes) -> str:
    """Reads on beyond an unknown field, and so may find that the rest is not JSON at all.

    Where the object has several types, this finds the last one, and that may be any JSON.
    """
    job_type = msgspec.json.decode(body, type=dict[str, Any]).get("type")
    return job_type if isinstance(job_type, str) else "a job"


def _explain_selection(states: Sequence[JobState], message: str, _: bytes) -> str:
    name = path_in(message).partition("[")[0]
    for field, words in (("state", states), ("type", tuple(JobType))):
        if name == field:
            return f"{field} must be one of {', '.join(words)}, or a list of them."
    return explain(message, "a selection", ActiveSelection.__struct_fields__)


def _explain_keep(message: str, _: bytes) -> str:
    return explain(message, "a time to keep a result", KeepRequest.__struct_fields__)


def _explain_schedule(message: str, body: bytes) -> str:
    path = path_in(message)
    if path.partition(".")[0] == "job":
        return _explain_job_of_schedule(body)
    if path == "missed":
        return f"missed must be one of {', '.join(Missed)}."
    return explain(message, "a schedule", ScheduleRequest.__struct_fields__)


def _explain_job_of_schedule(body: bytes) -> str:
    """The sentence that the same job would get by itself."""
    job = msgspec.json.decode(body, type=dict[str, msgspec.Raw])["job"]
    try:
        decode_job_request(bytes(job))
    except InvalidRequest as error:
        return f"job: {error}"
    return "job appears twice; send it once."
