"""The scheduler: submits a job for each run of a schedule that has come due.

It runs in every worker and in web, all on the same schedules. `tasks.schedules.schedule` says why
each run makes one job all the same.
"""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from tasks.errors import InvalidRequest, LedgerFull, LedgerUnavailable, QuotaExceeded
from tasks.jobs.queue import Queue
from tasks.jobs.submission import JobLimits, validate_params
from tasks.schedules.schedule import LATE_MS, DueRun, LastRun, Missed, Schedule, ScheduleStore

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.0

SUSPENSION_MS = 60_000
"""How long this process ignores a schedule that it cannot run."""


FULL_MS = 10_000
"""How long, if its job is beyond a quota."""


class Scheduler:
    """Polls for due runs and submits their jobs."""

    def __init__(self, store: ScheduleStore, queue: Queue, limits: JobLimits) -> None:
        self._store = store
        self._queue = queue
        self._limits = limits
        self._suspended: dict[str, int] = {}
        """Ids of the schedules that this process ignores, with the end of that in ms."""

    async def run_forever(self) -> None:
        while True:
            with contextlib.suppress(LedgerUnavailable):
                await self.run_due()
            await asyncio.sleep(POLL_SECONDS)

    async def run_due(self) -> None:
        """Handles each run that is due now. Raises LedgerUnavailable."""
        due = await self._store.due()
        self._suspended = {
            schedule_id: until_ms
            for schedule_id, until_ms in self._suspended.items()
            if until_ms > due.now_ms
        }
        for run in due.runs:
            if run.schedule_id not in self._suspended:
                await self._run_isolated(run, due.now_ms)

    async def _run_isolated(self, run: DueRun, now_ms: int) -> None:
        """A schedule that fails does not keep the others from running."""
        try:
            await self._run(run, now_ms)
        except LedgerUnavailable:
            raise
        except (QuotaExceeded, LedgerFull) as error:
            self._suspended[run.schedule_id] = now_ms + FULL_MS
            log.warning("a schedule has to wait", schedule_id=run.schedule_id, error=str(error))
        except Exception:
            self._suspended[run.schedule_id] = now_ms + SUSPENSION_MS
            log.exception("a schedule cannot be run here", schedule_id=run.schedule_id)

    async def _run(self, due: DueRun, now_ms: int) -> None:
        record = await self._store.read(due.schedule_id)
        if record is None:  # removed since, or written by a newer release
            self._suspended[due.schedule_id] = now_ms + SUSPENSION_MS
            return
        if record.next_run_ms != due.run_ms:  # another process was faster
            return
        schedule = record.schedule
        run_ms = schedule.cron.latest(due.run_ms, now_ms)
        next_run_ms = schedule.cron.next_after(now_ms)
        if schedule.missed is Missed.SKIP and now_ms - run_ms > LATE_MS:
            log.info("a missed run is skipped", schedule_id=schedule.id, run_ms=run_ms)
            last_run = None
        else:
            last_run = await self._submit(schedule, run_ms)
        await self._store.advance(due, next_run_ms, last_run)

    async def _submit(self, schedule: Schedule, run_ms: int) -> LastRun:
        job_id = schedule.job_id(run_ms)
        try:
            # The limits may have changed since the schedule was added.
            validate_params(schedule.submission.params, self._limits)
            await self._queue.submit_run(job_id, schedule.submission, caller=schedule.caller)
        except InvalidRequest as error:
            log.warning(
                "the job of a schedule was refused",
                schedule_id=schedule.id,
                run_ms=run_ms,
                error=str(error),
            )
            return LastRun(run_ms=run_ms, job_id=None, error=str(error))
        return LastRun(run_ms=run_ms, job_id=job_id)
