"""Steps at their limits, through the real ledger and runner: each hostile page fails alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from tasks.engine.client import EngineClient
from tasks.jobs.job import BatchAnalysis, HealthCheck, JobState
from tasks.jobs.queue import Queue
from tasks.jobs.submission import Submission
from tasks.resources import build_engine
from tasks.settings import Settings
from tasks.worker.worker import run_worker as run_worker_process
from tests.integration.conftest import RunWorker, ended

SITE = "http://site.example"
GOOD = tuple(f"{SITE}/good/{n}" for n in range(12))


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(
        settings,
        worker_concurrency=8,
        task_soft_time_limit=0.5,
        task_hard_time_limit=1.0,
        task_max_retries=1,
        engine_memory_mb=256,
    )


@pytest.fixture
async def engine(settings: Settings) -> AsyncIterator[EngineClient]:
    engine = build_engine(settings, module="tests.integration.hostile_engine")
    engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


async def test_hostile_pages_fail_alone_and_cost_their_neighbours_no_try(
    queue: Queue, run_worker: RunWorker
) -> None:
    hostile = {
        f"{SITE}/spin": "timed_out",
        f"{SITE}/hoard": "out_of_memory",
        f"{SITE}/crash": "engine_crashed",
    }
    urls = (*hostile, *GOOD)
    async with run_worker():
        job = (await queue.submit(Submission(params=BatchAnalysis(urls=urls)))).job
        status = await ended(queue, job.id, timeout=60)  # several engines start
    assert status.record.state is JobState.SUCCESS
    assert {failure.url: failure.reason for failure in status.failures} == hostile
    steps = {attempt.step for attempt in await queue.attempts(job.id)}
    assert steps == {f"analyse:{urls.index(url)}" for url in hostile}


async def test_waiting_for_a_busy_engine_is_not_counted(
    queue: Queue, run_worker: RunWorker
) -> None:
    spinning = tuple(f"{SITE}/{n}/spin" for n in range(3))
    async with run_worker():
        submission = Submission(params=BatchAnalysis(urls=(*spinning, *GOOD)))
        job = (await queue.submit(submission)).job
        status = await ended(queue, job.id, timeout=60)  # several engines start
    assert {failure.url for failure in status.failures} == set(spinning)
    assert status.record.processed == len(GOOD)


async def test_a_worker_without_an_engine_ends_and_leaves_its_steps_to_others(
    queue: Queue, settings: Settings
) -> None:
    job = (await queue.submit(Submission(params=HealthCheck()))).job
    ended = await run_worker_process(settings, engine_module="tests.integration.no_such_engine")
    assert not ended.recycle
    assert ended.failure is not None
    assert ended.failure.endswith("The engine ended (1) before it was ready.")
    assert not (await queue.status(job.id)).record.state.final
