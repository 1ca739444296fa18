"""Which page of which host answers an address."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit

from tests.sampleweb import feeds
from tests.sampleweb.catalogue import (
    ARTICLES,
    FEEDS_HOST,
    GDELT_HOST,
    HOSTS,
    SEARCH_HOST,
    TROUBLE_HOST,
)
from tests.sampleweb.conditional import keepable
from tests.sampleweb.manners import Wishes
from tests.sampleweb.pages import article_page, front_page
from tests.sampleweb.reply import Reply, text
from tests.sampleweb.services.asked import Asked
from tests.sampleweb.services.directory import SERVICES
from tests.sampleweb.trouble import TroubleHost

ROBOTS = "User-agent: *\nAllow: /"
_BY_ADDRESS = {article.url: article for article in ARTICLES}


def _robots(wishes: Wishes) -> str:
    delay = f"\nCrawl-delay: {wishes.crawl_delay:g}" if wishes.crawl_delay else ""
    return ROBOTS + delay


def _parameters(url: SplitResult) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(url.query).items()}


def _without_tracking(url: SplitResult) -> str:
    kept = [(n, v) for n, v in _parameters(url).items() if not n.startswith("utm_")]
    return f"http://{url.hostname}{url.path}" + (f"?{urlencode(kept)}" if kept else "")


class Site:
    """The web that the proxy plays."""

    def __init__(self, today: dt.date, wishes: Mapping[str, Wishes] = MappingProxyType({})) -> None:
        self._today = today
        self._wishes = wishes
        self._refused: Counter[str] = Counter()
        self._trouble = TroubleHost(today)

    def answer(self, address: str, headers: Mapping[str, str] | None = None) -> Reply:
        url = urlsplit(address)
        if url.scheme != "http" or url.port not in (None, 80):
            return text(502, "The sample web speaks plain HTTP on port 80.")
        if url.hostname == TROUBLE_HOST:
            return self._trouble.answer(url.path)
        if url.hostname in (FEEDS_HOST, SEARCH_HOST, GDELT_HOST):
            return self._service(url)
        if url.hostname in SERVICES:
            return self._search(url, headers or {})
        if url.hostname in HOSTS:
            return self._page(url)
        return text(502, "The sample web knows no such host.")

    def _page(self, url: SplitResult) -> Reply:
        host = HOSTS[url.hostname or ""]
        if url.path == "/feed.xml":
            return feeds.host_feed(host, self._today)
        wishes = self._wishes.get(host.name, Wishes())
        if url.path == "/robots.txt":
            return text(200, _robots(wishes))
        if self._refused[host.name] < wishes.refusals:
            self._refused[host.name] += 1
            return text(429, "Not so fast.", Retry_After=str(wishes.retry_after))
        if url.path in ("", "/"):
            return Reply(body=front_page(host))
        article = _BY_ADDRESS.get(_without_tracking(url))
        if article is None:
            return text(404, "Not found.")
        page = Reply(body=article_page(article, self._today))
        return keepable(page, host.name, article.published(self._today))

    def _search(self, url: SplitResult, headers: Mapping[str, str]) -> Reply:
        if url.path == "/robots.txt":
            return text(200, ROBOTS)
        asked = Asked(
            path=url.path, parameters=_parameters(url), headers=headers, today=self._today
        )
        return SERVICES[url.hostname or ""](asked)

    def _service(self, url: SplitResult) -> Reply:
        asked = _parameters(url)
        match url.hostname, url.path:
            case _, "/robots.txt":
                return text(200, ROBOTS)
            case "feeds.sampleweb.example", "/opml.xml":
                return feeds.opml()
            case "search.sampleweb.example", "/rss":
                return feeds.search_feed(asked.get("q", ""), self._today)
            case "gdelt.sampleweb.example", "/api/v2/doc/doc":
                query, most = asked.get("query", ""), asked.get("maxrecords", "")
                return feeds.gdelt(query, most, self._today)
        return text(404, "Not found.")
