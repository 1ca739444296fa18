"""Watches the ledger, and says how many workers are wanted: `GET /health/scaling`, and metrics."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable

import structlog
from msgspec import Struct

from tasks.errors import LedgerUnavailable
from tasks.ledger.demand import Demand, read_demand
from tasks.ledger.scripts import Scripts
from tasks.policies import ScalingPolicy
from tasks.scaling.wanted import workers_wanted

log = structlog.get_logger(__name__)

SAMPLE_SECONDS = 10.0
RUNNING_SECONDS = 180.0
"""Of the mean of what runs: see `workers_wanted`."""

KEPT_SECONDS = 300.0
"""What was wanted lately is still published: a worker is not ended between two jobs."""

USUAL_STEP_SECONDS = 2.0
"""How long a step takes, until a worker has run one."""


class Scaling(Struct, frozen=True, kw_only=True):
    """How many workers are wanted, and what that follows from."""

    workers_wanted: int
    """The most of the last five minutes."""
    workers_wanted_now: int
    running_count: int
    """Steps that run."""
    running_mean: float
    """The same, as the mean of the last three minutes."""
    ready_count: int
    """Steps that can start within a minute, and articles that running jobs have not released."""
    slot_count: int
    """Of all workers that there are."""
    slots_per_worker: int
    step_seconds: float
    """How long a step takes."""
    acceptable_wait_seconds: float
    max_workers: int
    paused: bool


class _Sample(Struct, frozen=True):
    at: float
    running: int
    wanted: int


class ScalingMonitor:
    """Samples the ledger, in each web."""

    def __init__(
        self,
        scripts: Scripts,
        policy: ScalingPolicy,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scripts = scripts
        self._policy = policy
        self._clock = clock
        self._samples: deque[_Sample] = deque()
        self._step_seconds = USUAL_STEP_SECONDS
        self.latest: Scaling | None = None
        """The latest report; None before the first."""

    async def run_forever(self) -> None:
        """Keeps the samples of the last minutes, so that what is reported does not depend on who
        asks how often."""
        while True:
            try:
                await self.report()
            except LedgerUnavailable as error:
                log.debug("cannot tell how many workers are wanted", error=str(error))
            await asyncio.sleep(SAMPLE_SECONDS)

    async def report(self) -> Scaling:
        """As of now. Raises LedgerUnavailable."""
        demand = await read_demand(self._scripts, self._policy.silent_ms)
        self._step_seconds = demand.step_seconds or self._step_seconds
        now = self._clock()
        while self._samples and self._samples[0].at < now - KEPT_SECONDS:
            self._samples.popleft()
        running_mean = self._mean_with(demand, now)
        wanted = workers_wanted(
            running_mean if demand.running else 0,
            demand.ready,
            self._policy.slots,
            self._step_seconds,
            self._policy.acceptable_wait,
            self._policy.max_workers,
            demand.paused,
        )
        self._samples.append(_Sample(now, demand.running, wanted))
        self.latest = Scaling(
            workers_wanted=max(sample.wanted for sample in self._samples),
            workers_wanted_now=wanted,
            running_count=demand.running,
            running_mean=round(running_mean, 2),
            ready_count=demand.ready,
            slot_count=demand.slots,
            slots_per_worker=self._policy.slots,
            step_seconds=round(self._step_seconds, 3),
            acceptable_wait_seconds=self._policy.acceptable_wait,
            max_workers=self._policy.max_workers,
            paused=demand.paused,
        )
        return self.latest

    def _mean_with(self, demand: Demand, now: float) -> float:
        recent = [one.running for one in self._samples if one.at >= now - RUNNING_SECONDS]
        return math.fsum([*recent, demand.running]) / (len(recent) + 1)
