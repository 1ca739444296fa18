"""Every ledger: how long it keeps ended jobs."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tasks.composition import job_limits
from tasks.jobs.job import JobState, JobType
from tasks.jobs.queue import Queue
from tasks.jobs.record import IdempotencyKey, KeepRefusal, SubmitVerdict
from tasks.ledger.keys import IDEMPOTENCY_KEPT_S
from tasks.settings import Settings
from tests.contract.ledgers import LedgerUnderTest, a_job, complete, record


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


async def test_a_job_may_ask_for_its_result_to_be_kept_longer(
    under_test: LedgerUnderTest, settings: Settings
) -> None:
    kept_seconds = settings.job_ttl * 3
    ledger, job = under_test.ledger, a_job(urls=1, result_ttl_seconds=kept_seconds)
    await ledger.submit(job)
    await complete(ledger, job)
    stored = await record(ledger, job)
    assert stored.expires_ms == (stored.finished_ms or 0) + kept_seconds * 1000
    under_test.advance(kept_seconds - 1)
    assert (await ledger.reap()).expired == 0
    assert await ledger.result(job.id) is not None
    under_test.advance(1)
    assert await ledger.result(job.id) is None
    assert (await ledger.reap()).expired == 1


async def test_a_shorter_time_leaves_the_record(
    under_test: LedgerUnderTest, settings: Settings
) -> None:
    ledger, job = under_test.ledger, a_job(urls=1, result_ttl_seconds=60)
    await ledger.submit(job)
    await complete(ledger, job)
    under_test.advance(60)
    assert await ledger.result(job.id) is None
    under_test.advance(settings.job_ttl - 61)
    assert await ledger.record(job.id) is not None


async def test_a_result_can_be_kept_for_longer(
    under_test: LedgerUnderTest, settings: Settings
) -> None:
    ledger, job = under_test.ledger, a_job(urls=1)
    await ledger.submit(job)
    await complete(ledger, job)
    under_test.advance(settings.result_ttl - 1)
    kept_seconds = settings.job_ttl * 2
    expires_ms = await ledger.keep(job.id, kept_seconds)
    assert expires_ms == (await record(ledger, job)).expires_ms
    assert expires_ms == under_test.now_ms + kept_seconds * 1000
    assert await ledger.keep(job.id, 1) == expires_ms  # what is kept for longer stays so
    under_test.advance(kept_seconds - 1)
    assert (await ledger.reap()).expired == 0
    assert await ledger.result(job.id) is not None
    assert len((await ledger.outcomes(job.id, 0, 9)).outcomes) == 1
    under_test.advance(1)
    assert (await ledger.reap()).expired == 1
    assert await ledger.record(job.id) is None


async def test_keeping_a_result_shortens_no_record(
    under_test: LedgerUnderTest, settings: Settings
) -> None:
    ledger, job = under_test.ledger, a_job(urls=1)
    await ledger.submit(job)
    await complete(ledger, job)
    await ledger.keep(job.id, settings.result_ttl + 60)
    under_test.advance(settings.job_ttl - 1)
    assert await ledger.result(job.id) is None
    assert await ledger.record(job.id) is not None
    under_test.advance(1)
    assert (await ledger.reap()).expired == 1


async def test_what_cannot_be_kept(under_test: LedgerUnderTest, settings: Settings) -> None:
    ledger, job = under_test.ledger, a_job()
    assert await ledger.keep(job.id, 60) is KeepRefusal.UNKNOWN
    await ledger.submit(job)
    assert await ledger.keep(job.id, 60) is KeepRefusal.ACTIVE
    await ledger.cancel(job.id)
    under_test.advance(settings.result_ttl)
    assert await ledger.keep(job.id, 60) is KeepRefusal.EXPIRED
    await ledger.purge(job.id)
    assert await ledger.keep(job.id, 60) is KeepRefusal.UNKNOWN


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
        assert (await queue.result(job.id)).startswith(b'{"done":true,"expires_at":')
        assert (await queue.status(job.id)).record.state is JobState.SUCCESS
        under_test.advance(1)
        assert (await ledger.reap()).expired == 1
        assert await ledger.record(job.id) is None
