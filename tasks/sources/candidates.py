"""From what a service names to candidates: links that can be fetched, titles as plain text."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from urllib.parse import urljoin, urlsplit

from tasks.outcome import Candidate

MAX_TITLE_CHARS = 300

_TAG = re.compile(r"<[^<>]*>")


def candidates_of(
    source: str, named: Iterable[tuple[object, object]], limit: int
) -> list[Candidate]:
    """At most `limit` candidates of these links and titles, each link once, in their order.

    What is no whole http link is left out: nobody says what a relative one is relative to.
    """
    first: dict[str, Candidate] = {}
    for link, title in named:
        url = http_link(link)
        if url is not None and url not in first:
            shown = plain_text(title, MAX_TITLE_CHARS) or None
            first[url] = Candidate(url=url, source=source, title=shown)
        if len(first) == limit:
            break
    return list(first.values())


def http_link(link: object, base_url: str = "") -> str | None:
    """The link as a whole URL; None for `javascript:`, `ftp:`, and what is no URL at all."""
    if not isinstance(link, str) or not link.strip():
        return None
    try:
        joined = urljoin(base_url, link.strip())
        parts = urlsplit(joined)
    except ValueError:
        return None
    return joined if parts.scheme in ("http", "https") and parts.netloc else None


def plain_text(markup: object, max_chars: int) -> str:
    """The text without tags, entities and line breaks; cut first, so that it costs little."""
    if not isinstance(markup, str):
        return ""
    return " ".join(html.unescape(_TAG.sub(" ", markup[:max_chars])).split())
