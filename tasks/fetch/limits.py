"""How many requests run at once: in all, and to one host.

One worker's share only. A budget that all workers hold together would stand here too, behind the
same `taken`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Slots:
    """So many slots for each key, handed out in the order of asking.

    A key is remembered while someone holds or awaits one of its slots, and no longer.
    """

    def __init__(self, per_key: int) -> None:
        self._per_key = per_key
        self._entries: dict[str, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @asynccontextmanager
    async def taken(self, key: str) -> AsyncIterator[None]:
        entry = self._entries.setdefault(key, _Entry(self._per_key))
        entry.users += 1
        try:
            async with entry.free:
                yield
        finally:
            entry.users -= 1
            if not entry.users:
                del self._entries[key]


class _Entry:
    def __init__(self, slots: int) -> None:
        self.free = asyncio.Semaphore(slots)
        self.users = 0
        """Who holds or awaits one of the slots."""


class Limits:
    """The right to send one request to a host."""

    def __init__(self, total: int, per_host: int) -> None:
        self._total = asyncio.Semaphore(total)
        self._hosts = Slots(per_host)

    @asynccontextmanager
    async def taken(self, host: str) -> AsyncIterator[None]:
        """The host's slot comes first: who waits for a busy host keeps nobody else waiting."""
        async with self._hosts.taken(host), self._total:
            yield
