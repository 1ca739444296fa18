"""The settings of the sources: which are asked for a topic, where, and with which key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from tasks.errors import InvalidSettings
from tasks.settings.declared import SECRET
from tasks.settings.jobs import JobSettings

SOURCE_KEYS: Mapping[str, str | None] = {
    "feeds": None,
    "gdelt": None,
    "hackernews": None,
    "arxiv": None,
    "wikipedia": None,
    "newsapi": "newsapi_key",
    "guardian": "guardian_key",
    "googlenews": None,
    "bingnews": None,
}
"""Every source that there is, with the setting that holds its key where it needs one."""


def _service(what: str) -> Meta:
    """Where a source asks."""
    return Meta(pattern="^https?://", description=what)


_Key = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._~+/=-]{8,200}$")]
"""Goes in a header."""


class SourceSettings(JobSettings, frozen=True, kw_only=True):
    """Where topics are looked up, and for how many candidates."""

    sources: Annotated[
        tuple[str, ...],
        Meta(min_length=1, description=f"Where topics are looked up: {', '.join(SOURCE_KEYS)}."),
    ] = ("feeds", "gdelt")
    source_timeout: Annotated[
        float,
        Meta(gt=0, description="Seconds that each source has for one topic, its turns included."),
    ] = 60.0
    candidates_per_article: Annotated[
        int,
        Meta(
            ge=1,
            le=50,
            description="Candidates that a topic job looks at for each article that it may keep.",
        ),
    ] = 5
    feed_urls: Annotated[
        tuple[str, ...],
        Meta(
            description=(
                "Feeds and OPML lists; `{query}` in one stands for the topic. Empty: a "
                "built-in list."
            )
        ),
    ] = ()
    gdelt_url: Annotated[str, _service("The GDELT DOC 2.0 service.")] = (
        "https://api.gdeltproject.org/api/v2/doc/doc"
    )
    hackernews_url: Annotated[str, _service("Algolia's search of Hacker News.")] = (
        "https://hn.algolia.com/api/v1/search"
    )
    arxiv_url: Annotated[str, _service("arXiv's search.")] = "https://export.arxiv.org/api/query"
    wikipedia_url: Annotated[str, _service("The api.php of the Wikipedia that is searched.")] = (
        "https://en.wikipedia.org/w/api.php"
    )
    newsapi_url: Annotated[str, _service("NewsAPI's search.")] = "https://newsapi.org/v2/everything"
    newsapi_key: Annotated[
        _Key | None, Meta(description="The key that NewsAPI gave you.", extra=SECRET)
    ] = None
    guardian_url: Annotated[str, _service("The Guardian's search.")] = (
        "https://content.guardianapis.com/search"
    )
    guardian_key: Annotated[
        _Key | None, Meta(description="The key that the Guardian gave you.", extra=SECRET)
    ] = None
    googlenews_url: Annotated[str, _service("Google News as a feed, in a language.")] = (
        "https://news.google.com/rss/search?hl=en-US&gl=US&ceid=US:en"
    )
    bingnews_url: Annotated[str, _service("Bing News as a feed.")] = (
        "https://www.bing.com/news/search?format=rss"
    )


def check_sources(settings: SourceSettings) -> None:
    """Raises InvalidSettings where SOURCES names what there is not, or what lacks its key."""
    for name in settings.sources:
        if name not in SOURCE_KEYS:
            raise unknown_source(name)
        key = SOURCE_KEYS[name]
        if key and not getattr(settings, key):
            raise InvalidSettings(f"{key.upper()}: the source {name} in SOURCES needs a key")


def unknown_source(name: str) -> InvalidSettings:
    known = ", ".join(SOURCE_KEYS)
    return InvalidSettings(f"SOURCES: there is no source {name[:80]!r}; there are {known}")
