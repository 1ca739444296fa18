"""Taskiq's receiver, with a shorter way from the broker to the task.

Taskiq makes several asyncio tasks for each message, all but one to listen for the end meanwhile.
With one, a no-op step took the worker 122 us of processor time instead of 167.
"""

from __future__ import annotations

import asyncio
from typing import Any

from taskiq.abc.broker import AsyncBroker
from taskiq.receiver import Receiver

from tasks.supervision import cancel_and_wait


class StepReceiver(Receiver):
    """Takes a message only when one of its slots is free, and starts it at once."""

    def __init__(self, broker: AsyncBroker, *, slots: int, most: int) -> None:
        super().__init__(broker, validate_params=False, max_async_tasks=slots)
        self.dependency_graphs.clear()  # a step has none; to resolve none took 2.5 us
        self._slots = slots
        self._most = most
        """Messages after which it ends; 0 for no end."""
        self._running: set[asyncio.Task[Any]] = set()
        self._slot_freed = asyncio.Event()

    @property
    def free_slots(self) -> int:
        return self._slots - len(self._running)

    async def listen(self, finish_event: asyncio.Event) -> None:
        """Until the event is set or `most` have been taken, and what runs has ended."""
        await self.broker.startup()
        taking = asyncio.create_task(self._take_all())
        finish = asyncio.create_task(finish_event.wait())
        try:
            await asyncio.wait({taking, finish}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            finish.cancel()
            await cancel_and_wait(taking)
        if self._running:
            await asyncio.wait(self._running)

    async def _take_all(self) -> None:
        messages = self.broker.listen()
        taken = 0
        try:
            while taken < self._most or not self._most:
                await self._free_slot()
                self._start(await anext(messages))
                taken += 1
        finally:
            await messages.aclose()

    async def _free_slot(self) -> None:
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
