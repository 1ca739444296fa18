"""What Prometheus gets of web."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import redis
from msgspec.structs import replace

from tasks.errors import Reason
from tasks.jobs.step import StepRef
from tasks.ledger.metrics import CALLERS_EXAMINED, WAKEUPS_EXAMINED, read_snapshot
from tasks.ledger.redis import RedisLedger
from tasks.resources import open_ledger
from tasks.settings import Settings
from tests.conftest import PREFIX
from tests.prometheus import Scrape
from tests.web.conftest import client_of
from tests.web.player import Player

URLS = ["https://a.example/", "https://b.example/"]

BATCH = {"type": "batch_analysis", "urls": URLS}


@pytest.fixture
async def ledger(settings: Settings) -> AsyncIterator[RedisLedger]:
    async with open_ledger(settings) as ledger:
        yield ledger


async def scraped(settings: Settings) -> Scrape:
    """By a web that has not read the ledger yet."""
    async with client_of(settings) as client:
        return await shown_to(client)


async def shown_to(client: httpx.AsyncClient) -> Scrape:
    response = await client.get("/metrics")
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Scrape(response.text)


async def submit(client: httpx.AsyncClient, **job: object) -> str:
    response = await client.post("/jobs", json={"type": "health_check", **job})
    job_id: str = response.raise_for_status().json()["job_id"]
    return job_id


async def test_jobs_and_the_queue_are_shown(client: httpx.AsyncClient, settings: Settings) -> None:
    await submit(client, priority="high")
    await submit(client, priority="high")
    await submit(client, priority="low")
    await submit(client, **BATCH)
    shown = await scraped(settings)
    assert shown.value("curator_ledger_up") == 1
    assert shown.value("curator_jobs", type="health_check", state="PENDING") == 3
    assert shown.value("curator_jobs", type="batch_analysis", state="PENDING") == 1
    assert shown.value("curator_jobs_submitted_total", type="health_check") == 3
    depth = [shown.value("curator_queue_depth", priority=it) for it in ("high", "normal", "low")]
    assert depth == [2, 1, 1]
    assert shown.value("curator_steps_due") == 4
    assert shown.value("curator_redis_memory_bytes") > 500_000
    assert shown.labels_of("curator_redis_persistent", "part") == {"log", "snapshot"}
    assert shown.value("curator_ledger_kept_bytes") > 0
    assert 0 < shown.value("curator_ledger_read_seconds") < 2
    assert shown.undeclared() == []


async def test_what_ended_is_counted_in_the_ledger(
    client: httpx.AsyncClient, settings: Settings, player: Player, ledger: RedisLedger
) -> None:
    await client.post(f"/jobs/{await submit(client)}/cancel")
    failed = await submit(client)
    lease = await player.claim(failed, "discover")
    await ledger.fail(lease, Reason.SOURCES_FAILED, "None answered.")
    again = await submit(client)
    await ledger.retry(await player.claim(again, "discover"), 9.0, Reason.SERVER_ERROR, "503")
    back = await submit(client)
    await ledger.hand_back(await player.claim(back, "discover"))
    shown = await scraped(settings)
    ended = {"type": "health_check"}
    assert shown.total("curator_jobs_ended_total") == 2
    assert shown.value("curator_jobs_ended_total", **ended, state="REVOKED", reason="") == 1
    labels = {**ended, "state": "FAILURE", "reason": "sources_failed"}
    assert shown.value("curator_jobs_ended_total", **labels) == 1

    def attempts(outcome: str, reason: str = "") -> float:
        labels = {"step": "discover", "outcome": outcome, "reason": reason}
        return shown.value("curator_attempts_total", **labels)

    assert attempts("failed", "sources_failed") == 1
    assert attempts("retried", "server_error") == 1
    assert attempts("handed_back") == 1
    assert shown.total("curator_attempts_total") == 3
    assert shown.undeclared() == []


async def test_articles_and_lost_leases_are_counted(
    client: httpx.AsyncClient,
    settings: Settings,
    player: Player,
    ledger: RedisLedger,
    valkey: redis.Redis,
) -> None:
    job = await submit(client, **BATCH)
    await player.discover(job, URLS)
    await player.claim(job, "analyse:0")
    due: Any = PREFIX + "steps:due"
    valkey.delete(f"{PREFIX}wake:ready")  # the wake-up of the other article is lost
    valkey.zadd(due, {f"{job}/analyse:1": 0})
    assert (await ledger.reap()).woken == 1
    valkey.zadd(due, {f"{job}/analyse:0": 0})  # the lease has expired
    assert (await ledger.reap()).lost == 1
    lease = await player.claim(job, "analyse:1")
    await ledger.fail(lease, "not_found", "The site answered 404.")
    await player.analyse(job, 0, URLS[0])
    await player.rank(job)
    shown = await scraped(settings)
    step = {"step": "analyse", "reason": ""}
    assert shown.value("curator_attempts_total", **step, outcome="lost") == 1
    assert shown.value("curator_attempts_total", **step, outcome="analysed") == 1
    assert shown.value("curator_wakeups_lost_total") == 1
    assert shown.value("curator_articles_total", outcome="analysed") == 1
    assert shown.value("curator_articles_total", outcome="failed") == 1


async def test_a_step_that_succeeds_at_once_is_not_counted(
    client: httpx.AsyncClient, settings: Settings, valkey: redis.Redis, player: Player
) -> None:
    job = await submit(client, **BATCH)
    before: Any = valkey.hgetall(PREFIX + "counters")
    await player.discover(job, URLS)
    await player.analyse(job, 0, URLS[0])
    assert valkey.hgetall(PREFIX + "counters") == before


async def test_workers_are_shown_and_how_many_are_wanted(
    client: httpx.AsyncClient, settings: Settings, ledger: RedisLedger
) -> None:
    await submit(client, **BATCH)
    await ledger.renew("a", b'{"slots": 8, "running": 3, "metrics_port": 9100}', [])
    await ledger.renew("b", b'{"slots": 4, "running": 0}', [])
    async with client_of(settings) as other:
        await other.get("/health/scaling")
        shown = await shown_to(other)
    assert shown.value("curator_workers") == 2
    assert shown.value("curator_workers_metered") == 1
    assert shown.value("curator_workers_slots") == 12
    assert shown.value("curator_workers_running") == 3
    assert shown.value("curator_workers_wanted") == 1
    assert shown.value("curator_scaling_running") == 3
    assert shown.value("curator_scaling_ready") == 2


async def test_counters_begin_at_zero(settings: Settings) -> None:
    """Prometheus takes the first value that it sees for no growth."""
    families = (await scraped(settings)).families
    for name in ("curator_jobs_submitted", "curator_jobs_ended", "curator_articles"):
        assert {sample.value for sample in families[name].samples} == {0}
    shown = [sample.labels for sample in families["curator_attempts"].samples]
    assert {"step": "analyse", "outcome": "lost", "reason": ""} in shown


async def test_an_unknown_reason_of_another_release_becomes_other(
    settings: Settings, valkey: redis.Redis
) -> None:
    valkey.hset(f"{PREFIX}counters", "ended health_check FAILURE eaten_by_a_grue", 2)
    shown = await scraped(settings)
    labels = {"type": "health_check", "state": "FAILURE", "reason": "other"}
    assert shown.value("curator_jobs_ended_total", **labels) == 2


async def test_the_ledger_is_not_read_each_time(
    client: httpx.AsyncClient, valkey: redis.Redis
) -> None:
    """By the server's own count of calls, since nothing else calls it."""

    valkey.config_resetstat()
    answers = await asyncio.gather(*(client.get("/metrics") for _ in range(50)))
    assert {it.status_code for it in answers} == {200}
    stats: Any = valkey.info("commandstats")
    assert stats["cmdstat_info"]["calls"] == 2  # its memory and its persistence


