"""What clients can do with schedules: add, look up, list, remove."""

from __future__ import annotations

import msgspec

from tasks.errors import InvalidRequest, UnknownSchedule
from tasks.jobs.ids import new_job_id
from tasks.jobs.submission import JobLimits, Submission, validate_params, validate_timing
from tasks.schedules.cron import parse_cron
from tasks.schedules.schedule import Missed, Schedule, SchedulePage, ScheduleRecord, ScheduleStore

MAX_SCHEDULES = 1000

MAX_SCHEDULE_BYTES = 65_536
"""Of one schedule as JSON. Schedules are kept for ever; 1,000 URLs of the usual length fit."""

MAX_NAME_LENGTH = 100


class ScheduleService:
    """The use cases. Every call raises LedgerUnavailable if the ledger cannot be reached."""

    def __init__(self, store: ScheduleStore, limits: JobLimits) -> None:
        self._store = store
        self._limits = limits

    async def add(
        self,
        *,
        cron: str,
        time_zone: str,
        submission: Submission,
        missed: Missed = Missed.RUN_ONCE,
        name: str | None = None,
    ) -> ScheduleRecord:
        """Raises InvalidRequest with what to change."""
        expression = parse_cron(cron, time_zone)
        _check_name(name)
        _check_repeatable(submission)
        validate_params(submission.params, self._limits)
        now_ms = await self._store.now_ms()
        validate_timing(submission, now_ms)
        schedule = Schedule(
            id=new_job_id(now_ms),
            name=name,
            cron=expression,
            submission=submission,
            missed=missed,
            created_ms=now_ms,
        )
        _check_size(schedule)
        record = ScheduleRecord(schedule=schedule, next_run_ms=expression.next_after(now_ms))
        if not await self._store.add(record, MAX_SCHEDULES):
            raise InvalidRequest(
                f"There are {MAX_SCHEDULES} schedules, which is the most; remove one first."
            )
        return record

    async def get(self, schedule_id: str) -> ScheduleRecord:
        """Raises UnknownSchedule."""
        record = await self._store.read(schedule_id)
        if record is None:
            raise UnknownSchedule
        return record

    async def page(self, cursor: str | None = None, limit: int = 50) -> SchedulePage:
        """A page of schedules, newest first."""
        return await self._store.page(cursor, limit)

    async def remove(self, schedule_id: str) -> None:
        """Removes the schedule; its jobs stay as they are. Raises UnknownSchedule."""
        if not await self._store.remove(schedule_id):
            raise UnknownSchedule


def _check_name(name: str | None) -> None:
    if name is None:
        return
    if not name.strip() or len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise InvalidRequest(
            f"name must be 1 to {MAX_NAME_LENGTH} printable characters on one line."
        )


def _check_repeatable(submission: Submission) -> None:
    if submission.depends_on:
        raise InvalidRequest(
            "depends_on cannot be part of a schedule: the ledger forgets those jobs after a time. "
            "Leave it out."
        )
    if submission.not_before_ms is not None:
        raise InvalidRequest(
            "not_before cannot be part of a schedule: cron says when it runs. Leave it out."
        )


def _check_size(schedule: Schedule) -> None:
    size = len(msgspec.json.encode(schedule))
    if size > MAX_SCHEDULE_BYTES:
        raise InvalidRequest(
            f"The schedule has {size} bytes; it may have {MAX_SCHEDULE_BYTES}. Give it fewer URLs."
        )
