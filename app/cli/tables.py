"""What jobs look like on a terminal; elsewhere, the same as lines with tabs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.cli.responses import JobResult, JobStatus, RankedArticle
from app.cli.terminal import printable
from tasks.jobs.job import JobState
from tasks.jobs.outcome import Failure

Cell = str | int | float | dt.datetime | None
"""None is shown as a dash, a float with one digit, a time in the local zone."""

_STYLES = {
    JobState.PROGRESS: "cyan",
    JobState.SUCCESS: "green",
    JobState.FAILURE: "red",
    JobState.REVOKED: "yellow",
    "kept": "green",
    "failed": "red",
}

SCORES = {
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
"""Heading → field, of what a composite is made of."""

_WHOLE = {"job", "schedule", "cron", "type", "state", "setting", "decision", "score", "#"}
"""Headings of columns that are never wrapped, so that they can be copied."""


def show_table(console: Console, headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    if not console.is_terminal:
        for row in (headings, *rows):
            click.echo("\t".join(_shown(cell) for cell in row), file=console.file)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in _WHOLE)
    for row in rows:
        table.add_row(*map(_styled, row))
    console.print(table)


def show_jobs(console: Console, jobs: Iterable[JobStatus]) -> None:
    show_table(
        console,
        ("job", "type", "state", "settled", "failed", "submitted", "about"),
        [
            (
                str(job.job_id),
                job.type,
                job.state,
                _settled(job),
                job.failed_urls,
                job.submitted_at,
                job.about,
            )
            for job in jobs
        ],
    )


def show_status(console: Console, job: JobStatus) -> None:
    """All that is known of one job, then its failed articles."""
    show_table(
        console,
        ("job", str(job.job_id)),
        [
            ("type", job.type),
            ("about", job.about),
            ("state", job.state),
            ("settled", _settled(job)),
            ("processed", str(job.processed_urls)),
            ("failed", str(job.failed_urls)),
            ("submitted", job.submitted_at),
            ("started", job.started_at),
            ("finished", job.finished_at),
            ("not before", job.not_before),
            ("deadline", job.deadline_at),
            ("depends on", ", ".join(job.depends_on) or None),
            ("retries", job.replayed_from),
            ("attempts", str(job.attempts)),
            ("trace", job.trace_id),
            ("error", job.error),
        ],
    )
    if job.waiting:
        _say(console, f"\n{job.waiting_count} wait for their hosts")
        rows = [(one.until, one.host, one.url) for one in job.waiting]
        show_table(console, ("until", "host", "url"), rows)
    _show_failures(console, job.failures)


def show_result(console: Console, result: JobResult, *, scores: bool = False) -> None:
    """The articles, best first, then those that failed."""
    _say(console, _headline(result))
    if result.results:
        _show_ranking(console, result.results, scores=scores)
    _show_failures(console, result.failed_urls)


def _headline(result: JobResult) -> str:
    words = [str(result.status)]
    if result.total_urls is not None:
        words.append(f"{len(result.results)} articles of {result.total_urls} candidates")
        words.append(f"{result.failed_count} failed")
    if result.deadline_reached:
        words.append("ended by its deadline")
    return ", ".join(words)


def _show_ranking(
    console: Console, articles: Sequence[RankedArticle], *, scores: bool = False
) -> None:
    if console.is_terminal:
        # Columns of their own would leave too little room for the titles.
        headings: Sequence[str] = ("#", "score", "title", "domain")
        rows = [row for place, one in enumerate(articles, 1) for row in _lines(place, one, scores)]
    else:
        headings = ("#", "score", *(SCORES if scores else ()), "title", "domain", "url")
        rows = [
            (place, one.overall_score, *(_parts(one) if scores else ()), *_what(one))
            for place, one in enumerate(articles, 1)
        ]
    show_table(console, headings, rows)


def _lines(place: int, one: RankedArticle, scores: bool) -> list[Sequence[Cell]]:
    title, domain, url = _what(one)
    lines: list[Sequence[Cell]] = [(place, one.overall_score, title, domain), ("", "", url, "")]
    if scores:
        parts = zip(SCORES, _parts(one), strict=True)
        lines.append(("", "", ", ".join(f"{name} {_shown(part)}" for name, part in parts), ""))
    return lines


def _what(one: RankedArticle) -> tuple[str, str, str]:
    return one.article.title, one.article.domain, one.article.url


def _parts(one: RankedArticle) -> list[float | None]:
    return [getattr(one, field) for field in SCORES.values()]


def _show_failures(console: Console, failures: Sequence[Failure]) -> None:
    if failures:
        _say(console, "")
        show_table(
            console,
            ("failed", "url", "why"),
            [(failure.reason, failure.url, failure.detail) for failure in failures],
        )


def _settled(job: JobStatus) -> str:
    return f"{job.current}/{'?' if job.total is None else job.total}"


def _say(console: Console, line: str) -> None:
    click.echo(line, file=console.file)


def _shown(cell: Cell) -> str:
    match cell:
        case None:
            return "-"
        case float():
            return f"{cell:.1f}"
        case dt.datetime():
            return cell.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return printable(str(cell))


def _styled(cell: Cell) -> Text:
    shown = _shown(cell)
    address = shown.startswith(("http://", "https://"))
    return Text(
        shown,
        style="dim" if address else _STYLES.get(shown, ""),
        justify="right" if isinstance(cell, int | float) else "left",
    )
