"""Keeps one engine process running: starts the next when one has ended, for whatever reason."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine

import structlog

from tasks.engine.process import EngineCommand, EngineHandle, LeftEngine
from tasks.errors import Reason, TransientFailure
from tasks.supervision import cancel_and_wait
from tasks.telemetry.metrics import ENGINE_STARTS

log = structlog.get_logger(__name__)

START_SECONDS = 120.0
"""How long an engine may take to load its models; then it is killed."""

END_SECONDS = 2.0
"""How long an engine that has closed its socket may take to end, and to say why. Then it is killed.
"""

MAX_FAILURES = 3
"""After that many failed starts, or dead engines, in a row, the waiting tasks fail."""

CRASH_RETRY_SECONDS = 1.0

MAX_GROWTH_BYTES = 128 * 2**20
"""An engine that takes this much more than when it was left for the first time is not left again:
what it does not give back may go on growing."""


class EngineSupervisor:
    """Runs one engine at a time."""

    def __init__(self, command: EngineCommand, left: LeftEngine | None = None) -> None:
        """`left`: the engine to go on with, instead of starting the first."""
        self.command = command
        self._left = left
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

    async def leave(self) -> LeftEngine | None:
        """Gives up the engine without ending it, for the next program of this process. It must have
        no task. None if there is none that can be left."""
        if self._engine is not None:
            await asyncio.wait({self._engine})
        engine = self.running
        if engine is None or engine.growth_bytes > MAX_GROWTH_BYTES:
            return None
        self._engine = None  # so that `stop` does not end it
        return engine.leave()

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
        engine, outcome = await self._adopt(), "taken_over"
        try:
            if engine is None:
                engine, outcome = await self._start_process(), "ready"
        except TransientFailure:
            ENGINE_STARTS.add(1, {"outcome": "failed"})
            raise
        ENGINE_STARTS.add(1, {"outcome": outcome})
        self._watch(self._restart_after(engine))
        return engine

    async def _adopt(self) -> EngineHandle | None:
        left, self._left = self._left, None
        try:
            return await EngineHandle.adopt(left) if left else None
        except OSError:
            log.exception("the engine of the worker before cannot be reached, another is started")
            return None

    async def _start_process(self) -> EngineHandle:
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
