"""HTTP as servers speak it: an answer that browsers show is fetched, over a real socket."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator

import brotli
import pytest

from nlp.article import Page
from tasks.composition import fetch_policy
from tasks.fetch.fetcher import build_fetcher
from tasks.settings import Settings
from tests.integration.raw_site import OK, STORY, Site, redirect, serving, sized

LOCAL = Settings(
    allow_private_addresses=True,
    fetch_timeout=20,
    fetch_max_bytes=1_000_000,
    fetch_delay_per_host=0.0,
)
RSS = b"<?xml version='1.0'?><rss version='2.0'><channel><title>t</title></channel></rss>"


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving() as site:
        yield site


async def page(site: Site, path: str = "/a") -> Page:
    fetcher = build_fetcher(fetch_policy(LOCAL))
    try:
        return await fetcher.page(site.url(path))
    finally:
        await fetcher.aclose()


async def document(site: Site) -> Page:
    fetcher = build_fetcher(fetch_policy(LOCAL))
    try:
        return await fetcher.document(site.url("/a"))
    finally:
        await fetcher.aclose()


@pytest.mark.parametrize(
    "line",
    [
        b"PHP Notice: Undefined index in /var/www/x.php on line 3",
        b"Warning: Cannot modify header information - headers already sent",
        b"x odd : value",
        b"no colon",
        b"x-control: a\x01b",
    ],
)
async def test_an_odd_header_line_is_passed_over(site: Site, line: bytes) -> None:
    site.answers["/a"] = OK.replace(b"200 OK\r\n", b"200 OK\r\n" + line + b"\r\n") + b"\r\n" + STORY
    assert (await page(site)).body == STORY


async def test_the_connection_is_kept_after_an_odd_header(site: Site) -> None:
    site.answers["/robots.txt"] = sized(b"", b"odd line", b"x-\x02: y")
    site.answers["/a"] = sized(STORY, b"odd line")
    assert (await page(site)).body == STORY
    assert site.connections == 1


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"gzip", gzip.compress(STORY[:20]) + gzip.compress(STORY[20:])),
        (b"x-gzip", gzip.compress(STORY) + b"trailing junk"),
        (b"gzip", STORY),
        (b"gzip, identity", gzip.compress(STORY)),
        (b"GZIP", gzip.compress(STORY)),
        (b"gzip, gzip", gzip.compress(STORY)),
        (b"gzip", gzip.compress(STORY)[:-8]),  # without its trailer
        (b"br", brotli.compress(STORY)),
        (b"deflate", zlib.compress(STORY)),
        (b"deflate", zlib.compress(STORY)[2:-4]),
        (b"none", STORY),
        (b"utf-8", STORY),
        (b"identity, identity", STORY),
    ],
)
async def test_a_body_is_decompressed_whatever_its_label(
    site: Site, coding: bytes, body: bytes
) -> None:
    site.answers["/a"] = sized(body, b"content-encoding: " + coding)
    assert (await page(site)).body == STORY


@pytest.mark.parametrize(
    "content_type",
    [
        b"text/html, text/html; charset=utf-8",
        b"text/html\r\ncontent-type: text/html; charset=utf-8",
        b"application/octet-stream",
        b"text/plain",
        b"html",
        b"*/*",
        b"",
    ],
)
async def test_a_page_is_recognised_whatever_its_label(site: Site, content_type: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: " + content_type + b"\r\n\r\n"
    site.answers["/a"] = head + STORY
    assert (await page(site)).body == STORY


@pytest.mark.parametrize(
    "content_type", [b"application/octet-stream", b"application/x-rss", b"rss", b"text/html"]
)
async def test_a_feed_is_recognised_whatever_its_label(site: Site, content_type: bytes) -> None:
    site.answers["/a"] = b"HTTP/1.1 200 OK\r\ncontent-type: " + content_type + b"\r\n\r\n" + RSS
    assert (await document(site)).body == RSS


async def test_ten_redirects_and_a_refresh_of_each_form_lead_to_the_page(site: Site) -> None:
    site.answers["/a"] = sized(b"wait", b"refresh: 0; url=/b")
    site.answers["/b"] = sized(b"<html><meta http-equiv=refresh content='0;url=/1'>")
    for number in range(1, 9):
        site.answers[f"/{number}"] = redirect(f"/{number + 1}")
    site.answers["/9"] = sized(STORY)
    assert (await page(site)).url == site.url("/9")


async def test_a_body_in_chunks_of_one_byte_is_read(site: Site) -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in STORY * 50)
    head = OK + b"transfer-encoding: chunked\r\n\r\n"
    site.answers["/a"] = head + chunks + b"0\r\n\r\n"
    assert (await page(site)).body == STORY * 50
