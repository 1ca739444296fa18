"""What the ledger knows of one job."""

from __future__ import annotations

import enum
from collections import Counter, deque
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct, field

from tasks.jobs.job import Job, JobState, Priority
from tasks.jobs.outcome import ArticleOutcome, Candidate, Failure
from tasks.jobs.record import AttemptRecord, JobRecord
from tasks.jobs.step import StepRef

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


class Wakeups:
    """First in, first out. What is popped may be lost: a list only knows how many were taken."""

    def __init__(self) -> None:
        self._lists: dict[Priority, deque[StepRef]] = {priority: deque() for priority in Priority}
        self._pushed: Counter[Priority] = Counter()

    def push(self, ref: StepRef, priority: Priority) -> int:
        """Gives how many will have been taken from its list once this one has."""
        self._lists[priority].append(ref)
        self._pushed[priority] += 1
        return self._pushed[priority]

    def push_first(self, ref: StepRef, priority: Priority) -> int:
        """The same at the front. Not counted as pushed: once it is gone, the list is as before."""
        behind = len(self._lists[priority])
        self._lists[priority].appendleft(ref)
        return self._pushed[priority] - behind

    def pop(self, priorities: Iterable[Priority]) -> StepRef | None:
        """The first wake-up of the first of these lists that has one."""
        for priority in priorities:
            if self._lists[priority]:
                return self._lists[priority].popleft()
        return None

    def waiting(self, priority: Priority) -> int:
        """How many stand in this list."""
        return len(self._lists[priority])

    def taken(self, priority: Priority) -> int:
        """How many have been taken from this list."""
        return self._pushed[priority] - len(self._lists[priority])