async def test_without_redis(cut_off: httpx.AsyncClient) -> None:
    shown = await shown_to(cut_off)
    assert shown.families["curator_ledger_up"].samples[0].value == 0
    assert "curator_jobs" not in shown.families
    assert shown.value("curator_process_memory_bytes", part="own") > 10_000_000


async def test_what_was_read_before_is_not_shown_once_redis_is_away(
    settings: Settings,
) -> None:
    """A panel must not show the last hour's queue."""
    async with open_ledger(settings) as ledger:
        assert (await read_snapshot(ledger.scripts, 1000)).due == 0
    async with client_of(replace(settings, redis_url="redis://127.0.0.1:1/0")) as client:
        assert "curator_queue_depth" not in (await shown_to(client)).families


async def test_monitoring_addresses_the_process_itself(client: httpx.AsyncClient) -> None:
    response = await client.get("/metrics", headers={"host": "10.2.3.4:8000"})
    assert response.status_code == 200


async def test_a_reading_is_bounded_whatever_the_queue_holds(
    settings: Settings, valkey: redis.Redis, ledger: RedisLedger
) -> None:
    """All steps count, whoever's they are; the oldest is among those that are looked at."""
    callers, steps = 2 * CALLERS_EXAMINED, 4 * WAKEUPS_EXAMINED
    pipeline = valkey.pipeline()
    now = int(time.time() * 1000)
    for n in range(steps):
        member = str(StepRef(job_id=f"j{n}", kind="discover"))
        pipeline.zadd(f"{PREFIX}steps:queued", {member: now - 60_000 if n == 7 else now})
        pipeline.rpush(f"{PREFIX}wake:ready", member)
        pipeline.hset(f"{PREFIX}job:j{n}", "priority", "low")
    pipeline.zadd(f"{PREFIX}callers", {f"c{n}": now for n in range(callers)})
    pipeline.execute()
    valkey.config_resetstat()
    snapshot = await read_snapshot(ledger.scripts, 1000)
    stats: Any = valkey.info("commandstats")
    calls = sum(it["calls"] for it in stats.values())
    for n in range(steps):
        pipeline.delete(f"{PREFIX}job:j{n}")
    pipeline.execute()
    assert snapshot.depth == {
        "high": 0,
        "low": WAKEUPS_EXAMINED,
        "normal": steps - WAKEUPS_EXAMINED,
    }
    assert snapshot.oldest_ms["low"] >= 60_000
    assert calls < 3 * CALLERS_EXAMINED + 3 * WAKEUPS_EXAMINED + 100
