"""The collections that quality and speed are measured on, where they stand beside the project."""

from __future__ import annotations

import gzip
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from nlp.article import Page
from nlp.urls import registrable_domain

SHARED = Path(__file__).parents[3] / "shared" / "data"
CRANFIELD = SHARED / "cranfield"
EVENTS = SHARED / "events"
NEWS_PAGES = SHARED / "article-extraction"
READER_PAGES = SHARED / "reader-pages"


class NewsPage(Struct, frozen=True, kw_only=True):
    """A real page, and what people said that its article is."""

    page: Page
    text: str
    site: str
    """A name for its site, the same in both collections."""
    title: str | None = None
    byline: str | None = None
    """As a reader view should show them; only of the pages of every sort."""


@lru_cache(maxsize=1)
def news_pages() -> tuple[NewsPage, ...]:
    """By their ids; none where the collection is not there."""
    if not NEWS_PAGES.is_dir():
        return ()
    marked: dict[str, Any] = msgspec.json.decode((NEWS_PAGES / "ground-truth.json").read_bytes())
    return tuple(_news_page(name, one) for name, one in sorted(marked.items()))


def _news_page(name: str, marked: dict[str, Any]) -> NewsPage:
    body = gzip.decompress((NEWS_PAGES / "html" / f"{name}.html.gz").read_bytes())
    url = marked["url"]
    site = registrable_domain(url).split(".")[0]
    return NewsPage(page=Page(url=url, body=body), text=marked["articleBody"], site=site)


@lru_cache(maxsize=1)
def reader_pages() -> tuple[NewsPage, ...]:
    """Pages of every sort, by their names; none where the collection is not there."""
    if not READER_PAGES.is_dir():
        return ()
    expected: dict[str, Any] = msgspec.json.decode((READER_PAGES / "expected.json").read_bytes())
    return tuple(_reader_page(name, page) for name, page in sorted(expected.items()))


def _reader_page(name: str, expected: dict[str, Any]) -> NewsPage:
    body = gzip.decompress((READER_PAGES / "html" / f"{name}.html.gz").read_bytes())
    text = expected["articleBody"]
    return NewsPage(
        page=Page(url=f"https://{name}.example/page", body=body),
        text=text,
        site="made up" if "Lorem ipsum" in text else name.split("-")[0],
        title=expected["title"],
        byline=expected["byline"],
    )
