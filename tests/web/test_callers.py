"""Who a caller is, and what is answered beyond a quota."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from msgspec.structs import replace

from tasks.errors import InvalidSettings
from tasks.settings import Settings, read_settings
from tests.web.conftest import client_of, served
from tests.web.problem import problem

JOB = {"type": "health_check"}
SECRET = "0123456789abcdef"
SCHEDULE = {"cron": "0 7 * * *", "job": JOB}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, max_jobs_per_caller=1, max_schedules_per_caller=1)


@asynccontextmanager
async def from_address(url: str, address: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.AsyncHTTPTransport(local_address=address)
    async with httpx.AsyncClient(base_url=url, transport=transport) as client:
        yield client


async def test_a_caller_at_its_quota_costs_no_other_a_refusal(web: str) -> None:
    async with from_address(web, "127.0.0.2") as greedy, from_address(web, "127.0.0.3") as modest:
        first = await greedy.post("/jobs", json=JOB)
        assert first.status_code == 202
        refused = await greedy.post("/jobs", json=JOB)
        assert (
            "as many active jobs as one caller may have"
            in problem(refused, 429, "quota-exceeded")["detail"]
        )
        assert int(refused.headers["Retry-After"]) > 0
        assert (await modest.post("/jobs", json=JOB)).status_code == 202
        assert len((await modest.get("/jobs")).json()["jobs"]) == 2
        await greedy.delete(f"/jobs/{first.json()['job_id']}")
        assert (await greedy.post("/jobs", json=JOB)).status_code == 202


async def test_every_way_to_make_a_job_is_refused_beyond_the_quota(
    client: httpx.AsyncClient,
) -> None:
    ended = (await client.post("/jobs", json=JOB)).json()["job_id"]
    await client.delete(f"/jobs/{ended}")
    schedule = (await client.post("/schedules", json=SCHEDULE)).json()["schedule_id"]
    assert (await client.post("/jobs", json=JOB)).status_code == 202
    for path, body in (
        ("/jobs", JOB),
        (f"/jobs/{ended}/retry", None),
        (f"/jobs/{ended}/rerun", None),
        ("/jobs/retry", {"state": ["REVOKED"]}),
        (f"/schedules/{schedule}/run", None),
        ("/schedules", SCHEDULE),
    ):
        refused = await client.post(path, json=body)
        problem(refused, 429, "quota-exceeded")
    form = {"form": "topic", "topic": "solar power", "max_articles": "5"}
    page = await client.post("/", data=form, headers={"Accept": "text/html"})
    assert page.status_code == 429
    assert "as many active jobs as one caller may have" in page.text
    assert "solar power" in page.text


async def test_beyond_the_bounds_of_all_callers_the_service_is_full(settings: Settings) -> None:
    async with client_of(replace(settings, max_articles=2)) as client:
        urls = [f"http://site.example/{n}" for n in range(3)]
        refused = await client.post("/jobs", json={"type": "batch_analysis", "urls": urls})
        problem(refused, 503, "full")
        assert int(refused.headers["Retry-After"]) > 0
        assert (await client.get("/jobs")).json()["jobs"] == []


async def submits_as(client: httpx.AsyncClient, *forwarded: str) -> int:
    headers = [("X-Forwarded-For", value) for value in forwarded]
    return (await client.post("/jobs", json=JOB, headers=headers)).status_code


async def test_nobody_can_invent_a_caller(client: httpx.AsyncClient) -> None:
    assert await submits_as(client, "192.0.2.1") == 202
    assert await submits_as(client, "192.0.2.2") == 429


async def test_a_trusted_proxy_says_who_the_caller_is(settings: Settings) -> None:
    async with served(replace(settings, trusted_proxies=("127.0.0.2", "10.0.0.0/8"))) as url:
        async with from_address(url, "127.0.0.2") as proxy:
            assert await submits_as(proxy, "192.0.2.1") == 202
            assert await submits_as(proxy, "192.0.2.1") == 429
            assert await submits_as(proxy, "192.0.2.9, 192.0.2.1") == 429  # the first is invented
            assert await submits_as(proxy, "192.0.2.9", "192.0.2.1, 10.1.2.3") == 429
            assert await submits_as(proxy, "192.0.2.2") == 202
            assert await submits_as(proxy, "2001:db8::1") == 202
            assert await submits_as(proxy, "2001:db8::2") == 429  # one network, one caller
            assert await submits_as(proxy, "unknown") == 202  # as the proxy itself
            assert await submits_as(proxy, "") == 429
        async with from_address(url, "127.0.0.3") as client:
            assert await submits_as(client, "192.0.2.3") == 202
            assert await submits_as(client, "192.0.2.4") == 429


async def test_with_a_secret_every_peer_is_the_proxy(settings: Settings) -> None:
    headers = {"X-Curator-Proxy-Secret": SECRET}
    async with client_of(replace(settings, proxy_secret=SECRET)) as client:
        client.headers.update(headers)
        assert await submits_as(client, "192.0.2.1") == 202
        assert await submits_as(client, "192.0.2.2") == 202
        assert await submits_as(client, "192.0.2.9, 192.0.2.2") == 429


@pytest.mark.parametrize("network", ["10.0.0.0/33", "10.0.0.1/8", "::1/200", "1.2.3"])
def test_a_network_that_is_none_is_named(network: str) -> None:
    with pytest.raises(InvalidSettings, match="TRUSTED_PROXIES"):
        read_settings({"TRUSTED_PROXIES": network})
