"""What the metrics show of the ledger and of its server, as read at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from tasks.jobs.job import JobState, JobType
from tasks.ledger.connection import redis_errors_as_unavailable
from tasks.ledger.scripts import Scripts

CALLERS_EXAMINED = 100
WAKEUPS_EXAMINED = 200
"""A reading then takes Redis 7 ms where 1,000 callers have 100,000 steps queued; with 500 of each,
28."""


class LedgerSnapshot(Struct, frozen=True, kw_only=True):
    """What `lua/metrics.lua` returns."""

    jobs: dict[str, int]
    """`TYPE STATE` → how many there are."""
    counters: dict[str, int]
    """The ledger's hash `counters`, see `tasks.ledger.keys`."""
    depth: dict[str, int]
    """Priority → queued steps."""
    oldest_ms: dict[str, int]
    """Priority → how long the oldest of these has waited; 0 without one."""
    due: int
    """Steps that are queued, running or delayed, and deadlines to come."""
    paused: int
    workers: int
    """That are not silent."""
    slots: int
    running: int
    """Steps that these workers run, by their last reports."""
    metered: int
    """Workers that serve metrics."""
    cache_bytes: dict[str, int]
    cache_entries: dict[str, int]
    kept_bytes: int
    """What jobs take, as it counts for the quotas."""


class ServerState(Struct, frozen=True, kw_only=True):
    """What the server says of itself, in INFO."""

    memory_bytes: int
    memory_limit_bytes: int | None
    """None: there is no limit."""
    log_written: bool
    """Whether the append-only file is on, and its last writes succeeded."""
    snapshot_written: bool
    """Whether the last snapshot could be written, if any was tried."""


async def read_snapshot(scripts: Scripts, silent_ms: int) -> LedgerSnapshot:
    """Raises LedgerUnavailable."""
    reply = await scripts.run(
        "metrics",
        CALLERS_EXAMINED,
        WAKEUPS_EXAMINED,
        silent_ms,
        " ".join(JobState),
        " ".join(JobType),
    )
    return msgspec.json.decode(reply, type=LedgerSnapshot, strict=False)


async def read_server(redis: Redis) -> ServerState | None:
    """None where the server lets this user not ask. Raises LedgerUnavailable."""
    try:
        with redis_errors_as_unavailable():
            memory: Mapping[str, Any] = await redis.info("memory")
            persistence: Mapping[str, Any] = await redis.info("persistence")
    except ResponseError:
        return None
    writes = ("aof_last_write_status", "aof_last_bgrewrite_status")
    return ServerState(
        memory_bytes=memory["used_memory"],
        memory_limit_bytes=memory.get("maxmemory") or None,
        log_written=bool(persistence.get("aof_enabled"))
        and all(persistence.get(name, "ok") == "ok" for name in writes),
        snapshot_written=persistence.get("rdb_last_bgsave_status", "ok") == "ok",
    )
