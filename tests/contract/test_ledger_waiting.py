"""Every ledger: jobs that wait for a start time or for other jobs."""

from __future__ import annotations

import pytest

from tasks.jobs.ids import new_job_id
from tasks.jobs.job import Job, JobState
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.record import CancelOutcome, SubmitVerdict
from tasks.jobs.step import ClaimRefusal, StepRef
from tasks.settings import Settings
from tests.contract.ledgers import (
    START_MS,
    WORKER,
    LedgerUnderTest,
    a_job,
    claim,
    complete,
    nth_id,
    record,
    state,
)

CHAIN = 1000


async def submitted(ledger: Ledger, *jobs: Job) -> None:
    for job in jobs:
        assert (await ledger.submit(job)).verdict is SubmitVerdict.SUBMITTED


async def fail(ledger: Ledger, job: Job) -> None:
    assert await ledger.fail(await claim(ledger, job, "discover"), "sources_failed", "All failed.")


async def test_a_job_waits_for_its_start_time(under_test: LedgerUnderTest) -> None:
    ledger, job = under_test.ledger, a_job(not_before_ms=START_MS + 60_000)
    await ledger.submit(job)
    assert await state(ledger, job) is JobState.WAITING
    assert await ledger.claim(StepRef(job.id, "discover"), WORKER) is ClaimRefusal.DELAYED
    under_test.advance(61)
    await ledger.reap()
    assert await state(ledger, job) is JobState.PENDING
    await claim(ledger, job, "discover")


async def test_a_start_time_that_has_passed_has_no_effect(under_test: LedgerUnderTest) -> None:
    job = a_job(not_before_ms=START_MS - 1)
    await under_test.ledger.submit(job)
    assert await state(under_test.ledger, job) is JobState.PENDING
    assert under_test.pop_all() == [f"{job.id}/discover"]


async def test_a_job_waits_until_all_it_depends_on_have_succeeded(
    under_test: LedgerUnderTest,
) -> None:
    ledger, first, second = under_test.ledger, a_job(urls=0), a_job(urls=0)
    job = a_job(depends_on=(first.id, second.id, first.id))
    await submitted(ledger, first, second, job)
    await complete(ledger, first)
    assert await state(ledger, job) is JobState.WAITING
    assert await ledger.claim(StepRef(job.id, "discover"), WORKER) is ClaimRefusal.SETTLED
    under_test.pop_all()
    await complete(ledger, second)
    assert await state(ledger, job) is JobState.PENDING
    assert under_test.pop_all()[-1] == f"{job.id}/discover"
    await complete(ledger, job)


async def test_a_job_does_not_wait_for_jobs_that_have_succeeded(ledger: Ledger) -> None:
    before = a_job(urls=0)
    await submitted(ledger, before)
    await complete(ledger, before)
    job = a_job(depends_on=(before.id,))
    await submitted(ledger, job)
    assert await state(ledger, job) is JobState.PENDING


@pytest.mark.parametrize("ending", [JobState.FAILURE, JobState.REVOKED])
async def test_a_job_fails_with_one_that_it_depends_on(ledger: Ledger, ending: JobState) -> None:
    first, second = a_job(), a_job()
    job = a_job(depends_on=(first.id, second.id))
    await submitted(ledger, first, second, job)
    if ending is JobState.FAILURE:
        await fail(ledger, first)
    else:
        await ledger.cancel(first.id)
    stored = await record(ledger, job)
    assert stored.state is JobState.FAILURE
    assert stored.error == f"dependency_failed: Job {first.id} ended in {ending}."
    assert stored.started_ms is None
    too_late = a_job(depends_on=(second.id, first.id))
    await submitted(ledger, too_late)
    assert (await record(ledger, too_late)).error == stored.error
    await complete(ledger, second)
    assert (await ledger.depth()).outstanding == 0


async def test_with_an_unknown_dependency_nothing_is_written(
    under_test: LedgerUnderTest,
) -> None:
    ledger, known, unknown = under_test.ledger, a_job(), new_job_id(START_MS)
    await submitted(ledger, known)
    before = await ledger.depth()
    job = a_job(depends_on=(known.id, unknown))
    outcome = await ledger.submit(job)
    assert (outcome.verdict, outcome.job_id) == (SubmitVerdict.UNKNOWN_DEPENDENCY, unknown)
    assert await ledger.record(job.id) is None
    assert await ledger.depth() == before


async def test_a_job_cannot_wait_for_itself(ledger: Ledger) -> None:
    job = a_job()
    outcome = await ledger.submit(a_job(id=job.id, depends_on=(job.id,)))
    assert outcome.verdict is SubmitVerdict.UNKNOWN_DEPENDENCY


