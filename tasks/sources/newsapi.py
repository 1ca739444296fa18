"""NewsAPI's `everything`: news and blogs of the last month or more, by plan. Needs a key.

Its manual: https://newsapi.org/docs/endpoints/everything.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from tasks.jobs.outcome import Candidate
from tasks.ports import Fetcher
from tasks.sources.base import (
    KeyedService,
    broken_promise,
    candidates_of,
    complaint,
    fitting,
    json_answer,
    phrase,
    search_url,
)

MAX_RECORDS = 100

_PASSING = frozenset({"rateLimited", "unexpectedError"})
"""Codes of mistakes that are not ours."""

_REMOVED = "https://removed.com"
"""The address of what a publisher has taken back."""


class _Article(Struct, frozen=True, kw_only=True):
    url: str
    title: str | None = None


class _Answer(Struct, frozen=True, kw_only=True):
    status: str
    articles: tuple[Any, ...] = ()
    code: str = ""
    message: Any = None


class NewsApiSource:
    """Asks NewsAPI for the topic as a phrase, best first."""

    name = "newsapi"

    def __init__(self, fetcher: Fetcher, url: str, key: str) -> None:
        self._service = KeyedService(fetcher, header="X-Api-Key", key=key, setting="NEWSAPI_KEY")
        self._url = url

    async def find(self, topic: str, limit: int) -> list[Candidate]:
        parameters = {
            "q": phrase(topic),
            "sortBy": "relevancy",
            "pageSize": str(min(limit, MAX_RECORDS)),
        }
        page = await self._service.document(search_url(self._url, parameters))
        answer = json_answer(page, _Answer, "NewsAPI")
        if answer.status == "error":
            raise complaint("NewsAPI", answer.message, passing=answer.code in _PASSING)
        if answer.status != "ok":
            raise broken_promise("NewsAPI")
        articles = fitting(answer.articles, _Article)
        named = ((one.url, one.title) for one in articles if not one.url.startswith(_REMOVED))
        return candidates_of(self.name, named, limit)
