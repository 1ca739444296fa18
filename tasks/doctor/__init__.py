"""Looks for faults of Redis and of the ledger in it, and fixes what can be fixed.

`server` checks the Redis server, and whether the work in it is being done; `ledger` checks every
job, step and key. What was written by a newer release is reported, and never changed.
"""

from __future__ import annotations

from collections.abc import Awaitable

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from tasks.doctor.finding import Finding, Level, warning
from tasks.doctor.ledger import LedgerExamination
from tasks.doctor.server import examine_server, examine_traffic
from tasks.ledger.redis import RedisLedger

__all__ = ["Finding", "Level", "examine"]


async def examine(
    redis: Redis, ledger: RedisLedger, prefix: str, *, fix: bool = False
) -> list[Finding]:
    """All findings on this server and on the keys with this prefix.

    Raises LedgerUnavailable if Redis cannot be reached.
    """
    examination = LedgerExamination(redis, ledger, prefix, fix=fix)
    return [
        *await examine_server(redis),
        *await _if_permitted("ledger", examination.examine()),
        *await _if_permitted("traffic", examine_traffic(redis, ledger, prefix, fix=fix)),
    ]


async def _if_permitted(check: str, findings: Awaitable[list[Finding]]) -> list[Finding]:
    """The findings; a warning where this user of Redis has no permission to look."""
    try:
        return await findings
    except ResponseError as error:
        return [warning(check, f"This could not be checked: {error}.")]
