"""Every search service, with an answer of its own format for given links and titles."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from msgspec import Struct

from tasks.ports import Fetcher, Source
from tasks.sources.arxiv import ArxivSource
from tasks.sources.bingnews import BingNewsSource
from tasks.sources.gdelt import GdeltSource
from tasks.sources.googlenews import GoogleNewsSource
from tasks.sources.guardian import GuardianSource
from tasks.sources.hackernews import HackerNewsSource
from tasks.sources.newsapi import NewsApiSource
from tasks.sources.wikipedia import WikipediaSource
from tests.fakes import FEED_READER

KEY = "an-unlikely-key"
NOW = 1_795_000_000.0  # 2026-11-18

Records = Sequence[tuple[Any, Any]]
"""Links and titles, well-formed or not."""


class Service(Struct, frozen=True, kw_only=True):
    name: str
    build: Callable[[Fetcher], Source]
    answer: Callable[[Records], bytes]
    nothing: bytes
    """What it answers where it found nothing."""


def _json(answer: Any) -> bytes:
    return json.dumps(answer).encode()


def _records(url: str, title: str, records: Records) -> list[Any]:
    return [{url: link, title: name} for link, name in records]


def _gdelt(records: Records) -> bytes:
    return _json({"articles": _records("url", "title", records)})


def _hackernews(records: Records) -> bytes:
    return _json({"hits": _records("url", "title", records), "nbHits": 1})


def _newsapi(records: Records) -> bytes:
    return _json({"status": "ok", "articles": _records("url", "title", records)})


def _guardian(records: Records) -> bytes:
    results = _records("webUrl", "webTitle", records)
    return _json({"response": {"status": "ok", "results": results}})


def _rss(records: Records) -> bytes:
    items = "".join(
        f"<item><title>{escape(str(title))}</title><link>{escape(str(link))}</link></item>"
        for link, title in records
    )
    return f'<rss version="2.0"><channel><title>t</title>{items}</channel></rss>'.encode()


def _atom(records: Records) -> bytes:
    entries = "".join(
        f'<entry><title>{escape(str(title))}</title><link href="{escape(str(link))}"/></entry>'
        for link, title in records
    )
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title>{entries}</feed>'.encode()


def wikipedia_answer(*titles: Any) -> bytes:
    return _json({"query": {"search": [{"ns": 0, "title": title} for title in titles]}})


LINKING = (
    Service(
        name="gdelt",
        build=lambda fetcher: GdeltSource(fetcher, "https://gdelt.example/doc"),
        answer=_gdelt,
        nothing=b"{}",
    ),
    Service(
        name="hackernews",
        build=lambda fetcher: HackerNewsSource(
            fetcher, "https://hn.example/search", clock=lambda: NOW
        ),
        answer=_hackernews,
        nothing=_hackernews([]),
    ),
    Service(
        name="newsapi",
        build=lambda fetcher: NewsApiSource(fetcher, "https://newsapi.example/everything", KEY),
        answer=_newsapi,
        nothing=_newsapi([]),
    ),
    Service(
        name="guardian",
        build=lambda fetcher: GuardianSource(
            fetcher, "https://guardian.example/search", KEY, clock=lambda: NOW
        ),
        answer=_guardian,
        nothing=_guardian([]),
    ),
)
"""Those that answer in JSON with links."""

FEEDING = (
    Service(
        name="arxiv",
        build=lambda fetcher: ArxivSource(fetcher, FEED_READER, "https://arxiv.example/api/query"),
        answer=_atom,
        nothing=_atom([]),
    ),
    Service(
        name="googlenews",
        build=lambda fetcher: GoogleNewsSource(
            fetcher, FEED_READER, "https://google.example/search?hl=en"
        ),
        answer=_rss,
        nothing=_rss([]),
    ),
    Service(
        name="bingnews",
        build=lambda fetcher: BingNewsSource(
            fetcher, FEED_READER, "https://bing.example/search?format=rss"
        ),
        answer=_rss,
        nothing=_rss([]),
    ),
)
"""Those that answer with a feed."""

WIKIPEDIA = Service(
    name="wikipedia",
    build=lambda fetcher: WikipediaSource(fetcher, "https://en.wiki.example/w/api.php"),
    answer=lambda records: wikipedia_answer(*(title for _, title in records)),
    nothing=wikipedia_answer(),
)

SERVICES = (*LINKING, *FEEDING, WIKIPEDIA)
