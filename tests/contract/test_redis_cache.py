"""What the cache in Redis promises beyond the others: to the ledger, which shares the server."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.asyncio import Redis
from structlog.testing import capture_logs

from tasks.cache.redis import (
    BACKOFF_SECONDS,
    MAX_VALUE_BYTES,
    OVERHEAD_BYTES,
    OWN_SHARE,
    RedisCache,
)
from tasks.ledger.connection import connect
from tasks.resources import analysis_store, http_store
from tasks.settings import Settings
from tests.contract.caches import CACHE_PREFIX, RedisCacheUnderTest
from tests.contract.test_caches import DAY, noise
from tests.valkey import DurableValkey, durable_valkey

MAX_BYTES = 200_000


@pytest.fixture
async def client(valkey_server: str) -> AsyncIterator[Redis]:
    client = connect(valkey_server)
    yield client
    await client.aclose()


@pytest.fixture
def under_test(client: Redis, valkey: redis.Redis) -> RedisCacheUnderTest:
    return RedisCacheUnderTest(client, valkey, MAX_BYTES)


def key_of(valkey: redis.Redis) -> bytes:
    (key,) = valkey.scan_iter(f"{CACHE_PREFIX}entry:*")
    assert isinstance(key, bytes)
    return key


async def test_nothing_is_left_once_all_has_expired(
    under_test: RedisCacheUnderTest, valkey: redis.Redis
) -> None:
    await under_test.cache.put("a", b"1", 10)
    await under_test.cache.put("b", b"1", 600)
    under_test.advance(601)
    assert under_test.entries() == set()
    under_test.advance(60)
    assert valkey.dbsize() == 0


async def test_a_short_value_does_not_shorten_the_life_of_the_rest(
    under_test: RedisCacheUnderTest,
) -> None:
    await under_test.cache.put("long", b"1", DAY)
    await under_test.cache.put("short", b"1", 10)
    under_test.advance(DAY / 2)
    assert await under_test.cache.get("long") == b"1"
    under_test.assert_within_bounds()


async def test_expired_entries_are_not_counted_for_long(under_test: RedisCacheUnderTest) -> None:
    for number in range(100):
        await under_test.cache.put(str(number), noise(100), 10)
    under_test.advance(10)
    for number in range(6):
        await under_test.cache.put(f"later {number}", noise(100), DAY)
    assert under_test.size_bytes() == 6 * (100 + 17 + OVERHEAD_BYTES)


@pytest.mark.parametrize(
    "damage",
    [
        lambda sealed: sealed[:-1],
        lambda sealed: sealed + b"x",
        lambda sealed: b"",
        lambda sealed: sealed[:16] + bytes([sealed[16] ^ 1]) + sealed[17:],
        lambda sealed: b"\0" * len(sealed),
    ],
)
async def test_a_damaged_value_is_none(
    under_test: RedisCacheUnderTest, valkey: redis.Redis, damage: Any
) -> None:
    await under_test.cache.put("key", b"words " * 100, DAY)
    valkey.set(key_of(valkey), damage(valkey.get(key_of(valkey))), keepttl=True)
    assert await under_test.cache.get("key") is None


async def test_a_value_under_the_key_of_another_is_none(
    under_test: RedisCacheUnderTest, valkey: redis.Redis
) -> None:
    await under_test.cache.put("theirs", b"poison", DAY)
    poison: Any = valkey.get(key_of(valkey))
    valkey.delete(key_of(valkey))
    await under_test.cache.put("ours", b"value", DAY)
    valkey.set(key_of(valkey), poison, keepttl=True)
    assert await under_test.cache.get("ours") is None


async def test_a_key_of_another_type_is_a_miss(
    under_test: RedisCacheUnderTest, valkey: redis.Redis
) -> None:
    valkey.set(f"{CACHE_PREFIX}sizes", "not a hash", ex=100)
    await under_test.cache.put("key", b"value", DAY)
    assert await under_test.cache.get("key") is None


async def test_a_value_that_would_hold_up_redis_is_not_sent(
    client: Redis, valkey: redis.Redis
) -> None:
    cache = RedisCache(client, CACHE_PREFIX, 10 * MAX_VALUE_BYTES)
    await cache.put("key", random.Random(1).randbytes(MAX_VALUE_BYTES), DAY)
    assert valkey.dbsize() == 0


async def test_a_bound_that_was_lowered_is_reached_in_steps(
    client: Redis, valkey: redis.Redis
) -> None:
    large = RedisCacheUnderTest(client, valkey, 1_000_000)
    for number in range(1000):
        await large.cache.put(str(number), noise(10), DAY)
    small = RedisCacheUnderTest(client, valkey, 20_000)
    sizes = [small.size_bytes()]
    while sizes[-1] > small.max_bytes:
        await small.cache.put("new", noise(10), DAY)
        sizes.append(small.size_bytes())
    assert len(sizes) == 6
    small.assert_within_bounds()
    assert await small.cache.get("new") == noise(10)


async def test_it_gives_way_where_redis_runs_short(
    client: Redis, under_test: RedisCacheUnderTest, valkey: redis.Redis
) -> None:
    for number in range(100):
        await under_test.cache.put(str(number), noise(1000), DAY)
    used: Any = valkey.info("memory")
    valkey.config_set("maxmemory", int(used["used_memory"] / 0.9))
    try:
        await under_test.cache.put("one more", noise(1000), DAY)
    finally:
        valkey.config_set("maxmemory", 0)
    assert (under_test.size_bytes(), under_test.entries()) == (0, set())
    under_test.assert_within_bounds()


async def test_it_takes_its_share_of_a_small_redis(
    client: Redis, under_test: RedisCacheUnderTest, valkey: redis.Redis
) -> None:
    """However large it may be by itself."""
    used: Any = valkey.info("memory")
    maxmemory = used["used_memory"] * 2
    large = RedisCache(client, CACHE_PREFIX, 2**40)
    valkey.config_set("maxmemory", maxmemory)
    try:
        for number in range(maxmemory // 10_000):
            await large.put(str(number), noise(10_000), DAY)
    finally:
        valkey.config_set("maxmemory", 0)
    assert maxmemory * OWN_SHARE * 0.9 < under_test.size_bytes() <= maxmemory * OWN_SHARE


async def test_where_redis_has_no_memory_left_it_still_reads_and_still_counts_right(
    under_test: RedisCacheUnderTest, valkey: redis.Redis
) -> None:
    for number in range(300):
        await under_test.cache.put(str(number), noise(100), DAY)
    under_test.advance(7200)
    valkey.config_set("maxmemory", 1)
    try:
        with capture_logs() as logs:
            assert await under_test.cache.get("299") == noise(100)
            await under_test.cache.put("more", noise(100), DAY)
    finally:
        valkey.config_set("maxmemory", 0)
    assert logs == []
    assert await under_test.cache.get_many(["0", "299", "more"]) == [None, noise(100), None]
    under_test.assert_within_bounds()


async def test_a_use_is_noted_once_an_hour(
    under_test: RedisCacheUnderTest, valkey: redis.Redis
) -> None:
    """Each note is a write, which may have to reach the disk before any client gets an answer."""
    await under_test.cache.put("key", b"value", DAY)
    noted = []
    for _ in range(4):
        under_test.advance(1300)
        await under_test.cache.get("key")
        noted.append(valkey.zrange(f"{CACHE_PREFIX}used", 0, -1, withscores=True))
    assert noted[0] == noted[1] != noted[2] == noted[3]


async def test_an_entry_takes_no_more_than_it_counts_for(
    client: Redis, valkey: redis.Redis
) -> None:
    """In the memory of the server."""
    under_test = RedisCacheUnderTest(client, valkey, 2**30)
    before: Any = valkey.info("memory")
    for number in range(4_000):
        await under_test.cache.put(str(number), noise(100), DAY)
    after: Any = valkey.info("memory")
    assert after["used_memory"] - before["used_memory"] < under_test.size_bytes()


async def test_two_caches_know_nothing_of_each_other(
    client: Redis, settings: Settings, valkey: redis.Redis
) -> None:
    analyses, http = analysis_store(client, settings), http_store(client, settings)
    await analyses.put("key", b"analysis", DAY)
    assert await http.get("key") is None
    assert await analyses.get("key") == b"analysis"


async def test_a_disabled_cache_does_not_ask_redis(client: Redis, valkey: redis.Redis) -> None:
    store = http_store(client, Settings(http_cache_mb=0))
    await store.put("key", b"value", DAY)
    assert await store.get("key") is None
    assert valkey.dbsize() == 0


@pytest.fixture
def server(tmp_path: Path) -> Any:
    with durable_valkey(tmp_path) as server:
        yield server


async def test_without_redis_there_is_nothing_but_no_harm(server: DurableValkey) -> None:
    now = 0.0
    client = connect(server.url)
    cache = RedisCache(client, CACHE_PREFIX, MAX_BYTES, clock=lambda: now)
    await cache.put("key", b"value", DAY)
    server.kill()
    with capture_logs() as logs:
        assert await cache.get("key") is None
        await cache.put("other", b"value", DAY)
        assert await cache.get_many(["key", "other"]) == [None, None]
        now += BACKOFF_SECONDS
        assert await cache.get("key") is None
    assert [line["log_level"] for line in logs] == ["warning"]
    server.start()
    assert await cache.get("key") is None
    now += BACKOFF_SECONDS
    assert await cache.get_many(["key", "other"]) == [b"value", None]
    await client.aclose()


async def test_a_redis_that_hangs_is_not_waited_for(server: DurableValkey) -> None:
    """And no answer that comes too late is taken for another's."""
    now = 0.0
    client = connect(server.url)
    cache = RedisCache(client, CACHE_PREFIX, MAX_BYTES, clock=lambda: now)
    keys = [str(number) for number in range(20)]
    for key in keys:
        await cache.put(key, key.encode(), DAY)
    with server.paused(), capture_logs() as logs:
        assert set(await asyncio.gather(*map(cache.get, keys))) == {None}
    assert len(logs) == 1
    now += BACKOFF_SECONDS
    assert await asyncio.gather(*map(cache.get, keys)) == [key.encode() for key in keys]
    await client.aclose()
