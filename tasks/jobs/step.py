"""The worker's view of a job: steps, leases and claims."""

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
    """The article's index in the job, from 0; None for `discover` and `rank`."""

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
    """A worker's right to one attempt at a step. It lasts as long as it is renewed."""

    ref: StepRef
    attempt: int
    """The number of the claim, from 1, among all claims of the step: the fencing token."""
    tries: int
    """How many attempts count against the step's limit, this one included."""
    worker: str


class Claim(Struct, frozen=True, kw_only=True):
    """A granted lease, with the data that the step needs to run."""

    lease: Lease
    job: Job
    candidate: Candidate | None = None
    """For an `analyse` step."""
    waited_ms: int | None = None
    """How long the step was queued before; None for a repeated claim."""


class NextClaim(Struct, frozen=True, kw_only=True):
    """With the end of a step, a worker asks for the step that is next in the list of wake-ups."""

    claim_id: str
    """See `Ledger.claim`: a repeated call gets the same lease again."""
    alone: bool
    """Whether there is no other worker. If there is one, the last wake-up of the list is left to
    it: whoever waits for a wake-up has a free slot."""


class StepEnd(Struct, frozen=True, kw_only=True):
    """What became of the end of a step."""

    accepted: bool
    """False once the lease is lost, or if the step has ended before."""
    next: Claim | None = None
    """The next step, if one was asked for and there is one."""

    def __bool__(self) -> bool:
        return self.accepted


class ClaimRefusal(enum.StrEnum):
    """Why a step was not claimed. None of these is an error."""

    UNKNOWN = "unknown"
    """The job is not in the ledger any more."""
    SETTLED = "settled"
    """The step has ended: the wake-up was delivered twice, or late."""
    NEWER = "newer"
    """The job was written by a newer release, and is left to it."""
    LEASED = "leased"
    """Another worker holds the lease."""
    DELAYED = "delayed"
    """The step waits for its retry or its start time."""
    CANCELLED = "cancelled"
    PAUSED = "paused"
    """The queue is paused. The reaper wakes the step after it is resumed."""


class LeaseVerdict(enum.StrEnum):
    """The answer to the renewal of one lease."""

    HELD = "held"
    LOST = "lost"
    CANCELLED = "cancelled"


class Renewal(Struct, frozen=True, kw_only=True):
    """The answer to a worker that renews its leases."""

    verdicts: tuple[LeaseVerdict, ...]
    """One for each lease, in the same order."""
    paused: bool = False
    """Whether the queue is paused, so that no step can be claimed."""
    draining: bool = False
    """Whether this worker must claim no more steps, and end."""
    slots: int = 0
    """The slots of all workers together."""
