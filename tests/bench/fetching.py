"""What a page costs a worker: fetched anew, taken from the HTTP cache, or confirmed by its site.

Processor time of the thread that fetches. The sample web runs in a thread of its own, Valkey in
its own process. The rounds of all ways take turns. The pages are those of the sample web (5 KB),
so this is the cache's own cost: larger pages cost more in every way.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import click

from tasks.composition import fetch_policy
from tasks.fetch.fetcher import HttpFetcher, build_fetcher
from tasks.ledger.connection import connect
from tasks.resources import http_store
from tasks.settings import Settings
from tests.bench.figure import Figure, compared, prints_figures
from tests.bench.server import BenchServer, bench_server
from tests.sampleweb.catalogue import ARTICLES
from tests.sampleweb.conditional import FRESH_HOST
from tests.sampleweb.server import SampleWeb

FRESH = [one.url for one in ARTICLES if one.host.name == FRESH_HOST]
CONFIRMED = [one.url for one in ARTICLES if one.host.name != FRESH_HOST]
COPIES = 20
"""Of each article, told apart by a parameter that the sample web does not look at."""


@click.command()
@click.option("--rounds", default=7, show_default=True, help="Medians are of that many.")
@prints_figures
def fetching(rounds: int) -> Iterator[Figure]:
    """The cost of a page: anew, from the cache, or confirmed."""
    with bench_server() as server, sample_web() as web:
        yield from asyncio.run(_measure(server, web, rounds))


async def _measure(server: BenchServer, web: SampleWeb, rounds: int) -> list[Figure]:
    settings = Settings(egress_proxy=web.proxy_url, fetch_delay_per_host=0.0)
    client = connect(server.url)
    plain = build_fetcher(fetch_policy(settings))
    cached = build_fetcher(fetch_policy(settings), store=http_store(client, settings))
    ways: dict[str, tuple[HttpFetcher, list[str], str]] = {
        "anew": (plain, FRESH, "again"),
        "fresh": (cached, FRESH, "again"),
        "confirmed": (cached, CONFIRMED, "again"),
    }
    spent: dict[str, list[float]] = {name: [] for name in (*ways, "kept")}
    for fetcher, urls, label in ways.values():
        await _cost(fetcher, urls, label)
    for number in range(rounds):
        for name, (fetcher, urls, label) in ways.items():
            spent[name].append(await _cost(fetcher, urls, label))
        spent["kept"].append(await _cost(cached, FRESH, f"round {number}"))
    for closing in (plain, cached, client):
        await closing.aclose()
    anew = median(spent["anew"])
    return [
        compared(f"a page {told}, CPU", median(spent[name]), "ms", "fetched anew", anew)
        for name, told in (
            ("fresh", "that is fresh"),
            ("confirmed", "confirmed by a 304"),
            ("kept", "fetched anew and kept"),
        )
    ]


async def _cost(fetcher: HttpFetcher, urls: list[str], label: str) -> float:
    """Milliseconds of processor time for one page."""
    asked = [f"{url}?utm_copy={label}-{n}" for n in range(COPIES) for url in urls[: len(FRESH)]]
    started = time.thread_time()
    for url in asked:
        await fetcher.page(url)
    return (time.thread_time() - started) / len(asked) * 1000


@contextmanager
def sample_web() -> Iterator[SampleWeb]:
    """Running, on a loop in a thread of its own."""
    web, loop = SampleWeb(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(web.start(), loop).result()
    try:
        yield web
    finally:
        asyncio.run_coroutine_threadsafe(web.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
