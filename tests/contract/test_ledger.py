"""What every ledger promises, on each that there is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from tasks.errors import Reason
from tasks.job import (
    ArticleAnalysed,
    ArticleFailed,
    BatchAnalysis,
    CancelOutcome,
    Candidate,
    Claim,
    ClaimRefusal,
    Job,
    JobState,
    JobType,
    Lease,
    LeaseVerdict,
    Priority,
    StepRef,
    SubmitVerdict,
    new_job_id,
)
from tasks.ledger.redis import RedisLedger
from tasks.ledger.scripts import LedgerClock
from tasks.resources import open_ledger
from tasks.settings import Settings

START_MS = 1_800_000_000_000
WORKER = "worker-1"


class Clock:
    """The ledger's time, moved by the test."""

    def __init__(self, ledger: RedisLedger) -> None:
        self._ledger = ledger
        self.now_ms = START_MS
        self.advance(0)

    def advance(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)
        self._ledger.scripts.clock = LedgerClock(self.now_ms)


@pytest.fixture
async def ledger(settings: Settings) -> AsyncIterator[RedisLedger]:
    async with open_ledger(settings) as ledger:
        yield ledger


@pytest.fixture
def clock(ledger: RedisLedger) -> Clock:
    return Clock(ledger)


def a_job(urls: int = 2, **fields: object) -> Job:
    params = BatchAnalysis(urls=tuple(f"http://site.example/{n}" for n in range(urls)))
    job = Job(id=new_job_id(START_MS), params=params, submitted_ms=START_MS)
    return msgspec.structs.replace(job, **fields)


def candidates(job: Job) -> list[Candidate]:
    assert isinstance(job.params, BatchAnalysis)
    return [Candidate(url=url) for url in job.params.urls]


def analysed(url: str) -> ArticleAnalysed:
    return ArticleAnalysed(url=url, result=msgspec.Raw(b'{"overall_score":50.0}'), evidence=b"e")


async def claim(ledger: RedisLedger, job: Job, step: str) -> Lease:
    granted = await ledger.claim(StepRef.parse(f"{job.id}/{step}"), WORKER)
    assert isinstance(granted, Claim), granted
    return granted.lease


async def discover(ledger: RedisLedger, job: Job) -> None:
    lease = await claim(ledger, job, "discover")
    assert await ledger.discovered(lease, candidates(job), b"null")


async def state(ledger: RedisLedger, job: Job) -> JobState:
    record = await ledger.record(job.id)
    assert record is not None
    return record.state


async def test_a_job_goes_from_submit_to_success(ledger: RedisLedger, clock: Clock) -> None:
    job = a_job()
    await ledger.submit(job)
    assert await state(ledger, job) is JobState.PENDING
    await discover(ledger, job)
    assert await state(ledger, job) is JobState.PROGRESS
    for index, candidate in enumerate(candidates(job)):
        lease = await claim(ledger, job, f"analyse:{index}")
        assert await ledger.settle(lease, analysed(candidate.url))
        record = await ledger.record(job.id)
        assert record is not None
        assert (record.settled, record.total) == (index + 1, 2)
    assert await ledger.evidence(job.id) == {0: b"e", 1: b"e"}
    assert await ledger.complete(await claim(ledger, job, "rank"), b'{"done":true}')
    assert await state(ledger, job) is JobState.SUCCESS
    assert await ledger.result(job.id) == b'{"done":true}'


