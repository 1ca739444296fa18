"""Where a response sends its reader."""

from __future__ import annotations

import httpx
import pytest

from nlp.article import Page
from tasks.fetch.redirects import BARE_PAGE_BYTES, meta_refresh, redirect_location, refresh_target

URL = "http://news.example/a?b=1"


def test_only_redirects_lead_elsewhere() -> None:
    headers = httpx.Headers({"location": "/there"})
    for status in (301, 302, 303, 307, 308):
        assert redirect_location(status, headers, URL) == "/there"
        assert redirect_location(status, httpx.Headers(), URL) is None
    for status in (200, 201, 300, 304, 404):
        assert redirect_location(status, headers, URL) is None


def test_of_two_locations_the_first_counts() -> None:
    headers = httpx.Headers([("location", "/a,b"), ("location", "/c")])
    assert redirect_location(302, headers, URL) == "/a,b"


def test_a_refresh_of_an_error_leads_nowhere() -> None:
    headers = httpx.Headers({"refresh": "0; url=/there"})
    assert redirect_location(200, headers, URL) == "/there"
    assert redirect_location(404, headers, URL) is None


@pytest.mark.parametrize(
    ("value", "target"),
    [
        ("0;url=/there", "/there"),
        ("0; URL=/there", "/there"),
        (" 3 ; url = '/there' ", "/there"),
        ('0;url="/there?a=1;b=2"rest', "/there?a=1;b=2"),
        ("1,/there", "/there"),
        ("0;https://other.example/x", "https://other.example/x"),
        ("0.5; url=/there", "/there"),
        ("5", None),
        ("0; url=", None),
        ("0; url=/a?b=1#part", None),  # the same page
        ("300; url=/there", None),
        ("-1; url=/there", None),
        ("soon; url=/there", None),
        ("", None),
        ("0;url=/" + "x" * 10_000, None),
        ("0" * 1_000_000, None),
    ],
)
def test_the_target_of_a_refresh(value: str, target: str | None) -> None:
    assert refresh_target(value, URL) == target


@pytest.mark.parametrize(
    ("markup", "target"),
    [
        ('<meta http-equiv="refresh" content="0;url=/there">', "/there"),
        ("<META CONTENT='0;URL=/there' HTTP-EQUIV=Refresh>", "/there"),
        ('<noscript><meta http-equiv="refresh" content="0;url=/there"></noscript>', "/there"),
        ('<!-- <meta http-equiv="refresh" content="0;url=/there"> -->', None),
        ('<script>\'<meta http-equiv="refresh" content="0;url=/there">\'</script>', None),
        ('<meta name="refresh" content="0;url=/there">', None),
        ('<meta http-equiv="refresh">', None),
        ("<!--" * 4_000, None),
        ("<noscript>" * 1_600, None),
        ("<meta " * 2_600, None),
    ],
)
def test_the_target_of_a_meta_element(markup: str, target: str | None) -> None:
    assert meta_refresh(Page(url=URL, body=markup.encode())) == target


def test_an_article_for_readers_with_scripts_is_not_left() -> None:
    element = b'<noscript><meta http-equiv="refresh" content="0;url=/no-script"></noscript>'
    page = Page(url=URL, body=element + b"a story " * BARE_PAGE_BYTES)
    assert meta_refresh(page) is None
