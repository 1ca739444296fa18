"""Jobs that are taken."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.api.jobs import JOB_EXAMPLES
from tasks.ledger.redis import RedisLedger
from tasks.resources import open_ledger
from tasks.settings import Settings


@pytest.mark.parametrize(
    ("request_body", "fields"),
    [
        (
            {"type": "topic_curation", "topic": "artificial intelligence"},
            {"type": "topic_curation", "topic": "artificial intelligence", "urls_count": None},
        ),
        (
            {"type": "batch_analysis", "urls": ["https://a.example/", "https://b.example/"]},
            {"type": "batch_analysis", "topic": None, "urls_count": 2},
        ),
        (
            {"type": "single_analysis", "url": "https://a.example/", "query": "tea"},
            {"type": "single_analysis", "topic": None, "urls_count": 1},
        ),
        ({"type": "health_check"}, {"type": "health_check", "topic": None, "urls_count": 0}),
    ],
)
async def test_a_job_of_each_type_is_accepted(
    client: httpx.AsyncClient, request_body: dict[str, Any], fields: dict[str, Any]
) -> None:
    response = await client.post("/jobs", json=request_body)

    assert response.status_code == 202
    body = response.json()
    job_id = body["job_id"]
    assert body == {"job_id": job_id, "status": "submitted", **fields}
    assert response.headers["location"] == f"/jobs/{job_id}"
    status = (await client.get(f"/jobs/{job_id}/status")).json()
    assert status["state"] == "PENDING"


async def test_the_parameters_reach_the_ledger(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    request = {
        "type": "topic_curation",
        "topic": "solar power",
        "max_articles": 7,
        "apply_diversity": False,
        "priority": "high",
    }
    own = {"min_word_count": 40, "languages": ("en",)}
    job_id = (await client.post("/jobs", json={**request, **own})).json()["job_id"]

    async with open_ledger(settings) as ledger:
        job = await _job(ledger, job_id)
    assert {**job["params"], "priority": job["priority"]} == {**request, "options": own}


@pytest.mark.parametrize("example", [example.value for example in JOB_EXAMPLES])
async def test_every_documented_example_is_accepted(
    client: httpx.AsyncClient, example: dict[str, Any]
) -> None:
    assert (await client.post("/jobs", json=example)).status_code == 202


async def test_a_media_type_may_have_a_parameter(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/jobs",
        content='{"type": "topic_curation", "topic": "café ☕"}'.encode(),
        headers={"Content-Type": "Application/JSON; charset=utf-8"},
    )
    assert response.status_code == 202


async def _job(ledger: RedisLedger, job_id: str) -> dict[str, Any]:
    import msgspec

    job = await ledger.job(job_id)
    assert job is not None
    built: dict[str, Any] = msgspec.to_builtins(job)
    return built
