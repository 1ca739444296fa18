"""The metrics that web writes for CloudWatch: what dashboards and alarms there are made of.

The form is the embedded metric format: a line of the log from which CloudWatch makes metrics, so
that neither a library nor a permission is needed. Each metric costs money, so these are few; all
others are in `tasks.ledger_metrics` and `tasks.telemetry.metrics`.
"""

from __future__ import annotations

import asyncio
import math
import sys
import time
from collections.abc import Callable, Mapping

import msgspec
import structlog

from tasks.errors import LedgerUnavailable
from tasks.jobs.job import JobState
from tasks.ledger.demand import lead
from tasks.ledger.metrics import LedgerSnapshot, read_snapshot
from tasks.ledger.scripts import Scripts
from tasks.policies import ScalingPolicy
from tasks.scaling.monitor import SAMPLE_SECONDS, Scaling, ScalingMonitor
from tasks.scaling.wanted import METRIC_NAME

log = structlog.get_logger(__name__)

NAMESPACE = "ContentCurator"
DIMENSION = "service"
"""Of all metrics; its value is the deployment's name."""

HAPPENED = ("jobs_ended", "jobs_failed", "attempts_retried", "leases_lost", "wakeups_lost")
"""Metrics that count what happened since the line before."""

METRICS: Mapping[str, str] = {
    METRIC_NAME: "Count",
    "workers": "Count",
    "steps_queued": "Count",
    "steps_without_worker": "Count",
    "steps_paused": "Count",
    "oldest_step": "Seconds",
    **dict.fromkeys(HAPPENED, "Count"),
}
"""Their units, by name. `steps_without_worker` are queued while no worker reports, `steps_paused`
while the queue is paused; `oldest_step` is how long the oldest queued step of high or normal
priority has waited, 0 while the queue is paused. Cancelled jobs, and those that failed because
another did, count nowhere."""

LEAD_SECONDS, ASK_SECONDS = 8.0, 2.0
"""Of the one web that publishes; after its death another does within both together."""

Write = Callable[[str], object]


class CloudWatchPublisher:
    """Writes a line every SAMPLE_SECONDS, in one web at a time."""

    def __init__(
        self,
        scripts: Scripts,
        monitor: ScalingMonitor,
        policy: ScalingPolicy,
        process: str,
        write: Write = sys.stdout.write,
    ) -> None:
        self._scripts = scripts
        self._monitor = monitor
        self._policy = policy
        self._process = process
        self._write = write
        self._counted: Counts | None = None
        """At the line before; None before the first line as the leader."""

    async def run_forever(self) -> None:
        published_at = -math.inf
        while True:
            try:
                leads = await lead(self._scripts, "scaling", self._process, LEAD_SECONDS)
                if not leads:
                    self._counted = None
                elif time.monotonic() - published_at >= SAMPLE_SECONDS - ASK_SECONDS / 2:
                    await self.publish()
                    published_at = time.monotonic()
            except LedgerUnavailable as error:
                log.debug("no metrics are published", error=str(error))
            await asyncio.sleep(ASK_SECONDS)

    async def publish(self) -> None:
        """One line, of what is so and of what happened since the line before."""
        scaling = await self._monitor.report()
        snapshot = await read_snapshot(self._scripts, self._policy.silent_ms)
        counts = _counts(snapshot)
        happened = _since(self._counted or counts, counts)
        self._counted = counts
        values = {**_state(snapshot), **happened}
        self._write(metric_line(scaling, values, self._policy.deployment))
        sys.stdout.flush()


Counts = Mapping[str, int]
"""How often something has happened, by the name of its metric."""


def _state(snapshot: LedgerSnapshot) -> dict[str, float]:
    queued, paused = sum(snapshot.depth.values()), bool(snapshot.paused)
    waits = [ms for priority, ms in snapshot.oldest_ms.items() if priority != "low"]
    return {
        "workers": snapshot.workers,
        "steps_queued": queued,
        "steps_without_worker": 0 if paused or snapshot.workers else queued,
        "steps_paused": queued if paused else 0,
        "oldest_step": 0 if paused else max(waits, default=0) / 1000,
    }


def _counts(snapshot: LedgerSnapshot) -> Counts:
    counts = dict.fromkeys(HAPPENED, 0)
    for field, number in snapshot.counters.items():
        match field.split(" "):
            case ["ended", _, JobState.REVOKED, _] | ["ended", _, _, "dependency_failed"]:
                continue
            case ["ended", _, state, _]:
                counts["jobs_ended"] += number
                counts["jobs_failed"] += number if state == JobState.FAILURE else 0
            case ["attempts", _, "retried", _]:
                counts["attempts_retried"] += number
            case ["attempts", _, "lost", _]:
                counts["leases_lost"] += number
            case ["wakeups_lost"]:
                counts["wakeups_lost"] += number
    return counts


def _since(before: Counts, now: Counts) -> Counts:
    return {name: max(0, number - before[name]) for name, number in now.items()}


def metric_line(scaling: Scaling, values: Mapping[str, float], deployment: str) -> str:
    """See "Specification: Embedded metric format" in the guide of Amazon CloudWatch.

    What `workers_wanted` follows from is in the line, to be read, without being a metric.
    """
    definition = {
        "Namespace": NAMESPACE,
        "Dimensions": [[DIMENSION]],
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in METRICS.items()],
    }
    about = {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": [definition]}
    line = {"_aws": about, DIMENSION: deployment, **msgspec.structs.asdict(scaling), **values}
    return msgspec.json.encode(line).decode() + "\n"
