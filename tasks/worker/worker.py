"""The worker: Taskiq's receiver on our broker, with the engine, the leases and the reaper."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import structlog
from msgspec import Struct
from redis.asyncio import Redis

from tasks.cache.memory import MemoryCache
from tasks.embedded_valkey import redis_url
from tasks.engine.process import ENGINE, EngineProcess
from tasks.errors import TransientFailure
from tasks.fetch.fetcher import build_fetcher
from tasks.jobs.job import JobType
from tasks.jobs.ledger_port import Ledger
from tasks.kinds.job_types import build_kinds
from tasks.ledger.connection import connect
from tasks.ledger.rate_limiter import RedisRateLimiter
from tasks.ledger.redis import RedisLedger
from tasks.ports import Cache, Engine, Fetcher, Kind
from tasks.resources import (
    fetch_policy,
    open_caches,
    open_ledger,
    reaping,
    scheduling,
)
from tasks.settings import Settings
from tasks.supervision import background
from tasks.worker.broker import RUN_STEP, WakeupBroker
from tasks.worker.leases import RENEW_RESTARTS, RENEW_SECONDS, HeldLeases
from tasks.worker.receiver import StepReceiver
from tasks.worker.runner import Runner

log = structlog.get_logger()

KindsFor = Callable[[Ledger, str], Mapping[JobType, Kind]]
"""The types of job, on a ledger, in the worker of this id."""

LedgerOn = Callable[[Redis, Settings], RedisLedger]


class WorkerExit(Struct, frozen=True):
    """How a worker ended."""

    recycle: bool
    """Whether it wants to be replaced: it has run WORKER_MAX_TASKS steps."""


def worker_id() -> str:
    """Unique even where all containers have the same process id."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def spare_collector() -> None:
    """Lets Python's cyclic collector look less often, and never again at what is loaded already.

    At its defaults it took 7 of the 61 us that a step costs a worker.
    """
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)


async def run_worker(settings: Settings, engine_module: str = ENGINE) -> WorkerExit:
    """Runs until SIGTERM or SIGINT, or until the worker has done its share.

    It ends too where no engine can be started: it would fail whatever others could run.
    """
    spare_collector()
    with stop_signals() as (stop, now):
        engine = EngineProcess(settings, engine_module)
        try:
            async with (
                open_caches(settings) as caches,
                shared_fetcher(settings, caches.documents) as fetcher,
                background("engine start", lambda: _end_without(engine, stop, now)),
            ):
                return await serve(settings, engine, fetcher, stop, now, caches.analyses)
        finally:
            await engine.stop()


@asynccontextmanager
async def shared_fetcher(settings: Settings, store: Cache | None = None) -> AsyncIterator[Fetcher]:
    """A fetcher that shares the rate limits of hosts with all other workers.

    Its calls to Redis have connections of their own: a page never waits behind a lease.
    """
    policy = fetch_policy(settings)
    async with open_ledger(settings) as ledger:
        host_limiter = RedisRateLimiter(
            ledger.scripts, policy.concurrency_per_host, local_slot_seconds=policy.slot_seconds
        )
        fetcher = build_fetcher(policy, host_limiter=host_limiter, store=store)
        async with contextlib.aclosing(fetcher):
            yield fetcher


async def _end_without(engine: EngineProcess, stop: asyncio.Event, now: asyncio.Event) -> None:
    try:
        await engine.ready()
    except TransientFailure:
        log.exception("this worker ends, as its engine cannot be started")
        stop.set()
        now.set()


async def serve(
    settings: Settings,
    engine: Engine,
    fetcher: Fetcher,
    stop: asyncio.Event,
    now: asyncio.Event,
    analyses: Cache | None = None,
) -> WorkerExit:
    """Runs steps until `stop`; `now` hands back at once what still runs then.

    Without a cache for analyses, none is used again.
    """
    cache = analyses or MemoryCache(0)

    def kinds_for(ledger: Ledger, worker: str) -> Mapping[JobType, Kind]:
        return build_kinds(settings, ledger, engine, fetcher, cache, worker)

    return await serve_kinds(settings, kinds_for, stop, now)


async def serve_kinds(
    settings: Settings,
    kinds_for: KindsFor,
    stop: asyncio.Event,
    now: asyncio.Event,
    ledger_on: LedgerOn = RedisLedger,
) -> WorkerExit:
    """The same, with whatever types of job there are, and whatever ledger."""
    worker = worker_id()
    url = redis_url(settings)
    async with _clients(url) as (commands, pops):
        ledger = ledger_on(commands, settings)
        leases = HeldLeases(ledger, worker, settings.worker_concurrency)
        runner = Runner(
            ledger=ledger,
            kinds=kinds_for(ledger, worker),
            leases=leases,
            settings=settings,
            worker=worker,
        )
        broker = WakeupBroker(pops, url, settings.key_prefix)
        receiver = _receiver(broker, runner, settings)
        broker.free_slots = lambda: 0 if leases.paused else receiver.free_slots
        end_in_time = partial(_end_in_time, leases, stop, now, settings.shutdown_grace)
        log.info("worker started", worker=worker, slots=settings.worker_concurrency)
        async with (
            reaping(ledger),
            scheduling(ledger, settings),
            background("renewing leases", leases.renew_forever, RENEW_RESTARTS),
            background("draining", lambda: _stop_when_drained(leases, stop)),
            background("stopping", end_in_time),
        ):
            await receiver.listen(stop)
        log.info("worker stopped", worker=worker)
    return WorkerExit(recycle=not stop.is_set())


def _receiver(broker: WakeupBroker, runner: Runner, settings: Settings) -> StepReceiver:
    async def run_step(wakeup: str) -> None:  # Taskiq renames what it registers: no method can be
        await runner.run(wakeup)

    broker.register_task(run_step, task_name=RUN_STEP)
    return StepReceiver(broker, slots=settings.worker_concurrency, most=settings.worker_max_tasks)


async def _stop_when_drained(leases: HeldLeases, stop: asyncio.Event) -> None:
    await leases.draining.wait()
    stop.set()


async def _end_in_time(
    leases: HeldLeases, stop: asyncio.Event, now: asyncio.Event, grace: float
) -> None:
    """After `stop`, gives what runs its time; then, or at `now`, hands it back."""
    await stop.wait()
    log.info("no more steps are taken", running=len(leases), grace_seconds=grace)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(now.wait(), grace)
    log.info("what still runs is handed back", running=len(leases))
    while True:
        leases.stop_all()
        await asyncio.sleep(RENEW_SECONDS)


@asynccontextmanager
async def _clients(url: str) -> AsyncIterator[tuple[Redis, Redis]]:
    """One client for commands, and one for the pop that blocks."""
    commands, pops = connect(url), connect(url, max_connections=2)
    try:
        yield commands, pops
    finally:
        await commands.aclose()
        await pops.aclose()


@contextlib.contextmanager
def stop_signals() -> Iterator[tuple[asyncio.Event, asyncio.Event]]:
    """`stop`, set by the first SIGTERM or SIGINT, and `now`, set by the second."""
    stop, now = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: now.set() if stop.is_set() else stop.set())
    try:
        yield stop, now
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
