"""Feeds and lists of feeds as a source.

`FeedSource` asks for the configured feeds and OPML lists, and chooses the entries on the topic;
`parse_feed_answer` reads the answer of a search service that comes as a feed. The documents
themselves are read by `nlp.feeds`, in the engine: strangers write them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from itertools import zip_longest
from typing import TypeVar
from urllib.parse import quote

import structlog
from msgspec import Struct

from nlp.article import Page
from nlp.feeds.feed import MAX_ENTRIES, Entry, FeedRequest, best_first
from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure
from tasks.jobs.outcome import Candidate
from tasks.ports import FeedReader, Fetcher, Findings
from tasks.sources.base import MAX_EXAMINED_CHARS, combined_failure, refusal

log = structlog.get_logger(__name__)

T = TypeVar("T")

MAX_FEEDS = 200
"""Feeds that are read for one topic, including those of lists."""

MAX_CONCURRENT_FEEDS = 8
"""Limits the memory: each may have a body of several megabytes."""

MAX_ENTRIES_PER_FEED = 200
"""Entries on the topic that are taken from one feed; all of them together are sorted here."""

QUERY_PLACEHOLDER = "{query}"
"""Stands for the topic in the URL of a feed that is a search."""


class _FeedResult(Struct, frozen=True, kw_only=True):
    """The outcome of one URL."""

    url: str
    entries: tuple[Entry, ...] = ()
    """Those on the topic, chosen by the other side or by us."""
    seen: int = 0
    """The entries among which they were chosen."""
    feed_urls: tuple[str, ...] = ()
    """Of its feeds, where it is a list."""
    failure: StepError | None = None

    @property
    def is_search(self) -> bool:
        """Whether the other side chose the entries for the topic."""
        return QUERY_PLACEHOLDER in self.url


class FeedSource:
    """Reads the given feeds and lists; a URL with `{query}` is a search for the topic.

    The other feeds cover all topics, so of their entries those count that match the topic, the best
    match first (`nlp.feeds.topic`). A feed that fails is omitted and logged.
    """

    name = "feeds"

    def __init__(
        self,
        fetcher: Fetcher,
        reader: FeedReader,
        urls: Sequence[str] = (),
        *,
        seconds: float = 60.0,
    ) -> None:
        self._fetcher = fetcher
        self._reader = reader
        self._seconds = seconds
        """For all feeds together; feeds that have not answered by then count as failed."""
        self._urls = tuple(urls)
        """Empty: those of the built-in list."""

    async def find(self, topic: str, limit: int) -> Findings:
        results = await self._read_all(topic)
        failures = [result.failure for result in results if result.failure]
        if len(failures) == len(results):
            raise combined_failure("None of the feeds could be read.", failures)
        searches = [result.entries for result in results if result.is_search]
        others = [entry for result in results if not result.is_search for entry in result.entries]
        by_url: dict[str, Entry] = {}
        for entry in interleaved([*searches, best_first(others)]):
            by_url.setdefault(entry.url, entry)
        candidates = (
            Candidate(url=entry.url, source=self.name, title=entry.title)
            for entry in list(by_url.values())[:limit]
        )
        seen = sum(result.seen for result in results)
        return Findings(candidates=tuple(candidates), seen=seen)

    async def _read_all(self, topic: str) -> list[_FeedResult]:
        """The feeds of lists come last. A list within a list is not followed."""
        slots = asyncio.Semaphore(MAX_CONCURRENT_FEEDS)
        due = asyncio.get_running_loop().time() + self._seconds
        urls = self._urls or await self._builtin_feeds()
        direct = await self._read_each(urls[:MAX_FEEDS], topic, slots, due)
        known = set(urls)
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
        is_search = QUERY_PLACEHOLDER in url
        report = await self._reader.read_feed(
            FeedRequest(page=page, topic=None if is_search else topic, limit=MAX_ENTRIES_PER_FEED)
        )
        if report.problem is not None:
            raise PermanentFailure(Reason.UNSUPPORTED_CONTENT, report.problem)
        return _FeedResult(
            url=url, entries=report.entries, seen=report.seen, feed_urls=report.feed_urls
        )

    async def _builtin_feeds(self) -> tuple[str, ...]:
        body = resources.files("tasks.sources").joinpath("feeds.opml").read_bytes()
        request = FeedRequest(page=Page(url="", body=body))
        return (await self._reader.read_feed(request)).feed_urls


def _failed(url: str, failure: StepError) -> _FeedResult:
    log.warning(
        "feed left out",
        feed=url.partition("?")[0],  # a query may hold a key
        reason=failure.reason,
        detail=failure.detail,
    )
    return _FeedResult(url=url, failure=failure)


_MISSING = object()


def interleaved(lists: Iterable[Sequence[T]]) -> Iterator[T]:
    """The first of each list, then the second of each, and so on."""
    for row in zip_longest(*lists, fillvalue=_MISSING):
        yield from (item for item in row if item is not _MISSING)  # type: ignore[misc]


async def parse_feed_answer(
    page: Page, reader: FeedReader, service: str, *, retry_after: float | None = None
) -> tuple[Entry, ...]:
    """The entries. Raises PermanentFailure or TransientFailure where the answer is not a feed."""
    start = page.body[:200].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start.startswith(b"<"):
        text = page.body[:MAX_EXAMINED_CHARS].decode("utf-8", errors="replace")
        raise refusal(service, text, retry_after=retry_after)
    report = await reader.read_feed(FeedRequest(page=page, limit=MAX_ENTRIES))
    if report.problem is not None or report.feed_urls:
        raise TransientFailure(
            Reason.SERVER_ERROR, f"{service}'s answer is not the feed that it promises."
        )
    return report.entries
