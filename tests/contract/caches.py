"""The caches that run the contract tests, with a time that the test moves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import redis
from redis.asyncio import Redis

from tasks.cache.memory import MemoryCache
from tasks.cache.redis import RedisCache
from tasks.ports import Cache
from tests.conftest import PREFIX
from tests.contract.ledgers import START_MS

CACHE_PREFIX = f"{PREFIX}cache:tested:"


class CacheUnderTest(ABC):
    cache: Cache

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.now_ms = START_MS

    def advance(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)

    @abstractmethod
    def size_bytes(self) -> int:
        """What the cache believes to hold, in bytes."""

    @abstractmethod
    def recounted_bytes(self) -> int:
        """The same, added up from what is there."""

    def assert_within_bounds(self) -> None:
        assert self.size_bytes() == self.recounted_bytes()
        assert self.size_bytes() <= self.max_bytes


class MemoryCacheUnderTest(CacheUnderTest):
    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_bytes)
        self.cache = self._memory = MemoryCache(max_bytes, clock=lambda: self.now_ms / 1000)

    def size_bytes(self) -> int:
        return self._memory.size_bytes

    def recounted_bytes(self) -> int:
        return self._memory.recounted_bytes()


class RedisCacheUnderTest(CacheUnderTest):
    def __init__(self, client: Redis, valkey: redis.Redis, max_bytes: int) -> None:
        super().__init__(max_bytes)
        self._valkey = valkey
        self.cache = RedisCache(client, CACHE_PREFIX, max_bytes, now_ms=lambda: self.now_ms)

    def advance(self, seconds: float) -> None:
        """Takes the same off what every key has left to live, which the server counts."""
        super().advance(seconds)
        for key in self._valkey.scan_iter():
            left_ms: Any = self._valkey.pttl(key)
            if left_ms > 0:
                self._valkey.pexpire(key, left_ms - round(seconds * 1000))

    def size_bytes(self) -> int:
        return int(self.sizes().get("", 0))

    def recounted_bytes(self) -> int:
        """Where all parts name the same entries."""
        sizes = self.sizes()
        sizes.pop("", None)
        used: Any = self._valkey.zrange(f"{CACHE_PREFIX}used", 0, -1)
        ends: Any = self._valkey.zrange(f"{CACHE_PREFIX}ends", 0, -1)
        assert {name.decode() for name in used} == {name.decode() for name in ends} == set(sizes)
        assert self.entries() <= set(sizes)
        return sum(sizes.values())

    def entries(self) -> set[str]:
        start = f"{CACHE_PREFIX}entry:"
        return {key.decode().removeprefix(start) for key in self._valkey.scan_iter(f"{start}*")}

    def sizes(self) -> dict[str, int]:
        found: Any = self._valkey.hgetall(f"{CACHE_PREFIX}sizes")
        return {name.decode(): int(size) for name, size in found.items()}
