"""Schedules in Redis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import structlog

from tasks.ledger.scripts import Scripts
from tasks.schedules.schedule import (
    DueRun,
    DueRuns,
    LastRun,
    Schedule,
    SchedulePage,
    ScheduleRecord,
)

log = structlog.get_logger()


class RedisScheduleStore:
    """See `tasks.schedules.schedule.ScheduleStore` for the contract of each call."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def now_ms(self) -> int:
        return await self._scripts.now_ms()

    async def add(self, record: ScheduleRecord, limit: int) -> bool:
        schedule = record.schedule
        encoded = msgspec.json.encode(schedule)
        return bool(
            await self._scripts.run("add_schedule", schedule.id, encoded, record.next_run_ms, limit)
        )

    async def read(self, schedule_id: str) -> ScheduleRecord | None:
        row = await self._scripts.run("read_schedule", schedule_id)
        return _record(schedule_id, *row) if row else None

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
            next_run_ms=int(next_run_ms),
            last_run=msgspec.json.decode(last_run, type=LastRun) if last_run else None,
        )
    except msgspec.DecodeError:
        log.warning("a schedule of another release is ignored", schedule_id=schedule_id)
        return None


def _pairs(flat: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(flat[::2], flat[1::2], strict=True)
