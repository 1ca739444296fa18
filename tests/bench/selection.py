"""What it takes to merge and cluster a very large job, and whether the fast way finds the same.

Each selection runs in a process of its own, on one core, on synthetic articles with planted copies
and events (`tests/bench/synthetic.py`). At 5,000 articles the exact method and the one for many are
both run, the latter by lowering the limit.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import click
import msgspec

from tests.bench.entrants import ROOT
from tests.bench.figure import Figure, compared, prints_figures
from tests.bench.quality.events import bcubed
from tests.bench.selecting import Selected

COMPARED = 5_000
SECONDS, MEGABYTES = 60.0, 2_000.0
RECALL, PRECISION = 0.98, 0.99
AGREEMENT = 0.99


@click.command()
@click.option("--articles", default=100_000, show_default=True, help="Articles of the large job.")
@prints_figures
def selection(articles: int) -> Iterator[Figure]:
    """Duplicates and clusters of a large job on one core."""
    large = _run(articles, COMPARED)
    yield from _cost(articles, large)
    yield from _truth(f"{articles:,} articles", large)
    exact, fast = _run(COMPARED, COMPARED), _run(COMPARED, 0)
    yield from _truth(f"{COMPARED:,} articles, exact", exact)
    yield from _beside(exact, fast)


def _run(articles: int, exact: int) -> Selected:
    one_thread = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")}
    command = (sys.executable, "-m", "tests.bench.selecting", str(articles), str(exact))
    done = subprocess.run(
        command, env={**os.environ, **one_thread}, cwd=ROOT, stdout=subprocess.PIPE, check=True
    )
    return msgspec.json.decode(done.stdout, type=Selected)


def _cost(articles: int, large: Selected) -> Iterator[Figure]:
    name = f"{articles:,} articles"
    cpu = large.duplicates_cpu + large.clusters_cpu
    yield _at_most(f"{name}, processor time", cpu, "s", SECONDS)
    yield Figure(name=f"{name}, on the clock", value=large.seconds, unit="s")
    yield Figure(name=f"{name}, of it duplicates", value=large.duplicates_cpu, unit="s")
    yield Figure(name=f"{name}, of it clusters", value=large.clusters_cpu, unit="s")
    yield _at_most(f"{name}, peak memory", large.peak_mb, "MB", MEGABYTES)
    yield Figure(name=f"{name}, of it before", value=large.articles_mb, unit="MB")


def _truth(name: str, selected: Selected) -> Iterator[Figure]:
    yield _at_least(f"{name}, recall of planted copies", selected.recall, RECALL)
    yield _at_least(f"{name}, precision of merged", selected.precision, PRECISION)
    events = selected.staying_events
    yield compared(
        f"{name}, BCubed F1 to planted events",
        bcubed(selected.clusters, events).f1,
        "",
        "all singletons",
        bcubed(range(len(events)), events).f1,
    )


def _beside(exact: Selected, fast: Selected) -> Iterator[Figure]:
    name = f"{COMPARED:,} articles, the method for many"
    yield compared(
        f"{name}, processor time",
        fast.duplicates_cpu + fast.clusters_cpu,
        "s",
        "exact",
        exact.duplicates_cpu + exact.clusters_cpu,
    )
    pairs = list(zip(exact.merged_into, fast.merged_into, strict=True))
    same = sum(one == other for one, other in pairs) / len(pairs)
    yield _at_least(f"{name}, same original or none", same, AGREEMENT)
    groups = [_groups(one) for one in (exact, fast)]
    yield _at_least(f"{name}, BCubed F1 to exact clusters", bcubed(*groups).f1, AGREEMENT)


def _groups(selected: Selected) -> list[int]:
    """The cluster of each article, that of its original if it was merged."""
    staying = iter(selected.clusters)
    found: list[int] = []
    for merged in selected.merged_into:
        found.append(next(staying) if merged is None else found[merged])
    return found


def _at_most(name: str, value: float, unit: str, goal: float) -> Figure:
    met = value <= goal
    return Figure(name=name, value=value, unit=unit, goal=f"<= {goal:g} {unit}", met=met)


def _at_least(name: str, value: float, goal: float) -> Figure:
    return Figure(name=name, value=value, unit="", goal=f">= {goal:g}", met=value >= goal)
