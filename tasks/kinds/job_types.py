"""`topic_curation`: find candidates, analyse each, keep the best."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec

from nlp.analysis import Depth, Weights
from nlp.decision import SelectionPolicy, SurveyRequest
from tasks.errors import PermanentFailure, Reason
from tasks.jobs.job import BatchAnalysis, Job, JobState, JobType, SingleAnalysis, TopicCuration
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.outcome import ArticleAnalysed, Candidate
from tasks.jobs.result import HealthCheckResult
from tasks.kinds.article_analysis import ArticleAnalyser
from tasks.kinds.ranking import ArticleRanker
from tasks.ports import Cache, Discovery, Engine, Fetcher, Kind, Source
from tasks.resources import analysis_cache, source_policy
from tasks.settings import Settings
from tasks.sources.search import build_sources, find_candidates


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


class BatchKind:
    def __init__(self, analyser: ArticleAnalyser, ranker: ArticleRanker) -> None:
        self._analyser = analyser
        self._ranker = ranker

    async def discover(self, job: Job) -> Discovery:
        return Discovery(candidates=tuple(Candidate(url=url) for url in _batch_params(job).urls))

    async def analyse(self, job: Job, candidate: Candidate) -> ArticleAnalysed:
        return await self._analyser.analyse(job, candidate, Depth.DETAILS)

    async def rank(self, job: Job) -> bytes:
        return await self._ranker.rank(job, diversify=_batch_params(job).apply_diversity)


def _batch_params(job: Job) -> BatchAnalysis:
    return msgspec.convert(job.params, BatchAnalysis)


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


class HealthKind:
    def __init__(self, engine: Engine, worker: str) -> None:
        self._engine = engine
        self._worker = worker

    async def discover(self, job: Job) -> Discovery:
        return Discovery(candidates=())

    async def analyse(self, job: Job, candidate: Candidate) -> ArticleAnalysed:
        raise PermanentFailure(Reason.INTERNAL_ERROR, "A health check has no articles.")

    async def rank(self, job: Job) -> bytes:
        started = time.perf_counter()
        nothing = SurveyRequest(
            evidence=(), query=None, policy=SelectionPolicy(), weights=Weights()
        )
        await self._engine.survey(nothing)
        return msgspec.json.encode(
            HealthCheckResult(
                status=JobState.SUCCESS,
                state=JobState.SUCCESS,
                job_id=job.id,
                type=job.type,
                worker=self._worker,
                engine_seconds=round(time.perf_counter() - started, 3),
            )
        )


def build_kinds(
    settings: Settings,
    ledger: Ledger,
    engine: Engine,
    fetcher: Fetcher,
    cache: Cache,
    worker: str,
) -> dict[JobType, Kind]:
    """Every type of job, on these parts."""
    analyser = ArticleAnalyser(fetcher, engine, analysis_cache(cache, settings), settings)
    ranker = ArticleRanker(ledger, engine, analyser, settings)
    sources = build_sources(source_policy(settings), fetcher)
    return {
        JobType.TOPIC_CURATION: TopicKind(sources, analyser, ranker, settings),
        JobType.BATCH_ANALYSIS: BatchKind(analyser, ranker),
        JobType.SINGLE_ANALYSIS: SingleKind(ledger, analyser, ranker),
        JobType.HEALTH_CHECK: HealthKind(engine, worker),
    }
