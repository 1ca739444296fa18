"""Fetching over real sockets, all of them on the loopback."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any

import httpcore
import pytest

from tasks.composition import fetch_policy
from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure
from tasks.fetch.addresses import Address
from tasks.fetch.client import MAX_REDIRECTS
from tasks.fetch.fetcher import HttpFetcher, build_fetcher
from tasks.fetch.transport import PoolTransport, PublicBackend
from tasks.settings import Settings
from tests.integration.raw_site import OK, STORY, Site, redirect, serving, sized


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving() as site:
        yield site


LOCAL = Settings(allow_private_addresses=True, fetch_timeout=5, fetch_max_bytes=1_000_000)


@asynccontextmanager
async def fetching(settings: Settings = LOCAL) -> AsyncIterator[HttpFetcher]:
    fetcher = build_fetcher(fetch_policy(settings))
    try:
        yield fetcher
    finally:
        await fetcher.aclose()


async def failure_of(url: str, settings: Settings = LOCAL) -> StepError:
    async with fetching(settings) as fetcher:
        with pytest.raises(StepError) as caught:
            await fetcher.page(url)
    return caught.value


async def test_a_page_comes_over_one_kept_connection(site: Site) -> None:
    site.answers["/old"] = redirect("/story")
    async with fetching() as fetcher:
        page = await fetcher.page(site.url("/old"))
    assert (page.url, page.body, page.content_type) == (site.url("/story"), STORY, "text/html")
    assert site.requests == ["/robots.txt", "/old", "/story"]
    assert site.connections == 1


async def test_by_name_too(site: Site) -> None:
    async with fetching() as fetcher:
        page = await fetcher.page(f"http://localhost:{site.port}/story")
    assert page.body == STORY


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]", "0"]
)
async def test_no_spelling_of_the_loopback_reaches_it(site: Site, host: str) -> None:
    for port in (site.port, 80):
        failure = await failure_of(f"http://{host}:{port}/story", Settings())
        assert isinstance(failure, PermanentFailure)
        assert failure.reason == Reason.BLOCKED_ADDRESS
        assert "127" not in failure.detail
    assert site.connections == 0


class Rebinding:
    """A name service that says something harmless first and the loopback ever after."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, host: str) -> list[Address]:
        self.asked += 1
        return [ip_address("93.184.216.34" if self.asked == 1 else "127.0.0.1")]


