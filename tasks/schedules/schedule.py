"""What a schedule is: a submission that is made again and again.

1.  A client adds a schedule. It is written to the ledger together with its first **run**: the
    next moment of its timetable.
2.  When the ledger's clock has reached the run, whichever process sees it first submits the
    job, under an id that is made of schedule and run. All the others derive the same id, so
    their submit finds the job there: any number of processes makes one job of a run.
3.  Then the schedule is **advanced** to its next run, if it still stands at this one. A process
    that dies between the two has another do both again, with no second job.
4.  Nobody may be there when a run comes. Seen more than LATE_MS after its moment, it is
    **missed**. `run_once`: however many were missed, one job makes up for all of them, the
    latest run's. `skip`: they make no job. If a later run has come by then that is not late,
    it is run as always, and makes up for those before it too.
5.  A submission that is refused, as the limits have changed, makes no job. The schedule says
    so as its last error, and goes on with its next run.
"""

from __future__ import annotations

import enum
import hashlib
from typing import Literal, Protocol

from msgspec import Struct, field

from tasks.jobs.ids import job_id_from
from tasks.jobs.job import JobType
from tasks.jobs.submission import Submission
from tasks.schedules.cron import CronExpression

LATE_MS = 60_000
"""How long after its moment a run is still in time. Processes look every second."""


class Missed(enum.StrEnum):
    """What becomes of runs that nobody was there to make."""

    RUN_ONCE = "run_once"
    """One job for all of them."""
    SKIP = "skip"


class Schedule(Struct, frozen=True, kw_only=True):
    """What was added. It never changes."""

    version: Literal[1] = 1
    """Of this layout. One of another version is left to the release that wrote it."""
    id: str
    """A UUID of version 7: it sorts by the time at which the schedule was added."""
    name: str | None = None
    """For readers; need not be unique."""
    cron: CronExpression = field(name="timetable")
    submission: Submission
    missed: Missed = Missed.RUN_ONCE
    created_ms: int

    @property
    def type(self) -> JobType:
        return self.submission.params.job_type

    def job_id(self, run_ms: int) -> str:
        """The id of this run's job: the same in every process."""
        return job_id_from(run_ms, hashlib.sha256(f"{self.id}/{run_ms}".encode()).digest())


class LastRun(Struct, frozen=True, kw_only=True):
    """What came of the last run that was not skipped."""

    run_ms: int
    """The moment of the timetable, not that of the submit."""
    job_id: str | None
    """None if the submission was refused."""
    error: str | None = None
    """Why it was refused."""


class ScheduleRecord(Struct, frozen=True, kw_only=True):
    """A schedule as it stands in the ledger."""

    schedule: Schedule
    next_run_ms: int
    """Set when it is added, and by each advance."""
    last_run: LastRun | None = None
    """None before the first."""


class SchedulePage(Struct, frozen=True, kw_only=True):
    """A page of a listing, newest first."""

    schedules: tuple[ScheduleRecord, ...]
    next_cursor: str | None


class DueRun(Struct, frozen=True, kw_only=True):
    """A run whose moment has come."""

    schedule_id: str
    run_ms: int


class DueRuns(Struct, frozen=True, kw_only=True):
    """All of them, at a moment of the ledger's clock."""

    now_ms: int
    runs: tuple[DueRun, ...]


class ScheduleStore(Protocol):
    """The schedules in the ledger. Each call is atomic, and harmless if it comes twice.

    Every call raises LedgerUnavailable if the ledger cannot be reached.
    """

    async def now_ms(self) -> int:
        """The ledger's clock, the one clock that all processes share."""
        ...

    async def add(self, record: ScheduleRecord, most: int) -> bool:
        """False: there are that many already, and nothing was written."""
        ...

    async def read(self, schedule_id: str) -> ScheduleRecord | None:
        """None if there is none, or if another release wrote it in another form."""
        ...

    async def page(self, cursor: str | None, limit: int) -> SchedulePage:
        """At most `limit` schedules, newest first, older than the cursor."""
        ...

    async def remove(self, schedule_id: str) -> bool:
        """False: there is none."""
        ...

    async def due(self) -> DueRuns: ...

    async def advance(self, run: DueRun, next_run_ms: int, last_run: LastRun | None) -> bool:
        """Moves the schedule on to its next run; a `last_run` of None leaves the one before.

        False, and nothing is changed, if it no longer stands at this run.
        """
        ...
