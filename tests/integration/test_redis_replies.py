"""Unexpected replies of Valkey, and more calls than connections."""

from __future__ import annotations

import asyncio

import pytest
import redis
from structlog.testing import capture_logs

from tasks.errors import LedgerUnavailable
from tasks.jobs.job import HealthCheck, JobState
from tasks.jobs.queue import Queue
from tasks.jobs.submission import Submission
from tasks.ledger.connection import connect
from tasks.resources import build_ledger
from tasks.settings import Settings
from tests.conftest import PREFIX
from tests.integration.conftest import RunWorker, ended
from tests.waiting import wait_until


async def test_unexpected_replies_end_no_loop(
    queue: Queue, run_worker: RunWorker, valkey: redis.Redis
) -> None:
    broken = {f"{PREFIX}{key}": "of the wrong type" for key in ("steps:due", "workers", "wake:low")}
    pop_error = "unexpected error while popping wake-ups"
    with capture_logs() as logs:
        valkey.mset(broken)
        async with run_worker():
            await wait_until(
                lambda: {"renewing leases", "reaper"} <= {line.get("loop") for line in logs},
                "both loops to fail",
            )
            await wait_until(
                lambda: pop_error in {line["event"] for line in logs}, "the pop to fail"
            )
            valkey.delete(*broken)
            job = (await queue.submit(Submission(params=HealthCheck()))).job
            assert (await ended(queue, job.id)).record.state is JobState.SUCCESS


async def test_a_script_that_does_not_end_makes_valkey_unavailable(
    queue: Queue, valkey: redis.Redis
) -> None:
    before = valkey.config_get("busy-reply-threshold")
    valkey.config_set("busy-reply-threshold", 10)
    try:
        endless = asyncio.create_task(asyncio.to_thread(valkey.eval, "while true do end", 0))

        async def refused() -> bool:
            try:
                await queue.depth()
            except LedgerUnavailable:
                return True
            return False

        await wait_until(refused, "Valkey to be busy")
        with pytest.raises(LedgerUnavailable):
            await queue.submit(Submission(params=HealthCheck()))
    finally:
        valkey.script_kill()
        await asyncio.gather(endless, return_exceptions=True)
        valkey.config_set("busy-reply-threshold", str(before["busy-reply-threshold"]))
    await queue.submit(Submission(params=HealthCheck()))


async def test_more_readers_than_connections_wait_their_turn(settings: Settings) -> None:
    client = connect(str(settings.redis_url), max_connections=4)
    ledger = build_ledger(client, settings)
    try:
        records = await asyncio.gather(*(ledger.record(f"unknown-{n}") for n in range(200)))
    finally:
        await client.aclose()
    assert records == [None] * 200
