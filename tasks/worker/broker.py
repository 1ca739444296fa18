"""The Taskiq broker: wake-ups on three Redis lists, by priority.

A wake-up is the name of a step, as text. The ledger's scripts push it in the same breath in which
they make the step due, so a wake-up never names what is not there yet. It may be lost or come
twice: what counts is the ledger.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from taskiq.abc.formatter import TaskiqFormatter
from taskiq.message import BrokerMessage, TaskiqMessage
from taskiq_redis import ListQueueBroker

from tasks.jobs.step import StepRef
from tasks.ledger.connection import is_away
from tasks.ledger.keys import WAKE_LISTS

log = structlog.get_logger()

RUN_STEP = "run_step"
"""The one Taskiq task there is."""

POP_SECONDS = 2.0
"""How long a pop waits for the first wake-up; below the client's socket timeout."""

FULL_SECONDS = 0.1
AWAY_SECONDS = 0.5

AGEING = 8
"""Every eighth pop looks at the lists from low to high, so that low is never starved: a wake-up
that is Nth in its list has been popped after at most 8 × N pops, whatever else is queued."""


class WakeupFormatter(TaskiqFormatter):
    """Between a wake-up's text and Taskiq's message."""

    def dumps(self, message: TaskiqMessage) -> BrokerMessage:
        return BrokerMessage(
            task_id=message.task_id,
            task_name=message.task_name,
            message=str(message.args[0]).encode(),
            labels=message.labels,
        )

    def loads(self, message: bytes) -> TaskiqMessage:
        text = message.decode()
        return TaskiqMessage.model_construct(
            task_id=text, task_name=RUN_STEP, labels={}, args=[text], kwargs={}
        )


class WakeupBroker(ListQueueBroker):
    """Pops as many wake-ups as there are free slots, over one client that reconnects."""

    def __init__(
        self, redis: Redis, url: str, key_prefix: str, free_slots: Callable[[], int] = lambda: 1
    ) -> None:
        super().__init__(url, queue_name=f"{key_prefix}wake:normal")
        self.formatter = WakeupFormatter()
        self.dropped = 0
        """Wake-ups that were not ours, or did not parse."""
        self.free_slots = free_slots
        """How many steps could start now; nothing is popped while there is none."""
        self._redis = redis
        self._lists = tuple(key_prefix + name for name in WAKE_LISTS)
        self._pops = 0

    async def kick(self, message: BrokerMessage) -> None:
        """Sends a wake-up beside those of the ledger's scripts."""
        await self._redis.rpush(self.queue_name, message.message)

    async def listen(self) -> AsyncGenerator[bytes, None]:
        popped: deque[bytes] = deque()
        try:
            while True:
                if not popped:
                    popped.extend(await self._pop())
                if popped and self._ours(wakeup := popped.popleft()):
                    yield wakeup
        finally:
            await self._put_back(popped)

    async def _pop(self) -> list[bytes]:
        slots = self.free_slots()
        if slots < 1:
            await asyncio.sleep(FULL_SECONDS)
            return []
        self._pops += 1
        lists = self._lists if self._pops % AGEING else self._lists[::-1]
        try:
            reply: Any = await self._redis.blmpop(
                POP_SECONDS, len(lists), *lists, direction="LEFT", count=slots
            )
        except Exception as error:  # it would end the worker, with all that it runs
            if is_away(error):
                log.warning("cannot pop wake-ups", error=type(error).__name__)
            else:
                log.exception("popping wake-ups failed in a way that nobody foresaw")
            await asyncio.sleep(AWAY_SECONDS)
            return []
        return list(reply[1]) if reply else []

    async def _put_back(self, popped: Sequence[bytes]) -> None:
        """Wake-ups that nobody here will run; without this the reaper would find them, later."""
        if popped:
            with contextlib.suppress(RedisError, OSError):
                await self._redis.lpush(self.queue_name, *reversed(popped))

    def _ours(self, wakeup: bytes) -> bool:
        try:
            StepRef.parse(wakeup.decode())
        except ValueError:  # a UnicodeDecodeError is one
            self.dropped += 1
            if self.dropped == 1:
                log.warning("dropping wake-ups that are not ours", first=wakeup[:80])
            return False
        return True
