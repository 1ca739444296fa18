"""The data that the ledger in memory keeps: jobs with their open steps, and the wake-up lists."""

from __future__ import annotations

import enum
from collections import deque
from typing import Any

import msgspec
from msgspec import Struct, field

from tasks.jobs.job import Job, JobState
from tasks.jobs.outcome import ArticleOutcome, Candidate, Failure
from tasks.jobs.record import AttemptRecord, JobRecord
from tasks.jobs.step import StepRef

ATTEMPTS_KEPT = 1000


class StepState(enum.Enum):
    """The state of an open step. A step that has ended is not stored."""

    QUEUED = "queued"
    """Set by its release, a hand-back and the reaper: the first worker to claim it gets it."""
    LEASED = "leased"
    """Set by a claim."""
    DELAYED = "delayed"
    """Set by a retry, a start time or a busy host: it cannot be claimed before its due time."""


class OpenStep(Struct, frozen=True, kw_only=True):
    """A step that has not ended. Each change replaces the object."""

    state: StepState
    attempt: int = 0
    """The number of claims so far."""
    tries: int = 0
    """The number of claims that count against the step's limit."""
    due_ms: int
    """When the reaper examines it."""
    queued_ms: int | None = None
    """For a queued step: when it was queued."""
    holder: tuple[str, str] | None = None
    """For a leased step: the worker, and its identifier of the claim."""
    host: str | None = None
    """For a delayed step: the host that it waits for, if any."""
    taken: int | None = None
    """For a queued step: the number of wake-ups that have left the list once its own has; None if
    it is in its caller's backlog and has no wake-up yet."""


class Entry(Struct, kw_only=True, eq=False):
    """A job with all its data. Only `life_cycle` and `reaping` change it."""

    job: Job
    record: JobRecord
    waits_for: set[str]
    """Ids of the jobs that must still succeed before this one starts."""
    deadline_ms: int | None
    """None if there is none, or once it has passed."""
    steps: dict[StepRef, OpenStep] = field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()
    released: int = 0
    """The number of articles whose step was opened, or that settled without a step."""
    discovery: bytes | None = None
    outcomes: dict[int, ArticleOutcome] = field(default_factory=dict)
    evidence: dict[int, bytes] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    attempts: deque[AttemptRecord] = field(default_factory=lambda: deque(maxlen=ATTEMPTS_KEPT))
    result: bytes | None = None
    forgotten_ms: int = 0
    """When the record of an ended job expires."""
    bytes_kept: int = 0
    """What it counts for in the usage of its caller."""

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


class Wakeups:
    """The list of wake-ups, first in, first out. It counts popped ones, which may be lost."""

    def __init__(self) -> None:
        self._list: deque[StepRef] = deque()
        self._pushed = 0

    def push(self, ref: StepRef, *, first: bool = False) -> int:
        """Returns the number of wake-ups that will have left the list once this one has.

        One at the front is not counted as pushed: when it has left, the list is as before.
        """
        if first:
            behind = len(self._list)
            self._list.appendleft(ref)
            return self._pushed - behind
        self._list.append(ref)
        self._pushed += 1
        return self._pushed

    def pop(self) -> StepRef | None:
        return self._list.popleft() if self._list else None

    def waiting(self) -> int:
        """The length of the list."""
        return len(self._list)

    def taken(self) -> int:
        """The number of wake-ups that have left the list."""
        return self._pushed - len(self._list)
