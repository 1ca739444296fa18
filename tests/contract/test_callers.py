"""Every ledger: turns between callers, and what may be kept for each."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
import pytest
import redis

from tasks.composition import ledger_policy
from tasks.jobs.job import BatchAnalysis, Job, JobState, Priority
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.record import SubmitOutcome, SubmitVerdict
from tasks.jobs.step import StepRef
from tasks.ledger.memory.callers import ACTIVE_MS, AGEING
from tasks.ledger.redis import RedisLedger
from tasks.policies import MIN_WINDOW
from tasks.settings import Settings
from tests.contract.ledgers import (
    START_MS,
    WORKER,
    LedgerUnderTest,
    RedisUnderTest,
    a_job,
    analyse,
    claim,
    complete,
    discover,
    nth_id,
    state,
)

GREEDY, MODEST = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, release_window=0)


async def submit_many(ledger: Ledger, count: int) -> list[Job]:
    jobs = [a_job(id=nth_id(n), caller=GREEDY) for n in range(count)]
    for job in jobs:
        assert (await ledger.submit(job)).verdict is SubmitVerdict.SUBMITTED
    return jobs


async def start_workers(ledger: Ledger, slots: int) -> None:
    await ledger.renew(WORKER, msgspec.json.encode({"slots": slots}), [])


async def settle_next(under_test: LedgerUnderTest) -> str:
    """Runs the next queued step, a `discover`, to its end."""
    wakeup = under_test.pop()
    assert wakeup
    job_id = StepRef.parse(wakeup).job_id
    job = await under_test.ledger.job(job_id)
    assert job
    lease = await claim(under_test.ledger, job, "discover")
    assert await under_test.ledger.fail(lease, "not_found", "It failed.")
    return job_id


async def test_a_backlog_of_one_caller_delays_no_other(under_test: LedgerUnderTest) -> None:
    ledger = under_test.ledger
    await submit_many(ledger, 100)
    small = a_job(caller=MODEST)
    await ledger.submit(small)
    assert under_test.pop_all()[-1] == f"{small.id}/discover"
    depth = await ledger.depth()
    assert (depth.queued, depth.active_jobs) == (101, 101)


async def test_a_caller_has_only_its_window_of_steps_queued_with_a_wakeup(
    under_test: LedgerUnderTest,
) -> None:
    ledger = under_test.ledger
    await submit_many(ledger, 20)
    assert len(under_test.pop_all()) == MIN_WINDOW
    assert (await ledger.depth()).queued == 20


async def test_each_step_that_ends_admits_the_next(under_test: LedgerUnderTest) -> None:
    jobs = await submit_many(under_test.ledger, 3 * MIN_WINDOW)
    assert [await settle_next(under_test) for _ in jobs] == [job.id for job in jobs]
    assert under_test.pop() is None


async def test_two_callers_leave_slots_to_each_other(under_test: LedgerUnderTest) -> None:
    """However long the steps of one of them take."""
    ledger = under_test.ledger
    await submit_many(ledger, 100)
    await ledger.submit(a_job(caller=MODEST))
    await start_workers(ledger, 16)
    held = [
        await claim(ledger, await _job(ledger, wakeup), "discover")
        for wakeup in under_test.pop_all()
    ]
    assert len(held) == MIN_WINDOW + 1
    for lease in held[:-1]:
        await ledger.hand_back(lease)
    assert len(under_test.pop_all()) == 6  # three eighths of 16


async def _job(ledger: Ledger, wakeup: str) -> Job:
    job = await ledger.job(StepRef.parse(wakeup).job_id)
    assert job
    return job


async def test_a_caller_alone_has_three_quarters_of_the_slots_again_after_a_while(
    under_test: LedgerUnderTest,
) -> None:
    ledger = under_test.ledger
    await submit_many(ledger, 100)
    await ledger.submit(a_job(caller=MODEST))
    await start_workers(ledger, 16)
    assert len(under_test.pop_all()) == MIN_WINDOW + 1
    under_test.advance(ACTIVE_MS / 1000)
    [*wakeups] = [f"{nth_id(n)}/discover" for n in range(MIN_WINDOW)]
    leases = [await claim(ledger, await _job(ledger, wakeup), "discover") for wakeup in wakeups]
    renewal = await ledger.renew(WORKER, b'{"slots":16}', leases)
    assert renewal.slots == 16
    await ledger.reap(0)
    assert len(under_test.pop_all()) == 12 - MIN_WINDOW


async def test_a_priority_orders_the_backlog_of_its_caller_only(
    under_test: LedgerUnderTest,
) -> None:
    ledger = under_test.ledger
    await submit_many(ledger, MIN_WINDOW)
    low, normal, high = (a_job(priority=p, caller=GREEDY) for p in reversed(Priority))
    other = a_job(caller=MODEST, priority=Priority.LOW)
    for job in (low, normal, high, other):
        await ledger.submit(job)
    order = [await settle_next(under_test) for _ in range(MIN_WINDOW + 4)][MIN_WINDOW:]
    assert order == [other.id, high.id, normal.id, low.id]


async def test_a_low_priority_is_never_starved(under_test: LedgerUnderTest) -> None:
    ledger = under_test.ledger
    await submit_many(ledger, MIN_WINDOW)
    low = [a_job(priority=Priority.LOW, caller=GREEDY) for _ in range(2)]
    high = [a_job(priority=Priority.HIGH, caller=GREEDY) for _ in range(4 * AGEING)]
    for job in (*low, *high):
        await ledger.submit(job)
    order = [await settle_next(under_test) for _ in range(MIN_WINDOW + 3 * AGEING)][MIN_WINDOW:]
    for nth, place in enumerate(sorted(order.index(job.id) for job in low), 1):
        assert place < nth * AGEING


async def test_jobs_of_a_caller_take_turns(under_test: LedgerUnderTest) -> None:
    """A small job does not wait for the released steps of a large one, nor of many."""
    ledger = under_test.ledger
    large = [a_job(urls=50, caller=GREEDY) for _ in range(3)]
    for job in large:
        await ledger.submit(job)
    for job in large:
        await discover(ledger, job)
    small = a_job(urls=1, caller=GREEDY)
    await ledger.submit(small)
    ran = 0
    while await state(ledger, small) is JobState.PENDING:
        ran += 1
        assert ran < 3 * MIN_WINDOW, "the small job waits for all steps of the large ones"
        wakeup = under_test.pop()
        if wakeup is None:
            continue
        ref = StepRef.parse(wakeup)
        if ref.job_id == small.id:
            await discover(ledger, small)
        elif ref.index is not None:
            await analyse(ledger, next(job for job in large if job.id == ref.job_id), ref.index)


# Quotas


async def outcome_of(ledger: Ledger, **fields: object) -> SubmitOutcome:
    job: Any = partial(a_job, caller=GREEDY)
    return await ledger.submit(job(**fields))


class TestQuotas:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return msgspec.structs.replace(
            settings, max_jobs_per_caller=2, max_articles_per_caller=10, max_jobs=4
        )

    async def test_a_caller_at_its_bound_is_refused_and_others_are_not(
        self, ledger: Ledger
    ) -> None:
        first = await submit_many(ledger, 2)
        refused = a_job(caller=GREEDY)
        assert await ledger.submit(refused) == SubmitOutcome(SubmitVerdict.CALLER_FULL, "", "jobs")
        assert await ledger.record(refused.id) is None
        assert (await outcome_of(ledger, caller=MODEST)).verdict is SubmitVerdict.SUBMITTED
        await ledger.cancel(first[0].id)
        assert (await ledger.submit(refused)).verdict is SubmitVerdict.SUBMITTED

    async def test_the_articles_of_active_jobs_are_bounded(self, ledger: Ledger) -> None:
        job = a_job(urls=8, caller=GREEDY)
        await ledger.submit(job)
        assert (await outcome_of(ledger, urls=3)).bound == "articles"
        assert (await outcome_of(ledger, urls=2)).verdict is SubmitVerdict.SUBMITTED
        await complete(ledger, job)
        assert (await outcome_of(ledger, urls=8)).verdict is SubmitVerdict.SUBMITTED

    async def test_all_callers_together_are_bounded(self, ledger: Ledger) -> None:
        await submit_many(ledger, 2)
        for n in range(2):
            assert (await outcome_of(ledger, caller=f"192.0.2.{n + 2}")).bound == ""
        refused = await outcome_of(ledger, caller="192.0.2.9")
        assert refused == SubmitOutcome(SubmitVerdict.LEDGER_FULL, "", "jobs")

    async def test_a_submit_that_is_sent_again_is_known_even_at_the_bound(
        self, ledger: Ledger
    ) -> None:
        [first, _] = await submit_many(ledger, 2)
        assert (await ledger.submit(first)).verdict is SubmitVerdict.KNOWN

    async def test_a_process_of_ours_has_no_quota(self, ledger: Ledger) -> None:
        for _ in range(4):
            assert (await outcome_of(ledger, caller="")).verdict is SubmitVerdict.SUBMITTED


class TestMemory:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return msgspec.structs.replace(settings, max_mb_per_caller=4)

    async def test_what_ended_jobs_leave_counts_until_it_is_gone(
        self, under_test: LedgerUnderTest, settings: Settings
    ) -> None:
        ledger = under_test.ledger
        jobs = []
        while (await ledger.submit(job := _long_job())).verdict is SubmitVerdict.SUBMITTED:
            jobs.append(job)
            await ledger.cancel(job.id)
            assert len(jobs) < 10
        assert len(jobs) > 1
        assert (await ledger.submit(job)).bound == "bytes"
        assert await ledger.purge(jobs[0].id)
        assert (await ledger.submit(job)).verdict is SubmitVerdict.SUBMITTED
        assert (await ledger.submit(_long_job())).bound == "bytes"
        await ledger.cancel(job.id)
        under_test.advance(settings.job_ttl)
        await ledger.reap()
        assert (await ledger.submit(_long_job())).verdict is SubmitVerdict.SUBMITTED


def _long_job() -> Job:
    urls = tuple(f"http://site.example/{'x' * 700}{n}" for n in range(500))
    return a_job(params=BatchAnalysis(urls=urls), caller=GREEDY)


# What only the ledger in Redis has to do


async def test_nothing_is_left_of_a_caller_without_jobs(
    redis_ledger: RedisLedger,
    redis_under_test: RedisUnderTest,
    valkey: redis.Redis,
    settings: Settings,
) -> None:
    for job in await submit_many(redis_ledger, 10):
        await complete(redis_ledger, job)
    redis_under_test.advance(settings.job_ttl)
    await redis_ledger.reap()
    names = sorted(key.decode() for key in valkey.scan_iter("*"))
    assert [name for name in names if "caller" in name or "usage" in name or "kept" in name] == []


async def test_steps_that_an_older_release_has_queued_are_found(
    redis_ledger: RedisLedger,
    redis_under_test: RedisUnderTest,
    valkey: redis.Redis,
    settings: Settings,
) -> None:
    """Their wake-ups are in the list of their priority, and nothing says to whom they belong."""
    job = a_job()
    await redis_ledger.submit(job)
    redis_under_test.pop_all()
    valkey.delete("test:caller::admitted")
    valkey.hset(f"test:job:{job.id}:steps", "discover", "Q 0 0 7")
    redis_under_test.advance(settings.wakeup_grace + 0.1)
    assert (await redis_ledger.reap()).woken == 1
    assert redis_under_test.pop_all() == [f"{job.id}/discover"]


async def test_what_an_older_release_did_not_count_is_corrected(
    redis_ledger: RedisLedger, redis_under_test: RedisUnderTest, valkey: redis.Redis
) -> None:
    """Its workers end jobs and leave steps without knowing of callers."""
    [job] = await submit_many(redis_ledger, 1)
    valkey.sadd(f"test:caller:{GREEDY}:admitted", f"{job.id}/analyse:7")
    valkey.hset(f"test:job:{job.id}", "state", "FAILURE")
    await redis_ledger.reap()
    assert valkey.smembers(f"test:caller:{GREEDY}:admitted") == {f"{job.id}/discover".encode()}
    assert valkey.hget("test:usage", "jobs") == b"0"
    valkey.hset(f"test:job:{job.id}", "state", "PENDING")
    await redis_ledger.cancel(job.id)


async def test_a_cancel_with_thousands_of_dependents_is_done_in_slices(
    redis_ledger: RedisLedger, valkey: redis.Redis
) -> None:
    first = a_job()
    await redis_ledger.submit(first)
    dependents = [a_job(id=nth_id(n), depends_on=(first.id,)) for n in range(1200)]
    for job in dependents:
        await redis_ledger.submit(job)
    await redis_ledger.cancel(first.id)
    active = [(await redis_ledger.depth()).active_jobs]
    while (await redis_ledger.reap()).examined:
        active.append((await redis_ledger.depth()).active_jobs)
    assert active == [700, 200, 0]
    assert {await state(redis_ledger, job) for job in dependents[::100]} == {JobState.FAILURE}


async def test_a_deadline_with_thousands_of_articles_is_done_in_slices(
    redis_ledger: RedisLedger, redis_under_test: RedisUnderTest
) -> None:
    job = a_job(urls=1200, deadline_ms=START_MS + 1000)
    await redis_ledger.submit(job)
    await discover(redis_ledger, job)
    redis_under_test.advance(1)
    settled = []
    while (await redis_ledger.reap()).examined:
        record = await redis_ledger.record(job.id)
        assert record
        settled.append(record.settled)
    assert settled[0] < 600
    assert settled[-1] == 1200
    assert len(await redis_ledger.failures(job.id)) == 1200
    assert await redis_ledger.complete(await claim(redis_ledger, job, "rank"), b"{}")


async def test_a_job_can_be_cancelled_between_the_slices_of_its_deadline(
    redis_ledger: RedisLedger, redis_under_test: RedisUnderTest
) -> None:
    job = a_job(urls=1200, deadline_ms=START_MS + 1000)
    await redis_ledger.submit(job)
    await discover(redis_ledger, job)
    redis_under_test.advance(1)
    await redis_ledger.reap()
    await redis_ledger.cancel(job.id)
    assert await state(redis_ledger, job) is JobState.REVOKED
    assert (await redis_ledger.reap()).examined == 0


def test_the_caller_window_leaves_slots_to_others(settings: Settings) -> None:
    policy = ledger_policy(settings)
    assert [policy.caller_window(16, callers) for callers in (0, 1, 2)] == [12, 12, 6]
    assert [policy.caller_window(16, callers) for callers in (3, 4, 16, 40)] == [4, 3, 1, 1]
    assert policy.caller_window(0, 0) == MIN_WINDOW
    assert [policy.caller_window(slots, 1) for slots in (1, 2, 3, 4)] == [1, 2, 3, 3]
    assert policy.caller_window(1, 2) == 1
