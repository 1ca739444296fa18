"""Bing News as a feed. Undocumented; see docs/sources.md before it is switched on.

Its links lead to a redirect of Bing's, with the article's address as a parameter.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from tasks.ports import FeedReader, Fetcher, Findings
from tasks.sources.base import candidates_of, search_url
from tasks.sources.feeds import parse_feed_answer

_REDIRECT_PATH = "/apiclick.aspx"


class BingNewsSource:
    """Searches Bing News for the topic, in Bing's order."""

    name = "bingnews"

    def __init__(self, fetcher: Fetcher, reader: FeedReader, url: str) -> None:
        self._fetcher = fetcher
        self._reader = reader
        self._url = url

    async def find(self, topic: str, limit: int) -> Findings:
        page = await self._fetcher.document(search_url(self._url, {"q": topic}))
        entries = await parse_feed_answer(page, self._reader, "Bing News")
        links = ((_article_url(entry.url), entry.title) for entry in entries)
        return candidates_of(self.name, links, limit)


def _article_url(link: str) -> str:
    """The address in a link of Bing's redirect; any other link is the article's own."""
    parts = urlsplit(link)
    if not parts.path.lower().endswith(_REDIRECT_PATH):
        return link
    return parse_qs(parts.query).get("url", [""])[0]
