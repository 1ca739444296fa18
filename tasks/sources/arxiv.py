"""arXiv's search: preprints, by their abstract pages, to which arXiv wants readers to be led.

Its manual: https://info.arxiv.org/help/api/user-manual.html. All machines of one operator together
may send one request in three seconds, over one connection. An error is a feed with one entry.
"""

from __future__ import annotations

import re

from tasks.ports import FeedReader, Fetcher, Findings
from tasks.sources.base import candidates_of, phrase, search_url, service_error
from tasks.sources.feeds import parse_feed_answer

MAX_RECORDS = 200
"""arXiv allows 2,000, and asks for small pages."""

SECONDS_BETWEEN_REQUESTS = 3.0

_ERRORS = "/api/errors"
_VERSION = re.compile(r"(?<=\d)v\d+$")


class ArxivSource:
    """Searches for the topic as a phrase in all fields, newest first."""

    name = "arxiv"

    def __init__(self, fetcher: Fetcher, reader: FeedReader, url: str) -> None:
        self._fetcher = fetcher
        self._reader = reader
        self._url = url

    async def find(self, topic: str, limit: int) -> Findings:
        parameters = {
            "search_query": f"all:{phrase(topic)}",
            "max_results": str(min(limit, MAX_RECORDS)),
            "sortBy": "submittedDate",
            "sortOrder": "descending",
        }
        page = await self._fetcher.document(
            search_url(self._url, parameters), interval=SECONDS_BETWEEN_REQUESTS
        )
        entries = await parse_feed_answer(
            page, self._reader, "arXiv", retry_after=SECONDS_BETWEEN_REQUESTS
        )
        for entry in entries:
            if _ERRORS in entry.url:
                raise service_error("arXiv", entry.summary, transient=False)
        # Without a version the address leads to the newest one, and is the same in every source.
        links = ((_VERSION.sub("", entry.url), entry.title) for entry in entries)
        return candidates_of(self.name, links, limit)
