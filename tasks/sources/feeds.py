"""Feeds and lists of feeds as a source.

`FeedSource` reads the configured feeds and OPML lists, and chooses the entries on the topic.
`parse_feed` parses RSS and Atom, `opml_feeds` a list of feeds as feed readers export it, and
`parse_feed_answer` the answer of a search service that comes as a feed.
"""

from __future__ import annotations

import asyncio
import calendar
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from itertools import zip_longest
from typing import Any, TypeVar
from urllib.parse import quote, urljoin
from xml.parsers import expat

import feedparser
import structlog
from msgspec import Struct

from nlp.article import Page
from nlp.neutral import Unmeasurable
from nlp.text.query_terms import query_terms
from nlp.text.words import stems, words
from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure
from tasks.jobs.outcome import Candidate
from tasks.ports import Fetcher
from tasks.sources.base import (
    MAX_EXAMINED_CHARS,
    MAX_TITLE_CHARS,
    absolute_http_url,
    combined_failure,
    plain_text,
    refusal,
)

log = structlog.get_logger(__name__)

T = TypeVar("T")

MAX_FEEDS = 200
"""Feeds that are read for one topic, including those of lists."""

MAX_CONCURRENT_FEEDS = 8
"""Limits the memory: each may have a body of several megabytes."""

QUERY_PLACEHOLDER = "{query}"
"""Stands for the topic in the URL of a feed that is a search."""


class _FeedResult(Struct, frozen=True, kw_only=True):
    """The outcome of one URL."""

    url: str
    entries: tuple[Entry, ...] = ()
    """Those on the topic, chosen by the other side or by us."""
    feed_urls: tuple[str, ...] = ()
    """Of its feeds, where it is a list."""
    failure: StepError | None = None

    @property
    def is_search(self) -> bool:
        """Whether the other side chose the entries for the topic."""
        return QUERY_PLACEHOLDER in self.url


class FeedSource:
    """Reads the given feeds and lists; a URL with `{query}` is a search for the topic.

    The other feeds cover all topics, so only those of their entries count whose title and summary
    contain all words of the topic, newest first. A feed that fails is omitted and logged.
    """

    name = "feeds"

    def __init__(
        self, fetcher: Fetcher, urls: Sequence[str] = (), *, seconds: float = 60.0
    ) -> None:
        self._fetcher = fetcher
        self._seconds = seconds
        """For all feeds together; feeds that have not answered by then count as failed."""
        self._urls = tuple(urls) or builtin_feeds()

    async def find(self, topic: str, limit: int) -> list[Candidate]:
        results = await self._read_all(topic)
        failures = [result.failure for result in results if result.failure]
        if len(failures) == len(results):
            raise combined_failure("None of the feeds could be read.", failures)
        searches = [result.entries for result in results if result.is_search]
        others = [entry for result in results if not result.is_search for entry in result.entries]
        by_url: dict[str, Entry] = {}
        for entry in interleaved([*searches, newest_first(others)]):
            by_url.setdefault(entry.url, entry)
        return [
            Candidate(url=entry.url, source=self.name, title=entry.title)
            for entry in list(by_url.values())[:limit]
        ]

    async def _read_all(self, topic: str) -> list[_FeedResult]:
        """The feeds of lists come last. A list within a list is not followed."""
        slots = asyncio.Semaphore(MAX_CONCURRENT_FEEDS)
        due = asyncio.get_running_loop().time() + self._seconds
        direct = await self._read_each(self._urls[:MAX_FEEDS], topic, slots, due)
        known = set(self._urls)
        listed = dict.fromkeys(
            url for result in direct for url in result.feed_urls if url not in known
        )
        remaining = MAX_FEEDS - len(direct)
        indirect = await self._read_each(list(listed)[:remaining], topic, slots, due)
        return [result for result in direct if not result.feed_urls] + indirect

    async def _read_each(
        self, urls: Sequence[str], topic: str, slots: asyncio.Semaphore, due: float
    ) -> list[_FeedResult]:
        return list(await asyncio.gather(*(self._read(url, topic, slots, due) for url in urls)))

    async def _read(
        self, url: str, topic: str, slots: asyncio.Semaphore, due: float
    ) -> _FeedResult:
        """`due` is the time by which it must have answered, on the loop's clock."""
        try:
            async with asyncio.timeout_at(due), slots:
                return await self._fetched(url, topic)
        except StepError as failure:
            return _failed(url, failure)
        except TimeoutError:
            late = TransientFailure(Reason.TIMED_OUT, "The feed did not answer in time.")
            return _failed(url, late)

    async def _fetched(self, url: str, topic: str) -> _FeedResult:
        page = await self._fetcher.document(url.replace(QUERY_PLACEHOLDER, quote(topic, safe="")))
        try:
            if is_opml(page.body):
                return _FeedResult(url=url, feed_urls=tuple(opml_feeds(page.body, page.url)))
            # In a thread: a large feed takes seconds, and the event loop must renew leases.
            filter_topic = None if QUERY_PLACEHOLDER in url else topic
            entries = await asyncio.to_thread(_entries_of, page, filter_topic)
        except (InvalidFeed, InvalidOpml) as error:
            raise PermanentFailure(Reason.UNSUPPORTED_CONTENT, str(error)) from error
        return _FeedResult(url=url, entries=tuple(entries))


def _failed(url: str, failure: StepError) -> _FeedResult:
    log.warning(
        "feed left out",
        feed=url.partition("?")[0],  # a query may hold a key
        reason=failure.reason,
        detail=failure.detail,
    )
    return _FeedResult(url=url, failure=failure)


