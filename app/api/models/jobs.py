"""Jobs as clients read them: status, listings, articles, attempts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Generic, Literal, TypeVar

from msgspec import Meta, Raw, Struct
from msgspec.structs import asdict

from tasks.jobs.ids import JobId
from tasks.jobs.job import (
    BatchAnalysis,
    Job,
    JobState,
    JobType,
    Params,
    SingleAnalysis,
    TopicCuration,
)
from tasks.jobs.outcome import (
    ArticleAnalysed,
    ArticleOutcome,
    ErrorReport,
    Failure,
    OutcomePage,
)
from tasks.jobs.record import AttemptOutcome, AttemptRecord, JobPage, JobRecord, JobStatus
from tasks.redaction import text_without_secrets

MIN_TIME_MS = -62_135_596_800_000
MAX_TIME_MS = 253_402_300_799_000
"""The first and the last second of the calendar, from the year 1 to 9999."""

ResultT = TypeVar("ResultT")
"""One article's result: `Raw` where the stored JSON is passed on unread, else `ArticleResult`."""

AwareTime = Annotated[dt.datetime, Meta(tz=True)]


class JobSubmitted(Struct, frozen=True, kw_only=True):
    """The job was written to the ledger; it will end."""

    job_id: JobId
    status: Literal["submitted"] = "submitted"
    """What this call did. The job's state is in its status."""
    type: JobType
    topic: str | None
    urls_count: int | None
    """How many different URLs it has; None for a topic, whose URLs are not known yet."""


class JobRetried(JobSubmitted, frozen=True, kw_only=True):
    """A new job that retries another."""

    replayed_from: JobId
    """The job in which it failed."""


class JobSummary(Struct, frozen=True, kw_only=True):
    """The state of a job, with numbers and no lists of articles."""

    job_id: JobId
    type: JobType
    about: str | None
    """Its topic, its query or its first URL, of at most 200 characters."""
    state: JobState
    status: JobState
    """The same as `state`, under the name that the first system had for it."""
    cancelling: bool
    """Whether it was cancelled, and steps of it still run."""
    current: int
    """Articles that have settled, analysed or failed."""
    total: int | None
    """None until the articles are known."""
    processed_count: int
    """Articles that were analysed."""
    failed_count: int
    submitted_at: AwareTime
    started_at: AwareTime | None
    finished_at: AwareTime | None
    expires_at: AwareTime | None
    """Until when the result of an ended job is kept."""
    not_before: AwareTime | None
    """When it may start, where the request said so."""
    deadline_at: AwareTime | None
    """When it ranks what it has, where it has a deadline."""
    deadline_reached: bool
    """Whether the deadline came before every article had settled."""
    depends_on: tuple[JobId, ...]
    """The jobs that must succeed before it starts."""
    replayed_from: JobId | None
    """The job whose failed articles it tries again."""
    retry_count: int
    """How often one of its steps was tried again. Waiting for a host is no try."""
    articles_reanalysed: int
    """How often an article was begun again because its worker was lost."""
    trace_id: str | None
    error: ErrorReport | None
    """Why a FAILURE failed."""


class WaitingArticle(Struct, frozen=True, kw_only=True):
    """An article that waits for its host, because of the rate limit or because the host asked."""

    url: str
    host: str
    until: AwareTime
    """When it is tried again."""


class RetriedArticle(Struct, frozen=True, kw_only=True):
    """An article that failed in a way that may pass."""

    url: str
    at: AwareTime
    """When it is tried again."""


class StatusReport(JobSummary, frozen=True, kw_only=True):
    """The state of a job, with its articles so far.

    The lists of URLs have at most 1,000 URLs and 256 KB together; `/articles` has all.
    """

    processed_urls: tuple[str, ...]
    """The URLs that were analysed, for as long as the result is kept."""
    failed_urls: tuple[str, ...]
    failures: tuple[Failure, ...]
    """Why each of the failed URLs failed."""
    waiting_count: int
    """Articles that wait for their hosts for longer than a few seconds."""
    waiting: tuple[WaitingArticle, ...]
    """The first 20 of them, by the time at which they are tried again."""
    retrying_count: int
    """Articles that failed in a way that may pass, and are tried again."""
    retrying: tuple[RetriedArticle, ...]
    """The first 20 of them, by the time at which they are tried again."""


class JobListing(Struct, frozen=True, kw_only=True):
    """A page of jobs, newest first."""

    jobs: tuple[JobSummary, ...]
    next_cursor: JobId | None
    """The cursor of the next page; None on the last page."""


class AnalysedArticle(Struct, Generic[ResultT], frozen=True, kw_only=True, tag="analysed"):
    """An article that was analysed: scored by itself, not yet beside the others of its job."""

    url: str
    result: ResultT


class FailedArticle(Struct, frozen=True, kw_only=True, tag="failed"):
    """An article that could not be analysed."""

    url: str
    reason: str
    """A stable word for programs."""
    detail: str
    """A sentence for readers."""


class ArticleListing(Struct, Generic[ResultT], frozen=True, kw_only=True):
    """Outcomes so far, in the order of the job's articles."""

    articles: tuple[AnalysedArticle[ResultT] | FailedArticle, ...]
    next_cursor: int | None
    """The cursor of the next page; None on the last page."""


