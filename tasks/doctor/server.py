"""The checks of the Redis server, and of the traffic on it.

`examine_server` checks how the server is set up, which only its operator can change.
`examine_traffic` checks whether the work is being done: by a reaper, by workers, with no forgotten
pause.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from tasks.doctor.finding import Finding, Level, counted, error, ok, warning
from tasks.ledger.connection import redis_errors_as_unavailable
from tasks.ledger.key_prefix import FORMER_PREFIX, former_ledger_exists
from tasks.ledger.keys import WORKER_FORGOTTEN_MS
from tasks.ledger.redis import RedisLedger
from tasks.redis_url import DEFAULT_KEY_PREFIX

MIN_VERSIONS = {"Valkey": 8, "Redis": 7}

WARNING_SKEW_SECONDS = 1.0
ERROR_SKEW_SECONDS = 30.0
"""Clients set deadlines and start times by this host's clock; Redis compares them with its own."""

OVERDUE_MS = 60_000

REAP_LIMIT = 100
"""Steps that one round of the reaper handles."""


async def examine_server(redis: Redis) -> list[Finding]:
    """By INFO alone, which hosted services permit too; many of them forbid CONFIG."""
    try:
        with redis_errors_as_unavailable():
            info: Mapping[str, Any] = await redis.info("everything")
    except ResponseError as refusal:
        sentence = f"Version, mode, eviction and persistence could not be checked: {refusal}."
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
        return warning("version", f"This {name} does not report its version.")
    if int(major) < MIN_VERSIONS[name]:
        supported = " or ".join(f"{server} {lowest}" for server, lowest in MIN_VERSIONS.items())
        return error("version", f"This is {name} {version}; use {supported}, or newer.")
    return ok("version", f"{name} {version}.")


def _mode(info: Mapping[str, Any]) -> Finding:
    if info.get("cluster_enabled"):
        return ok("mode", "A primary of a cluster, which has all keys of the ledger.")
    if info.get("role") not in ("master", None):
        return error("mode", "This is a replica, which accepts no writes; use its primary.")
    return ok("mode", "A primary, not in cluster mode.")


def _eviction(info: Mapping[str, Any]) -> Finding:
    policy = info.get("maxmemory_policy", "noeviction")
    if policy == "noeviction":
        return ok("eviction", "Nothing is evicted when memory is short.")
    return error(
        "eviction",
        f"maxmemory-policy is {policy}: Redis drops jobs when memory is short. "
        "Set it to noeviction.",
    )


def _persistence(info: Mapping[str, Any]) -> Finding:
    if info.get("aof_enabled"):
        if info.get("aof_last_write_status", "ok") != "ok":
            return error("persistence", "The last write to the append-only file failed.")
        return ok("persistence", "The append-only file is on.")
    return error(
        "persistence",
        "The append-only file is off: a restart of Redis loses jobs. Set appendonly to yes.",
    )


async def _clock(redis: Redis) -> Finding:
    before = time.time()
    with redis_errors_as_unavailable():
        seconds, micros = await redis.time()
    skew = (before + time.time()) / 2 - (seconds + micros / 1e6)
    sentence = f"The clock of this host is {abs(skew):.1f} s {'ahead' if skew > 0 else 'behind'}."
    if abs(skew) > ERROR_SKEW_SECONDS:
        return error("clock", f"{sentence} Deadlines and start times are wrong by that; set it.")
    if abs(skew) > WARNING_SKEW_SECONDS:
        return warning("clock", f"{sentence} Deadlines and start times are wrong by that.")
    return ok("clock", "The clocks of this host and of Redis agree.")


async def examine_traffic(
    redis: Redis, ledger: RedisLedger, prefix: str, *, fix: bool
) -> list[Finding]:
    now_ms = int(await ledger.scripts.run("now"))
    return [
        await _overdue(redis, ledger, prefix, now_ms, fix=fix),
        await _workers(redis, prefix, now_ms),
        await _libraries(ledger, fix=fix),
        await _pause(redis, prefix),
        *await _former_ledger(redis, prefix),
    ]


async def _overdue(
    redis: Redis, ledger: RedisLedger, prefix: str, now_ms: int, *, fix: bool
) -> Finding:
    with redis_errors_as_unavailable():
        overdue = await redis.zcount(f"{prefix}steps:due", "-inf", now_ms - OVERDUE_MS)
    if not overdue:
        return ok("overdue", "No step has been overdue for a minute.")
    sentence = (
        f"Overdue for more than a minute: {counted(overdue, 'step')}. No reaper runs; "
        "start web or a worker."
    )
    if fix:
        for _ in range(overdue // REAP_LIMIT + 1):
            await ledger.reap(REAP_LIMIT)
        sentence += " They have been handled once now."
    return Finding(check="overdue", level=Level.ERROR, sentence=sentence, fixable=True, fixed=fix)


async def _workers(redis: Redis, prefix: str, now_ms: int) -> Finding:
    with redis_errors_as_unavailable():
        queued = await redis.zcard(f"{prefix}steps:queued")
        workers = await redis.zcount(f"{prefix}workers", now_ms - WORKER_FORGOTTEN_MS, "+inf")
    if queued and not workers:
        return warning(
            "workers",
            f"Queued: {counted(queued, 'step')}; and no worker has reported lately. "
            "Start one, unless workers are started on demand.",
        )
    return ok("workers", f"{counted(workers, 'worker')}; {counted(queued, 'step')} queued.")


async def _libraries(ledger: RedisLedger, *, fix: bool) -> Finding:
    try:
        with redis_errors_as_unavailable():
            older = await ledger.scripts.older_libraries()
            for name in older if fix else ():
                await ledger.scripts.delete_library(name)
    except ResponseError as refusal:
        sentence = f"Functions cannot be listed, so steps cost more: {refusal}."
        return warning("libraries", sentence)
    if not older:
        return ok("libraries", f"The ledger's functions are {ledger.scripts.library}.")
    sentence = f"Function libraries of other releases: {', '.join(older)}."
    if fix:
        sentence += " They have been deleted; a process that still needs one loads it again."
    return Finding(
        check="libraries", level=Level.WARNING, sentence=sentence, fixable=True, fixed=fix
    )


async def _pause(redis: Redis, prefix: str) -> Finding:
    with redis_errors_as_unavailable():
        paused = await redis.exists(f"{prefix}paused")
    if paused:
        return warning("pause", "The queue is paused; `curator queue resume` resumes it.")
    return ok("pause", "The queue is not paused.")


async def _former_ledger(redis: Redis, prefix: str) -> list[Finding]:
    if prefix != DEFAULT_KEY_PREFIX:
        return []
    with redis_errors_as_unavailable():
        exists = await former_ledger_exists(redis)
    if not exists:
        return []
    sentence = (
        f"There is a second ledger, under {FORMER_PREFIX}, where earlier releases kept it. "
        f"KEY_PREFIX={FORMER_PREFIX} shows its jobs and lets them end."
    )
    return [warning("former ledger", sentence)]
