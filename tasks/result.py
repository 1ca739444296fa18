"""A job's result, as the client reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from nlp.analysis import Evidence, Scorecard
from nlp.decision import Decision, Verdict
from tasks.job import JobState, JobType
from tasks.outcome import ArticleAnalysed, ArticleFailed, ArticleOutcome, Failure
from tasks.record import JobRecord


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
    """Best first; of a job that did not succeed, in the order of the composite alone."""
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
    """What the client reads of one article, as JSON: the scorecard, and the article in it."""
    article, details = asdict(evidence.article), evidence.study.details
    del article["text"]
    article |= {
        "summary": details.summary if details else "",
        "keywords": details.keywords if details else (),
        "entities": details.entities if details else (),
    }
    shown = {**asdict(scores), "cached": evidence.cached, "article": article}
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


def partial_result(record: JobRecord, outcomes: Sequence[ArticleOutcome]) -> bytes:
    """What a job had when it ended without its `rank`, as JSON: analysed, but not selected."""
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
            diversity_applied=False,
            decisions=[failed_decision(one) for one in outcomes if isinstance(one, ArticleFailed)],
            deadline_reached=record.deadline_reached,
            error=record.error,
        )
    )


def _best_first(outcome: ArticleAnalysed) -> tuple[float, str]:
    result: Mapping[str, Any] = msgspec.json.decode(outcome.result)
    return -float(result.get("overall_score", 0)), outcome.url
