"""Connections to Redis that pass nothing any more and are not closed: nothing is lost, stuck or
doubled, whether requests and answers are swallowed, or only the answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from tasks.jobs.job import BatchAnalysis, Job, JobState
from tasks.jobs.queue import Queue
from tasks.jobs.submission import Submission
from tasks.ledger.connection import SOCKET_TIMEOUT
from tasks.settings import Settings
from tasks.worker.worker import Shutdown, serve
from tests.fakes import FakeEngine, FakeFetcher
from tests.integration.conftest import RunWorker, ended
from tests.proxy import Proxy, proxy_to
from tests.waiting import wait_until
from tests.web.conftest import client_of
from tests.web.problem import problem

HELD = "http://site.example/held"
URLS = tuple(f"http://site.example/{n}" for n in range(100))
JOB = {"type": "health_check"}
KEY = {"Idempotency-Key": "the-key-of-a-client"}

both_silences = pytest.mark.parametrize("answers_only", [False, True], ids=["all", "answers"])


@pytest.fixture
async def proxy(settings: Settings) -> AsyncIterator[Proxy]:
    address = urlsplit(str(settings.redis_url))
    async with proxy_to(str(address.hostname), int(address.port or 0)) as proxy:
        yield proxy


@pytest.fixture
def behind(settings: Settings, proxy: Proxy) -> Settings:
    """Settings for whoever goes through the proxy."""
    return replace(settings, redis_url=f"redis://127.0.0.1:{proxy.port}")


async def submit(queue: Queue, *urls: str) -> Job:
    return (await queue.submit(Submission(params=BatchAnalysis(urls=urls)))).job


def hold(engine: FakeEngine) -> asyncio.Event:
    """The article HELD is being analysed until this is set."""
    release = asyncio.Event()

    async def wait() -> None:
        await release.wait()

    engine.behaviours[HELD] = wait
    return release


@asynccontextmanager
async def working(settings: Settings, engine: FakeEngine) -> AsyncIterator[None]:
    shutdown = Shutdown()
    worker = asyncio.create_task(serve(settings, engine, FakeFetcher(), shutdown))
    try:
        yield
    finally:
        shutdown.request_immediate()
        await worker


@both_silences
async def test_web_answers_and_makes_no_job_twice(
    behind: Settings, proxy: Proxy, queue: Queue, answers_only: bool
) -> None:
    async with client_of(behind) as client:
        assert (await client.post("/jobs", json=JOB)).status_code == 202
        proxy.silence(answers_only=answers_only)
        started = time.monotonic()
        response = await client.post("/jobs", json=JOB, headers=KEY)
        assert "Nothing is lost" in problem(response, 503, "unavailable")["detail"]
        assert time.monotonic() - started < 3 * SOCKET_TIMEOUT
        assert (await client.get("/health/ready")).status_code == 503
        proxy.mend()
        again = [await client.post("/jobs", json=JOB, headers=KEY) for _ in range(3)]
        assert [response.status_code for response in again] == [202] * 3
        assert len({response.json()["job_id"] for response in again}) == 1
        assert (await client.get("/health/ready")).status_code == 200
    assert len((await queue.jobs()).jobs) == 2


async def test_one_silent_connection_is_enough_to_leave_the_others(
    behind: Settings, proxy: Proxy
) -> None:
    """Otherwise each would cost another request five seconds and an error."""
    async with client_of(behind) as client:
        many = [client.get("/jobs") for _ in range(20)]
        assert {response.status_code for response in await asyncio.gather(*many)} == {200}
        proxy.silence()
        assert (await client.get("/jobs")).status_code == 503
        proxy.mend()
        many = [client.get("/jobs") for _ in range(20)]
        assert {response.status_code for response in await asyncio.gather(*many)} == {200}


@both_silences
async def test_a_worker_goes_on_when_it_is_the_only_one(
    behind: Settings, proxy: Proxy, queue: Queue, answers_only: bool
) -> None:
    """And runs nothing twice, as its leases are longer than a call waits for its answer."""
    engine = FakeEngine()
    release = hold(engine)
    with capture_logs() as logs:
        async with working(replace(behind, lease_seconds=30.0), engine):
            job = await submit(queue, HELD, *URLS[:20])
            await wait_until(lambda: engine.calls[HELD], "the article to be analysed")
            proxy.silence(answers_only=answers_only)
            release.set()
            await wait_until(
                lambda: "cannot renew leases" in {line["event"] for line in logs},
                "it to be cut off",
            )
            proxy.mend()
            status = await ended(queue, job.id, timeout=60)
    assert (status.record.state, status.record.processed) == (JobState.SUCCESS, 21)
    assert set(engine.calls.values()) == {1}
    assert not [line for line in logs if "unexpected" in line["event"]]


@both_silences
async def test_the_steps_of_a_silent_worker_are_run_by_another(
    behind: Settings,
    proxy: Proxy,
    queue: Queue,
    engine: FakeEngine,
    run_worker: RunWorker,
    answers_only: bool,
) -> None:
    slow = FakeEngine()
    release = hold(slow)
    async with working(behind, slow):
        job = await submit(queue, HELD, *URLS[:20])
        await wait_until(lambda: slow.calls[HELD], "the article to be analysed")
        proxy.silence(answers_only=answers_only)
        async with run_worker():
            if answers_only:  # its renewals arrive, so only it can end its step
                release.set()
            status = await ended(queue, job.id, timeout=60)
        release.set()
        proxy.mend()
    assert (status.record.state, status.record.processed) == (JobState.SUCCESS, 21)
    assert (await queue.status(job.id)).record == status.record


async def test_silence_again_and_again(behind: Settings, proxy: Proxy, queue: Queue) -> None:
    engine = FakeEngine()
    async with working(behind, engine), working(behind, engine):
        jobs = [await submit(queue, *URLS) for _ in range(3)]

        async def settled() -> int:
            return sum([(await queue.status(job.id)).record.settled for job in jobs])

        for enough in (30, 120, 210):

            async def are_settled(enough: int = enough) -> bool:
                return await settled() >= enough

            await wait_until(are_settled, f"{enough} articles to settle", timeout=60)
            proxy.silence(answers_only=enough == 120)
            await asyncio.sleep(1)
            proxy.mend()
        for job in jobs:
            status = await ended(queue, job.id, timeout=60)
            assert (status.record.processed, status.record.failed) == (len(URLS), 0)
    assert (await queue.depth()).outstanding == 0
