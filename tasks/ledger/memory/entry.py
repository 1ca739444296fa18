"""What the ledger knows of one job."""

from __future__ import annotations

import enum
from collections import deque
from typing import Any

import msgspec
from msgspec import Struct, field

from tasks.job import Job, JobState
from tasks.outcome import ArticleOutcome, Candidate, Failure
from tasks.record import AttemptRecord, JobRecord
from tasks.step import StepRef

ATTEMPTS_KEPT = 1000


class StepState(enum.Enum):
    """Where an open step stands. One that has ended has no record."""

    QUEUED = "queued"
    """Set by its release, its hand-back and the reaper: who claims it first has it."""
    LEASED = "leased"
    """Set by its claim."""
    DELAYED = "delayed"
    """Set by a retry, a start time or a busy host: until its due time nobody may claim it."""


class OpenStep(Struct, frozen=True, kw_only=True):
    """A step that has not ended. Each change replaces it."""

    state: StepState
    attempt: int = 0
    """Claims so far."""
    tries: int = 0
    """Those of them that are held against the step."""
    due_ms: int
    """When the reaper looks at it."""
    queued_ms: int | None = None
    """Of a queued step: since when."""
    holder: tuple[str, str] | None = None
    """Of a leased step: the worker, and the word by which it knows the call that claimed it."""
    host: str | None = None
    """Of a delayed step: the host that it waits for."""
    taken: int = 0
    """Of a queued step: how many wake-ups have been taken from its list once its own has."""


class Entry(Struct, kw_only=True, eq=False):
    """A job with all that belongs to it. Only the life cycle changes it."""

    job: Job
    record: JobRecord
    waits_for: set[str]
    """Ids of the jobs that have not succeeded yet and must, before this one begins."""
    deadline_ms: int | None
    """None also once it has passed."""
    steps: dict[StepRef, OpenStep] = field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()
    released: int = 0
    """Articles whose step was ever opened, or that settled without one."""
    discovery: bytes | None = None
    outcomes: dict[int, ArticleOutcome] = field(default_factory=dict)
    evidence: dict[int, bytes] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    attempts: deque[AttemptRecord] = field(default_factory=lambda: deque(maxlen=ATTEMPTS_KEPT))
    result: bytes | None = None

    @property
    def id(self) -> str:
        return self.job.id

    @property
    def waiting(self) -> bool:
        return self.record.state is JobState.WAITING

    @property
    def succeeded(self) -> bool:
        return self.record.state is JobState.SUCCESS

    def update(self, **changes: Any) -> None:
        self.record = msgspec.structs.replace(self.record, **changes)

    def step(self, name: str) -> StepRef:
        return StepRef.parse(f"{self.id}/{name}")
