"""One feed, RSS or Atom, from its bytes to its entries."""

from __future__ import annotations

import calendar
from typing import Any

import feedparser
from msgspec import Struct

from tasks.sources.candidates import MAX_TITLE_CHARS, http_link, plain_text

MAX_ENTRIES = 1_000
"""What one feed may bring; the feeds that matter hold the newest first."""

MAX_SUMMARY_CHARS = 2_000


class BrokenFeed(ValueError):
    """The document is no feed."""


class Entry(Struct, frozen=True, kw_only=True):
    """One entry that leads somewhere."""

    url: str
    title: str | None = None
    summary: str = ""
    """As plain text, its beginning only."""
    published: float | None = None
    """Seconds since the epoch; None where the feed does not say."""


def parse_feed(body: bytes, url: str, content_type: str | None = None) -> list[Entry]:
    """The entries with an http link, in the feed's order. Raises BrokenFeed.

    Slow (0.15 s for 1,000 entries) and no coroutine: call it in a thread. feedparser declares no
    entities but those of HTML, so an entity bomb stays as short as it was sent.
    """
    headers = {"content-location": url, "content-type": content_type or "application/xml"}
    try:
        # The flags: entries are not shown as HTML, and links are joined below.
        parsed = feedparser.parse(
            body, response_headers=headers, sanitize_html=False, resolve_relative_uris=False
        )
        found = [_entry(raw, url) for raw in parsed.entries[:MAX_ENTRIES]]
    except Exception as error:
        # feedparser lets errors of many kinds out of its lenient parser; none of them is ours.
        raise BrokenFeed("The feed cannot be read.") from error
    if not found and not parsed.get("version"):
        raise BrokenFeed("The address does not lead to a feed.")
    return [entry for entry in found if entry is not None]


def _entry(raw: dict[str, Any], base_url: str) -> Entry | None:
    link = http_link(raw.get("link"), base_url)
    if link is None:
        return None
    return Entry(
        url=link,
        title=plain_text(raw.get("title"), MAX_TITLE_CHARS) or None,
        summary=plain_text(raw.get("summary"), MAX_SUMMARY_CHARS),
        # Asked through `dict`: feedparser's own look-up warns where only the other date is there.
        published=_seconds(
            dict.get(raw, "published_parsed") or dict.get(raw, "updated_parsed"),
        ),
    )


def _seconds(moment: Any) -> float | None:
    try:
        return float(calendar.timegm(moment)) if moment else None
    except (ValueError, TypeError, OverflowError):
        return None
