"""A running engine process, as its worker sees it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Coroutine

import msgspec
import structlog
from msgspec import Struct

from tasks.engine.protocol import HEADER, Batch, Reply, decode_reply, encode
from tasks.errors import Reason, TransientFailure

QUIET = {
    # Threads that spin while they wait for each other take 2 s instead of 0.17 s for an embedding
    # as soon as anything else wants a core.
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "false",
}


class EngineCommand(Struct, frozen=True, kw_only=True):
    """How an engine is started."""

    module: str
    """What is run as `python -m MODULE FD PARENT_PID THREADS MB`; see `tasks.engine.server`."""
    threads: int
    memory_mb: int
    arguments: tuple[str, ...] = ()
    """What the module takes after these."""


class StartedEngine:
    """One engine process, and the socket to it."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, command: EngineCommand) -> StartedEngine:
        ours, theirs = socket.socketpair()
        numbers = (theirs.fileno(), os.getpid(), command.threads, command.memory_mb)
        with theirs, contextlib.ExitStack() as on_failure:
            on_failure.callback(ours.close)
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", command.module, *map(str, numbers), *command.arguments),
                pass_fds=[theirs.fileno()],
                env={**QUIET, **os.environ},
                stdin=asyncio.subprocess.DEVNULL,
            )
            on_failure.pop_all()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        return cls(process, reader, writer)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""
        return self._process.returncode

    async def send(self, batch: Batch) -> None:
        self._writer.write(encode(batch))
        await self._writer.drain()

    async def receive(self) -> Reply:
        """Raises IncompleteReadError or OSError when the process has died."""
        size = HEADER.unpack(await self._reader.readexactly(HEADER.size))[0]
        return decode_reply(await self._reader.readexactly(size))

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self.ended()

    async def ended(self) -> None:
        """Waits for the end of the process."""
        await self._process.wait()
        self._writer.close()


log = structlog.get_logger()

START_SECONDS = 120.0
"""How long an engine may take to load its models; then it is killed."""

START_TRIES = 3
"""Starts, or engines, that fail one after the other until who waits for them fails too."""

CRASH_RETRY_SECONDS = 1.0


class Upkeep:
    """The one engine that there is at a time."""

    def __init__(self, command: EngineCommand) -> None:
        self._command = command
        self._engine: asyncio.Task[StartedEngine] | None = None
        self._beside: set[asyncio.Task[None]] = set()

    def start(self) -> asyncio.Task[StartedEngine]:
        """Begins to load the models, if that has not begun."""
        if self._engine is None:
            self._engine = asyncio.create_task(self._start())
        return self._engine

    async def stop(self) -> None:
        await stopped(*self._beside)
        starting, self._engine = self._engine, None
        if starting:
            await stopped(starting)
            if not starting.cancelled() and not starting.exception():
                await starting.result().kill()

    @property
    def running(self) -> StartedEngine | None:
        """The engine that is ready; None while there is none."""
        done = self._engine is not None and self._engine.done()
        if not done or self._engine is None or self._engine.cancelled() or self._engine.exception():
            return None
        return self._engine.result()

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
        try:
            engine = await StartedEngine.start(self._command)
        except OSError as error:  # no process, or no file descriptor, is to be had
            log.exception("the engine could not be started")
            raise crashed("The engine could not be started.") from error
        try:
            async with asyncio.timeout(START_SECONDS):
                await engine.receive()  # Ready
        except (asyncio.IncompleteReadError, OSError, msgspec.DecodeError) as error:
            await engine.kill()  # an OSError may be that of the timeout
            log.warning("the engine could not be started", exit_status=engine.exit_status)
            raise crashed("The engine could not be started.") from error
        except BaseException:
            await engine.kill()
            raise
        self._run_beside(self._succeed(engine))
        return engine

    async def _succeed(self, engine: StartedEngine) -> None:
        """Starts the next when this one has ended: soon, or at once where somebody needs it."""
        await engine.ended()
        if self.running is engine:
            self._engine = None
            await asyncio.sleep(CRASH_RETRY_SECONDS)
            self.start()

    async def replace(self, engine: StartedEngine) -> None:
        """Kills it, and starts another."""
        await engine.kill()
        if self.running is engine:
            self._engine = None
            self.start()

    def _run_beside(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)


async def stopped(*tasks: asyncio.Task[object]) -> None:
    """Cancels them, and waits for their ends."""
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task


def crashed(detail: str) -> TransientFailure:
    return TransientFailure(Reason.ENGINE_CRASHED, detail, retry_after=CRASH_RETRY_SECONDS)
