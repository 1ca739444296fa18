"""How tasks reach an engine: a queue of pending tasks, and the run of one batch.

A `PendingTask` is what a step waits for. The `TaskQueue` bundles what has queued up into batches.
A `BatchRun` sends one batch to one engine, passes the results on, and says how the run ended.
"""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from tasks.engine.process import EngineHandle
from tasks.engine.protocol import (
    Batch,
    FeedTask,
    Loaded,
    OutOfMemory,
    ReadTask,
    Ready,
    Reply,
    StudyTask,
    SurveyTask,
    Task,
    TaskReply,
    Working,
)
from tasks.step_context import soft_limit_paused

MAX_BATCH_TOKENS = 2048
"""Tokens that one batch embeds at most: with one thread about half a second."""

READ_TOKENS = 256
"""The weight of a page or a feed: its extraction takes as long as embedding that many tokens."""

CHARS_PER_TOKEN = 4

MAX_TEXT_TOKENS = 256
"""Tokens of one text that are embedded; the rest is not."""

ABANDON_SECONDS = 0.5
"""How long an engine may finish work whose callers have all given up; then it is killed. It is
not counted before all models are loaded: the next engine would only load them again."""


class PendingTask:
    """A task on its way to an engine and back. Its caller may give up at any time."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.isolated = False
        """Whether it must not share a batch: one that it was in has killed its engine."""
        self.engine_deaths = 0
        """Engines that died with this task in their batch before they began to work on any."""
        self.abandoned_at: float | None = None
        """When its caller gave up, on the loop's clock; None while the caller waits."""
        self._running = False
        self._queued_at = asyncio.get_running_loop().time()
        self._begun_at: float | None = None
        self._reply: asyncio.Future[TaskReply] = asyncio.get_running_loop().create_future()
        self._change: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def tokens(self) -> int:
        """Its weight in a batch."""
        match self.task:
            case ReadTask() | FeedTask():
                return READ_TOKENS
            case StudyTask(_, request):
                known = request.impression is not None
                chars = 0 if known else len(request.article.title) + len(request.article.text)
                return min(MAX_TEXT_TOKENS, 1 + chars // CHARS_PER_TOKEN)
            case SurveyTask():
                return MAX_BATCH_TOKENS

    @property
    def waited_seconds(self) -> float:
        """From its request until an engine first worked on it, or until now."""
        begun = self._begun_at or asyncio.get_running_loop().time()
        return begun - self._queued_at

    async def reply(self) -> TaskReply:
        """Waits for the engine's reply. Time before the work begins is not counted.

        It is excluded from the soft limit of the step, which would otherwise be charged for slow
        neighbours. Raises what `fail` was given.
        """
        while not self._reply.done():
            if self._running:
                await self._wait_for_change()
            else:
                with soft_limit_paused():
                    await self._wait_for_change()
        return self._reply.result()

    def mark_running(self) -> None:
        self._running = True
        if self._begun_at is None:
            self._begun_at = asyncio.get_running_loop().time()
        self._notify()

    def mark_waiting(self) -> None:
        """The engine works on other tasks now, or this one returns to the queue."""
        self._running = False
        self._notify()

    def complete(self, reply: TaskReply) -> None:
        if not self._reply.done():
            self._reply.set_result(reply)
        self._notify()

    def fail(self, error: Exception) -> None:
        if not self._reply.done():
            self._reply.set_exception(error)
        self._notify()

    def abandon(self) -> None:
        """Its caller has given up."""
        self.abandoned_at = asyncio.get_running_loop().time()
        self._reply.cancel()

    async def _wait_for_change(self) -> None:
        self._change = asyncio.get_running_loop().create_future()
        await self._change

    def _notify(self) -> None:
        if not self._change.done():
            self._change.set_result(None)


class TaskQueue:
    """Tasks that wait for the engine: first in, first out, in batches within the token budget."""

    def __init__(self) -> None:
        self._tasks: deque[PendingTask] = deque()
        self._not_empty = asyncio.Event()

    def put(self, task: PendingTask) -> None:
        self._tasks.append(task)
        self._not_empty.set()

    def put_back(self, tasks: Iterable[PendingTask]) -> None:
        """Returns them to the front, in their order; abandoned tasks are dropped."""
        for task in reversed(list(tasks)):
            if task.abandoned_at is None:
                task.mark_waiting()
                self._tasks.appendleft(task)
        self._not_empty.set()

    def drain(self) -> list[PendingTask]:
        """Removes all tasks, and returns them."""
        tasks = list(self._tasks)
        self._tasks.clear()
        return tasks

    async def next_batch(self) -> list[PendingTask]:
        """Waits for the first task; takes those behind it too, up to the budget."""
        while True:
            batch = self._take_batch()
            if batch:
                return batch
            self._not_empty.clear()
            await self._not_empty.wait()

    def _take_batch(self) -> list[PendingTask]:
        batch: list[PendingTask] = []
        while self._tasks and self._fits(self._tasks[0], batch):
            task = self._tasks.popleft()
            if task.abandoned_at is None:
                batch.append(task)
        return batch

    def _fits(self, task: PendingTask, batch: list[PendingTask]) -> bool:
        if not batch or task.abandoned_at is not None:
            return True
        if task.isolated or batch[0].isolated:
            return False
        return task.tokens + sum(member.tokens for member in batch) <= MAX_BATCH_TOKENS


class BatchOutcome(enum.Enum):
    """How the run of a batch ended."""

    ANSWERED = enum.auto()
    DIED = enum.auto()
    HARD_LIMIT = enum.auto()
    """The engine worked on the same tasks for too long."""
    OUT_OF_MEMORY = enum.auto()
    ABANDONED = enum.auto()
    """The engine did not finish what all callers had given up."""


class BatchRun:
    """One batch that one engine works on."""

    def __init__(
        self, engine: EngineHandle, tasks: Sequence[PendingTask], hard_limit: float
    ) -> None:
        self.engine = engine
        self._open = {task.task.number: task for task in tasks}
        self._hard_limit = hard_limit
        self._loop = asyncio.get_running_loop()
        self._progress_at = self._loop.time()
        self._abandonment: asyncio.Future[None] = self._loop.create_future()
        self.in_progress: tuple[PendingTask, ...] = ()
        """What the engine works on; after the run, what it worked on when the run ended."""

    @property
    def unanswered(self) -> list[PendingTask]:
        return list(self._open.values())

    def task_abandoned(self) -> None:
        """Wakes the run up, because the deadline may be earlier now."""
        if not self._abandonment.done():
            self._abandonment.set_result(None)

    async def run(self) -> BatchOutcome:
        receiving: asyncio.Task[Reply] | None = None
        try:
            async with asyncio.timeout(self._hard_limit):
                await self.engine.send(Batch(tuple(task.task for task in self._open.values())))
            while self._open:
                receiving = receiving or asyncio.create_task(self.engine.receive())
                await self._next_event(receiving)
                if receiving.done():
                    reply, receiving = receiving.result(), None
                    if isinstance(reply, OutOfMemory):
                        return BatchOutcome.OUT_OF_MEMORY
                    self._handle(reply)
                elif self._loop.time() >= self._deadline:
                    abandoned = self._all_abandoned
                    return BatchOutcome.ABANDONED if abandoned else BatchOutcome.HARD_LIMIT
        except (asyncio.IncompleteReadError, OSError):  # a TimeoutError is one
            return BatchOutcome.DIED
        finally:
            if receiving:
                receiving.cancel()
                await asyncio.wait({receiving})
        return BatchOutcome.ANSWERED

    async def _next_event(self, receiving: asyncio.Task[Reply]) -> None:
        """Waits for a reply, for a caller to give up, or for the deadline."""
        events: set[asyncio.Future[Any]] = {receiving, self._abandonment}
        timeout = max(0.0, self._deadline - self._loop.time())
        await asyncio.wait(events, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if self._abandonment.done():
            self._abandonment = self._loop.create_future()

    def _handle(self, reply: Reply) -> None:
        match reply:
            case Working(numbers):
                for task in self.in_progress:
                    task.mark_waiting()
                self.in_progress = tuple(self._open[number] for number in numbers)
                self._progress_at = self._loop.time()
                for task in self.in_progress:
                    task.mark_running()
            case Loaded():
                self.engine.loaded = True
                self._progress_at = self._loop.time()
            case Ready() | OutOfMemory():
                raise OSError("the engine violates the protocol")
            case task_reply:
                self._open.pop(task_reply.number).complete(task_reply)
                self.in_progress = tuple(
                    task for task in self.in_progress if task.task.number in self._open
                )

    @property
    def _all_abandoned(self) -> bool:
        """Whether the callers of everything that the engine works on have given up."""
        return bool(self.in_progress) and all(
            task.abandoned_at is not None for task in self.in_progress
        )

    @property
    def _deadline(self) -> float:
        """When the engine must have made progress, on the loop's clock."""
        deadline = self._progress_at + self._hard_limit
        if self._all_abandoned and self.engine.loaded:
            abandoned_at = max(task.abandoned_at or 0.0 for task in self.in_progress)
            deadline = min(deadline, max(self._progress_at, abandoned_at) + ABANDON_SECONDS)
        return deadline
