"""The cache behind the fetcher: what it spares a site, and what it never skips."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from tasks.cache.memory import MemoryCache
from tasks.composition import fetch_policy
from tasks.errors import PermanentFailure, Reason, StepError
from tasks.fetch.fetcher import HttpFetcher
from tasks.settings import Settings
from tests.waiting import wait_until

PAGE = "http://news.example/a"
HTML = {"content-type": "text/html; charset=utf-8"}
FRESH = HTML | {"cache-control": "max-age=60"}


class Sent(httpx.AsyncByteStream):
    """A body as it goes over the wire."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.read = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body
        self.read = True


class Web:
    """Answers by path, over one cache."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.requests: list[httpx.Request] = []
        self.answers: dict[str, Callable[[], httpx.Response]] = {}
        self.robots = "User-agent: *\nAllow: /"
        self.gate: asyncio.Event | None = None
        self.store = MemoryCache(1_000_000)
        self.fetcher = HttpFetcher(
            httpx.MockTransport(self.handle),
            fetch_policy(
                Settings(
                    fetch_max_bytes=1_000, fetch_concurrency_per_host=1, fetch_delay_per_host=0
                )
            ),
            store=self.store,
            wall_clock=lambda: self.now,
            clock=lambda: self.now,
        )

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path == "/robots.txt":
            return httpx.Response(200, text=self.robots, headers={"cache-control": "max-age=999"})
        if self.gate is not None:
            await self.gate.wait()
        return self.answers[request.url.path]()

    def page(self, path: str, body: str = "<html>a story", **headers: str) -> None:
        self.answers[path] = lambda: httpx.Response(200, headers=FRESH | headers, text=body)

    async def failure(self, url: str = PAGE) -> StepError:
        with pytest.raises(StepError) as caught:
            await self.fetcher.page(url)
        return caught.value

    def request_count(self, path: str) -> int:
        return sum(request.url.path == path for request in self.requests)


async def test_a_second_fetch_is_the_same_page() -> None:
    web = Web()
    web.page("/a")
    first = await web.fetcher.page(PAGE)
    assert await web.fetcher.page(PAGE) == first
    assert web.request_count("/a") == 1


async def test_a_document_and_a_page_are_two_things() -> None:
    web = Web()
    web.page("/a")
    await web.fetcher.page(PAGE)
    await web.fetcher.document(PAGE)
    await web.fetcher.document(PAGE)
    assert web.request_count("/a") == 2


async def test_requests_with_headers_of_their_own_bypass_the_cache() -> None:
    web = Web()
    web.page("/a")
    await web.fetcher.document(PAGE, headers={"x-api-key": "secret"})
    await web.fetcher.document(PAGE)
    await web.fetcher.document(PAGE, headers={"x-api-key": "secret"})
    assert web.request_count("/a") == 3


async def test_robots_txt_is_checked_for_stored_pages_too() -> None:
    web = Web()
    web.page("/a", **{"cache-control": "max-age=100000"})
    await web.fetcher.page(PAGE)
    web.now += 4_000
    web.robots = "User-agent: *\nDisallow: /"
    assert (await web.failure()).reason == Reason.ROBOTS_DENIED


async def test_a_fresh_answer_takes_no_slot_of_its_host() -> None:
    web = Web()
    web.page("/a")
    web.page("/slow")
    await web.fetcher.page(PAGE)
    web.gate = asyncio.Event()
    slow = asyncio.create_task(web.fetcher.page("http://news.example/slow"))
    await wait_until(lambda: web.request_count("/slow"), "the slow page to be asked for")
    assert (await web.fetcher.page(PAGE)).body == b"<html>a story"
    web.gate.set()
    await slow


async def test_each_redirect_is_followed_and_checked_again() -> None:
    web = Web()
    web.answers["/old"] = lambda: httpx.Response(
        301, headers={"location": "/a", "cache-control": "max-age=9999"}
    )
    web.page("/a")
    for _ in range(2):
        assert (await web.fetcher.page("http://news.example/old")).url == PAGE
    assert (web.request_count("/old"), web.request_count("/a")) == (2, 1)
    web.answers["/old"] = lambda: httpx.Response(301, headers={"location": "http://127.0.0.1/"})
    assert (await web.failure("http://news.example/old")).reason == Reason.BLOCKED_ADDRESS


@pytest.mark.parametrize(
    "answer",
    [
        lambda: httpx.Response(404, headers=FRESH),
        lambda: httpx.Response(500, headers=FRESH),
        lambda: httpx.Response(304, headers=FRESH),
        lambda: httpx.Response(200, headers=FRESH | {"content-type": "application/pdf"}),
        lambda: httpx.Response(200, headers={"cache-control": "max-age=9"}, content=b"%PDF"),
        lambda: httpx.Response(200, headers=FRESH, text="x" * 1_001),
        lambda: httpx.Response(
            200, headers=FRESH | {"content-encoding": "gzip"}, stream=Sent(b"\x00no gzip")
        ),
    ],
)
async def test_a_response_that_is_no_page_is_not_stored(
    answer: Callable[[], httpx.Response],
) -> None:
    web = Web()
    web.answers["/a"] = answer
    await web.failure()
    assert web.store.size_bytes == 0


async def test_a_304_to_an_unconditional_request_is_a_failure() -> None:
    web = Web()
    web.answers["/a"] = lambda: httpx.Response(304)
    failure = await web.failure()
    assert isinstance(failure, PermanentFailure)
    assert failure.reason == Reason.HTTP_ERROR


async def test_a_site_that_answers_304_to_all_is_asked_twice_and_then_failed() -> None:
    web = Web()
    web.page("/a", **{"etag": '"1"', "cache-control": "no-cache"})
    await web.fetcher.page(PAGE)
    web.answers["/a"] = lambda: httpx.Response(304, headers={"etag": '"2"'})
    assert (await web.failure()).reason == Reason.HTTP_ERROR
    assert ["if-none-match" in request.headers for request in web.requests[2:]] == [True, False]


async def test_a_304_is_read_to_its_end() -> None:
    """Though it announces the length of what it does not send; else its connection is lost."""
    web, unchanged = Web(), Sent(b"")
    web.page("/a", **{"etag": '"1"', "cache-control": "no-cache"})
    await web.fetcher.page(PAGE)
    headers = {"content-length": "500000"}
    web.answers["/a"] = lambda: httpx.Response(304, headers=headers, stream=unchanged)
    await web.fetcher.page(PAGE)
    assert unchanged.read


async def test_cookies_are_neither_kept_nor_sent() -> None:
    web = Web()
    web.page("/a", **{"set-cookie": "id=1", "etag": '"1"', "cache-control": "max-age=0"})
    await web.fetcher.page(PAGE)
    await web.fetcher.page(PAGE)
    assert not any("cookie" in request.headers for request in web.requests)


async def test_a_gzipped_page_is_kept_as_it_is_read() -> None:
    web = Web()
    body = gzip.compress(b"<html>" + b"a story " * 50)
    headers = FRESH | {"content-encoding": "gzip"}
    web.answers["/a"] = lambda: httpx.Response(200, headers=headers, stream=Sent(body))
    first = await web.fetcher.page(PAGE)
    assert await web.fetcher.page(PAGE) == first
    assert first.body.startswith(b"<html>a story")
