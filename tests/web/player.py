"""Plays the worker: moves jobs on in the real ledger, one step at a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from app.pages.templating import SCORES
from nlp.analysis import Scorecard
from nlp.decision import Decision, NearestArticle, Verdict
from tasks.errors import Reason
from tasks.jobs.job import JobState, JobType
from tasks.jobs.outcome import ArticleAnalysed, Candidate, Failure
from tasks.jobs.result import ArticlesResult, with_expiry
from tasks.jobs.step import Claim, Lease, StepRef
from tasks.ledger.redis import RedisLedger


class Player:
    """One worker's calls on the ledger."""

    def __init__(self, ledger: RedisLedger) -> None:
        self._ledger = ledger
        self._analysed: list[dict[str, Any]] = []
        self._failed: list[Failure] = []

    async def claim(self, job_id: str, step: str) -> Lease:
        granted = await self._ledger.claim(StepRef.parse(f"{job_id}/{step}"), "player")
        assert isinstance(granted, Claim), granted
        return granted.lease

    async def discover(self, job_id: str, urls: Sequence[str]) -> None:
        lease = await self.claim(job_id, "discover")
        candidates = [Candidate(url=url) for url in urls]
        assert await self._ledger.discovered(lease, candidates, b"[]")

    async def analyse(self, job_id: str, index: int, url: str, **article: Any) -> None:
        lease = await self.claim(job_id, f"analyse:{index}")
        result = result_of(url, score=90.0 - index, **article)
        self._analysed.append(result)
        raw = msgspec.Raw(msgspec.json.encode(result))
        outcome = ArticleAnalysed(url=url, result=raw, evidence=b"evidence")
        assert await self._ledger.settle(lease, outcome)

    async def fail(self, job_id: str, index: int, url: str, detail: str) -> None:
        lease = await self.claim(job_id, f"analyse:{index}")
        self._failed.append(Failure(url=url, reason=Reason.NOT_FOUND, detail=detail))
        assert await self._ledger.fail(lease, Reason.NOT_FOUND, detail)

    async def fail_discovery(self, job_id: str, detail: str) -> None:
        lease = await self.claim(job_id, "discover")
        assert await self._ledger.fail(lease, Reason.SOURCES_FAILED, detail)

    async def give_up(self, lease: Lease) -> None:
        """Notices that the job was cancelled, and stops."""
        await self._ledger.hand_back(lease)

    async def rank(self, job_id: str) -> bytes:
        """Ends the job with what was analysed, all of it kept. Returns what clients read."""
        lease = await self.claim(job_id, "rank")
        result = self._result(job_id)
        assert await self._ledger.complete(lease, result)
        record = await self._ledger.record(job_id)
        assert record is not None
        assert record.expires_ms is not None
        return with_expiry(result, record.expires_ms)

    async def finish(self, job_id: str, url: str = "https://news.example/a") -> bytes:
        """Takes a job of one URL through its whole life."""
        await self.discover(job_id, [url])
        await self.analyse(job_id, 0, url)
        return await self.rank(job_id)

    def _result(self, job_id: str) -> bytes:
        kept = [
            Decision(
                url=result["article"]["url"],
                verdict=Verdict.KEPT,
                explanation=f"Kept with a score of {result['overall_score']:.0f}.",
                rank=rank,
                overall_score=result["overall_score"],
                scores=msgspec.convert(result, Scorecard),
                domain=result["article"]["domain"],
                cluster=0,
                nearest=NearestArticle(
                    url="https://news.example/nearest", containment=0.25, cosine=0.612
                ),
            )
            for rank, result in enumerate(self._analysed, start=1)
        ]
        dropped = [
            Decision(
                url=failure.url,
                verdict=Verdict.FAILED,
                explanation=failure.detail,
                reason=failure.reason,
            )
            for failure in self._failed
        ]
        return msgspec.json.encode(
            ArticlesResult(
                status=JobState.SUCCESS,
                state=JobState.SUCCESS,
                job_id=job_id,
                type=JobType.BATCH_ANALYSIS,
                total_urls=len(kept) + len(dropped),
                processed_count=len(kept),
                failed_count=len(dropped),
                failed_urls=tuple(failure.url for failure in self._failed),
                failures=tuple(self._failed),
                results=tuple(
                    msgspec.Raw(msgspec.json.encode(result)) for result in self._analysed
                ),
                diversity_applied=True,
                decisions=(*kept, *dropped),
            )
        )


def _raw(result: dict[str, Any]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(result))


def result_of(
    url: str, *, score: float, also_reported_by: Sequence[dict[str, Any]] = (), **article: Any
) -> dict[str, Any]:
    """One article's public result, as `analyse` makes it."""
    return {
        "also_reported_by": also_reported_by,
        "sources_count": 1 + len(also_reported_by),
        "overall_score": score,
        **{name: 50.0 + place * 5 for place, name in enumerate(SCORES)},
        "neutral": [],
        "cached": True,
        "article": {
            "url": url,
            "canonical_url": url,
            "domain": "news.example",
            "title": "A quiet week on the markets",
            "author": "Ada Writer",
            "summary": "Prices hardly moved. Nobody knows why.",
            "publish_date": "2026-03-01T08:30:00Z",
            "language": "en",
            "word_count": 730,
            "keywords": ["quiet week", "markets"],
            "entities": [{"text": "Bank of Examples", "label": "ORG", "count": 3}],
            **article,
        },
    }
