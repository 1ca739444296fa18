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
import re
import secrets
from collections.abc import Mapping
from typing import ClassVar, Literal

import msgspec
from msgspec import Struct

from tasks.errors import Reason


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

ABOUT_LENGTH = 200
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
        return text if text is None or len(text) <= ABOUT_LENGTH else f"{text[: ABOUT_LENGTH - 1]}…"


StepKind = Literal["discover", "analyse", "rank"]


class StepRef(Struct, frozen=True):
    """The name of one step: what a wake-up carries."""

    job_id: str
    kind: StepKind
    index: int | None = None
    """The article's place in the job, from 0; None for `discover` and `rank`."""

    @property
    def name(self) -> str:
        return self.kind if self.index is None else f"{self.kind}:{self.index}"

    def __str__(self) -> str:
        return f"{self.job_id}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> StepRef:
        """The reverse of `str`. Raises ValueError for anything else."""
        job_id, _, name = text.partition("/")
        kind, colon, index = name.partition(":")
        match kind:
            case "discover" | "rank" if is_job_id(job_id) and not colon:
                return cls(job_id, kind)
            case "analyse" if is_job_id(job_id) and index.isascii() and index.isdigit():
                return cls(job_id, kind, int(index))
        raise ValueError(f"not the name of a step: {text[:80]!r}")


class Lease(Struct, frozen=True, kw_only=True):
    """A worker's right to one attempt at a step, until it is no longer renewed."""

    ref: StepRef
    attempt: int
    """Counts every claim of the step, from 1: the fencing token."""
    tries: int
    """Counts the attempts that are held against the step, this one included."""
    worker: str


class Candidate(Struct, frozen=True, kw_only=True):
    """A URL that `discover` found, before it is an article."""

    url: str
    source: str | None = None
    """The name of the source that found it; None for a URL that the client gave."""
    title: str | None = None
    """As the source tells it; for the reader of a failed article."""


class Claim(Struct, frozen=True, kw_only=True):
    """A granted lease, with what the step needs to run."""

    lease: Lease
    job: Job
    candidate: Candidate | None = None
    """Of an `analyse` step."""


class ArticleAnalysed(Struct, frozen=True, kw_only=True, tag="analysed"):
    """An article that settled well."""

    url: str
    result: msgspec.Raw
    """What the client will read of it, as JSON: scorecard and article."""
    evidence: bytes = b""
    """What `rank` needs of it. Stored apart, dropped when the job has ended, and not read back
    with the outcome."""


class ArticleFailed(Struct, frozen=True, kw_only=True, tag="failed"):
    """An article that settled without an analysis."""

    url: str
    reason: Reason
    detail: str


ArticleOutcome = ArticleAnalysed | ArticleFailed


class ClaimRefusal(enum.StrEnum):
    """Why a wake-up found nothing to do. None of them is an error."""

    UNKNOWN = "unknown"
    """The job is not in the ledger any more."""
    SETTLED = "settled"
    """The step has ended: the wake-up came twice, or late."""
    NEWER = "newer"
    """The job was written by a newer release, and is left to that."""
    LEASED = "leased"
    """Another worker has it."""
    DELAYED = "delayed"
    """It waits for its retry or its start time."""
    CANCELLED = "cancelled"
    PAUSED = "paused"
    """The queue is paused; the reaper wakes the step when it goes on."""


class LeaseVerdict(enum.StrEnum):
    """What a worker learns of a lease when it renews it."""

    HELD = "held"
    LOST = "lost"
    CANCELLED = "cancelled"


class Renewal(Struct, frozen=True, kw_only=True):
    """What a worker learns when it renews its leases."""

    verdicts: tuple[LeaseVerdict, ...]
    """One for each lease, in their order."""
    paused: bool = False
    """Whether the queue is paused: no step may be claimed."""
    draining: bool = False
    """Whether this worker is to take no more steps, and to end."""
    slots: int = 0
    """Of all workers together."""


class SubmitVerdict(enum.StrEnum):
    """What a submit did."""

    SUBMITTED = "submitted"
    KNOWN = "known"
    """The same was submitted before; nothing was written."""
    CONFLICT = "conflict"
    """The idempotency key was used for something else; nothing was written."""
    UNKNOWN_DEPENDENCY = "unknown_dependency"
    """A job that it depends on is not in the ledger; nothing was written."""


class SubmitOutcome(Struct, frozen=True):
    """What a submit did, and the job that it is about."""

    verdict: SubmitVerdict
    job_id: str


class IdempotencyKey(Struct, frozen=True, kw_only=True):
    """What makes a submit that is sent again the same submit."""

    key_digest: str
    """Of the client's key, hexadecimal."""
    submission_digest: str
    """Of all that was submitted with it, hexadecimal."""


