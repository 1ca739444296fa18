"""Wikipedia's search: articles of the encyclopaedia, by MediaWiki's API.

Its manual: https://www.mediawiki.org/wiki/API:Search. An error is sent with status 200.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urljoin

import msgspec
from msgspec import Struct

from tasks.ports import Fetcher, Findings
from tasks.sources.base import (
    candidates_of,
    malformed_answer,
    parse_json_answer,
    search_url,
    service_error,
    valid_records,
)

MAX_RECORDS = 500

MAX_LAG_SECONDS = 5
"""Wikimedia's advice for programs: send no requests while its databases lag by more."""

_TRANSIENT_CODES = ("maxlag", "ratelimited", "readonly", "internal_api_error", "cirrussearch")
"""Beginnings of the codes of errors that may pass."""


class _Hit(Struct, frozen=True, kw_only=True):
    title: str


class _Hits(Struct, frozen=True, kw_only=True):
    search: tuple[Any, ...]


class _Error(Struct, frozen=True, kw_only=True):
    code: str = ""
    info: Any = None


class _Response(Struct, frozen=True, kw_only=True):
    query: _Hits | msgspec.UnsetType = msgspec.UNSET
    error: _Error | None = None


class WikipediaSource:
    """Searches one wiki for articles on the topic, best first."""

    name = "wikipedia"

    def __init__(self, fetcher: Fetcher, url: str) -> None:
        self._fetcher = fetcher
        self._url = url

    async def find(self, topic: str, limit: int) -> Findings:
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
        response = parse_json_answer(page, _Response, "Wikipedia")
        if response.error is not None:
            transient = response.error.code.startswith(_TRANSIENT_CODES)
            raise service_error("Wikipedia", response.error.info, transient=transient)
        if response.query is msgspec.UNSET:
            raise malformed_answer("Wikipedia")
        titles = [
            hit.title for hit in valid_records(response.query.search, _Hit) if hit.title.strip()
        ]
        return candidates_of(self.name, ((self._page_url(title), title) for title in titles), limit)

    def _page_url(self, title: str) -> str:
        """The page's address on Wikimedia's wikis; results contain none."""
        return urljoin(self._url, f"/wiki/{quote(title.replace(' ', '_'), safe=':(),!*')}")