async def test_the_claim_brings_the_job_and_the_candidate(
    ledger: RedisLedger, clock: Clock
) -> None:
    job = a_job(priority=Priority.HIGH, traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    await ledger.submit(job)
    await discover(ledger, job)
    granted = await ledger.claim(StepRef(job.id, "analyse", 1), WORKER)
    assert isinstance(granted, Claim)
    assert granted.job == job
    assert granted.candidate == candidates(job)[1]
    assert (granted.lease.attempt, granted.lease.tries) == (1, 1)


async def test_a_submit_that_comes_twice_makes_one_job(ledger: RedisLedger, clock: Clock) -> None:
    job = a_job()
    assert (await ledger.submit(job)).verdict is SubmitVerdict.SUBMITTED
    assert (await ledger.submit(job)).verdict is SubmitVerdict.KNOWN
    assert (await ledger.depth()).outstanding == 1


async def test_a_step_has_one_lease_at_a_time(ledger: RedisLedger, clock: Clock) -> None:
    job = a_job()
    await ledger.submit(job)
    await claim(ledger, job, "discover")
    again = await ledger.claim(StepRef(job.id, "discover"), "worker-2")
    assert again is ClaimRefusal.LEASED


async def test_a_late_wakeup_finds_nothing_to_do(ledger: RedisLedger, clock: Clock) -> None:
    job = a_job()
    await ledger.submit(job)
    await discover(ledger, job)
    assert await ledger.claim(StepRef(job.id, "discover"), WORKER) is ClaimRefusal.SETTLED
    unknown = StepRef(new_job_id(START_MS), "discover")
    assert await ledger.claim(unknown, WORKER) is ClaimRefusal.UNKNOWN


async def test_a_lost_lease_is_claimed_anew_and_its_late_finish_changes_nothing(
    ledger: RedisLedger, clock: Clock, settings: Settings
) -> None:
    job = a_job()
    await ledger.submit(job)
    await discover(ledger, job)
    old = await claim(ledger, job, "analyse:0")
    clock.advance(settings.lease_seconds + 0.1)
    assert (await ledger.reap()).lost == 1
    new = await claim(ledger, job, "analyse:0")
    assert new.attempt == old.attempt + 1
    assert not await ledger.settle(old, analysed("http://site.example/0"))
    assert not await ledger.fail(old, "timed_out", "late")
    assert not await ledger.hand_back(old)
    assert (await ledger.renew(WORKER, b"{}", [old])).verdicts == (LeaseVerdict.LOST,)
    record = await ledger.record(job.id)
    assert record is not None
    assert record.settled == 0
    assert await ledger.settle(new, analysed("http://site.example/0"))


async def test_a_renewed_lease_is_kept(
    ledger: RedisLedger, clock: Clock, settings: Settings
) -> None:
    job = a_job()
    await ledger.submit(job)
    lease = await claim(ledger, job, "discover")
    for _ in range(5):
        clock.advance(settings.lease_seconds * 0.9)
        assert (await ledger.renew(WORKER, b"{}", [lease])).verdicts == (LeaseVerdict.HELD,)
        assert (await ledger.reap()).lost == 0


async def test_a_step_whose_workers_die_fails_alone(
    ledger: RedisLedger, clock: Clock, settings: Settings
) -> None:
    job = a_job()
    await ledger.submit(job)
    await discover(ledger, job)
    for _ in range(settings.max_attempts):
        await claim(ledger, job, "analyse:0")
        clock.advance(settings.lease_seconds + 0.1)
        await ledger.reap()
    (failure,) = await ledger.failures(job.id)
    assert (failure.url, failure.reason) == ("http://site.example/0", "worker_lost")
    assert await ledger.settle(
        await claim(ledger, job, "analyse:1"), analysed("http://site.example/1")
    )
    await claim(ledger, job, "rank")


async def test_a_lost_wakeup_is_sent_again(
    ledger: RedisLedger, clock: Clock, settings: Settings
) -> None:
    job = a_job()
    await ledger.submit(job)
    assert await pop(ledger) == f"{job.id}/discover"
    assert await pop(ledger) is None
    clock.advance(settings.wakeup_grace + 0.1)
    assert (await ledger.reap()).woken == 1
    assert await pop(ledger) == f"{job.id}/discover"


async def test_a_wakeup_that_waits_in_its_list_is_not_sent_twice(
    ledger: RedisLedger, clock: Clock, settings: Settings
) -> None:
    job = a_job()
    await ledger.submit(job)
    for _ in range(3):
        clock.advance(settings.wakeup_grace + 0.1)
        assert (await ledger.reap()).woken == 0
    assert await pop(ledger) == f"{job.id}/discover"
    assert await pop(ledger) is None


async def test_a_retry_waits_for_its_delay(
    ledger: RedisLedger, clock: Clock, settings: Settings
) -> None:
    job = a_job()
    await ledger.submit(job)
    await discover(ledger, job)
    lease = await claim(ledger, job, "analyse:0")
    assert await ledger.retry(lease, 30, "server_error", "503")
    ref = StepRef(job.id, "analyse", 0)
    assert await ledger.claim(ref, WORKER) is ClaimRefusal.DELAYED
    clock.advance(29)
    assert (await ledger.reap()).started == 0
    clock.advance(2)
    assert (await ledger.reap()).started == 1
    again = await claim(ledger, job, "analyse:0")
    assert (again.attempt, again.tries) == (2, 2)


async def test_a_retry_without_tries_left_fails_the_article(
    ledger: RedisLedger, clock: Clock, settings: Settings
) -> None:
    job = a_job(urls=1)
    await ledger.submit(job)
    await discover(ledger, job)
    for _ in range(settings.max_attempts):
        lease = await claim(ledger, job, "analyse:0")
        assert await ledger.retry(lease, 0, "server_error", "503 again")
        await ledger.reap()
    page = await ledger.outcomes(job.id, 0, 10)
    assert page.outcomes == (
        ArticleFailed(url="http://site.example/0", reason=Reason.SERVER_ERROR, detail="503 again"),
    )
    await claim(ledger, job, "rank")


async def test_a_step_that_is_handed_back_comes_first_and_is_not_counted(
    ledger: RedisLedger, clock: Clock
) -> None:
    job = a_job(urls=3)
    await ledger.submit(job)
    await discover(ledger, job)
    await drain(ledger)
    lease = await claim(ledger, job, "analyse:2")
    other = a_job()
    await ledger.submit(other)
    assert await ledger.hand_back(lease)
    assert await pop(ledger) == f"{job.id}/analyse:2"
    assert await pop(ledger) == f"{other.id}/discover"
    again = await claim(ledger, job, "analyse:2")
    assert (again.attempt, again.tries) == (2, 1)


async def test_no_more_than_w_steps_of_a_job_are_open(
    ledger: RedisLedger, clock: Clock, settings: Settings
) -> None:
    job = a_job(urls=settings.release_window + 5)
    await ledger.submit(job)
    await discover(ledger, job)
    for index in range(5):
        assert (await ledger.depth()).outstanding == settings.release_window
        lease = await claim(ledger, job, f"analyse:{index}")
        await ledger.settle(lease, analysed("http://site.example"))
    lease = await claim(ledger, job, "analyse:5")
    await ledger.fail(lease, "not_found", "404")
    assert (await ledger.depth()).outstanding == settings.release_window - 1


async def test_a_queued_job_is_cancelled_at_once(ledger: RedisLedger, clock: Clock) -> None:
    job = a_job()
    await ledger.submit(job)
    assert await ledger.cancel(job.id) is CancelOutcome.CANCELLED
    assert await state(ledger, job) is JobState.REVOKED
    assert await ledger.cancel(job.id) is CancelOutcome.FINISHED
    assert await ledger.cancel(new_job_id(START_MS)) is CancelOutcome.UNKNOWN
    assert (await ledger.depth()).outstanding == 0


async def test_a_running_job_is_revoked_when_its_last_step_has_stopped(
    ledger: RedisLedger, clock: Clock
) -> None:
    job = a_job(urls=3)
    await ledger.submit(job)
    await discover(ledger, job)
    first, second = [await claim(ledger, job, f"analyse:{n}") for n in range(2)]
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
    ledger: RedisLedger, clock: Clock, settings: Settings
) -> None:
    job = a_job()
    await ledger.submit(job)
    await claim(ledger, job, "discover")
    await ledger.cancel(job.id)
    clock.advance(settings.lease_seconds + 0.1)
    await ledger.reap()
    assert await state(ledger, job) is JobState.REVOKED


