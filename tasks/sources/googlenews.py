"""Google News as a feed. Undocumented; see docs/sources.md before it is switched on.

Its links lead to Google and not to the article. The older ones contain the article's address in
base64; the newer ones do not, and are left unchanged.
"""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import urlsplit

from tasks.ports import FeedReader, Fetcher, Findings
from tasks.sources.base import candidates_of, search_url
from tasks.sources.feeds import parse_feed_answer

_ADDRESS = re.compile(rb"https?://[\x21-\x7e]+")


class GoogleNewsSource:
    """Searches Google News for the topic, in Google's order."""

    name = "googlenews"

    def __init__(self, fetcher: Fetcher, reader: FeedReader, url: str) -> None:
        self._fetcher = fetcher
        self._reader = reader
        self._url = url

    async def find(self, topic: str, limit: int) -> Findings:
        page = await self._fetcher.document(search_url(self._url, {"q": topic}))
        entries = await parse_feed_answer(page, self._reader, "Google News")
        links = ((_article_url(entry.url), entry.title) for entry in entries)
        return candidates_of(self.name, links, limit)


def _article_url(link: str) -> str:
    """The address in the link's last part; the link itself where there is none."""
    token = urlsplit(link).path.rpartition("/")[2]
    try:
        decoded = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return link
    match_ = _ADDRESS.search(decoded)
    return match_[0].decode("ascii") if match_ else link
