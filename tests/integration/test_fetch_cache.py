"""A repeated fetch, over a real Valkey and the sample web, which counts what it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis

from tasks.composition import fetch_policy
from tasks.fetch.fetcher import HttpFetcher, build_fetcher
from tasks.ledger.connection import connect
from tasks.resources import http_store
from tasks.settings import Settings
from tests.conftest import PREFIX
from tests.sampleweb.catalogue import ARTICLES
from tests.sampleweb.conditional import FRESH_HOST
from tests.sampleweb.server import SampleWeb
from tests.valkey import DurableValkey, durable_valkey

FRESH = [article.url for article in ARTICLES if article.host.name == FRESH_HOST]
OTHERS = [article.url for article in ARTICLES if article.host.name != FRESH_HOST][:12]


@pytest.fixture
async def web() -> AsyncIterator[SampleWeb]:
    async with SampleWeb() as web:
        yield web


def settings_for(web: SampleWeb) -> Settings:
    return Settings(
        egress_proxy=web.proxy_url,
        key_prefix=PREFIX,
        fetch_timeout=5.0,
        fetch_delay_per_host=0.0,
    )


async def read(fetcher: HttpFetcher, urls: list[str]) -> list[bytes]:
    return [page.body for page in await asyncio.gather(*map(fetcher.page, urls))]


async def test_a_second_worker_reuses_the_stored_responses(
    web: SampleWeb, valkey: redis.Redis, valkey_server: str
) -> None:
    assert len(FRESH) > 1
    settings, bodies = settings_for(web), []
    for _ in range(2):
        client = connect(valkey_server)
        fetcher = build_fetcher(fetch_policy(settings), store=http_store(client, settings))
        bodies.append(await read(fetcher, FRESH + OTHERS))
        await fetcher.aclose()
        await client.aclose()
    assert bodies[0] == bodies[1]
    assert {web.fetches(url) for url in FRESH} == {1}
    assert {(web.fetches(url), web.unchanged[url]) for url in OTHERS} == {(2, 1)}


async def test_a_304_leaves_its_connection_for_others(
    web: SampleWeb, valkey: redis.Redis, valkey_server: str
) -> None:
    settings = settings_for(web)
    client = connect(valkey_server)
    fetcher = build_fetcher(fetch_policy(settings), store=http_store(client, settings))
    for _ in range(5):
        await fetcher.page(OTHERS[0])
    assert (web.unchanged[OTHERS[0]], web.connections) == (4, 1)
    await fetcher.aclose()
    await client.aclose()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DurableValkey]:
    with durable_valkey(tmp_path) as server:
        yield server


async def test_without_redis_each_page_is_fetched(web: SampleWeb, server: DurableValkey) -> None:
    settings = settings_for(web)
    client = connect(server.url)
    fetcher = build_fetcher(fetch_policy(settings), store=http_store(client, settings))
    first = await read(fetcher, FRESH)
    server.kill()
    assert await read(fetcher, FRESH) == first
    assert {web.fetches(url) for url in FRESH} == {2}
    await fetcher.aclose()
    await client.aclose()
