"""Hacker News by Algolia's search: what its readers thought worth a link.

Its manual: https://hn.algolia.com/api.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from tasks.jobs.outcome import Candidate
from tasks.ports import Fetcher
from tasks.sources.base import (
    candidates_of,
    complaint,
    first_recent_day,
    fitting,
    json_answer,
    search_url,
)

MAX_RECORDS = 1_000
"""Of one page, and of one search; Algolia brings no more."""


class _Hit(Struct, frozen=True, kw_only=True):
    url: str
    """A question to the readers has none, and is no article."""
    title: str | None = None


class _Answer(Struct, frozen=True, kw_only=True):
    hits: tuple[Any, ...] | msgspec.UnsetType = msgspec.UNSET
    message: Any = None
    """What Algolia says instead of hits."""


class HackerNewsSource:
    """Asks for recent stories with a link, best first as Algolia sees it."""

    name = "hackernews"

    def __init__(
        self, fetcher: Fetcher, url: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._fetcher = fetcher
        self._url = url
        self._clock = clock

    async def find(self, topic: str, limit: int) -> list[Candidate]:
        since = first_recent_day(self._clock()) * 86_400
        parameters = {
            "query": topic,
            "tags": "story",
            "hitsPerPage": str(min(limit, MAX_RECORDS)),
            "numericFilters": f"created_at_i>={since}",
        }
        page = await self._fetcher.document(search_url(self._url, parameters))
        answer = json_answer(page, _Answer, "Hacker News")
        if answer.hits is msgspec.UNSET:
            raise complaint("Hacker News", answer.message, passing=False)
        hits = fitting(answer.hits, _Hit)
        return candidates_of(self.name, ((hit.url, hit.title) for hit in hits), limit)
