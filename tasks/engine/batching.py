"""One task that somebody waits for, and the line that tasks wait in."""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from tasks.engine.protocol import (
    Batch,
    Done,
    OutOfMemory,
    ReadTask,
    Ready,
    Reply,
    StudyTask,
    SurveyTask,
    Task,
    Working,
)
from tasks.engine.supervisor import StartedEngine
from tasks.step_context import soft_limit_paused

BATCH_TOKENS = 2048
"""What is embedded in one batch, at most: with one thread some half a second."""

READ_TOKENS = 256
"""A page counts as much: its extraction takes as long as embedding that many tokens."""

CHARS_PER_TOKEN = 4

LONGEST_TOKENS = 256
"""Of one text: the rest is not embedded."""


class Ask:
    """A task on its way to an engine and back. Who asks may give up at any time."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.alone = False
        """Whether it must not share a batch: one that it was in has killed its engine."""
        self.deaths = 0
        """Engines that died before they had begun on it."""
        self.given_up: float | None = None
        """When nobody waited for it any more, on the loop's clock."""
        self._begun = False
        self._outcome: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._change: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def tokens(self) -> int:
        """What it counts for in a batch."""
        match self.task:
            case ReadTask():
                return READ_TOKENS
            case StudyTask(_, request):
                known = request.impression is not None
                chars = 0 if known else len(request.article.title) + len(request.article.text)
                return min(LONGEST_TOKENS, 1 + chars // CHARS_PER_TOKEN)
            case SurveyTask():
                return BATCH_TOKENS

    async def outcome(self) -> Done:
        """Waits for it. What is waited before the work begins does not count for the soft limit."""
        while not self._outcome.done():
            if self._begun:
                await self._changed()
            else:
                with soft_limit_paused():
                    await self._changed()
        return self._outcome.result()

    def begin(self) -> None:
        self._begun = True
        self._tell()

    def wait_on(self) -> None:
        """The work is on others now, or it goes back to the line."""
        self._begun = False
        self._tell()

    def answer(self, done: Done) -> None:
        if not self._outcome.done():
            self._outcome.set_result(done)
        self._tell()

    def fail(self, error: Exception) -> None:
        if not self._outcome.done() and self.given_up is None:
            self._outcome.set_exception(error)
        self._tell()

    def give_up(self) -> None:
        self.given_up = asyncio.get_running_loop().time()
        self._outcome.cancel()

    async def _changed(self) -> None:
        self._change = asyncio.get_running_loop().create_future()
        await self._change

    def _tell(self) -> None:
        if not self._change.done():
            self._change.set_result(None)


class Line:
    """Tasks that wait for the engine, first come first served, in batches within the budget."""

    def __init__(self) -> None:
        self._asks: deque[Ask] = deque()
        self._filled = asyncio.Event()

    def join(self, ask: Ask) -> None:
        self._asks.append(ask)
        self._filled.set()

    def rejoin(self, asks: Iterable[Ask]) -> None:
        """To the front, in their order."""
        for ask in reversed(list(asks)):
            if ask.given_up is None:
                ask.wait_on()
                self._asks.appendleft(ask)
        self._filled.set()

    def leave(self) -> list[Ask]:
        """All of them, out of the line."""
        asks = list(self._asks)
        self._asks.clear()
        return asks

    async def batch(self) -> list[Ask]:
        """Waits for the first; takes whatever stands behind it, up to the budget."""
        while True:
            batch = self._batch()
            if batch:
                return batch
            self._filled.clear()
            await self._filled.wait()

    def _batch(self) -> list[Ask]:
        batch: list[Ask] = []
        while self._asks and self._fits(self._asks[0], batch):
            ask = self._asks.popleft()
            if ask.given_up is None:
                batch.append(ask)
        return batch

    def _fits(self, ask: Ask, batch: list[Ask]) -> bool:
        if not batch or ask.given_up is not None:
            return True
        shared = not ask.alone and not batch[0].alone
        return shared and ask.tokens + sum(one.tokens for one in batch) <= BATCH_TOKENS


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
