"""Analyses that any job may use again: what a page was read as, and what is known of a text.

A page is known by its address and its bytes, a text by its words; both by the version of the
pipeline too, and a text by the model that embeds. So a page that changed around its article is read
anew, and its text is not studied again.
"""

from __future__ import annotations

import hashlib
from typing import TypeVar

import msgspec

from nlp.analysis import Details, Impression, ReadReport, Rejection
from nlp.article import Article, Page
from nlp.minilm import WEIGHTS_SHA256
from nlp.version import pipeline_version
from tasks.ports import Cache
from tasks.settings import Settings

T = TypeVar("T")


class Analyses:
    """What is known from before."""

    def __init__(self, cache: Cache, settings: Settings) -> None:
        self._cache = cache
        self._ttl = float(settings.analysis_cache_ttl)
        self._least = settings.min_word_count
        model = settings.embedding_model or WEIGHTS_SHA256
        self._model = f"{model}/{settings.embedder}"

    async def reading(self, page: Page) -> Article | Rejection | None:
        """What the page was read as; None if it was not."""
        report = _decoded(await self._cache.get(self._page_key(page)), ReadReport)
        return report.outcome if report else None

    async def keep_reading(self, page: Page, outcome: Article | Rejection) -> None:
        await self._keep(self._page_key(page), ReadReport(outcome=outcome))

    async def of_text(self, article: Article) -> tuple[Impression | None, Details | None]:
        """What is known of the article's text."""
        impression, details = await self._cache.get_many(
            [self._text_key("impression", article), self._text_key("details", article)]
        )
        return _decoded(impression, Impression), _decoded(details, Details)

    async def keep_impression(self, article: Article, impression: Impression) -> None:
        await self._keep(self._text_key("impression", article), impression)

    async def keep_details(self, article: Article, details: Details) -> None:
        await self._keep(self._text_key("details", article), details)

    async def _keep(self, key: str, value: object) -> None:
        await self._cache.put(key, msgspec.msgpack.encode(value), self._ttl)

    def _page_key(self, page: Page) -> str:
        body = hashlib.sha256(page.body).hexdigest()
        return self._key("page", page.url, page.content_type or "", body)

    def _text_key(self, what: str, article: Article) -> str:
        language = article.language or ""
        return self._key(what, self._model, language, article.title, article.text)

    def _key(self, *parts: str) -> str:
        whole = "\0".join((pipeline_version(), str(self._least), *parts))
        return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()


def _decoded(value: bytes | None, kind: type[T]) -> T | None:
    """None too where the bytes are none of ours: a cache is no truth."""
    if value is None:
        return None
    try:
        return msgspec.msgpack.decode(value, type=kind)
    except msgspec.DecodeError:
        return None
