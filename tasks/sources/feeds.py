"""One feed, RSS or Atom, from its bytes to its entries."""

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
    MAX_LOOKED_AT,
    MAX_TITLE_CHARS,
    all_failed,
    http_link,
    plain_text,
    refusal,
)

MAX_ENTRIES = 1_000
"""What one feed may bring; the feeds that matter hold the newest first."""

MAX_SUMMARY_CHARS = 2_000


class BrokenFeed(ValueError):
    """The document is no feed."""


class Entry(Struct, frozen=True, kw_only=True):
    """One entry that leads somewhere."""

    url: str
    title: str | None = None
    summary: str = ""
    """As plain text, its beginning only."""
    published: float | None = None
    """Seconds since the epoch; None where the feed does not say."""


def parse_feed(body: bytes, url: str, content_type: str | None = None) -> list[Entry]:
    """The entries with an http link, in the feed's order. Raises BrokenFeed.

    Slow (0.15 s for 1,000 entries) and no coroutine: call it in a thread. feedparser declares no
    entities but those of HTML, so an entity bomb stays as short as it was sent.
    """
    headers = {"content-location": url, "content-type": content_type or "application/xml"}
    try:
        # The flags: entries are not shown as HTML, and links are joined below.
        parsed = feedparser.parse(
            body, response_headers=headers, sanitize_html=False, resolve_relative_uris=False
        )
        found = [_entry(raw, url) for raw in parsed.entries[:MAX_ENTRIES]]
    except Exception as error:
        # feedparser lets errors of many kinds out of its lenient parser; none of them is ours.
        raise BrokenFeed("The feed cannot be read.") from error
    if not found and not parsed.get("version"):
        raise BrokenFeed("The address does not lead to a feed.")
    return [entry for entry in found if entry is not None]


def _entry(raw: dict[str, Any], base_url: str) -> Entry | None:
    link = http_link(raw.get("link"), base_url)
    if link is None:
        return None
    return Entry(
        url=link,
        title=plain_text(raw.get("title"), MAX_TITLE_CHARS) or None,
        summary=plain_text(raw.get("summary"), MAX_SUMMARY_CHARS),
        # Asked through `dict`: feedparser's own look-up warns where only the other date is there.
        published=_seconds(
            dict.get(raw, "published_parsed") or dict.get(raw, "updated_parsed"),
        ),
    )


def _seconds(moment: Any) -> float | None:
    try:
        return float(calendar.timegm(moment)) if moment else None
    except (ValueError, TypeError, OverflowError):
        return None


async def feed_answer(page: Page, service: str, *, retry_after: float | None = None) -> list[Entry]:
    """The entries. Raises PermanentFailure or TransientFailure where the answer is no feed."""
    start = page.body[:200].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start.startswith(b"<"):
        text = page.body[:MAX_LOOKED_AT].decode("utf-8", errors="replace")
        raise refusal(service, text, retry_after=retry_after)
    try:
        # In a thread: a large feed takes seconds, and the loop has leases to renew.
        return await asyncio.to_thread(parse_feed, page.body, page.url, page.content_type)
    except BrokenFeed as error:
        raise TransientFailure(
            Reason.SERVER_ERROR, f"{service}'s answer is not the feed that it promises."
        ) from error


_ROOT = re.compile(rb"<opml[\s>]", re.IGNORECASE)


class BrokenList(ValueError):
    """The list cannot be read."""


def is_opml(body: bytes) -> bool:
    """Whether the document calls itself a list of feeds, by its beginning."""
    return _ROOT.search(body[:2_000]) is not None


def feeds_of(body: bytes, base_url: str) -> list[str]:
    """The feeds that the list names at any depth, in order, each once.

    A list with a document type is refused: only there can entities be declared, a few hundred
    bytes of which can stand for gigabytes. Raises BrokenList.
    """
    urls: dict[str, None] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        named = {name.lower(): value for name, value in attributes.items()}
        url = named.get("xmlurl", "").strip()
        if tag.lower() == "outline" and url:
            urls[_joined(base_url, url)] = None

    def refuse(*_: object) -> None:
        raise BrokenList("The list declares a document type, which is not allowed.")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, UnicodeError, LookupError) as error:
        raise BrokenList("The list is not well-formed XML.") from error
    return list(urls)


def _joined(base_url: str, url: str) -> str:
    try:
        return urljoin(base_url, url)
    except ValueError as error:
        raise BrokenList("The list holds an invalid URL.") from error


T = TypeVar("T")

_NOTHING = object()


def interleaved(lists: Iterable[Sequence[T]]) -> Iterator[T]:
    """The first of each list, then the second of each, and so on."""
    for row in zip_longest(*lists, fillvalue=_NOTHING):
        yield from (item for item in row if item is not _NOTHING)  # type: ignore[misc]


MAX_FEEDS = 200
"""Feeds that are read for one topic, those of lists included."""

FEEDS_AT_ONCE = 8
"""Bounds the memory: each may hold a body of several megabytes."""

QUERY = "{query}"

_log = structlog.get_logger(__name__)


