"""A worker's life, from its start to its end.

1. **Start.** `run_worker` starts the engine, whose models load in a child process meanwhile, and
   builds the worker's parts: leases, runner, broker and receiver, on one ledger.
2. **Take.** The receiver has the broker pop as many wake-ups as there are free slots, and none
   while the queue is paused.
3. **Run.** The runner claims the step of each wake-up, does its work and records its outcome. All
   leases are renewed together meanwhile. Reaper and scheduler run in every worker, as in web.
4. **Stop.** The first SIGTERM or SIGINT, a drain by an operator, or an engine that cannot be
   started set `Shutdown.requested`. No more wake-ups are taken, and those that were popped but not
   started go back to the front of their lists. What runs has SHUTDOWN_GRACE seconds to end.
5. **Hand back.** After that, or at once on a second signal (`Shutdown.immediate`), the work that
   still runs is interrupted and its steps are handed back: they are queued again, and the attempt
   does not count as a try.
6. **End.** The worker returns when nothing runs any more, even if the ledger is unreachable: a step
   that it could not claim is left to others at once, an outcome is kept for the grace, and a lease
   that could not be given up expires by itself. A worker that is killed ends in the same way; the
   reaper of another finds its steps.
7. **Recycle.** After WORKER_MAX_TASKS wake-ups the receiver takes no more. What still runs after
   RECYCLE_GRACE is handed back, or one slow site would keep all slots empty for minutes. When
   nothing runs any more, `WorkerExit.recycle` has the process replaced by a fresh one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

import httpx
import structlog
from msgspec import Struct
from msgspec.structs import replace
from redis.asyncio import Redis

from tasks.cache.memory import MemoryCache
from tasks.composition import (
    analysis_cache,
    curation_policy,
    fetch_policy,
    source_policy,
    step_limits,
)
from tasks.engine.client import ENGINE, EngineClient
from tasks.engine.process import LeftEngine
from tasks.errors import TransientFailure
from tasks.fetch.fetcher import build_fetcher
from tasks.jobs.job import JobType
from tasks.jobs.ledger_port import Ledger
from tasks.kinds.job_types import build_kinds
from tasks.ledger.connection import connect
from tasks.ledger.key_prefix import KeyPrefix
from tasks.ledger.rate_limiter import RedisRateLimiter
from tasks.ledger.redis import RedisLedger
from tasks.machine import collect_less_garbage, give_large_blocks_back
from tasks.ports import Cache, Engine, Fetcher, Kind
from tasks.resources import (
    build_engine,
    build_ledger,
    ledger_address,
    open_caches,
    open_ledger,
    open_traces,
    reaping,
    redis_url,
    scheduling,
)
from tasks.settings import Settings
from tasks.sources.search import build_sources
from tasks.supervision import background
from tasks.telemetry.exposition import Exposition
from tasks.telemetry.metric import observe
from tasks.telemetry.metrics import ENGINE_PENDING, SLOTS, STEPS_RUNNING
from tasks.telemetry.process import observed_process
from tasks.worker.broker import RUN_STEP, StepReceiver, WakeupBroker
from tasks.worker.leases import RENEW_RESTARTS, RENEW_SECONDS, HeldLeases
from tasks.worker.metrics_server import metrics_server
from tasks.worker.runner import Runner
from tasks.worker.task_protection import TaskProtection

log = structlog.get_logger(__name__)

RECYCLE_GRACE = 1.0
"""Seconds in which running steps may end before a worker is replaced."""

KindsFor = Callable[[Ledger, str], Mapping[JobType, Kind]]
"""Builds the types of job on a ledger, in the worker of this id."""

LedgerOn = Callable[[Redis, Settings], RedisLedger]


class WorkerExit(Struct, frozen=True):
    """How a worker ended."""

    recycle: bool
    """Whether it is to be replaced: it ended only because it has run WORKER_MAX_TASKS steps."""
    failure: str | None = None
    """Why it could not go on."""
    engine: LeftEngine | None = None
    """The engine that the worker which replaces it goes on with."""


class Shutdown:
    """The two stages of a worker's end; see 4. and 5. above."""

    def __init__(self) -> None:
        self.requested = asyncio.Event()
        """Set when the worker is to take no more steps."""
        self.immediate = asyncio.Event()
        """Set when it is not to wait for those that run."""
        self.failure: str | None = None
        """Why the worker cannot go on; None if it only was asked to end."""

    def on_signal(self) -> None:
        (self.immediate if self.requested.is_set() else self.requested).set()

    def fail(self, why: str) -> None:
        if not self.requested.is_set():
            self.failure = why
        self.request_immediate()

    def request_immediate(self) -> None:
        self.requested.set()
        self.immediate.set()


