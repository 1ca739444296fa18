"""`curator jobs`: what clients do with jobs."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import click
import msgspec

from app.cli.answers import Answer, JobListing, JobStatus
from app.cli.client import Service, open_service
from app.cli.decisions import show_decisions
from app.cli.exits import JobUnsuccessful, WrongUse
from app.cli.lazy import LazyGroup
from app.cli.options import choice, job_id_argument, print_json, service_options
from app.cli.surroundings import Surroundings
from app.cli.tables import show_jobs, show_result, show_status, show_table
from app.cli.terminal import terminal
from tasks.job import JobState, JobType

_PAGE = 100


@click.group(
    cls=LazyGroup,
    lazy={
        "submit": ("app.cli.submit:submit", "Submit a job: a topic, or URLs."),
        "list": ("app.cli.jobs:list_jobs", "List jobs, newest first."),
        "show": ("app.cli.jobs:show", "Print where a job stands."),
        "watch": ("app.cli.watch:watch", "Follow a job until it ends."),
        "result": ("app.cli.jobs:result", "Print the articles of a job, best first."),
        "explain": ("app.cli.explain:explain", "Print why candidates were kept or not."),
        "attempts": ("app.cli.jobs:attempts", "Print which steps did not succeed at once."),
        "retry": ("app.cli.many:retry", "Try again what failed in jobs."),
        "cancel": ("app.cli.many:cancel", "Cancel jobs."),
        "purge": ("app.cli.many:purge", "Forget jobs that have ended."),
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
