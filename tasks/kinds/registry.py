"""Every type of job there is, put together."""

from __future__ import annotations

from tasks.analyses import Analyses
from tasks.job import JobType
from tasks.kinds.analysing import ArticleAnalyser
from tasks.kinds.batch import BatchKind
from tasks.kinds.health import HealthKind
from tasks.kinds.kind import Kind
from tasks.kinds.ranking import ArticleRanker
from tasks.kinds.single import SingleKind
from tasks.kinds.topic import TopicKind
from tasks.ports import Cache, Engine, Fetcher, Ledger
from tasks.settings import Settings
from tasks.sources.search import build_sources


def build_kinds(
    settings: Settings,
    ledger: Ledger,
    engine: Engine,
    fetcher: Fetcher,
    cache: Cache,
    worker: str,
) -> dict[JobType, Kind]:
    """Every type of job, on these parts."""
    analyser = ArticleAnalyser(fetcher, engine, Analyses(cache, settings), settings)
    ranker = ArticleRanker(ledger, engine, analyser, settings)
    sources = build_sources(settings, fetcher)
    return {
        JobType.TOPIC_CURATION: TopicKind(sources, analyser, ranker, settings),
        JobType.BATCH_ANALYSIS: BatchKind(analyser, ranker),
        JobType.SINGLE_ANALYSIS: SingleKind(ledger, analyser, ranker),
        JobType.HEALTH_CHECK: HealthKind(engine, worker),
    }