class CancelOutcome(enum.StrEnum):
    """What a cancellation did."""

    CANCELLED = "cancelled"
    CANCELLING = "cancelling"
    """Steps still run; REVOKED follows when they have stopped."""
    FINISHED = "finished"
    UNKNOWN = "unknown"


class JobRecord(Struct, frozen=True, kw_only=True):
    """A job as it stands in the ledger."""

    id: str
    type: JobType
    state: JobState
    priority: Priority
    submitted_ms: int
    started_ms: int | None = None
    """Set by the first claim."""
    finished_ms: int | None = None
    """Set when the state becomes final."""
    total: int | None = None
    """Articles; None until `discover` has ended."""
    settled: int = 0
    processed: int = 0
    """Settled articles that were analysed."""
    failed: int = 0
    attempts: int = 0
    """Claims of any step of the job."""
    cancelled: bool = False
    """Whether its cancellation was asked for."""
    deadline_reached: bool = False
    error: str | None = None
    """Of a FAILURE: the reason word, a colon, and one sentence."""
    about: str | None = None
    """See `Job.about`."""
    not_before_ms: int | None = None
    deadline_ms: int | None = None
    depends_on: tuple[str, ...] = ()
    replayed_from: str | None = None
    traceparent: str | None = None

    @property
    def trace_id(self) -> str | None:
        return self.traceparent.split("-")[1] if self.traceparent else None


class Failure(Struct, frozen=True, kw_only=True):
    """A failed article, as the status of its job lists it."""

    url: str
    reason: str
    detail: str


class AttemptRecord(Struct, frozen=True, kw_only=True):
    """How an attempt ended that did not succeed, or that succeeded after such ones."""

    step: str
    attempt: int
    outcome: Literal["analysed", "retried", "failed", "lost", "handed_back"]
    at_ms: int
    reason: str | None = None
    detail: str | None = None


class JobPage(Struct, frozen=True, kw_only=True):
    """A page of a listing, newest first."""

    jobs: tuple[JobRecord, ...]
    next_cursor: str | None


class OutcomePage(Struct, frozen=True, kw_only=True):
    """Outcomes of a job's articles so far, by the articles' places."""

    outcomes: tuple[ArticleOutcome, ...]
    next_cursor: int | None


class QueueDepth(Struct, frozen=True, kw_only=True):
    """How much there is to do."""

    active_jobs: int
    queued: int
    """Steps that wait for a worker."""
    outstanding: int
    """Steps that are queued, leased or delayed, and deadlines to come."""
    oldest_queued_ms: int | None
    """How long the oldest queued step has waited; None if none is queued."""
    workers: int
    """Worker processes heard of lately."""
    wakeups: dict[Priority, int]
    """Wake-ups that stand in each list: about the queued steps, as cancelled ones stay."""
    paused: bool
    """Whether no step may be claimed."""


class WorkerRecord(Struct, frozen=True, kw_only=True):
    """A worker process, as its last renewal told of it."""

    id: str
    seen_ms: int
    slots: int = 0
    """Steps that it can run at once."""
    running: int = 0
    draining: bool = False
    """Whether it was told to take no more steps, and to end."""

    @classmethod
    def described(
        cls, worker: str, description: bytes, *, seen_ms: int, draining: bool
    ) -> WorkerRecord:
        """From the description (JSON) that a worker gives of itself."""
        given = msgspec.json.decode(description, type=dict[str, int])
        return msgspec.convert(
            {**given, "id": worker, "seen_ms": seen_ms, "draining": draining}, cls
        )


class Reaped(Struct, frozen=True, kw_only=True):
    """What one round of the reaper moved on."""

    woken: int
    """Queued steps whose wake-up was lost."""
    lost: int
    """Leases that ended."""
    started: int
    """Retries and start times that had come."""
    expired: int
    """Jobs whose time to live was over."""
    looked_at: int
    """Due times that had passed, whether or not there was anything to move."""


def new_job_id(now_ms: int) -> str:
    """A UUID of version 7 (RFC 9562): 48 bits of time, then chance."""
    return job_id_from(now_ms, secrets.token_bytes(10))


def job_id_from(now_ms: int, entropy: bytes) -> str:
    """The UUID of version 7 with this time and these 10 bytes for its chance."""
    bits = now_ms << 80 | int.from_bytes(entropy[:10], "big")
    bits = bits & ~(0xF << 76) | 0x7 << 76
    bits = bits & ~(0x3 << 62) | 0x2 << 62
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


_JOB_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def is_job_id(text: str) -> bool:
    """Whether this has the form of an id; whether there is such a job, only the ledger knows."""
    return _JOB_ID.fullmatch(text) is not None
