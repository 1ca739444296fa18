"""Whether the ledger's work is being done: a reaper, workers, no forgotten pause."""

from __future__ import annotations

from redis.asyncio import Redis

from tasks.doctor.finding import Finding, Level, counted, fine, warning
from tasks.ledger.connection import away_is_unavailable
from tasks.ledger.keys import WORKER_FORGOTTEN_MS
from tasks.ledger.redis import RedisLedger

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
