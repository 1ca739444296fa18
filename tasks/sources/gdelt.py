"""GDELT's DOC 2.0 search: news of the last three months from all over the world.

Its manual: https://blog.gdeltproject.org/gdelt-doc-2-0-api-debuts/. It asks for at most one request
in five seconds, and reports errors in plain text with status 200.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from tasks.ports import Fetcher, Findings
from tasks.sources.base import candidates_of, parse_json_answer, phrase, search_url, valid_records

MAX_RECORDS = 250
SECONDS_BETWEEN_REQUESTS = 5.0


class _Article(Struct, frozen=True, kw_only=True):
    url: str
    title: str | None = None


class _Response(Struct, frozen=True, kw_only=True):
    articles: tuple[Any, ...] = ()
    """Missing where there are no results."""


class GdeltSource:
    """Searches GDELT for the topic as a phrase, best first."""

    name = "gdelt"

    def __init__(self, fetcher: Fetcher, url: str) -> None:
        self._fetcher = fetcher
        self._url = url

    async def find(self, topic: str, limit: int) -> Findings:
        parameters = {
            "query": phrase(topic),
            "mode": "artlist",
            "format": "json",
            "maxrecords": str(min(limit, MAX_RECORDS)),
            "sort": "hybridrel",
        }
        page = await self._fetcher.document(
            search_url(self._url, parameters), interval=SECONDS_BETWEEN_REQUESTS
        )
        response = parse_json_answer(page, _Response, "GDELT", retry_after=SECONDS_BETWEEN_REQUESTS)
        articles = valid_records(response.articles, _Article)
        links = ((article.url, article.title) for article in articles)
        return candidates_of(self.name, links, limit)
