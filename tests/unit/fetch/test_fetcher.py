"""One fetch from its URL to its page, over a transport that plays the web."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tasks.composition import fetch_policy
from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure
from tasks.fetch.fetcher import HttpFetcher
from tasks.settings import Settings

HTML = {"content-type": "text/html; charset=utf-8"}


def quick(**fields: Any) -> Settings:
    """Settings with no delay between requests."""
    return Settings(fetch_delay_per_host=0.0, **fields)


async def slow() -> None:
    """A site that takes 30 ms to think."""
    gate = asyncio.Event()
    asyncio.get_running_loop().call_later(0.03, gate.set)
    await gate.wait()


class Web:
    """Answers by path; robots.txt allows all but /private."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.requests: list[httpx.Request] = []
        self.answers: dict[str, Callable[[], httpx.Response]] = {}
        self.before: Callable[[], Awaitable[None]] | None = None
        transport = httpx.MockTransport(self.handle)
        self.fetcher = HttpFetcher(
            transport, fetch_policy(settings or quick(fetch_max_bytes=1_000))
        )

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path == "/robots.txt":
            return httpx.Response(200, text="User-agent: *\nDisallow: /private")
        if self.before is not None:
            await self.before()
        return self.answers[request.url.path]()

    def redirect(self, path: str, location: str) -> None:
        self.answers[path] = lambda: httpx.Response(302, headers={"location": location})

    def page(self, path: str, body: str = "<html>a story", **headers: str) -> None:
        self.answers[path] = lambda: httpx.Response(200, headers=HTML | headers, text=body)

    async def failure(self, path: str) -> StepError:
        with pytest.raises(StepError) as caught:
            await self.fetcher.page(f"http://news.example{path}")
        return caught.value

    @property
    def paths(self) -> list[str]:
        return [request.url.path for request in self.requests]


async def test_a_page_has_its_final_url() -> None:
    web = Web()
    web.redirect("/old", "/new?id=1#part")
    web.page("/new")
    page = await web.fetcher.page("http://news.example/old")
    assert page.url == "http://news.example/new?id=1"
    assert page.body == b"<html>a story"
    assert page.content_type == "text/html; charset=utf-8"


async def test_how_we_present_ourselves() -> None:
    web = Web(quick(user_agent="reader/1.0"))
    web.page("/a")
    await web.fetcher.page("http://news.example/a")
    for request in web.requests:
        assert request.headers["user-agent"] == "reader/1.0"
        assert request.headers["accept-encoding"] == "gzip, deflate"
        assert request.headers["host"] == "news.example"


async def test_a_page_that_wants_its_cookie_back_is_reached() -> None:
    web = Web()
    web.answers["/check"] = lambda: httpx.Response(
        302, headers={"location": "/story", "set-cookie": "seen=1; Path=/; HttpOnly"}
    )

    def story() -> httpx.Response:
        if web.requests[-1].headers.get("cookie") == "seen=1":
            return httpx.Response(200, headers=HTML, text="<html>a story")
        return httpx.Response(302, headers={"location": "/check"})

    web.answers["/story"] = story
    assert (await web.fetcher.page("http://news.example/story")).body == b"<html>a story"
    assert web.paths == ["/robots.txt", "/story", "/check", "/story"]


async def test_a_thousand_cookies_are_not_sent_back() -> None:
    web = Web()
    cookies = [("set-cookie", f"c{number}={'x' * 50}") for number in range(1_000)]
    web.answers["/a"] = lambda: httpx.Response(302, headers=[("location", "/b"), *cookies])
    web.page("/b")
    await web.fetcher.page("http://news.example/a")
    assert len(web.requests[-1].headers["cookie"]) < 4_200


async def test_a_cookie_goes_to_no_other_site() -> None:
    web = Web()
    headers = {"location": "http://other.example/b", "set-cookie": "id=1; Domain=example"}
    web.answers["/a"] = lambda: httpx.Response(302, headers=headers)
    web.page("/b")
    await web.fetcher.page("http://news.example/a")
    assert "cookie" not in web.requests[-1].headers


async def test_a_refresh_leads_on_like_a_redirect() -> None:
    web = Web()
    web.page("/a", "<html>wait", refresh="0; url=/b")
    web.page("/b", '<html><meta http-equiv="refresh" content="1;URL=\'/c?x=1&amp;y=2\'">')
    web.page("/c", '<html><meta http-equiv="refresh" content="300">a story')
    page = await web.fetcher.page("http://news.example/a")
    assert page.url == "http://news.example/c?x=1&y=2"


@pytest.mark.parametrize("refresh", ["0", "0; url=/a"])
async def test_a_page_that_sets_a_cookie_and_reloads_is_reached(refresh: str) -> None:
    web = Web()

    def story() -> httpx.Response:
        if "cookie" in web.requests[-1].headers:
            return httpx.Response(200, headers=HTML, text="<html>a story")
        headers = HTML | {"set-cookie": "seen=1", "refresh": refresh}
        return httpx.Response(200, headers=headers, text="<html>wait")

    web.answers["/a"] = story
    assert (await web.fetcher.page("http://news.example/a")).body == b"<html>a story"
    web.page("/a", f'<html><meta http-equiv="refresh" content="{refresh}">a story')
    assert b"a story" in (await web.fetcher.page("http://news.example/a")).body
    assert web.paths == ["/robots.txt", "/a", "/a", "/a"]


