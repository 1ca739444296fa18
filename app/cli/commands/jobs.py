"""What became of a job's candidates, on a terminal and elsewhere."""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from app.cli.client import Service, open_service
from app.cli.context import (
    LazyGroup,
    Surroundings,
    choice,
    job_id_argument,
    print_json,
    service_options,
)
from app.cli.exits import JobUnsuccessful, WrongUse
from app.cli.responses import Answer, DecisionView, JobListing, JobStatus, ScoresView
from app.cli.tables import SCORES, Cell, show_jobs, show_result, show_status, show_table
from app.cli.terminal import terminal
from nlp.urls import canonical_url
from tasks.jobs.job import JobState, JobType


def show_decisions(console: Console, decisions: Sequence[DecisionView]) -> None:
    """What became of each candidate: the kept by their rank, then the others by their score."""
    ordered = sorted(decisions, key=lambda one: (one.rank or math.inf, -(one.overall_score or 0)))
    show_table(
        console,
        ("decision", "score", "url", "why"),
        [(one.verdict, one.overall_score, one.url, one.explanation) for one in ordered],
    )


def show_decision(console: Console, one: DecisionView) -> None:
    """All that is known of one candidate."""
    scores, nearest = one.scores or ScoresView(), one.nearest
    neutral = {score.score: score.reason for score in scores.neutral}
    show_table(
        console,
        ("decision", one.verdict),
        [
            ("url", one.url),
            ("title", one.title),
            ("why", one.explanation),
            ("reason", one.reason),
            ("rank", _number(one.rank)),
            ("score", one.overall_score),
            *(
                (name, _part(getattr(scores, field), neutral.get(field)))
                for name, field in SCORES.items()
            ),
            ("domain", one.domain),
            ("cluster", _number(one.cluster)),
            ("cap", _number(one.cap)),
            ("duplicate of", one.duplicate_of),
            ("matched by", one.matched_by),
            ("similarity", _share(one.similarity)),
            ("nearest", nearest.url if nearest else None),
            ("shared phrases", _share(nearest.containment if nearest else None)),
            ("cosine", _share(nearest.cosine if nearest else None)),
        ],
    )


def _part(score: float | None, neutral: str | None) -> Cell:
    return f"{score:.1f}  ({neutral})" if score is not None and neutral else score


def _share(share: float | None) -> str | None:
    return None if share is None else f"{share:.3f}"


def _number(number: int | None) -> str | None:
    """To the left, as what stands above and below it."""
    return None if number is None else str(number)


@click.command()
@job_id_argument
@click.argument("article", metavar="[URL]", required=False)
@service_options
@click.pass_obj
def explain(
    around: Surroundings, job_id: uuid.UUID, article: str | None, url: str | None, as_json: bool
) -> None:
    """Print what happened to each candidate of a job and why, or to one, with all its numbers."""
    with open_service(around, url) as service:
        result = service.result(job_id)
    decisions = result.body.decisions
    documents = msgspec.json.decode(result.document, type=_Decisions).decisions
    if article is None:
        shown = b"[" + b",".join(documents) + b"]"
        print_json(shown) if as_json else show_decisions(terminal(), decisions)
        return
    place = _place(article, decisions)
    if as_json:
        print_json(bytes(documents[place]))
    else:
        show_decision(terminal(), decisions[place])


class _Decisions(msgspec.Struct):
    """The decisions as the server sent them."""

    decisions: tuple[msgspec.Raw, ...] = ()


def _place(article: str, decisions: tuple[DecisionView, ...]) -> int:
    """Of the candidate with this URL, or else with the same but for what makes no difference."""
    urls = [one.url for one in decisions]
    if article in urls:
        return urls.index(article)
    wanted = _canonical(article)
    for place, url in enumerate(urls):
        if _canonical(url) == wanted:
            return place
    raise WrongUse(f"{article} is not among the {len(urls)} candidates of this job")


def _canonical(url: str) -> str:
    try:
        return canonical_url(url)
    except ValueError:
        return url


_PAGE = 100


@click.group(
    cls=LazyGroup,
    lazy={
        "submit": ("app.cli.commands.submit:submit", "Submit a job: a topic, or URLs."),
        "list": ("app.cli.commands.jobs:list_jobs", "List jobs, newest first."),
        "show": ("app.cli.commands.jobs:show", "Print where a job stands."),
        "watch": ("app.cli.commands.watch:watch", "Follow a job until it ends."),
        "result": ("app.cli.commands.jobs:result", "Print the articles of a job, best first."),
        "explain": ("app.cli.commands.jobs:explain", "Print why candidates were kept or not."),
        "attempts": (
            "app.cli.commands.jobs:attempts",
            "Print which steps did not succeed at once.",
        ),
        "retry": ("app.cli.commands.bulk:retry", "Try again what failed in jobs."),
        "cancel": ("app.cli.commands.bulk:cancel", "Cancel jobs."),
        "purge": ("app.cli.commands.bulk:purge", "Forget jobs that have ended."),
    },
)
def jobs() -> None:
    """Submit, watch and read jobs, at the web service of CURATOR_URL."""


