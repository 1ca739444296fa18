"""Puts the parts together: what web, worker and tests share."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from redis.asyncio import Redis

from tasks.cache.redis import open_store
from tasks.cloudwatch import CloudWatchPublisher
from tasks.composition import engine_command, job_limits, ledger_policy, scaling_policy
from tasks.doctor import Finding, examine
from tasks.embedded_valkey import embedded_valkey_url
from tasks.engine.client import ENGINE, EngineClient
from tasks.engine.process import LeftEngine
from tasks.engine.supervisor import EngineSupervisor
from tasks.errors import LedgerUnavailable
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.queue import Queue
from tasks.ledger.connection import connect
from tasks.ledger.diagnosis import LedgerOutage, diagnose
from tasks.ledger.reaper import reap_forever
from tasks.ledger.redis import RedisLedger
from tasks.ledger.schedules import RedisScheduleStore
from tasks.ledger.scripts import Scripts
from tasks.ledger.span_store import RedisSpanStore
from tasks.ledger_metrics import LedgerMetrics
from tasks.ports import Cache
from tasks.redis_url import shown
from tasks.scaling.monitor import ScalingMonitor
from tasks.schedules.scheduler import Scheduler
from tasks.schedules.service import ScheduleService
from tasks.settings import Settings
from tasks.supervision import background
from tasks.telemetry.exposition import Exposition
from tasks.telemetry.recorder import SpanRecorder
from tasks.telemetry.tracing import trees

FIND_KEYS_SECONDS = 1.0
"""A start is not held up for longer by a Redis that hangs."""


def redis_url(settings: Settings) -> str:
    """REDIS_URL, or the address of the embedded Valkey that runs on the state directory.

    Raises InvalidSettings if there is neither.
    """
    return settings.redis_url or embedded_valkey_url(settings.state_dir)


def ledger_address(settings: Settings) -> str:
    """Where the ledger is, as logs and messages show it. Connects to nothing.

    Raises InvalidSettings if its address is not known or has an option that there is not.
    """
    url = redis_url(settings)
    _client(settings)
    return shown(url)


def _client(settings: Settings) -> Redis:
    return connect(redis_url(settings), key_prefix=settings.key_prefix)


async def _find_keys(client: Redis, scripts: Scripts) -> None:
    """Finds the prefix of the ledger's keys, but waits for no Redis that is away: each call of a
    script tries it again."""
    with contextlib.suppress(LedgerUnavailable, TimeoutError):
        async with asyncio.timeout(FIND_KEYS_SECONDS):
            await scripts.key_prefix.find(client)


def build_ledger(redis: Redis, settings: Settings) -> RedisLedger:
    return RedisLedger(redis, ledger_policy(settings), settings.key_prefix)


@asynccontextmanager
async def open_ledger(settings: Settings) -> AsyncIterator[RedisLedger]:
    """The ledger at REDIS_URL, on a client of its own. Does not wait for Redis to be there."""
    client = _client(settings)
    try:
        ledger = build_ledger(client, settings)
        await _find_keys(client, ledger.scripts)
        yield ledger
    finally:
        await client.aclose()


class Caches(NamedTuple):
    """What all workers remember together."""

    analyses: Cache
    documents: Cache
    """What was fetched."""


@asynccontextmanager
async def open_caches(settings: Settings) -> AsyncIterator[Caches]:
    """The caches at REDIS_URL, on connections of their own: their values may be megabytes."""
    client = _client(settings)
    try:
        yield Caches(analysis_store(client, settings), http_store(client, settings))
    finally:
        await client.aclose()


def analysis_store(redis: Redis, settings: Settings) -> Cache:
    """Where analyses are stored."""
    return open_store(redis, f"{settings.key_prefix}cache:analyses:", settings.analysis_cache_mb)


def http_store(redis: Redis, settings: Settings) -> Cache:
    """Where fetched documents are stored."""
    return open_store(redis, f"{settings.key_prefix}cache:http:", settings.http_cache_mb)


@asynccontextmanager
async def open_queue(settings: Settings) -> AsyncIterator[Queue]:
    """What clients can do with jobs."""
    async with open_ledger(settings) as ledger:
        yield Queue(ledger, job_limits(settings))


@asynccontextmanager
async def open_web(settings: Settings) -> AsyncIterator[Queue]:
    """The same for web, where reaper and scheduler run too: there may be no worker."""
    async with (
        open_ledger(settings) as ledger,
        reaping(ledger, settings),
        scheduling(ledger, settings),
    ):
        yield Queue(ledger, job_limits(settings))


@asynccontextmanager
async def open_scaling(settings: Settings) -> AsyncIterator[ScalingMonitor]:
    """Watches how many workers are wanted; writes metrics where SCALING_DEPLOYMENT says so."""
    policy = scaling_policy(settings)
    async with contextlib.AsyncExitStack() as stack:
        ledger = await stack.enter_async_context(open_ledger(settings))
        monitor = ScalingMonitor(ledger.scripts, policy)
        loops = {"scaling": monitor.run_forever}
        if policy.deployment:
            process = secrets.token_hex(8)
            publisher = CloudWatchPublisher(ledger.scripts, monitor, policy, process)
            loops["cloudwatch"] = publisher.run_forever
        for name, loop in loops.items():
            await stack.enter_async_context(background(name, loop))
        yield monitor


@asynccontextmanager
async def open_traces(settings: Settings) -> AsyncIterator[RedisSpanStore]:
    """The traces of jobs. Keeps the spans that this process finishes during the body, and up to its
    end."""
    client = _client(settings)
    try:
        scripts = build_ledger(client, settings).scripts
        most = settings.trace_max_kb << 10
        await _find_keys(client, scripts)
        store = RedisSpanStore(client, scripts, most)
        recorder = SpanRecorder(store)
        with trees.passed_to(recorder.add):
            async with background("spans", recorder.run_forever):
                yield store
            await recorder.write_last()
    finally:
        await client.aclose()


@asynccontextmanager
async def open_ledger_metrics(
    settings: Settings, scaling: ScalingMonitor, exposition: Exposition
) -> AsyncIterator[LedgerMetrics]:
    """Shows the ledger among the metrics of this process."""
    client = _client(settings)
    try:
        scripts = build_ledger(client, settings).scripts
        shown = LedgerMetrics(scripts, client, scaling, ledger_policy(settings).silent_ms)
        shown.observe(exposition.meter)
        async with contextlib.AsyncExitStack() as stack:
            if exposition.pushes:
                loop = background("ledger metrics", shown.refresh_forever)
                await stack.enter_async_context(loop)
            yield shown
    finally:
        await client.aclose()


@asynccontextmanager
async def open_schedules(settings: Settings) -> AsyncIterator[ScheduleService]:
    """What clients can do with schedules."""
    async with open_ledger(settings) as ledger:
        yield ScheduleService(RedisScheduleStore(ledger.scripts), job_limits(settings))


@asynccontextmanager
async def reaping(ledger: Ledger, settings: Settings) -> AsyncIterator[None]:
    """Runs the reaper, which also logs when the ledger cannot be reached, and why."""
    outage = LedgerOutage(redis_url(settings))
    async with background("reaper", lambda: reap_forever(ledger, outage)):
        yield


@asynccontextmanager
async def scheduling(ledger: RedisLedger, settings: Settings) -> AsyncIterator[None]:
    limits = job_limits(settings)
    scheduler = Scheduler(RedisScheduleStore(ledger.scripts), Queue(ledger, limits), limits)
    async with background("scheduler", scheduler.run_forever):
        yield


def build_engine(
    settings: Settings, module: str = ENGINE, left: LeftEngine | None = None
) -> EngineClient:
    """The engine of a worker; `module` is what its process runs, `left` one that runs already."""
    supervisor = EngineSupervisor(engine_command(settings, module), left)
    return EngineClient(supervisor, settings.task_hard_time_limit)


async def examine_redis(settings: Settings, *, fix: bool = False) -> list[Finding]:
    """The doctor's findings on the Redis at REDIS_URL.

    Raises LedgerUnavailable with the cause if it cannot be reached, InvalidSettings if its address
    is not known.
    """
    url = redis_url(settings)
    client = _client(settings)
    try:
        ledger = build_ledger(client, settings)
        prefix = await ledger.scripts.key_prefix.find(client)
        return await examine(client, ledger, prefix, fix=fix)
    except LedgerUnavailable as error:
        raise LedgerUnavailable(f"{shown(url)}: {diagnose(error, url)}") from error
    finally:
        await client.aclose()
