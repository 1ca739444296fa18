"""The worker's side of the engine: keeps one up, hands it one request at a time, kills it.

Whatever ends an engine, the next is started at once. Only the request that it had taken has
anything to do with its end; who waits for a turn meanwhile waits on, and is not blamed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence

import structlog

from nlp.analysis import AnalysisReport, AnalysisRequest
from nlp.decision import Ranking, SelectionPolicy
from tasks.engine.cores import available_cores
from tasks.engine.protocol import (
    Analysed,
    AnalyseRequest,
    Failed,
    OutOfMemory,
    Ranked,
    RankRequest,
    Reply,
    Request,
)
from tasks.engine.started import EngineCommand, StartedEngine
from tasks.errors import PermanentFailure, Reason, TransientFailure
from tasks.limits import not_counted
from tasks.settings import Settings

log = structlog.get_logger()

ENGINE = "tasks.engine.child"
"""The module that is run with the real models."""

ABANDON_SECONDS = 0.5
"""How long an engine may finish what nobody waits for any more; then it is killed."""

START_SECONDS = 120.0
"""How long an engine may take to load its models; then it is killed."""

START_TRIES = 3
"""Starts that fail one after the other until the request that waits for them fails too."""

CRASH_RETRY_SECONDS = 1.0


class EngineProcess:
    """The engine of one worker. See `tasks.ports.Engine`."""

    def __init__(self, settings: Settings, module: str = ENGINE) -> None:
        self._hard_limit = settings.task_hard_time_limit
        self._command = EngineCommand(
            module=module,
            threads=settings.engine_threads or available_cores(),
            memory_mb=settings.engine_memory_mb,
            arguments=(str(settings.models_path), settings.embedder),
        )
        self._turn = asyncio.Lock()
        self._engine: asyncio.Task[StartedEngine] | None = None
        self._beside: set[asyncio.Task[None]] = set()

    def start(self) -> asyncio.Task[StartedEngine]:
        """Begins to load the models; requests wait until they are."""
        if self._engine is None:
            self._engine = asyncio.create_task(self._start())
        return self._engine

    async def stop(self) -> None:
        await _cancelled(*self._beside)
        starting, self._engine = self._engine, None
        if starting:
            await _cancelled(starting)
            if not starting.cancelled() and not starting.exception():
                await starting.result().kill()

    @property
    def pid(self) -> int | None:
        """Of the engine that is ready; None while there is none."""
        engine = self._running()
        return engine.pid if engine else None

    async def analyse(self, request: AnalysisRequest) -> AnalysisReport:
        match await self._ask(AnalyseRequest(request)):
            case Analysed(report):
                return report
            case other:
                raise self._failure(other)

    async def rank(self, evidence: Sequence[bytes], policy: SelectionPolicy) -> Ranking:
        match await self._ask(RankRequest(tuple(evidence), policy)):
            case Ranked(ranking):
                return ranking
            case other:
                raise self._failure(other)

    # One request

    async def _ask(self, request: Request) -> Reply:
        """Waits for its turn, then for the reply, up to the hard limit."""
        for _ in range(START_TRIES):
            engine = await self._my_turn()
            reply = await self._in_turn(engine, request)
            if reply is not None:
                return reply
        raise _crashed("The engine died again and again.")

    async def _my_turn(self) -> StartedEngine:
        """An engine that is ours alone until `_turn` is released."""
        with not_counted():
            await self._turn.acquire()
            try:
                return await self.ready()
            except BaseException:
                self._turn.release()
                raise

    async def _in_turn(self, engine: StartedEngine, request: Request) -> Reply | None:
        exchange = asyncio.create_task(self._exchange(engine, request))
        try:
            reply = await asyncio.shield(exchange)
        except asyncio.CancelledError:
            self._run_beside(self._abandon(engine, exchange))
            raise
        except BaseException:
            self._turn.release()
            raise
        self._turn.release()
        return reply

    async def _exchange(self, engine: StartedEngine, request: Request) -> Reply | None:
        """The reply; None if the engine had died before it began on the request."""
        taken = False
        try:
            async with asyncio.timeout(self._hard_limit):
                await engine.send(request)
                await engine.receive()
                taken = True
                reply = await engine.receive()
        except TimeoutError as error:
            log.warning("the engine was killed at the hard limit", seconds=self._hard_limit)
            await self._replace(engine)
            detail = f"The analysis took longer than {self._hard_limit:g} s."
            raise PermanentFailure(Reason.TIMED_OUT, detail) from error
        except (asyncio.IncompleteReadError, OSError) as error:
            await self._replace(engine)
            if not taken:
                return None
            log.warning("the engine died", exit_status=engine.exit_status)
            raise _crashed("The engine died in the middle of the analysis.") from error
        if isinstance(reply, OutOfMemory):  # what is left of it would be missing to the next
            await self._replace(engine)
        return reply

    async def _abandon(self, engine: StartedEngine, exchange: asyncio.Task[Reply | None]) -> None:
        """Nobody waits any more: lets the engine finish for a moment, then kills it."""
        exchange.add_done_callback(_drop_outcome)
        try:
            done, _ = await asyncio.wait({exchange}, timeout=ABANDON_SECONDS)
            if not done:
                await _cancelled(exchange)
                await self._replace(engine)
                log.info("the engine was killed with what nobody waits for")
        finally:
            self._turn.release()

    def _failure(self, reply: Reply) -> PermanentFailure:
        if isinstance(reply, OutOfMemory):
            allowed = f"more than {self._command.memory_mb} MB of memory"
            return PermanentFailure(Reason.OUT_OF_MEMORY, f"The analysis wanted {allowed}.")
        if isinstance(reply, Failed):
            log.error("the engine failed a request", error=reply.error)
        detail = "The analysis failed in an unforeseen way."
        return PermanentFailure(Reason.INTERNAL_ERROR, detail)

    # The process

    async def ready(self) -> StartedEngine:
        """Waits for an engine. Raises TransientFailure if none can be started."""
        failed = 0
        while True:
            starting = self.start()
            try:
                return await asyncio.shield(starting)
            except TransientFailure:
                failed += 1
                if self._engine is starting:
                    self._engine = None
                if failed == START_TRIES:
                    raise
            await asyncio.sleep(CRASH_RETRY_SECONDS)

    async def _start(self) -> StartedEngine:
        engine = await StartedEngine.start(self._command)
        try:
            async with asyncio.timeout(START_SECONDS):
                await engine.receive()  # Ready
        except (asyncio.IncompleteReadError, OSError) as error:  # a TimeoutError is one
            await engine.kill()
            log.warning("the engine could not be started", exit_status=engine.exit_status)
            raise _crashed("The engine could not be started.") from error
        except BaseException:
            await engine.kill()
            raise
        self._run_beside(self._succeed(engine))
        return engine

    async def _succeed(self, engine: StartedEngine) -> None:
        """Starts the next when this one has ended."""
        await engine.ended()
        if self._running() is engine:
            self._engine = None
            self.start()

    async def _replace(self, engine: StartedEngine) -> None:
        await engine.kill()
        if self._running() is engine:
            self._engine = None
            self.start()

    def _running(self) -> StartedEngine | None:
        done = self._engine is not None and self._engine.done()
        if not done or self._engine is None or self._engine.cancelled() or self._engine.exception():
            return None
        return self._engine.result()

    def _run_beside(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)


async def _cancelled(*tasks: asyncio.Task[object]) -> None:
    """Cancels them, and waits for their ends."""
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task


def _drop_outcome(exchange: asyncio.Task[Reply | None]) -> None:
    """asyncio complains of an error that nobody looked at."""
    if not exchange.cancelled():
        exchange.exception()


def _crashed(detail: str) -> TransientFailure:
    return TransientFailure(Reason.ENGINE_CRASHED, detail, retry_after=CRASH_RETRY_SECONDS)
