"""For how long results are kept, and how to keep one for longer."""

from __future__ import annotations

import datetime as dt
from typing import Any

import httpx
import pytest

from tasks.settings import Settings
from tests.web.player import Player
from tests.web.problem import problem

URL = "https://a.example/1"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
DAY = 86_400


async def submitted(client: httpx.AsyncClient, **fields: Any) -> str:
    body = {"type": "batch_analysis", "urls": [URL], **fields}
    response = await client.post("/jobs", json=body)
    assert response.status_code == 202, response.text
    return str(response.json()["job_id"])


async def kept_for(client: httpx.AsyncClient, job_id: str) -> dt.timedelta:
    """From the job's end to the end of its result, as all three answers have it."""
    status = (await client.get(f"/jobs/{job_id}/status")).json()
    result = (await client.get(f"/jobs/{job_id}/result")).json()
    [listed] = (await client.get("/jobs?state=SUCCESS")).json()["jobs"]
    assert status["expires_at"] == result["expires_at"] == listed["expires_at"]
    finished, expires = (
        dt.datetime.fromisoformat(status[name]) for name in ("finished_at", "expires_at")
    )
    return expires - finished


async def keep(client: httpx.AsyncClient, job_id: str, seconds: object) -> httpx.Response:
    return await client.post(f"/jobs/{job_id}/keep", json={"result_ttl_seconds": seconds})


async def test_a_job_says_how_long_its_result_is_kept(
    client: httpx.AsyncClient, player: Player, settings: Settings
) -> None:
    job_id = await submitted(client)
    assert (await client.get(f"/jobs/{job_id}/status")).json()["expires_at"] is None
    await player.finish(job_id, URL)
    assert await kept_for(client, job_id) == dt.timedelta(seconds=settings.result_ttl)


async def test_a_job_asks_for_longer(client: httpx.AsyncClient, player: Player) -> None:
    job_id = await submitted(client, result_ttl_seconds=7 * DAY)
    await player.finish(job_id, URL)
    assert await kept_for(client, job_id) == dt.timedelta(days=7)
    again = (await client.post(f"/jobs/{job_id}/rerun")).json()["job_id"]
    await client.post(f"/jobs/{job_id}/purge")
    await player.finish(again, URL)
    assert await kept_for(client, again) == dt.timedelta(days=7)


@pytest.mark.parametrize("seconds", [0, -1, 2_592_001, 10**30])
async def test_times_that_are_out_of_bounds(
    client: httpx.AsyncClient, player: Player, seconds: int
) -> None:
    body = {"type": "health_check", "result_ttl_seconds": seconds}
    problem(await client.post("/jobs", json=body), 422, "invalid-request")
    job_id = await submitted(client)
    await player.finish(job_id, URL)
    problem(await keep(client, job_id, seconds), 422, "invalid-request")


@pytest.mark.parametrize("seconds", ["60", 1.5, None, True, [60]])
async def test_times_that_are_no_whole_numbers(client: httpx.AsyncClient, seconds: object) -> None:
    problem(await keep(client, await submitted(client), seconds), 422, "invalid-request")


async def test_a_result_is_kept_for_longer(client: httpx.AsyncClient, player: Player) -> None:
    job_id = await submitted(client)
    await player.finish(job_id, URL)
    before = await client.get(f"/jobs/{job_id}/result")
    response = await keep(client, job_id, 2 * DAY)
    assert response.status_code == 200
    assert response.json()["job_id"] == job_id
    longer = await kept_for(client, job_id)
    assert dt.timedelta(days=2) <= longer < dt.timedelta(days=2, minutes=5)
    unchanged = {"If-None-Match": before.headers["etag"]}
    after = await client.get(f"/jobs/{job_id}/result", headers=unchanged)
    assert after.status_code == 200  # it says another time now
    assert (await keep(client, job_id, 60)).json() == response.json()


async def test_what_cannot_be_kept(client: httpx.AsyncClient, player: Player) -> None:
    problem(await keep(client, "01a2195d-0000-7000-8000-000000000000", 60), 404, "unknown-job")
    job_id = await submitted(client)
    problem(await keep(client, job_id, 60), 409, "job-unfinished")
    unreadable = await client.post(f"/jobs/{job_id}/keep", json={"seconds": 60})
    assert "result_ttl_seconds" in problem(unreadable, 422, "invalid-request")["detail"]


async def test_the_page_keeps_a_result(client: httpx.AsyncClient, player: Player) -> None:
    job_id = await submitted(client)
    running = await client.get(f"/jobs/{job_id}", headers=BROWSER)
    assert "Keep for" not in running.text
    await player.finish(job_id, URL)
    ended = await client.get(f"/jobs/{job_id}", headers=BROWSER)
    assert "The list is kept until" in ended.text
    assert "Keep for 30 days" in ended.text
    response = await client.post(f"/jobs/{job_id}/kept", headers=BROWSER)
    assert (response.status_code, response.headers["location"]) == (303, f"/jobs/{job_id}")
    assert await kept_for(client, job_id) >= dt.timedelta(days=30)
