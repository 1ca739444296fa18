"""What travels over the HTTP interface, as JSON."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from tasks.job import (
    ArticleAnalysed,
    ArticleOutcome,
    BatchAnalysis,
    CancelOutcome,
    Failure,
    HealthCheck,
    Job,
    JobPage,
    JobRecord,
    JobState,
    JobType,
    OutcomePage,
    Params,
    Priority,
    SingleAnalysis,
    TopicCuration,
)
from tasks.queue import JobStatus
from tasks.submission import Submission

Diversity = Annotated[
    bool, Meta(description="Cap the articles per domain and per cluster of stories.")
]
Query = Annotated[
    str | None, Meta(description="What relevance is measured against, 2 to 500 characters.")
]


class CommonRequest(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"
):
    """What every job may have, beside the parameters of its type."""

    priority: Annotated[Priority, Meta(description="Which jobs the workers take first.")] = (
        Priority.NORMAL
    )


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


class JobSubmitted(Struct, frozen=True, kw_only=True):
    """The job was written to the ledger; it will end."""

    job_id: str
    status: Literal["submitted"] = "submitted"
    type: JobType
    topic: str | None
    urls_count: int | None
    """None for a topic, until its URLs are known."""


class JobSummary(Struct, frozen=True, kw_only=True):
    """Where a job stands, in numbers."""

    job_id: str
    type: JobType
    state: JobState
    status: str
    """The state as a word for readers; `cancelling` while a cancelled job still runs."""
    current: int
    """Articles that have settled, well or not."""
    total: int | None
    """None until the articles are known."""
    processed_urls: int
    failed_urls: int
    submitted_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    attempts: int
    trace_id: str | None
    error: str | None
    """Why a FAILURE failed."""


class StatusReport(JobSummary, frozen=True, kw_only=True):
    """Where a job stands, with its failed articles."""

    failures: tuple[Failure, ...]


class JobListing(Struct, frozen=True, kw_only=True):
    """A page of jobs, newest first."""

    jobs: list[JobSummary]
    next_cursor: str | None
    """What to ask for next; None on the last page."""


class AnalysedView(Struct, frozen=True, kw_only=True, tag="analysed"):
    """An article that was analysed."""

    url: str
    result: msgspec.Raw


class FailedView(Struct, frozen=True, kw_only=True, tag="failed"):
    """An article that could not be analysed."""

    url: str
    reason: str
    detail: str


class ArticleListing(Struct, frozen=True, kw_only=True):
    """Outcomes so far, in the order of the job's articles."""

    articles: list[AnalysedView | FailedView]
    next_cursor: int | None
    """What to ask for next; None on the last page."""


class Cancellation(Struct, frozen=True, kw_only=True):
    """What became of the wish to cancel."""

    job_id: str
    status: CancelOutcome


def submission_of(request: JobRequest) -> Submission:
    return Submission(params=request.params(), priority=request.priority)


def submitted(job: Job) -> JobSubmitted:
    params = job.params
    urls_count: int | None = 0
    match params:
        case TopicCuration():
            urls_count = None
        case BatchAnalysis():
            urls_count = len(params.urls)
        case SingleAnalysis():
            urls_count = 1
    return JobSubmitted(
        job_id=job.id,
        type=job.type,
        topic=params.topic if isinstance(params, TopicCuration) else None,
        urls_count=urls_count,
    )


def summary(record: JobRecord) -> JobSummary:
    return JobSummary(**_summary_fields(record))


def status_report(status: JobStatus) -> StatusReport:
    return StatusReport(**_summary_fields(status.record), failures=status.failures)


def job_listing(page: JobPage) -> JobListing:
    return JobListing(jobs=[summary(record) for record in page.jobs], next_cursor=page.next_cursor)


def article_listing(page: OutcomePage) -> ArticleListing:
    return ArticleListing(
        articles=[_article(outcome) for outcome in page.outcomes], next_cursor=page.next_cursor
    )


def _article(outcome: ArticleOutcome) -> AnalysedView | FailedView:
    if isinstance(outcome, ArticleAnalysed):
        return AnalysedView(url=outcome.url, result=outcome.result)
    return FailedView(url=outcome.url, reason=outcome.reason, detail=outcome.detail)


def _summary_fields(record: JobRecord) -> dict[str, Any]:
    cancelling = record.cancelled and not record.state.final
    return {
        "job_id": record.id,
        "type": record.type,
        "state": record.state,
        "status": "cancelling" if cancelling else record.state.lower(),
        "current": record.settled,
        "total": record.total,
        "processed_urls": record.processed,
        "failed_urls": record.failed,
        "submitted_at": _moment(record.submitted_ms),
        "started_at": _moment(record.started_ms),
        "finished_at": _moment(record.finished_ms),
        "attempts": record.attempts,
        "trace_id": record.trace_id,
        "error": record.error,
    }


def _moment(ms: int | None) -> dt.datetime | None:
    return None if ms is None else dt.datetime.fromtimestamp(ms / 1000, dt.UTC)
