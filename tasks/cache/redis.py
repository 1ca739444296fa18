"""A cache in Redis, shared by all workers, bounded by bytes.

What was not used for longest goes first. The bytes are those of the sealed values and what Redis
needs around each. See `lua/put.lua` for the keys, all of which have a time to live.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib import resources
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tasks.cache.seal import seal, unseal

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
