"""Redis can be read and refuses writes: its memory is full, it is a replica, it cannot save, or it
lacks replicas. Web says so, workers survive it, and what was accepted ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from tasks.jobs.job import BatchAnalysis, HealthCheck, Job, JobState
from tasks.jobs.queue import Queue
from tasks.jobs.submission import Submission
from tasks.ledger.connection import REFUSALS
from tasks.settings import Settings
from tests.conftest import PREFIX
from tests.fakes import FakeEngine
from tests.integration.conftest import RunWorker, ended
from tests.valkey import DurableValkey, durable_valkey
from tests.waiting import wait_until
from tests.web.conftest import client_of
from tests.web.problem import problem

HELD = "http://site.example/held"
URLS = (HELD, *(f"http://site.example/{n}" for n in range(10)))
SCHEDULE = {"cron": "0 7 * * *", "job": {"type": "health_check"}}

Refusing = Callable[[DurableValkey, Path], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def full(server: DurableValkey, _: Path) -> AsyncIterator[None]:
    with server.client() as client:
        client.config_set("maxmemory", 1)
        try:
            yield
        finally:
            client.config_set("maxmemory", 0)


@asynccontextmanager
async def a_replica(server: DurableValkey, folder: Path) -> AsyncIterator[None]:
    """As after a failover: another server, with the same data, is the primary."""
    with (
        durable_valkey(folder / "primary") as primary,
        primary.client() as other,
        server.client() as client,
    ):
        other.replicaof("127.0.0.1", server.port)
        await wait_until(lambda: is_in_sync(other), "the replica to be in sync")
        other.replicaof("NO", "ONE")
        client.replicaof("127.0.0.1", primary.port)
        await wait_until(lambda: is_in_sync(client), "the former primary to be in sync")
        try:
            yield
        finally:
            client.replicaof("NO", "ONE")


def is_in_sync(client: Any) -> bool:
    return bool(client.info("replication").get("master_link_status") == "up")


@asynccontextmanager
async def unable_to_save(server: DurableValkey, folder: Path) -> AsyncIterator[None]:
    in_the_way = folder / "dump.rdb"
    in_the_way.mkdir()
    with server.client() as client:

        async def save(status: str) -> None:
            def has_ended() -> bool:
                persistence = client.info("persistence")
                running = persistence["rdb_bgsave_in_progress"]
                return bool(not running and persistence["rdb_last_bgsave_status"] == status)

            await wait_until(lambda: not client.info("persistence")["aof_rewrite_in_progress"], "")
            client.bgsave()
            await wait_until(has_ended, f"a save to be {status}")

        client.config_set("save", "3600 1")
        await save("err")
        try:
            yield
        finally:
            in_the_way.rmdir()
            await save("ok")


@asynccontextmanager
async def short_of_replicas(server: DurableValkey, _: Path) -> AsyncIterator[None]:
    with server.client() as client:
        client.config_set("min-replicas-to-write", 1)
        try:
            yield
        finally:
            client.config_set("min-replicas-to-write", 0)


REFUSING = {
    "OOM": full,
    "READONLY": a_replica,
    "MISCONF": unable_to_save,
    "NOREPLICAS": short_of_replicas,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "primary").mkdir()
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Any:
    with durable_valkey(folder) as valkey:
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


async def submit(queue: Queue, *urls: str) -> Job:
    params = BatchAnalysis(urls=urls) if urls else HealthCheck()
    return (await queue.submit(Submission(params=params))).job


@pytest.mark.parametrize("code", REFUSING)
async def test_web_says_that_it_takes_no_jobs(
    code: str, settings: Settings, server: DurableValkey, folder: Path
) -> None:
    async with client_of(settings) as client:
        active = (await client.post("/jobs", json={"type": "health_check"})).json()["job_id"]
        ended = (await client.post("/jobs", json={"type": "health_check"})).json()["job_id"]
        assert (await client.delete(f"/jobs/{ended}")).status_code == 200
        schedule = (await client.post("/schedules", json=SCHEDULE)).json()["schedule_id"]
        assert await readiness(client) == (200, "ready", None)
        async with REFUSING[code](server, folder):
            assert await readiness(client) == (503, "unavailable", REFUSALS[code])
            for response in await additions(client, ended):
                refused(response, REFUSALS[code])
            form = await client.post("/", data={"form": "urls", "urls": "http://site.example/1"})
            assert form.status_code == 503
            assert REFUSALS[code].replace("'", "&#39;") in form.text
            if code != "OOM":
                for response in await other_changes(client, active, ended, schedule):
                    refused(response, REFUSALS[code])
            await all_can_be_read(client, active, schedule)
            if code == "OOM":  # what frees memory is possible
                for response in await other_changes(client, active, ended, schedule):
                    assert response.is_success, response.text
        assert await readiness(client) == (200, "ready", None)
        for response in await additions(client, ended):
            assert response.status_code in (200, 201, 202, 404), response.text


async def readiness(client: httpx.AsyncClient) -> tuple[int, str, str | None]:
    response = await client.get("/health/ready")
    return response.status_code, response.json()["status"], response.json()["reason"]


async def additions(client: httpx.AsyncClient, ended: str) -> list[httpx.Response]:
    return [
        await client.post("/jobs", json={"type": "health_check"}),
        await client.post(f"/jobs/{ended}/retry"),
        await client.post("/jobs/retry", json={"state": "REVOKED"}),
        await client.post("/schedules", json=SCHEDULE),
    ]


async def other_changes(
    client: httpx.AsyncClient, active: str, ended: str, schedule: str
) -> list[httpx.Response]:
    return [
        await client.post("/queue/pause"),
        await client.post("/queue/resume"),
        await client.delete(f"/schedules/{schedule}"),
        await client.delete(f"/jobs/{active}"),
        await client.post("/jobs/cancel", json={}),
        await client.post("/jobs/purge", json={}),
    ]


def refused(response: httpx.Response, why: str) -> None:
    assert problem(response, 503, "unavailable")["detail"].startswith(why)
    assert int(response.headers["Retry-After"]) > 0


async def all_can_be_read(client: httpx.AsyncClient, job: str, schedule: str) -> None:
    paths = (
        *("/", "/jobs", "/queue", "/workers", "/schedules", f"/schedules/{schedule}"),
        *("/health/jobs", "/health/live", f"/jobs/{job}", f"/jobs/{job}/status"),
        *(f"/jobs/{job}/articles", f"/jobs/{job}/attempts"),
    )
    for path in paths:
        assert (await client.get(path)).status_code == 200, path


@pytest.mark.parametrize("code", [code for code in REFUSING if code != "OOM"])
async def test_workers_go_on_afterwards(
    code: str,
    queue: Queue,
    engine: FakeEngine,
    run_worker: RunWorker,
    server: DurableValkey,
    folder: Path,
) -> None:
    release = hold(engine)
    async with run_worker(), run_worker():
        job = await submit(queue, *URLS)
        await wait_until(lambda: engine.calls[HELD], "the article to be analysed")
        with capture_logs() as logs:
            async with REFUSING[code](server, folder):
                release.set()
                await wait_until(
                    lambda: "cannot renew leases" in {line["event"] for line in logs},
                    "a worker to be refused",
                )
        status = await ended(queue, job.id)
        assert (status.record.processed, status.record.failed) == (len(URLS), 0)
        assert set(engine.calls.values()) == {1}
        assert await queue.attempts(job.id) == ()
        again = await submit(queue)
        assert (await ended(queue, again.id)).record.state is JobState.SUCCESS
    assert "unexpected" not in " ".join(line["event"] for line in logs)


async def test_jobs_end_while_the_memory_is_full(
    queue: Queue, engine: FakeEngine, run_worker: RunWorker, server: DurableValkey, folder: Path
) -> None:
    """Otherwise nothing would ever become free."""
    release = hold(engine)
    running, waiting = await submit(queue, *URLS), await submit(queue)
    async with run_worker():
        await wait_until(lambda: engine.calls[HELD], "the article to be analysed")
        async with full(server, folder):
            release.set()
            for job in (running, waiting):
                status = await ended(queue, job.id)
                assert (status.record.state, status.record.failed) == (JobState.SUCCESS, 0)
            assert await queue.purge(running.id)
    assert set(engine.calls.values()) == {1}


def hold(engine: FakeEngine) -> asyncio.Event:
    """The article HELD is being analysed until this is set."""
    release = asyncio.Event()

    async def wait() -> None:
        await release.wait()

    engine.behaviours[HELD] = wait
    return release
