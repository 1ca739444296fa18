"""`single_analysis`: analyse one URL. The job fails if its one article does."""

from __future__ import annotations

import msgspec

from nlp.analysis import Depth
from tasks.errors import PermanentFailure, Reason
from tasks.job import Job, SingleAnalysis
from tasks.kinds.analysing import ArticleAnalyser
from tasks.kinds.kind import Discovery
from tasks.kinds.ranking import ArticleRanker
from tasks.outcome import ArticleAnalysed, Candidate
from tasks.ports import Ledger


class SingleKind:
    def __init__(self, ledger: Ledger, analyser: ArticleAnalyser, ranker: ArticleRanker) -> None:
        self._ledger = ledger
        self._analyser = analyser
        self._ranker = ranker

    async def discover(self, job: Job) -> Discovery:
        params = msgspec.convert(job.params, SingleAnalysis)
        return Discovery(candidates=(Candidate(url=params.url),))

    async def analyse(self, job: Job, candidate: Candidate) -> ArticleAnalysed:
        return await self._analyser.analyse(job, candidate, Depth.DETAILS)

    async def rank(self, job: Job) -> bytes:
        for failure in await self._ledger.failures(job.id):
            raise PermanentFailure(Reason(failure.reason), failure.detail)
        return await self._ranker.rank(job, diversify=False)
