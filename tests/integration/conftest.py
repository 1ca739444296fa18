"""A worker in this process, on the real ledger, with fakes for the web and the engine; and a
certificate for sites of the tests."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from msgspec import Struct

from tasks.jobs.job import JobState
from tasks.jobs.queue import Queue
from tasks.jobs.record import JobStatus
from tasks.resources import open_queue
from tasks.settings import Settings
from tasks.worker.worker import Shutdown, WorkerExit, serve
from tests.fakes import FakeEngine, FakeFetcher
from tests.waiting import wait_until


class RunningWorker(Struct):
    """A worker, and the way to end it."""

    task: asyncio.Task[WorkerExit]
    shutdown: Shutdown


RunWorker = Callable[[], AbstractAsyncContextManager[RunningWorker]]


@pytest.fixture
def fetcher() -> FakeFetcher:
    return FakeFetcher()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
async def queue(settings: Settings) -> AsyncIterator[Queue]:
    async with open_queue(settings) as queue:
        yield queue


@pytest.fixture
def run_worker(settings: Settings, engine: FakeEngine, fetcher: FakeFetcher) -> RunWorker:
    @asynccontextmanager
    async def run() -> AsyncIterator[RunningWorker]:
        shutdown = Shutdown()
        task = asyncio.create_task(serve(settings, engine, fetcher, shutdown))
        try:
            yield RunningWorker(task, shutdown)
        finally:
            shutdown.request_immediate()
            await task

    return run


async def ended(queue: Queue, job_id: str, timeout: float = 20.0) -> JobStatus:
    """The status of the job once it is final."""

    async def is_final() -> bool:
        return (await queue.status(job_id)).record.state.final

    await wait_until(is_final, "the job to end", timeout)
    return await queue.status(job_id)


async def in_state(queue: Queue, job_id: str, state: JobState) -> None:
    async def holds() -> bool:
        return (await queue.status(job_id)).record.state is state

    await wait_until(holds, f"the job to be {state}")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a key and a certificate for news.example, signed by itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl, to make a certificate")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    made = f"-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {path} -out {path}.crt"
    named = "-days 2 -subj /CN=news.example -addext subjectAltName=DNS:news.example"
    command = [openssl, "req", "-x509", *made.split(), *named.split()]
    subprocess.run(command, check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path
