"""Wikipedia's search: articles of the encyclopaedia, by MediaWiki's API.

Its manual: https://www.mediawiki.org/wiki/API:Search. A mistake comes with status 200.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urljoin

import msgspec
from msgspec import Struct

from tasks.jobs.outcome import Candidate
from tasks.ports import Fetcher
from tasks.sources.base import (
    broken_promise,
    candidates_of,
    complaint,
    fitting,
    json_answer,
    search_url,
)

MAX_RECORDS = 500

MAX_LAG_SECONDS = 5
"""Wikimedia's own advice for programs: not to ask while its databases lag by more."""

_PASSING = ("maxlag", "ratelimited", "readonly", "internal_api_error", "cirrussearch")
"""What the codes of mistakes begin with that are not ours."""


class _Hit(Struct, frozen=True, kw_only=True):
    title: str


class _Hits(Struct, frozen=True, kw_only=True):
    search: tuple[Any, ...]


class _Mistake(Struct, frozen=True, kw_only=True):
    code: str = ""
    info: Any = None


class _Answer(Struct, frozen=True, kw_only=True):
    query: _Hits | msgspec.UnsetType = msgspec.UNSET
    error: _Mistake | None = None


class WikipediaSource:
    """Asks one wiki for articles on the topic, best first."""

    name = "wikipedia"

    def __init__(self, fetcher: Fetcher, url: str) -> None:
        self._fetcher = fetcher
        self._url = url

    async def find(self, topic: str, limit: int) -> list[Candidate]:
        parameters = {
            "action": "query",
            "list": "search",
            "srsearch": topic,
            "srnamespace": "0",
            "srlimit": str(min(limit, MAX_RECORDS)),
            "srprop": "",
            "format": "json",
            "formatversion": "2",
            "maxlag": str(MAX_LAG_SECONDS),
        }
        page = await self._fetcher.document(search_url(self._url, parameters))
        answer = json_answer(page, _Answer, "Wikipedia")
        if answer.error is not None:
            passing = answer.error.code.startswith(_PASSING)
            raise complaint("Wikipedia", answer.error.info, passing=passing)
        if answer.query is msgspec.UNSET:
            raise broken_promise("Wikipedia")
        titles = [hit.title for hit in fitting(answer.query.search, _Hit) if hit.title.strip()]
        return candidates_of(self.name, ((self._page_url(one), one) for one in titles), limit)

    def _page_url(self, title: str) -> str:
        """Where Wikimedia's wikis keep the page; results come without addresses."""
        return urljoin(self._url, f"/wiki/{quote(title.replace(' ', '_'), safe=':(),!*')}")
