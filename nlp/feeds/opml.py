"""Lists of feeds, as feed readers export them (OPML)."""

from __future__ import annotations

import re

from nlp.feeds.feed import InvalidFeed, absolute_http_url
from nlp.feeds.markup import Enough, Target, local_name, parse_markup

MAX_LISTED_FEEDS = 10_000

_TAG_IN_VALUE = re.compile(r"\"[^\"<>]*<[^\"<>]*\"")
"""An attribute's value with a `<`, for which the parser would lose the whole outline."""

_FEED_SCHEME = re.compile(r"^feed:(?://(?!/)|(?=https?:))", re.IGNORECASE)
"""By which some readers mark a feed: `feed://host/` and `feed:https://host/`."""

_ROOT = re.compile(r"<opml[\s>]", re.IGNORECASE)


def is_opml(text: str) -> bool:
    """Whether the document is an OPML list, by its beginning."""
    return _ROOT.search(text[:2_000]) is not None


def opml_feeds(text: str, base_url: str) -> tuple[str, ...]:
    """The URLs of the feeds in the list, at any depth, in order, each once.

    An outline whose address is none does not affect the others. Raises InvalidFeed where not even
    the body of a list can be read.
    """
    target = _ListTarget(base_url)
    parse_markup(_TAG_IN_VALUE.sub(lambda value: value[0].replace("<", "&lt;"), text), target)
    if not target.has_body:
        raise InvalidFeed("The list cannot be read.")
    return tuple(target.urls)


class _ListTarget(Target):
    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self.urls: dict[str, None] = {}
        self.has_body = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = local_name(tag)[1]
        self.has_body = self.has_body or name in ("body", "outline")
        if name != "outline":
            return
        values = (value for key, value in attributes.items() if key.lower() == "xmlurl")
        value = _FEED_SCHEME.sub(_scheme, next(values, "").strip(), count=1)
        url = absolute_http_url(value, self._base_url)
        if url:
            self.urls[url] = None
        if len(self.urls) == MAX_LISTED_FEEDS:
            raise Enough


def _scheme(match: re.Match[str]) -> str:
    return "http://" if match[0].endswith("/") else ""