class Attempt(Struct, frozen=True, kw_only=True):
    """How one attempt at a step ended."""

    step: str
    """`discover`, `analyse:N` of the job's article N, from 0, or `rank`."""
    attempt: int
    outcome: AttemptOutcome
    reason: str | None
    detail: str | None
    at: AwareTime


class AttemptListing(Struct, frozen=True, kw_only=True):
    """Attempts that did not succeed, and successes after such ones, oldest first."""

    attempts: tuple[Attempt, ...]


class Cancellation(Struct, frozen=True, kw_only=True):
    """What a cancellation did."""

    job_id: JobId
    status: Literal["cancelled", "cancelling"]
    """`cancelling` while steps still run."""


class KeepRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a result is to be kept."""

    result_ttl_seconds: Annotated[
        int,
        Meta(
            description=(
                "Seconds from now, at least. What is kept for longer anyway stays so; the most is "
                "MAX_RESULT_TTL."
            ),
            extra_json_schema={"minimum": 1},
        ),
    ]


class Kept(Struct, frozen=True, kw_only=True):
    """The result is kept until then."""

    job_id: JobId
    expires_at: AwareTime


def submitted_model(job: Job) -> JobSubmitted | JobRetried:
    params = job.params
    submitted = JobSubmitted(
        job_id=job.id,
        type=job.type,
        topic=params.topic if isinstance(params, TopicCuration) else None,
        urls_count=urls_count(params),
    )
    if job.replayed_from is None:
        return submitted
    return JobRetried(**asdict(submitted), replayed_from=job.replayed_from)


def job_summary(record: JobRecord) -> JobSummary:
    return JobSummary(
        job_id=record.id,
        type=record.type,
        # An earlier release stored it as it was.
        about=text_without_secrets(record.about) if record.about else None,
        state=record.state,
        status=record.state,
        cancelling=record.cancelled and not record.state.final,
        current=record.settled,
        total=record.total,
        processed_count=record.processed,
        failed_count=record.failed,
        submitted_at=utc_time(record.submitted_ms),
        started_at=_optional_time(record.started_ms),
        finished_at=_optional_time(record.finished_ms),
        expires_at=_optional_time(record.expires_ms),
        not_before=_optional_time(record.not_before_ms),
        deadline_at=_optional_time(record.deadline_ms),
        deadline_reached=record.deadline_reached,
        depends_on=record.depends_on,
        replayed_from=record.replayed_from,
        retry_count=record.retries,
        articles_reanalysed=record.reanalysed,
        trace_id=record.trace_id,
        error=record.error_report,
    )


def status_report(
    status: JobStatus, processed_urls: tuple[str, ...], failures: tuple[Failure, ...]
) -> StatusReport:
    """With as many URLs and failures as the lists may have."""
    return StatusReport(
        **asdict(job_summary(status.record)),
        processed_urls=processed_urls,
        failed_urls=tuple(failure.url for failure in failures),
        failures=failures,
        waiting_count=status.waiting.count,
        waiting=tuple(
            WaitingArticle(url=wait.url, host=wait.host, until=utc_time(wait.until_ms))
            for wait in status.waiting.first
        ),
        retrying_count=status.retrying.count,
        retrying=tuple(
            RetriedArticle(url=retry.url, at=utc_time(retry.at_ms))
            for retry in status.retrying.first
        ),
    )


def job_listing(page: JobPage) -> JobListing:
    return JobListing(jobs=tuple(map(job_summary, page.jobs)), next_cursor=page.next_cursor)


def article_listing(page: OutcomePage) -> ArticleListing[Raw]:
    return ArticleListing(
        articles=tuple(map(_article, page.outcomes)), next_cursor=page.next_cursor
    )


def attempt_listing(attempts: Sequence[AttemptRecord]) -> AttemptListing:
    return AttemptListing(
        attempts=tuple(
            Attempt(
                step=attempt.step,
                attempt=attempt.attempt,
                outcome=attempt.outcome,
                reason=attempt.reason,
                detail=attempt.detail,
                at=utc_time(attempt.at_ms),
            )
            for attempt in attempts
        )
    )


def utc_time(ms: int) -> dt.datetime:
    """The aware time of these milliseconds since the epoch.

    A time beyond the calendar becomes its nearest time, as one such record, written by an earlier
    release, must not make a whole listing unreadable.
    """
    return dt.datetime.fromtimestamp(min(max(ms, MIN_TIME_MS), MAX_TIME_MS) / 1000, dt.UTC)


def _optional_time(ms: int | None) -> dt.datetime | None:
    return None if ms is None else utc_time(ms)


def urls_count(params: Params) -> int | None:
    """The URLs of a job; None for a topic, whose URLs are not known before it runs."""
    match params:
        case TopicCuration():
            return None
        case BatchAnalysis():
            return len(set(params.urls))
        case SingleAnalysis():
            return 1
    return 0


def _article(outcome: ArticleOutcome) -> AnalysedArticle[Raw] | FailedArticle:
    if isinstance(outcome, ArticleAnalysed):
        return AnalysedArticle(url=outcome.url, result=outcome.result)
    return FailedArticle(url=outcome.url, reason=outcome.reason, detail=outcome.detail)
