"""Waiting for jobs to end, for clients that would rather wait than ask again."""

from __future__ import annotations

import asyncio

from tasks.errors import LedgerUnavailable
from tasks.queue import Queue

LOOK_SECONDS = 0.05

MOST_WAITS = 100
"""Requests that may wait at once: each holds a connection open, and is one more job to look at."""


class Endings:
    """Tells when jobs have ended. However many are waited for, one round trip looks at them all."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._waits: dict[asyncio.Event, str] = {}
        self._looking: asyncio.Task[None] | None = None

    @property
    def full(self) -> bool:
        """Whether nobody else may wait now."""
        return len(self._waits) >= MOST_WAITS

    async def wait(self, job_id: str, seconds: float) -> bool:
        """Whether the job ended within that time. Redis may be away meanwhile."""
        ended = asyncio.Event()
        self._waits[ended] = job_id
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        try:
            async with asyncio.timeout(seconds):
                return await ended.wait()
        except TimeoutError:
            return False
        finally:
            del self._waits[ended]

    async def _look(self) -> None:
        try:
            while self._waits:
                await self._tell()
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._looking = None

    async def _tell(self) -> None:
        try:
            over = await self._queue.ended(list(set(self._waits.values())))
        except LedgerUnavailable:
            return
        for event, job_id in self._waits.items():
            if job_id in over:
                event.set()
