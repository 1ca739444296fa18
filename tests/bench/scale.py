"""What an article costs in small and in large jobs, a listing with many jobs, and memory.

Articles that do nothing, in jobs of 10 to 10,000, in all as many of them in each; what a job costs
beside its articles, its `discover` and `rank`, is in the cost of its articles. The cost is the
processor time of worker and Redis together: that depends less than the time on the clock on what
else runs.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import click
from msgspec import Struct
from msgspec.structs import replace

from tasks.redis_url import DEFAULT_KEY_PREFIX
from tests.bench.entrants import ours_in_jobs_of
from tests.bench.figure import Figure, compared, prints_figures
from tests.bench.listing import list_beside_few
from tests.bench.server import BenchServer, bench_server
from tests.bench.timing import run_round

SIZES = (10, 100, 1_000, 10_000)
COST_RATIO = 1.2


class Cost(Struct, frozen=True, kw_only=True):
    """Of jobs of one size."""

    us_per_article: float
    """Of processor time."""
    articles_per_second: float
    bytes_per_job: float
    """In Redis, of a job that has ended."""


@click.command()
@click.option("--rounds", default=3, show_default=True, help="Rounds of each size of job.")
@click.option("--articles", default=10_000, show_default=True, help="Articles in each round.")
@click.option("--jobs", default=1_000_000, show_default=True, help="Jobs known when listing.")
@prints_figures
def scale(rounds: int, articles: int, jobs: int) -> Iterator[Figure]:
    """Cost per article, listing, bytes in Redis."""
    with bench_server() as server:
        sizes = tuple(size for size in SIZES if size <= articles)
        costs = _measure(server, rounds, articles, sizes)
        yield from _cost_figures(costs)
        yield from _memory_figures(costs)
        server.empty()
        click.echo(f"{jobs} jobs", err=True)
        yield list_beside_few(server, jobs)


def _measure(
    server: BenchServer, rounds: int, articles: int, sizes: tuple[int, ...]
) -> dict[int, Cost]:
    measured: dict[int, list[Cost]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="curator-bench-") as folder:
        for number in range(rounds):
            for size in sizes:
                click.echo(f"round {number + 1} of {rounds}: jobs of {size}", err=True)
                measured[size].append(_run(server, size, articles, Path(folder)))
    return {
        size: Cost(
            us_per_article=median(one.us_per_article for one in some),
            articles_per_second=median(one.articles_per_second for one in some),
            bytes_per_job=median(one.bytes_per_job for one in some),
        )
        for size, some in measured.items()
    }


def _run(server: BenchServer, size: int, articles: int, folder: Path) -> Cost:
    def all_ended() -> bool:
        return not server.client.exists(f"{DEFAULT_KEY_PREFIX}steps:due")

    result = run_round(server, ours_in_jobs_of(size), articles, folder, all_ended)
    return Cost(
        us_per_article=result.worker_us + result.redis_us,
        articles_per_second=result.per_second,
        bytes_per_job=server.data_bytes() / (articles // size),
    )


def _cost_figures(costs: dict[int, Cost]) -> Iterator[Figure]:
    first, *others = costs
    name = "cost of an article in a job of {}"
    us = {size: cost.us_per_article for size, cost in costs.items()}
    yield Figure(name=name.format(f"{first:,}"), value=us[first], unit="us")
    for size in others:
        figure = compared(
            name.format(f"{size:,}"), us[size], "us", f"a job of {first:,}", us[first]
        )
        if size == others[-1]:
            met = us[size] <= COST_RATIO * us[first]
            figure = replace(figure, goal=f"ratio <= {COST_RATIO:g}", met=met)
        yield figure
    for size, cost in costs.items():
        yield Figure(
            name=f"articles per second, in jobs of {size:,} (16 slots)",
            value=cost.articles_per_second,
            unit="articles/s",
        )


def _memory_figures(costs: dict[int, Cost]) -> Iterator[Figure]:
    """From the two smallest sizes: what an article adds, and what is left for the job itself."""
    small, larger, *_ = costs
    added = costs[larger].bytes_per_job - costs[small].bytes_per_job
    article = added / (larger - small)
    job = costs[small].bytes_per_job - small * article
    yield Figure(name="Redis, a finished job without articles", value=job, unit="bytes")
    yield Figure(name="Redis, each article of a finished job", value=article, unit="bytes")
    largest = max(costs)
    yield Figure(
        name=f"Redis, each article of a finished job of {largest:,}",
        value=(costs[largest].bytes_per_job - job) / largest,
        unit="bytes",
    )
