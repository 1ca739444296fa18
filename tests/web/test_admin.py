"""The queue, the workers, and many jobs at once."""

from __future__ import annotations

import datetime as dt
from typing import Any

import httpx
import msgspec
import pytest
import redis

from tasks.jobs.step import ClaimRefusal, StepRef
from tasks.resources import open_ledger
from tasks.settings import Settings
from tests.web.player import Player
from tests.web.problem import problem

HEALTH = {"type": "health_check"}
CHANGES: list[tuple[str, dict[str, Any] | None]] = [
    ("/queue/pause", None),
    ("/queue/resume", None),
    ("/workers/worker-1/drain", None),
    ("/jobs/cancel", {}),
    ("/jobs/retry", {}),
    ("/jobs/purge", {}),
]


async def submit(client: httpx.AsyncClient, **fields: Any) -> str:
    job_id: str = (await client.post("/jobs", json=HEALTH | fields)).json()["job_id"]
    return job_id


async def states(client: httpx.AsyncClient, *job_ids: str) -> list[str]:
    answers = [await client.get(f"/jobs/{job_id}/status") for job_id in job_ids]
    return [answer.json()["state"] for answer in answers]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Workers that are played report once."""
    return msgspec.structs.replace(settings, lease_seconds=60.0)


async def register(settings: Settings, worker: str) -> None:
    """Plays a worker that tells of itself."""
    async with open_ledger(settings) as ledger:
        await ledger.renew(worker, msgspec.json.encode({"slots": 4, "running": 1}), [])


async def test_the_queue_report(
    client: httpx.AsyncClient, player: Player, settings: Settings
) -> None:
    idle = (await client.get("/queue")).json()
    assert idle == {
        "paused": False,
        "active_job_count": 0,
        "queued_count": 0,
        "ready_count": 0,
        "running_count": 0,
        "outstanding_count": 0,
        "oldest_queued_seconds": None,
        "worker_count": 0,
    }
    await register(settings, "worker-1")
    for priority in ("high", "low", "low"):
        await submit(client, priority=priority)
    await player.claim(await submit(client), "discover")

    busy = (await client.get("/queue")).json()
    assert busy["oldest_queued_seconds"] >= 0
    assert busy["ready_count"] == 4  # with the wake-up of the step that was claimed without it
    assert (busy["active_job_count"], busy["queued_count"]) == (4, 3)
    assert (busy["outstanding_count"], busy["running_count"], busy["worker_count"]) == (4, 1, 1)


async def test_pausing_and_resuming(client: httpx.AsyncClient, settings: Settings) -> None:
    assert (await client.post("/queue/pause")).json() == {"paused": True}
    assert (await client.get("/queue")).json()["paused"] is True
    ref = StepRef(await submit(client), "discover")
    async with open_ledger(settings) as ledger:
        assert await ledger.claim(ref, "worker-1") is ClaimRefusal.PAUSED
        assert (await client.post("/queue/resume")).json() == {"paused": False}
        assert not isinstance(await ledger.claim(ref, "worker-1"), ClaimRefusal)
    assert (await client.get("/queue")).json()["paused"] is False


async def test_draining_a_worker(client: httpx.AsyncClient, settings: Settings) -> None:
    assert (await client.get("/workers")).json() == {"workers": []}
    await register(settings, "worker-1")

    response = await client.post("/workers/worker-1/drain")
    assert response.status_code == 202
    assert response.json() == {"worker_id": "worker-1", "draining": True, "silent": False}
    [worker] = (await client.get("/workers")).json()["workers"]
    seen = dt.datetime.fromisoformat(worker.pop("seen_at"))
    assert abs(seen - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)
    assert worker == {
        "worker_id": "worker-1",
        "slot_count": 4,
        "running_count": 1,
        "draining": True,
        "silent": False,
        "metrics_port": None,
    }


@pytest.mark.parametrize("worker", ["worker-2", "%00", "a" * 5000, "..%2f"])
async def test_an_unknown_worker(client: httpx.AsyncClient, worker: str) -> None:
    response = await client.post(f"/workers/{worker}/drain")
    assert response.status_code == 404
    if response.json()["type"] != "/problems/unknown-path":
        assert "list the workers" in response.json()["detail"]


async def test_cancelling_many(client: httpx.AsyncClient, player: Player) -> None:
    queued, running = await submit(client), await submit(client)
    batch = await submit(client, type="single_analysis", url="https://a.example/")
    await player.claim(running, "discover")

    answer = (await client.post("/jobs/cancel", json={"type": "health_check"})).json()
    assert answer["next_cursor"] is None
    assert {job["job_id"]: job["status"] for job in answer["jobs"]} == {
        queued: "cancelled",
        running: "cancelling",
    }
    assert await states(client, queued, running, batch) == ["REVOKED", "PROGRESS", "PENDING"]


async def test_each_call_is_bounded_and_its_cursor_continues(client: httpx.AsyncClient) -> None:
    ids = [await submit(client) for _ in range(5)]
    seen: list[str] = []
    selection: dict[str, Any] = {"state": ["PENDING"], "limit": 2}
    while True:
        answer = (await client.post("/jobs/cancel", json=selection)).json()
        seen += [job["job_id"] for job in answer["jobs"]]
        if answer["next_cursor"] is None:
            break
        assert len(answer["jobs"]) == 2
        selection["cursor"] = answer["next_cursor"]
    assert seen == sorted(ids, reverse=True)


async def test_purging_ended_jobs(
    client: httpx.AsyncClient, player: Player, valkey: redis.Redis
) -> None:
    done, revoked, active = [await submit(client) for _ in range(3)]
    await player.discover(done, [])
    await player.rank(done)
    await client.delete(f"/jobs/{revoked}")

    recent = (await client.post("/jobs/purge", json={"older_than_seconds": 3600})).json()
    assert recent["jobs"] == []
    answer = (await client.post("/jobs/purge", json={"state": "SUCCESS"})).json()
    assert [job["job_id"] for job in answer["jobs"]] == [done]
    problem(await client.get(f"/jobs/{done}/status"), 404, "unknown-job")
    assert not list(valkey.scan_iter(f"*{done}*"))
    assert await states(client, revoked, active) == ["REVOKED", "PENDING"]
    await client.post("/jobs/purge", json={})
    assert await states(client, active) == ["PENDING"]
    assert (await client.get("/jobs?state=REVOKED")).json()["jobs"] == []


async def test_retrying_many_makes_one_new_job_of_each(
    client: httpx.AsyncClient, player: Player
) -> None:
    topics = {"type": "topic_curation", "topic": "tea"}
    failed = [(await client.post("/jobs", json=topics)).json()["job_id"] for _ in range(2)]
    for job_id in failed:
        await player.fail_discovery(job_id, "Every source failed.")
    fine = await submit(client)
    await player.discover(fine, [])
    await player.rank(fine)

    answers = [
        (await client.post("/jobs/retry", json={"state": state})).json()["jobs"]
        for state in ("FAILURE", ["FAILURE", "SUCCESS"])
    ]
    assert answers[1] == [], "a job that was retried before is omitted"
    assert {job["replayed_from"] for job in answers[0]} == set(failed)
    assert {job["status"] for job in answers[0]} == {"submitted"}
    active = (await client.get("/jobs")).json()["jobs"]
    assert {job["job_id"] for job in active} == {job["job_id"] for job in answers[0]}


@pytest.mark.parametrize(
    ("call", "body", "detail"),
    [
        ("purge", {"state": "PENDING"}, "state must be one of SUCCESS, FAILURE, REVOKED, or a"),
        ("retry", {"state": ["PROGRESS"]}, "state must be one of SUCCESS, FAILURE, REVOKED"),
        ("cancel", {"state": "SUCCESS"}, "state must be one of WAITING, PENDING, PROGRESS, or"),
        ("cancel", {"state": "DONE"}, "state must be one of WAITING, PENDING"),
        ("cancel", {"state": ["PENDING"] * 4}, "state must be one of WAITING, PENDING"),
        ("cancel", {"state": ["DONE"]}, "state must be one of WAITING, PENDING"),
        ("cancel", {"state": 7}, "state must be one of WAITING, PENDING"),
        ("cancel", {"type": "tea"}, "type must be one of topic_curation"),
        ("cancel", {"limit": 0}, "limit must be an integer >= 1"),
        ("cancel", {"limit": 201}, "limit must be an integer <= 200"),
        ("cancel", {"cursor": "x"}, "cursor must be the next_cursor of an earlier response"),
        ("cancel", {"ids": []}, "`ids` is not a field of a selection; these are: state, type"),
        ("purge", {"older_than_seconds": -1}, "older_than_seconds must be a number >= 0.0"),
        ("purge", [], "The body must be an object, and is an array"),
    ],
)
async def test_invalid_selections(
    client: httpx.AsyncClient, valkey: redis.Redis, call: str, body: Any, detail: str
) -> None:
    response = await client.post(f"/jobs/{call}", json=body)
    assert detail in problem(response, 422, "invalid-request")["detail"]
    assert valkey.dbsize() == 0


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}]
)
@pytest.mark.parametrize(("path", "body"), CHANGES)
async def test_requests_of_other_sites_are_refused(
    client: httpx.AsyncClient,
    valkey: redis.Redis,
    path: str,
    body: dict[str, Any] | None,
    headers: dict[str, str],
) -> None:
    job_id = await submit(client)
    before = set(valkey.scan_iter())
    problem(await client.post(path, json=body, headers=headers), 403, "cross-origin")
    assert set(valkey.scan_iter()) == before
    assert await states(client, job_id) == ["PENDING"]


@pytest.mark.parametrize(("path", "body"), CHANGES)
async def test_admin_while_redis_is_away(
    cut_off: httpx.AsyncClient, path: str, body: dict[str, Any] | None
) -> None:
    problem(await cut_off.post(path, json=body), 503, "unavailable")
