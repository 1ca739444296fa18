"""Feeds and lists of feeds as a source."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib import resources
from urllib.parse import quote

import structlog
from msgspec import Struct

from nlp.article import Page
from nlp.neutral import Unmeasurable
from nlp.text.topic import topic_terms
from nlp.text.words import stems, words
from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure
from tasks.outcome import Candidate
from tasks.ports import Fetcher
from tasks.sources.failure import all_failed
from tasks.sources.feed import BrokenFeed, Entry, parse_feed
from tasks.sources.interleaving import interleaved
from tasks.sources.opml import BrokenList, feeds_of, is_opml

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
        terms = set(topic_terms(topic))
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
