"""A cache in this process, bounded by bytes: for eager jobs and for tests."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from msgspec import Struct

OVERHEAD_BYTES = 300
"""The memory of an entry beside its value and its key."""


class _Entry(Struct, frozen=True):
    value: bytes
    expires: float
    """On the clock of the cache."""


class MemoryCache:
    """See `tasks.ports.Cache` for what each call promises. The least recently used entry is evicted
    first, whether it has expired or not."""

    def __init__(self, max_bytes: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._bytes = 0

    @property
    def size_bytes(self) -> int:
        """The counted size of all entries."""
        return self._bytes

    def recounted_bytes(self) -> int:
        """The same, summed up from the entries."""
        return sum(_size(key, entry.value) for key, entry in self._entries.items())

    async def get(self, key: str) -> bytes | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires <= self._clock():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry.value

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return [await self.get(key) for key in keys]

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        size = _size(key, value)
        if size > self._max_bytes or ttl <= 0:
            return
        if key in self._entries:
            self._drop(key)
        while self._bytes + size > self._max_bytes:
            self._drop(next(iter(self._entries)))
        self._entries[key] = _Entry(value, self._clock() + ttl)
        self._bytes += size

    def _drop(self, key: str) -> None:
        self._bytes -= _size(key, self._entries.pop(key).value)


def _size(key: str, value: bytes) -> int:
    return len(key) + len(value) + OVERHEAD_BYTES
