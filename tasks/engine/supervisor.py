"""Keeps one engine process running: starts the next when one has ended, for whatever reason.

`EngineHandle` is one running process with the socket to it; `EngineSupervisor` is what replaces it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Coroutine

import structlog
from msgspec import Struct

from tasks.engine.protocol import HEADER, Batch, Reply, decode_reply, encode
from tasks.errors import Reason, TransientFailure
from tasks.supervision import cancel_and_wait, module_command, module_environ

log = structlog.get_logger()

ENVIRONMENT = {
    # Threads that spin while they wait for each other take 2 s instead of 0.17 s for an embedding
    # as soon as anything else needs a core.
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "false",
}
"""What an engine's environment has unless the worker's own says otherwise."""

START_SECONDS = 120.0
"""How long an engine may take to load its models; then it is killed."""

END_SECONDS = 2.0
"""How long an engine that has closed its socket may take to end, and to say why. Then it is killed.
"""

MAX_FAILURES = 3
"""After that many failed starts, or dead engines, in a row, the waiting tasks fail."""

CRASH_RETRY_SECONDS = 1.0


class EngineCommand(Struct, frozen=True, kw_only=True):
    """How an engine is started: `python -m MODULE FD PARENT_PID THREADS MB ARGUMENTS`."""

    module: str
    """See `tasks.engine.server`."""
    threads: int
    memory_mb: int
    """Megabytes that one task may take beside the models; 0: no limit."""
    arguments: tuple[str, ...] = ()


class EngineHandle:
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
    async def start(cls, command: EngineCommand) -> EngineHandle:
        ours, theirs = socket.socketpair()
        numbers = (theirs.fileno(), os.getpid(), command.threads, command.memory_mb)
        with theirs, contextlib.ExitStack() as on_failure:
            on_failure.callback(ours.close)
            process = await asyncio.create_subprocess_exec(
                *(*module_command(command.module), *map(str, numbers), *command.arguments),
                pass_fds=[theirs.fileno()],
                env={**ENVIRONMENT, **module_environ(os.environ)},
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
        await self.wait()

    async def wait(self) -> None:
        """Waits for the end of the process."""
        await self._process.wait()
        self._writer.close()


class EngineSupervisor:
    """Runs one engine at a time."""

    def __init__(self, command: EngineCommand) -> None:
        self.command = command
        self._engine: asyncio.Task[EngineHandle] | None = None
        self._watchers: set[asyncio.Task[None]] = set()

    def start(self) -> asyncio.Task[EngineHandle]:
        """Begins to load the models, if that has not begun."""
        if self._engine is None:
            self._engine = asyncio.create_task(self._start())
        return self._engine

    async def stop(self) -> None:
        for watcher in tuple(self._watchers):
            await cancel_and_wait(watcher)
        starting, self._engine = self._engine, None
        if starting:
            starting.cancel()
            await asyncio.wait({starting})
            if not starting.cancelled() and not starting.exception():
                await starting.result().kill()

    @property
    def running(self) -> EngineHandle | None:
        """The engine that is ready; None while there is none."""
        engine = self._engine
        if engine is None or not engine.done() or engine.cancelled() or engine.exception():
            return None
        return engine.result()

    async def ready(self) -> EngineHandle:
        """Waits for an engine. Raises TransientFailure if none can be started."""
        failures = 0
        while True:
            starting = self.start()
            try:
                return await asyncio.shield(starting)
            except TransientFailure:
                failures += 1
                if self._engine is starting:
                    self._engine = None
                if failures == MAX_FAILURES:
                    raise
            await asyncio.sleep(CRASH_RETRY_SECONDS)

    async def replace(self, engine: EngineHandle) -> None:
        """Kills it, and starts another."""
        await engine.kill()
        if self.running is engine:
            self._engine = None
            self.start()

    async def _start(self) -> EngineHandle:
        try:
            engine = await EngineHandle.start(self.command)
        except Exception as error:  # no process, or no file descriptor, is available
            log.exception("the engine could not be started")
            raise engine_crashed("The engine could not be started.") from error
        try:
            async with asyncio.timeout(START_SECONDS):
                await engine.receive()  # Ready
        except Exception as error:  # its end, the timeout, or bytes that are no reply
            raise await self._not_ready(engine, error) from error
        except BaseException:
            await engine.kill()
            raise
        self._watch(self._restart_after(engine))
        return engine

    async def _not_ready(self, engine: EngineHandle, error: Exception) -> TransientFailure:
        """Ends an engine that did not get ready; returns the reason."""
        late = isinstance(error, TimeoutError)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0 if late else END_SECONDS):
                await engine.wait()
        await engine.kill()
        log.warning("the engine could not be started", exit_status=engine.exit_status)
        if late:
            return engine_crashed(f"The engine was not ready within {START_SECONDS:g} s.")
        return engine_crashed(f"The engine ended ({engine.exit_status}) before it was ready.")

    async def _restart_after(self, engine: EngineHandle) -> None:
        """Starts the next engine soon after this one has ended.

        If a task needs an engine sooner, `ready` starts it at once.
        """
        await engine.wait()
        if self.running is engine:
            self._engine = None
            await asyncio.sleep(CRASH_RETRY_SECONDS)
            self.start()

    def _watch(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._watchers.add(task)
        task.add_done_callback(self._watchers.discard)


def engine_crashed(detail: str) -> TransientFailure:
    return TransientFailure(Reason.ENGINE_CRASHED, detail, retry_after=CRASH_RETRY_SECONDS)
