"""`batch_analysis`: analyse and rank the URLs that the client gave."""

from __future__ import annotations

import msgspec

from nlp.analysis import Depth
from tasks.job import BatchAnalysis, Job
from tasks.kinds.analysing import ArticleAnalyser
from tasks.kinds.kind import Discovery
from tasks.kinds.ranking import ArticleRanker
from tasks.outcome import ArticleAnalysed, Candidate


class BatchKind:
    def __init__(self, analyser: ArticleAnalyser, ranker: ArticleRanker) -> None:
        self._analyser = analyser
        self._ranker = ranker

    async def discover(self, job: Job) -> Discovery:
        return Discovery(candidates=tuple(Candidate(url=url) for url in _params(job).urls))

    async def analyse(self, job: Job, candidate: Candidate) -> ArticleAnalysed:
        return await self._analyser.analyse(job, candidate, Depth.DETAILS)

    async def rank(self, job: Job) -> bytes:
        return await self._ranker.rank(job, diversify=_params(job).apply_diversity)


def _params(job: Job) -> BatchAnalysis:
    return msgspec.convert(job.params, BatchAnalysis)
