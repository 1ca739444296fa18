"""Feeds as data."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urljoin, urlsplit

from msgspec import Struct

from nlp.article import Page

MAX_ENTRIES = 1_000
"""Entries that are read of one feed; the feeds that matter list the newest first."""

MAX_TITLE_CHARS = 300
MAX_SUMMARY_CHARS = 2_000

MAX_URL_CHARS = 8_000
"""No longer address is fetched."""


class InvalidFeed(ValueError):
    """The document is not a feed."""


class Entry(Struct, frozen=True, kw_only=True):
    """One entry with a link."""

    url: str
    title: str | None = None
    summary: str = ""
    """As plain text; its beginning only."""
    published: float | None = None
    """Seconds since the epoch; None where the feed does not state it."""
    match: float = 0.0
    """How well it matches the topic, from 0 to 1, where one was given."""


class FeedRequest(Struct, frozen=True, kw_only=True):
    """A document that is a feed or a list of feeds."""

    page: Page
    topic: str | None = None
    """What the entries are to be about; None where all of them count."""
    limit: int = MAX_ENTRIES
    """The most entries that are returned: those that match the topic best."""


class FeedReport(Struct, frozen=True, kw_only=True):
    """What the document holds."""

    entries: tuple[Entry, ...] = ()
    """In the feed's order or, where a topic was given, the best match first, and without their
    summaries."""
    seen: int = 0
    """The entries that were looked at."""
    feed_urls: tuple[str, ...] = ()
    """Of its feeds, where it is a list."""
    problem: str | None = None
    """A sentence that says why it cannot be read; None where it could."""


def absolute_http_url(link: object, base_url: str = "") -> str | None:
    """The link as a complete URL; None for `javascript:`, `ftp:`, and what is no URL at all."""
    if not isinstance(link, str) or not 0 < len(link.strip()) <= MAX_URL_CHARS:
        return None
    try:
        joined = urljoin(base_url, link.strip())
        parts = urlsplit(joined)
    except ValueError:
        return None
    return joined if parts.scheme in ("http", "https") and parts.netloc else None


def best_first(entries: Iterable[Entry]) -> list[Entry]:
    """By match, then the newest first and those without a date last; else in their order."""
    return sorted(
        entries,
        key=lambda entry: (-entry.match, entry.published is None, -(entry.published or 0.0)),
    )
