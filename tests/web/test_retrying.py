"""Attempts that did not succeed, and failed articles that are tried again alone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import httpx
import pytest
import redis

from tasks.errors import Reason
from tasks.resources import open_ledger
from tasks.settings import Settings
from tests.web.player import Player
from tests.web.problem import problem

URLS = ["https://a.example/1", "https://b.example/2", "https://c.example/3"]
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def half_failed(client: httpx.AsyncClient, player: Player, **fields: Any) -> str:
    """A job that has ended in SUCCESS, two of its three articles failed."""
    body = {"type": "batch_analysis", "urls": URLS, **fields}
    job_id: str = (await client.post("/jobs", json=body)).json()["job_id"]
    await player.discover(job_id, URLS)
    await player.analyse(job_id, 0, URLS[0])
    await player.fail(job_id, 1, URLS[1], "The server answered 404.")
    await player.fail(job_id, 2, URLS[2], "The server answered 410.")
    await player.rank(job_id)
    return job_id


async def params_of(settings: Settings, job_id: str) -> Any:
    async with open_ledger(settings) as ledger:
        job = await ledger.job(job_id)
    assert job is not None
    return job.params


async def test_each_attempt_is_listed(
    client: httpx.AsyncClient, player: Player, settings: Settings
) -> None:
    body = {"type": "single_analysis", "url": URLS[0]}
    job_id = (await client.post("/jobs", json=body)).json()["job_id"]
    assert (await client.get(f"/jobs/{job_id}/attempts")).json() == {"attempts": []}

    await player.discover(job_id, URLS[:1])
    lease = await player.claim(job_id, "analyse:0")
    async with open_ledger(settings) as ledger:
        await ledger.retry(lease, 0, Reason.SERVER_ERROR, "The server answered 503.")
        await ledger.reap()
    await player.analyse(job_id, 0, URLS[0])

    failed, analysed = (await client.get(f"/jobs/{job_id}/attempts")).json()["attempts"]
    assert failed.pop("at") <= analysed.pop("at")
    assert failed == {
        "step": "analyse:0",
        "attempt": 1,
        "outcome": "retried",
        "reason": "server_error",
        "detail": "The server answered 503.",
    }
    assert (analysed["attempt"], analysed["outcome"]) == (2, "analysed")
    assert (analysed["reason"], analysed["detail"]) == (None, None)
    page = (await client.get(f"/jobs/{job_id}", headers=BROWSER)).text
    assert "Article 1, attempt 1" in page
    assert "The server answered 503." in page


async def test_articles_that_are_tried_again_stand_in_the_status_and_on_the_page(
    client: httpx.AsyncClient, player: Player, settings: Settings
) -> None:
    body = {"type": "batch_analysis", "urls": URLS}
    job_id = (await client.post("/jobs", json=body)).json()["job_id"]
    await player.discover(job_id, URLS)
    lease = await player.claim(job_id, "analyse:1")
    async with open_ledger(settings) as ledger:
        await ledger.retry(lease, 60, Reason.SERVER_ERROR, "The server answered 503.")

    status = (await client.get(f"/jobs/{job_id}/status")).json()

    assert (status["retrying_count"], status["waiting_count"]) == (1, 0)
    [retry] = status["retrying"]
    assert retry["url"] == URLS[1]
    at = dt.datetime.fromisoformat(retry["at"])
    assert dt.timedelta(0) < at - dt.datetime.now(dt.UTC) <= dt.timedelta(seconds=61)
    page = (await client.get(f"/jobs/{job_id}", headers=BROWSER)).text
    retries = page.partition('id="retries"')[2].partition("</ul>")[0]
    assert f'href="{URLS[1]}"' in retries
    assert f"{at:%H:%M:%S} UTC" in retries
    await client.delete(f"/jobs/{job_id}")
    assert (await client.get(f"/jobs/{job_id}/status")).json()["retrying"] == []


async def test_a_retry_has_only_the_failed_articles(
    client: httpx.AsyncClient, player: Player, settings: Settings
) -> None:
    job_id = await half_failed(client, player, query="tea", apply_diversity=True, priority="low")

    response = await client.post(f"/jobs/{job_id}/retry")
    assert response.status_code == 202
    new = response.json()
    assert new == {
        "job_id": new["job_id"],
        "status": "submitted",
        "type": "batch_analysis",
        "topic": None,
        "urls_count": 2,
        "replayed_from": job_id,
    }
    assert new["job_id"] != job_id
    assert response.headers["location"] == f"/jobs/{new['job_id']}"
    params = await params_of(settings, new["job_id"])
    assert (params.urls, params.query, params.apply_diversity) == (tuple(URLS[1:]), "tea", True)
    status = (await client.get(f"/jobs/{new['job_id']}/status")).json()
    assert status["replayed_from"] == job_id


async def test_a_retry_may_have_a_key(client: httpx.AsyncClient, player: Player) -> None:
    job_id = await half_failed(client, player)
    headers = {"Idempotency-Key": "once"}
    first, again = [await client.post(f"/jobs/{job_id}/retry", headers=headers) for _ in range(2)]
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"


async def test_a_job_that_failed_before_it_had_articles_is_tried_again_whole(
    client: httpx.AsyncClient, player: Player, settings: Settings
) -> None:
    body = {"type": "topic_curation", "topic": "tea", "max_articles": 7}
    job_id = (await client.post("/jobs", json=body)).json()["job_id"]
    await player.fail_discovery(job_id, "Every source failed.")
    assert "Run again" in (await client.get(f"/jobs/{job_id}", headers=BROWSER)).text

    new = (await client.post(f"/jobs/{job_id}/retry")).json()
    assert (new["topic"], new["replayed_from"]) == ("tea", job_id)
    params = await params_of(settings, new["job_id"])
    assert (params.topic, params.max_articles) == ("tea", 7)


async def test_jobs_that_cannot_be_retried(client: httpx.AsyncClient, player: Player) -> None:
    body = {"type": "single_analysis", "url": URLS[0]}
    job_id = (await client.post("/jobs", json=body)).json()["job_id"]
    problem(await client.post(f"/jobs/{job_id}/retry"), 409, "job-unfinished")

    await player.finish(job_id, URLS[0])
    document = problem(await client.post(f"/jobs/{job_id}/retry"), 422, "invalid-request")
    assert document["detail"] == "No article of this job failed, so there is nothing to retry."
    assert (
        "Retry failed articles" not in (await client.get(f"/jobs/{job_id}", headers=BROWSER)).text
    )


async def test_the_retry_button(client: httpx.AsyncClient, player: Player) -> None:
    job_id = await half_failed(client, player)
    page = (await client.get(f"/jobs/{job_id}", headers=BROWSER)).text
    assert f'<form method="post" action="/jobs/{job_id}/retry">' in page
    assert "Retry failed articles" in page

    pressed = [await client.post(f"/jobs/{job_id}/retry", headers=BROWSER) for _ in range(2)]
    assert [response.status_code for response in pressed] == [303, 303]
    locations = {response.headers["location"] for response in pressed}
    [location] = locations  # pressed twice, it makes one job
    assert location != f"/jobs/{job_id}"
    assert f'href="/jobs/{job_id}"' in (await client.get(location, headers=BROWSER)).text


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}])
async def test_a_retry_by_another_site_is_refused(
    client: httpx.AsyncClient, player: Player, headers: dict[str, str]
) -> None:
    job_id = await half_failed(client, player)
    problem(await client.post(f"/jobs/{job_id}/retry", headers=headers), 403, "cross-origin")
    assert (await client.get("/jobs")).json()["jobs"] == []


async def test_an_ended_job_runs_again_with_its_parameters(
    client: httpx.AsyncClient, player: Player, settings: Settings, valkey: redis.Redis
) -> None:
    options = {"query": "tea", "priority": "low", "deadline_seconds": 600}
    job_id = await half_failed(client, player, **options)
    for key in valkey.scan_iter(f"*{job_id}:result"):
        valkey.delete(key)

    response = await client.post(f"/jobs/{job_id}/rerun")

    new = response.json()
    assert (response.status_code, new["replayed_from"], new["urls_count"]) == (202, job_id, 3)
    assert response.headers["location"] == f"/jobs/{new['job_id']}"
    assert await params_of(settings, new["job_id"]) == await params_of(settings, job_id)
    async with open_ledger(settings) as ledger:
        job = await ledger.job(new["job_id"])
    assert job is not None
    assert job.priority == "low"
    assert job.deadline_ms == job.submitted_ms + 600_000
    again = (await client.post(f"/jobs/{job_id}/rerun")).json()
    assert again["job_id"] != new["job_id"]


async def test_a_cancelled_job_runs_again(
    client: httpx.AsyncClient, player: Player, settings: Settings
) -> None:
    body = {"type": "topic_curation", "topic": "tea"}
    job_id = (await client.post("/jobs", json=body)).json()["job_id"]
    problem(await client.post(f"/jobs/{job_id}/rerun"), 409, "job-unfinished")
    await client.delete(f"/jobs/{job_id}")
    headers = {"Idempotency-Key": "once"}
    first, second = [
        (await client.post(f"/jobs/{job_id}/rerun", headers=headers)).json() for _ in range(2)
    ]
    assert first == second
    assert await params_of(settings, first["job_id"]) == await params_of(settings, job_id)


async def test_one_ended_job_is_purged(client: httpx.AsyncClient, player: Player) -> None:
    job_id = await half_failed(client, player)
    body = {"type": "topic_curation", "topic": "tea"}
    running = (await client.post("/jobs", json=body)).json()["job_id"]

    response = await client.post(f"/jobs/{job_id}/purge")

    purged = {"job_id": job_id, "status": "purged", "replayed_from": None}
    assert (response.status_code, response.json()) == (200, purged)
    for call in ("purge", "rerun"):
        problem(await client.post(f"/jobs/{job_id}/{call}"), 404, "unknown-job")
        problem(await client.post(f"/jobs/{running}/{call}"), 409, "job-unfinished")
    assert (await client.get(f"/jobs/{running}/status")).status_code == 200
