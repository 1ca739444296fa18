"""Stand-ins at the seams of the worker, for tests of what lies between them."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

import numpy as np

from nlp.analysis import (
    Depth,
    Details,
    Fingerprint,
    Impression,
    ReadReport,
    ReadRequest,
    Rejection,
    Score,
    Scorecard,
    StageRun,
    Study,
    StudyReport,
    StudyRequest,
    Weights,
)
from nlp.article import Article, Page
from nlp.decision import Survey, SurveyRequest
from nlp.embedding.embedder import HashingEmbedder
from nlp.feeds.feed import FeedReport, FeedRequest
from nlp.feeds.reader import read_feed
from nlp.neutral import Unmeasurable
from nlp.ranking.survey import survey
from nlp.scores.scorecard import composite_for, scorecard
from nlp.text.query_terms import TermCounts, term_counts

Behaviour = Callable[[], Awaitable[None]]


class FakeFetcher:
    """Answers each URL with a page of its own, or as `behaviours` says."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.behaviours: dict[str, Behaviour] = {}

    async def page(self, url: str) -> Page:
        self.calls[url] += 1
        if url in self.behaviours:
            await self.behaviours[url]()
        return Page(url=url, body=url.encode())

    async def document(
        self, url: str, *, headers: Mapping[str, str] | None = None, interval: float = 0.0
    ) -> Page:
        return await self.page(url)


class FakeEngine:
    """Works at once, with scores and fingerprints that depend on the URL alone."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.started: list[tuple[float, str]] = []
        """When each reading began, in seconds since the epoch, and of what."""
        self.behaviours: dict[str, Behaviour] = {}
        """What happens when the page of that URL is read."""
        self.detailed: Counter[str] = Counter()
        """How often each URL's details were made."""
        self.running = 0

    async def read(self, request: ReadRequest) -> ReadReport:
        url = request.page.url
        self.calls[url] += 1
        self.started.append((time.time(), url))
        self.running += 1
        try:
            await asyncio.sleep(0)
            if url in self.behaviours:
                await self.behaviours[url]()
        finally:
            self.running -= 1
        return fake_read_report(request)

    async def study(self, request: StudyRequest) -> StudyReport:
        report = fake_study_report(request)
        if report.study.details and not request.details:
            self.detailed[request.article.url] += 1
        return report

    async def survey(self, request: SurveyRequest) -> Survey:
        return survey(request, HashingEmbedder(8))

    async def read_feed(self, request: FeedRequest) -> FeedReport:
        return read_feed(request)


class FeedReaderHere:
    """Reads feeds in the process of the test, as an engine reads them in its own."""

    async def read_feed(self, request: FeedRequest) -> FeedReport:
        return read_feed(request)


FEED_READER = FeedReaderHere()


def fake_read_report(request: ReadRequest) -> ReadReport:
    """An article that depends on the URL alone; one with `untitled` in it is rejected."""
    url = request.page.url
    outcome: Article | Rejection = Article(
        url=url, canonical_url=url, domain="site.example", title=url, text=url, word_count=300
    )
    if "untitled" in url:
        outcome = Rejection(reason="no_title", detail="The page has no title.")
    return ReadReport(outcome=outcome, stages=(_stage("extract"),))


def fake_study_report(request: StudyRequest) -> StudyReport:
    """Scores and fingerprint depend on the URL alone."""
    digest = hashlib.sha256(request.article.url.encode()).digest()
    vector = np.random.default_rng(digest[0]).standard_normal(8).astype("<f4")
    score = Score(round(digest[1] / 2.56, 2))
    details = Details(ner_density=score, summary="In short.")
    impression = Impression(
        fingerprint=Fingerprint(
            text_sha256=digest.hex(),
            shingles=digest,
            embedding=(vector / np.linalg.norm(vector)).tobytes(),
        ),
        readability=score,
        sentiment=score,
    )
    study = Study(
        impression=impression,
        details=details if request.depth is Depth.DETAILS else None,
        terms=_counts(request),
        scores=scorecard(composite_for(request.query, Weights()), **dict.fromkeys(SCORES, score)),
    )
    return StudyReport(study=study, stages=(_stage("embed"),))


def _counts(request: StudyRequest) -> TermCounts | None:
    try:
        return term_counts(request.query, request.article.title, request.article.text)
    except Unmeasurable:
        return None


SCORES = {name for name in Scorecard.__struct_fields__ if name.endswith("_score")} - {
    "overall_score"
}


def _stage(name: str) -> StageRun:
    now = round(dt.datetime.now(dt.UTC).timestamp() * 1e9)
    return StageRun(name=name, started_ns=now, ended_ns=now + 1000)
