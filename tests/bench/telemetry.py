"""`scripts/bench telemetry`: what traces, metrics and log lines cost a whole worker."""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
from msgspec import Struct

from tasks.jobs.job import BatchAnalysis, JobState
from tasks.jobs.queue import Queue
from tasks.jobs.submission import Submission
from tasks.resources import open_queue
from tasks.settings import Settings
from tests.bench.figure import Figure, compared, prints_figures
from tests.bench.server import BenchServer, bench_server
from tests.processes import program
from tests.sampleweb.catalogue import urls
from tests.sampleweb.server import SampleWeb
from tests.waiting import wait_until

LIMIT_SECONDS = 120.0
GOAL_PERCENT = 3.0

COMMON = {
    "ANALYSIS_CACHE_MB": "0",
    "HTTP_CACHE_MB": "0",
    "FETCH_DELAY_PER_HOST": "0",
    "FETCH_CONCURRENCY_PER_HOST": "8",
}
VARIANTS = {
    "all of it": ("app.cli", {}),
    "none": (
        "tests.bench.unobserved_worker",
        {"TRACE_SAMPLE_RATIO": "0", "WORKER_LOG_LEVEL": "ERROR"},
    ),
}


class Spent(Struct, frozen=True, kw_only=True):
    """Processor time."""

    worker: float
    """Without its engine."""
    engine: float
    server: float

    @property
    def total(self) -> float:
        return self.worker + self.engine + self.server


@click.command()
@click.option("--rounds", default=5, show_default=True, help="Alternating jobs of each.")
@prints_figures
def telemetry(rounds: int) -> Iterator[Figure]:
    """The sample web's articles through a worker at the defaults, and through one that makes no
    spans, no metrics and no log lines.

    The share is of worker and Redis, of which alone telemetry is a part; the engine's own noise is
    larger.
    """
    spent = asyncio.run(_measure(rounds))
    with_it, without = (_median(spent[name]) for name in VARIANTS)
    for name in ("worker", "engine", "server"):
        ours, bare = getattr(with_it, name), getattr(without, name)
        yield compared(f"{name}, an article", ours, "CPU ms", "without telemetry", bare)
    more = with_it.worker + with_it.server - without.worker - without.server
    share = 100 * more / without.total
    yield Figure(
        name="telemetry, of all", value=share, unit="%", goal="<= 3 %", met=share <= GOAL_PERCENT
    )


def _median(jobs: list[Spent]) -> Spent:
    """Milliseconds of an article."""

    def median(name: str) -> float:
        return 1000 * float(statistics.median(getattr(job, name) for job in jobs)) / len(urls())

    return Spent(worker=median("worker"), engine=median("engine"), server=median("server"))


async def _measure(rounds: int) -> dict[str, list[Spent]]:
    """Of each variant, its jobs. The first job of each loads the models, and is not counted."""
    spent: dict[str, list[Spent]] = {name: [] for name in VARIANTS}
    async with contextlib.AsyncExitStack() as stack:
        web = await stack.enter_async_context(SampleWeb())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        running: dict[str, tuple[Queue, int, BenchServer]] = {}
        for number, (name, (module, environ)) in enumerate(VARIANTS.items()):
            server = stack.enter_context(bench_server())
            queue = await stack.enter_async_context(open_queue(Settings(redis_url=server.url)))
            all_of_it = {
                **COMMON,
                **environ,
                "REDIS_URL": server.url,
                "EGRESS_PROXY": web.proxy_url,
            }
            process = await stack.enter_async_context(
                program(module, "worker", environ=all_of_it, log=folder / str(number))
            )
            running[name] = (queue, process.pid, server)
            await _run(queue)
        for turn in range(rounds):
            for name in sorted(running, reverse=bool(turn % 2)):
                queue, pid, server = running[name]
                before = _spent(pid, server)
                await _run(queue)
                after = _spent(pid, server)
                spent[name].append(
                    Spent(
                        worker=after.worker - before.worker,
                        engine=after.engine - before.engine,
                        server=after.server - before.server,
                    )
                )
    return spent


async def _run(queue: Queue) -> None:
    job = (await queue.submit(Submission(params=BatchAnalysis(urls=urls())))).job

    async def ended() -> bool:
        return (await queue.status(job.id)).record.state is JobState.SUCCESS

    await wait_until(ended, "the job to succeed", timeout=LIMIT_SECONDS)


def _spent(pid: int, server: BenchServer) -> Spent:
    """Of the processor so far, in seconds."""
    worker = engine = 0.0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            if int(folder.name) == pid:
                worker = seconds
            elif int(fields[1]) == pid:
                engine = seconds
    return Spent(worker=worker, engine=engine, server=server.cpu_seconds())
