"""Bing News as a feed. Undocumented; see docs/sources.md before it is switched on.

Its links lead to Bing, which counts them, and hold the article's address as a parameter.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from tasks.jobs.outcome import Candidate
from tasks.ports import Fetcher
from tasks.sources.base import candidates_of, search_url
from tasks.sources.feeds import feed_answer

_COUNTER = "/apiclick.aspx"


class BingNewsSource:
    """Asks Bing News for the topic, in Bing's order."""

    name = "bingnews"

    def __init__(self, fetcher: Fetcher, url: str) -> None:
        self._fetcher = fetcher
        self._url = url

    async def find(self, topic: str, limit: int) -> list[Candidate]:
        page = await self._fetcher.document(search_url(self._url, {"q": topic}))
        entries = await feed_answer(page, "Bing News")
        return candidates_of(self.name, ((_followed(one.url), one.title) for one in entries), limit)


def _followed(link: str) -> str:
    """The address that the link counts; the link itself where it is an article's own."""
    parts = urlsplit(link)
    if not parts.path.lower().endswith(_COUNTER):
        return link
    return parse_qs(parts.query).get("url", [""])[0]
