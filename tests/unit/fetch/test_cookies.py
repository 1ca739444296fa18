"""Cookies within one fetch go back to the site that set them, and nowhere else."""

from __future__ import annotations

import httpx
import pytest

from tasks.fetch.cookies import MAX_COOKIES, CookieJar

SITE = httpx.URL("http://www.news.example/a")


def sent(header: str, to: str, of: httpx.URL = SITE) -> str:
    jar = CookieJar()
    jar.store(of, [header])
    return jar.header_for(httpx.URL(to))


@pytest.mark.parametrize(
    ("header", "to", "cookie"),
    [
        ("a=1", "http://www.news.example/b", "a=1"),
        ("a=1; Path=/x; HttpOnly; SameSite=Lax", "http://www.news.example/b", "a=1"),
        ("a=1", "http://sub.www.news.example/", ""),
        ("a=1; Domain=news.example", "http://news.example/", "a=1"),
        ("a=1; domain=.news.example", "http://other.news.example/", "a=1"),
        ("a=1; Domain=www.news.example", "http://sub.www.news.example/", "a=1"),
        ("a=1; Domain=ews.example", "http://www.news.example/", ""),
        ("a=1; Domain=other.example", "http://other.example/", ""),
        ("a=1; Domain=example", "http://other.example/", ""),
        ("a=1; Secure", "http://www.news.example/", ""),
        ("a=1; Secure", "https://www.news.example/", "a=1"),
        ('a="1 2"', "http://www.news.example/", 'a="1 2"'),
        ("a=", "http://www.news.example/", "a="),
        ("no cookie", "http://www.news.example/", ""),
        ("=1", "http://www.news.example/", ""),
        ("a=é", "http://www.news.example/", "a="),
        ("a=" + "x" * 5_000, "http://www.news.example/", ""),
    ],
)
def test_where_a_cookie_is_sent(header: str, to: str, cookie: str) -> None:
    assert sent(header, to) == cookie


def test_a_public_suffix_cannot_be_set_for() -> None:
    of = httpx.URL("http://www.bbc.co.uk/")
    assert sent("a=1; Domain=co.uk", "http://other.co.uk/", of) == ""
    assert sent("a=1; Domain=bbc.co.uk", "http://news.bbc.co.uk/", of) == "a=1"


@pytest.mark.parametrize(
    "end",
    [
        "Max-Age=0",
        "max-age=-1",
        "expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "Expires=Thu, 01-Jan-70 00:00:01 GMT",
    ],
)
def test_a_cookie_can_be_replaced_and_deleted(end: str) -> None:
    jar = CookieJar()
    jar.store(SITE, ["a=1", "b=2", "a=3"])
    assert jar.header_for(SITE) == "a=3; b=2"
    jar.store(SITE, [f"a=; {end}"])
    assert jar.header_for(SITE) == "b=2"


def test_cookies_are_bounded() -> None:
    jar = CookieJar()
    for batch in range(5):
        jar.store(SITE, [f"c{batch}_{number}=1" for number in range(1_000)])
    assert len(jar.header_for(SITE).split("; ")) == MAX_COOKIES
