"""What the jobs about articles share: the analysis of one, and the ranking of all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from nlp.analysis import Analysis, AnalysisRequest, Rejection
from nlp.article import Article
from nlp.decision import Decision, Ranking, SelectionPolicy
from tasks.errors import PermanentFailure, Reason, UnknownJob
from tasks.job import Job, JobState, TopicCuration
from tasks.outcome import ArticleAnalysed, ArticleFailed, ArticleOutcome, Candidate
from tasks.ports import Engine, Fetcher, Ledger
from tasks.record import JobRecord
from tasks.result import ArticlesResult, failed_decision, failures_among
from tasks.settings import Settings
from tasks.telemetry import fetch_span, record_stages

OUTCOMES_READ = 500
"""Outcomes in one read from the ledger."""


class Ranked(Struct, frozen=True, kw_only=True):
    """A job's outcomes with what was selected of them."""

    outcomes: tuple[ArticleOutcome, ...]
    analysed: tuple[ArticleAnalysed, ...]
    ranking: Ranking


class ArticleAnalyser:
    """From a candidate to its analysis: fetch, then everything else in the engine."""

    def __init__(self, fetcher: Fetcher, engine: Engine, settings: Settings) -> None:
        self._fetcher = fetcher
        self._engine = engine
        self._settings = settings

    async def analyse(self, job: Job, candidate: Candidate) -> ArticleAnalysed:
        with fetch_span(candidate.url):
            page = await self._fetcher.page(candidate.url)
        report = await self._engine.analyse(
            AnalysisRequest(
                page=page,
                now=dt.datetime.fromtimestamp(job.submitted_ms / 1000, dt.UTC),
                query=job.query,
                policy=self._settings.analysis_policy,
            )
        )
        record_stages(report)
        if isinstance(report.outcome, Rejection):
            raise PermanentFailure(Reason(report.outcome.reason), report.outcome.detail)
        return ArticleAnalysed(
            url=candidate.url,
            result=public_result(report.outcome),
            evidence=rank_evidence(report.outcome),
        )


class ArticleRanker:
    """From the outcomes of a job to its result."""

    def __init__(self, ledger: Ledger, engine: Engine, settings: Settings) -> None:
        self._ledger = ledger
        self._engine = engine
        self._settings = settings

    async def rank(self, job: Job, *, diversify: bool, max_articles: int | None) -> bytes:
        """The result, as JSON."""
        record = await self._ledger.record(job.id)
        if record is None:
            raise UnknownJob
        diversify = diversify and self._settings.diversify_results
        policy = replace(
            self._settings.selection_policy, diversify=diversify, max_articles=max_articles
        )
        ranked = await self._select(record, policy)
        sources = await self._ledger.discovery(job.id)
        return msgspec.json.encode(_result(job, record, ranked, diversify, sources))

    async def _select(self, record: JobRecord, policy: SelectionPolicy) -> Ranked:
        outcomes = await self._outcomes(record.id)
        evidence = await self._ledger.evidence(record.id)
        indexes = sorted(evidence)
        ranking = await self._engine.rank([evidence[index] for index in indexes], policy)
        analysed = tuple(one for one in outcomes if isinstance(one, ArticleAnalysed))
        return Ranked(outcomes=outcomes, analysed=analysed, ranking=ranking)

    async def _outcomes(self, job_id: str) -> tuple[ArticleOutcome, ...]:
        outcomes: list[ArticleOutcome] = []
        start: int | None = 0
        while start is not None:
            page = await self._ledger.outcomes(job_id, start, OUTCOMES_READ)
            outcomes += page.outcomes
            start = page.next_cursor
        return tuple(outcomes)


def public_result(analysis: Analysis) -> msgspec.Raw:
    """What the client reads of one article, as JSON: the scorecard, and the article in it."""
    return msgspec.Raw(
        msgspec.json.encode(
            {**asdict(analysis.scores), "article": _public_article(analysis.article)}
        )
    )


def rank_evidence(analysis: Analysis) -> bytes:
    """What `rank` needs of one article: all but its words."""
    article = replace(analysis.article, text="", summary="", entities=())
    return msgspec.msgpack.encode(replace(analysis, article=article))


def _public_article(article: Article) -> dict[str, object]:
    public = asdict(article)
    del public["text"]
    return public


def _result(
    job: Job, record: JobRecord, ranked: Ranked, diversified: bool, sources: bytes | None
) -> ArticlesResult:
    failed = failures_among(ranked.outcomes)
    is_topic = isinstance(job.params, TopicCuration)
    return ArticlesResult(
        status=JobState.SUCCESS,
        state=JobState.SUCCESS,
        job_id=job.id,
        type=job.type,
        total_urls=len(ranked.outcomes),
        processed_count=len(ranked.analysed),
        failed_count=len(failed),
        failed_urls=failed,
        results=[ranked.analysed[place].result for place in ranked.ranking.kept],
        topic=job.query if is_topic else None,
        query=None if is_topic else job.query,
        diversity_applied=diversified,
        decisions=_decisions(ranked.outcomes, ranked.ranking.decisions),
        deadline_reached=record.deadline_reached,
        sources=msgspec.Raw(sources) if is_topic and sources else None,
    )


def _decisions(outcomes: Sequence[ArticleOutcome], selected: Sequence[Decision]) -> list[Decision]:
    """One for each outcome, in their order; `selected` has those of what was analysed."""
    remaining = iter(selected)
    return [
        failed_decision(one) if isinstance(one, ArticleFailed) else next(remaining)
        for one in outcomes
    ]
