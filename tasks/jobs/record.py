"""What the ledger returns: records of jobs, attempts and workers, and the outcomes of calls."""

from __future__ import annotations

import enum
from typing import Literal

import msgspec
from msgspec import Struct

from tasks.jobs.ids import JobId
from tasks.jobs.job import JobState, JobType, Priority
from tasks.jobs.outcome import ErrorReport, Failure


class SubmitVerdict(enum.StrEnum):
    """What a submit did."""

    SUBMITTED = "submitted"
    KNOWN = "known"
    """The same submission was made before; nothing was written."""
    CONFLICT = "conflict"
    """The idempotency key was used for another submission; nothing was written."""
    UNKNOWN_DEPENDENCY = "unknown_dependency"
    """A job that it depends on is not in the ledger; nothing was written."""
    CALLER_FULL = "caller_full"
    """It would go beyond a bound of its caller; nothing was written."""
    LEDGER_FULL = "ledger_full"
    """It would go beyond a bound of all callers; nothing was written."""


class SubmitOutcome(Struct, frozen=True):
    """What a submit did, and to which job."""

    verdict: SubmitVerdict
    job_id: str
    """Empty if the ledger is full."""
    bound: str = ""
    """If the ledger is full: the bound, `jobs`, `articles` or `bytes`."""


class IdempotencyKey(Struct, frozen=True, kw_only=True):
    """Makes a submit that is sent again the same submit."""

    name: str
    """Unique to the key: the hexadecimal digest of a client's key, or a name of our own."""
    submission_digest: str
    """The hexadecimal digest of everything that was submitted with it."""


class CancelOutcome(enum.StrEnum):
    """What a cancellation did."""

    CANCELLED = "cancelled"
    CANCELLING = "cancelling"
    """Some steps still run. The job becomes REVOKED when they have stopped."""
    FINISHED = "finished"
    UNKNOWN = "unknown"


class KeepRefusal(enum.StrEnum):
    """Why a result is not kept for longer."""

    UNKNOWN = "unknown"
    ACTIVE = "active"
    EXPIRED = "expired"


class JobRecord(Struct, frozen=True, kw_only=True):
    """The current record of a job in the ledger."""

    id: str
    type: JobType
    state: JobState
    priority: Priority
    submitted_ms: int
    started_ms: int | None = None
    """Set by the first claim."""
    finished_ms: int | None = None
    """Set when the state becomes final."""
    expires_ms: int | None = None
    """When the result of an ended job expires; None of a job that an older release has ended."""
    total: int | None = None
    """The number of articles; None until `discover` has ended."""
    settled: int = 0
    processed: int = 0
    """The number of settled articles that were analysed."""
    failed: int = 0
    retries: int = 0
    """How often one of its steps was tried again."""
    reanalysed: int = 0
    """How often an article was begun again because its worker was lost."""
    cancelled: bool = False
    """Whether a client has cancelled it."""
    deadline_reached: bool = False
    error: str | None = None
    """For a FAILURE: the reason, a colon, and one sentence."""
    about: str | None = None
    """See `Job.about`."""
    not_before_ms: int | None = None
    deadline_ms: int | None = None
    depends_on: tuple[str, ...] = ()
    replayed_from: str | None = None
    traceparent: str | None = None

    @property
    def error_report(self) -> ErrorReport | None:
        return ErrorReport.parse(self.error) if self.error else None

    @property
    def trace_id(self) -> str | None:
        return self.traceparent.split("-")[1] if self.traceparent else None


AttemptOutcome = Literal["analysed", "retried", "failed", "lost", "handed_back"]


class AttemptRecord(Struct, frozen=True, kw_only=True):
    """The end of an attempt that did not succeed, or that succeeded after such attempts."""

    step: str
    attempt: int
    outcome: AttemptOutcome
    at_ms: int
    reason: str | None = None
    detail: str | None = None


