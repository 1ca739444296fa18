"""How a value stands in Redis: compressed where that pays, and with a digest.

The digest covers the key too, so a value that was damaged, cut off or put under another key is
known for that, and is a miss.
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
from tasks.settings import Settings

DIGEST_BYTES = 16

LEVEL = 1
"""Of zlib: 170 KB of HTML become 40 KB in 1.1 ms, and with level 6 34 KB in 2.9 ms (the means of
120 real articles' pages). Reading takes 0.5 ms with either."""

MOST_EXPANDED = 64 * 2**20
"""Bytes. Ours are far smaller; whoever else writes to Redis shall not fill our memory."""

_PLAIN, _ZLIB = b"p", b"z"


def seal(key: str, value: bytes) -> bytes:
    packed = zlib.compress(value, LEVEL)
    content = _ZLIB + packed if len(packed) < len(value) else _PLAIN + value
    return _digest(key, content) + content


def unseal(key: str, sealed: bytes) -> bytes | None:
    """The value; None if this is not what was sealed under the key."""
    digest, content = sealed[:DIGEST_BYTES], sealed[DIGEST_BYTES:]
    if digest != _digest(key, content):
        return None
    kind, packed = content[:1], content[1:]
    return packed if kind == _PLAIN else _expanded(packed)


def _expanded(packed: bytes) -> bytes | None:
    unpacking = zlib.decompressobj()
    try:
        value = unpacking.decompress(packed, MOST_EXPANDED)
    except zlib.error:
        return None
    return value if unpacking.eof else None


def _digest(key: str, content: bytes) -> bytes:
    hashed = hashlib.blake2b(key.encode(), digest_size=DIGEST_BYTES)
    hashed.update(b"\0")
    hashed.update(content)
    return hashed.digest()


log = structlog.get_logger()

OVERHEAD_BYTES = 500
"""What an entry takes in Redis beside its value: its key, and its places in two sorted sets and a
hash. Some 410 were measured; `tests/contract/test_redis_cache.py` holds it to be enough."""

LARGEST_VALUE = 2 * 2**20
"""Sealed bytes. A larger one would hold up whoever else wants something of Redis."""

NOTED_ONCE_IN_MS = 3_600_000
"""A use is noted when the last one is an hour old: who is read often, is read again within days."""

GIVES_WAY_AT = 0.75
"""Of Redis's `maxmemory`. What is above is the ledger's alone."""

ANSWER_SECONDS = 1.0
"""A page can be fetched in that time."""

LEFT_ALONE_SECONDS = 5.0
"""After a failure nobody asks for so long, so that not each of many fetches waits for it."""


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
        self._max_bytes = max_bytes
        self._now_ms = now_ms
        self._clock = clock
        self._get = redis.register_script(_source("get"))
        self._put = redis.register_script(_source("put"))
        self._away_until: float | None = None

    async def get(self, key: str) -> bytes | None:
        return (await self.get_many([key]))[0]

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        if not keys:
            return []
        names = [_name(key) for key in keys]
        sealed = await self._ask(
            lambda: self._get(args=[self._prefix, self._now(), NOTED_ONCE_IN_MS, *names])
        )
        if sealed is None:
            return [None] * len(keys)
        return [
            None if one is None else unseal(key, one) for key, one in zip(keys, sealed, strict=True)
        ]

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        sealed = seal(key, value)
        counted = len(sealed) + OVERHEAD_BYTES
        ttl_ms = round(ttl * 1000)
        if len(sealed) > LARGEST_VALUE or counted > self._max_bytes or ttl_ms <= 0:
            return
        await self._ask(
            lambda: self._put(
                args=[
                    self._prefix,
                    self._now(),
                    _name(key),
                    sealed,
                    ttl_ms,
                    counted,
                    self._max_bytes,
                    GIVES_WAY_AT,
                ]
            )
        )

    async def _ask(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """The answer of a script; None where there was none in time."""
        if self._away_until is not None and self._clock() < self._away_until:
            return None
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await call()
        except (RedisError, OSError) as error:  # of which TimeoutError is one
            if self._away_until is None:
                log.warning("a cache does without Redis", cache=self._prefix, error=repr(error))
            self._away_until = self._clock() + LEFT_ALONE_SECONDS
            return None
        self._away_until = None
        return answer

    def _now(self) -> int | str:
        now = self._now_ms()
        return "" if now is None else now


def _name(key: str) -> str:
    """Short, and of one length, whatever the key is. A collision would not survive the seal."""
    return hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


def _source(name: str) -> str:
    return (resources.files("tasks.cache") / "lua" / f"{name}.lua").read_text()


MEGABYTE = 2**20


def analysis_store(redis: Redis, settings: Settings) -> Cache:
    """Where analyses are remembered."""
    return _store(redis, f"{settings.key_prefix}cache:analyses:", settings.analysis_cache_mb)


def http_store(redis: Redis, settings: Settings) -> Cache:
    """Where fetched documents are remembered."""
    return _store(redis, f"{settings.key_prefix}cache:http:", settings.http_cache_mb)


def _store(redis: Redis, prefix: str, megabytes: int) -> Cache:
    """One that is off holds nothing, and asks nobody."""
    return RedisCache(redis, prefix, megabytes * MEGABYTE) if megabytes else MemoryCache(0)
