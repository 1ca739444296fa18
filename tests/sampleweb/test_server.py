"""The sample web as clients meet it: over HTTP, through its proxy."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.sampleweb.catalogue import GDELT_URL, SEARCH_URL, article, trouble, urls
from tests.sampleweb.server import SampleWeb

GOOD_URL = article("lost-in-the-middle").url


@pytest.fixture
async def web() -> AsyncIterator[SampleWeb]:
    async with SampleWeb() as web:
        yield web


@pytest.fixture
async def client(web: SampleWeb) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(proxy=web.proxy_url, timeout=5) as client:
        yield client


async def test_requests_are_counted_by_address(web: SampleWeb, client: httpx.AsyncClient) -> None:
    for _ in range(3):
        assert (await client.get(GOOD_URL)).status_code == 200
    assert web.fetches(GOOD_URL) == 3
    assert web.peak_concurrency == {"science.northwire.example": 1}


async def test_the_peak_is_the_most_at_one_moment() -> None:
    async with (
        SampleWeb(latency_seconds=0.05) as web,
        httpx.AsyncClient(proxy=web.proxy_url) as client,
    ):
        await asyncio.gather(*(client.get(f"{GOOD_URL}?utm_source={n}") for n in range(4)))
    assert web.peak_concurrency["science.northwire.example"] == 4


async def test_who_has_an_article_is_not_sent_it_again(
    web: SampleWeb, client: httpx.AsyncClient
) -> None:
    first = await client.get(GOOD_URL)
    for etag, status in ((first.headers["etag"], 304), ('"other"', 200)):
        answer = await client.get(GOOD_URL, headers={"if-none-match": etag})
        assert (answer.status_code, bool(answer.content)) == (status, status == 200)
    assert (web.fetches(GOOD_URL), web.unchanged[GOOD_URL]) == (3, 1)


async def test_it_leads_nowhere_else(client: httpx.AsyncClient) -> None:
    assert (await client.get("http://www.nowhere.example/")).status_code == 502
    assert (await client.get("http://169.254.169.254/latest/meta-data/")).status_code == 502
    with pytest.raises(httpx.ProxyError, match="405"):
        await client.get("https://www.northwire.example/")


async def test_what_passes_passes_the_second_time(client: httpx.AsyncClient) -> None:
    for path, first in (("/flaky/7", 500), ("/retry-after", 429)):
        statuses = [(await client.get(trouble(path))).status_code for _ in range(2)]
        assert statuses == [first, 200]


async def test_the_bomb_is_small_until_it_is_opened(client: httpx.AsyncClient) -> None:
    async with client.stream("GET", trouble("/bomb")) as answer:
        packed = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert len(packed) < 100_000
    assert len(gzip.decompress(packed)) == 50_000_000


async def test_a_reset_is_noticed(client: httpx.AsyncClient) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await client.get(trouble("/reset"))


@pytest.mark.parametrize("path", ["/slow", "/drip"])
async def test_what_does_not_end_goes_with_its_client(web: SampleWeb, path: str) -> None:
    async with httpx.AsyncClient(proxy=web.proxy_url, timeout=5) as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.get(trouble(path)), 0.1)
    await asyncio.wait_for(web.idle(), 5)


async def test_the_endless_body_goes_on(client: httpx.AsyncClient) -> None:
    read = 0
    async with client.stream("GET", trouble("/endless")) as answer:
        async for chunk in answer.aiter_bytes():
            read += len(chunk)
            if read > 6_000_000:
                break
    assert read > 6_000_000


async def test_both_searches_answer_by_query(client: httpx.AsyncClient) -> None:
    feed = await client.get(SEARCH_URL.format(query="perovskite"))
    assert article("tandem-cell-endurance").url in feed.text
    asked = {"query": "public health sourcelang:english", "mode": "artlist", "maxrecords": "5"}
    found = (await client.get(GDELT_URL, params=asked)).json()["articles"]
    assert len(found) == 5
    assert {one["url"] for one in found} <= set(urls("public health"))
    assert all(urlsplit(one["url"]).hostname.endswith(one["domain"]) for one in found)


async def test_a_short_query_is_refused_as_gdelt_does(client: httpx.AsyncClient) -> None:
    answer = await client.get(GDELT_URL, params={"query": "ai"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
