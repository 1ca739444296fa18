"""The simulation of `scripts/bench scaling`: what it reads, and what it must never find."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from tests.bench.scaling.arrivals import Arrival, made_up, read_arrivals
from tests.bench.scaling.command import world
from tests.bench.scaling.day import Day, World, play
from tests.bench.scaling.rules import Signal, StepScaling, policies
from tests.infra.plan import recorded

PLAN = recorded("prod")
WORLD = replace(
    world(PLAN, 300.0, 1.2, 60.0), spot_lost_at=(), killed_at=(), slow_share=0.0, seed=1
)
HOUR = 3600


def job(at: int, articles: int, not_before: int | None = None) -> Arrival:
    return Arrival(at=at, not_before=at if not_before is None else not_before, articles=articles)


def a_day(arrivals: Sequence[Arrival], of: World = WORLD) -> Day:
    return play(of, arrivals, StepScaling("ours", PLAN))


def test_the_committed_day_is_that_of_its_seed() -> None:
    assert read_arrivals() == made_up()


def test_alarms_and_steps_are_those_of_the_plan() -> None:
    work, quiet = policies(PLAN)
    assert (work.period, work.evaluations) == (10, 1)
    assert [work.capacity(value) for value in (1, 2, 9, 10, 500)] == [1, 2, 9, 10, 10]
    assert not work.breached(0)
    assert quiet.breached(0)
    assert not quiet.breached(1)
    assert (quiet.period, quiet.capacity(0)) == (60, 0)


def test_an_alarm_acts_at_once_and_then_once_a_minute() -> None:
    scaler = StepScaling("ours", PLAN)
    decisions = [
        scaler.decide(10.0 * tick, Signal(wanted=3 if tick < 7 else 5, outstanding=0))
        for tick in range(14)
    ]
    assert [(tick, made) for tick, made in enumerate(decisions) if made is not None] == [
        (0, 3),
        (6, 3),
        (12, 5),
    ]


def test_a_job_for_tomorrow_keeps_no_worker() -> None:
    day = a_day([job(HOUR, 500, not_before=30 * HOUR)])
    assert (day.worker_hours, day.steps) == (0, 0)


def test_a_job_starts_a_worker_that_rests_again() -> None:
    day = a_day([job(HOUR, 10)])
    assert [capacity for _, capacity in day.capacities] == [0, 1, 0]
    assert day.settled == 10
    assert max(day.waits) == pytest.approx(80, abs=10)
    up, down = day.capacities[1][0], day.capacities[2][0]
    assert 540 <= down - up <= 720
    assert day.flips == int(down - up < 600)


def test_a_backlog_starts_as_many_as_it_takes() -> None:
    day = a_day([job(HOUR, 10_000)])
    assert max(capacity for _, capacity in day.capacities) == 5  # 10,000 × 1.2 / (8 × 300)
    assert day.lost == 0
    assert max(day.waits) <= WORLD.acceptable_wait + WORLD.start_seconds + 30


def test_the_loss_of_spot_and_of_a_machine_loses_nothing() -> None:
    lossy = replace(WORLD, spot_lost_at=(HOUR + 150.0,), killed_at=(HOUR + 200.0,))
    day = a_day([job(HOUR, 10_000)], lossy)
    assert (day.lost, day.settled) == (0, 10_000)
    assert day.repeated == WORLD.slots
    assert day.spot_hours > 0


class Abrupt:
    """One worker; none for a while as soon as something runs."""

    name = "abrupt"
    first = 1

    def decide(self, now: float, signal: Signal) -> int | None:
        return 0 if HOUR <= now < HOUR + 120 else 1


@pytest.mark.parametrize(("seconds", "hit"), [(60.0, 0), (200.0, 1)])
def test_a_worker_is_hit_where_its_steps_outlast_its_grace(seconds: float, hit: int) -> None:
    """So a figure of 0 hits is a finding. It was busy in both cases."""
    even = replace(WORLD, slow_share=1.0, slow_seconds=(seconds, seconds + 1))
    day = play(even, [job(HOUR, 8)], Abrupt())
    assert (day.drained, day.hit, day.lost) == (1, hit, 0)
    assert day.repeated == 8 * hit


def test_a_worker_with_an_old_lease_is_not_chosen() -> None:
    class Late(Abrupt):
        def decide(self, now: float, signal: Signal) -> int | None:
            return super().decide(now - 60, signal)

    even = replace(WORLD, slow_share=1.0, slow_seconds=(200.0, 201.0))
    day = play(even, [job(HOUR, 8)], Late())
    assert (day.drained, day.hit, day.repeated) == (0, 0, 0)
