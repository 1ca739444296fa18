"""What a job is, and its life, told once.

1.  A client submits a job. It is written to the ledger with its first step, `discover`, and
    that step's due time; its state is PENDING (WAITING if it may not start yet). Only then is
    the client answered.
2.  A worker is woken and **claims** the step: it gets a lease, and the attempt's number with it.
    The first claim of a job makes it PROGRESS. Who has no claim does no work, so a wake-up may
    come twice.
3.  `discover` ends with the job's candidates, one **article** each. The first W of them are
    released as `analyse` steps; each that settles releases the next. So a large job never has
    more than W steps in the queue.
4.  While a step runs its lease is renewed. A lease that ends has lost its worker: the step is
    queued again, and the old attempt's number no longer opens anything (it is the fencing token).
5.  An article **settles** once: analysed, or failed with a reason. What may pass is tried again
    after a delay, what cannot is settled at once. A step that has used up its tries settles as
    failed, so a poison article fails alone.
6.  When the last article has settled, `rank` is released. It ends the job with its result:
    SUCCESS, even if some articles failed.
7.  If `discover` or `rank` fail for good, the job ends in FAILURE, with what it had.
8.  Cancelling drops what is queued and takes the lease of what runs; the job ends in REVOKED
    when nothing of it runs any more, with what it had.
9.  A deadline, where the job has one, is a due time like any other: once it has passed, what has
    not settled fails with that reason, and `rank` ranks the rest.
10. A job that has ended never changes. Its result is kept for RESULT_TTL, its record for JOB_TTL.

Every waiting of a step, whether for a worker, a retry, a start time or a lease to end, is one
due time in one sorted set; the reaper wakes whatever is overdue. See `tasks.ledger`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct


class JobState(enum.StrEnum):
    """Where a job stands, in the words that Celery made usual."""

    WAITING = "WAITING"
    """Set by submit: for a start time or for the jobs it depends on."""
    PENDING = "PENDING"
    """Set by submit, or when the waiting ends: its first step is queued."""
    PROGRESS = "PROGRESS"
    """Set by the first claim."""
    SUCCESS = "SUCCESS"
    """Set when `rank` has stored the result."""
    FAILURE = "FAILURE"
    """Set when `discover` or `rank` failed for good."""
    REVOKED = "REVOKED"
    """Set when a cancelled job's last step has stopped."""

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
"""Every change of state there is; a test holds the ledgers to it."""


ACTIVE_STATES = tuple(state for state in JobState if not state.final)


FINAL_STATES = tuple(state for state in JobState if state.final)


class Priority(enum.StrEnum):
    """Which of the three wake-up lists a job's steps stand in."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class JobType(enum.StrEnum):
    TOPIC_CURATION = "topic_curation"
    BATCH_ANALYSIS = "batch_analysis"
    SINGLE_ANALYSIS = "single_analysis"
    HEALTH_CHECK = "health_check"


class TopicCuration(Struct, frozen=True, kw_only=True, tag="topic_curation", tag_field="type"):
    """Find articles on a topic, analyse them, keep the best."""

    job_type: ClassVar[JobType] = JobType.TOPIC_CURATION
    topic: str
    max_articles: int = 20
    apply_diversity: bool = True


class BatchAnalysis(Struct, frozen=True, kw_only=True, tag="batch_analysis", tag_field="type"):
    """Analyse and rank the given URLs."""

    job_type: ClassVar[JobType] = JobType.BATCH_ANALYSIS
    urls: tuple[str, ...]
    query: str | None = None
    apply_diversity: bool = False


class SingleAnalysis(Struct, frozen=True, kw_only=True, tag="single_analysis", tag_field="type"):
    """Analyse one URL."""

    job_type: ClassVar[JobType] = JobType.SINGLE_ANALYSIS
    url: str
    query: str | None = None


class HealthCheck(Struct, frozen=True, kw_only=True, tag="health_check", tag_field="type"):
    """Pass once through queue, worker and engine."""

    job_type: ClassVar[JobType] = JobType.HEALTH_CHECK


Params = TopicCuration | BatchAnalysis | SingleAnalysis | HealthCheck


MAX_ABOUT_LENGTH = 200
"""Characters of what a listing tells of a job."""


def query_of(params: Params) -> str | None:
    """What relevance is measured against."""
    if isinstance(params, TopicCuration):
        return params.topic
    return getattr(params, "query", None)


class Job(Struct, frozen=True, kw_only=True):
    """What was submitted. It never changes."""

    id: str
    """A UUID of version 7: it sorts by the time of submission."""
    params: Params
    priority: Priority = Priority.NORMAL
    submitted_ms: int
    not_before_ms: int | None = None
    deadline_ms: int | None = None
    """When the job ranks what it has; None for no deadline."""
    depends_on: tuple[str, ...] = ()
    """Ids of the jobs that must be SUCCESS before this one starts."""
    replayed_from: str | None = None
    """Id of the job whose failed articles this one tries again."""
    traceparent: str | None = None
    """The W3C trace context of the request that submitted it."""

    @property
    def type(self) -> JobType:
        return self.params.job_type

    @property
    def query(self) -> str | None:
        """What relevance is measured against."""
        return query_of(self.params)

    @property
    def about(self) -> str | None:
        """What a reader knows the job by: its topic, its query, or its first URL."""
        urls = getattr(self.params, "urls", ()) or (getattr(self.params, "url", None),)
        text = self.query or urls[0]
        return (
            text
            if text is None or len(text) <= MAX_ABOUT_LENGTH
            else f"{text[: MAX_ABOUT_LENGTH - 1]}…"
        )
