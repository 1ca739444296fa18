"""Every ledger: how long it keeps ended jobs."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tasks.composition import job_limits
from tasks.jobs.job import JobState, JobType
from tasks.jobs.queue import Queue
from tasks.jobs.record import IdempotencyKey, SubmitVerdict
from tasks.ledger.keys import IDEMPOTENCY_KEPT_S
from tasks.settings import Settings
from tests.contract.ledgers import LedgerUnderTest, a_job, complete


async def test_the_result_expires_before_the_record(
    under_test: LedgerUnderTest, settings: Settings
) -> None:
    ledger, job = under_test.ledger, a_job(urls=1)
    await ledger.submit(job)
    await complete(ledger, job)
    under_test.advance(settings.result_ttl - 60)
    assert await ledger.result(job.id) is not None
    assert len((await ledger.outcomes(job.id, 0, 9)).outcomes) == 1
    under_test.advance(60)
    assert await ledger.result(job.id) is None
    assert (await ledger.outcomes(job.id, 0, 9)).outcomes == ()
    under_test.advance(settings.job_ttl - settings.result_ttl - 60)
    assert await ledger.record(job.id) is not None
    under_test.advance(60)
    assert await ledger.record(job.id) is None
    assert await ledger.job(job.id) is None


async def test_an_active_job_does_not_expire(
    under_test: LedgerUnderTest, settings: Settings
) -> None:
    ledger, job = under_test.ledger, a_job(urls=1)
    await ledger.submit(job)
    under_test.advance(settings.job_ttl * 2)
    assert (await ledger.reap()).expired == 0
    await complete(ledger, job)


async def test_an_expired_job_leaves_the_listing(
    under_test: LedgerUnderTest, settings: Settings
) -> None:
    ledger, job = under_test.ledger, a_job()
    await ledger.submit(job)
    await ledger.cancel(job.id)
    under_test.advance(settings.job_ttl)
    assert (await ledger.reap()).expired == 1
    assert (await ledger.reap()).expired == 0
    assert (await ledger.jobs([JobState.REVOKED], list(JobType), None, 3)).jobs == ()


async def test_a_purged_job_does_not_expire_once_more(
    under_test: LedgerUnderTest, settings: Settings
) -> None:
    ledger, job = under_test.ledger, a_job()
    await ledger.submit(job)
    await ledger.cancel(job.id)
    await ledger.purge(job.id)
    under_test.advance(settings.job_ttl)
    assert (await ledger.reap()).expired == 0


async def test_an_idempotency_key_is_kept_for_a_day(under_test: LedgerUnderTest) -> None:
    ledger = under_test.ledger
    key = IdempotencyKey(name="ab" * 32, submission_digest="01" * 32)
    await ledger.submit(a_job(), key)
    under_test.advance(IDEMPOTENCY_KEPT_S - 60)
    assert (await ledger.submit(a_job(), key)).verdict is SubmitVerdict.KNOWN
    under_test.advance(60)
    assert (await ledger.submit(a_job(), key)).verdict is SubmitVerdict.SUBMITTED


class TestResultTtlAboveJobTtl:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, result_ttl=7200, job_ttl=60)

    async def test_a_record_lives_as_long_as_its_result(
        self, under_test: LedgerUnderTest, settings: Settings
    ) -> None:
        ledger, job = under_test.ledger, a_job()
        await ledger.submit(job)
        await complete(ledger, job)
        queue = Queue(ledger, job_limits(settings))
        under_test.advance(7199)
        await ledger.reap()
        assert await queue.result(job.id) == b'{"done":true}'
        assert (await queue.status(job.id)).record.state is JobState.SUCCESS
        under_test.advance(1)
        assert (await ledger.reap()).expired == 1
        assert await ledger.record(job.id) is None
