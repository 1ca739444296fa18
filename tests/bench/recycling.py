"""`scripts/bench recycling`: workers that replace themselves lose nothing and double nothing."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
from msgspec import Struct

from tasks.jobs.job import BatchAnalysis, JobState
from tasks.jobs.queue import Queue
from tasks.jobs.submission import Submission
from tasks.resources import open_queue
from tasks.settings import Settings
from tests.bench.figure import Figure, prints_figures
from tests.processes import program, worker_environ
from tests.valkey import durable_valkey
from tests.waiting import wait_until

JOB = 1000
"""Articles of one job."""

WORKERS = 2
LIMIT_SECONDS = 1800.0


class Recycled(Struct, frozen=True, kw_only=True):
    runs: Counter[str]
    lives: int
    seconds: float
    unfinished: int


@click.command()
@click.option("--articles", default=10_000, show_default=True, help="No-op articles in all.")
@click.option("--every", default=100, show_default=True, help="WORKER_MAX_TASKS.")
@prints_figures
def recycling(articles: int, every: int) -> Iterator[Figure]:
    """No-op articles through workers that are replaced after every few steps."""
    urls = [f"http://site.example/{n}" for n in range(articles)]
    with tempfile.TemporaryDirectory() as folder:
        done = asyncio.run(_recycle(Path(folder), urls, every))
    yield Figure(name="articles", value=articles, unit="articles")
    yield Figure(name="lives of the workers", value=done.lives, unit="processes")
    yield Figure(name="time", value=done.seconds, unit="s")
    never = sum(url not in done.runs for url in urls)
    doubled = done.runs.total() - len(done.runs)
    yield Figure(name="never run", value=never, unit="articles", goal="0", met=never == 0)
    yield Figure(name="run more than once", value=doubled, unit="runs", goal="0", met=doubled == 0)
    unfinished = done.unfinished
    yield Figure(name="unfinished", value=unfinished, unit="jobs", goal="0", met=unfinished == 0)


async def _recycle(folder: Path, urls: list[str], every: int) -> Recycled:
    async with contextlib.AsyncExitStack() as stack:
        valkey = stack.enter_context(durable_valkey(folder / "valkey"))
        settings = Settings(redis_url=valkey.url)
        queue = await stack.enter_async_context(open_queue(settings))
        environ = worker_environ(
            settings, worker_concurrency=16, worker_max_tasks=every, worker_log_level="WARNING"
        )
        started = time.monotonic()
        for _ in range(WORKERS):
            worker = program(
                "tests.integration.noop_worker", folder, environ=environ, log=folder / "log"
            )
            await stack.enter_async_context(worker)
        unfinished = await _run(queue, urls)
        return Recycled(
            runs=Counter((folder / "runs").read_text().split()),
            lives=len((folder / "starts").read_text().split()),
            seconds=time.monotonic() - started,
            unfinished=unfinished,
        )


async def _run(queue: Queue, urls: list[str]) -> int:
    """Submits all, and waits for their end. Gives how many jobs did not succeed."""
    ids = []
    for start in range(0, len(urls), JOB):
        params = BatchAnalysis(urls=tuple(urls[start : start + JOB]))
        ids.append((await queue.submit(Submission(params=params))).job.id)

    async def idle() -> bool:
        return (await queue.depth()).active_jobs == 0

    with contextlib.suppress(AssertionError):
        await wait_until(idle, "the jobs to end", timeout=LIMIT_SECONDS)
    states = [(await queue.status(job_id)).record.state for job_id in ids]
    return sum(state is not JobState.SUCCESS for state in states)