async def test_a_failed_discover_fails_the_job(ledger: RedisLedger, clock: Clock) -> None:
    job = a_job()
    await ledger.submit(job)
    lease = await claim(ledger, job, "discover")
    assert await ledger.fail(lease, "sources_failed", "All sources failed.")
    record = await ledger.record(job.id)
    assert record is not None
    assert record.state is JobState.FAILURE
    assert record.error == "sources_failed: All sources failed."


async def test_a_job_with_nothing_to_analyse_is_ranked_at_once(
    ledger: RedisLedger, clock: Clock
) -> None:
    job = a_job()
    await ledger.submit(job)
    assert await ledger.discovered(await claim(ledger, job, "discover"), [], b"null")
    assert await ledger.complete(await claim(ledger, job, "rank"), b"{}")
    assert await state(ledger, job) is JobState.SUCCESS


async def test_a_job_waits_for_its_start_time(ledger: RedisLedger, clock: Clock) -> None:
    job = a_job(not_before_ms=START_MS + 60_000)
    await ledger.submit(job)
    assert await state(ledger, job) is JobState.WAITING
    assert await ledger.claim(StepRef(job.id, "discover"), WORKER) is ClaimRefusal.DELAYED
    clock.advance(61)
    await ledger.reap()
    assert await state(ledger, job) is JobState.PENDING
    await claim(ledger, job, "discover")


