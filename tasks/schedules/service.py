"""What clients can do with schedules: add, look, list, remove."""

from __future__ import annotations

import msgspec

from tasks.errors import InvalidRequest, UnknownSchedule
from tasks.jobs.ids import new_job_id
from tasks.jobs.submission import Submission
from tasks.jobs.validation import admit, admit_timing
from tasks.schedules.cron import read_timetable
from tasks.schedules.schedule import Missed, Schedule, ScheduleBook, SchedulePage, ScheduleRecord
from tasks.settings import Settings

MOST_SCHEDULES = 1000
SCHEDULE_BYTES = 65_536
"""Of one schedule as JSON: they are kept for ever, and 1,000 URLs of usual length fit in."""

NAME_LENGTH = 100


class Schedules:
    """The use cases. Every call raises LedgerUnavailable if the ledger cannot be reached."""

    def __init__(self, book: ScheduleBook, settings: Settings) -> None:
        self._book = book
        self._settings = settings

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
        timetable = read_timetable(cron, time_zone)
        _check_name(name)
        _check_repeatable(submission)
        admit(submission.params, self._settings)
        now_ms = await self._book.now_ms()
        admit_timing(submission, now_ms)
        schedule = Schedule(
            id=new_job_id(now_ms),
            name=name,
            timetable=timetable,
            submission=submission,
            missed=missed,
            created_ms=now_ms,
        )
        _check_size(schedule)
        record = ScheduleRecord(schedule=schedule, next_run_ms=timetable.next_after(now_ms))
        if not await self._book.add(record, MOST_SCHEDULES):
            raise InvalidRequest(
                f"There are {MOST_SCHEDULES} schedules, which is the most; remove one first."
            )
        return record

    async def get(self, schedule_id: str) -> ScheduleRecord:
        """Raises UnknownSchedule."""
        record = await self._book.read(schedule_id)
        if record is None:
            raise UnknownSchedule
        return record

    async def page(self, cursor: str | None = None, limit: int = 50) -> SchedulePage:
        """A page of schedules, newest first."""
        return await self._book.page(cursor, limit)

    async def remove(self, schedule_id: str) -> None:
        """Its jobs stay as they are. Raises UnknownSchedule."""
        if not await self._book.remove(schedule_id):
            raise UnknownSchedule


def _check_name(name: str | None) -> None:
    if name is None:
        return
    if not name.strip() or len(name) > NAME_LENGTH or not name.isprintable():
        raise InvalidRequest(f"name must be 1 to {NAME_LENGTH} printable characters on one line.")


def _check_repeatable(submission: Submission) -> None:
    if submission.depends_on:
        raise InvalidRequest(
            "depends_on cannot be part of a schedule: those jobs are forgotten in time. Leave it "
            "out."
        )
    if submission.not_before_ms is not None:
        raise InvalidRequest(
            "not_before cannot be part of a schedule: cron says when it runs. Leave it out."
        )


def _check_size(schedule: Schedule) -> None:
    size = len(msgspec.json.encode(schedule))
    if size > SCHEDULE_BYTES:
        raise InvalidRequest(
            f"The schedule has {size} bytes; it may have {SCHEDULE_BYTES}. Give it fewer URLs."
        )
