"""Tables of jobs, results and decisions: styled on a terminal, tab-separated lines elsewhere."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.api.models.jobs import JobSummary, StatusReport
from app.cli.terminal import printable
from nlp.analysis import Scorecard
from nlp.decision import Decision
from tasks.jobs.job import JobState
from tasks.jobs.outcome import Failure
from tasks.jobs.result import ArticleResult, ArticlesResult, JobResult

Cell = str | int | float | dt.datetime | None
"""None is shown as a dash, a float with one decimal, a time in the local time zone."""

_STYLES = {
    JobState.PROGRESS: "cyan",
    JobState.SUCCESS: "green",
    JobState.FAILURE: "red",
    JobState.REVOKED: "yellow",
    "kept": "green",
    "failed": "red",
}

COMPONENTS = {
    "relevance": "relevance_score",
    "readability": "readability_score",
    "entities": "ner_density_score",
    "neutrality": "sentiment_score",
    "lexical": "tfidf_relevance_score",
    "semantic": "semantic_relevance_score",
    "recency": "recency_score",
    "reputation": "reputation_score",
    "coherence": "topic_coherence_score",
}
"""Heading → field of each component of the composite score."""

_UNWRAPPED = {
    "job",
    "schedule",
    "cron",
    "type",
    "state",
    "setting",
    "decision",
    "score",
    "#",
    "date",
}
"""Headings of columns that are never wrapped, so that their cells can be copied."""


def show_table(console: Console, headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    if not console.is_terminal:
        for row in (headings, *rows):
            click.echo("\t".join(_text(cell) for cell in row), file=console.file)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in _UNWRAPPED)
    for row in rows:
        table.add_row(*map(_styled, row))
    console.print(table)


def show_jobs(console: Console, jobs: Iterable[JobSummary]) -> None:
    show_table(
        console,
        ("job", "type", "state", "settled", "failed", "submitted", "about"),
        [
            (
                listed_id(console, job.job_id),
                job.type,
                job.state,
                _settled(job),
                job.failed_count,
                job.submitted_at,
                job.about,
            )
            for job in jobs
        ],
    )


def show_status(console: Console, job: StatusReport) -> None:
    """Everything known about one job, then its waiting and its failed articles."""
    show_table(
        console,
        ("job", job.job_id),
        [
            ("type", job.type),
            ("about", job.about),
            ("state", job.state),
            ("settled", _settled(job)),
            ("processed", str(job.processed_count)),
            ("failed", str(job.failed_count)),
            ("submitted", job.submitted_at),
            ("started", job.started_at),
            ("finished", job.finished_at),
            ("not before", job.not_before),
            ("deadline", job.deadline_at),
            ("depends on", ", ".join(job.depends_on) or None),
            ("retries", job.replayed_from),
            ("tried again", f"{job.retry_count} times" if job.retry_count else None),
            ("analysed again after a crash", job.articles_reanalysed or None),
            ("result kept until", job.expires_at),
            ("trace", job.trace_id),
            ("error", str(job.error) if job.error else None),
        ],
    )
    if job.waiting:
        _print(console, f"\n{job.waiting_count} wait for their hosts")
        rows = [(article.until, article.host, article.url) for article in job.waiting]
        show_table(console, ("until", "host", "url"), rows)
    if job.retrying:
        _print(console, f"\n{job.retrying_count} failed at first, and are tried again")
        show_table(console, ("at", "url"), [(retry.at, retry.url) for retry in job.retrying])
    _show_failures(console, job.failures)


def show_result(console: Console, result: JobResult, *, scores: bool = False) -> None:
    """The articles, best first, then those that failed."""
    _print(console, headline(result))
    if isinstance(result, ArticlesResult):
        if result.results:
            _show_ranking(console, result.results, scores=scores)
        _show_failures(console, result.failures)


def show_decisions(console: Console, decisions: Sequence[Decision]) -> None:
    """The decision on each candidate: kept ones by rank, then the others by score."""
    ordered = sorted(
        decisions,
        key=lambda decision: (decision.rank or math.inf, -(decision.overall_score or 0)),
    )
    show_table(
        console,
        ("decision", "score", "url", "why"),
        [
            (decision.verdict, decision.overall_score, decision.url, decision.explanation)
            for decision in ordered
        ],
    )


def show_decision(console: Console, decision: Decision) -> None:
    """Everything known about one candidate."""
    nearest = decision.nearest
    show_table(
        console,
        ("decision", decision.verdict),
        [
            ("url", decision.url),
            ("title", decision.title),
            ("why", decision.explanation),
            ("reason", decision.reason),
            ("rank", _left_aligned(decision.rank)),
            ("score", decision.overall_score),
            *_score_rows(decision.scores),
            ("domain", decision.domain),
            ("cluster", _left_aligned(decision.cluster)),
            ("sources", _left_aligned(decision.sources_count)),
            ("cap", _left_aligned(decision.cap)),
            ("duplicate of", decision.duplicate_of),
            ("matched by", decision.matched_by),
            ("similarity", _similarity(decision.similarity)),
            ("nearest", nearest.url if nearest else None),
            ("shared phrases", _similarity(nearest.containment if nearest else None)),
            ("cosine", _similarity(nearest.cosine if nearest else None)),
        ],
    )


def headline(result: JobResult) -> str:
    """The outcome in a line."""
    parts = [str(result.status)]
    if isinstance(result, ArticlesResult):
        parts.append(f"{len(result.results)} articles of {result.total_urls} candidates")
        parts.append(f"{result.failed_count} failed")
        if result.deadline_reached:
            parts.append("ended by its deadline")
    return ", ".join(parts)


def _show_ranking(
    console: Console, articles: Sequence[ArticleResult], *, scores: bool = False
) -> None:
    if console.is_terminal:
        # Separate columns for URL and scores would leave too little room for the titles.
        headings: Sequence[str] = ("#", "score", "title", "domain", "date")
        rows = [
            row
            for rank, article in enumerate(articles, 1)
            for row in _rows_of_article(rank, article, scores)
        ]
    else:
        names = ("title", "domain", "url", "date", "summary", "sources")
        headings = ("#", "score", *(COMPONENTS if scores else ()), *names)
        rows = [
            (
                *(rank, ranked.overall_score, *(_components(ranked) if scores else ())),
                *(*_names(ranked), published(ranked), ranked.article.summary or None),
                ranked.sources_count,
            )
            for rank, ranked in enumerate(articles, 1)
        ]
    show_table(console, headings, rows)


def _rows_of_article(rank: int, ranked: ArticleResult, scores: bool) -> list[Sequence[Cell]]:
    title, domain, url = _names(ranked)
    below = [url, ranked.article.summary]
    if ranked.also_reported_by:
        below.append(_other_reports(ranked))
    if scores:
        components = zip(COMPONENTS, _components(ranked), strict=True)
        below.append(", ".join(f"{heading} {_text(score)}" for heading, score in components))
    first = (rank, ranked.overall_score, title, domain, published(ranked))
    return [first, *(("", "", line, "", "") for line in below if line)]


def published(ranked: ArticleResult) -> str | None:
    """The day of publication, as ISO 8601."""
    date = ranked.article.publish_date
    return None if date is None else date.date().isoformat()


def _other_reports(ranked: ArticleResult) -> str:
    copies = [f"{each.domain}{' (copy)' * each.is_copy}" for each in ranked.also_reported_by]
    return f"also reported by {', '.join(dict.fromkeys(copies))}"


def _names(ranked: ArticleResult) -> tuple[str, str, str]:
    return ranked.article.title, ranked.article.domain, ranked.article.url


def _components(ranked: ArticleResult) -> list[float]:
    return [getattr(ranked, field) for field in COMPONENTS.values()]


def _show_failures(console: Console, failures: Sequence[Failure]) -> None:
    if failures:
        _print(console, "")
        show_table(
            console,
            ("failed", "url", "why"),
            [(failure.reason, failure.url, failure.detail) for failure in failures],
        )


def listed_id(console: Console, whole_id: str) -> str:
    """On a terminal only its last group, which is random and so tells it from the others."""
    return whole_id.rpartition("-")[2] if console.is_terminal else whole_id


def _settled(job: JobSummary) -> str:
    return f"{job.current}/{'?' if job.total is None else job.total}"


def _score_rows(scores: Scorecard | None) -> list[tuple[str, Cell]]:
    """The components of the score; a neutral one with the reason why it is neutral."""
    if scores is None:
        return [(heading, None) for heading in COMPONENTS]
    reasons = {score.score: score.reason for score in scores.neutral}
    rows: list[tuple[str, Cell]] = []
    for heading, field in COMPONENTS.items():
        score: float = getattr(scores, field)
        reason = reasons.get(field)
        rows.append((heading, f"{score:.1f}  ({reason})" if reason else score))
    return rows


def _similarity(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"


def _left_aligned(number: int | None) -> str | None:
    """As text: numbers are right-aligned, and would not line up with the other rows."""
    return None if number is None else str(number)


def _print(console: Console, line: str) -> None:
    click.echo(line, file=console.file)


def local_time(when: dt.datetime) -> str:
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _text(cell: Cell) -> str:
    match cell:
        case None:
            return "-"
        case float():
            return f"{cell:.1f}"
        case dt.datetime():
            return local_time(cell)
    return printable(str(cell))


def _styled(cell: Cell) -> Text:
    text = _text(cell)
    is_url = text.startswith(("http://", "https://"))
    return Text(
        text,
        style="dim" if is_url else _STYLES.get(text, ""),
        justify="right" if isinstance(cell, int | float) else "left",
    )
