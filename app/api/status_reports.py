"""The statuses of jobs, with the URLs of their articles so far.

A job is asked for its status many times while it runs, and the ledger holds the URLs of analysed
articles within their results, which are long. So each result is read once: the URLs are kept here.
"""

from __future__ import annotations

from itertools import takewhile

from app.api.models.jobs import StatusReport, status_report
from tasks.jobs.outcome import ArticleAnalysed
from tasks.jobs.queue import Queue
from tasks.jobs.record import JobRecord

MAX_LISTED_URLS = 1000
MAX_LISTED_BYTES = 256 * 1024
"""Of the lists of URLs of one status together."""

BLOCK = 100
"""Articles that are read at once. A block all of whose articles have settled never changes."""

MAX_JOBS = 50
"""Jobs whose URLs are kept, some 25 MB at most; those not asked for lately are forgotten."""


class StatusReports:
    """What the calls for a status answer."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._jobs: dict[str, _ProcessedUrls] = {}

    async def of(self, job_id: str) -> StatusReport:
        """Raises UnknownJob."""
        status = await self._queue.status(job_id)
        room = _Room(MAX_LISTED_URLS, MAX_LISTED_BYTES)
        failures = tuple(takewhile(lambda failure: room.takes(failure.url), status.failures))
        processed = await self._processed(status.record) if status.record.processed else ()
        return status_report(status, tuple(takewhile(room.takes, processed)), failures)

    async def _processed(self, record: JobRecord) -> tuple[str, ...]:
        urls = self._jobs.pop(record.id, None) or _ProcessedUrls()
        await urls.read(self._queue, record)
        self._jobs[record.id] = urls
        while len(self._jobs) > MAX_JOBS:
            del self._jobs[next(iter(self._jobs))]
        return urls.first[: record.processed]


class _ProcessedUrls:
    """The first URLs of one job that were analysed, in the order of its articles."""

    def __init__(self) -> None:
        self.first: tuple[str, ...] = ()
        self._settled = 0
        self._blocks: dict[int, tuple[int, tuple[str, ...]]] = {}
        """By its first index: how many articles of a block settled, and the analysed URLs."""

    async def read(self, queue: Queue, record: JobRecord) -> None:
        if record.settled == self._settled:
            return
        urls: list[str] = []
        settled = start = size = 0
        while settled < record.settled and start < (record.total or 0):
            if len(urls) >= MAX_LISTED_URLS or size >= MAX_LISTED_BYTES:
                break
            block_settled, block_urls = await self._block(queue, record, start)
            settled += block_settled
            urls += block_urls
            size += sum(map(len, block_urls))
            start += BLOCK
        self.first = tuple(urls[:MAX_LISTED_URLS])
        self._settled = record.settled

    async def _block(
        self, queue: Queue, record: JobRecord, start: int
    ) -> tuple[int, tuple[str, ...]]:
        size = min(BLOCK, (record.total or 0) - start)
        known = self._blocks.get(start)
        if known and known[0] == size:
            return known
        outcomes = (await queue.articles(record.id, start, size)).outcomes
        analysed = (outcome for outcome in outcomes if isinstance(outcome, ArticleAnalysed))
        self._blocks[start] = len(outcomes), tuple(outcome.url for outcome in analysed)
        return self._blocks[start]


class _Room:
    """What still fits into the lists of a status."""

    def __init__(self, urls: int, size: int) -> None:
        self._urls = urls
        self._bytes = size

    def takes(self, url: str) -> bool:
        self._urls -= 1
        self._bytes -= len(url.encode()) + len('"",')
        return self._urls >= 0 and self._bytes >= 0
