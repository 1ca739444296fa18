"""One batch with one engine: what is asked, what is answered, and how it may end."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Sequence
from typing import Any

from tasks.engine.asking import Ask
from tasks.engine.protocol import Batch, OutOfMemory, Ready, Reply, Working
from tasks.engine.started import StartedEngine

ABANDON_SECONDS = 0.5
"""How long an engine may finish what nobody waits for any more; then it is killed."""


class End(enum.Enum):
    """How an exchange ended."""

    ANSWERED = enum.auto()
    DIED = enum.auto()
    HARD_LIMIT = enum.auto()
    """The engine was at the same for too long."""
    OUT_OF_MEMORY = enum.auto()
    ABANDONED = enum.auto()
    """The engine would not let go of what nobody waits for any more."""


class Exchange:
    """A batch that an engine works on."""

    def __init__(self, engine: StartedEngine, asks: Sequence[Ask], hard_limit: float) -> None:
        self._engine = engine
        self._open = {ask.task.number: ask for ask in asks}
        self._hard_limit = hard_limit
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()
        self._poked: asyncio.Future[None] = self._loop.create_future()
        self.working: tuple[Ask, ...] = ()
        """What the engine was at when the exchange ended."""

    @property
    def unanswered(self) -> list[Ask]:
        return list(self._open.values())

    def poke(self) -> None:
        """Somebody gave up."""
        if not self._poked.done():
            self._poked.set_result(None)

    async def run(self) -> End:
        receiving: asyncio.Task[Reply] | None = None
        try:
            async with asyncio.timeout(self._hard_limit):
                await self._engine.send(Batch(tuple(ask.task for ask in self._open.values())))
            while self._open:
                receiving = receiving or asyncio.create_task(self._engine.receive())
                events: set[asyncio.Future[Any]] = {receiving, self._poked}
                await asyncio.wait(
                    events,
                    timeout=max(0.0, self._due - self._loop.time()),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if self._poked.done():
                    self._poked = self._loop.create_future()
                if receiving.done():
                    reply, receiving = receiving.result(), None
                    if isinstance(reply, OutOfMemory):
                        return End.OUT_OF_MEMORY
                    self._take(reply)
                elif self._loop.time() >= self._due:
                    return End.ABANDONED if self._abandoned else End.HARD_LIMIT
        except (asyncio.IncompleteReadError, OSError):  # a TimeoutError is one
            return End.DIED
        finally:
            if receiving:
                receiving.cancel()
                await asyncio.wait({receiving})
        return End.ANSWERED

    def _take(self, reply: Reply) -> None:
        match reply:
            case Working(numbers):
                for ask in self.working:
                    ask.wait_on()
                self.working = tuple(self._open[number] for number in numbers)
                self._since = self._loop.time()
                for ask in self.working:
                    ask.begin()
            case Ready() | OutOfMemory():
                raise OSError("the engine does not keep to the protocol")
            case done:
                self._open.pop(done.number).answer(done)
                self.working = tuple(ask for ask in self.working if ask.task.number in self._open)

    @property
    def _abandoned(self) -> bool:
        """Whether nobody waits for what the engine is at."""
        return bool(self.working) and all(ask.given_up is not None for ask in self.working)

    @property
    def _due(self) -> float:
        """When the engine must have gone on, on the loop's clock."""
        due = self._since + self._hard_limit
        if self._abandoned:
            given_up = max(ask.given_up or 0.0 for ask in self.working)
            due = min(due, max(self._since, given_up) + ABANDON_SECONDS)
        return due
