"""What AWS does by the alarms and policies of a plan, and by target tracking, beside it."""

from __future__ import annotations

from collections import deque
from math import ceil
from typing import Protocol

from msgspec import Struct

from tests.infra.plan import Plan

SEEN_AFTER = 10.0
"""Seconds from web's line in its log to the alarm: assumed."""

ACTED_AFTER = 5.0
"""Seconds from the alarm to ECS starting or stopping tasks: assumed."""

REPEATED_AFTER = 60.0
"""An alarm that stays repeats its action once a minute."""


class Signal(Struct, frozen=True, kw_only=True):
    """What there is to be seen at one moment."""

    wanted: int
    """workers_wanted as web publishes it."""
    outstanding: int
    """Steps of all jobs that are not settled, also of those that are due later."""


class Scaler(Protocol):
    name: str
    first: int
    """Workers at the beginning of the day."""

    def decide(self, now: float, signal: Signal) -> int | None:
        """The capacity that is set now, or None. Called every 10 s."""
        ...


class Step(Struct, frozen=True, kw_only=True):
    lower: float
    upper: float
    capacity: int


class Policy(Struct, frozen=True, kw_only=True):
    """An alarm with its policy, of ExactCapacity."""

    period: float
    evaluations: int
    threshold: float
    above: bool
    """Whether the alarm is for values at or above the threshold, or below it."""
    steps: tuple[Step, ...]

    def breached(self, value: float) -> bool:
        return value >= self.threshold if self.above else value < self.threshold

    def capacity(self, value: float) -> int:
        distance = value - self.threshold
        for step in self.steps:
            if step.lower <= distance < step.upper or (not self.above and distance < step.upper):
                return step.capacity
        raise ValueError(f"no step for {value}")


class _Alarm:
    """Keeps the maximum of each period; acts when it begins, and every minute that it stays."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._periods: deque[float] = deque(maxlen=policy.evaluations)
        self._period_start = -10.0  # the first value comes at 0, and ends a period of 10 s
        self._maximum = 0.0
        self._acted_at: float | None = None

    def see(self, now: float, value: float) -> int | None:
        """`value` is new, every 10 s; a period counts when it is over."""
        self._maximum = max(value, self._maximum)
        if now - self._period_start >= self.policy.period - 0.5:
            self._periods.append(self._maximum)
            self._period_start, self._maximum = now, 0.0
        points = [*self._periods]
        if len(points) < self.policy.evaluations or not all(map(self.policy.breached, points)):
            self._acted_at = None
            return None
        if self._acted_at is not None and now - self._acted_at < REPEATED_AFTER:
            return None
        self._acted_at = now
        return self.policy.capacity(value)


class StepScaling:
    """The two alarms of modules/worker_autoscaling."""

    def __init__(self, name: str, plan: Plan) -> None:
        target = plan.one("aws_appautoscaling_target", ".workers")
        self.name = name
        self.first = int(target.values.get("min_capacity", 0))
        self.most = int(target.values["max_capacity"])
        self._alarms = [_Alarm(policy) for policy in policies(plan)]

    def decide(self, now: float, signal: Signal) -> int | None:
        decisions = [alarm.see(now, signal.wanted) for alarm in self._alarms]
        made = [decision for decision in decisions if decision is not None]
        return min(max(*made, self.first), self.most) if made else None


def policies(plan: Plan) -> list[Policy]:
    """Of the alarms whose action is a policy of steps."""
    return [
        _policy(plan, ".work", ".follow"),
        _policy(plan, ".quiet", ".rest"),
    ]


def _policy(plan: Plan, alarm_end: str, policy_end: str) -> Policy:
    alarm = plan.one("aws_cloudwatch_metric_alarm", alarm_end).values
    scaling = plan.one("aws_appautoscaling_policy", policy_end)
    [configuration] = scaling.values["step_scaling_policy_configuration"]
    if configuration["adjustment_type"] != "ExactCapacity" or alarm["statistic"] != "Maximum":
        raise ValueError(f"{policy_end}: only ExactCapacity on the maximum is understood")
    return Policy(
        period=alarm["period"],
        evaluations=alarm["evaluation_periods"],
        threshold=alarm["threshold"],
        above=alarm["comparison_operator"] == "GreaterThanOrEqualToThreshold",
        steps=tuple(
            Step(
                lower=_bound(step.get("metric_interval_lower_bound"), float("-inf")),
                upper=_bound(step.get("metric_interval_upper_bound"), float("inf")),
                capacity=step["scaling_adjustment"],
            )
            for step in configuration["step_adjustment"]
        ),
    )


def _bound(value: str | None, default: float) -> float:
    return float(value) if value else default


class TargetTracking:
    """Target tracking on the outstanding steps of each worker: what one would take first.

    It adds when the metric was above the target for three minutes, removes when it was below nine
    tenths of it for fifteen, and cannot leave 0, as there is no metric of each worker then.
    """

    name = "target tracking"
    first = 1

    def __init__(self, target: float, most: int) -> None:
        self._target = target
        self._most = most
        self._capacity = self.first
        self._minutes: deque[float] = deque(maxlen=15)
        self._next = 0.0

    def decide(self, now: float, signal: Signal) -> int | None:
        if now < self._next:
            return None
        self._next = now + 60
        self._minutes.append(signal.outstanding / self._capacity)
        minutes = [*self._minutes]
        wanted = min(max(ceil(signal.outstanding / self._target), self.first), self._most)
        above = len(minutes) >= 3 and min(minutes[-3:]) > self._target
        below = len(minutes) == 15 and max(minutes) < 0.9 * self._target
        if (above and wanted > self._capacity) or (below and wanted < self._capacity):
            self._capacity = wanted
            self._minutes.clear()
            return wanted
        return None
