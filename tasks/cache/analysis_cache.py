"""Analyses that any job may use again: the reading of a page, and what is known of a text.

A page is identified by its address and its bytes, a text by its words; both also by the version of
the pipeline, and a text by the embedding model. So a page that changed around its article is read
again, and its text is not studied again.
"""

from __future__ import annotations

import hashlib
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from nlp.analysis import Details, Impression, ReadReport, Rejection
from nlp.article import Article, Page
from nlp.version import pipeline_version
from tasks.ports import Cache

T = TypeVar("T")


class Known(Struct, Generic[T], frozen=True, array_like=True):
    """Something that was cached, and what it once cost."""

    value: T
    engine_seconds: float
    """Processor time of the engine."""


class AnalysisCache:
    """Readings, impressions and details of earlier jobs."""

    def __init__(self, cache: Cache, *, ttl: float, model: str) -> None:
        """`model` names everything that changes an embedding."""
        self._cache = cache
        self._ttl = ttl
        self._model = model

    async def reading(self, page: Page, min_word_count: int) -> Known[ReadReport] | None:
        """The reading of the page, for this `min_word_count`; None if there is none.

        It has no stages.
        """
        value = await self._cache.get(self._page_key(page, min_word_count))
        return _decoded(value, Known[ReadReport])

    async def keep_reading(
        self, page: Page, min_word_count: int, outcome: Article | Rejection, engine_seconds: float
    ) -> None:
        known = Known(ReadReport(outcome=outcome), engine_seconds)
        await self._keep(self._page_key(page, min_word_count), known)

    async def of_text(
        self, article: Article
    ) -> tuple[Known[Impression] | None, Known[Details] | None]:
        """The impression and the details of the article's text, where there are any."""
        impression, details = await self._cache.get_many(
            [self._text_key("impression", article), self._text_key("details", article)]
        )
        return _decoded(impression, Known[Impression]), _decoded(details, Known[Details])

    async def keep_impression(
        self, article: Article, impression: Impression, engine_seconds: float
    ) -> None:
        known = Known(impression, engine_seconds)
        await self._keep(self._text_key("impression", article), known)

    async def keep_details(self, article: Article, details: Details, engine_seconds: float) -> None:
        await self._keep(self._text_key("details", article), Known(details, engine_seconds))

    async def _keep(self, key: str, value: object) -> None:
        await self._cache.put(key, msgspec.msgpack.encode(value), self._ttl)

    def _page_key(self, page: Page, min_word_count: int) -> str:
        body = hashlib.sha256(page.body).hexdigest()
        return self._key("page", str(min_word_count), page.url, page.content_type or "", body)

    def _text_key(self, category: str, article: Article) -> str:
        language = article.language or ""
        return self._key(category, self._model, language, article.title, article.text)

    def _key(self, *parts: str) -> str:
        joined = "\0".join((pipeline_version(), *parts))
        return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()


def _decoded(value: bytes | None, type_: type[T]) -> T | None:
    """None also for bytes in another format: a cache is not trusted."""
    if value is None:
        return None
    try:
        return msgspec.msgpack.decode(value, type=type_)
    except msgspec.DecodeError:
        return None
