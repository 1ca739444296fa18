"""Every ledger: steps that wait for a host."""

from __future__ import annotations

import pytest

from tasks.jobs.job import Job, JobState
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.record import ArticleRetries, ArticleRetry, CancelOutcome, HostWait, HostWaits
from tasks.jobs.step import ClaimRefusal, StepRef
from tasks.settings import Settings
from tests.contract.ledgers import (
    START_MS,
    WORKER,
    LedgerUnderTest,
    a_job,
    analyse,
    candidates,
    claim,
    discover,
    record,
    state,
)

HOST = "site.example"


async def running(ledger: Ledger, urls: int = 2, **fields: object) -> Job:
    """A job whose articles are released."""
    job = a_job(urls, **fields)
    await ledger.submit(job)
    await discover(ledger, job)
    return job


async def postpone(ledger: Ledger, job: Job, index: int, seconds: float) -> None:
    lease = await claim(ledger, job, f"analyse:{index}")
    assert await ledger.postpone(lease, seconds, HOST)


async def test_a_step_that_waits_cannot_be_claimed_until_then(under_test: LedgerUnderTest) -> None:
    ledger = under_test.ledger
    job = await running(ledger)
    await postpone(ledger, job, 0, 10)
    ref = StepRef.parse(f"{job.id}/analyse:0")
    under_test.advance(9.9)
    await ledger.reap()
    assert await ledger.claim(ref, WORKER) is ClaimRefusal.DELAYED
    under_test.advance(0.1)
    await ledger.reap()
    assert (await claim(ledger, job, "analyse:0")).attempt == 2


async def test_a_wait_for_a_host_is_no_try(under_test: LedgerUnderTest, settings: Settings) -> None:
    ledger = under_test.ledger
    job = await running(ledger)
    for _ in range(settings.max_tries + 1):
        await postpone(ledger, job, 0, 1)
        under_test.advance(1)
        await ledger.reap()
    assert (await claim(ledger, job, "analyse:0")).tries == 1
    assert (await record(ledger, job)).failed == 0
    assert await ledger.attempts(job.id) == ()


async def test_a_step_whose_turn_has_come_goes_before_steps_that_wait_for_a_worker(
    under_test: LedgerUnderTest,
) -> None:
    ledger = under_test.ledger
    job = await running(ledger)
    await postpone(ledger, job, 0, 1)
    under_test.pop_all()
    await running(ledger)
    under_test.advance(1)
    await ledger.reap()
    assert under_test.pop() == f"{job.id}/analyse:0"


async def test_waiting_articles_are_listed_with_host_and_time(under_test: LedgerUnderTest) -> None:
    ledger = under_test.ledger
    job = await running(ledger, 5)
    urls = [candidate.url for candidate in candidates(job)]
    await postpone(ledger, job, 2, 10)
    await postpone(ledger, job, 1, 20)
    lease = await claim(ledger, job, "analyse:0")
    await ledger.retry(lease, 5, "server_error", "Not so fast.", "other.example")
    unasked = await claim(ledger, job, "analyse:3")
    await ledger.retry(unasked, 1, "timed_out", "It took long.")
    expected = [
        HostWait(url=urls[0], host="other.example", until_ms=START_MS + 5_000),
        HostWait(url=urls[2], host=HOST, until_ms=START_MS + 10_000),
        HostWait(url=urls[1], host=HOST, until_ms=START_MS + 20_000),
    ]
    assert await ledger.waiting(job.id, 20) == HostWaits(count=3, first=tuple(expected))
    assert await ledger.waiting(job.id, 2) == HostWaits(count=3, first=tuple(expected[:2]))
    under_test.advance(10)
    await ledger.reap()
    assert (await ledger.waiting(job.id, 20)).first == (expected[2],)


async def test_articles_that_are_tried_again_are_listed_with_their_time(
    under_test: LedgerUnderTest,
) -> None:
    ledger = under_test.ledger
    job = await running(ledger, 5)
    urls = [candidate.url for candidate in candidates(job)]
    await postpone(ledger, job, 2, 10)
    for index, delay in ((3, 20), (0, 5), (1, 60)):
        lease = await claim(ledger, job, f"analyse:{index}")
        await ledger.retry(lease, delay, "timed_out", "It took long.")
    expected = tuple(
        ArticleRetry(url=urls[index], at_ms=START_MS + 1000 * delay)
        for index, delay in ((0, 5), (3, 20), (1, 60))
    )
    assert await ledger.retrying(job.id, 20) == ArticleRetries(count=3, first=expected)
    assert await ledger.retrying(job.id, 2) == ArticleRetries(count=3, first=expected[:2])
    assert (await ledger.waiting(job.id, 20)).count == 1
    under_test.advance(5)
    await ledger.reap()
    assert (await ledger.retrying(job.id, 20)).first == expected[1:]


@pytest.mark.parametrize("job_id", ["", "0197-unknown"])
async def test_no_article_waits_in_an_unknown_job(ledger: Ledger, job_id: str) -> None:
    assert await ledger.waiting(job_id, 20) == HostWaits(count=0, first=())
    assert await ledger.retrying(job_id, 20) == ArticleRetries(count=0, first=())


async def test_a_job_whose_articles_wait_is_cancelled_at_once(ledger: Ledger) -> None:
    job = await running(ledger, 1)
    await postpone(ledger, job, 0, 900)
    assert await ledger.cancel(job.id) is CancelOutcome.CANCELLED
    assert await state(ledger, job) is JobState.REVOKED
    assert await ledger.waiting(job.id, 20) == HostWaits(count=0, first=())


async def test_a_step_whose_job_is_being_cancelled_does_not_wait(ledger: Ledger) -> None:
    job = await running(ledger, 1)
    lease = await claim(ledger, job, "analyse:0")
    assert await ledger.cancel(job.id) is CancelOutcome.CANCELLING
    assert await ledger.postpone(lease, 900, HOST)
    assert await state(ledger, job) is JobState.REVOKED


async def test_a_deadline_does_not_wait_for_hosts(under_test: LedgerUnderTest) -> None:
    ledger = under_test.ledger
    job = await running(ledger, 2, deadline_ms=START_MS + 5_000)
    await postpone(ledger, job, 0, 900)
    await analyse(ledger, job, 1)
    under_test.advance(5)
    await ledger.reap()
    failures = await ledger.failures(job.id)
    assert [failure.reason for failure in failures] == ["deadline_reached"]
    await claim(ledger, job, "rank")


async def test_only_the_holder_of_the_lease_can_postpone_a_step(
    under_test: LedgerUnderTest,
) -> None:
    ledger = under_test.ledger
    job = await running(ledger, 1)
    lost = await claim(ledger, job, "analyse:0")
    under_test.advance(3)
    await ledger.reap()
    assert not await ledger.postpone(lost, 900, HOST)
    await analyse(ledger, job, 0)
