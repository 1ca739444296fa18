"""Where a response sends its reader: by `Location`, by `Refresh`, or by a meta element.

A refresh is followed where it comes within seconds, as a redirect would: many sites send readers on
like that, and links of messengers lead through such pages. One that comes after minutes, or reloads
the same page, is for a reader who stays; but a page that has just set a cookie may be another one
when it is reloaded.
"""

from __future__ import annotations

import html
import re

import httpx

from nlp.article import Page

MAX_DELAY_SECONDS = 10
"""Of a refresh that is followed."""

MAX_REFRESH_CHARS = 8_100
"""Of a `Refresh`: the longest address, and what may stand before it."""

SEARCHED_BYTES = 16_384
"""The beginning of a page, in which a meta element may send us on."""

BARE_PAGE_BYTES = 4_096
"""A page as short as that may send us on in a `noscript`. In a longer one, that leads readers
without scripts away from an article that we can read."""

_REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
_REFRESH = re.compile(
    r"\s*(?P<delay>[0-9]{1,4})(?:\.[0-9.]{0,9})?\s*"
    r"(?:[;,]\s*+(?:url\s*=\s*)?+"
    r"(?:(?P<quote>[\"'])(?P<quoted>.*?)(?P=quote).*|(?P<bare>(?![\"']).*)))?",
    re.IGNORECASE | re.DOTALL,
)
_HIDDEN = re.compile(
    rb"<!--.*?(?:-->|\Z)|<(script|style|template|textarea)\b.*?(?:</\1|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_NOSCRIPT = re.compile(rb"<noscript\b.*?(?:</noscript|\Z)", re.IGNORECASE | re.DOTALL)
_META = re.compile(rb"<meta\b([^>]*)", re.IGNORECASE)
_IS_REFRESH = re.compile(rb"\bhttp-equiv\s*=\s*[\"']?\s*refresh\b", re.IGNORECASE)
_CONTENT = re.compile(
    rb"\bcontent\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE | re.DOTALL
)


def redirect_location(
    status: int, headers: httpx.Headers, url: str, *, may_reload: bool = False
) -> str | None:
    """The target of a redirect from `url`, as it is written; None if the response is none.

    `may_reload`: whether a refresh of the same page is followed too.
    """
    if status in _REDIRECT_STATUSES:
        locations = headers.get_list("location")
        return locations[0] if locations else None
    refresh = headers.get("refresh") if 200 <= status < 300 else None
    return refresh_target(refresh, url, may_reload=may_reload) if refresh else None


def meta_refresh(page: Page, *, may_reload: bool = False) -> str | None:
    """The target of a meta element that sends its reader on; None where there is none."""
    head = _HIDDEN.sub(b" ", page.body[:SEARCHED_BYTES])
    if len(page.body) > BARE_PAGE_BYTES:
        head = _NOSCRIPT.sub(b" ", head)
    for element in _META.finditer(head):
        attributes = element[1]
        content = _CONTENT.search(attributes)
        if content and _IS_REFRESH.search(attributes):
            value = b"".join(part for part in content.groups() if part)
            refresh = html.unescape(value.decode("utf-8", "replace"))
            return refresh_target(refresh, page.url, may_reload=may_reload)
    return None


def refresh_target(value: str, url: str, *, may_reload: bool = False) -> str | None:
    """The target of a `Refresh` on the page at `url`, if it is to be followed."""
    refresh = _REFRESH.fullmatch(value) if len(value) <= MAX_REFRESH_CHARS else None
    if refresh is None or int(refresh["delay"]) > MAX_DELAY_SECONDS:
        return None
    target = (refresh["quoted"] or refresh["bare"] or "").strip()
    try:
        reloads = httpx.URL(url).join(target).copy_with(fragment=None) == httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError, ValueError):
        return None
    return (target or url) if may_reload or not reloads else None
