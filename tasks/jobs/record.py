"""What the ledger tells: of jobs, attempts and workers, and of what a call to it did."""

from __future__ import annotations

import enum
from typing import Literal

import msgspec
from msgspec import Struct

from tasks.jobs.ids import JobId
from tasks.jobs.job import JobState, JobType, Priority
from tasks.jobs.outcome import Failure


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
    """Makes a submit that is sent again the same submit."""

    name: str
    """Unique to the key: the hexadecimal digest of a client's key, or a name of our own."""
    submission_digest: str
    """The hexadecimal digest of everything that was submitted with it."""


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


AttemptOutcome = Literal["analysed", "retried", "failed", "lost", "handed_back"]


class AttemptRecord(Struct, frozen=True, kw_only=True):
    """How an attempt ended that did not succeed, or that succeeded after such ones."""

    step: str
    attempt: int
    outcome: AttemptOutcome
    at_ms: int
    reason: str | None = None
    detail: str | None = None


class HostWait(Struct, frozen=True, kw_only=True):
    """An article that waits for its host."""

    url: str
    host: str
    """Who has to have time for it; not the URL's own where that redirects."""
    until_ms: int
    """When it is tried again."""


class HostWaits(Struct, frozen=True, kw_only=True):
    """The articles of a job that wait for their hosts."""

    count: int
    first: tuple[HostWait, ...]
    """Those whose time comes first."""


class JobStatus(Struct, frozen=True, kw_only=True):
    """A job's record with its articles that failed, and with those that wait."""

    record: JobRecord
    failures: tuple[Failure, ...]
    waiting: HostWaits = HostWaits(count=0, first=())


class JobPage(Struct, frozen=True, kw_only=True):
    """A page of a listing, newest first."""

    jobs: tuple[JobRecord, ...]
    next_cursor: str | None


class BulkOutcome(Struct, frozen=True, kw_only=True):
    """What a call on many jobs did to one of them."""

    job_id: JobId
    """Of a retry, the new job's."""
    status: Literal["cancelled", "cancelling", "purged", "submitted"]
    replayed_from: JobId | None = None


class BulkOutcomePage(Struct, frozen=True, kw_only=True):
    """What one call did to its page of jobs. Jobs left unchanged are omitted."""

    jobs: tuple[BulkOutcome, ...]
    next_cursor: JobId | None
    """Where to go on; None when all jobs were looked at."""


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


class ReapOutcome(Struct, frozen=True, kw_only=True):
    """What one round of the reaper moved on."""

    woken: int
    """Queued steps whose wake-up was lost."""
    lost: int
    """Leases that ended."""
    started: int
    """Retries and start times that had come."""
    expired: int
    """Jobs whose time to live was over."""
    examined: int
    """Due times that had passed, whether or not there was anything to move."""
