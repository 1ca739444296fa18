"""Search results as a feed."""

from __future__ import annotations

import asyncio

from nlp.article import Page
from tasks.errors import Reason, TransientFailure
from tasks.sources.feed import BrokenFeed, Entry, parse_feed
from tasks.sources.refusal import MAX_LOOKED_AT, refusal


async def feed_answer(page: Page, service: str, *, retry_after: float | None = None) -> list[Entry]:
    """The entries. Raises PermanentFailure or TransientFailure where the answer is no feed."""
    start = page.body[:200].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start.startswith(b"<"):
        text = page.body[:MAX_LOOKED_AT].decode("utf-8", errors="replace")
        raise refusal(service, text, retry_after=retry_after)
    try:
        # In a thread: a large feed takes seconds, and the loop has leases to renew.
        return await asyncio.to_thread(parse_feed, page.body, page.url, page.content_type)
    except BrokenFeed as error:
        raise TransientFailure(
            Reason.SERVER_ERROR, f"{service}'s answer is not the feed that it promises."
        ) from error
