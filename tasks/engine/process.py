"""The worker's side of the engine: starts it, hands it one request at a time, kills it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Sequence

import structlog

from nlp.analysis import AnalysisReport, AnalysisRequest
from nlp.decision import Ranking, SelectionPolicy
from tasks.engine.protocol import (
    HEADER,
    Analysed,
    AnalyseRequest,
    Failed,
    Ranked,
    RankRequest,
    Reply,
    Request,
    decode_reply,
    encode,
)
from tasks.errors import PermanentFailure, Reason, TransientFailure
from tasks.settings import Settings

log = structlog.get_logger()

ABANDON_SECONDS = 0.5
"""How long an engine may finish what nobody waits for any more; then it is killed."""

CRASH_RETRY_SECONDS = 1.0

QUIET = {
    # Threads that spin while they wait for each other take 2 s instead of 0.17 s for an embedding
    # as soon as anything else wants a core.
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "false",
}


class _Child:
    """One running engine process."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, threads: int) -> _Child:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tasks.engine.child",
                str(theirs.fileno()),
                str(threads),
                pass_fds=[theirs.fileno()],
                env={**QUIET, **os.environ},
                stdin=asyncio.subprocess.DEVNULL,
            )
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        return cls(process, reader, writer)

    async def send(self, request: Request) -> None:
        self._writer.write(encode(request))
        await self._writer.drain()

    async def receive(self) -> Reply:
        """Raises IncompleteReadError or OSError when the process has died."""
        size = HEADER.unpack(await self._reader.readexactly(HEADER.size))[0]
        return decode_reply(await self._reader.readexactly(size))

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        self._writer.close()


class EngineProcess:
    """The engine of one worker. See `tasks.ports.Engine`."""

    def __init__(self, settings: Settings) -> None:
        self._hard_limit = settings.task_hard_time_limit
        self._threads = settings.engine_threads or available_cores()
        self._turn = asyncio.Lock()
        self._child: _Child | None = None
        self._starting: asyncio.Task[_Child] | None = None
        self._abandoned: set[asyncio.Task[None]] = set()

    def start(self) -> asyncio.Task[_Child]:
        """Begins to load the models; requests wait until they are."""
        if self._starting is None:
            self._starting = asyncio.create_task(_start(self._threads))
        return self._starting

    async def stop(self) -> None:
        for task in [*self._abandoned, *([self._starting] if self._starting else [])]:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
        await self._kill()

    async def analyse(self, request: AnalysisRequest) -> AnalysisReport:
        match await self._ask(AnalyseRequest(request)):
            case Analysed(report):
                return report
            case other:
                raise _unexpected(other)

    async def rank(self, evidence: Sequence[bytes], policy: SelectionPolicy) -> Ranking:
        match await self._ask(RankRequest(tuple(evidence), policy)):
            case Ranked(ranking):
                return ranking
            case other:
                raise _unexpected(other)

    async def _ask(self, request: Request) -> Reply:
        """Waits for its turn, then for the reply, up to the hard limit."""
        await self._turn.acquire()
        try:
            child = await self._ready()
        except BaseException:
            self._turn.release()
            raise
        exchange = asyncio.create_task(self._exchange(child, request))
        try:
            reply = await asyncio.shield(exchange)
        except asyncio.CancelledError:
            self._abandon(exchange)
            raise
        except BaseException:
            self._turn.release()
            raise
        self._turn.release()
        return reply

    async def _exchange(self, child: _Child, request: Request) -> Reply:
        try:
            async with asyncio.timeout(self._hard_limit):
                await child.send(request)
                return await child.receive()
        except TimeoutError as error:
            log.warning("the engine was killed at the hard limit", seconds=self._hard_limit)
            await self._kill()
            detail = f"The analysis took longer than {self._hard_limit:g} s."
            raise PermanentFailure(Reason.TIMED_OUT, detail) from error
        except (asyncio.IncompleteReadError, OSError) as error:
            await self._kill()
            log.warning("the engine died", exit_status=child.process.returncode)
            detail = "The engine died in the middle of the analysis."
            raise _crashed(detail) from error

    def _abandon(self, exchange: asyncio.Task[Reply]) -> None:
        """Nobody waits any more: lets the engine finish for a moment, then kills it."""
        task = asyncio.create_task(self._end_abandoned(exchange))
        self._abandoned.add(task)
        task.add_done_callback(self._abandoned.discard)

    async def _end_abandoned(self, exchange: asyncio.Task[Reply]) -> None:
        try:
            done, _ = await asyncio.wait({exchange}, timeout=ABANDON_SECONDS)
            if not done:
                exchange.cancel()
                await self._kill()
                log.info("the engine was killed with what nobody waits for")
            await asyncio.gather(exchange, return_exceptions=True)
        finally:
            self._turn.release()

    async def _ready(self) -> _Child:
        if self._child and self._child.process.returncode is not None:
            await self._kill()  # it died while it had nothing to do
        if self._child is None:
            try:
                self._child = await asyncio.shield(self.start())
            except TransientFailure:
                self._starting = None  # the next request tries again
                raise
        return self._child

    async def _kill(self) -> None:
        child, self._child, self._starting = self._child, None, None
        if child:
            await child.kill()


async def _start(threads: int) -> _Child:
    child = await _Child.start(threads)
    try:
        await child.receive()  # Ready
    except (asyncio.IncompleteReadError, OSError) as error:
        await child.kill()
        raise _crashed("The engine could not be started.") from error
    except BaseException:
        await child.kill()
        raise
    return child


def _crashed(detail: str) -> TransientFailure:
    return TransientFailure(Reason.ENGINE_CRASHED, detail, retry_after=CRASH_RETRY_SECONDS)


def available_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _unexpected(reply: Reply) -> PermanentFailure:
    if isinstance(reply, Failed):
        log.error("the engine failed a request", error=reply.error)
    return PermanentFailure(Reason.INTERNAL_ERROR, "The analysis failed in an unforeseen way.")
