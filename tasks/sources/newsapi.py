"""NewsAPI's `everything`: news and blogs of the last month or more, by plan. Needs a key.

Its manual: https://newsapi.org/docs/endpoints/everything.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from tasks.ports import Fetcher, Findings
from tasks.sources.base import (
    KeyedService,
    candidates_of,
    malformed_answer,
    parse_json_answer,
    phrase,
    search_url,
    service_error,
    valid_records,
)

MAX_RECORDS = 100

_TRANSIENT_CODES = frozenset({"rateLimited", "unexpectedError"})
"""Codes of errors that may pass."""

_REMOVED = "https://removed.com"
"""The address of articles that a publisher has withdrawn."""


class _Article(Struct, frozen=True, kw_only=True):
    url: str
    title: str | None = None


class _Response(Struct, frozen=True, kw_only=True):
    status: str
    articles: tuple[Any, ...] = ()
    code: str = ""
    message: Any = None


class NewsApiSource:
    """Searches NewsAPI for the topic as a phrase, best first."""

    name = "newsapi"

    def __init__(self, fetcher: Fetcher, url: str, key: str) -> None:
        self._service = KeyedService(fetcher, header="X-Api-Key", key=key, setting="NEWSAPI_KEY")
        self._url = url

    async def find(self, topic: str, limit: int) -> Findings:
        parameters = {
            "q": phrase(topic),
            "sortBy": "relevancy",
            "pageSize": str(min(limit, MAX_RECORDS)),
        }
        page = await self._service.document(search_url(self._url, parameters))
        response = parse_json_answer(page, _Response, "NewsAPI")
        if response.status == "error":
            raise service_error(
                "NewsAPI", response.message, transient=response.code in _TRANSIENT_CODES
            )
        if response.status != "ok":
            raise malformed_answer("NewsAPI")
        articles = valid_records(response.articles, _Article)
        links = (
            (article.url, article.title)
            for article in articles
            if not article.url.startswith(_REMOVED)
        )
        return candidates_of(self.name, links, limit)
