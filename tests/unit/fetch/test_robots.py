"""robots.txt is asked once, kept, and believed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest

from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure
from tasks.fetch.client import MAX_REDIRECTS, Client, Deadline
from tasks.fetch.content import MAX_ROBOTS_BYTES
from tasks.fetch.local_rate_limiter import LocalRateLimiter
from tasks.fetch.rate_limiter import MAX_INTERVAL_SECONDS, RequestLimiter, Ticket
from tasks.fetch.robots import (
    FAILURE_TTL_SECONDS,
    PARSED_IN_THREAD_BYTES,
    RobotsChecker,
)

PAGE = "http://news.example/private/story"
TOKEN = "content-curator"

Respond = Callable[[httpx.Request], httpx.Response]


def limiter() -> RequestLimiter:
    return RequestLimiter(10, LocalRateLimiter(10, slot_seconds=60))


class Site:
    """A robots.txt that can be changed, a record of its requests, and a clock."""

    def __init__(
        self, answer: Respond | httpx.Response, max_origins: int = 100, max_rules: int = 100_000
    ) -> None:
        self.answer = answer
        self.requested: list[str] = []
        self.now = 0.0
        self.hosts_ms = 0
        host_limiter = LocalRateLimiter(10, slot_seconds=60, now_ms=lambda: self.hosts_ms)
        client = Client(
            httpx.MockTransport(self.handle), RequestLimiter(10, host_limiter), user_agent=TOKEN
        )
        self.rules = RobotsChecker(
            client,
            user_agent="content-curator/0.1 (+https://example.org)",
            timeout=0.05,
            clock=lambda: self.now,
            max_origins=max_origins,
            max_rules=max_rules,
        )

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.requested.append(str(request.url))
        await asyncio.sleep(0)
        answer = self.answer
        if isinstance(answer, httpx.Response):
            return httpx.Response(
                answer.status_code, headers=answer.headers, content=answer.content
            )
        return answer(request)

    async def check(self, url: str = PAGE) -> float:
        async with Deadline(1) as deadline:
            return await self.rules.check(httpx.URL(url), deadline)

    async def failure(self, url: str = PAGE) -> StepError:
        with pytest.raises(StepError) as caught:
            await self.check(url)
        return caught.value


def text(*lines: str) -> httpx.Response:
    return httpx.Response(200, text="\n".join(lines))


async def test_disallowed_pages_are_denied_and_others_are_not() -> None:
    site = Site(text("User-agent: *", "Disallow: /private/", "Allow: /private/open"))
    failure = await site.failure()
    assert isinstance(failure, PermanentFailure)
    assert failure.reason == Reason.ROBOTS_DENIED
    await site.check("http://news.example/private/open")
    await site.check("http://news.example/public")
    assert site.requested == ["http://news.example/robots.txt"]


async def test_a_group_for_us_counts_before_the_one_for_all() -> None:
    site = Site(text("User-agent: *", "Disallow: /", "User-agent: content-curator", "Allow: /"))
    await site.check()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
async def test_a_site_that_refuses_robots_txt_allows_all(status: int) -> None:
    await Site(httpx.Response(status)).check()


async def test_a_site_whose_robots_txt_redirects_for_ever_allows_all() -> None:
    site = Site(httpx.Response(302, headers={"location": "/robots.txt"}))
    await site.check()
    assert len(site.requested) == MAX_REDIRECTS + 1


async def test_redirects_are_followed() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "news.example":
            return httpx.Response(301, headers={"location": "http://www.news.example/robots.txt"})
        return text("User-agent: *", "Disallow: /")

    assert (await Site(answer).failure()).reason == Reason.ROBOTS_DENIED


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_site_that_cannot_say_is_asked_again_later(status: int) -> None:
    site = Site(httpx.Response(status, headers={"retry-after": "9"}))
    failure = await site.failure()
    assert isinstance(failure, TransientFailure)
    assert failure.retry_after == 9.0
    assert failure.host == "news.example"
    again = await site.failure()
    assert len(site.requested) == 1
    assert again is not failure
    site.now += FAILURE_TTL_SECONDS
    site.hosts_ms += 9_000
    site.answer = text("")
    await site.check()


async def test_a_redirect_to_a_private_address_is_blocked() -> None:
    site = Site(httpx.Response(302, headers={"location": "http://169.254.169.254/"}))
    assert (await site.failure()).reason == Reason.BLOCKED_ADDRESS


async def test_concurrent_checks_share_one_request() -> None:
    site = Site(text("User-agent: *", "Disallow: /private/"))
    failures = await asyncio.gather(*(site.failure() for _ in range(50)))
    assert {failure.reason for failure in failures} == {Reason.ROBOTS_DENIED}
    assert len(site.requested) == 1


async def test_a_slow_robots_txt_is_known_as_slow() -> None:
    site = Site(text(""))
    never = asyncio.Event()

    async def hang(request: httpx.Request) -> httpx.Response:
        site.requested.append(str(request.url))
        await never.wait()
        return text("")

    client = Client(httpx.MockTransport(hang), limiter(), user_agent=TOKEN)
    site.rules = RobotsChecker(client, user_agent=TOKEN, timeout=0.02, clock=lambda: site.now)
    failures = await asyncio.gather(*(site.failure() for _ in range(20)))
    assert {failure.reason for failure in failures} == {Reason.TIMED_OUT}
    assert len(site.requested) == 1


async def test_an_answer_is_kept_for_an_hour() -> None:
    site = Site(text(""))
    await site.check()
    site.now = 3_599.0
    await site.check()
    assert len(site.requested) == 1
    site.now = 3_600.0
    await site.check()
    assert len(site.requested) == 2


async def test_the_origins_longest_unused_are_forgotten() -> None:
    site = Site(text(""), max_origins=2)
    for host in ("a", "b", "a", "c", "a", "b"):
        await site.check(f"http://{host}.example/")
    assert [url[7] for url in site.requested] == ["a", "b", "c", "b"]


async def test_the_rules_of_all_origins_together_are_bounded() -> None:
    site = Site(text("User-agent: *", *(f"Disallow: /{n}" for n in range(40))), max_rules=100)
    for host in ("a", "b", "a", "c", "a", "b"):
        await site.check(f"http://{host}.example/")
    assert [url[7] for url in site.requested] == ["a", "b", "c", "b"]


async def test_a_large_file_is_read_like_a_small_one() -> None:
    lines = [f"Disallow: /private/{n}" for n in range(PARSED_IN_THREAD_BYTES // 10)]
    site = Site(text("User-agent: *", *lines, "Disallow: /private/story"))
    assert (await site.failure()).reason == Reason.ROBOTS_DENIED
    await site.check("http://news.example/public")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
async def test_the_line_in_which_a_long_file_is_cut_does_not_count(end: str) -> None:
    start = f"User-agent: *{end}Disallow: /private{end}#"
    filler = "x" * (MAX_ROBOTS_BYTES - len(start) - len(f"{end}Disallow: /"))
    site = Site(text(f"{start}{filler}{end}Disallow: /secret{end}"))
    assert (await site.failure()).reason == Reason.ROBOTS_DENIED
    await site.check("http://news.example/public")


async def test_each_scheme_and_port_has_its_own_rules() -> None:
    site = Site(text(""))
    for origin in ("http://a.example", "https://a.example", "http://a.example:8080"):
        await site.check(f"{origin}/story")
    assert len(site.requested) == 3


@pytest.mark.parametrize(
    ("lines", "interval"),
    [
        (["User-agent: *", "Crawl-delay: 2.5"], 2.5),
        (["User-agent: *", "Crawl-delay: 9", "User-agent: content-curator", "Crawl-delay: 1"], 1),
        (["User-agent: *", "Crawl-delay: 9", "User-agent: content-curator", "Allow: /"], 0),
        (["User-agent: otherbot", "Crawl-delay: 9", "User-agent: *", "Allow: /"], 0),
        (["User-agent: *", "Request-rate: 1/7"], 7),
        (["User-agent: *", "Request-rate: 2/1m", "Crawl-delay: 1"], 30),
        (["User-agent: *", "Request-rate: 0/7"], 0),
        (["User-agent: *", "Request-rate: -1/7"], 0),
        (["User-agent: *", "Request-rate: 1/99999999999999999999999d"], MAX_INTERVAL_SECONDS),
        (["User-agent: *", "Crawl-delay: 1e300"], MAX_INTERVAL_SECONDS),
        (["User-agent: *", "Crawl-delay: inf"], 0),
        (["User-agent: *", "Crawl-delay: nan"], 0),
        (["User-agent: *", "Crawl-delay: -4"], 0),
        (["User-agent: *", "Crawl-delay: soon"], 0),
        (["User-agent: *", "Crawl-delay:"], 0),
    ],
)
async def test_the_interval_that_a_site_asks_for(lines: list[str], interval: float) -> None:
    site = Site(text(*lines))
    assert await site.check() == interval
    assert await site.check() == interval, "and it is remembered"
    assert len(site.requested) == 1


async def test_a_crawl_delay_applies_at_once_to_all_requests_to_the_site() -> None:
    site = Site(text("User-agent: *", "Crawl-delay: 3"))
    host_limiter = LocalRateLimiter(10, slot_seconds=60, now_ms=lambda: 0)
    client = Client(
        httpx.MockTransport(site.handle), RequestLimiter(10, host_limiter), user_agent=TOKEN
    )
    site.rules = RobotsChecker(client, user_agent=TOKEN, timeout=1)
    await site.check()
    unaware = Ticket(host="news.example", id="a", holder="worker-1", interval_ms=0)
    assert (await host_limiter.try_acquire(unaware)).wait_ms == 3_000
