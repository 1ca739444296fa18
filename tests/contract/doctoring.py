"""The words that the tests of the doctor are written in."""

from __future__ import annotations

import time
from typing import Any

import redis

from tasks.doctor import Finding, Level
from tasks.jobs.job import JobState
from tasks.ledger.redis import RedisLedger
from tasks.resources import examine_redis
from tasks.settings import Settings
from tests.contract.ledgers import (
    a_job,
    analyse,
    claim,
    state,
)

HERE = {"version", "mode", "eviction", "persistence", "clock", "overdue", "workers", "pause"}
"""Checks of the server and of the traffic; the others are of the ledger."""


def fresh_job(**fields: Any) -> Any:
    now_ms = round(time.time() * 1000)
    return a_job(submitted_ms=now_ms, **fields)


async def found(settings: Settings, *, fix: bool = False) -> dict[str, Finding]:
    """What is not well in the ledger, by its check."""
    findings = await examine_redis(settings, fix=fix)
    return {
        one.check: one for one in findings if one.check not in HERE and one.level is not Level.OK
    }


async def mended(settings: Settings, check: str) -> str:
    """Finds this and nothing else, mends it, finds nothing more. Gives the sentence."""
    assert list(await found(settings)) == [check]
    told = (await found(settings, fix=True))[check]
    assert (told.fixable, told.fixed, told.problem) == (True, True, False)
    assert await found(settings) == {}
    return told.sentence


async def complete_from(ledger: RedisLedger, job: Any, index: int) -> None:
    """The rest of the job, from this article on."""
    for rest in range(index, 2):
        await analyse(ledger, job, rest)
    assert await ledger.complete(await claim(ledger, job, "rank"), b"{}")
    assert await state(ledger, job) is JobState.SUCCESS


def snapshot(client: redis.Redis) -> dict[bytes, Any]:
    """Everything in the database."""
    return {key: client.dump(key) for key in client.scan_iter()}
