"""Every source there is, by its name in SOURCES."""

from __future__ import annotations

from tasks.ports import Fetcher, Source
from tasks.settings import Settings, unknown_source
from tasks.sources.arxiv import ArxivSource
from tasks.sources.bingnews import BingNewsSource
from tasks.sources.feeds import FeedSource
from tasks.sources.gdelt import GdeltSource
from tasks.sources.googlenews import GoogleNewsSource
from tasks.sources.guardian import GuardianSource
from tasks.sources.hackernews import HackerNewsSource
from tasks.sources.newsapi import NewsApiSource
from tasks.sources.wikipedia import WikipediaSource

FEEDS_SHARE = 0.9
"""Of a source's time that the feeds have, so that those which answered are told in time."""


def build_source(name: str, settings: Settings, fetcher: Fetcher) -> Source:
    """The source of that name. Raises InvalidSettings where there is none."""
    match name:
        case "feeds":
            seconds = FEEDS_SHARE * settings.source_timeout
            return FeedSource(fetcher, settings.feed_urls, seconds=seconds)
        case "gdelt":
            return GdeltSource(fetcher, settings.gdelt_url)
        case "hackernews":
            return HackerNewsSource(fetcher, settings.hackernews_url)
        case "arxiv":
            return ArxivSource(fetcher, settings.arxiv_url)
        case "wikipedia":
            return WikipediaSource(fetcher, settings.wikipedia_url)
        case "newsapi":
            return NewsApiSource(fetcher, settings.newsapi_url, settings.newsapi_key or "")
        case "guardian":
            return GuardianSource(fetcher, settings.guardian_url, settings.guardian_key or "")
        case "googlenews":
            return GoogleNewsSource(fetcher, settings.googlenews_url)
        case "bingnews":
            return BingNewsSource(fetcher, settings.bingnews_url)
    raise unknown_source(name)
