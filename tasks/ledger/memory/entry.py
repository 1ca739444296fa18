"""The data that the ledger in memory keeps: jobs with their open steps, and the wake-up lists."""

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
    taken: int = 0
    """For a queued step: the number of wake-ups that have left its list once its own has."""


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
    """The wake-up lists, first in, first out. It counts popped ones, which may be lost."""

    def __init__(self) -> None:
        self._lists: dict[Priority, deque[StepRef]] = {priority: deque() for priority in Priority}
        self._pushed: Counter[Priority] = Counter()

    def push(self, ref: StepRef, priority: Priority) -> int:
        """Returns the number of wake-ups that will have left the list once this one has."""
        self._lists[priority].append(ref)
        self._pushed[priority] += 1
        return self._pushed[priority]

    def push_first(self, ref: StepRef, priority: Priority) -> int:
        """The same, at the front. It is not counted as pushed: when it has left, the list is as
        before."""
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
        """The length of this list."""
        return len(self._lists[priority])

    def taken(self, priority: Priority) -> int:
        """The number of wake-ups that have left this list."""
        return self._pushed[priority] - len(self._lists[priority])
