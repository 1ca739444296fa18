"""The scheduler beside web and workers, on a real Valkey, by the server's own clock."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tasks.composition import job_limits
from tasks.errors import LedgerUnavailable
from tasks.jobs.ids import new_job_id
from tasks.jobs.job import HealthCheck, JobState, JobType
from tasks.jobs.queue import Queue
from tasks.jobs.submission import Submission
from tasks.ledger.redis import RedisLedger
from tasks.ledger.schedules import RedisScheduleStore
from tasks.resources import open_ledger, open_web
from tasks.schedules.cron import parse_cron
from tasks.schedules.schedule import AddOutcome, DueRuns, Missed, Schedule, ScheduleRecord
from tasks.schedules.scheduler import Scheduler
from tasks.settings import Settings
from tasks.supervision import background
from tests.integration.conftest import RunWorker, ended
from tests.waiting import wait_until


@pytest.fixture
async def ledger(settings: Settings) -> AsyncIterator[RedisLedger]:
    async with open_ledger(settings) as ledger:
        yield ledger


@pytest.fixture
def store(ledger: RedisLedger) -> RedisScheduleStore:
    return RedisScheduleStore(ledger.scripts)


async def overdue(store: RedisScheduleStore) -> ScheduleRecord:
    """A new schedule with a run that has just come, and no other before next year."""
    now_ms = await store.now_ms()
    schedule = Schedule(
        id=new_job_id(now_ms),
        cron=parse_cron("0 0 1 1 *", "Europe/Berlin"),
        submission=Submission(params=HealthCheck()),
        missed=Missed.SKIP,
        created_ms=now_ms,
    )
    record = ScheduleRecord(schedule=schedule, next_run_ms=now_ms - 500)
    assert await store.add(record, 1000, 1000) is AddOutcome.ADDED
    return record


def next_run(record: ScheduleRecord) -> int:
    assert record.next_run_ms is not None  # it is not paused
    return record.next_run_ms


async def advanced(store: RedisScheduleStore, *records: ScheduleRecord) -> None:
    async def are_advanced() -> bool:
        current = [await store.read(record.schedule.id) for record in records]
        return all(
            now is not None and next_run(now) > next_run(before)
            for now, before in zip(current, records, strict=True)
        )

    await wait_until(are_advanced, "the schedules to be advanced")


async def job_ids(ledger: RedisLedger) -> list[str]:
    page = await ledger.jobs(tuple(JobState), tuple(JobType), None, 1000)
    return [record.id for record in page.jobs]


async def test_a_worker_makes_the_job_of_a_run_and_ends_it(
    queue: Queue, store: RedisScheduleStore, run_worker: RunWorker
) -> None:
    due = await overdue(store)
    async with run_worker():
        await advanced(store, due)
        job_id = due.schedule.job_id(next_run(due))
        assert (await ended(queue, job_id)).record.state is JobState.SUCCESS
    record = await store.read(due.schedule.id)
    assert record is not None
    assert record.last_run is not None
    assert (record.last_run.job_id, record.last_run.error) == (job_id, None)


async def test_web_makes_it_where_there_is_no_worker(
    ledger: RedisLedger, store: RedisScheduleStore, settings: Settings
) -> None:
    due = await overdue(store)
    async with open_web(settings):
        await advanced(store, due)
    assert await job_ids(ledger) == [due.schedule.job_id(next_run(due))]


async def test_web_and_workers_together_make_each_run_once(
    ledger: RedisLedger, store: RedisScheduleStore, settings: Settings, run_worker: RunWorker
) -> None:
    async with open_web(settings), run_worker(), run_worker():
        due = [await overdue(store) for _ in range(30)]
        await advanced(store, *due)
    expected = [record.schedule.job_id(next_run(record)) for record in due]
    assert sorted(await job_ids(ledger)) == sorted(expected)


@pytest.mark.parametrize("error", [LedgerUnavailable(), ValueError("unexpected")])
async def test_the_scheduler_continues_after_an_error(
    ledger: RedisLedger, settings: Settings, error: Exception
) -> None:
    class FailsOnce(RedisScheduleStore):
        calls = 0

        async def due(self) -> DueRuns:
            self.calls += 1
            if self.calls == 1:
                raise error
            return await super().due()

    store = FailsOnce(ledger.scripts)
    due = await overdue(store)
    limits = job_limits(settings)
    scheduler = Scheduler(store, Queue(ledger, limits), limits)
    async with background("scheduler", scheduler.run_forever):
        await advanced(store, due)
    assert store.calls >= 2
    assert await job_ids(ledger) == [due.schedule.job_id(next_run(due))]
