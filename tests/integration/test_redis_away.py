"""Valkey is killed, hangs, or is cut off: web answers 503, workers keep running their steps."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis
from structlog.testing import capture_logs

from tasks.composition import ledger_policy
from tasks.errors import LedgerUnavailable
from tasks.jobs.job import BatchAnalysis, Job, JobState
from tasks.jobs.queue import Queue
from tasks.jobs.step import Claim, ClaimRefusal
from tasks.jobs.submission import Submission
from tasks.ledger.redis import RedisLedger
from tasks.settings import Settings
from tasks.worker.worker import Shutdown, serve, serve_kinds
from tests.conftest import PREFIX
from tests.fakes import FakeEngine, FakeFetcher
from tests.integration.conftest import RunWorker, ended
from tests.proxy import proxy_to
from tests.valkey import DurableValkey, durable_valkey
from tests.waiting import wait_until
from tests.web.conftest import client_of

HELD = "http://site.example/held"
OTHERS = tuple(f"http://site.example/{n}" for n in range(10))

Away = Callable[[DurableValkey], AbstractContextManager[None]]


@contextlib.contextmanager
def killed(valkey: DurableValkey) -> Iterator[None]:
    valkey.kill()
    try:
        yield
    finally:
        valkey.start()


def hanging(valkey: DurableValkey) -> AbstractContextManager[None]:
    return valkey.paused()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DurableValkey]:
    with durable_valkey(tmp_path) as valkey:
        yield valkey


@pytest.fixture
def settings(server: DurableValkey) -> Settings:
    return Settings(
        redis_url=server.url,
        key_prefix=PREFIX,
        lease_seconds=2.0,
        wakeup_grace=0.3,
        task_retry_delay=0.2,
        task_max_retries=1,
        shutdown_grace=5.0,
    )


@pytest.fixture
def release(engine: FakeEngine) -> asyncio.Event:
    """The article HELD is being analysed until this is set."""
    release = asyncio.Event()

    async def wait() -> None:
        await release.wait()

    engine.behaviours[HELD] = wait
    return release


async def submit(queue: Queue, *urls: str) -> Job:
    return (await queue.submit(Submission(params=BatchAnalysis(urls=urls)))).job


@pytest.mark.parametrize("away", [killed, hanging])
async def test_web_refuses_jobs(settings: Settings, server: DurableValkey, away: Away) -> None:
    body = {"type": "health_check"}
    async with client_of(settings) as client:
        assert (await client.post("/jobs", json=body)).status_code == 202
        with away(server):
            refused = await client.post("/jobs", json=body)
            health = await client.get("/health/jobs")
        assert (refused.status_code, health.status_code) == (503, 503)
        assert int(refused.headers["Retry-After"]) > 0
        assert health.json()["redis_connected"] is False
        assert (await client.post("/jobs", json=body)).status_code == 202


async def test_an_accepted_job_survives_a_kill(queue: Queue, server: DurableValkey) -> None:
    job = await submit(queue, *OTHERS)
    with killed(server):
        pass
    assert (await queue.status(job.id)).record.state is JobState.PENDING


@pytest.mark.parametrize("away", [killed, hanging])
async def test_a_worker_keeps_running_its_steps(
    queue: Queue,
    engine: FakeEngine,
    run_worker: RunWorker,
    server: DurableValkey,
    release: asyncio.Event,
    away: Away,
) -> None:
    async with run_worker():
        job = await submit(queue, HELD, *OTHERS)
        await wait_until(lambda: engine.calls[HELD], "the article to be analysed")
        with away(server):
            with pytest.raises(LedgerUnavailable):
                await queue.depth()
            assert engine.running == 1
        release.set()
        status = await ended(queue, job.id)
    assert (status.record.processed, status.record.failed) == (1 + len(OTHERS), 0)
    assert set(engine.calls.values()) == {1}
    assert await queue.attempts(job.id) == ()


async def test_leases_that_expire_while_valkey_is_down_are_not_lost(
    queue: Queue,
    engine: FakeEngine,
    run_worker: RunWorker,
    server: DurableValkey,
    release: asyncio.Event,
    settings: Settings,
) -> None:
    async with run_worker(), run_worker():
        job = await submit(queue, HELD)
        await wait_until(lambda: engine.calls[HELD], "the article to be analysed")
        with killed(server):
            await asyncio.sleep(settings.lease_seconds + 0.5)
        await wait_for_a_renewal(server, settings)
        release.set()
        status = await ended(queue, job.id)
    assert (status.record.processed, engine.calls[HELD]) == (1, 1)
    assert await queue.attempts(job.id) == ()


async def wait_for_a_renewal(server: DurableValkey, settings: Settings) -> None:
    with server.client() as client:
        seconds, _ = client.time()
        due = (seconds + settings.lease_seconds / 2) * 1000

        def renewed() -> bool:
            return bool(client.zcount(f"{PREFIX}steps:due", due, "+inf"))

        await wait_until(renewed, "a lease to be renewed")


async def test_connections_that_are_cut_are_reopened(
    queue: Queue, engine: FakeEngine, run_worker: RunWorker, server: DurableValkey
) -> None:
    urls = tuple(f"http://site.example/{n}" for n in range(100))
    async with run_worker(), run_worker():
        job = await submit(queue, *urls)
        for enough in range(10, 100, 10):

            async def are_settled(enough: int = enough) -> bool:
                return (await queue.status(job.id)).record.settled >= enough

            await wait_until(are_settled, f"{enough} articles to settle")
            server.cut()
        status = await ended(queue, job.id)
    assert status.record.settled == 100


async def test_a_worker_that_was_cut_off_changes_nothing(
    queue: Queue, settings: Settings, run_worker: RunWorker, engine: FakeEngine
) -> None:
    address = urlsplit(str(settings.redis_url))
    release, slow = asyncio.Event(), FakeEngine()

    async def wait() -> None:
        await release.wait()

    slow.behaviours[HELD] = wait
    async with proxy_to(str(address.hostname), int(address.port or 0)) as proxy:
        behind = replace(settings, redis_url=f"redis://127.0.0.1:{proxy.port}")
        shutdown = Shutdown()
        with capture_logs() as logs:
            worker = asyncio.create_task(serve(behind, slow, FakeFetcher(), shutdown))
            job = await submit(queue, HELD)
            await wait_until(lambda: slow.calls[HELD], "the article to be analysed")
            await proxy.cut()
            release.set()
            async with run_worker():
                status = await ended(queue, job.id)
            proxy.mend()
            too_late = "outcome changed nothing: its lease is lost, or it is recorded already"
            await wait_until(
                lambda: any(line["event"] == too_late for line in logs), "the worker to say so"
            )
            shutdown.requested.set()
            await worker
    assert (status.record.settled, engine.calls[HELD]) == (1, 1)


async def test_a_worker_can_end_while_valkey_is_away(
    queue: Queue,
    engine: FakeEngine,
    run_worker: RunWorker,
    server: DurableValkey,
    release: asyncio.Event,
) -> None:
    async with run_worker() as worker:
        job = await submit(queue, HELD)
        await wait_until(lambda: engine.calls[HELD], "the article to be analysed")
        with killed(server):
            worker.shutdown.request_immediate()
            await worker.task
    assert (await queue.status(job.id)).record.state is JobState.PROGRESS


async def test_a_worker_that_runs_nothing_ends_without_its_ledger(
    queue: Queue, server: DurableValkey, settings: Settings
) -> None:
    """Its wake-up was popped, and Valkey dies before the claim: no grace is due to that."""
    claims = 0

    class DyingLedger(RedisLedger):
        async def claim(self, *arguments: Any) -> Claim | ClaimRefusal:
            nonlocal claims
            server.kill()
            claims += 1
            return await super().claim(*arguments)

    def dying_ledger(redis: Redis, settings: Settings) -> RedisLedger:
        return DyingLedger(redis, ledger_policy(settings), settings.key_prefix)

    shutdown = Shutdown()
    patient = replace(settings, shutdown_grace=100.0)
    await submit(queue, HELD)  # before the worker is there to kill the server under it
    worker = asyncio.create_task(serve_kinds(patient, lambda *_: {}, shutdown, dying_ledger))
    await wait_until(lambda: claims, "the step to be claimed")
    shutdown.requested.set()
    await asyncio.wait_for(worker, 5)