class HostWait(Struct, frozen=True, kw_only=True):
    """An article that waits for a host."""

    url: str
    host: str
    """The host that it waits for. It is not the URL's own host if that redirects."""
    until_ms: int
    """When it is tried again."""


class HostWaits(Struct, frozen=True, kw_only=True):
    """The articles of a job that wait for their hosts."""

    count: int
    first: tuple[HostWait, ...]
    """The articles that are tried again first."""


class ArticleRetry(Struct, frozen=True, kw_only=True):
    """An article that failed in a way that may pass."""

    url: str
    at_ms: int
    """When it is tried again."""


class ArticleRetries(Struct, frozen=True, kw_only=True):
    """The articles of a job that failed and are tried again."""

    count: int
    first: tuple[ArticleRetry, ...]
    """The articles that are tried again first."""


class JobStatus(Struct, frozen=True, kw_only=True):
    """A job's record with its articles that failed, those that wait, and those tried again."""

    record: JobRecord
    failures: tuple[Failure, ...]
    waiting: HostWaits = HostWaits(count=0, first=())
    retrying: ArticleRetries = ArticleRetries(count=0, first=())


class JobPage(Struct, frozen=True, kw_only=True):
    """A page of a listing, newest first."""

    jobs: tuple[JobRecord, ...]
    next_cursor: str | None


class BulkOutcome(Struct, frozen=True, kw_only=True):
    """What an operation on many jobs did to one of them."""

    job_id: JobId
    """The job; for a retry, the new job."""
    status: Literal["cancelled", "cancelling", "purged", "submitted"]
    replayed_from: JobId | None = None


class BulkOutcomePage(Struct, frozen=True, kw_only=True):
    """What one call did to its page of jobs. Jobs left unchanged are omitted."""

    jobs: tuple[BulkOutcome, ...]
    next_cursor: JobId | None
    """The cursor of the next call; None after the last page."""


class QueueDepth(Struct, frozen=True, kw_only=True):
    """The amount of work in the queue."""

    active_jobs: int
    queued: int
    """Steps that wait for a worker."""
    outstanding: int
    """Steps that are queued, leased or delayed, and deadlines to come."""
    oldest_queued_ms: int | None
    """How long the oldest queued step has waited; None if no step is queued."""
    workers: int
    """The number of worker processes that renewed their leases lately."""
    ready: int
    """Of the queued steps, those that the next free slots take; about, as wake-ups of cancelled
    steps stay. The others wait for the turn of their caller."""
    paused: bool
    """Whether the queue is paused, so that no step can be claimed."""


class WorkerRecord(Struct, frozen=True, kw_only=True):
    """A worker process, as its last renewal described it."""

    id: str
    seen_ms: int
    slots: int = 0
    """The number of steps that it can run at once."""
    running: int = 0
    step_ms: int = 0
    """How long a step takes it, about; 0 if it has run none."""
    metrics_port: int | None = None
    """Where it serves its metrics; None if it does not."""
    draining: bool = False
    """Whether it was asked to claim no more steps, and to end."""
    silent: bool = False
    """Whether it has not renewed its leases for half of their time: it may have died."""

    @classmethod
    def described(
        cls,
        worker: str,
        description: bytes,
        *,
        seen_ms: int,
        draining: bool,
        silent: bool = False,
    ) -> WorkerRecord:
        """Built from the description (JSON) that the worker sent."""
        fields = msgspec.json.decode(description, type=dict[str, int])
        return msgspec.convert(
            {
                **fields,
                "id": worker,
                "seen_ms": seen_ms,
                "draining": draining,
                "silent": silent,
            },
            cls,
        )


class ReapOutcome(Struct, frozen=True, kw_only=True):
    """What one round of the reaper did."""

    woken: int
    """Queued steps whose wake-up was lost, and that got another."""
    lost: int
    """Leases that expired."""
    started: int
    """Delayed steps whose retry or start time had come."""
    expired: int
    """Jobs whose time to live had ended."""
    examined: int
    """Due times that had passed, whether or not the step had to be advanced."""
