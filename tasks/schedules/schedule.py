"""What a schedule is: a submission that is made again and again.

1.  A client adds a schedule. It is written to the ledger together with its first **run**: the next
    time that its cron expression names.
2.  When the ledger's clock has reached the run, the first process that sees it submits the job,
    under an id that is derived from schedule and run. Every other process derives the same id, so
    its submit finds the job there: any number of processes makes one job of a run.
3.  Then the schedule is **advanced** to its next run, if its current run is still this one. If a
    process dies between the two, another one repeats both, which makes no second job.
4.  When a run comes due, it may be that no process is up. A run that is seen more than LATE_MS
    after its time is **missed**. With `run_once`, one job makes up for all missed runs; it is the
    job of the latest. With `skip`, they make no job. If a later run has come due by then that is
    not late, it runs as usual and makes up for the earlier ones too.
5.  A submission that is refused, because the limits have changed, makes no job. The schedule shows
    the refusal as its last error and continues with its next run. One that is beyond a quota is
    tried again until it is accepted.
6.  While a schedule is **paused** it has no next run. When it is resumed, its next run is the next
    time that its cron expression names: what came in between is not made up.
7.  A schedule that is changed keeps its id. With another cron expression or time zone, its next run
    is computed anew.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Callable
from typing import Literal, Protocol

from msgspec import Struct, field

from tasks.jobs.ids import job_id_from
from tasks.jobs.job import JobType
from tasks.jobs.submission import Submission
from tasks.schedules.cron import CronExpression

LATE_MS = 60_000
"""How late a run may be without being missed. Processes poll every second."""


class Missed(enum.StrEnum):
    """What to do about runs that came due while no process was up."""

    RUN_ONCE = "run_once"
    """One job makes up for all of them."""
    SKIP = "skip"
    """They make no job."""


class Schedule(Struct, frozen=True, kw_only=True):
    """A schedule as it was added, or last changed."""

    version: Literal[1] = 1
    """The layout. A schedule of another version is left to the release that wrote it."""
    id: str
    """A UUID of version 7: it sorts by the time at which the schedule was added."""
    name: str | None = None
    """A name for readers, which need not be unique."""
    cron: CronExpression = field(name="timetable")
    submission: Submission
    missed: Missed = Missed.RUN_ONCE
    created_ms: int
    caller: str = ""
    """Who added it, to whom its jobs belong; see `Job.caller`."""

    @property
    def type(self) -> JobType:
        return self.submission.params.job_type

    def job_id(self, run_ms: int) -> str:
        """The id of this run's job: the same in every process."""
        return job_id_from(run_ms, hashlib.sha256(f"{self.id}/{run_ms}".encode()).digest())


class LastRun(Struct, frozen=True, kw_only=True):
    """The outcome of the last run that was not skipped."""

    run_ms: int
    """The time that the cron expression names, not that of the submit."""
    job_id: str | None
    """None if the submission was refused."""
    error: str | None = None
    """Why it was refused."""


class ScheduleRecord(Struct, frozen=True, kw_only=True):
    """The current record of a schedule in the ledger."""

    schedule: Schedule
    next_run_ms: int | None
    """Set when the schedule is added, changed or resumed, and by each advance. None while it is
    paused."""
    last_run: LastRun | None = None
    """None before the first run."""


class SchedulePage(Struct, frozen=True, kw_only=True):
    """A page of a listing, newest first."""

    schedules: tuple[ScheduleRecord, ...]
    next_cursor: str | None


class AddOutcome(enum.StrEnum):
    """What became of a schedule that was to be added."""

    ADDED = "added"
    CALLER_FULL = "caller_full"
    """Its caller has as many as one may have; nothing was written."""
    FULL = "full"
    """There are as many as there may be; nothing was written."""


class DueRun(Struct, frozen=True, kw_only=True):
    """A run that has come due."""

    schedule_id: str
    run_ms: int


class DueRuns(Struct, frozen=True, kw_only=True):
    """All due runs, with the time of the ledger's clock."""

    now_ms: int
    runs: tuple[DueRun, ...]


class ScheduleStore(Protocol):
    """The schedules in the ledger. Each call is atomic, and harmless if it is repeated.

    Every call raises LedgerUnavailable if the ledger cannot be reached.
    """

    async def now_ms(self) -> int:
        """The ledger's clock, the one clock that all processes share."""
        ...

    async def add(self, record: ScheduleRecord, limit: int, limit_per_caller: int) -> AddOutcome:
        """Writes the schedule, unless there are as many already in all, or of its caller."""
        ...

    async def read(self, schedule_id: str) -> ScheduleRecord | None:
        """None if the schedule is unknown, or if a newer release wrote it in another layout."""
        ...

    async def change(
        self, schedule_id: str, change: Callable[[ScheduleRecord], ScheduleRecord]
    ) -> ScheduleRecord | None:
        """Stores what `change` makes of the schedule and its next run; its last run stays.

        `change` is called again if the record was changed in the meantime; what it raises ends the
        call. None if the schedule is unknown, as for `read`.
        """
        ...

    async def page(self, cursor: str | None, limit: int) -> SchedulePage:
        """At most `limit` schedules, newest first, older than the cursor."""
        ...

    async def remove(self, schedule_id: str) -> bool:
        """False if the schedule is unknown."""
        ...

    async def due(self) -> DueRuns: ...

    async def advance(self, run: DueRun, next_run_ms: int, last_run: LastRun | None) -> bool:
        """Moves the schedule on to its next run; a `last_run` of None keeps the stored one.

        False, with no change, if its current run is no longer this one.
        """
        ...
