"""The English news pages of the shared data, with their own descriptions and keywords."""

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
    """One page: the article that we extract, and the description and keywords that it declares."""

    title: str
    text: str
    language: str | None
    description: str
    """The longest of its descriptions; empty where it has none."""
    keywords: tuple[str, ...]


@lru_cache(maxsize=1)
def described_pages() -> tuple[Described, ...]:
    """The English pages that are articles; none where the collection is missing."""
    return tuple(_described())


def _described() -> Iterator[Described]:
    for news_page in news_pages():
        article = extract(news_page.page, 0)
        if isinstance(article, Article) and language_of(article.text) == "en":
            yield _with_metadata(article, news_page.page.body)


def _with_metadata(article: Article, body: bytes) -> Described:
    parser = _MetaElements()
    parser.feed(body.decode("utf-8", "replace"))
    descriptions = [content for name, content in parser.metas if name in _DESCRIPTIONS]
    keywords = [content for name, content in parser.metas if name in _KEYWORDS]
    return Described(
        title=article.title,
        text=article.text,
        language="en",
        description=max(descriptions, key=len, default=""),
        keywords=tuple(part.strip() for content in keywords for part in re.split("[,;]", content)),
    )


class _MetaElements(HTMLParser):
    """The meta elements of a page: lower-case name and content."""

    def __init__(self) -> None:
        super().__init__()
        self.metas: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "meta":
            attributes = dict(attrs)
            name = attributes.get("name") or attributes.get("property") or ""
            content = html.unescape(attributes.get("content") or "").strip()
            self.metas.append((name.lower(), content))
