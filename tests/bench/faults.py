"""`scripts/bench faults`: kills processes at random, and counts what is lost."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from tests.bench.figure import Figure, prints_figures
from tests.faults.campaign.campaign import campaign
from tests.faults.campaign.verdict import Verdict

LONGEST_PAUSE = 15.0


@click.command()
@click.option("--kills", default=200, show_default=True, help="How many.")
@click.option("--seed", default=1, show_default=True, help="Of the moments and the victims.")
@click.option("--interval", default=0.8, show_default=True, help="Mean seconds between two.")
@click.option("--keep", type=click.Path(path_type=Path), help="A new folder for the logs.")
@prints_figures
def faults(kills: int, seed: int, interval: float, keep: Path | None) -> Iterator[Figure]:
    """Kill processes at random under load; count what is lost, stuck or doubled.

    The same seed gives the same kinds and pauses, but no machine gives the same moments twice.
    """
    with tempfile.TemporaryDirectory() as folder:
        where = keep or Path(folder) / "campaign"
        where.mkdir(parents=True)
        verdict = asyncio.run(campaign(where, kills=kills, seed=seed, interval=interval))
    yield from figures(verdict)


def figures(verdict: Verdict) -> Iterator[Figure]:
    for kind, times in verdict.kills.items():
        yield Figure(name=f"kills: {kind}", value=times, unit="kills")
    yield Figure(name="time of kills and drain", value=verdict.seconds, unit="s")
    yield Figure(name="jobs answered with 202", value=verdict.jobs, unit="jobs")
    yield Figure(name="articles settled", value=verdict.articles, unit="articles")
    yield _none("lost", verdict.lost, "jobs")
    yield _none("stuck", verdict.stuck, "jobs")
    yield _none("two outcomes", verdict.two_outcomes, "articles")
    yield Figure(
        name="analysed more than once",
        value=verdict.repeated,
        unit="calls",
        against="in flight at a kill",
        against_value=verdict.in_flight,
        ratio=verdict.repeated / verdict.in_flight if verdict.in_flight else None,
        goal="<= in flight",
        met=verdict.repeated <= verdict.in_flight,
    )
    yield _none("analysed again without a kill in flight", verdict.unexcused, "calls")
    yield Figure(name="failed for a kill", value=verdict.blamed, unit="articles")
    if verdict.longest_pause is not None:
        yield Figure(
            name="longest from a kill to the step running again",
            value=verdict.longest_pause,
            unit="s",
            goal=f"<= {LONGEST_PAUSE:g} s",
            met=verdict.longest_pause <= LONGEST_PAUSE,
        )


def _none(name: str, value: float, unit: str) -> Figure:
    return Figure(name=name, value=value, unit=unit, goal="0", met=value == 0)
