"""A record that a newer release wrote is not touched. Only data in Redis outlives a release."""

from __future__ import annotations

import pytest
import redis

from tasks.jobs.job import Job
from tasks.jobs.record import CancelOutcome, SubmitVerdict
from tasks.jobs.step import ClaimRefusal, StepRef
from tasks.settings import Settings
from tests.contract.ledgers import WORKER, RedisUnderTest, a_job, claim

NEWER = "2"


@pytest.fixture
def under_test(redis_under_test: RedisUnderTest) -> RedisUnderTest:
    return redis_under_test


class Shelf:
    """The stored form of the jobs."""

    def __init__(self, client: redis.Redis, settings: Settings) -> None:
        self._client = client
        self._prefix = settings.key_prefix

    def make_newer(self, job: Job) -> None:
        self._client.hset(f"{self._prefix}job:{job.id}", "v", NEWER)

    def stored(self) -> dict[bytes, bytes | None]:
        """Everything that is stored of jobs, except the due times."""
        return {
            key: self._client.dump(key) for key in self._client.scan_iter(f"{self._prefix}job*")
        }


@pytest.fixture
def shelf(valkey: redis.Redis, settings: Settings) -> Shelf:
    return Shelf(valkey, settings)


async def test_a_newer_job_is_neither_claimed_nor_cancelled_nor_waited_for(
    under_test: RedisUnderTest, shelf: Shelf
) -> None:
    ledger, job = under_test.ledger, a_job()
    await ledger.submit(job)
    shelf.make_newer(job)
    before = shelf.stored()
    assert await ledger.claim(StepRef(job.id, "discover"), WORKER) is ClaimRefusal.NEWER
    assert await ledger.cancel(job.id) is CancelOutcome.UNKNOWN
    dependent = await ledger.submit(a_job(depends_on=(job.id,)))
    assert dependent.verdict is SubmitVerdict.UNKNOWN_DEPENDENCY
    assert shelf.stored() == before


async def test_a_newer_job_is_not_reaped(
    under_test: RedisUnderTest, shelf: Shelf, settings: Settings
) -> None:
    ledger, job = under_test.ledger, a_job()
    await ledger.submit(job)
    await claim(ledger, job, "discover")
    shelf.make_newer(job)
    before = shelf.stored()
    for _ in range(3):
        under_test.advance(settings.lease_seconds * 10)
        assert (await ledger.reap()).lost == 0
    assert shelf.stored() == before
    assert (await ledger.depth()).outstanding == 1


async def test_a_newer_job_that_has_ended_is_not_purged(
    under_test: RedisUnderTest, shelf: Shelf
) -> None:
    ledger, job = under_test.ledger, a_job()
    await ledger.submit(job)
    await ledger.cancel(job.id)
    shelf.make_newer(job)
    before = shelf.stored()
    assert not await ledger.purge(job.id)
    assert shelf.stored() == before
