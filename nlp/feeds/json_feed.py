"""JSON Feed (jsonfeed.org), of either version."""

from __future__ import annotations

import json
from typing import Any

from nlp.dates import parse_date
from nlp.feeds.feed import (
    MAX_ENTRIES,
    MAX_SUMMARY_CHARS,
    MAX_TITLE_CHARS,
    Entry,
    InvalidFeed,
    absolute_http_url,
)
from nlp.text.plain_text import plain_text


def json_entries(text: str, url: str) -> tuple[list[Entry], int]:
    """The entries with an http link, and how many there were. Raises InvalidFeed."""
    try:
        feed = json.loads(text, strict=False)
    except (ValueError, RecursionError) as error:
        raise InvalidFeed("The address does not lead to a feed.") from error
    items = feed.get("items") if isinstance(feed, dict) else None
    if not isinstance(items, list):
        raise InvalidFeed("The address does not lead to a feed.")
    base_url = absolute_http_url(feed.get("home_page_url"), url) or url
    read = [item for item in items[:MAX_ENTRIES] if isinstance(item, dict)]
    entries = (_entry(item, base_url) for item in read)
    return [entry for entry in entries if entry is not None], len(read)


def _entry(item: dict[str, Any], base_url: str) -> Entry | None:
    links = [
        *(absolute_http_url(item.get(name), base_url) for name in ("url", "external_url")),
        absolute_http_url(item.get("id")),
    ]
    link = next((link for link in links if link), None)
    if link is None:
        return None
    texts = (item.get(name) for name in ("summary", "content_text", "content_html"))
    dates = (item.get(name) for name in ("date_published", "date_modified"))
    date = parse_date(next((date for date in dates if isinstance(date, str)), ""))
    return Entry(
        url=link,
        title=plain_text(item.get("title"), MAX_TITLE_CHARS) or None,
        summary=plain_text(next((text for text in texts if text), ""), MAX_SUMMARY_CHARS),
        published=date.time.timestamp() if date else None,
    )
