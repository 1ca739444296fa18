"""`scripts/bench alerts`: minutes of normal load, in which no alert may fire."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import click
from msgspec import Struct

from tasks.resources import open_queue
from tasks.settings import Settings
from tests.bench.figure import Figure, prints_figures
from tests.bench.server import bench_server
from tests.scraped_system import answer, load, scraped_system

PAUSE_SECONDS = 2.0
"""Between two rounds of jobs."""


class Watched(Struct, frozen=True):
    rounds: int
    pending: set[str]
    firing: set[str]


@click.command()
@click.option("--minutes", default=10.0, show_default=True)
@prints_figures
def alerts(minutes: float) -> Iterator[Figure]:
    """Jobs of all kinds, among them articles that fail, on web and two workers; a real Prometheus
    evaluates the alerts each second. Needs Prometheus."""
    with tempfile.TemporaryDirectory() as folder:
        watched = asyncio.run(_watch(Path(folder), minutes))
    yield Figure(name="rounds of four jobs", value=watched.rounds, unit="rounds")
    for name in sorted(watched.pending):
        yield Figure(name=f"was pending: {name}", value=1, unit="alert")
    for name in sorted(watched.firing):
        yield Figure(name=f"fired: {name}", value=1, unit="alert")
    fired = len(watched.firing)
    yield Figure(name="alerts that fired", value=fired, unit="alerts", goal="0", met=fired == 0)


async def _watch(folder: Path, minutes: float) -> Watched:
    async with contextlib.AsyncExitStack() as stack:
        server = stack.enter_context(bench_server({"appendonly": "yes"}))
        settings = Settings(redis_url=server.url, task_retry_delay=2.0)
        queue = await stack.enter_async_context(open_queue(settings))
        system = await stack.enter_async_context(scraped_system(settings, queue, folder))
        rounds, end = 0, time.monotonic() + 60 * minutes
        while time.monotonic() < end:
            await load(system.url, queue)
            rounds += 1
            await asyncio.sleep(PAUSE_SECONDS)
        seen = await answer(
            system.prometheus, f"max_over_time(ALERTS[{round(minutes * 60) + 60}s])"
        )
        by_state: dict[str, set[str]] = {"pending": set(), "firing": set()}
        for series in seen:
            by_state[series["metric"]["alertstate"]].add(series["metric"]["alertname"])
        return Watched(rounds, by_state["pending"], by_state["firing"])
