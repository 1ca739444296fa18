"""The Guardian's content API: one newspaper's articles. Needs a key.

Its manual: https://open-platform.theguardian.com/documentation/search. The manual shows the key as
a parameter of the URL; the gateway also accepts it as a header of that name, which appears in no
log.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from tasks.ports import Fetcher, Findings
from tasks.sources.base import (
    KeyedService,
    candidates_of,
    first_recent_day,
    malformed_answer,
    parse_json_answer,
    phrase,
    search_url,
    service_error,
    valid_records,
)

MAX_RECORDS = 50

_EPOCH = dt.date(1970, 1, 1)


class _Result(Struct, frozen=True, kw_only=True, rename={"url": "webUrl", "title": "webTitle"}):
    url: str
    title: str | None = None


class _Content(Struct, frozen=True, kw_only=True):
    status: str
    results: tuple[Any, ...] = ()
    message: Any = None


class _Response(Struct, frozen=True, kw_only=True):
    response: _Content | None = None
    message: Any = None
    """The error of the gateway that checks the key, which sends it instead of a response."""


class GuardianSource:
    """Searches recent articles for the topic as a phrase, best first."""

    name = "guardian"

    def __init__(
        self, fetcher: Fetcher, url: str, key: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._service = KeyedService(fetcher, header="api-key", key=key, setting="GUARDIAN_KEY")
        self._url = url
        self._clock = clock

    async def find(self, topic: str, limit: int) -> Findings:
        since = _EPOCH + dt.timedelta(days=first_recent_day(self._clock()))
        parameters = {
            "q": phrase(topic),
            "tag": "type/article",
            "from-date": since.isoformat(),
            "order-by": "relevance",
            "page-size": str(min(limit, MAX_RECORDS)),
        }
        page = await self._service.document(search_url(self._url, parameters))
        response = parse_json_answer(page, _Response, "The Guardian")
        content = response.response
        if content is None or content.status == "error":
            message = content.message if content else response.message
            raise service_error("The Guardian", message, transient=False)
        if content.status != "ok":
            raise malformed_answer("The Guardian")
        results = valid_records(content.results, _Result)
        links = ((result.url, result.title) for result in results)
        return candidates_of(self.name, links, limit)
