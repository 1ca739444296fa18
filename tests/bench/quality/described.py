"""The shared news pages in English, with what they say of themselves."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from functools import lru_cache
from html.parser import HTMLParser

from msgspec import Struct

from nlp.article import Article
from nlp.extraction.extract import extract
from nlp.text.language import language_of
from tests.bench.shared_data import news_pages

_DESCRIPTIONS = frozenset({"description", "og:description", "twitter:description"})
_KEYWORDS = frozenset({"article:tag", "keywords", "news_keywords", "parsely-tags"})


class Described(Struct, frozen=True, kw_only=True):
    """One page: what we read in it, and what it says of itself."""

    title: str
    text: str
    language: str | None
    description: str
    """The longest of its descriptions; empty where it has none."""
    keywords: tuple[str, ...]


@lru_cache(maxsize=1)
def described_pages() -> tuple[Described, ...]:
    """The pages in English that are articles; none where the collection is not there."""
    return tuple(_described())


def _described() -> Iterator[Described]:
    for one in news_pages():
        read = extract(one.page, 0)
        if isinstance(read, Article) and language_of(read.text) == "en":
            yield _with_metadata(read, one.page.body)


def _with_metadata(read: Article, body: bytes) -> Described:
    parser = _MetaElements()
    parser.feed(body.decode("utf-8", "replace"))
    descriptions = [said for key, said in parser.said if key in _DESCRIPTIONS]
    keywords = [said for key, said in parser.said if key in _KEYWORDS]
    return Described(
        title=read.title,
        text=read.text,
        language="en",
        description=max(descriptions, key=len, default=""),
        keywords=tuple(one.strip() for said in keywords for one in re.split("[,;]", said)),
    )


class _MetaElements(HTMLParser):
    """The names of a page's meta elements, in small letters, with what they hold."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "meta":
            told = dict(attrs)
            key = told.get("name") or told.get("property") or ""
            self.said.append((key.lower(), html.unescape(told.get("content") or "").strip()))
