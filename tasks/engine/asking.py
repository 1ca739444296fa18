"""One task that somebody waits for, and the line that tasks wait in."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from tasks.engine.protocol import Done, ReadTask, StudyTask, SurveyTask, Task
from tasks.limits import not_counted

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
                with not_counted():
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
