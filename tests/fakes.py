"""Stand-ins at the seams of the worker, for tests of what lies between them."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import numpy as np

from nlp.analysis import (
    Analysis,
    AnalysisReport,
    AnalysisRequest,
    Fingerprint,
    Rejection,
    Scorecard,
    StageRun,
)
from nlp.article import Article, Page
from nlp.decision import Ranking, SelectionPolicy
from nlp.ranking import rank

Behaviour = Callable[[], Awaitable[None]]


class FakeFetcher:
    """Answers each URL with a page of its own; or behaves as told for that URL."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.behaviours: dict[str, Behaviour] = {}

    async def page(self, url: str) -> Page:
        self.calls[url] += 1
        if url in self.behaviours:
            await self.behaviours[url]()
        return Page(url=url, body=url.encode())

    async def document(self, url: str) -> Page:
        return await self.page(url)


class FakeEngine:
    """Analyses at once, with scores and fingerprints that depend on the URL alone."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.started: list[tuple[float, str]] = []
        """When each analysis began, in seconds since the epoch, and of what."""
        self.behaviours: dict[str, Behaviour] = {}
        self.running = 0

    async def analyse(self, request: AnalysisRequest) -> AnalysisReport:
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
        return analysed(url)

    async def rank(self, evidence: Sequence[bytes], policy: SelectionPolicy) -> Ranking:
        return rank([msgspec.msgpack.decode(one, type=Analysis) for one in evidence], policy)


def analysed(url: str) -> AnalysisReport:
    """Scores and fingerprint depend on the URL alone; one with `untitled` in it is rejected."""
    return AnalysisReport(outcome=_outcome(url), stages=(_stage("extract"), _stage("embed")))


def _outcome(url: str) -> Analysis | Rejection:
    if "untitled" in url:
        return Rejection(reason="no_title", detail="The page has no title.")
    digest = hashlib.sha256(url.encode()).digest()
    vector = np.random.default_rng(digest[0]).standard_normal(8).astype("<f4")
    score = digest[1] / 2.56
    return Analysis(
        article=Article(
            url=url, canonical_url=url, domain="site.example", title=url, text=url, word_count=300
        ),
        scores=Scorecard(
            overall_score=score,
            readability_score=score,
            ner_density_score=score,
            sentiment_score=score,
            tfidf_relevance_score=score,
            recency_score=score,
            reputation_score=score,
            topic_coherence_score=score,
            semantic_relevance_score=score,
        ),
        fingerprint=Fingerprint(
            text_sha256=digest.hex(),
            shingles=digest,
            embedding=(vector / np.linalg.norm(vector)).tobytes(),
        ),
    )


def _stage(name: str) -> StageRun:
    now = round(dt.datetime.now(dt.UTC).timestamp() * 1e9)
    return StageRun(name=name, started_ns=now, ended_ns=now + 1000)
