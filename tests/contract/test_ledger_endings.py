"""Every ledger: jobs that end early, because they are cancelled, fail, or reach a deadline."""

from __future__ import annotations

from tasks.jobs.ids import new_job_id
from tasks.jobs.job import JobState
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.record import CancelOutcome
from tasks.jobs.step import ClaimRefusal, LeaseVerdict, StepRef
from tasks.settings import Settings
from tests.contract.ledgers import (
    START_MS,
    WORKER,
    LedgerUnderTest,
    a_job,
    analyse,
    analysed,
    claim,
    complete,
    discover,
    record,
    state,
)


async def test_a_queued_job_is_cancelled_at_once(ledger: Ledger) -> None:
    job = a_job()
    await ledger.submit(job)
    assert await ledger.cancel(job.id) is CancelOutcome.CANCELLED
    assert await state(ledger, job) is JobState.REVOKED
    assert await ledger.cancel(job.id) is CancelOutcome.FINISHED
    assert await ledger.cancel(new_job_id(START_MS)) is CancelOutcome.UNKNOWN
    assert (await ledger.depth()).outstanding == 0


async def test_a_running_job_is_revoked_when_its_last_step_has_stopped(ledger: Ledger) -> None:
    job = a_job(urls=3)
    await ledger.submit(job)
    await discover(ledger, job)
    first, second = [await claim(ledger, job, f"analyse:{n}") for n in range(2)]
    assert await ledger.cancel(job.id) is CancelOutcome.CANCELLING
    assert await ledger.cancel(job.id) is CancelOutcome.CANCELLING
    assert (await ledger.renew(WORKER, b"{}", [first])).verdicts == (LeaseVerdict.CANCELLED,)
    assert await ledger.settle(first, analysed("http://site.example/0"))
    assert await state(ledger, job) is JobState.PROGRESS
    assert await ledger.hand_back(second)
    assert await state(ledger, job) is JobState.REVOKED
    page = await ledger.outcomes(job.id, 0, 10)
    assert [outcome.url for outcome in page.outcomes] == ["http://site.example/0"]
    assert await ledger.claim(StepRef(job.id, "analyse", 2), WORKER) is ClaimRefusal.SETTLED


async def test_a_cancelled_job_whose_worker_died_is_revoked_too(
    under_test: LedgerUnderTest, settings: Settings
) -> None:
    ledger, job = under_test.ledger, a_job()
    await ledger.submit(job)
    await claim(ledger, job, "discover")
    await ledger.cancel(job.id)
    under_test.advance(settings.lease_seconds + 0.1)
    await ledger.reap()
    assert await state(ledger, job) is JobState.REVOKED


async def test_a_cancelled_job_is_revoked_however_its_discover_ends(ledger: Ledger) -> None:
    finished, failed, retried, handed_back = jobs = [a_job() for _ in range(4)]
    for job in jobs:
        await ledger.submit(job)
    leases = [await claim(ledger, job, "discover") for job in jobs]
    for job in jobs:
        await ledger.cancel(job.id)
    assert await ledger.discovered(leases[0], [], b"null")
    assert await ledger.fail(leases[1], "sources_failed", "All sources failed.")
    assert await ledger.retry(leases[2], 5, "server_error", "503")
    assert await ledger.hand_back(leases[3])
    for job in (finished, failed, retried, handed_back):
        stored = await record(ledger, job)
        assert (stored.state, stored.error) == (JobState.REVOKED, None)


async def test_a_cancelled_job_is_revoked_even_if_its_rank_succeeds(ledger: Ledger) -> None:
    job = a_job(urls=1)
    await ledger.submit(job)
    await discover(ledger, job)
    await analyse(ledger, job, 0)
    rank = await claim(ledger, job, "rank")
    assert await ledger.cancel(job.id) is CancelOutcome.CANCELLING
    assert await ledger.complete(rank, b"{}")
    assert await state(ledger, job) is JobState.REVOKED
    assert await ledger.result(job.id) is None


