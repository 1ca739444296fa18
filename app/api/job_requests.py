"""What clients ask for, as JSON: the bodies of requests, and the submission that each is."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, get_args

import msgspec
from msgspec import Meta, Struct

from app.http.body import (
    MISSING_FIELD,
    UNKNOWN_FIELD,
    StrictJson,
    decode_strictly,
    explain,
    path_in,
)
from tasks.errors import InvalidRequest
from tasks.jobs.bulk import Selection
from tasks.jobs.ids import is_job_id
from tasks.jobs.job import (
    BatchAnalysis,
    HealthCheck,
    JobState,
    JobType,
    Params,
    Priority,
    SingleAnalysis,
    TopicCuration,
)
from tasks.jobs.submission import Submission

Diversity = Annotated[
    bool, Meta(description="Cap the articles per domain and per cluster of stories.")
]
Query = Annotated[
    str | None, Meta(description="What relevance is measured against, 2 to 500 characters.")
]


Moment = Annotated[dt.datetime, Meta(tz=True)]


class CommonRequest(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"
):
    """What every job may have, beside the parameters of its type."""

    priority: Annotated[Priority, Meta(description="Which jobs the workers take first.")] = (
        Priority.NORMAL
    )
    depends_on: Annotated[
        tuple[str, ...],
        Meta(description="Ids of at most 100 jobs that must succeed before this one starts."),
    ] = ()
    not_before: Annotated[
        Moment | None,
        Meta(description="When it may start: an ISO 8601 time with its offset from UTC."),
    ] = None
    deadline_seconds: Annotated[
        float | None,
        Meta(description="How long after its submission it ranks what it has; at most 7 days."),
    ] = None


class TopicCurationRequest(CommonRequest, frozen=True, kw_only=True, tag="topic_curation"):
    """Find articles on a topic, analyse them, keep the best."""

    topic: Annotated[str, Meta(description="2 to 200 characters on one line.")]
    max_articles: Annotated[int, Meta(description="Articles to keep, from 1.")] = 20
    apply_diversity: Diversity = True

    def params(self) -> Params:
        return TopicCuration(
            topic=self.topic,
            max_articles=self.max_articles,
            apply_diversity=self.apply_diversity,
        )


class BatchAnalysisRequest(CommonRequest, frozen=True, kw_only=True, tag="batch_analysis"):
    """Analyse and rank the given URLs."""

    urls: Annotated[tuple[str, ...], Meta(description="Absolute http or https URLs.")]
    query: Query = None
    apply_diversity: Diversity = False

    def params(self) -> Params:
        return BatchAnalysis(urls=self.urls, query=self.query, apply_diversity=self.apply_diversity)


class SingleAnalysisRequest(CommonRequest, frozen=True, kw_only=True, tag="single_analysis"):
    """Analyse one URL."""

    url: Annotated[str, Meta(description="An absolute http or https URL.")]
    query: Query = None

    def params(self) -> Params:
        return SingleAnalysis(url=self.url, query=self.query)


class HealthCheckRequest(CommonRequest, frozen=True, kw_only=True, tag="health_check"):
    """Pass once through queue, worker and engine."""

    def params(self) -> Params:
        return HealthCheck()


JobRequest = (
    TopicCurationRequest | BatchAnalysisRequest | SingleAnalysisRequest | HealthCheckRequest
)

REQUEST_FIELDS = {
    str(kind.__struct_config__.tag): ("type", *kind.__struct_fields__)
    for kind in get_args(JobRequest)
}
"""Each job type with the fields that its request may have."""


def submission_of(request: JobRequest) -> Submission:
    start = request.not_before
    return Submission(
        params=request.params(),
        priority=request.priority,
        depends_on=request.depends_on,
        not_before_ms=None if start is None else round(start.timestamp() * 1000),
        deadline_seconds=request.deadline_seconds,
    )


class JobSelection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which jobs are meant by one call; the answer's `next_cursor` asks for those that follow."""

    state: Annotated[
        JobState | tuple[JobState, ...],
        Meta(description="One state or several. By default those that the call is meant for."),
    ] = ()
    type: Annotated[
        JobType | tuple[JobType, ...], Meta(description="One type or several. By default all.")
    ] = ()
    older_than_seconds: Annotated[
        float, Meta(ge=0, description="Of ended jobs, those that ended at least that long ago.")
    ] = 0.0
    limit: Annotated[int, Meta(ge=1, le=200, description="Jobs to look at in this call.")] = 100
    cursor: Annotated[str | None, Meta(description="The `next_cursor` of the call before.")] = None


def selection_of(request: JobSelection) -> Selection:
    if request.cursor is not None and not is_job_id(request.cursor):
        raise InvalidRequest("cursor must be the next_cursor of an earlier call.")
    return Selection(
        states=(request.state,) if isinstance(request.state, JobState) else request.state,
        types=(request.type,) if isinstance(request.type, JobType) else request.type,
        older_than_seconds=request.older_than_seconds,
        limit=request.limit,
        cursor=request.cursor,
    )


_decoder = msgspec.json.Decoder(JobRequest)


class StrictJobRequest(StrictJson):
    """The body of `POST /jobs`."""

    def decode_bytes(self, value: bytes) -> Any:
        return decode_request(value)


def decode_request(body: bytes) -> JobRequest:
    """Raises MalformedBody, or InvalidRequest with the place and what must stand there."""
    request: JobRequest = decode_strictly(body, _decoder, _explain)
    return request


def _explain(message: str, body: bytes) -> str:
    path = path_in(message)
    if path == "type":
        return f"type must be one of {', '.join(JobType)}."
    if path == "priority":
        return f"priority must be one of {', '.join(Priority)}."
    if path == "not_before":
        return (
            "not_before must be an ISO 8601 time with its offset from UTC, "
            "such as 2026-03-01T08:30:00+01:00 or 2026-03-01T07:30:00Z."
        )
    missing = MISSING_FIELD.match(message)
    if missing and missing["name"] == "type":
        return f"type is missing; one of {', '.join(JobType)}."
    job_type = _type_in(body) if UNKNOWN_FIELD.match(message) else ""
    return explain(message, job_type, REQUEST_FIELDS.get(job_type, ()))


def _type_in(body: bytes) -> str:
    """Reads on beyond an unknown field, and so may find that the rest is no JSON at all."""
    job_type: str = msgspec.json.decode(body, type=dict[str, Any]).get("type", "")
    return job_type
