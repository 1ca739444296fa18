"""Fetching over HTTP/2 from sites that exceed limits, break the protocol or end connections."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from tasks.composition import fetch_policy
from tasks.errors import PermanentFailure, Reason, TransientFailure
from tasks.fetch.fetcher import HttpFetcher
from tasks.fetch.transport import direct_transport
from tasks.settings import Settings
from tests.integration.http2_site import MAX_FRAME, Answer, Exchange, Http2Site, serving_http2
from tests.integration.raw_site import STORY, loopback_resolver
from tests.waiting import wait_until

SETTINGS = Settings(
    allow_private_addresses=True,
    fetch_timeout=5,
    fetch_max_bytes=1_000_000,
    fetch_delay_per_host=0.0,
)


@pytest.fixture
async def site(certificate: Path) -> AsyncIterator[Http2Site]:
    async with serving_http2(certificate) as site:
        yield site


@pytest.fixture
async def fetcher(certificate: Path) -> AsyncIterator[HttpFetcher]:
    transport = direct_transport(
        loopback_resolver,
        allow_private=True,
        ssl_context=ssl.create_default_context(cafile=certificate),
    )
    async with aclosing(HttpFetcher(transport, fetch_policy(SETTINGS))) as fetcher:
        yield fetcher


async def test_pages_come_over_one_kept_connection(site: Http2Site, fetcher: HttpFetcher) -> None:
    for _ in range(3):
        assert (await fetcher.document(site.url("/story"))).body == STORY
    assert (site.requests, site.connections) == (["/story"] * 3, 1)


async def test_a_short_error_without_a_length_keeps_its_connection(
    site: Http2Site, fetcher: HttpFetcher
) -> None:
    async def missing(exchange: Exchange) -> None:
        await exchange.headers("404")
        await exchange.body(b"<p>There is no such page.</p>")

    site.answers["/missing"] = missing
    for _ in range(3):
        with pytest.raises(PermanentFailure):
            await fetcher.document(site.url("/missing"))
    assert (await fetcher.document(site.url("/story"))).body == STORY
    assert site.connections == 1


async def test_a_page_that_is_larger_than_a_window_comes_whole(
    site: Http2Site, fetcher: HttpFetcher
) -> None:
    page = STORY + b" " * 900_000

    async def large(exchange: Exchange) -> None:
        await exchange.headers()
        await exchange.body(page)

    site.answers["/large"] = large
    for _ in range(20):  # more than the window of the connection
        assert (await fetcher.document(site.url("/large"))).body == page
    assert site.connections == 1


async def test_after_a_body_that_is_too_large_the_next_page_comes(
    site: Http2Site, fetcher: HttpFetcher
) -> None:
    async def endless(exchange: Exchange) -> None:
        await exchange.headers()
        while True:
            await exchange.body(b"x" * MAX_FRAME, ends=False)

    site.answers["/endless"] = endless
    for _ in range(2):
        with pytest.raises(PermanentFailure) as caught:
            await fetcher.document(site.url("/endless"))
        assert caught.value.reason == Reason.TOO_LARGE
        assert (await fetcher.document(site.url("/story"))).body == STORY


async def trailers_without_end(exchange: Exchange) -> None:
    await exchange.headers()
    await exchange.body(b"<html>", ends=False)
    await exchange.trailers_without_end()


async def reset(exchange: Exchange) -> None:
    await exchange.headers()
    await exchange.body(b"<html>", ends=False)
    await exchange.reset()


async def go_away(exchange: Exchange) -> None:
    await exchange.headers()
    await exchange.body(b"<html>", ends=False)
    await exchange.go_away()


HEADERS_OF_NO_STREAM = bytes.fromhex("000004 01 04 00000000") + b"abcd"
"""A frame that no HTTP/2 connection may carry."""


async def garbage(exchange: Exchange) -> None:
    await exchange.headers()
    await exchange.send(HEADERS_OF_NO_STREAM)


async def garbage_at_once(exchange: Exchange) -> None:
    await exchange.send(HEADERS_OF_NO_STREAM)


async def no_number_as_status(exchange: Exchange) -> None:
    await exchange.headers("twohundred")


async def longer_than_announced(exchange: Exchange) -> None:
    await exchange.headers(length=3)
    await exchange.body(b"<html>")


async def shorter_than_announced(exchange: Exchange) -> None:
    await exchange.headers(length=300)
    await exchange.body(b"<html>")


@pytest.mark.parametrize(
    "answer",
    [
        trailers_without_end,
        reset,
        go_away,
        garbage,
        garbage_at_once,
        no_number_as_status,
        longer_than_announced,
        shorter_than_announced,
    ],
)
async def test_a_broken_answer_is_a_failed_connection_and_harms_no_other_request(
    site: Http2Site, fetcher: HttpFetcher, answer: Answer
) -> None:
    gate = asyncio.Event()

    async def late_story(exchange: Exchange) -> None:
        await exchange.headers()
        await gate.wait()
        await exchange.body(STORY)

    site.answers |= {"/broken": answer, "/late": late_story}
    neighbour = asyncio.create_task(fetcher.document(site.url("/late")))
    await wait_until(lambda: site.requests, "the neighbour's request")
    with pytest.raises(TransientFailure) as caught:
        await fetcher.document(site.url("/broken"))
    assert caught.value.reason == Reason.CONNECTION_FAILED
    gate.set()
    assert (await neighbour).body == STORY
    assert (await fetcher.document(site.url("/story"))).body == STORY


async def test_a_site_may_end_the_connection_during_its_second_page(
    site: Http2Site, fetcher: HttpFetcher
) -> None:
    async def disowned(exchange: Exchange) -> None:
        await exchange.headers()
        await exchange.go_away(last_stream_id=1)

    site.answers["/disowned"] = disowned
    assert (await fetcher.document(site.url("/story"))).body == STORY
    with pytest.raises(TransientFailure) as caught:
        await fetcher.document(site.url("/disowned"))
    assert caught.value.reason == Reason.CONNECTION_FAILED
    assert site.connections == 1
    assert (await fetcher.document(site.url("/story"))).body == STORY


async def test_requests_at_once_have_a_connection_each(
    site: Http2Site, fetcher: HttpFetcher
) -> None:
    both_are_there = asyncio.Barrier(2)

    async def together(exchange: Exchange) -> None:
        await both_are_there.wait()
        await exchange.headers()
        await exchange.body(STORY)

    site.answers["/together"] = together
    urls = [site.url("/together")] * 2
    pages = await asyncio.gather(*map(fetcher.document, urls))
    assert [page.body for page in pages] == [STORY, STORY]
    assert site.connections == 2
    assert (await fetcher.document(site.url("/story"))).body == STORY
    assert site.connections == 2


async def test_a_cancelled_fetch_leaves_no_connection_that_waits_for_it(
    site: Http2Site, fetcher: HttpFetcher
) -> None:
    async def stalled(exchange: Exchange) -> None:
        await exchange.headers()

    site.answers["/stalled"] = stalled
    running = asyncio.create_task(fetcher.document(site.url("/stalled")))
    await wait_until(lambda: site.requests, "the request")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await fetcher.document(site.url("/story"))).body == STORY
    assert site.connections == 2
