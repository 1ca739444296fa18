"""`curator jobs`: the group, and its commands that read jobs."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from app.cli.client import ApiClient, ApiResponse, open_client
from app.cli.context import (
    CliContext,
    LazyGroup,
    choice,
    client_options,
    fail_on_option,
    job_types_option,
)
from app.cli.description import Duration
from app.cli.exits import InvalidUsage, ResultGone, check_outcome
from app.cli.formats import FORMATS
from app.cli.ids import find_job, job_id_argument
from app.cli.tables import (
    local_time,
    show_decision,
    show_decisions,
    show_jobs,
    show_result,
    show_status,
    show_table,
)
from app.cli.terminal import print_json, terminal
from nlp.decision import Decision
from nlp.urls import canonical_url
from tasks.jobs.job import ACTIVE_STATES, JobState
from tasks.jobs.result import ArticlesResult, JobResult


@click.group(
    cls=LazyGroup,
    lazy={
        "submit": ("app.cli.commands.submit:submit", "Submit a job: a topic, or URLs."),
        "list": ("app.cli.commands.jobs:list_jobs", "List jobs, newest first."),
        "show": ("app.cli.commands.jobs:show", "Print the status of a job."),
        "watch": ("app.cli.commands.submit:watch", "Follow a job until it ends."),
        "result": ("app.cli.commands.jobs:result", "Print the articles of a job, best first."),
        "explain": ("app.cli.commands.jobs:explain", "Print why candidates were kept or not."),
        "attempts": (
            "app.cli.commands.jobs:attempts",
            "Print the attempts that did not succeed.",
        ),
        "trace": ("app.cli.commands.trace:trace", "Print where the time of a job went."),
        "retry": ("app.cli.commands.bulk:retry", "Retry what failed in jobs."),
        "keep": ("app.cli.commands.jobs:keep", "Keep a result for longer."),
        "rerun": ("app.cli.commands.bulk:rerun", "Run jobs again, whatever their outcome."),
        "cancel": ("app.cli.commands.bulk:cancel", "Cancel jobs."),
        "purge": ("app.cli.commands.bulk:purge", "Delete jobs that have ended."),
    },
)
def jobs() -> None:
    """Submit, watch and read jobs, on the web service at CURATOR_URL."""


@click.command("list")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=choice(JobState),
    help="Only jobs in this state; can be repeated.",
)
@click.option("--active", is_flag=True, help="Only jobs that have not ended.")
@job_types_option
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--all", "everything", is_flag=True, help="All of them, without a limit.")
@client_options
@click.pass_obj
def list_jobs(
    context: CliContext,
    states: tuple[str, ...],
    active: bool,
    types: tuple[str, ...],
    limit: int,
    everything: bool,
    server: str | None,
    as_json: bool,
) -> None:
    """List jobs of every state, newest first.

    On a terminal an id is shortened to its end, which every command accepts for the whole id.
    """
    if active and states:
        raise click.UsageError("Give either --active or --state.")
    states = states or tuple(ACTIVE_STATES if active else JobState)
    with open_client(context, server) as client:
        listing = client.list_jobs(states, types, None if everything else limit)
    if as_json:
        print_json(listing.document)
        return
    show_jobs(terminal(), listing.body.jobs)
    if listing.body.next_cursor:
        click.echo("There are more: see --limit and --all.", err=True)


@click.command()
@job_id_argument
@client_options
@click.pass_obj
def show(context: CliContext, job_id: str, server: str | None, as_json: bool) -> None:
    """Print the status of a job."""
    with open_client(context, server) as client:
        status = client.job_status(find_job(client, job_id))
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
    help="Write the result to this file instead of printing it; as JSON, if no format is given.",
)
@click.option(
    "--format",
    "format_name",
    type=choice(FORMATS),
    help="Print the articles as a document in this format, instead of a table.",
)
@click.option("--scores", is_flag=True, help="Show the components of each article's score.")
@click.option("--decisions", is_flag=True, help="Show why each candidate was kept or not.")
@fail_on_option
@client_options
@click.pass_obj
def result(
    context: CliContext,
    /,
    job_id: str,
    output: Path | None,
    format_name: str | None,
    scores: bool,
    decisions: bool,
    fail_on: str,
    server: str | None,
    as_json: bool,
) -> None:
    """Print the articles of a job, best first, and those that failed.

    For a job that failed or was cancelled, print the articles analysed before that.

    \b
    curator jobs result JOB_ID --format markdown > reading.md
    curator jobs result JOB_ID --format csv -o articles.csv
    """
    if as_json and format_name not in (None, "json"):
        raise click.UsageError(f"--json does not go with --format {format_name}.")
    format_name = "json" if as_json else format_name
    with open_client(context, server) as client:
        response = _kept_result(client, find_job(client, job_id))
    if (
        format_name == "csv"
        and isinstance(response.body, ArticlesResult)
        and response.body.failures
    ):
        failed = response.body.failed_count
        click.echo(f"{failed} failed URLs are not in the CSV: see --format json.", err=True)
    if output is not None:
        _write(output, FORMATS[format_name or "json"](response))
    elif format_name == "json":
        print_json(response.document)
    elif format_name:
        click.echo(FORMATS[format_name](response), nl=False)
    else:
        show_result(terminal(), response.body, scores=scores)
        if decisions:
            click.echo()
            show_decisions(terminal(), _decisions(response.body))
    check_outcome(response.body, fail_on)


def _kept_result(client: ApiClient, job_id: uuid.UUID) -> ApiResponse[JobResult]:
    try:
        return client.job_result(job_id)
    except ResultGone as error:
        advice = f"run the job again with `curator jobs rerun {job_id}`"
        raise ResultGone(f"{error.message}; {advice}") from error


def _write(path: Path, document: bytes) -> None:
    try:
        path.write_bytes(document)
    except OSError as error:
        raise InvalidUsage(f"{path} cannot be written: {error.strerror}") from error
    click.echo(f"The result is in {path}.", err=True)


@click.command()
@job_id_argument
@click.argument("article", metavar="[URL]", required=False)
@client_options
@click.pass_obj
def explain(
    context: CliContext, job_id: str, article: str | None, server: str | None, as_json: bool
) -> None:
    """Print why each candidate of a job was kept or not.

    With URL, print everything known about that candidate, with its scores.
    """
    with open_client(context, server) as client:
        response = _kept_result(client, find_job(client, job_id))
    decisions = _decisions(response.body)
    documents = msgspec.json.decode(response.document, type=_RawDecisions).decisions
    if article is None:
        if as_json:
            print_json(b"[" + b",".join(documents) + b"]")
        else:
            show_decisions(terminal(), decisions)
        return
    index = _index_of(article, decisions)
    if as_json:
        print_json(bytes(documents[index]))
    else:
        show_decision(terminal(), decisions[index])


def _decisions(result: JobResult) -> tuple[Decision, ...]:
    """Empty for a health check."""
    return result.decisions if isinstance(result, ArticlesResult) else ()


class _RawDecisions(msgspec.Struct):
    """The decisions as the server sent them."""

    decisions: tuple[msgspec.Raw, ...] = ()


def _index_of(article: str, decisions: Sequence[Decision]) -> int:
    """The candidate with exactly this URL, or else with the same canonical URL."""
    urls = [decision.url for decision in decisions]
    if article in urls:
        return urls.index(article)
    canonical = _canonical(article)
    for index, url in enumerate(urls):
        if _canonical(url) == canonical:
            return index
    raise InvalidUsage(f"{article} is not among the {len(urls)} candidates of this job")


def _canonical(url: str) -> str:
    try:
        return canonical_url(url)
    except ValueError:
        return url


@click.command()
@job_id_argument
@click.option(
    "--for",
    "seconds",
    metavar="DURATION",
    type=Duration(),
    default="30d",
    show_default=True,
    help="From now, at least: 12h, 7d.",
)
@client_options
@click.pass_obj
def keep(
    context: CliContext, job_id: str, seconds: float, server: str | None, as_json: bool
) -> None:
    """Keep the result of a job that has ended for longer, and the job with it."""
    with open_client(context, server) as client:
        kept = client.keep_result(find_job(client, job_id), round(seconds))
    if as_json:
        print_json(kept.document)
    else:
        click.echo(f"The result is kept until {local_time(kept.body.expires_at)}.")


@click.command()
@job_id_argument
@client_options
@click.pass_obj
def attempts(context: CliContext, job_id: str, server: str | None, as_json: bool) -> None:
    """Print the attempts of a job that did not succeed, with their outcomes."""
    with open_client(context, server) as client:
        listing = client.job_attempts(find_job(client, job_id))
    if as_json:
        print_json(listing.document)
        return
    show_table(
        terminal(),
        ("step", "attempt", "outcome", "at", "reason", "why"),
        [
            (
                attempt.step,
                attempt.attempt,
                attempt.outcome,
                attempt.at,
                attempt.reason,
                attempt.detail,
            )
            for attempt in listing.body.attempts
        ],
    )
