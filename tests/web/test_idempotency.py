"""`Idempotency-Key`: a submit that is sent again makes no second job."""

from __future__ import annotations

import asyncio

import httpx
import pytest
import redis

from tests.conftest import PREFIX
from tests.web.problem import problem

JOB = {"type": "topic_curation", "topic": "tea"}
KEY = {"Idempotency-Key": "order-66"}
MALFORMED = {
    "300 characters": "k" * 300,
    "empty": "",
    "a space": "a b",
    "a control character": "a\x01b",
    "not ASCII": "clé",
}


async def test_the_same_request_returns_the_same_job(client: httpx.AsyncClient) -> None:
    first = await client.post("/jobs", json=JOB, headers=KEY)
    again = await client.post("/jobs", json=JOB, headers=KEY)

    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"


async def test_other_keys_and_no_key_make_other_jobs(client: httpx.AsyncClient) -> None:
    headers: list[dict[str, str]] = [KEY, {"Idempotency-Key": "order-67"}, {}, {}]
    answers = [await client.post("/jobs", json=JOB, headers=each) for each in headers]
    assert len({answer.json()["job_id"] for answer in answers}) == 4


@pytest.mark.parametrize(
    "other", [{**JOB, "topic": "coffee"}, {**JOB, "priority": "low"}, {"type": "health_check"}]
)
async def test_another_body_with_the_same_key_is_refused(
    client: httpx.AsyncClient, other: dict[str, str]
) -> None:
    await client.post("/jobs", json=JOB, headers=KEY)

    document = problem(
        await client.post("/jobs", json=other, headers=KEY), 422, "idempotency-conflict"
    )
    assert "use a new one" in document["detail"]
    assert len((await client.get("/jobs")).json()["jobs"]) == 1


async def test_a_job_that_has_ended_is_still_the_same_job(client: httpx.AsyncClient) -> None:
    first = (await client.post("/jobs", json=JOB, headers=KEY)).json()
    await client.delete(f"/jobs/{first['job_id']}")
    assert (await client.post("/jobs", json=JOB, headers=KEY)).json() == first


async def test_a_key_is_kept_for_a_day(client: httpx.AsyncClient, valkey: redis.Redis) -> None:
    await client.post("/jobs", json=JOB, headers=KEY)
    [key] = valkey.scan_iter(f"{PREFIX}idempotency:*")
    assert 86_390 < int(str(valkey.ttl(key))) <= 86_400
    assert b"order-66" not in key


async def test_twenty_at_once_make_one_job(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(
        *(client.post("/jobs", json=JOB, headers=KEY) for _ in range(20))
    )
    assert [answer.status_code for answer in answers] == [202] * 20
    assert len({answer.json()["job_id"] for answer in answers}) == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 19
    assert len((await client.get("/jobs")).json()["jobs"]) == 1


@pytest.mark.parametrize("key", MALFORMED.values(), ids=MALFORMED)
async def test_invalid_keys(client: httpx.AsyncClient, valkey: redis.Redis, key: str) -> None:
    headers = {b"Idempotency-Key": key.encode()}
    document = problem(
        await client.post("/jobs", json=JOB, headers=headers), 422, "invalid-request"
    )
    assert document["detail"] == (
        "Idempotency-Key must be 1 to 255 printable ASCII characters without spaces."
    )
    assert valkey.dbsize() == 0


async def test_the_longest_key_is_accepted(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "~" * 255}
    assert (await client.post("/jobs", json=JOB, headers=headers)).status_code == 202
