"""From the settings to the values that each part works by.

No part but the composition roots knows the settings. What opens connections or starts processes is
in `tasks.resources`.
"""

from __future__ import annotations

from nlp.analysis import AnalysisPolicy, Weights
from nlp.decision import SelectionPolicy
from nlp.minilm import WEIGHTS_SHA256
from tasks.cache.analysis_cache import AnalysisCache
from tasks.engine.process import EngineCommand
from tasks.jobs.submission import JobLimits
from tasks.machine import available_cores
from tasks.policies import CurationPolicy, FetchPolicy, LedgerPolicy, ScalingPolicy, UsageBounds
from tasks.ports import Cache
from tasks.settings import SOURCE_KEYS, Settings, check_sources
from tasks.sources.search import SourcePolicy
from tasks.step_context import StepLimits


def job_limits(settings: Settings) -> JobLimits:
    return JobLimits(
        max_urls_per_job=settings.max_urls_per_job,
        max_articles_per_topic=settings.max_articles_per_topic,
        result_ttl_seconds=settings.result_ttl,
        schedule_result_ttl_seconds=min(settings.schedule_result_ttl, settings.max_result_ttl),
        max_result_ttl_seconds=settings.max_result_ttl,
        max_schedules_per_caller=settings.max_schedules_per_caller,
        weights=_weights(settings),
        sources=tuple(dict.fromkeys(settings.sources)),
    )


def ledger_policy(settings: Settings) -> LedgerPolicy:
    return LedgerPolicy(
        lease_seconds=settings.lease_seconds,
        wakeup_grace_seconds=settings.wakeup_grace,
        release_window=settings.release_window,
        max_tries=settings.max_tries,
        result_ttl_seconds=settings.result_ttl,
        job_ttl_seconds=settings.job_ttl,
        caller_bounds=UsageBounds(
            jobs=settings.max_jobs_per_caller,
            articles=settings.max_articles_per_caller,
            bytes=(settings.max_mb_per_caller or settings.jobs_limit_mb // 2) << 20,
        ),
        all_bounds=UsageBounds(
            jobs=settings.max_jobs,
            articles=settings.max_articles,
            bytes=settings.jobs_limit_mb << 20,
        ),
    )


def step_limits(settings: Settings) -> StepLimits:
    return StepLimits(
        soft_limit_seconds=settings.task_soft_time_limit,
        retry_delay_seconds=settings.task_retry_delay,
    )


def curation_policy(settings: Settings) -> CurationPolicy:
    return CurationPolicy(
        analysis=analysis_policy(settings),
        selection=selection_policy(settings),
        candidates_per_article=settings.candidates_per_article,
        details_limit_seconds=settings.task_soft_time_limit,
        fetch_retry_delay=settings.fetch_retry_delay,
    )


def _weights(settings: Settings) -> Weights:
    return Weights(
        readability=settings.weight_readability,
        ner=settings.weight_ner,
        sentiment=settings.weight_sentiment,
        relevance=settings.weight_relevance,
        recency=settings.weight_recency,
        reputation=settings.weight_reputation,
        coherence=settings.weight_coherence,
    )


def analysis_policy(settings: Settings) -> AnalysisPolicy:
    return AnalysisPolicy(
        min_word_count=settings.min_word_count,
        weights=_weights(settings),
        half_life_days=settings.recency_half_life_days,
        topic_half_life_days=settings.topic_half_life_days,
    )


def selection_policy(settings: Settings) -> SelectionPolicy:
    return SelectionPolicy(
        diversify=settings.diversify_results,
        min_relevance=settings.min_relevance,
        domain_cap=settings.domain_cap,
        dup_sim_threshold=settings.dup_sim_threshold,
        use_clustering=settings.use_embedding_clustering,
        cluster_cap=settings.cluster_cap,
        clustering_threshold=settings.clustering_threshold,
    )


def source_policy(settings: Settings) -> SourcePolicy:
    """Raises InvalidSettings where SOURCES names an unknown source, or one without its key."""
    check_sources(settings)
    services = [name for name in SOURCE_KEYS if name != "feeds"]
    return SourcePolicy(
        names=tuple(dict.fromkeys(settings.sources)),
        timeout=settings.source_timeout,
        feed_urls=settings.feed_urls,
        service_urls={name: getattr(settings, f"{name}_url") for name in services},
        service_keys={
            name: getattr(settings, key) or "" for name, key in SOURCE_KEYS.items() if key
        },
    )


def scaling_policy(settings: Settings) -> ScalingPolicy:
    return ScalingPolicy(
        deployment=settings.scaling_deployment,
        slots=settings.worker_concurrency,
        acceptable_wait=settings.scaling_acceptable_wait,
        max_workers=settings.scaling_max_workers,
        silent_ms=ledger_policy(settings).silent_ms,
    )


def fetch_policy(settings: Settings) -> FetchPolicy:
    return FetchPolicy(
        concurrency=settings.fetch_concurrency,
        concurrency_per_host=settings.fetch_concurrency_per_host,
        interval_per_host=settings.fetch_delay_per_host,
        timeout=settings.fetch_timeout,
        max_bytes=settings.fetch_max_bytes,
        user_agent=settings.user_agent,
        egress_proxy=settings.egress_proxy,
        allow_private_addresses=settings.allow_private_addresses,
        cache_ttl=settings.http_cache_ttl,
        cache_max_age=settings.http_cache_max_age,
    )


def analysis_cache(store: Cache, settings: Settings) -> AnalysisCache:
    model = settings.embedding_model or WEIGHTS_SHA256
    return AnalysisCache(
        store,
        ttl=settings.analysis_cache_ttl,
        model=f"{model}/{settings.embedder}",
    )


def engine_command(settings: Settings, module: str) -> EngineCommand:
    return EngineCommand(
        module=module,
        threads=settings.engine_threads or available_cores(),
        memory_mb=settings.engine_limit_mb,
        arguments=(
            str(settings.models_path),
            settings.embedder,
            settings.embedding_model or "",
        ),
    )
