"""A day of workers that follow the work, beside target tracking.

No cloud is used: the alarms and steps are read from the recorded plan of prod, and a committed
file of arrivals is played by the rules of ECS, Application Auto Scaling and CloudWatch as they are
documented. What is measured, assumed and defined stands in docs/cloud.md.

Ideal: the seconds of all steps / slots. A flip: a change of direction within ten minutes. Hit: a
worker that scaling in stopped before its steps had ended. A wait: from when a step might start to
its start. Lost: a step that could run and never settled.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import quantiles

import click
from msgspec.structs import replace

from tests.bench.figure import Figure, prints_figures
from tests.bench.scaling.arrivals import SEED, made_up, read_arrivals
from tests.bench.scaling.cost import read_prices, worker_hour
from tests.bench.scaling.day import Day, World, play
from tests.bench.scaling.rules import Scaler, StepScaling, TargetTracking
from tests.infra.plan import Plan, containers, environment, recorded

HOUR = 3600.0


def world(plan: Plan, wait: float, step_seconds: float, start_seconds: float) -> World:
    """That of a plan."""
    target = plan.one("aws_appautoscaling_target", ".workers")
    capacity = {
        part["capacity_provider"]: part
        for part in plan.one("aws_ecs_service", "module.worker.aws_ecs_service.this").values[
            "capacity_provider_strategy"
        ]
    }
    settings = environment(containers(plan)["worker"])
    return World(
        slots=int(settings["WORKER_CONCURRENCY"]),
        step_seconds=step_seconds,
        slow_share=0.003,
        slow_seconds=(20.0, 60.0),
        acceptable_wait=wait,
        leases_averaged=True,
        max_workers=int(target.values["max_capacity"]),
        start_seconds=start_seconds,
        grace_seconds=float(settings["SHUTDOWN_GRACE"]),
        lease_seconds=10.0,
        on_demand_base=int(capacity["FARGATE"].get("base") or 0),
        on_demand_weight=int(capacity["FARGATE"].get("weight") or 0),
        spot_weight=int(capacity.get("FARGATE_SPOT", {}).get("weight") or 0),
        spot_lost_at=(14 * HOUR,),
        killed_at=(16 * HOUR,),
        seed=SEED,
    )


@click.command()
@click.option("--wait", default=300.0, show_default=True, help="The acceptable wait, seconds.")
@click.option("--step", default=1.2, show_default=True, help="Mean seconds of a step in its slot.")
@click.option("--start", default=60.0, show_default=True, help="Seconds until a worker works.")
@click.option("--seed", type=int, help="Another day, by its seed, instead of the committed one.")
@prints_figures
def scaling(wait: float, step: float, start: float, seed: int | None) -> Iterator[Figure]:
    """Workers that follow the work for a day, simulated."""
    plan = recorded("prod")
    given = world(plan, wait, step, start)
    arrivals = read_arrivals() if seed is None else made_up(seed)
    target = given.slots * wait / step

    def day(scaler: Scaler, of: World = given) -> Day:
        return play(of, arrivals, scaler)

    ours = day(StepScaling("ours", plan))
    theirs = day(TargetTracking(target, given.max_workers))
    moment = day(StepScaling("ours", plan), replace(given, leases_averaged=False))

    yield Figure(name="articles that could run", value=ours.steps, unit="steps")
    yield Figure(name="ideal", value=ours.ideal_hours, unit="worker-hours")
    yield from _beside(ours, theirs, wait + start)
    yield Figure(
        name="worker-hours, running steps of a moment",
        value=moment.worker_hours,
        unit="h",
        against="their mean",
        against_value=ours.worker_hours,
        ratio=moment.worker_hours / ours.worker_hours,
    )
    yield from _cost(plan, ours, theirs)


def _beside(ours: Day, theirs: Day, longest_wait: float) -> Iterator[Figure]:
    def beside(
        name: str, unit: str, mine: float, other: float, limit: float | None = None
    ) -> Figure:
        return Figure(
            name=name,
            value=mine,
            unit=unit,
            against=TargetTracking.name,
            against_value=other,
            goal=None if limit is None else f"<= {limit:g} {unit}",
            met=None if limit is None else mine <= limit,
        )

    yield beside("lost", "steps", ours.lost, theirs.lost, 0)
    yield beside("busy workers hit by scaling in", "workers", ours.hit, theirs.hit, 0)
    yield beside("busy workers that scaling in drained", "workers", ours.drained, theirs.drained)
    yield beside("steps that ran again", "steps", ours.repeated, theirs.repeated)
    yield beside("flips", "a day", ours.flips, theirs.flips, 4)
    yield beside("worker-hours", "h", ours.worker_hours, theirs.worker_hours)
    ideal = ours.ideal_hours
    hours, others = ours.worker_hours / ideal, theirs.worker_hours / ideal
    yield beside("worker-hours / ideal", "", hours, others, 1.3)
    for percent in (50, 95):
        mine, other = _percentile(ours.waits, percent), _percentile(theirs.waits, percent)
        limit = longest_wait if percent == 95 else None
        yield beside(f"wait, {percent}th percentile", "s", mine, other, limit)
    yield beside("wait, longest", "s", max(ours.waits), max(theirs.waits))


def _cost(plan: Plan, ours: Day, theirs: Day) -> Iterator[Figure]:
    prices = read_prices()
    hour = worker_hour(plan, prices)
    spot = hour * prices["fargate_arm"]["spot_share"]
    yield Figure(name="a worker's hour, on demand", value=hour, unit="$")
    for name, day in (("ours", ours), (TargetTracking.name, theirs)):
        cost = day.on_demand_hours * hour + day.spot_hours * spot
        yield Figure(name=f"workers of the day, {name}", value=cost, unit="$")
    cost = ours.on_demand_hours * hour + ours.spot_hours * spot
    yield Figure(name="1,000 articles, ours", value=1000 * cost / ours.steps, unit="$")


def _percentile(values: list[float], percent: int) -> float:
    return quantiles(values, n=100)[percent - 1]
