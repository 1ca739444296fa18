"""A job's result, as the client reads it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from nlp.analysis import Evidence, Scorecard
from nlp.article import Entity
from nlp.decision import Decision, Verdict
from tasks.jobs.job import Job, JobState, JobType
from tasks.jobs.outcome import ArticleAnalysed, ArticleFailed, ArticleOutcome, Failure
from tasks.jobs.record import JobRecord


class ResultArticle(Struct, frozen=True, kw_only=True):
    """An article, as its reader sees it."""

    url: str
    canonical_url: str
    domain: str
    """The registrable domain."""
    title: str
    author: str | None
    publish_date: dt.datetime | None
    language: str | None
    """ISO 639-1."""
    word_count: int
    summary: str
    keywords: tuple[str, ...]
    """Best first."""
    entities: tuple[Entity, ...]


class ArticleResult(Scorecard, frozen=True, kw_only=True):
    """One article with its scores, each 0–100."""

    cached: bool
    """Whether all of it was known from before."""
    article: ResultArticle


class ArticlesResult(Struct, kw_only=True):
    """The result of every job that is about articles."""

    status: JobState
    """The job's state; `state` says the same, for those who read the status too."""
    state: JobState
    job_id: str
    type: JobType
    total_urls: int
    processed_count: int
    failed_count: int
    failed_urls: list[Failure]
    results: list[msgspec.Raw]
    """Each an `ArticleResult`, best first; of a job that did not succeed, in the order of the
    composite alone."""
    topic: str | None = None
    query: str | None = None
    diversity_applied: bool
    decisions: list[Decision]
    """One for each candidate that has settled, in the candidates' order."""
    deadline_reached: bool = False
    sources: msgspec.Raw | None = None
    """What each source of a topic found, or why it failed."""
    error: str | None = None


def article_result(evidence: Evidence, scores: Scorecard) -> msgspec.Raw:
    """What the client reads of one article: an `ArticleResult`, as JSON."""
    article, details = evidence.article, evidence.study.details
    shown = ArticleResult(
        **{name: getattr(scores, name) for name in scores.__struct_fields__},
        cached=evidence.cached,
        article=ResultArticle(
            url=article.url,
            canonical_url=article.canonical_url,
            domain=article.domain,
            title=article.title,
            author=article.author,
            publish_date=article.publish_date,
            language=article.language,
            word_count=article.word_count,
            summary=details.summary if details else "",
            keywords=details.keywords if details else (),
            entities=details.entities if details else (),
        ),
    )
    return msgspec.Raw(msgspec.json.encode(shown))


def failures_among(outcomes: Sequence[ArticleOutcome]) -> list[Failure]:
    return [
        Failure(url=outcome.url, reason=outcome.reason, detail=outcome.detail)
        for outcome in outcomes
        if isinstance(outcome, ArticleFailed)
    ]


def failed_decision(outcome: ArticleFailed) -> Decision:
    return Decision(
        url=outcome.url,
        verdict=Verdict.FAILED,
        explanation=outcome.detail,
        reason=outcome.reason,
    )


def partial_result(
    record: JobRecord,
    outcomes: Sequence[ArticleOutcome],
    job: Job | None = None,
    sources: bytes | None = None,
) -> bytes:
    """What a job had when it ended without its `rank`, as JSON: analysed, but not selected."""
    is_topic = record.type is JobType.TOPIC_CURATION
    query = job.query if job else None
    analysed = [outcome for outcome in outcomes if isinstance(outcome, ArticleAnalysed)]
    failed = failures_among(outcomes)
    return msgspec.json.encode(
        ArticlesResult(
            status=record.state,
            state=record.state,
            job_id=record.id,
            type=record.type,
            total_urls=record.total or 0,
            processed_count=len(analysed),
            failed_count=len(failed),
            failed_urls=failed,
            results=[one.result for one in sorted(analysed, key=_best_first)],
            topic=query if is_topic else None,
            query=None if is_topic else query,
            diversity_applied=False,
            decisions=[failed_decision(one) for one in outcomes if isinstance(one, ArticleFailed)],
            deadline_reached=record.deadline_reached,
            sources=msgspec.Raw(sources) if is_topic and sources else None,
            error=record.error,
        )
    )


def _best_first(outcome: ArticleAnalysed) -> tuple[float, str]:
    result: Mapping[str, Any] = msgspec.json.decode(outcome.result)
    return -float(result.get("overall_score", 0)), outcome.url