async def test_a_transient_failure_is_not_retried_once_the_job_is_cancelled(
    ledger: Ledger,
) -> None:
    job = a_job(urls=1)
    await ledger.submit(job)
    await discover(ledger, job)
    lease = await claim(ledger, job, "analyse:0")
    await ledger.cancel(job.id)
    assert await ledger.retry(lease, 5, "server_error", "503")
    assert await state(ledger, job) is JobState.REVOKED
    (failure,) = await ledger.failures(job.id)
    assert failure.reason == "server_error"
    assert [attempt.outcome for attempt in await ledger.attempts(job.id)] == ["failed"]


async def test_a_failed_discover_fails_the_job(ledger: Ledger) -> None:
    job = a_job()
    await ledger.submit(job)
    lease = await claim(ledger, job, "discover")
    assert await ledger.fail(lease, "sources_failed", "All sources failed.")
    stored = await record(ledger, job)
    assert stored.state is JobState.FAILURE
    assert stored.error == "sources_failed: All sources failed."


async def test_a_deadline_ranks_the_settled_articles(
    under_test: LedgerUnderTest, settings: Settings
) -> None:
    urls = settings.release_window + 3
    ledger, job = under_test.ledger, a_job(urls=urls, deadline_ms=START_MS + 60_000)
    await ledger.submit(job)
    await discover(ledger, job)
    await analyse(ledger, job, 0)
    running = await claim(ledger, job, "analyse:1")
    under_test.advance(1)
    await ledger.renew(WORKER, b"{}", [running])
    under_test.advance(60)
    await ledger.reap()
    assert not await ledger.settle(running, analysed("http://site.example/1"))
    stored = await record(ledger, job)
    assert stored.deadline_reached
    assert (stored.settled, stored.processed, stored.failed) == (urls, 1, urls - 1)
    failures = await ledger.failures(job.id)
    assert [failure.url for failure in failures] == [
        f"http://site.example/{n}" for n in range(1, urls)
    ]
    assert {failure.reason for failure in failures} == {"deadline_reached"}
    assert await ledger.complete(await claim(ledger, job, "rank"), b"{}")


async def test_a_deadline_before_anything_was_found_ranks_nothing(
    under_test: LedgerUnderTest,
) -> None:
    ledger, job = under_test.ledger, a_job(deadline_ms=START_MS + 60_000)
    await ledger.submit(job)
    running = await claim(ledger, job, "discover")
    under_test.advance(60)
    await ledger.reap()
    assert not await ledger.discovered(running, [], b"null")
    assert await ledger.complete(await claim(ledger, job, "rank"), b"{}")
    stored = await record(ledger, job)
    assert (stored.state, stored.total, stored.deadline_reached) == (JobState.SUCCESS, 0, True)


async def test_a_deadline_that_passes_during_rank_has_no_effect(
    under_test: LedgerUnderTest,
) -> None:
    ledger, job = under_test.ledger, a_job(urls=1, deadline_ms=START_MS + 1000)
    await ledger.submit(job)
    await discover(ledger, job)
    await analyse(ledger, job, 0)
    rank = await claim(ledger, job, "rank")
    under_test.advance(1.5)
    await ledger.reap()
    assert not (await record(ledger, job)).deadline_reached
    assert await ledger.complete(rank, b"{}")


async def test_a_deadline_that_passes_while_a_job_is_cancelled_settles_nothing(
    under_test: LedgerUnderTest,
) -> None:
    ledger, job = under_test.ledger, a_job(urls=3, deadline_ms=START_MS + 1000)
    await ledger.submit(job)
    await discover(ledger, job)
    running = await claim(ledger, job, "analyse:0")
    await ledger.cancel(job.id)
    under_test.advance(1.5)
    await ledger.reap()
    assert await ledger.failures(job.id) == ()
    assert await ledger.hand_back(running)
    assert await state(ledger, job) is JobState.REVOKED


async def test_the_deadline_of_a_job_that_has_ended_is_forgotten(ledger: Ledger) -> None:
    job = a_job(deadline_ms=START_MS + 60_000)
    await ledger.submit(job)
    assert (await ledger.depth()).outstanding == 2
    await complete(ledger, job)
    assert (await ledger.depth()).outstanding == 0
