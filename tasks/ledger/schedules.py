"""Schedules in Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import structlog

from tasks.ledger.scripts import Scripts
from tasks.schedules.schedule import (
    AddOutcome,
    DueRun,
    DueRuns,
    LastRun,
    Schedule,
    SchedulePage,
    ScheduleRecord,
)

log = structlog.get_logger(__name__)

PAUSED_MS = 253_402_300_799_000
"""The next run of a paused schedule: the last second of the year 9999. A release that knows no
pause can therefore list it, and never runs it."""


class RedisScheduleStore:
    """See `tasks.schedules.schedule.ScheduleStore` for the contract of each call."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def now_ms(self) -> int:
        return await self._scripts.now_ms()

    async def add(self, record: ScheduleRecord, limit: int, limit_per_caller: int) -> AddOutcome:
        schedule = record.schedule
        outcome = await self._scripts.run(
            "add_schedule",
            schedule.id,
            msgspec.json.encode(schedule),
            _due(record),
            limit,
            schedule.caller,
            limit_per_caller,
        )
        return AddOutcome(outcome.decode())

    async def read(self, schedule_id: str) -> ScheduleRecord | None:
        row = await self._scripts.run("read_schedule", schedule_id)
        return _record(schedule_id, *row) if row else None

    async def change(
        self, schedule_id: str, change: Callable[[ScheduleRecord], ScheduleRecord]
    ) -> ScheduleRecord | None:
        while row := await self._scripts.run("read_schedule", schedule_id):
            stored, due, _ = row
            record = _record(schedule_id, *row)
            if record is None:
                return None
            changed = change(record)
            encoded = msgspec.json.encode(changed.schedule)
            if await self._scripts.run(
                "change_schedule", schedule_id, stored, due, encoded, _due(changed)
            ):
                return changed
        return None

    async def page(self, cursor: str | None, limit: int) -> SchedulePage:
        more, *rows = await self._scripts.run("list_schedules", cursor or "", limit)
        records = [_record(id_.decode(), *row) for id_, row in _pairs(rows)]
        return SchedulePage(
            schedules=tuple(record for record in records if record),
            next_cursor=rows[-2].decode() if more else None,
        )

    async def remove(self, schedule_id: str) -> bool:
        return bool(await self._scripts.run("remove_schedule", schedule_id))

    async def due(self) -> DueRuns:
        now, *rows = await self._scripts.run("due_schedules")
        runs = tuple(
            DueRun(schedule_id=id_.decode(), run_ms=int(run_ms)) for id_, run_ms in _pairs(rows)
        )
        return DueRuns(now_ms=int(now), runs=runs)

    async def advance(self, run: DueRun, next_run_ms: int, last_run: LastRun | None) -> bool:
        encoded = msgspec.json.encode(last_run) if last_run else b""
        return bool(
            await self._scripts.run(
                "advance_schedule", run.schedule_id, run.run_ms, next_run_ms, encoded
            )
        )


def _record(
    schedule_id: str, schedule: bytes, next_run_ms: bytes, last_run: bytes
) -> ScheduleRecord | None:
    try:
        return ScheduleRecord(
            schedule=msgspec.json.decode(schedule, type=Schedule),
            next_run_ms=None if int(next_run_ms) == PAUSED_MS else int(next_run_ms),
            last_run=msgspec.json.decode(last_run, type=LastRun) if last_run else None,
        )
    except msgspec.DecodeError:
        log.warning("a schedule of another release is ignored", schedule_id=schedule_id)
        return None


def _due(record: ScheduleRecord) -> int:
    return PAUSED_MS if record.next_run_ms is None else record.next_run_ms


def _pairs(flat: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(flat[::2], flat[1::2], strict=True)
