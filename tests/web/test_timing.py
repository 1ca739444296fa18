"""When a job runs: after other jobs, not before a time, not beyond its deadline."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import redis

from tasks.settings import Settings
from tests.web.player import Player
from tests.web.problem import problem

JSON = {"Content-Type": "application/json"}
UNKNOWN = "01900000-0000-7000-8000-000000000001"
OFFSET = "not_before must be an ISO 8601 time with its offset from UTC"
DEADLINE = "deadline_seconds must be above 0 and at most 604800 (7 days)"
FAR = (dt.datetime.now(dt.UTC) + dt.timedelta(days=3650)).isoformat()

REFUSED = {
    "101 ids": (f'"depends_on": {[UNKNOWN] * 101}', "depends_on has 101 ids; one job may have 100"),
    "an unknown id": (f'"depends_on": ["{UNKNOWN}"]', f"a job that is not known: {UNKNOWN}"),
    "no id": ('"depends_on": ["tea"]', "depends_on[0] is not the id of a job"),
    "a key": (f'"depends_on": ["{UNKNOWN}:x"]', "depends_on[0] is not the id of a job"),
    "one id": (f'"depends_on": "{UNKNOWN}"', "depends_on must be an array, and is a string"),
    "a number": ('"depends_on": [7]', "depends_on[0] must be a string, and is an integer"),
    "null": ('"depends_on": null', "depends_on must be an array, and is null"),
    "in ten years": (f'"not_before": "{FAR}"', "not_before must be at most 366 days away"),
    "in the year 0": (
        '"not_before": "0001-01-01T00:00:00+23:59"',
        "not_before must not be before the year 2000",
    ),
    "naive": ('"not_before": "2026-03-01T08:30:00"', OFFSET),
    "a date": ('"not_before": "2026-03-01"', OFFSET),
    "nonsense": ('"not_before": "tomorrow"', OFFSET),
    "the 30th of February": ('"not_before": "2026-02-30T00:00:00Z"', OFFSET),
    "a timestamp": ('"not_before": 1800000000', OFFSET),
    "urgent": ('"priority": "urgent"', "priority must be one of high, normal, low"),
    "negative": ('"deadline_seconds": -5', DEADLINE),
    "zero": ('"deadline_seconds": 0', DEADLINE),
    "huge": ('"deadline_seconds": 1e308', DEADLINE),
    "a text": ('"deadline_seconds": "60"', "deadline_seconds must be a number or null"),
    "beyond all numbers": ('"deadline_seconds": 1e999', "deadline_seconds: Number out of range"),
    "over before it begins": (
        f'"not_before": "{(dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)).isoformat()}", '
        '"deadline_seconds": 60',
        "deadline_seconds must end after not_before",
    ),
}


async def submit(client: httpx.AsyncClient, **fields: Any) -> str:
    body = {"type": "single_analysis", "url": "https://a.example/", **fields}
    response = await client.post("/jobs", json=body)
    assert response.status_code == 202, response.text
    job_id: str = response.json()["job_id"]
    return job_id


async def status(client: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = (await client.get(f"/jobs/{job_id}/status")).json()
    return job


async def test_a_job_depends_on_another_once(client: httpx.AsyncClient) -> None:
    first = await submit(client)
    second = await submit(client, depends_on=[first, first])
    assert (await status(client, second))["depends_on"] == [first]


async def test_a_record_that_cannot_be_shown_hides_no_other(
    client: httpx.AsyncClient, valkey: redis.Redis, settings: Settings
) -> None:
    """Earlier releases took a `not_before` of the year 0."""
    readable, impossible, broken = [await submit(client) for _ in range(3)]
    valkey.hset(f"{settings.key_prefix}job:{impossible}", "not_before_ms", "-62135683140000")
    valkey.hset(f"{settings.key_prefix}job:{broken}", "processed", "many")
    listing = (await client.get("/jobs")).json()["jobs"]
    assert [job["job_id"] for job in listing] == [impossible, readable]
    page = await client.get("/", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert readable in page.text


class TestRefusals:
    @pytest.fixture(autouse=True)
    async def _nothing_written(self, valkey: redis.Redis) -> AsyncIterator[None]:
        yield
        assert valkey.dbsize() == 0

    @pytest.mark.parametrize(("field", "detail"), REFUSED.values(), ids=REFUSED)
    async def test_invalid_timing(self, client: httpx.AsyncClient, field: str, detail: str) -> None:
        body = f'{{"type": "health_check", {field}}}'.replace("'", '"')
        response = await client.post("/jobs", content=body, headers=JSON)
        assert detail in problem(response, 422, "invalid-request")["detail"]

    async def test_a_deadline_that_is_not_a_number(self, client: httpx.AsyncClient) -> None:
        body = '{"type": "health_check", "deadline_seconds": NaN}'
        response = await client.post("/jobs", content=body, headers=JSON)
        problem(response, 400, "malformed-request")


async def test_a_job_waits_for_another(client: httpx.AsyncClient, player: Player) -> None:
    first = await submit(client)
    second = await submit(client, depends_on=[first])

    job = await status(client, second)
    assert (job["state"], job["depends_on"]) == ("WAITING", [first])
    await player.finish(first)
    assert (await status(client, second))["state"] == "PENDING"
    assert (await status(client, first))["depends_on"] == []


async def test_a_job_whose_dependency_fails_says_so(client: httpx.AsyncClient) -> None:
    first = await submit(client)
    second = await submit(client, depends_on=[first])
    third = await submit(client, depends_on=[second])
    await client.delete(f"/jobs/{first}")

    for job_id, dependency, state in ((second, first, "REVOKED"), (third, second, "FAILURE")):
        job = await status(client, job_id)
        assert job["state"] == "FAILURE"
        assert job["error"] == {
            "reason": "dependency_failed",
            "detail": f"Job {dependency} ended in {state}.",
        }


async def test_a_start_time_and_a_deadline(client: httpx.AsyncClient) -> None:
    start = dt.datetime.now(dt.timezone(dt.timedelta(hours=2))) + dt.timedelta(hours=1)
    job_id = await submit(client, not_before=start.isoformat(), deadline_seconds=7200.5)

    job = await status(client, job_id)
    assert (job["state"], job["deadline_reached"]) == ("WAITING", False)
    shown = dt.datetime.fromisoformat(job["not_before"])
    assert abs(shown - start) < dt.timedelta(milliseconds=1)
    assert shown.utcoffset() == dt.timedelta(0)
    deadline = dt.datetime.fromisoformat(job["deadline_at"])
    submitted = dt.datetime.fromisoformat(job["submitted_at"])
    assert deadline - submitted == dt.timedelta(seconds=7200.5)


async def test_a_past_start_time_is_accepted(client: httpx.AsyncClient) -> None:
    job_id = await submit(client, not_before="2001-07-20T20:17:40-05:00")
    assert (await status(client, job_id))["state"] == "PENDING"


async def test_omitted_fields_are_null(client: httpx.AsyncClient) -> None:
    job = await status(client, await submit(client, query="tea"))
    for name in ("not_before", "deadline_at", "replayed_from"):
        assert job[name] is None
    assert job["deadline_reached"] is False
    assert job["about"] == "tea"


async def test_what_a_job_is_about(client: httpx.AsyncClient) -> None:
    await submit(client)
    await client.post("/jobs", json={"type": "batch_analysis", "urls": ["https://b.example/"]})
    await client.post("/jobs", json={"type": "topic_curation", "topic": "reefs"})
    await client.post("/jobs", json={"type": "health_check"})
    await submit(client, query="x" * 500)

    listed = (await client.get("/jobs")).json()["jobs"]
    assert [job["about"] for job in reversed(listed)] == [
        "https://a.example/",
        "https://b.example/",
        "reefs",
        None,
        "x" * 199 + "…",
    ]
