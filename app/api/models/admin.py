"""Operation: the queue, the workers, calls on many jobs at once, health."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Generic, Literal, TypeVar

from msgspec import Meta, Struct

from app.api.models.jobs import AwareTime, utc_time
from tasks.jobs.job import JobType
from tasks.jobs.record import QueueDepth, WorkerRecord


class QueueReport(Struct, frozen=True, kw_only=True):
    """How much there is to do, and how many workers do it."""

    paused: bool
    """Whether no step may be claimed."""
    active_job_count: int
    queued_count: int
    """Steps that wait for a worker."""
    ready_count: int
    """Of these, about, those that the next free slots take. The others wait for the turn of their
    caller."""
    running_count: int
    """Steps that the workers run, by their last reports."""
    outstanding_count: int
    """Steps that are queued, running or delayed, and deadlines to come."""
    oldest_queued_seconds: float | None
    worker_count: int


class Paused(Struct, frozen=True, kw_only=True):
    """Whether the queue is paused now."""

    paused: bool


class Worker(Struct, frozen=True, kw_only=True):
    """A worker process, by its last report."""

    worker_id: str
    seen_at: AwareTime
    slot_count: int
    """Steps that it can run at once."""
    running_count: int
    draining: bool
    """Whether it takes no more steps and is about to end."""
    silent: bool = False
    """Whether it has missed its last reports: it may have died, and others run its steps then."""
    metrics_port: int | None = None
    """The port at which it answers `GET /metrics` for Prometheus."""


class WorkerListing(Struct, frozen=True, kw_only=True):
    """The workers that reported lately."""

    workers: tuple[Worker, ...]


class Draining(Struct, frozen=True, kw_only=True):
    """The worker takes no more steps, and ends."""

    worker_id: str
    draining: bool = True
    silent: bool = False
    """Whether it has missed its last reports: it may have died, and learns of this only if it has
    not."""


ActiveState = Literal["WAITING", "PENDING", "PROGRESS"]
FinalState = Literal["SUCCESS", "FAILURE", "REVOKED"]
StateT = TypeVar("StateT", ActiveState, FinalState)


class JobSelection(Struct, Generic[StateT], frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The jobs that one call is about; the response's `next_cursor` selects those that follow."""

    state: Annotated[
        StateT | Annotated[tuple[StateT, ...], Meta(max_length=3)],
        Meta(description="One state or several. By default those that the call is meant for."),
    ] = ()
    type: Annotated[
        JobType
        | Annotated[tuple[JobType, ...], Meta(extra_json_schema={"maxItems": len(JobType)})],
        Meta(description="One type or several. By default all."),
    ] = ()
    older_than_seconds: Annotated[
        float, Meta(ge=0, description="Of ended jobs, those that ended at least that long ago.")
    ] = 0.0
    limit: Annotated[int, Meta(ge=1, le=200, description="Jobs to look at in this call.")] = 100
    cursor: Annotated[
        Annotated[str, Meta(extra_json_schema={"format": "uuid"})] | None,
        Meta(description="The `next_cursor` of the response before."),
    ] = None


class ActiveSelection(JobSelection[ActiveState], frozen=True, kw_only=True):
    """Jobs that have not ended."""


class EndedSelection(JobSelection[FinalState], frozen=True, kw_only=True):
    """Jobs that have ended."""


class Health(Struct, frozen=True, kw_only=True):
    """The state of the queue. The numbers are None while Redis cannot be reached.

    They have the names of the first system, whose monitors read them; elsewhere numbers are
    called `…_count`.
    """

    status: Literal["healthy", "unavailable"]
    redis_connected: bool
    workers: int | None = None
    """Worker processes that reported lately; 0 is fine where they are started on demand."""
    active_jobs: int | None = None
    queued: int | None = None
    """Steps that wait for a worker."""
    oldest_queued_seconds: float | None = None


class Liveness(Struct, frozen=True, kw_only=True):
    """Whether the process is alive."""

    status: Literal["alive"]


class Readiness(Struct, frozen=True, kw_only=True):
    """Whether jobs can be submitted."""

    status: Literal["ready", "unavailable"]
    reason: str | None = None
    """Why they cannot."""


def queue_report(depth: QueueDepth, workers: Sequence[WorkerRecord]) -> QueueReport:
    oldest_ms = depth.oldest_queued_ms
    return QueueReport(
        paused=depth.paused,
        active_job_count=depth.active_jobs,
        queued_count=depth.queued,
        ready_count=depth.ready,
        running_count=sum(worker.running for worker in workers),
        outstanding_count=depth.outstanding,
        oldest_queued_seconds=None if oldest_ms is None else oldest_ms / 1000,
        worker_count=len(workers),
    )


def worker_listing(records: Sequence[WorkerRecord]) -> WorkerListing:
    return WorkerListing(
        workers=tuple(
            Worker(
                worker_id=record.id,
                seen_at=utc_time(record.seen_ms),
                slot_count=record.slots,
                running_count=record.running,
                draining=record.draining,
                silent=record.silent,
                metrics_port=record.metrics_port,
            )
            for record in records
        )
    )
