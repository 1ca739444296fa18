"""The traces of jobs in Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from tasks.jobs.job import BatchAnalysis
from tasks.jobs.queue import Queue
from tasks.jobs.submission import Submission
from tasks.ledger.connection import connect
from tasks.ledger.keys import job_key
from tasks.ledger.span_store import PACKS_PER_CALL, RedisSpanStore
from tasks.resources import open_traces
from tasks.settings import Settings
from tasks.telemetry.recorder import SpanPack
from tasks.telemetry.spans import FinishedSpan, pack
from tests.spans import attempt

KB = 1


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[RedisSpanStore]:
    async with open_traces(replace(settings, trace_max_kb=KB)) as store:
        yield store


@pytest.fixture
async def redis(settings: Settings) -> AsyncIterator[Redis]:
    client = connect(settings.redis_url or "")
    yield client
    await client.aclose()


@pytest.fixture
async def job_id(queue: Queue) -> str:
    params = BatchAnalysis(urls=("https://a.example/1",))
    return (await queue.submit(Submission(params=params))).job.id


def packed(job_id: str, *spans: FinishedSpan, important: bool = False) -> SpanPack:
    return SpanPack(job_id=job_id, spans=pack(spans), important=important)


def filling(job_id: str, share: float, *, important: bool = False) -> SpanPack:
    """Takes this share of the job's room. It holds no spans."""
    return SpanPack(job_id=job_id, spans=b"x" * int(share * KB * 1024), important=important)


async def test_spans_are_read_as_they_were_written(store: RedisSpanStore, job_id: str) -> None:
    first, second = attempt("discover", 0, 1), attempt("rank", 1, 2)
    await store.add([packed(job_id, first), packed(job_id, second)])
    await store.add([packed(job_id, second)])  # repeated
    trace = await store.read(job_id)
    assert (trace.spans, trace.dropped) == ((first, second), 0)


async def test_an_unknown_job_has_no_trace(store: RedisSpanStore, redis: Redis) -> None:
    unknown = "01a2185c-5000-7000-8000-000000000000"
    before = await redis.dbsize()
    await store.add([packed(unknown, attempt("discover", 0, 1))])
    assert (await store.read(unknown)).spans == ()
    assert await redis.dbsize() == before


async def test_a_quarter_of_the_room_is_for_important_spans(
    store: RedisSpanStore, job_id: str
) -> None:
    await store.add([filling(job_id, 0.7), filling(job_id, 0.1)])
    await store.add([filling(job_id, 0.25, important=True), filling(job_id, 0.1, important=True)])
    assert (await store.read(job_id)).dropped == 2


async def test_what_cannot_be_read_hides_nothing(store: RedisSpanStore, job_id: str) -> None:
    span = attempt("discover", 0, 1)
    await store.add([filling(job_id, 0.1), packed(job_id, span)])
    assert (await store.read(job_id)).spans == (span,)


async def test_many_packs_are_written_in_several_calls(store: RedisSpanStore, queue: Queue) -> None:
    jobs = []
    for n in range(PACKS_PER_CALL + 5):
        params = BatchAnalysis(urls=(f"https://a.example/{n}",))
        jobs.append((await queue.submit(Submission(params=params))).job.id)
    await store.add([packed(job, attempt("discover", 0, 1)) for job in jobs])
    assert [len((await store.read(job)).spans) for job in jobs] == [1] * len(jobs)


async def test_a_trace_lives_as_long_as_its_job(
    store: RedisSpanStore, queue: Queue, redis: Redis, settings: Settings, job_id: str
) -> None:
    job, trace = (settings.key_prefix + job_key(job_id, part) for part in (None, "spans"))
    await store.add([packed(job_id, attempt("discover", 0, 1))])
    assert await redis.ttl(trace) == -1
    await queue.cancel(job_id)
    assert abs(await redis.ttl(trace) - await redis.ttl(job)) <= 1
    await redis.delete(trace)
    await store.add([packed(job_id, attempt("discover", 0, 1))])  # its worker was slower
    assert abs(await redis.ttl(trace) - await redis.ttl(job)) <= 1
    await queue.purge(job_id)
    assert await redis.exists(trace) == 0
