"""`topic_curation`: find candidates, analyse each, keep the best."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from nlp.analysis import Depth
from tasks.job import Job, TopicCuration
from tasks.kinds.analysing import ArticleAnalyser
from tasks.kinds.kind import Discovery
from tasks.kinds.ranking import ArticleRanker
from tasks.outcome import ArticleAnalysed, Candidate
from tasks.ports import Source
from tasks.settings import Settings
from tasks.sources.search import find_candidates


class TopicKind:
    def __init__(
        self,
        sources: Sequence[Source],
        analyser: ArticleAnalyser,
        ranker: ArticleRanker,
        settings: Settings,
    ) -> None:
        self._sources = sources
        self._analyser = analyser
        self._ranker = ranker
        self._settings = settings

    async def discover(self, job: Job) -> Discovery:
        params = _params(job)
        limit = params.max_articles * self._settings.candidates_per_article
        found = await find_candidates(params.topic, limit, self._sources)
        return Discovery(candidates=found.candidates, report=msgspec.json.encode(found.reports))

    async def analyse(self, job: Job, candidate: Candidate) -> ArticleAnalysed:
        return await self._analyser.analyse(job, candidate, Depth.IMPRESSION)

    async def rank(self, job: Job) -> bytes:
        params = _params(job)
        return await self._ranker.rank(
            job,
            diversify=params.apply_diversity,
            max_articles=params.max_articles,
            min_relevance=self._settings.min_relevance,
        )


def _params(job: Job) -> TopicCuration:
    return msgspec.convert(job.params, TopicCuration)
