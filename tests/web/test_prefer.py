"""`Prefer: wait=N`: the result itself, if the job is done by then."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
import redis

from app.api.long_poll import MAX_LONG_POLLS, LongPolls, result_or_submitted_response
from tasks.composition import job_limits
from tasks.jobs.job import HealthCheck, JobState
from tasks.jobs.queue import Queue
from tasks.jobs.submission import Submission
from tasks.resources import open_ledger
from tasks.settings import Settings
from tests.conftest import PREFIX
from tests.waiting import wait_until
from tests.web.player import Player

URL = "https://news.example/a"
JOB = {"type": "single_analysis", "url": URL}


async def queued(client: httpx.AsyncClient) -> str:
    """The id of the only active job, once it is queued."""
    jobs: list[dict[str, Any]] = []

    async def is_queued() -> bool:
        jobs[:] = (await client.get("/jobs")).json()["jobs"]
        return bool(jobs)

    await wait_until(is_queued, "the job to be queued")
    job_id: str = jobs[0]["job_id"]
    return job_id


async def test_a_job_that_ends_in_time_is_answered_with_its_result(
    client: httpx.AsyncClient, player: Player
) -> None:
    waiting = asyncio.create_task(
        client.post("/jobs", json=JOB, headers={"Prefer": "respond-async, wait=30"})
    )
    job_id = await queued(client)
    assert not waiting.done()

    stored = await player.finish(job_id, URL)
    response = await waiting
    assert (response.status_code, response.content) == (200, stored)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["preference-applied"] == "wait=30"
    assert response.headers["content-location"] == f"/jobs/{job_id}/result"
    assert response.headers["location"] == f"/jobs/{job_id}"


async def test_a_large_request_does_not_wait(client: httpx.AsyncClient) -> None:
    """It would be kept in memory for as long."""
    job = {"type": "batch_analysis", "urls": [f"{URL}/{n}/{'x' * 1000}" for n in range(70)]}
    response = await client.post("/jobs", json=job, headers={"Prefer": "wait=60"})
    assert response.status_code == 202
    assert "preference-applied" not in response.headers


async def test_a_job_that_takes_longer_is_answered_with_202(client: httpx.AsyncClient) -> None:
    response = await client.post("/jobs", json=JOB, headers={"Prefer": "wait=1"})
    assert response.status_code == 202
    assert response.json()["status"] == "submitted"
    assert response.headers["preference-applied"] == "wait=1"
    assert "content-location" not in response.headers


async def test_a_cancelled_job_is_answered_with_its_partial_result(
    client: httpx.AsyncClient,
) -> None:
    waiting = asyncio.create_task(client.post("/jobs", json=JOB, headers={"Prefer": "wait=30"}))
    await client.delete(f"/jobs/{await queued(client)}")
    response = await waiting
    assert (response.status_code, response.json()["state"]) == (200, "REVOKED")


async def test_a_job_that_was_submitted_before_is_waited_for_too(
    client: httpx.AsyncClient, player: Player, valkey: redis.Redis
) -> None:
    headers = {"Idempotency-Key": "again"}
    job_id = (await client.post("/jobs", json=JOB, headers=headers)).json()["job_id"]
    stored = await player.finish(job_id, URL)

    again = await client.post("/jobs", json=JOB, headers={**headers, "Prefer": "wait=5"})
    assert (again.status_code, again.content) == (200, stored)
    assert again.headers["idempotent-replayed"] == "true"

    valkey.delete(f"{PREFIX}job:{job_id}:result")
    gone = await client.post("/jobs", json=JOB, headers={**headers, "Prefer": "wait=5"})
    assert (gone.status_code, gone.json()["job_id"]) == (202, job_id)


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ("wait=0", "wait=0"),
        ("WAIT=0; foo=bar", "wait=0"),
        ('wait = "0"', "wait=0"),
        ("handling=lenient, wait=0, wait=60", "wait=0"),
        ("handling=strict", None),
        ("waiting=3", None),
        ("", None),
    ],
)
async def test_valid_forms_of_the_preference(
    client: httpx.AsyncClient, prefer: str, applied: str | None
) -> None:
    response = await client.post("/jobs", json=JOB, headers={"Prefer": prefer})
    assert response.status_code == 202
    assert response.headers.get("preference-applied") == applied


async def test_preferences_in_two_headers(client: httpx.AsyncClient) -> None:
    headers = [("Prefer", "handling=lenient"), ("Prefer", "wait=0")]
    response = await client.post("/jobs", json=JOB, headers=headers)
    assert response.headers["preference-applied"] == "wait=0"


async def test_a_wait_is_at_most_a_minute(client: httpx.AsyncClient, player: Player) -> None:
    waiting = asyncio.create_task(
        client.post("/jobs", json=JOB, headers={"Prefer": f"wait={10**30}"})
    )
    await player.finish(await queued(client), URL)
    assert (await waiting).headers["preference-applied"] == "wait=60"


@pytest.mark.parametrize("prefer", ["wait=abc", "wait=-1", "wait=1e9", "wait=1.5", "wait=", "wait"])
async def test_a_preference_that_cannot_be_met_is_ignored(
    client: httpx.AsyncClient, prefer: str
) -> None:
    response = await client.post("/jobs", json=JOB, headers={"Prefer": prefer})
    assert response.status_code == 202
    assert "preference-applied" not in response.headers


async def test_long_polls_share_one_query_and_are_bounded(
    settings: Settings,
) -> None:
    looks, may_look = 0, asyncio.Event()

    class Slow(Queue):
        async def ended(self, job_ids: Any) -> set[str]:
            nonlocal looks
            looks += 1
            await may_look.wait()
            return await super().ended(job_ids)

    async with open_ledger(settings) as ledger:
        queue = Slow(ledger, job_limits(settings))
        long_polls = LongPolls(queue)
        submitted = await queue.submit(Submission(params=HealthCheck()))
        job_ids = [f"01900000-0000-7000-8000-{n:012}" for n in range(MAX_LONG_POLLS)]
        waits = [asyncio.create_task(long_polls.wait(job_id, 30)) for job_id in job_ids]
        await wait_until(lambda: long_polls.full, "all of them to wait")

        answer = await result_or_submitted_response(queue, long_polls, submitted, 30)
        assert answer.status_code == 202
        assert "Preference-Applied" not in answer.headers

        may_look.set()
        # None of them is known, which is an end as well.
        assert await asyncio.gather(*waits) == [True] * MAX_LONG_POLLS
        assert looks == 1
        assert not long_polls.full


async def test_a_long_poll_survives_an_outage_of_redis(
    client: httpx.AsyncClient, player: Player, valkey: redis.Redis
) -> None:
    waiting = asyncio.create_task(client.post("/jobs", json=JOB, headers={"Prefer": "wait=30"}))
    job_id = await queued(client)
    for connection in valkey.client_list():
        if connection["cmd"] != "client|list":
            valkey.client_kill_filter(_id=connection["id"])
    await player.finish(job_id, URL)
    assert (await waiting).json()["state"] == JobState.SUCCESS
