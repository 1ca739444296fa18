"""The web of a campaign: what becomes of a page is the last word of its URL."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from nlp.article import Page
from tasks.errors import PermanentFailure, Reason, TransientFailure

FEED_URL = "http://feed.example/rss?q={query}"
FOUND = 9
"""Candidates of one topic."""

DEEDS = ("good",) * 17 + ("gone", "flaky", "untitled")


def page_url(serial: int, index: int, deed: str) -> str:
    """No two jobs of a campaign share a page."""
    return f"http://site.example/{serial}/{index}/{deed}"


class Site:
    """Every page takes some milliseconds. `gone` is a 404, `flaky` fails now and then."""

    async def page(self, url: str) -> Page:
        await asyncio.sleep(random.uniform(0.005, 0.05))
        deed = url.rpartition("/")[2]
        if deed == "gone":
            raise PermanentFailure(Reason.NOT_FOUND, "The site answered 404.")
        if deed == "flaky" and random.random() < 0.3:
            detail = "The site answered 503."
            raise TransientFailure(Reason.SERVER_ERROR, detail, retry_after=0.2)
        return Page(url=url, body=b"")

    async def document(
        self, url: str, *, headers: Mapping[str, str] | None = None, interval: float = 0.0
    ) -> Page:
        await asyncio.sleep(random.uniform(0.005, 0.05))
        serial = int(parse_qs(urlsplit(url).query)["q"][0].split()[-1])
        items = "".join(
            f"<item><title>Story {n}</title><link>{page_url(serial, n, 'good')}</link></item>"
            for n in range(FOUND)
        )
        feed = f'<rss version="2.0"><channel><title>A feed</title>{items}</channel></rss>'
        return Page(url=url, body=feed.encode(), content_type="application/rss+xml")
