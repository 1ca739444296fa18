"""What a job is, and its life cycle from submission to expiry.

1.  A client submits a job. It is written to the ledger with its first step, `discover`, and the
    due time of that step, unless it waits for other jobs. Its state is PENDING, or WAITING if it
    may not start yet. Only then is the client answered.
2.  A wake-up reaches a worker, which **claims** the step: it receives a lease, and with it the
    number of this attempt. The first claim of a job makes it PROGRESS. A worker without a claim
    does no work, so a wake-up may be delivered twice.
3.  `discover` ends with the job's candidates, and each of them becomes an **article**. The first W
    are released as `analyse` steps, and each article that settles releases the next one. So even a
    large job never has more than W open steps: queued, delayed or running.
4.  While a step runs, its lease is renewed. A lease that expires means that its worker is gone: the
    step is queued again, and calls with the old attempt's number are rejected. That number is the
    fencing token.
5.  An article **settles** once: analysed, or failed with a reason. A transient failure is tried
    again after a delay, a permanent one settles the article at once. An `analyse` step with
    no tries left fails its article, so an article that kills its workers fails alone; `discover`
    and `rank` fail their job.
6.  When the last article has settled, `rank` is released. It ends the job with its result:
    SUCCESS, even if some articles failed. If each of them failed, `rank` fails.
7.  If `discover` or `rank` fails permanently, or if a job that it depends on does not succeed, the
    job ends in FAILURE. Its result has the articles that were analysed.
8.  Cancelling a job drops its queued and delayed steps. A running step keeps its lease; its worker
    learns of the cancellation at the next renewal and stops it. The job ends in REVOKED when none
    of its steps runs any more, and keeps the articles that were analysed.
9.  If the job has a deadline, that is a due time like any other. Once it has passed, the articles
    that have not settled fail with that reason, and `rank` ranks the others.
10. A job that has ended never changes. Its result is kept for RESULT_TTL or for as long as the job
    asks, and its record for JOB_TTL, but at least as long as the result. Both can be prolonged.

Whatever a step waits for, be it a worker, a retry, a start time or the end of a lease, it has one
due time in one sorted set. The reaper advances every step whose due time has passed. See
`tasks.ledger`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct

from tasks.jobs.options import NO_OPTIONS, JobOptions
from tasks.redaction import without_secrets


class JobState(enum.StrEnum):
    """The state of a job: Celery's names, with WAITING and PROGRESS."""

    WAITING = "WAITING"
    """Set by submit: the job waits for its start time or for the jobs that it depends on."""
    PENDING = "PENDING"
    """Set by submit, or when the waiting ends: the first step is queued."""
    PROGRESS = "PROGRESS"
    """Set by the first claim."""
    SUCCESS = "SUCCESS"
    """Set when `rank` has stored the result."""
    FAILURE = "FAILURE"
    """Set when `discover` or `rank` has failed permanently, or a job that it depends on has not
    succeeded."""
    REVOKED = "REVOKED"
    """Set when the last running step of a cancelled job has stopped."""

    @property
    def final(self) -> bool:
        return not TRANSITIONS[self]


TRANSITIONS: Mapping[JobState, frozenset[JobState]] = {
    JobState.WAITING: frozenset({JobState.PENDING, JobState.FAILURE, JobState.REVOKED}),
    JobState.PENDING: frozenset({JobState.PROGRESS, JobState.FAILURE, JobState.REVOKED}),
    JobState.PROGRESS: frozenset({JobState.SUCCESS, JobState.FAILURE, JobState.REVOKED}),
    JobState.SUCCESS: frozenset(),
    JobState.FAILURE: frozenset(),
    JobState.REVOKED: frozenset(),
}
"""Every possible change of state. The state machine of the contract tests checks it."""

ACTIVE_STATES = tuple(state for state in JobState if not state.final)

FINAL_STATES = tuple(state for state in JobState if state.final)