class _Reading(Struct, frozen=True, kw_only=True):
    """What came of one URL."""

    url: str
    entries: tuple[Entry, ...] = ()
    """On the topic, as the other side or we chose them."""
    lists: tuple[str, ...] = ()
    """The feeds that it names, where it is a list."""
    failure: StepError | None = None

    @property
    def searched(self) -> bool:
        """Whether the other side chose the entries for the topic."""
        return QUERY in self.url


class FeedSource:
    """Reads the given feeds and lists; those with `{query}` in their URL are asked for the topic.

    The other feeds tell of everything, so of theirs only entries count whose title and summary
    hold all words of the topic, newest first. A feed that fails is left out and logged.
    """

    name = "feeds"

    def __init__(
        self, fetcher: Fetcher, urls: Sequence[str] = (), *, seconds: float = 60.0
    ) -> None:
        self._fetcher = fetcher
        self._seconds = seconds
        """For all feeds together; those that have not answered then count as failed."""
        self._urls = tuple(urls) or builtin_feeds()

    async def find(self, topic: str, limit: int) -> list[Candidate]:
        readings = await self._read_all(topic)
        failures = [reading.failure for reading in readings if reading.failure]
        if len(failures) == len(readings):
            raise all_failed("None of the feeds could be read.", failures)
        searched = [reading.entries for reading in readings if reading.searched]
        others = [
            entry for reading in readings if not reading.searched for entry in reading.entries
        ]
        by_url: dict[str, Entry] = {}
        for entry in interleaved([*searched, newest_first(others)]):
            by_url.setdefault(entry.url, entry)
        return [
            Candidate(url=entry.url, source=self.name, title=entry.title)
            for entry in list(by_url.values())[:limit]
        ]

    async def _read_all(self, topic: str) -> list[_Reading]:
        """Feeds first named come first. A list in a list is not followed."""
        slots = asyncio.Semaphore(FEEDS_AT_ONCE)
        due = asyncio.get_running_loop().time() + self._seconds
        named = await self._read_each(self._urls[:MAX_FEEDS], topic, slots, due)
        known = set(self._urls)
        listed = dict.fromkeys(
            url for reading in named for url in reading.lists if url not in known
        )
        room = MAX_FEEDS - len(named)
        found = await self._read_each(list(listed)[:room], topic, slots, due)
        return [reading for reading in named if not reading.lists] + found

    async def _read_each(
        self, urls: Sequence[str], topic: str, slots: asyncio.Semaphore, due: float
    ) -> list[_Reading]:
        return list(await asyncio.gather(*(self._read(url, topic, slots, due) for url in urls)))

    async def _read(self, url: str, topic: str, slots: asyncio.Semaphore, due: float) -> _Reading:
        """`due` is when it must have answered, on the loop's clock."""
        try:
            async with asyncio.timeout_at(due), slots:
                return await self._fetched(url, topic)
        except StepError as failure:
            return _left_out(url, failure)
        except TimeoutError:
            late = TransientFailure(Reason.TIMED_OUT, "The feed took longer than there was time.")
            return _left_out(url, late)

    async def _fetched(self, url: str, topic: str) -> _Reading:
        page = await self._fetcher.document(url.replace(QUERY, quote(topic, safe="")))
        try:
            if is_opml(page.body):
                return _Reading(url=url, lists=tuple(feeds_of(page.body, page.url)))
            # In a thread: a large feed takes seconds, and the loop has leases to renew.
            entries = await asyncio.to_thread(_chosen, page, topic if QUERY not in url else None)
        except (BrokenFeed, BrokenList) as error:
            raise PermanentFailure(Reason.UNSUPPORTED_CONTENT, str(error)) from error
        return _Reading(url=url, entries=tuple(entries))


def _left_out(url: str, failure: StepError) -> _Reading:
    _log.warning(
        "feed left out",
        feed=url.partition("?")[0],  # a query may hold a key
        reason=failure.reason,
        detail=failure.detail,
    )
    return _Reading(url=url, failure=failure)


def _chosen(page: Page, topic: str | None) -> list[Entry]:
    """The feed's entries, those on the topic where one is given."""
    entries = parse_feed(page.body, page.url, page.content_type)
    return entries if topic is None else on_topic(entries, topic)


def on_topic(entries: Sequence[Entry], topic: str) -> list[Entry]:
    """The entries that hold every telling word of the topic, as a whole word in any inflection."""
    try:
        terms = set(query_terms(topic))
    except Unmeasurable:
        return []
    return [
        entry for entry in entries if terms <= set(stems(words(f"{entry.title} {entry.summary}")))
    ]


def newest_first(entries: Sequence[Entry]) -> list[Entry]:
    """Those without a date last; entries of one moment in their order."""
    return sorted(entries, key=lambda entry: (entry.published is None, -(entry.published or 0.0)))


def builtin_feeds() -> tuple[str, ...]:
    """The feeds that are read where FEED_URLS names none."""
    body = resources.files("tasks.sources").joinpath("feeds.opml").read_bytes()
    return tuple(feeds_of(body, ""))
