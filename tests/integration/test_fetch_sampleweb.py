"""Fetching and searching in the sample web, which stands behind an egress proxy."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from tasks.composition import fetch_policy, source_policy
from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure
from tasks.fetch.fetcher import HttpFetcher, build_fetcher
from tasks.settings import Settings
from tasks.sources.search import build_sources, find_candidates
from tests.fakes import FEED_READER
from tests.sampleweb.server import SampleWeb

TROUBLE = "http://trouble.sampleweb.example"
FEEDS = (
    "http://feeds.sampleweb.example/opml.xml",
    "http://search.sampleweb.example/rss?q={query}",
)
GDELT = "http://gdelt.sampleweb.example/api/v2/doc/doc"
TOPIC = "artificial intelligence"


@pytest.fixture
async def web() -> AsyncIterator[SampleWeb]:
    async with SampleWeb() as web:
        yield web


@pytest.fixture
def settings(web: SampleWeb) -> Settings:
    return Settings(egress_proxy=web.proxy_url, feed_urls=FEEDS, gdelt_url=GDELT)


@pytest.fixture
async def fetcher(settings: Settings) -> AsyncIterator[HttpFetcher]:
    fetcher = build_fetcher(fetch_policy(settings))
    yield fetcher
    await fetcher.aclose()


@pytest.mark.parametrize(
    ("path", "kind", "reason"),
    [
        ("/missing", PermanentFailure, Reason.NOT_FOUND),
        ("/gone", PermanentFailure, Reason.NOT_FOUND),
        ("/always500", TransientFailure, Reason.SERVER_ERROR),
        ("/slow", TransientFailure, Reason.TIMED_OUT),
        ("/drip", TransientFailure, Reason.TIMED_OUT),
        ("/endless", PermanentFailure, Reason.TOO_LARGE),
        ("/bomb", PermanentFailure, Reason.TOO_LARGE),
        ("/loop", PermanentFailure, Reason.TOO_MANY_REDIRECTS),
        ("/metadata", PermanentFailure, Reason.BLOCKED_ADDRESS),
        ("/loopback", PermanentFailure, Reason.BLOCKED_ADDRESS),
        ("/pdf", PermanentFailure, Reason.UNSUPPORTED_CONTENT),
        ("/image", PermanentFailure, Reason.UNSUPPORTED_CONTENT),
        ("/private/story", PermanentFailure, Reason.ROBOTS_DENIED),
        ("/reset", TransientFailure, Reason.CONNECTION_FAILED),
    ],
)
async def test_each_trouble_has_its_reason(
    settings: Settings, path: str, kind: type[StepError], reason: Reason
) -> None:
    if reason is Reason.TIMED_OUT:
        settings = replace(settings, fetch_timeout=0.5)
    async with contextlib.aclosing(build_fetcher(fetch_policy(settings))) as fetcher:
        with pytest.raises(StepError) as caught:
            await fetcher.page(TROUBLE + path)
    assert (type(caught.value), caught.value.reason) == (kind, reason)


async def test_denied_and_blocked_pages_are_never_requested(
    fetcher: HttpFetcher, web: SampleWeb
) -> None:
    for path in ("/private/story", "/metadata", "/loopback"):
        with pytest.raises(PermanentFailure):
            await fetcher.page(TROUBLE + path)
    asked = {address for _, address in web.requests}
    assert asked == {f"{TROUBLE}/robots.txt", f"{TROUBLE}/metadata", f"{TROUBLE}/loopback"}
    assert web.fetches(f"{TROUBLE}/robots.txt") == 1


async def test_a_trouble_that_passes(fetcher: HttpFetcher) -> None:
    with pytest.raises(TransientFailure) as flaky:
        await fetcher.page(f"{TROUBLE}/flaky/1")
    with pytest.raises(TransientFailure) as busy:
        await fetcher.page(f"{TROUBLE}/retry-after")
    assert (flaky.value.retry_after, busy.value.retry_after) == (None, 2.0)
    assert b"<html" in (await fetcher.page(f"{TROUBLE}/flaky/1")).body
    assert b"<html" in (await fetcher.page(f"{TROUBLE}/retry-after")).body


async def test_a_topic_is_found_by_all_sources_each_article_once(
    fetcher: HttpFetcher, settings: Settings
) -> None:
    result = await find_candidates(
        TOPIC, 60, build_sources(source_policy(settings), fetcher, FEED_READER)
    )
    assert [(report.name, report.error) for report in result.reports] == [
        ("feeds", None),
        ("gdelt", None),
    ]
    assert all(report.found for report in result.reports)
    assert len(result.candidates) >= 10
    assert len({candidate.url.partition("?utm_")[0] for candidate in result.candidates}) == len(
        result.candidates
    )


async def test_the_same_search_finds_the_same_in_the_same_order(settings: Settings) -> None:
    orders = []
    for _ in range(2):
        fetcher = build_fetcher(fetch_policy(settings))
        result = await find_candidates(
            TOPIC, 60, build_sources(source_policy(settings), fetcher, FEED_READER)
        )
        await fetcher.aclose()
        orders.append([candidate.url for candidate in result.candidates])
    assert orders[0] == orders[1]


async def test_a_complaint_of_gdelt_is_reported_and_the_feeds_still_count(
    fetcher: HttpFetcher, settings: Settings
) -> None:
    result = await find_candidates(
        "AI", 10, build_sources(source_policy(settings), fetcher, FEED_READER)
    )
    feeds, gdelt = result.reports
    assert feeds.error is None
    assert gdelt.error == "GDELT refused the search: The specified phrase is too short."


async def test_candidates_can_be_fetched_within_the_limit_of_requests_at_once() -> None:
    async with SampleWeb(latency_seconds=0.01) as web:
        settings = Settings(
            egress_proxy=web.proxy_url,
            sources=("gdelt",),
            gdelt_url=GDELT,
            fetch_concurrency_per_host=1,
        )
        fetcher = build_fetcher(fetch_policy(settings))
        result = await find_candidates(
            TOPIC, 60, build_sources(source_policy(settings), fetcher, FEED_READER)
        )
        pages = await asyncio.gather(*(fetcher.page(result.url) for result in result.candidates))
        await fetcher.aclose()
    assert all(page.body for page in pages)
    hosts = {urlsplit(page.url).hostname for page in pages}
    assert 4 <= len(hosts) < len(pages)  # so that some host was asked for several
    assert set(web.peak_concurrency.values()) == {1}