class Priority(enum.StrEnum):
    """In which order the steps of one caller's jobs run."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class JobType(enum.StrEnum):
    TOPIC_CURATION = "topic_curation"
    BATCH_ANALYSIS = "batch_analysis"
    SINGLE_ANALYSIS = "single_analysis"
    HEALTH_CHECK = "health_check"


class TopicCuration(Struct, frozen=True, kw_only=True, tag="topic_curation", tag_field="type"):
    """Finds articles on a topic, analyses them and keeps the best."""

    job_type: ClassVar[JobType] = JobType.TOPIC_CURATION
    topic: str
    max_articles: int = 20
    apply_diversity: bool = True
    options: JobOptions | None = None


class BatchAnalysis(Struct, frozen=True, kw_only=True, tag="batch_analysis", tag_field="type"):
    """Analyses and ranks the given URLs."""

    job_type: ClassVar[JobType] = JobType.BATCH_ANALYSIS
    urls: tuple[str, ...]
    query: str | None = None
    apply_diversity: bool = False
    options: JobOptions | None = None


class SingleAnalysis(Struct, frozen=True, kw_only=True, tag="single_analysis", tag_field="type"):
    """Analyses one URL."""

    job_type: ClassVar[JobType] = JobType.SINGLE_ANALYSIS
    url: str
    query: str | None = None
    options: JobOptions | None = None


class HealthCheck(Struct, frozen=True, kw_only=True, tag="health_check", tag_field="type"):
    """Passes once through queue, worker and engine."""

    job_type: ClassVar[JobType] = JobType.HEALTH_CHECK


Params = TopicCuration | BatchAnalysis | SingleAnalysis | HealthCheck


MAX_ABOUT_LENGTH = 200
"""Characters of `Job.about`, which listings show."""


def query_of(params: Params) -> str | None:
    """What relevance is measured against."""
    if isinstance(params, TopicCuration):
        return params.topic
    return getattr(params, "query", None)


def about(params: Params) -> str | None:
    """A short description for listings: the topic, the query, or the first URL without its
    secrets."""
    urls = getattr(params, "urls", ()) or (getattr(params, "url", None),)
    text = query_of(params) or (without_secrets(urls[0]) if urls[0] else None)
    if text is None or len(text) <= MAX_ABOUT_LENGTH:
        return text
    return f"{text[: MAX_ABOUT_LENGTH - 1]}…"


class Job(Struct, frozen=True, kw_only=True):
    """A job as it was submitted. It never changes."""

    id: str
    """A UUID of version 7: it sorts by the time of submission."""
    params: Params
    priority: Priority = Priority.NORMAL
    submitted_ms: int
    not_before_ms: int | None = None
    deadline_ms: int | None = None
    """When the job ranks the articles that it has; None for no deadline."""
    depends_on: tuple[str, ...] = ()
    """Ids of the jobs that must be SUCCESS before this one starts."""
    replayed_from: str | None = None
    """Id of the job that this one retries."""
    traceparent: str | None = None
    """The W3C trace context of the request that submitted it."""
    result_ttl_seconds: int | None = None
    """How long its result is kept after its end; None for the setting's time."""
    caller: str = ""
    """Who submitted it, as far as web can tell; see `app.http.callers`. Callers take turns. Empty
    for a process of ours."""

    @property
    def type(self) -> JobType:
        return self.params.job_type

    @property
    def query(self) -> str | None:
        """What relevance is measured against."""
        return query_of(self.params)

    @property
    def article_count(self) -> int:
        """How many articles it was submitted for."""
        match self.params:
            case TopicCuration(max_articles=count):
                return count
            case BatchAnalysis(urls=urls):
                return len(urls)
        return 1

    @property
    def options(self) -> JobOptions:
        """What it decides for itself."""
        return getattr(self.params, "options", None) or NO_OPTIONS

    @property
    def about(self) -> str | None:
        return about(self.params)
