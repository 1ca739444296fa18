"""A job's result, as clients read it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from nlp.analysis import Evidence, Scorecard
from nlp.article import Entity
from nlp.decision import Decision, OtherReport, Story, Verdict
from tasks.cost import Cost
from tasks.errors import Reason
from tasks.jobs.ids import JobId
from tasks.jobs.job import Job, JobState, JobType
from tasks.jobs.outcome import (
    ArticleAnalysed,
    ArticleFailed,
    ArticleOutcome,
    ErrorReport,
    Failure,
    SourceReport,
)
from tasks.jobs.record import JobRecord


class ResultArticle(Struct, frozen=True, kw_only=True):
    """An article as clients read it."""

    url: str
    canonical_url: str
    domain: str
    """The registrable domain."""
    title: str
    author: str | None
    publish_date: dt.datetime | None
    publish_date_is_guess: bool = False
    """Whether the page does not declare the date; it may mean another day."""
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
    also_reported_by: tuple[OtherReport, ...] = ()
    """At most ten other candidates that report the same story, those in other words first. Empty
    for a job that ended without its `rank`."""
    sources_count: int = 1
    """Domains that report the story, the article's own among them."""
    cost: Cost | None = None
    """What its analysis took; null in a result of an earlier release. What the ranking adds, such
    as keywords of a topic's article, is in the cost of the job."""


class SourceOutcome(Struct, frozen=True, kw_only=True):
    """What one source of a topic found, or why it failed."""

    name: str
    found_count: int
    """Its candidates, before duplicates among the sources were merged."""
    seen_count: int | None = None
    """The results or entries among which it chose them; None where it failed."""
    error: ErrorReport | None
    """None where the source answered."""


ResultT = TypeVar("ResultT")


class ArticlesResult(Struct, Generic[ResultT], frozen=True, kw_only=True):
    """The result of every job that is about articles.

    Written with `Raw` for the articles, which passes their stored JSON on unread; read with
    `ArticleResult`.
    """

    status: JobState
    """The same as `state`, under the name that the first system had for it."""
    state: JobState
    job_id: JobId
    type: JobType
    total_urls: int
    """How many articles the job had."""
    processed_count: int
    failed_count: int
    failed_urls: tuple[str, ...]
    failures: tuple[Failure, ...]
    """Why each of the failed URLs failed."""
    results: tuple[ResultT, ...]
    """Best first; of a job that did not succeed, in the order of the composite alone."""
    topic: str | None = None
    query: str | None = None
    diversity_applied: bool
    decisions: tuple[Decision, ...]
    """One for each candidate that has settled, in the candidates' order."""
    deadline_reached: bool = False
    sources: tuple[SourceOutcome, ...] | None = None
    """What each source of a topic found, or why it failed; None for other jobs."""
    error: ErrorReport | None = None
    """Why a FAILURE failed."""
    cost: Cost | None = None
    """What the articles that were analysed and the ranking took; null without a ranking."""
    articles_reanalysed: int = 0
    """Articles that were begun again because the worker that had them was lost."""
    expires_at: dt.datetime | UnsetType = UNSET
    """Until when it is kept. Added where it is read, as that may be put off."""


class HealthCheckResult(Struct, frozen=True, kw_only=True):
    """The result of a health check."""

    status: JobState
    state: JobState
    job_id: JobId
    type: JobType
    worker: str | None = None
    """The worker that ran it; None where it did not succeed."""
    engine_seconds: float | None = None
    """How long the engine took to answer."""
    error: ErrorReport | None = None
    """Why a FAILURE failed."""
    expires_at: dt.datetime | UnsetType = UNSET
    """Until when it is kept. Added where it is read."""


JobResult = ArticlesResult[ArticleResult] | HealthCheckResult


def with_expiry(document: bytes, expires_ms: int) -> bytes:
    """A stored result, with the time at which it expires. Only its end is changed, not read."""
    expires_at = dt.datetime.fromtimestamp(expires_ms / 1000, dt.UTC)
    return b'%s,"expires_at":%s}' % (document[:-1], msgspec.json.encode(expires_at))


def read_result(document: bytes) -> JobResult:
    """A stored result. Raises msgspec.ValidationError for any other document."""
    document = current_form(document)
    job_type = msgspec.json.decode(document, type=_TypeOfResult).type
    if job_type is JobType.HEALTH_CHECK:
        return msgspec.json.decode(document, type=HealthCheckResult)
    return msgspec.json.decode(document, type=ArticlesResult[ArticleResult])


class _TypeOfResult(Struct):
    type: JobType


