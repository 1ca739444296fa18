"""What clients can do with schedules: add, look up, list, change, pause, remove."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from tasks.errors import InvalidRequest, LedgerFull, QuotaExceeded, UnknownSchedule
from tasks.jobs.ids import new_job_id
from tasks.jobs.submission import (
    JobLimits,
    Submission,
    validate_params,
    validate_result_ttl,
    validate_timing,
)
from tasks.schedules.cron import parse_cron
from tasks.schedules.schedule import (
    AddOutcome,
    Missed,
    Schedule,
    SchedulePage,
    ScheduleRecord,
    ScheduleStore,
)

MAX_SCHEDULES = 1000

MAX_SCHEDULE_BYTES = 65_536
"""Of one schedule as JSON. Schedules are kept for ever; 1,000 URLs of the usual length fit."""

MAX_NAME_LENGTH = 100


class ScheduleChanges(Struct, frozen=True, kw_only=True):
    """What to change of a schedule; what is not set stays."""

    cron: str | UnsetType = UNSET
    time_zone: str | UnsetType = UNSET
    submission: Submission | UnsetType = UNSET
    missed: Missed | UnsetType = UNSET
    name: str | UnsetType | None = UNSET


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
        caller: str = "",
    ) -> ScheduleRecord:
        """Raises InvalidRequest with what to change, QuotaExceeded or LedgerFull."""
        expression = parse_cron(cron, time_zone)
        _check_name(name)
        now_ms = await self._store.now_ms()
        self._check_submission(submission, now_ms)
        schedule = Schedule(
            id=new_job_id(now_ms),
            name=name,
            cron=expression,
            submission=submission,
            missed=missed,
            created_ms=now_ms,
            caller=caller,
        )
        _check_size(schedule)
        record = ScheduleRecord(schedule=schedule, next_run_ms=expression.next_after(now_ms))
        match await self._store.add(record, MAX_SCHEDULES, self._limits.max_schedules_per_caller):
            case AddOutcome.CALLER_FULL:
                raise QuotaExceeded(
                    f"You have {self._limits.max_schedules_per_caller} schedules, which is the "
                    "most that one caller may have; remove one first."
                )
            case AddOutcome.FULL:
                raise LedgerFull(f"There are {MAX_SCHEDULES} schedules, which is the most.")
        return record

    async def get(self, schedule_id: str) -> ScheduleRecord:
        """Raises UnknownSchedule."""
        return _known(await self._store.read(schedule_id))

    async def page(self, cursor: str | None = None, limit: int = 50) -> SchedulePage:
        """A page of schedules, newest first."""
        return await self._store.page(cursor, limit)

    async def edit(self, schedule_id: str, changes: ScheduleChanges) -> ScheduleRecord:
        """Raises UnknownSchedule, or InvalidRequest with what to change."""
        now_ms = await self._store.now_ms()
        if changes.submission is not UNSET:
            self._check_submission(changes.submission, now_ms)
        if changes.name is not UNSET:
            _check_name(changes.name)

        def edited(record: ScheduleRecord) -> ScheduleRecord:
            schedule = _edited(record.schedule, changes)
            if record.next_run_ms is None or schedule.cron == record.schedule.cron:
                return replace(record, schedule=schedule)
            next_run_ms = schedule.cron.next_after(now_ms)
            return replace(record, schedule=schedule, next_run_ms=next_run_ms)

        return _known(await self._store.change(schedule_id, edited))

    async def pause(self, schedule_id: str) -> ScheduleRecord:
        """Lets the schedule make no jobs until it is resumed. Raises UnknownSchedule."""
        return _known(
            await self._store.change(schedule_id, lambda record: replace(record, next_run_ms=None))
        )

    async def resume(self, schedule_id: str) -> ScheduleRecord:
        """Continues with the next run from now on. Raises UnknownSchedule."""
        now_ms = await self._store.now_ms()

        def resumed(record: ScheduleRecord) -> ScheduleRecord:
            if record.next_run_ms is not None:
                return record
            return replace(record, next_run_ms=record.schedule.cron.next_after(now_ms))

        return _known(await self._store.change(schedule_id, resumed))

    async def remove(self, schedule_id: str) -> None:
        """Removes the schedule; its jobs stay as they are. Raises UnknownSchedule."""
        if not await self._store.remove(schedule_id):
            raise UnknownSchedule

    def _check_submission(self, submission: Submission, now_ms: int) -> None:
        _check_repeatable(submission)
        validate_params(submission.params, self._limits)
        validate_result_ttl(submission.result_ttl_seconds, self._limits)
        validate_timing(submission, now_ms)


def _known(record: ScheduleRecord | None) -> ScheduleRecord:
    if record is None:
        raise UnknownSchedule
    return record


def _edited(schedule: Schedule, changes: ScheduleChanges) -> Schedule:
    """Raises InvalidRequest with what to change."""
    cron = schedule.cron.expression if changes.cron is UNSET else changes.cron
    time_zone = schedule.cron.time_zone if changes.time_zone is UNSET else changes.time_zone
    edited = replace(
        schedule,
        cron=parse_cron(cron, time_zone),
        submission=schedule.submission if changes.submission is UNSET else changes.submission,
        missed=schedule.missed if changes.missed is UNSET else changes.missed,
        name=schedule.name if changes.name is UNSET else changes.name,
    )
    _check_size(edited)
    return edited


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
