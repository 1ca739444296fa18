"""The types of job: how each discovers, analyses and ranks.

`topic_curation` finds candidates for a topic, makes an impression of each, and keeps the best.
`batch_analysis` analyses the given URLs in full, each once, and ranks all of them.
`single_analysis` does so with one URL.
`health_check` has no articles: it shows that a worker and its engine answer.

A job each of whose articles failed fails, whatever its type.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from nlp.analysis import Depth, Weights
from nlp.decision import SelectionPolicy, SurveyRequest
from tasks.cache.analysis_cache import AnalysisCache
from tasks.errors import PermanentFailure, Reason
from tasks.jobs.job import BatchAnalysis, Job, JobState, JobType, SingleAnalysis, TopicCuration
from tasks.jobs.ledger_port import Ledger
from tasks.jobs.outcome import ArticleAnalysed, Candidate
from tasks.jobs.result import HealthCheckResult
from tasks.kinds.article_analysis import ArticleAnalyser
from tasks.kinds.ranking import ArticleRanker
from tasks.policies import CurationPolicy
from tasks.ports import Discovery, Engine, Fetcher, Kind, Source
from tasks.sources.search import find_candidates


def build_kinds(
    policy: CurationPolicy,
    *,
    ledger: Ledger,
    engine: Engine,
    fetcher: Fetcher,
    sources: Sequence[Source],
    analyses: AnalysisCache,
    worker: str,
) -> dict[JobType, Kind]:
    """Every type of job, on these parts, in the worker of this id."""
    analyser = ArticleAnalyser(
        fetcher,
        engine,
        analyses,
        policy.analysis,
        fetch_retry_delay=policy.fetch_retry_delay,
    )
    ranker = ArticleRanker(ledger, engine, analyser, policy)
    return {
        JobType.TOPIC_CURATION: TopicKind(sources, analyser, ranker, policy),
        JobType.BATCH_ANALYSIS: BatchKind(analyser, ranker),
        JobType.SINGLE_ANALYSIS: SingleKind(ledger, analyser, ranker),
        JobType.HEALTH_CHECK: HealthKind(engine, worker),
    }


class TopicKind:
    """`topic_curation`. Details are made during `rank`, of articles that may be kept."""

    def __init__(
        self,
        sources: Sequence[Source],
        analyser: ArticleAnalyser,
        ranker: ArticleRanker,
        policy: CurationPolicy,
    ) -> None:
        self._sources = sources
        self._analyser = analyser
        self._ranker = ranker
        self._policy = policy

    async def discover(self, job: Job) -> Discovery:
        params = _params(job, TopicCuration)
        limit = params.max_articles * self._policy.candidates_per_article
        accepts = job.options.admission.accepts_site
        search = await find_candidates(params.topic, limit, self._chosen(job), accepts)
        return Discovery(candidates=search.candidates, report=msgspec.json.encode(search.reports))

    def _chosen(self, job: Job) -> Sequence[Source]:
        """The sources that the job asks for, of those that are turned on."""
        names = job.options.sources or [source.name for source in self._sources]
        chosen = [source for source in self._sources if source.name in names]
        if not chosen:
            detail = f"None of these sources is turned on: {', '.join(names)}."
            raise PermanentFailure(Reason.SOURCES_FAILED, detail)
        return chosen

    async def analyse(self, job: Job, candidate: Candidate) -> ArticleAnalysed:
        return await self._analyser.analyse(job, candidate, Depth.IMPRESSION)

    async def rank(self, job: Job) -> bytes:
        params = _params(job, TopicCuration)
        return await self._ranker.rank(
            job,
            diversify=params.apply_diversity,
            max_articles=params.max_articles,
            min_relevance=self._policy.selection.min_relevance,
        )


class BatchKind:
    """`batch_analysis`."""

    def __init__(self, analyser: ArticleAnalyser, ranker: ArticleRanker) -> None:
        self._analyser = analyser
        self._ranker = ranker

    async def discover(self, job: Job) -> Discovery:
        urls = dict.fromkeys(_params(job, BatchAnalysis).urls)
        return Discovery(candidates=tuple(Candidate(url=url) for url in urls))

    async def analyse(self, job: Job, candidate: Candidate) -> ArticleAnalysed:
        return await self._analyser.analyse(job, candidate, Depth.DETAILS)

    async def rank(self, job: Job) -> bytes:
        diversify = _params(job, BatchAnalysis).apply_diversity
        return await self._ranker.rank(job, diversify=diversify)


class SingleKind:
    """`single_analysis`. A failed article fails the job, for the same reason."""

    def __init__(self, ledger: Ledger, analyser: ArticleAnalyser, ranker: ArticleRanker) -> None:
        self._ledger = ledger
        self._analyser = analyser
        self._ranker = ranker

    async def discover(self, job: Job) -> Discovery:
        return Discovery(candidates=(Candidate(url=_params(job, SingleAnalysis).url),))

    async def analyse(self, job: Job, candidate: Candidate) -> ArticleAnalysed:
        return await self._analyser.analyse(job, candidate, Depth.DETAILS)

    async def rank(self, job: Job) -> bytes:
        for failure in await self._ledger.failures(job.id):
            raise PermanentFailure(Reason(failure.reason), failure.detail)
        return await self._ranker.rank(job, diversify=False)


class HealthKind:
    """`health_check`: sends one empty request through the engine."""

    def __init__(self, engine: Engine, worker: str) -> None:
        self._engine = engine
        self._worker = worker

    async def discover(self, job: Job) -> Discovery:
        return Discovery(candidates=())

    async def analyse(self, job: Job, candidate: Candidate) -> ArticleAnalysed:
        raise PermanentFailure(Reason.INTERNAL_ERROR, "A health check has no articles.")

    async def rank(self, job: Job) -> bytes:
        started = time.perf_counter()
        empty = SurveyRequest(evidence=(), query=None, policy=SelectionPolicy(), weights=Weights())
        await self._engine.survey(empty)
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


P = TypeVar("P", TopicCuration, BatchAnalysis, SingleAnalysis)


def _params(job: Job, type_: type[P]) -> P:
    """The job's parameters, which must be of this type."""
    return msgspec.convert(job.params, type_)
