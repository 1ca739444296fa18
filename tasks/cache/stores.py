"""The caches that the settings describe."""

from __future__ import annotations

from redis.asyncio import Redis

from tasks.cache.memory import MemoryCache
from tasks.cache.redis import RedisCache
from tasks.ports import Cache
from tasks.settings import Settings

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
