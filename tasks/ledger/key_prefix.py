"""Under which prefix a ledger keeps its keys."""

from __future__ import annotations

from redis.asyncio import Redis
from redis.exceptions import ClusterCrossSlotError

from tasks.errors import LedgerUnavailable
from tasks.ledger.connection import redis_errors_as_unavailable
from tasks.redis_url import DEFAULT_KEY_PREFIX

FORMER_PREFIX = "curator:"
"""The default of earlier releases. A ledger that is there stays in use."""

SIGNS = ("reaper", "workers", "counters", "steps:due", "schedules", "jobs:expiry", "paused")
"""Permanent keys. A ledger that was ever used has one of them."""


class KeyPrefix:
    """The prefix, once it is known: with the default it depends on what is there already."""

    def __init__(self, configured: str) -> None:
        self.known = None if configured == DEFAULT_KEY_PREFIX else configured

    @property
    def text(self) -> str:
        """Raises LedgerUnavailable while it is not known."""
        if self.known is None:
            raise LedgerUnavailable
        return self.known

    async def find(self, redis: Redis) -> str:
        """Raises LedgerUnavailable if Redis cannot be asked."""
        if self.known is None:
            with redis_errors_as_unavailable():
                current = await _exists(redis, DEFAULT_KEY_PREFIX)
                former = not current and await former_ledger_exists(redis)
            self.known = FORMER_PREFIX if former else DEFAULT_KEY_PREFIX
        return self.known


async def former_ledger_exists(redis: Redis) -> bool:
    """Whether an earlier release has kept a ledger under its default prefix."""
    return await _exists(redis, FORMER_PREFIX)


async def _exists(redis: Redis, prefix: str) -> bool:
    try:
        return bool(await redis.exists(*(prefix + name for name in SIGNS)))
    except ClusterCrossSlotError:  # in a cluster there was no ledger without a hash tag
        return False
