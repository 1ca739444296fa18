"""Taskiq in a worker: the broker pops wake-ups, the receiver starts a task for each.

A wake-up is the name of a step, as text. The ledger's scripts push it in the same call that makes
the step due, so a wake-up never names a step that is not there yet. It may get lost or come twice:
only the ledger decides what runs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from taskiq.abc.broker import AsyncBroker
from taskiq.abc.formatter import TaskiqFormatter
from taskiq.message import BrokerMessage, TaskiqMessage
from taskiq.receiver import Receiver
from taskiq_redis import ListQueueBroker

from tasks.errors import LedgerUnavailable
from tasks.jobs.step import StepRef
from tasks.ledger.connection import is_away
from tasks.ledger.key_prefix import KeyPrefix
from tasks.ledger.keys import WAKE_LISTS
from tasks.logs import OutageLog
from tasks.supervision import cancel_and_wait

log = structlog.get_logger(__name__)

RUN_STEP = "run_step"
"""The name of the only Taskiq task."""

POP_SECONDS = 2.0
"""How long a pop waits for the first wake-up; below the client's socket timeout."""

FULL_SECONDS = 0.1
"""How long to wait while there is no free slot."""

AWAY_SECONDS = 0.5
"""How long to wait after a pop that failed."""

NOT_SENT_HERE = "wake-ups are sent by the ledger's scripts, together with the step that they name"


class WakeupFormatter(TaskiqFormatter):
    """Turns a wake-up's text into Taskiq's message."""

    def loads(self, message: bytes) -> TaskiqMessage:
        text = message.decode()
        return TaskiqMessage.model_construct(
            task_id=text, task_name=RUN_STEP, labels={}, args=[text], kwargs={}
        )

    def dumps(self, message: TaskiqMessage) -> BrokerMessage:
        raise NotImplementedError(NOT_SENT_HERE)


class WakeupBroker(ListQueueBroker):
    """Pops as many wake-ups as there are free slots, over one client that reconnects."""

    def __init__(
        self,
        redis: Redis,
        url: str,
        key_prefix: KeyPrefix,
        *,
        stopped: asyncio.Event,
        free_slots: Callable[[], int] = lambda: 1,
    ) -> None:
        super().__init__(url)
        self.formatter = WakeupFormatter()
        self.dropped = 0
        """Wake-ups that did not parse."""
        self.free_slots = free_slots
        """How many steps could start now; nothing is popped while there is none."""
        self._stopped = stopped
        """Once set, no more wake-ups are given out."""
        self._redis = redis
        self._key_prefix = key_prefix
        self._outage = OutageLog("wake-ups cannot be popped", "wake-ups are popped again")

    async def kick(self, message: BrokerMessage) -> None:
        raise NotImplementedError(NOT_SENT_HERE)

    async def listen(self) -> AsyncGenerator[bytes, None]:
        """What it has popped and not given out at the end goes back to the list it came from."""
        source = ""
        popped: deque[bytes] = deque()
        try:
            # The event ends this where a cancellation is swallowed, see `cancel_and_wait`.
            while not self._stopped.is_set():
                if not popped:
                    source, wakeups = await self._pop()
                    popped.extend(wakeups)
                elif self._parses(wakeup := popped.popleft()):
                    yield wakeup
        finally:
            await self._put_back(source, popped)

    async def _pop(self) -> tuple[str, Sequence[bytes]]:
        """Wake-ups, and the list that they come from."""
        slots = self.free_slots()
        if slots < 1:
            await asyncio.sleep(FULL_SECONDS)
            return "", ()
        try:
            prefix = await self._key_prefix.find(self._redis)
            lists = [prefix + name for name in WAKE_LISTS]
            reply: Any = await self._redis.blmpop(
                POP_SECONDS, len(lists), *lists, direction="LEFT", count=slots
            )
        except Exception as error:  # raised, it would end the worker with all that it runs
            if isinstance(error, LedgerUnavailable) or is_away(error):
                self._outage.lasts(cause=type(error).__name__)
            else:
                log.exception("unexpected error while popping wake-ups")
            await asyncio.sleep(AWAY_SECONDS)
            return "", ()
        self._outage.ends()
        return (reply[0].decode(), reply[1]) if reply else ("", ())

    async def _put_back(self, source: str, popped: Sequence[bytes]) -> None:
        """To the front, in their order. Without this the reaper would find them, but later."""
        if popped:
            with contextlib.suppress(RedisError, OSError):
                await self._redis.lpush(source, *reversed(popped))

    def _parses(self, wakeup: bytes) -> bool:
        try:
            StepRef.parse(wakeup.decode())
        except ValueError:  # a UnicodeDecodeError is one
            self.dropped += 1
            if self.dropped == 1:
                log.warning("dropping malformed wake-ups", first=wakeup[:80])
            return False
        return True


class StepReceiver(Receiver):
    """Takes a message only when one of its slots is free, and starts it at once.

    Taskiq's own receiver makes several asyncio tasks for each message, and all but one only wait
    for the end of the process. With one task, a no-op step took the worker 122 us of processor
    time instead of 167.
    """

    def __init__(self, broker: AsyncBroker, *, slots: int, max_steps: int) -> None:
        super().__init__(broker, validate_params=False, max_async_tasks=slots)
        self.dependency_graphs.clear()  # a step has none; resolving none took 2.5 us
        self._slots = slots
        self._max_steps = max_steps
        """Messages to take in all; 0 for no limit."""
        self.exhausted = asyncio.Event()
        """Set once it has taken `max_steps` messages."""
        self._taken = 0
        self._finishing = True
        self._running: set[asyncio.Task[Any]] = set()
        self._slot_freed = asyncio.Event()

    @property
    def free_slots(self) -> int:
        return self._slots - len(self._running)

    def reserve(self) -> bool:
        """Counts a step that follows another in its slot; False where none may.

        The last one needs a message: with it this ends.
        """
        if self._finishing or (self._max_steps and self._taken >= self._max_steps - 1):
            return False
        self._taken += 1
        return True

    def give_back(self) -> None:
        """There was no such step."""
        self._taken -= 1

    async def listen(self, finish_event: asyncio.Event) -> None:
        """Takes messages until the event is set or `max_steps` are taken, and returns once all
        steps that it started have ended."""
        self._finishing = False
        await self.broker.startup()
        taking = asyncio.create_task(self._take_all())
        finishing = asyncio.create_task(finish_event.wait())
        try:
            await asyncio.wait({taking, finishing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._finishing = True
            finishing.cancel()
            await cancel_and_wait(taking)
        if self._running:
            await asyncio.wait(self._running)

    async def _take_all(self) -> None:
        async with aclosing(self.broker.listen()) as messages:
            async for message in messages:
                self._start(message)
                self._taken += 1
                if self._max_steps and self._taken >= self._max_steps:
                    self.exhausted.set()
                    return
                await self._wait_for_slot()

    async def _wait_for_slot(self) -> None:
        while not self.free_slots:
            self._slot_freed.clear()
            await self._slot_freed.wait()

    def _start(self, message: Any) -> None:
        task = asyncio.create_task(self.callback(message))
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        self._slot_freed.set()
