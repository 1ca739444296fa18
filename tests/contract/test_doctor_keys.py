"""Keys, indexes and steps that belong to nothing, or to others."""

from __future__ import annotations

import time
from typing import Any

import pytest
import redis

from tasks.doctor import Level
from tasks.jobs.ids import job_id_from
from tasks.ledger.redis import RedisLedger
from tasks.settings import Settings
from tests.conftest import PREFIX
from tests.contract.doctoring import found, fresh_job, mended, snapshot


@pytest.fixture
def ledger(redis_ledger: RedisLedger) -> RedisLedger:
    """On the server's own clock, by which the doctor judges."""
    return redis_ledger


async def test_steps_that_are_none(
    ledger: RedisLedger, settings: Settings, valkey: redis.Redis
) -> None:
    job, gone = fresh_job(), job_id_from(1, bytes(10))
    await ledger.submit(job)
    far = time.time() * 1000 + 3_600_000
    for member in (f"{gone}/discover", f"{job.id}/analyse:7", f"{gone}/deadline", "nonsense"):
        valkey.zadd(f"{PREFIX}steps:due", {member: far})
    valkey.zadd(f"{PREFIX}steps:queued", {f"{job.id}/rank": far})

    assert "5 steps (" in await mended(settings, "loose_steps")
    assert valkey.zrange(f"{PREFIX}steps:due", 0, -1) == [f"{job.id}/discover".encode()]
    assert (await ledger.depth()).queued == 1


async def test_indexes_that_say_something_else(
    ledger: RedisLedger, settings: Settings, valkey: redis.Redis
) -> None:
    listed, unlisted, ended = fresh_job(), fresh_job(), fresh_job()
    gone = job_id_from(1, bytes(10))
    for job in (listed, unlisted, ended):
        await ledger.submit(job)
    await ledger.cancel(ended.id)
    pending = f"{PREFIX}jobs:PENDING:batch_analysis"
    valkey.zadd(f"{PREFIX}jobs:SUCCESS:batch_analysis", {listed.id: 0})
    valkey.zadd(pending, {gone: 0})
    valkey.zrem(pending, unlisted.id)
    valkey.delete(f"{PREFIX}jobs:expiry")

    assert "4 jobs (" in await mended(settings, "index")
    assert valkey.zrange(pending, 0, -1) == sorted([listed.id.encode(), unlisted.id.encode()])
    assert valkey.exists(f"{PREFIX}jobs:SUCCESS:batch_analysis") == 0
    until: Any = valkey.zscore(f"{PREFIX}jobs:expiry", f"REVOKED/batch_analysis/{ended.id}")
    assert until > time.time() * 1000


async def test_keys_that_live_for_ever(
    ledger: RedisLedger, settings: Settings, valkey: redis.Redis
) -> None:
    ended, gone = fresh_job(), job_id_from(1, bytes(10))
    await ledger.submit(ended)
    await ledger.cancel(ended.id)
    valkey.persist(f"{PREFIX}job:{ended.id}")
    valkey.rpush(f"{PREFIX}job:{gone}:failures", "{}")
    valkey.hset(f"{PREFIX}job:{gone}", "attempts", 1)

    assert "3 keys (" in await mended(settings, "orphaned_keys")
    for key in (ended.id, gone, f"{gone}:failures"):
        assert 0 < int(str(valkey.ttl(f"{PREFIX}job:{key}"))) <= settings.job_ttl


async def test_keys_of_others_are_named_and_left(settings: Settings, valkey: redis.Redis) -> None:
    valkey.set(f"{PREFIX}theirs", "1")
    valkey.set("elsewhere", "1")
    told = (await found(settings, fix=True))["foreign_keys"]
    assert "1 key (theirs)" in told.sentence
    assert (told.fixable, told.fixed, told.problem) == (False, False, False)
    assert valkey.ttl(f"{PREFIX}theirs") == -1
    valkey.delete(f"{PREFIX}theirs", "elsewhere")


async def test_what_a_newer_release_wrote_is_named_and_left(
    ledger: RedisLedger, settings: Settings, valkey: redis.Redis
) -> None:
    job = fresh_job()
    await ledger.submit(job)
    valkey.hset(f"{PREFIX}job:{job.id}", "v", "2")
    valkey.delete(f"{PREFIX}job:{job.id}:steps")
    before = snapshot(valkey)

    told = (await found(settings, fix=True))["newer"]
    assert job.id in told.sentence
    assert (told.level, told.fixable, told.fixed) == (Level.WARNING, False, False)
    assert snapshot(valkey) == before
    valkey.flushall()


async def test_more_of_them_than_one_batch(
    ledger: RedisLedger, settings: Settings, valkey: redis.Redis
) -> None:
    for _ in range(700):
        await ledger.submit(fresh_job())
    valkey.delete(f"{PREFIX}steps:due")
    sentence = await mended(settings, "stuck_steps")
    assert "700 steps (" in sentence
    assert len(sentence) < 400


async def test_nothing_is_mended_unasked(
    ledger: RedisLedger, settings: Settings, valkey: redis.Redis
) -> None:
    await ledger.submit(fresh_job())
    valkey.delete(f"{PREFIX}steps:due", f"{PREFIX}jobs:PENDING:batch_analysis")
    before = snapshot(valkey)
    assert set(await found(settings)) == {"stuck_steps", "index"}
    assert snapshot(valkey) == before
