"""What every cache promises, on the one in memory and on a real Valkey."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
import redis

from tasks.ledger.connection import connect
from tests.contract.caches import CacheUnderTest, MemoryCacheUnderTest, RedisCacheUnderTest

MAX_BYTES = 200_000
DAY = 86_400.0
LATER = 2 * 3600.0
"""Long enough after a use for the next one to be noted."""


@pytest.fixture(params=["redis", "memory"])
async def under_test(
    request: pytest.FixtureRequest, valkey: redis.Redis, valkey_server: str
) -> AsyncIterator[CacheUnderTest]:
    if request.param == "memory":
        yield MemoryCacheUnderTest(MAX_BYTES)
        return
    client = connect(valkey_server)
    yield RedisCacheUnderTest(client, valkey, MAX_BYTES)
    await client.aclose()


NOISE = random.Random(1).randbytes(200_000)


def noise(size: int, start: int = 0) -> bytes:
    """Bytes that do not compress, different ones for each start below 100,000."""
    return NOISE[start : start + size]


@pytest.mark.parametrize("value", [b"", b"x", b"words " * 1000, noise(5000), bytes(range(256))])
async def test_a_stored_value_is_returned(under_test: CacheUnderTest, value: bytes) -> None:
    await under_test.cache.put("key", value, DAY)
    assert await under_test.cache.get("key") == value


@pytest.mark.parametrize("key", ["", "a b\nc", "käse", "k" * 10_000, "*", "\0"])
async def test_any_text_is_a_key(under_test: CacheUnderTest, key: str) -> None:
    await under_test.cache.put(key, b"value", DAY)
    assert await under_test.cache.get(key) == b"value"
    assert await under_test.cache.get(key + "?") is None


async def test_many_in_their_order(under_test: CacheUnderTest) -> None:
    cache = under_test.cache
    await cache.put("a", b"1", DAY)
    await cache.put("c", b"3", DAY)
    assert await cache.get_many(["c", "b", "a", "c"]) == [b"3", None, b"1", b"3"]
    assert await cache.get_many([]) == []


async def test_a_second_value_takes_the_place_of_the_first(under_test: CacheUnderTest) -> None:
    for size in (10, 5000, 100):
        await under_test.cache.put("key", noise(size), DAY)
        assert await under_test.cache.get("key") == noise(size)
        under_test.assert_within_bounds()
    once = under_test.size_bytes()
    await under_test.cache.put("key", noise(100), DAY)
    assert under_test.size_bytes() == once


async def test_nothing_lives_longer_than_it_should(under_test: CacheUnderTest) -> None:
    cache = under_test.cache
    await cache.put("short", b"1", 10)
    await cache.put("long", b"2", 1000)
    under_test.advance(9)
    assert await cache.get_many(["short", "long"]) == [b"1", b"2"]
    under_test.advance(1)
    assert await cache.get_many(["short", "long"]) == [None, b"2"]
    under_test.advance(990)
    assert await cache.get("long") is None


@pytest.mark.parametrize("ttl", [0.0, -5.0])
async def test_a_value_without_a_time_to_live_is_not_stored(
    under_test: CacheUnderTest, ttl: float
) -> None:
    await under_test.cache.put("key", b"value", ttl)
    assert await under_test.cache.get("key") is None


async def test_the_least_recently_used_entry_is_evicted_first(under_test: CacheUnderTest) -> None:
    cache = under_test.cache
    for number, name in enumerate(("old", "used", "new")):
        await cache.put(name, noise(50_000, number), DAY)
        under_test.advance(LATER)
    await cache.get("used")
    under_test.advance(LATER)
    await cache.put("fourth", noise(50_000), DAY)
    there = [value is not None for value in await cache.get_many(["old", "used", "new", "fourth"])]
    assert there == [False, True, True, True]
    under_test.assert_within_bounds()


async def test_a_value_larger_than_the_cache_is_not_stored(under_test: CacheUnderTest) -> None:
    await under_test.cache.put("small", b"1", DAY)
    await under_test.cache.put("large", noise(MAX_BYTES), DAY)
    assert await under_test.cache.get_many(["small", "large"]) == [b"1", None]


async def test_ten_thousand_values_stay_within_the_bound(under_test: CacheUnderTest) -> None:
    """Of changing sizes and times to live, many at once, some again and again."""
    chance = random.Random(4)

    async def put(number: int) -> None:
        key = f"key {number if number % 3 else number % 50}"
        size = chance.choice((0, 10, 500, 2_000, 8_000))
        await under_test.cache.put(key, noise(size, number), chance.choice((5, 500, DAY)))

    for start in range(0, 10_000, 100):
        await asyncio.gather(*(put(number) for number in range(start, start + 100)))
        if start % 500 == 0:
            under_test.assert_within_bounds()
            under_test.advance(20)
    under_test.assert_within_bounds()
    assert under_test.size_bytes() > MAX_BYTES / 2
