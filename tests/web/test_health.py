"""Probes, and what is answered while Redis is away."""

from __future__ import annotations

import httpx

from tests.web.problem import problem

UNKNOWN = "01900000-0000-7000-8000-000000000001"


async def test_an_idle_service(client: httpx.AsyncClient) -> None:
    response = await client.get("/health/jobs")
    assert response.status_code == 200
    assert response.json() == {
        "status": "healthy",
        "redis_connected": True,
        "workers": 0,
        "active_jobs": 0,
        "queued": 0,
        "oldest_queued_seconds": None,
    }
    assert (await client.get("/health/live")).json() == {"status": "alive"}
    assert (await client.get("/health/ready")).json() == {"status": "ready", "reason": None}


async def test_a_service_with_work(client: httpx.AsyncClient) -> None:
    await client.post("/jobs", json={"type": "health_check"})
    health = (await client.get("/health/jobs")).json()
    assert (health["active_jobs"], health["queued"]) == (1, 1)
    assert health["oldest_queued_seconds"] >= 0


async def test_health_while_redis_is_away(cut_off: httpx.AsyncClient) -> None:
    response = await cut_off.get("/health/jobs")
    assert response.status_code == 503
    assert response.json() == {
        "status": "unavailable",
        "redis_connected": False,
        "workers": None,
        "active_jobs": None,
        "queued": None,
        "oldest_queued_seconds": None,
    }
    ready = await cut_off.get("/health/ready")
    assert ready.status_code == 503
    assert ready.json() == {
        "status": "unavailable",
        "reason": "The ledger cannot be reached at the moment.",
    }
    assert (await cut_off.get("/health/live")).status_code == 200


async def test_every_operation_is_unavailable_without_redis(cut_off: httpx.AsyncClient) -> None:
    job = f"/jobs/{UNKNOWN}"
    responses = [
        await cut_off.post("/jobs", json={"type": "health_check"}),
        await cut_off.get("/jobs"),
        await cut_off.get(f"{job}/status"),
        await cut_off.get(f"{job}/result"),
        await cut_off.get(f"{job}/articles"),
        await cut_off.get(f"{job}/attempts"),
        await cut_off.post(f"{job}/retry"),
        await cut_off.get("/queue"),
        await cut_off.get("/workers"),
        await cut_off.get(job),
        await cut_off.delete(job),
    ]
    for response in responses:
        assert "Nothing is lost" in problem(response, 503, "unavailable")["detail"]
        assert int(response.headers["retry-after"]) > 0


async def test_a_form_keeps_its_input_while_redis_is_away(cut_off: httpx.AsyncClient) -> None:
    home = await cut_off.get("/")
    assert home.status_code == 503
    assert "The queue cannot be reached" in home.text

    sent = await cut_off.post("/", data={"form": "topic", "topic": "tea", "max_articles": "5"})
    assert sent.status_code == 503
    assert 'value="tea"' in sent.text
