"""A cache in Redis, shared by all workers and bounded by bytes.

A value is stored compressed where that pays, and **sealed**: with a digest of its content and its
key. So a value that was damaged, cut off or stored under another key is recognised, and is a miss.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
import zlib
from collections.abc import Awaitable, Callable, Sequence
from importlib import resources
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tasks.cache.memory import MemoryCache
from tasks.ports import Cache
from tasks.telemetry.metrics import CACHE_LOOKUPS, CACHE_TRAFFIC

log = structlog.get_logger(__name__)

OVERHEAD_BYTES = 500
"""The memory of an entry in Redis beside its value: its key, and its places in two sorted sets and
a hash. Some 410 were measured; `tests/contract/test_redis_cache.py` verifies that it suffices."""

MAX_VALUE_BYTES = 2 * 2**20
"""Sealed. A larger value would delay all other clients of Redis."""

TOUCH_INTERVAL_MS = 3_600_000
"""A use is recorded when the last record is an hour old: what is read often is read again within
days."""

MAX_MEMORY_SHARE = 0.75
"""Of Redis's `maxmemory`, for everything. Above it the cache is emptied: the rest is reserved for
the ledger."""

OWN_SHARE = 0.2
"""Of Redis's `maxmemory`, for one cache."""

TIMEOUT_SECONDS = 1.0
"""A page can be fetched in this time."""

BACKOFF_SECONDS = 5.0
"""How long Redis is left alone after a failure, so that not each of many fetches waits for it."""


def open_store(redis: Redis, prefix: str, megabytes: int) -> Cache:
    """The cache under this prefix of keys. With 0 megabytes it is empty and never asks Redis."""
    return RedisCache(redis, prefix, megabytes * 2**20) if megabytes else MemoryCache(0)


def server_time() -> int | None:
    """None: by the clock of the Redis server, which all workers share."""
    return None


class RedisCache:
    """See `tasks.ports.Cache` for what each call promises."""

    def __init__(
        self,
        redis: Redis,
        prefix: str,
        max_bytes: int,
        *,
        now_ms: Callable[[], int | None] = server_time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._prefix = prefix
        self._name = prefix.rstrip(":").rpartition(":")[2]  # for the metrics
        self._max_bytes = max_bytes
        self._now_ms = now_ms
        self._clock = clock
        self._get = redis.register_script(_source("get"))
        self._put = redis.register_script(_source("put"))
        self._unavailable_until: float | None = None

    async def get(self, key: str) -> bytes | None:
        return (await self.get_many([key]))[0]

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        if not keys:
            return []
        names = [_name(key) for key in keys]
        values = await self._call(
            lambda: self._get(
                keys=[self._prefix],
                args=[self._prefix, self._now(), TOUCH_INTERVAL_MS, *names],
            )
        )
        if values is None:
            self._count_lookups("unavailable", len(keys))
            return [None] * len(keys)
        unsealed = [
            None if sealed is None else unseal(key, sealed)
            for key, sealed in zip(keys, values, strict=True)
        ]
        misses = unsealed.count(None)
        self._count_lookups("miss", misses)
        self._count_lookups("hit", len(keys) - misses)
        self._count_traffic("read", sum(len(sealed) for sealed in values if sealed))
        return unsealed

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        sealed = seal(key, value)
        size = len(sealed) + OVERHEAD_BYTES
        ttl_ms = round(ttl * 1000)
        if len(sealed) > MAX_VALUE_BYTES or size > self._max_bytes or ttl_ms <= 0:
            return
        written = await self._call(
            lambda: self._put(
                keys=[self._prefix],
                args=[
                    self._prefix,
                    self._now(),
                    _name(key),
                    sealed,
                    ttl_ms,
                    size,
                    self._max_bytes,
                    MAX_MEMORY_SHARE,
                    OWN_SHARE,
                ],
            )
        )
        if written:
            self._count_traffic("written", len(sealed))

    def _count_lookups(self, outcome: str, number: int) -> None:
        if number:
            CACHE_LOOKUPS.add(number, {"cache": self._name, "outcome": outcome})

    def _count_traffic(self, direction: str, size: int) -> None:
        if size:
            CACHE_TRAFFIC.add(size, {"cache": self._name, "direction": direction})

    async def _call(self, script: Callable[[], Awaitable[Any]]) -> Any:
        """The result of a script; None where there was none in time."""
        if self._unavailable_until is not None and self._clock() < self._unavailable_until:
            return None
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                result = await script()
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            if self._unavailable_until is None:
                log.warning("a cache does without Redis", cache=self._prefix, error=repr(error))
            self._unavailable_until = self._clock() + BACKOFF_SECONDS
            return None
        self._unavailable_until = None
        return result

    def _now(self) -> int | str:
        now = self._now_ms()
        return "" if now is None else now


def _name(key: str) -> str:
    """Short, and of one length for any key. A collision would be detected by the seal."""
    return hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


def _source(name: str) -> str:
    return (resources.files("tasks.cache") / "lua" / f"{name}.lua").read_text()


DIGEST_BYTES = 16

COMPRESSION_LEVEL = 1
"""Of zlib: 170 KB of HTML become 40 KB in 1.1 ms, and with level 6 34 KB in 2.9 ms (the means of
120 real articles' pages). Decompression takes 0.5 ms with either."""

MAX_DECOMPRESSED_BYTES = 64 * 2**20
"""Our values are far smaller; another writer to Redis must not be able to fill our memory."""

_PLAIN, _ZLIB = b"p", b"z"


def seal(key: str, value: bytes) -> bytes:
    """The stored form of the value: digest, a letter for the encoding, and the content."""
    compressed = zlib.compress(value, COMPRESSION_LEVEL)
    content = _ZLIB + compressed if len(compressed) < len(value) else _PLAIN + value
    return _digest(key, content) + content


def unseal(key: str, sealed: bytes) -> bytes | None:
    """The value; None if these bytes were not sealed under this key."""
    digest, content = sealed[:DIGEST_BYTES], sealed[DIGEST_BYTES:]
    if digest != _digest(key, content):
        return None
    encoding, payload = content[:1], content[1:]
    return payload if encoding == _PLAIN else _decompressed(payload)


def _decompressed(compressed: bytes) -> bytes | None:
    decompressor = zlib.decompressobj()
    try:
        value = decompressor.decompress(compressed, MAX_DECOMPRESSED_BYTES)
    except zlib.error:
        return None
    return value if decompressor.eof else None


def _digest(key: str, content: bytes) -> bytes:
    hash_ = hashlib.blake2b(key.encode(), digest_size=DIGEST_BYTES)
    hash_.update(b"\0")
    hash_.update(content)
    return hash_.digest()
