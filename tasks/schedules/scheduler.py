"""The scheduler: makes a job of each run whose moment has come.

It runs in every worker and in web, all on the same schedules; see `tasks.schedules.schedule` for
why each run makes one job all the same.
"""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from tasks.errors import InvalidRequest, LedgerUnavailable
from tasks.jobs.queue import Queue
from tasks.jobs.validation import admit
from tasks.schedules.schedule import LATE_MS, DueRun, LastRun, Missed, Schedule, ScheduleBook
from tasks.settings import Settings

log = structlog.get_logger()

POLL_SECONDS = 1.0
ASIDE_MS = 60_000
"""How long a schedule is left alone that this process cannot run."""


class Scheduler:
    """Looks for due runs, and submits their jobs."""

    def __init__(self, book: ScheduleBook, queue: Queue, settings: Settings) -> None:
        self._book = book
        self._queue = queue
        self._settings = settings
        self._aside: dict[str, int] = {}
        """Schedules that are left alone, with the end of that in ms."""

    async def run_forever(self) -> None:
        while True:
            with contextlib.suppress(LedgerUnavailable):
                await self.run_due()
            await asyncio.sleep(POLL_SECONDS)

    async def run_due(self) -> None:
        """One look at all that is due. Raises LedgerUnavailable."""
        due = await self._book.due()
        self._aside = {one: until for one, until in self._aside.items() if until > due.now_ms}
        for run in due.runs:
            if run.schedule_id not in self._aside:
                await self._guarded(run, due.now_ms)

    async def _guarded(self, run: DueRun, now_ms: int) -> None:
        """A schedule that cannot be run keeps none of the others from running."""
        try:
            await self._run(run, now_ms)
        except LedgerUnavailable:
            raise
        except Exception:
            self._aside[run.schedule_id] = now_ms + ASIDE_MS
            log.exception("a schedule cannot be run here", schedule_id=run.schedule_id)

    async def _run(self, due: DueRun, now_ms: int) -> None:
        record = await self._book.read(due.schedule_id)
        if record is None:  # removed since, or of a newer release
            self._aside[due.schedule_id] = now_ms + ASIDE_MS
            return
        if record.next_run_ms != due.run_ms:  # another process was faster
            return
        schedule = record.schedule
        run_ms = schedule.timetable.latest(due.run_ms, now_ms)
        next_run_ms = schedule.timetable.next_after(now_ms)
        if schedule.missed is Missed.SKIP and now_ms - run_ms > LATE_MS:
            log.info("a missed run is skipped", schedule_id=schedule.id, run_ms=run_ms)
            last_run = None
        else:
            last_run = await self._submit(schedule, run_ms)
        await self._book.advance(due, next_run_ms, last_run)

    async def _submit(self, schedule: Schedule, run_ms: int) -> LastRun:
        job_id = schedule.job_id(run_ms)
        try:
            admit(schedule.submission.params, self._settings)  # the limits may have changed
            await self._queue.submit_run(job_id, schedule.submission)
        except InvalidRequest as error:
            log.warning(
                "a schedule was refused its job",
                schedule_id=schedule.id,
                run_ms=run_ms,
                error=str(error),
            )
            return LastRun(run_ms=run_ms, job_id=None, error=str(error))
        return LastRun(run_ms=run_ms, job_id=job_id)
