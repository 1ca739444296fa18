"""On an idle system, from the 202 in the client's hands to the job's first step running.

The real web process, a worker process with a job that does nothing, and the embedded Valkey as
`curator up` runs it. Jobs are submitted one at a time, each after the one before has ended. A step
that runs before the client has read its 202 counts as 0 ms.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

import click
import httpx
from anyio.from_thread import start_blocking_portal
from msgspec import Struct

from tasks.embedded_valkey import embedded_valkey
from tests.bench.children import child
from tests.bench.entrants import ROOT
from tests.bench.figure import Figure, prints_figures
from tests.loopback import free_port

WARM_UP = 20
IDLE_SECONDS = 0.02
LONGEST_SECONDS = 30.0

MEDIAN_MS = 3.0
P99_MS = 20.0


class Pickup(Struct, frozen=True, kw_only=True):
    """One job, in ms."""

    answered: float
    """From the request sent to the 202 read."""
    running: float
    """From the request sent to the first step running."""

    @property
    def after_answer(self) -> float:
        return max(0.0, self.running - self.answered)


@click.command()
@click.option("--jobs", default=500, show_default=True, help="Jobs, one at a time.")
@prints_figures
def pickup(jobs: int) -> Iterator[Figure]:
    """From the 202 to the step running."""
    with tempfile.TemporaryDirectory(prefix="curator-bench-") as folder:
        marks = Path(folder) / "marks"
        marks.touch()
        with system(Path(folder), marks) as url, httpx.Client(base_url=url) as client:
            picked = [_pick_up(client, marks) for _ in range(WARM_UP + jobs)][WARM_UP:]
    yield from _figures(picked)


@contextmanager
def system(folder: Path, marks: Path) -> Iterator[str]:
    """Everything that `curator up` runs, with the worker that leaves marks. Gives web's URL."""
    port = free_port()
    url, log = f"http://127.0.0.1:{port}", folder / "log"
    web = (sys.executable, "-m", "app.cli", "web")
    worker = (sys.executable, "-m", "tests.bench.marking", str(marks))
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(embedded_valkey(folder / "state")) as valkey,
    ):
        environ = {
            **os.environ,
            "REDIS_URL": valkey.url,
            "HTTP_PORT": str(port),
            "WORKER_MAX_TASKS": "0",
        }
        with child(web, environ, log, ROOT), child(worker, environ, log, ROOT):
            _wait_for_web(url, log)
            yield url


def _pick_up(client: httpx.Client, marks: Path) -> Pickup:
    time.sleep(IDLE_SECONDS)
    with marks.open() as file:
        file.seek(0, os.SEEK_END)
        sent = time.monotonic_ns()
        answer = client.post(
            "/jobs", json={"type": "batch_analysis", "urls": ["http://site.example/"]}
        )
        answered = time.monotonic_ns()
        answer.raise_for_status()
        job_id, running = _mark(file.readline)
    if job_id != answer.json()["job_id"]:
        raise click.ClickException("another job ran than the one that was submitted")
    return Pickup(answered=(answered - sent) / 1e6, running=(running - sent) / 1e6)


def _figures(picked: list[Pickup]) -> Iterator[Figure]:
    waits = [one.after_answer for one in picked]
    p99 = quantiles(waits, n=100)[98]
    yield _within("pickup, median", median(waits), MEDIAN_MS)
    yield _within("pickup, 99th percentile", p99, P99_MS)
    early = sum(not wait for wait in waits)
    yield Figure(
        name="running before the client had read its 202", value=100 * early / len(waits), unit="%"
    )
    from_request = median(one.running for one in picked)
    yield Figure(name="request sent to step running, median", value=from_request, unit="ms")
    until_answer = median(one.answered for one in picked)
    yield Figure(name="request sent to 202 read, median", value=until_answer, unit="ms")


def _within(name: str, value: float, limit: float) -> Figure:
    return Figure(name=name, value=value, unit="ms", goal=f"<= {limit:g} ms", met=value <= limit)


def _mark(read_line: Callable[[], str]) -> tuple[str, int]:
    deadline = time.monotonic() + LONGEST_SECONDS
    line = ""
    while not line.endswith("\n"):
        if time.monotonic() > deadline:
            raise click.ClickException("a job was not picked up")
        line += read_line()
        time.sleep(0.0005)
    job_id, at = line.split()
    return job_id, int(at)


def _wait_for_web(url: str, log: Path) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/health/live").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise click.ClickException(f"web does not start:\n{log.read_text(errors='replace')[-2000:]}")
