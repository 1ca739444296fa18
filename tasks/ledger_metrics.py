"""The metrics of the ledger, which every web shows.

Several webs show the same values: of these take the maximum, and the sum of what is a process's own
(`tasks.telemetry.metrics`).

What only grows is counted in the ledger itself, so a restart of web does not set it back.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import product

import structlog
from msgspec import Struct
from opentelemetry.metrics import Meter
from redis.asyncio import Redis

from tasks.errors import LedgerUnavailable, Reason
from tasks.jobs.job import JobState, JobType
from tasks.ledger.metrics import LedgerSnapshot, ServerState, read_server, read_snapshot
from tasks.ledger.scripts import Scripts
from tasks.scaling.monitor import Scaling, ScalingMonitor
from tasks.telemetry.metric import Labels, Metric, Values, gauge, observe, observed_counter

log = structlog.get_logger(__name__)

KEPT_SECONDS = 5.0
"""How long one reading serves, however often somebody asks."""

TIMEOUT_SECONDS = 2.0

PUSHED_EVERY_SECONDS = 10.0
"""How often the ledger is read where a collector gets the metrics."""

LEDGER_UP = gauge("curator.ledger.up", "1 if this web could read the ledger, 0 otherwise.")
LEDGER_READ = gauge("curator.ledger.read", "How long this web took to read it.", unit="s")
JOBS = gauge(
    "curator.jobs",
    "Jobs by type and state; ended ones until their record expires.",
    ("type", "state"),
)
JOBS_SUBMITTED = observed_counter(
    "curator.jobs.submitted", "Jobs that were accepted.", labels=("type",)
)
JOBS_ENDED = observed_counter(
    "curator.jobs.ended",
    "Jobs that ended, by state and, for a failure, by reason.",
    ("type", "state", "reason"),
)
ARTICLES = observed_counter(
    "curator.articles", "Articles of ended jobs: `analysed` or `failed`.", ("outcome",)
)
ATTEMPTS = observed_counter(
    "curator.attempts",
    "Attempts at steps that were `retried`, `failed`, `handed_back` or `lost` (the lease expired), "
    "and successes after these (`analysed`).",
    ("step", "outcome", "reason"),
)
WAKEUPS_LOST = observed_counter(
    "curator.wakeups.lost", "Queued steps whose wake-up was lost and sent again."
)
QUEUE_DEPTH = gauge("curator.queue.depth", "Queued steps.", ("priority",))
QUEUE_OLDEST = gauge(
    "curator.queue.oldest",
    "How long the oldest queued step has waited; 0 without one.",
    ("priority",),
    "s",
)
QUEUE_PAUSED = gauge("curator.queue.paused", "1 while no step can be claimed.")
STEPS_DUE = gauge(
    "curator.steps.due", "Steps that are queued, running or delayed, and deadlines to come."
)
WORKERS = gauge("curator.workers", "Workers that have reported lately.")
WORKERS_METERED = gauge("curator.workers.metered", "Those of them that serve metrics.")
WORKERS_SLOTS = gauge("curator.workers.slots", "Steps that they can run at once.")
WORKERS_RUNNING = gauge("curator.workers.running", "Steps that they run, by their last reports.")
CACHE_SIZE = gauge("curator.cache.size", "What the shared caches take.", ("cache",), "By")
CACHE_ENTRIES = gauge("curator.cache.entries", "Values in the shared caches.", ("cache",))
KEPT = gauge("curator.ledger.kept", "What jobs take, as it counts for the quotas.", unit="By")
REDIS_MEMORY = gauge("curator.redis.memory", "Memory that Redis uses.", unit="By")
REDIS_MEMORY_LIMIT = gauge(
    "curator.redis.memory.limit", "Its `maxmemory`, where it has one.", unit="By"
)
REDIS_PERSISTENT = gauge(
    "curator.redis.persistent",
    "`log`: 1 if the append-only file is on and could be written. `snapshot`: 0 if the last one "
    "failed.",
    ("part",),
)
WORKERS_WANTED = gauge(
    "curator.workers.wanted", "How many workers are wanted: the most of the last five minutes."
)
SCALING: dict[str, Metric] = {
    "workers_wanted_now": gauge("curator.scaling.wanted", "How many are wanted at the moment."),
    "running_count": gauge("curator.scaling.running", "Steps that run."),
    "running_mean": gauge(
        "curator.scaling.running.mean", "The same, as the mean of the last three minutes."
    ),
    "ready_count": gauge(
        "curator.scaling.ready",
        "Steps that can start within a minute, and articles that running jobs have not released.",
    ),
    "step_seconds": gauge("curator.scaling.step", "How long a step takes.", unit="s"),
    "slots_per_worker": gauge("curator.scaling.slots", "Slots of each worker that is wanted."),
    "acceptable_wait_seconds": gauge(
        "curator.scaling.acceptable.wait", "How long steps may wait.", unit="s"
    ),
    "max_workers": gauge("curator.scaling.limit", "The most workers that are wanted."),
}
"""The parts of `workers_wanted`, by the fields of `Scaling`."""


class _Reading(Struct, frozen=True, kw_only=True):
    """The ledger as it was read at one moment."""

    snapshot: LedgerSnapshot
    server: ServerState | None
    scaling: Scaling | None
    seconds: float


class LedgerMetrics:
    """Reads the ledger when its metrics are wanted, and not too often."""

    def __init__(
        self,
        scripts: Scripts,
        redis: Redis,
        scaling: ScalingMonitor,
        silent_ms: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scripts = scripts
        self._redis = redis
        self._scaling = scaling
        self._silent_ms = silent_ms
        self._clock = clock
        self._reading: _Reading | None = None
        self._read_at = -math.inf
        self._one_reads = asyncio.Lock()

    async def refresh(self) -> None:
        """Reads the ledger, unless that was done a moment ago."""
        async with self._one_reads:
            if self._clock() - self._read_at < KEPT_SECONDS:
                return
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    self._reading = await self._read()
            except (LedgerUnavailable, TimeoutError) as error:
                log.debug("the ledger's metrics cannot be read", error=str(error))
                self._reading = None
            self._read_at = self._clock()

    async def refresh_forever(self) -> None:
        """For a collector, to which the metrics are pushed by a thread."""
        while True:
            await self.refresh()
            await asyncio.sleep(PUSHED_EVERY_SECONDS)

    async def _read(self) -> _Reading:
        started = time.monotonic()
        snapshot = await read_snapshot(self._scripts, self._silent_ms)
        return _Reading(
            snapshot=snapshot,
            server=await read_server(self._redis),
            scaling=self._scaling.latest,
            seconds=time.monotonic() - started,
        )

    def observe(self, meter: Meter) -> None:
        """Has the latest reading shown by this meter; only `curator.ledger.up` without one."""
        observe(LEDGER_UP, lambda: {(): float(self._reading is not None)}, meter)
        for metric, read in _READ:
            observe(metric, partial(self._values, read), meter)

    def _values(self, read: Callable[[_Reading], Values]) -> Values:
        reading = self._reading
        return read(reading) if reading is not None else {}


def _one(value: float | None) -> Values:
    return {} if value is None else {(): value}


def _by_label(values: Mapping[str, float]) -> Values:
    return {tuple(labels.split(" ")): value for labels, value in values.items()}


ZEROS: Mapping[str, Iterable[Labels]] = {
    "submitted": [(job_type,) for job_type in JobType],
    "ended": list(product(JobType, (JobState.SUCCESS, JobState.REVOKED), ("",))),
    "articles": [("analysed",), ("failed",)],
    "attempts": list(
        product(("discover", "analyse", "rank"), ("lost", "handed_back", "analysed"), ("",))
    ),
}
"""What is shown as 0 before it has happened. A counter that is first seen at 1 has grown by nothing
for Prometheus. (For each reason of a failure that would be too much.)"""


def _counted(reading: _Reading, name: str) -> Values:
    """The counters of this name, by the words that follow it. A reason that this release does not
    know becomes `other`."""
    totals: dict[Labels, float] = dict.fromkeys(ZEROS[name], 0)
    for field, number in reading.snapshot.counters.items():
        first, *labels = field.split(" ")
        if first != name:
            continue
        if len(labels) > 2:
            labels[-1] = _known_reason(labels[-1])
        totals[tuple(labels)] = totals.get(tuple(labels), 0) + number
    return totals


def _known_reason(reason: str) -> str:
    if reason == "-":
        return ""
    return reason if reason in REASONS else "other"


REASONS = frozenset(Reason)


def _server(reading: _Reading, name: str) -> Values:
    return _one(getattr(reading.server, name) if reading.server else None)


def _persistent(reading: _Reading) -> Values:
    if reading.server is None:
        return {}
    return {
        ("log",): float(reading.server.log_written),
        ("snapshot",): float(reading.server.snapshot_written),
    }


def _scaling(name: str, reading: _Reading) -> Values:
    return _one(getattr(reading.scaling, name) if reading.scaling else None)


_READ: tuple[tuple[Metric, Callable[[_Reading], Values]], ...] = (
    (LEDGER_READ, lambda it: _one(it.seconds)),
    (JOBS, lambda it: _by_label(it.snapshot.jobs)),
    (JOBS_SUBMITTED, lambda it: _counted(it, "submitted")),
    (JOBS_ENDED, lambda it: _counted(it, "ended")),
    (ARTICLES, lambda it: _counted(it, "articles")),
    (ATTEMPTS, lambda it: _counted(it, "attempts")),
    (WAKEUPS_LOST, lambda it: _one(it.snapshot.counters.get("wakeups_lost", 0))),
    (QUEUE_DEPTH, lambda it: _by_label(it.snapshot.depth)),
    (QUEUE_OLDEST, lambda it: _by_label({k: ms / 1000 for k, ms in it.snapshot.oldest_ms.items()})),
    (QUEUE_PAUSED, lambda it: _one(it.snapshot.paused)),
    (STEPS_DUE, lambda it: _one(it.snapshot.due)),
    (WORKERS, lambda it: _one(it.snapshot.workers)),
    (WORKERS_METERED, lambda it: _one(it.snapshot.metered)),
    (WORKERS_SLOTS, lambda it: _one(it.snapshot.slots)),
    (WORKERS_RUNNING, lambda it: _one(it.snapshot.running)),
    (CACHE_SIZE, lambda it: _by_label(it.snapshot.cache_bytes)),
    (CACHE_ENTRIES, lambda it: _by_label(it.snapshot.cache_entries)),
    (KEPT, lambda it: _one(it.snapshot.kept_bytes)),
    (REDIS_MEMORY, lambda it: _server(it, "memory_bytes")),
    (REDIS_MEMORY_LIMIT, lambda it: _server(it, "memory_limit_bytes")),
    (REDIS_PERSISTENT, _persistent),
    (WORKERS_WANTED, partial(_scaling, "workers_wanted")),
    *((metric, partial(_scaling, name)) for name, metric in SCALING.items()),
)
