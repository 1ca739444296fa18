"""Keys, index entries and steps that belong to no job of ours."""

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
from tests.contract.doctoring import fix_only_fault, fresh_job, ledger_faults, snapshot


@pytest.fixture
def ledger(redis_ledger: RedisLedger) -> RedisLedger:
    """On the server's own clock, which the doctor uses."""
    return redis_ledger


async def test_due_and_queued_steps_without_a_record(
    ledger: RedisLedger, settings: Settings, valkey: redis.Redis
) -> None:
    job, gone = fresh_job(), job_id_from(1, bytes(10))
    await ledger.submit(job)
    far = time.time() * 1000 + 3_600_000
    for member in (f"{gone}/discover", f"{job.id}/analyse:7", f"{gone}/deadline", "nonsense"):
        valkey.zadd(f"{PREFIX}steps:due", {member: far})
    valkey.zadd(f"{PREFIX}steps:queued", {f"{job.id}/rank": far})

    assert "5 steps (" in await fix_only_fault(settings, "loose_steps")
    assert valkey.zrange(f"{PREFIX}steps:due", 0, -1) == [f"{job.id}/discover".encode()]
    assert (await ledger.depth()).queued == 1


async def test_index_entries_that_do_not_match_their_jobs(
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

    assert "4 jobs (" in await fix_only_fault(settings, "index")
    assert valkey.zrange(pending, 0, -1) == sorted([listed.id.encode(), unlisted.id.encode()])
    assert valkey.exists(f"{PREFIX}jobs:SUCCESS:batch_analysis") == 0
    until: Any = valkey.zscore(f"{PREFIX}jobs:expiry", f"REVOKED/batch_analysis/{ended.id}")
    assert until > time.time() * 1000


async def test_keys_without_a_time_to_live(
    ledger: RedisLedger, settings: Settings, valkey: redis.Redis
) -> None:
    ended, gone = fresh_job(), job_id_from(1, bytes(10))
    await ledger.submit(ended)
    await ledger.cancel(ended.id)
    valkey.persist(f"{PREFIX}job:{ended.id}")
    valkey.rpush(f"{PREFIX}job:{gone}:failures", "{}")
    valkey.hset(f"{PREFIX}job:{gone}", "attempts", 1)

    assert "3 keys (" in await fix_only_fault(settings, "orphaned_keys")
    for key in (ended.id, gone, f"{gone}:failures"):
        assert 0 < int(str(valkey.ttl(f"{PREFIX}job:{key}"))) <= settings.job_ttl


async def test_foreign_keys_are_reported_and_kept(settings: Settings, valkey: redis.Redis) -> None:
    valkey.set(f"{PREFIX}theirs", "1")
    valkey.set("elsewhere", "1")
    finding = (await ledger_faults(settings, fix=True))["foreign_keys"]
    assert "1 key (theirs)" in finding.sentence
    assert (finding.fixable, finding.fixed, finding.problem) == (False, False, False)
    assert valkey.ttl(f"{PREFIX}theirs") == -1
    valkey.delete(f"{PREFIX}theirs", "elsewhere")


async def test_jobs_of_a_newer_release_are_reported_and_kept(
    ledger: RedisLedger, settings: Settings, valkey: redis.Redis
) -> None:
    job = fresh_job()
    await ledger.submit(job)
    valkey.hset(f"{PREFIX}job:{job.id}", "v", "2")
    valkey.delete(f"{PREFIX}job:{job.id}:steps")
    before = snapshot(valkey)

    finding = (await ledger_faults(settings, fix=True))["newer"]
    assert job.id in finding.sentence
    assert (finding.level, finding.fixable, finding.fixed) == (Level.WARNING, False, False)
    assert snapshot(valkey) == before
    valkey.flushall()


async def test_more_faults_than_one_batch(
    ledger: RedisLedger, settings: Settings, valkey: redis.Redis
) -> None:
    for _ in range(700):
        await ledger.submit(fresh_job())
    valkey.delete(f"{PREFIX}steps:due")
    sentence = await fix_only_fault(settings, "stuck_steps")
    assert "700 steps (" in sentence
    assert len(sentence) < 400


async def test_without_fix_nothing_is_changed(
    ledger: RedisLedger, settings: Settings, valkey: redis.Redis
) -> None:
    await ledger.submit(fresh_job())
    valkey.delete(f"{PREFIX}steps:due", f"{PREFIX}jobs:PENDING:batch_analysis")
    before = snapshot(valkey)
    assert set(await ledger_faults(settings)) == {"stuck_steps", "index"}
    assert snapshot(valkey) == before
