"""The Guardian's content API: one newspaper's articles. Needs a key.

Its manual: https://open-platform.theguardian.com/documentation/search. The manual shows the key as
a parameter of the URL; the gateway behind it takes the same name as a header, which no log keeps.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from tasks.jobs.outcome import Candidate
from tasks.ports import Fetcher
from tasks.sources.base import (
    KeyedService,
    broken_promise,
    candidates_of,
    complaint,
    first_recent_day,
    fitting,
    json_answer,
    phrase,
    search_url,
)

MAX_RECORDS = 50

_EPOCH = dt.date(1970, 1, 1)


class _Result(Struct, frozen=True, kw_only=True, rename={"url": "webUrl", "title": "webTitle"}):
    url: str
    title: str | None = None


class _Response(Struct, frozen=True, kw_only=True):
    status: str
    results: tuple[Any, ...] = ()
    message: Any = None


class _Answer(Struct, frozen=True, kw_only=True):
    response: _Response | None = None
    message: Any = None
    """What the gateway says that looks at the key, instead of a response."""


class GuardianSource:
    """Asks for recent articles with the topic as a phrase, best first."""

    name = "guardian"

    def __init__(
        self, fetcher: Fetcher, url: str, key: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._service = KeyedService(fetcher, header="api-key", key=key, setting="GUARDIAN_KEY")
        self._url = url
        self._clock = clock

    async def find(self, topic: str, limit: int) -> list[Candidate]:
        since = _EPOCH + dt.timedelta(days=first_recent_day(self._clock()))
        parameters = {
            "q": phrase(topic),
            "tag": "type/article",
            "from-date": since.isoformat(),
            "order-by": "relevance",
            "page-size": str(min(limit, MAX_RECORDS)),
        }
        page = await self._service.document(search_url(self._url, parameters))
        answer = json_answer(page, _Answer, "The Guardian")
        if answer.response is None or answer.response.status == "error":
            message = answer.response.message if answer.response else answer.message
            raise complaint("The Guardian", message, passing=False)
        if answer.response.status != "ok":
            raise broken_promise("The Guardian")
        results = fitting(answer.response.results, _Result)
        return candidates_of(self.name, ((one.url, one.title) for one in results), limit)
