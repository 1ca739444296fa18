"""Fixtures for the ledgers: tests that use them run once with each."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import redis

from tasks.jobs.ledger_port import Ledger
from tasks.ledger.redis import RedisLedger
from tasks.resources import open_ledger
from tasks.settings import Settings
from tests.contract.ledgers import LedgerUnderTest, MemoryUnderTest, RedisUnderTest


@pytest.fixture
async def redis_ledger(settings: Settings) -> AsyncIterator[RedisLedger]:
    async with open_ledger(settings) as ledger:
        yield ledger


@pytest.fixture
def redis_under_test(
    redis_ledger: RedisLedger, valkey: redis.Redis, settings: Settings
) -> RedisUnderTest:
    return RedisUnderTest(redis_ledger, valkey, settings)


@pytest.fixture
def memory_under_test(settings: Settings) -> MemoryUnderTest:
    return MemoryUnderTest(settings)


@pytest.fixture(params=["redis", "memory"])
def under_test(
    request: pytest.FixtureRequest,
    redis_under_test: RedisUnderTest,
    memory_under_test: MemoryUnderTest,
) -> LedgerUnderTest:
    return redis_under_test if request.param == "redis" else memory_under_test


@pytest.fixture
def ledger(under_test: LedgerUnderTest) -> Ledger:
    return under_test.ledger