class Loopback(httpcore.AnyIOBackend):
    """The real network, but with everyone else away from it."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        if host != "127.0.0.1":
            raise httpcore.ConnectError("away")
        return await super().connect_tcp(host, self.port, timeout, local_address, socket_options)


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_name_that_changes_its_address_does_not_lead_to_the_loopback(
    site: Site, allowed: bool
) -> None:
    names = Rebinding()
    backend = PublicBackend(names, allow_private=allowed, inner=Loopback(site.port))
    transport = PoolTransport(httpcore.AsyncConnectionPool(network_backend=backend))
    fetcher = HttpFetcher(transport, fetch_policy(Settings()))
    reasons = []
    for _ in range(3):
        try:
            await fetcher.document("http://rebinding.example/story")
        except StepError as failure:
            reasons.append(failure.reason)
    await fetcher.aclose()
    # With the check off the loopback is reached: so it is the check that keeps us from it.
    if allowed:
        assert (reasons, site.requests) == ([Reason.CONNECTION_FAILED], ["/story"] * 2)
    else:
        assert reasons == [Reason.CONNECTION_FAILED, *[Reason.BLOCKED_ADDRESS] * 2]
        assert (names.asked, site.connections) == (3, 0)


async def test_a_gzip_bomb_and_an_endless_page_are_too_large(site: Site) -> None:
    site.answers["/bomb"] = sized(gzip.compress(bytes(50_000_000)), b"content-encoding: gzip")
    site.answers["/endless"] = OK + b"\r\n"
    site.answers["/announced"] = OK + b"content-length: 99999999999\r\n\r\n"
    site.then = "flood"
    for path in ("/bomb", "/endless", "/announced"):
        failure = await failure_of(site.url(path))
        assert isinstance(failure, PermanentFailure)
        assert failure.reason == Reason.TOO_LARGE


async def test_a_site_that_hangs_runs_into_the_deadline(site: Site) -> None:
    site.answers["/silent"] = b""
    site.answers["/stalled"] = OK + b"\r\n<html>"
    site.then = "hang"
    for path in ("/silent", "/stalled"):
        failure = await failure_of(site.url(path), LOCAL_AND_QUICK)
        assert isinstance(failure, TransientFailure)
        assert failure.reason == Reason.TIMED_OUT


LOCAL_AND_QUICK = Settings(
    allow_private_addresses=True,
    fetch_timeout=0.5,
    fetch_concurrency_per_host=10,
    fetch_delay_per_host=0.0,
)


async def test_after_many_timeouts_the_fetcher_still_works(site: Site) -> None:
    site.answers["/silent"] = b""
    site.then = "hang"
    async with fetching(LOCAL_AND_QUICK) as fetcher:
        urls = [site.url("/silent")] * 30
        results = await asyncio.gather(*map(fetcher.page, urls), return_exceptions=True)
        assert all(isinstance(result, TransientFailure) for result in results)
        assert (await fetcher.page(site.url("/story"))).body == STORY


async def test_a_cancelled_fetch_leaves_the_fetcher_whole(site: Site) -> None:
    site.answers["/stalled"] = OK + b"\r\n<html>"
    site.then = "hang"
    async with fetching() as fetcher:
        running = asyncio.create_task(fetcher.page(site.url("/stalled")))
        await site.came("/stalled")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (await fetcher.page(site.url("/story"))).body == STORY


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 twohundred OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1, 2\r\n\r\n",
        OK + b"x: " + b"y" * 500_000 + b"\r\n\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\nnot a chunk\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\n5\r\n<html",
    ],
)
async def test_invalid_http_is_a_failed_connection(site: Site, answer: bytes) -> None:
    site.answers["/garbage"] = answer
    failure = await failure_of(site.url("/garbage"))
    assert isinstance(failure, TransientFailure)
    assert failure.reason == Reason.CONNECTION_FAILED


async def test_a_closed_port_is_a_failed_connection(site: Site, unused_tcp_port: int) -> None:
    failure = await failure_of(f"http://127.0.0.1:{unused_tcp_port}/")
    assert isinstance(failure, TransientFailure)
    assert failure.reason == Reason.CONNECTION_FAILED
    assert str(unused_tcp_port) not in failure.detail


async def test_a_redirect_loop_ends(site: Site) -> None:
    site.answers["/loop"] = redirect("/loop")
    assert (await failure_of(site.url("/loop"))).reason == Reason.TOO_MANY_REDIRECTS
    assert site.requests.count("/loop") == MAX_REDIRECTS + 1


async def test_through_a_proxy_names_are_its_business_and_literals_ours(site: Site) -> None:
    site.answers["/metadata"] = redirect("http://169.254.169.254/latest/meta-data")
    settings = Settings(egress_proxy=f"http://user:secret@127.0.0.1:{site.port}")
    async with fetching(settings) as fetcher:
        page = await fetcher.page("http://news.example/story")
        assert page.url == "http://news.example/story"
        for url in ("http://news.example/metadata", "http://127.1/", "http://localhost/"):
            with pytest.raises(PermanentFailure) as caught:
                await fetcher.page(url)
            assert caught.value.reason == Reason.BLOCKED_ADDRESS
    asked = ["http://news.example/robots.txt", "http://news.example/story"]
    assert site.requests == [*asked, "http://news.example/metadata"]


async def test_a_proxy_that_refuses_to_connect_does_so_for_good(site: Site) -> None:
    site.answers["news.example:443"] = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"
    settings = Settings(egress_proxy=f"http://127.0.0.1:{site.port}")
    failure = await failure_of("https://news.example/story", settings)
    assert isinstance(failure, PermanentFailure)
    assert failure.reason == Reason.CONNECTION_FAILED
