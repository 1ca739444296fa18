"""How many workers are wanted, on a real ledger: over HTTP, and as the metric of one web."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest
from structlog.testing import capture_logs

from tasks.cloudwatch import HAPPENED, LEAD_SECONDS, METRICS, CloudWatchPublisher
from tasks.composition import scaling_policy
from tasks.ledger.redis import RedisLedger
from tasks.policies import ScalingPolicy
from tasks.resources import open_ledger, open_scaling
from tasks.scaling.monitor import (
    KEPT_SECONDS,
    USUAL_STEP_SECONDS,
    ScalingMonitor,
)
from tasks.settings import Settings
from tests.waiting import wait_until
from tests.web.conftest import client_of
from tests.web.player import Player

TOMORROW = (dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).isoformat()
BATCH: dict[str, Any] = {
    "type": "batch_analysis",
    "urls": [f"http://site.example/{n}" for n in range(1000)],
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(
        settings,
        lease_seconds=60.0,
        scaling_acceptable_wait=60.0,
        scaling_max_workers=5,
        worker_concurrency=8,
    )


async def submit(client: httpx.AsyncClient, **job: Any) -> str:
    response = await client.post("/jobs", json=job or {"type": "health_check"})
    job_id: str = response.raise_for_status().json()["job_id"]
    return job_id


async def scaling(client: httpx.AsyncClient) -> Any:
    response = await client.get("/health/scaling", headers={"Host": "10.0.0.7:8000"})
    assert response.status_code == 200
    return response.json()


async def reports(settings: Settings, worker: str, **said: int) -> None:
    async with open_ledger(settings) as ledger:
        await ledger.renew(worker, msgspec.json.encode({"slots": 8, **said}), [])


async def test_nothing_to_do(client: httpx.AsyncClient) -> None:
    assert await scaling(client) == {
        "workers_wanted": 0,
        "workers_wanted_now": 0,
        "running_count": 0,
        "running_mean": 0.0,
        "ready_count": 0,
        "slot_count": 0,
        "slots_per_worker": 8,
        "step_seconds": USUAL_STEP_SECONDS,
        "acceptable_wait_seconds": 60.0,
        "max_workers": 5,
        "paused": False,
    }


async def test_a_job_for_tomorrow_wants_no_worker_today(client: httpx.AsyncClient) -> None:
    await submit(client, type="health_check", not_before=TOMORROW)
    assert (await scaling(client))["workers_wanted"] == 0


async def test_one_job_wants_one_worker(client: httpx.AsyncClient) -> None:
    await submit(client)
    report = await scaling(client)
    assert (report["ready_count"], report["workers_wanted"]) == (1, 1)


@pytest.mark.parametrize("discovered", [False, True])
async def test_the_articles_that_a_job_has_not_released_count(
    client: httpx.AsyncClient, player: Player, discovered: bool
) -> None:
    job_id = await submit(client, **BATCH)
    if discovered:
        await player.discover(job_id, BATCH["urls"])
    report = await scaling(client)
    assert 1000 <= report["ready_count"] <= 1001
    assert report["workers_wanted"] == 5  # 2,000 s of work in 8 slots, within a minute


async def test_quick_steps_want_fewer_workers(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    await submit(client, **BATCH)
    await reports(settings, "worker-1", step_ms=400)
    await reports(settings, "worker-2", step_ms=600)
    report = await scaling(client)
    assert (report["step_seconds"], report["slot_count"]) == (0.5, 16)
    assert report["workers_wanted"] == 2  # 500 s of work in 8 slots, within a minute


async def test_a_paused_queue_keeps_what_runs_alone(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    await submit(client, **BATCH)
    await client.post("/queue/pause")
    assert (await scaling(client))["workers_wanted"] == 0
    await reports(settings, "worker-1", running=1)
    report = await scaling(client)
    assert (report["paused"], report["workers_wanted"]) == (True, 1)


async def test_a_hanging_step_keeps_its_worker(
    client: httpx.AsyncClient, settings: Settings, player: Player
) -> None:
    await player.claim(await submit(client), "discover")
    await reports(settings, "worker-1", running=1)
    report = await scaling(client)
    assert (report["running_count"], report["ready_count"]) == (1, 0)
    assert report["workers_wanted"] == 1


async def test_what_was_wanted_lately_is_still_reported(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    job_id = await submit(client, **BATCH)
    now = 0.0
    async with open_ledger(settings) as ledger:
        monitor = ScalingMonitor(ledger.scripts, scaling_policy(settings), clock=lambda: now)
        assert (await monitor.report()).workers_wanted == 5
        await client.delete(f"/jobs/{job_id}")
        now = KEPT_SECONDS
        after = await monitor.report()
        assert (after.workers_wanted, after.workers_wanted_now) == (5, 0)
        now += 0.1
        assert (await monitor.report()).workers_wanted == 0


async def test_the_mean_of_what_runs_counts(settings: Settings) -> None:
    """A job that fills all slots for a moment needs no second worker."""
    now = 0.0
    async with open_ledger(settings) as ledger:
        monitor = ScalingMonitor(ledger.scripts, scaling_policy(settings), clock=lambda: now)
        for running, mean, wanted in ((8, 8.0, 1), (12, 10.0, 2), (1, 7.0, 1)):
            await reports(settings, "worker-1", running=running)
            report = await monitor.report()
            assert (report.running_mean, report.workers_wanted_now) == (mean, wanted)
            now += 10


async def test_redis_is_away(settings: Settings) -> None:
    away = msgspec.structs.replace(settings, redis_url="redis://127.0.0.1:1")
    async with client_of(away) as other:
        assert (await other.get("/health/scaling")).status_code == 503


# The metric


@asynccontextmanager
async def publishing(
    settings: Settings, process: str, lines: list[tuple[str, Any]]
) -> AsyncIterator[asyncio.Task[None]]:
    async with open_ledger(settings) as ledger:
        task = asyncio.create_task(_publish(ledger, scaling_policy(settings), process, lines))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])


async def _publish(
    ledger: RedisLedger, policy: ScalingPolicy, process: str, lines: list[tuple[str, Any]]
) -> None:
    def write(line: str) -> None:
        lines.append((process, json.loads(line)))

    monitor = ScalingMonitor(ledger.scripts, policy)
    await CloudWatchPublisher(ledger.scripts, monitor, policy, process, write).run_forever()


async def test_one_web_publishes_and_another_takes_over(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    settings = msgspec.structs.replace(settings, scaling_deployment="curator-test")
    await submit(client)
    lines: list[tuple[str, Any]] = []
    async with (
        publishing(settings, "one", lines) as first,
        publishing(settings, "two", lines) as second,
        publishing(settings, "three", lines) as third,
    ):
        await wait_until(lambda: lines, "a web to publish")
        leader, line = lines[0]
        assert line["workers_wanted"] == 1
        assert line["service"] == "curator-test"
        (definition,) = line["_aws"]["CloudWatchMetrics"]
        assert {metric["Name"] for metric in definition["Metrics"]} == METRICS.keys() <= set(line)
        assert set(definition["Dimensions"][0]) <= set(line)
        {"one": first, "two": second, "three": third}[leader].cancel()
        await wait_until(
            lambda: {name for name, _ in lines} > {leader}, "another to take over", timeout=60
        )
    assert len({name for name, _ in lines}) == 2


async def test_it_is_published_only_where_it_is_wanted(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_scaling(settings):
        await asyncio.sleep(0)
    assert capsys.readouterr().out == ""


async def test_a_lost_ledger_is_no_end(settings: Settings) -> None:
    away = msgspec.structs.replace(
        settings, redis_url="redis://127.0.0.1:1", scaling_deployment="curator-test"
    )
    with capture_logs() as logs:
        async with open_scaling(away):
            await asyncio.sleep(LEAD_SECONDS / 20)
    assert not [line for line in logs if line["log_level"] in ("error", "critical")]


async def test_what_waits_and_what_went_wrong_is_published(
    client: httpx.AsyncClient, settings: Settings, player: Player
) -> None:
    settings = msgspec.structs.replace(settings, scaling_deployment="curator-test")
    lines: list[dict[str, Any]] = []
    async with open_ledger(settings) as ledger:
        policy = scaling_policy(settings)
        monitor = ScalingMonitor(ledger.scripts, policy)

        async def published() -> dict[str, Any]:
            await publisher.publish()
            return lines[-1]

        publisher = CloudWatchPublisher(
            ledger.scripts, monitor, policy, "web", lambda line: lines.append(json.loads(line))
        )
        failing = await submit(client)
        line = await published()
        assert (line["steps_queued"], line["steps_without_worker"], line["workers"]) == (1, 1, 0)
        assert line["oldest_step"] >= 0
        assert [line[name] for name in HAPPENED] == [0] * len(HAPPENED)

        await player.fail_discovery(failing, "It failed.")
        await client.post("/queue/pause")
        await submit(client)
        await reports(settings, "worker-1")
        line = await published()
        assert (line["jobs_ended"], line["jobs_failed"], line["workers"]) == (1, 1, 1)
        assert (line["steps_without_worker"], line["steps_paused"]) == (0, 1)
        assert line["oldest_step"] == 0
        assert (await published())["jobs_failed"] == 0
