"""Looks for what is wrong with Redis and with the ledger in it, and mends what can be mended.

`server` looks at the server, `ledger` at every job, step and key, `traffic` at whether the work
is being done. What was written by a newer release is named, and never touched.
"""

from __future__ import annotations

from collections.abc import Awaitable

from redis.exceptions import ResponseError

from tasks.doctor.finding import Finding, Level, warning
from tasks.doctor.ledger import LedgerExamination
from tasks.doctor.server import examine_server, examine_traffic
from tasks.embedded_valkey import redis_url
from tasks.ledger.connection import connect
from tasks.ledger.redis import RedisLedger
from tasks.settings import Settings

__all__ = ["Finding", "Level", "examine"]


async def examine(settings: Settings, *, fix: bool = False) -> list[Finding]:
    """Raises LedgerUnavailable if Redis cannot be reached, InvalidSettings if it is not known."""
    client = connect(redis_url(settings))
    ledger, prefix = RedisLedger(client, settings), settings.key_prefix
    try:
        return [
            *await examine_server(client),
            *await _allowed("ledger", LedgerExamination(client, ledger, prefix, fix=fix).examine()),
            *await _allowed("traffic", examine_traffic(client, ledger, prefix, fix=fix)),
        ]
    finally:
        await client.aclose()


async def _allowed(check: str, findings: Awaitable[list[Finding]]) -> list[Finding]:
    """The findings; a warning where Redis does not let this user look."""
    try:
        return await findings
    except ResponseError as refused:
        return [warning(check, f"This could not be looked at: {refused}.")]
