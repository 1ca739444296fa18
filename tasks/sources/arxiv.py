"""arXiv's search: preprints, by their abstract pages, which is where arXiv wants readers led.

Its manual: https://info.arxiv.org/help/api/user-manual.html. All machines of one operator together
may send one request in three seconds, over one connection. A mistake is a feed with one entry.
"""

from __future__ import annotations

import re

from tasks.jobs.outcome import Candidate
from tasks.ports import Fetcher
from tasks.sources.base import candidates_of, complaint, phrase, search_url
from tasks.sources.feeds import feed_answer

MAX_RECORDS = 200
"""arXiv allows 2,000, and asks for small slices."""

SECONDS_BETWEEN_REQUESTS = 3.0

_ERRORS = "/api/errors"
_VERSION = re.compile(r"(?<=\d)v\d+$")


class ArxivSource:
    """Asks for the topic as a phrase in title, abstract and all else, newest first."""

    name = "arxiv"

    def __init__(self, fetcher: Fetcher, url: str) -> None:
        self._fetcher = fetcher
        self._url = url

    async def find(self, topic: str, limit: int) -> list[Candidate]:
        parameters = {
            "search_query": f"all:{phrase(topic)}",
            "max_results": str(min(limit, MAX_RECORDS)),
            "sortBy": "submittedDate",
            "sortOrder": "descending",
        }
        page = await self._fetcher.document(
            search_url(self._url, parameters), interval=SECONDS_BETWEEN_REQUESTS
        )
        entries = await feed_answer(page, "arXiv", retry_after=SECONDS_BETWEEN_REQUESTS)
        for entry in entries:
            if _ERRORS in entry.url:
                raise complaint("arXiv", entry.summary, passing=False)
        # Without its version the address leads to the newest, and is the same in every source.
        named = ((_VERSION.sub("", entry.url), entry.title) for entry in entries)
        return candidates_of(self.name, named, limit)
