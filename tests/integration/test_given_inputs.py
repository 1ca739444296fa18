"""Inputs that came out wrong once, of the kinds that reach us before an article is extracted.

They stand beside the project, each with the right value; each kind has tests with inputs of its own
here too. Where they are not there, these tests are skipped.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nlp.article import Article, Page
from nlp.extraction.charset import decode
from nlp.extraction.extract import extract
from nlp.feeds.feed import FeedReport, FeedRequest
from nlp.feeds.reader import read_feed
from nlp.urls import canonical_url
from tasks.composition import fetch_policy
from tasks.fetch.fetcher import build_fetcher
from tasks.fetch.robots_rules import parse_rules, product_token
from tasks.settings import Settings
from tests.integration.raw_site import Site, redirect, serving

CASES = Path(__file__).parents[3] / "shared" / "cases"
LOCAL = Settings(allow_private_addresses=True, fetch_timeout=20, fetch_delay_per_host=0.0)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"


def cases(prefix: str) -> list[Any]:
    """The folders of one kind; one that is skipped where there are none."""
    folders = sorted(CASES.glob(f"{prefix}-*"))
    if not folders:
        skipped = pytest.mark.skip(reason=f"there are no given inputs in {CASES}")
        return [pytest.param(CASES, marks=skipped, id=prefix)]
    return [pytest.param(folder, id=folder.name) for folder in folders]


def case_of(folder: Path) -> tuple[dict[str, Any], bytes]:
    """What is expected, and the input."""
    case: dict[str, Any] = msgspec.json.decode((folder / "case.json").read_bytes())
    name = case.get("input") or ("robots.txt" if folder.name.startswith("robots") else None)
    files = [file for file in folder.iterdir() if file.name != "case.json"]
    return case, (folder / name if name else files[0]).read_bytes()


@pytest.mark.parametrize("folder", cases("charset"))
def test_a_charset(folder: Path) -> None:
    case, body = case_of(folder)
    assert case["expected"] in decode(body, case["content_type"])


@pytest.mark.parametrize("folder", cases("url"))
def test_an_address(folder: Path) -> None:
    case, body = case_of(folder)
    assert canonical_url(body.decode()) == case["expected"]


@pytest.mark.parametrize("folder", cases("robots"))
def test_a_robots_txt(folder: Path) -> None:
    case, body = case_of(folder)
    rules = parse_rules(body, product_token(case["user_agent"]))
    path = "/" + case["url"].split("/", 3)[3]
    assert rules.allows(path) is (case["expected"] == "allowed")


def values_of(report: FeedReport) -> set[object]:
    """What a reader sees of the first entry, or of the list."""
    values: set[object] = {report.feed_urls}
    for entry in report.entries[:1]:
        values |= {entry.url, entry.title}
        if entry.published is not None:
            moment = dt.datetime.fromtimestamp(entry.published, dt.UTC)
            values.add(moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
    return values


@pytest.mark.parametrize("folder", [*cases("feed"), *cases("opml")])
async def test_a_feed(folder: Path, site: Site) -> None:
    case, body = case_of(folder)
    if body.startswith(b"HTTP/"):
        site.answers["/a"] = body
        page = await fetched(site, "/a", is_page=False)
        assert len(read_feed(FeedRequest(page=page)).entries) == int(case["expected"].split()[0])
        return
    url = case.get("feed_url", "https://www.example.org/feed")
    expected = case["expected"]
    values = values_of(read_feed(FeedRequest(page=Page(url=url, body=body))))
    assert (tuple(expected) if isinstance(expected, list) else expected) in values


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving() as site:
        yield site


async def fetched(site: Site, path: str, *, is_page: bool = True) -> Page:
    fetcher = build_fetcher(fetch_policy(LOCAL))
    try:
        get = fetcher.page if is_page else fetcher.document
        return await get(site.url(path))
    finally:
        await fetcher.aclose()


@pytest.mark.parametrize("folder", cases("http"))
async def test_an_answer_over_http(folder: Path, site: Site) -> None:
    case, answer = case_of(folder)
    words = int(case["expected"].split()[2])
    story = (
        OK
        + (CASES / "http-content-encoding-none" / "answer.http")
        .read_bytes()
        .split(b"\r\n\r\n", 1)[1]
    )
    for number in range(2, 6):
        site.answers[f"/hop{number}"] = redirect(f"/hop{number - 1}")
    site.answers |= {"/hop1": redirect("/target"), "/target": story}
    path = case.get("note", "answers at /a;").split("answers at ")[1].split(";")[0]
    site.answers[path] = answer
    if path == "/cookie":
        check = b"HTTP/1.1 302 Found\r\nSet-Cookie: seen=1; Path=/\r\nLocation: /cookie\r\n\r\n"
        site.answers["/cookie-check?url=%2Fcookie"] = check
        site.with_cookie[path] = story
    page = await fetched(site, path)
    article = extract(page, 100)
    assert isinstance(article, Article)
    assert abs(article.word_count - words) <= 10