@click.command("list")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=choice([*JobState, "any"]),
    help="Only jobs in this state; may be given again. Without: the jobs that have not ended.",
)
@click.option(
    "--type",
    "types",
    multiple=True,
    type=choice(JobType),
    help="Only jobs of this type; may be given again.",
)
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--all", "everything", is_flag=True, help="All of them, without a limit.")
@service_options
@click.pass_obj
def list_jobs(
    around: Surroundings,
    states: tuple[str, ...],
    types: tuple[str, ...],
    limit: int,
    everything: bool,
    url: str | None,
    as_json: bool,
) -> None:
    """List jobs, newest first."""
    wanted = tuple(JobState) if "any" in states else states
    with open_service(around, url) as service:
        listing = _listing(service, wanted, types, None if everything else limit)
    if as_json:
        print_json(listing.document)
        return
    show_jobs(terminal(), listing.body.jobs)
    if listing.body.next_cursor:
        click.echo("There are more: see --limit and --all.", err=True)


def _listing(
    service: Service, states: tuple[str, ...], types: tuple[str, ...], limit: int | None
) -> Answer[JobListing]:
    """As many pages as the limit needs, as one."""
    jobs: list[JobStatus] = []
    documents: list[Any] = []
    cursor = None
    while limit is None or len(jobs) < limit:
        size = _PAGE if limit is None else min(_PAGE, limit - len(jobs))
        page = service.jobs(states, types, size, cursor)
        jobs += page.body.jobs
        documents += msgspec.json.decode(page.document)["jobs"]
        cursor = page.body.next_cursor
        if cursor is None:
            break
    return Answer(
        JobListing(jobs=tuple(jobs), next_cursor=cursor),
        msgspec.json.encode({"jobs": documents, "next_cursor": cursor}),
    )


@click.command()
@job_id_argument
@service_options
@click.pass_obj
def show(around: Surroundings, job_id: uuid.UUID, url: str | None, as_json: bool) -> None:
    """Print where a job stands."""
    with open_service(around, url) as service:
        status = service.status(job_id)
    if as_json:
        print_json(status.document)
    else:
        show_status(terminal(), status.body)


@click.command()
@job_id_argument
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the result to this file, as JSON, in place of printing it.",
)
@click.option("--scores", is_flag=True, help="Show what each article's score is made of.")
@click.option("--decisions", is_flag=True, help="Show why each candidate was kept or not.")
@service_options
@click.pass_obj
def result(
    around: Surroundings,
    job_id: uuid.UUID,
    output: Path | None,
    scores: bool,
    decisions: bool,
    url: str | None,
    as_json: bool,
) -> None:
    """Print the articles of a job, best first, and those that failed.

    Of a job that failed or was cancelled: what it had.
    """
    with open_service(around, url) as service:
        answer = service.result(job_id)
    if output is not None:
        _write(output, answer.document)
    elif as_json:
        print_json(answer.document)
    else:
        show_result(terminal(), answer.body, scores=scores)
        if decisions:
            click.echo()
            show_decisions(terminal(), answer.body.decisions)
    if answer.body.status is not JobState.SUCCESS:
        raise JobUnsuccessful.of(answer.body.status, answer.body.error)


def _write(path: Path, document: bytes) -> None:
    try:
        path.write_bytes(document)
    except OSError as error:
        raise WrongUse(f"{path} cannot be written: {error.strerror}") from error
    click.echo(f"The result is in {path}.", err=True)


@click.command()
@job_id_argument
@service_options
@click.pass_obj
def attempts(around: Surroundings, job_id: uuid.UUID, url: str | None, as_json: bool) -> None:
    """Print which steps did not succeed at once, and what came of them."""
    with open_service(around, url) as service:
        listing = service.attempts(job_id)
    if as_json:
        print_json(listing.document)
        return
    show_table(
        terminal(),
        ("step", "attempt", "outcome", "at", "reason", "why"),
        [
            (one.step, one.attempt, one.outcome, one.at, one.reason, one.detail)
            for one in listing.body.attempts
        ],
    )