async def chain(ledger: Ledger, length: int) -> list[Job]:
    """Jobs, each of which waits for the job before."""
    jobs = [a_job(urls=0, id=nth_id(0))]
    for n in range(1, length):
        jobs.append(a_job(urls=0, id=nth_id(n), depends_on=(jobs[-1].id,)))
    await submitted(ledger, *jobs)
    return jobs


async def test_a_failure_passes_down_a_long_chain(ledger: Ledger) -> None:
    jobs = await chain(ledger, CHAIN)
    await fail(ledger, jobs[0])
    while (await ledger.reap()).examined:  # a long chain is followed in slices
        pass
    last = await record(ledger, jobs[-1])
    assert last.state is JobState.FAILURE
    assert last.error == f"dependency_failed: Job {jobs[-2].id} ended in FAILURE."
    assert (await ledger.depth()).active_jobs == 0


async def test_a_chain_runs_one_after_the_other(ledger: Ledger) -> None:
    jobs = await chain(ledger, 20)
    for job in jobs:
        assert (await ledger.depth()).queued == 1
        await complete(ledger, job)
    assert await state(ledger, jobs[-1]) is JobState.SUCCESS


async def test_a_job_that_two_failures_reach_ends_once(ledger: Ledger) -> None:
    first = a_job(id=nth_id(0))
    middle = a_job(id=nth_id(1), depends_on=(first.id,))
    last = a_job(id=nth_id(2), depends_on=(first.id, middle.id))
    await submitted(ledger, first, middle, last)
    await ledger.cancel(first.id)
    assert (await record(ledger, middle)).state is JobState.FAILURE
    stored = await record(ledger, last)
    assert stored.error == f"dependency_failed: Job {first.id} ended in REVOKED."


async def test_a_waiting_job_is_cancelled_and_those_after_it_fail(ledger: Ledger) -> None:
    first, second, third = await chain(ledger, 3)
    assert await ledger.cancel(second.id) is CancelOutcome.CANCELLED
    assert await state(ledger, second) is JobState.REVOKED
    assert await state(ledger, third) is JobState.FAILURE
    await complete(ledger, first)
    assert await state(ledger, second) is JobState.REVOKED
    assert (await ledger.depth()).outstanding == 0


@pytest.mark.parametrize("dependency_first", [True, False])
async def test_a_job_may_wait_for_both_a_start_time_and_a_job(
    under_test: LedgerUnderTest, dependency_first: bool
) -> None:
    ledger, first = under_test.ledger, a_job(urls=0)
    job = a_job(urls=0, depends_on=(first.id,), not_before_ms=START_MS + 60_000)
    await submitted(ledger, first, job)
    if dependency_first:
        await complete(ledger, first)
        assert await state(ledger, job) is JobState.WAITING
    under_test.advance(61)
    await ledger.reap()
    if not dependency_first:
        assert await state(ledger, job) is JobState.WAITING
        await complete(ledger, first)
    assert await state(ledger, job) is JobState.PENDING
    await complete(ledger, job)


async def test_a_deadline_that_passes_while_a_job_waits_ranks_nothing(
    under_test: LedgerUnderTest,
) -> None:
    ledger, first = under_test.ledger, a_job(urls=0)
    job = a_job(depends_on=(first.id,), deadline_ms=START_MS + 1000)
    await submitted(ledger, first, job)
    under_test.advance(1.5)
    await ledger.reap()
    assert await state(ledger, job) is JobState.PENDING
    assert await ledger.complete(await claim(ledger, job, "rank"), b"{}")
    stored = await record(ledger, job)
    assert (stored.state, stored.deadline_reached) == (JobState.SUCCESS, True)
    await complete(ledger, first)
    assert await record(ledger, job) == stored
    assert (await ledger.depth()).outstanding == 0


async def test_a_deadline_that_passes_with_the_end_of_its_job_changes_nothing(
    under_test: LedgerUnderTest, settings: Settings
) -> None:
    """One round of the reaper finds both: the lease that ends the job, and its deadline."""
    lease_ms = round(settings.lease_seconds * 1000)
    ledger, first = under_test.ledger, a_job(id=nth_id(0))
    job = a_job(id=nth_id(1), depends_on=(first.id,), deadline_ms=START_MS + lease_ms)
    await submitted(ledger, first, job)
    await claim(ledger, first, "discover")
    await ledger.cancel(first.id)
    under_test.advance(settings.lease_seconds)
    await ledger.reap()
    assert await state(ledger, first) is JobState.REVOKED
    stored = await record(ledger, job)
    assert (stored.state, stored.deadline_reached) == (JobState.FAILURE, False)
    assert (await ledger.depth()).outstanding == 0
