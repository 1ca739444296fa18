"""A worker process that is stopped, or recycled: nothing is lost and nothing is done twice."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs
from structlog.typing import EventDict

from tasks.jobs.job import BatchAnalysis, HealthCheck, Job, JobState
from tasks.jobs.queue import Queue
from tasks.jobs.record import AttemptRecord
from tasks.jobs.submission import Submission
from tasks.settings import Settings
from tasks.worker.worker import run_worker
from tests.integration.conftest import ended
from tests.processes import Process, program, worker_environ
from tests.waiting import wait_until

HELD = "http://site.example/hold"
OTHERS = tuple(f"http://site.example/{n}" for n in range(20))


class Stage:
    """Worker processes whose steps do nothing, and their notes of what they ran."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder

    def worker(self, **environ: object) -> AbstractAsyncContextManager[Process]:
        """There are no retries, so an attempt that counts as a try fails its article."""
        usual = {"worker_concurrency": 2, "task_max_retries": 0, "worker_log_level": "INFO"}
        return program(
            "tests.integration.noop_worker",
            self._folder,
            environ=worker_environ(self._settings, **{**usual, **environ}),
            log=self._folder / "log",
        )

    def release(self) -> None:
        (self._folder / "release").touch()

    def logged(self, message: str) -> bool:
        return message in (self._folder / "log").read_text()

    @property
    def runs(self) -> Counter[str]:
        return Counter(self._lines("runs"))

    @property
    def starts(self) -> int:
        return len(self._lines("starts"))

    def _lines(self, name: str) -> list[str]:
        file = self._folder / name
        return file.read_text().split() if file.exists() else []


@pytest.fixture
def stage(settings: Settings, tmp_path: Path) -> Stage:
    return Stage(settings, tmp_path)


async def submit(queue: Queue, *urls: str) -> Job:
    return (await queue.submit(Submission(params=BatchAnalysis(urls=urls)))).job


async def terminate_while_running(stage: Stage, worker: Process) -> None:
    """Sends SIGTERM once an article runs that does not end by itself."""
    await wait_until(lambda: stage.runs[HELD], "the article to run")
    worker.terminate()
    await wait_until(
        lambda: stage.logged("no more steps are taken"), "the worker to take no more steps"
    )


async def attempts_of(queue: Queue, job: Job) -> list[AttemptRecord]:
    return list(await queue.attempts(job.id))


async def test_running_steps_may_end_within_the_grace(queue: Queue, stage: Stage) -> None:
    async with stage.worker() as worker:
        job = await submit(queue, HELD)
        await terminate_while_running(stage, worker)
        late = await submit(queue, *OTHERS)
        stage.release()
        assert await worker.wait() == 0
    assert (await ended_articles(queue, job), stage.runs) == (1, {HELD: 1})
    async with stage.worker():
        await ended(queue, job.id)
        assert (await ended(queue, late.id)).record.processed == len(OTHERS)
    assert stage.runs == Counter([HELD, *OTHERS])
    assert await attempts_of(queue, job) == []


async def ended_articles(queue: Queue, job: Job) -> int:
    return (await queue.status(job.id)).record.processed


async def test_steps_that_run_longer_than_the_grace_are_handed_back(
    queue: Queue, stage: Stage
) -> None:
    async with stage.worker(shutdown_grace=0.3) as worker:
        job = await submit(queue, HELD, *OTHERS)
        await terminate_while_running(stage, worker)
        assert await worker.wait() == 0
    stage.release()
    async with stage.worker():
        status = await ended(queue, job.id)
    assert (status.record.processed, status.record.failed) == (1 + len(OTHERS), 0)
    assert stage.runs == Counter([HELD, HELD, *OTHERS])
    outcomes = [attempt.outcome for attempt in await attempts_of(queue, job)]
    assert outcomes == ["handed_back", "analysed"]


async def test_a_second_signal_hands_back_at_once(queue: Queue, stage: Stage) -> None:
    async with stage.worker(shutdown_grace=1000) as worker:
        job = await submit(queue, HELD)
        await terminate_while_running(stage, worker)
        worker.terminate()
        assert await worker.wait() == 0
    (attempt,) = await attempts_of(queue, job)
    assert attempt.outcome == "handed_back"
    stage.release()
    async with stage.worker():
        assert (await ended(queue, job.id)).record.processed == 1


async def test_recycling_loses_nothing_and_runs_nothing_twice(queue: Queue, stage: Stage) -> None:
    urls = tuple(f"http://site.example/{n}" for n in range(500))
    async with stage.worker(worker_concurrency=8, worker_max_tasks=100) as worker:
        job = await submit(queue, *urls)
        status = await ended(queue, job.id, timeout=90)  # six processes start, one after the other
        worker.terminate()
        assert await worker.wait() == 0
    assert status.record.processed == 500
    assert stage.runs == Counter(urls)
    assert stage.starts > 500 // 100
    assert await attempts_of(queue, job) == []


@pytest.mark.skipif(sys.platform != "linux", reason="finds the engine in /proc")
async def test_recycling_keeps_the_engine(queue: Queue, settings: Settings, tmp_path: Path) -> None:
    """Unless it still works, as it may on a busy machine; so several workers get the chance."""
    environ = worker_environ(settings, worker_max_tasks=2)
    async with program("app.cli", "worker", environ=environ, log=tmp_path / "log") as worker:

        async def keeps_its_engine() -> bool:
            job = (await queue.submit(Submission(params=HealthCheck()))).job
            assert (await ended(queue, job.id, timeout=90)).record.state is JobState.SUCCESS
            return has_engine_of_another(worker.pid)

        await wait_until(keeps_its_engine, "a worker with the engine of the one before", timeout=90)
        worker.terminate()
        assert await worker.wait() == 0


def has_engine_of_another(worker: int) -> bool:
    """Whether it was told of one, and that is its child."""
    words = Path(f"/proc/{worker}/cmdline").read_text().split("\0")
    if "--engine" not in words:
        return False
    children = Path(f"/proc/{worker}/task/{worker}/children").read_text().split()
    return words[words.index("--engine") + 1] in children


async def test_a_slow_step_does_not_hold_up_recycling(queue: Queue, stage: Stage) -> None:
    others = OTHERS[:6]
    async with stage.worker(worker_max_tasks=4):  # discover, and three articles
        job = await submit(queue, HELD, *others)
        await wait_until(
            lambda: stage.runs[HELD] > 1, "the slow article to run in another process", timeout=60
        )
        stage.release()
        status = await ended(queue, job.id, timeout=90)
    assert (status.record.processed, status.record.failed) == (1 + len(others), 0)
    assert set(stage.runs) == {HELD, *others}
    assert "handed_back" in {attempt.outcome for attempt in await attempts_of(queue, job)}


async def test_a_signal_while_a_worker_is_replaced_ends_it(
    queue: Queue, settings: Settings
) -> None:
    """It comes when the worker has decided to be replaced, and still ends its engine."""

    def send_signal_later(_logger: object, _method: str, event: EventDict) -> EventDict:
        if event["event"] == "worker stopped":
            [waiting] = [task for task in asyncio.all_tasks() if task.get_name() == "engine start"]
            waiting.add_done_callback(lambda _: os.kill(os.getpid(), signal.SIGTERM))
        return event

    await queue.submit(Submission(params=HealthCheck()))
    brief = replace(settings, worker_max_tasks=1)
    with capture_logs([send_signal_later]) as logs:
        worker = await run_worker(brief, engine_module="tests.integration.silent_engine")
    assert [line["event"] for line in logs].count("worker stopped") == 1
    assert not worker.recycle
