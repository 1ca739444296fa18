"""The collections that quality and speed are measured on, where they stand beside the project."""

from __future__ import annotations

import gzip
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from nlp.article import Page

SHARED = Path(__file__).parents[3] / "shared" / "data"
CRANFIELD = SHARED / "cranfield"
EVENTS = SHARED / "events"
NEWS_PAGES = SHARED / "article-extraction"


class NewsPage(Struct, frozen=True, kw_only=True):
    """A real page, and what people said that its article is."""

    page: Page
    text: str


@lru_cache(maxsize=1)
def news_pages() -> tuple[NewsPage, ...]:
    """By their ids; none where the collection is not there."""
    if not NEWS_PAGES.is_dir():
        return ()
    marked: dict[str, Any] = msgspec.json.decode((NEWS_PAGES / "ground-truth.json").read_bytes())
    return tuple(_news_page(name, one) for name, one in sorted(marked.items()))


def _news_page(name: str, marked: dict[str, Any]) -> NewsPage:
    body = gzip.decompress((NEWS_PAGES / "html" / f"{name}.html.gz").read_bytes())
    return NewsPage(page=Page(url=marked["url"], body=body), text=marked["articleBody"])
