"""Steps that the tests of the doctor share."""

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

SERVER_CHECKS = {"version", "mode", "eviction", "persistence", "clock"}
TRAFFIC_CHECKS = {"overdue", "workers", "pause", "libraries"}


def fresh_job(**fields: Any) -> Any:
    now_ms = round(time.time() * 1000)
    return a_job(submitted_ms=now_ms, **fields)


async def ledger_faults(settings: Settings, *, fix: bool = False) -> dict[str, Finding]:
    """The findings on the ledger that are not OK, by their check."""
    findings = await examine_redis(settings, fix=fix)
    return {
        finding.check: finding
        for finding in findings
        if finding.check not in SERVER_CHECKS | TRAFFIC_CHECKS and finding.level is not Level.OK
    }


async def fix_only_fault(settings: Settings, check: str) -> str:
    """Finds this fault and no other, fixes it, finds no more. Returns the sentence on it."""
    assert list(await ledger_faults(settings)) == [check]
    finding = (await ledger_faults(settings, fix=True))[check]
    assert (finding.fixable, finding.fixed, finding.problem) == (True, True, False)
    assert await ledger_faults(settings) == {}
    return finding.sentence


async def complete_from(ledger: RedisLedger, job: Any, index: int) -> None:
    """The rest of the job, from this article on."""
    for rest in range(index, 2):
        await analyse(ledger, job, rest)
    assert await ledger.complete(await claim(ledger, job, "rank"), b"{}")
    assert await state(ledger, job) is JobState.SUCCESS


def snapshot(client: redis.Redis) -> dict[bytes, Any]:
    """Everything in the database."""
    return {key: client.dump(key) for key in client.scan_iter()}
