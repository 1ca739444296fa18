"""How soon web, worker and engine are of use after their start, and how much memory they take.

A round submits a `health_check` to an idle ledger and starts the real worker: its `discover` is the
first step to run, and its `rank` passes through the engine, so its end says that the engine
answers. These times are those of the ledger, whose clock is this machine's. What the engine loads
before it answers, and what in the time that it has then, is told by a process that loads the same
(`tests.bench.engine_start`). Memory is the resident set, as /proc tells it: of the worker after
its step, of the engine when entities have been found.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import click
import httpx
from msgspec import Struct

from tasks.jobs.job import HealthCheck
from tasks.jobs.record import JobRecord
from tasks.jobs.submission import Submission
from tasks.resources import open_queue
from tasks.settings import Settings
from tests.bench.children import child
from tests.bench.entrants import ROOT
from tests.bench.figure import Figure, prints_figures
from tests.bench.server import BenchServer, bench_server
from tests.loopback import free_port

LONGEST_SECONDS = 120.0


class ColdStart(Struct, frozen=True, kw_only=True):
    """One round."""

    web_seconds: float
    web_mb: float
    first_step_seconds: float
    answer_seconds: float
    ready_seconds: float
    """Until the engine has embedded a text."""
    entities_seconds: float
    """Until it has found the entities of one."""
    both_mb: float
    """Of worker and engine together."""


@click.command()
@click.option("--rounds", default=5, show_default=True, help="Medians are of that many.")
@prints_figures
def coldstart(rounds: int) -> Iterator[Figure]:
    """From the start of a process to its first use, and its memory."""
    with (
        tempfile.TemporaryDirectory(prefix="curator-bench-") as folder,
        bench_server({"appendonly": "no"}) as server,
    ):
        measured = [_round(server, Path(folder)) for _ in range(rounds)]
    for name, field, unit, goal in (
        ("web, start to first answer", "web_seconds", "s", 1.5),
        ("web, memory", "web_mb", "MB", 100),
        ("worker, start to first step running", "first_step_seconds", "s", 2),
        ("worker, start to the engine's answer", "answer_seconds", "s", 3),
        ("engine, start to ready to embed", "ready_seconds", "s", 1.5),
        ("engine, start to entities ready", "entities_seconds", "s", 3),
        ("worker and engine, memory with entities", "both_mb", "MB", 500),
    ):
        value = median(getattr(one, field) for one in measured)
        yield Figure(
            name=name, value=value, unit=unit, goal=f"<= {goal:g} {unit}", met=value <= goal
        )


def _round(server: BenchServer, folder: Path) -> ColdStart:
    server.empty()
    web_seconds, web_mb = _start_web(server.url, folder)
    first_step, answer, worker_mb = asyncio.run(_start_worker(server.url, folder))
    ready, entities, engine_mb = _start_engine()
    return ColdStart(
        web_seconds=web_seconds,
        web_mb=web_mb,
        first_step_seconds=first_step,
        answer_seconds=answer,
        ready_seconds=ready,
        entities_seconds=entities,
        both_mb=worker_mb + engine_mb,
    )


def _start_web(redis_url: str, folder: Path) -> tuple[float, float]:
    port = free_port()
    environ = {**os.environ, "REDIS_URL": redis_url, "HTTP_PORT": str(port)}
    started = time.monotonic()
    with child((sys.executable, "-m", "app.cli", "web"), environ, folder / "log", ROOT) as web:
        while not _answers(port):
            if time.monotonic() - started > LONGEST_SECONDS:
                raise click.ClickException("web does not start")
        return time.monotonic() - started, _resident_mb(web.pid)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready", trust_env=False).is_success
    except httpx.TransportError:
        return False


async def _start_worker(redis_url: str, folder: Path) -> tuple[float, float, float]:
    """Seconds to its first step and to its engine's answer; its megabytes, without the engine's."""
    environ = {**os.environ, "REDIS_URL": redis_url}
    worker_command = (sys.executable, "-m", "app.cli", "worker")
    async with open_queue(Settings(redis_url=redis_url)) as queue:
        job = (await queue.submit(Submission(params=HealthCheck()))).job
        started_ms = time.time() * 1000
        with child(worker_command, environ, folder / "log", ROOT) as worker:
            record = (await queue.status(job.id)).record
            while (
                not record.state.final and time.time() * 1000 < started_ms + 1e3 * LONGEST_SECONDS
            ):
                await asyncio.sleep(0.02)
                record = (await queue.status(job.id)).record
            memory = _resident_mb(worker.pid)
    return (
        _since(started_ms, record.started_ms, record),
        _since(started_ms, record.finished_ms, record),
        memory,
    )


def _since(started_ms: float, moment_ms: int | None, record: JobRecord) -> float:
    if moment_ms is None:
        raise click.ClickException(f"the health check did not end: {record.state}")
    return (moment_ms - started_ms) / 1000


def _start_engine() -> tuple[float, float, float]:
    """Seconds until it can embed and until it has its entities; its megabytes then."""
    command = (sys.executable, "-m", "tests.bench.engine_start", str(Settings().models_path))
    started = time.monotonic()
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as engine:
        seconds = [_until(engine, line, started) for line in ("ready", "rest")]
        memory = _resident_mb(engine.pid)
        engine.communicate()
    return seconds[0], seconds[1], memory


def _until(engine: subprocess.Popen[str], line: str, started: float) -> float:
    if engine.stdout is None or engine.stdout.readline().strip() != line:
        raise click.ClickException(f"the engine's models do not load: no {line!r}")
    return time.monotonic() - started


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024