async def test_refreshes_in_a_circle_end() -> None:
    web = Web()
    web.page("/a", "<html>wait", refresh="0; url=/b")
    web.page("/b", "<html>wait", refresh="0; url=/a")
    assert (await web.failure("/a")).reason == Reason.TOO_MANY_REDIRECTS


@pytest.mark.parametrize("location", ["http://169.254.169.254/", "/private", "file:///etc/passwd"])
async def test_a_refresh_is_checked_like_a_redirect(location: str) -> None:
    web = Web()
    web.page("/a", "<html>wait", refresh=f"0; url={location}")
    assert (await web.failure("/a")).reason in (
        Reason.BLOCKED_ADDRESS,
        Reason.ROBOTS_DENIED,
        Reason.INVALID_URL,
    )


async def test_cookies_are_not_kept() -> None:
    web = Web()
    web.page("/a", **{"set-cookie": "id=1"})
    await web.fetcher.page("http://news.example/a")
    await web.fetcher.page("http://news.example/a")
    assert not any("cookie" in request.headers for request in web.requests)


async def test_ten_redirects_are_followed_and_an_eleventh_is_not() -> None:
    web = Web()
    for number in range(11):
        web.redirect(f"/{number}", f"/{number + 1}")
    web.page("/11")
    await web.fetcher.page("http://news.example/1")
    assert (await web.failure("/0")).reason == Reason.TOO_MANY_REDIRECTS


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://169.254.169.254/latest/meta-data", Reason.BLOCKED_ADDRESS),
        ("http://0x7f.1/", Reason.BLOCKED_ADDRESS),
        ("http://[::ffff:10.0.0.1]/", Reason.BLOCKED_ADDRESS),
        ("http://news.example:6379/", Reason.BLOCKED_ADDRESS),
        ("file:///etc/passwd", Reason.INVALID_URL),
        ("http://news.example@127.0.0.1/", Reason.INVALID_URL),
        ("/private/story", Reason.ROBOTS_DENIED),
    ],
)
async def test_each_redirect_is_checked_again(location: str, reason: Reason) -> None:
    web = Web()
    web.redirect("/a", location)
    assert (await web.failure("/a")).reason == reason
    assert web.paths == ["/robots.txt", "/a"]


async def test_robots_txt_is_not_asked_for_documents() -> None:
    web = Web()
    web.page("/private/feed")
    await web.fetcher.document("http://news.example/private/feed")
    assert web.paths == ["/private/feed"]


async def test_content_that_is_no_page() -> None:
    web = Web()
    web.answers["/pdf"] = lambda: httpx.Response(
        200, headers={"content-type": "application/pdf"}, content=b"%PDF"
    )
    web.answers["/untyped"] = lambda: httpx.Response(200, content=b"%PDF")
    assert (await web.failure("/pdf")).reason == Reason.UNSUPPORTED_CONTENT
    assert (await web.failure("/untyped")).reason == Reason.UNSUPPORTED_CONTENT


async def test_a_body_that_announces_too_much_is_not_read() -> None:
    web = Web()
    web.page("/big", "x" * 1_001)
    failure = await web.failure("/big")
    assert isinstance(failure, PermanentFailure)
    assert failure.reason == Reason.TOO_LARGE


async def test_a_refusal_keeps_the_retry_after_of_the_site() -> None:
    web = Web()
    web.answers["/busy"] = lambda: httpx.Response(429, headers={"retry-after": "12"})
    failure = await web.failure("/busy")
    assert isinstance(failure, TransientFailure)
    assert failure.retry_after == 12.0


async def test_the_deadline_covers_all_redirects_together() -> None:
    web = Web(quick(fetch_timeout=0.1))
    web.redirect("/a", "/a")
    web.before = slow
    assert (await web.failure("/a")).reason == Reason.TIMED_OUT


async def test_waiting_for_our_own_limits_does_not_count() -> None:
    web = Web(quick(fetch_timeout=0.4, fetch_concurrency_per_host=1))
    web.page("/a")
    web.before = slow
    pages = await asyncio.gather(*(web.fetcher.page("http://news.example/a") for _ in range(20)))
    assert len(pages) == 20


async def test_two_hosts_that_redirect_to_each_other_do_not_block_each_other() -> None:
    web = Web(quick(fetch_timeout=1.0, fetch_concurrency_per_host=1, fetch_concurrency=2))
    web.redirect("/a", "http://b.example/b")
    web.redirect("/b", "http://a.example/c")
    web.page("/c")
    urls = ["http://a.example/a", "http://b.example/b"] * 5
    pages = await asyncio.gather(*(web.fetcher.page(url) for url in urls))
    assert {page.url for page in pages} == {"http://a.example/c"}
