"""Following a job: its status, its articles, its result, its cancellation."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import httpx
import pytest
import redis

from app.api.status_reports import BLOCK, MAX_LISTED_BYTES
from tests.conftest import PREFIX
from tests.web.player import Player
from tests.web.problem import problem

URLS = ["https://a.example/1", "https://b.example/2", "https://c.example/3"]


async def submit(client: httpx.AsyncClient, urls: list[str] = URLS) -> str:
    response = await client.post("/jobs", json={"type": "batch_analysis", "urls": urls})
    job_id: str = response.json()["job_id"]
    return job_id


async def status_of(client: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    response = await client.get(f"/jobs/{job_id}/status")
    assert response.status_code == 200
    status: dict[str, Any] = response.json()
    return status


async def test_a_status_counts_each_article(client: httpx.AsyncClient, player: Player) -> None:
    job_id = await submit(client)
    before = await status_of(client, job_id)
    assert (before["state"], before["status"], before["total"]) == ("PENDING", "PENDING", None)
    assert (before["started_at"], before["finished_at"]) == (None, None)

    await player.discover(job_id, URLS)
    await player.analyse(job_id, 0, URLS[0])
    await player.fail(job_id, 1, URLS[1], "The server answered 404.")
    status = await status_of(client, job_id)

    assert (status["state"], status["status"]) == ("PROGRESS", "PROGRESS")
    assert (status["current"], status["total"]) == (2, 3)
    assert (status["processed_count"], status["failed_count"]) == (1, 1)
    assert (status["processed_urls"], status["failed_urls"]) == (URLS[:1], URLS[1:2])
    assert status["failures"] == [
        {"url": URLS[1], "reason": "not_found", "detail": "The server answered 404."}
    ]
    assert status["retry_count"] == 0


async def test_a_finished_job(client: httpx.AsyncClient, player: Player) -> None:
    job_id = await submit(client, URLS[:1])
    stored = await player.finish(job_id, URLS[0])

    status = await status_of(client, job_id)
    assert (status["state"], status["status"], status["error"]) == ("SUCCESS", "SUCCESS", None)
    times = [dt.datetime.fromisoformat(status[f"{name}_at"]) for name in ("submitted", "finished")]
    assert times[0] <= times[1]
    assert all(moment.utcoffset() == dt.timedelta(0) for moment in times)

    result = await client.get(f"/jobs/{job_id}/result")
    assert result.headers["content-type"] == "application/json"
    assert result.content == stored


async def test_an_unchanged_status_is_not_sent_again(
    client: httpx.AsyncClient, player: Player
) -> None:
    job_id = await submit(client)
    etag = (await client.get(f"/jobs/{job_id}/status")).headers["etag"]
    assert re.fullmatch(r'W/"[0-9a-f]+"', etag)

    for given in (etag, f'"other", {etag}', etag.removeprefix("W/"), "*"):
        again = await client.get(f"/jobs/{job_id}/status", headers={"If-None-Match": given})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag
        assert again.headers["cache-control"] == "no-cache"

    await player.discover(job_id, URLS)
    changed = await client.get(f"/jobs/{job_id}/status", headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag


@pytest.mark.parametrize(
    "path",
    [
        *("/jobs/{}", "/jobs/{}/result", "/jobs/{}/articles", "/jobs/{}/attempts"),
        *("/jobs?state=SUCCESS", "/workers", "/schedules"),
    ],
)
async def test_what_is_unchanged_is_not_sent_again(
    client: httpx.AsyncClient, player: Player, path: str
) -> None:
    job_id = await submit(client, URLS[:1])
    await player.finish(job_id, URLS[0])
    first = await client.get(path.format(job_id))
    assert first.status_code == 200
    given = {"If-None-Match": first.headers["etag"]}
    again = await client.get(path.format(job_id), headers=given)
    assert (again.status_code, again.content) == (304, b"")


async def test_a_status_lists_each_url_once_it_has_settled(
    client: httpx.AsyncClient, player: Player
) -> None:
    """In blocks: here the second is complete before the first."""
    urls = [f"https://a.example/{n}" for n in range(2 * BLOCK)]
    job_id = await submit(client, urls)
    await player.discover(job_id, urls)
    await player.analyse(job_id, 1, urls[1])
    assert (await status_of(client, job_id))["processed_urls"] == [urls[1]]

    for index in range(2, 2 * BLOCK):
        await player.analyse(job_id, index, urls[index])
    status = await status_of(client, job_id)
    assert (status["processed_urls"], status["processed_count"]) == (urls[1:], 2 * BLOCK - 1)

    await player.fail(job_id, 0, urls[0], "Gone.")
    status = await status_of(client, job_id)
    assert (status["processed_urls"], status["failed_urls"]) == (urls[1:], urls[:1])
    await player.rank(job_id)
    ended = await status_of(client, job_id)
    assert (ended["processed_urls"], ended["failed_urls"]) == (urls[1:], urls[:1])


async def test_the_lists_of_a_status_are_bounded(client: httpx.AsyncClient, player: Player) -> None:
    urls = [f"https://a.example/{n:0>2000}" for n in range(150)]
    job_id = await submit(client, urls)
    await player.discover(job_id, urls)
    await player.fail(job_id, 0, urls[0], "Gone.")
    for index in range(1, len(urls)):
        await player.analyse(job_id, index, urls[index])

    response = await client.get(f"/jobs/{job_id}/status")
    status = response.json()
    assert (status["processed_count"], status["failed_count"]) == (149, 1)
    assert status["failed_urls"] == urls[:1]
    assert status["processed_urls"] == urls[1 : 1 + len(status["processed_urls"])]
    assert 100 < len(status["processed_urls"]) < 149
    assert len(response.content) < MAX_LISTED_BYTES + 10_000
    listed = (await client.get("/jobs")).json()["jobs"][0]
    assert not {"processed_urls", "failed_urls", "failures"} & set(listed)


async def test_the_result_of_an_unfinished_job(client: httpx.AsyncClient) -> None:
    job_id = await submit(client)
    response = await client.get(f"/jobs/{job_id}/result")
    detail = problem(response, 409, "job-unfinished")["detail"]
    assert f"follow /jobs/{job_id}/status" in detail
    assert response.headers["retry-after"] == "2"


async def test_the_result_of_a_failed_job(client: httpx.AsyncClient, player: Player) -> None:
    response = await client.post("/jobs", json={"type": "topic_curation", "topic": "tea"})
    job_id = response.json()["job_id"]
    await player.fail_discovery(job_id, "Every source failed.")

    result = (await client.get(f"/jobs/{job_id}/result")).json()
    assert (result["state"], result["results"]) == ("FAILURE", [])
    assert result["error"] == {"reason": "sources_failed", "detail": "Every source failed."}
    assert (await status_of(client, job_id))["error"] == result["error"]


async def test_an_expired_result(
    client: httpx.AsyncClient, player: Player, valkey: redis.Redis
) -> None:
    job_id = await submit(client, URLS[:1])
    await player.finish(job_id, URLS[0])
    valkey.delete(f"{PREFIX}job:{job_id}:result")

    detail = problem(await client.get(f"/jobs/{job_id}/result"), 410, "result-expired")["detail"]
    assert f"Run the job again with POST /jobs/{job_id}/rerun." in detail


async def test_articles_while_the_job_runs(client: httpx.AsyncClient, player: Player) -> None:
    job_id = await submit(client)
    await player.discover(job_id, URLS)
    await player.analyse(job_id, 0, URLS[0], title="First")
    await player.fail(job_id, 1, URLS[1], "Gone.")

    first = (await client.get(f"/jobs/{job_id}/articles?limit=1")).json()
    assert first["next_cursor"] == 1
    [article] = first["articles"]
    assert (article["type"], article["url"]) == ("analysed", URLS[0])
    assert article["result"]["article"]["title"] == "First"
    assert "evidence" not in article

    rest = (await client.get(f"/jobs/{job_id}/articles?cursor=1")).json()
    assert rest == {
        "articles": [{"type": "failed", "url": URLS[1], "reason": "not_found", "detail": "Gone."}],
        "next_cursor": None,
    }


async def test_cancelling_a_queued_job(client: httpx.AsyncClient) -> None:
    job_id = await submit(client)

    response = await client.delete(f"/jobs/{job_id}")
    assert response.status_code == 200
    assert response.json() == {"job_id": job_id, "status": "cancelled"}
    assert (await status_of(client, job_id))["status"] == "REVOKED"

    problem(await client.delete(f"/jobs/{job_id}"), 409, "job-finished")


async def test_cancelling_a_running_job(client: httpx.AsyncClient, player: Player) -> None:
    job_id = await submit(client)
    running = await player.claim(job_id, "discover")

    response = await client.delete(f"/jobs/{job_id}")
    assert response.status_code == 202
    assert response.json() == {"job_id": job_id, "status": "cancelling"}
    status = await status_of(client, job_id)
    assert (status["state"], status["cancelling"]) == ("PROGRESS", True)

    await player.give_up(running)
    status = await status_of(client, job_id)
    assert (status["state"], status["cancelling"]) == ("REVOKED", False)


async def test_listing_jobs(client: httpx.AsyncClient, player: Player) -> None:
    ids = [await submit(client, URLS[:1]) for _ in range(3)]
    await player.finish(ids[0], URLS[0])

    active = (await client.get("/jobs")).json()
    assert {job["job_id"] for job in active["jobs"]} == set(ids[1:])
    assert active["next_cursor"] is None

    done = (await client.get("/jobs?state=SUCCESS&type=batch_analysis")).json()
    assert [job["job_id"] for job in done["jobs"]] == ids[:1]
    assert (await client.get("/jobs?state=SUCCESS&type=health_check")).json()["jobs"] == []


async def test_paging_through_the_listing(client: httpx.AsyncClient) -> None:
    ids = {await submit(client) for _ in range(5)}

    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await client.get(f"/jobs?limit=2{cursor}")).json()
        seen += [job["job_id"] for job in page["jobs"]]
        cursor = f"&cursor={page['next_cursor']}" if page["next_cursor"] else None
    assert seen == sorted(ids, reverse=True)


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "",
        "*/*",
        "application/*",
        "application/json",
        "application/json, text/html",
        "application/json, text/html;q=0.5",
        "text/html;q=0.5, */*",
        "text/html;q=0, */*;q=0.1",
        "application/xml, */*;q=0.1",
        ";;q=x",
        "text/html;q=none",
    ],
)
async def test_a_job_is_data_unless_the_client_prefers_a_page(
    client: httpx.AsyncClient, accept: str | None
) -> None:
    job_id = await submit(client)
    status = await status_of(client, job_id)
    if accept is None:
        del client.headers["accept"]
    headers = {} if accept is None else {"Accept": accept}
    response = await client.get(f"/jobs/{job_id}", headers=headers)
    assert response.json() == status
    assert response.headers["vary"] == "Accept, Accept-Encoding"


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "TEXT/HTML; charset=utf-8",
        "text/*",
        "text/html, application/json",
        "application/json;q=0.5, text/html",
        "*/*, text/html",
        "application/json;q=0, */*",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ],
)
async def test_a_job_is_a_page_for_a_browser(client: httpx.AsyncClient, accept: str) -> None:
    response = await client.get(f"/jobs/{await submit(client)}", headers={"Accept": accept})
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["vary"] == "Accept, Accept-Encoding"


@pytest.mark.parametrize(
    ("path", "accept", "available"),
    [
        ("", "application/xml", "application/json or text/html"),
        ("", "*/*;q=0", "application/json or text/html"),
        ("/status", "text/html", "application/json"),
        ("/result", "image/*, text/html", "application/json"),
        ("/articles", "application/json;q=0, */*;q=0", "application/json"),
    ],
)
async def test_a_media_type_that_is_not_available(
    client: httpx.AsyncClient, path: str, accept: str, available: str
) -> None:
    response = await client.get(f"/jobs/{await submit(client)}{path}", headers={"Accept": accept})
    assert response.status_code == 406
    assert f"available as {available};" in response.text


async def test_nothing_is_done_whose_answer_the_client_does_not_take(
    client: httpx.AsyncClient, valkey: redis.Redis
) -> None:
    body = {"type": "batch_analysis", "urls": URLS}
    response = await client.post("/jobs", json=body, headers={"Accept": "application/xml"})
    problem(response, 406, "not-acceptable")
    assert valkey.dbsize() == 0