async def test_a_deadline_ranks_what_there_is(
    ledger: RedisLedger, clock: Clock, settings: Settings
) -> None:
    urls = settings.release_window + 3
    job = a_job(urls=urls, deadline_ms=START_MS + 60_000)
    await ledger.submit(job)
    await discover(ledger, job)
    lease = await claim(ledger, job, "analyse:0")
    await ledger.settle(lease, analysed("http://site.example/0"))
    running = await claim(ledger, job, "analyse:1")
    clock.advance(1)
    await ledger.renew(WORKER, b"{}", [running])
    clock.advance(60)
    await ledger.reap()
    assert not await ledger.settle(running, analysed("http://site.example/1"))
    record = await ledger.record(job.id)
    assert record is not None
    assert record.deadline_reached
    assert (record.settled, record.processed, record.failed) == (urls, 1, urls - 1)
    assert await ledger.complete(await claim(ledger, job, "rank"), b"{}")


async def test_jobs_are_listed_newest_first_by_state_and_type(
    ledger: RedisLedger, clock: Clock
) -> None:
    jobs = [a_job(id=new_job_id(START_MS + n)) for n in range(5)]
    for job in jobs:
        await ledger.submit(job)
    await ledger.cancel(jobs[2].id)
    newest_first = [job.id for job in reversed(jobs) if job is not jobs[2]]
    first = await ledger.jobs([JobState.PENDING], list(JobType), None, 3)
    assert [record.id for record in first.jobs] == newest_first[:3]
    rest = await ledger.jobs([JobState.PENDING], list(JobType), first.next_cursor, 3)
    assert [record.id for record in rest.jobs] == newest_first[3:]
    assert rest.next_cursor is None
    revoked = await ledger.jobs([JobState.REVOKED], list(JobType), None, 3)
    assert [record.id for record in revoked.jobs] == [jobs[2].id]


async def test_an_ended_job_leaves_the_listing_after_its_time_to_live(
    ledger: RedisLedger, clock: Clock, settings: Settings
) -> None:
    job = a_job()
    await ledger.submit(job)
    await ledger.cancel(job.id)
    clock.advance(settings.job_ttl + 1)
    assert (await ledger.reap()).expired == 1
    assert (await ledger.jobs([JobState.REVOKED], list(JobType), None, 3)).jobs == ()


async def test_the_depth_counts_what_waits_and_what_runs(ledger: RedisLedger, clock: Clock) -> None:
    job = a_job(urls=3)
    await ledger.submit(job)
    await discover(ledger, job)
    await claim(ledger, job, "analyse:0")
    await ledger.renew(WORKER, b"{}", [])
    depth = await ledger.depth()
    assert (depth.active_jobs, depth.queued, depth.outstanding, depth.workers) == (1, 2, 3, 1)


async def pop(ledger: RedisLedger) -> str | None:
    """The next wake-up, as a worker would take it."""
    client = ledger._redis
    wakeup = await client.lpop("test:wake:normal")
    return wakeup.decode() if isinstance(wakeup, bytes) else None


async def drain(ledger: RedisLedger) -> None:
    while await pop(ledger):
        pass
