"""Every ledger: leases, retries and attempts."""

from __future__ import annotations

from msgspec.structs import replace

from tasks.errors import Reason
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.outcome import ArticleFailed
from tasks.jobs.record import AttemptRecord
from tasks.jobs.step import Claim, ClaimRefusal, LeaseVerdict, StepRef
from tasks.settings import Settings
from tests.contract.ledgers import (
    START_MS,
    WORKER,
    LedgerUnderTest,
    a_job,
    analyse,
    analysed,
    claim,
    discover,
    record,
)


async def test_a_step_has_one_lease_at_a_time(ledger: Ledger) -> None:
    job = a_job()
    await ledger.submit(job)
    await claim(ledger, job, "discover")
    again = await ledger.claim(StepRef(job.id, "discover"), "worker-2")
    assert again is ClaimRefusal.LEASED


async def test_the_same_call_gets_the_same_lease_again(ledger: Ledger) -> None:
    job = a_job()
    await ledger.submit(job)
    discover = StepRef(job.id, "discover")
    first = await ledger.claim(discover, WORKER, "call-1")
    assert isinstance(first, Claim)
    again = await ledger.claim(discover, WORKER, "call-1")
    assert again == replace(first, waited_ms=None)
    assert await ledger.claim(discover, WORKER, "call-2") is ClaimRefusal.LEASED
    assert await ledger.claim(discover, "worker-2", "call-1") is ClaimRefusal.LEASED
    assert (await record(ledger, job)).retries == 0


async def test_leases_that_expired_while_the_ledger_was_unavailable_last_a_moment_longer(
    under_test: LedgerUnderTest, settings: Settings
) -> None:
    ledger, kept, lost = under_test.ledger, a_job(), a_job()
    leases = []
    for job in (kept, lost):
        await ledger.submit(job)
        leases.append(await claim(ledger, job, "discover"))
    await ledger.reap(lenient=True)
    under_test.advance(settings.lease_seconds * 10)
    assert (await ledger.reap(lenient=True)).lost == 0
    await ledger.renew(WORKER, b"{}", leases[:1])
    under_test.advance(1.5)
    assert (await ledger.reap(lenient=True)).lost == 1
    assert await ledger.discovered(leases[0], [], b"null")
    assert not await ledger.discovered(leases[1], [], b"null")


async def test_after_a_lost_lease_is_claimed_again_a_late_finish_changes_nothing(
    under_test: LedgerUnderTest, settings: Settings
) -> None:
    ledger, job = under_test.ledger, a_job()
    await ledger.submit(job)
    await discover(ledger, job)
    old = await claim(ledger, job, "analyse:0")
    under_test.advance(settings.lease_seconds + 0.1)
    assert (await ledger.reap()).lost == 1
    new = await claim(ledger, job, "analyse:0")
    assert new.attempt == old.attempt + 1
    before = await record(ledger, job)
    assert before.reanalysed == 1
    assert not await ledger.settle(old, analysed("http://site.example/0"))
    assert not await ledger.fail(old, "timed_out", "late")
    assert not await ledger.retry(old, 1, "timed_out", "late")
    assert not await ledger.hand_back(old)
    assert (await ledger.renew(WORKER, b"{}", [old])).verdicts == (LeaseVerdict.LOST,)
    assert await record(ledger, job) == before
    assert await ledger.settle(new, analysed("http://site.example/0"))


async def test_a_repeated_finish_counts_once(ledger: Ledger) -> None:
    job = a_job()
    await ledger.submit(job)
    await discover(ledger, job)
    lease = await claim(ledger, job, "analyse:0")
    assert await ledger.settle(lease, analysed("http://site.example/0"))
    assert not await ledger.settle(lease, analysed("http://site.example/0"))
    assert (await record(ledger, job)).settled == 1


