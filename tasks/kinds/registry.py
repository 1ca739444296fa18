"""Every type of job there is, put together."""

from __future__ import annotations

from tasks.job import JobType
from tasks.kinds.articles import ArticleAnalyser, ArticleRanker
from tasks.kinds.batch import BatchKind
from tasks.kinds.health import HealthKind
from tasks.kinds.kind import Kind
from tasks.kinds.single import SingleKind
from tasks.kinds.topic import TopicKind
from tasks.ports import Engine, Fetcher, Ledger
from tasks.settings import Settings
from tasks.sources.search import build_sources


def build_kinds(
    settings: Settings, ledger: Ledger, engine: Engine, fetcher: Fetcher, worker: str
) -> dict[JobType, Kind]:
    """Every type of job, on these parts."""
    analyser = ArticleAnalyser(fetcher, engine, settings)
    ranker = ArticleRanker(ledger, engine, settings)
    sources = build_sources(settings, fetcher)
    return {
        JobType.TOPIC_CURATION: TopicKind(
            sources, analyser, ranker, settings.candidates_per_article
        ),
        JobType.BATCH_ANALYSIS: BatchKind(analyser, ranker),
        JobType.SINGLE_ANALYSIS: SingleKind(ledger, analyser, ranker),
        JobType.HEALTH_CHECK: HealthKind(engine, worker),
    }
