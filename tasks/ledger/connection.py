"""The connection to Redis, and what of its errors means that it is away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ReadOnlyError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tasks.errors import LedgerUnavailable

UNAVAILABLE = (
    RedisConnectionError,
    RedisTimeoutError,
    OutOfMemoryError,  # nothing is evicted, so writing stops
    ReadOnlyError,  # a replica, during a failover
    OSError,
)

SOCKET_TIMEOUT = 5.0
"""Seconds for one answer; nothing of ours blocks for longer."""


def connect(url: str, *, max_connections: int = 16) -> Redis:
    """A client that is shared by a whole process.

    After a restart of Redis the first call on each pooled connection fails, so calls are repeated:
    every script of the ledger may run twice.
    """
    return Redis.from_url(
        url,
        max_connections=max_connections,
        socket_timeout=SOCKET_TIMEOUT,
        socket_connect_timeout=SOCKET_TIMEOUT,
        health_check_interval=15,
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.02), retries=3),
        retry_on_error=[RedisConnectionError],
        protocol=3,
    )


def unavailable(cause: BaseException) -> LedgerUnavailable:
    error = LedgerUnavailable()
    error.__cause__ = cause
    return error


@contextmanager
def away_is_unavailable() -> Iterator[None]:
    """Turns the errors of an absent Redis into LedgerUnavailable."""
    try:
        yield
    except UNAVAILABLE as error:
        raise unavailable(error) from error
