"""What clients read, as JSON."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from tasks.jobs.job import (
    BatchAnalysis,
    Job,
    JobState,
    JobType,
    Params,
    SingleAnalysis,
    TopicCuration,
)
from tasks.jobs.outcome import ArticleAnalysed, ArticleOutcome, Failure, OutcomePage
from tasks.jobs.queue import JobStatus
from tasks.jobs.record import AttemptRecord, CancelOutcome, JobPage, JobRecord
from tasks.jobs.result import ArticleResult, ArticlesResult
from tasks.sources.search import SourceReport


class JobSubmitted(Struct, frozen=True, kw_only=True):
    """The job was written to the ledger; it will end."""

    job_id: str
    status: Literal["submitted"] = "submitted"
    type: JobType
    topic: str | None
    urls_count: int | None
    """None for a topic, until its URLs are known."""


class JobRetried(JobSubmitted, frozen=True, kw_only=True):
    """A new job of what failed in another."""

    replayed_from: str | None
    """The job in which it failed."""


class JobSummary(Struct, frozen=True, kw_only=True):
    """Where a job stands, in numbers."""

    job_id: str
    type: JobType
    about: str | None
    """Its topic, its query or its first URL, of at most 200 characters."""
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
    not_before: dt.datetime | None
    """When it may start, where that was asked for."""
    deadline_at: dt.datetime | None
    """When it ranks what it has, where it has a deadline."""
    deadline_reached: bool
    """Whether the deadline came before every article had settled."""
    depends_on: tuple[str, ...]
    """The jobs that must succeed before it starts."""
    replayed_from: str | None
    """The job whose failed articles it tries again."""
    attempts: int
    trace_id: str | None
    error: str | None
    """Why a FAILURE failed."""


class WaitingView(Struct, frozen=True, kw_only=True):
    """An article that waits for its host, to be polite to it or as it asked for."""

    url: str
    host: str
    until: dt.datetime
    """When it is tried again."""


class StatusReport(JobSummary, frozen=True, kw_only=True):
    """Where a job stands, with its articles that failed and those that wait for their hosts."""

    failures: tuple[Failure, ...]
    waiting_count: int
    """Articles that wait for their hosts for longer than a few seconds."""
    waiting: list[WaitingView]
    """The first 20 of them, by when they are tried again."""


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


class AttemptView(Struct, frozen=True, kw_only=True):
    """How one attempt at a step ended."""

    step: str
    """`discover`, `analyse:N` of the job's article N, from 0, or `rank`."""
    attempt: int
    outcome: Literal["analysed", "retried", "failed", "lost", "handed_back"]
    reason: str | None
    detail: str | None
    at: dt.datetime


class AttemptListing(Struct, frozen=True, kw_only=True):
    """Attempts that did not succeed, and successes after such ones, oldest first."""

    attempts: list[AttemptView]


class Cancellation(Struct, frozen=True, kw_only=True):
    """What became of the wish to cancel."""

    job_id: str
    status: CancelOutcome


def submitted_view(job: Job) -> JobSubmitted:
    params = job.params
    fields: dict[str, Any] = {
        "job_id": job.id,
        "type": job.type,
        "topic": params.topic if isinstance(params, TopicCuration) else None,
        "urls_count": _urls_count(params),
    }
    if job.replayed_from is None:
        return JobSubmitted(**fields)
    return JobRetried(**fields, replayed_from=job.replayed_from)


def summary(record: JobRecord) -> JobSummary:
    return JobSummary(**_summary_fields(record))


def status_report(status: JobStatus) -> StatusReport:
    return StatusReport(
        **_summary_fields(status.record),
        failures=status.failures,
        waiting_count=status.waiting.count,
        waiting=[
            WaitingView(url=one.url, host=one.host, until=moment(one.until_ms))
            for one in status.waiting.first
        ],
    )


def job_listing(page: JobPage) -> JobListing:
    return JobListing(jobs=[summary(record) for record in page.jobs], next_cursor=page.next_cursor)


def article_listing(page: OutcomePage) -> ArticleListing:
    return ArticleListing(
        articles=[_article(outcome) for outcome in page.outcomes], next_cursor=page.next_cursor
    )


def attempt_listing(attempts: Sequence[AttemptRecord]) -> AttemptListing:
    return AttemptListing(
        attempts=[
            AttemptView(
                step=one.step,
                attempt=one.attempt,
                outcome=one.outcome,
                reason=one.reason,
                detail=one.detail,
                at=moment(one.at_ms),
            )
            for one in attempts
        ]
    )


def _urls_count(params: Params) -> int | None:
    match params:
        case TopicCuration():
            return None
        case BatchAnalysis():
            return len(params.urls)
        case SingleAnalysis():
            return 1
    return 0


def _article(outcome: ArticleOutcome) -> AnalysedView | FailedView:
    if isinstance(outcome, ArticleAnalysed):
        return AnalysedView(url=outcome.url, result=outcome.result)
    return FailedView(url=outcome.url, reason=outcome.reason, detail=outcome.detail)


def _summary_fields(record: JobRecord) -> dict[str, Any]:
    cancelling = record.cancelled and not record.state.final
    return {
        "job_id": record.id,
        "type": record.type,
        "about": record.about,
        "state": record.state,
        "status": "cancelling" if cancelling else record.state.lower(),
        "current": record.settled,
        "total": record.total,
        "processed_urls": record.processed,
        "failed_urls": record.failed,
        "submitted_at": _moment(record.submitted_ms),
        "started_at": _moment(record.started_ms),
        "finished_at": _moment(record.finished_ms),
        "not_before": _moment(record.not_before_ms),
        "deadline_at": _moment(record.deadline_ms),
        "deadline_reached": record.deadline_reached,
        "depends_on": record.depends_on,
        "replayed_from": record.replayed_from,
        "attempts": record.attempts,
        "trace_id": record.trace_id,
        "error": record.error,
    }


def _moment(ms: int | None) -> dt.datetime | None:
    return None if ms is None else moment(ms)


def moment(ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(ms / 1000, dt.UTC)


class DescribedResult(ArticlesResult, kw_only=True):
    """The result of every job that is about articles."""

    results: list[ArticleResult]  # type: ignore[assignment]
    """Best first; of a job that did not succeed, in the order of the composite alone."""
    sources: list[SourceReport] | None = None  # type: ignore[assignment]
    """What each source of a topic found, or why it failed."""


class DescribedAnalysed(Struct, frozen=True, kw_only=True, tag="analysed"):
    """An article that was analysed: scored by itself, and not yet beside the others."""

    url: str
    result: ArticleResult


class DescribedListing(Struct, frozen=True, kw_only=True):
    """Outcomes so far, in the order of the job's articles."""

    articles: list[DescribedAnalysed | FailedView]
    next_cursor: int | None
    """What to ask for next; None on the last page."""