def current_form(document: bytes) -> bytes:
    """A result that an earlier release stored, in the words of this one; any other unchanged.

    Until then, `failed_urls` had what `failures` has now, and errors were one text.
    """
    try:
        form = msgspec.json.decode(document, type=_Form)
    except msgspec.ValidationError:
        return document
    errors_are_texts = isinstance(form.error, str)
    if not errors_are_texts and (form.failures is not UNSET or form.failed_urls is UNSET):
        return document
    fields = msgspec.json.decode(document, type=dict[str, msgspec.Raw])
    changed: dict[str, Any] = {}
    if errors_are_texts:
        changed["error"] = ErrorReport.parse(form.error)
    if "failed_urls" in fields:
        failures = msgspec.json.decode(fields["failed_urls"], type=tuple[Failure, ...])
        changed |= {"failures": failures, "failed_urls": [failure.url for failure in failures]}
    if "sources" in fields:
        changed["sources"] = read_sources(fields["sources"])
    return msgspec.json.encode({**fields, **changed})


class _Form(Struct):
    """What tells the form of a result; the rest is skipped."""

    error: Any = None
    failed_urls: tuple[Failure | str, ...] | UnsetType = UNSET
    failures: msgspec.Raw | UnsetType = UNSET


def read_sources(report: bytes | msgspec.Raw | None) -> tuple[SourceOutcome, ...] | None:
    """What `discover` stored about the sources; None before that, and for jobs without sources."""
    if report is None:
        return None
    reports = msgspec.json.decode(report, type=tuple[SourceReport, ...] | None)
    return None if reports is None else tuple(map(_source_outcome, reports))


def _source_outcome(report: SourceReport) -> SourceOutcome:
    error = None
    if report.error is not None:
        reason = report.reason or Reason.INTERNAL_ERROR
        error = ErrorReport(reason=reason, detail=report.error)
    return SourceOutcome(
        name=report.name, found_count=report.found, seen_count=report.seen, error=error
    )


def article_result(
    evidence: Evidence, scores: Scorecard, story: Story | None = None, *, cost: Cost | None = None
) -> msgspec.Raw:
    """What the client reads of one article: an `ArticleResult`, as JSON."""
    article, details = evidence.article, evidence.study.details
    story = story or Story()
    shown = ArticleResult(
        **{name: getattr(scores, name) for name in scores.__struct_fields__},
        cached=evidence.cached,
        also_reported_by=story.also_reported_by,
        sources_count=story.sources_count,
        cost=cost,
        article=ResultArticle(
            url=article.url,
            canonical_url=article.canonical_url,
            domain=article.domain,
            title=article.title,
            author=article.author,
            publish_date=article.publish_date,
            publish_date_is_guess=article.publish_date_is_guess,
            language=article.language,
            word_count=article.word_count,
            summary=details.summary if details else "",
            keywords=details.keywords if details else (),
            entities=details.entities if details else (),
        ),
    )
    return msgspec.Raw(msgspec.json.encode(shown))


def cost_of(outcome: ArticleOutcome) -> Cost:
    """What the analysis took; nothing is known of a failed article's."""
    if isinstance(outcome, ArticleFailed):
        return Cost()
    return msgspec.json.decode(outcome.result, type=_CostOfResult).cost or Cost()


class _CostOfResult(Struct):
    cost: Cost | None = None


def failures_among(outcomes: Sequence[ArticleOutcome]) -> tuple[Failure, ...]:
    return tuple(
        Failure(url=outcome.url, reason=outcome.reason, detail=outcome.detail)
        for outcome in outcomes
        if isinstance(outcome, ArticleFailed)
    )


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
    if record.type is JobType.HEALTH_CHECK:
        return msgspec.json.encode(
            HealthCheckResult(
                status=record.state,
                state=record.state,
                job_id=record.id,
                type=record.type,
                error=record.error_report,
            )
        )
    is_topic = record.type is JobType.TOPIC_CURATION
    query = job.query if job else None
    analysed = [outcome for outcome in outcomes if isinstance(outcome, ArticleAnalysed)]
    failed = [outcome for outcome in outcomes if isinstance(outcome, ArticleFailed)]
    return msgspec.json.encode(
        ArticlesResult(
            status=record.state,
            state=record.state,
            job_id=record.id,
            type=record.type,
            total_urls=record.total or 0,
            processed_count=len(analysed),
            failed_count=len(failed),
            failed_urls=tuple(outcome.url for outcome in failed),
            failures=failures_among(failed),
            results=tuple(outcome.result for outcome in sorted(analysed, key=_best_first)),
            topic=query if is_topic else None,
            query=None if is_topic else query,
            diversity_applied=False,
            decisions=tuple(map(failed_decision, failed)),
            deadline_reached=record.deadline_reached,
            sources=read_sources(sources) if is_topic else None,
            error=record.error_report,
            articles_reanalysed=record.reanalysed,
        )
    )


def _best_first(outcome: ArticleAnalysed) -> tuple[float, str]:
    result: Mapping[str, Any] = msgspec.json.decode(outcome.result)
    return -float(result.get("overall_score", 0)), outcome.url
