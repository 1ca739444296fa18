"""Damaged jobs: the doctor finds and fixes them, and they run to their end."""

from __future__ import annotations

import asyncio
import time

import pytest
import redis

from tasks.jobs.job import JobState
from tasks.ledger.redis import RedisLedger
from tasks.settings import Settings
from tests.conftest import PREFIX
from tests.contract.doctoring import complete_from, fix_only_fault, fresh_job, ledger_faults
from tests.contract.ledgers import (
    analyse,
    candidates,
    claim,
    complete,
    discover,
    record,
    state,
)


@pytest.fixture
def ledger(redis_ledger: RedisLedger) -> RedisLedger:
    """On the server's own clock, which the doctor uses."""
    return redis_ledger


async def test_a_working_ledger_has_no_faults(ledger: RedisLedger, settings: Settings) -> None:
    first = fresh_job()
    jobs = [
        first,
        fresh_job(depends_on=(first.id,)),
        fresh_job(not_before_ms=round(time.time() * 1000) + 60_000),
        fresh_job(deadline_ms=round(time.time() * 1000) + 60_000),
    ]
    for job in jobs:
        await ledger.submit(job)
    await discover(ledger, first)
    await ledger.retry(await claim(ledger, first, "analyse:0"), 30, "server_error", "503")
    cancelled, done = fresh_job(), fresh_job()
    for job in (cancelled, done):
        await ledger.submit(job)
    await ledger.cancel(cancelled.id)
    await complete(ledger, done)

    assert await ledger_faults(settings) == {}
    before = [await record(ledger, job) for job in jobs]
    assert await ledger_faults(settings, fix=True) == {}
    assert [await record(ledger, job) for job in jobs] == before


async def test_changes_during_an_examination_are_not_mistaken_for_faults(
    ledger: RedisLedger, settings: Settings
) -> None:
    examinations = 0

    async def work() -> None:
        while examinations < 5:
            first = fresh_job()
            second = fresh_job(depends_on=(first.id,))
            await ledger.submit(first)
            await ledger.submit(second)
            await complete(ledger, first)
            await ledger.cancel(second.id)
            await ledger.purge(first.id)

    workers = [asyncio.create_task(work()) for _ in range(4)]
    for _ in range(5):
        assert await ledger_faults(settings, fix=True) == {}
        examinations += 1
    await asyncio.gather(*workers)


async def test_a_step_without_its_due_time(
    ledger: RedisLedger, settings: Settings, valkey: redis.Redis
) -> None:
    job = fresh_job()
    await ledger.submit(job)
    await discover(ledger, job)
    valkey.delete(f"{PREFIX}steps:due")
    valkey.zrem(f"{PREFIX}steps:queued", f"{job.id}/analyse:1")

    sentence = await fix_only_fault(settings, "stuck_steps")
    assert sentence.startswith("Open, but without a due time: 2 steps (")
    assert f"{job.id}/analyse:1" in sentence
    assert (await ledger.depth()).queued == 2
    await complete_from(ledger, job, 0)


@pytest.mark.parametrize("done", ["nothing", "discover", "one article", "all articles"])
async def test_a_job_that_lost_its_steps_resumes_where_it_was(
    ledger: RedisLedger, settings: Settings, valkey: redis.Redis, done: str
) -> None:
    job = fresh_job()
    await ledger.submit(job)
    late = await claim(ledger, job, "discover")
    settled = {"one article": 1, "all articles": 2}.get(done, 0)
    if done != "nothing":
        assert await ledger.discovered(late, candidates(job), b"null")
    for index in range(settled):
        await analyse(ledger, job, index)
    for key in ("steps:due", "steps:queued", f"job:{job.id}:steps"):
        valkey.delete(PREFIX + key)

    await fix_only_fault(settings, "stuck_jobs")
    assert not await ledger.discovered(late, [], b"null")
    if done == "nothing":
        await discover(ledger, job)
    await complete_from(ledger, job, settled)


async def test_a_reopened_rank_does_not_reuse_an_attempt(
    ledger: RedisLedger, settings: Settings, valkey: redis.Redis
) -> None:
    job = fresh_job()
    await ledger.submit(job)
    await discover(ledger, job)
    for index in range(len(candidates(job))):
        await analyse(ledger, job, index)
    late = await claim(ledger, job, "rank")
    for key in ("steps:due", "steps:queued", f"job:{job.id}:steps"):
        valkey.delete(PREFIX + key)

    await fix_only_fault(settings, "stuck_jobs")
    new = await claim(ledger, job, "rank")
    assert new.attempt > late.attempt
    assert not await ledger.complete(late, b'{"late":true}')
    assert await ledger.complete(new, b"{}")


async def test_a_cancelled_job_that_lost_its_steps(
    ledger: RedisLedger, settings: Settings, valkey: redis.Redis
) -> None:
    job = fresh_job()
    await ledger.submit(job)
    await claim(ledger, job, "discover")
    valkey.hset(f"{PREFIX}job:{job.id}", "cancelled", 1)
    for key in ("steps:due", "steps:queued", f"job:{job.id}:steps"):
        valkey.delete(PREFIX + key)

    await fix_only_fault(settings, "stuck_jobs")
    assert await state(ledger, job) is JobState.REVOKED


async def test_a_lost_start_time(
    ledger: RedisLedger, settings: Settings, valkey: redis.Redis
) -> None:
    job = fresh_job(not_before_ms=round(time.time() * 1000) + 3_600_000)
    await ledger.submit(job)
    for key in ("steps:due", f"job:{job.id}:steps"):
        valkey.delete(PREFIX + key)

    await fix_only_fault(settings, "stuck_jobs")
    assert await state(ledger, job) is JobState.WAITING
    assert valkey.zscore(f"{PREFIX}steps:due", f"{job.id}/discover") == job.not_before_ms


@pytest.mark.parametrize("ends", ["SUCCESS", "REVOKED", "gone"])
async def test_a_job_that_waits_for_an_ended_job(
    ledger: RedisLedger, settings: Settings, valkey: redis.Redis, ends: str
) -> None:
    first = fresh_job()
    second = fresh_job(depends_on=(first.id,))
    for job in (first, second):
        await ledger.submit(job)
    valkey.delete(f"{PREFIX}job:{first.id}:dependents")
    if ends == "SUCCESS":
        await complete(ledger, first)
    else:
        await ledger.cancel(first.id)
    if ends == "gone":
        await ledger.purge(first.id)

    await fix_only_fault(settings, "dependencies")
    waiting = await record(ledger, second)
    if ends == "SUCCESS":
        assert waiting.state is JobState.PENDING
        await complete(ledger, second)
        return
    assert waiting.state is JobState.FAILURE
    assert waiting.error is not None
    how = "is not known any more" if ends == "gone" else "ended in REVOKED"
    assert waiting.error == f"dependency_failed: Job {first.id} {how}."


async def test_a_job_that_its_dependency_does_not_know(
    ledger: RedisLedger, settings: Settings, valkey: redis.Redis
) -> None:
    first = fresh_job()
    second = fresh_job(depends_on=(first.id,))
    for job in (first, second):
        await ledger.submit(job)
    valkey.delete(f"{PREFIX}job:{first.id}:dependents")

    await fix_only_fault(settings, "dependencies")
    assert await state(ledger, second) is JobState.WAITING
    await complete(ledger, first)
    assert await state(ledger, second) is JobState.PENDING