def _entries_of(page: Page, topic: str | None) -> list[Entry]:
    """The feed's entries, those on the topic where one is given."""
    entries = parse_feed(page.body, page.url, page.content_type)
    return entries if topic is None else on_topic(entries, topic)


def on_topic(entries: Sequence[Entry], topic: str) -> list[Entry]:
    """The entries that contain every content word of the topic, in any inflection."""
    try:
        terms = set(query_terms(topic))
    except Unmeasurable:
        return []
    return [
        entry for entry in entries if terms <= set(stems(words(f"{entry.title} {entry.summary}")))
    ]


def newest_first(entries: Sequence[Entry]) -> list[Entry]:
    """Those without a date last; entries with equal dates in their order."""
    return sorted(entries, key=lambda entry: (entry.published is None, -(entry.published or 0.0)))


_MISSING = object()


def interleaved(lists: Iterable[Sequence[T]]) -> Iterator[T]:
    """The first of each list, then the second of each, and so on."""
    for row in zip_longest(*lists, fillvalue=_MISSING):
        yield from (item for item in row if item is not _MISSING)  # type: ignore[misc]


MAX_ENTRIES = 1_000
"""Entries that are read of one feed; the feeds that matter list the newest first."""

MAX_SUMMARY_CHARS = 2_000


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


def parse_feed(body: bytes, url: str, content_type: str | None = None) -> list[Entry]:
    """The entries with an http link, in the feed's order. Raises InvalidFeed.

    Slow (0.15 s for 1,000 entries) and no coroutine: call it in a thread. feedparser expands no
    entities but those of HTML, so an entity bomb stays as short as it was sent.
    """
    headers = {"content-location": url, "content-type": content_type or "application/xml"}
    try:
        # The flags: entries are never shown as HTML, and links are resolved below.
        parsed = feedparser.parse(
            body, response_headers=headers, sanitize_html=False, resolve_relative_uris=False
        )
        entries = [_entry(raw, url) for raw in parsed.entries[:MAX_ENTRIES]]
    except Exception as error:
        # feedparser's lenient parser raises errors of many kinds; none of them is a bug of ours.
        raise InvalidFeed("The feed cannot be read.") from error
    if not entries and not parsed.get("version"):
        raise InvalidFeed("The address does not lead to a feed.")
    return [entry for entry in entries if entry is not None]


def _entry(raw: dict[str, Any], base_url: str) -> Entry | None:
    link = absolute_http_url(raw.get("link"), base_url)
    if link is None:
        return None
    return Entry(
        url=link,
        title=plain_text(raw.get("title"), MAX_TITLE_CHARS) or None,
        summary=plain_text(raw.get("summary"), MAX_SUMMARY_CHARS),
        # Through `dict`: feedparser's own lookup warns where only the other date is present.
        published=_seconds(
            dict.get(raw, "published_parsed") or dict.get(raw, "updated_parsed"),
        ),
    )


def _seconds(moment: Any) -> float | None:
    try:
        return float(calendar.timegm(moment)) if moment else None
    except (ValueError, TypeError, OverflowError):
        return None


async def parse_feed_answer(
    page: Page, service: str, *, retry_after: float | None = None
) -> list[Entry]:
    """The entries. Raises PermanentFailure or TransientFailure where the answer is not a feed."""
    start = page.body[:200].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start.startswith(b"<"):
        text = page.body[:MAX_EXAMINED_CHARS].decode("utf-8", errors="replace")
        raise refusal(service, text, retry_after=retry_after)
    try:
        # In a thread: a large feed takes seconds, and the event loop must renew leases.
        return await asyncio.to_thread(parse_feed, page.body, page.url, page.content_type)
    except InvalidFeed as error:
        raise TransientFailure(
            Reason.SERVER_ERROR, f"{service}'s answer is not the feed that it promises."
        ) from error


_OPML_ROOT = re.compile(rb"<opml[\s>]", re.IGNORECASE)


class InvalidOpml(ValueError):
    """The list cannot be read."""


def is_opml(body: bytes) -> bool:
    """Whether the document is an OPML list, by its beginning."""
    return _OPML_ROOT.search(body[:2_000]) is not None


def opml_feeds(body: bytes, base_url: str) -> list[str]:
    """The URLs of the feeds in the list, at any depth, in order, each once. Raises InvalidOpml.

    A list with a document type is refused: only there can entities be declared, and a few hundred
    bytes of entities can expand to gigabytes.
    """
    urls: dict[str, None] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        lowered = {name.lower(): value for name, value in attributes.items()}
        url = lowered.get("xmlurl", "").strip()
        if tag.lower() == "outline" and url:
            urls[_joined(base_url, url)] = None

    def refuse(*_: object) -> None:
        raise InvalidOpml("The list declares a document type, which is not allowed.")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, UnicodeError, LookupError) as error:
        raise InvalidOpml("The list is not well-formed XML.") from error
    return list(urls)


def _joined(base_url: str, url: str) -> str:
    try:
        return urljoin(base_url, url)
    except ValueError as error:
        raise InvalidOpml("The list contains an invalid URL.") from error


def builtin_feeds() -> tuple[str, ...]:
    """The feeds that are read where FEED_URLS is empty."""
    body = resources.files("tasks.sources").joinpath("feeds.opml").read_bytes()
    return tuple(opml_feeds(body, ""))
