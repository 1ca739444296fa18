"""Jobs start, expire and end by the clock of the ledger. That of the process is months behind."""

from __future__ import annotations

import time
from typing import Any

import pytest
import redis

from tasks.composition import job_limits
from tasks.errors import ResultExpired
from tasks.jobs.bulk import JobFilter, purge_matching
from tasks.jobs.job import BatchAnalysis, HealthCheck, Job
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.queue import Queue
from tasks.jobs.submission import Submission
from tasks.ledger.redis import RedisLedger
from tasks.settings import Settings
from tests.contract.ledgers import (
    START_MS,
    LedgerUnderTest,
    a_job,
    claim,
    complete,
    discover,
    record,
)

BATCH = BatchAnalysis(urls=("http://site.example/0", "http://site.example/1"))


@pytest.fixture
def queue(ledger: Ledger, settings: Settings) -> Queue:
    return Queue(ledger, job_limits(settings))


async def submitted(queue: Queue, **fields: Any) -> Job:
    return (await queue.submit(Submission(params=BATCH, **fields))).job


async def test_the_clock_of_a_ledger(under_test: LedgerUnderTest) -> None:
    assert await under_test.ledger.now_ms() == START_MS
    under_test.advance(600)
    assert await under_test.ledger.now_ms() == START_MS + 600_000


async def test_a_deadline_counts_from_the_submit(under_test: LedgerUnderTest, queue: Queue) -> None:
    job = await submitted(queue, deadline_seconds=600.0)
    assert (job.submitted_ms, job.deadline_ms) == (START_MS, START_MS + 600_000)
    await discover(under_test.ledger, job)
    under_test.advance(599)
    await under_test.ledger.reap()
    assert not (await record(under_test.ledger, job)).deadline_reached
    under_test.advance(2)
    await under_test.ledger.reap()
    assert (await record(under_test.ledger, job)).deadline_reached


async def test_a_purge_by_age_leaves_younger_jobs(
    under_test: LedgerUnderTest, queue: Queue
) -> None:
    job = await submitted(queue)
    await complete(under_test.ledger, job)
    an_hour_old = JobFilter(older_than_seconds=3_600)
    under_test.advance(3_599)
    assert (await purge_matching(queue, an_hour_old)).jobs == ()
    under_test.advance(2)
    assert [outcome.job_id for outcome in (await purge_matching(queue, an_hour_old)).jobs] == [
        job.id
    ]


async def test_the_partial_result_of_a_failure_expires(
    under_test: LedgerUnderTest, queue: Queue, settings: Settings
) -> None:
    job = (await queue.submit(Submission(params=HealthCheck()))).job
    lease = await claim(under_test.ledger, job, "discover")
    await under_test.ledger.fail(lease, "internal_error", "It broke.")
    under_test.advance(settings.result_ttl)
    assert await queue.result(job.id)
    under_test.advance(1)
    with pytest.raises(ResultExpired):
        await queue.result(job.id)


async def test_the_clock_of_redis_is_read_now_and_then(
    redis_ledger: RedisLedger, valkey: redis.Redis
) -> None:
    calls, before_ms = calls_of_scripts(valkey), time.time() * 1000
    times = [await redis_ledger.now_ms() for _ in range(100)]
    assert before_ms - 2 <= times[0] <= times[-1] <= time.time() * 1000 + 2
    assert times == sorted(times)
    assert calls_of_scripts(valkey) - calls < 10


def calls_of_scripts(valkey: redis.Redis) -> int:
    statistics: Any = valkey.info("commandstats")
    return int(statistics.get("cmdstat_evalsha", {"calls": 0})["calls"])


async def test_a_clock_that_was_set_back_costs_a_dead_worker_no_more_than_a_lease(
    under_test: LedgerUnderTest, settings: Settings
) -> None:
    ledger, job, retried = under_test.ledger, a_job(), a_job()
    for submitted in (job, retried):
        await ledger.submit(submitted)
    await claim(ledger, job, "discover")
    await ledger.retry(await claim(ledger, retried, "discover"), 10, "timed_out", "Late.")
    await ledger.reap(lenient=True)
    under_test.advance(-3600)
    assert (await ledger.reap(lenient=True)).lost == 0
    under_test.advance(settings.lease_seconds)
    assert (await ledger.reap(lenient=True)).lost == 1
    under_test.advance(10)
    assert (await ledger.reap(lenient=True)).started == 1


async def test_a_clock_that_was_set_back_moves_no_start_time(under_test: LedgerUnderTest) -> None:
    ledger, job = under_test.ledger, a_job(not_before_ms=START_MS + 60_000)
    await ledger.submit(job)
    await ledger.reap(lenient=True)
    under_test.advance(-3600)
    for _ in range(2):
        await ledger.reap(lenient=True)
    under_test.advance(3600)
    assert (await ledger.reap()).started == 0
    under_test.advance(60)
    assert (await ledger.reap()).started == 1