async def test_a_renewed_lease_is_kept(under_test: LedgerUnderTest, settings: Settings) -> None:
    ledger, job = under_test.ledger, a_job()
    await ledger.submit(job)
    lease = await claim(ledger, job, "discover")
    for _ in range(5):
        under_test.advance(settings.lease_seconds * 0.9)
        assert (await ledger.renew(WORKER, b"{}", [lease])).verdicts == (LeaseVerdict.HELD,)
        assert (await ledger.reap()).lost == 0


async def test_a_step_whose_workers_die_fails_alone(
    under_test: LedgerUnderTest, settings: Settings
) -> None:
    ledger, job = under_test.ledger, a_job()
    await ledger.submit(job)
    await discover(ledger, job)
    for _ in range(settings.max_tries):
        await claim(ledger, job, "analyse:0")
        under_test.advance(settings.lease_seconds + 0.1)
        await ledger.reap()
    (failure,) = await ledger.failures(job.id)
    assert (failure.url, failure.reason) == ("http://site.example/0", "worker_lost")
    await analyse(ledger, job, 1)
    await claim(ledger, job, "rank")


async def test_a_retry_waits_for_its_delay(under_test: LedgerUnderTest) -> None:
    ledger, job = under_test.ledger, a_job()
    await ledger.submit(job)
    await discover(ledger, job)
    lease = await claim(ledger, job, "analyse:0")
    assert await ledger.retry(lease, 30, "server_error", "503")
    ref = StepRef(job.id, "analyse", 0)
    assert await ledger.claim(ref, WORKER) is ClaimRefusal.DELAYED
    under_test.advance(29)
    assert (await ledger.reap()).started == 0
    under_test.advance(2)
    assert (await ledger.reap()).started == 1
    again = await claim(ledger, job, "analyse:0")
    assert (again.attempt, again.tries) == (2, 2)


async def test_a_retry_without_tries_left_fails_the_article(
    ledger: Ledger, settings: Settings
) -> None:
    job = a_job(urls=1)
    await ledger.submit(job)
    await discover(ledger, job)
    for _ in range(settings.max_tries):
        lease = await claim(ledger, job, "analyse:0")
        assert await ledger.retry(lease, 0, "server_error", "503 again")
        await ledger.reap()
    page = await ledger.outcomes(job.id, 0, 10)
    assert page.outcomes == (
        ArticleFailed(url="http://site.example/0", reason=Reason.SERVER_ERROR, detail="503 again"),
    )
    await claim(ledger, job, "rank")


async def test_attempts_that_did_not_succeed_are_kept_with_the_success_after_them(
    under_test: LedgerUnderTest, settings: Settings
) -> None:
    ledger, job = under_test.ledger, a_job(urls=1)
    await ledger.submit(job)
    await discover(ledger, job)
    assert await ledger.attempts(job.id) == ()
    await ledger.retry(await claim(ledger, job, "analyse:0"), 0, "server_error", "503")
    await ledger.reap()
    await ledger.hand_back(await claim(ledger, job, "analyse:0"))
    await claim(ledger, job, "analyse:0")
    under_test.advance(settings.lease_seconds)
    await ledger.reap()
    await analyse(ledger, job, 0)
    await ledger.fail(await claim(ledger, job, "rank"), "internal_error", "An error.")
    later = START_MS + round(settings.lease_seconds * 1000)
    assert await ledger.attempts(job.id) == (
        AttemptRecord(
            step="analyse:0",
            attempt=1,
            outcome="retried",
            at_ms=START_MS,
            reason="server_error",
            detail="503",
        ),
        AttemptRecord(step="analyse:0", attempt=2, outcome="handed_back", at_ms=START_MS),
        AttemptRecord(step="analyse:0", attempt=3, outcome="lost", at_ms=later),
        AttemptRecord(step="analyse:0", attempt=4, outcome="analysed", at_ms=later),
        AttemptRecord(
            step="rank",
            attempt=1,
            outcome="failed",
            at_ms=later,
            reason="internal_error",
            detail="An error.",
        ),
    )
