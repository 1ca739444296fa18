"""Every ledger: pausing, draining and purging."""

from __future__ import annotations

from tasks.jobs.job import JobState, JobType
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.record import SubmitVerdict, WorkerRecord
from tasks.jobs.step import ClaimRefusal, StepRef
from tasks.ledger.keys import WORKER_FORGOTTEN_MS
from tasks.settings import Settings
from tests.contract.ledgers import (
    START_MS,
    WORKER,
    LedgerUnderTest,
    a_job,
    claim,
    complete,
    discover,
    state,
)


async def test_no_step_is_claimed_until_the_queue_is_resumed(ledger: Ledger) -> None:
    job = a_job()
    await ledger.submit(job)
    await ledger.pause()
    assert await ledger.claim(StepRef(job.id, "discover"), WORKER) is ClaimRefusal.PAUSED
    assert (await ledger.renew(WORKER, b"{}", [])).paused
    await ledger.resume()
    assert not (await ledger.renew(WORKER, b"{}", [])).paused
    await discover(ledger, job)


async def test_running_steps_are_not_affected_by_a_pause(ledger: Ledger) -> None:
    job = a_job()
    await ledger.submit(job)
    lease = await claim(ledger, job, "discover")
    await ledger.pause()
    assert await ledger.discovered(lease, [], b"null")


async def test_the_reaper_sends_no_wakeups_until_the_queue_is_resumed(
    under_test: LedgerUnderTest, settings: Settings
) -> None:
    ledger, job = under_test.ledger, a_job()
    await ledger.submit(job)
    await ledger.pause()
    under_test.pop_all()
    for _ in range(3):
        under_test.advance(settings.wakeup_grace + 0.1)
        assert (await ledger.reap()).woken == 0
    assert under_test.pop_all() == []
    await ledger.resume()
    under_test.advance(settings.wakeup_grace + 0.1)
    assert (await ledger.reap()).woken == 1
    assert under_test.pop_all() == [f"{job.id}/discover"]


async def test_a_paused_job_can_be_cancelled(ledger: Ledger) -> None:
    job = a_job()
    await ledger.submit(job)
    await ledger.pause()
    await ledger.cancel(job.id)
    assert await state(ledger, job) is JobState.REVOKED


async def test_workers_are_listed_as_they_describe_themselves(under_test: LedgerUnderTest) -> None:
    ledger = under_test.ledger
    await ledger.renew("worker-2", b'{"slots":4,"running":3}', [])
    under_test.advance(0.5)
    await ledger.renew("worker-1", b"{}", [])
    assert await ledger.workers() == (
        WorkerRecord(id="worker-1", seen_ms=START_MS + 500),
        WorkerRecord(id="worker-2", seen_ms=START_MS, slots=4, running=3),
    )


async def test_a_drained_worker_learns_of_it_at_its_next_renewal(ledger: Ledger) -> None:
    await ledger.renew("worker-1", b"{}", [])
    await ledger.renew("worker-2", b"{}", [])
    assert await ledger.drain("worker-1")
    assert [worker.draining for worker in await ledger.workers()] == [True, False]
    assert (await ledger.renew("worker-1", b"{}", [])).draining
    assert not (await ledger.renew("worker-2", b"{}", [])).draining


async def test_a_worker_that_misses_half_of_its_lease_is_silent(
    under_test: LedgerUnderTest, settings: Settings
) -> None:
    ledger = under_test.ledger
    await ledger.renew("worker-1", b"{}", [])
    under_test.advance(settings.lease_seconds / 2 - 0.001)
    await ledger.renew("worker-2", b"{}", [])
    assert [worker.silent for worker in await ledger.workers()] == [False, False]
    assert (await ledger.depth()).workers == 2
    under_test.advance(0.001)
    assert [worker.silent for worker in await ledger.workers()] == [True, False]
    assert (await ledger.depth()).workers == 1
    await ledger.renew("worker-1", b"{}", [])
    assert [worker.silent for worker in await ledger.workers()] == [False, False]


async def test_a_silent_worker_is_forgotten(under_test: LedgerUnderTest) -> None:
    ledger = under_test.ledger
    await ledger.renew("worker-1", b"{}", [])
    await ledger.drain("worker-1")
    under_test.advance(WORKER_FORGOTTEN_MS / 1000 - 1)
    await ledger.renew("worker-2", b"{}", [])
    under_test.advance(1)
    await ledger.reap()
    assert [worker.id for worker in await ledger.workers()] == ["worker-2"]
    assert not await ledger.drain("worker-1")
    assert not (await ledger.renew("worker-1", b"{}", [])).draining


async def test_a_purged_job_is_unknown(ledger: Ledger) -> None:
    job = a_job()
    await ledger.submit(job)
    await complete(ledger, job)
    assert await ledger.purge(job.id)
    assert await ledger.record(job.id) is None
    assert await ledger.result(job.id) is None
    assert (await ledger.outcomes(job.id, 0, 2)).outcomes == ()
    assert (await ledger.jobs(list(JobState), list(JobType), None, 9)).jobs == ()
    assert not await ledger.purge(job.id)
    dependent = await ledger.submit(a_job(depends_on=(job.id,)))
    assert dependent.verdict is SubmitVerdict.UNKNOWN_DEPENDENCY


async def test_an_active_job_is_not_purged(ledger: Ledger) -> None:
    job = a_job()
    await ledger.submit(job)
    assert not await ledger.purge(job.id)
    await discover(ledger, job)
    assert not await ledger.purge(job.id)
