"""Every ledger: wake-ups that are delivered, lost or delivered twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from tasks.composition import ledger_policy
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.step import ClaimRefusal, Lease, LeaseVerdict, NextClaim, StepEnd, StepRef
from tasks.ledger.diagnosis import LedgerOutage
from tasks.ledger.memory import MemoryLedger
from tasks.ledger.reaper import BATCH, reap_forever
from tasks.settings import Settings
from tasks.supervision import background
from tests.contract.ledgers import (
    START_MS,
    WORKER,
    LedgerUnderTest,
    a_job,
    analysed,
    candidates,
    claim,
    discover,
)
from tests.waiting import wait_until


async def test_a_late_wakeup_finds_nothing_to_do(ledger: Ledger) -> None:
    job = a_job()
    await ledger.submit(job)
    await discover(ledger, job)
    assert await ledger.claim(StepRef(job.id, "discover"), WORKER) is ClaimRefusal.SETTLED
    assert await ledger.claim(StepRef(job.id, "analyse", 99), WORKER) is ClaimRefusal.SETTLED


async def test_a_lost_wakeup_is_sent_again(under_test: LedgerUnderTest, settings: Settings) -> None:
    ledger, job = under_test.ledger, a_job()
    await ledger.submit(job)
    assert under_test.pop_all() == [f"{job.id}/discover"]
    under_test.advance(settings.wakeup_grace + 0.1)
    assert (await ledger.reap()).woken == 1
    assert under_test.pop_all() == [f"{job.id}/discover"]


async def test_a_wakeup_that_waits_in_its_list_is_not_sent_twice(
    under_test: LedgerUnderTest, settings: Settings
) -> None:
    ledger, job = under_test.ledger, a_job()
    await ledger.submit(job)
    for _ in range(3):
        under_test.advance(settings.wakeup_grace + 0.1)
        assert (await ledger.reap()).woken == 0
    assert under_test.pop_all() == [f"{job.id}/discover"]


async def test_a_step_that_is_handed_back_goes_to_the_front_and_is_no_try(
    under_test: LedgerUnderTest,
) -> None:
    ledger, job, other = under_test.ledger, a_job(urls=3), a_job()
    await ledger.submit(job)
    await discover(ledger, job)
    under_test.pop_all()
    lease = await claim(ledger, job, "analyse:2")
    await ledger.submit(other)
    assert await ledger.hand_back(lease)
    assert under_test.pop_all() == [f"{job.id}/analyse:2", f"{other.id}/discover"]
    again = await claim(ledger, job, "analyse:2")
    assert (again.attempt, again.tries) == (2, 1)


async def test_a_lost_wakeup_of_a_handed_back_step_is_noticed_before_the_list_is_empty(
    under_test: LedgerUnderTest, settings: Settings
) -> None:
    ledger, job, other = under_test.ledger, a_job(), a_job()
    await ledger.submit(job)
    under_test.pop_all()
    lease = await claim(ledger, job, "discover")
    await ledger.submit(other)
    await ledger.hand_back(lease)
    assert under_test.pop() == f"{job.id}/discover"
    under_test.advance(settings.wakeup_grace + 0.1)
    assert (await ledger.reap()).woken == 1
    assert under_test.pop_all() == [f"{other.id}/discover", f"{job.id}/discover"]


async def test_a_hand_back_duplicates_no_other_wakeup(
    under_test: LedgerUnderTest, settings: Settings
) -> None:
    ledger, job, other = under_test.ledger, a_job(), a_job()
    await ledger.submit(job)
    under_test.pop_all()
    lease = await claim(ledger, job, "discover")
    await ledger.submit(other)
    await ledger.hand_back(lease)
    assert under_test.pop() == f"{job.id}/discover"
    await claim(ledger, job, "discover")
    under_test.advance(settings.wakeup_grace + 0.1)
    assert (await ledger.reap()).woken == 0
    assert under_test.pop_all() == [f"{other.id}/discover"]


async def test_the_reaper_respects_its_limit(
    under_test: LedgerUnderTest, settings: Settings
) -> None:
    ledger, jobs = under_test.ledger, [a_job() for _ in range(3)]
    for job in jobs:
        await ledger.submit(job)
    under_test.pop_all()
    under_test.advance(settings.wakeup_grace + 0.1)
    assert [(await ledger.reap(2)).woken for _ in range(3)] == [2, 1, 0]


async def test_the_reaper_reports_how_many_due_times_it_examined(
    under_test: LedgerUnderTest, settings: Settings
) -> None:
    for _ in range(3):
        await under_test.ledger.submit(a_job())
    under_test.advance(settings.wakeup_grace)
    assert [(await under_test.ledger.reap(2)).examined for _ in range(3)] == [2, 1, 0]


async def test_a_long_queue_does_not_hide_an_expired_lease() -> None:
    now_ms, settings = [START_MS], Settings(lease_seconds=2, wakeup_grace=0.3)
    ledger, job = MemoryLedger(ledger_policy(settings), lambda: now_ms[0]), a_job()
    for _ in range(BATCH * 4):
        await ledger.submit(a_job())
    await ledger.submit(job)
    lease = await claim(ledger, job, "discover")
    now_ms[0] += 2000
    outage = LedgerOutage("redis://not-asked.example")
    async with background("reaper", lambda: reap_forever(ledger, outage)):
        await wait_until(ledger.due_in, "all that is due to be looked at", timeout=1)
    assert (await ledger.renew(WORKER, b"{}", [lease])).verdicts == (LeaseVerdict.LOST,)


ALONE, BESIDE_OTHERS = (NextClaim(claim_id="next", alone=alone) for alone in (True, False))


async def test_the_end_of_a_step_gives_its_worker_the_next(under_test: LedgerUnderTest) -> None:
    ledger, job = under_test.ledger, a_job(urls=1)
    await ledger.submit(job)
    under_test.pop_all()
    lease = await claim(ledger, job, "discover")
    end = await ledger.discovered(lease, candidates(job), b"null", ALONE)
    assert end.next
    assert (end.next.lease.ref, end.next.lease.worker) == (StepRef(job.id, "analyse", 0), WORKER)
    assert (end.next.job, end.next.candidate) == (job, candidates(job)[0])
    assert under_test.pop_all() == []
    end = await ledger.settle(end.next.lease, analysed(candidates(job)[0].url), ALONE)
    assert end.next
    assert end.next.lease.ref == StepRef(job.id, "rank")
    other = a_job()
    await ledger.submit(other)
    end = await ledger.complete(end.next.lease, b"{}", ALONE)
    assert end.next
    assert (end.next.job, end.next.lease.ref.name) == (other, "discover")
    assert await ledger.hand_back(end.next.lease)


async def test_a_worker_that_is_not_alone_leaves_the_last_wakeup_to_others(
    under_test: LedgerUnderTest,
) -> None:
    ledger, job = under_test.ledger, a_job(urls=2)
    await ledger.submit(job)
    under_test.pop_all()
    lease = await claim(ledger, job, "discover")
    end = await ledger.discovered(lease, candidates(job), b"null", BESIDE_OTHERS)
    assert end.next
    assert end.next.lease.ref.name == "analyse:0"
    end = await ledger.settle(end.next.lease, analysed(candidates(job)[0].url), BESIDE_OTHERS)
    assert (end.accepted, end.next) == (True, None)
    assert under_test.pop_all() == [f"{job.id}/analyse:1"]


async def test_there_is_no_next_step_while_the_queue_is_paused(
    under_test: LedgerUnderTest,
) -> None:
    ledger, job = under_test.ledger, a_job(urls=1)
    await ledger.submit(job)
    under_test.pop_all()
    lease = await claim(ledger, job, "discover")
    await ledger.pause()
    end = await ledger.discovered(lease, candidates(job), b"null", ALONE)
    assert (end.accepted, end.next) == (True, None)
    assert under_test.pop_all() == [f"{job.id}/analyse:0"]


async def test_the_end_of_a_lost_lease_gives_nothing(
    under_test: LedgerUnderTest, settings: Settings
) -> None:
    ledger, job = under_test.ledger, a_job(urls=1)
    await ledger.submit(job)
    under_test.pop_all()
    lease = await claim(ledger, job, "discover")
    under_test.advance(settings.lease_seconds + 0.1)
    await ledger.reap()
    end = await ledger.discovered(lease, candidates(job), b"null", ALONE)
    assert (end.accepted, end.next) == (False, None)
    assert under_test.pop_all() == [f"{job.id}/discover"]


async def test_a_repeated_end_of_a_step_gives_the_same_lease_again(
    under_test: LedgerUnderTest,
) -> None:
    """Its reply may have been lost."""
    ledger, job, other = under_test.ledger, a_job(urls=1), a_job()
    await ledger.submit(job)
    under_test.pop_all()
    lease = await claim(ledger, job, "discover")

    async def repeated(call: Callable[[], Awaitable[StepEnd]]) -> Lease:
        first, again = [await call() for _ in range(2)]
        assert first.next
        assert again.accepted
        assert again.next == msgspec.structs.replace(first.next, waited_ms=None)
        return again.next.lease

    found = candidates(job)
    lease = await repeated(lambda: ledger.discovered(lease, found, b"null", ALONE))
    outcome = analysed(found[0].url)
    lease = await repeated(lambda: ledger.settle(lease, outcome, ALONE))
    await ledger.submit(other)
    last = await repeated(lambda: ledger.complete(lease, b"{}", ALONE))
    assert last.ref.job_id == other.id
    assert await ledger.hand_back(last)
    assert not await ledger.complete(lease, b"{}", ALONE)


async def test_stale_wakeups_are_passed_over(under_test: LedgerUnderTest) -> None:
    ledger, first, cancelled, last = under_test.ledger, a_job(urls=0), a_job(), a_job()
    await ledger.submit(first)
    under_test.pop_all()
    lease = await claim(ledger, first, "discover")
    for job in (cancelled, last):
        await ledger.submit(job)
    await ledger.cancel(cancelled.id)
    end = await ledger.discovered(lease, [], b"null", ALONE)
    assert end.next
    assert end.next.lease.ref == StepRef(first.id, "rank")  # which goes to the front
    end = await ledger.complete(end.next.lease, b"{}", ALONE)
    assert end.next
    assert end.next.job == last
