"""What a worker sees of a job: a step, its lease, and the claim of it."""

from __future__ import annotations

import enum
from typing import Literal

from msgspec import Struct

from tasks.jobs.ids import is_job_id
from tasks.jobs.job import Job
from tasks.jobs.outcome import Candidate

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


class Claim(Struct, frozen=True, kw_only=True):
    """A granted lease, with what the step needs to run."""

    lease: Lease
    job: Job
    candidate: Candidate | None = None
    """Of an `analyse` step."""


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
