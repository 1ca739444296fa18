"""Schedules in the ledger: each run makes one job, whichever processes run the scheduler."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import msgspec
import pytest
import redis

from tasks.composition import job_limits
from tasks.errors import InvalidRequest, LedgerFull, LedgerUnavailable, UnknownSchedule
from tasks.jobs.ids import new_job_id
from tasks.jobs.job import BatchAnalysis, HealthCheck, JobState, JobType, Priority, TopicCuration
from tasks.jobs.queue import Queue, Submitted
from tasks.jobs.submission import Submission
from tasks.ledger.redis import RedisLedger
from tasks.ledger.schedules import RedisScheduleStore
from tasks.ledger.scripts import LedgerClock
from tasks.resources import open_ledger
from tasks.schedules.schedule import AddOutcome, DueRun, LastRun, Missed, ScheduleRecord
from tasks.schedules.scheduler import Scheduler
from tasks.schedules.service import (
    MAX_SCHEDULE_BYTES,
    MAX_SCHEDULES,
    ScheduleChanges,
    ScheduleService,
)
from tasks.settings import Settings

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START_MS = round(dt.datetime(2027, 1, 15, 8, 0, 20, tzinfo=dt.UTC).timestamp() * 1000)
NINE = START_MS - 20_000 + HOUR
CHECK = Submission(params=HealthCheck())


class Process:
    """One of the processes that run the schedules, with a connection and a clock of its own."""

    def __init__(self, ledger: RedisLedger, settings: Settings) -> None:
        self.ledger = ledger
        self.store = RedisScheduleStore(ledger.scripts)
        limits = job_limits(settings)
        self.schedules = ScheduleService(self.store, limits)
        self.scheduler = Scheduler(self.store, Queue(ledger, limits), limits)
        self.at(START_MS)

    def at(self, now_ms: int) -> None:
        self.ledger.scripts.clock = LedgerClock(now_ms)

    async def run_at(self, now_ms: int) -> None:
        self.at(now_ms)
        await self.scheduler.run_due()

    async def add(
        self,
        cron: str = "0 * * * *",
        submission: Submission = CHECK,
        missed: Missed = Missed.RUN_ONCE,
        time_zone: str = "UTC",
    ) -> ScheduleRecord:
        return await self.schedules.add(
            cron=cron, time_zone=time_zone, submission=submission, missed=missed
        )

    async def job_ids(self) -> list[str]:
        """The ids of all jobs, oldest first."""
        page = await self.ledger.jobs(tuple(JobState), tuple(JobType), None, 1000)
        return [record.id for record in reversed(page.jobs)]


@pytest.fixture
async def process(redis_ledger: RedisLedger, settings: Settings) -> Process:
    return Process(redis_ledger, settings)


@pytest.fixture
async def processes(settings: Settings) -> AsyncIterator[Sequence[Process]]:
    async with AsyncExitStack() as stack:
        ledgers = [await stack.enter_async_context(open_ledger(settings)) for _ in range(3)]
        yield [Process(ledger, settings) for ledger in ledgers]


def ids(record: ScheduleRecord, *runs: int) -> list[str]:
    return [record.schedule.job_id(run) for run in runs]


async def test_a_schedule_is_read_as_it_was_added(process: Process) -> None:
    added = await process.add(
        "30 7 * * 1-5",
        Submission(params=TopicCuration(topic="tea"), priority=Priority.LOW, deadline_seconds=60.0),
        Missed.SKIP,
        "Europe/Berlin",
    )
    assert await process.schedules.get(added.schedule.id) == added
    assert added.schedule.created_ms == START_MS
    # 15 January 2027 is a Friday; Monday at half past seven in Berlin is this in UTC.
    monday = dt.datetime(2027, 1, 18, 6, 30, tzinfo=dt.UTC)
    assert added.next_run_ms == monday.timestamp() * 1000


async def test_no_run_before_its_time(process: Process) -> None:
    await process.add()
    await process.run_at(NINE - 1)
    assert await process.job_ids() == []


async def test_a_run_makes_one_job_and_advances_the_schedule(process: Process) -> None:
    params = BatchAnalysis(urls=("http://site.example/a",), query="tea")
    added = await process.add(submission=Submission(params=params, priority=Priority.HIGH))
    for late in (0, 500, 30_000):
        await process.run_at(NINE + late)
    (job_id,) = await process.job_ids()
    assert [job_id] == ids(added, NINE)
    job = await process.ledger.job(job_id)
    assert job is not None
    assert (job.params, job.priority) == (params, Priority.HIGH)
    record = await process.schedules.get(added.schedule.id)
    assert record.next_run_ms == NINE + HOUR
    assert record.last_run == LastRun(run_ms=NINE, job_id=job_id)
    await process.run_at(NINE + HOUR)
    assert await process.job_ids() == ids(added, NINE, NINE + HOUR)


async def test_racing_processes_make_each_run_once(processes: Sequence[Process]) -> None:
    added = [await processes[0].add("* * * * *") for _ in range(20)]
    first = added[0].next_run_ms
    assert first is not None
    for minute in range(5):
        now = first + minute * MINUTE
        await asyncio.gather(
            *(process.run_at(now + place * 40) for place, process in enumerate(processes))
        )
    expected = {
        job_id
        for record in added
        for job_id in ids(record, *(first + minute * MINUTE for minute in range(5)))
    }
    job_ids = await processes[0].job_ids()
    assert len(job_ids) == len(set(job_ids)) == 100
    assert set(job_ids) == expected
    assert (await processes[0].ledger.depth()).outstanding == 100


async def test_racing_processes_make_up_once(processes: Sequence[Process]) -> None:
    added = await processes[0].add()
    latest = NINE + 30 * HOUR
    await asyncio.gather(*(process.run_at(latest + 20 * MINUTE) for process in processes))
    assert await processes[0].job_ids() == ids(added, latest)


async def test_a_process_that_dies_between_submit_and_advance_makes_no_second_job(
    process: Process, settings: Settings
) -> None:
    class Dies(RedisScheduleStore):
        async def advance(self, run: DueRun, next_run_ms: int, last_run: LastRun | None) -> bool:
            raise LedgerUnavailable

    added = await process.add()
    limits = job_limits(settings)
    dying = Scheduler(Dies(process.ledger.scripts), Queue(process.ledger, limits), limits)
    process.at(NINE)
    with pytest.raises(LedgerUnavailable):
        await dying.run_due()
    assert await process.job_ids() == ids(added, NINE)
    await process.ledger.cancel(ids(added, NINE)[0])
    await process.run_at(NINE + 10 * MINUTE)
    assert await process.job_ids() == ids(added, NINE)
    record = await process.schedules.get(added.schedule.id)
    assert record.next_run_ms == NINE + HOUR
    assert record.last_run == LastRun(run_ms=NINE, job_id=ids(added, NINE)[0])


async def test_missed_runs_are_made_up_by_the_job_of_the_latest(process: Process) -> None:
    added = await process.add()
    await process.run_at(NINE + DAY + 20 * MINUTE)
    assert await process.job_ids() == ids(added, NINE + DAY)
    await process.run_at(NINE + DAY + 21 * MINUTE)
    await process.run_at(NINE + DAY + HOUR)
    assert await process.job_ids() == ids(added, NINE + DAY, NINE + DAY + HOUR)


async def test_missed_runs_are_skipped_if_the_schedule_says_so(process: Process) -> None:
    added = await process.add(missed=Missed.SKIP)
    await process.run_at(NINE + DAY + 20 * MINUTE)
    assert await process.job_ids() == []
    record = await process.schedules.get(added.schedule.id)
    assert (record.next_run_ms, record.last_run) == (NINE + DAY + HOUR, None)
    await process.run_at(NINE + DAY + HOUR)
    assert await process.job_ids() == ids(added, NINE + DAY + HOUR)


@pytest.mark.parametrize(("late_ms", "made"), [(MINUTE, 1), (MINUTE + 1, 0)])
async def test_a_run_is_missed_when_it_is_more_than_a_minute_late(
    process: Process, late_ms: int, made: int
) -> None:
    await process.add(missed=Missed.SKIP)
    await process.run_at(NINE + late_ms)
    assert len(await process.job_ids()) == made


async def test_a_run_that_is_in_time_makes_up_for_missed_runs(
    process: Process,
) -> None:
    added = await process.add(missed=Missed.SKIP)
    await process.run_at(NINE + 5 * HOUR + 1000)
    assert await process.job_ids() == ids(added, NINE + 5 * HOUR)


async def test_a_refused_submission_is_reported_and_does_not_block_other_schedules(
    process: Process, settings: Settings
) -> None:
    urls = tuple(f"http://site.example/{n}" for n in range(3))
    refused = await process.add(submission=Submission(params=BatchAnalysis(urls=urls)))
    fine = await process.add()
    lowered = msgspec.structs.replace(job_limits(settings), max_urls_per_job=2)
    process.at(NINE)
    await Scheduler(process.store, Queue(process.ledger, lowered), lowered).run_due()
    assert await process.job_ids() == ids(fine, NINE)
    record = await process.schedules.get(refused.schedule.id)
    assert record.next_run_ms == NINE + HOUR
    assert record.last_run == LastRun(
        run_ms=NINE, job_id=None, error="urls has 3 URLs; one job may have 2."
    )
    await process.run_at(NINE + HOUR)
    record = await process.schedules.get(refused.schedule.id)
    assert record.last_run == LastRun(run_ms=NINE + HOUR, job_id=ids(refused, NINE + HOUR)[0])


async def test_a_schedule_that_cannot_be_run_is_suspended_for_a_minute(
    process: Process, settings: Settings
) -> None:
    class Fails(Queue):
        calls = 0

        async def submit_run(
            self, job_id: str, submission: Submission, *, caller: str
        ) -> Submitted:
            self.calls += 1
            if submission.priority is Priority.LOW:
                raise RuntimeError("unforeseen")
            return await super().submit_run(job_id, submission, caller=caller)

    await process.add(submission=Submission(params=HealthCheck(), priority=Priority.LOW))
    fine = await process.add()
    limits = job_limits(settings)
    queue = Fails(process.ledger, limits)
    scheduler = Scheduler(process.store, queue, limits)
    for late in (0, 1000, 59_000):
        process.at(NINE + late)
        await scheduler.run_due()
    assert await process.job_ids() == ids(fine, NINE)
    assert queue.calls == 2
    process.at(NINE + 60_000)
    await scheduler.run_due()
    assert queue.calls == 3


async def test_a_schedule_of_a_newer_release_is_ignored(
    process: Process, valkey: redis.Redis
) -> None:
    newer, fine = await process.add(), await process.add()
    written = valkey.hget("test:schedules", newer.schedule.id)
    assert isinstance(written, bytes)
    changed = written.replace(b'"version":1', b'"version":2')
    assert changed != written
    valkey.hset("test:schedules", newer.schedule.id, changed)
    await process.run_at(NINE)
    assert await process.job_ids() == ids(fine, NINE)
    assert valkey.zscore("test:schedules:due", newer.schedule.id) == NINE
    assert [entry.schedule.id for entry in (await process.schedules.page()).schedules] == [
        fine.schedule.id
    ]
    with pytest.raises(UnknownSchedule):
        await process.schedules.get(newer.schedule.id)
    await process.schedules.remove(newer.schedule.id)


async def test_a_removed_schedule_does_not_run(process: Process, valkey: redis.Redis) -> None:
    added = await process.add()
    await process.run_at(NINE)
    await process.schedules.remove(added.schedule.id)
    assert not await process.store.advance(
        DueRun(schedule_id=added.schedule.id, run_ms=NINE + HOUR), NINE + DAY, None
    )
    await process.run_at(NINE + HOUR)
    assert await process.job_ids() == ids(added, NINE)
    assert not list(valkey.scan_iter("test:schedules*"))
    for call in (process.schedules.get, process.schedules.remove):
        with pytest.raises(UnknownSchedule):
            await call(added.schedule.id)


async def test_a_late_advance_changes_nothing(process: Process) -> None:
    added = await process.add()
    run = DueRun(schedule_id=added.schedule.id, run_ms=NINE)
    last = LastRun(run_ms=NINE, job_id=new_job_id(NINE))
    assert await process.store.advance(run, NINE + HOUR, last)
    assert not await process.store.advance(run, NINE + DAY, None)
    record = await process.schedules.get(added.schedule.id)
    assert (record.next_run_ms, record.last_run) == (NINE + HOUR, last)


async def test_a_paused_schedule_makes_no_jobs_and_nothing_is_made_up(process: Process) -> None:
    added, fine = await process.add(), await process.add()
    paused = await process.schedules.pause(added.schedule.id)
    assert paused == msgspec.structs.replace(added, next_run_ms=None)
    assert await process.schedules.get(added.schedule.id) == paused
    assert paused in (await process.schedules.page()).schedules
    await process.run_at(NINE + 5 * HOUR)
    assert await process.job_ids() == ids(fine, NINE + 5 * HOUR)

    resumed = await process.schedules.resume(added.schedule.id)
    assert resumed.next_run_ms == NINE + 6 * HOUR
    await process.run_at(NINE + 6 * HOUR)
    assert set(ids(added, NINE + 6 * HOUR)) < set(await process.job_ids())
    assert len(await process.job_ids()) == 3


async def test_a_release_that_knows_no_pause_reads_a_paused_schedule_and_never_runs_it(
    process: Process, valkey: redis.Redis
) -> None:
    """It reads the next run as a number of ms, and shows it as a time."""
    added = await process.add()
    written = valkey.hget("test:schedules", added.schedule.id)
    await process.schedules.pause(added.schedule.id)
    assert valkey.hget("test:schedules", added.schedule.id) == written
    due = valkey.zscore("test:schedules:due", added.schedule.id)
    assert isinstance(due, float)
    assert dt.datetime.fromtimestamp(due / 1000, dt.UTC).year == 9999
    process.at(START_MS + 10_000 * DAY)
    assert (await process.store.due()).runs == ()


async def test_to_pause_or_to_resume_twice_changes_nothing(process: Process) -> None:
    added = await process.add()
    process.at(NINE + MINUTE)  # its run has come due, and nobody has seen it yet
    assert await process.schedules.resume(added.schedule.id) == added
    first = await process.schedules.pause(added.schedule.id)
    assert await process.schedules.pause(added.schedule.id) == first


async def test_a_pause_while_a_run_is_made_holds(process: Process) -> None:
    added = await process.add()
    run = DueRun(schedule_id=added.schedule.id, run_ms=NINE)
    paused = await process.schedules.pause(added.schedule.id)
    assert not await process.store.advance(run, NINE + HOUR, None)
    assert await process.schedules.get(added.schedule.id) == paused


async def test_a_changed_schedule_keeps_what_is_not_changed(process: Process) -> None:
    added = await process.add("0 * * * *", missed=Missed.SKIP)
    await process.run_at(NINE)
    before = await process.schedules.get(added.schedule.id)

    tea = Submission(params=TopicCuration(topic="tea"), priority=Priority.LOW)
    changes = ScheduleChanges(submission=tea, name="Tea")
    after = await process.schedules.edit(added.schedule.id, changes)

    schedule = msgspec.structs.replace(before.schedule, submission=tea, name="Tea")
    assert after == msgspec.structs.replace(before, schedule=schedule)
    assert await process.schedules.get(added.schedule.id) == after
    await process.run_at(NINE + HOUR)
    (job_id,) = set(await process.job_ids()) - set(ids(added, NINE))
    job = await process.ledger.job(job_id)
    assert job is not None
    assert (job.params, job.priority) == (tea.params, Priority.LOW)
    nameless = await process.schedules.edit(added.schedule.id, ScheduleChanges(name=None))
    assert nameless.schedule.name is None


async def test_a_changed_cron_expression_moves_the_next_run(process: Process) -> None:
    added = await process.add()
    half_past = ScheduleChanges(cron="30 * * * *", time_zone="Europe/Berlin")
    after = await process.schedules.edit(added.schedule.id, half_past)
    assert after.next_run_ms == NINE - 30 * MINUTE
    await process.run_at(NINE)
    assert await process.job_ids() == ids(added, NINE - 30 * MINUTE)

    await process.schedules.pause(added.schedule.id)
    hourly = ScheduleChanges(cron="0 * * * *")
    assert (await process.schedules.edit(added.schedule.id, hourly)).next_run_ms is None
    resumed = await process.schedules.resume(added.schedule.id)
    assert (resumed.next_run_ms, resumed.schedule.cron.time_zone) == (NINE + HOUR, "Europe/Berlin")


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        (ScheduleChanges(cron="@daily"), "cron must have 5 fields"),
        (ScheduleChanges(time_zone="Berlin"), "time_zone must be a name"),
        (ScheduleChanges(name=" "), "name must be 1 to 100 printable characters"),
        (
            ScheduleChanges(submission=Submission(params=TopicCuration(topic="t"))),
            "topic must have 2 to 200 characters",
        ),
        (
            ScheduleChanges(submission=Submission(params=HealthCheck(), not_before_ms=NINE)),
            "not_before cannot be part of a schedule",
        ),
        (
            ScheduleChanges(
                submission=Submission(
                    params=BatchAnalysis(
                        urls=tuple(f"http://site.example/{'x' * 1000}/{n}" for n in range(70))
                    )
                )
            ),
            f"it may have {MAX_SCHEDULE_BYTES}",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_refused_change_changes_nothing(
    process: Process, changes: ScheduleChanges, advice: str
) -> None:
    added = await process.add()
    with pytest.raises(InvalidRequest, match=advice):
        await process.schedules.edit(added.schedule.id, changes)
    assert await process.schedules.get(added.schedule.id) == added


async def test_changes_at_once_are_all_kept(processes: Sequence[Process]) -> None:
    added = await processes[0].add()
    edits = [
        ScheduleChanges(name="Tea"),
        ScheduleChanges(cron="30 * * * *"),
        ScheduleChanges(missed=Missed.SKIP),
    ]
    await asyncio.gather(
        *(
            process.schedules.edit(added.schedule.id, changes)
            for process, changes in zip(processes, edits, strict=True)
        ),
        processes[0].schedules.pause(added.schedule.id),
    )
    record = await processes[0].schedules.get(added.schedule.id)
    assert (record.schedule.name, record.schedule.missed) == ("Tea", Missed.SKIP)
    assert record.schedule.cron.expression == "30 * * * *"
    assert record.next_run_ms is None


async def test_a_removed_schedule_cannot_be_changed(process: Process, valkey: redis.Redis) -> None:
    added = await process.add()

    def change(record: ScheduleRecord) -> ScheduleRecord:
        valkey.delete("test:schedules", "test:schedules:due")
        return msgspec.structs.replace(record, next_run_ms=None)

    assert await process.store.change(added.schedule.id, change) is None
    assert not list(valkey.scan_iter("test:schedules*"))
    for call in (process.schedules.pause, process.schedules.resume):
        with pytest.raises(UnknownSchedule):
            await call(added.schedule.id)
    with pytest.raises(UnknownSchedule):
        await process.schedules.edit(added.schedule.id, ScheduleChanges(name="Tea"))


async def test_a_repeated_add_makes_one_schedule(process: Process) -> None:
    record = await process.add()
    assert await process.store.add(record, 1, 1) is AddOutcome.ADDED
    assert len((await process.schedules.page()).schedules) == 1


async def test_schedules_are_listed_newest_first_by_the_page(process: Process) -> None:
    added = []
    for place in range(5):
        process.at(START_MS + place * 1000)
        added.append(await process.add())
    newest_first = tuple(reversed(added))
    first = await process.schedules.page(None, 2)
    assert first.schedules == newest_first[:2]
    second = await process.schedules.page(first.next_cursor, 2)
    assert second.schedules == newest_first[2:4]
    last = await process.schedules.page(second.next_cursor, 2)
    assert (last.schedules, last.next_cursor) == (newest_first[4:], None)
    assert (await process.schedules.page(None, 5)).next_cursor is None


async def test_the_number_of_schedules_is_limited(process: Process, valkey: redis.Redis) -> None:
    valkey.hset("test:schedules", mapping={f"{n}": "{}" for n in range(MAX_SCHEDULES)})
    with pytest.raises(LedgerFull, match="There are 1000 schedules, which is the most"):
        await process.add()
    assert valkey.hlen("test:schedules") == MAX_SCHEDULES
    assert not valkey.exists("test:schedules:due")


async def test_the_size_of_a_schedule_is_limited(process: Process, valkey: redis.Redis) -> None:
    urls = tuple(f"http://site.example/{'x' * 1000}/{n}" for n in range(70))
    with pytest.raises(InvalidRequest, match=f"it may have {MAX_SCHEDULE_BYTES}"):
        await process.add(submission=Submission(params=BatchAnalysis(urls=urls)))
    assert not valkey.exists("test:schedules")


async def test_timing_that_holds_once_cannot_be_part_of_a_schedule(process: Process) -> None:
    once = Submission(params=HealthCheck(), depends_on=(new_job_id(START_MS),))
    with pytest.raises(InvalidRequest, match="depends_on cannot be part of a schedule"):
        await process.add(submission=once)
    later = Submission(params=HealthCheck(), not_before_ms=NINE)
    with pytest.raises(InvalidRequest, match="not_before cannot be part of a schedule"):
        await process.add(submission=later)
