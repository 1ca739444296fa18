"""No-op steps per second through the whole product, beside six other queues.

All run on one Valkey, in memory only, one worker process each, results kept. A round enqueues
everything first, then starts the worker, and times all but the first tenth by the worker's own
clock. Rounds are short and interleaved, and their median counts, so that a noisy minute of the
machine meets all alike.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from msgspec.structs import replace

from tests.bench.entrants import OURS, PEERS_MEASURED, SINGLES, Entrant
from tests.bench.figure import Figure, compared, prints_figures
from tests.bench.server import BenchServer, bench_server
from tests.bench.timing import RoundResult, medians, run_round

RATIO = 3.0

Results = dict[Entrant, RoundResult]


@click.command()
@click.option("--rounds", default=3, show_default=True, help="Rounds of each.")
@click.option("--tasks", default=5000, show_default=True, help="Tasks in one round.")
@prints_figures
def overhead(rounds: int, tasks: int) -> Iterator[Figure]:
    """No-op steps per second, beside six peers."""
    with bench_server() as server, tempfile.TemporaryDirectory(prefix="curator-bench-") as folder:
        results = _measure(server, rounds, tasks, Path(folder))
    yield from _figures(results)


def _measure(server: BenchServer, rounds: int, tasks: int, folder: Path) -> Results:
    measured: dict[Entrant, list[RoundResult]] = defaultdict(list)
    for number in range(rounds):
        for entrant in (*OURS, SINGLES, *PEERS_MEASURED):
            click.echo(f"round {number + 1} of {rounds}: {entrant.name}", err=True)
            measured[entrant].append(run_round(server, entrant, tasks, folder))
    return {entrant: medians(some) for entrant, some in measured.items()}


def _figures(results: Results) -> Iterator[Figure]:
    ours = _best(results, "ours")
    peers = {one.queue: _best(results, one.queue) for one in PEERS_MEASURED}
    best = max(peers.values(), key=lambda one: results[one].per_second)
    for one in OURS:
        yield _rate(one, results)
    for one in peers.values():
        yield _rate(one, results)
    yield _goal(ours, best, results)
    for one in OURS:
        if one is not ours:
            yield _beside(one, best, results)
    yield Figure(
        name=f"jobs of one article ({SINGLES.slots} slots)",
        value=results[SINGLES].per_second,
        unit="jobs/s",
    )
    yield _enqueued(peers.values(), results)
    yield from _processor(ours, best, results)


def _best(results: Results, queue: str) -> Entrant:
    mine = (one for one in results if one.queue == queue)
    return max(mine, key=lambda one: results[one].per_second)


def _rate(entrant: Entrant, results: Results) -> Figure:
    unit = "steps/s" if entrant in OURS else "tasks/s"
    return Figure(name=entrant.name, value=results[entrant].per_second, unit=unit)


def _beside(one: Entrant, best: Entrant, results: Results) -> Figure:
    return compared(
        f"{one.name}, beside the best peer",
        results[one].per_second,
        "steps/s",
        best.name,
        results[best].per_second,
    )


def _goal(ours: Entrant, best: Entrant, results: Results) -> Figure:
    figure = _beside(ours, best, results)
    met = figure.ratio is not None and figure.ratio >= RATIO
    return replace(figure, goal=f"ratio >= {RATIO:g}", met=met)


def _enqueued(peers: Iterable[Entrant], results: Results) -> Figure:
    best = max(peers, key=lambda one: results[one].enqueued_per_second)
    return compared(
        "enqueued by one process",
        results[SINGLES].enqueued_per_second,
        "jobs/s",
        best.queue,
        results[best].enqueued_per_second,
    )


def _processor(ours: Entrant, best: Entrant, results: Results) -> Iterator[Figure]:
    mine, other = results[ours], results[best]
    yield compared(
        "processor time of the worker", mine.worker_us, "us/step", best.name, other.worker_us
    )
    yield compared("processor time of Redis", mine.redis_us, "us/step", best.name, other.redis_us)
    yield Figure(
        name=f"share of the time that Redis works ({ours.name})",
        value=100 * mine.redis_share,
        unit="%",
    )
