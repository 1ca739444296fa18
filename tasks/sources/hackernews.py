"""Hacker News through Algolia's search: the links that its readers submitted.

Its manual: https://hn.algolia.com/api.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from tasks.ports import Fetcher, Findings
from tasks.sources.base import (
    candidates_of,
    first_recent_day,
    parse_json_answer,
    search_url,
    service_error,
    valid_records,
)

MAX_RECORDS = 1_000
"""Of one page, and of one search; Algolia returns no more."""


class _Hit(Struct, frozen=True, kw_only=True):
    url: str
    """Missing in questions to the readers, which are no articles."""
    title: str | None = None


class _Response(Struct, frozen=True, kw_only=True):
    hits: tuple[Any, ...] | msgspec.UnsetType = msgspec.UNSET
    message: Any = None
    """The error that Algolia sends instead of hits."""


class HackerNewsSource:
    """Searches recent stories with a link, in the order of Algolia's ranking."""

    name = "hackernews"

    def __init__(
        self, fetcher: Fetcher, url: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._fetcher = fetcher
        self._url = url
        self._clock = clock

    async def find(self, topic: str, limit: int) -> Findings:
        since = first_recent_day(self._clock()) * 86_400
        parameters = {
            "query": topic,
            "tags": "story",
            "hitsPerPage": str(min(limit, MAX_RECORDS)),
            "numericFilters": f"created_at_i>={since}",
        }
        page = await self._fetcher.document(search_url(self._url, parameters))
        response = parse_json_answer(page, _Response, "Hacker News")
        if response.hits is msgspec.UNSET:
            raise service_error("Hacker News", response.message, transient=False)
        hits = valid_records(response.hits, _Hit)
        return candidates_of(self.name, ((hit.url, hit.title) for hit in hits), limit)
