"""`scripts/bench crowd`: many workers at once on one ledger, some of which are killed.

Real worker processes, whose steps do nothing, on a Valkey that syncs its log as the embedded one.
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import click
from msgspec import Struct

from tasks.embedded_valkey import CONFIG
from tasks.jobs.job import BatchAnalysis, JobState
from tasks.jobs.queue import Queue
from tasks.jobs.submission import Submission
from tasks.resources import open_queue
from tasks.settings import read_settings
from tests.bench.figure import Figure, prints_figures
from tests.bench.server import BenchServer, bench_server
from tests.processes import Process, program
from tests.waiting import wait_until

SLOTS = 4
START_SECONDS = 300.0
JOBS_SECONDS = 600.0
IDLE_SECONDS = 10.0


class Run(Struct, kw_only=True):
    """What happened to the jobs."""

    started_seconds: float
    """Until the last worker had reported."""
    idle_load: float
    """Processor time of Valkey per second while no job was there."""
    seconds: float
    states: Counter[JobState]
    processed: int
    articles_run: Counter[str]
    """How often each ran, by its URL."""
    outstanding: int
    """Steps that were left over."""


@click.command()
@click.option("--workers", default=50, show_default=True, help="Worker processes.")
@click.option("--jobs", default=500, show_default=True, help="Jobs, submitted at once.")
@click.option("--articles", default=10, show_default=True, help="Articles in each job.")
@click.option("--kills", default=10, show_default=True, help="Workers killed meanwhile.")
@click.option("--seed", default=1, show_default=True, help="Of the victims.")
@prints_figures
def crowd(workers: int, jobs: int, articles: int, kills: int, seed: int) -> Iterator[Figure]:
    """Many workers at once on one ledger; count what is lost."""
    random.seed(seed)
    with tempfile.TemporaryDirectory(prefix="curator-bench-") as folder, bench_server(CONFIG) as at:
        run = asyncio.run(_run(at, Path(folder), workers, _batches(jobs, articles), kills))
    yield Figure(name="workers", value=workers, unit="processes")
    yield Figure(name="until all have reported", value=run.started_seconds, unit="s")
    yield Figure(name="Valkey while all are idle", value=100 * run.idle_load, unit="% of a core")
    yield Figure(name="articles", value=jobs * articles / run.seconds, unit="/s")
    yield _none("jobs without success", jobs - run.states[JobState.SUCCESS], "jobs")
    yield _none("articles lost", jobs * articles - run.processed, "articles")
    yield _none("steps left over", run.outstanding, "steps")
    again = sum(times - 1 for times in run.articles_run.values())
    yield Figure(
        name="articles run again",
        value=again,
        unit="runs",
        goal=f"<= {kills} killed workers x {SLOTS} slots",
        met=again <= kills * SLOTS,
    )


def _batches(jobs: int, articles: int) -> list[Submission]:
    """Each URL stands in one job."""
    return [
        Submission(
            params=BatchAnalysis(
                urls=tuple(f"http://site.example/{job}/{number}" for number in range(articles))
            )
        )
        for job in range(jobs)
    ]


def _none(name: str, value: float, unit: str) -> Figure:
    return Figure(name=name, value=value, unit=unit, goal="0", met=value == 0)


async def _run(
    server: BenchServer, folder: Path, workers: int, submissions: list[Submission], kills: int
) -> Run:
    environ = {"REDIS_URL": server.url, "WORKER_CONCURRENCY": str(SLOTS)}
    async with open_queue(read_settings({**os.environ, **environ})) as queue, AsyncExitStack() as s:
        began = time.monotonic()
        processes = [
            await s.enter_async_context(
                program(
                    "tests.integration.noop_worker",
                    folder,
                    environ={**environ, "WORKER_LOG_LEVEL": "WARNING"},
                    log=folder / "log",
                )
            )
            for _ in range(workers)
        ]

        async def all_report() -> bool:
            return len(await queue.workers()) == workers

        await wait_until(all_report, "all workers to report", timeout=START_SECONDS)
        started, cpu = time.monotonic(), server.cpu_seconds()
        await asyncio.sleep(IDLE_SECONDS)
        idle_load = (server.cpu_seconds() - cpu) / IDLE_SECONDS
        at_once = time.monotonic()
        jobs = [(await queue.submit(submission)).job.id for submission in submissions]
        killing = asyncio.create_task(_kill(processes, folder, kills))
        states = await _ended(queue, jobs)
        await killing
        seconds = time.monotonic() - at_once
        records = [(await queue.status(job)).record for job in jobs]
        return Run(
            started_seconds=started - began,
            idle_load=idle_load,
            seconds=seconds,
            states=states,
            processed=sum(record.processed for record in records),
            articles_run=Counter((folder / "runs").read_text().splitlines()),
            outstanding=(await queue.depth()).outstanding,
        )


async def _kill(processes: list[Process], folder: Path, kills: int) -> None:
    runs = folder / "runs"
    for number, process in enumerate(random.sample(processes, kills)):
        enough = 100 * (number + 1)
        await wait_until(
            lambda enough=enough: runs.exists() and runs.read_bytes().count(b"\n") >= enough,
            "articles to be run",
            timeout=JOBS_SECONDS,
        )
        process.kill()


async def _ended(queue: Queue, jobs: list[str]) -> Counter[JobState]:
    async def have_ended() -> bool:
        return len(await queue.ended(jobs)) == len(jobs)

    await wait_until(have_ended, "all jobs to end", timeout=JOBS_SECONDS)
    return Counter([(await queue.status(job)).record.state for job in jobs])