@contextlib.contextmanager
def shutdown_by_signal() -> Iterator[Shutdown]:
    """A shutdown that SIGTERM and SIGINT request, and a second one makes immediate."""
    shutdown = Shutdown()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, shutdown.on_signal)
    try:
        yield shutdown
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def run_worker(
    settings: Settings,
    engine_module: str = ENGINE,
    left: LeftEngine | None = None,
    exposition: Exposition | None = None,
) -> WorkerExit:
    """The whole worker, as `curator worker` runs it. `left`: the engine of the one it replaces.
    `exposition`: the metrics that it serves."""
    collect_less_garbage()
    give_large_blocks_back()
    with shutdown_by_signal() as shutdown:
        engine = build_engine(settings, engine_module, left)
        try:
            async with (
                open_caches(settings) as caches,
                shared_fetcher(settings, caches.documents) as fetcher,
                background("engine start", partial(_require_engine, engine, shutdown)),
                observed_process(lambda: engine.pid),
            ):
                observe(ENGINE_PENDING, lambda: {(): engine.pending})
                ended = await serve(
                    settings, engine, fetcher, shutdown, caches.analyses, exposition
                )
                if ended.recycle:
                    ended = replace(ended, engine=await _left(engine, shutdown))
        finally:
            await engine.stop()
        # A signal that came since would be lost on the process that replaces this one.
        return replace(ended, recycle=ended.recycle and not shutdown.requested.is_set())


