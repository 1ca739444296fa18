"""A semaphore for each key: work on one key is limited, work on different keys is independent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class KeyedSemaphore:
    """Grants the slots of a key in the order of asking.

    A key is remembered only while a task holds or awaits one of its slots.
    """

    def __init__(self, per_key: int) -> None:
        self._per_key = per_key
        self._entries: dict[str, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @asynccontextmanager
    async def slot(self, key: str) -> AsyncIterator[None]:
        """Holds one of the key's slots for the body."""
        entry = self._entries.setdefault(key, _Entry(self._per_key))
        entry.users += 1
        try:
            async with entry.semaphore:
                yield
        finally:
            entry.users -= 1
            if not entry.users:
                del self._entries[key]


class _Entry:
    def __init__(self, slots: int) -> None:
        self.semaphore = asyncio.Semaphore(slots)
        self.users = 0
        """Tasks that hold or await one of the slots."""
