"""A ledger that an earlier release wrote is read by this one, and its jobs end as they should.

`data/README.md` says how `data/ledger-v1.json` was recorded.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from tasks.composition import job_limits
from tasks.fetch.rate_limiter import Ticket
from tasks.jobs.ids import job_id_from
from tasks.jobs.job import BatchAnalysis, JobState, JobType, Priority, TopicCuration
from tasks.jobs.outcome import ArticleAnalysed, ArticleFailed, Candidate
from tasks.jobs.queue import Queue
from tasks.jobs.record import JobRecord
from tasks.jobs.step import Claim, Lease, LeaseVerdict, StepRef
from tasks.jobs.submission import Submission
from tasks.ledger.keys import PERMANENT
from tasks.ledger.rate_limiter import RedisRateLimiter
from tasks.ledger.redis import RedisLedger
from tasks.ledger.schedules import RedisScheduleStore
from tasks.schedules.schedule import Missed
from tasks.schedules.scheduler import Scheduler
from tasks.settings import Settings
from tests.conftest import PREFIX
from tests.contract.ledgers import START_MS, RedisUnderTest, analysed

RECORDED = Path(__file__).parent / "data" / "ledger-v1.json"

NAMES = (
    *("pending", "waits_for_start", "waits_for_job", "discovering", "analysing", "ranking"),
    *("cancelling", "succeeded", "failed", "revoked"),
)
ID = {name: job_id_from(START_MS + n, bytes(10)) for n, name in enumerate(NAMES)}

TOPIC = TopicCuration(topic="tee & häfen", max_articles=7)
FIRST_RUN_MS = START_MS + 3_600_000
"""The schedules run every hour; 8:00:00 UTC is START_MS."""

MAX_ROUNDS = 50


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def restore(client: redis.Redis) -> None:
    writers: dict[str, Callable[[str, Any], object]] = {
        "hash": lambda key, value: client.hset(
            key, mapping={field: encoded(text) for field, text in value.items()}
        ),
        "zset": client.zadd,
        "list": lambda key, value: client.rpush(key, *map(encoded, value)),
        "set": lambda key, value: client.sadd(key, *map(encoded, value)),
        "string": lambda key, value: client.set(key, encoded(value)),
        "stream": lambda key, value: [
            client.xadd(key, fields, id=entry) for entry, fields in value.items()
        ],
    }
    for name, stored in json.loads(RECORDED.read_text()).items():
        writers[stored["type"]](PREFIX + name, stored["value"])
        if stored["ttl_seconds"] is not None:
            client.expire(PREFIX + name, stored["ttl_seconds"])


@pytest.fixture
def under_test(valkey: redis.Redis, redis_under_test: RedisUnderTest) -> RedisUnderTest:
    restore(valkey)
    return redis_under_test


@pytest.fixture
def ledger(redis_ledger: RedisLedger, under_test: RedisUnderTest) -> RedisLedger:
    return redis_ledger


@pytest.fixture
def queue(ledger: RedisLedger, settings: Settings) -> Queue:
    return Queue(ledger, job_limits(settings))


async def record(ledger: RedisLedger, name: str) -> JobRecord:
    stored = await ledger.record(ID[name])
    assert stored is not None, name
    return stored


def held_lease(name: str, step: str, attempt: int = 1) -> Lease:
    """A lease that a worker of the earlier release still holds."""
    ref = StepRef.parse(f"{ID[name]}/{step}")
    return Lease(ref=ref, attempt=attempt, tries=1, worker="worker-1")


async def run_to_the_end(under_test: RedisUnderTest) -> None:
    """Lets every lease, delay and start time pass, and does each step well."""
    for _ in range(MAX_ROUNDS):
        for wakeup in under_test.pop_all():
            await succeed(under_test, StepRef.parse(wakeup))
        if not (await under_test.ledger.depth()).active_jobs:
            return
        under_test.advance(61)
        await under_test.ledger.reap()
    raise AssertionError("a job did not come to its end")


async def succeed(under_test: RedisUnderTest, ref: StepRef) -> None:
    ledger = under_test.ledger
    claim = await ledger.claim(ref, "worker-2")
    if not isinstance(claim, Claim):
        return
    match ref.kind:
        case "discover":
            assert await ledger.discovered(
                claim.lease, [Candidate(url="http://site.example/new")], b"[]"
            )
        case "analyse":
            assert claim.candidate is not None
            assert await ledger.settle(claim.lease, analysed(claim.candidate.url))
        case "rank":
            assert await ledger.complete(claim.lease, b'{"done":true}')


async def test_every_job_is_read(ledger: RedisLedger) -> None:
    states = {name: (await record(ledger, name)).state.value for name in NAMES}
    assert states == {
        "pending": "PENDING",
        "waits_for_start": "WAITING",
        "waits_for_job": "WAITING",
        "discovering": "PROGRESS",
        "analysing": "PROGRESS",
        "ranking": "PROGRESS",
        "cancelling": "PROGRESS",
        "succeeded": "SUCCESS",
        "failed": "FAILURE",
        "revoked": "REVOKED",
    }
    page = await ledger.jobs(list(JobState), list(JobType), None, 100)
    assert {job.id for job in page.jobs} > set(ID.values())
    for job in page.jobs:
        assert await ledger.job(job.id) is not None

    pending = await ledger.job(ID["pending"])
    assert pending is not None
    assert pending.params == BatchAnalysis(
        urls=("http://site.example/0", "http://site.example/1"), query="tea"
    )
    assert (pending.priority, (await record(ledger, "pending")).trace_id) == (
        Priority.HIGH,
        "a" * 32,
    )
    assert await ledger.result(ID["succeeded"]) == b'{"status":"SUCCESS"}'
    assert (await record(ledger, "failed")).error == "not_found: The server answered 404."


async def test_what_is_known_of_a_job_at_work(ledger: RedisLedger) -> None:
    job_id = ID["analysing"]
    first, second = (await ledger.outcomes(job_id, 0, 6)).outcomes
    assert isinstance(first, ArticleAnalysed)
    assert isinstance(second, ArticleFailed)
    assert await ledger.evidence(job_id) == {0: b"\x80evidence"}
    assert [attempt.outcome for attempt in await ledger.attempts(job_id)] == ["failed", "retried"]
    waiting = await ledger.waiting(job_id, 5)
    assert [(wait.url, wait.host) for wait in waiting.first] == [
        ("http://site.example/4", "site.example")
    ]
    assert (await record(ledger, "analysing")).deadline_ms == START_MS + 3_600_000
    [worker] = await ledger.workers()
    assert (worker.id, worker.slots) == ("worker-1", 4)


async def test_every_job_comes_to_its_end(under_test: RedisUnderTest, ledger: RedisLedger) -> None:
    await run_to_the_end(under_test)
    for name in NAMES:
        expected = {"failed": JobState.FAILURE}.get(name, JobState.SUCCESS)
        if name in ("cancelling", "revoked"):
            expected = JobState.REVOKED
        assert (await record(ledger, name)).state is expected, name
    analysing = await record(ledger, "analysing")
    assert (analysing.total, analysing.processed, analysing.failed) == (6, 5, 1)
    depth = await ledger.depth()
    assert (depth.active_jobs, depth.outstanding, depth.queued) == (0, 0, 0)


async def test_a_worker_of_the_earlier_release_finishes_what_it_holds(
    under_test: RedisUnderTest, ledger: RedisLedger
) -> None:
    discover, rank = held_lease("discovering", "discover"), held_lease("ranking", "rank", 2)
    stale = held_lease("ranking", "rank", 1)
    renewal = await ledger.renew("worker-1", b'{"slots":4,"running":2}', [discover, rank, stale])
    assert renewal.verdicts == (LeaseVerdict.HELD, LeaseVerdict.HELD, LeaseVerdict.LOST)
    assert await ledger.discovered(discover, [], b"[]")
    assert await ledger.complete(rank, b"{}")
    assert await ledger.settle(held_lease("cancelling", "analyse:1"), analysed("http://x.example"))
    assert (await record(ledger, "ranking")).state is JobState.SUCCESS
    assert (await record(ledger, "cancelling")).state is JobState.REVOKED
    await run_to_the_end(under_test)


async def test_all_its_keys_expire(
    under_test: RedisUnderTest, ledger: RedisLedger, valkey: redis.Redis, settings: Settings
) -> None:
    await run_to_the_end(under_test)
    under_test.advance(settings.job_ttl)
    await ledger.reap()
    left = {key.decode().removeprefix(PREFIX) for key in valkey.scan_iter()}
    assert [name for name in left if not PERMANENT.fullmatch(name)] == []
    assert (await ledger.jobs(list(JobState), list(JobType), None, 100)).jobs == ()


async def test_the_key_of_a_client_is_known_again(queue: Queue) -> None:
    submitted = await queue.submit(Submission(params=TOPIC), "a-client-key")
    assert submitted.replayed


async def test_ended_jobs_are_retried(ledger: RedisLedger, queue: Queue) -> None:
    batch = (await queue.retry(ID["succeeded"])).job
    assert batch.params == BatchAnalysis(urls=("http://site.example/1",), query="tea")
    assert (await queue.retry_once(ID["failed"])).job.params == TOPIC


async def test_schedules_run_on(
    under_test: RedisUnderTest, ledger: RedisLedger, queue: Queue, settings: Settings
) -> None:
    store = RedisScheduleStore(ledger.scripts)
    records = (await store.page(None, 10)).schedules
    assert {record.schedule.missed for record in records} == set(Missed)
    for stored in records:
        assert stored.schedule.submission == Submission(params=TOPIC)
        assert stored.last_run is not None
        assert stored.last_run.job_id == stored.schedule.job_id(FIRST_RUN_MS)
        assert stored.next_run_ms == FIRST_RUN_MS + 3_600_000

    under_test.advance(2 * 3600)
    await Scheduler(store, queue, job_limits(settings)).run_due()
    for stored in (await store.page(None, 10)).schedules:
        job_id = stored.schedule.job_id(FIRST_RUN_MS + 3_600_000)
        assert stored.last_run is not None
        assert stored.last_run.job_id == job_id
        assert await ledger.record(job_id) is not None


async def test_a_host_that_refused_requests_stays_blocked(ledger: RedisLedger) -> None:
    limiter = RedisRateLimiter(ledger.scripts, 2, local_slot_seconds=600)
    ticket = Ticket(host="site.example", id="new", holder="worker-2", interval_ms=250)
    grant = await limiter.try_acquire(ticket)
    assert grant.wait_ms >= 20_000
    await limiter.aclose()
