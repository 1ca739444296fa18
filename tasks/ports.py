"""What the domain needs of the world around it. Each protocol holds only what its callers use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from nlp.analysis import ReadReport, ReadRequest, StudyReport, StudyRequest
from nlp.article import Page
from nlp.decision import Survey, SurveyRequest
from nlp.feeds.feed import FeedReport, FeedRequest
from tasks.jobs.job import Job
from tasks.jobs.outcome import ArticleAnalysed, Candidate


class Fetcher(Protocol):
    """Gets a document, politely and within bounds."""

    async def page(self, url: str) -> Page:
        """An article's page. Honours robots.txt.

        Raises PermanentFailure or TransientFailure with the reason, or HostBusy.
        """
        ...

    async def document(
        self, url: str, *, headers: Mapping[str, str] | None = None, interval: float = 0.0
    ) -> Page:
        """A feed, an OPML list or the reply of a search service: XML, JSON or text.

        The headers, which may hold a key, are sent to the URL's own origin only, not to where it
        redirects.
        `interval` is the least number of seconds between two requests to its host.

        Raises PermanentFailure or TransientFailure with the reason.
        """
        ...


class Findings(Struct, frozen=True, kw_only=True):
    """What a source found for a topic."""

    candidates: tuple[Candidate, ...] = ()
    seen: int = 0
    """The results or entries among which they were chosen."""


class Source(Protocol):
    """Finds candidates for a topic."""

    @property
    def name(self) -> str: ...

    async def find(self, topic: str, limit: int) -> Findings:
        """At most `limit` candidates, best or newest first, as the source orders them.

        Raises PermanentFailure or TransientFailure if the source failed.
        """
        ...


class Cache(Protocol):
    """Bytes that are kept for a while, within a bound: the least recently used are dropped first.

    It never fails a job: a value that cannot be read is a miss, one that cannot be written is
    dropped.
    """

    async def get(self, key: str) -> bytes | None: ...

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The same for several keys, in one round trip."""
        ...

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Kept for `ttl` seconds at most."""
        ...


class FeedReader(Protocol):
    """Reads what strangers send as feeds, outside the event loop."""

    async def read_feed(self, request: FeedRequest) -> FeedReport:
        """Raises PermanentFailure or TransientFailure as an `Engine` does."""
        ...


class Engine(FeedReader, Protocol):
    """Does the CPU work of a worker, outside its event loop.

    Each call raises PermanentFailure or TransientFailure if the engine dies of it, or if it takes
    longer than the hard limit.
    """

    async def read(self, request: ReadRequest) -> ReadReport: ...

    async def study(self, request: StudyRequest) -> StudyReport: ...

    async def survey(self, request: SurveyRequest) -> Survey: ...


class Discovery(Struct, frozen=True, kw_only=True):
    """What `discover` found."""

    candidates: tuple[Candidate, ...]
    report: bytes = b"null"
    """What the sources reported, as JSON."""


class Kind(Protocol):
    """The three steps of one type of job.

    Each raises PermanentFailure or TransientFailure with the reason if it does not succeed.
    """

    async def discover(self, job: Job) -> Discovery: ...

    async def analyse(self, job: Job, candidate: Candidate) -> ArticleAnalysed: ...

    async def rank(self, job: Job) -> bytes:
        """The job's result, as JSON."""
        ...
