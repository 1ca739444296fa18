"""The checks of the Redis server itself. None of them is mended: servers are others' to set up."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from tasks.doctor.finding import Finding, Level, counted, error, fine, warning
from tasks.ledger.connection import away_is_unavailable
from tasks.ledger.keys import WORKER_FORGOTTEN_MS
from tasks.ledger.redis import RedisLedger

OLDEST = {"Valkey": 8, "Redis": 7}
SKEW_WORTH_A_WARNING = 1.0
SKEW_THAT_HARMS = 30.0
"""Seconds: deadlines and start times are told by this host's clock, and kept by that of Redis."""


async def examine_server(redis: Redis) -> list[Finding]:
    """Everything of INFO, which also services give that keep CONFIG to themselves."""
    try:
        with away_is_unavailable():
            info: Mapping[str, Any] = await redis.info("everything")
    except ResponseError as refused:
        sentence = f"Version, mode, eviction and persistence could not be checked: {refused}."
        return [warning("server", sentence), await _clock(redis)]
    return [
        _version(info),
        _mode(info),
        _eviction(info),
        _persistence(info),
        await _clock(redis),
    ]


def _version(info: Mapping[str, Any]) -> Finding:
    name = "Valkey" if "valkey_version" in info else "Redis"
    version = str(info.get("valkey_version") or info.get("redis_version") or "?")
    major = version.partition(".")[0]
    if not major.isdigit():
        return warning("version", f"The version of this {name} is not told.")
    if int(major) < OLDEST[name]:
        wanted = " or ".join(f"{known} {oldest}" for known, oldest in OLDEST.items())
        return error("version", f"This is {name} {version}; use {wanted}, or newer.")
    return fine("version", f"{name} {version}.")


def _mode(info: Mapping[str, Any]) -> Finding:
    if info.get("cluster_enabled"):
        return error("mode", "Cluster mode is on; use a primary with replicas, without cluster.")
    if info.get("role") not in ("master", None):
        return error("mode", "This is a replica, which takes no writes; name the primary.")
    return fine("mode", "A primary, not in cluster mode.")


def _eviction(info: Mapping[str, Any]) -> Finding:
    policy = info.get("maxmemory_policy", "noeviction")
    if policy == "noeviction":
        return fine("eviction", "Nothing is evicted when memory is short.")
    return error(
        "eviction",
        f"maxmemory-policy is {policy}: jobs are dropped when memory is short. "
        "Set it to noeviction.",
    )


def _persistence(info: Mapping[str, Any]) -> Finding:
    if info.get("aof_enabled"):
        if info.get("aof_last_write_status", "ok") != "ok":
            return error("persistence", "The last write to the append-only file failed.")
        return fine("persistence", "The append-only file is on.")
    return error(
        "persistence",
        "The append-only file is off: a restart of Redis loses jobs. Set appendonly to yes.",
    )


async def _clock(redis: Redis) -> Finding:
    before = time.time()
    with away_is_unavailable():
        seconds, micros = await redis.time()
    skew = (before + time.time()) / 2 - (seconds + micros / 1e6)
    sentence = f"The clock of this host is {abs(skew):.1f} s {'ahead' if skew > 0 else 'behind'}."
    if abs(skew) > SKEW_THAT_HARMS:
        return error("clock", f"{sentence} Deadlines and start times are off by that: set it.")
    if abs(skew) > SKEW_WORTH_A_WARNING:
        return warning("clock", f"{sentence} Deadlines and start times are off by that.")
    return fine("clock", "The clocks of this host and of Redis agree.")


OVERDUE_MS = 60_000
ROUND = 100
"""Steps that one round of the reaper moves on."""


async def examine_traffic(
    redis: Redis, ledger: RedisLedger, prefix: str, *, fix: bool
) -> list[Finding]:
    now_ms = int(await ledger.scripts.run("now"))
    return [
        await _overdue(redis, ledger, prefix, now_ms, fix=fix),
        await _workers(redis, prefix, now_ms),
        await _pause(redis, prefix),
    ]


async def _overdue(
    redis: Redis, ledger: RedisLedger, prefix: str, now_ms: int, *, fix: bool
) -> Finding:
    with away_is_unavailable():
        overdue = await redis.zcount(f"{prefix}steps:due", "-inf", now_ms - OVERDUE_MS)
    if not overdue:
        return fine("overdue", "No step has been overdue for a minute.")
    sentence = (
        f"Overdue for more than a minute: {counted(overdue, 'step')}. No reaper runs; "
        "start web or a worker."
    )
    if fix:
        for _ in range(overdue // ROUND + 1):
            await ledger.reap(ROUND)
        sentence += " They are moved on for now."
    return Finding(check="overdue", level=Level.ERROR, sentence=sentence, fixable=True, fixed=fix)


async def _workers(redis: Redis, prefix: str, now_ms: int) -> Finding:
    with away_is_unavailable():
        queued = await redis.zcard(f"{prefix}steps:queued")
        workers = await redis.zcount(f"{prefix}workers", now_ms - WORKER_FORGOTTEN_MS, "+inf")
    if queued and not workers:
        return warning(
            "workers",
            f"Queued: {counted(queued, 'step')}; and no worker was heard of lately. "
            "Start one, unless workers are started on demand.",
        )
    return fine("workers", f"{counted(workers, 'worker')}; {counted(queued, 'step')} queued.")


async def _pause(redis: Redis, prefix: str) -> Finding:
    with away_is_unavailable():
        paused = await redis.exists(f"{prefix}paused")
    if paused:
        return warning("pause", "The queue is paused; `curator queue resume` lets it go on.")
    return fine("pause", "The queue is not paused.")