async def _left(engine: EngineClient, shutdown: Shutdown) -> LeftEngine | None:
    """The engine for the next worker, unless this one is told to end meanwhile."""
    leaving = asyncio.create_task(engine.leave())
    told = asyncio.create_task(shutdown.requested.wait())
    await asyncio.wait({leaving, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if leaving.done():
        return leaving.result()
    leaving.cancel()
    return None


async def _require_engine(engine: EngineClient, shutdown: Shutdown) -> None:
    """Ends a worker whose engine cannot be started: it would fail steps that others could run."""
    try:
        await engine.ready()
    except TransientFailure as failure:
        shutdown.fail(f"the worker ends, as its engine cannot be started. {failure.detail}")


async def serve(
    settings: Settings,
    engine: Engine,
    fetcher: Fetcher,
    shutdown: Shutdown,
    analyses: Cache | None = None,
    exposition: Exposition | None = None,
) -> WorkerExit:
    """A worker on this engine and fetcher. Without a cache, no analysis is used again."""
    store = analyses or MemoryCache(0)

    def kinds_for(ledger: Ledger, worker: str) -> Mapping[JobType, Kind]:
        return build_kinds(
            curation_policy(settings),
            ledger=ledger,
            engine=engine,
            fetcher=fetcher,
            sources=build_sources(source_policy(settings), fetcher, engine),
            analyses=analysis_cache(store, settings),
            worker=worker,
        )

    return await serve_kinds(settings, kinds_for, shutdown, exposition=exposition)


async def serve_kinds(
    settings: Settings,
    kinds_for: KindsFor,
    shutdown: Shutdown,
    ledger_on: LedgerOn = build_ledger,
    exposition: Exposition | None = None,
) -> WorkerExit:
    """A worker with these types of job, on this kind of ledger: takes and runs steps until the
    shutdown, or until it is to be recycled."""
    worker = worker_id()
    slots = settings.worker_concurrency
    async with open_traces(settings), _clients(settings) as (commands, pops):
        ledger = ledger_on(commands, settings)
        leases = HeldLeases(ledger, worker, slots)
        runner = Runner(
            ledger=ledger,
            kinds=kinds_for(ledger, worker),
            leases=leases,
            limits=step_limits(settings),
            worker=worker,
        )
        receiver = _receiver(settings, pops, runner, leases, shutdown)
        runner.slots = receiver
        end_what_runs = partial(_end_what_runs, leases, shutdown, settings.shutdown_grace)
        observe(STEPS_RUNNING, lambda: {(): len(leases)})
        observe(SLOTS, lambda: {(): slots})
        log.info(
            "worker started",
            worker=worker,
            slots=slots,
            version=version("content-curator"),
            ledger=ledger_address(settings),
        )
        async with (
            _metrics_served(settings, exposition, leases),
            _protected(settings, leases),
            reaping(ledger, settings),
            scheduling(ledger, settings),
            background("renewing leases", leases.renew_forever, RENEW_RESTARTS),
            background("drain", partial(_stop_when_drained, leases, shutdown)),
            background("shutdown", end_what_runs),
            background("recycling", partial(_clear_for_recycling, leases, receiver.exhausted)),
        ):
            await receiver.listen(shutdown.requested)
        log.info("worker stopped", worker=worker)
    return WorkerExit(recycle=not shutdown.requested.is_set(), failure=shutdown.failure)


@asynccontextmanager
async def _metrics_served(
    settings: Settings, exposition: Exposition | None, leases: HeldLeases
) -> AsyncIterator[None]:
    if exposition is None:
        yield
        return
    host, port = settings.metrics_host, settings.metrics_port
    async with metrics_server(exposition, host, port) as leases.metrics_port:
        yield


@asynccontextmanager
async def _protected(settings: Settings, leases: HeldLeases) -> AsyncIterator[None]:
    """On Amazon ECS, a worker with a step that takes long is not chosen to be ended."""
    if not settings.ecs_agent_uri:
        yield
        return
    async with httpx.AsyncClient(trust_env=False) as client:
        protection = TaskProtection(leases, settings.ecs_agent_uri, client)
        async with background("task protection", protection.run_forever):
            yield


def _receiver(
    settings: Settings, pops: Redis, runner: Runner, leases: HeldLeases, shutdown: Shutdown
) -> StepReceiver:
    """The receiver on its broker, which runs each wake-up by the runner."""

    async def run_step(wakeup: str) -> None:  # Taskiq renames what it registers: no method can be
        await runner.run(wakeup)

    broker = WakeupBroker(
        pops, redis_url(settings), KeyPrefix(settings.key_prefix), stopped=shutdown.requested
    )
    broker.register_task(run_step, task_name=RUN_STEP)
    receiver = StepReceiver(
        broker, slots=settings.worker_concurrency, max_steps=settings.worker_max_tasks
    )
    broker.free_slots = lambda: 0 if leases.paused else receiver.free_slots
    return receiver


async def _stop_when_drained(leases: HeldLeases, shutdown: Shutdown) -> None:
    await leases.drain_requested.wait()
    shutdown.requested.set()


async def _end_what_runs(leases: HeldLeases, shutdown: Shutdown, grace: float) -> None:
    """Once a shutdown is requested, waits for the grace, then hands back what still runs."""
    await shutdown.requested.wait()
    leases.stopping.set()
    log.info("no more steps are taken", running=len(leases), grace_seconds=grace)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(shutdown.immediate.wait(), grace)
    log.info("what still runs is handed back", running=len(leases))
    while True:  # until the receiver returns
        leases.hand_back_all()
        await asyncio.sleep(RENEW_SECONDS)


async def _clear_for_recycling(leases: HeldLeases, exhausted: asyncio.Event) -> None:
    """Once no more steps are taken, hands back those that do not end soon."""
    await exhausted.wait()
    await asyncio.sleep(RECYCLE_GRACE)
    while True:  # until the receiver returns
        leases.hand_back_for_recycling()
        await asyncio.sleep(RENEW_SECONDS)


def worker_id() -> str:
    """Unique even where all containers have the same process id."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


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


@asynccontextmanager
async def _clients(settings: Settings) -> AsyncIterator[tuple[Redis, Redis]]:
    """One client for commands, and one for the pop, which blocks."""
    url, prefix = redis_url(settings), settings.key_prefix
    commands = connect(url, key_prefix=prefix)
    pops = connect(url, key_prefix=prefix, max_connections=2)
    try:
        yield commands, pops
    finally:
        await commands.aclose()
        await pops.aclose()
